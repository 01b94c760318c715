"""A thread as Markdown that can be pasted: its head, its turns, what happened in each.

Whatever a thread says stays inside of its place: fences are longer than those within, names are
code, words that are Markdown have neither HTML nor images in them.  Outputs and reasoning are
folded by `<details>`, which shows as it is where HTML does not.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from threadlog.core import calls
from threadlog.core.calls import Outcome
from threadlog.core.contained import contained
from threadlog.core.file_changes import Change, change_of, patch_in
from threadlog.core.items import turn as ti
from threadlog.core.items.values import UserInput
from threadlog.core.lines import Json
from threadlog.core.query import ThreadSummary
from threadlog.core.text import count_text, duration_text, fit, one_line, printable
from threadlog.core.turn import COMPLETED, Turn

LINE_CHARS = 200
_TICKS = re.compile("`+")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")


def head(thread: ThreadSummary, kin: Mapping[str, str], among: int = 0) -> Iterator[str]:
    """What thread this is; *kin* has the titles of those it comes from, by id.

    *among* is its number among several, which sets its headings apart from those of the others.
    """
    which = f"Thread {among}: " if among else ""
    title = _plain(fit(one_line(thread.title), LINE_CHARS)) or "(no message yet)"
    yield f"# {which}{title}\n\n"
    facts = {
        "Thread": thread.id or "(no id)",
        "Began": thread.created[:16].replace("T", " ") + " UTC",
        "Directory": thread.cwd,
        "Branch": thread.git_branch,
        "Model": thread.model,
        "Source": thread.source,
        "Version": thread.cli_version,
        "Forked from": kin.get(thread.forked_from_id or "") or thread.forked_from_id,
        "Begun by": kin.get(thread.parent_thread_id or "") or thread.parent_thread_id,
    }
    for name, value in facts.items():
        if value:
            yield f"- {name}: {code(one_line(value))}\n"
    yield "\n"


def turn(turn: Turn, number: int, among: int = 0) -> Iterator[str]:
    """One turn under a heading; *among* as for the head."""
    yield f"## Thread {among}, turn {number}\n\n" if among else f"## Turn {number}\n\n"
    if facts := " · ".join(_facts(turn)):
        yield f"{facts}\n\n"
    for item in turn.items:
        yield from _item(item)
    error = turn.error if isinstance(turn.error, dict) else {}
    if said := str(error.get("message") or "").strip():
        yield f"**Error**\n\n{fenced(said)}\n"


def note(sentence: str) -> str:
    """A remark of ours between turns."""
    return f"*{_plain(sentence)}*\n\n"


def fenced(text: str, language: str = "") -> str:
    """*text* as a block of code, in a fence longer than all in it."""
    text = printable(text).rstrip("\n")
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}\n"


def code(text: str) -> str:
    """*text* as code within a line."""
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    if not longest:
        return f"`{text}`" if text.strip() else "` `"
    return f"{'`' * (longest + 1)} {text} {'`' * (longest + 1)}"


def _plain(text: str) -> str:
    """*text* on one line, none of whose characters mark anything."""
    return _MARKS.sub(r"\\\1", one_line(text))


def _folded(summary: str, *inner: str) -> Iterator[str]:
    shown = [each for each in inner if each]
    if not shown:
        yield f"{summary}\n\n"
        return
    yield f"<details><summary>{summary}</summary>\n\n"
    yield "\n".join(shown)
    yield "\n</details>\n\n"


def _in_html(text: str) -> str:
    return f"<code>{fit(one_line(text), LINE_CHARS).translate(_HTML)}</code>"


def _facts(turn: Turn) -> Iterator[str]:
    if turn.began_at is not None:
        with contextlib.suppress(OverflowError, OSError, ValueError):
            yield f"{datetime.fromtimestamp(turn.began_at, UTC):%Y-%m-%d %H:%M} UTC"
    if turn.model:
        yield code(one_line(turn.model))
    if turn.took_ms is not None and 0 <= turn.took_ms < 10**12:
        yield duration_text(turn.took_ms)
    if turn.usage is not None:
        used = turn.usage
        yield f"{count_text(used.input_tokens)} in, {count_text(used.output_tokens)} out"
    if turn.status != COMPLETED:
        yield turn.status


def _item(item: ti.AnyTurnItem) -> Iterator[str]:
    writer = _ITEMS.get(type(item))
    if writer is not None:
        yield from writer(item)
    elif isinstance(item, ti.UntypedTurnItem):
        kind = item.payload.get("type") if isinstance(item.payload, dict) else None
        yield note(f"[{kind or 'item'}]")
    else:
        yield note(f"[{type(item).__name__}]")


def _said(who: str, words: str) -> Iterator[str]:
    """Words as Markdown, which they are; a block of their own in any case."""
    if words.strip():
        text = printable(words).strip("\n")
        yield f"**{who}**\n\n{contained(text)}\n\n"


def _user(item: ti.UserMessage) -> Iterator[str]:
    told = [_input(part) for part in item.content]
    if any(told):
        quoted = "\n".join(f"> {line}".rstrip() for line in "\n".join(told).split("\n"))
        yield f"**User**\n\n{quoted}\n\n"


def _input(part: UserInput) -> str:
    if part.text:
        return contained(printable(part.text).strip("\n"))
    where = part.path or part.name or part.image_url or part.audio_url or part.url or ""
    if where.startswith("data:"):
        kind, _comma, data = where[len("data:") :].partition(",")
        where = f"{kind.partition(';')[0]}, {count_text(len(data) * 3 // 4)}B"
    return f"[{part.type}: {code(fit(one_line(where), LINE_CHARS))}]" if where else f"[{part.type}]"


def _agent(item: ti.AgentMessage) -> Iterator[str]:
    yield from _said("Agent", "".join(part.text for part in item.content))


def _reasoning(item: ti.Reasoning) -> Iterator[str]:
    words = "\n\n".join(item.summary_text or item.raw_content).strip()
    if words:
        yield from _folded("Reasoning", contained(printable(words)) + "\n")


def _hook(item: ti.HookPrompt) -> Iterator[str]:
    fragments = item.fragments if isinstance(item.fragments, (list, tuple)) else []
    words = [str(each.get("text", "")) for each in fragments if isinstance(each, dict)]
    yield from _said("Hook", "\n".join(words))


def _command(item: ti.CommandExecution) -> Iterator[str]:
    said = item.aggregated_output or (item.stdout or "") + (item.stderr or "")
    status = item.status if item.status in ("declined", "in_progress") else None
    outcome = Outcome(said, item.exit_code, calls.duration_ms(item.duration), status)
    yield from _ran(calls.shell_words(list(item.command)), outcome)


def _ran(command: str, outcome: Outcome) -> Iterator[str]:
    long = "\n" in command.strip() or len(command) > LINE_CHARS
    whole = fenced(command, "sh") if long else ""
    said = fenced(outcome.said) if outcome.said.strip() else ""
    yield from _folded(f"{_in_html('$ ' + command)}{_outcome(outcome)}", whole, said)


def _files(item: ti.FileChange) -> Iterator[str]:
    bad = item.status if item.status not in (None, "completed") else None
    outcome = _outcome(Outcome("", None, None, bad))
    for path, kind in item.changes.items():
        yield from _change(change_of(path, kind), outcome)
    if bad and item.stderr:
        yield fenced(item.stderr) + "\n"


def _change(change: Change, outcome: str) -> Iterator[str]:
    to = f" → {_in_html(change.moved_to)}" if change.moved_to else ""
    counts = f" +{change.added} -{change.removed}"
    summary = f"{change.verb} {_in_html(change.path)}{to}{counts}{outcome}"
    yield from _folded(summary, fenced("\n".join(change.lines), "diff") if change.lines else "")


def _tool(item: ti.ToolCall) -> Iterator[str]:
    name = f"{item.namespace}.{item.name}" if item.namespace else item.name
    is_shell = item.name == "local_shell"
    given = {"cmd": item.arguments} if is_shell else calls.json_of(item.arguments)
    yield from _called(name, item.arguments, given, calls.call_outcome(item.output))


def _dynamic(item: ti.DynamicToolCall) -> Iterator[str]:
    outcome = calls.call_outcome(item.content_items if item.error is None else item.error)
    if item.status in ("failed", "in_progress"):
        outcome = outcome._replace(status=item.status)
    name = f"{item.namespace}.{item.tool}" if item.namespace else item.tool
    given = item.arguments
    words = given if isinstance(given, str) else calls.json_text(given)
    yield from _called(
        name, words, calls.json_of(given) if isinstance(given, str) else given, outcome
    )


def _mcp(item: ti.McpToolCall) -> Iterator[str]:
    output = item.result if item.error is None else item.error
    is_bad = item.error is not None or item.status == "failed"
    status = "failed" if is_bad else None
    outcome = Outcome(calls.output_text(output), None, calls.duration_ms(item.duration), status)
    yield from _call(f"{item.server}.{item.tool}", calls.json_text(item.arguments), outcome)


def _called(name: str, arguments: str, given: Json, outcome: Outcome) -> Iterator[str]:
    command = calls.shell_command(given) if isinstance(given, dict) else ""
    if name == "update_plan" and isinstance(given, dict) and isinstance(given.get("plan"), list):
        yield from _plan_steps(given)
    elif changes := patch_in(command or arguments):
        for change in changes:
            yield from _change(change, _outcome(outcome._replace(ms=None)))
        if outcome.exit_code or outcome.status:
            yield fenced(outcome.said) + "\n"
    elif command:
        yield from _ran(command, outcome)
    else:
        yield from _call(name, arguments, outcome)


def _call(name: str, arguments: str, outcome: Outcome) -> Iterator[str]:
    long = "\n" in arguments or len(arguments) > LINE_CHARS
    summary = f"{_in_html(name)} {_in_html(arguments) if arguments else ''}".rstrip()
    said = fenced(outcome.said) if outcome.said.strip() else ""
    yield from _folded(summary + _outcome(outcome), fenced(arguments) if long else "", said)


def _plan_steps(given: dict[str, Json]) -> Iterator[str]:
    yield "**Plan**\n\n"
    if isinstance(why := given.get("explanation"), str) and why.strip():
        yield f"{_plain(why)}\n\n"
    for step in given["plan"]:
        entry = step if isinstance(step, dict) else {"step": step}
        mark = "x" if entry.get("status") == "completed" else " "
        yield f"- [{mark}] {_plain(str(entry.get('step', '')))}\n"
    yield "\n"


def _agents(item: ti.CollabAgentToolCall) -> Iterator[str]:
    ids = ", ".join(map(code, item.receiver_thread_ids))
    yield f"{code(item.tool)} {ids}\n\n"
    if item.prompt:
        yield fenced(item.prompt) + "\n"


def _search(item: ti.WebSearch) -> Iterator[str]:
    action = item.action if isinstance(item.action, dict) else {}
    what = item.query or str(action.get("query") or action.get("url") or action.get("type") or "")
    yield f"Web search: {code(one_line(what))}\n\n"


def _made_image(item: ti.ImageGeneration) -> Iterator[str]:
    yield note(f"[image made{': ' + item.saved_path if item.saved_path else ''}]")
    if item.revised_prompt:
        yield fenced(item.revised_prompt) + "\n"


def _review(item: ti.ExitedReviewMode) -> Iterator[str]:
    review = item.review_output if isinstance(item.review_output, dict) else {}
    yield from _said("Review", str(review.get("overall_explanation") or ""))
    findings = review.get("findings")
    for finding in findings if isinstance(findings, list) else []:
        if isinstance(finding, dict):
            yield from _said(
                _plain(str(finding.get("title") or "Finding")), str(finding.get("body") or "")
            )


def _outcome(outcome: Outcome) -> str:
    facts = [fit(one_line(outcome.status), LINE_CHARS).translate(_HTML)] if outcome.status else []
    facts += [f"exit {outcome.exit_code}"] if outcome.exit_code else []
    if outcome.ms is not None and 50 <= outcome.ms < 10**12:
        facts.append(duration_text(outcome.ms))
    return f" [{', '.join(facts)}]" if facts else ""


_ITEMS: dict[type[Any], Callable[[Any], Iterable[str]]] = {
    ti.UserMessage: _user,
    ti.AgentMessage: _agent,
    ti.Reasoning: _reasoning,
    ti.Plan: lambda item: _said("Plan", item.text),
    ti.HookPrompt: _hook,
    ti.CommandExecution: _command,
    ti.FileChange: _files,
    ti.ToolCall: _tool,
    ti.DynamicToolCall: _dynamic,
    ti.McpToolCall: _mcp,
    ti.CollabAgentToolCall: _agents,
    ti.WebSearch: _search,
    ti.ImageView: lambda item: [note(f"[image {item.path}]")],
    ti.ImageGeneration: _made_image,
    ti.EnteredReviewMode: lambda item: [note(f"review began: {item.user_facing_hint or ''}")],
    ti.ExitedReviewMode: _review,
    ti.ContextCompaction: lambda _item: [note("the history was compacted here")],
    ti.SubAgentActivity: lambda item: [
        note(" ".join(["agent", *filter(None, (item.kind, item.agent_path, item.agent_thread_id))]))
    ],
    ti.Sleep: lambda item: [note(f"waited {duration_text(item.duration_ms)}")],
    ti.Extension: lambda item: [note(f"[{item.kind}]")],
}
