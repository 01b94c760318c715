"""A thread recorded with threadlog is one of Codex's own: listed, read, resumed, locked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from interop.codex_answers import (
    PROBE,
    PROBE_ANSWER,
    Shown,
    asks,
    codex_listing,
    codex_rows,
    codex_turns,
    history_of,
    is_context,
    opened,
    probe,
    resume,
    threadlog_listing,
    threadlog_turns,
)
from interop.codex_process import PROVIDER, AppServer, CodexHome, run_exec
from interop.mock_model import Json, MockModel, answer, say
from threadlog import InUse, RolloutRecorder, ThreadOptions
from threadlog.codex.lock import ThreadWriterLock
from threadlog.core.items import LineItem
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items.values import Content, TokenUsage, TokenUsageInfo

QUESTIONS = ("List the files, please.", "And how many are there?")
ANSWERS = ("There are two: a.txt and b.txt.", "Two.")
KINDS = ("UserMessage", "AgentMessage")


class Recorded(NamedTuple):
    """A thread that threadlog recorded, and how it must come out."""

    id: str
    path: Path
    turns: list[Shown]
    sent: list[dict[str, Json]]


def _said(role: str, text: str, item_id: str) -> rs.Message:
    kind = "output_text" if role == "assistant" else "input_text"
    return rs.Message(id=item_id, role=role, content=(Content(type=kind, text=text),))


def _turn_items(number: int) -> list[LineItem]:
    """All that an agent records in a turn in which it calls one tool."""
    turn_id, call_id = f"turn-of-ours-{number}", f"call-{number}"
    question, reply = QUESTIONS[number], ANSWERS[number]
    used = TokenUsage(input_tokens=90, output_tokens=10, total_tokens=100)
    usage = TokenUsageInfo(total_token_usage=used, last_token_usage=used)
    return [
        ev.TaskStarted(turn_id=turn_id, started_at=1_790_000_000 + number),
        _said("user", question, f"msg_user_{number}"),
        ev.UserMessageEvent(message=question),
        rs.FunctionCall(id=f"fc_{number}", call_id=call_id, name="list_files", arguments="{}"),
        rs.FunctionCallOutput(id=f"fco_{number}", call_id=call_id, output="a.txt\nb.txt\n"),
        ev.AgentMessageEvent(message=reply),
        _said("assistant", reply, f"msg_agent_{number}"),
        ev.TokenCount(info=usage),
        ev.TaskComplete(turn_id=turn_id, last_agent_message=reply),
    ]


def _sent(number: int) -> list[dict[str, Json]]:
    """The items of a recorded turn as they must reach the model."""
    call_id = f"call-{number}"
    user = [{"type": "input_text", "text": QUESTIONS[number]}]
    agent = [{"type": "output_text", "text": ANSWERS[number]}]
    call = {"id": f"fc_{number}", "call_id": call_id, "name": "list_files", "arguments": "{}"}
    output = {"id": f"fco_{number}", "call_id": call_id, "output": "a.txt\nb.txt\n"}
    return [
        {"type": "message", "id": f"msg_user_{number}", "role": "user", "content": user},
        {"type": "function_call", **call},
        {"type": "function_call_output", **output},
        {"type": "message", "id": f"msg_agent_{number}", "role": "assistant", "content": agent},
    ]


@contextlib.contextmanager
def _recording(
    home: CodexHome, provider: str | None = PROVIDER
) -> Iterator[tuple[RolloutRecorder, Recorded]]:
    options = ThreadOptions(cwd=str(home.work), originator="an_agent", model_provider=provider)
    with RolloutRecorder.create(opened(home), options) as recorder:
        for number in range(len(QUESTIONS)):
            recorder.record(*_turn_items(number))
            recorder.persist()
        turns = [
            Shown(f"turn-of-ours-{n}", "completed", (QUESTIONS[n],), (ANSWERS[n],), KINDS)
            for n in range(len(QUESTIONS))
        ]
        sent = _sent(0) + _sent(1)
        yield recorder, Recorded(recorder.thread_id, Path(recorder.path), turns, sent)


@pytest.fixture
def recorded(codex_home: CodexHome) -> Recorded:
    """A thread that was recorded and closed."""
    with _recording(codex_home) as (_recorder, recorded):
        pass
    return recorded


@pytest.fixture(params=["newest", "older"])
def either(request: pytest.FixtureRequest) -> Path:
    """Each of the two binaries in its turn."""
    binary: Path = request.getfixturevalue(request.param)
    return binary


def test_a_recorded_thread_is_listed_by_codex_as_by_threadlog(
    either: Path, codex_home: CodexHome, recorded: Recorded
) -> None:
    with AppServer(either, codex_home) as codex:
        rows = codex_rows(codex)
        assert codex.call("thread/list")["data"], "not listed by default"
        assert codex_listing(codex) == threadlog_listing(opened(codex_home))
    assert list(rows) == [recorded.id]
    assert rows[recorded.id]["preview"] == QUESTIONS[0]
    assert rows[recorded.id]["path"] == str(recorded.path)


def test_a_recorded_thread_has_the_same_turns_in_codex(
    either: Path, codex_home: CodexHome, recorded: Recorded
) -> None:
    with AppServer(either, codex_home) as codex:
        assert codex_turns(codex, recorded.id) == recorded.turns
    assert threadlog_turns(opened(codex_home), recorded.id) == recorded.turns


def test_a_recorded_thread_is_resumed_with_every_item_in_order(
    newest: Path, codex_home: CodexHome, recorded: Recorded, model: MockModel
) -> None:
    with AppServer(newest, codex_home) as codex:
        resume(codex, recorded.id)
        *history, last = history_of(probe(codex, model, recorded.id))
    assert history[: len(recorded.sent)] == recorded.sent
    assert all(is_context(item) for item in history[len(recorded.sent) :])
    assert asks(last, PROBE)


def test_the_older_codex_resumes_a_recorded_thread_with_every_item_in_order(
    older: Path, codex_home: CodexHome, recorded: Recorded, model: MockModel
) -> None:
    without_ids = [
        {key: value for key, value in item.items() if key != "id"} for item in recorded.sent
    ]
    with AppServer(older, codex_home) as codex:
        resume(codex, recorded.id)
        *history, last = probe(codex, model, recorded.id).input
    assert history[: len(without_ids)] == without_ids
    assert all(is_context(item) for item in history[len(without_ids) :])
    assert asks(last, PROBE)


def test_a_turn_of_codex_is_added_to_what_threadlog_recorded(
    either: Path, codex_home: CodexHome, recorded: Recorded, model: MockModel
) -> None:
    before = recorded.path.read_bytes()
    with AppServer(either, codex_home) as codex:
        resume(codex, recorded.id)
        probe(codex, model, recorded.id)
        turns = codex_turns(codex, recorded.id)
    home = opened(codex_home)
    assert threadlog_turns(home, recorded.id) == turns
    assert turns[:2] == recorded.turns
    assert turns[2] == Shown(turns[2].id, "completed", (PROBE,), (PROBE_ANSWER,), KINDS)
    assert len(turns) == 3
    assert home.model_input(recorded.id)[: len(recorded.sent)] == recorded.sent
    assert recorded.path.read_bytes().startswith(before)


def test_codex_exec_goes_on_with_a_recorded_thread(
    either: Path, codex_home: CodexHome, recorded: Recorded, model: MockModel
) -> None:
    model.script(answer(say(PROBE_ANSWER)))
    done = run_exec(either, codex_home, "resume", recorded.id, PROBE)
    assert done.returncode == 0, done.stderr
    assert PROBE_ANSWER in done.stdout
    turns = threadlog_turns(opened(codex_home), recorded.id)
    assert turns[:2] == recorded.turns
    assert [(turn.user, turn.agent) for turn in turns[2:]] == [((PROBE,), (PROBE_ANSWER,))]


def test_a_long_output_stays_whole_though_codex_sends_it_shortened(
    newest: Path, codex_home: CodexHome, model: MockModel
) -> None:
    long = "0123456789" * 6000
    with _recording(codex_home) as (recorder, recorded):
        call = rs.FunctionCall(call_id="long", name="list_files", arguments="{}")
        recorder.record(call, rs.FunctionCallOutput(call_id="long", output=long))
    with AppServer(newest, codex_home) as codex:
        ours = opened(codex_home).model_input(recorded.id)
        resume(codex, recorded.id)
        theirs = history_of(probe(codex, model, recorded.id))[: len(ours)]
    assert ours[:-1] == theirs[:-1]
    assert ours[-1]["output"] == long
    assert "tokens truncated" in theirs[-1]["output"]


def test_a_thread_of_no_provider_is_resumed_with_the_configured_one(
    either: Path, codex_home: CodexHome
) -> None:
    with _recording(codex_home, provider=None) as (_recorder, recorded):
        pass
    with AppServer(either, codex_home) as codex:
        assert resume(codex, recorded.id)["modelProvider"] == PROVIDER


def test_a_thread_of_no_provider_is_resumed_in_a_home_that_codex_knows(
    newest: Path, codex_home: CodexHome
) -> None:
    with AppServer(newest, codex_home) as codex:
        with _recording(codex_home, provider=None) as (_recorder, recorded):
            pass
        assert resume(codex, recorded.id)["modelProvider"] == PROVIDER


def test_codex_leaves_a_thread_alone_while_its_recorder_is_open(
    newest: Path, codex_home: CodexHome
) -> None:
    with AppServer(newest, codex_home) as codex:
        with _recording(codex_home) as (_recorder, recorded):
            refusal = codex.refusal("thread/resume", threadId=recorded.id)
            assert refusal == f"thread {recorded.id} already has an active writer"
            assert codex_turns(codex, recorded.id) == recorded.turns, "reading needs no lock"
        assert resume(codex, recorded.id)["id"] == recorded.id


def test_threadlog_leaves_a_thread_alone_while_codex_has_it_loaded(
    newest: Path, codex_home: CodexHome, recorded: Recorded
) -> None:
    with AppServer(newest, codex_home) as codex:
        resume(codex, recorded.id)
        with pytest.raises(InUse):
            ThreadWriterLock(str(codex_home.path), recorded.id)
    ThreadWriterLock(str(codex_home.path), recorded.id).release()
