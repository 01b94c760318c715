"""Connections to the index and forks of the process: one must not be carried over the other.

SQLite keeps what it knows of its files, locks and all, in the memory of the process.  So before a
fork what nobody uses is closed; a child forked while a connection was at work does without the
index of that home, since even a new connection would believe the old one's locks.
"""

from __future__ import annotations

import os
from _thread import RLock  # without what else threading loads
from collections.abc import Callable, Sequence
from typing import Protocol
from weakref import WeakSet


class Lease:
    """For one OS thread at a time, which may come in again: `with lease.lock`.

    The lock is entered as it is, since Ctrl-C in Python code around it could leave it held.
    """

    def __init__(self) -> None:
        self.lock = RLock()

    def is_idle(self) -> bool:
        """True if nobody is in, as far as can be told from here."""
        return self.if_idle(lambda: None)

    def if_idle(self, act: Callable[[], None]) -> bool:
        """Act if nobody is in at this moment; False if somebody is."""
        mine = self.lock._is_owned()  # type: ignore[attr-defined]  # noqa: SLF001
        if mine or not self.lock.acquire(blocking=False):
            return False
        try:
            act()
        finally:
            self.lock.release()
        return True


class Forkable(Protocol):
    """What has connections."""

    def close_idle(self) -> None:
        """Close what nobody uses."""

    def forked(self) -> None:
        """Begin anew, in the child."""


_looked_after: WeakSet[Forkable] = WeakSet()
# Real paths of homes whose connections came by a fork; these are kept, as closing them harms the
# parent's.
_carried: dict[str, list[object]] = {}


def look_after(each: Forkable) -> None:
    """Have it told of forks."""
    _looked_after.add(each)


def bar(home: str, connections: Sequence[object]) -> None:
    """Have this process do without the index of *home*: these were carried over a fork."""
    _carried.setdefault(os.path.realpath(home), []).extend(connections)


def is_barred(home: str) -> bool:
    """True if this process must not use the index of *home*."""
    return bool(_carried) and os.path.realpath(home) in _carried


def _before() -> None:
    for each in list(_looked_after):
        each.close_idle()


def _in_child() -> None:
    for each in list(_looked_after):
        each.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
