"""How many turns a thread has, counted line by line in a few bytes, to be stored and gone on with.

The same rules as in `turns`, without the turns.  Where those would take the memory of a whole
thread, simpler ones hold:

- The names of the newest KNOWN_TURNS turns are known.  An ending that names an older one is taken
  for that of a turn nobody told of.
- A review that names a known turn belongs to it, however many turns came since.
- Items of so many turns whose start is missing wait for it; beyond, the oldest counts as a turn.
- A rollback takes turns away down to none.  (Paginated rollouts hold no rollbacks: a revert
  begins another rollout.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from threadlog.core import turn_items
from threadlog.core.decode import Line
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items import turn as ti
from threadlog.core.items.base import Item
from threadlog.core.items.session import Compacted
from threadlog.core.metadata import PAGINATED, Metadata

KNOWN_TURNS = 64
# Names differ within so many characters, or are taken for one.
_NAME_CHARS = 256

# The open turn: none; one with a recorded start; one of which only a compaction is told; another.
_NONE: Final = ""
_EXPLICIT: Final = "explicit"
_COMPACTION: Final = "compaction"
_IMPLICIT: Final = "implicit"


class TurnCounter(msgspec.Struct):
    """Counts the turns of the lines that it is given.

    `spoken` and `own_from_ordinal` are those of `TurnRules`.
    """

    paginated: bool = False
    spoken: bool = False
    own_from_ordinal: int = 0
    begun: int = 0  # and not rolled back
    open: Literal["", "explicit", "compaction", "implicit"] = _NONE
    known: list[str] = msgspec.field(default_factory=list)  # the newest names, the newest last
    early: list[str] = msgspec.field(default_factory=list)  # paginated: only items are told

    @property
    def count(self) -> int:
        """The number of turns, if no line follows."""
        return self.begun + len(self.early)

    @property
    def within(self) -> bool:
        """True within a turn with a recorded start: only COUNTED_WITHIN then changes the count."""
        return self.open == _EXPLICIT

    def copy(self) -> TurnCounter:
        """Another one that counts on from here."""
        return msgspec.structs.replace(self, known=[*self.known], early=[*self.early])

    def add(self, line: Line) -> None:
        """Take in one more line."""
        item = line.item
        handler = _HANDLERS.get(type(item))
        if handler is None:
            return
        if line.ordinal is not None and line.ordinal < self.own_from_ordinal:
            return
        handler(self, item)

    # -- the life of turns

    def _start(self, event: ev.TaskStarted) -> None:
        self._new(_short(event.turn_id))

    def _complete(self, event: ev.TaskComplete) -> None:
        name = _short(event.turn_id)
        if name in self.known:
            if self.open == _EXPLICIT and self.known[-1] == name:
                self.open = _NONE
            return
        if self.paginated:
            self._new(name)
        self.open = _NONE

    def _abort(self, event: ev.TurnAborted) -> None:
        name = _short(event.turn_id or "")
        if self.paginated and name and name not in self.known:
            self._new(name)

    def _roll_back(self, event: ev.ThreadRolledBack) -> None:
        self.open = _NONE
        self.begun -= min(max(event.num_turns, 0), self.begun)

    def _new(self, name: str) -> None:
        """A turn begins that has a name."""
        self.begun += 1
        self.open = _EXPLICIT
        for names in (self.known, self.early):
            if name in names:
                names.remove(name)
        self.known.append(name)
        del self.known[:-KNOWN_TURNS]

    # -- what happened in them

    def _happens(self) -> None:
        """Something belongs to the open turn, or begins one."""
        if self.open == _NONE:
            self.begun += 1
        if self.open != _EXPLICIT:
            self.open = _IMPLICIT

    def _asked(self) -> None:
        """The user's message begins a turn but where one waits for it."""
        if self.open == _IMPLICIT:
            self.open = _NONE
        self._happens()

    def _user_message(self, event: ev.UserMessageEvent) -> None:
        if not self.paginated and event.kind in (None, "plain"):
            self._asked()

    def _agent_message(self, event: ev.AgentMessageEvent) -> None:
        if event.message and not self.paginated:
            self._happens()

    def _reasoning(self, event: ev.AgentReasoning | ev.AgentReasoningRawContent) -> None:
        if event.text and not self.paginated:
            self._happens()

    def _compacted(self, _item: Compacted) -> None:
        if not self.paginated and self.open == _NONE:
            self.begun += 1
            self.open = _COMPACTION

    def _context_compacted(self, _event: ev.ContextCompacted) -> None:
        if not self.paginated:
            self._happens()

    def _entered_review(self, event: ev.EnteredReviewMode) -> None:
        if self.paginated:
            return
        if not event.turn_id:
            self._happens()
        elif _short(event.turn_id) not in self.known:
            self._new(_short(event.turn_id))

    def _exited_review(self, event: ev.ExitedReviewMode) -> None:
        named = event.turn_id is not None and _short(event.turn_id) in self.known
        if not self.paginated and not named:
            self._happens()

    def _item_completed(self, event: ev.ItemCompleted) -> None:
        if not self.paginated or (self.known and self.known[-1] == event.turn_id):
            return
        name = _short(event.turn_id)
        if name not in self.known and name not in self.early:
            self.early.append(name)
            if len(self.early) > KNOWN_TURNS:
                del self.early[0]
                self.begun += 1

    def _other_event(self, event: Item) -> None:
        if self.paginated or self.open in (_EXPLICIT, _IMPLICIT):
            return
        if not turn_items.EVENT_ITEMS[type(event)](event).turn_id:
            self._happens()

    def _said(self, item: rs.Message | rs.Reasoning) -> None:
        if self.open == _EXPLICIT or (self.open == _IMPLICIT and not self.spoken):
            return
        said = turn_items.spoken(item, "") if self.spoken else None
        if isinstance(said, ti.UserMessage):
            self._asked()
        elif said or turn_items.hook_prompt(item, ""):
            self._happens()

    def _tool_call(self, _item: rs.ResponseItem) -> None:
        if self.open == _COMPACTION:
            self.open = _IMPLICIT


