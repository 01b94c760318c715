"""One writer at a time: from its first append, a live thread is ours alone, or Codex's."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from interop.codex_answers import codex_turns, opened, resume, threadlog_turns
from interop.codex_made_homes import Builder
from interop.codex_process import EXIT_WAIT_S, AppServer, CodexHome
from interop.mock_model import MockModel
from interop.our_threads import assert_sound
from threadlog import InUse

# Begins a turn of a new thread, or of the one that is named, says so, and never ends.
_HOLDER = """\
import sys, time, threadlog
home, cwd, mode, *thread = sys.argv[1:]
home = threadlog.open(home)
live = home.resume(thread[0], force=True) if thread else home.start(cwd, history_mode=mode)
live.turn("Begun.").__enter__()
print(live.id, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=["legacy", "paginated"])
def mode(request: pytest.FixtureRequest) -> str:
    """Each history mode."""
    return str(request.param)


class Holder:
    """A process that has a thread open for writing until it is killed."""

    def __init__(self, home: CodexHome, mode: str, *thread: str) -> None:
        source = str(Path(threadlog.__file__).parents[1])
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(home.path), str(home.work), mode, *thread],
            stdout=subprocess.PIPE,
            text=True,
            env={**home.environment(), "PYTHONPATH": source},
        )
        assert self._process.stdout is not None
        self.thread = self._process.stdout.readline().strip()
        assert self.thread, "the process did not get as far as its turn"

    def kill(self) -> None:
        """End it with no chance to tidy up."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(EXIT_WAIT_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def codex(newest: Path, codex_home: CodexHome) -> Iterator[AppServer]:
    """A Codex that runs all the while."""
    with AppServer(newest, codex_home) as running:
        yield running


def _refused(codex: AppServer, thread: str) -> bool:
    refusal = codex.refusal("thread/resume", threadId=thread)
    return refusal == f"thread {thread} already has an active writer"


def test_a_thread_that_codex_has_loaded_is_not_ours_to_write(
    codex: AppServer, codex_home: CodexHome, model: MockModel, mode: str
) -> None:
    thread, _turns = Builder(codex, model, mode).chat("One.")
    home = opened(codex_home)
    path = Path(home.get(thread).path)
    content = path.read_bytes()
    for force in (False, True):
        with pytest.raises(InUse):
            home.resume(thread, force=force)
    assert path.read_bytes() == content
    assert [turn.user for turn in threadlog_turns(home, thread)] == [("One.",)]


def test_a_live_thread_is_refused_to_codex_from_its_first_append_until_it_is_closed(
    codex: AppServer, codex_home: CodexHome, mode: str
) -> None:
    home = opened(codex_home)
    thread = home.start(cwd=codex_home.work, history_mode=mode)
    locks = codex_home.path / "thread-writer-locks"
    assert not [*locks.glob(f"{thread.id}*")], "a draft takes nothing"
    with thread.turn("One.") as turn:
        assert _refused(codex, thread.id)
        turn.say("Said.")
    assert _refused(codex, thread.id)
    assert codex.call("thread/read", threadId=thread.id)["thread"]["preview"] == "One."
    if mode == "legacy":
        assert codex_turns(codex, thread.id) == threadlog_turns(home, thread.id)
    thread.close()
    assert resume(codex, thread.id)["id"] == thread.id
    assert codex_turns(codex, thread.id) == threadlog_turns(home, thread.id)


def test_a_thread_that_we_resumed_is_refused_to_codex_until_it_is_closed(
    newest: Path, codex_home: CodexHome, model: MockModel, mode: str
) -> None:
    with AppServer(newest, codex_home) as before:
        made, _turns = Builder(before, model, mode).chat("One.")
    home = opened(codex_home)
    with AppServer(newest, codex_home) as codex:
        with home.resume(made, force=True) as thread:
            assert _refused(codex, made), "not even before it writes"
            with thread.turn("Two.") as turn:
                turn.say("Said.")
            assert _refused(codex, made)
            assert codex_turns(codex, made)[0].user == ("One.",), "reading needs no lock"
        resume(codex, made)
        assert codex_turns(codex, made) == threadlog_turns(home, made)


def test_two_of_ours_do_not_write_one_thread(codex_home: CodexHome, mode: str) -> None:
    home, other = opened(codex_home), opened(codex_home)
    with home.start(cwd=codex_home.work, history_mode=mode) as thread:
        with thread.turn("One."):
            pass
        with pytest.raises(InUse):
            other.resume(thread.id, force=True)
    other.resume(thread.id, force=True).close()


def test_a_killed_codex_leaves_its_thread_to_us(
    newest: Path, codex_home: CodexHome, model: MockModel, mode: str
) -> None:
    home = opened(codex_home)
    with AppServer(newest, codex_home) as killed:
        thread, _turns = Builder(killed, model, mode).chat("One.")
        killed.kill()
    path = Path(home.get(thread).path)
    content = path.read_bytes()
    with home.resume(thread, force=True) as live, live.turn("Two.") as turn:
        turn.say("Said.")
    assert_sound(path, content)
    with AppServer(newest, codex_home) as codex:
        resume(codex, thread)
        turns = codex_turns(codex, thread)
    assert [turn.user for turn in turns] == [("One.",), ("Two.",)]
    assert threadlog_turns(home, thread) == turns


@pytest.mark.parametrize("resumed", [False, True], ids=["started", "resumed"])
def test_a_killed_process_of_ours_leaves_its_thread_to_codex(
    codex: AppServer, codex_home: CodexHome, mode: str, resumed: bool
) -> None:
    home = opened(codex_home)
    threads = []
    if resumed:
        with (
            home.start(cwd=codex_home.work, history_mode=mode) as thread,
            thread.turn("One.") as turn,
        ):
            turn.say("Said.")
        threads = [thread.id]
    holder = Holder(codex_home, mode, *threads)
    path = Path(home.get(holder.thread).path)
    try:
        assert _refused(codex, holder.thread)
        with pytest.raises(InUse):
            home.resume(holder.thread)
    finally:
        holder.kill()
    content = path.read_bytes()
    resume(codex, holder.thread)
    turns = codex_turns(codex, holder.thread)
    assert (turns[-1].user, turns[-1].status) == (("Begun.",), "interrupted")
    assert threadlog_turns(home, holder.thread) == turns
    assert_sound(path, content)
