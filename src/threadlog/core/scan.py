"""What only a whole rollout tells, as a fold that can be put away as text and gone on with.

For an index: a rollout that has grown is read from where it ended the last time.  Folding it in
pieces, with the state stored after any of them, gives what folding it at once gives.  Memory does
not grow with the rollout, but for what its metadata says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Self

import msgspec

from threadlog.core import lines, metadata, quick
from threadlog.core.decode import Line, decode
from threadlog.core.framing import Gap, Oversized
from threadlog.core.items import Item, UntypedItem
from threadlog.core.items import event as ev
from threadlog.core.items.response import Message
from threadlog.core.items.session import SessionMeta, TurnContext
from threadlog.core.ledger import ENTERED, Entering, Ledger, Origin
from threadlog.core.lines import BadLine
from threadlog.core.metadata import Base, Metadata, source_label
from threadlog.core.summary import Counts
from threadlog.core.turn_count import COUNTED, COUNTED_WITHIN, TurnCounter, counters

Raw = bytes | Oversized | Gap  # a line without its LF, or what is in the place of lines

# What can change the metadata at any time, and what only until they say how the thread began.
_LASTING: frozenset[type[Item]] = frozenset(
    [SessionMeta, TurnContext, ev.ThreadNameUpdated, ev.ThreadGoalUpdated, UntypedItem]
)
_BEGINNING: frozenset[type[Item]] = _LASTING | {
    ev.TaskStarted,
    ev.UserMessageEvent,
    ev.ItemCompleted,
}
_OF_BARE: frozenset[type[Item]] = _BEGINNING | {Message}


class Head(msgspec.Struct, frozen=True):
    """What the head of a rollout says that decides how all of its thread is read."""

    thread_id: str | None
    history_mode: str
    bare: bool
    own_from_ordinal: int
    base: Base | None


class Scan(msgspec.Struct, tag_field="scan", tag=2):  # a state of another shape has another tag
    """The fold.  Make one with `of`, or with `from_state`.

    Blank lines count as nothing.  A last line without its LF may yet become another line: it is
    not to be added, but to be shown by `with_rest`.
    """

    head: Head
    turns: TurnCounter
    # Until a line tells of a turn: the turns by what was spoken.
    spoken: TurnCounter | None
    metadata: Metadata = Metadata()
    problems: int = 0
    tokens: int = 0
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    counted: int = 0  # turns so far, all of them
    # What a fork copied, with the first so many bytes of its rollout, and of whom.
    copied_bytes: int = 0
    origin: Origin | None = None

    @classmethod
    def of(cls, head: Metadata) -> Self:
        """A scan of no lines yet; *head* is the metadata by the head of the thread's rollout."""
        return cls(_head(head), *counters(head), ledger=Ledger.since(head.created))

    @classmethod
    def from_state(cls, text: str) -> Self:
        """The scan whose `state` this is; raises ValueError if it is none of this version."""
        try:
            return msgspec.convert(lines.parse_json(text.encode()), cls)
        except RecursionError:
            raise ValueError("nested too deep") from None

    def state(self) -> str:
        """All of it as JSON text, in ASCII."""
        try:
            return json.dumps(msgspec.to_builtins(self))
        except RecursionError:  # a source nested so deep that it could only just be read
            told = self.metadata._replace(source=source_label(self.metadata.source))
            return json.dumps(msgspec.to_builtins(msgspec.structs.replace(self, metadata=told)))

    def fits(self, head: Metadata) -> bool:
        """True if the head of the rollout still says what it said when this scan began."""
        return self.head == _head(head)

    @property
    def counts(self) -> Counts:
        """What the lines so far count up to."""
        return Counts(self._turns(), self.problems, self.tokens)

    def add(self, raws: Iterable[Raw], *, own: bool = True) -> None:
        """Take in the next lines of the rollout; what is not its *own* is a copy in a fork."""
        counting, telling = self._counting(), self._telling()
        entry = Entering(self.ledger, self.head.own_from_ordinal if own else None)
        for line in self._whole(raws):
            kind = type(line.item)
            if kind in counting:
                self._count(line, entry)
                counting = self._counting()
            if kind in ENTERED:
                entry.take(line)
            if kind in telling:
                self._tell(line)
                telling = self._telling()
        self.tokens = entry.total(self.tokens)

    def add_inherited(self, raws: Iterable[Raw], *, own_from: int | None = None) -> None:
        """Take in the next lines of what the rollout builds on: these say nothing of who it is.

        Where another rollout of the same thread holds them, those from the ordinal *own_from* on
        are the thread's own.
        """
        entry = Entering(self.ledger, own_from)
        for line in self._whole(raws):
            if type(line.item) in COUNTED:
                self._count(line, entry)
            if type(line.item) in ENTERED:
                entry.take(line)
        self.tokens = entry.total(self.tokens)

    def with_rest(self, rest: Sequence[Raw]) -> Scan:
        """A scan for showing only, which also read the *rest*: what may yet become another line."""
        if not rest:
            return self
        spoken = self.spoken.copy() if self.spoken else None
        shown = msgspec.structs.replace(
            self, turns=self.turns.copy(), spoken=spoken, ledger=self.ledger.copy()
        )
        shown.add(rest)
        return shown

    def _whole(self, raws: Iterable[Raw]) -> Iterator[Line]:
        """The lines that are whole; whatever else is not blank is a problem."""
        for raw in raws:
            line = decode(raw) if raw and isinstance(raw, bytes) else None
            if isinstance(line, Line):
                yield line
            elif not isinstance(raw, bytes) or not lines.is_blank(raw):
                self.problems += 1

    def _counting(self) -> frozenset[type[Item]]:
        """The types of which the next line can change a count: most lines cannot."""
        return COUNTED_WITHIN if self.spoken is None and self.turns.within else COUNTED

    def _count(self, line: Line, entry: Entering) -> None:
        self.turns.add(line)
        if self.spoken is not None:
            self.spoken.add(line)
            if self.turns.count:
                self.spoken = None
        now = self._turns()
        if now != self.counted:
            if now > self.counted:
                entry.begin(line, now - self.counted)
            # Turns that are taken back had begun, too.
            back = isinstance(line.item, ev.ThreadRolledBack)
            self.counted = now if back else max(self.counted, now)

    def _turns(self) -> int:
        return (self.turns if self.spoken is None else self.spoken).count

    def _telling(self) -> frozenset[type[Item]]:
        """The types of which the next line can change the metadata."""
        if self.metadata.complete:
            return _LASTING
        return _OF_BARE if self.metadata.bare else _BEGINNING

    def _tell(self, line: Line) -> None:
        item = line.item
        if isinstance(item, UntypedItem) and not metadata.concerns((item.type, item.kind)):
            return
        try:
            self.metadata = metadata.fold(self.metadata, quick.parse(line.raw or b""))
        except BadLine:
            return


def _head(told: Metadata) -> Head:
    return Head(told.thread_id, told.history_mode, told.bare, told.own_from_ordinal, told.base)
