"""Threads that threadlog records through its live threads, and what must hold of every rollout."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import NamedTuple

from interop.codex_answers import PROBE, asks, is_context, opened
from interop.codex_made_homes import pixel
from interop.codex_process import CodexHome
from interop.mock_model import Json, Request
from threadlog import Home, Thread
from threadlog.core.decode import Line
from threadlog.core.items.event import TokenCount
from threadlog.core.items.values import TokenUsage

QUESTIONS = ("What is in this picture?", "And in the folder?")
ANSWERS = ("A red pixel.", "Two files.")


class Form(NamedTuple):
    """A Codex, and a history mode that it reads."""

    binary: Path
    mode: str
    newest: bool


def record(home: CodexHome, mode: str) -> str:
    """A thread of two turns with all that a turn can hold; its id."""
    with opened(home).start(cwd=home.work, history_mode=mode) as thread:
        add_turns(thread, home)
    return thread.id


def add_turns(thread: Thread, home: CodexHome) -> None:
    """Images, reasoning, tools and tokens, in two turns."""
    picture = home.work / "pixel.png"
    picture.write_bytes(base64.b64decode(pixel().partition(",")[2]))
    with thread.turn(QUESTIONS[0], images=[pixel(), str(picture)]) as turn:
        turn.reason("I look at it.", encrypted_content="b3BhcXVl" * 8)
        turn.say("Let me see.", phase="commentary")
        turn.tool("look", {"at": "pixel.png"}, output="red")
        turn.tool("touch", "not JSON", output="no such tool", success=False)
        turn.usage(input_tokens=900, cached_input_tokens=100, output_tokens=90)
        turn.say(ANSWERS[0], phase="final_answer")
    with thread.turn(QUESTIONS[1]) as turn:
        call = turn.call("list_files", {})
        turn.result(call, {"files": ["a.txt", "b.txt"]})
        turn.say(ANSWERS[1])
        turn.usage(input_tokens=1000, output_tokens=10, reasoning_output_tokens=5)


def history_sent(request: Request, *, newest: bool) -> list[dict[str, Json]]:
    """What of a request is the thread's history: without instructions, context, and the probe."""
    *items, last = request.input
    assert asks(last, PROBE)
    if newest:
        assert items[0]["role"] == "developer", "the instructions are expected first"
    return [item for item in items if not is_context(item)]


def without_ids(items: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """The items but for the ids of their own."""
    return [{key: value for key, value in item.items() if key != "id"} for item in items]


def bad_lines(home: Home, thread: str) -> int:
    """How many lines of a thread nobody can read."""
    return sum(not isinstance(value, Line) for value in home.iter_lines(thread))


def totals_of(home: Home, thread: str) -> list[TokenUsage]:
    """The thread's tokens as each count tells them."""
    lines = [value.item for value in home.iter_lines(thread) if isinstance(value, Line)]
    infos = [item.info for item in lines if isinstance(item, TokenCount)]
    return [info.total_token_usage for info in infos if info is not None]


def assert_sound(path: Path, before: bytes = b"", bad: int = 0) -> bytes:
    """The bytes of a rollout, whose first ones are those of before and whose lines are in order."""
    content = path.read_bytes()
    assert content.startswith(before), "bytes that were there have changed"
    assert content.endswith(b"\n")
    lines, unread = [], 0
    for raw in content.splitlines():
        try:
            lines.append(json.loads(raw))
        except ValueError:
            unread += 1
    assert unread == bad
    assert all({"timestamp", "type", "payload"} <= line.keys() for line in lines)
    if lines[0]["payload"].get("history_mode") == "paginated":
        first = lines[0]["ordinal"]
        ordinals = [line["ordinal"] for line in lines]
        assert ordinals == list(range(first, first + len(lines)))
    else:
        assert not any("ordinal" in line for line in lines)
    return content
