"""Pages of a stored thread's turns, in either direction, each at the cost of what it shows.

A page is anchored at a turn.  An anchor may say where to begin to read; without that, or where the
thread has changed since, the turn is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from threadlog.core.boundaries import Spot
from threadlog.core.turn import Turn
from threadlog.core.turns import LATE_TURNS
from threadlog.errors import BadCursor
from threadlog.reader import ThreadReader

Placed = tuple[Turn, Spot | None]


class Anchor(NamedTuple):
    """A turn that a page goes on from; with *include* it is the page's first.

    `end` is where the lines may end that older turns are read from, `start` where the turn itself
    begins: both as they were seen, for the direction that needs them.
    """

    turn_id: str
    include: bool
    end: Spot | None = None
    start: Spot | None = None


class TurnPage(NamedTuple):
    """Turns in the order asked for; `next` goes on, `previous` goes the other way from the first.

    Both None for an empty page; `next` None when there are no more.
    """

    turns: tuple[Turn, ...]
    next: Anchor | None
    previous: Anchor | None


def older(reader: ThreadReader, anchor: Anchor | None, limit: int) -> TurnPage:
    """The newest turns, or those from before an anchor, newest first; raises BadCursor."""
    end = anchor.end if anchor else None
    found = _before(reader, anchor, limit + 1, end)
    if found is None and end is not None:  # the thread is another since
        end, found = None, _before(reader, anchor, limit + 1, None)
    if found is None:
        raise BadCursor("anchor turn is no longer present")
    later, shown = found
    shown.reverse()
    page = shown[:limit]
    if not page:
        return TurnPage((), None, None)
    run = [*reversed(later), *page]  # newest first, down to the last of the page
    last = run[-1 - LATE_TURNS][1] if len(run) > LATE_TURNS else end
    first, spot = page[0]
    more = Anchor(page[-1][0].id, include=False, end=last) if len(shown) > limit else None
    return TurnPage(_turns(page), more, Anchor(first.id, include=True, start=spot))


def newer(reader: ThreadReader, anchor: Anchor | None, limit: int) -> TurnPage:
    """The oldest turns, or those from an anchor on, oldest first; raises BadCursor."""
    shown = _from(reader, anchor, limit + 1, anchor.start if anchor else None)
    if shown is None and anchor is not None and anchor.start is not None:
        shown = _from(reader, anchor, limit + 1, None)
    if shown is None:
        raise BadCursor("anchor turn is no longer present")
    page = shown[:limit]
    if not page:
        return TurnPage((), None, None)
    end = page[LATE_TURNS + 1][1] if len(page) > LATE_TURNS + 1 else None
    last, spot = page[-1]
    more = Anchor(last.id, include=False, start=spot) if len(shown) > limit else None
    return TurnPage(_turns(page), more, Anchor(page[0][0].id, include=True, end=end))


def _before(
    reader: ThreadReader, anchor: Anchor | None, wanted: int, end: Spot | None
) -> tuple[list[Placed], list[Placed]] | None:
    """What was read after the page, and the page's turns with one more, both oldest first."""
    count = wanted if anchor is None else wanted + LATE_TURNS + 1
    while True:
        read = reader.turns_back(count, end)
        if anchor is None:
            return [], read
        place = _place(read, anchor.turn_id)
        if place is not None:
            cut = place + anchor.include
            if cut >= wanted or len(read) < count:
                return read[cut:], read[max(0, cut - wanted) : cut]
        elif len(read) < count:
            return None
        count *= 2


def _from(
    reader: ThreadReader, anchor: Anchor | None, wanted: int, start: Spot | None
) -> list[Placed] | None:
    read: Iterator[Placed] = reader.turns_on(start)
    if anchor is None:
        return list(islice(read, wanted))
    for placed in read:
        if placed[0].id == anchor.turn_id:
            first = [placed] if anchor.include else []
            return [*first, *islice(read, wanted - len(first))]
    return None


def _place(read: Sequence[Placed], turn_id: str) -> int | None:
    return next((n for n, (turn, _spot) in enumerate(read) if turn.id == turn_id), None)


def _turns(placed: Sequence[Placed]) -> tuple[Turn, ...]:
    return tuple(turn for turn, _spot in placed)
