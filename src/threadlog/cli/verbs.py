"""`threadlog archive`, `unarchive`, `delete`, `restore`, `purge`: threads away and back.

Several at once; each tells its undo, and asks first only on a terminal, and only before what
cannot be undone with one word.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from threadlog.cli.terminal import DIM, Style, is_terminal
from threadlog.core import ids, text
from threadlog.core.shelf import KEPT_DAYS, Changed, Moved
from threadlog.errors import PartlyDone, ThreadlogError
from threadlog.home import Home

JSON_VERSION = 1
_NAMED = 20


class Verb(NamedTuple):
    """What a command does, what it says of it, and the command that undoes it, if one does."""

    do: Callable[..., list[Moved]]
    done: str
    would: str
    undo: str | None
    asks: str | None = None


def _verb(home: Home, command: str) -> Verb:
    verbs = {
        "archive": Verb(home.archive, "archived", "would be archived", "unarchive"),
        "unarchive": Verb(home.unarchive, "unarchived", "would be unarchived", "archive"),
        "delete": Verb(
            home.delete, "deleted", "would be deleted", "restore", "delete {} into the trash?"
        ),
        "restore": Verb(home.restore, "restored", "would be restored", "delete"),
        "purge": Verb(
            home.purge, "removed", "would be removed", None, "remove {} for good? no undo"
        ),
    }
    return verbs[command]


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Do it, and say what was done; 1 if some of it could not be."""
    purge = arguments.command == "delete" and arguments.purge
    verb = _verb(home, arguments.command)
    if purge:
        final = _verb(home, "purge")
        verb = verb._replace(would=final.would, asks=final.asks)
    failed: dict[str, ThreadlogError] = {}
    if verb.asks and not (arguments.yes or arguments.dry_run) and not _is_wanted(verb, arguments):
        print("threadlog: nothing was changed", file=sys.stderr)
        return 1
    try:
        moved: Sequence[Moved] = verb.do(*arguments.id, dry_run=arguments.dry_run)
    except PartlyDone as error:
        moved, failed = [each for each in error.done if isinstance(each, Moved)], error.failed
    if purge and not arguments.dry_run:
        moved = home.purge(*(each.id for each in moved))
        verb = _verb(home, "purge")
    undo = _undo(verb, moved) if not arguments.dry_run else None
    if arguments.json:
        _print_json(moved, failed, undo, dry_run=arguments.dry_run)
    else:
        _print(verb, moved, undo, dry_run=arguments.dry_run)
    sys.stdout.flush()
    for each in failed.values():
        print(f"threadlog: {text.one_line(str(each))}", file=sys.stderr)
    return 1 if failed else 0


def _is_wanted(verb: Verb, arguments: argparse.Namespace) -> bool:
    """Ask, where somebody can answer, before what can be done is done."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        return True
    try:
        planned: Sequence[Moved] = verb.do(*arguments.id, dry_run=True)
    except PartlyDone as error:
        planned = [each for each in error.done if isinstance(each, Moved)]
    return not planned or _agreed(verb.asks or "", planned)


def _agreed(question: str, planned: Sequence[Moved]) -> bool:
    for each in planned[:_NAMED]:
        print(f"  {text.one_line(each.was)}", file=sys.stderr)
    if len(planned) > _NAMED:
        print(f"  and {len(planned) - _NAMED} more", file=sys.stderr)
    what = "this thread" if len(planned) == 1 else f"these {len(planned)} threads"
    print(f"{question.format(what)} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _undo(verb: Verb, moved: Sequence[Moved]) -> str | None:
    if verb.undo is None or not moved:
        return None
    return f"threadlog {verb.undo} {' '.join(each.id for each in moved)}"


def _print(verb: Verb, moved: Sequence[Moved], undo: str | None, *, dry_run: bool) -> None:
    style = Style.of(sys.stdout)
    for each in moved:
        told = verb.would if dry_run else verb.done
        where = each.path or each.was
        print(f"{told}  {ids.short_id(each.id)}  {text.one_line(where)}")
        for remark in each.remarks:
            print(f"  {text.one_line(remark)}")
    if verb.undo == "restore" and moved and not dry_run:
        print(style.paint(f"kept in the trash for {KEPT_DAYS} days", DIM))
    if undo:
        print(style.paint(f"undo: {undo}", DIM))


def _print_json(
    moved: Sequence[Moved],
    failed: dict[str, ThreadlogError],
    undo: str | None,
    *,
    dry_run: bool,
) -> None:
    told: dict[str, Any] = {
        "version": JSON_VERSION,
        "dry_run": dry_run,
        "threads": [each.as_dict() for each in moved],
        "failed": [{"id": key, "error": str(error)} for key, error in failed.items()],
        "undo": undo,
    }
    print(json.dumps(told, indent=1))


def print_changed(changed: Changed, undo: str | None, *, as_json: bool) -> None:
    """Say what was changed of a thread in its place, and the command that undoes it."""
    if as_json:
        told = {"version": JSON_VERSION, "thread": changed.as_dict(), "undo": undo}
        print(json.dumps(told, indent=1))
        return
    print(f"{ids.short_id(changed.id)}  {text.one_line(changed.path)}")
    for remark in changed.remarks:
        print(f"  {text.one_line(remark)}")
    if undo:
        print(Style.of(sys.stdout).paint(f"undo: {undo}", DIM))
