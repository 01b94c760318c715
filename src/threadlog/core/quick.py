"""Lines as plain JSON at a third of the cost, for whoever reads thousands of heads.

Needs msgspec, which takes longer to load than a listing takes.  What is large and of no use to
listings (the agent's instructions) is not made into values.
"""

from __future__ import annotations

import msgspec

from threadlog.core import lines
from threadlog.core.lines import SESSION_META, Envelope, Json

_HEAVY = frozenset(["base_instructions", "instructions", "dynamic_tools", "user_instructions"])
# What stands for a heavy value: empty, of the same kind.
_EMPTY: dict[bytes, Json] = {b"{": {}, b"[": [], b'"': ""}


class _Raw(msgspec.Struct):
    timestamp: str
    type: str
    payload: dict[str, msgspec.Raw]
    ordinal: Json = None


def _value(key: str, value: msgspec.Raw) -> Json:
    if key in _HEAVY and (begins := bytes(value)[:1]) in _EMPTY:
        return _EMPTY[begins]
    return _decode(value)


_decode_raw = msgspec.json.Decoder(_Raw).decode
_decode = msgspec.json.Decoder().decode


def parse(raw: bytes) -> Envelope:
    """What `lines.parse` gives, without the heavy parts of session metadata; raises BadLine."""
    try:
        if not raw.isascii():
            raw.decode()
        if b'"session_meta"' not in raw[:120]:
            return lines.envelope_of(_decode(raw))
        line = _decode_raw(raw)
        if line.type == SESSION_META:
            payload = {key: _value(key, value) for key, value in line.payload.items()}
            return lines.envelope_of(
                {
                    "timestamp": line.timestamp,
                    "ordinal": line.ordinal,
                    "type": line.type,
                    "payload": payload,
                }
            )
    except (ValueError, RecursionError):
        pass  # what msgspec refuses, the other reader may still take
    return lines.parse(raw)
