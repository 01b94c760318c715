"""What a thread used, by when and with which model: tokens, turns, their time, calls of tools.

A fold like that of `scan`, bounded in size and resumable.  What a thread inherited moves the
running total of its tokens and counts nothing.

- Each token count holds the thread's total so far.  What is added are differences, so that all of
  them together are the newest total, less the one that was inherited.
- A total below the one before it began anew (Codex 0.50 when it resumes): what was counted before
  it is in no newer total any more, and is kept apart as `restarted`.  A part of a total that drops
  alone, as when Codex notes that the context is full, goes on from what it dropped to.
- A call is what the model asked for, a response item: what events and turn items tell of the same
  call is not counted again.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from threadlog.core import moments
from threadlog.core.decode import Line
from threadlog.core.items import Item
from threadlog.core.items import response as rs
from threadlog.core.items.event import TaskComplete, TokenCount, TurnAborted
from threadlog.core.items.session import TurnContext

# Time is told in quarters of an hour: days begin at one in every time zone.
QUARTER_MS = 900_000
# Of a thread that worked in more quarters, two become one, until they are no more than so many.
ENTRIES = 2048
# Further names count as OTHER; names differ within so many characters.
MODELS, TOOLS = 16, 32
NAME_CHARS = 100
OTHER = "other"
_MINUTE = len("2026-01-02T03:04")
_USUAL = re.compile(r".{16}:[0-5][0-9]\.[0-9]{3}Z")  # how rollouts write a moment
_MOST = 1 << 53  # no number that anybody means is larger

_NAMED_CALLS: dict[type[Item], str] = {
    rs.LocalShellCall: "local_shell",
    rs.WebSearchCall: "web_search",
    rs.ImageGenerationCall: "image_generation",
    rs.ToolSearchCall: "tool_search",
}
_CALLS: frozenset[type[Item]] = frozenset([rs.FunctionCall, rs.CustomToolCall, *_NAMED_CALLS])
NOTHING = (0,) * 6  # of each kind of tokens


class Tokens(NamedTuple):
    """Tokens, as Codex counts them: cached ones are part of the input, reasoning of the output."""

    input: int = 0
    cached_input: int = 0
    cache_write_input: int = 0
    output: int = 0
    reasoning_output: int = 0
    total: int = 0


class Use(NamedTuple):
    """What was used with one *model* (None: not told) between two moments, in unix milliseconds.

    Both are None where no line tells a time.  `time_ms` is that of the `timed_turns`, which tell
    how long they took; `restarted` are tokens that the thread's newest total does not hold.
    """

    start_ms: int | None
    end_ms: int | None
    model: str | None
    turns: int
    timed_turns: int
    time_ms: int
    tokens: Tokens
    restarted: int
    calls: dict[str, int]


class Origin(msgspec.Struct, frozen=True):
    """Whose lines a fork's rollout begins with: the first of *ids* that is there, if any is.

    *facts* are those of its rollout, to tell whether it is still the one that was compared.
    """

    ids: tuple[str, ...]
    place: int | None = None
    facts: tuple[int, ...] = ()


class _Entry(msgspec.Struct, array_like=True):
    """What is counted of one model in one stretch of time."""

    tokens: list[int]
    calls: dict[str, int]
    turns: int = 0
    timed_turns: int = 0
    time_ms: int = 0
    epoch: int = 0  # which of the totals that began anew the tokens belong to
    restarted: int = 0

    def settle(self, epoch: int) -> None:
        """Tokens of a total that began anew since are in no total any more."""
        if self.epoch != epoch:
            self.epoch = epoch
            self.restarted += self.tokens[-1]
            self.tokens = [0] * len(self.tokens)

    def take(self, other: _Entry) -> None:
        """Add another one of the same epoch."""
        self.tokens = [one + more for one, more in zip(self.tokens, other.tokens, strict=True)]
        for name, count in other.calls.items():
            self.calls[name] = self.calls.get(name, 0) + count
        self.turns += other.turns
        self.timed_turns += other.timed_turns
        self.time_ms += other.time_ms
        self.restarted += other.restarted


class Ledger(msgspec.Struct, array_like=True):
    """The fold; `uses` tells what it came to."""

    quarter: int | None = None  # of the newest line that told its time
    model: str = ""  # of the newest turn
    grain: int = 1  # quarters of an hour in an entry
    epoch: int = 0
    begun: int = 0  # turns of which nobody has said yet with which model
    begun_at: int | None = None
    seen: tuple[int, ...] = NOTHING  # the running total
    models: list[str] = msgspec.field(default_factory=list)
    tools: list[str] = msgspec.field(default_factory=list)
    entries: dict[str, _Entry] = msgspec.field(default_factory=dict)

    @classmethod
    def since(cls, created: str | None) -> Ledger:
        """An empty one; *created* is the time of lines that tell none."""
        return cls(quarter=_quarter(created or ""))

    def copy(self) -> Ledger:
        """Another one that counts on from here."""
        return msgspec.convert(msgspec.to_builtins(self), Ledger)

    def uses(self) -> Iterator[Use]:
        """What was used, in no order; one stretch of time and model may come twice."""
        for slot, model, entry in self._told():
            yield self._as_use(slot, model, entry)
        if self.begun:
            began = _Entry([0] * len(Tokens._fields), {}, turns=self.begun)
            yield self._as_use(self.begun_at, self.model, began)

    def _as_use(self, slot: int | None, model: str, entry: _Entry) -> Use:
        start = None if slot is None else slot - slot % self.grain
        return Use(
            None if start is None else start * QUARTER_MS,
            None if start is None else (start + self.grain) * QUARTER_MS,
            model or None,
            entry.turns,
            entry.timed_turns,
            entry.time_ms,
            Tokens(*entry.tokens),
            entry.restarted,
            entry.calls,
        )

    def _told(self) -> Iterator[tuple[int | None, str, _Entry]]:
        for key, entry in self.entries.items():
            entry.settle(self.epoch)
            slot, _space, model = key.partition(" ")
            yield int(slot) if slot else None, model, entry

    def place_turns(self) -> None:
        """Turns that began are of the model that is told now."""
        if self.begun:
            self.entry(self.begun_at).turns += self.begun
            self.begun = 0

    def when(self, timestamp: str) -> int | None:
        """The quarter of a line; of one that does not say, that of the line before."""
        quarter = _quarter(timestamp)
        if quarter is not None:
            self.quarter = quarter
        return self.quarter

    def entry(self, quarter: int | None) -> _Entry:
        """What is counted of the model in a quarter."""
        key = self._key(quarter, self.model)
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries[key] = _Entry([0] * len(Tokens._fields), {}, epoch=self.epoch)
            if len(self.entries) > ENTRIES:
                self._coarsen()
                entry = self.entries[self._key(quarter, self.model)]
        entry.settle(self.epoch)
        return entry

    def _key(self, quarter: int | None, model: str) -> str:
        return f"{'' if quarter is None else quarter - quarter % self.grain} {model}"

    def _coarsen(self) -> None:
        while len(self.entries) > ENTRIES:
            self.grain *= 2
            known, self.entries = list(self._told()), {}
            for slot, model, entry in known:
                key = self._key(slot, model)
                if key in self.entries:
                    self.entries[key].take(entry)
                else:
                    self.entries[key] = entry


class Entering:
    """Enters the next lines into a ledger; most are of the minute of the one before.

    It is asked for one line in three of a long thread: what it does for each is kept short.
    """

    __slots__ = ("_entry", "_ledger", "_minute", "_own", "_own_from", "_total")

    def __init__(self, ledger: Ledger, own_from: int | None = 0) -> None:
        """Lines are the thread's own that have no number, or *own_from* at least; None: none is."""
        self._ledger = ledger
        self._own_from = own_from
        self._own = own_from is not None
        self._minute = ""
        self._entry: _Entry | None = None
        self._total: int | None = None

    def take(self, line: Line) -> None:
        """Take in one more line of the types ENTERED."""
        if self._own_from:
            self._own = line.ordinal is None or line.ordinal >= self._own_from
        _HANDLERS[type(line.item)](self, line)

    def begin(self, line: Line, turns: int) -> None:
        """So many turns begin with a line; their model is told next, if at all."""
        if self._own_from:
            self._own = line.ordinal is None or line.ordinal >= self._own_from
        if self._own:
            self._ledger.place_turns()
            self._ledger.begun = turns
            self._ledger.begun_at = self._ledger.when(line.timestamp)
            self._entry = None

    def total(self, before: int) -> int:
        """The total that the newest count told, as it is written; *before* if there was none."""
        return before if self._total is None else self._total

    def take_context(self, line: Line) -> None:
        """The model of what follows."""
        item: Any = line.item
        self._ledger.model = _known(item.model, self._ledger.models, MODELS)
        self._ledger.place_turns()
        self._entry = None

    def take_end(self, line: Line) -> None:
        """A turn tells how long it took, or does not."""
        item: Any = line.item
        if self._own and item.duration_ms is not None:
            entry = self._at(line)
            entry.timed_turns += 1
            entry.time_ms += _bounded(item.duration_ms)

    def take_call(self, line: Line) -> None:
        """A call of a tool."""
        if self._own:
            calls = self._at(line).calls
            name = _tool(line.item)
            if name not in calls:
                name = _known(name, self._ledger.tools, TOOLS)
            calls[name] = calls.get(name, 0) + 1

    def take_count(self, line: Line) -> None:
        """The total goes on, or begins anew."""
        item: Any = line.item
        if item.info is None:
            return
        now = msgspec.structs.astuple(item.info.total_token_usage)
        self._total = now[-1]
        before = self._ledger.seen
        if now == before:
            return
        used = [*map(operator.sub, now, before)]
        if min(used) < 0 or now[-1] > _MOST:
            now, used = self._begun_anew(now, before)
        self._ledger.seen = now
        if self._own:
            entry = self._at(line)
            entry.tokens = [*map(operator.add, entry.tokens, used)]

    def _begun_anew(
        self, told: tuple[int, ...], before: tuple[int, ...]
    ) -> tuple[tuple[int, ...], list[int]]:
        """The counts of a total that drops, or is beyond all bounds, and what of them is new."""
        now = tuple(map(_bounded, told))
        if self._own and now[-1] < before[-1]:
            self._ledger.epoch += 1
            self._entry, before = None, NOTHING
        pairs = zip(now, before, strict=True)
        return now, [count - known if count >= known else count for count, known in pairs]

    def _at(self, line: Line) -> _Entry:
        timestamp = line.timestamp
        entry = self._entry
        if entry is None or timestamp[:_MINUTE] != self._minute or timestamp[-1:] != "Z":
            entry = self._entry = self._ledger.entry(self._ledger.when(timestamp))
            self._minute = timestamp[:_MINUTE] if _USUAL.fullmatch(timestamp) else " "
        return entry


