"""Turns as blocks: what each kind of item looks like.

The one module of this frontend that knows the kinds of items.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from rich.style import Style

from threadlog.core.items import turn as ti
from threadlog.core.items.values import UserInput
from threadlog.core.lines import BadLine, Json, parse_json
from threadlog.core.said import output_text
from threadlog.core.turn import COMPLETED, Turn
from threadlog.telling import local_time
from threadlog.ui import cells
from threadlog.ui.blocks import OUTPUT_LINES, REASONING_LINES, TEXT_LINES, Block

_LONGEST_MS = 10**12  # a longer turn is a slip of whoever wrote the rollout
_ARGUMENT_CHARS = 400


class _Told(NamedTuple):
    head: str
    style: Style
    text: str = ""
    text_style: Style = cells.PLAIN
    lines: int = TEXT_LINES


def blocks_of(turn: Turn) -> list[Block]:
    """A turn, its head first."""
    told = [_Told(_head(turn), cells.DIM)]
    for item in turn.items:
        told += _told(item)
    if isinstance(turn.error, dict) and turn.error.get("message"):
        told.append(_Told("error", cells.RED, str(turn.error["message"])))
    return [Block(turn.id, number, *each) for number, each in enumerate(told)]


def _head(turn: Turn) -> str:
    facts = [turn.id]
    if turn.began_at and (moment := local_time(turn.began_at)):
        facts.append(moment)
    if turn.took_ms is not None and abs(turn.took_ms) < _LONGEST_MS:
        facts.append(f"{turn.took_ms / 1000:.1f} s")
    if turn.status != COMPLETED:
        facts.append(turn.status)
    return "── " + "  ".join(facts)


def _told(item: ti.AnyTurnItem) -> Iterator[_Told]:
    teller = _TELLERS.get(type(item))
    if teller is not None:
        yield from (each for each in teller(item) if each.head or each.text.strip())
        return
    name = item.payload.get("type") if isinstance(item, ti.UntypedTurnItem) else None
    yield _Told(f"[{name or type(item).__name__}]", cells.DIM)


def _said(who: str, words: str, style: Style) -> list[_Told]:
    return [_Told(who, style, words)] if words.strip() else []


def _call(head: str, output: str, *, failed: bool = False) -> list[_Told]:
    style = cells.RED if failed else cells.YELLOW
    return [_Told(head, style, output.strip("\n"), cells.DIM, OUTPUT_LINES)]


def _user(item: ti.UserMessage) -> list[_Told]:
    return _said("user", "\n".join(map(_input_text, item.content)), cells.CYAN)


def _agent(item: ti.AgentMessage) -> list[_Told]:
    return _said("agent", "".join(part.text for part in item.content), cells.GREEN)


def _reasoning(item: ti.Reasoning) -> list[_Told]:
    words = "\n\n".join(item.summary_text or item.raw_content)
    told = _Told("reasoning", cells.DIM, words, cells.DIM, REASONING_LINES)
    return [told] if words.strip() else []


def _command(item: ti.CommandExecution) -> list[_Told]:
    failed = item.exit_code not in (0, None)
    outcome = f"  [exit {item.exit_code}]" if failed else ""
    output = item.aggregated_output or (item.stdout or "") + (item.stderr or "")
    return _call(f"$ {_of_shell(list(item.command))}{outcome}", output, failed=failed)


def _files(item: ti.FileChange) -> list[_Told]:
    told = []
    for path, change in item.changes.items():
        told += _call(f"{change.type} {path}", change.unified_diff or change.content or "")
    return told


def _tool(item: ti.ToolCall) -> list[_Told]:
    name = f"{item.namespace}.{item.name}" if item.namespace else item.name
    output = output_text(item.output)
    if command := _shell_command(item.arguments):
        return _call(f"$ {command}", output)
    if "\n" in item.arguments:
        return [*_call(name, item.arguments), *_call("", output)]
    return _call(f"{name} {item.arguments[:_ARGUMENT_CHARS]}", output)


def _mcp(item: ti.McpToolCall) -> list[_Told]:
    output = output_text(item.result if item.error is None else item.error)
    head = f"{item.server}.{item.tool} {_compact(item.arguments)}"
    return _call(head, output, failed=item.error is not None)


def _dynamic(item: ti.DynamicToolCall) -> list[_Told]:
    head = f"{item.tool} {_compact(item.arguments)}"
    return _call(head, output_text(item.content_items), failed=item.success is False)


def _agents(item: ti.CollabAgentToolCall) -> list[_Told]:
    return _call(f"{item.tool} {', '.join(item.receiver_thread_ids)}", item.prompt or "")


def _review_end(item: ti.ExitedReviewMode) -> list[_Told]:
    review = item.review_output if isinstance(item.review_output, dict) else {}
    return _call("review ended", str(review.get("overall_explanation") or ""))


def _of_shell(words: list[str]) -> str:
    return words[-1] if len(words) == 3 and words[1] in ("-c", "-lc") else " ".join(words)


def _shell_command(arguments: str) -> str:
    """The command that a shell tool was called with; "" for other tools."""
    try:
        given = parse_json(arguments.encode(errors="replace"))
    except BadLine:
        return ""
    command = given.get("cmd", given.get("command")) if isinstance(given, dict) else None
    if isinstance(command, list):
        return _of_shell([str(word) for word in command])
    return command if isinstance(command, str) else ""


def _input_text(part: UserInput) -> str:
    if part.text:
        return part.text
    url = part.image_url or part.url or ""
    where = part.path or part.name or ("" if url.startswith("data:") else url)
    return f"[{part.type} {where}]" if where else f"[{part.type}]"


def _compact(value: Json) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)[:_ARGUMENT_CHARS]


_TELLERS: dict[type[Any], Callable[[Any], list[_Told]]] = {
    ti.UserMessage: _user,
    ti.AgentMessage: _agent,
    ti.Reasoning: _reasoning,
    ti.Plan: lambda item: _said("plan", item.text, cells.GREEN),
    ti.CommandExecution: _command,
    ti.FileChange: _files,
    ti.ToolCall: _tool,
    ti.McpToolCall: _mcp,
    ti.DynamicToolCall: _dynamic,
    ti.CollabAgentToolCall: _agents,
    ti.WebSearch: lambda item: _call(f"web search: {item.query}", ""),
    ti.EnteredReviewMode: lambda item: _call(f"review began: {item.user_facing_hint or ''}", ""),
    ti.ExitedReviewMode: _review_end,
    ti.ContextCompaction: lambda _item: [_Told("[the history was compacted here]", cells.DIM)],
    ti.ImageView: lambda item: _call(f"[image {item.path}]", ""),
}
