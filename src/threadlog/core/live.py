"""Turns as they happen: lines go in, and come out as what began, happened and ended in turns.

The same fold as for stored turns; what was told of a turn is not kept.  A call is told with what
came of it, reasoning piece by piece.  Who shows turns, and so can show a thing anew, is also told
of calls as they begin, of reasoning as it is by then, and which turns are others than they were.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from threadlog.core.decode import Line
from threadlog.core.items import turn as ti
from threadlog.core.items.event import ThreadRolledBack
from threadlog.core.items.response import ResponseItem
from threadlog.core.turn import INTERRUPTED, OpenTurn, Turn, TurnRules
from threadlog.core.turn_fold import NOTHING, TurnFold
from threadlog.core.turns import LATE_TURNS, settled


class Began(NamedTuple):
    """A turn began; it has no items yet."""

    turn: Turn


class Happened(NamedTuple):
    """An item is complete; *more* if it is reasoning that goes on with the item told before it.

    *number* is its place in its turn, counted from 0, once that has begun.
    It may be of a turn that has not begun: of a review, or of one whose start is not to be read.
    Once that begins, if ever, it is not told again.
    """

    turn_id: str
    item: ti.AnyTurnItem
    more: bool = False
    number: int = 0


class Awaited(NamedTuple):
    """A call began, or more is known of it; it is told as `Happened` when it or its turn ends."""

    turn_id: str
    item: ti.AnyTurnItem
    number: int = 0


class Ended(NamedTuple):
    """A turn ended; it is told without its items."""

    turn: Turn


class Changed(NamedTuple):
    """Of a turn something is another that was told: an item, or only what is of all of it.

    It is told without its items.
    """

    turn: Turn
    only_whole: bool = False


class RolledBack(NamedTuple):
    """The last so many turns no longer count."""

    turns: int


Happening = Began | Awaited | Happened | Ended | Changed | RolledBack
# So many turns that have not begun are remembered with the names of their items.
EARLY_TURNS = 64


class LiveTurns:
    """What happens in the turns of a thread, line by line; *again* to who can show things anew."""

    def __init__(self, rules: TurnRules, *, again: bool = False) -> None:
        self._tells_again = again
        self._fold = TurnFold(rules)
        self._running: OpenTurn | None = None
        # Calls of which nothing has come yet, with their places in their turns.
        self._waiting: dict[tuple[int, str], tuple[OpenTurn, int]] = {}
        self._told: set[tuple[int, str]] = set()
        self._reasoned: tuple[OpenTurn, str, int, int] | None = None
        self._known: dict[int, Turn] = {}

    @property
    def running(self) -> Turn | None:
        """The turn that has begun and not ended, without its items."""
        return _bare(self._running) if self._running is not None else None

    @property
    def has_begun(self) -> bool:
        """True once a turn has."""
        return self._fold.opened > 0

    @property
    def early(self) -> Collection[str]:
        """The ids of turns of which there are items, but which have not begun."""
        return self._fold.early.keys()

    def add(self, line: Line) -> list[Happening]:
        """What one more line tells, in order."""
        fold, opened = self._fold, self._fold.opened
        fold.add(line)
        happened: list[Happening] = []
        if isinstance(line.item, ThreadRolledBack):
            happened += self._roll_back(line.item)
        if fold.opened > opened and fold.turns:
            happened += self._end()
            happened.append(self._begin(fold.turns[-1]))
        for turn, name in fold.touched:
            happened += self._item(turn, name)
        for turn_id, name in fold.ahead:
            happened += self._early(turn_id, name)
        if (running := self._running) is not None and (
            running is not fold.open or running.status == INTERRUPTED
        ):
            happened += self._end()
        happened += self._changes(line)
        while len(fold.turns) > LATE_TURNS:
            self._forget(fold.turns.pop(0))
        return happened

    def _changes(self, line: Line) -> list[Happening]:
        """Turns that have another ending, error, model or use of tokens than before this line."""
        if not self._tells_again or isinstance(line.item, ResponseItem):
            return []
        before, self._known = self._known, {each.number: _bare(each) for each in self._fold.turns}
        return [
            Changed(turn, only_whole=True)
            for number, turn in self._known.items()
            if before.get(number, turn) != turn
        ]

    def _begin(self, turn: OpenTurn) -> Began:
        self._running = turn
        told = turn.items.keys() - {name for _turn, name in self._fold.touched}
        self._told |= {(turn.number, name) for name in told}  # when they came, before it
        return Began(_bare(turn))

    def _end(self) -> list[Happening]:
        turn, self._running = self._running, None
        if turn is None or turn.empty:
            return []
        waiting = [name for number, name in self._waiting if number == turn.number]
        told = [each for name in waiting for each in self._tell(turn, name)]
        if self._tells_again:
            self._known[turn.number] = _bare(turn)
        return [*told, Ended(settled(_bare(turn)))]

    def _roll_back(self, item: ThreadRolledBack) -> list[Happening]:
        left = {turn.number for turn in self._fold.turns}
        told: list[Happening] = []
        if self._running is not None and self._running.number not in left:
            self._running = None
        self._waiting = {key: each for key, each in self._waiting.items() if key[0] in left}
        told.append(RolledBack(max(item.num_turns, 0)))
        return told

    def _early(self, turn_id: str, name: str) -> list[Happening]:
        """An item of a turn that has not begun: told at once, for it may never begin."""
        items = self._fold.early[turn_id]
        item, items[name] = items[name], NOTHING
        self._fold.forget_early(EARLY_TURNS)
        self._reasoned = None
        return [Happened(turn_id, item)]

    def _item(self, turn: OpenTurn, name: str) -> list[Happening]:
        item = turn.items[name]
        if isinstance(item, ti.Reasoning):
            tell = self._reasoning_again if self._tells_again else self._reasoning
            return tell(turn, name, item)
        if (turn.number, name) in self._told:
            turn.items[name] = self._left_of(item)
            return self._changed(turn)
        if is_complete(item):
            return self._tell(turn, name)
        number = self._waiting.setdefault((turn.number, name), (turn, len(turn.items) - 1))[1]
        return [Awaited(turn.id, item, number)] if self._tells_again else []

    def _left_of(self, item: ti.AnyTurnItem) -> ti.AnyTurnItem:
        """What is kept of an item that was told: of a call, that something may come of it yet."""
        is_call = self._tells_again and isinstance(item, ti.ToolCall)
        return ti.ToolCall(id=item.id, name="") if is_call else NOTHING

    def _changed(self, turn: OpenTurn) -> list[Happening]:
        return [Changed(_bare(turn))] if self._tells_again else []

    def _tell(self, turn: OpenTurn, name: str) -> list[Happening]:
        item, turn.items[name] = turn.items[name], self._left_of(turn.items[name])
        _turn, number = self._waiting.pop((turn.number, name), (turn, len(turn.items) - 1))
        self._told.add((turn.number, name))
        self._reasoned = None
        return [Happened(turn.id, item, number=number)]

    def _reasoning_again(self, turn: OpenTurn, name: str, item: ti.Reasoning) -> list[Happening]:
        goes_on = (turn.number, name) in self._told
        self._told.add((turn.number, name))
        if goes_on and name != next(reversed(turn.items)):
            return self._changed(turn)
        return [Happened(turn.id, item, goes_on, len(turn.items) - 1)]

    def _reasoning(self, turn: OpenTurn, name: str, item: ti.Reasoning) -> list[Happening]:
        before, self._reasoned = (
            self._reasoned,
            (
                turn,
                name,
                len(item.summary_text),
                len(item.raw_content),
            ),
        )
        if before is None or before[:2] != (turn, name):
            return [Happened(turn.id, item)]
        summary, raw = item.summary_text[before[2] :], item.raw_content[before[3] :]
        if not summary and not raw:
            return []
        new = ti.Reasoning(id=item.id, summary_text=summary, raw_content=raw)
        return [Happened(turn.id, new, more=True)]

    def _forget(self, turn: OpenTurn) -> None:
        self._told = {key for key in self._told if key[0] != turn.number}
        self._waiting = {key: each for key, each in self._waiting.items() if each[0] is not turn}


def is_complete(item: ti.AnyTurnItem) -> bool:
    """False for a call of which it is not known yet what came of it."""
    if isinstance(item, ti.ToolCall):
        return item.output is not None
    return getattr(item, "status", None) != "in_progress"


def _bare(turn: OpenTurn) -> Turn:
    return Turn(
        id=turn.id,
        status=turn.status,
        items=(),
        started_at=turn.started_at,
        completed_at=turn.completed_at,
        duration_ms=turn.duration_ms,
        error=turn.error,
        model=turn.model,
        usage=turn.usage,
        lines_ms=turn.lines_ms,
    )
