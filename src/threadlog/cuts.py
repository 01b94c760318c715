"""Where a stored thread is cut, for a fork or a revert: found by turn, by message, or its end.

A turn is looked for from the end, by its recorded start; only turns and messages without one cost
a reading of the whole thread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from threadlog.core import boundaries, lines
from threadlog.core.boundaries import Messages, Spot
from threadlog.core.decode import decode_item
from threadlog.core.framing import Frame, Gap, Oversized, line_length
from threadlog.core.items.event import TaskStarted
from threadlog.core.items.session import HistoryBase
from threadlog.core.lineage import Segment
from threadlog.core.lines import BadLine
from threadlog.errors import EmptyRollout, NotFound, NotResumable, Refused
from threadlog.reader import ThreadReader

# A turn without a recorded start is named by where its first event is.
_IMPLICIT = r"turn-([0-9]+)"
# A review is entered, in legacy and in paginated threads.
_REVIEWS = (b'"entered_review_mode"', b'"EnteredReviewMode"')
_STARTS = ((lines.EVENT, "task_started"), (lines.EVENT, "turn_started"))


class Point(NamedTuple):
    """Where to cut: after a turn, before one, or before a message of the user; else at the end."""

    through: str | None = None
    before: str | None = None
    message: int | None = None


class Cut(NamedTuple):
    """What comes before a cut: whole segments and the beginning of the last.

    `ordinal` is the first number that is cut off, None where lines have none.  Of a paginated
    thread cut before its first turn nothing comes before (Codex: the same).  `open_turn` is the
    id of a turn that has not ended before the cut, "" if it has no id, None if there is none.
    """

    segments: list[Segment]
    ordinal: int | None
    open_turn: str | None = None

    def base(self) -> HistoryBase | None:
        """What a rollout that goes on from here by reference says; None if it begins anew."""
        if self.ordinal is None or not self.segments:
            return None
        last = self.segments[-1]
        return HistoryBase(
            thread_id=last.rollout_id,
            end_ordinal_exclusive=self.ordinal,
            end_byte_offset=last.end or 0,
        )


def find_cut(reader: ThreadReader, point: Point) -> Cut:
    """The cut meant; raises NotFound for a turn that is not there, Refused, ValueError."""
    if sum(each is not None for each in point) > 1:
        raise ValueError("a thread is cut at one place: name one turn, or one message")
    if point.message is not None:
        return _at_message(reader, point.message)
    name = point.through if point.before is None else point.before
    if name is None:
        return _at_end(reader)
    if match := re.fullmatch(_IMPLICIT, name):
        return _at_event(reader, int(match[1]), name, through=point.before is None)
    return _at_turn(reader, name, through=point.before is None)


def _at_end(reader: ThreadReader) -> Cut:
    cut = _end(reader)
    turn = reader.unfinished()
    return cut if turn is None else cut._replace(open_turn=turn)


def _end(reader: ThreadReader) -> Cut:
    """Everything that is whole: half a line at the end is not of the thread yet.

    Nor is a numbered line that lacks its LF (Codex: the same); a copy gives it one.
    """
    segments = reader.segments()
    end: int | None = None
    for frame in reader.frames_backwards(segments[-1]):
        if isinstance(frame, Gap):
            raise NotResumable(f"cannot go on from {segments[-1].path}: {frame.reason}")
        if not isinstance(frame.raw, Oversized) and not frame.raw.strip():
            continue
        valid = isinstance(frame.raw, bytes) and _parse(frame.raw) is not None
        whole = frame.ended or (valid and not reader.is_paginated)
        if end is None and whole:
            end = frame.offset + line_length(frame.raw) + frame.ended
        if end is None:
            continue
        ordinal = _ordinal(frame) if reader.is_paginated else -1
        if ordinal is not None:
            return _cut(reader, Spot(len(segments) - 1, end, ordinal + 1))
    if end is None:
        raise EmptyRollout(f"there is nothing to go on from in {segments[-1].path}")
    raise NotResumable(f"cannot go on from {segments[-1].path}: its lines lack their ordinals")


def _at_turn(reader: ThreadReader, turn_id: str, *, through: bool) -> Cut:
    found = _near(reader, turn_id) or _anywhere(reader, turn_id)
    if found is None:
        raise _no_turn(turn_id)
    start, following = found
    if not through:
        return _cut(reader, _asked_at(reader, start))
    if following is not None:
        return _cut(reader, _asked_at(reader, following))
    if reader.unfinished() is not None:
        raise Refused(f"turn {turn_id} has not ended yet: cut before it, or wait for its end")
    return _end(reader)


# Where a turn and the one after it begin.
_Found = tuple[Spot, Spot | None]


def _asked_at(reader: ThreadReader, spot: Spot) -> Spot:
    """Where the question stands of a turn that begins at *spot*: before its event, if that is one.

    So it is where no start was recorded: the model's copy of the question comes first.
    """
    if reader.is_paginated or _is_start(reader, spot):
        return spot
    return _question(_messages(reader), spot)


def _question(messages: Messages, spot: Spot) -> Spot:
    place = messages.at_event(spot.offset)
    return spot if place is None else messages.spots[place]


def _is_start(reader: ThreadReader, spot: Spot) -> bool:
    frame = next(iter(reader.frames(reader.segments()[spot.segment], spot.offset)), None)
    raw = frame.raw if isinstance(frame, Frame) else None
    return isinstance(raw, bytes) and lines.sniff(raw) in _STARTS


def _near(reader: ThreadReader, turn_id: str) -> _Found | None:
    """By recorded starts, from the end; None where there are turns without one in between."""
    following: Spot | None = None
    own, rolled_back = False, False
    for number, frame in _frames_backwards(reader, reader.segments()):
        raw = frame.raw
        assert isinstance(raw, bytes)
        rolled_back |= not own and b"rolled_back" in raw
        if b"_started" not in raw:
            continue
        item = decode_item(raw)
        if isinstance(item, TaskStarted):
            spot = Spot(number, frame.offset, _ordinal(frame))
            if own:
                ids = [item.turn_id, turn_id]
                return _checked(reader, ids, (spot, following), rolled_back=rolled_back)
            own = item.turn_id == turn_id
            following = following if own else spot
    if not own:
        return None
    return _checked(reader, [turn_id], (None, following), rolled_back=rolled_back)


def _checked(
    reader: ThreadReader,
    ids: list[str],
    part: tuple[Spot | None, Spot | None],
    *,
    rolled_back: bool,
) -> _Found | None:
    """The last of the turns *ids*, if the part that begins with the first has just these."""
    start, following = part
    begun = reader.begun(start, None if rolled_back else following)
    told = [name for name, _spot in begun]
    if rolled_back and ids[-1] not in told:
        raise NotFound(f"turn {ids[-1]} was rolled back: nothing can go on from it")
    if not rolled_back and told != ids:
        return None
    # What was rolled back since is cut off as well.
    found = _in(begun, ids[-1])
    ends = [each for each in (found[1], following) if each] if found else []
    return found and (found[0], min(ends, default=None))


def _anywhere(reader: ThreadReader, turn_id: str) -> _Found | None:
    return _in(reader.begun(), turn_id)


def _in(begun: list[tuple[str, Spot]], turn_id: str) -> _Found | None:
    """Among turns in the order in which they are shown.

    One shown later may begin earlier: the turn of a paginated review, around the reviewer's.
    """
    for number, (name, spot) in enumerate(begun):
        if name == turn_id:
            later = [each[1] for each in begun[number + 1 :]]
            following = min((each for each in later if each > spot), default=None)
            return min([spot, *later]), following
    return None


def _at_event(reader: ThreadReader, offset: int, name: str, *, through: bool) -> Cut:
    messages = _messages(reader)
    place = messages.at_event(offset)
    if place is None:  # it does not begin with a message
        return _at_turn(reader, name, through=through)
    if not through:
        return _cut(reader, messages.spots[place])
    found = _anywhere(reader, name)
    following = messages.spots[place + 1 : place + 2]
    if found is not None and found[1] is not None:
        following.append(_question(messages, found[1]))
    return _cut(reader, min(following)) if following else _end(reader)


def _at_message(reader: ThreadReader, number: int) -> Cut:
    """Before the user's message of that number; beyond the last, all but an unfinished turn."""
    if number < 0:
        raise ValueError(f"no message {number}: they are counted from 0")
    spots = _messages(reader).spots
    if number < len(spots):
        return _cut(reader, _before_review(reader, spots[number]))
    unfinished = reader.unfinished()
    if unfinished:
        return _at_turn(reader, unfinished, through=False)
    if unfinished is not None and spots:
        return _cut(reader, spots[-1])
    return _end(reader)


