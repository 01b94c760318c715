"""`threadlog list`: the newest threads, a line each."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

from threadlog.cli.terminal import BOLD, DIM, Style, folder
from threadlog.core import ids, text
from threadlog.core.moments import unix_ms
from threadlog.core.query import ThreadPage, ThreadSummary
from threadlog.home import Home

JSON_VERSION = 1

_HEADINGS = ("AGE", "DIRECTORY", "TITLE", "BRANCH", "SOURCE", "ID")
_LIMITS = (4, 28, 0, 18, 16, 8)  # columns on a terminal; the title gets what is left
_FOLDER, _TITLE, _BRANCH, _SOURCE = 1, 2, 3, 4
_TITLE_MIN = 24
# What a narrow terminal does without, the first first.
_EXPENDABLE = (_BRANCH, _SOURCE, _FOLDER)
_GAP = "  "
_UNITS = ((31_536_000, "y"), (2_592_000, "mo"), (604_800, "w"), (86_400, "d"), (3600, "h"))


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Print the threads asked for."""
    page = home.threads(
        cwd=arguments.cwd,
        archived=arguments.archived,
        sort=arguments.sort,
        limit=None if arguments.all else arguments.limit,
        cursor=arguments.cursor,
    )
    if arguments.json:
        _print_json(page)
    elif not page:
        which = "archived threads" if arguments.archived else "threads"
        where = f" of {arguments.cwd}" if arguments.cwd else ""
        # A program that reads our output must not take the sentence for a thread.
        out = sys.stdout if sys.stdout.isatty() else sys.stderr
        print(text.one_line(f"no {which}{where} in {home.path}"), file=out)
    else:
        _print_rows(page, Style.of(sys.stdout), by_update=arguments.sort == "updated")
    for problem in page.problems:
        print(f"threadlog: {text.one_line(problem)}", file=sys.stderr)
    return 1 if page.problems else 0


def _print_json(page: ThreadPage) -> None:
    threads = [thread.as_dict() for thread in page]
    value: dict[str, object] = {"version": JSON_VERSION, "threads": threads, "next": page.next}
    if page.problems:
        value["problems"] = page.problems
    # ASCII only: lone surrogates stay what they were, and no terminal is steered.
    print(json.dumps(value, indent=1))


def _print_rows(page: ThreadPage, style: Style, *, by_update: bool) -> None:
    """A table that fits the terminal; for programs whole cells, separated by tabs."""
    now_ms = int(time.time() * 1000)
    rows = [_cells(thread, now_ms, by_update=by_update) for thread in page]
    if not style.columns:
        print("\n".join("\t".join(cells) for cells in rows))
        return
    widths = _widths(rows, style.columns)
    print(style.paint(_row(_HEADINGS, widths), BOLD))
    for thread, cells in zip(page, rows, strict=True):
        line = _row(cells, widths)
        print(style.paint(line, DIM) if thread.problem else line)
    if page.next:
        print(style.paint("more: threadlog list --all, or --limit N", DIM))


def _cells(thread: ThreadSummary, now_ms: int, *, by_update: bool) -> tuple[str, ...]:
    moment = unix_ms(thread.updated if by_update else thread.created) or 0
    title = thread.title or (f"({thread.problem})" if thread.problem else "(no message yet)")
    return (
        age((now_ms - moment) // 1000),
        text.one_line(folder(thread.cwd)),
        text.one_line(title),
        text.one_line(thread.git_branch or "-"),
        text.one_line(thread.source),
        ids.short_id(thread.id) if thread.id else "-",
    )


def _widths(rows: Sequence[Sequence[str]], columns: int) -> dict[int, int]:
    """The columns that a terminal of this width has room for, and how wide each is.

    A column is as wide as its widest cell within its limit; the title gets what is left.
    """
    widths = {
        index: min(max(map(text.width, cells)), _LIMITS[index] or columns)
        for index, cells in enumerate(zip(_HEADINGS, *rows, strict=True))
    }
    for expendable in (None, *_EXPENDABLE):
        if expendable is not None:
            del widths[expendable]
        others = sum(widths.values()) - widths[_TITLE] + len(_GAP) * (len(widths) - 1)
        if columns - others >= min(widths[_TITLE], _TITLE_MIN):
            break
    widths[_TITLE] = max(min(widths[_TITLE], columns - others), 1)
    return widths


def _row(cells: Sequence[str], widths: dict[int, int]) -> str:
    fitted = [
        text.pad((text.fit_end if index == _FOLDER else text.fit)(cells[index], width), width)
        for index, width in widths.items()
    ]
    return _GAP.join(fitted).rstrip()


def age(seconds: int) -> str:
    """A span of time in one number and unit: `now`, `5m`, `3h`, `2d`, `6w`, `4mo`, `1y`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds // 60}m" if seconds >= 60 else "now"
