"""Tokens, added up: each count holds the thread's total so far, so the newest one tells it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from threadlog.core.decode import decode_item
from threadlog.core.framing import Frame, Gap
from threadlog.core.items.event import TaskStarted, TokenCount
from threadlog.core.items.values import TokenUsage, TokenUsageInfo

_MARK = b"token_count"
_BEGINNING = b"task_started"


def latest_usage(backwards: Iterable[Frame | Gap]) -> TokenUsage:
    """The total that a thread's newest count tells; *backwards* are its lines, newest first."""
    for frame in backwards:
        if isinstance(frame, Frame) and isinstance(frame.raw, bytes) and _MARK in frame.raw:
            item = decode_item(frame.raw)
            if isinstance(item, TokenCount) and item.info is not None:
                return item.info.total_token_usage
    return TokenUsage()


def latest_count(backwards: Iterable[Frame | Gap]) -> tuple[TokenUsageInfo, str] | None:
    """The newest count, and the turn it was told in; None if there is none of a turn."""
    info: TokenUsageInfo | None = None
    for frame in backwards:
        if not (isinstance(frame, Frame) and isinstance(frame.raw, bytes)):
            continue
        if (_MARK if info is None else _BEGINNING) not in frame.raw:
            continue
        item = decode_item(frame.raw)
        if info is None and isinstance(item, TokenCount):
            info = item.info
        elif info is not None and isinstance(item, TaskStarted):
            return info, item.turn_id
    return None


def added(one: TokenUsage, other: TokenUsage) -> TokenUsage:
    """The sum of two counts."""
    left, right = msgspec.structs.astuple(one), msgspec.structs.astuple(other)
    names = one.__struct_fields__
    return TokenUsage(**{name: a + b for name, a, b in zip(names, left, right, strict=True)})
