"""Whatever stands in a thread, and wherever: only our own colours go to the terminal."""

from __future__ import annotations

import io
import re
from typing import Any

import msgspec
import pytest

from threadlog.cli.sheet import Sheet
from threadlog.cli.terminal import Style
from threadlog.cli.transcript import Transcript
from threadlog.core.items import turn as ti
from threadlog.core.items.values import FileChangeKind, TokenUsage, UserInput
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import Turn

HOSTILE = {
    "colours": "\x1b[31mred\x1b[0m",
    "cursor and screen": "\x1b[2J\x1b[H\x1b[?1049h\x1b[6n",
    "title": "\x1b]0;owned\x07",
    "title by ST": "\x1b]2;owned\x1b\\",
    "hyperlink": "\x1b]8;;http://evil/\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "DCS": "\x1bP+q544e\x1b\\",
    "APC, PM, SOS": "\x1b_x\x1b\\\x1b^x\x1b\\\x1bXx\x1b\\",
    "reset": "\x1bc",
    "C1": "\x9b31m\x9d0;x\x9c\x90x\x9c\x84\x85\x8d\x8e",
    "bidi overrides": "\u202eevil\u202c\u202a\u202b\u202d",
    "bidi isolates": "\u2066\u2067\u2068x\u2069\u200e\u200f\u061c",
    "separators": "a\u2028b\u2029c",
    "surrogates": "\ud800\udfff",
    "bell": "\x07\x07",
    "backspaces": "safe\x08\x08\x08\x08evil",
    "overwritten": "evil\rsafe\r\n",
    "vertical": "a\vb\fc",
    "shift out": "\x0e\x0f",
    "NUL and DEL": "\0\x7f",
    "zero width": "a\u200bb\u200c\u200d\ufeff\u2060",
    "markdown": '# \x1b[31m\n**\x1b]0;x\x07** `\x9b` [\u202e](\x1b[2J "\x07")',
    "table": "| \x1b[0m |\n|-|\n| \x9d |\n",
    "fence": "```\x1b[31m\n\x1b[2J\u202e\n```\n> \x07\n\n1. \x08\n",
    "entities": "&#x202e;&#x9b;&#27;[2J&#x2066; <http://x/\u202e> ![\x1b[2J](data:\x1b)",
    "tabs": "\ta\tb",
    "longer than is shown": "\x1b[2J\u202e" + "y\x9b" * 3000,
}
OURS = re.compile(r"\x1b\[[0-9]{1,2}(?:;[0-9]{1,2})*m")
FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def items(evil: str) -> list[ti.AnyTurnItem]:
    """An item of every type, with this in every place that holds text."""
    change = FileChangeKind(type=evil, unified_diff=f"@@ {evil}\n-{evil}\n+{evil}", move_path=evil)
    made = FileChangeKind(type="add", content=evil)
    plan = msgspec.json.encode({"plan": [{"step": _utf8(evil)}], "explanation": _utf8(evil)})
    patch = f"*** Begin Patch\n*** Update File: {evil}\n@@\n+{evil}\n*** End Patch"
    finding = {"title": evil, "body": evil, "code_location": {"absolute_file_path": evil}}
    review = {"overall_explanation": evil, "overall_correctness": evil, "findings": [finding]}
    said = f"Exit code: 1\nOutput:\n{evil}"
    found: list[ti.AnyTurnItem] = [
        ti.UserMessage(id="1", content=_inputs(evil)),
        ti.AgentMessage(id="2", content=(ti.AgentText(type="Text", text=evil),)),
        ti.HookPrompt(id="3", fragments=[{"text": evil}]),
        ti.Plan(id="4", text=evil),
        ti.Reasoning(id="5", summary_text=(evil, evil)),
        ti.CommandExecution(
            id="6", command=("sh", "-c", evil), aggregated_output=evil, interaction_input=evil
        ),
        ti.FileChange(id="7", changes={evil: change, "x": made}, status=evil, stderr=evil),
        ti.McpToolCall(id="8", server=evil, tool=evil, arguments={evil: evil}, result=evil),
        ti.McpToolCall(id="8", server=evil, tool=evil, error={"message": evil}),
        ti.DynamicToolCall(id="9", namespace=evil, tool=evil, arguments=evil, content_items=evil),
        ti.DynamicToolCall(id="9", tool="shell", arguments={"cmd": evil}, error=evil),
        ti.CollabAgentToolCall(id="10", tool=evil, receiver_thread_ids=(evil,), prompt=evil),
        ti.SubAgentActivity(id="11", agent_thread_id=evil, agent_path=evil, kind=evil),
        ti.WebSearch(id="12", query=evil, action={"url": evil}),
        ti.WebSearch(id="12", action={"url": evil}),
        ti.ImageView(id="13", path=evil),
        ti.Sleep(id="14"),
        ti.ImageGeneration(id="15", saved_path=evil, revised_prompt=evil, result=evil),
        ti.Extension(id="16", kind=evil),
        ti.EnteredReviewMode(id="17", user_facing_hint=evil),
        ti.ExitedReviewMode(id="18", review_output=review),
        ti.ContextCompaction(id="19"),
        ti.UntypedTurnItem(id="20", payload={"type": evil}, reason=evil),
        ti.ToolCall(id="21", name=evil, namespace=evil, arguments=evil, output=evil),
        ti.ToolCall(id="22", name="update_plan", arguments=plan.decode(), output=evil),
        ti.ToolCall(id="23", name="apply_patch", arguments=patch, output=said),
        ti.ToolCall(id="24", name="local_shell", arguments=evil, output=said),
        ti.ToolCall(id="25", name="x", arguments=f"{evil}\n{evil}", output=[{"text": evil}]),
    ]
    return found


