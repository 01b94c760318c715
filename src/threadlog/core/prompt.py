"""Stored response items made fit to be sent to a model: what `model_input` returns.

What Codex 0.169 sends after a resume (docs/format.md, "Model input"): only fields that the
Responses API knows, no item of a type that is never sent, and every tool call paired with an
output.  Values are not shortened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from threadlog.core.lines import Json

ABORTED = "aborted"
_SENT_ID = r"(?s)[^_]+_.+"  # ids of another make are not sent

_FIELDS: dict[str, tuple[str, ...]] = {
    "message": ("role", "content", "status", "phase"),
    "agent_message": ("author", "recipient", "content"),
    "reasoning": ("summary", "content", "encrypted_content"),
    "local_shell_call": ("call_id", "status", "action"),
    "function_call": ("name", "namespace", "arguments", "call_id", "status"),
    "function_call_output": ("call_id", "name", "namespace", "output"),
    "custom_tool_call": ("status", "call_id", "name", "namespace", "input"),
    "custom_tool_call_output": ("call_id", "name", "output"),
    "tool_search_call": ("call_id", "status", "execution", "arguments"),
    "tool_search_output": ("call_id", "status", "execution", "tools"),
    "web_search_call": ("status", "action"),
    "image_generation_call": ("status", "revised_prompt", "result"),
    "compaction": ("encrypted_content",),
    "context_compaction": ("encrypted_content",),
}
_OUTPUT_OF = {
    "function_call": "function_call_output",
    "local_shell_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "tool_search_call": "tool_search_output",
}
_PIECE_FIELDS: dict[str, frozenset[str]] = {
    "input_text": frozenset(["type", "text"]),
    "output_text": frozenset(["type", "text", "annotations", "logprobs"]),
    "input_image": frozenset(["type", "image_url", "file_id", "detail"]),
    "input_audio": frozenset(["type", "audio_url"]),
    "encrypted_content": frozenset(["type", "encrypted_content"]),
}


def model_input(items: Iterable[dict[str, Json]]) -> list[dict[str, Json]]:
    """The Responses items to send next, out of a replayed history."""
    return _pair([sent for item in items if (sent := _sendable(item)) is not None])


def _sendable(item: dict[str, Json]) -> dict[str, Json] | None:
    kind = item.get("type")
    if kind == "compaction_summary":
        kind = "compaction"
    fields = _FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None or not _well_formed(item):
        return None
    sent: dict[str, Json] = {"type": kind}
    if isinstance(item.get("id"), str) and re.fullmatch(_SENT_ID, item["id"]):
        sent["id"] = item["id"]
    for field in fields:
        if item.get(field) is not None:
            sent[field] = item[field]
    if isinstance(sent.get("content"), list):
        sent["content"] = [_piece(piece) for piece in sent["content"]]
    if kind == "reasoning":
        _complete_reasoning(item, sent)
    return sent


def _well_formed(item: dict[str, Json]) -> bool:
    kind, call_id = item["type"], item.get("call_id")
    if call_id is not None and not isinstance(call_id, str):
        return False
    if kind == "message":
        return item.get("role") != "system" and isinstance(item.get("content"), list)
    if kind == "tool_search_output":
        return isinstance(item.get("tools"), list)
    if kind.endswith("_output"):
        return isinstance(item.get("output"), (str, list))
    return True


def _piece(piece: Json) -> Json:
    """A piece of content without fields of Codex's own; kinds it does not know stay as they are."""
    fields = _PIECE_FIELDS.get(str(piece.get("type"))) if isinstance(piece, dict) else None
    if fields is None:
        return piece
    return {key: value for key, value in piece.items() if key in fields}


def _complete_reasoning(item: dict[str, Json], sent: dict[str, Json]) -> None:
    """The two fields that are sent as null when unset; raw text of other kinds is never sent."""
    sent.setdefault("summary", [])
    sent.setdefault("encrypted_content", None)
    content = item.get("content")
    if not isinstance(content, list):
        sent["content"] = None
    elif not any(isinstance(p, dict) and p.get("type") == "reasoning_text" for p in content):
        sent.pop("content", None)


def _pair(items: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Give every call without output one that says so, and leave out outputs without a call."""
    calls = {(_OUTPUT_OF[i["type"]], i.get("call_id")) for i in items if i["type"] in _OUTPUT_OF}
    outputs = {(i["type"], i.get("call_id")) for i in items if i["type"].endswith("_output")}
    paired: list[dict[str, Json]] = []
    for item in items:
        kind, call_id = item["type"], item.get("call_id")
        if kind.endswith("_output") and not _stands_alone(item) and (kind, call_id) not in calls:
            continue
        paired.append(item)
        answer = _OUTPUT_OF.get(kind)
        if answer is not None and call_id is not None and (answer, call_id) not in outputs:
            paired.append(_aborted(answer, call_id))
    return paired


def _stands_alone(output: dict[str, Json]) -> bool:
    """True for what answers no call of ours: an outside event, a search of the model's maker."""
    return output.get("call_id") is None or output.get("execution") == "server"


def _aborted(kind: str, call_id: str) -> dict[str, Json]:
    if kind == "tool_search_output":
        nothing = {"status": "completed", "execution": "client", "tools": []}
        return {"type": kind, "call_id": call_id, **nothing}
    return {"type": kind, "call_id": call_id, "output": ABORTED}
