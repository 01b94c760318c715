"""A thread as an ordered list of segments: pieces of rollouts that together hold its lines.

Forks by reference, the second file of a revert, compressed files and several files of one id are
one mechanism: whoever reads a thread reads its segments, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threadlog.core.metadata import Base


class Segment(NamedTuple):
    """The part of one rollout, from its first byte to `end`, that belongs to a thread.

    `end` is in bytes of the uncompressed file, None = to its end; `end_ordinal` is the first
    ordinal that no longer belongs.  A segment whose rollout is nowhere in the home is `missing`.
    """

    rollout_id: str
    path: str
    end: int | None = None
    end_ordinal: int | None = None
    missing: bool = False


class Copied(NamedTuple):
    """What a new rollout begins with: a line of its own, and copies of what other rollouts hold."""

    head: bytes
    segments: tuple[Segment, ...]


class Link(NamedTuple):
    """One rollout of a chain, newest first: who it is and what came before it."""

    rollout_id: str
    path: str
    base: Base | None


def segments(links: Sequence[Link], missing: Base | None = None) -> list[Segment]:
    """The segments of a thread, oldest first.

    *links* is the chain from the thread's newest rollout back along `history_base`; *missing* is
    the base of the last link if its rollout could not be found.
    """
    cut: Base | None = None
    result: list[Segment] = []
    for link in links:
        result.append(_segment(link.rollout_id, link.path, cut))
        cut = link.base
    if missing is not None:
        result.append(_segment(missing.rollout_id, "", missing)._replace(missing=True))
    result.reverse()
    return result


def _segment(rollout_id: str, path: str, cut: Base | None) -> Segment:
    if cut is None:
        return Segment(rollout_id, path)
    end = cut.end_offset if cut.end_offset >= 0 else None
    return Segment(rollout_id, path, end, cut.end_ordinal)
