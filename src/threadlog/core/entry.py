"""Items on their way into a rollout: what is kept, what it weighs, and a batch of them as bytes.

Typed items are immutable and stay as they are until they are written; whatever holds free JSON
is encoded at once, so that no later change of it reaches the file and what has no JSON form is
refused by the call that brought it.  Runs in the agent's own loop: a typed item costs less than a
microsecond here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import orjson
from msgspec import UNSET

from threadlog.core import lines, policy, query
from threadlog.core.decode import Line
from threadlog.core.items import (
    EVENTS,
    RESPONSE_ITEMS,
    SESSION_ITEMS,
    LineItem,
    TurnItem,
    UntypedItem,
)
from threadlog.core.items.event import ItemCompleted, TaskStarted
from threadlog.core.items.session import SessionMeta
from threadlog.core.lines import Envelope, Json
from threadlog.core.metadata import LEGACY, PAGINATED
from threadlog.core.weight import LINE_BYTES, Weigh, free_values, weigher_of
from threadlog.errors import Unencodable

Recordable = LineItem | Line | Mapping[str, Any]
_Classes = dict[str, Any]  # of a line type: its class, or those of its payload's types

# What the envelope of a payload that is encoded already weighs.
_MARGIN_BYTES = LINE_BYTES // 2
# From here on orjson is faster than msgspec, though it needs the item as a dict.
_HEAVY_BYTES = 2048
# What msgspec would turn into text of its own making: left as it is, and refused as no JSON.
_NOT_JSON = (bytes, bytearray, datetime, date, Decimal, UUID)
_ORJSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """An item whose payload is JSON text already."""

    line_type: str
    payload: bytes
    metadata: Any = UNSET


Payload = LineItem | Encoded
# When it was recorded (unix ms), what it weighs (bytes, about), and what it is.
Entry = tuple[int, int, Payload]


class Batch(NamedTuple):
    """Entries as the bytes of whole lines; `refused` says which typed items have no JSON form."""

    data: bytes
    lines: int
    refused: tuple[str, ...] = ()


class _Written(msgspec.Struct, gc=False):
    """The envelope in Codex's order of keys; what is UNSET is left out."""

    timestamp: str
    ordinal: Any
    type: str
    payload: Any
    metadata: Any = UNSET


_encoder = msgspec.json.Encoder()
# MessagePack, which is only looked at: what it holds without this byte holds no float.
_pack = msgspec.msgpack.Encoder().encode
_FLOAT = 0xCB
_convert, _dumps = msgspec.convert, orjson.dumps


def keeps(item: LineItem, history_mode: str) -> bool:
    """True if a rollout of *history_mode* keeps this item."""
    turn_item: Any = None
    if isinstance(item, ItemCompleted):
        inner = item.item
        if isinstance(inner, dict):
            turn_item = inner.get("type")
        elif isinstance(inner, TurnItem):
            turn_item = inner.__struct_config__.tag
    return policy.keeps((_line_type(item), _kind(item)), history_mode, turn_item)


def weigh(item: LineItem) -> tuple[int, Payload]:
    """What a typed item weighs, and the form it waits in; raises Unencodable."""
    weight = weigher_of(type(item))(item)
    if weight is not None:
        return weight, item
    return weigh_encoded(item)


def weigh_encoded(item: LineItem) -> tuple[int, Encoded]:
    """The same for one that has to be encoded now, as its weigher said."""
    if type(item) is UntypedItem:  # isinstance takes a while with classes of msgspec
        return _encoded(item.type, _raw(item.type, item))
    line_type = item.line_type
    try:
        _strict(free_values(item))
        raw = _encoder.encode(item)
    except (TypeError, ValueError, OverflowError, RecursionError):
        raw = _raw(line_type, item)
    return _MARGIN_BYTES + len(raw), Encoded(line_type, raw)


def weigh_line(line: Line) -> tuple[int, Payload]:
    """The same for a line that was read: every field it has is passed on."""
    metadata = UNSET if line.metadata is None else line.metadata
    raw = _raw(line.type, line.plain().payload)
    return _MARGIN_BYTES + len(raw), Encoded(line.type, raw, metadata)


