"""Changes of files on the sheet: which file, how many lines came and went, the lines in colour."""

from __future__ import annotations

from collections.abc import Iterator

from threadlog.cli.sheet import FOLDED_DIFF_LINES, Sheet
from threadlog.cli.terminal import BOLD, CYAN, DIM, GREEN, RED, YELLOW
from threadlog.cli.wrapping import Span
from threadlog.core.file_changes import Change


def write_change(sheet: Sheet, change: Change, *outcome: Span) -> None:
    """One file: its name, the counts, the lines."""
    spans: list[Span] = [(f"{change.verb} ", (YELLOW,)), (change.path, (BOLD, YELLOW))]
    if change.moved_to:
        spans += [(" → ", (DIM,)), (change.moved_to, (BOLD, YELLOW))]
    if change.lines:
        spans += [(f"  +{change.added}", (GREEN,)), (f" -{change.removed}", (RED,))]
    sheet.spans([*spans, *outcome])
    sheet.folded(_coloured(change.lines), len(change.lines), FOLDED_DIFF_LINES)


def _coloured(lines: list[str]) -> Iterator[Span]:
    for line in lines:
        yield line, _COLOURS.get(line[:1], (DIM,))


_COLOURS = {"+": (GREEN,), "-": (RED,), "@": (CYAN,)}
