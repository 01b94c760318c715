"""Reading a whole thread for an index, in steps, each of which goes on from where one ended.

What the thread builds on is read once, at the beginning.  Its own rollout is read on from the end
of the last whole line.  What stands after that (a line without its LF, a place where the bytes
end too early) is told, but is read again the next time.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from threadlog.core.framing import LF, Frame, Gap, Oversized, Splitter, line_length
from threadlog.core.ledger import Ledger, Origin
from threadlog.core.lineage import Segment
from threadlog.core.metadata import Metadata
from threadlog.core.query import ThreadSummary
from threadlog.core.scan import Raw, Scan
from threadlog.core.summary import Counts
from threadlog.errors import Unreadable
from threadlog.local import origins
from threadlog.local.files import RolloutFile, open_rollout
from threadlog.local.reading import LocalRollouts
from threadlog.local.scan import found_at

# After so many bytes it is asked whether to stop.
STEP_BYTES = 4 << 20


class Scanned(NamedTuple):
    """How far a thread was read, and what it told.

    Every line before `offset` (in bytes of the uncompressed rollout) is in `state`, to go on from.
    `metadata`, `counts` and `ledger` also tell what stands after it, once all was read, which
    `done` says.  `origin` is whose lines the ledger takes for copied.
    """

    offset: int
    state: str
    done: bool
    metadata: Metadata
    counts: Counts
    ledger: Ledger = Ledger()
    origin: Origin | None = None


def scan(
    rollouts: LocalRollouts,
    thread: ThreadSummary,
    before: Scanned | None,
    stop: Callable[[], bool],
) -> Scanned:
    """Read on in a thread from where *before*, of the same rollout, ended; all of it without one.

    *before* is of no use, and all is read anew, where its state is unreadable, where no line of
    the rollout ends at its offset (any more), where the head says otherwise how to read it, or
    where another part of it turns out to be copied than was thought.
    *stop* is asked every STEP_BYTES of the thread's own rollout, but only when a line of it was
    read, so that every call gets further.  What cannot be read is a problem, and done with: what
    was read before stays, and the next call tries again.
    """
    head = rollouts.metadata(thread)
    stored = _stored(before)
    try:
        origin = origins.origin(rollouts, thread.path, head)
        with open_rollout(thread.path) as rollout:
            if before is not None and stored is not None and stored.fits(head):
                rest = _after(rollout, before.offset)
                if rest is not None and _copies_the_same(rollouts, thread, stored, origin):
                    return _Reading(stored, rollout, before.offset).read(rest, stop)
            fold = _begun(rollouts, thread, head, origin)
            return _Reading(fold, rollout).read(rollout.chunks_from(0), stop)
    except Unreadable as error:
        if before is None or stored is None:
            return Scanned(0, "", done=True, metadata=head, counts=Counts(0, 1, 0))
        shown = stored.with_rest([Gap(before.offset, str(error))])
        return before._replace(
            done=True,
            metadata=shown.metadata,
            counts=shown.counts,
            ledger=shown.ledger,
            origin=stored.origin,
        )


def _stored(before: Scanned | None) -> Scan | None:
    try:
        return Scan.from_state(before.state) if before else None
    except ValueError:
        return None


def _after(rollout: RolloutFile, offset: int) -> Iterator[bytes] | None:
    """The chunks from *offset* on; None if no line ends there."""
    if offset == 0:
        return rollout.chunks_from(0)
    chunks = rollout.chunks_from(offset - len(LF))
    first = next(chunks, b"")
    if not first.startswith(LF):
        return None
    return itertools.chain([first[len(LF) :]], chunks)


def _copies_the_same(
    rollouts: LocalRollouts, thread: ThreadSummary, stored: Scan, origin: Origin | None
) -> bool:
    """True if as much of a fork is copied as when it was scanned; what it was copied from grows."""
    if stored.origin != origin:
        if origins.copied_bytes(rollouts, thread.path, origin) != stored.copied_bytes:
            return False
        stored.origin = origin
    return True


def _begun(
    rollouts: LocalRollouts, thread: ThreadSummary, head: Metadata, origin: Origin | None
) -> Scan:
    """A scan that read what the thread's rollout builds on."""
    fold = Scan.of(head)
    fold.origin, fold.copied_bytes = origin, origins.copied_bytes(rollouts, thread.path, origin)
    if head.base is not None:
        for segment in rollouts.segments(thread)[:-1]:
            fold.add_inherited(
                (each.raw if isinstance(each, Frame) else each for each in rollouts.read(segment)),
                own_from=_own_from(rollouts, thread, segment),
            )
    return fold


def _own_from(rollouts: LocalRollouts, thread: ThreadSummary, segment: Segment) -> int | None:
    """The ordinal from which on an earlier rollout is of the same thread; None if it is not."""
    same = found_at(segment.path, archived=False).thread_id == thread.id
    if not same or thread.id is None:
        return None
    return rollouts.metadata(thread._replace(path=segment.path)).own_from_ordinal


class _Reading:
    """One reading of a rollout, from *offset* on."""

    def __init__(self, fold: Scan, rollout: RolloutFile, offset: int = 0) -> None:
        self._fold = fold
        self._rollout = rollout
        self._splitter = Splitter(offset)
        self._fed_to = self._asked_at = self._line_at = offset
        self._further = False

    def read(self, chunks: Iterator[bytes], stop: Callable[[], bool]) -> Scanned:
        """Read until the rollout ends, or *stop* says so."""
        gap = None
        try:
            for chunk in chunks:
                self._feed(chunk)
                if self._may_stop() and stop():
                    return self._scanned(done=False)
            gap = self._rollout.gap
        except Unreadable as error:
            gap = str(error)
        return self._scanned(done=True, gap=gap)

    def _feed(self, chunk: bytes) -> None:
        raws = self._splitter.feed(chunk)
        if copied := self._copied(raws):
            self._fold.add(raws[:copied], own=False)
            self._fold.add(raws[copied:])
        else:
            self._fold.add(raws)
        self._fed_to += len(chunk)
        self._further = self._further or bool(raws)

    def _copied(self, raws: Sequence[bytes | Oversized]) -> int:
        """How many of the next lines are a fork's copies."""
        count = 0
        for raw in raws:
            if self._line_at >= self._fold.copied_bytes:
                break
            self._line_at += line_length(raw) + len(LF)
            count += 1
        return count

    def _may_stop(self) -> bool:
        if not self._further or self._fed_to - self._asked_at < STEP_BYTES:
            return False
        self._asked_at = self._fed_to
        return True

    def _scanned(self, *, done: bool, gap: str | None = None) -> Scanned:
        begun = self._splitter.finish()
        offset = self._fed_to - (line_length(begun) if begun is not None else 0)
        rest: list[Raw] = []
        if done:
            rest += [begun] if begun is not None else []
            rest += [Gap(self._fed_to, gap)] if gap is not None else []
        shown = self._fold.with_rest(rest)
        told = (shown.metadata, shown.counts, shown.ledger, self._fold.origin)
        return Scanned(offset, self._fold.state(), done, *told)
