"""Two writers of one thread: kept apart by the lock, and told where one got past it."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from faulty_disk import FaultyDisk, draft_on, home_on, number_of, ordinals, said
from makers import held, python
from threadlog import InUse, OthersWrote, RolloutRecorder, WriteFailed
from threadlog.core.items.event import AgentMessageEvent

LONG_S = 20
MODES = ("legacy", "paginated")

# Another process that has a thread, and writes a message when it is told its number.
OTHER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import threadlog
from threadlog import RolloutRecorder
from faulty_disk import FaultyDisk, home_on, said
disk = FaultyDisk()
def wait_for_word(name):
    if name == "write":
        print("past", flush=True)
        sys.stdin.readline()
recorder = RolloutRecorder.resume(home_on(disk, sys.argv[1]), sys.argv[2], force=True)
print("here", flush=True)
for word in sys.stdin:
    if word == "stop before the write\\n":
        disk.before = wait_for_word
        disk.arm()
        continue
    recorder.record(said(int(word)))
    try:
        recorder.flush()
        print("done", flush=True)
    except threadlog.ThreadlogError as error:
        print(type(error).__name__, error, flush=True)
"""


# Takes a thread over, writes one message, and is done.
TAKE_OVER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import threadlog
from faulty_disk import said
from threadlog import RolloutRecorder
with RolloutRecorder.resume(threadlog.open(sys.argv[1]), sys.argv[2], take_over=True) as recorder:
    recorder.record(said(4))
"""

# A program that is not threadlog and has a thread, as a Codex.
FOREIGN = """
import fcntl, sys, time
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def held_by_codex(home: Path, path: Path) -> Iterator[tuple[Path, int]]:
    """The lock file of a thread while a program that is not threadlog has it, and its process."""
    thread_id = threadlog.open(home).get(str(path)).id
    lock = home / "thread-writer-locks" / f"{thread_id}.lock"
    with python(FOREIGN, str(lock)) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield lock, process.pid
        finally:
            process.kill()


