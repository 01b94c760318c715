"""`threadlog list`: the newest threads, a line each."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence

from threadlog.cli.terminal import BOLD, DIM, Style
from threadlog.core import ids, text
from threadlog.core.query import ThreadPage, ThreadSummary, unix_ms
from threadlog.home import Home

JSON_VERSION = 1

_HEADINGS = ("AGE", "DIRECTORY", "TITLE", "BRANCH", "SOURCE", "ID")
_LIMITS = (4, 28, 0, 18, 16, 8)  # columns on a terminal; the title gets what is left
_TITLE, _TITLE_MIN = 2, 8
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
        print(text.one_line(f"no {which}{where} in {home.path}"))
    else:
        _print_rows(page, Style.of(sys.stdout), by_update=arguments.sort == "updated")
    return 0


def _print_json(page: ThreadPage) -> None:
    threads = [thread.as_dict() for thread in page]
    value = {"version": JSON_VERSION, "threads": threads, "next": page.next}
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
        more = f"more: threadlog list --all, or --cursor '{page.next}'"
        print(style.paint(more, DIM))


def _cells(thread: ThreadSummary, now_ms: int, *, by_update: bool) -> tuple[str, ...]:
    moment = unix_ms(thread.updated if by_update else thread.created) or 0
    title = thread.title or (f"({thread.problem})" if thread.problem else "(no message yet)")
    return (
        age((now_ms - moment) // 1000),
        text.one_line(_folder(thread.cwd)),
        text.one_line(title),
        text.one_line(thread.git_branch or "-"),
        text.one_line(thread.source),
        ids.short_id(thread.id) if thread.id else "-",
    )


def _widths(rows: Sequence[Sequence[str]], columns: int) -> list[int]:
    """A column is as wide as its widest cell within its limit; the title gets what is left."""
    widths = [
        min(max(map(text.width, cells)), limit or columns)
        for cells, limit in zip(zip(_HEADINGS, *rows, strict=True), _LIMITS, strict=True)
    ]
    others = sum(widths) - widths[_TITLE] + len(_GAP) * (len(widths) - 1)
    widths[_TITLE] = max(min(widths[_TITLE], columns - others), _TITLE_MIN)
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitted = [
        text.pad((text.fit_end if index == 1 else text.fit)(cell, width), width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return _GAP.join(fitted).rstrip()


def _folder(cwd: str | None) -> str:
    if cwd is None:
        return "-"
    user = os.path.expanduser("~")
    if cwd == user or cwd.startswith(user.rstrip("/") + "/"):
        return "~" + cwd[len(user.rstrip("/")) :]
    return cwd


def age(seconds: int) -> str:
    """A span of time in one number and unit: `now`, `5m`, `3h`, `2d`, `6w`, `4mo`, `1y`."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds // 60}m" if seconds >= 60 else "now"
