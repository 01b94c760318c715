"""What is told of a thread: which of its turns, and where they were rolled back, reverted, forked.

Each question reads as little as it may: the newest turns, and those since a moment, from the end.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from threadlog.core import moments
from threadlog.core.boundaries import Spot
from threadlog.core.copies import origins_told, own_start
from threadlog.core.decode import Line
from threadlog.core.ids import is_thread_id
from threadlog.core.items.base import Item
from threadlog.core.items.event import TaskComplete, TaskStarted, TokenCount, TurnAborted
from threadlog.core.items.response import Message
from threadlog.core.items.session import context_of
from threadlog.core.layout import parse_name
from threadlog.core.lineage import Segment
from threadlog.core.turn import ROLLED_BACK, Turn
from threadlog.core.turn_fold import shows
from threadlog.errors import Ambiguous, NotFound, ThreadlogError
from threadlog.reader import ThreadReader

if TYPE_CHECKING:
    from threadlog.stored import StoredThreads

# Longer numbers are pieces of ids.
NUMBER_DIGITS = 6
_CANDIDATES = 8
# Where turns are read from the end, and the first of them begins beyond so many bytes of a rollout
# that begins with a copy, it is not looked where that ends: both rollouts are read up to there.
COPY_LOOK_BYTES = 16 << 20
_Placed = tuple[Turn, Spot | None]


class Joint(NamedTuple):
    """Where one rollout of a thread ends and the next goes on: a fork of another, or a revert.

    `thread_id` is of the thread that the turns before it are of, if the rollout's name tells it.
    """

    thread_id: str | None
    reverted: bool


Told = Turn | Joint


def told(
    reader: ThreadReader,
    *,
    last: int | None = None,
    since_ms: int | None = None,
    home: StoredThreads | None = None,
) -> Iterator[Told]:
    """The turns, oldest first: all, the *last* so many, or those that went on since a moment.

    Those that were rolled back too, in their places, with that status; and where rollouts join.
    Where a rollout begins with lines copied from another thread of *home*, that is told as well.
    """
    starts: dict[str, int] = {}
    if since_ms is not None:
        found = _since(reader, since_ms)
        placed: Iterable[_Placed] = found if last is None else _last(found, last)
    elif last is not None:
        placed = reader.turns_back(last, rolled_back=True)
    elif reader.is_paginated:
        placed = reader.turns_on()
    else:
        turns = reader.turns(rolled_back=True, starts=starts)
        placed = ((turn, _spot(starts.get(turn.id))) for turn in turns)
    segments = reader.segments()
    ids = origins_told(reader.metadata, reader.frames(segments[-1])) if home is not None else ()
    if home is None or not ids:
        return _joined(placed, segments)
    limit = None
    if reader.explicit_turns and (since_ms is not None or last is not None):
        limit = COPY_LOOK_BYTES
    return _forked(placed, _Copy(home, reader, ids), limit)


class _Copy(NamedTuple):
    """A rollout that may begin with lines of one of some threads, the nearest first."""

    home: StoredThreads
    reader: ThreadReader
    ids: tuple[str, ...]

    def ends(self) -> list[tuple[int, str | None]]:
        """Where the lines of each end, in bytes, and whose they are, in their order.

        A copy of a fork begins with that one's copy: all that are there are told.
        """
        own = self.reader.segments()[-1]
        found: list[tuple[int, str | None]] = []
        for place, each in enumerate(self.ids):
            if not is_thread_id(each.lower()):
                continue
            try:
                origin = self.home.get(each.lower())
                if origin.path == own.path:
                    continue
                copied = self.reader.frames(Segment("", origin.path))
                begun = islice(self.reader.frames(own), place, None)
                found.insert(0, (own_start(begun, copied), origin.id))
            except ThreadlogError:
                continue
        return sorted(found, key=itemgetter(0))


def _forked(placed: Iterable[_Placed], copy: _Copy, limit_bytes: int | None) -> Iterator[Told]:
    """The turns, and behind those that are copies whose lines they are."""
    turns = iter(placed)
    first = next(turns, None)
    if first is None:
        return
    ends: list[tuple[int, str | None]] = []
    begun = _begun(first)
    if begun is not None and (limit_bytes is None or begun <= limit_bytes):
        ends = [each for each in copy.ends() if begun < each[0]]
    yield first[0]
    for placed_turn in turns:
        begun = _begun(placed_turn)
        while ends and begun is not None and begun >= ends[0][0]:
            yield Joint(ends.pop(0)[1], reverted=False)
        yield placed_turn[0]
    for _end, whose in ends:
        yield Joint(whose, reverted=False)


def _begun(placed: _Placed) -> int | None:
    """The byte at which a turn begins, if that is known."""
    spot = placed[1] or _by_name(placed[0])
    return None if spot is None else spot.offset


def _spot(offset: int | None) -> Spot | None:
    return None if offset is None else Spot(0, offset)


def find_turn(reader: ThreadReader, wanted: str) -> Turn:
    """The turn meant by its id, a unique piece of it, or a number: 1 the first, -1 the last.

    One that was rolled back too, by its id.  Raises NotFound, Ambiguous.
    """
    return find_numbered(reader, wanted)[1]


def find_numbered(reader: ThreadReader, wanted: str) -> tuple[int | None, Turn]:
    """The same with its number, from 1, where the way to it tells; raises as `find_turn`."""
    digits = wanted.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS and int(digits):
        return max(int(wanted), 0) or None, _numbered(reader, int(wanted))
    found: dict[str, tuple[int | None, Turn]] = {}
    number = 0
    for turn in reader.turns(rolled_back=True):
        is_counted = turn.status != ROLLED_BACK
        number += is_counted
        told = (number if is_counted else None, turn)
        if turn.id == wanted:
            return told
        if wanted in turn.id and len(found) <= _CANDIDATES:
            found[turn.id] = told
    if len(found) > 1:
        named = ", ".join(list(found)[:_CANDIDATES])
        raise Ambiguous(f"the turn meant could be any of {named}; say more of its id", tuple(found))
    if not found:
        raise NotFound("no turn of this thread has that id; `threadlog show` names them")
    return next(iter(found.values()))


def _numbered(reader: ThreadReader, number: int) -> Turn:
    if number > 0:
        turns = list(islice(reader.turns(), number - 1, number))
    else:
        newest = reader.last_turns(-number)
        turns = newest[:1] if len(newest) == -number else []
    if not turns:
        raise NotFound(f"this thread has no turn {number}: it has fewer")
    return turns[0]


def _joined(placed: Iterable[_Placed], segments: list[Segment]) -> Iterator[Told]:
    at: int | None = None
    for turn, spot in placed:
        if spot is not None:
            if at is not None:
                yield from joints(segments, at, spot.segment)
            at = spot.segment
        yield turn
    if at is not None:
        yield from joints(segments, at, len(segments) - 1)


def joints(segments: list[Segment], before: int, after: int) -> Iterator[Joint]:
    """Where the rollouts join that lie between two segments, by their numbers."""
    for number in range(before, after):
        older, newer = (_thread_id(segments[each]) for each in (number, number + 1))
        yield Joint(older, reverted=older == newer)


def _thread_id(segment: Segment) -> str | None:
    name = parse_name(os.path.basename(segment.path))
    return name.thread_id if name else None


def _last(placed: list[_Placed], count: int) -> list[_Placed]:
    counting = [at for at, (turn, _spot) in enumerate(placed) if turn.status != ROLLED_BACK]
    return placed[counting[-count] :] if len(counting) > count else placed


def _since(reader: ThreadReader, since_ms: int) -> list[_Placed]:
    """The turns that began, or went on, at *since_ms* or later, by the times of their lines."""
    first: Spot | None = None
    starts, timed = 0, False
    for number, value in reader.placed_backwards():
        moment = moments.unix_ms(value.timestamp) if isinstance(value, Line) else None
        if moment is None or not isinstance(value, Line):
            continue
        timed = True
        if moment < since_ms:
            break
        if _goes_on(value.item):
            first = Spot(number, value.offset)
        starts += isinstance(value.item, TaskStarted)
    if not timed:
        return [(turn, None) for turn in reader.turns(rolled_back=True)]
    if first is None:
        return []
    if reader.explicit_turns:
        placed = reader.turns_back(starts + 1, rolled_back=True)
    else:
        placed = [(turn, _by_name(turn)) for turn in reader.turns(rolled_back=True)]
    return _from(placed, first)


def _from(placed: list[_Placed], first: Spot) -> list[_Placed]:
    """Those of the turns that begin at *first* or later, and the one that it lies in."""
    for at in reversed(range(len(placed))):
        spot = placed[at][1]
        if spot is not None and spot[:2] <= first[:2]:
            return placed[at:]
    return placed


def _goes_on(item: Item) -> bool:
    """True if a turn begins, goes on or ends with an item; context between turns is not meant."""
    if isinstance(item, (TaskStarted, TaskComplete, TurnAborted)):
        return True
    if isinstance(item, Message):
        return item.role == "assistant"
    return shows(item) and not isinstance(item, TokenCount) and context_of(item) is None


def _by_name(turn: Turn) -> Spot | None:
    """Where a turn begins that is named after its place."""
    offset = turn.id.removeprefix("turn-")
    return Spot(0, int(offset)) if offset.isascii() and offset.isdigit() else None


def local_time(unix_s: int) -> str:
    """A moment (unix seconds) as people here write it; "" beyond the calendar."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_s))
    except (OverflowError, OSError, ValueError):
        return ""
