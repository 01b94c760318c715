"""Reading one stored thread: its lines, its turns, its history; in bounded memory but for the last.

Owns how the pieces of core are put together over a store's frames: which way a question reads,
and how far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from threadlog.core import tail as tails
from threadlog.core import turns
from threadlog.core.boundaries import Spot
from threadlog.core.decode import Line, decode_frame, decode_item
from threadlog.core.framing import Frame, Gap, Oversized
from threadlog.core.items.event import TaskStarted, ThreadRolledBack
from threadlog.core.items.session import SessionMeta
from threadlog.core.items.turn import UserMessage
from threadlog.core.lineage import Segment
from threadlog.core.lines import Json, dump
from threadlog.core.metadata import PAGINATED, Metadata
from threadlog.core.query import ThreadSummary
from threadlog.core.tail import TailCounter
from threadlog.core.turn import IN_PROGRESS, Turn, TurnRules
from threadlog.core.turn_fold import shows
from threadlog.errors import EmptyRollout, NoThreadId

if TYPE_CHECKING:
    from threadlog.core.history import History, Value
    from threadlog.core.outline import Outline
    from threadlog.ports import Rollouts

# The newest turns are put together in memory; of what does not fit here, only the turns' frames
# (starts, ends, the user's messages) are.
TAIL_LIMIT_BYTES = 64 << 20
_TOO_LARGE = (
    f"up to here only what was asked is shown: more than {TAIL_LIMIT_BYTES >> 20} MiB of turns"
)

_ROLLBACK = b"thread_rolled_back"
_NAME_BYTES = 256  # more than the name of any turn takes

Report: TypeAlias = "Callable[[str, Value], None]"


def _ignore(_path: str, _value: Value) -> None:
    return None


class ThreadReader:
    """One stored thread, as its store's rollouts hold it.

    *report* is told of everything that is not a whole line, with the path of its rollout.
    """

    def __init__(
        self, rollouts: Rollouts, summary: ThreadSummary, report: Report = _ignore
    ) -> None:
        self._rollouts = rollouts
        self._summary = summary
        self._report = report
        self._told = False  # everything was reported once
        self.tail_was_cut = False  # of the newest turns, the oldest are not whole
        self.kept: range | None = None  # of each turn only these items are needed
        self._metadata = rollouts.metadata(summary)

    def values(self) -> Iterator[Value]:
        """Every line, oldest first; damage, gaps and oversized lines in their places."""
        for segment in self.segments():
            for frame in self.frames(segment):
                yield from self._decode(segment, frame)

    def values_backwards(self) -> Iterator[Value]:
        """Every line, newest first."""
        return (value for _spot, value in self.placed_backwards())

    def placed_backwards(self, end: Spot | None = None) -> Iterator[tuple[int, Value]]:
        """The same, each with the number of its segment; from *end* on back, if that is given."""
        segments = self.segments()
        if end is not None and end.segment < len(segments):
            del segments[end.segment + 1 :]
            segments[-1] = segments[-1]._replace(end=end.offset)
        for number in reversed(range(len(segments))):
            for frame in self._rollouts.read_backwards(segments[number]):
                for value in self._decode(segments[number], frame):
                    yield number, value

    def raw_lines(self) -> Iterator[Frame | Gap]:
        """Every line as bytes, oldest first, blank ones included."""
        for segment in self._rollouts.segments(self._summary):
            yield from self._rollouts.read(segment)

    def raw_lines_backwards(self) -> Iterator[Frame | Gap]:
        """Every line as bytes, newest first, blank ones included."""
        for segment in reversed(self._rollouts.segments(self._summary)):
            yield from self._rollouts.read_backwards(segment)

    def raw_chunks(self) -> Iterator[bytes | Gap]:
        """The thread's bytes, oldest first, in pieces; lines of any length pass through.

        Where a rollout that others build on ends without a LF, one is put in.
        """
        ended = True
        for segment in self._rollouts.segments(self._summary):
            if not ended:
                yield b"\n"
            for chunk in self._rollouts.chunks(segment):
                if isinstance(chunk, bytes) and chunk:
                    ended = chunk.endswith(b"\n")
                yield chunk

    @property
    def is_paginated(self) -> bool:
        """True for a thread whose lines are numbered."""
        return self._metadata.history_mode == PAGINATED

    @property
    def metadata(self) -> Metadata:
        """What the head of the thread's newest rollout says."""
        return self._metadata

    def segments(self) -> list[Segment]:
        """The pieces of rollouts that hold the thread's lines, oldest first."""
        return self._rollouts.segments(self._summary)

    def session_meta(self) -> SessionMeta:
        """What the thread's newest rollout begins with, typed; raises NoThreadId."""
        for frame in self.frames(self.segments()[-1]):
            if isinstance(frame, Frame) and isinstance(frame.raw, bytes):
                item = decode_item(frame.raw)
                if isinstance(item, SessionMeta):
                    return item
        raise NoThreadId(f"no session metadata in {self._summary.path}")

    def frames(self, segment: Segment, start: int = 0) -> Iterator[Frame | Gap]:
        """The lines of a segment as bytes, from byte *start* on."""
        return self._rollouts.read(segment, start)

    def frames_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        """The lines of a segment as bytes, last to first."""
        return self._rollouts.read_backwards(segment)

    def unfinished(self) -> str | None:
        """The id of the newest turn if it has not ended, "" if it has none; None if it has ended.

        A turn without a recorded start has ended once the agent has said anything (Codex waits for
        an end that such threads never have).
        """
        if self.explicit_turns:
            tail, whole, _spots = self._tail(1)
            rules = msgspec.structs.replace(self.rules(), partial=not whole)
            lines = iter(tail)
        else:
            rules, lines = self.rules(), self.lines()
        last = next(iter(deque(turns.fold_turns(lines, rules), maxlen=1)), None)
        if last is None and not rules.partial:
            spoken = msgspec.structs.replace(rules, spoken=True)
            last = next(iter(deque(turns.fold_turns(self.lines(), spoken), maxlen=1)), None)
        if last is None:
            return None
        if last.status == IN_PROGRESS:
            return last.id
        implicit = last.id.startswith("turn-")
        asked = implicit and bool(last.items) and isinstance(last.items[-1], UserMessage)
        return "" if asked else None

    def begun(self, start: Spot | None = None, end: Spot | None = None) -> list[tuple[str, Spot]]:
        """Each turn's id and where it begins, without those rolled back.

        Of all lines, or of those from the turn at *start* on, and before *end*.
        """
        rules = msgspec.structs.replace(self.rules(), partial=start is not None)
        turns_begun = turns.begun(self.placed(start or Spot(0, 0), end), rules)
        if not turns_begun and start is None and not rules.spoken:
            spoken = msgspec.structs.replace(rules, spoken=True)
            turns_begun = turns.begun(self.placed(Spot(0, 0), end), spoken)
        return [(turn.id, spot) for turn, spot in turns_begun]

    def placed(self, start: Spot, end: Spot | None = None) -> Iterator[tuple[Spot, Line]]:
        """The lines from *start* on, and before *end*, each with where it is."""
        for number, segment in enumerate(self.segments()):
            if number < start.segment:
                continue
            offset = start.offset if number == start.segment else 0
            for frame in self.frames(segment, offset):
                for value in self._decode(segment, frame):
                    if not isinstance(value, Line):
                        continue
                    spot = Spot(number, value.offset, value.ordinal)
                    if end is not None and spot[:2] >= end[:2]:
                        return
                    yield spot, value

    def turns(
        self, *, rolled_back: bool = False, starts: dict[str, int] | None = None
    ) -> Iterator[Turn]:
        """The turns, oldest first, handed on as they are read.

        With *rolled_back* those too that no longer count, with that status.  *starts* is given the
        byte at which each turn's start is recorded, by id, before the turn is handed on.
        """
        rules = msgspec.structs.replace(self.rules(), rolled_back=rolled_back)
        return turns.read_turns(lambda: self.lines(starts), rules, rollbacks=self._has_rollback())

    def last_turns(self, count: int) -> list[Turn]:
        """The newest *count* turns, oldest first, read from the end where starts are recorded."""
        return [turn for turn, _spot in self.turns_back(count)]

    def turns_back(
        self, count: int, end: Spot | None = None, *, rolled_back: bool = False
    ) -> list[tuple[Turn, Spot | None]]:
        """The same with where each turn's start is recorded; of those that begin before *end*.

        Where starts are not recorded all is read, and *end* is of no account.  With *rolled_back*
        those between them too that no longer count, with that status.
        """
        if count <= 0:
            return []
        if not self.explicit_turns:
            return [
                (turn, None) for turn in turns.newest(self.turns(rolled_back=rolled_back), count)
            ]
        tail, rules, spots = self._newest(count, end)
        rules = msgspec.structs.replace(rules, rolled_back=rolled_back)
        rollbacks = any(type(line.item) is ThreadRolledBack for line in tail)
        read = turns.read_turns(lambda: tail, rules, rollbacks=rollbacks)
        return [(turn, spots.get(turn.id)) for turn in turns.newest(read, count)]

    def newest_lines(self, count: int, end: Spot) -> tuple[Iterable[Line], TurnRules]:
        """The lines before *end* that the newest *count* turns are made of, and how to read them.

        Where starts are not recorded these are all lines.
        """
        if self.explicit_turns:
            return self._newest(count, end)[:2]
        return (line for _spot, line in self.placed(Spot(0, 0), end)), self.rules()

    def _newest(
        self, count: int, end: Spot | None
    ) -> tuple[list[Line], TurnRules, dict[str, Spot]]:
        tail, whole, spots = self._tail(count, end)
        earlier = frozenset() if whole else self._told_before(tail)
        rules = msgspec.structs.replace(self.rules(), partial=not whole, earlier=earlier)
        return tail, rules, spots

    def turns_on(
        self, start: Spot | None = None, *, rolled_back: bool = False
    ) -> Iterator[tuple[Turn, Spot | None]]:
        """The turns from the one whose start is recorded at *start* on, oldest first.

        All of them, where a rollback may have taken some away, or starts are not recorded;
        with *rolled_back* those too that no longer count.
        """
        spots: dict[str, Spot] = {}

        def noting(placed: Iterator[tuple[Spot, Line]]) -> Iterator[Line]:
            for spot, line in placed:
                if isinstance(line.item, TaskStarted):
                    spots.setdefault(line.item.turn_id, spot)
                yield line

        if not self.explicit_turns or self._has_rollback():
            yield from ((turn, None) for turn in self.turns(rolled_back=rolled_back))
            return
        begin = start or Spot(0, 0)
        rules = msgspec.structs.replace(self.rules(), partial=start is not None)
        for turn in turns.fold_turns(noting(self.placed(begin, None)), rules):
            yield turns.settled(turn), spots.get(turn.id)

    def history(self) -> History:
        """The whole thread, in memory; raises EmptyRollout, NoThreadId."""
        from threadlog.core import history

        loaded = [history.load(each.path, self.frames(each)) for each in self.segments()]
        if not any(isinstance(raw, Oversized) or raw.strip() for raw in loaded[-1].raws):
            raise EmptyRollout(f"empty session file: {self._summary.path}")
        if self._metadata.thread_id is None:
            raise NoThreadId(f"no session metadata, hence no thread id, in {self._summary.path}")
        return history.History(
            history.RESUMED, loaded, thread_id=self._summary.id, rules=self.rules()
        )

    def outline(self) -> list[Outline]:
        """Where each line begins and what it is, for each segment of the thread, oldest first."""
        from threadlog.core.outline import outline

        segments = self._rollouts.segments(self._summary)
        return [outline(self._bytes(segment)) for segment in segments]

    def model_input(self) -> list[dict[str, Json]]:
        """The Responses items to send next; reads back to the newest compaction only."""
        from threadlog.core import history

        raws = (
            frame.raw
            for frame in self.raw_lines_backwards()
            if isinstance(frame, Frame) and isinstance(frame.raw, bytes)
        )
        return history.model_input(raws)

    def _decode(self, segment: Segment, frame: Frame | Gap) -> Iterator[Value]:
        value = frame if isinstance(frame, Gap) else decode_frame(frame)
        if value is None:
            return
        if not isinstance(value, Line) and not self._told:
            self._report(segment.path, value)
        yield value

    def lines(self, starts: dict[str, int] | None = None) -> Iterator[Line]:
        """Every line that is whole, oldest first; *starts* as for `turns`."""
        for value in self.values():
            if isinstance(value, Line):
                if starts is not None and isinstance(value.item, TaskStarted):
                    starts.setdefault(value.item.turn_id, value.offset)
                yield value
        self._told = True

    def _has_rollback(self) -> bool:
        """A look at the bytes, which costs little and spares most threads a second reading."""
        if self._metadata.history_mode == PAGINATED:
            return False
        for segment in self._rollouts.segments(self._summary):
            seam = b""
            for chunk in self._bytes(segment):
                window = seam + chunk
                if _ROLLBACK in window:
                    return True
                seam = window[1 - len(_ROLLBACK) :]
        return False

    def _told_before(self, tail: list[Line]) -> frozenset[str]:
        """Of the turns that *tail* only ends, those that the lines before it tell of.

        A look at the bytes; only a late ending, or one of a turn without a start, asks for it.
        """
        names = tails.unstarted(tail)
        if not names or self._metadata.history_mode == PAGINATED:
            return frozenset()
        found: set[str] = set()
        seam = b""
        left = next(line.offset for line in tail if isinstance(line.item, TaskStarted))
        for chunk in self._bytes(self._rollouts.segments(self._summary)[-1]):
            window = seam + chunk[:left]
            found |= {name for name in names - found if dump(name) in window}
            left -= len(chunk)
            if left <= 0:
                break
            seam = window[-_NAME_BYTES:]
        return frozenset(found)

    def _bytes(self, segment: Segment) -> Iterator[bytes]:
        return (each for each in self._rollouts.chunks(segment) if isinstance(each, bytes))

    def _tail(
        self, count: int, end: Spot | None = None
    ) -> tuple[list[Line], bool, dict[str, Spot]]:
        """The newest lines with the last turns in them, whether they are all, and the starts.

        If they are not all, the count of tokens comes first that was told last before them.
        """
        counter = TailCounter(count, self._metadata.history_mode)
        tail: list[Line] = []
        spots: dict[str, Spot] = {}
        size, whole = 0, True
        reported = self.tail_was_cut = False
        values = self.placed_backwards(end)
        for number, value in values:
            if not isinstance(value, Line):
                continue
            item = value.item
            if isinstance(item, TaskStarted):
                spots[item.turn_id] = Spot(number, value.offset, value.ordinal)
            if (size <= TAIL_LIMIT_BYTES and shows(item)) or tails.marks_turn(item):
                tail.append(kept := tails.slim(value, item))
                size += len(kept.raw or b"")
            elif size > TAIL_LIMIT_BYTES and not reported and shows(item):
                reported = self.tail_was_cut = True
                gap = value.offset + len(value.raw or b"") + value.ended
                self._report(self.segments()[number].path, Gap(gap, _TOO_LARGE))
            if counter.enough(item):
                whole = False
                if tails.oldest_counts(tail):
                    tail += tails.count_before(value for _number, value in values)
                break
        tail.reverse()
        return tail, whole, spots

    @property
    def explicit_turns(self) -> bool:
        """True for a thread whose turns have recorded starts."""
        return self._metadata.explicit_turns or self._metadata.history_mode == PAGINATED

    def rules(self) -> TurnRules:
        """How its turns are read."""
        told, start = self._metadata, self._metadata.own_from_ordinal
        return TurnRules(told.history_mode, told.bare, start, copied=told.copies, kept=self.kept)
