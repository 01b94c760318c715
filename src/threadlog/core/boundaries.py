"""Where a thread can be cut: before the messages of its user, and where its turns begin.

A cut never parts a question from what its turn began with: where a turn's start was recorded, a
message is cut off together with it (Codex cuts behind the start, and leaves an empty turn).
"""

from __future__ import annotations

from typing import NamedTuple

from threadlog.core import context
from threadlog.core.lines import EVENT, RESPONSE_ITEM, Envelope

_STARTS = ("task_started", "turn_started")
_ENDS = ("task_complete", "turn_complete", "turn_aborted", "agent_message")
_EVENTS = frozenset((*_STARTS, *_ENDS, "user_message", "thread_rolled_back"))


class Spot(NamedTuple):
    """Where a line begins: in which segment of its thread, at which byte, and its number."""

    segment: int
    offset: int
    ordinal: int | None = None


def concerns(glance: tuple[str, str | None]) -> bool:
    """True if a line of this type and kind can tell of a boundary."""
    line_type, kind = glance
    return (line_type == EVENT and kind in _EVENTS) or (
        line_type == RESPONSE_ITEM and kind == "message"
    )


class Messages:
    """The messages of the user, fed with the lines of a thread, oldest first.

    A rollback takes away as many of the last as it counts (Codex: the same).
    """

    def __init__(self) -> None:
        self.spots: list[Spot] = []
        self._events: list[int | None] = []  # where each was told as an event
        self._started: Spot | None = None  # a turn that has asked nothing yet
        self._half: str | None = None  # told as an event or as an item, and not as the other yet

    def add(self, line: Envelope, spot: Spot) -> None:
        """Take in one line that `concerns` lets through."""
        kind = line.payload.get("type")
        if line.type == RESPONSE_ITEM:
            if context.is_user_turn(line.payload):
                self._message(RESPONSE_ITEM, spot)
            elif line.payload.get("role") == "assistant":
                self._half = None
        elif kind in _STARTS:
            self._started, self._half = spot, None
        elif kind == "user_message":
            self._message(EVENT, spot)
        elif kind == "thread_rolled_back":
            self._roll_back(line.payload.get("num_turns"))
        else:
            self._half = None

    def at_event(self, offset: int) -> int | None:
        """Which message is told by the event at *offset*, counted from 0."""
        return self._events.index(offset) if offset in self._events else None

    def _message(self, kind: str, spot: Spot) -> None:
        told = self._half not in (None, kind)
        if not told:
            self.spots.append(self._started or spot)
            self._events.append(None)
        if kind == EVENT:
            self._events[-1] = spot.offset
        self._started, self._half = None, None if told else kind

    def _roll_back(self, count: object) -> None:
        count = count if isinstance(count, int) else 0
        keep = max(len(self.spots) - max(count, 0), 0)
        del self.spots[keep:], self._events[keep:]
        self._started = self._half = None
