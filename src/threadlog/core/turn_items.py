"""Turn items out of what legacy rollouts hold: events, and the response items of tool calls.

One function for each shape, in one table; `turns` decides which turn an item belongs to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from threadlog.core import context
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items import tool_event as te
from threadlog.core.items import turn as ti
from threadlog.core.items.base import Item, Json
from threadlog.core.items.values import UserInput

_HOOK_PROMPT = r'(?s)<hook_prompt hook_run_id="([^"]*\S[^"]*)">(.*)</hook_prompt>'


class Placed(NamedTuple):
    """A turn item and the turn it names, if it names one."""

    item: ti.TurnItem
    turn_id: str | None = None


def user_message(event: ev.UserMessageEvent, item_id: str) -> ti.UserMessage:
    """What the user sent: the text if there is any, then images by URL, then local ones."""
    content = [UserInput(type="text", text=event.message)] if event.message.strip() else []
    content += [UserInput(type="image", image_url=url) for url in event.images or ()]
    content += [UserInput(type="local_image", path=path) for path in event.local_images]
    content += [UserInput(type="audio", audio_url=url) for url in _texts(event.audio)]
    content += [UserInput(type="local_audio", path=path) for path in _texts(event.local_audio)]
    return ti.UserMessage(id=item_id, client_id=event.client_id, content=tuple(content))


def _texts(value: Json) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def agent_message(event: ev.AgentMessageEvent, item_id: str) -> ti.AgentMessage:
    """What the agent said."""
    return ti.AgentMessage(
        id=item_id,
        content=(ti.AgentText(type="Text", text=event.message),),
        phase=event.phase,
        memory_citation=event.memory_citation,
    )


def _command(event: te.ExecCommandEnd) -> Placed:
    item = ti.CommandExecution(
        id=event.call_id,
        process_id=event.process_id,
        command=event.command,
        cwd=event.cwd,
        parsed_cmd=event.parsed_cmd,
        source=event.source,
        status=event.status or ("completed" if event.exit_code == 0 else "failed"),
        aggregated_output=event.aggregated_output or event.stdout + event.stderr,
        exit_code=event.exit_code,
        duration=event.duration,
    )
    return Placed(item, event.turn_id)


def _patch(event: te.PatchApplyEnd) -> Placed:
    item = ti.FileChange(
        id=event.call_id,
        changes=event.changes,
        status=event.status or ("completed" if event.success else "failed"),
        stdout=event.stdout,
        stderr=event.stderr,
    )
    return Placed(item, event.turn_id)


def _mcp(event: te.McpToolCallEnd) -> Placed:
    invocation = event.invocation if isinstance(event.invocation, dict) else {}
    result = event.result if isinstance(event.result, dict) else {}
    item = ti.McpToolCall(
        id=event.call_id,
        server=str(invocation.get("server", "")),
        tool=str(invocation.get("tool", "")),
        arguments=invocation.get("arguments"),
        status="failed" if "Err" in result else "completed",
        result=result.get("Ok"),
        error=result.get("Err"),
        duration=event.duration,
    )
    return Placed(item)


def _dynamic_request(event: te.DynamicToolCallRequest) -> Placed:
    item = ti.DynamicToolCall(
        id=event.call_id,
        namespace=event.namespace,
        tool=event.tool,
        arguments=event.arguments,
        status="in_progress",
    )
    return Placed(item, event.turn_id)


def _dynamic_response(event: te.DynamicToolCallResponse) -> Placed:
    item = ti.DynamicToolCall(
        id=event.call_id,
        namespace=event.namespace,
        tool=event.tool,
        arguments=event.arguments,
        status="completed" if event.success else "failed",
        content_items=event.content_items,
        success=event.success,
        error=event.error,
        duration=event.duration,
    )
    return Placed(item, event.turn_id)


def _image_generation(event: te.ImageGenerationEnd) -> Placed:
    item = ti.ImageGeneration(
        id=event.call_id,
        status=event.status,
        revised_prompt=event.revised_prompt,
        result=event.result,
        saved_path=event.saved_path,
    )
    return Placed(item)


def _activity(event: ev.SubAgentActivity) -> Placed:
    item = ti.SubAgentActivity(
        id=event.event_id or "",
        agent_thread_id=event.agent_thread_id,
        agent_path=event.agent_path,
        kind=event.kind,
    )
    return Placed(item)


_LOST_AGENT = frozenset(["errored", "not_found"])


def _collab(tool: str) -> Callable[[Any], Placed]:
    def convert(event: Any) -> Placed:
        statuses = getattr(event, "statuses", None)
        if not isinstance(statuses, dict):
            receiver = getattr(event, "new_thread_id", None) or event.receiver_thread_id
            statuses = {receiver: event.status} if receiver else {}
            lost = not receiver and tool == "spawn_agent"
        else:
            lost = False
        lost = lost or any(_status_word(status) in _LOST_AGENT for status in statuses.values())
        item = ti.CollabAgentToolCall(
            id=event.call_id,
            tool=tool,
            status="failed" if lost else "completed",
            sender_thread_id=event.sender_thread_id,
            receiver_thread_ids=tuple(sorted(statuses)),
            prompt=event.prompt,
            agents_states=statuses or None,
        )
        return Placed(item)

    return convert


def _status_word(status: Json) -> str | None:
    """An agent's status is a word, or a word with what it came to: `{"errored": "why"}`."""
    if isinstance(status, dict):
        status = next(iter(status), None)
    return status if isinstance(status, str) else None


