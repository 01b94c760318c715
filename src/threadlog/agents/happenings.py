"""What is told of a thread while an agent works on it, once it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from threadlog.core.items.turn import TurnItem
from threadlog.core.items.values import TokenUsageInfo
from threadlog.core.turn import Turn

MESSAGE, THOUGHT, OUTPUT = "message", "thought", "output"


class TurnBegan(NamedTuple):
    """A turn began, at *started_at* (unix seconds)."""

    turn_id: str
    started_at: int


class ItemBegan(NamedTuple):
    """A turn item began, at *at_ms* (unix milliseconds)."""

    turn_id: str
    item: TurnItem
    at_ms: int


class TextGrew(NamedTuple):
    """A piece more of a message, of a summary of thoughts, or of what a command prints."""

    turn_id: str
    item_id: str
    kind: str
    text: str


class ItemEnded(NamedTuple):
    """A turn item is whole, and recorded."""

    turn_id: str
    item: TurnItem
    began_ms: int
    at_ms: int


class Counted(NamedTuple):
    """The model told what its response cost."""

    turn_id: str
    usage: TokenUsageInfo


class Troubled(NamedTuple):
    """Something failed; *again* if it is being tried once more."""

    turn_id: str
    message: str
    kind: str
    again: bool


class TurnEnded(NamedTuple):
    """A turn ended, and is on stable storage; of its items only the last message is at hand."""

    turn: Turn


Happening = TurnBegan | ItemBegan | TextGrew | ItemEnded | Counted | Troubled | TurnEnded
Tell = Callable[[Happening], None]
