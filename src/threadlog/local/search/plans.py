"""What is to be read of a thread for the word index, and from where on."""

from __future__ import annotations

import os
import sqlite3
from typing import NamedTuple

from threadlog.core import copies, quick
from threadlog.core.framing import frames
from threadlog.core.metadata import Metadata
from threadlog.errors import Unreadable
from threadlog.local.files import open_rollout
from threadlog.local.heads import read_head
from threadlog.local.index.known import rollouts_of
from threadlog.local.scan import Found, below
from threadlog.local.search import sources
from threadlog.local.search.reading import Reached, begins_line
from threadlog.local.search.sources import Known, Source


class Origin(NamedTuple):
    """What a fork has of another thread: up to `copied_to` (bytes) in its rollout.

    `key` is that thread's, None for no fork by copy; `seen` says whether it was there.
    """

    key: bytes | None = None
    seen: bool = False
    copied_to: int = 0


class Plan(NamedTuple):
    """A rollout of a thread, and what to do with it.

    Nothing but to note where it lies, if it `stays`; else to read it on from where it was
    `reached`, or anew (None), when its `origin` is told.  `head` is what its head says, None if
    it cannot be read.
    """

    key: bytes
    source: Source
    path: bytes
    stays: bool = False
    head: Metadata | None = None
    reached: Reached | None = None
    origin: Origin = Origin()
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
        origin_stays = before is not None and self._origin_stays(before)
        number = before.id if before is not None else None
        plan = Plan(key, now, path, known_id=number)
        if before is not None and origin_stays and sources.stays(before, now, path):
            return plan._replace(stays=True)
        head = _head(now.found)
        if head is None:
            return plan
        if before is not None and origin_stays:
            reached = _reached(before, now, path)
            if reached is not None:
                kept = Origin(before.origin, before.origin_seen, before.copied_to)
                return plan._replace(head=head, reached=reached, origin=kept)
        return plan._replace(head=head, origin=self._origin(now.found, head))

    def _origin_stays(self, before: Known) -> bool:
        """False if the origin of a copy came to be known after the copy was read."""
        unseen = before.origin if not before.origin_seen else None
        return unseen is None or self._newest(unseen) is None

    def _origin(self, found: Found, head: Metadata) -> Origin:
        """What a rollout begins with of the one that it was forked from, if that is a copy."""
        if head.forked_from_id is None or head.base is not None:
            return Origin()
        key = head.forked_from_id.lower().encode("utf-8", "surrogatepass")
        parent = self._newest(key)
        return Origin(key) if parent is None else Origin(key, True, copied_to(found, parent))  # noqa: FBT003

    def _newest(self, key: bytes) -> Found | None:
        """The rollout of a thread that counts."""
        group = rollouts_of(self._connection, self._home, key)
        return group[-1].found if group else None


def _head(found: Found) -> Metadata | None:
    """What the head of a rollout says; None if it cannot be read."""
    try:
        with open_rollout(found.path) as rollout:
            return read_head(rollout, quick.parse)
    except Unreadable:
        return None


def copied_to(found: Found, parent: Found) -> int:
    """Where a fork's own part begins, in bytes; 0 where that cannot be told."""
    try:
        with open_rollout(found.path) as own, open_rollout(parent.path) as source:
            return copies.own_start(frames(own.chunks()), frames(source.chunks()))
    except Unreadable:
        return 0


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
