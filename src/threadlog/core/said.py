"""What one line of a rollout says, in words: the texts that a search looks through.

Who said it (a role), with which tool, and the text, without what is no text: images, other base64,
encrypted reasoning, context that a harness put in.  One function for each kind of item, in one
table; which of two lines that tell the same counts is for `passages` to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from threadlog.core import turn_items
from threadlog.core.context import content_texts
from threadlog.core.decode import turn_item
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items import turn as ti
from threadlog.core.items.base import Item, Json
from threadlog.core.lines import BadLine, parse_json

USER, AGENT, REASONING, PLAN, TOOL, OUTPUT = "user", "agent", "reasoning", "plan", "tool", "output"
ERROR = "error"
ROLES = (USER, AGENT, REASONING, PLAN, TOOL, OUTPUT, ERROR)
# So long a run of such characters is no text.
BASE64_CHARS = 256
_BASE64 = re.compile(r"(?:data:[\w.+/-]{1,100};base64,)?[A-Za-z0-9+/_-]{256,}={0,2}")
_LEFT_OUT = "…"


class Said(NamedTuple):
    """A text, who said it, with which tool; of which call it tells, and of which turn, or ""."""

    role: str
    text: str
    tool: str = ""
    call_id: str = ""
    turn_id: str = ""


def said(item: Item) -> list[Said]:
    """What an item says; nothing for those that say nothing."""
    told = _TELLERS.get(type(item))
    if told is None:
        return []
    return [
        each if text is each.text else each._replace(text=text)
        for each in told(item)
        if (text := readable(each.text).strip())
    ]


def readable(text: str) -> str:
    """*text* without base64."""
    start, last = 0, len(text) - BASE64_CHARS
    while start <= last:  # a long run begins here or later, and has no spaces
        space = text.rfind(" ", start, start + BASE64_CHARS)
        if space < 0:
            space = text.rfind("\n", start, start + BASE64_CHARS)
        if space < 0:
            return _BASE64.sub(_LEFT_OUT, text)
        start = space + 1
    return text


def flat(value: Json, *, numbers: bool = True) -> str:
    """The texts in any JSON value, in their order, one a line; lists of plain values in one."""
    return "\n".join(_leaves(value, numbers=numbers))


def _leaves(value: Json, *, numbers: bool) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each, numbers=numbers)
    elif isinstance(value, (list, tuple)):
        if value and not any(isinstance(each, (dict, list)) for each in value):
            value = (" ".join(map(str, value)),)
        for each in value:
            yield from _leaves(each, numbers=numbers)
    elif numbers and isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def arguments_text(arguments: str) -> str:
    """What a tool was called with: JSON as its texts (no limits and times), else as it stands."""
    if not arguments.lstrip().startswith(("{", "[")):
        return arguments
    try:
        return flat(parse_json(arguments.encode(errors="replace")), numbers=False)
    except (BadLine, RecursionError):
        return arguments


def output_text(output: Json) -> str:
    """What a tool answered, without images."""
    if isinstance(output, str):
        return _unwrapped(output)
    if isinstance(output, dict):
        content = output.get("content")
        return output_text(content) if isinstance(content, (str, list)) else flat(output)
    if isinstance(output, (list, tuple)):
        return "\n".join(content_texts(list(output)))
    return flat(output)


def _unwrapped(output: str) -> str:
    """Codex to 0.98 puts a shell's output into JSON text of its own."""
    if not output.startswith('{"output":'):
        return output
    try:
        inner = parse_json(output.encode(errors="replace"))
    except BadLine:
        return output
    return inner["output"] if isinstance(inner.get("output"), str) else output


_Told = Callable[[Any], list[Said]]


def _call(call_id: str | None, name: str, text: str, namespace: str | None = None) -> list[Said]:
    tool = f"{namespace}.{name}" if namespace else name
    return [Said(TOOL, text, tool, call_id or "")]


def _answer(item: rs.FunctionCallOutput | rs.CustomToolCallOutput) -> list[Said]:
    return [Said(OUTPUT, output_text(item.output), item.name or "", item.call_id or "")]


def _command(item: ti.CommandExecution) -> list[Said]:
    output = item.aggregated_output or _joined(item.stdout, item.stderr)
    told = [Said(TOOL, " ".join(item.command), "shell", item.id)]
    return [*told, Said(OUTPUT, output, "shell", item.id)]


def _joined(*texts: str | None) -> str:
    return "\n".join(filter(None, texts))


def _files(item: ti.FileChange) -> list[Said]:
    changes = [
        _joined(path, each.move_path, each.unified_diff or each.content)
        for path, each in item.changes.items()
    ]
    output = _joined(item.stdout, item.stderr)
    told = [Said(TOOL, "\n".join(changes), "apply_patch", item.id)]
    return [*told, Said(OUTPUT, output, "apply_patch", item.id)]


def _mcp(item: ti.McpToolCall) -> list[Said]:
    tool = f"{item.server}.{item.tool}"
    output = output_text(item.result if item.error is None else item.error)
    told = [Said(TOOL, flat(item.arguments), tool, item.id)]
    return [*told, Said(OUTPUT, output, tool, item.id)]


def _dynamic(item: ti.DynamicToolCall) -> list[Said]:
    tool = f"{item.namespace}.{item.tool}" if item.namespace else item.tool
    output = _joined(output_text(item.content_items), flat(item.error))
    told = [Said(TOOL, flat(item.arguments), tool, item.id)]
    return [*told, Said(OUTPUT, output, tool, item.id)]


def _reasoning(item: ti.Reasoning) -> list[Said]:
    return [Said(REASONING, "\n\n".join(item.summary_text or item.raw_content))]