EVENT_ITEMS: dict[type[Item], Callable[[Any], Placed]] = {
    te.ExecCommandEnd: _command,
    te.PatchApplyEnd: _patch,
    te.McpToolCallEnd: _mcp,
    te.DynamicToolCallRequest: _dynamic_request,
    te.DynamicToolCallResponse: _dynamic_response,
    te.ImageGenerationEnd: _image_generation,
    te.ViewImageToolCall: lambda e: Placed(ti.ImageView(id=e.call_id, path=e.path)),
    te.WebSearchEnd: lambda e: Placed(ti.WebSearch(id=e.call_id, query=e.query, action=e.action)),
    ev.SubAgentActivity: _activity,
    te.CollabAgentSpawnEnd: _collab("spawn_agent"),
    te.CollabAgentInteractionEnd: _collab("send_input"),
    te.CollabWaitingEnd: _collab("wait"),
    te.CollabCloseEnd: _collab("close_agent"),
    te.CollabResumeEnd: _collab("resume_agent"),
}


def tool_call(item: rs.ResponseItem) -> ti.ToolCall | None:
    """The tool call that a response item begins, if it begins one."""
    if isinstance(item, rs.FunctionCall):
        return ti.ToolCall(
            id=item.call_id, name=item.name, namespace=item.namespace, arguments=item.arguments
        )
    if isinstance(item, rs.CustomToolCall):
        return ti.ToolCall(
            id=item.call_id, name=item.name, namespace=item.namespace, arguments=item.input
        )
    if isinstance(item, rs.LocalShellCall):
        action = item.action if isinstance(item.action, dict) else {}
        command = action.get("command")
        words = [str(word) for word in command] if isinstance(command, list) else []
        name = item.call_id or item.id or ""
        return ti.ToolCall(id=name, name="local_shell", arguments=" ".join(words))
    return None


def tool_output(item: rs.ResponseItem) -> tuple[str, Json] | None:
    """The call id and the output that a response item brings, if it brings one."""
    if isinstance(item, (rs.FunctionCallOutput, rs.CustomToolCallOutput)) and item.call_id:
        return item.call_id, item.output
    return None


def hook_prompt(item: rs.ResponseItem, item_id: str) -> ti.HookPrompt | None:
    """What a hook said, if a message of role user holds nothing else (Codex: the same)."""
    if not isinstance(item, rs.Message) or item.role != "user" or not item.content:
        return None
    texts = [(part.text or "").strip() for part in item.content]
    if not all(each.startswith("<hook_prompt ") for each in texts):
        return None
    found = [re.fullmatch(_HOOK_PROMPT, each) for each in texts]
    if not all(found):
        return None
    import html  # few threads have hooks

    fragments = [
        {"text": html.unescape(match[2]), "hookRunId": html.unescape(match[1])}
        for match in found
        if match is not None
    ]
    return ti.HookPrompt(id=item_id, fragments=fragments)


def spoken(item: rs.ResponseItem, item_id: str) -> ti.TurnItem | None:
    """What was said, out of response items: for rollouts that hold no events."""
    if isinstance(item, rs.Reasoning):
        texts = tuple(part.text for part in item.summary if part.text)
        return ti.Reasoning(id=item_id, summary_text=texts) if texts else None
    if not isinstance(item, rs.Message):
        return None
    texts = tuple(part.text for part in item.content if part.text)
    if item.role == "assistant" and texts:
        parts = tuple(ti.AgentText(type="Text", text=text) for text in texts)
        return ti.AgentMessage(id=item_id, content=parts, phase=item.phase)
    if item.role == "user" and not any(map(context.is_fragment, texts)):
        inputs = tuple(
            UserInput(type="text", text=part.text)
            if part.text
            else UserInput(type="image", image_url=part.image_url)
            for part in item.content
        )
        return ti.UserMessage(id=item_id, content=inputs)
    return None
