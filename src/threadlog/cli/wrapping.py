"""Words of several colours on lines of a terminal: broken at spaces, by the columns they take."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

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
        for match in _PIECES.finditer(words):
            piece = match[0]
            if piece == "\n":
                lines.end()
            elif piece[0] in " \t":
                lines.space((piece, codes))
            elif columns:
                for part, wide in text.runs(piece):
                    (lines.wide if wide else lines.word)((part, codes))
            else:
                lines.word((piece, codes))
    return lines.all()


def painted(line: Iterable[Span], style: Style) -> str:
    """One line as it is written."""
    return "".join(style.paint(words, *codes) if codes else words for words, codes in _joined(line))


def _joined(line: Iterable[Span]) -> list[Span]:
    """The same in as few spans as it has colours."""
    alike = groupby(line, key=itemgetter(1))
    return [("".join(map(itemgetter(0), spans)), codes) for codes, spans in alike]


def _columns_of(spans: list[Span]) -> int:
    return sum([text.width(words) for words, _codes in spans])


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

    def word(self, span: Span) -> None:
        """A word, or a piece of one."""
        self._word.append(span)

    def wide(self, span: Span) -> None:
        """Wide characters: a line may be broken around each of them."""
        self._place()
        self._set([span], text.width(span[0]), 2)

    def end(self) -> None:
        """A line feed."""
        self._place()
        self._break()

    def all(self) -> list[list[Span]]:
        """Every line; nothing may be added any more."""
        self.end()
        return self._done

    def _break(self) -> None:
        self._done.append(_joined(self._line))
        self._line, self._width, self._space = [], 0, []

    def _place(self) -> None:
        if word := self._word:
            self._word = []
            taken = _columns_of(word)
            self._set(word, taken, taken)

    def _set(self, word: list[Span], taken: int, least: int) -> None:
        """Put a word on this line if *least* columns of it have room there, else on the next."""
        before = _columns_of(self._space) if self._space else 0
        if self._columns and self._width and self._width + before + least > self._columns:
            self._break()
            before = 0
        if self._space:
            self._line += self._space
            self._width, self._space = self._width + before, []
        if self._columns and self._width + taken > self._columns:
            self._chop(word)
            return
        self._line += word
        self._width += taken

    def _chop(self, word: list[Span]) -> None:
        """A word too long for this line."""
        for words, codes in word:
            if self._width and self._width + max(text.width(words[:1]), 1) > self._columns:
                self._break()
            *full, last = text.chop(words, self._columns, self._columns - self._width)
            for piece in full:
                self._line.append((piece, codes))
                self._break()
            self._line.append((last, codes))
            self._width += text.width(last)
