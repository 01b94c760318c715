"""The end of a thread, read backwards: how far the newest turns reach, and what must be kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from threadlog.core.decode import Line
from threadlog.core.items import event as ev
from threadlog.core.items.base import Item
from threadlog.core.items.session import context_of
from threadlog.core.metadata import PAGINATED

if TYPE_CHECKING:
    from threadlog.core.history import Value

# A paginated item can stand before the start of its turn, but no more than so many turns before.
EARLY_TURNS = 1


class TailCounter:
    """Says, while lines come newest first, when the last *wanted* turns are all there.

    For threads whose turns have recorded starts.
    """

    def __init__(self, wanted: int, history_mode: str) -> None:
        self._missing = wanted + (EARLY_TURNS if history_mode == PAGINATED else 0)
        self._undone = 0

    def enough(self, item: Item) -> bool:
        """Take note of the item of one line; True once no earlier line is needed."""
        if isinstance(item, ev.ThreadRolledBack):
            self._undone += max(item.num_turns, 0)
        elif isinstance(item, ev.TaskStarted):
            if self._undone:
                self._undone -= 1
            else:
                self._missing -= 1
        return self._missing <= 0


_MARKS: frozenset[type[Item]] = frozenset(
    [
        ev.TaskStarted,
        ev.TaskComplete,
        ev.TurnAborted,
        ev.ThreadRolledBack,
        ev.UserMessageEvent,
        ev.TokenCount,
    ]
)


def unstarted(lines: Iterable[Line]) -> set[str]:
    """The turns that *lines* tell the end of, and not the start before it."""
    started, unstarted_ = set(), set()
    for line in lines:
        item = line.item
        if isinstance(item, ev.TaskStarted):
            started.add(item.turn_id)
        elif isinstance(item, (ev.TaskComplete, ev.TurnAborted)):
            name = item.turn_id
            if name and name not in started:
                unstarted_.add(name)
    return unstarted_


def marks_turn(item: Item) -> bool:
    """True if an item says where turns begin and end, what was asked, and what it took."""
    if isinstance(item, ev.ItemCompleted):
        return isinstance(item.item, dict) and item.item.get("type") == "UserMessage"
    return type(item) in _MARKS or context_of(item) is not None


def slim(line: Line, item: Item) -> Line:
    """A line with no more of its item than turns are made of: settings can be long, and many."""
    if isinstance(item, ev.TokenCount):
        item = ev.TokenCount(info=item.info)
    elif (context := context_of(item)) is not None:
        item = context
    else:
        return line
    envelope = msgspec.structs.replace(line.envelope, payload=item)
    return Line(line.offset, None, line.ended, envelope)


def oldest_counts(backwards: list[Line]) -> bool:
    """True if the oldest of some turns, whose start is the last of these lines, counts tokens."""
    for line in reversed(backwards[:-1]):
        if isinstance(line.item, ev.TokenCount) and line.item.info is not None:
            return True
        if isinstance(line.item, ev.TaskStarted):
            return False
    return False


def count_before(backwards: Iterable[Value]) -> Iterator[Line]:
    """The count of tokens that was told last, unless another turn began since."""
    for value in backwards:
        if not isinstance(value, Line):
            continue
        if isinstance(value.item, ev.TokenCount) and value.item.info is not None:
            yield slim(value, value.item)
            return
        if isinstance(value.item, ev.TaskStarted):
            return
