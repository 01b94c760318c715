"""The newest turns, read from the end, are the last of all turns; the model sees one history."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import threadlog
from makers import (
    THREAD,
    Pages,
    agent,
    completed,
    content,
    event,
    line,
    meta,
    put,
    says,
    started,
    turn,
    user,
)

LEGACY = st.sampled_from(
    [
        started("a"),
        started("b"),
        completed("a"),
        completed("b"),
        user("hello"),
        says("user", "hello"),
        agent("yes"),
        says("assistant", "yes"),
        event("turn_aborted", turn_id="a", reason="interrupted"),
        event("turn_aborted", reason="interrupted"),
        event("thread_rolled_back", num_turns=1),
        event("thread_rolled_back", num_turns=2),
        event("context_compacted"),
        event("agent_reasoning", text="hm"),
        line("compacted", {"message": "so far"}),
        line("compacted", {"message": "", "replacement_history": []}),
        line(
            "response_item", {"type": "function_call", "name": "f", "arguments": "", "call_id": "c"}
        ),
        line("response_item", {"type": "function_call_output", "call_id": "c", "output": "o"}),
        b"garbage",
        b"",
    ]
)


def whole_turns(text: str) -> list[bytes]:
    """Lines as a real rollout has them: T a turn, R a rollback, C a compaction, S speech only."""
    raws = []
    for number, letter in enumerate(text):
        if letter == "T":
            raws += turn(f"{number}")
        elif letter == "S":
            raws += [user(str(number)), agent("yes")]
        elif letter == "R":
            raws.append(event("thread_rolled_back", num_turns=1 + number % 3))
        else:
            raws += [line("compacted", {"message": "so far"}), event("context_compacted")]
    return raws


def without_strays(raws: list[bytes]) -> list[bytes]:
    """The lines without endings of turns that never began: nobody can say what those end."""
    heard: set[str] = set()
    kept = []
    for raw in raws:
        payload = json.loads(raw)["payload"] if raw.startswith(b"{") else {}
        ends = payload.get("type") in ("task_complete", "turn_aborted")
        if payload.get("type") == "task_started":
            heard.add(payload["turn_id"])
        if not ends or payload.get("turn_id", "a") in heard:
            kept.append(raw)
    return kept


def _newest_are_the_last(home: Path) -> None:
    opened = threadlog.open(home)
    whole = list(opened.turns(THREAD))
    for count in (1, 2, 3, 50):
        assert list(opened.turns(THREAD, last=count)) == whole[-count:]
    assert opened.history(THREAD).model_input() == opened.model_input(THREAD)


@settings(deadline=None, max_examples=120)
@given(st.text("TTTRC", max_size=14))
def test_the_newest_turns_are_the_last_of_all_turns(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    home = tmp_path_factory.mktemp("home")
    put(home, content([meta(), *whole_turns(text)]))
    _newest_are_the_last(home)


@settings(deadline=None, max_examples=120)
@given(st.text("TSSRC", max_size=10))
def test_the_newest_turns_are_the_last_where_starts_were_not_recorded(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    home = tmp_path_factory.mktemp("home")
    put(home, content([meta(), *whole_turns(text)]))
    _newest_are_the_last(home)


@settings(deadline=None, max_examples=200)
@given(raws=st.lists(LEGACY, max_size=14))
@example(raws=[started("a"), started("b"), completed("a"), started("a")])
def test_the_newest_turns_are_the_last_whatever_the_lines(
    tmp_path_factory: pytest.TempPathFactory, raws: list[bytes]
) -> None:
    home = tmp_path_factory.mktemp("home")
    put(home, content([meta(), *without_strays(raws)]))
    _newest_are_the_last(home)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.sampled_from("TUEAG"), max_size=10), st.integers(0, 3))
def test_the_newest_turns_are_the_last_in_paginated_threads(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], lost: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    pages = Pages(THREAD)
    for number, step in enumerate(steps):
        if step == "T":
            pages.turn(str(number))
        elif step == "U":  # a turn that never ended
            pages.add("event_msg", {"type": "task_started", "turn_id": f"u{number}"})
            pages.add("response_item", says_payload(number))
        elif step == "A":
            pages.add("event_msg", {"type": "turn_aborted", "reason": "interrupted"})
        elif step == "E":
            pages.add("event_msg", {"type": "task_complete", "turn_id": _last_begun(pages)})
        else:
            pages.raws.append(b"garbage")
    del pages.raws[-lost or len(pages.raws) :]
    if not pages.raws:
        return
    pages.write(home)
    _newest_are_the_last(home)


def _last_begun(pages: Pages) -> str:
    begun = [json.loads(raw)["payload"] for raw in pages.raws if b'"task_started"' in raw]
    return str(begun[-1]["turn_id"]) if begun else "none"


def says_payload(number: int) -> dict[str, object]:
    """A response item."""
    content_ = [{"type": "input_text", "text": str(number)}]
    return {"type": "message", "role": "user", "content": content_}


@pytest.mark.parametrize("turns", [3, 12])
@pytest.mark.parametrize("undone", [1, 7])
def test_a_rollback_that_no_paginated_thread_should_have_means_the_same_however_it_is_read(
    home: Path, turns: int, undone: int
) -> None:
    pages = Pages(THREAD)
    for number in range(turns):
        pages.turn(str(number))
    # In the middle of a turn, whose end comes after it.
    pages.raws.insert(-2, event("thread_rolled_back", num_turns=undone))
    pages.write(home)
    _newest_are_the_last(home)
    opened = threadlog.open(home)
    assert list(opened.history(THREAD).turns()) == list(opened.turns(THREAD))
