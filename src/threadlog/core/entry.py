"""Items on their way into a rollout: what is kept, what it weighs, and a batch of them as bytes.

Typed items are immutable and stay as they are until they are written; whatever holds free JSON
is encoded at once, so that no later change of it reaches the file and what has no JSON form is
refused by the call that brought it.  Runs in the agent's own loop: a typed item costs less than a
microsecond here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from threadlog.core import lines, moments, policy
from threadlog.core.decode import Line
from threadlog.core.framing import LINE_LIMIT_BYTES
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
from threadlog.core.lines import Envelope
from threadlog.core.metadata import LEGACY, PAGINATED
from threadlog.core.sealed import Sealed, Take, opened, taker_of, with_texts
from threadlog.core.strict import (
    NO_JSON,
    SHORT_BYTES,
    STRICTLY,
    dumps,
    is_all_finite,
    json_text,
    payload_text,
)
from threadlog.core.weight import LINE_BYTES, free_values
from threadlog.errors import Unencodable

Recordable = LineItem | Line | Mapping[str, Any]
_Classes = dict[str, Any]  # of a line type: its class, or those of its payload's types

# What the envelope of a payload that is encoded already weighs.
_MARGIN_BYTES = LINE_BYTES // 2
# An item of more characters may be longer than a line may be, once it is encoded.
LONG_BYTES = LINE_LIMIT_BYTES // 8


class Encoded(msgspec.Struct, frozen=True, gc=False):
    """An item whose payload is JSON text already."""

    line_type: str
    payload: bytes
    metadata: Any = UNSET


Payload = LineItem | Encoded | Sealed
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
_convert = msgspec.convert


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
    take = _takers.get(type(item))
    taken = take(item) if take else None
    return taken if taken and taken[0] <= LONG_BYTES else weigh_encoded(item)


def weigh_encoded(item: LineItem) -> tuple[int, Encoded]:
    """The same for one that is encoded now, as `TAKERS` said."""
    if type(item) is UntypedItem:  # isinstance takes a while with classes of msgspec
        return _encoded(item.type, payload_text(item.type, item))
    line_type = item.line_type
    try:
        json_text(free_values(item))
        raw = _encoder.encode(item)
    except NO_JSON:
        raw = payload_text(line_type, item)
    return _encoded(line_type, raw)


def weigh_line(line: Line) -> tuple[int, Payload]:
    """The same for a line that was read: every field it has is passed on."""
    metadata = UNSET if line.metadata is None else line.metadata
    raw = payload_text(line.type, line.plain().payload)
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
    return _encoded(line_type, payload_text(line_type, payload))


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
        raw = b"%b" % dumps(payload, None, STRICTLY)  # as json_text does, without the call
        if (len(raw) > SHORT_BYTES or b"null" in raw) and not is_all_finite(payload):
            return None
    except (KeyError, *NO_JSON):
        return None
    return _encoded(line_type, raw)


def encode(entries: Sequence[Entry], ordinal: int | None) -> Batch:
    """The lines of *entries*; the first gets *ordinal*, if lines are numbered, and so on."""
    written: list[_Written] = []
    last_ms, stamp = -1, ""
    for number, (ms, _weight, item) in enumerate(entries):
        if ms != last_ms:
            last_ms, stamp = ms, moments.utc_text(ms)
        place = UNSET if ordinal is None else ordinal + number
        if type(item) is Encoded:
            raw = msgspec.Raw(item.payload)
            written.append(_Written(stamp, place, item.line_type, raw, item.metadata))
        else:
            whole = with_texts(item) if isinstance(item, tuple) else item
            written.append(_Written(stamp, place, whole.line_type, whole))
    try:
        return Batch(_encoder.encode_lines(written), len(written))
    except NO_JSON:
        return _encode_singly(entries, ordinal)


def _encode_singly(entries: Sequence[Entry], ordinal: int | None) -> Batch:
    """The slow way, for values that only plain JSON can spell, and to tell what none can."""
    encoded: list[bytes] = []
    refused: list[str] = []
    for ms, _weight, item in entries:
        if not isinstance(item, Encoded):
            whole = opened(item) if isinstance(item, tuple) else item
            try:
                item = Encoded(whole.line_type, payload_text(whole.line_type, whole))  # noqa: PLW2901
            except Unencodable as error:
                refused.append(str(error))
                continue
        place = None if ordinal is None else ordinal + len(encoded)
        metadata = None if item.metadata is UNSET else item.metadata
        envelope = Envelope(moments.utc_text(ms), item.line_type, {}, place, metadata)
        encoded.append(lines.encode_line(envelope, item.payload))
    return Batch(b"".join(encoded), len(encoded), tuple(refused))


def _encoded(line_type: str, raw: bytes) -> tuple[int, Encoded]:
    if len(raw) > LINE_LIMIT_BYTES - _MARGIN_BYTES:
        raise Unencodable(
            f"cannot record a {line_type} of {len(raw)} bytes: "
            f"a line has {LINE_LIMIT_BYTES} at most"
        )
    return _MARGIN_BYTES + len(raw), Encoded(line_type, raw)


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
        payload_text(line_type, payload)  # that it has no JSON form says more
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
_takers: dict[type[Any], Take] = {each: taker_of(each) for each in _ALL_ITEMS}
# For each history mode what takes the items of which it keeps all, whatever they say.
TAKERS: dict[str, dict[type[Any], Take]] = {
    mode: {
        each: take
        for each, take in _takers.items()
        if each not in _LOOKED_INTO[mode]
        and policy.keeps((each.line_type, each.__struct_config__.tag), mode)
    }
    for mode in (LEGACY, PAGINATED)
}


def _classes_of(mode: str) -> _Classes:
    classes: _Classes = {}
    for each in TAKERS[mode]:
        tag = each.__struct_config__.tag
        if tag is None:
            classes[each.line_type] = each
        else:
            classes.setdefault(each.line_type, {})[tag] = each
    return classes


# The same by line type and, where it has one, by the payload's type.
CLASSES: dict[str, _Classes] = {mode: _classes_of(mode) for mode in TAKERS}
