"""The items of a turn, each kind as it looks: messages, reasoning, plans, reviews, marks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from threadlog.core import calls
from threadlog.core.items import turn as ti
from threadlog.core.items.values import UserInput
from threadlog.core.text import duration_text, fit, one_line
from threadlog.html import images, tools
from threadlog.html.looks import Pen
from threadlog.html.markdown import rendered, typed
from threadlog.html.markup import NOTHING, Html, joined, tag
from threadlog.html.texts import folded, link, plain, several

_SUMMARY_CHARS = 120
# Fragments of a hook, findings of a review, texts of reasoning: so many are shown.
_SEVERAL = 200


def item(pen: Pen, item: ti.AnyTurnItem) -> Html:
    """One item of a turn; nothing for one that says nothing."""
    writer = _WRITERS.get(type(item))
    if writer is not None:
        return writer(pen, item)
    payload = item.payload if isinstance(item, ti.UntypedTurnItem) else None
    name = payload.get("type") if isinstance(payload, dict) else None
    return note(str(name or type(item).__name__))


def note(said: str) -> Html:
    """A mark of ours between what was said."""
    return tag("div", tag("span", said), class_="item mark-line")


def _said(who: str, class_: str, *inner: Html) -> Html:
    if not any(inner):
        return NOTHING
    return tag("div", tag("div", who, class_="who"), *inner, class_=f"item {class_}")


def _user(pen: Pen, item: ti.UserMessage) -> Html:
    parts, more = several(pen, item.content, lambda part: part.text or part.path or "")
    return _said("User", "user", *(_input(pen, part) for part in parts), more)


def _input(pen: Pen, part: UserInput) -> Html:
    if part.text:
        return typed(pen, part.text) if part.text.strip() else NOTHING
    url = part.image_url or part.url or part.audio_url or ""
    if url.startswith("data:") or part.type == "image":
        return images.shown(pen, url)
    where = part.path or part.name or ""
    said = [f"[{part.type}", " " if where or url else "", where or link(url, url), "]"]
    return tag("p", *said, class_="note")


def _agent(pen: Pen, item: ti.AgentMessage) -> Html:
    words = "".join(part.text for part in item.content)
    quiet = " commentary" if item.phase == "commentary" else ""
    return _said("Agent", f"agent{quiet}", _markdown(pen, words))


def _markdown(pen: Pen, words: str) -> Html:
    return rendered(pen, words) if words.strip() else NOTHING


def _reasoning(pen: Pen, item: ti.Reasoning) -> Html:
    words = "\n\n".join(item.summary_text or item.raw_content)
    if not words.strip():
        return NOTHING
    first = one_line(next(line for line in words.split("\n") if line.strip()))
    first = first.replace("**", "").strip("*# ")
    name = tag("span", "Reasoning", class_="tool-name")
    summary = joined([name, tag("span", fit(first, _SUMMARY_CHARS), class_="first")], " ")
    return folded(pen, summary, rendered(pen, words), class_="item reasoning")


def _plan(pen: Pen, item: ti.Plan) -> Html:
    return _said("Plan", "plan", _markdown(pen, item.text))


def _hook(pen: Pen, item: ti.HookPrompt) -> Html:
    fragments = item.fragments if isinstance(item.fragments, (list, tuple)) else []
    words = [str(each.get("text", "")) for each in fragments[:_SEVERAL] if isinstance(each, dict)]
    return _said("Hook", "user hook", plain(pen, "\n".join(words)))


def _review_begin(_pen: Pen, item: ti.EnteredReviewMode) -> Html:
    return note(": ".join(filter(None, ["review began", item.user_facing_hint])))


def _review_end(pen: Pen, item: ti.ExitedReviewMode) -> Html:
    review = item.review_output if isinstance(item.review_output, dict) else {}
    verdict = review.get("overall_correctness")
    words = _markdown(pen, str(review.get("overall_explanation") or ""))
    who = "Review" + (f": {verdict}" if verdict else "")
    findings = review.get("findings")
    told = findings[:_SEVERAL] if isinstance(findings, list) else []
    listed = [_finding(pen, each) for each in told if isinstance(each, dict)]
    return _said(who, "agent review", words or tag("p", "The review ended."), *listed)


def _finding(pen: Pen, finding: dict[str, Any]) -> Html:
    place = calls.finding_place(finding.get("code_location"))
    title = tag("strong", str(finding.get("title", "")))
    where = tag("code", place) if place else None
    body = _markdown(pen, str(finding.get("body") or ""))
    return tag("section", tag("p", title, " ", where), body, class_="finding")


def _made_image(pen: Pen, item: ti.ImageGeneration) -> Html:
    facts = ["image made", item.status if item.status == "failed" else None, item.saved_path]
    summary = tag("span", " ".join(fact for fact in facts if fact), class_="tool-name")
    picture = images.shown(pen, item.result) if item.result else NOTHING
    prompt = plain(pen, item.revised_prompt or "")
    return folded(pen, summary, prompt, picture, class_="item tool", open_=True)


def _activity(pen: Pen, item: ti.SubAgentActivity) -> Html:
    facts: Iterator[str | None] = iter([item.kind, item.agent_path])
    who = tools.thread(pen, item.agent_thread_id) if item.agent_thread_id else None
    name = tag("span", "agent", class_="tool-name")
    return folded(pen, joined([name, *facts, who], " "), class_="item tool")


_WRITERS: dict[type[Any], Callable[[Pen, Any], Html]] = {
    ti.UserMessage: _user,
    ti.AgentMessage: _agent,
    ti.HookPrompt: _hook,
    ti.Plan: _plan,
    ti.Reasoning: _reasoning,
    ti.CommandExecution: tools.command,
    ti.FileChange: tools.files,
    ti.ToolCall: tools.tool,
    ti.DynamicToolCall: tools.dynamic,
    ti.McpToolCall: tools.mcp,
    ti.CollabAgentToolCall: tools.agents,
    ti.SubAgentActivity: _activity,
    ti.WebSearch: tools.search,
    ti.ImageView: lambda pen, item: tools.image_view(pen, item.path, item.output),
    ti.ImageGeneration: _made_image,
    ti.EnteredReviewMode: _review_begin,
    ti.ExitedReviewMode: _review_end,
    ti.ContextCompaction: lambda _pen, _item: note("the history was compacted here"),
    ti.Sleep: lambda _pen, item: note(f"waited {duration_text(item.duration_ms)}"),
    ti.Extension: lambda _pen, item: note(item.kind),
}
