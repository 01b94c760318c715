"""A thread as a person reads it: turns, messages, commands and what came of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TextIO

from threadlog.cli.terminal import BOLD, CYAN, DIM, GREEN, RED, YELLOW, Style, folder
from threadlog.core import text
from threadlog.core.context import content_texts
from threadlog.core.items import turn as ti
from threadlog.core.items.values import UserInput
from threadlog.core.lines import Json
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import COMPLETED, Turn

# Lines of a tool's output that are shown; the rest is counted.
FOLDED_LINES = 12
FOLDED_CHARS = 4000
_LONGEST_MS = 10**12  # a longer turn is a slip of whoever wrote the rollout


class Transcript:
    """Writes a transcript to *out*; *full* shows tool output in full length."""

    def __init__(self, out: TextIO, style: Style, *, full: bool = False) -> None:
        self._out = out
        self._style = style
        self._full = full

    def thread(self, thread: ThreadSummary) -> None:
        """The head: what thread this is."""
        self._line(thread.title or "(no message yet)", BOLD)
        self._line(f"{thread.id or '(no id)'}  {thread.created[:16].replace('T', ' ')} UTC", DIM)
        facts = [folder(thread.cwd), thread.git_branch, thread.source, thread.cli_version]
        self._line("  ".join(fact for fact in facts if fact), DIM)
        if thread.forked_from_id:
            self._line(f"forked from {thread.forked_from_id}", DIM)
        if thread.archived:
            self._line("archived", DIM)

    def turn(self, turn: Turn) -> None:
        """One turn."""
        facts = [turn.id]
        if turn.started_at and (moment := _local_time(turn.started_at)):
            facts.append(moment)
        if turn.duration_ms is not None and abs(turn.duration_ms) < _LONGEST_MS:
            facts.append(f"{turn.duration_ms / 1000:.1f} s")
        if turn.status != COMPLETED:
            facts.append(turn.status)
        self._write("\n")
        self._line("── " + "  ".join(facts), DIM)
        for item in turn.items:
            self._item(item)
        if isinstance(turn.error, dict) and turn.error.get("message"):
            self._block("error", str(turn.error["message"]), RED)

    def note(self, sentence: str) -> None:
        """A remark of ours."""
        self._write("\n")
        self._line(f"({sentence})", YELLOW)

    def _item(self, item: ti.AnyTurnItem) -> None:
        writer = _WRITERS.get(type(item))
        if writer is not None:
            writer(self, item)
        else:
            name = item.payload.get("type") if isinstance(item, ti.UntypedTurnItem) else None
            self._line(f"[{name or type(item).__name__}]", DIM)

    def _user(self, item: ti.UserMessage) -> None:
        self._block("user", "\n".join(map(_input_text, item.content)), CYAN)

    def _agent(self, item: ti.AgentMessage) -> None:
        self._block("agent", "".join(part.text for part in item.content), GREEN)

    def _reasoning(self, item: ti.Reasoning) -> None:
        self._block("reasoning", "\n\n".join(item.summary_text or item.raw_content), DIM)

    def _plan(self, item: ti.Plan) -> None:
        self._block("plan", item.text, GREEN)

    def _command(self, item: ti.CommandExecution) -> None:
        words = list(item.command)
        shown = words[-1] if len(words) == 3 and words[1] in ("-c", "-lc") else " ".join(words)
        outcome = "" if item.exit_code in (0, None) else f"  [exit {item.exit_code}]"
        self._line(f"$ {shown}{outcome}", YELLOW)
        self._output(item.aggregated_output or (item.stdout or "") + (item.stderr or ""))

    def _files(self, item: ti.FileChange) -> None:
        for path, change in item.changes.items():
            self._line(f"{change.type} {path}", YELLOW)
            self._output(change.unified_diff or change.content or "")

    def _tool(self, item: ti.ToolCall) -> None:
        name = f"{item.namespace}.{item.name}" if item.namespace else item.name
        if command := _shell_command(item.arguments):
            self._line(f"$ {command}", YELLOW)
        elif "\n" in item.arguments:
            self._line(name, YELLOW)
            self._output(item.arguments)
        else:
            self._line(f"{name} {text.fit(text.one_line(item.arguments), 400)}", YELLOW)
        self._output(output_text(item.output))

    def _mcp(self, item: ti.McpToolCall) -> None:
        self._line(f"{item.server}.{item.tool} {_compact(item.arguments)}", YELLOW)
        self._output(output_text(item.result if item.error is None else item.error))

    def _dynamic(self, item: ti.DynamicToolCall) -> None:
        self._line(f"{item.tool} {_compact(item.arguments)}", YELLOW)
        self._output(output_text(item.content_items))

    def _agents(self, item: ti.CollabAgentToolCall) -> None:
        to = ", ".join(item.receiver_thread_ids)
        self._line(f"{item.tool} {to}", YELLOW)
        self._output(item.prompt or "")

    def _search(self, item: ti.WebSearch) -> None:
        self._line(f"web search: {item.query}", YELLOW)

    def _review(self, item: ti.EnteredReviewMode) -> None:
        self._line(f"review began: {item.user_facing_hint or ''}", YELLOW)

    def _review_end(self, item: ti.ExitedReviewMode) -> None:
        review = item.review_output if isinstance(item.review_output, dict) else {}
        self._line("review ended", YELLOW)
        self._output(str(review.get("overall_explanation") or ""))

    def _compaction(self, _item: ti.ContextCompaction) -> None:
        self._line("[the history was compacted here]", DIM)

    def _image(self, item: ti.ImageView) -> None:
        self._line(f"[image {item.path}]", YELLOW)

    def _block(self, who: str, words: str, colour: str) -> None:
        if not words.strip():
            return
        self._write(self._style.paint(who, BOLD, colour) + "\n")
        for line in text.printable(words).split("\n"):
            self._write(f"  {line}".rstrip() + "\n")

    def _output(self, output: str) -> None:
        lines = text.printable(output).rstrip("\n").split("\n") if output.strip() else []
        shown = lines if self._full else _folded(lines)
        for line in shown:
            self._line(f"  {line}", DIM)
        if len(shown) < len(lines):
            self._line(f"  … {len(lines) - len(shown)} more lines", DIM)

    def _line(self, line: str, *codes: str) -> None:
        self._write(self._style.paint(text.printable(line).replace("\n", " "), *codes) + "\n")

    def _write(self, words: str) -> None:
        self._out.write(words)


def _local_time(unix_s: int) -> str:
    """A moment as people here write it; "" beyond the calendar."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(unix_s))
    except (OverflowError, OSError, ValueError):
        return ""


