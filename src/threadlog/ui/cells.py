"""Text in cells of the terminal: made safe, cut, filled up, broken into lines.

Everything that a thread says comes by here on its way to the screen, and goes on as segments:
nothing of it is ever read as markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.segment import Segment
from rich.style import Style

from threadlog.core import text

PLAIN = Style.null()
DIM = Style(dim=True)
BOLD = Style(bold=True)
RED, YELLOW = Style(color="red"), Style(color="yellow")
CYAN, GREEN = Style(color="cyan", bold=True), Style(color="green", bold=True)
FOUND = Style(bold=True, underline=True, color="yellow")
CURSOR = Style(reverse=True)
_TAB = 4


def one_line(words: str, columns: int) -> str:
    """*words* safe and on one line, without runs of spaces, cut at its end to *columns*."""
    return cut(text.one_line(words[: 4 * columns + 64]), columns)


def cut(words: str, columns: int) -> str:
    """*words* safe and on one line, cut at its end to *columns*."""
    safe = text.printable(words[: 4 * columns + 64].replace("\n", " ").expandtabs(_TAB))
    if cell_len(safe) <= columns:
        return safe
    return set_cell_size(safe, max(columns - 1, 0)).rstrip() + text.ELLIPSIS if columns else ""


def end_of(words: str, columns: int) -> str:
    """The same cut at its beginning: for paths, whose end says most."""
    safe = text.one_line(words[-4 * columns - 64 :])
    if cell_len(safe) <= columns:
        return safe
    while safe and cell_len(safe) >= columns:
        safe = safe[1:]
    return text.ELLIPSIS + safe if columns else ""


def width(words: str) -> int:
    """The columns that *words* take."""
    return cell_len(words)


def filled(words: str, columns: int) -> str:
    """*words* of exactly so many columns."""
    return set_cell_size(words, columns)


def lines_of(words: str, columns: int) -> Iterator[str]:
    """*words* made safe, in lines of at most *columns*, parted between words where that goes."""
    for line in text.printable(words).split("\n"):
        yield from _broken(line.expandtabs(_TAB).rstrip(), max(columns, 2))


def _broken(line: str, columns: int) -> Iterator[str]:
    start = 0
    while len(line) - start > columns or cell_len(line[start:]) > columns:
        piece = line[start : start + columns]
        if not piece.isascii():
            piece = next(iter(chop_cells(piece, columns)), "") or piece[:1]
        space = piece.rfind(" ")
        if space > columns // 2 and line[start + len(piece) : start + len(piece) + 1] != " ":
            piece = piece[: space + 1]
        yield piece.rstrip()
        start += len(piece)
    yield line[start:]


def marked(words: str, marks: Iterable[tuple[int, int]], style: Style) -> list[Segment]:
    """*words* in pieces, those that the marks mean made conspicuous."""
    pieces, place = [], 0
    for start, end in marks:
        if place <= start < end <= len(words):
            pieces += [Segment(words[place:start], style), Segment(words[start:end], style + FOUND)]
            place = end
    pieces.append(Segment(words[place:], style))
    return [piece for piece in pieces if piece.text]
