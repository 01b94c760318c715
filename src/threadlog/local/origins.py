"""Whose lines a fork's rollout begins with, and how many of its bytes are copies of them.

A fork's own metadata comes first, then all lines of what it was forked from, the metadata of that
one before them.  Where that one is gone the next may still be there: the thread that it was itself
forked from, whose lines it copied.  If none is there, nothing is taken for a copy.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

from threadlog.core.copies import origins_told, own_start
from threadlog.core.ledger import Origin
from threadlog.core.lineage import Segment
from threadlog.core.metadata import Metadata
from threadlog.errors import Unreadable
from threadlog.local.reading import LocalRollouts


def origin(rollouts: LocalRollouts, path: str, head: Metadata) -> Origin | None:
    """Whose lines the rollout at *path* begins with; None if it says of none that it copied any.

    Raises Unreadable.
    """
    ids = origins_told(head, rollouts.read(_whole(path)))
    return located(ids, path, rollouts.find) if ids else None


def located(ids: tuple[str, ...], path: str, find: Callable[[str], str | None]) -> Origin:
    """The origin of the rollout at *path*: the first of *ids* that *find* finds a rollout of."""
    for place, each in enumerate(ids):
        there = find(each)
        if there is not None and there != path:
            try:
                facts = os.stat(there)
            except OSError:
                continue
            return Origin(ids, place, (facts.st_ino, facts.st_size, facts.st_mtime_ns))
    return Origin(ids)


def copied_bytes(rollouts: LocalRollouts, path: str, origin: Origin | None) -> int:
    """How many bytes of the rollout at *path*, from its first on, are no part of its own."""
    if origin is None or origin.place is None:
        return 0
    there = rollouts.find(origin.ids[origin.place])
    if there is None:
        return 0
    own = itertools.islice(rollouts.read(_whole(path)), origin.place, None)
    try:
        return own_start(own, rollouts.read(_whole(there)))
    except Unreadable:
        return 0


def _whole(path: str) -> Segment:
    return Segment("", path)
