"""JSON text of what may hold anything: what is no JSON is refused, not made into some text.

orjson refuses it, where msgspec writes bytes, dates and the like as texts of its own making.
"""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import orjson

from threadlog.core import lines
from threadlog.core.items import LineItem, TurnItem, UntypedItem
from threadlog.core.lines import Json
from threadlog.core.weight import free_values
from threadlog.errors import Unencodable

# What msgspec would turn into text of its own making: left as it is, and refused as no JSON.
_NOT_JSON = (bytes, bytearray, datetime, date, Decimal, UUID)
STRICTLY = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
SHORT_BYTES = 256
# What the encoders raise for a value that has no JSON text, or none of theirs.
NO_JSON = (TypeError, ValueError, OverflowError, RecursionError)
# MessagePack, which is only looked at: what it holds without this byte holds no float.
_pack = msgspec.msgpack.Encoder().encode
_FLOAT = 0xCB
_encoder = msgspec.json.Encoder()
dumps = orjson.dumps


def payload_text(line_type: str, payload: Any) -> bytes:
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
        return json_text(payload)
    json_text(free_values(payload))
    return _encoder.encode(payload)


def json_text(value: Any) -> bytes:
    """The JSON text of plain JSON; raises TypeError or ValueError for anything else."""
    # A copy: orjson shrinks a larger block to the text's size, which costs a microsecond and
    # splits up the memory where that block is not freed at once.
    raw = b"%b" % dumps(value, _turn_item_only, STRICTLY)
    # Not finite is `null` in it, and to look for that is quick in a short text.
    if (len(raw) > SHORT_BYTES or b"null" in raw) and not is_all_finite(value):
        raise ValueError("a number is not finite")
    return raw


def is_all_finite(value: Any) -> bool:
    """False for a number that is not finite, which orjson writes as null.

    Looking for a float in MessagePack costs next to nothing, however long the texts.
    """
    return _FLOAT not in _pack(value) or _is_finite(value)


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
