"""Why a model's endpoint did not answer: what it says of it, as a failure meant for people."""

from __future__ import annotations

import re

from threadlog.errors import AgentFailed

DISCONNECTED = "response_stream_disconnected"
UNREACHABLE = "http_connection_failed"

_BY_CODE = {
    "billing_hard_limit_reached": "usage_limit_exceeded",
    "context_length_exceeded": "context_window_exceeded",
    "engine_overloaded": "server_overloaded",
    "insufficient_quota": "usage_limit_exceeded",
    "invalid_api_key": "unauthorized",
    "invalid_prompt": "bad_request",
    "model_not_found": "bad_request",
    "overloaded_error": "server_overloaded",
    "quota_exceeded": "usage_limit_exceeded",
    "rate_limit_exceeded": "response_too_many_failed_attempts",
    "server_error": "internal_server_error",
    "server_is_overloaded": "server_overloaded",
    "slow_down": "server_overloaded",
    "usage_limit_reached": "usage_limit_exceeded",
    "usage_not_included": "usage_limit_exceeded",
}
_BY_STATUS = {
    401: "unauthorized",
    402: "usage_limit_exceeded",
    403: "unauthorized",
    429: "response_too_many_failed_attempts",
    503: "server_overloaded",
    529: "server_overloaded",
}
_SENTENCES = {
    "bad_request": "The model's endpoint refused the request",
    "context_window_exceeded": "The thread is too long for the model; compact it",
    "internal_server_error": "The model's endpoint failed",
    "other": "The model's endpoint gave no answer",
    "response_too_many_failed_attempts": "The model's endpoint answers no more requests for now",
    "server_overloaded": "The model's endpoint is overloaded",
    "unauthorized": "The model's endpoint does not accept the key in OPENAI_API_KEY",
    "usage_limit_exceeded": "The usage limit at the model's endpoint is reached",
}
_TOO_LONG = re.compile(r"context (length|window)|maximum context|prompt is too long", re.IGNORECASE)
_DETAIL_LENGTH = 500


class Broken(AgentFailed):
    """An answer that broke off; where none of it was told yet, asking again may help."""


def refused(status: int | None, code: object, detail: object) -> AgentFailed:
    """What an HTTP status says, or the code that comes with it, or one within a stream."""
    kind = _kind(status, code, detail)
    given = str(status or (one_line(code) if isinstance(code, str) else ""))
    said = f"{_SENTENCES[kind]} ({given})" if given else _SENTENCES[kind]
    line = one_line(detail) if isinstance(detail, str) else ""
    return AgentFailed(f"{said}: {line}" if line else f"{said}.", kind)


def broken(reason: str) -> Broken:
    """The stream of an answer ended before the answer did."""
    return Broken(f"The answer of the model broke off: {one_line(reason)}", DISCONNECTED)


def one_line(text: str) -> str:
    """A text of others as part of a sentence."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return line if len(line) <= _DETAIL_LENGTH else f"{line[: _DETAIL_LENGTH - 1]}…"


def _kind(status: int | None, code: object, detail: object) -> str:
    if isinstance(code, str) and code in _BY_CODE:
        return _BY_CODE[code]
    if status in (None, 400, 413) and isinstance(detail, str) and _TOO_LONG.search(detail):
        return "context_window_exceeded"
    if status is None:
        return "other"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "internal_server_error" if status >= 500 else "bad_request"
