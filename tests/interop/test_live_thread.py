"""A live thread is one of Codex's own: listed, read, gone on with and forked, and loses nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from interop.codex_answers import (
    PROBE,
    PROBE_ANSWER,
    codex_listing,
    codex_turns,
    opened,
    probe,
    resume,
    threadlog_listing,
    threadlog_turns,
)
from interop.codex_process import AppServer, CodexHome, run_exec
from interop.mock_model import MockModel, answer, say
from interop.our_threads import (
    ANSWERS,
    QUESTIONS,
    Form,
    add_turns,
    assert_sound,
    bad_lines,
    history_sent,
    record,
    totals_of,
    without_ids,
)
from threadlog.core.items import LineItem
from threadlog.core.items import event as ev
from threadlog.core.items import tool_event as te
from threadlog.core.items.values import Duration, FileChangeKind


def test_a_live_thread_is_listed_and_read_the_same(form: Form, codex_home: CodexHome) -> None:
    thread = record(codex_home, form.mode)
    home = opened(codex_home)
    with AppServer(form.binary, codex_home) as codex:
        assert codex_listing(codex) == threadlog_listing(home)
        assert [row["id"] for row in codex.call("thread/list")["data"]] == [thread]
        resume(codex, thread)  # which makes the turns of a paginated thread known
        turns = codex_turns(codex, thread)
    assert threadlog_turns(home, thread) == turns
    assert [(turn.status, turn.user, turn.agent[-1]) for turn in turns] == [
        ("completed", (question,), reply)
        for question, reply in zip(QUESTIONS, ANSWERS, strict=True)
    ]
    assert "Reasoning" in turns[0].kinds
    assert ("DynamicToolCall" in turns[0].kinds) == (form.mode == "paginated")


def test_codex_goes_on_with_a_live_thread_and_its_model_sees_all_of_it(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    thread = record(codex_home, form.mode)
    home = opened(codex_home)
    path = Path(home.get(thread).path)
    before, turns, ours = (
        assert_sound(path),
        threadlog_turns(home, thread),
        home.model_input(thread),
    )
    with AppServer(form.binary, codex_home) as codex:
        resume(codex, thread)
        sent = history_sent(probe(codex, model, thread), newest=form.newest)
        now = codex_turns(codex, thread)
    assert sent == ours
    assert now[:-1] == turns
    assert (now[-1].user, now[-1].agent) == ((PROBE,), (PROBE_ANSWER,))
    assert threadlog_turns(home, thread) == now
    assert home.model_input(thread)[: len(ours)] == ours
    assert_sound(path, before)
    assert not bad_lines(home, thread)


def test_codex_exec_goes_on_with_a_live_thread(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    thread = record(codex_home, form.mode)
    home = opened(codex_home)
    before = assert_sound(Path(home.get(thread).path))
    model.script(answer(say(PROBE_ANSWER)))
    done = run_exec(form.binary, codex_home, "resume", thread, PROBE)
    assert done.returncode == 0, done.stderr
    assert_sound(Path(home.get(thread).path), before)
    assert [turn.user for turn in threadlog_turns(home, thread)] == [
        *((question,) for question in QUESTIONS),
        (PROBE,),
    ]


def test_a_fork_by_codex_has_all_of_a_live_thread(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    thread = record(codex_home, form.mode)
    home = opened(codex_home)
    path = Path(home.get(thread).path)
    before, turns, ours = (
        assert_sound(path),
        threadlog_turns(home, thread),
        home.model_input(thread),
    )
    with AppServer(form.binary, codex_home) as codex:
        fork = str(codex.call("thread/fork", threadId=thread)["thread"]["id"])
        sent = history_sent(probe(codex, model, fork), newest=form.newest)
        forked = codex_turns(codex, fork)
    assert without_ids(sent) == ours, "0.169 makes up ids for what has none"
    assert threadlog_turns(home, fork) == forked
    assert [turn.user for turn in forked] == [*(turn.user for turn in turns), (PROBE,)]
    assert path.read_bytes() == before


@pytest.mark.parametrize("named", [None, "gpt-5.4", "no-model-of-codex"])
def test_codex_resumes_a_live_thread_with_its_own_model_and_rules(
    form: Form, codex_home: CodexHome, named: str | None
) -> None:
    thread = record(codex_home, form.mode)
    with opened(codex_home).resume(thread) as live, live.turn("And now?", model=named) as turn:
        turn.say("Now too.")
    with AppServer(form.binary, codex_home) as codex:
        resumed = codex.call("thread/resume", threadId=thread)
    settings = resumed["model"], resumed["approvalPolicy"], resumed["sandbox"]["type"]
    assert settings == ("gpt-5.5", "never", "dangerFullAccess")


def test_the_tokens_of_codex_go_on_from_those_of_a_live_thread(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    thread = record(codex_home, form.mode)
    with AppServer(form.binary, codex_home) as codex:
        resume(codex, thread)
        probe(codex, model, thread)
    totals = totals_of(opened(codex_home), thread)
    assert [total.total_tokens for total in totals[:2]] == [990, 2000]
    assert totals[-1].total_tokens == 2000 + 520


def test_a_turn_that_fails_is_interrupted_in_codex_too(form: Form, codex_home: CodexHome) -> None:
    home = opened(codex_home)
    with home.start(cwd=codex_home.work, history_mode=form.mode) as thread:
        with contextlib.suppress(KeyError), thread.turn("Do it.") as turn:
            turn.say("I begin.")
            raise KeyError
        thread.turn("Do it again.").begin()
    with AppServer(form.binary, codex_home) as codex:
        resume(codex, thread.id)
        turns = codex_turns(codex, thread.id)
    assert threadlog_turns(home, thread.id) == turns
    assert [turn.user for turn in turns] == [("Do it.",), ("Do it again.",)]
    assert {turn.status for turn in turns} == {"interrupted"}


def test_a_thread_that_codex_has_listed_is_shown_whole_after_more_turns(
    newest: Path, codex_home: CodexHome
) -> None:
    home = opened(codex_home)
    with (
        AppServer(newest, codex_home) as codex,
        home.start(cwd=codex_home.work) as thread,
    ):
        with thread.turn("First.") as turn:
            turn.say("Yes.")
        assert len(codex_turns(codex, thread.id)) == 1
        add_turns(thread, codex_home)
        assert codex_turns(codex, thread.id) == threadlog_turns(home, thread.id)
        assert len(codex_turns(codex, thread.id)) == 3


# Every event that a legacy rollout keeps and a paginated one tells as a turn item.
_REVIEW = {
    "findings": [],
    "overall_correctness": "patch is correct",
    "overall_explanation": "It is right.",
    "overall_confidence_score": 1.0,
}
_CALL = {"server": "files", "tool": "read", "arguments": {"path": "a.txt"}}
_CHANGES = {
    "/desk/a": FileChangeKind(type="add", content="a"),
    "/desk/b": FileChangeKind(type="update", unified_diff="@@ -1 +1 @@\n-a\n+b\n"),
    "/desk/c": FileChangeKind(type="delete", content="c"),
}
_EVENTS: list[tuple[LineItem, str]] = [
    (ev.AgentMessageEvent(message="Said."), "agentMessage"),
    (ev.AgentReasoning(text="Thought."), "reasoning"),
    (ev.AgentReasoningRawContent(text="Thought so."), "reasoning"),
    (ev.ContextCompacted(), "contextCompaction"),
    (ev.EnteredReviewMode(target={"type": "uncommittedChanges"}), "enteredReviewMode"),
    (ev.ExitedReviewMode(review_output=_REVIEW), "exitedReviewMode"),
    (ev.ExitedReviewMode(), "exitedReviewMode"),
    (
        te.McpToolCallEnd(
            call_id="call-1",
            invocation=_CALL,
            duration=Duration(secs=1),
            result={"Ok": {"content": [{"type": "text", "text": "a"}], "isError": False}},
        ),
        "mcpToolCall",
    ),
    (
        te.McpToolCallEnd(
            call_id="call-2",
            invocation={"server": "files", "tool": "list"},
            duration=Duration(secs=1),
            result={"Err": "no such tool"},
        ),
        "mcpToolCall",
    ),
    (te.WebSearchEnd(call_id="call-3", action={"type": "other"}), "webSearch"),
    (te.ImageGenerationEnd(call_id="call-4", status="failed"), "imageGeneration"),
    (
        te.PatchApplyEnd(call_id="call-5", success=True, changes=_CHANGES, status="completed"),
        "fileChange",
    ),
    (
        ev.SubAgentActivity(
            event_id="event-1",
            agent_thread_id="019b0000-0000-7000-8000-0000000000aa",
            agent_path="/root/helper",
            kind="started",
        ),
        "subAgentActivity",
    ),
]


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_every_event_of_a_turn_is_shown_by_codex(
    newest: Path, codex_home: CodexHome, mode: str
) -> None:
    home = opened(codex_home)
    with home.start(cwd=codex_home.work, history_mode=mode) as thread:
        for number, (event, _kind) in enumerate(_EVENTS):
            with thread.turn(f"Event {number}.") as turn:
                turn.item(event)
    with AppServer(newest, codex_home) as codex:
        resume(codex, thread.id)
        read = codex.call("thread/read", threadId=thread.id, includeTurns=True)["thread"]
        turns = codex_turns(codex, thread.id)
    kinds = [[item["type"] for item in turn["items"]] for turn in read["turns"]]
    assert kinds == [["userMessage", kind] for _event, kind in _EVENTS]
    assert threadlog_turns(home, thread.id) == turns
