"""The fold behind turns: lines go in, one after the other, and turns are put together of them.

Which turn an item belongs to, where turns begin and end, what they ran with and took; `turns` says
in which order they are handed on, and what of a whole thread is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from threadlog.core import turn_items
from threadlog.core.decode import Line, turn_item
from threadlog.core.items import event as ev
from threadlog.core.items import turn as ti
from threadlog.core.items.base import Item, Json
from threadlog.core.items.response import ResponseItem
from threadlog.core.items.session import Compacted, TurnContext, context_of
from threadlog.core.items.values import TokenUsage
from threadlog.core.metadata import PAGINATED
from threadlog.core.turn import (
    COMPLETED,
    FAILED,
    IN_PROGRESS,
    INTERRUPTED,
    ItemTimes,
    OpenTurn,
    TurnRules,
)


def shows(item: Item) -> bool:
    """True if an item can have a part in a turn; the others need not be kept to build turns."""
    return (
        type(item) in _HANDLERS
        or type(item) in turn_items.EVENT_ITEMS
        or isinstance(item, ResponseItem)
        or context_of(item) is not None
    )


class TurnFold:
    """The state of the fold: the turns so far, the last of which may be open."""

    def __init__(self, rules: TurnRules, *, keep_items: bool = True) -> None:
        self.turns: list[OpenTurn] = []
        self.dropped: list[int] = []
        self._known: set[str] = set(rules.earlier)
        # Paginated: items of turns of which no line has told yet, by turn.
        self.early: dict[str, dict[str, ti.AnyTurnItem]] = {}
        self._early_times: dict[str, dict[str, ItemTimes]] = {}
        # Items that came or changed, in order, for who takes them from here; and, by turn and name,
        # those that came before their turn was told of.
        self.touched: list[tuple[OpenTurn, str]] = []
        self.ahead: list[tuple[str, str]] = []
        self._rules = rules
        self._keep_items = keep_items
        self._open: OpenTurn | None = None
        self.opened = 0
        # The thread's total as it was told last, since the turn before the open one began.
        self._total: TokenUsage | None = None
        self._counted = False
        self._paginated = rules.history_mode == PAGINATED

    def add(self, line: Line) -> None:
        """Take in one more line."""
        self.touched.clear()
        self.ahead.clear()
        if line.ordinal is not None and line.ordinal < self._rules.own_from_ordinal:
            return
        item, before = line.item, self._open
        handler = _HANDLERS.get(type(item))
        if handler is not None:
            handler(self, item, line.offset)
        elif isinstance(item, ResponseItem):
            self._response_item(item, line.offset)
        elif (context := context_of(item)) is not None:
            self._context(context)
        elif not self._paginated and (convert := turn_items.EVENT_ITEMS.get(type(item))):
            self._place(convert(item), line.offset)
        else:
            return
        turn = self._open or before
        if turn is not None and not self._rules.copied:
            turn.line(line.timestamp, ends=isinstance(item, (ev.TaskComplete, ev.TurnAborted)))

    @property
    def open(self) -> OpenTurn | None:
        """The turn that goes on."""
        return self._open

    def close(self) -> None:
        """End the open turn, if there is one; an empty one was none."""
        if self._open is not None and self._open.empty:
            self.turns.remove(self._open)
        self._open = None

    def finish(self) -> None:
        """End the fold: items whose turn was never told of are shown all the same."""
        self.close()
        if not self._rules.partial:
            for turn_id in list(self.early):
                self._unheard_of(turn_id)
            self.close()

    # -- the life of turns

    def _start(self, event: ev.TaskStarted, _offset: int) -> None:
        self._total = self._total if self._counted else None
        self._counted = False
        turn = self._new(event.turn_id, explicit=True)
        self._take_early(turn)
        turn.started_at = event.started_at

    def _complete(self, event: ev.TaskComplete, _offset: int) -> None:
        turn = self._find(event.turn_id) or self._unheard_of(event.turn_id)
        if turn is None:
            return
        if turn.status in (COMPLETED, IN_PROGRESS):
            turn.status = FAILED if event.error else COMPLETED
        turn.error = turn.error or event.error
        turn.started_at = turn.started_at or event.started_at
        turn.completed_at = event.completed_at
        turn.duration_ms = event.duration_ms
        if turn is self._open:
            self.close()

    def _abort(self, event: ev.TurnAborted, _offset: int) -> None:
        turn = self._open
        if event.turn_id:
            turn = self._find(event.turn_id) or self._unheard_of(event.turn_id)
        if turn is not None:
            turn.status = INTERRUPTED
            turn.completed_at = event.completed_at
            turn.duration_ms = event.duration_ms

    def _fail(self, event: ev.ErrorEvent, _offset: int) -> None:
        if self._open is not None and event.codex_error_info != "thread_rollback_failed":
            self._open.status = FAILED
            self._open.error = {
                "message": event.message,
                "codex_error_info": event.codex_error_info,
            }

    def _roll_back(self, event: ev.ThreadRolledBack, _offset: int) -> None:
        self.close()
        count = min(max(event.num_turns, 0), len(self.turns))
        if self._rules.skip or not count:
            return
        gone = self.turns[len(self.turns) - count :]
        del self.turns[len(self.turns) - count :]
        self.dropped.extend(turn.number for turn in gone)

    # -- what they ran with, and took

    def _context(self, context: TurnContext) -> None:
        turn = self._find(context.turn_id) if context.turn_id else self._open
        if turn is not None:
            turn.model = context.model

    def _count(self, event: ev.TokenCount, _offset: int) -> None:
        """Add what the last response took; a total that was told before tells of no response.

        (Codex counts again when limits change, and when a turn begins.)
        """
        if event.info is None:
            return
        before, self._total = self._total, event.info.total_token_usage
        self._counted = True
        if self._open is not None and before != self._total:
            self._open.count(event.info.last_token_usage)

    # -- what happened in them

    def _user_message(self, event: ev.UserMessageEvent, offset: int) -> None:
        if self._paginated or event.kind not in (None, "plain"):
            return
        self._turn_for_user(offset)
        self._append(turn_items.user_message(event, _item_id(offset)), offset)

    def _agent_message(self, event: ev.AgentMessageEvent, offset: int) -> None:
        if event.message and not self._paginated:
            self._append(turn_items.agent_message(event, _item_id(offset)), offset)

    def _reasoning(self, event: ev.AgentReasoning, offset: int) -> None:
        self._add_reasoning((event.text,), (), offset)

    def _raw_reasoning(self, event: ev.AgentReasoningRawContent, offset: int) -> None:
        self._add_reasoning((), (event.text,), offset)

    def _add_reasoning(self, summary: tuple[str, ...], raw: tuple[str, ...], offset: int) -> None:
        if self._paginated or not any(summary + raw):
            return
        turn = self._turn(offset)
        last = next(reversed(turn.items.values()), None)
        if isinstance(last, ti.Reasoning):
            summary, raw = last.summary_text + summary, last.raw_content + raw
        item_id = last.id if isinstance(last, ti.Reasoning) else _item_id(offset)
        self._append(ti.Reasoning(id=item_id, summary_text=summary, raw_content=raw), offset)

    def _compacted(self, _item: Compacted, offset: int) -> None:
        if not self._paginated:
            self._turn(offset).compaction = True

    def _context_compacted(self, _event: ev.ContextCompacted, offset: int) -> None:
        if not self._paginated:
            self._append(ti.ContextCompaction(id=_item_id(offset)), offset)

    def _entered_review(self, event: ev.EnteredReviewMode, offset: int) -> None:
        if not self._paginated:
            item_id, hint = event.item_id or _item_id(offset), event.user_facing_hint
            item = ti.EnteredReviewMode(id=item_id, target=event.target, user_facing_hint=hint)
            turn = self._find(event.turn_id) if event.turn_id else None
            if event.turn_id and turn is None:
                turn = self._new(event.turn_id, explicit=True)
                turn.status = COMPLETED  # as Codex: nothing told of its beginning
            self._append(item, offset, turn)

    def _exited_review(self, event: ev.ExitedReviewMode, offset: int) -> None:
        if not self._paginated:
            item_id = event.item_id or _item_id(offset)
            item = ti.ExitedReviewMode(id=item_id, review_output=event.review_output)
            turn = self._find(event.turn_id) if event.turn_id else None
            if turn is not None or event.turn_id not in self._known:
                self._append(item, offset, turn)

    def _item_completed(self, event: ev.ItemCompleted, offset: int) -> None:
        item = turn_item(event)
        turn = self._find(event.turn_id)
        name, times = item.id or _item_id(offset), (event.started_at_ms, event.completed_at_ms)
        if turn is not None:
            if self._paginated or type(item) in LEGACY_TURN_ITEMS:
                self._append(item, offset, turn)
                turn.times[name] = times
        elif self._paginated and event.turn_id not in self._known:
            early = self.early.setdefault(event.turn_id, {})
            self.ahead += [(event.turn_id, name)] * (name not in early)
            self._keep(early, name, item)
            self._early_times.setdefault(event.turn_id, {})[name] = times

    def forget_early(self, count: int) -> None:
        """Wait no more for the turns of early items, but for the newest *count* of them."""
        for turn_id in list(self.early)[: max(len(self.early) - count, 0)]:
            del self.early[turn_id], self._early_times[turn_id]

    def _take_early(self, turn: OpenTurn) -> None:
        """Items that came before their turn was told of."""
        turn.items.update(self.early.pop(turn.id, {}))
        turn.times.update(self._early_times.pop(turn.id, {}))

    def _response_item(self, item: ResponseItem, offset: int) -> None:
        if self._rules.spoken and (said := turn_items.spoken(item, item.id or _item_id(offset))):
            if isinstance(said, ti.UserMessage):
                self._turn_for_user(offset)
            self._append(said, offset)
        elif hook := turn_items.hook_prompt(item, _item_id(offset)):
            self._append(hook, offset)
        elif call := turn_items.tool_call(item):
            if self._open is not None and call.id not in self._open.items:
                self._append(call, offset)
        elif output := turn_items.tool_output(item):
            self._output(*output)

    def _output(self, call_id: str, output: Json) -> None:
        for turn in reversed(self.turns) if self._keep_items else ():
            call = turn.items.get(call_id)
            if isinstance(call, (ti.ToolCall, ti.ImageView)):
                self._keep(turn.items, call_id, msgspec.structs.replace(call, output=output))
                self.touched.append((turn, call_id))
                return

    def _place(self, placed: turn_items.Placed, offset: int) -> None:
        turn = self._find(placed.turn_id) if placed.turn_id else None
        if placed.turn_id and turn is None:
            return  # as Codex: dropped, not guessed
        item = placed.item
        if not item.id:
            item = msgspec.structs.replace(item, id=_item_id(offset))
        self._append(item, offset, turn)

    # -- turns

    def _append(self, item: ti.AnyTurnItem, offset: int, turn: OpenTurn | None = None) -> None:
        turn, name = turn or self._turn(offset), item.id or _item_id(offset)
        there = turn.items.get(name)
        if isinstance(item, ti.ImageView) and isinstance(there, ti.ToolCall):
            item = msgspec.structs.replace(item, output=there.output)
        self._keep(turn.items, name, item)
        self.touched.append((turn, name))

    def _keep(self, items: dict[str, ti.AnyTurnItem], name: str, item: ti.AnyTurnItem) -> None:
        if not self._keep_items:
            items[name] = NOTHING
            return
        there, kept = items.get(name), self._rules.kept
        if kept is None or (len(items) in kept if there is None else there != _silent(there)):
            items[name] = item
        else:
            items[name] = _silent(item)

    def _turn(self, offset: int) -> OpenTurn:
        return self._open or self._new(f"turn-{offset}", explicit=False)

    def _turn_for_user(self, offset: int) -> None:
        turn = self._open
        if turn is None or not (turn.explicit or (turn.compaction and not turn.items)):
            self._new(f"turn-{offset}", explicit=False)

    def _unheard_of(self, turn_id: str) -> OpenTurn | None:
        """The turn that an ending means which names none of the turns at hand.

        None if that turn was handed on already, or comes before the lines at hand.  Else a
        paginated turn lacks its start; in a legacy rollout the open turn is meant, as in Codex
        (0.100 ends the turn of a review so, which has no recorded start).
        """
        if turn_id in self._known:
            return None
        if not self._paginated:
            return self._open
        if self._rules.partial and turn_id not in self.early:
            return None
        turn = self._new(turn_id, explicit=True)
        self._take_early(turn)
        return turn

    def _new(self, turn_id: str, *, explicit: bool) -> OpenTurn:
        self.close()
        self._known.add(turn_id)
        self._open = OpenTurn(turn_id, self.opened, explicit=explicit)
        self.opened += 1
        self.turns.append(self._open)
        return self._open

    def _find(self, turn_id: str | None) -> OpenTurn | None:
        if turn_id not in self._known:  # spares a look at all of them
            return None
        return next((turn for turn in reversed(self.turns) if turn.id == turn_id), None)


# Stands for an item that nobody needs.
NOTHING = ti.ContextCompaction(id="")


def _silent(item: ti.AnyTurnItem) -> ti.AnyTurnItem:
    """An item of which nothing is kept but what others are put together with."""
    if isinstance(item, ti.ToolCall):
        return ti.ToolCall(id=item.id, name="", arguments="")
    return ti.Reasoning(id=item.id) if isinstance(item, ti.Reasoning) else NOTHING


def _item_id(offset: int) -> str:
    return f"item-{offset}"


# What a legacy rollout tells by `item_completed`, for it has no event of its own.
LEGACY_TURN_ITEMS: frozenset[type[Item]] = frozenset(
    [
        ti.Plan,
        ti.HookPrompt,
        ti.CommandExecution,
        ti.DynamicToolCall,
        ti.CollabAgentToolCall,
        ti.SubAgentActivity,
        ti.Sleep,
        ti.Extension,
        ti.EnteredReviewMode,
        ti.ExitedReviewMode,
    ]
)
_Handler = Callable[[TurnFold, Any, int], None]
_HANDLERS: dict[type[Item], _Handler] = {
    ev.TaskStarted: TurnFold._start,
    ev.TaskComplete: TurnFold._complete,
    ev.TurnAborted: TurnFold._abort,
    ev.ErrorEvent: TurnFold._fail,
    ev.ThreadRolledBack: TurnFold._roll_back,
    ev.UserMessageEvent: TurnFold._user_message,
    ev.AgentMessageEvent: TurnFold._agent_message,
    ev.AgentReasoning: TurnFold._reasoning,
    ev.AgentReasoningRawContent: TurnFold._raw_reasoning,
    ev.ContextCompacted: TurnFold._context_compacted,
    ev.EnteredReviewMode: TurnFold._entered_review,
    ev.ExitedReviewMode: TurnFold._exited_review,
    ev.ItemCompleted: TurnFold._item_completed,
    Compacted: TurnFold._compacted,
    ev.TokenCount: TurnFold._count,
}
