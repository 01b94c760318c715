"""`threadlog rename`, `rollback`, `revert`, `fork`, `resume`: one thread goes on another way."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from threadlog.cli.terminal import DIM, Style, is_terminal
from threadlog.cli.verbs import print_changed
from threadlog.core import ids, text
from threadlog.core.metadata import PAGINATED
from threadlog.core.query import ThreadSummary
from threadlog.errors import Refused
from threadlog.home import Home

JSON_VERSION = 1
USAGE = 2


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Do what the command says."""
    commands = {
        "rename": _rename,
        "rollback": _rollback,
        "revert": _revert,
        "fork": _fork,
        "resume": _resume,
    }
    try:
        return commands[arguments.command](home, arguments)
    except ValueError as error:  # of what was asked
        print(f"threadlog: {text.one_line(str(error))}", file=sys.stderr)
        return USAGE


def _rename(home: Home, arguments: argparse.Namespace) -> int:
    thread = home.get(arguments.id)
    if arguments.dry_run:
        return _would(arguments, thread, f"would be called {arguments.name.strip()}")
    changed = home.rename(arguments.id, arguments.name)
    undo = None if thread.name is None else f"threadlog rename {thread.id} {_quoted(thread.name)}"
    print_changed(changed, undo, as_json=arguments.json)
    return 0


def _rollback(home: Home, arguments: argparse.Namespace) -> int:
    thread = home.get(arguments.id)
    if arguments.dry_run:
        if thread.history_mode == PAGINATED or thread.archived:
            raise Refused(f"thread {thread.id} cannot be rolled back: it is {_state(thread)}")
        turns = [turn.id for turn in home.turns(arguments.id, last=arguments.turns)]
        said = f"{_turns(len(turns))} would be rolled back: {', '.join(turns)}"
        return _would(arguments, thread, said)
    changed = home.rollback(arguments.id, arguments.turns)
    print_changed(changed, None, as_json=arguments.json)
    if not arguments.json:
        print(Style.of(sys.stdout).paint("no undo: the turns stay in the file, unread", DIM))
    return 0


def _revert(home: Home, arguments: argparse.Namespace) -> int:
    thread = home.get(arguments.id)
    if arguments.dry_run:
        if thread.history_mode != PAGINATED:
            raise Refused(f"thread {thread.id} cannot be reverted: it is {_state(thread)}")
        with home.fork(thread.path, before=arguments.before, ephemeral=True) as draft:
            left = sum(1 for _turn in draft.history().turns())
        return _would(arguments, thread, f"would go on after {_turns(left)}")
    with home.revert(arguments.id, before=arguments.before) as reverted:
        _print_begun(
            [(reverted.id, reverted.path)], arguments, f"threadlog fork {_quoted(thread.path)}"
        )
    return 0


def _state(thread: ThreadSummary) -> str:
    return "archived" if thread.archived else thread.history_mode


def _fork(home: Home, arguments: argparse.Namespace) -> int:
    options: dict[str, Any] = {
        "through": arguments.through,
        "before": arguments.before,
        "message": arguments.message,
        "ephemeral": arguments.dry_run,
    }
    if arguments.cwd is not None:
        options["cwd"] = arguments.cwd
    begun: list[tuple[str, str]] = []
    would: list[tuple[ThreadSummary, str]] = []
    try:
        for parent in [home.get(each) for each in arguments.id]:
            with home.fork(parent.path, **options) as fork:
                if arguments.dry_run:
                    count = sum(1 for _turn in fork.history().turns())
                    would.append((parent, f"would be forked with {_turns(count)}"))
                else:
                    begun.append((fork.id, fork.path))
    finally:  # what was begun is said, whatever comes of the next one
        if begun:
            undo = f"threadlog delete {' '.join(each[0] for each in begun)}"
            _print_begun(begun, arguments, undo)
    return _would_all(arguments, would) if arguments.dry_run else 0


def _resume(home: Home, arguments: argparse.Namespace) -> int:
    """Become the thread's writer, which makes a compressed one plain, and say where it is."""
    if not is_terminal(sys.stdin):
        from threadlog.cli import record

        return record.run(home, arguments)
    options = {"force": arguments.force, "take_over": arguments.take_over}
    with home.resume(arguments.resume, cwd=arguments.cwd, **options) as thread:
        told = (thread.id, thread.path)
    if arguments.json:
        print(json.dumps(dict(zip(("id", "path"), told, strict=True))))
    else:
        print(f"{told[0]}\t{text.one_line(told[1])}")
        said = "it can be gone on with: give its new items on standard input"
        print(Style.of(sys.stdout).paint(said, DIM))
    return 0


def _would(arguments: argparse.Namespace, thread: ThreadSummary, said: str) -> int:
    """Say what would be done to a thread."""
    return _would_all(arguments, [(thread, said)])


def _would_all(arguments: argparse.Namespace, would: list[tuple[ThreadSummary, str]]) -> int:
    if arguments.json:
        threads = [{"id": thread.id, "would": said} for thread, said in would]
        print(json.dumps({"version": JSON_VERSION, "dry_run": True, "threads": threads}, indent=1))
        return 0
    for thread, said in would:
        print(f"{ids.short_id(thread.id or '-')}  {text.one_line(said)}")
    return 0


def _print_begun(
    begun: list[tuple[str, str]], arguments: argparse.Namespace, undo: str | None
) -> None:
    if arguments.json:
        threads = [{"id": thread_id, "path": path} for thread_id, path in begun]
        print(json.dumps({"version": JSON_VERSION, "threads": threads, "undo": undo}, indent=1))
        return
    for thread_id, path in begun:
        print(f"{thread_id}\t{text.one_line(path)}")
    if undo:
        print(Style.of(sys.stdout).paint(f"undo: {text.one_line(undo)}", DIM))


def _turns(count: int) -> str:
    return f"{count} turn" if count == 1 else f"{count} turns"


def _quoted(name: str) -> str:
    import shlex

    quoted = shlex.quote(text.one_line(name))
    return f"-- {quoted}" if name.startswith("-") else quoted
