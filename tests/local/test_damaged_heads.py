"""A damaged or enormous first line costs what it says, and nothing of what follows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import threadlog
from makers import THREAD, content, line, meta, put
from threadlog.core.items import turn as ti

NUMBERED = [
    line("event_msg", {"type": "task_started", "turn_id": "t"}, ordinal=1),
    line(
        "event_msg",
        {
            "type": "item_completed",
            "thread_id": THREAD,
            "turn_id": "t",
            "item": {
                "type": "UserMessage",
                "id": "u",
                "content": [{"type": "text", "text": "the question"}],
            },
        },
        ordinal=2,
    ),
    line("event_msg", {"type": "task_complete", "turn_id": "t"}, ordinal=3),
]


def first_line(text: str) -> bytes:
    raw = meta(history_mode="paginated", base_instructions={"text": text})
    value = json.loads(raw)
    return json.dumps({"timestamp": value.pop("timestamp"), "ordinal": 0, **value}).encode()


@pytest.mark.parametrize(
    "first",
    [
        first_line("x").replace(b'"x"', b'"\xff"'),
        b"",
        b"{",
        first_line("x" * (9 << 20)),
    ],
    ids=["one bad byte", "blank", "torn", "of nine megabytes"],
)
def test_the_turns_of_a_numbered_rollout_are_shown(home: Path, first: bytes) -> None:
    put(home, content([first, *NUMBERED]))
    opened = threadlog.open(home)
    (turn,) = opened.turns(THREAD)
    (asked,) = turn.items
    assert isinstance(asked, ti.UserMessage)
    assert list(opened.turns(THREAD, last=1)) == [turn]
    assert opened.threads()[0].preview == "the question"


def test_a_first_line_of_any_length_says_what_thread_it_is(home: Path) -> None:
    put(home, content([first_line("x" * (9 << 20)), *NUMBERED]))
    listed = threadlog.open(home).threads()[0]
    assert (listed.problem, listed.history_mode) == (None, "paginated")
    assert threadlog.open(home).history(THREAD).thread_id == THREAD
