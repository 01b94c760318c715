"""What `threadlog chat` leaves is read and gone on with by Codex, and what Codex adds by chat."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from interop.codex_answers import codex_listing, codex_turns, opened, resume, threadlog_turns
from interop.codex_process import AppServer, CodexHome
from interop.mock_model import MockModel, answer, say
from interop.our_threads import assert_sound

_AGENT = "threadlog.agents.scripted:agent"
_ANSWER = "By Codex."


def _chat(home: CodexHome, typed: str, *more: str) -> str:
    """What was shown of a conversation."""
    command = [sys.executable, "-m", "threadlog", "chat", "--agent", _AGENT, *more]
    done = subprocess.run(
        command,
        input=typed,
        capture_output=True,
        text=True,
        cwd=home.work,
        env=home.environment(),
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _go_on(binary: Path, home: CodexHome, model: MockModel, thread: str, texts: list[str]) -> None:
    """Codex shows these turns, and has one more with the model, which is told of them."""
    with AppServer(binary, home) as codex:
        assert codex_listing(codex)[thread].preview == texts[0]
        resume(codex, thread)
        assert [turn.user for turn in codex_turns(codex, thread)] == [(text,) for text in texts]
        model.script(answer(say(_ANSWER)))
        codex.turn(thread, "And Codex?")
        turns = codex_turns(codex, thread)
    assert threadlog_turns(opened(home), thread) == turns
    assert {turn.status for turn in turns} == {"completed"}
    sent = str(model.requests[-1].input)
    for text in texts:
        assert text in sent


def _test(binary: Path, home: CodexHome, model: MockModel) -> None:
    told = _chat(home, "One?\n//run ls\n//think so\nNo.\n/rollback\n/name called\n/fork\nTwo?\n")
    (parent,) = re.findall(r"^thread (\S+);", told, re.MULTILINE)
    (fork,) = re.findall(r"^thread (\S+), forked", told, re.MULTILINE)
    first = ["One?", "/run ls", "/think so"]
    for thread, texts in ((parent, first), (fork, [*first, "Two?"])):
        path = Path(opened(home).get(thread).path)
        before = assert_sound(path)
        _go_on(binary, home, model, thread, texts)
        assert_sound(path, before)
    shown = _chat(home, "Three?\n", "--resume", fork)
    assert f"> And Codex?\n{_ANSWER}\nYou said: Three?\n" in shown
    users = [turn.user for turn in threadlog_turns(opened(home), fork)]
    assert users == [(text,) for text in [*first, "Two?", "And Codex?", "Three?"]]


def test_the_newest_codex_goes_on_with_what_chat_left(
    newest: Path, codex_home: CodexHome, model: MockModel
) -> None:
    _test(newest, codex_home, model)


def test_an_older_codex_goes_on_with_what_chat_left(
    older: Path, codex_home: CodexHome, model: MockModel
) -> None:
    _test(older, codex_home, model)