class Other:
    """That process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self._stdin, self._stdout = process, process.stdin, process.stdout
        assert self.heard() == "here"

    def say(self, word: object) -> None:
        self._stdin.write(f"{word}\n")
        self._stdin.flush()

    def heard(self) -> str:
        return self._stdout.readline().strip()

    def records(self, number: int) -> str:
        self.say(number)
        return self.heard()


@pytest.fixture(params=MODES)
def thread(home: Path, request: pytest.FixtureRequest) -> Path:
    """The rollout of a thread of the messages 0, 1, 2, which nobody writes."""
    recorder = draft_on(FaultyDisk(), home, mode=request.param)
    recorder.persist()
    recorder.close()
    return Path(recorder.path)


@contextlib.contextmanager
def other(home: Path, path: Path) -> Iterator[Other]:
    with python(OTHER, str(home), str(path)) as process:
        try:
            yield Other(process)
        finally:
            process.kill()


def messages(path: Path) -> list[int]:
    return [number_of(line) for line in path.read_bytes().splitlines()[1:]]


def test_who_is_taken_over_from_is_told_and_writes_no_more(home: Path, thread: Path) -> None:
    with other(home, thread) as old:
        assert old.records(3) == "done"
        with pytest.raises(InUse, match=f"process {old.process.pid}"):
            RolloutRecorder.resume(threadlog.open(home), str(thread))
        new = RolloutRecorder.resume(threadlog.open(home), str(thread), take_over=True)
        new.record(said(4))
        new.flush()
        before = thread.read_bytes()
        told = old.records(5)
        assert told.startswith("InUse")
        assert f"was taken over by process {os.getpid()}" in told
        assert told.endswith("; 1 items are in the file"), "how much is safe is said as well"
        assert thread.read_bytes() == before
    new.record(said(6))
    new.close()
    assert messages(thread) == [0, 1, 2, 3, 4, 6]
    assert ordinals(thread) in ([None] * 7, list(range(7)))


def test_who_was_taken_over_from_stays_out_when_the_other_is_done(home: Path, thread: Path) -> None:
    with other(home, thread) as old:
        assert old.records(3) == "done"
        with RolloutRecorder.resume(threadlog.open(home), str(thread), take_over=True) as new:
            new.record(said(4))
        for _ in range(2):
            told = old.records(5)
            assert told.startswith("InUse")
            assert "was taken over by another process: nothing more is written here" in told
        assert messages(thread) == [0, 1, 2, 3, 4]
        assert fences(home) == [f"taken-from-{old.process.pid}-{new.thread_id}"]
    with draft_on(FaultyDisk(), home) as recorder:
        recorder.persist()
    assert fences(home) == [], "what a process that is gone left is swept"


def test_who_was_taken_over_from_can_have_it_again(home: Path, thread: Path) -> None:
    """In the same process, once it has let go of what it had."""
    opened = threadlog.open(home)
    recorder = RolloutRecorder.resume(opened, str(thread))
    recorder.record(said(3))
    recorder.flush()
    with python(TAKE_OVER, str(home), str(thread)) as taker:
        assert taker.wait(LONG_S) == 0, taker.communicate()
    recorder.record(said(9))
    with pytest.raises(InUse):
        recorder.flush()
    assert recorder.discard() == 1
    assert fences(home) == []
    with RolloutRecorder.resume(opened, str(thread), force=True) as again:
        again.record(said(5))
    assert messages(thread) == [0, 1, 2, 3, 4, 5]


def test_what_was_past_the_last_look_is_found_and_told(home: Path, thread: Path) -> None:
    with other(home, thread) as old:
        old.say("stop before the write")
        old.say(3)
        assert old.heard() == "past"
        new = RolloutRecorder.resume(threadlog.open(home), str(thread), take_over=True)
        new.record(said(4))
        new.flush()
        size = thread.stat().st_size
        old.say("now")
        deadline = time.monotonic() + LONG_S
        while thread.stat().st_size == size:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    new.record(said(5))
    with pytest.raises(OthersWrote, match=f"{thread}, from byte {size} on") as caught:
        new.flush()
    assert caught.value.offset == size
    new.record(said(6))
    new.close()  # it was told
    assert messages(thread) == [0, 1, 2, 4, 3, 5, 6]
    assert ordinals(thread) in ([None] * 8, [0, 1, 2, 3, 4, 4, 5, 6])


def test_a_stopped_holder_that_goes_on_finds_out(home: Path, thread: Path) -> None:
    with other(home, thread) as old:
        os.kill(old.process.pid, signal.SIGSTOP)
        with pytest.raises(InUse):
            RolloutRecorder.resume(threadlog.open(home), str(thread))
        new = RolloutRecorder.resume(threadlog.open(home), str(thread), take_over=True)
        new.record(said(3))
        new.flush()
        os.kill(old.process.pid, signal.SIGCONT)
        assert old.records(9).startswith("InUse")
        new.close()
    assert messages(thread) == [0, 1, 2, 3]


@pytest.mark.parametrize("claimed", [True, False])
def test_nothing_is_taken_over_from_any_other_program(
    home: Path, thread: Path, *, claimed: bool
) -> None:
    with held_by_codex(home, thread) as (lock, pid):
        inode = lock.stat().st_ino
        if claimed:  # a file alone makes no program ours
            (home / "threadlog" / f"writing-{pid}.lock").touch()
        with pytest.raises(InUse, match="only a threadlog process can be taken over") as caught:
            RolloutRecorder.resume(threadlog.open(home), str(thread), take_over=True)
        assert caught.value.holder == pid
        assert lock.stat().st_ino == inode
    RolloutRecorder.resume(threadlog.open(home), str(thread), take_over=True).close()


def test_nothing_is_taken_over_within_a_process(home: Path, thread: Path) -> None:
    opened = threadlog.open(home)
    recorder = RolloutRecorder.resume(opened, str(thread))
    with pytest.raises(InUse, match="this process"):
        RolloutRecorder.resume(opened, str(thread), take_over=True)
    recorder.close()


def test_taking_over_what_nobody_has_is_resuming(home: Path, thread: Path) -> None:
    with RolloutRecorder.resume(threadlog.open(home), str(thread), take_over=True) as recorder:
        recorder.record(said(3))
    assert messages(thread) == [0, 1, 2, 3]


def test_a_lock_that_somebody_removed_is_taken_again(home: Path, thread: Path) -> None:
    recorder = RolloutRecorder.resume(threadlog.open(home), str(thread))
    lock = home / "thread-writer-locks" / f"{recorder.thread_id}.lock"
    lock.unlink()
    recorder.record(said(3))
    recorder.flush()
    with pytest.raises(InUse):
        RolloutRecorder.resume(threadlog.open(home), str(thread))
    recorder.close()
    assert not lock.exists()
    assert messages(thread) == [0, 1, 2, 3]


def test_a_lock_that_another_has_by_now_is_not_ours(home: Path, thread: Path) -> None:
    recorder = RolloutRecorder.resume(threadlog.open(home), str(thread))
    lock = home / "thread-writer-locks" / f"{recorder.thread_id}.lock"
    lock.unlink()
    with held(home, recorder.thread_id) as holder:
        recorder.record(said(3))
        with pytest.raises(InUse, match=f"another writer by now, process {holder.pid}"):
            recorder.flush()
        assert messages(thread) == [0, 1, 2]
        inode = lock.stat().st_ino
        assert recorder.pending_items == 1
    recorder.flush()  # it is free again
    assert lock.stat().st_ino == inode
    recorder.close()
    assert messages(thread) == [0, 1, 2, 3]


def test_letting_go_leaves_the_lock_of_who_took_over(home: Path, thread: Path) -> None:
    recorder = RolloutRecorder.resume(threadlog.open(home), str(thread))
    lock = home / "thread-writer-locks" / f"{recorder.thread_id}.lock"
    lock.unlink()
    with held(home, recorder.thread_id):
        recorder.close()
        assert lock.exists()
        with pytest.raises(InUse):
            RolloutRecorder.resume(threadlog.open(home), str(thread))


def test_lines_of_others_are_told_once_and_numbered_on(home: Path, thread: Path) -> None:
    recorder = RolloutRecorder.resume(threadlog.open(home), str(thread))
    recorder.record(said(3))
    recorder.flush()
    with thread.open("ab") as file:
        lines = thread.read_bytes().splitlines(keepends=True)
        file.write(lines[-1].replace(b'"ordinal":4', b'"ordinal":5'))
    recorder.record(said(4))
    with pytest.raises(OthersWrote, match=f"{len(lines[-1])} bytes"):
        recorder.flush(level="kernel")
    recorder.record(said(5))
    recorder.close()
    assert messages(thread) == [0, 1, 2, 3, 3, 4, 5]
    assert ordinals(thread) in ([None] * 8, [0, 1, 2, 3, 4, 5, 6, 7])


def test_a_batch_that_waited_is_numbered_anew(home: Path, thread: Path) -> None:
    disk = FaultyDisk()
    recorder = RolloutRecorder.resume(home_on(disk, home), str(thread))
    recorder.record(said(3), said(4))
    disk.arm()
    disk.fail_names = {"write"}
    with pytest.raises(WriteFailed):
        recorder.flush()
    with thread.open("ab") as file:
        last = thread.read_bytes().splitlines(keepends=True)[-1]
        file.write(last.replace(b'"ordinal":3', b'"ordinal":7'))
    theirs = ordinals(thread)[-1]
    assert theirs in (None, 7)
    disk.disarm()
    with pytest.raises(OthersWrote):
        recorder.close()
    assert messages(thread) == [0, 1, 2, 2, 3, 4]
    assert theirs is None or ordinals(thread)[-2:] == [theirs + 1, theirs + 2]


def test_no_number_follows_a_line_of_others_that_has_none(home: Path) -> None:
    recorder = draft_on(FaultyDisk(), home, mode="paginated")
    recorder.persist()
    path = Path(recorder.path)
    with path.open("ab") as file:
        file.write(b'{"timestamp":"2026-01-01T00:00:00.000Z","type":"compacted","payload":{}}\n')
    before = path.read_bytes()
    recorder.record(said(3))
    for _ in range(2):
        with pytest.raises(WriteFailed, match="missing an ordinal; what waits can be"):
            recorder.flush()
    assert path.read_bytes() == before
    assert recorder.discard() == 1


def test_what_others_wrote_is_told_though_nothing_follows(home: Path, thread: Path) -> None:
    recorder = RolloutRecorder.resume(threadlog.open(home), str(thread))
    recorder.record(said(3))
    recorder.flush(level="kernel")
    with thread.open("ab") as file:
        file.write(thread.read_bytes().splitlines(keepends=True)[-1])
    with pytest.raises(OthersWrote):
        recorder.close()
    with pytest.raises(threadlog.Closed):
        recorder.record(AgentMessageEvent(message="more"))


def test_the_error_survives_a_pickle() -> None:
    error = OthersWrote("/x", 1, 2, None)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.offset, again.length) == (str(error), 1, 2)


# -- how others know that a process is threadlog


def fences(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "threadlog").glob("taken-from-*"))


def presences(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "threadlog").glob("writing-*"))


def test_a_process_says_that_it_is_here_while_it_writes(home: Path) -> None:
    one, two = (draft_on(FaultyDisk(), home) for _ in range(2))
    one.persist()
    two.persist()
    assert presences(home) == [f"writing-{os.getpid()}.lock"]
    one.close()
    assert presences(home) == [f"writing-{os.getpid()}.lock"]
    two.close()
    assert presences(home) == []


def test_what_a_killed_process_left_is_swept(home: Path, thread: Path) -> None:
    with other(home, thread) as old:
        name = f"writing-{old.process.pid}.lock"
        with draft_on(FaultyDisk(), home) as recorder:
            recorder.persist()
            assert name in presences(home), "it is here"
    assert presences(home) == [name]
    with draft_on(FaultyDisk(), home) as recorder:
        recorder.persist()
        assert presences(home) == [f"writing-{os.getpid()}.lock"]


def test_a_process_that_cannot_say_that_it_is_here_writes_all_the_same(home: Path) -> None:
    (home / "threadlog").write_text("no folder")
    with draft_on(FaultyDisk(), home) as recorder:
        recorder.persist()
    assert messages(Path(recorder.path)) == [0, 1, 2]
