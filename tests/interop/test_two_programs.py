"""Two programs live: a turn of one is listed, read and forked by the other, and nobody's is cut."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import threadlog
from interop.codex_answers import codex_rows, codex_turns, opened, resume, shown, threadlog_turns
from interop.codex_made_homes import Builder
from interop.codex_process import EXIT_WAIT_S, WAIT_S, AppServer, CodexHome, await_true
from interop.mock_model import MockModel, pause, say
from interop.operations import settle
from interop.our_threads import Form, assert_sound
from threadlog import Home, InUse
from threadlog.local import journal

SOURCE = str(Path(threadlog.__file__).parents[1])
NEWEST = pytest.mark.parametrize("form", ["newest, legacy", "newest, paginated"], indirect=True)
OLDER = pytest.mark.parametrize("form", ["older, legacy"], indirect=True)
ASKED, BEGUN = ("Two.",), ("I begin.",)


class Streaming(NamedTuple):
    """A Codex in the middle of a thread's second turn, in which it has said something."""

    codex: AppServer
    home: Home
    thread: str
    updated: str
    model: MockModel

    def finish(self) -> None:
        """Let the turn end."""
        with self.codex.ending_turn(self.thread):
            self.model.release()


@contextlib.contextmanager
def streaming(form: Form, codex_home: CodexHome, model: MockModel) -> Iterator[Streaming]:
    home = opened(codex_home)
    with AppServer(form.binary, codex_home) as codex:
        made = Builder(codex, model, form.mode if form.newest else None)
        thread, _turns = made.chat("One.")
        settle(codex_home)
        before = home.get(thread)
        model.script(pause(say(BEGUN[0])))
        codex.begin_turn(thread, ASKED[0])
        await_true(lambda: BEGUN[0] in Path(before.path).read_text())
        yield Streaming(codex, home, thread, before.updated or "", model)


def printed(home: CodexHome, *words: str) -> str:
    """What the command line prints of a home, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "threadlog", "--home", str(home.path), *words],
        env={**home.environment(), "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    )
    return done.stdout


def test_a_turn_that_codex_streams_is_listed_searched_read_and_forked(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    with streaming(form, codex_home, model) as at:
        (row,) = at.home.threads()
        assert (row.id, row.preview) == (at.thread, "One.")
        assert (row.updated or "") > at.updated
        assert [each.id for each in at.home.threads(text="one.")] == [at.thread]
        assert [each.id for each in at.home.threads(sort="updated", limit=1)] == [at.thread]
        (newest,) = map(shown, at.home.turns(at.thread, last=1))
        # As Codex tells a turn that nobody has ended, but in the process whose turn it is.
        assert (newest.user, newest.agent, newest.status) == (ASKED, BEGUN, "interrupted")
        assert [turn.user for turn in threadlog_turns(at.home, at.thread)] == [("One.",), ASKED]
        assert codex_turns(at.codex, at.thread)[-1].agent == BEGUN
        told = printed(codex_home, "show", at.thread, "--tail", "1")
        assert ASKED[0] in told
        assert BEGUN[0] in told
        tail = json.loads(printed(codex_home, "show", at.thread, "--tail", "1", "--json"))
        assert [turn["id"] for turn in tail["turns"]] == [newest.id]
        assert at.thread in printed(codex_home, "list", "--json")
        with at.home.fork(at.thread) as fork:
            pass
        at.finish()
        assert threadlog_turns(at.home, at.thread) == codex_turns(at.codex, at.thread)
        assert threadlog_turns(at.home, at.thread)[-1].status == "completed"
    turns = threadlog_turns(at.home, fork.id)
    assert [(turn.user, turn.status) for turn in turns] == [
        (("One.",), "completed"),
        (ASKED, "interrupted"),
    ]
    with AppServer(form.binary, codex_home) as codex:
        resume(codex, fork.id)
        shows = codex_turns(codex, fork.id)
    if form.newest:  # the older one has every turn completed
        assert shows == turns
    assert [turn.user for turn in shows] == [("One.",), ASKED]


@NEWEST
def test_what_codex_streams_is_its_own_and_its_process_is_named(
    form: Form, codex_home: CodexHome, model: MockModel
) -> None:
    with streaming(form, codex_home, model) as at:
        path = Path(at.home.get(at.thread).path)
        content = path.read_bytes()
        first = next(at.home.turns(at.thread)).id
        changes: list[Callable[[], object]] = [
            lambda: at.home.resume(at.thread),
            lambda: at.home.resume(at.thread, force=True),
            lambda: at.home.resume(at.thread, take_over=True),
            lambda: at.home.archive(at.thread),
            lambda: at.home.delete(at.thread),
            lambda: at.home.archive(at.thread, dry_run=True),
        ]
        if form.mode == "legacy":
            changes.append(lambda: at.home.rollback(at.thread))
            changes.append(lambda: at.home.update_metadata(at.thread, git={"branch": "b"}))
        else:
            changes.append(lambda: at.home.revert(at.thread, before=first))
        for change in changes:
            with pytest.raises(InUse) as caught:
                change()
            assert caught.value.holder == at.codex.pid
            assert str(at.codex.pid) in str(caught.value)
        assert [each.status for each in at.home.compress(at.thread, older_than_days=0)] == [
            "skipped"
        ]
        at.finish()
        assert threadlog_turns(at.home, at.thread) == codex_turns(at.codex, at.thread)
    assert_sound(path, content)


@OLDER
def test_a_rollout_that_an_older_codex_is_writing_may_be_in_use(
    form: Form, codex_home: CodexHome, model: MockModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no lock: what grows while we look is not ours."""
    with streaming(form, codex_home, model) as at:
        told: list[str] = []

        def try_it() -> None:
            try:
                at.home.resume(at.thread)
            except InUse as error:
                told.append(str(error))

        monkeypatch.setattr(journal, "STILL_S", WAIT_S)  # it ends as soon as the other writes
        os.utime(at.home.get(at.thread).path)
        waiter = threading.Thread(target=try_it)
        waiter.start()
        await_true(lambda: _is_locked(codex_home, at.thread))
        at.finish()
        waiter.join(WAIT_S)
        assert "may be in use: it grew a moment ago" in told[0]
        assert "force it" in told[0]
        at.home.resume(at.thread, force=True).close()
        assert threadlog_turns(at.home, at.thread)[-1].status == "completed"


