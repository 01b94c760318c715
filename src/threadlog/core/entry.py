"""Items on their way into a rollout: what is kept, what it weighs, and a batch of them as bytes.

Typed items are immutable and stay as they are until they are written; whatever holds free JSON
is encoded at once, so that no later change of it reaches the file and what has no JSON form is
refused by the call that brought it.  Runs in the agent's own loop: a typed item costs less than a
microsecond here.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
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
from threadlog.errors import Unencodable

Recordable = LineItem | Line | Mapping[str, Any]

# What a line weighs beside its texts: its envelope, ids and numbers.
LINE_BYTES = 256
# From here on orjson is faster than msgspec, though it needs the item as a dict.
_HEAVY_BYTES = 2048
# Fields whose texts can be long; they are counted, all others are in LINE_BYTES.
_LONG = frozenset(
    [
        *("text", "message", "arguments", "output", "input", "content", "encrypted_content"),
        *("image_url", "audio_url", "images", "local_images", "result", "stdout", "stderr"),
        *("aggregated_output", "formatted_output", "summary", "last_agent_message", "prompt"),
        *("user_instructions", "developer_instructions", "delta", "unified_diff"),
    ]
)
# What msgspec would turn into text of its own making: left as it is, and refused as no JSON.
_NOT_JSON = (bytes, bytearray, datetime, date, Decimal, UUID)
_ORJSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """An item whose payload is JSON text already."""

    line_type: str
    payload: msgspec.Raw
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
_Weigh = Callable[[Any], int | None]
_Get = Callable[[Any], tuple[Any, ...]]


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
    weight = _weigher(type(item))(item)
    if weight is not None:
        return weight, item
    line_type = _line_type(item)
    encoded = Encoded(line_type, _raw(line_type, item))
    return _encoded_weight(encoded), encoded


def weigh_line(line: Line) -> tuple[int, Payload]:
    """The same for a line that was read: every field it has is passed on."""
    metadata = UNSET if line.metadata is None else line.metadata
    encoded = Encoded(line.type, _raw(line.type, line.plain().payload), metadata)
    return _encoded_weight(encoded), encoded


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
    encoded = Encoded(line_type, _raw(line_type, payload))
    return _encoded_weight(encoded), encoded


def encode(entries: Iterable[Entry], ordinal: int | None) -> Batch:
    """The lines of *entries*; the first gets *ordinal*, if lines are numbered, and so on."""
    written: list[_Written] = []
    last_ms, stamp = -1, ""
    for number, (ms, weight, item) in enumerate(entries):
        if ms != last_ms:
            last_ms, stamp = ms, query.utc_text(ms)
        place = UNSET if ordinal is None else ordinal + number
        if isinstance(item, Encoded):
            written.append(_Written(stamp, place, item.line_type, item.payload, item.metadata))
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
            raw = payload if isinstance(payload, msgspec.Raw) else _raw(line.type, payload)
        except Unencodable as error:
            refused.append(str(error))
            continue
        place = None if ordinal is None else ordinal + len(encoded)
        metadata = None if line.metadata is UNSET else line.metadata
        envelope = Envelope(line.timestamp, line.type, {}, place, metadata)
        encoded.append(lines.encode_line(envelope, bytes(raw)))
    return Batch(b"".join(encoded), len(encoded), tuple(refused))


def _encoded_weight(encoded: Encoded) -> int:
    return LINE_BYTES // 2 + len(bytes(encoded.payload))


# -- JSON text, strictly


def _raw(line_type: str, payload: Any) -> msgspec.Raw:
    """The JSON text of an item or payload; raises Unencodable for what has none."""
    try:
        if isinstance(payload, LineItem) and not isinstance(payload, UntypedItem):
            for value in _free_values(payload):
                _strict(value)
            return msgspec.Raw(_encoder.encode(payload))
        return msgspec.Raw(_strict(payload))
    except (TypeError, OverflowError, UnicodeEncodeError, RecursionError):
        pass  # what only plain JSON can spell: lone surrogates, huge numbers, other mappings
    except ValueError as error:
        raise Unencodable(f"cannot record a {line_type}: {error}") from error
    try:
        if isinstance(payload, LineItem):
            payload = _plain_payload(payload)
        return msgspec.Raw(lines.dump(payload if type(payload) is dict else dict(payload)))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(f"cannot record a {line_type}: {error}") from error


def _strict(value: Any) -> bytes:
    """The JSON text of plain JSON; raises TypeError or ValueError for anything else."""
    raw = orjson.dumps(value, _turn_item_only, _ORJSON)
    if b"null" in raw and not _is_finite(value):  # where orjson hides NaN
        raise ValueError("a number is not finite")
    return raw


def _turn_item_only(value: Any) -> Any:
    """Of our own classes, those of turn items stand where an item holds free JSON."""
    if isinstance(value, TurnItem):
        return msgspec.to_builtins(value, builtin_types=_NOT_JSON)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _plain_payload(item: LineItem) -> dict[str, Json]:
    if isinstance(item, UntypedItem):
        return dict(item.payload)
    try:
        return msgspec.to_builtins(item, builtin_types=_NOT_JSON)  # type: ignore[no-any-return]
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(f"cannot record a {item.line_type}: {error}") from error


def _is_finite(value: Any) -> bool:
    if type(value) is float:
        return math.isfinite(value)
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
    except (msgspec.ValidationError, RecursionError):
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


# -- the weight of a typed item

_weighers: dict[type[Any], _Weigh] = {}
_free_getters: dict[type[Any], _Get | None] = {}


def _free_values(item: LineItem) -> tuple[Any, ...]:
    """What an item holds that may be JSON of any shape."""
    _weigher(type(item))
    get = _free_getters[type(item)]
    return get(item) if get is not None else ()


def _weigher(cls: type[Any]) -> _Weigh:
    """What weighs items of a class: None says that one holds free JSON and is to be encoded."""
    weigher = _weighers.get(cls)
    if weigher is None:
        weigher = _make_weigher(cls)
        _weighers[cls] = weigher
    return weigher


def _make_weigher(cls: type[Any]) -> _Weigh:
    if cls is UntypedItem:
        return lambda _item: None
    fields = msgspec.structs.fields(cls)
    hints = typing.get_type_hints(cls)
    free = [field for field in fields if _is_free(hints[field.name])]
    long = [field.name for field in fields if field.name in _LONG and field not in free]
    get_free = _free_getters[cls] = _getter([field.name for field in free])
    unset = tuple(map(_default, free))
    return _weigher_by(get_free, unset, _getter(long))


def _weigher_by(get_free: _Get | None, unset: tuple[Any, ...], get_long: _Get | None) -> _Weigh:
    if get_long is not None:
        return _weigher_of_texts(get_free, unset, get_long)
    if get_free is not None:
        return lambda item: LINE_BYTES if get_free(item) == unset else None
    return lambda _item: LINE_BYTES


def _weigher_of_texts(get_free: _Get | None, unset: tuple[Any, ...], get_long: _Get) -> _Weigh:
    def weigher(item: Any) -> int | None:
        if get_free is not None and get_free(item) != unset:
            return None
        weight = LINE_BYTES
        for value in get_long(item):
            if type(value) is str:
                weight += len(value)
            elif value:
                more = _weigh_pieces(value)
                if more is None:
                    return None
                weight += more
        return weight

    return weigher


def _weigh_pieces(pieces: Any) -> int | None:
    """What several texts, or pieces of content, weigh; None if they are of another shape."""
    if type(pieces) is not tuple:
        return None
    weight = 0
    for piece in pieces:
        if type(piece) is str:
            weight += len(piece)
        elif isinstance(piece, msgspec.Struct):
            more = (_weighers.get(type(piece)) or _weigher(type(piece)))(piece)
            if more is None:
                return None
            weight += more
        else:
            return None
    return weight


def _is_free(hint: Any) -> bool:
    """True if a field of this type can hold JSON of any shape (and is not mostly plain text)."""
    if hint is Any:
        return True
    choices = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return str not in choices and any(map(_is_free, choices))
    return any(map(_is_free, choices))


def _default(field: Any) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _getter(names: Sequence[str]) -> _Get | None:
    """What reads these fields as a tuple, however many they are."""
    if len(names) > 1:
        return attrgetter(*names)
    if not names:
        return None
    get = attrgetter(names[0])
    return lambda item: (get(item),)


_ALL_ITEMS: tuple[type[LineItem], ...] = (*EVENTS, *RESPONSE_ITEMS, *SESSION_ITEMS)
# For each history mode the items of which it keeps all, whatever they say.
WEIGHERS: dict[str, dict[type[Any], _Weigh]] = {
    mode: {
        each: _weigher(each)
        for each in _ALL_ITEMS
        if each not in (ItemCompleted, TaskStarted, SessionMeta)
        and policy.keeps((each.line_type, each.__struct_config__.tag), mode)  # type: ignore[arg-type]
    }
    for mode in (LEGACY, PAGINATED)
}
