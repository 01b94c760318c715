"""`threadlog tree`: threads with those that come from them below, a line each."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from threadlog.asking import Asked
from threadlog.cli.terminal import BOLD, DIM, Style
from threadlog.core import ids, text
from threadlog.core.moments import age, unix_ms
from threadlog.core.tree import FORK, ROOT, Branch, Tree
from threadlog.home import Home

JSON_VERSION = 1
_LIMIT = 50
_GAP = "  "
_AGE_COLUMNS = 4
# Narrower terminals do without ages.
_AGES_FROM_COLUMNS = 50
# The lines that lead to a title take no more than this part of what there is for both.
_LINES_PART = 2


class _Lines(NamedTuple):
    """How what is below is joined to what is above: one of several, the last, and beside them."""

    one: str
    last: str
    beside: str


_BOX = _Lines("├─ ", "└─ ", "│  ")
_PLAIN = _Lines("|- ", "`- ", "|  ")
_BLANK = "   "


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Print the tree of one thread, or those of the newest; raises NotFound."""
    if arguments.id is not None and (arguments.archived or arguments.limit):
        print(
            "threadlog: the tree of one thread is whole: leave out --archived and --limit",
            file=sys.stderr,
        )
        return 2
    asked: Asked = {"archived": arguments.archived, "limit": arguments.limit or _LIMIT}
    with _progress(home, shown=sys.stdout.isatty() and not arguments.json):
        tree = home.tree(arguments.id) if arguments.id is not None else home.tree(**asked)
    if arguments.json:
        _print_json(tree)
    elif not tree.roots:
        which = "archived threads" if arguments.archived else "threads"
        print(text.one_line(f"no {which} in {home.path}"), file=sys.stderr)
    else:
        _print(tree, Style.of(sys.stdout))
    for problem in tree.problems:
        print(f"threadlog: {text.one_line(problem)}", file=sys.stderr)
    return 1 if tree.problems else 0


@contextlib.contextmanager
def _progress(home: Home, *, shown: bool) -> Iterator[None]:
    """On a terminal it is said how far it is with what has to be read first."""
    if not shown:
        yield
        return
    from threadlog.cli.index import Progress

    with Progress() as progress:
        home.tell_progress(progress)
        yield


def _print_json(tree: Tree) -> None:
    value: dict[str, object] = {
        "version": JSON_VERSION,
        "roots": [each.as_dict() for each in tree.roots],
        "next": tree.next,
    }
    if tree.problems:
        value["problems"] = tree.problems
    print(json.dumps(value, indent=1))


def _print(tree: Tree, style: Style) -> None:
    now_ms = int(time.time() * 1000)
    joints = _joints()
    for root in tree.roots:
        for lines, branch in _drawn(root, joints):
            print(style.paint(_line(lines, branch, now_ms, style.columns), *_codes(branch)))
            if branch.deeper:
                print(style.paint(_fitted("", f"({branch.deeper} more below)", style.columns), DIM))
    if tree.next:
        print(style.paint("more: threadlog tree --limit N", DIM))


def _codes(branch: Branch) -> tuple[str, ...]:
    if branch.asked:
        return (BOLD,)
    return (DIM,) if branch.missing or branch.ancestor else ()


def _joints() -> _Lines:
    """Lines that the output can show."""
    try:
        "".join(_BOX).encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _PLAIN
    return _BOX


def _drawn(root: Branch, joints: _Lines) -> Iterator[tuple[str, Branch]]:
    """The branches as they are shown, each with the lines that lead to it."""
    stack = [("", "", root)]
    while stack:
        lines, beside, branch = stack.pop()
        yield lines, branch
        last = len(branch.children) - 1
        stack.extend(
            (
                beside + (joints.last if place == last else joints.one),
                beside + (_BLANK if place == last else joints.beside),
                child,
            )
            for place, child in reversed([*enumerate(branch.children)])
        )


def _line(lines: str, branch: Branch, now_ms: int, columns: int) -> str:
    """Age, id, lines and title; on a terminal no wider than that."""
    name = text.one_line(ids.short_id(branch.id)) if branch.id else "-"
    cells = [text.pad(name, ids.SHORT_DIGITS)]
    if not columns or columns >= _AGES_FROM_COLUMNS:
        cells.insert(0, text.pad(_age(branch, now_ms), _AGE_COLUMNS))
    before = _GAP.join(cells) + _GAP
    if not columns:
        return before + lines + _words(branch)
    if text.width(before) >= columns:
        return text.fit(name, columns)
    return before + _fitted(lines, _words(branch), columns - text.width(before))


def _fitted(lines: str, words: str, columns: int) -> str:
    """Lines and title; of many lines the nearest."""
    if not columns:
        return lines + words
    lines = text.fit_end(lines, columns // _LINES_PART)
    return lines + text.fit(words, columns - text.width(lines))


def _age(branch: Branch, now_ms: int) -> str:
    if branch.thread is None:
        return "-"
    return age((now_ms - (unix_ms(branch.thread.created) or 0)) // 1000)


def _words(branch: Branch) -> str:
    """What is to be known of it, then its title."""
    marks = "".join(f"[{text.one_line(mark)}] " for mark in _marks(branch))
    thread = branch.thread
    if thread is None:
        return f"{marks}(not there any more)"
    title = thread.title or (f"({thread.problem})" if thread.problem else "(no message yet)")
    return marks + text.one_line(title)


def _marks(branch: Branch) -> Iterator[str]:
    thread = branch.thread
    if branch.ancestor:
        yield "above"
    if branch.relation == FORK:
        yield "fork" if branch.fork_ordinal is None else f"fork at {branch.fork_ordinal}"
    elif branch.relation != ROOT:
        role = thread and (thread.agent_role or thread.agent_nickname)
        yield f"{branch.relation}: {role}" if role else branch.relation
    if thread is not None and thread.archived:
        yield "archived"
