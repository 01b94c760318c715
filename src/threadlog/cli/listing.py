"""`threadlog list`: the newest threads, a line each."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence

from threadlog.asking import Asked
from threadlog.cli.terminal import BOLD, DIM, Style, folder
from threadlog.core import ids, text
from threadlog.core.moments import age, unix_ms
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


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Print the threads asked for."""
    asked = _asked(home, arguments)
    limit = None if arguments.all else arguments.limit
    on_terminal = sys.stdout.isatty() and not arguments.json
    paged: Asked = {**asked, "limit": limit, "cursor": arguments.cursor}
    page = _with_progress(home, paged) if on_terminal else home.threads(**paged)
    if arguments.json:
        _print_json(page)
    elif not page:
        which = "archived threads" if arguments.archived else "threads"
        where = f" of {', '.join(arguments.cwd)}" if arguments.cwd else ""
        which += " that fit" if _filtered(asked) else ""
        # A program that reads our output must not take the sentence for a thread.
        out = sys.stdout if on_terminal else sys.stderr
        print(text.one_line(f"no {which}{where} in {home.path}"), file=out)
    else:
        _print_rows(page, Style.of(sys.stdout), sort=arguments.sort)
    if on_terminal:
        _say_hidden(home, asked)
    for problem in page.problems:
        print(f"threadlog: {text.one_line(problem)}", file=sys.stderr)
    if on_terminal:
        _go_on_indexing(home)
    return 1 if page.problems else 0


def _asked(home: Home, arguments: argparse.Namespace) -> Asked:
    """What the options ask for, but for how much of it."""
    asked: Asked = {
        "archived": arguments.archived,
        "sort": arguments.sort,
        "ascending": arguments.reverse,
        "cwd": arguments.cwd,
        "sources": arguments.source,
        "providers": arguments.provider,
        "text": arguments.text,
        "branch": arguments.branch,
        "repository": arguments.repository,
        "since": arguments.since,
        "until": arguments.until,
        "parent": home.get(arguments.parent).id if arguments.parent else None,
        "forked_from": home.get(arguments.forked_from).id if arguments.forked_from else None,
        "codex": arguments.codex,
    }
    return asked


def _filtered(asked: Asked) -> bool:
    """True if there is a filter beside those that the sentence names."""
    return any(asked.get(name) for name in asked.keys() - {"archived", "sort", "ascending", "cwd"})


def _with_progress(home: Home, asked: Asked) -> ThreadPage:
    """The page, and on standard error how far it is with what has to be read first."""
    from threadlog.cli.index import Progress

    with Progress() as progress:
        home.tell_progress(progress)
        return home.threads(**asked)


def _say_hidden(home: Home, asked: Asked) -> None:
    from threadlog.cli.hidden import hidden

    if (line := hidden(home, asked)) is not None:
        print(Style.of(sys.stdout).paint(line, DIM))


def _go_on_indexing(home: Home) -> None:
    """The answer is out: spend a moment on the index, so that the next comes faster."""
    from threadlog.cli.index import AFTER_ANSWER_S, Progress

    sys.stdout.flush()
    with Progress() as progress:
        home.catch_up(timeout_s=AFTER_ANSWER_S, progress=progress)


def _print_json(page: ThreadPage) -> None:
    threads = [thread.as_dict() for thread in page]
    value: dict[str, object] = {"version": JSON_VERSION, "threads": threads, "next": page.next}
    if page.problems:
        value["problems"] = page.problems
    # ASCII only: lone surrogates stay what they were, and no terminal is steered.
    print(json.dumps(value, indent=1))


def _print_rows(page: ThreadPage, style: Style, *, sort: str) -> None:
    """A table that fits the terminal; for programs whole cells, separated by tabs."""
    now_ms = int(time.time() * 1000)
    if not style.columns:
        rows = [_cells(thread, now_ms, sort) for thread in page]
        print("\n".join("\t".join(cells) for cells in rows))
        return
    threads, rows = [], []
    for thread, depth in under_parents(page):
        cells = _cells(thread, now_ms, sort)
        mark = "  " * (depth - 1) + "└ " if depth else ""
        threads.append(thread)
        rows.append((*cells[:_TITLE], mark + cells[_TITLE], *cells[_TITLE + 1 :]))
    widths = _widths(rows, style.columns)
    print(style.paint(_row(_HEADINGS, widths), BOLD))
    for thread, cells in zip(threads, rows, strict=True):
        line = _row(cells, widths)
        print(style.paint(line, DIM) if thread.problem else line)
    if page.next:
        print(style.paint("more: threadlog list --all, or --limit N", DIM))


def under_parents(page: ThreadPage) -> Iterator[tuple[ThreadSummary, int]]:
    """The threads of a page, those that another one began right under it, and how deep."""
    ids = {thread.id for thread in page if thread.id}
    children: dict[str, list[ThreadSummary]] = {}
    for thread in page:
        if thread.parent_thread_id in ids and thread.parent_thread_id != thread.id:
            children.setdefault(thread.parent_thread_id or "", []).append(thread)
    below = {id(thread) for each in children.values() for thread in each}
    told: set[int] = set()
    # Roots first; then those whose parents are each other's children, which nobody comes to.
    for root in sorted(page, key=lambda thread: id(thread) in below):
        queue = [(root, 0)]
        while queue:
            thread, depth = queue.pop()
            if id(thread) not in told:
                told.add(id(thread))
                yield thread, depth
                inner = reversed(children.get(thread.id or "", []))
                queue += [(child, depth + 1) for child in inner]


def _cells(thread: ThreadSummary, now_ms: int, sort: str) -> tuple[str, ...]:
    moment = unix_ms(getattr(thread, sort)) or 0
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
