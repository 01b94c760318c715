"""The lines of threads: segments found by lineage, read in either direction."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

from threadlog.core import lineage, lines
from threadlog.core.framing import Frame, Gap, frames, frames_backwards, line_length
from threadlog.core.growth import Glance
from threadlog.core.lineage import Link, Segment
from threadlog.core.metadata import Base, Metadata
from threadlog.core.query import ThreadSummary
from threadlog.errors import Unreadable
from threadlog.local.files import COPY_CHUNK_BYTES, Misfit, RolloutFile, open_rollout
from threadlog.local.heads import Parse
from threadlog.local.inventory import Inventory
from threadlog.local.scan import Found, found_at


class LocalRollouts:
    """The lines of the threads of one home."""

    def __init__(
        self, home: str, parse: Parse = lines.parse, inventory: Inventory | None = None
    ) -> None:
        """*inventory* knows the rollouts of the home, if anybody does already."""
        self.home = home
        self._parse = parse
        self._inventory = inventory

    def metadata(self, thread: ThreadSummary) -> Metadata:
        """What the head of the thread's newest rollout says."""
        inventory = self._inventory or _alone(self.home, self._parse)
        return inventory.head(found_at(thread.path, archived=thread.archived)).metadata

    def segments(self, thread: ThreadSummary) -> list[Segment]:
        """The pieces of rollouts that hold the thread's lines, oldest first."""
        return self.segments_at(found_at(thread.path, archived=thread.archived))

    def segments_at(self, found: Found) -> list[Segment]:
        """The same of the thread whose newest rollout this is."""
        inventory = self._inventory or _alone(self.home, self._parse)
        if self._inventory is None and inventory.head(found).metadata.base is not None:
            inventory = Inventory(self.home)
        chain = inventory.chain(found)
        links = [
            Link(each.rollout_id or "", each.path, inventory.head(each).metadata.base)
            for each in chain.rollouts
        ]
        return lineage.segments(links, chain.missing)

    def find(self, rollout_id: str) -> str | None:
        """Where the newest rollout of an id lies, if it is in the home."""
        inventory = self._inventory or Inventory(self.home)
        found = inventory.find_base(Base(rollout_id.lower(), 0, -1), set())
        return None if found is None else found.path

    def read(self, segment: Segment, start: int = 0) -> Iterator[Frame | Gap]:
        """The lines of a segment from byte *start* on, first to last; raises Unreadable."""
        with _opened(segment) as rollout:
            if isinstance(rollout, Gap):
                yield rollout
                return
            end, cut = start, _cut(rollout, segment)
            chunks = _between(rollout, start, cut.end) if start else rollout.chunks(cut.end)
            for frame in frames(chunks, start):
                yield frame
                end = frame.offset + line_length(frame.raw) + frame.ended
            if (gap := _gap(rollout, cut)) is not None:
                yield Gap(end, gap)

    def read_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        """The lines of a segment, last to first; raises Unreadable."""
        with _opened(segment) as rollout:
            if isinstance(rollout, Gap):
                yield rollout
                return
            cut = _cut(rollout, segment)
            end = rollout.length() if cut.end is None else cut.end
            if segment.end is not None:  # it may say more than there is
                end = min(end, rollout.length())
            if (gap := _gap(rollout, cut)) is not None:
                yield Gap(end, gap)
            yield from _backwards(rollout, end)

    def chunks(self, segment: Segment) -> Iterator[bytes | Gap]:
        """The bytes of a segment, in pieces; raises Unreadable."""
        with _opened(segment) as rollout:
            if isinstance(rollout, Gap):
                yield rollout
                return
            size, cut = 0, _cut(rollout, segment)
            for chunk in rollout.chunks(cut.end, COPY_CHUNK_BYTES):
                size += len(chunk)
                yield chunk
            if (gap := _gap(rollout, cut)) is not None:
                yield Gap(size, gap)

    def glance(self, path: str) -> Glance | None:
        """A rollout as the file system tells it; None if nothing lies there."""
        try:
            status = os.stat(path, follow_symlinks=False)
            folder_ns = os.stat(os.path.dirname(path)).st_mtime_ns
        except OSError:
            return None
        times = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return Glance((status.st_dev, status.st_ino, *times), folder_ns)

    def piece(self, path: str, offset: int, limit_bytes: int) -> tuple[bytes, int]:
        """The bytes of a rollout from *offset* on, no more than a limit, and how many it has."""
        with open_rollout(path) as rollout:
            length = rollout.length()
            count = min(limit_bytes, length - offset)
            return rollout.read_at(offset, count) if count > 0 else b"", length


def _backwards(rollout: RolloutFile, end: int) -> Iterator[Frame | Gap]:
    """The lines before *end*, last to first; where zstd data is broken, the gap in its place."""
    try:
        for frame in frames_backwards(rollout.chunks_backwards(end), end):
            end = frame.offset
            yield frame
        return
    except Misfit:
        pass
    # Found out on the way: what comes before is read as from the start, so far as that leads.
    end = min(end, rollout.length())
    if rollout.gap is not None:
        yield Gap(end, rollout.gap)
    yield from frames_backwards(rollout.chunks_backwards(end), end)


class _Cut(NamedTuple):
    """Where a segment ends in its file, None if it is all of it; `short` if it should be longer."""

    end: int | None
    short: bool = False


def _cut(rollout: RolloutFile, segment: Segment) -> _Cut:
    """Where a segment ends in its file.

    Offset and ordinal name the same cut.  Where the file was edited they do not, and the ordinals,
    which every line carries, are believed.
    """
    end, cut = segment.end, segment.end_ordinal
    if cut is None:
        return _Cut(end)
    if end is not None and _agrees(rollout, end, cut):
        return _Cut(end)
    last = -1
    for frame in frames(rollout.chunks()):
        ordinal = lines.sniff_ordinal(frame.raw) if isinstance(frame.raw, bytes) else None
        if ordinal is not None and ordinal >= cut:
            return _Cut(frame.offset)
        last = ordinal if ordinal is not None else last
    return _Cut(None, short=last < cut - 1)


def _gap(rollout: RolloutFile, cut: _Cut) -> str | None:
    """Why lines are missing at the end of a segment, once it was read; None if none are."""
    if cut.end is None and rollout.gap is not None:
        return rollout.gap
    return "it ends before the place where this thread goes on from it" if cut.short else None


def _agrees(rollout: RolloutFile, end: int, cut: int) -> bool:
    """True if *end* is where a line begins, or the file ends, and that line is not before *cut*."""
    if end > rollout.length() or (end > 0 and rollout.read_at(end - 1, 1) != b"\n"):
        return False
    following = next(frames(_from(rollout, end), end), None)
    if following is None or not isinstance(following.raw, bytes):
        return True
    ordinal = lines.sniff_ordinal(following.raw)
    return ordinal is None or ordinal >= cut


def _alone(home: str, parse: Parse) -> Inventory:
    """An inventory that knows no rollout but those it is asked about: nothing is walked."""
    return Inventory(home, lambda _home, _problems: (), parse)


def _between(rollout: RolloutFile, start: int, end: int | None) -> Iterator[bytes]:
    for chunk in rollout.chunks_from(start):
        if end is not None and start + len(chunk) >= end:
            yield chunk[: max(end - start, 0)]
            return
        yield chunk
        start += len(chunk)


def _from(rollout: RolloutFile, offset: int) -> Iterator[bytes]:
    while chunk := rollout.read_at(offset, 64 << 10):
        yield chunk
        offset += len(chunk)


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
