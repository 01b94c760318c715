"""What the last bytes of a rollout tell: when the user last took a turn, and the model of then."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from threadlog.core import lines, moments
from threadlog.core.lines import EVENT, TURN_CONTEXT, BadLine, Envelope

# What is further from the end is not looked at.
RECENT_BYTES = 32 << 10
# How lines of interest begin, from their type on; whatever begins otherwise is looked into.
_TYPE = b'"type":"'
_TYPE_WITHIN = 90
_EVENT = b'"type":"event_msg","payload":{"type":"'
_CONTEXT = b'"type":"turn_context"'
_STARTS = tuple(
    _EVENT + kind
    for kind in (b'task_started"', b'turn_started"', b'user_message"', b'item_completed"')
)
_ITEM = _STARTS[-1]
_ITEM_TYPE_WITHIN = 600
_KNOWN = (b'"type":"event_msg"', b'"type":"response_item"', b'"type":"token_usage_record"')


class Recent(NamedTuple):
    """Unix milliseconds of the newest turn's start, and the newest model; None if not told."""

    turn_ms: int | None = None
    model: str | None = None


def recent(
    window: bytes, *, begins_in_line: bool, parse: Callable[[bytes], Envelope] = lines.parse
) -> Recent:
    """What the end of a rollout tells; a line that begins before *window* is left out."""
    turn_ms: int | None = None
    model: str | None = None
    whole = window.split(b"\n")
    for raw in reversed(whole[1:] if begins_in_line else whole):
        begins = raw[: _TYPE_WITHIN + len(_EVENT) + 20]
        at = begins.find(_TYPE, 0, _TYPE_WITHIN)
        if turn_ms is None and begins.startswith(_STARTS, at) and _may_ask(raw, begins, at):
            turn_ms = _turn_ms(_parsed(raw, parse))
        elif model is None and begins.startswith(_CONTEXT, at):
            model = _model(_parsed(raw, parse))
        elif raw and not begins.startswith(_KNOWN, at) and lines.sniff_head(begins) is None:
            line = _parsed(raw, parse)  # its keys stand in an unusual order
            turn_ms = _turn_ms(line) if turn_ms is None else turn_ms
            model = _model(line) if model is None else model
        if turn_ms is not None and model is not None:
            break
    return Recent(turn_ms, model)


def _may_ask(raw: bytes, begins: bytes, at: int) -> bool:
    """False for most of the items that are no message of the user's; some are large."""
    return not begins.startswith(_ITEM, at) or b'"UserMessage"' in raw[:_ITEM_TYPE_WITHIN]


def _parsed(raw: bytes, parse: Callable[[bytes], Envelope]) -> Envelope | None:
    try:
        return parse(raw)
    except BadLine:
        return None


def _turn_ms(line: Envelope | None) -> int | None:
    """When a turn began, if that is what the line tells."""
    if line is None or line.type != EVENT:
        return None
    item = line.payload.get("item")
    asks = line.kind in ("task_started", "user_message") or (
        line.kind == "item_completed"
        and isinstance(item, dict)
        and item.get("type") == "UserMessage"
    )
    return moments.unix_ms(line.timestamp) if asks else None


def _model(line: Envelope | None) -> str | None:
    model = line.payload.get("model") if line and line.type == TURN_CONTEXT else None
    return model if isinstance(model, str) else None
