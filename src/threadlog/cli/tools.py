"""What tools did, on the sheet: commands, plans, patches, agents, searches, and what they said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from threadlog.cli import diffs
from threadlog.cli.sheet import INDENT, Sheet
from threadlog.cli.terminal import BOLD, DIM, RED, YELLOW
from threadlog.cli.wrapping import Span
from threadlog.core import text
from threadlog.core.calls import (
    ARGUMENTS_CHARS,
    Outcome,
    call_outcome,
    compact,
    json_of,
    output_text,
    shell_command,
    shell_words,
)
from threadlog.core.file_changes import change_of, patch_in
from threadlog.core.items import turn as ti
from threadlog.core.items.values import Duration
from threadlog.core.lines import Json

_LONGEST_MS = 10**12  # what took longer is a slip of whoever wrote the rollout


def write_command(sheet: Sheet, item: ti.CommandExecution) -> None:
    """A command that ran."""
    said = item.aggregated_output or (item.stdout or "") + (item.stderr or "")
    status = item.status if item.status in ("declined", "in_progress") else None
    _command(sheet, shell_words(list(item.command)), _outcome(said, item, item.exit_code, status))
    if item.interaction_input:
        sheet.line(f"{INDENT}> {item.interaction_input}", DIM)


def write_files(sheet: Sheet, item: ti.FileChange) -> None:
    """Files that were changed, or not."""
    outcome: list[Span] = []
    if item.status not in (None, "completed"):
        outcome = [(f"  [{item.status}]", (RED,))]
    for path, kind in item.changes.items():
        diffs.write_change(sheet, change_of(path, kind), *outcome)
    if outcome:
        sheet.output(item.stderr or "")


class _Called(NamedTuple):
    """A call of a tool: its name, its arguments as text and as JSON, and what came of it."""

    name: str
    arguments: str
    given: Json
    outcome: Outcome


def write_tool(sheet: Sheet, item: ti.ToolCall) -> None:
    """A call of which only its response items tell."""
    name = f"{item.namespace}.{item.name}" if item.namespace else item.name
    given = {"cmd": item.arguments} if item.name == "local_shell" else json_of(item.arguments)
    _tool(sheet, _Called(name, item.arguments, given, call_outcome(item.output)))


def write_dynamic(sheet: Sheet, item: ti.DynamicToolCall) -> None:
    """A call of a tool that the client offers."""
    outcome = call_outcome(item.content_items if item.error is None else item.error)
    status = item.status if item.status in ("failed", "in_progress") else None
    ms = item.duration.ms if item.duration is not None else outcome.ms
    name = f"{item.namespace}.{item.tool}" if item.namespace else item.tool
    given = item.arguments
    outcome = outcome._replace(status=status, ms=ms)
    if isinstance(given, str):
        _tool(sheet, _Called(name, given, json_of(given), outcome))
    else:
        _tool(sheet, _Called(name, compact(given), given, outcome))


def _tool(sheet: Sheet, called: _Called) -> None:
    special = _TOOLS.get(called.name)
    command = shell_command(called.given) if isinstance(called.given, dict) else ""
    if special is not None and special(sheet, called):
        return
    outcome = called.outcome
    if changes := patch_in(command or called.arguments):
        for change in changes:
            diffs.write_change(sheet, change, *_facts(outcome._replace(ms=None)))
        if outcome.exit_code or outcome.status:
            sheet.output(outcome.said)
    elif command:
        _command(sheet, command, outcome)
    else:
        _call(sheet, called.name, called.arguments, outcome)


def write_mcp(sheet: Sheet, item: ti.McpToolCall) -> None:
    """A call of a tool of an MCP server."""
    said = output_text(item.result if item.error is None else item.error)
    status = "failed" if item.error is not None or item.status == "failed" else None
    name = f"{item.server}.{item.tool}"
    _call(sheet, name, compact(item.arguments), _outcome(said, item, None, status))


def write_agents(sheet: Sheet, item: ti.CollabAgentToolCall) -> None:
    """One agent has to do with others."""
    _agents(sheet, item.tool, item.receiver_thread_ids, item.status)
    sheet.output(item.prompt or "")


def write_search(sheet: Sheet, item: ti.WebSearch) -> None:
    """A search of the web, or a page of it that was opened."""
    action = item.action if isinstance(item.action, dict) else {}
    what = item.query or str(action.get("query") or action.get("url") or action.get("type") or "")
    sheet.spans([("web search: ", (YELLOW,)), (what, (BOLD, YELLOW))])


def write_plan(sheet: Sheet, steps: Iterable[Any], why: str = "") -> None:
    """A plan as a checklist."""
    sheet.spans([("plan", (BOLD, YELLOW)), (f"  {why}" if why else "", (DIM,))])
    for step in steps:
        entry = step if isinstance(step, dict) else {"step": step}
        mark, codes = _STEPS.get(str(entry.get("status")), _STEPS["pending"])
        indent = f"{INDENT}{mark} "
        sheet.spans([(str(entry.get("step", "")), codes)], indent=indent, hang=" " * len(indent))


_STEPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "completed": ("[x]", (DIM,)),
    "in_progress": ("[>]", (BOLD,)),
    "inProgress": ("[>]", (BOLD,)),
    "pending": ("[ ]", ()),
}


def _plan(sheet: Sheet, called: _Called) -> bool:
    given = called.given
    steps = given.get("plan") if isinstance(given, dict) else None
    if not isinstance(steps, list):
        return False
    why = given.get("explanation")
    write_plan(sheet, steps, why if isinstance(why, str) else "")
    return True


def _image(sheet: Sheet, called: _Called) -> bool:
    path = called.given.get("path") if isinstance(called.given, dict) else None
    if isinstance(path, str):
        sheet.line(f"[image {path}]", YELLOW)
    return isinstance(path, str)


def _spawn(sheet: Sheet, called: _Called) -> bool:
    given, answer = called.given, json_of(called.outcome.said)
    if not isinstance(given, dict) or not isinstance(answer, dict) or not answer.get("agent_id"):
        return False
    known = [str(each) for each in (answer["agent_id"], answer.get("nickname")) if each]
    _agents(sheet, called.name, known, None)
    sheet.output(str(given.get("message") or given.get("prompt") or ""))
    return True


_TOOLS: dict[str, Callable[[Sheet, _Called], bool]] = {
    "update_plan": _plan,
    "view_image": _image,
    "spawn_agent": _spawn,
}


def _agents(sheet: Sheet, tool: str, ids: Iterable[str], status: str | None) -> None:
    spans: list[Span] = [(tool, (YELLOW,)), (f"  {', '.join(ids)}", (BOLD,))]
    if status == "failed":
        spans.append(("  [failed]", (RED,)))
    sheet.spans(spans)


def _command(sheet: Sheet, command: str, outcome: Outcome) -> None:
    """A command line: each of its lines, and behind the last what came of it."""
    *first, last = command.strip("\n").split("\n")
    for number, line in enumerate(first):
        sheet.spans(
            [("" if number else "$ ", (DIM,)), (line, (YELLOW,))], indent="  " * bool(number)
        )
    mark = [] if first else [("$ ", (DIM,))]
    sheet.spans([*mark, (last, (YELLOW,)), *_facts(outcome)], indent="  " * bool(first))
    sheet.output(outcome.said)


def _call(sheet: Sheet, name: str, arguments: str, outcome: Outcome) -> None:
    if "\n" in arguments:
        sheet.spans([(name, (YELLOW,)), *_facts(outcome)])
        sheet.output(arguments)
    else:
        shown = text.fit(text.one_line(arguments), ARGUMENTS_CHARS)
        sheet.spans([(name, (YELLOW,)), (f" {shown}" if shown else "", (DIM,)), *_facts(outcome)])
    sheet.output(outcome.said)


def _facts(outcome: Outcome) -> list[Span]:
    """Status, exit code and duration, as far as they tell something."""
    failed = bool(outcome.exit_code) or outcome.status == "failed"
    facts = [outcome.status] if outcome.status else []
    facts += [f"exit {outcome.exit_code}"] if outcome.exit_code else []
    if outcome.ms is not None and 50 <= outcome.ms < _LONGEST_MS:
        facts.append(text.duration_text(outcome.ms))
    return [(f"  [{', '.join(facts)}]", (RED,) if failed else (DIM,))] if facts else []


def _outcome(said: str, item: Any, exit_code: int | None, status: str | None) -> Outcome:
    duration = item.duration
    return Outcome(said, exit_code, duration.ms if isinstance(duration, Duration) else None, status)
