"""Pages of a stored thread's turns, in either direction, each at the cost of what it shows.

A page is anchored at a turn.  An anchor may say where to begin to read; without that, or where the
thread has changed since, the turn is looked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from threadlog.core.boundaries import Spot
from threadlog.core.turn import ROLLED_BACK, Turn
from threadlog.core.turns import LATE_TURNS, item_number
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

    Both None for an empty page; `next` None when there are no more.  `anchors` are at the turns,
    each of them included.  `rolled_back` counts for a turn's id those right before it that no
    longer count; for "" those after the thread's last.
    """

    turns: tuple[Turn, ...]
    next: Anchor | None
    previous: Anchor | None
    anchors: tuple[Anchor, ...] = ()
    rolled_back: Mapping[str, int] = MappingProxyType({})


def older(reader: ThreadReader, anchor: Anchor | None, limit: int) -> TurnPage:
    """The newest turns, or those from before an anchor, newest first; raises BadCursor."""
    end = anchor.end if anchor else None
    run = _Run(reader)
    found = _before(run, anchor, limit + 1, end)
    if found is None and end is not None:  # the thread is another since
        end, found = None, _before(run, anchor, limit + 1, None)
    if found is None:
        raise BadCursor("anchor turn is no longer present")
    later, shown = found
    read = [*shown, *later]  # oldest first, with what was read after the page
    return _page(read, shown[::-1], limit, end)._replace(rolled_back=run.rolled_back)


def newer(reader: ThreadReader, anchor: Anchor | None, limit: int) -> TurnPage:
    """The oldest turns, or those from an anchor on, oldest first; raises BadCursor."""
    wanted = limit + LATE_TURNS + 2
    run = _Run(reader)
    read = _from(run, anchor, wanted, anchor.start if anchor else None)
    if read is None and anchor is not None and anchor.start is not None:
        read = _from(run, anchor, wanted, None)
    if read is None:
        raise BadCursor("anchor turn is no longer present")
    return _page(read, read[: limit + 1], limit, None)._replace(rolled_back=run.rolled_back)


def start_of(reader: ThreadReader, path: str, offset: int, turn_id: str) -> Spot | None:
    """Where a turn begins that byte *offset* of the rollout at *path* is in; None if not there."""
    for number, segment in enumerate(reader.segments()):
        if segment.path == path:
            found = reader.turns_back(1, Spot(number, offset + 1))
            return found[0][1] if found and found[0][0].id == turn_id else None
    return None


def item_of(reader: ThreadReader, anchor: Anchor, spot: Spot) -> int | None:
    """Which item of a turn the line at a place tells of, or the next that tells of one, from 0."""
    rules = msgspec.structs.replace(reader.rules(), partial=anchor.start is not None)
    lines = reader.placed(anchor.start or Spot(0, 0))
    return item_number(lines, rules, anchor.turn_id, spot)


class _Run:
    """Turns as they are read: those that count, and how many between them do not."""

    def __init__(self, reader: ThreadReader) -> None:
        self.reader = reader
        self.rolled_back: dict[str, int] = {}

    def back(self, count: int, end: Spot | None) -> list[Placed]:
        """The newest before *end*, oldest first."""
        return list(self._counting(self.reader.turns_back(count, end, rolled_back=True)))

    def on(self, start: Spot | None = None) -> Iterator[Placed]:
        """Those from *start* on."""
        return self._counting(self.reader.turns_on(start, rolled_back=True))

    def _counting(self, placed: Iterable[Placed]) -> Iterator[Placed]:
        gone = 0
        for turn, spot in placed:
            if turn.status == ROLLED_BACK:
                gone += 1
                continue
            if gone:
                self.rolled_back[turn.id] = gone
            gone = 0
            yield turn, spot
        if gone:
            self.rolled_back[""] = gone


def _page(run: list[Placed], shown: list[Placed], limit: int, end: Spot | None) -> TurnPage:
    """The first *limit* turns of *shown*; *run* are they and others about them, oldest first."""
    page = shown[:limit]
    if not page:
        return TurnPage((), None, None)
    places = {turn.id: number for number, (turn, _spot) in enumerate(run)}
    anchors = []
    for turn, spot in page:
        later = places[turn.id] + LATE_TURNS + 1
        ends = run[later][1] if later < len(run) else end
        anchors.append(Anchor(turn.id, include=True, end=ends, start=spot))
    more = anchors[-1]._replace(include=False) if len(shown) > limit else None
    return TurnPage(tuple(turn for turn, _spot in page), more, anchors[0], tuple(anchors))


def _before(
    run: _Run, anchor: Anchor | None, wanted: int, end: Spot | None
) -> tuple[list[Placed], list[Placed]] | None:
    """What was read after the page, and the page's turns with one more, both oldest first."""
    count = wanted if anchor is None else wanted + LATE_TURNS + 1
    while True:
        read = run.back(count, end)
        if run.reader.tail_was_cut:
            return _read_forwards(run, anchor, wanted)
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


def _read_forwards(
    run: _Run, anchor: Anchor | None, wanted: int
) -> tuple[list[Placed], list[Placed]] | None:
    """The same from the thread's beginning: so much cannot be held that is read from its end."""
    kept: deque[Placed] = deque(maxlen=wanted)
    read = run.on()
    for placed in read:
        if anchor is not None and placed[0].id == anchor.turn_id:
            if anchor.include:
                kept.append(placed)
                return list(islice(read, LATE_TURNS + 1)), list(kept)
            return [placed, *islice(read, LATE_TURNS)], list(kept)
        kept.append(placed)
    return ([], list(kept)) if anchor is None else None


def _from(run: _Run, anchor: Anchor | None, wanted: int, start: Spot | None) -> list[Placed] | None:
    read = run.on(start)
    if anchor is None:
        return list(islice(read, wanted))
    for placed in read:
        if placed[0].id == anchor.turn_id:
            first = [placed] if anchor.include else []
            return [*first, *islice(read, wanted - len(first))]
    return None


def _place(read: Sequence[Placed], turn_id: str) -> int | None:
    return next((n for n, (turn, _spot) in enumerate(read) if turn.id == turn_id), None)