def read_mapping(item: Any) -> tuple[str, Mapping[str, Any], LineItem | None]:
    """The type and payload of a mapping, and the item it is; None if of a type we do not know.

    Raises Unencodable if it is no such mapping, or lacks what readers require of its type.
    """
    if not isinstance(item, Mapping):
        raise Unencodable(f"cannot record a {type(item).__name__}: give an item, or a mapping")
    line_type, payload = item.get("type"), item.get("payload")
    if not isinstance(line_type, str) or not isinstance(payload, Mapping) or len(item) != 2:
        raise Unencodable("cannot record a mapping but of a `type` text and a `payload` mapping")
    return line_type, payload, _typed(line_type, payload)


def weigh_mapping(line_type: str, payload: Mapping[str, Any]) -> tuple[int, Payload]:
    """What a mapping weighs, encoded now; raises Unencodable."""
    return _encoded(line_type, _raw(line_type, payload))


def weigh_plain(item: dict[str, Any], classes: _Classes) -> tuple[int, Payload] | None:
    """The same for a usual mapping of a type that is kept; None if it needs a closer look."""
    try:
        line_type, payload = item["type"], item["payload"]
        cls = classes[line_type]
        if type(cls) is dict:
            cls = cls[payload["type"]]
        if type(payload) is not dict or len(item) != 2:
            return None
        _convert(payload, cls)
        raw = _dumps(payload, None, _ORJSON)
        if _FLOAT in _pack(payload) and not _is_finite(payload):
            return None
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
    return _MARGIN_BYTES + len(raw), Encoded(line_type, raw)


def encode(entries: Iterable[Entry], ordinal: int | None) -> Batch:
    """The lines of *entries*; the first gets *ordinal*, if lines are numbered, and so on."""
    written: list[_Written] = []
    last_ms, stamp = -1, ""
    for number, (ms, weight, item) in enumerate(entries):
        if ms != last_ms:
            last_ms, stamp = ms, query.utc_text(ms)
        place = UNSET if ordinal is None else ordinal + number
        if isinstance(item, Encoded):
            raw = msgspec.Raw(item.payload)
            written.append(_Written(stamp, place, item.line_type, raw, item.metadata))
        else:
            payload = _fast_raw(item) if weight > _HEAVY_BYTES else item
            written.append(_Written(stamp, place, item.line_type, payload))
    try:
        return Batch(_encoder.encode_lines(written), len(written))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return _encode_singly(written, ordinal)


def _fast_raw(item: LineItem) -> LineItem | msgspec.Raw:
    """The JSON text of an item with long texts, which orjson escapes twice as fast."""
    try:
        return msgspec.Raw(orjson.dumps(msgspec.to_builtins(item)))
    except (TypeError, ValueError, RecursionError):
        return item  # for the slow way


def _encode_singly(written: Sequence[_Written], ordinal: int | None) -> Batch:
    """The slow way, for values that only plain JSON can spell, and to tell what none can."""
    encoded: list[bytes] = []
    refused: list[str] = []
    for line in written:
        payload = line.payload
        try:
            raw = bytes(payload) if type(payload) is msgspec.Raw else _raw(line.type, payload)
        except Unencodable as error:
            refused.append(str(error))
            continue
        place = None if ordinal is None else ordinal + len(encoded)
        metadata = None if line.metadata is UNSET else line.metadata
        envelope = Envelope(line.timestamp, line.type, {}, place, metadata)
        encoded.append(lines.encode_line(envelope, raw))
    return Batch(b"".join(encoded), len(encoded), tuple(refused))


def _encoded(line_type: str, raw: bytes) -> tuple[int, Encoded]:
    return _MARGIN_BYTES + len(raw), Encoded(line_type, raw)


# -- JSON text, strictly


def _raw(line_type: str, payload: Any) -> bytes:
    """The JSON text of an item or payload; raises Unencodable for what has none."""
    try:
        if isinstance(payload, UntypedItem):
            payload = payload.payload
        try:
            return _raw_fast(payload)
        except (TypeError, OverflowError, UnicodeEncodeError, RecursionError):
            # What only plain JSON can spell: lone surrogates, huge numbers, other mappings.
            return lines.dump(_plain_payload(payload))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(f"cannot record a {line_type}: {error}") from error


