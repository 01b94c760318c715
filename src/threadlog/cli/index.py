"""`threadlog index`: how the indexes behind listings and searches stand; building them at once."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Self

from threadlog.cli.terminal import is_terminal, size_text
from threadlog.core import text
from threadlog.core.index_status import IndexStatus
from threadlog.core.search import WordStatus
from threadlog.home import Home

JSON_VERSION = 1
# A command may go on for so long after its answer, where somebody sits at a terminal.
AFTER_ANSWER_S = 0.5
_WIDTH = 60
_SHOW_AFTER_S, _SHOW_EVERY_S = 0.3, 0.1


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Do what is asked, then say how the index stands."""
    if arguments.search:
        return _run_search(home, arguments)
    if arguments.action == "rebuild" and not home.rebuild_index():
        why = "another program was at work with it, or it is not to be changed; try again"
        print(f"threadlog: the index could not be emptied: {why}", file=sys.stderr)
        return 1
    done = True
    if arguments.action != "status":
        with Progress() as progress:
            done = home.catch_up(progress=progress, check=True)
    status = home.index_status()
    if arguments.json:
        value = {"version": JSON_VERSION, "index": status._asdict()}
        print(json.dumps(value, indent=1))
    else:
        print("\n".join(_sentences(status)))
    return 0 if done else 1


def _run_search(home: Home, arguments: argparse.Namespace) -> int:
    """The same with the word index, which needs the other."""
    if arguments.action == "rebuild" and not home.rebuild_search():
        why = home.search_status().trouble or "another program was at work with it; try again"
        print(
            f"threadlog: the word index could not be emptied: {text.one_line(why)}", file=sys.stderr
        )
        return 1
    done = True
    if arguments.action != "status":
        with Progress("indexing words") as progress:
            done = home.catch_up_search(progress=progress)
    status = home.search_status()
    if arguments.json:
        print(json.dumps({"version": JSON_VERSION, "search": status._asdict()}, indent=1))
    else:
        print("\n".join(_of_words(status)))
    return 0 if done else 1


def _of_words(status: WordStatus) -> list[str]:
    lines = [f"words     {text.one_line(status.path)}"]
    if status.trouble is not None:
        return [*lines, f"not used  {text.one_line(status.trouble)}; searches read the threads"]
    left = f"{status.unread:,} still to be read, about {size_text(status.unread_bytes)}"
    return [
        *lines,
        f"size      {size_text(status.size_bytes)}",
        f"threads   {status.threads:,}: {left if status.unread else 'all read'}",
        f"passages  {status.passages:,}",
    ]


def _sentences(status: IndexStatus) -> list[str]:
    lines = [f"index     {text.one_line(status.path)}"]
    if status.trouble is not None:
        return [*lines, f"not used  {text.one_line(status.trouble)}; listings come from the files"]
    read = status.threads - status.unread
    return [
        *lines,
        f"size      {size_text(status.size_bytes)}, version {status.version}",
        f"threads   {status.threads:,}: {read:,} read, {status.scanned:,} of them to the end",
        f"built     {status.looked or 'not yet, it grows as listings need it'}",
        *(f"noticed   {count:,} {kind}" for kind, count in status.noticed.items()),
    ]


class Progress:
    """One line on standard error that says how far it is, once it takes long enough to wonder.

    Nothing where that is no terminal.
    """

    def __init__(self, doing: str = "indexing") -> None:
        self._doing = doing
        self._next_at = time.monotonic() + _SHOW_AFTER_S
        self._shown = False
        self._on = is_terminal(sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._on = False  # it may be told more
        if self._shown:
            sys.stderr.write(f"\r{'':{_WIDTH}}\r")
            sys.stderr.flush()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how far it is, now and then."""
        now = time.monotonic()
        if not self._on or now < self._next_at:
            return
        self._next_at, self._shown = now + _SHOW_EVERY_S, True
        share = f"{100 * done // total if total else 100}%"
        amount = (
            f"{size_text(done)} of {size_text(total)}"
            if what == "bytes"
            else f"{done:,} of {total:,} {what}"
        )
        sys.stderr.write(f"\r{f'{self._doing}: {amount} ({share})':{_WIDTH}}")
        sys.stderr.flush()
