"""What the last bytes of a rollout tell: when the user last took a turn, and the model of then."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from threadlog.core import lines, moments
from threadlog.core.lines import EVENT, TURN_CONTEXT, BadLine, Envelope

# What is further from the end is not looked at.
RECENT_BYTES = 32 << 10
_STARTS = (b'"task_started"', b'"user_message"', b'"turn_started"', b'"UserMessage"')
_CONTEXT = b'"turn_context"'


class Recent(NamedTuple):
    """Unix milliseconds of the newest turn's start, and the newest model; None if not told."""

    turn_ms: int | None = None
    model: str | None = None


def recent(window: bytes) -> Recent:
    """What the end of a rollout tells; *window* may begin in the middle of a line."""
    started = max((_newest(window, mark) for mark in _STARTS), default=None)
    model = next((_model(line) for line in _lines_with(window, _CONTEXT)), None)
    return Recent(started if started and started > 0 else None, model)


def _newest(window: bytes, mark: bytes) -> int:
    for line in _lines_with(window, mark):
        if line.type == EVENT and _begins(line):
            return moments.unix_ms(line.timestamp) or 0
    return 0


def _begins(line: Envelope) -> bool:
    if line.kind in ("task_started", "user_message"):
        return True
    item = line.payload.get("item")
    return (
        line.kind == "item_completed"
        and isinstance(item, dict)
        and item.get("type") == "UserMessage"
    )


def _model(line: Envelope) -> str | None:
    model = line.payload.get("model") if line.type == TURN_CONTEXT else None
    return model if isinstance(model, str) else None


def _lines_with(window: bytes, mark: bytes) -> Iterator[Envelope]:
    """The whole lines in which *mark* stands, the last first."""
    end = len(window)
    while (at := window.rfind(mark, 0, end)) >= 0:
        start = window.rfind(b"\n", 0, at) + 1
        stop = window.find(b"\n", at)
        with contextlib.suppress(BadLine):
            yield lines.parse(window[start : stop if stop >= 0 else len(window)])
        end = start
