"""The events of one streamed response of a model, as the events of an agent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import orjson

from threadlog.agents.events import (
    Call,
    Delta,
    Event,
    Item,
    Message,
    Thought,
    ThoughtDelta,
    Usage,
)
from threadlog.agents.failures import Broken, broken, one_line, refused
from threadlog.errors import AgentFailed

_TRY_AGAIN = (
    "internal_server_error",
    "response_too_many_failed_attempts",
    "server_overloaded",
)
_LARGEST = 2**63 - 1


class Answer:
    """One response; it takes the events as they come, of whatever JSON they are."""

    def __init__(self) -> None:
        self.ended = False
        self._items = 0

    def take(self, event: object) -> Iterator[Event]:
        """What this event tells; `AgentFailed` where it tells that there is no answer."""
        event = _object(event)
        kind = event.get("type")
        taken = self._TAKES.get(kind) if isinstance(kind, str) else None
        if taken is not None:
            yield from taken(self, event)

    def _text(self, event: dict[str, Any]) -> Iterator[Event]:
        if text := _text(event.get("delta")):
            yield Delta(text)

    def _thought(self, event: dict[str, Any]) -> Iterator[Event]:
        if text := _text(event.get("delta")):
            yield ThoughtDelta(text)

    def _thought_part(self, event: dict[str, Any]) -> Iterator[Event]:
        if event.get("summary_index"):
            yield ThoughtDelta("\n\n")  # as the whole summary has it between its parts

    def _item(self, event: dict[str, Any]) -> Iterator[Event]:
        self._items += 1
        yield from _item(event.get("item"))

    def _completed(self, event: dict[str, Any]) -> Iterator[Event]:
        response = _object(event.get("response"))
        if not self._items:  # some endpoints tell items only here
            for item in _list(response.get("output")):
                yield from _item(item)
        if isinstance(response.get("usage"), dict):
            yield _usage(response["usage"])
        self.ended = True

    def _incomplete(self, event: dict[str, Any]) -> Iterator[Event]:
        response = _object(event.get("response"))
        if isinstance(response.get("usage"), dict):
            yield _usage(response["usage"])
        reason = _text(_object(response.get("incomplete_details")).get("reason")) or "no reason"
        raise AgentFailed(f"The model stopped before its answer was whole: {one_line(reason)}")

    def _failed(self, event: dict[str, Any]) -> Iterator[Event]:
        error = _object(event.get("response")).get("error") or event.get("error") or event
        raise failure(error)

    _TAKES: ClassVar = {
        "error": _failed,
        "response.completed": _completed,
        "response.failed": _failed,
        "response.incomplete": _incomplete,
        "response.output_item.done": _item,
        "response.output_text.delta": _text,
        "response.reasoning_summary_part.added": _thought_part,
        "response.reasoning_summary_text.delta": _thought,
        "response.refusal.delta": _text,
    }


def failure(error: object) -> AgentFailed:
    """What an error within a stream says; `Broken` where asking again may help."""
    told = _object(error)
    failed = refused(None, told.get("code") or told.get("type"), told.get("message"))
    return Broken(str(failed), failed.kind) if failed.kind in _TRY_AGAIN else failed


def _item(item: object) -> Iterator[Event]:
    item = _object(item)
    kind = item.get("type")
    if kind == "message":
        if text := _joined(item.get("content"), ""):
            yield Message(text, _text(item.get("phase")) or None)
    elif kind == "reasoning":
        yield from _reasoning(item)
    elif kind == "function_call":
        yield _call(item)
    elif isinstance(kind, str):
        yield Item(_plain(item))


def _reasoning(item: dict[str, Any]) -> Iterator[Event]:
    summary = _joined(item.get("summary"), "\n\n")
    content = _joined(item.get("content"), "\n\n") or None
    encrypted = _text(item.get("encrypted_content")) or None
    if summary or content or encrypted:
        yield Thought(summary, content, encrypted)


def _call(item: dict[str, Any]) -> Call:
    call_id, name = _text(item.get("call_id")), _text(item.get("name"))
    if not call_id or not name:
        raise AgentFailed("The model called a tool, and did not say which, or under what id")
    arguments = item.get("arguments")
    return Call(call_id, name, _text(arguments) if isinstance(arguments, str) else "{}")


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        input_tokens=_count(usage, "input_tokens"),
        output_tokens=_count(usage, "output_tokens"),
        cached_input_tokens=_count(_object(usage.get("input_tokens_details")), "cached_tokens"),
        reasoning_output_tokens=_count(
            _object(usage.get("output_tokens_details")), "reasoning_tokens"
        ),
    )


def _count(counts: dict[str, Any], name: str) -> int:
    count = counts.get(name)
    return count if type(count) is int and 0 <= count <= _LARGEST else 0


def _joined(parts: object, between: str) -> str:
    texts = (
        _text(part.get("text")) or _text(part.get("refusal"))
        for part in _list(parts)
        if isinstance(part, dict)
    )
    return between.join(text for text in texts if text)


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it can be recorded: JSON that others can read too."""
    try:
        plain: dict[str, Any] = orjson.loads(orjson.dumps(item))
    except (orjson.JSONEncodeError, orjson.JSONDecodeError):
        raise broken("an item is no JSON that can be kept") from None
    return plain


def _text(value: object) -> str:
    # Half a character, which JSON can spell, cannot be recorded.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
