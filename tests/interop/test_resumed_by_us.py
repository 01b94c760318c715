"""Codex and threadlog go on with each other's threads in turn, and neither loses anything."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from interop.codex_answers import (
    Shown,
    codex_turns,
    is_context,
    opened,
    probe,
    resume,
    threadlog_turns,
)
from interop.codex_made_homes import Builder, make_newest, make_older
from interop.codex_process import AppServer, CodexHome
from interop.mock_model import MockModel
from interop.our_threads import Form, assert_sound, bad_lines, history_sent, without_ids
from threadlog import Home, Thread

TORN = b'{"timestamp":"2026-01-02T03:04:05.678Z","type":"event_msg","payl'


def _make(form: Form, home: CodexHome, model: MockModel) -> str:
    """A thread of one turn, by Codex; its id."""
    with AppServer(form.binary, home) as codex:
        thread, _turns = _builder(form, codex, model).chat("One.")
    return thread


def _builder(form: Form, codex: AppServer, model: MockModel) -> Builder:
    return Builder(codex, model, form.mode if form.newest else None)


def _taken_up(home: Home, thread: str) -> Thread:
    """The thread, to go on with; its file has not changed for long, as far as one can see."""
    long_ago = time.time() - 60
    os.utime(home.get(thread).path, (long_ago, long_ago))
    return home.resume(thread)


def _add(home: Home, thread: str, text: str) -> None:
    with _taken_up(home, thread) as live, live.turn(text) as turn:
        turn.tool("look", {"for": text}, output="seen")
        turn.say(f"Answer to: {text}")


def _said(turns: list[Shown]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    assert {turn.status for turn in turns} == {"completed"}
    return [(turn.user, turn.agent) for turn in turns]


def _turns(*texts: str) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [((text,), (f"Answer to: {text}",)) for text in texts]


def test_turns_of_both_stand_in_order_and_nothing_before_them_changes(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    thread = _make(form, codex_home, model)
    home = opened(codex_home)
    path = Path(home.get(thread).path)
    content = assert_sound(path)
    texts = ["One."]
    for ours, theirs in [("Two.", "Three."), ("Four.", "Five.")]:
        _add(home, thread, ours)
        content = assert_sound(path, content)
        with AppServer(form.binary, codex_home) as codex:
            resume(codex, thread)
            _builder(form, codex, model).turn(thread, theirs)
            turns = codex_turns(codex, thread)
        content = assert_sound(path, content)
        texts += [ours, theirs]
        assert threadlog_turns(home, thread) == turns
        assert _said(turns) == _turns(*texts)
    assert not bad_lines(home, thread)
    with AppServer(form.binary, codex_home) as codex:
        resume(codex, thread)
        known = [item for item in home.model_input(thread) if not is_context(item)]
        sent = history_sent(probe(codex, model, thread), newest=form.newest)
    assert sent == (known if form.newest else without_ids(known))
    assert [item["name"] for item in sent if item["type"] == "function_call"] == ["look", "look"]


def test_a_torn_line_is_closed_before_the_next_turn(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    thread = _make(form, codex_home, model)
    home = opened(codex_home)
    path = Path(home.get(thread).path)
    with path.open("ab") as rollout:
        rollout.write(TORN)
    torn = path.read_bytes()
    _add(home, thread, "Two.")
    content = assert_sound(path, torn, bad=1)
    with AppServer(form.binary, codex_home) as codex:
        resume(codex, thread)
        _builder(form, codex, model).turn(thread, "Three.")
        turns = codex_turns(codex, thread)
    assert_sound(path, content, bad=1)
    assert threadlog_turns(home, thread) == turns
    assert _said(turns) == _turns("One.", "Two.", "Three.")
    assert bad_lines(home, thread) == 1


def test_a_last_line_without_its_end_is_not_lost(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    thread = _make(form, codex_home, model)
    home = opened(codex_home)
    path = Path(home.get(thread).path)
    cut = path.read_bytes()[:-1]
    path.write_bytes(cut)
    _add(home, thread, "Two.")
    assert_sound(path, cut)
    with AppServer(form.binary, codex_home) as codex:
        resume(codex, thread)
        turns = codex_turns(codex, thread)
    assert threadlog_turns(home, thread) == turns
    assert _said(turns) == _turns("One.", "Two.")


def test_a_running_codex_shows_a_turn_of_ours_once_it_resumes_the_thread(
    newest: Path, codex_home: CodexHome, model: MockModel
) -> None:
    home = opened(codex_home)
    form = Form(newest, "paginated", newest=True)
    thread = _make(form, codex_home, model)
    with AppServer(newest, codex_home) as codex:
        assert _said(codex_turns(codex, thread)) == _turns("One.")
        _add(home, thread, "Two.")
        assert _said(codex_turns(codex, thread)) == _turns("One."), (
            "Codex has become quicker: say so"
        )
        resume(codex, thread)
        assert _said(codex_turns(codex, thread)) == _turns("One.", "Two.")


def test_a_reverted_thread_goes_on_from_where_it_was_reverted_to(
    newest: Path, codex_home: CodexHome, model: MockModel
) -> None:
    home = opened(codex_home)
    with AppServer(newest, codex_home) as codex:
        made = Builder(codex, model, "paginated")
        thread, turns = made.chat("One.", "Two.", "Three.")
        codex.call("thread/revert", threadId=thread, beforeTurnId=turns[1])
    older = {path: path.read_bytes() for path in codex_home.rollouts()}
    _add(home, thread, "Two, better.")
    with AppServer(newest, codex_home) as codex:
        resume(codex, thread)
        Builder(codex, model, None).turn(thread, "Three, better.")
        shown = codex_turns(codex, thread)
    assert threadlog_turns(home, thread) == shown
    assert _said(shown) == _turns("One.", "Two, better.", "Three, better.")
    for path, content in older.items():
        assert_sound(path, content)


@pytest.mark.parametrize("home_of", ["newest, legacy", "newest, paginated", "older, legacy"])
def test_every_kind_of_thread_takes_a_turn_of_ours(
    request: pytest.FixtureRequest, codex_home: CodexHome, model: MockModel, home_of: str
) -> None:
    name, mode = home_of.split(", ")
    newest, binary = request.getfixturevalue("newest"), request.getfixturevalue(name)
    if name == "newest":
        make_newest(newest, codex_home, model, mode)
    else:
        make_older(binary, codex_home, model)
    home = opened(codex_home)
    before = {path: path.read_bytes() for path in codex_home.rollouts()}
    threads = [row.id for row in home.threads(limit=None) if row.id]
    assert len(threads) > 8
    wanted = {thread: home.model_input(thread) for thread in threads}
    for thread in threads:
        _add(home, thread, "And from us.")
    with AppServer(newest, codex_home) as codex:
        for thread in threads:
            resume(codex, thread)
        for thread in threads:
            turns = codex_turns(codex, thread)
            assert threadlog_turns(home, thread) == turns
            assert _said(turns[-1:]) == _turns("And from us.")
            ours = home.model_input(thread)
            assert ours[: len(wanted[thread])] == wanted[thread]
            sent = history_sent(probe(codex, model, thread), newest=True)
            assert without_ids(sent)[-4:] == without_ids(ours)[-4:]
    for path, content in before.items():
        assert_sound(path, content)
