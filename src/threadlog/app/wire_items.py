"""Turn items as Codex's app-server spells them.

Rollouts hold what any program wrote; what the wire has no place for is left out, and every field
is of the type that clients expect.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from threadlog.app.shell_calls import command_of
from threadlog.core.items import turn as ti
from threadlog.core.items.values import Duration, UserInput
from threadlog.core.turn import ItemTimes

Wire = dict[str, Any]

_STATUS = ("inProgress", "completed", "failed", "declined", "interrupted")
_SOURCES = ("agent", "userShell", "unifiedExecStartup", "unifiedExecInteraction")
_PHASES = ("commentary", "final_answer")
_COLLAB_TOOLS = (
    *("spawnAgent", "sendInput", "resumeAgent", "wait", "closeAgent", "sendMessage"),
    *("followupTask", "interruptAgent", "listAgents"),
)
_AGENT_STATES = (
    *("pendingInit", "running", "interrupted", "completed", "errored", "shutdown", "notFound"),
)
_ACTIVITIES = ("started", "interacted", "interrupted", "completed")


def item_of(
    item: ti.AnyTurnItem, began_ms: int | None = None, ended_ms: int | None = None
) -> Wire | None:
    """A turn item on the wire; None for one that the wire has no type for."""
    convert = _CONVERT.get(type(item))
    if convert is None:
        return None
    shown = convert(item)
    shown["startedAtMs"], shown["completedAtMs"] = began_ms, ended_ms
    return shown


def items_of(items: Iterable[ti.AnyTurnItem], times: Mapping[str, ItemTimes]) -> list[Wire]:
    """Those of a turn that the wire has types for."""
    shown = (item_of(item, *times.get(item.id, (None, None))) for item in items)
    return [each for each in shown if each is not None]


def _user_message(item: ti.UserMessage) -> Wire:
    content = [part for each in item.content if (part := _user_input(each)) is not None]
    return _typed("userMessage", item, clientId=item.client_id, content=content)


def _user_input(part: UserInput) -> Wire | None:
    kind = part.type
    if kind == "text":
        elements = part.text_elements
        known = elements if isinstance(elements, list) else []
        return {"type": "text", "text": part.text or "", "text_elements": known}
    if kind in ("image", "audio"):
        url = part.url or (part.image_url if kind == "image" else part.audio_url)
        return {"type": kind, "url": url or ""}
    if kind in ("local_image", "local_audio"):
        return {"type": camel(kind), "path": part.path or ""}
    if kind in ("skill", "mention"):
        return {"type": kind, "name": part.name or "", "path": part.path or ""}
    return None


def _hook_prompt(item: ti.HookPrompt) -> Wire:
    fragments = [
        {"text": _text(each.get("text")), "hookRunId": _text(each.get("hook_run_id"))}
        for each in _mappings(item.fragments)
    ]
    return _typed("hookPrompt", item, fragments=fragments)


def _agent_message(item: ti.AgentMessage) -> Wire:
    return _typed(
        "agentMessage",
        item,
        moderation=None,
        text="".join(part.text for part in item.content),
        phase=item.phase if item.phase in _PHASES else None,
        memoryCitation=None,
        delivery=None,
        questions=None,
    )


def _plan(item: ti.Plan) -> Wire:
    return _typed("plan", item, text=item.text)


def _reasoning(item: ti.Reasoning) -> Wire:
    return _typed(
        "reasoning", item, summary=list(item.summary_text), content=list(item.raw_content)
    )


def _command(item: ti.CommandExecution) -> Wire:
    command = shlex.join(item.command) if len(item.command) != 1 else item.command[0]
    return _typed(
        "commandExecution",
        item,
        pluginId=None,
        scriptPath=None,
        command=command,
        cwd=item.cwd or "",
        processId=item.process_id,
        source=_one_of(item.source, _SOURCES, "agent"),
        status=_one_of(item.status, _STATUS[:4], "completed"),
        commandActions=[_action(each) for each in _mappings(item.parsed_cmd)],
        aggregatedOutput=item.aggregated_output,
        exitCode=item.exit_code,
        durationMs=_ms(item.duration),
    )


def _action(action: Mapping[str, Any]) -> Wire:
    kind, command = camel(_text(action.get("type"))), _text(action.get("cmd"))
    path, query = action.get("path"), action.get("query")
    if kind == "read" and isinstance(path, str):
        name = _text(action.get("name"))
        return {"type": kind, "command": command, "name": name, "path": path}
    if kind == "listFiles":
        return {"type": kind, "command": command, "path": _text_or_none(path)}
    if kind == "search":
        found = {"query": _text_or_none(query), "path": _text_or_none(path)}
        return {"type": kind, "command": command, **found}
    return {"type": "unknown", "command": command}


def _file_change(item: ti.FileChange) -> Wire:
    changes = []
    for path, change in item.changes.items():
        kind: Wire = {"type": change.type}
        if change.type == "update":
            kind["move_path"] = change.move_path
        elif change.type not in ("add", "delete"):
            continue
        diff = change.unified_diff if change.type == "update" else change.content
        changes.append({"path": path, "kind": kind, "diff": diff or ""})
    status = _one_of(item.status, _STATUS[:4], "completed")
    return _typed("fileChange", item, changes=changes, status=status)


def _mcp(item: ti.McpToolCall) -> Wire:
    result, error = item.result, item.error
    shown = None
    if isinstance(result, dict):
        content = result.get("content")
        shown = {
            "content": content if isinstance(content, list) else [],
            "structuredContent": result.get("structuredContent", result.get("structured_content")),
            "_meta": result.get("_meta"),
        }
    told = error.get("message") if isinstance(error, dict) else error
    return _typed(
        "mcpToolCall",
        item,
        server=item.server,
        tool=item.tool,
        status=_one_of(item.status, _STATUS[:3], "completed"),
        arguments=item.arguments,
        appContext=None,
        mcpAppUi=None,
        pluginId=None,
        readOnlyHint=None,
        result=shown,
        error={"message": told} if isinstance(told, str) else None,
        durationMs=_ms(item.duration),
    )


def _dynamic(item: ti.DynamicToolCall) -> Wire:
    parts = None
    if isinstance(item.content_items, list):
        parts = [part for each in _mappings(item.content_items) if (part := _output_part(each))]
    return _typed(
        "dynamicToolCall",
        item,
        namespace=item.namespace,
        tool=item.tool,
        arguments=item.arguments,
        status=_one_of(item.status, _STATUS[:3], "completed"),
        contentItems=parts,
        success=item.success,
        durationMs=_ms(item.duration),
    )


def _output_part(part: Mapping[str, Any]) -> Wire | None:
    for kind, key, old in (
        ("inputText", "text", "text"),
        ("inputImage", "imageUrl", "image_url"),
        ("inputAudio", "audioUrl", "audio_url"),
    ):
        value = part.get(key, part.get(old))
        if camel(_text(part.get("type"))) == kind and isinstance(value, str):
            return {"type": kind, key: value}
    return None


def _tool(item: ti.ToolCall) -> Wire:
    """A call that is known from its response items alone; Codex shows none, we do."""
    command = command_of(item)
    if command is not None:
        return _command(command)
    parts = [{"type": "inputText", "text": item.output}] if isinstance(item.output, str) else None
    return _typed(
        "dynamicToolCall",
        item,
        namespace=item.namespace,
        tool=item.name,
        arguments=item.arguments,
        status="completed" if item.output is not None else "failed",
        contentItems=parts,
        success=None,
        durationMs=None,
    )


def _collab(item: ti.CollabAgentToolCall) -> Wire:
    states = item.agents_states if isinstance(item.agents_states, dict) else {}
    return _typed(
        "collabAgentToolCall",
        item,
        tool=_one_of(item.tool, _COLLAB_TOOLS, "sendInput"),
        status=_one_of(item.status, (*_STATUS[:3], "interrupted"), "completed"),
        senderThreadId=item.sender_thread_id or "",
        receiverThreadIds=list(item.receiver_thread_ids),
        prompt=item.prompt,
        model=item.model,
        reasoningEffort=item.reasoning_effort,
        agentsStates={name: _agent_state(each) for name, each in states.items()},
    )


def _agent_state(state: Any) -> Wire:
    """A state is a word, an object of one word and a message, or one with a status."""
    word, message = state, None
    if isinstance(state, dict):
        word, message = state.get("status"), state.get("message")
        if word is None and len(state) == 1:
            ((word, message),) = state.items()
    return {
        "status": _one_of(word, _AGENT_STATES, "running"),
        "message": _text_or_none(message),
    }


def _activity(item: ti.SubAgentActivity) -> Wire:
    return _typed(
        "subAgentActivity",
        item,
        model=None,
        reasoningEffort=None,
        kind=_one_of(item.kind, _ACTIVITIES, "interacted"),
        agentThreadId=item.agent_thread_id or "",
        agentPath=item.agent_path or "",
    )


def _web_search(item: ti.WebSearch) -> Wire:
    action = item.action if isinstance(item.action, dict) else None
    if action is not None and camel(_text(action.get("type"))) not in _SEARCHES:
        action = {"type": "other"}
    return _typed("webSearch", item, query=item.query, action=_search(action), results=None)


def _search(action: Mapping[str, Any] | None) -> Wire | None:
    if action is None:
        return None
    kind = camel(_text(action.get("type")))
    shown: Wire = {"type": kind}
    for key in _SEARCHES[kind]:
        shown[key] = _text_or_none(action.get(key))
    if kind == "search":
        queries = action.get("queries")
        several = isinstance(queries, list) and all(isinstance(each, str) for each in queries)
        shown["queries"] = queries if several else None
    return shown


_SEARCHES = {
    "search": ("query",),
    "openPage": ("url",),
    "findInPage": ("url", "pattern"),
    "other": (),
}


def _image_view(item: ti.ImageView) -> Wire:
    return _typed("imageView", item, path=item.path)


def _sleep(item: ti.Sleep) -> Wire:
    return _typed("sleep", item, durationMs=max(0, item.duration_ms))


def _image_generation(item: ti.ImageGeneration) -> Wire:
    return _typed(
        "imageGeneration",
        item,
        status=item.status or "",
        revisedPrompt=item.revised_prompt,
        failure=None,
        generationId=None,
        result=item.result or "",
        **({} if item.saved_path is None else {"savedPath": item.saved_path}),
    )


def _entered_review(item: ti.EnteredReviewMode) -> Wire:
    return _typed("enteredReviewMode", item, review=item.user_facing_hint or "")


def _exited_review(item: ti.ExitedReviewMode) -> Wire:
    output = item.review_output if isinstance(item.review_output, dict) else {}
    return _typed("exitedReviewMode", item, review=_text(output.get("overall_explanation")))


def _compaction(item: ti.ContextCompaction) -> Wire:
    return _typed("contextCompaction", item)


def _typed(type_: str, item: ti.TurnItem, **fields: Any) -> Wire:
    return {"type": type_, "id": item.id, **fields}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _one_of(value: Any, words: tuple[str, ...], default: str) -> str:
    word = camel(_text(value))
    return word if word in words else default


def camel(word: str) -> str:
    """A word of rollouts as the wire spells it."""
    head, *rest = word.split("_")
    return head + "".join(each.capitalize() for each in rest)


def _ms(duration: Duration | None) -> int | None:
    return None if duration is None else duration.ms


_CONVERT: dict[type, Callable[[Any], Wire]] = {
    ti.UserMessage: _user_message,
    ti.HookPrompt: _hook_prompt,
    ti.AgentMessage: _agent_message,
    ti.Plan: _plan,
    ti.Reasoning: _reasoning,
    ti.CommandExecution: _command,
    ti.FileChange: _file_change,
    ti.McpToolCall: _mcp,
    ti.DynamicToolCall: _dynamic,
    ti.ToolCall: _tool,
    ti.CollabAgentToolCall: _collab,
    ti.SubAgentActivity: _activity,
    ti.WebSearch: _web_search,
    ti.ImageView: _image_view,
    ti.Sleep: _sleep,
    ti.ImageGeneration: _image_generation,
    ti.EnteredReviewMode: _entered_review,
    ti.ExitedReviewMode: _exited_review,
    ti.ContextCompaction: _compaction,
}
