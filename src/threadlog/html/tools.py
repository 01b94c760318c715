"""What tools did: commands, plans, patches, agents, searches; what they answered is folded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from threadlog.core import calls
from threadlog.core.calls import Outcome
from threadlog.core.file_changes import change_of, patch_in
from threadlog.core.items import turn as ti
from threadlog.core.lines import Json
from threadlog.core.text import fit, one_line
from threadlog.html import diffs, facts, images
from threadlog.html.looks import Pen
from threadlog.html.markup import NOTHING, Html, joined, tag
from threadlog.html.texts import folded, line_of, link, plain, preformatted, several

# Of a command, or of arguments, so much stands in the line that opens the rest.
LINE_CHARS = 300


class Called(NamedTuple):
    """A call of a tool: its name, its arguments as text and as JSON, and what came of it."""

    name: str
    arguments: str
    given: Json
    outcome: Outcome
    output: Json = None


def command(pen: Pen, item: ti.CommandExecution) -> Html:
    """A command that ran."""
    said = item.aggregated_output or (item.stdout or "") + (item.stderr or "")
    status = item.status if item.status in ("declined", "in_progress") else None
    outcome = Outcome(said, item.exit_code, calls.duration_ms(item.duration), status)
    words = calls.shell_words(list(item.command))
    typed = preformatted(pen, f"> {item.interaction_input}") if item.interaction_input else NOTHING
    return _command(pen, words, outcome, typed)


def files(pen: Pen, item: ti.FileChange) -> Html:
    """Files that were changed, or not."""
    is_bad = item.status not in (None, "completed")
    outcome = Outcome(status=item.status if is_bad else None)
    changes, more = several(pen, item.changes.items(), lambda changed: changed[0])
    told = [
        diffs.change(pen, change_of(path, kind), facts.of_call(outcome)) for path, kind in changes
    ]
    told.append(more)
    if is_bad and item.stderr:
        told.append(tag("div", preformatted(pen, item.stderr), class_="item tool failed"))
    return joined(told)


def tool(pen: Pen, item: ti.ToolCall) -> Html:
    """A call of which only its response items tell."""
    name = f"{item.namespace}.{item.name}" if item.namespace else item.name
    is_shell = item.name == "local_shell"
    given = {"cmd": item.arguments} if is_shell else calls.json_of(item.arguments)
    outcome = calls.call_outcome(item.output)
    return _tool(pen, Called(name, item.arguments, given, outcome, item.output))


def dynamic(pen: Pen, item: ti.DynamicToolCall) -> Html:
    """A call of a tool that the client offers."""
    output = item.content_items if item.error is None else item.error
    outcome = calls.call_outcome(output)
    status = item.status if item.status in ("failed", "in_progress") else None
    ms = calls.duration_ms(item.duration) if item.duration is not None else outcome.ms
    outcome = outcome._replace(status=status, ms=ms)
    name = f"{item.namespace}.{item.tool}" if item.namespace else item.tool
    given = item.arguments
    if isinstance(given, str):
        return _tool(pen, Called(name, given, calls.json_of(given), outcome, output))
    return _tool(pen, Called(name, calls.json_text(given), given, outcome, output))


def mcp(pen: Pen, item: ti.McpToolCall) -> Html:
    """A call of a tool of an MCP server."""
    output = item.result if item.error is None else item.error
    is_bad = item.error is not None or item.status == "failed"
    outcome = Outcome(calls.output_text(output), None, calls.duration_ms(item.duration))
    outcome = outcome._replace(status="failed" if is_bad else None)
    name = f"{item.server}.{item.tool}"
    return _call(
        pen, Called(name, calls.json_text(item.arguments), item.arguments, outcome, output)
    )


def agents(pen: Pen, item: ti.CollabAgentToolCall) -> Html:
    """One agent has to do with others."""
    return _agents(pen, item.tool, item.receiver_thread_ids, item.prompt or "", item.status)


def search(pen: Pen, item: ti.WebSearch) -> Html:
    """A search of the web, or a page of it that was opened."""
    action = item.action if isinstance(item.action, dict) else {}
    url = str(action.get("url") or "")
    what = item.query or str(action.get("query") or url or action.get("type") or "")
    shown = link(url, what) if url else joined([what])
    return folded(pen, joined([_name("web search"), shown], " "), class_="item tool")


def plan(pen: Pen, steps: Iterable[Any], why: str = "") -> Html:
    """A plan as a checklist."""
    told = [tag("p", line_of(pen, why))] if why else []
    entries = []
    shown, more = several(pen, map(_step, steps), ": ".join)
    for status, said in shown:
        mark = tag("span", _MARKS[status], class_="mark", aria_hidden="true")
        state = tag("span", f" ({status})", class_="unseen")
        entries.append(tag("li", mark, line_of(pen, said), state, class_=_CLASS[status]))
    listed = tag("ul", *entries, class_="steps") if entries else NOTHING
    return tag("div", tag("div", "Plan", class_="who"), *told, listed, more, class_="item plan")


def _step(step: Any) -> tuple[str, str]:
    entry = step if isinstance(step, dict) else {"step": step}
    return _STEPS.get(str(entry.get("status")), "to do"), str(entry.get("step", ""))


_STEPS = {"completed": "done", "in_progress": "in progress", "inProgress": "in progress"}
_MARKS = {"done": "✓", "in progress": "▸", "to do": "○"}
_CLASS = {"done": "done", "in progress": "doing", "to do": "todo"}


def _tool(pen: Pen, called: Called) -> Html:
    special = _TOOLS.get(called.name)
    if special is not None and (told := special(pen, called)) is not None:
        return told
    given = called.given
    command = calls.shell_command(given) if isinstance(given, dict) else ""
    outcome = called.outcome
    if changes := patch_in(command or called.arguments):
        said = facts.of_call(outcome._replace(ms=None))
        shown, more = several(pen, changes, lambda changed: f"{changed.verb} {changed.path}")
        told_changes = [*(diffs.change(pen, each, said) for each in shown), more]
        if facts.failed(outcome):
            said = preformatted(pen, outcome.said)
            told_changes.append(tag("div", said, class_="item tool failed"))
        return joined(told_changes)
    return _command(pen, command, outcome) if command else _call(pen, called)


def _plan(pen: Pen, called: Called) -> Html | None:
    given = called.given
    steps = given.get("plan") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(steps, list):
        return None
    why = given.get("explanation")
    return plan(pen, steps, why if isinstance(why, str) else "")


def _image(pen: Pen, called: Called) -> Html | None:
    path = called.given.get("path") if isinstance(called.given, dict) else None
    if not isinstance(path, str):
        return None
    return image_view(pen, path, called.output)


def image_view(pen: Pen, path: str, output: Json = None) -> Html:
    """An image of the machine that the model looked at; the file itself is not."""
    summary = joined([_name("image"), tag("code", path)], " ")
    return folded(pen, summary, images.in_output(pen, output), class_="item tool", open_=True)


def _spawn(pen: Pen, called: Called) -> Html | None:
    given, answer = called.given, calls.json_of(called.outcome.said)
    if not isinstance(given, dict) or not isinstance(answer, dict) or not answer.get("agent_id"):
        return None
    prompt = str(given.get("message") or given.get("prompt") or "")
    return _agents(pen, called.name, [str(answer["agent_id"])], prompt, None)


_TOOLS: dict[str, Callable[[Pen, Called], Html | None]] = {
    "update_plan": _plan,
    "view_image": _image,
    "spawn_agent": _spawn,
}


def _agents(pen: Pen, name: str, ids: Iterable[str], prompt: str, status: str | None) -> Html:
    shown, more = several(pen, ids, str)
    who = joined([thread(pen, each) for each in shown], ", ")
    outcome = facts.of_call(Outcome(status="failed" if status == "failed" else None))
    return folded(
        pen, joined([_name(name), who, outcome], " "), more, plain(pen, prompt), class_="item tool"
    )


def thread(pen: Pen, thread_id: str) -> Html:
    """Another thread by its id, and where it is shown."""
    shown = tag("code", thread_id)
    return tag("a", shown, href=pen.look.thread_url(thread_id)) if pen.look.thread_url else shown


def _command(pen: Pen, command: str, outcome: Outcome, more: Html = NOTHING) -> Html:
    """A command line, what came of it, and below what it said."""
    line = fit(one_line(command), LINE_CHARS)
    prompt = tag("span", "$ ", class_="prompt", aria_hidden="true")
    summary = joined([tag("code", prompt, line), facts.of_call(outcome)], " ")
    is_long = "\n" in command.strip() or len(command) > LINE_CHARS
    whole = preformatted(pen, command, "output command") if is_long else NOTHING
    return _folded(pen, outcome, summary, [whole, preformatted(pen, outcome.said), more])


def _call(pen: Pen, called: Called) -> Html:
    line = fit(one_line(called.arguments), LINE_CHARS)
    shown = tag("code", line, class_="arguments") if line else NOTHING
    summary = joined([_name(called.name), shown, facts.of_call(called.outcome)], " ")
    is_long = "\n" in called.arguments or len(called.arguments) > LINE_CHARS
    whole = preformatted(pen, called.arguments, "output command") if is_long else NOTHING
    pictures = images.in_output(pen, called.output)
    said = preformatted(pen, called.outcome.said)
    return _folded(pen, called.outcome, summary, [whole, said, pictures])


def _folded(pen: Pen, outcome: Outcome, summary: Html, inner: list[Html]) -> Html:
    is_bad = facts.failed(outcome)
    class_ = "item tool failed" if is_bad else "item tool"
    return folded(pen, summary, *inner, class_=class_)


def _name(name: str) -> Html:
    return tag("span", name, class_="tool-name")