def _raw_fast(payload: Any) -> bytes:
    if isinstance(payload, UntypedItem):
        payload = payload.payload
    if not isinstance(payload, LineItem):
        return _strict(payload)
    _strict(free_values(payload))
    return _encoder.encode(payload)


def _strict(value: Any) -> bytes:
    """The JSON text of plain JSON; raises TypeError or ValueError for anything else."""
    raw = _dumps(value, _turn_item_only, _ORJSON)
    # A number that is not finite orjson writes as null.  Looking for a float in MessagePack costs
    # next to nothing, however long the texts.
    if _FLOAT in _pack(value) and not _is_finite(value):
        raise ValueError("a number is not finite")
    return raw


def _turn_item_only(value: Any) -> Any:
    """Of our own classes, those of turn items stand where an item holds free JSON."""
    if isinstance(value, TurnItem):
        return msgspec.to_builtins(value, builtin_types=_NOT_JSON)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _plain_payload(payload: Any) -> dict[str, Json]:
    if not isinstance(payload, LineItem):
        return dict(payload)
    for value in free_values(payload):
        if not isinstance(value, TurnItem):
            lines.dump(value)  # refuses what would become JSON only by a change
    return msgspec.to_builtins(payload, builtin_types=_NOT_JSON)  # type: ignore[no-any-return]


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, TurnItem):
        return _is_finite(free_values(value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return True


# -- what a mapping is

_CLASSES: dict[tuple[str, Any], type[LineItem]] = {
    (each.line_type, each.__struct_config__.tag): each for each in (*EVENTS, *RESPONSE_ITEMS)
} | {(each.line_type, None): each for each in SESSION_ITEMS}
_TAGGED = frozenset(line_type for line_type, kind in _CLASSES if kind is not None)


def _typed(line_type: str, payload: Mapping[str, Any]) -> LineItem | None:
    kind = payload.get("type") if line_type in _TAGGED else None
    if kind is not None and not isinstance(kind, str):
        raise Unencodable(f"cannot record a {line_type} whose type is no text")
    kind = lines.ALIASES.get(kind, kind) if kind else kind
    cls = _CLASSES.get((line_type, kind))
    if cls is None:
        return None
    try:
        if kind is not None and payload["type"] != kind:
            payload = {**payload, "type": kind}
        return msgspec.convert(payload, cls)
    except (ValueError, RecursionError):
        _raw(line_type, payload)  # that it has no JSON form says more
        raise Unencodable(
            f"cannot record a {line_type} {kind or ''} without the fields it requires"
        ) from None


def _line_type(item: LineItem) -> str:
    return item.type if isinstance(item, UntypedItem) else item.line_type


def _kind(item: LineItem) -> str | None:
    if isinstance(item, UntypedItem):
        return item.kind
    tag = item.__struct_config__.tag
    return tag if isinstance(tag, str) else None


_ALL_ITEMS: tuple[type[LineItem], ...] = (*EVENTS, *RESPONSE_ITEMS, *SESSION_ITEMS)
# Whether these are kept, or what the recorder learns of them, depends on what they say.
_LOOKED_INTO = {LEGACY: (ItemCompleted, SessionMeta), PAGINATED: (TaskStarted, SessionMeta)}
# For each history mode the items of which it keeps all, whatever they say.
WEIGHERS: dict[str, dict[type[Any], Weigh]] = {
    mode: {
        each: weigher_of(each)
        for each in _ALL_ITEMS
        if each not in _LOOKED_INTO[mode]
        and policy.keeps((each.line_type, each.__struct_config__.tag), mode)  # type: ignore[arg-type]
    }
    for mode in (LEGACY, PAGINATED)
}


def _classes_of(mode: str) -> _Classes:
    classes: _Classes = {}
    for each in WEIGHERS[mode]:
        tag = each.__struct_config__.tag
        if tag is None:
            classes[each.line_type] = each
        else:
            classes.setdefault(each.line_type, {})[tag] = each
    return classes


# The same by line type and, where it has one, by the payload's type.
CLASSES: dict[str, _Classes] = {mode: _classes_of(mode) for mode in WEIGHERS}