_HANDLERS: dict[type[Item], Callable[[Entering, Line], None]] = {
    **dict.fromkeys(_CALLS, Entering.take_call),
    TokenCount: Entering.take_count,
    TurnContext: Entering.take_context,
    TaskComplete: Entering.take_end,
    TurnAborted: Entering.take_end,
}
# The types of which a line is counted, or changes what later ones count for.
ENTERED = frozenset(_HANDLERS)


def _quarter(timestamp: str) -> int | None:
    unix_ms = moments.unix_ms(timestamp)
    return None if unix_ms is None else unix_ms // QUARTER_MS


def _known(name: str, names: list[str], limit: int) -> str:
    """A name as it is counted; *names* are those counted so far."""
    name = name[:NAME_CHARS] or OTHER
    if name not in names:
        if len(names) >= limit:
            return OTHER
        names.append(name)
    return name


def _tool(item: Any) -> str:
    """What a call is counted as: the tool's name, with its server where it is one of MCP's."""
    named = _NAMED_CALLS.get(type(item))
    if named is not None:
        return named
    space: str | None = item.namespace
    name: str = item.name
    # Older versions spell a tool of a server so, as one name.
    return f"{space.rstrip('_')}__{name}" if space and space.startswith("mcp__") else name


def _bounded(count: int) -> int:
    """Codex takes a count below none for none."""
    return min(max(count, 0), _MOST)
