"""One turn: as it is shown, as it is being put together, and how the turns of a thread are read."""

from collections.abc import Mapping

import msgspec

from threadlog.core import moments
from threadlog.core.items import turn as ti
from threadlog.core.items.base import Json
from threadlog.core.items.values import TokenUsage
from threadlog.core.metadata import LEGACY
from threadlog.core.usage import added

ItemTimes = tuple[int | None, int | None]
COMPLETED, INTERRUPTED, FAILED, IN_PROGRESS = "completed", "interrupted", "failed", "inProgress"
# Of turns that no longer count, where they are asked for.
ROLLED_BACK = "rolledBack"


class Turn(msgspec.Struct, frozen=True):
    """One turn: what the user asked, and everything up to the next.

    Times are unix seconds, `duration_ms` milliseconds, None where the rollout does not say.  The
    id of a turn that the rollout does not name is `turn-` and the byte offset of its first line.
    `item_times` says of items, by id, when they began and ended (unix milliseconds), where known:
    paginated rollouts tell it.  `model` is the one it ran with, and `usage` the tokens that its
    responses took, where the rollout counts them.  `lines_ms` says when its first line was
    written, and that which tells its end (unix milliseconds; None if there is none, and for
    copies, whose lines were written later).
    """

    id: str
    status: str
    items: tuple[ti.AnyTurnItem, ...]
    started_at: int | None = None
    completed_at: int | None = None
    duration_ms: int | None = None
    error: Json = None
    item_times: Mapping[str, ItemTimes] = msgspec.field(default_factory=dict)
    model: str | None = None
    usage: TokenUsage | None = None
    lines_ms: ItemTimes = (None, None)

    @property
    def began_at(self) -> int | None:
        """When it began (unix seconds): as the rollout says, else its first line."""
        first = self.lines_ms[0]
        return self.started_at or (first // 1000 if first is not None else None)

    @property
    def took_ms(self) -> int | None:
        """How long it took: as the rollout says, else from its first line to that of its end."""
        first, last = self.lines_ms
        if self.duration_ms is not None or first is None or last is None:
            return self.duration_ms
        return last - first if last > first else None


class TurnRules(msgspec.Struct, frozen=True):
    """How the turns of a thread are to be read.

    `spoken` reads messages from response items, for rollouts that hold no events;
    `own_from_ordinal` skips what a subagent's rollout copied of its parent; `skip` numbers the
    turns (from 0, as opened) that a rollback took away; `partial` says that the lines begin in
    the middle, and `earlier` names turns that are told of before; `rolled_back` asks for the
    turns that are skipped too, with that status; `copied` says that lines may be copies.  With
    `kept` only the items of these numbers are kept of each turn, counted from 0; the others are in
    their places, and say nothing.
    """

    history_mode: str = LEGACY
    spoken: bool = False
    own_from_ordinal: int = 0
    skip: frozenset[int] = frozenset()
    partial: bool = False
    earlier: frozenset[str] = frozenset()
    rolled_back: bool = False
    copied: bool = False
    kept: range | None = None


class OpenTurn:
    """A turn in the making."""

    def __init__(self, turn_id: str, number: int, *, explicit: bool) -> None:
        self.id = turn_id
        self.number = number
        self.explicit = explicit
        self.status = IN_PROGRESS if explicit else COMPLETED
        self.items: dict[str, ti.AnyTurnItem] = {}
        self.times: dict[str, ItemTimes] = {}
        self.compaction = False
        self.started_at: int | None = None
        self.completed_at: int | None = None
        self.duration_ms: int | None = None
        self.error: Json = None
        self.model: str | None = None
        self.usage: TokenUsage | None = None
        self._first = self._end = ""

    def line(self, timestamp: str, *, ends: bool) -> None:
        """One more line is of it, and may tell its end."""
        self._first = self._first or timestamp
        self._end = timestamp if ends else self._end

    @property
    def lines_ms(self) -> ItemTimes:
        """When its first line was written, and that which tells its end."""
        return moments.unix_ms(self._first), moments.unix_ms(self._end)

    def count(self, usage: TokenUsage) -> None:
        """Add the tokens of one more response."""
        self.usage = added(self.usage or TokenUsage(), usage)

    @property
    def empty(self) -> bool:
        """True if nothing was said of it."""
        return not (self.items or self.explicit or self.compaction)

    def build(self) -> Turn:
        """The turn as it stands."""
        return Turn(
            self.id,
            self.status,
            tuple(self.items.values()),
            self.started_at,
            self.completed_at,
            self.duration_ms,
            self.error,
            self.times,
            self.model,
            self.usage,
            self.lines_ms,
        )
