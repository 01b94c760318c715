"""A stretch of a thread's turns: read a page at a time, in either direction, and let go of again.

All of it is asked of a thread off the loop, and ends early once nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar

from threadlog import paging
from threadlog.core.boundaries import Spot
from threadlog.core.framing import Frame, Gap
from threadlog.core.lineage import Segment
from threadlog.core.metadata import Metadata
from threadlog.core.query import ThreadSummary
from threadlog.core.search import SearchHit
from threadlog.core.turn import Turn
from threadlog.home import Home
from threadlog.paging import Anchor
from threadlog.reader import ThreadReader
from threadlog.ui.lanes import Stopped, go_on

PAGE = 20
PREVIEWED = 3
# Turns held at once; those farthest from what is on screen go.
KEPT = 120
_T = TypeVar("_T")
# What was found, and where: the number of the segment, the offset in it.
Placed = tuple[SearchHit, tuple[int, int]]


class Stretch(NamedTuple):
    """Turns with an anchor at each, oldest first; whether there are more on either side."""

    turns: tuple[Turn, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    before: bool = False
    after: bool = False

    def joined(self, later: Stretch) -> Stretch:
        """Both as one; turns that both have are those of *later*."""
        told = {turn.id for turn in later.turns}
        kept = [place for place, turn in enumerate(self.turns) if turn.id not in told]
        return Stretch(
            tuple(self.turns[place] for place in kept) + later.turns,
            tuple(self.anchors[place] for place in kept) + later.anchors,
            self.before if kept or self._begins(later) else later.before,
            later.after,
        )

    def _begins(self, later: Stretch) -> bool:
        return bool(self.turns and later.turns) and self.turns[0].id == later.turns[0].id

    def without_first(self) -> Stretch:
        """Of too many the last ones."""
        if len(self.turns) <= KEPT:
            return self
        return self._replace(turns=self.turns[-KEPT:], anchors=self.anchors[-KEPT:], before=True)

    def without_last(self) -> Stretch:
        """Of too many the first ones."""
        if len(self.turns) <= KEPT:
            return self
        return self._replace(turns=self.turns[:KEPT], anchors=self.anchors[:KEPT], after=True)


class _Stoppable:
    """Rollouts whose reading ends once nobody waits for it."""

    def __init__(self, home: Home, stopped: Stopped) -> None:
        self._rollouts = home.store.rollouts
        self._stopped = stopped

    def metadata(self, thread: ThreadSummary) -> Metadata:
        return self._rollouts.metadata(thread)

    def segments(self, thread: ThreadSummary) -> list[Segment]:
        return self._rollouts.segments(thread)

    def read(self, segment: Segment, start: int = 0) -> Iterator[Frame | Gap]:
        return self._watched(self._rollouts.read(segment, start))

    def read_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        return self._watched(self._rollouts.read_backwards(segment))

    def chunks(self, segment: Segment) -> Iterator[bytes | Gap]:
        return self._watched(self._rollouts.chunks(segment))

    def _watched(self, pieces: Iterable[_T]) -> Iterator[_T]:
        for piece in pieces:
            go_on(self._stopped)
            yield piece


def _reader(home: Home, thread: ThreadSummary, stopped: Stopped) -> ThreadReader:
    return ThreadReader(_Stoppable(home, stopped), thread)


def newest(home: Home, thread: ThreadSummary, stopped: Stopped, count: int = PAGE) -> Stretch:
    """The newest turns."""
    page = paging.older(_reader(home, thread, stopped), None, count)
    return Stretch(page.turns[::-1], page.anchors[::-1], page.next is not None)


def oldest(home: Home, thread: ThreadSummary, stopped: Stopped) -> Stretch:
    """The oldest turns."""
    page = paging.newer(_reader(home, thread, stopped), None, PAGE)
    return Stretch(page.turns, page.anchors, after=page.next is not None)


def before(home: Home, thread: ThreadSummary, stopped: Stopped, first: Anchor) -> Stretch:
    """The turns before one; raises BadCursor if that is not there any more."""
    anchor = first._replace(include=False)
    page = paging.older(_reader(home, thread, stopped), anchor, PAGE)
    return Stretch(page.turns[::-1], page.anchors[::-1], page.next is not None, after=True)


def after(home: Home, thread: ThreadSummary, stopped: Stopped, last: Anchor) -> Stretch:
    """One turn, as it is by now, and those after it; raises BadCursor."""
    anchor = last._replace(include=True)
    page = paging.newer(_reader(home, thread, stopped), anchor, PAGE)
    return Stretch(page.turns, page.anchors, before=True, after=page.next is not None)


def around(home: Home, hit: SearchHit, stopped: Stopped) -> Stretch:
    """The turn that something was found in, and those after it; raises BadCursor.

    Read from where the turn begins, which is looked for backwards from what was found.
    """
    reader = _reader(home, hit.thread, stopped)
    if not hit.turn:  # it stands before the first turn
        return oldest(home, hit.thread, stopped)
    anchor = Anchor(hit.turn, include=True, start=_start_of(reader, hit))
    page = paging.newer(reader, anchor, PAGE)
    return Stretch(page.turns, page.anchors, before=True, after=page.next is not None)


def placed(
    home: Home, thread: ThreadSummary, hits: Iterable[SearchHit], stopped: Stopped
) -> list[Placed]:
    """What was found in a thread, in the order in which it is read."""
    segments = _reader(home, thread, stopped).segments()
    numbers = {segment.path: number for number, segment in enumerate(segments)}
    last = len(numbers)
    found = [(hit, (numbers.get(hit.path, last), hit.offset)) for hit in hits]
    return sorted(found, key=lambda each: each[1])


def _start_of(reader: ThreadReader, hit: SearchHit) -> Spot | None:
    for number, segment in enumerate(reader.segments()):
        if segment.path == hit.path:
            found = reader.turns_back(1, Spot(number, hit.offset + 1))
            return found[0][1] if found and found[0][0].id == hit.turn else None
    return None