def _is_locked(home: CodexHome, thread: str) -> bool:
    return (home.path / "thread-writer-locks" / f"{thread}.lock").exists()


@OLDER
@pytest.mark.parametrize("verb", ["archive", "delete"])
def test_what_an_older_codex_goes_on_writing_is_moved_along(
    form: Form, codex_home: CodexHome, model: MockModel, verb: str
) -> None:
    """Moving a file needs no stillness: who has it open writes where it lies by then."""
    with streaming(form, codex_home, model) as at:
        getattr(at.home, verb)(at.thread)
        at.finish()
    (at.home.unarchive if verb == "archive" else at.home.restore)(at.thread)
    turns = threadlog_turns(at.home, at.thread)
    assert [(turn.user, turn.status) for turn in turns] == [
        (("One.",), "completed"),
        (ASKED, "completed"),
    ]


# Begins a turn, says so; ends it, and closes, when it is told to.
_RECORDING = """\
import sys, threadlog
home, cwd, mode = sys.argv[1:]
with threadlog.open(home).start(cwd, history_mode=mode) as live:
    turn = live.turn("Two.")
    turn.begin()
    turn.say("I begin.")
    live.flush()
    print(live.id, flush=True)
    sys.stdin.readline()
    turn.say("I end.")
    turn.end()
print("closed", flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def recording(home: CodexHome, mode: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Another process of ours in the middle of a turn: which thread, and what has it end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _RECORDING, str(home.path), str(home.work), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**home.environment(), "PYTHONPATH": SOURCE},
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def end() -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("end\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed\n"

    try:
        yield process.stdout.readline().strip(), end
    finally:
        process.kill()
        process.wait(EXIT_WAIT_S)
        process.stdin.close()
        process.stdout.close()


@NEWEST
def test_a_turn_that_we_record_is_listed_and_read_by_codex_and_its_own_once_we_close(
    form: Form, codex_home: CodexHome
) -> None:
    refusal = "already has an active writer"
    with (
        AppServer(form.binary, codex_home) as codex,
        recording(codex_home, form.mode) as (thread, end),
    ):
        row = codex_rows(codex)[thread]
        assert (row["preview"], row["archived"]) == (ASKED[0], False)
        cold = [turn.agent for turn in codex_turns(codex, thread)]
        # Of a paginated thread it reads what it has projected, which it does when it loads it.
        assert cold == ([BEGUN] if form.mode == "legacy" else [])
        for method in ("thread/resume", "thread/archive", "thread/delete"):
            assert refusal in codex.refusal(method, threadId=thread)
        fork = codex.call("thread/fork", threadId=thread)["thread"]["id"]
        assert [(turn.agent, turn.status) for turn in codex_turns(codex, fork)] == [
            (BEGUN, "interrupted")
        ]
        end()
        resume(codex, thread)
        turns = codex_turns(codex, thread)
        assert [(turn.agent, turn.status) for turn in turns] == [((*BEGUN, "I end."), "completed")]
        home = opened(codex_home)
        assert threadlog_turns(home, thread) == turns
        assert threadlog_turns(home, fork) == codex_turns(codex, fork)
        with pytest.raises(InUse) as caught:
            home.resume(thread)
        assert caught.value.holder == codex.pid
