"""Words of several colours on lines of a terminal: broken at spaces, by the columns they take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from threadlog.cli.terminal import Style
from threadlog.core import text

# A piece of text and the codes of its colours.
Span = tuple[str, tuple[str, ...]]
_PIECES = re.compile(r"\n|[ \t]+|[^ \t\n]+")


def wrapped(spans: Iterable[Span], columns: int) -> list[list[Span]]:
    """The lines that *spans* make; columns 0 breaks them at line feeds only."""
    spans = list(spans)
    whole = not any("\n" in words for words, _codes in spans)
    if whole and (not columns or sum(text.width(words) for words, _codes in spans) <= columns):
        return [spans]
    lines = _Lines(columns)
    for words, codes in spans:
        for piece in _PIECES.findall(words):
            if piece == "\n":
                lines.end()
            elif piece[0] in " \t":
                lines.space((piece, codes))
            elif columns:
                for part in text.parts(piece):
                    lines.word((part, codes), apart=not part.isascii() and text.width(part) == 2)
            else:
                lines.word((piece, codes))
    return lines.all()


def painted(line: Iterable[Span], style: Style) -> str:
    """One line as it is written."""
    pieces = []
    for codes, alike in groupby(line, key=lambda span: span[1]):
        words = "".join(words for words, _codes in alike)
        pieces.append(style.paint(words, *codes) if codes else words)
    return "".join(pieces)


class _Lines:
    """The lines so far, and the word and the space before it that may still go on."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._done: list[list[Span]] = []
        self._line: list[Span] = []
        self._width = 0
        self._space: list[Span] = []
        self._word: list[Span] = []

    def space(self, span: Span) -> None:
        """A space: the line may be broken here."""
        self._place()
        self._space.append(span)

    def word(self, span: Span, *, apart: bool = False) -> None:
        """A word, or a piece of one; a line may be broken around what stands *apart*."""
        if apart:
            self._place()
        self._word.append(span)
        if apart:
            self._place()

    def end(self) -> None:
        """A line feed."""
        self._place()
        self._break()

    def all(self) -> list[list[Span]]:
        """Every line; nothing may be added any more."""
        self.end()
        return self._done

    def _break(self) -> None:
        self._done.append(self._line)
        self._line, self._width, self._space = [], 0, []

    def _place(self) -> None:
        word, self._word = self._word, []
        if not word:
            return
        taken = sum(text.width(words) for words, _codes in word)
        before = sum(text.width(words) for words, _codes in self._space)
        if self._columns and self._width and self._width + before + taken > self._columns:
            self._break()
            before = 0
        self._line += self._space
        self._width, self._space = self._width + before, []
        if self._columns and self._width + taken > self._columns:
            self._chop(word)
            return
        self._line += word
        self._width += taken

    def _chop(self, word: list[Span]) -> None:
        """A word too long for any line."""
        for words, codes in word:
            if self._width >= self._columns:
                self._break()
            *full, last = text.chop(words, self._columns, self._columns - self._width)
            for piece in full:
                self._line.append((piece, codes))
                self._break()
            self._line.append((last, codes))
            self._width += text.width(last)
