"""The agent without a model: what the user says, and what a script says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_turns import MadeTurn, asked, failed, interrupted, run

from threadlog.agents import (
    COMPACT,
    REVIEW,
    AgentFailed,
    Call,
    Command,
    CommandOutput,
    Delta,
    Event,
    Exit,
    Item,
    Message,
    Output,
    Retry,
    Thought,
    ThoughtDelta,
    Usage,
)
from threadlog.agents.scripted import agent


@pytest.fixture(autouse=True)
def no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THREADLOG_SCRIPT", raising=False)


def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    monkeypatch.setenv("THREADLOG_SCRIPT", str(path))


def test_what_was_said_is_echoed_in_pieces_with_usage() -> None:
    turn = MadeTurn("Hello, you two", before=2)
    run(agent, turn)
    pieces = [event.text for event in turn.of(Delta)]
    assert len(pieces) > 1
    assert turn.of(Message) == [Message("You said: Hello, you two")]
    assert "".join(pieces) == turn.of(Message)[0].text
    assert turn.yielded[-1] == Usage(7, 5, context_window=128_000)


def test_the_same_turn_gives_the_same() -> None:
    assert run(agent, MadeTurn("a /b c", "d")) == run(agent, MadeTurn("a /b c", "d"))


def test_commands_and_plain_lines_take_turns() -> None:
    turn = MadeTurn('one\ntwo\n/tool look {"at": 1}\n/run ls -l\n/think hm\n/retry soon\nthree')
    run(agent, turn)
    assert [event.text for event in turn.of(Message)] == ["You said: one\ntwo", "You said: three"]
    ((call,), (output,)) = turn.of(Call), turn.of(Output)
    assert (call.name, call.arguments, output.call_id) == ("look", {"at": 1}, call.call_id)
    ((command,), (ended,)) = turn.of(Command), turn.of(Exit)
    assert (command.command, command.cwd, ended.exit_code) == ("ls -l", "/", 0)
    assert ended.call_id == command.call_id != call.call_id
    assert "".join(piece.text for piece in turn.of(CommandOutput)) == ended.output
    assert turn.of(Thought) == [Thought("hm")]
    assert "".join(piece.text for piece in turn.of(ThoughtDelta)) == "hm"
    assert turn.of(Retry) == [Retry("soon")]


def test_items_are_as_many_as_asked_for() -> None:
    turn = MadeTurn("/items 3")
    run(agent, turn)
    assert len(turn.of(Message)) == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/fail no luck", "no luck"),
        ("/fail", "was to fail"),
        ("/tool", "needs a name"),
        ("/tool look {", "no JSON"),
        ("/wait", "needs a number"),
        ("/wait nan", "needs a number"),
        ("/items -1", "needs a number"),
        ("/items 20000", "at most"),
    ],
)
def test_a_turn_can_be_made_to_fail(text: str, sentence: str) -> None:
    assert sentence in str(failed(agent, MadeTurn(text)))


def test_what_is_said_meanwhile_is_answered() -> None:
    turn = MadeTurn("first")
    turn.steer("second")
    run(agent, turn)
    assert [event.text for event in turn.of(Message)] == ["You said: first", "You said: second"]


def test_a_wait_ends_when_the_user_says_more() -> None:
    async def steered() -> MadeTurn:
        turn = MadeTurn("/wait 1000")
        asking = asyncio.ensure_future(asked(agent, turn))
        await asyncio.sleep(0.05)
        turn.steer("enough")
        await asking
        return turn

    turn = asyncio.run(steered())
    assert turn.of(Message)[0] == Message("You said: enough")


def test_a_wait_ends_in_its_time_and_can_be_interrupted() -> None:
    turn = MadeTurn("/wait 0.05")
    run(agent, turn)
    assert turn.of(Message) == [Message("Waited, 0.05 s at most.")]
    turn = MadeTurn("/wait 1000")
    asyncio.run(interrupted(agent, turn, lambda: asyncio.sleep(0.05)))
    assert turn.yielded == []


def test_a_summary_is_made_of_the_history_and_a_review_of_what_was_asked() -> None:
    turn = MadeTurn(kind=COMPACT, before=3)
    run(agent, turn)
    assert turn.of(Message) == [
        Message("Summary of 3 items, 3 of them the user's. The user's last words: before 2")
    ]
    turn = MadeTurn("the last commit", kind=REVIEW)
    run(agent, turn)
    assert turn.of(Message) == [Message("Reviewed: the last commit\n\nNo findings.")]


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    if "/wait" in text or "/items" in text:
        return
    try:
        turn = MadeTurn(text)
        run(agent, turn)
    except AgentFailed:
        return
    assert turn.of(Usage)


EVERY: list[tuple[dict[str, Any], Event]] = [
    ({"type": "delta", "text": "a"}, Delta("a")),
    ({"type": "message", "text": "a", "phase": "commentary"}, Message("a", "commentary")),
    ({"type": "thought_delta", "text": "a"}, ThoughtDelta("a")),
    ({"type": "thought", "summary": "a", "encrypted_content": "x"}, Thought("a", None, "x")),
    (
        {"type": "call", "call_id": "1", "name": "n", "arguments": {"a": [1]}},
        Call("1", "n", {"a": [1]}),
    ),
    ({"type": "output", "call_id": "1", "output": "a", "success": False}, Output("1", "a", False)),
    ({"type": "command", "call_id": "1", "command": "ls"}, Command("1", "ls")),
    ({"type": "command_output", "call_id": "1", "text": "a"}, CommandOutput("1", "a")),
    ({"type": "exit", "call_id": "1", "exit_code": 2}, Exit("1", 2)),
    ({"type": "usage", "input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
    ({"type": "item", "item": {"type": "x", "a": None}}, Item({"type": "x", "a": None})),
    ({"type": "retry", "message": "a"}, Retry("a")),
]


def test_a_script_can_tell_every_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {type(event) for _, event in EVERY} == set(get_args(Event))
    steps = [step for step, _ in EVERY]
    script(tmp_path, monkeypatch, json.dumps([steps]), "script.json")
    assert run(agent, MadeTurn("x")) == [event for _, event in EVERY]


@pytest.mark.parametrize("name", ["script.json", "script.jsonl"])
def test_turns_take_a_script_in_order_then_the_user(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = ['{"type": "message", "text": "one"}', '[{"type": "message", "text": "two"}]', "[]"]
    text = "\n\n".join(turns) if name.endswith("l") else f"[{','.join(turns)}]"
    script(tmp_path, monkeypatch, text, name)
    assert run(agent, MadeTurn("x")) == [Message("one")]
    assert run(agent, MadeTurn("x", kind=COMPACT)) == [Message("two")]
    assert run(agent, MadeTurn("x")) == []
    assert Message("You said: x") in run(agent, MadeTurn("x"))


def test_a_script_pauses_fails_listens_and_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = [
        [
            {"type": "pause", "seconds": 0.01},
            {"type": "fail", "message": "no", "kind": "sandbox_error"},
        ],
        [{"type": "listen"}, {"type": "message", "text": "heard"}],
        [{"type": "delta", "text": "a"}, {"type": "wait"}],
    ]
    script(tmp_path, monkeypatch, json.dumps(turns), "script.json")
    failure = failed(agent, MadeTurn("x"))
    assert (str(failure), failure.kind) == ("no", "sandbox_error")
    turn = MadeTurn("x")
    turn.steer("more")
    run(agent, turn)
    assert turn.of(Message) == [Message("You said: more"), Message("heard")]
    turn = MadeTurn("x")
    asyncio.run(interrupted(agent, turn, lambda: asyncio.sleep(0.05)))
    assert turn.yielded == [Delta("a")]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("script.json", "{", "no script"),
        ("script.json", '[[{"type": "nothing"}]]', "no script: Invalid value 'nothing'"),
        ("script.json", '[[{"type": "delta"}]]', "missing required field `text`"),
        ("script.json", '[{"type": "delta", "text": "a", "more": 1}]', "unknown field `more`"),
        ("script.jsonl", '\n{"type": "pause", "seconds": "x"}', "line 2: Expected `float`"),
        ("script.jsonl", "\udcff", "no script"),
    ],
)
def test_what_is_wrong_with_a_script_is_said(
    name: str, text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    monkeypatch.setenv("THREADLOG_SCRIPT", str(path))
    message = str(failed(agent, MadeTurn("x")))
    assert sentence in message
    assert str(path) in message


def test_a_script_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADLOG_SCRIPT", "/nowhere/script.json")
    assert "/nowhere/script.json cannot be read: No such file" in str(failed(agent, MadeTurn("x")))