def _before_review(reader: ThreadReader, spot: Spot) -> Spot:
    """The same, or before the review that is entered right before it: it is the reviewer's turn."""
    segment = reader.segments()[spot.segment]._replace(end=spot.offset)
    frame = next(iter(reader.frames_backwards(segment)), None)
    raw = frame.raw if isinstance(frame, Frame) else None
    if frame is None or not isinstance(raw, bytes) or not any(each in raw for each in _REVIEWS):
        return spot
    return Spot(spot.segment, frame.offset, lines.sniff_ordinal(raw))


def _messages(reader: ThreadReader) -> Messages:
    messages = Messages()
    for number, segment in enumerate(reader.segments()):
        for frame in reader.frames(segment):
            if isinstance(frame, Gap) or not isinstance(frame.raw, bytes):
                continue
            glance = lines.sniff(frame.raw)
            if glance is None or not boundaries.concerns(glance):
                continue
            if (line := _parse(frame.raw)) is not None:
                messages.add(line, Spot(number, frame.offset, line.ordinal))
    return messages


def _frames_backwards(reader: ThreadReader, segments: list[Segment]) -> Iterator[tuple[int, Frame]]:
    for number in range(len(segments) - 1, -1, -1):
        for frame in reader.frames_backwards(segments[number]):
            if isinstance(frame, Frame) and isinstance(frame.raw, bytes):
                yield number, frame


def _cut(reader: ThreadReader, spot: Spot) -> Cut:
    segments = reader.segments()
    last = segments[spot.segment]
    ordinal = spot.ordinal if reader.is_paginated else None
    if reader.is_paginated and ordinal is None:
        raise NotResumable(f"cannot cut {last.path} at byte {spot.offset}: no ordinal is there")
    if reader.is_paginated and spot.segment == 0 and _is_first_start(reader, spot):
        return Cut([], 0)
    last = last._replace(end=spot.offset, end_ordinal=ordinal)
    return Cut([*segments[: spot.segment], last], ordinal)


def _is_first_start(reader: ThreadReader, spot: Spot) -> bool:
    """True if no turn begins before it."""
    for frame in reader.frames(reader.segments()[0]):
        if isinstance(frame, Gap) or frame.offset >= spot.offset:
            break
        if isinstance(frame.raw, bytes) and lines.sniff(frame.raw) in _STARTS:
            return False
    return True


def _ordinal(frame: Frame) -> int | None:
    return lines.sniff_ordinal(frame.raw) if isinstance(frame.raw, bytes) else None


def _parse(raw: bytes) -> lines.Envelope | None:
    try:
        return lines.parse(raw)
    except BadLine:
        return None


def _no_turn(turn_id: str) -> NotFound:
    return NotFound(f"no turn {turn_id} in this thread; `threadlog show` names its turns")
