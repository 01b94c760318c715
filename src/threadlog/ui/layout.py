"""Blocks as lines of a certain width, folded and unfolded; made once for each block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from rich.style import Style

from threadlog.errors import BadQuery
from threadlog.ui import cells
from threadlog.ui.blocks import SHOWN_CHARS, Block, is_head

_INDENT = "  "
_REST = f"  … the rest is longer than {SHOWN_CHARS >> 10} K characters (threadlog show --full)"
# A line of a folded text is worth so many characters; longer ones count as several.
_LINE_CHARS = 400
# What is unfolded at once.
UNFOLDED_CHARS = 2 << 20


class Line(NamedTuple):
    """A line on screen, of the block of that number."""

    block: int
    text: str
    style: Style
    head: bool = False


Key = tuple[str, int]


class Layout:
    """The lines of some blocks."""

    def __init__(self) -> None:
        self.blocks: Sequence[Block] = ()
        self.lines: list[Line] = []
        self.foldable: set[Key] = set()
        self._width = 0
        self._open: set[Key] = set()
        self._made: dict[Key, tuple[Block, bool, list[tuple[str, Style, bool]]]] = {}

    def lay(self, blocks: Iterable[Block], width: int) -> None:
        """Lay out these blocks."""
        if width != self._width:
            self._width = width
            self._made.clear()
        self.blocks = tuple(blocks)
        kept = {block.key for block in self.blocks}
        self._made = {key: made for key, made in self._made.items() if key in kept}
        self.foldable &= kept
        self.lines = []
        for number, block in enumerate(self.blocks):
            self.lines += [Line(number, *each) for each in self._of(block)]

    def _of(self, block: Block) -> list[tuple[str, Style, bool]]:
        unfolded = block.key in self._open
        made = self._made.get(block.key)
        if made is None or made[0] is not block or made[1] != unfolded:
            made = block, unfolded, self._make(block, unfolded=unfolded)
            self._made[block.key] = made
        return made[2]

    def _make(self, block: Block, *, unfolded: bool) -> list[tuple[str, Style, bool]]:
        room = self._width - len(_INDENT)
        lines: list[tuple[str, Style, bool]] = []
        if is_head(block):
            lines.append(("", cells.PLAIN, False))
        if block.head:
            lines.append((cells.cut(block.head, self._width), block.style, True))
        if not block.text.strip():
            return lines
        shown = block.text[: SHOWN_CHARS if unfolded else block.lines * _LINE_CHARS]
        all_lines = cells.lines_of(shown, room)
        body = list(all_lines if unfolded else islice(all_lines, block.lines + 1))
        if unfolded:
            hidden = _REST if len(shown) < len(block.text) else ""
            self.foldable.add(block.key)
        elif len(body) > block.lines or len(shown) < len(block.text):
            body = body[: block.lines]
            hidden = f"{_INDENT}… {_left_out(block.text, body)}"
            self.foldable.add(block.key)
        else:
            hidden = ""
            self.foldable.discard(block.key)
        lines += [(f"{_INDENT}{line}".rstrip(), block.text_style, False) for line in body]
        if hidden:
            lines.append((cells.cut(hidden.strip(), room), cells.YELLOW, False))
            lines[-1] = (_INDENT + lines[-1][0], *lines[-1][1:])
        return lines

    def toggle(self, key: Key, width: int) -> bool:
        """Fold or unfold a block; False if it is short."""
        if key not in self.foldable:
            return False
        self._open ^= {key}
        self.lay(self.blocks, width)
        return True

    def toggle_all(self, width: int, near: int) -> bool:
        """Unfold all blocks, or fold them if they are; False if they are too long for that.

        Then those nearest to one are unfolded.
        """
        wanted, left = set(), UNFOLDED_CHARS
        nearest = sorted(range(len(self.blocks)), key=lambda number: abs(number - near))
        for block in (self.blocks[number] for number in nearest):
            if block.key in self.foldable:
                left -= min(len(block.text), SHOWN_CHARS)
                if left < 0:
                    break
                wanted.add(block.key)
        folds = wanted <= self._open
        self._open = set() if folds else wanted
        self.lay(self.blocks, width)
        return folds or left >= 0

    def is_open(self, key: Key) -> bool:
        """True for a block that was unfolded."""
        return key in self._open

    def first_line(self, block: int) -> int:
        """The first line of a block that says something."""
        place = next((n for n, line in enumerate(self.lines) if line.block == block), 0)
        return place if place + 1 >= len(self.lines) or self.lines[place].text else place + 1

    def heads(self) -> list[int]:
        """The lines in which turns begin."""
        return [
            number
            for number, line in enumerate(self.lines)
            if line.head and is_head(self.blocks[line.block])
        ]


def _left_out(words: str, body: Sequence[str]) -> str:
    more = words.rstrip("\n").count("\n") + 1 - len(body)
    return f"{more:,} more lines" if more > 1 else "more"


class Words:
    """What is looked for in a thread that is being read: which blocks have it, and where."""

    def __init__(self, query: str) -> None:
        self._words: list[str] = []
        if query:
            from threadlog.core.search import read_query

            with contextlib.suppress(BadQuery):
                self._words = [word for each in read_query(query).phrases for word in each.words]

    def __bool__(self) -> bool:
        return bool(self._words)

    def are_in(self, block: Block) -> bool:
        """True if all of the words are in what is shown of a block."""
        from threadlog.core import tokens

        plain = tokens.plain(f"{block.head}\n{block.text[:SHOWN_CHARS]}")
        return bool(self._words) and all(word in plain for word in self._words)

    def marks(self, line: str) -> list[tuple[int, int]]:
        """Where words stand in a line, as far as they are spelt the same."""
        lower, marks = line.lower(), []
        if len(lower) != len(line):
            return []
        for word in self._words:
            place = lower.find(word)
            while place >= 0:
                marks.append((place, place + len(word)))
                place = lower.find(word, place + len(word))
        return sorted(marks)
