"""The JSONL format of a rollout: what a line's envelope is, read and written.

Owns the envelope (`timestamp`, `ordinal`, `type`, `payload`, `metadata`, in this order) and every
rule of reading one without loss: damage, aliases and the files from before the envelope.  Payloads
stay plain JSON here; `decode` makes typed items of them.  Needs nothing but the standard library,
because listing threads reads a line or two of each rollout and must start fast.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any, NamedTuple

from threadlog.core.framing import Frame, Gap, Oversized

Json = Any  # any JSON value, as the json module spells it

SESSION_META = "session_meta"
RESPONSE_ITEM = "response_item"
EVENT = "event_msg"
COMPACTED = "compacted"
TURN_CONTEXT = "turn_context"

# Old and new spelling of the same event; Codex reads both and writes the second.
ALIASES = {"turn_started": "task_started", "turn_complete": "task_complete"}

_CANONICAL = re.compile(
    rb'\{"timestamp": ?"[^"\\]*", ?(?:"ordinal": ?[0-9]+, ?)?"type": ?"([a-z_]+)", ?'
    rb'"payload": ?\{(?:"type": ?"([A-Za-z_]+)")?'
)
_ORDINAL = re.compile(rb'\{"timestamp": ?"[^"\\]*", ?"ordinal": ?(0|[1-9][0-9]{0,4000}),')
# Lines of these types are told apart by the type of their payload.
_KINDS = frozenset([EVENT, RESPONSE_ITEM])
_BLANK = b" \t\r\x0b\x0c"


class Damaged(NamedTuple):
    """A line that cannot be read: where it is, why, and its bytes, which are never thrown away.

    *reason* is one of REASONS.  A value, not an exception: the lines around it are whole.
    """

    offset: int
    raw: bytes
    reason: str
    ended: bool = True

    @property
    def length(self) -> int:
        """Bytes, without the LF."""
        return len(self.raw)


REASONS = {
    "torn": "the last line of the file is unfinished",
    "nul": "filled with NUL bytes, as a crash leaves them",
    "utf8": "not valid UTF-8",
    "syntax": "not valid JSON",
    "shape": "JSON, but not a line: an object with timestamp, type and payload",
    "limit": "nested too deep, or a number out of range",
}


def reason_of(value: object) -> str:
    """Why a piece of a rollout is not a line, in a few words: what kind of damage, and how."""
    if isinstance(value, Damaged):
        return f"{value.reason}: {REASONS[value.reason]}"
    if isinstance(value, Oversized):
        return "oversized: too long to load"
    return f"gap: {value.reason}" if isinstance(value, Gap) else "line"


def not_shown(value: Damaged | Oversized | Gap) -> str:
    """The same as a remark to who reads the rollout, with its place."""
    return f"not shown: {reason_of(value).partition(': ')[2]}, at byte {value.offset}"


class BadLine(ValueError):
    """Inside core only: the bytes are no line; `reason` as in REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


class Envelope(NamedTuple):
    """One line as plain JSON; `payload` is a mapping for every line that Codex writes."""

    timestamp: str
    type: str
    payload: dict[str, Json]
    ordinal: int | None = None
    metadata: Json = None
    bare: bool = False  # from a file older than envelopes: the payload is the whole line

    @property
    def kind(self) -> str | None:
        """Which event or which response item, aliases resolved; None for other lines."""
        kind = self.payload.get("type") if self.type in _KINDS else None
        return ALIASES.get(kind, kind) if isinstance(kind, str) else None


def is_blank(raw: bytes) -> bool:
    """True for a line of white space, which every reader skips and nobody counts."""
    return not raw.strip(_BLANK)


def sniff(raw: bytes) -> tuple[str, str | None] | None:
    """The line's type and its payload's type, at a glance; None if it is no line.

    Looks at the first bytes only when the keys stand in the order in which Codex writes them, and
    parses the line otherwise.  A glance does not prove that the rest of the line is whole.
    """
    told = sniff_head(raw)
    if told is not None or is_blank(raw):
        return told
    try:
        envelope = parse(raw)
    except BadLine:
        return None
    return envelope.type, envelope.kind


def sniff_head(head: bytes) -> tuple[str, str | None] | None:
    """What `sniff` says of every line that begins like this; None if that depends on the rest."""
    match = _CANONICAL.match(head)
    return None if match is None else _glance(*match.groups())


