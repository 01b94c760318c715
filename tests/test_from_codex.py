"""docs/from-codex.md names what is there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import threadlog
from threadlog.cli import main as cli

PAGE = Path(__file__).parents[1] / "docs" / "from-codex.md"

# Being made; whatever is here and there by now fails, so that it is taken out.
PENDING = {
    "Home.archive",
    "Home.compress",
    "Home.delete",
    "Home.fork",
    "Home.purge",
    "Home.rename",
    "Home.restore",
    "Home.revert",
    "Home.rollback",
    "Home.unarchive",
    "Home.update_metadata",
    "Thread.fork",
    "Thread.rename",
    "Thread.rollback",
    "Thread.update_metadata",
    "threadlog archive",
    "threadlog compress",
    "threadlog delete",
    "threadlog fork",
    "threadlog rename",
    "threadlog restore",
    "threadlog resume",
    "threadlog revert",
    "threadlog rollback",
    "threadlog unarchive",
}


def ours() -> Iterator[str]:
    """The names in the second column of every table."""
    for line in PAGE.read_text().splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            _empty, _theirs, named, _differs, _end = line.split("|")
            if named.strip() != "ours":
                names = re.findall(r"`([^`]+)`", named)
                assert names, line
                yield from names


def commands() -> set[str]:
    (found,) = (a for a in cli._parser()._actions if isinstance(a, argparse._SubParsersAction))
    return set(found.choices)


def exists(name: str) -> bool:
    command = name.removeprefix("threadlog ")
    if command != name:
        return command in commands()
    value: object = threadlog
    for part in name.split("."):
        if not hasattr(value, part) and part not in getattr(value, "__annotations__", {}):
            return False
        value = getattr(value, part, None)
    return True


def test_every_name_of_ours_is_there() -> None:
    names = set(ours())
    assert len(names) > 50
    assert {name for name in names if not exists(name)} == PENDING


def test_nothing_is_pending_that_the_page_does_not_name() -> None:
    assert set(ours()) >= PENDING
