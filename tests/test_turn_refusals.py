"""What a turn refuses, before anything of it is recorded; and turns at the limits of a thread."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import threadlog
from faulty_disk import Gate, home_on
from threadlog import BacklogFull, Thread, TurnWriter, Unencodable, backlog

MODES = ["legacy", "paginated"]
REFUSED: dict[str, Callable[[TurnWriter], object]] = {
    "say nothing": lambda turn: turn.say(None),  # type: ignore[arg-type]
    "say a number": lambda turn: turn.say(5),  # type: ignore[arg-type]
    "a phase that is no text": lambda turn: turn.say("A", phase=1),  # type: ignore[arg-type]
    "reason nothing": lambda turn: turn.reason(None),  # type: ignore[arg-type]
    "content that is no text": lambda turn: turn.reason("R", content=1),  # type: ignore[arg-type]
    "half a token": lambda turn: turn.usage(input_tokens=1.5),  # type: ignore[arg-type]
    "less than no token": lambda turn: turn.usage(output_tokens=-1),
    "a token that is true": lambda turn: turn.usage(input_tokens=True),
    "a window of nothing": lambda turn: turn.usage(context_window=""),  # type: ignore[arg-type]
    "a tool without name": lambda turn: turn.tool(None, {}, output=""),  # type: ignore[arg-type]
    "arguments that are no JSON": lambda turn: turn.call("t", {"a": {1}}),
    "arguments that are no number": lambda turn: turn.call("t", {"a": float("nan")}),
    "an output that is no JSON": lambda turn: turn.tool("t", {}, output=b"bytes"),
    "an output of a list of it": lambda turn: turn.tool("t", {}, output=[b"bytes"]),
    "a result that is no JSON": lambda turn: turn.result("c", b"bytes"),
    "a call's id that is none": lambda turn: turn.result(None, ""),  # type: ignore[arg-type]
}


def kinds_of(thread: Thread) -> list[str]:
    lines = map(json.loads, Path(thread.path).read_bytes().splitlines())
    return [line["payload"].get("type", line["type"]) for line in lines]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("act", REFUSED.values(), ids=REFUSED)
def test_what_would_be_no_line_is_refused_and_the_turn_goes_on(
    home: Path, mode: str, act: Callable[[TurnWriter], object]
) -> None:
    with threadlog.open(home) as opened, opened.start(history_mode=mode) as thread:
        with thread.turn("Q") as turn:
            before = thread.recorder._channel.recorded
            with pytest.raises(Unencodable):
                act(turn)
            assert thread.recorder._channel.recorded == before
            turn.say("A")
        (told,) = opened.turns(thread.path)
    assert told.status == "completed"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("asked", [{"text": None}, {"text": "Q", "model": 1}, {"text": 5}], ids=str)
def test_a_question_that_is_none_is_refused(home: Path, mode: str, asked: Any) -> None:
    with threadlog.open(home) as opened, opened.start(history_mode=mode) as thread:
        with pytest.raises(Unencodable), thread.turn(**asked):
            pass
        assert not thread.on_disk


def test_a_change_between_call_and_result_does_not_reach_the_file(home: Path) -> None:
    arguments = {"path": "before"}
    with threadlog.open(home) as opened, opened.start(history_mode="paginated") as thread:
        with thread.turn("Q") as turn:
            call_id = turn.call("t", arguments)
            arguments["path"] = "after"
            turn.result(call_id, "done")
        assert b"after" not in Path(thread.path).read_bytes()


def say_for_ever(turn: TurnWriter) -> None:
    while True:
        turn.say("x" * 10)


@pytest.mark.parametrize("leave", ["block", "thread"])
def test_a_turn_ends_though_the_backlog_is_full(
    home: Path, monkeypatch: pytest.MonkeyPatch, leave: str
) -> None:
    disk = Gate()
    with home_on(disk, home) as opened:
        thread = opened.start()
        turn = thread.turn("Q")
        turn.__enter__()
        disk.open_.clear()
        monkeypatch.setattr(backlog, "RECORDER_LIMIT_BYTES", 3000)
        with pytest.raises(BacklogFull):
            say_for_ever(turn)
        threading.Timer(0.2, disk.open_.set).start()
        if leave == "block":
            turn.__exit__(None, None, None)
        thread.close()
        assert kinds_of(thread)[-1] == ("task_complete" if leave == "block" else "turn_aborted")


def test_a_closed_thread_can_still_be_read(home: Path) -> None:
    opened = threadlog.open(home)
    thread = opened.start()
    with thread, thread.turn("Q") as turn:
        turn.say("A")
    assert thread.summary().preview == "Q"
    assert len(thread.history().model_input()) == len(thread.model_input()) == 2


def test_a_thread_whose_home_was_closed_closes(home: Path) -> None:
    opened = threadlog.open(home)
    thread = opened.start()
    thread.turn("Q").__enter__()
    opened.close()
    thread.close()
    assert "user_message" in kinds_of(thread)


def test_a_thread_that_is_dropped_lets_go_without_the_garbage_collector(home: Path) -> None:
    opened = threadlog.open(home)
    thread = opened.start()
    with thread.turn("Q") as turn:
        turn.say("A")
    recorder = weakref.ref(thread.recorder)
    gc.disable()
    try:
        del thread, turn
        assert recorder() is None
    finally:
        gc.enable()
    opened.close()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ({}, [{"type": ["string", "null"]}]),
        ({}, [{"type": {}}]),
        ("\ud800", "done"),
        ({"a": "\ud800"}, "\ud800"),
        ("no JSON", [{"type": "input_text", "text": "A"}]),
    ],
)
def test_any_json_is_a_tools_output(home: Path, mode: str, arguments: Any, output: Any) -> None:
    with threadlog.open(home) as opened, opened.start(history_mode=mode) as thread:
        with thread.turn("Q") as turn:
            turn.tool("t", arguments, output=output)
        assert kinds_of(thread).count("function_call_output") == 1
        assert len(thread.history().model_input()) == 3


def test_tokens_that_were_refused_are_not_counted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threadlog.open(home) as opened, opened.start() as thread, thread.turn("Q") as turn:
        turn.usage(input_tokens=100)
        with monkeypatch.context() as patched:
            patched.setattr(backlog, "PROCESS_LIMIT_BYTES", 1)
            for _ in range(3):
                with pytest.raises(BacklogFull):
                    turn.usage(input_tokens=100)
        turn.usage(input_tokens=100)
        thread.flush()
        lines = map(json.loads, Path(thread.path).read_bytes().splitlines())
        totals = [
            line["payload"]["info"]["total_token_usage"]["total_tokens"]
            for line in lines
            if line["payload"].get("type") == "token_count"
        ]
    assert totals == [100, 200]
