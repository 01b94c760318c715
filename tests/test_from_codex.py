"""docs/from-codex.md names what is there."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import threadlog
from threadlog.cli import words

PAGE = Path(__file__).parents[1] / "docs" / "from-codex.md"


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
    (found,) = (a for a in words.parser()._actions if isinstance(a, argparse._SubParsersAction))
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
    assert not {name for name in names if not exists(name)}