def counters(head: Metadata) -> tuple[TurnCounter, TurnCounter | None]:
    """The counter of a thread, and what it is by what was spoken; *head* is by the rollout's head.

    The second holds until a line tells of a turn.  None: the head says that none will, so that
    the first is by what was spoken already.
    """
    turns, spoken = (
        TurnCounter(
            paginated=head.history_mode == PAGINATED,
            spoken=spoken,
            own_from_ordinal=head.own_from_ordinal,
        )
        for spoken in (head.bare, True)
    )
    return turns, None if head.bare else spoken


def _short(name: str) -> str:
    return name[:_NAME_CHARS]


_Handler = Callable[[TurnCounter, Any], None]
_HANDLERS: dict[type[Item], _Handler] = {
    ev.TaskStarted: TurnCounter._start,
    ev.TaskComplete: TurnCounter._complete,
    ev.TurnAborted: TurnCounter._abort,
    ev.ThreadRolledBack: TurnCounter._roll_back,
    ev.UserMessageEvent: TurnCounter._user_message,
    ev.AgentMessageEvent: TurnCounter._agent_message,
    ev.AgentReasoning: TurnCounter._reasoning,
    ev.AgentReasoningRawContent: TurnCounter._reasoning,
    ev.ContextCompacted: TurnCounter._context_compacted,
    ev.EnteredReviewMode: TurnCounter._entered_review,
    ev.ExitedReviewMode: TurnCounter._exited_review,
    ev.ItemCompleted: TurnCounter._item_completed,
    Compacted: TurnCounter._compacted,
    rs.Message: TurnCounter._said,
    rs.Reasoning: TurnCounter._said,
    rs.FunctionCall: TurnCounter._tool_call,
    rs.CustomToolCall: TurnCounter._tool_call,
    rs.LocalShellCall: TurnCounter._tool_call,
    **dict.fromkeys(turn_items.EVENT_ITEMS, TurnCounter._other_event),
}
# The types that can change the count.
COUNTED = frozenset(_HANDLERS)
COUNTED_WITHIN: frozenset[type[Item]] = frozenset(
    [
        ev.TaskStarted,
        ev.TaskComplete,
        ev.TurnAborted,
        ev.ThreadRolledBack,
        ev.EnteredReviewMode,
        ev.ItemCompleted,
    ]
)