def _utf8(evil: str) -> str:
    return evil.encode(errors="replace").decode()


def _inputs(evil: str) -> tuple[UserInput, ...]:
    return (
        UserInput(type="text", text=evil),
        UserInput(type=evil, path=evil),
        UserInput(type="image", image_url=f"data:{evil},{evil}"),
        UserInput(type="image", image_url=evil),
    )


def summary(evil: str) -> ThreadSummary:
    """A thread all of whose texts are this."""
    values: dict[str, Any] = dict.fromkeys(ThreadSummary._fields, evil)
    return ThreadSummary(**{**values, "archived": True})


def written(evil: str, style: Style, *, full: bool = False) -> str:
    """All of it, as it is written."""
    out = io.StringIO()
    transcript = Transcript(Sheet(out, style, full=full))
    transcript.thread(summary(evil), {evil: evil})
    usage = TokenUsage(input_tokens=10**15)
    for model in ("a", evil):
        every = tuple(items(evil))
        turn = Turn(evil, evil, every, 10**18, None, -1, {"message": evil}, {}, model, usage)
        transcript.whole_turn(turn)
        transcript.end(turn)
        transcript.goes_on(evil)
        transcript.more_reasoning(ti.Reasoning(id="", raw_content=(evil,)))
    transcript.note(evil)
    transcript.sheet.flush()
    return out.getvalue()


@pytest.mark.parametrize("evil", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("columns", [0, 1, 80, 200])
def test_nothing_of_a_thread_steers_the_terminal(evil: str, columns: int) -> None:
    for full in (False, True):
        text = written(evil, Style(columns, colour=bool(columns)), full=full)
        assert FORBIDDEN.findall(OURS.sub("", text)) == []
        assert bool(OURS.search(text)) == bool(columns)


@pytest.mark.parametrize("columns", [30, 80])
def test_long_words_and_lines_stay_within_the_terminal(columns: int) -> None:
    for words in ("x" * 500, "日本語テキスト" * 40, "word " * 90, "e\u0301" * 300, "- a\n" * 40):
        text = written(words, Style(columns, colour=True), full=True)
        for line in OURS.sub("", text).split("\n"):
            taken = sum(2 if char in "日本語テキスト" else char != "\u0301" for char in line)
            assert taken <= columns, line
