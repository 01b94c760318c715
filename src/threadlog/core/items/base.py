"""What all typed items share: immutable, and encoded as Codex would write them.

How a field is declared says how it is written, as in `docs/format.md`:

    x: str                  required: a line without it is kept, untyped
    x: str | None = None    left out when unset
    x: str | None = null()  always written, `null` when unset
    x: str = text()         always written, `""` when unset
    x: tuple[...] = empty() always written, `[]` when unset

`Json` fields hold free JSON (dicts and lists); treat them as read-only.

Annotations here are no texts (no `from __future__ import annotations`): msgspec would compile each
of them whenever a program starts.
"""

from typing import Any, ClassVar

import msgspec

Json = Any


class Item(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The base of all values that a payload is made of."""


class LineItem(Item, frozen=True, kw_only=True):
    """The base of what one line carries; `line_type` is the line's own `type`."""

    line_type: ClassVar[str] = ""


def _none() -> None:
    return None


def _no_items() -> tuple[()]:
    return ()


def null() -> Any:
    """Default None, written as `null`."""
    return msgspec.field(default_factory=_none)


def text() -> Any:
    """Default "", written as `""`."""
    return msgspec.field(default_factory=str)


def empty() -> Any:
    """Default (), written as `[]`."""
    return msgspec.field(default_factory=_no_items)


class UntypedItem(LineItem, frozen=True, kw_only=True):
    """An item kept as plain JSON: of a type we do not know, or not of the shape its type has.

    `type` is the line's type and `kind` the payload's; `reason` says why it is untyped.
    """

    type: str
    kind: str | None
    payload: Json
    reason: str