def _shell_command(arguments: str) -> str:
    """The command that a shell tool was called with; "" for other tools."""
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        return ""
    command = given.get("cmd", given.get("command")) if isinstance(given, dict) else None
    if isinstance(command, list):
        words = [str(word) for word in command]
        return words[-1] if words[1:2] in (["-c"], ["-lc"]) else " ".join(words)
    return command if isinstance(command, str) else ""


def _folded(lines: list[str]) -> list[str]:
    shown = lines[:FOLDED_LINES]
    room = FOLDED_CHARS
    for index, line in enumerate(shown):
        if len(line) > room:
            return [*shown[:index], text.fit(line, max(room, 1))]
        room -= len(line)
    return shown


def _input_text(part: UserInput) -> str:
    if part.text:
        return part.text
    where = part.path or part.name or _short_url(part.image_url or part.url or "")
    return f"[{part.type} {where}]" if where else f"[{part.type}]"


def _short_url(url: str) -> str:
    return "" if url.startswith("data:") else url


def output_text(output: Json) -> str:
    """What a tool answered, as text; images are named, not shown."""
    if output is None:
        return ""
    if isinstance(output, str):
        return output
    if isinstance(output, dict) and isinstance(output.get("content"), (str, list)):
        output = output["content"]
    if isinstance(output, (list, tuple)):
        images = sum("image" in str(p.get("type")) for p in output if isinstance(p, dict))
        return "\n".join([*content_texts(list(output)), *["[image]"] * images])
    return output if isinstance(output, str) else _compact(output)


def _compact(value: Json) -> str:
    return "" if value is None else text.fit(json.dumps(value, ensure_ascii=False), 400)


_WRITERS: dict[type[Any], Callable[[Transcript, Any], None]] = {
    ti.UserMessage: Transcript._user,
    ti.AgentMessage: Transcript._agent,
    ti.Reasoning: Transcript._reasoning,
    ti.Plan: Transcript._plan,
    ti.CommandExecution: Transcript._command,
    ti.FileChange: Transcript._files,
    ti.ToolCall: Transcript._tool,
    ti.McpToolCall: Transcript._mcp,
    ti.DynamicToolCall: Transcript._dynamic,
    ti.CollabAgentToolCall: Transcript._agents,
    ti.WebSearch: Transcript._search,
    ti.EnteredReviewMode: Transcript._review,
    ti.ExitedReviewMode: Transcript._review_end,
    ti.ContextCompaction: Transcript._compaction,
    ti.ImageView: Transcript._image,
}
