"""A rollout as passages: what was said and done in it, each text once, with its turn and time.

A fold over lines whose state can be put away as text and gone on with, as `scan`: a rollout that
has grown is read from where it ended.  Turns have the names that `turns` gives them.  What two
lines tell (the call of a tool and its end; messages that rollouts with events also hold as the
model saw them) is taken from the first, or from the one that is meant for people.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

import msgspec

from threadlog.core import lines, said, turn_items
from threadlog.core.decode import Line, turn_item
from threadlog.core.items import EVENTS, RESPONSE_ITEMS, SESSION_ITEMS
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items.base import Item
from threadlog.core.metadata import Metadata
from threadlog.core.moments import unix_ms
from threadlog.core.said import AGENT, OUTPUT, REASONING, TOOL, USER, Said
from threadlog.core.turn_count import COUNTED, COUNTED_WITHIN, TurnCounter, counters
from threadlog.core.turn_fold import LEGACY_TURN_ITEMS

# Calls that can still be answered; of older ones an answer may be told twice.
OPEN_CALLS = 64
# A longer text is several passages.
PASSAGE_CHARS = 1 << 20


class Passage(NamedTuple):
    """A text of a rollout.

    It is number `part` of what the line at byte `offset` says, was said by a role (`said.ROLES`),
    with a tool or "", in a turn, at a moment in unix milliseconds (None: the line has no stamp).
    """

    offset: int
    part: int
    turn: str
    role: str
    tool: str
    at_ms: int | None
    text: str


class Passages(msgspec.Struct, tag_field="passages", tag=1):
    """The fold.  Make one with `of`, or with `from_state`."""

    turns: TurnCounter
    # Until a line tells of a turn: the turns by what was spoken.
    spoken: TurnCounter | None
    bare: bool
    turn: str = ""
    heard: bool = False  # something was taken from what was spoken
    calls: dict[str, tuple[str, bool]] = msgspec.field(
        default_factory=dict
    )  # tool, and if answered

    @classmethod
    def of(cls, head: Metadata) -> Self:
        """A fold of no lines yet; *head* is the metadata by the head of the rollout."""
        return cls(*counters(head), head.bare)

    @classmethod
    def from_state(cls, text: str) -> Self:
        """The fold whose `state` this is; raises ValueError if it is none of this version."""
        try:
            return msgspec.convert(lines.parse_json(text.encode()), cls)
        except RecursionError:
            raise ValueError("nested too deep") from None

    def state(self) -> str:
        """All of it as JSON text, in ASCII."""
        return json.dumps(msgspec.to_builtins(self), separators=(",", ":"))

    def copy(self) -> Passages:
        """Another one that goes on from here."""
        spoken = self.spoken.copy() if self.spoken else None
        return msgspec.structs.replace(
            self, turns=self.turns.copy(), spoken=spoken, calls=dict(self.calls)
        )

    def needs(self, raw: bytes) -> bool:
        """False for a line that certainly neither says anything nor tells of a turn."""
        glance = lines.sniff_head(raw[:_GLANCE_BYTES])
        if glance is None or glance in _TELLING:
            return True
        within = self.turns.within
        if glance in _ONLY_SPOKEN:
            return self._reads_spoken() or not within or _HOOK in raw
        return glance in (_COUNTED_WITHIN if within else _COUNTED)

    def add(self, line: Line) -> list[Passage | None]:
        """Take in the next line; returns what it says.

        None among it: so far messages and reasoning were taken from what the model was given, and
        now it turns out that events tell them too: those are to be forgotten (`SPOKEN_ROLES`).
        """
        item = line.item
        told: list[Passage | None] = []
        if type(item) in COUNTED and self._count(line) and self.heard:
            self.heard = False
            told.append(None)
        if type(item) in said.TELLING and self._counts(line):
            texts = said.said(item)
            if texts and self.spoken is not None and isinstance(item, (rs.Message, rs.Reasoning)):
                self.heard = True
            told += self._passages(line, texts)
        return told

    def _reads_spoken(self) -> bool:
        return self.bare or self.spoken is not None

    def _count(self, line: Line) -> bool:
        """Notice turns; True if this is the first that an event tells of."""
        counter = self.turns
        begun, last = counter.begun, counter.known[-1:]
        counter.add(line)
        told = self.spoken is not None and counter.count > 0
        if told:
            self.spoken = None
        elif self.spoken is not None:
            counter = self.spoken
            begun, last = counter.begun, counter.known[-1:]
            counter.add(line)
        if counter.begun > begun:
            named = counter.within or counter.known[-1:] != last
            self.turn = counter.known[-1] if named else f"turn-{line.offset}"
        return told

    def _counts(self, line: Line) -> bool:
        """True for a line of the thread's own that people are shown."""
        ordinal, item, paginated = line.ordinal, line.item, self.turns.paginated
        if ordinal is not None and ordinal < self.turns.own_from_ordinal:
            return False
        if isinstance(item, (rs.Message, rs.Reasoning)):
            return self._reads_spoken() or (not paginated and is_hook(item))
        if isinstance(item, ev.ItemCompleted):
            return paginated or type(turn_item(item)) in LEGACY_TURN_ITEMS
        return not paginated or isinstance(item, (rs.ResponseItem, ev.ErrorEvent))

    def _passages(self, line: Line, texts: list[Said]) -> Iterator[Passage]:
        at_ms = unix_ms(line.timestamp)
        part = 0
        for each in texts:
            tool = self._tool(each)
            for piece in _pieces(each.text):
                if tool is not None:
                    turn = each.turn_id or self.turn
                    yield Passage(line.offset, part, turn, each.role, tool, at_ms, piece)
                part += 1

    def _tool(self, told: Said) -> str | None:
        """The tool that a text is of, "" for none; None if it was told already."""
        if told.role not in (TOOL, OUTPUT) or not told.call_id:
            return told.tool
        tool, answered = self.calls.get(told.call_id, (None, False))
        if answered if told.role == OUTPUT else tool is not None:
            return None
        name = told.tool if tool is None else tool
        self.calls[told.call_id] = (name, told.role == OUTPUT)
        if len(self.calls) > OPEN_CALLS:
            del self.calls[next(iter(self.calls))]
        return name


