"""The lines of threads: segments found by lineage, read in either direction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from threadlog.core import lineage, lines
from threadlog.core.framing import Frame, Gap, frames, frames_backwards, line_length
from threadlog.core.lineage import Link, Segment
from threadlog.core.metadata import Metadata
from threadlog.core.query import ThreadSummary
from threadlog.errors import Unreadable
from threadlog.local.files import RolloutFile, open_rollout
from threadlog.local.inventory import Inventory
from threadlog.local.scan import found_at


class LocalRollouts:
    """The lines of the threads of one home."""

    def __init__(self, home: str) -> None:
        self._home = home

    def metadata(self, thread: ThreadSummary) -> Metadata:
        """What the head of the thread's newest rollout says."""
        return _alone(self._home).head(found_at(thread.path, archived=thread.archived)).metadata

    def segments(self, thread: ThreadSummary) -> list[Segment]:
        """The pieces of rollouts that hold the thread's lines, oldest first."""
        found = found_at(thread.path, archived=thread.archived)
        inventory = _alone(self._home)
        if inventory.head(found).metadata.base is not None:
            inventory = Inventory(self._home)
        chain = inventory.chain(found)
        links = [
            Link(each.rollout_id or "", each.path, inventory.head(each).metadata.base)
            for each in chain.rollouts
        ]
        return lineage.segments(links, chain.missing)

    def read(self, segment: Segment) -> Iterator[Frame | Gap]:
        """The lines of a segment, first to last; raises Unreadable."""
        with _opened(segment) as rollout:
            if isinstance(rollout, Gap):
                yield rollout
                return
            end = 0
            for frame in frames(rollout.chunks(_end(rollout, segment))):
                yield frame
                end = frame.offset + line_length(frame.raw) + frame.ended
            if rollout.gap is not None:
                yield Gap(end, rollout.gap)

    def read_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        """The lines of a segment, last to first; raises Unreadable."""
        with _opened(segment) as rollout:
            if isinstance(rollout, Gap):
                yield rollout
                return
            end = _end(rollout, segment)
            if end is None:
                end = rollout.length()
                if rollout.gap is not None:
                    yield Gap(end, rollout.gap)
            yield from frames_backwards(rollout.chunks_backwards(end), end)

    def chunks(self, segment: Segment) -> Iterator[bytes | Gap]:
        """The bytes of a segment, in pieces; raises Unreadable."""
        with _opened(segment) as rollout:
            if isinstance(rollout, Gap):
                yield rollout
                return
            size = 0
            for chunk in rollout.chunks(_end(rollout, segment)):
                size += len(chunk)
                yield chunk
            if rollout.gap is not None:
                yield Gap(size, rollout.gap)


def _end(rollout: RolloutFile, segment: Segment) -> int | None:
    """Where a segment ends in its file; None if it is all of it.

    Offset and ordinal name the same cut.  Where the file was edited they do not, and the ordinals,
    which every line carries, are believed.
    """
    end, cut = segment.end, segment.end_ordinal
    if cut is None:
        return None
    if end is not None and _agrees(rollout, end, cut):
        return end
    for frame in frames(rollout.chunks()):
        if _is_beyond(frame, cut):
            return frame.offset
    return None


def _agrees(rollout: RolloutFile, end: int, cut: int) -> bool:
    """True if *end* is where a line begins, or the file ends, and that line is not before *cut*."""
    if end > rollout.length() or (end > 0 and rollout.read_at(end - 1, 1) != b"\n"):
        return False
    following = next(frames(_from(rollout, end), end), None)
    if following is None or not isinstance(following.raw, bytes):
        return True
    ordinal = lines.sniff_ordinal(following.raw)
    return ordinal is None or ordinal >= cut


def _alone(home: str) -> Inventory:
    """An inventory that knows no rollout but those it is asked about: nothing is walked."""
    return Inventory(home, lambda _home, _problems: ())


def _from(rollout: RolloutFile, offset: int) -> Iterator[bytes]:
    while chunk := rollout.read_at(offset, 64 << 10):
        yield chunk
        offset += len(chunk)


def _is_beyond(frame: Frame, cut: int) -> bool:
    ordinal = lines.sniff_ordinal(frame.raw) if isinstance(frame.raw, bytes) else None
    return ordinal is not None and ordinal >= cut


@contextlib.contextmanager
def _opened(segment: Segment) -> Iterator[RolloutFile | Gap]:
    """The rollout of a segment; a gap if others build on it and it is not to be had."""
    if segment.missing:
        builds_on = f"the rollout {segment.rollout_id}, on which this thread builds,"
        yield Gap(0, f"{builds_on} is missing, or builds on this thread itself")
        return
    try:
        rollout = open_rollout(segment.path)
    except Unreadable as error:
        if segment.end_ordinal is None:
            raise
        yield Gap(0, str(error))
        return
    with rollout:
        yield rollout
