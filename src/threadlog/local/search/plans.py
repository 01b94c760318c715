"""What is to be read of a thread for the word index, and from where on."""

from __future__ import annotations

import os
import sqlite3
from typing import NamedTuple

from threadlog.core import quick
from threadlog.core.metadata import Metadata
from threadlog.errors import Unreadable
from threadlog.local import origins
from threadlog.local.files import open_rollout
from threadlog.local.heads import read_head
from threadlog.local.index.known import KnownInventory
from threadlog.local.reading import LocalRollouts
from threadlog.local.scan import Found, below
from threadlog.local.search import sources
from threadlog.local.search.reading import Reached, begins_line
from threadlog.local.search.sources import Copied, Known, Source


class Plan(NamedTuple):
    """A rollout of a thread, and what to do with it.

    Nothing but to note where it lies, if it `stays`; else to read it on from where it was
    `reached`, or anew (None), with what is `copied` in it.  `head` is what its head says, None if
    it cannot be read.
    """

    key: bytes
    source: Source
    path: bytes
    stays: bool = False
    head: Metadata | None = None
    reached: Reached | None = None
    copied: Copied = Copied()
    known_id: int | None = None


class Planner:
    """Makes plans by what the index of listings and the word index know."""

    def __init__(self, home: str, connection: sqlite3.Connection) -> None:
        self._home = home
        self._connection = connection

    def plans(self, key: bytes) -> tuple[list[Plan], list[int]]:
        """What to do with a thread's rollouts, and the sources that are no part of it any more."""
        known = sources.known(self._connection, key)
        now = sources.sources_of(self._connection, self._home, key)
        stems = {each.stem for each in now}
        gone = [each.id for stem, each in known.items() if stem not in stems]
        return [self._plan(key, each, known.get(each.stem)) for each in now], gone

    def _plan(self, key: bytes, now: Source, before: Known | None) -> Plan:
        folder = os.fsencode(below(self._home, now.found.folder))
        path = folder + b"/" + os.fsencode(now.found.name)
        copied_stays = before is not None and self._copied_stays(before.copied)
        number = before.id if before is not None else None
        plan = Plan(key, now, path, known_id=number)
        if before is not None and copied_stays and sources.stays(before, now, path):
            return plan._replace(stays=True)
        head = _head(now.found)
        if head is None:
            return plan
        if before is not None and copied_stays:
            reached = _reached(before, now, path)
            if reached is not None:
                return plan._replace(head=head, reached=reached, copied=before.copied)
        return plan._replace(head=head, copied=self._copied(now.found, head))

    def _copied(self, found: Found, head: Metadata) -> Copied:
        """What a rollout has of another thread."""
        inventory = KnownInventory(self._home, self._connection, [found], quick.parse)
        return copied(LocalRollouts(self._home, inventory=inventory), found.path, head)

    def _copied_stays(self, copied: Copied) -> bool:
        """False if a copy is to be compared with another thread than it was."""
        if copied.nearest is None:
            return True
        there = [self._is_there(each) for each in (copied.nearest, copied.origin)]
        return copied.origin == copied.nearest if there[0] else there[1] == bool(copied.origin)

    def _is_there(self, key: bytes | None) -> bool:
        found = self._connection.execute("SELECT 1 FROM threads WHERE key = ?", (key,))
        return key is not None and found.fetchone() is not None


def _head(found: Found) -> Metadata | None:
    """What the head of a rollout says; None if it cannot be read."""
    try:
        with open_rollout(found.path) as rollout:
            return read_head(rollout, quick.parse)
    except Unreadable:
        return None


def copied(rollouts: LocalRollouts, path: str, head: Metadata) -> Copied:
    """What the rollout at *path* has of another thread."""
    try:
        origin = origins.origin(rollouts, path, head)
        if origin is None:
            return Copied()
        keys = [each.lower().encode("utf-8", "surrogatepass") for each in origin.ids]
        size = origins.copied_bytes(rollouts, path, origin)
    except Unreadable:
        return Copied()
    return Copied(size, None if origin.place is None else keys[origin.place], keys[0])


def _reached(before: Known, now: Source, path: bytes) -> Reached | None:
    """How far a rollout was read, if it still holds what was read of it."""
    if not sources.may_go_on(before, now, path):
        return None
    try:
        with open_rollout(now.found.path) as rollout:
            same = begins_line(rollout, before.read_to)
            same = same and before.seal == sources.seal(rollout, before.read_to)
        return Reached(before.read_to, sources.unpacked(before.state)) if same else None
    except (Unreadable, ValueError):
        return None
