"""Lines as typed values: bytes become a `Line` with a typed item, or a value that says why not.

Never raises on content.  The common case is one pass of msgspec over the bytes; whatever that
refuses (unknown types, odd shapes, old spellings, damage) takes the slow way through plain JSON.
Codex skips a line whose payload does not have its type's required fields; here it becomes an
`UntypedItem`, which every fold ignores just so, but which stays in place.
"""

from __future__ import annotations

import functools
import re
from typing import Annotated, Any, Union

import msgspec

from threadlog.core import lines
from threadlog.core.framing import Frame, Oversized
from threadlog.core.items import (
    EVENTS,
    PERSISTED_TURN_ITEMS,
    RESPONSE_ITEMS,
    SESSION_ITEMS,
    LineItem,
    UntypedItem,
)
from threadlog.core.items.event import ItemCompleted
from threadlog.core.items.turn import AnyTurnItem, TurnItem, UntypedTurnItem
from threadlog.core.lines import EVENT, RESPONSE_ITEM, BadLine, Damaged, Envelope, Json


class _Typed(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type"):
    """A line whose payload has the shape of its type; one subclass for each line type."""

    timestamp: str
    ordinal: Annotated[int, msgspec.Meta(ge=0)] | None = None
    payload: Any
    metadata: Json = None


def _typed_line(line_type: str, payload: Any) -> Any:
    return msgspec.defstruct(
        f"{line_type}_line", [("payload", payload)], bases=(_Typed,), tag=line_type, kw_only=True
    )


_EVENT_UNION: Any = Union[EVENTS]  # noqa: UP007
_RESPONSE_UNION: Any = Union[RESPONSE_ITEMS]  # noqa: UP007
_TURN_ITEM_TYPES = {item.__struct_config__.tag: item for item in PERSISTED_TURN_ITEMS}
_PAYLOADS: dict[str, Any] = {
    EVENT: _EVENT_UNION,
    RESPONSE_ITEM: _RESPONSE_UNION,
    **{item.line_type: item for item in SESSION_ITEMS},
}
_LINE_UNION: Any = Union[tuple(_typed_line(name, payload) for name, payload in _PAYLOADS.items())]  # noqa: UP007
_decode_typed = msgspec.json.Decoder(_LINE_UNION).decode
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Line(msgspec.Struct, frozen=True, gc=False):
    """One whole line of a rollout: where it is, its bytes, and what it says.

    `raw` is the line as it stands in the file (no LF), or None once `detached` let go of it;
    `ended` is False for a valid last line that lacks its LF.  `offset` is in bytes, in its file.
    """

    offset: int
    raw: bytes | None
    ended: bool
    envelope: Any
    value: Json = None

    @property
    def timestamp(self) -> str:
        """When the line was recorded, as written (UTC); "" in rollouts without envelopes."""
        return self.envelope.timestamp  # type: ignore[no-any-return]

    @property
    def ordinal(self) -> int | None:
        """The line's number, in paginated rollouts."""
        return self.envelope.ordinal  # type: ignore[no-any-return]

    @property
    def metadata(self) -> Json:
        """Codex's own notes on a response item, if any."""
        return self.envelope.metadata

    @property
    def item(self) -> LineItem:
        """The typed item, or an `UntypedItem`."""
        return self.envelope.payload  # type: ignore[no-any-return]

    @property
    def type(self) -> str:
        """The line's `type`."""
        item = self.item
        return item.type if isinstance(item, UntypedItem) else item.line_type

    def plain(self) -> Envelope:
        """The line as plain JSON, with every field it has, known or not.

        A field that no item type knows may hold what plain JSON cannot (a number beyond all
        bounds); such a line shows its known fields only.
        """
        if self.raw is None:
            return lines.envelope_of(self.value)
        try:
            return lines.parse(self.raw)
        except BadLine:
            payload = _known_fields(self.item)
            return Envelope(self.timestamp, self.type, payload, self.ordinal, self.metadata)

    def detached(self) -> Line:
        """The same line without its bytes, or itself where plain JSON cannot hold it all."""
        if self.raw is None:
            return self
        try:
            value = lines.parse_json(self.raw)
        except BadLine:
            return self
        return Line(self.offset, None, self.ended, self.envelope, value)

    def encode(self) -> bytes:
        """The line as bytes, no LF: as it came, or the same JSON values in the same order."""
        return self.raw if self.raw is not None else lines.dump(self.value)


def decode(raw: bytes, offset: int = 0, ended: bool = True) -> Line | Damaged:  # noqa: FBT001, FBT002
    """Read one line (no LF); blank lines are the caller's to skip."""
    try:
        if not raw.isascii():
            raw.decode()  # a field that no class knows is not looked at otherwise
        return Line(offset, raw, ended, _decode_typed(raw))
    except (ValueError, RecursionError):
        return _decode_slowly(Frame(offset, raw, ended))


def decode_item(raw: bytes) -> LineItem | None:
    """What `decode` gives as the item, at less cost; None if the line is blank or damaged."""
    try:
        if not raw.isascii():
            raw.decode()
        return _decode_typed(raw).payload  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        line = _decode_slowly(Frame(0, raw, ended=True))
        return line.item if isinstance(line, Line) else None


def decode_frame(frame: Frame) -> Line | Damaged | Oversized | None:
    """Read one framed line; None for a blank one."""
    if isinstance(frame.raw, Oversized):
        return frame.raw
    if lines.is_blank(frame.raw):
        return None
    return decode(frame.raw, frame.offset, frame.ended)


def _decode_slowly(frame: Frame) -> Line | Damaged:
    assert isinstance(frame.raw, bytes)
    try:
        envelope = lines.parse(frame.raw)
    except BadLine as error:
        return lines.damage(frame, error.reason)
    payload = envelope.payload
    if _SURROGATE.search(frame.raw):
        try:
            payload = _scrub(payload)
        except RecursionError:  # it goes less deep than the parser
            return lines.damage(frame, "limit")
    typed = _Typed(
        timestamp=envelope.timestamp,
        ordinal=envelope.ordinal,
        payload=_item(envelope, payload),
        metadata=envelope.metadata,
    )
    return Line(frame.offset, frame.raw, frame.ended, typed)


def _item(envelope: Envelope, payload: dict[str, Json]) -> LineItem:
    expected = _PAYLOADS.get(envelope.type)
    if expected is None:
        return UntypedItem(
            type=envelope.type, kind=envelope.kind, payload=payload, reason="unknown line type"
        )
    if envelope.kind != payload.get("type"):
        payload = {**payload, "type": envelope.kind}
    try:
        return msgspec.convert(payload, expected)  # type: ignore[no-any-return]
    except (ValueError, RecursionError) as error:
        unknown = str(error).startswith("Invalid value") and "$.type" in str(error)
        reason = f"unknown {envelope.type} type" if unknown else "not of its type's shape"
        return UntypedItem(type=envelope.type, kind=envelope.kind, payload=payload, reason=reason)


def _known_fields(item: LineItem) -> dict[str, Json]:
    if isinstance(item, UntypedItem):
        return item.payload  # type: ignore[no-any-return]
    try:
        return msgspec.to_builtins(item)  # type: ignore[no-any-return]
    except RecursionError:
        return msgspec.structs.asdict(item)


def _scrub(value: Json) -> Json:
    """The same value with lone surrogates replaced: they have no UTF-8 form."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_scrub(each) for each in value]
    if isinstance(value, dict):
        return {_scrub(key): _scrub(each) for key, each in value.items()}
    return value


def turn_item(event: ItemCompleted) -> AnyTurnItem:
    """The typed turn item that an `item_completed` event carries."""
    payload = event.item if isinstance(event.item, dict) else {}
    # Some versions spell the fields of a few items in camelCase.
    snake = {_snake(key): value for key, value in payload.items()}
    try:
        return msgspec.convert(snake, _turn_item_type(snake.get("type")))
    except (ValueError, RecursionError):
        name = payload.get("id")
        return UntypedTurnItem(
            id=name if isinstance(name, str) else "", payload=payload, reason="unknown shape"
        )


def _turn_item_type(tag: Json) -> type[TurnItem]:
    """The one type to convert to; to a union costs ten times as much, as it is made anew."""
    if isinstance(tag, str) and tag in _TURN_ITEM_TYPES:
        return _TURN_ITEM_TYPES[tag]
    raise ValueError("unknown type")


@functools.lru_cache(maxsize=1024)
def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match[1].lower(), key)
