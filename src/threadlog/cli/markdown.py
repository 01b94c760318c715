"""Markdown as a terminal shows it: the tokens of markdown-it-py become wrapped, coloured lines.

The library is loaded only where there is something to render.  What would take long, or goes so
deep that the parser leaves something out, is shown as it was written.  Text passes
`text.printable` once before it is parsed and, since entities stand for any character, once after.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from threadlog.cli.markdown_inline import UNDERLINE, spans_of
from threadlog.cli.terminal import BOLD, CYAN, DIM, Style
from threadlog.cli.wrapping import Span, painted, wrapped
from threadlog.core import text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Longer texts, texts with more marks, and deeper ones are shown as they were written.
LIMIT_CHARS = 100_000
MARKS_LIMIT = 4_000
DEPTH_LIMIT = 20
_ITEM = r"^[ \t]*(?:[-+]|\d{1,9}[.)])[ \t\n]"
_MARKUP = re.compile(rf"[*_`#>|~\[<&\\]|{_ITEM}|^[ \t]*[-=]{{2,}}[ \t]*$", re.MULTILINE)
_MARKS = re.compile(rf"[*_`#\[\]<>!~|&\\]|{_ITEM}", re.MULTILINE)
_RULE_COLUMNS = 40
_NARROWEST = 16
_LISTS = ("bullet_list_open", "ordered_list_open")

Lines = list[list[Span]]
_parser: MarkdownIt | None = None


class Page(NamedTuple):
    """What it is rendered for: prose takes `prose_columns`, code and tables all `columns`."""

    style: Style
    columns: int
    prose_columns: int
    codes: tuple[str, ...] = ()  # of all words that have none of their own


def rendered(source: str, page: Page) -> list[str] | None:
    """The lines of *source*, ready to be written; None if it is to be shown as it was written."""
    if len(source) > LIMIT_CHARS or not _MARKUP.search(source):
        return None
    source = text.printable(source)
    if sum(1 for _mark in _MARKS.finditer(source)) > MARKS_LIMIT:
        return None
    try:
        tokens = _parse(source)
    except RecursionError:
        return None
    if any(token.level >= DEPTH_LIMIT - 2 for token in tokens):
        return None
    writer = _Writer(source.split("\n"), page)
    return [painted(line, page.style).rstrip(" ") for line in writer.write(tokens)]


def _parse(source: str) -> list[Token]:
    global _parser  # noqa: PLW0603 -- made once, where it is needed
    if _parser is None:
        from markdown_it import MarkdownIt

        options = {"html": False, "maxNesting": DEPTH_LIMIT}
        _parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
        _parser.disable("reference")  # nothing that was written goes unseen
        _parser.validateLink = _is_shown  # type: ignore[method-assign]
    return _parser.parse(source)


def _is_shown(url: str) -> bool:
    """Every link is: it is told where it leads, nobody follows it."""
    del url
    return True


class _Writer:
    """Writes block after block; `_first` and `_rest` begin the next line, and those after it."""

    def __init__(self, source: Sequence[str], page: Page) -> None:
        self._source = source
        self._columns = page.columns
        self._prose = page.prose_columns
        self._codes = page.codes
        self._done: Lines = []
        self._first: list[Span] = []
        self._rest: list[Span] = []
        self._outer: list[tuple[list[Span], bool]] = []
        self._tight = False  # the items of the list are not apart
        self._begun = False  # the list has items
        self._outer_codes = page.codes

    def write(self, tokens: Sequence[Token]) -> Lines:
        """The lines of all blocks."""
        in_table = False
        for number, token in enumerate(tokens):
            if token.type == "table_close":
                in_table = False
            elif token.type == "table_open":
                in_table = True
                if not self._write_table(tokens[number:]):
                    self._write_source(token)
            elif not in_table and (handler := _BLOCKS.get(token.type)) is not None:
                handler(self, token)
            if token.type in _LISTS:
                self._tight = _is_tight(tokens[number:])
        return self._done

    # -- lines

    def _put(self, line: list[Span]) -> None:
        self._done.append([*self._first, *line])
        self._first = self._rest

    def _blank(self) -> None:
        """A blank line between blocks, but not where a list keeps together."""
        if self._done and self._first is self._rest and any(map(_visible, self._done[-1:])):
            self._done.append(list(self._rest))

    def _room(self, columns: int) -> int:
        taken = sum(text.width(words) for words, _codes in self._rest)
        return max(columns - taken, _NARROWEST)

    def _paragraph(self, spans: list[Span]) -> None:
        for line in wrapped(spans, self._room(self._prose)):
            self._put(line)

    # -- blocks

    def _inline(self, token: Token) -> None:
        spans = spans_of(token.children or [], self._codes)
        self._paragraph(spans)

    def _heading_open(self, token: Token) -> None:
        self._blank()
        self._outer_codes = self._codes
        self._codes = (*self._codes, BOLD, *[UNDERLINE] * (token.tag == "h1"))

    def _heading_close(self, _token: Token) -> None:
        self._codes = self._outer_codes

    def _paragraph_open(self, token: Token) -> None:
        if not token.hidden:
            self._blank()

    def _list_open(self, _token: Token) -> None:
        if not self._tight:
            self._blank()
        self._push()
        self._begun = False

    def _list_close(self, _token: Token) -> None:
        self._pop()

    def _item_open(self, token: Token) -> None:
        if self._begun and not self._tight:
            self._blank()
        self._begun = True
        mark = f"{token.info}{token.markup} " if token.info else "• "
        self._enter([(mark, (CYAN,))], [(" " * len(mark), ())])

    def _quote_open(self, _token: Token) -> None:
        self._blank()
        bar: list[Span] = [("│ ", (DIM,))]
        self._enter(bar, bar)
        self._first, self._tight = self._rest, False

    def _push(self) -> None:
        self._outer.append((self._rest, self._tight))

    def _pop(self) -> None:
        self._rest, self._tight = self._outer.pop()
        self._first, self._begun = self._rest, True

    def _enter(self, first: list[Span], rest: list[Span]) -> None:
        """Blocks that stand further to the right, up to `_leave`."""
        self._push()
        self._first = [*self._first, *first]
        self._rest = [*self._rest, *rest]

    def _leave(self, _token: Token) -> None:
        if self._first is not self._rest:  # nothing stood in it
            self._done.append(self._first)
        self._pop()

    def _code(self, token: Token) -> None:
        self._blank()
        if token.info.strip():
            self._put([("  ", ()), (text.printable(token.info.strip()), (DIM,))])
        for line in token.content.removesuffix("\n").split("\n"):
            self._put([("  ", ()), (text.printable(line).expandtabs(), (CYAN,))])

    def _rule(self, _token: Token) -> None:
        self._blank()
        self._put([("─" * min(_RULE_COLUMNS, self._room(self._prose)), (DIM,))])

    def _write_source(self, token: Token) -> None:
        """A block as it was written."""
        self._blank()
        begin, end = token.map or (0, 0)
        for line in self._source[begin:end]:
            self._put([(line, ())])

    # -- tables

    def _write_table(self, tokens: Sequence[Token]) -> bool:
        """Write the table that *tokens* begin with; False if its columns are too many for that."""
        rows, heads = _rows(tokens)
        count = max(map(len, rows), default=0)
        room = self._room(self._columns) - 3 * (count - 1)
        widths = _widths(rows, count, room)
        if widths is None:
            return False
        self._blank()
        for number, row in enumerate(rows):
            self._row([*row, *[[] for _missing in range(count - len(row))]], widths)
            if number == heads - 1:
                self._put([("─┼─".join("─" * width for width in widths), (DIM,))])
        return True

    def _row(self, cells: list[list[Span]], widths: list[int]) -> None:
        columns = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
        for at in range(max(map(len, columns))):
            line: list[Span] = []
            for lines, width in zip(columns, widths, strict=True):
                piece = lines[at] if at < len(lines) else []
                taken = sum(text.width(words) for words, _codes in piece)
                line += [(" │ ", (DIM,))] if line else []
                line += [*piece, (" " * (width - taken), ())]
            self._put(line[:-1])


def _is_tight(tokens: Sequence[Token]) -> bool:
    """True if no blank lines stand between the items of the list that *tokens* begin with."""
    level = tokens[0].level
    for token in itertools.islice(tokens, 1, None):
        if token.level == level:
            return True
        if token.type == "paragraph_open" and token.level == level + 2:
            return bool(token.hidden)
    return True


def _rows(tokens: Sequence[Token]) -> tuple[list[list[list[Span]]], int]:
    """The cells of a table, and how many of its rows are its head."""
    rows: list[list[list[Span]]] = []
    heads, head = 0, True
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "thead_close":
            heads, head = len(rows), False
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            cell = spans_of(token.children or [], (BOLD,) if head else ())
            rows[-1].append([(words.replace("\n", " "), codes) for words, codes in cell])
    return rows, heads


def _widths(rows: list[list[list[Span]]], count: int, room: int) -> list[int] | None:
    """How wide each column is: as its widest cell, the widest less where the room does not do."""
    if not count or room < count * 5:
        return None
    widths = [1] * count
    for row in rows:
        for at, cell in enumerate(row):
            widths[at] = max(widths[at], sum(text.width(words) for words, _codes in cell))
    left = room
    for number, width in enumerate(sorted(widths)):
        share = left // (count - number)
        if width > share:
            return [min(width, share) for width in widths]
        left -= width
    return widths


def _visible(line: list[Span]) -> bool:
    return any(words.strip(" │") for words, _codes in line)


_BLOCKS: dict[str, Callable[[_Writer, Any], None]] = {
    "inline": _Writer._inline,
    "heading_open": _Writer._heading_open,
    "heading_close": _Writer._heading_close,
    "paragraph_open": _Writer._paragraph_open,
    "bullet_list_open": _Writer._list_open,
    "ordered_list_open": _Writer._list_open,
    "bullet_list_close": _Writer._list_close,
    "ordered_list_close": _Writer._list_close,
    "list_item_open": _Writer._item_open,
    "list_item_close": _Writer._leave,
    "blockquote_open": _Writer._quote_open,
    "blockquote_close": _Writer._leave,
    "fence": _Writer._code,
    "code_block": _Writer._code,
    "hr": _Writer._rule,
}
