"""Threads that want to be more than text in a page, and a parser that sees whether they are."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from threadlog.core.items import turn as ti
from threadlog.core.items.values import Duration, FileChangeKind, TokenUsage, UserInput
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import Turn

VECTORS = [
    line.replace("⏎", "\n")
    for line in (Path(__file__).parent / "html" / "xss_vectors.txt").read_text().split("\n")
    if line
]
# What a turn may be made of, and nothing else.
ELEMENTS = frozenset(
    [
        "a",
        "article",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "figure",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "span",
        "strong",
        "summary",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "time",
        "tr",
        "ul",
    ]
)
ATTRIBUTES = frozenset(
    [
        "alt",
        "aria-hidden",
        "aria-label",
        "aria-labelledby",
        "class",
        "data-items",
        "data-number",
        "data-status",
        "data-turn",
        "data-unix",
        "datetime",
        "decoding",
        "href",
        "id",
        "loading",
        "open",
        "rel",
        "role",
        "src",
        "tabindex",
        "target",
        "title",
    ]
)
VOID = frozenset(["br", "hr", "img", "input", "link", "meta"])


class Seen(HTMLParser):
    """What a browser would find in a page; raises AssertionError for what must not be there."""

    def __init__(
        self, *, elements: frozenset[str] = ELEMENTS, attributes: frozenset[str] = ATTRIBUTES
    ) -> None:
        super().__init__(convert_charrefs=True)
        self._elements, self._attributes = elements, attributes
        self.text = ""
        self.links: list[str] = []
        self.open: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self._elements, tag
        given = dict(attrs)
        assert len(given) == len(attrs), attrs
        for name, value in attrs:
            assert name in self._attributes, name
            assert name != "src" or (value or "").startswith(_SOURCES), value
        if tag == "a" and (target := given.get("href")) is not None:
            self.links.append(target)
            if not target.startswith(("/", "#")):
                assert target.lower().startswith(("http://", "https://")), target
                assert given.get("rel") == "noopener noreferrer nofollow"
            assert not target.startswith(("//", "/\\")), target
        if (own := given.get("id")) is not None:
            assert own not in self.ids, own
            self.ids.add(own)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        assert decl.lower() == "doctype html"

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")


_SOURCES = (
    *(f"data:image/{kind};base64," for kind in ("png", "jpeg", "gif", "webp")),
    "/thread/",
    "/static/",
)


def seen(page: str, **allowed: frozenset[str]) -> Seen:
    """Have a page read, to its end."""
    parser = Seen(**allowed)
    parser.feed(page)
    parser.close()
    assert not parser.open
    return parser


def everywhere(text: str) -> Turn:
    """A turn with *text* in every place that a thread can write to."""
    arguments = json.dumps({"cmd": text, text: text})
    plan = json.dumps({"explanation": text, "plan": [{"step": text, "status": text}, text]})
    image: list[Any] = [{"type": "input_image", "image_url": text}, {"type": "text", "text": text}]
    items: list[Any] = [
        ti.UserMessage(
            id=text,
            content=(
                UserInput(type="text", text=text),
                UserInput(type="image", image_url=text),
                UserInput(type=text, path=text, name=text),
                UserInput(type="audio", audio_url=text),
            ),
        ),
        ti.AgentMessage(id=text, content=(ti.AgentText(type="Text", text=text),), phase=text),
        ti.HookPrompt(id=text, fragments=[{"text": text}]),
        ti.Plan(id=text, text=text),
        ti.Reasoning(id=text, summary_text=(text, f"**{text}**")),
        ti.CommandExecution(
            id=text,
            command=("bash", "-lc", text),
            cwd=text,
            status="declined",
            aggregated_output=text,
            exit_code=1,
            duration=Duration(secs=1),
            interaction_input=text,
        ),
        ti.FileChange(
            id=text,
            changes={
                text: FileChangeKind(type=text, unified_diff=f"@@\n-{text}", move_path=text),
                f"{text}2": FileChangeKind(type="add", content=text),
            },
            status=text,
            stderr=text,
        ),
        ti.McpToolCall(id=text, server=text, tool=text, arguments={text: text}, result=text),
        ti.McpToolCall(id=text, server="s", tool="t", arguments=None, result={"content": image}),
        ti.DynamicToolCall(id=text, namespace=text, tool=text, arguments=text, error=text),
        ti.DynamicToolCall(id=text, tool="t", arguments={text: text}, content_items=image),
        ti.CollabAgentToolCall(
            id=text, tool=text, receiver_thread_ids=(text,), prompt=text, status="failed"
        ),
        ti.SubAgentActivity(id=text, agent_thread_id=text, agent_path=text, kind=text),
        ti.WebSearch(id=text, query=text, action={"url": text, "type": text}),
        ti.ImageView(id=text, path=text, output=image),
        ti.ImageGeneration(
            id=text, status="failed", revised_prompt=text, result=text, saved_path=text
        ),
        ti.Extension(id=text, kind=text),
        ti.EnteredReviewMode(id=text, user_facing_hint=text),
        ti.ExitedReviewMode(
            id=text,
            review_output={
                "overall_correctness": text,
                "overall_explanation": text,
                "findings": [
                    {
                        "title": text,
                        "body": text,
                        "code_location": {
                            "absolute_file_path": text,
                            "line_range": {"start": text, "end": text},
                        },
                    }
                ],
            },
        ),
        ti.ContextCompaction(id=text),
        ti.Sleep(id=text, duration_ms=1000),
        ti.ToolCall(id=text, name=text, namespace=text, arguments=text, output=text),
        ti.ToolCall(id=text, name="shell", arguments=arguments, output=image),
        ti.ToolCall(id=text, name="update_plan", arguments=plan),
        ti.ToolCall(id=text, name="view_image", arguments=json.dumps({"path": text}), output=image),
        ti.ToolCall(
            id=text,
            name="spawn_agent",
            arguments=json.dumps({"message": text}),
            output=json.dumps({"agent_id": text}),
        ),
        ti.ToolCall(id=text, name="local_shell", arguments=text, output=text),
        ti.ToolCall(
            id=text,
            name="apply_patch",
            arguments=f"*** Begin Patch\n*** Add File: {text}\n+{text}\n*** End Patch",
            output="Exit code: 1\nOutput:\n" + text,
        ),
        ti.UntypedTurnItem(id=text, payload={"type": text}, reason=text),
    ]
    return Turn(
        text,
        text,
        tuple(items),
        started_at=1_700_000_000,
        duration_ms=5,
        error={"message": text},
        model=text,
        usage=TokenUsage(input_tokens=1, cached_input_tokens=1, output_tokens=2),
    )


def summary(text: str, **fields: Any) -> ThreadSummary:
    """A thread whose every text is *text*, but for *fields*."""
    given: dict[str, Any] = dict.fromkeys(ThreadSummary._fields, text)
    given |= {
        "archived": True,
        "size_bytes": 10,
        "compressed": False,
        "rollouts": 1,
        "scanned": True,
        "turns": 3,
        "problems": 0,
        "tokens": 5,
        "created": "2026-01-02T03:04:05.678Z",
        "updated": "2026-01-02T03:04:05.678Z",
    }
    return ThreadSummary(**(given | fields))
