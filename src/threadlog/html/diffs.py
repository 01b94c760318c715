"""Changes of files: which file, how many lines came and went, and the lines in colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from threadlog.core.file_changes import Change
from threadlog.html.looks import Pen
from threadlog.html.markup import Html, joined, tag
from threadlog.html.texts import folded, rest_of

# A change of no more lines is open from the beginning.
OPEN_LINES = 60
_CLASSES = {"+": "gi", "-": "gd", "@": "hunk"}


def change(pen: Pen, change: Change, facts: Html) -> Html:
    """One file: its name, the counts, the lines."""
    moved = [" → ", tag("code", change.moved_to)] if change.moved_to else []
    counts = [
        tag("span", f"+{change.added}", class_="came"),
        tag("span", f"−{change.removed}", class_="went"),
    ]
    summary = joined(
        [tag("span", change.verb, class_="verb"), tag("code", change.path), *moved]
        + ([*counts] if change.lines else [])
        + [facts],
        " ",
    )
    is_short = len(change.lines) <= OPEN_LINES
    return folded(pen, summary, *_lines(pen, change), class_="item tool change", open_=is_short)


def _lines(pen: Pen, change: Change) -> Iterator[Html]:
    if not change.lines:
        return
    text = "\n".join(change.lines)
    room = pen.room(len(text))
    if room == len(text):
        yield tag("pre", joined(_coloured(change.lines)), class_="diff", tabindex=0)
        return
    shown = text[:room].split("\n")
    yield tag("pre", joined(_coloured(shown)), class_="diff", tabindex=0)
    yield rest_of(pen, text)


def _coloured(lines: Iterable[str]) -> Iterator[Html]:
    """Lines next to one another of one kind as one piece."""
    for class_, run in groupby(lines, lambda line: _CLASSES.get(line[:1], "")):
        text = "".join(f"{line}\n" for line in run)
        yield tag("span", text, class_=class_ or "same")