@functools.lru_cache(maxsize=256)
def _glance(type_text: bytes, kind_text: bytes | None) -> tuple[str, str | None] | None:
    line_type = type_text.decode()
    if line_type not in _KINDS:
        return line_type, None
    if kind_text is None:
        return None
    kind = kind_text.decode()
    return line_type, ALIASES.get(kind, kind)


def sniff_ordinal(raw: bytes) -> int | None:
    """The line's ordinal, None if it has none or is no line."""
    match = _ORDINAL.match(raw)
    if match is not None:
        return int(match[1])
    try:
        return parse(raw).ordinal
    except BadLine:
        return None


def parse(raw: bytes) -> Envelope:
    """Read one line as plain JSON; raises BadLine."""
    return envelope_of(parse_json(raw))


def parse_json(raw: bytes) -> Json:
    """Any JSON text, strictly: no NaN, no infinite number; integers of any size."""
    try:
        return _decode(raw.decode())
    except UnicodeDecodeError:
        raise BadLine("utf8") from None
    except json.JSONDecodeError:
        raise BadLine("nul" if b"\0" in raw else "syntax") from None
    except (RecursionError, ValueError):
        raise BadLine("limit") from None


def envelope_of(value: Json) -> Envelope:
    """The envelope of a parsed line; lines from before the envelope get one (see format.md)."""
    if not isinstance(value, dict):
        raise BadLine("shape")
    kind, payload, timestamp = value.get("type"), value.get("payload"), value.get("timestamp")
    if isinstance(kind, str) and isinstance(timestamp, str) and "payload" in value:
        if not isinstance(payload, dict):
            raise BadLine("shape")
        ordinal = value.get("ordinal")
        return Envelope(
            timestamp,
            kind,
            payload,
            ordinal if type(ordinal) is int and ordinal >= 0 else None,
            value.get("metadata"),
        )
    return _bare_envelope(value)


def _bare_envelope(value: dict[str, Json]) -> Envelope:
    """Rollouts of 2025-08 and older: bare metadata first, then bare response items and states."""
    if "payload" in value or ("timestamp" in value and "type" in value):
        raise BadLine("shape")
    if isinstance(value.get("record_type"), str):
        return Envelope("", "record_" + value["record_type"], value, bare=True)
    if isinstance(value.get("type"), str):
        return Envelope("", RESPONSE_ITEM, value, bare=True)
    if isinstance(value.get("id"), str) and isinstance(value.get("timestamp"), str):
        return Envelope(value["timestamp"], SESSION_META, value, bare=True)
    raise BadLine("shape")


def damage(frame: Frame, reason: str) -> Damaged:
    """The value for a frame that is no line; an unfinished last line is torn, not malformed."""
    assert isinstance(frame.raw, bytes)
    if not frame.ended and reason in ("syntax", "utf8"):
        reason = "torn"
    return Damaged(frame.offset, frame.raw, reason, frame.ended)


def encode_line(envelope: Envelope, payload: bytes) -> bytes:
    """One line ready to append, LF included; *payload* is the envelope's payload as JSON text."""
    ordinal = b"" if envelope.ordinal is None else b'"ordinal":%d,' % envelope.ordinal
    metadata = b"" if envelope.metadata is None else b',"metadata":' + dump(envelope.metadata)
    return b'{"timestamp":%b,%b"type":%b,"payload":%b%b}\n' % (
        dump(envelope.timestamp),
        ordinal,
        dump(envelope.type),
        payload,
        metadata,
    )


def dump(value: Json) -> bytes:
    """Compact JSON text of a plain value; lone surrogates stay escapes, as they came.

    Raises ValueError for NaN and infinity, TypeError for what has no JSON form.
    """
    try:
        return _encode(value).encode()
    except UnicodeEncodeError:
        return _encode_ascii(value).encode()


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def _reject(_name: str) -> Json:
    raise ValueError


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError
    return value


# json.loads would make a decoder for every line.
_decode = json.JSONDecoder(parse_constant=_reject, parse_float=_finite).decode

__all__ = [
    "ALIASES",
    "COMPACTED",
    "EVENT",
    "REASONS",
    "RESPONSE_ITEM",
    "SESSION_META",
    "TURN_CONTEXT",
    "BadLine",
    "Damaged",
    "Envelope",
    "Json",
    "damage",
    "dump",
    "encode_line",
    "envelope_of",
    "is_blank",
    "parse",
    "parse_json",
    "sniff",
    "sniff_head",
    "sniff_ordinal",
]