def _spoken_reasoning(item: rs.Reasoning) -> list[Said]:
    return [Said(REASONING, "\n\n".join(part.text for part in item.summary if part.text))]


def _review(item: ti.ExitedReviewMode | ev.ExitedReviewMode) -> list[Said]:
    return [Said(AGENT, flat(item.review_output))]


def _user_message(event: ev.UserMessageEvent) -> list[Said]:
    return [Said(USER, event.message)] if event.kind in (None, "plain") else []


def _user_item(item: ti.UserMessage) -> list[Said]:
    return [Said(USER, "\n".join(part.text for part in item.content if part.text))]


def _agent_item(item: ti.AgentMessage) -> list[Said]:
    return [Said(AGENT, "\n".join(part.text for part in item.content))]


def _message(item: rs.Message) -> list[Said]:
    """What a hook put in, and in rollouts without events what was said."""
    told = turn_items.hook_prompt(item, "") or turn_items.spoken(item, "")
    return said(told) if told is not None else []


def _hook(item: ti.HookPrompt) -> list[Said]:
    fragments = item.fragments if isinstance(item.fragments, list) else []
    return [Said(USER, "\n".join(content_texts(fragments)))]


def _collab(item: ti.CollabAgentToolCall) -> list[Said]:
    return [Said(TOOL, item.prompt or "", item.tool, item.id)]


def _web_search(query: str, action: Json, call_id: str) -> list[Said]:
    """A search is told by two lines without a common id: its words are what they share."""
    words = query or flat({k: v for k, v in action.items() if k != "type"} if action else None)
    return [Said(TOOL, words, "web_search", call_id or f"web:{words[:200]}")]


def _completed(event: ev.ItemCompleted) -> list[Said]:
    return _of_turn(said(turn_item(event)), event.turn_id)


def _placed(event: Item) -> list[Said]:
    placed = turn_items.EVENT_ITEMS[type(event)](event)
    return _of_turn(said(placed.item), placed.turn_id or "")


def _of_turn(told: list[Said], turn_id: str) -> list[Said]:
    return [Said(role, text, tool, call_id, turn_id) for role, text, tool, call_id, _ in told]


def _error(event: ev.ErrorEvent) -> list[Said]:
    return [Said(ERROR, event.message)]


def _mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


_TELLERS: dict[type[Item], _Told] = {
    ev.UserMessageEvent: _user_message,
    ev.AgentMessageEvent: lambda e: [Said(AGENT, e.message)],
    ev.AgentReasoning: lambda e: [Said(REASONING, e.text)],
    ev.AgentReasoningRawContent: lambda e: [Said(REASONING, e.text)],
    ev.ExitedReviewMode: _review,
    ev.ErrorEvent: _error,
    ev.ItemCompleted: _completed,
    rs.Message: _message,
    rs.Reasoning: _spoken_reasoning,
    rs.FunctionCall: lambda i: _call(i.call_id, i.name, arguments_text(i.arguments), i.namespace),
    rs.CustomToolCall: lambda i: _call(i.call_id, i.name, i.input, i.namespace),
    rs.LocalShellCall: lambda i: _call(
        i.call_id or i.id, "local_shell", flat(_mapping(i.action).get("command"))
    ),
    rs.FunctionCallOutput: _answer,
    rs.CustomToolCallOutput: _answer,
    rs.WebSearchCall: lambda i: _web_search("", _mapping(i.action), ""),
    ti.UserMessage: _user_item,
    ti.AgentMessage: _agent_item,
    ti.HookPrompt: _hook,
    ti.Plan: lambda i: [Said(PLAN, i.text)],
    ti.Reasoning: _reasoning,
    ti.CommandExecution: _command,
    ti.FileChange: _files,
    ti.McpToolCall: _mcp,
    ti.DynamicToolCall: _dynamic,
    ti.CollabAgentToolCall: _collab,
    ti.WebSearch: lambda i: _web_search(i.query, _mapping(i.action), ""),
    ti.ImageView: lambda i: [Said(TOOL, i.path, "view_image", i.id)],
    ti.ImageGeneration: lambda i: [
        Said(TOOL, _joined(i.revised_prompt, i.saved_path), "image", i.id)
    ],
    ti.ExitedReviewMode: _review,
    **dict.fromkeys(turn_items.EVENT_ITEMS, _placed),
}
# The items that can say something.
TELLING = frozenset(_TELLERS)


# Characters beyond ASCII that are ASCII letters in the other case.
_FOLDED = re.compile("[ßİŉſǰẖẗẘẙẚẞ\u212aﬀﬁﬂﬃﬄﬅﬆ]")


def folds_into_ascii(text: str) -> bool:
    """True if some ASCII letters of *text*, case folded, are others in the text itself."""
    return not text.isascii() and _FOLDED.search(text) is not None


# What JSON text that is not `is_escaped` has as it is; no texts that were joined meet within it.
_AS_IT_IS = re.compile("[!#$%&'()*+,.0-9:;<=>?@A-Z[\\]^_`a-z{|}~-]+")


def as_written(needle: str) -> str:
    """The longest piece of a text that stands in JSON text as it does in what is said."""
    return max(_AS_IT_IS.findall(needle), key=len, default="")


def is_escaped(raw: bytes) -> bool:
    """True if JSON text writes as escapes, or in other ways, what need not be."""
    return b"hook_prompt" in raw or (b"\\u" in raw and _ESCAPE.search(raw) is not None)


_ESCAPE = re.compile(rb"\\u(?!00[01])[0-9a-fA-F]{4}")
