"""A thread as people read it: its turns, and what happened in each.

A fold over lines for both history modes, with the rules by which Codex shows a stored thread:
legacy turns are built from events, paginated ones from `item_completed`; tool calls that left no
such trace are shown from their response items.  Turns are made in order and handed on as soon as
nothing can change them, so that memory does not grow with the thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

import msgspec

from threadlog.core.boundaries import Spot
from threadlog.core.decode import Line
from threadlog.core.items import event as ev
from threadlog.core.metadata import PAGINATED
from threadlog.core.turn import (
    IN_PROGRESS,
    INTERRUPTED,
    ROLLED_BACK,
    OpenTurn,
    Turn,
    TurnRules,
)
from threadlog.core.turn_fold import TurnFold

# A turn can still be changed by late events (an ending, an output) while it is among so many last.
LATE_TURNS = 8


def fold_turns(lines: Iterable[Line], rules: TurnRules) -> Iterator[Turn]:
    """The turns of *lines*, oldest first; rolled-back ones must be named by `rules.skip`."""
    fold = TurnFold(rules)
    for line in lines:
        fold.add(line)
        while len(fold.turns) > LATE_TURNS:
            yield from _handed_on(fold.turns.pop(0), rules)
    fold.finish()
    for turn in fold.turns:
        yield from _handed_on(turn, rules)


def _handed_on(turn: OpenTurn, rules: TurnRules) -> Iterator[Turn]:
    if turn.number not in rules.skip:
        yield turn.build()
    elif rules.rolled_back:
        yield msgspec.structs.replace(turn.build(), status=ROLLED_BACK)


def read_turns(
    lines: Callable[[], Iterable[Line]], rules: TurnRules, *, rollbacks: bool = True
) -> Iterator[Turn]:
    """The turns of a stored thread; *lines* is asked for its lines once or several times.

    *rollbacks* False spares the look for rollback markers; in a paginated thread, which should
    have none, one takes away what can still change.  A thread whose lines tell of no turn is read
    from what was spoken; one all of whose turns were rolled back has none.
    """
    if rollbacks and rules.history_mode != PAGINATED:
        rules = msgspec.structs.replace(rules, skip=rolled_back(lines(), rules))
    none = True
    for turn in fold_turns(lines(), rules):
        none = False
        yield settled(turn)
    if none and not rules.skip and not rules.spoken:
        spoken = msgspec.structs.replace(rules, spoken=True)
        yield from read_turns(lines, spoken, rollbacks=rollbacks)


def settled(turn: Turn) -> Turn:
    """A stored turn without an end was interrupted (Codex says so of a thread not running)."""
    if turn.status != IN_PROGRESS:
        return turn
    return msgspec.structs.replace(turn, status=INTERRUPTED)


def newest(read: Iterable[Turn], count: int) -> list[Turn]:
    """The last *count* turns of those that count, and what was rolled back between and after."""
    kept: deque[Turn] = deque()
    counting = 0
    for turn in read:
        kept.append(turn)
        counting += turn.status != ROLLED_BACK
        while counting > count or (counting == count and kept[0].status == ROLLED_BACK):
            counting -= kept.popleft().status != ROLLED_BACK
    return list(kept)


def rolled_back(lines: Iterable[Line], rules: TurnRules) -> frozenset[int]:
    """The numbers of the turns that rollback markers in *lines* take away."""
    fold = TurnFold(rules, keep_items=False)
    for line in lines:
        fold.add(line)
    fold.finish()
    return frozenset(fold.dropped)


def item_number(
    lines: Iterable[tuple[Spot, Line]], rules: TurnRules, turn_id: str, spot: Spot
) -> int | None:
    """Which item of a turn the line at *spot* tells of, or the next line that tells of one.

    Counted from 0; None where the turn ends before.  *lines* are those from the turn's first on.
    """
    fold = TurnFold(msgspec.structs.replace(rules, kept=range(0)))
    for at, line in lines:
        fold.add(line)
        del fold.turns[:-LATE_TURNS]
        if at[:2] < spot[:2]:
            continue
        for turn, name in fold.touched:
            if turn.id == turn_id:
                return list(turn.items).index(name)
        if fold.open is None or fold.open.id != turn_id:
            return None
    return None


def begun(lines: Iterable[tuple[Spot, Line]], rules: TurnRules) -> list[tuple[OpenTurn, Spot]]:
    """The turns of *lines*, without those rolled back, and the line with which each begins.

    A paginated turn begins with the first item that names it, if its start comes later; one that
    is only named is among them, also where *lines* are a part.
    """
    fold = TurnFold(rules, keep_items=False)
    found: list[tuple[OpenTurn, Spot]] = []
    named: dict[str, Spot] = {}
    for spot, line in lines:
        opened = fold.opened
        if isinstance(line.item, ev.ItemCompleted):
            named.setdefault(line.item.turn_id, spot)
        fold.add(line)
        if fold.opened > opened and fold.turns:
            turn = fold.turns[-1]
            early = named.get(turn.id) if turn.explicit else None
            found.append((turn, min(early, spot) if early else spot))
    fold.close()
    left = {turn.number for turn in fold.turns}
    unstarted = [(OpenTurn(name, fold.opened, explicit=True), named[name]) for name in fold.early]
    return [(turn, spot) for turn, spot in found if turn.number in left] + unstarted
