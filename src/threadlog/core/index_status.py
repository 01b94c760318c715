"""How an index stands, as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

Stop = Callable[[], bool]  # True once the work is to end
# Told, while an index is brought up to date, what is being done, and how much of how much is.
Progress = Callable[[str, int, int], None]


def never() -> bool:
    """Nobody gives up."""
    return False


def untold(_what: str, _done: int, _total: int) -> None:
    """Nobody wants to know how far it is."""


class IndexStatus(NamedTuple):
    """How the index of a home stands; nothing of it changes what a listing answers.

    `trouble` says why the index was not asked, None if it was; the files answer then.  `threads`
    are those it knows, `unread` those of which it knows no more than the file's name, `scanned`
    those whose rollouts were read to their end.  `looked` is when it was brought up to date (UTC),
    and `noticed` counts by kind what was found otherwise than the index had it.
    """

    path: str
    trouble: str | None
    version: int = 0
    size_bytes: int = 0
    threads: int = 0
    unread: int = 0
    scanned: int = 0
    looked: str | None = None
    noticed: Mapping[str, int] = {}