def texts_of(item: Item) -> list[str]:
    """The texts of the passages of a line, by its item; those that were told already too."""
    return [piece for each in said.said(item) for piece in _pieces(each.text)]


def is_hook(item: rs.Message | rs.Reasoning) -> bool:
    """True for a message that a hook of the user's put in."""
    return turn_items.hook_prompt(item, "") is not None


def _pieces(text: str) -> list[str]:
    """A text in pieces that are not too long, cut where a word ends if it can be."""
    pieces: list[str] = []
    while len(text) > PASSAGE_CHARS:
        end = max(text.rfind(" ", 0, PASSAGE_CHARS), text.rfind("\n", 0, PASSAGE_CHARS)) + 1
        end = end or PASSAGE_CHARS
        pieces.append(text[:end])
        text = text[end:]
    return [*pieces, text]


def _glances(kinds: Iterable[type[Item]]) -> frozenset[tuple[str, str | None]]:
    """Line type and kind, as a glance at a line tells them, of these items."""
    return frozenset(_GLANCE_OF[kind] for kind in kinds if kind in _GLANCE_OF)


SPOKEN_ROLES = frozenset([USER, AGENT, REASONING])
_GLANCE_BYTES = 256
_HOOK = b"<hook_prompt"
_GLANCE_OF: dict[type[Item], tuple[str, str | None]] = {
    **{each: (each.line_type, str(each.__struct_config__.tag)) for each in EVENTS},
    **{each: (each.line_type, str(each.__struct_config__.tag)) for each in RESPONSE_ITEMS},
    **{each: (each.line_type, None) for each in SESSION_ITEMS},
}
_ONLY_SPOKEN = _glances([rs.Message, rs.Reasoning])
_TELLING = _glances(said.TELLING) - _ONLY_SPOKEN
_COUNTED, _COUNTED_WITHIN = _glances(COUNTED), _glances(COUNTED_WITHIN)
