"""A stretch of a thread's turns: read a page at a time, in either direction, and let go of again.

All of it is asked of a thread off the loop, and ends early once nobody waits for it.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from threadlog import giving_up, paging
from threadlog.core.query import ThreadSummary
from threadlog.core.search import SearchHit
from threadlog.core.turn import Turn
from threadlog.home import Home
from threadlog.paging import Anchor, TurnPage
from threadlog.reader import ThreadReader
from threadlog.ui.lanes import Stopped, go_on

PAGE = 20
PREVIEWED = 3
# Turns held at once, and their characters; those farthest from what is on screen go.
KEPT, KEPT_CHARS = 120, 24 << 20
# Of long turns so many characters make a page.
PAGE_CHARS = 6 << 20
# The first page of a larger file has few turns: how long they are is not known yet.
_LARGE_BYTES, _FEW = 64 << 20, 4
# What was found, and where: the number of the segment, the offset in it.
Placed = tuple[SearchHit, tuple[int, int]]


class Stretch(NamedTuple):
    """Turns with an anchor at each, oldest first; whether there are more on either side."""

    turns: tuple[Turn, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    before: bool = False
    after: bool = False
    sizes: tuple[int, ...] = ()  # in characters

    def joined(self, later: Stretch) -> Stretch:
        """Both as one; turns that both have are those of *later*."""
        told = {turn.id for turn in later.turns}
        kept = [place for place, turn in enumerate(self.turns) if turn.id not in told]
        return Stretch(
            tuple(self.turns[place] for place in kept) + later.turns,
            tuple(self.anchors[place] for place in kept) + later.anchors,
            self.before if kept or self._begins(later) else later.before,
            later.after,
            tuple(self.sizes[place] for place in kept) + later.sizes,
        )

    def _begins(self, later: Stretch) -> bool:
        return bool(self.turns and later.turns) and self.turns[0].id == later.turns[0].id

    def without_first(self, on_screen: Container[str] = ()) -> Stretch:
        """Of too many the last ones, and those that are *on_screen*."""
        first = _too_many(self.turns, self.sizes, on_screen)
        if not first:
            return self
        return self._cut(slice(first, None))._replace(before=True)

    def without_last(self, on_screen: Container[str] = ()) -> Stretch:
        """Of too many the first ones, and those that are *on_screen*."""
        last = len(self.turns) - _too_many(self.turns[::-1], self.sizes[::-1], on_screen)
        if last == len(self.turns):
            return self
        return self._cut(slice(last))._replace(after=True)

    def _cut(self, kept: slice) -> Stretch:
        return self._replace(
            turns=self.turns[kept], anchors=self.anchors[kept], sizes=self.sizes[kept]
        )

    def page(self) -> int:
        """How many turns as long as these make a page."""
        mean = sum(self.sizes) // max(len(self.sizes), 1)
        return max(1, min(PAGE, PAGE_CHARS // max(mean, 1)))


def _too_many(turns: Sequence[Turn], sizes: Sequence[int], on_screen: Container[str]) -> int:
    """How many of the first ones go, so that the others can be held; one always stays."""
    first, chars = 0, sum(sizes)
    while first + 1 < len(turns) and (len(turns) - first > KEPT or chars > KEPT_CHARS):
        if turns[first].id in on_screen:
            break
        chars -= sizes[first]
        first += 1
    return first


def size_of(value: object) -> int:
    """About how many characters there are in a turn, or in a part of it."""
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, msgspec.Struct):
        return sum(size_of(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, Mapping):
        return sum(len(str(key)) + size_of(each) for key, each in value.items())
    return sum(map(size_of, value)) if isinstance(value, (list, tuple)) else 0


def _reader(home: Home, thread: ThreadSummary, stopped: Stopped) -> ThreadReader:
    return giving_up.reader(home, thread, lambda: go_on(stopped))


def _stretch(page: TurnPage, *, before: bool, after: bool, newest_first: bool = False) -> Stretch:
    turns, anchors = page.turns, page.anchors
    if newest_first:
        turns, anchors = turns[::-1], anchors[::-1]
    return Stretch(turns, anchors, before, after, tuple(map(size_of, turns)))


def _first_page(thread: ThreadSummary) -> int:
    try:
        large = os.stat(thread.path).st_size > _LARGE_BYTES
    except OSError:  # who reads it tells
        large = False
    return min(_FEW, PAGE) if large else PAGE


def newest(
    home: Home, thread: ThreadSummary, stopped: Stopped, count: int | None = None
) -> Stretch:
    """The newest turns."""
    page = paging.older(_reader(home, thread, stopped), None, count or _first_page(thread))
    return _stretch(page, before=page.next is not None, after=False, newest_first=True)


def oldest(home: Home, thread: ThreadSummary, stopped: Stopped) -> Stretch:
    """The oldest turns."""
    page = paging.newer(_reader(home, thread, stopped), None, _first_page(thread))
    return _stretch(page, before=False, after=page.next is not None)


def before(home: Home, thread: ThreadSummary, stopped: Stopped, known: Stretch) -> Stretch:
    """The turns before those that are known; raises BadCursor if the first is there no more."""
    anchor = known.anchors[0]._replace(include=False)
    page = paging.older(_reader(home, thread, stopped), anchor, known.page())
    return _stretch(page, before=page.next is not None, after=True, newest_first=True)


def after(home: Home, thread: ThreadSummary, stopped: Stopped, known: Stretch) -> Stretch:
    """The last turn that is known, as it is by now, and those after it; raises BadCursor."""
    anchor = known.anchors[-1]._replace(include=True)
    page = paging.newer(_reader(home, thread, stopped), anchor, known.page() + 1)
    return _stretch(page, before=True, after=page.next is not None)


def around(home: Home, hit: SearchHit, stopped: Stopped) -> Stretch:
    """The turn that something was found in, and those after it; raises BadCursor.

    Read from where the turn begins, which is looked for backwards from what was found.
    """
    reader = _reader(home, hit.thread, stopped)
    if not hit.turn:  # it stands before the first turn
        return oldest(home, hit.thread, stopped)
    anchor = Anchor(
        hit.turn, include=True, start=paging.start_of(reader, hit.path, hit.offset, hit.turn)
    )
    page = paging.newer(reader, anchor, _first_page(hit.thread))
    return _stretch(page, before=True, after=page.next is not None)


def placed(
    home: Home, thread: ThreadSummary, hits: Iterable[SearchHit], stopped: Stopped
) -> list[Placed]:
    """What was found in a thread, in the order in which it is read."""
    segments = _reader(home, thread, stopped).segments()
    numbers = {segment.path: number for number, segment in enumerate(segments)}
    last = len(numbers)
    found = [(hit, (numbers.get(hit.path, last), hit.offset)) for hit in hits]
    return sorted(found, key=lambda each: each[1])
