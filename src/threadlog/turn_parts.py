"""The items that what happens in a turn is written as."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from threadlog.core import lines
from threadlog.core.context import INTERRUPTED_TEXT
from threadlog.core.items import response as rs
from threadlog.core.items import turn as ti
from threadlog.core.items.values import Content
from threadlog.core.lines import Json
from threadlog.errors import Unencodable
from threadlog.fresh import new_id, now_ms
from threadlog.images import ReadImage

_CONTENT_ITEMS = frozenset(["input_text", "input_image", "encrypted_content"])
_FROM_HARNESS: Json = {
    "content_item_kinds": ["generic.turn_aborted"],
    "content_item_metadata": [{"provenance": {"type": "harness", "hook": False}}],
}


def interruption_note() -> rs.Message:
    """What the model is told of a turn that was broken off (Codex: a message of the user's)."""
    return rs.Message(
        role="user",
        content=(Content(type="input_text", text=INTERRUPTED_TEXT),),
        internal_chat_message_metadata_passthrough=_FROM_HARNESS,
    )


def user_message(text: str, images: Sequence[ReadImage]) -> rs.Message:
    """What the user says, for the model."""
    content = [Content(type="input_text", text=text)] if text or not images else []
    content += [Content(type="input_image", image_url=image.url) for image in images]
    return rs.Message(role="user", content=tuple(content))


def check_texts(*, optional: bool = False, **given: Any) -> None:
    """Refuse what is no text, where a line without one would be of no use to anybody."""
    for name, value in given.items():
        if not isinstance(value, str) and not (optional and value is None):
            raise Unencodable(f"cannot record a {type(value).__name__} as {name}: give a text")


def _json(value: Any, what: str) -> str:
    try:
        return lines.dump(value).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(f"cannot record {what}: {error}") from error


def function_call(name: str, arguments: Any, call_id: str | None) -> rs.FunctionCall:
    """A call of a tool, for the model; raises Unencodable."""
    check_texts(name=name)
    check_texts(optional=True, call_id=call_id)
    text = arguments if isinstance(arguments, str) else _json(arguments, "a tool's arguments")
    call_id = call_id or f"call_{new_id(now_ms())}"
    return rs.FunctionCall(name=name, arguments=text, call_id=call_id)


def shown_output(output: Any) -> Any:
    """A tool's output as models take it: text, or a list of content items."""
    if isinstance(output, str):
        return output
    if isinstance(output, list | tuple) and all(map(_is_content_item, output)):
        return tuple(output)
    return _json(output, "a tool's output")


def _is_content_item(value: Any) -> bool:
    kind = value.get("type") if isinstance(value, Mapping) else None
    return isinstance(kind, str) and kind in _CONTENT_ITEMS


def tool_item(call: rs.FunctionCall, output: Any) -> ti.DynamicToolCall:
    """A tool call as a paginated rollout shows it."""
    arguments: Json = call.arguments
    with contextlib.suppress(lines.BadLine):
        arguments = lines.parse_json(call.arguments.encode(errors="surrogatepass"))
    parts = [{"type": "input_text", "text": output}] if isinstance(output, str) else output
    return ti.DynamicToolCall(
        id=call.call_id,
        tool=call.name,
        arguments=arguments,
        content_items=[shown for part in parts if (shown := _shown_part(part)) is not None],
    )


def _shown_part(part: Mapping[str, Any]) -> dict[str, Json] | None:
    """A piece of a tool's output as a turn item spells it; None for what is not shown."""
    if isinstance(part.get("text"), str):
        return {"type": "inputText", "text": part["text"]}
    if isinstance(part.get("image_url"), str):
        return {"type": "inputImage", "imageUrl": part["image_url"]}
    return None


def status_word(success: bool) -> str:  # noqa: FBT001
    """How a tool call ended."""
    return "completed" if success else "failed"
