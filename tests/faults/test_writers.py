"""Several processes want to write one thread: one at a time does, and none loses a word."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import threadlog
from ended_processes import MODES, Child, check, forked, whole_lines
from faulty_disk import draft_on, home_on, number_of, numbers, opened, said
from threadlog import InUse, RolloutRecorder, WriteFailed
from threadlog.core.items.turn import UserMessage
from threadlog.core.turn import Turn
from threadlog.local.disk import Disk

PROCESSES = int(os.environ.get("THREADLOG_WRITERS", "8"))
TURNS = int(os.environ.get("THREADLOG_TURNS", "10"))
WAIT_S = 0.05  # at most, before the next attempt; each is work for the machine
LONG_S = 30 + TURNS
Tell = Callable[[object], None]


def begun(home: Path, mode: str) -> str:
    """A thread of one turn; returns where it is."""
    with threadlog.open(home).start("/x", history_mode=mode) as thread:
        with thread.turn("the first") as turn:
            turn.usage(input_tokens=1)
        return thread.path


def ended(child: Child) -> list[str]:
    """What a child said until its end, which must be a good one."""
    with open(child.acks, encoding="utf-8") as pipe:
        told = pipe.read().splitlines()
    _pid, status = os.waitpid(child.pid, 0)
    assert status == 0, told
    return told


@contextlib.contextmanager
def taken(home: threadlog.Home, path: str, chance: random.Random) -> Iterator[threadlog.Thread]:
    """The thread, as soon as it can be had.

    Others changed it just now; they hold its lock when they do, so that there is nothing to wait
    for.
    """
    while True:
        try:
            thread = home.resume(path, force=True)
            break
        except InUse:
            time.sleep(chance.uniform(0, WAIT_S))
    with thread:
        yield thread


def contending(home: Path, path: str, number: int, turns: int) -> Callable[[Tell], None]:
    """Take the thread again and again, for one turn each time; say which turns are safe."""

    def work(tell: Tell) -> None:
        signal.alarm(LONG_S)
        its_home, chance = threadlog.open(home), random.Random(number)
        alone = home / "alone"
        for count in range(turns):
            with taken(its_home, path, chance) as thread:
                os.close(os.open(alone, os.O_CREAT | os.O_EXCL))  # fails if somebody is there
                with thread.turn(f"{number} {count}") as turn:
                    turn.say(f"answer {number} {count}")
                    turn.usage(input_tokens=1)
                alone.unlink()
            tell(f"{number} {count}")
        assert opened(home / "thread-writer-locks") == 0

    return work


def asked_in(turn: Turn) -> str:
    """What the user said."""
    (message,) = [item for item in turn.items if isinstance(item, UserMessage)]
    return "".join(str(part.text) for part in message.content)


def check_turns(home: Path, path: str, acked: list[str], mode: str) -> None:
    """Each turn is there once, in the order of who recorded it, with all of its items together."""
    lines = whole_lines(Path(path).read_bytes())
    values = [json.loads(line) for line in lines]
    if mode == "paginated":
        assert [value["ordinal"] for value in values] == list(range(len(values)))
    turns = list(threadlog.open(home).turns(path))[1:]
    asked = [asked_in(turn) for turn in turns]
    assert Counter(asked) == Counter(acked)
    assert all(turn.status == "completed" for turn in turns)
    for number in range(PROCESSES):
        mine = [each for each in asked if each.startswith(f"{number} ")]
        assert mine == [f"{number} {count}" for count in range(len(mine))]
    inside: str | None = None
    for value in values:  # nobody begins before another has ended
        kind = value["payload"].get("type")
        if kind == "task_started":
            assert inside is None
            inside = value["payload"]["turn_id"]
        elif kind == "task_complete":
            assert inside == value["payload"]["turn_id"]
            inside = None
    used = [each["payload"] for each in values if each["payload"].get("type") == "token_count"]
    totals = [each["info"]["total_token_usage"]["input_tokens"] for each in used]
    assert totals == list(range(1, len(asked) + 2)), "a turn did not see the one before it"


@pytest.mark.parametrize(("mode", "turns"), [("paginated", TURNS), ("legacy", TURNS // 5 + 3)])
def test_of_many_writers_in_contention_each_turn_is_there_once_and_whole(
    home: Path, mode: str, turns: int
) -> None:
    path = begun(home, mode)
    children = [forked(contending(home, path, number, turns)) for number in range(PROCESSES)]
    acked = [each for child in children for each in ended(child)]
    assert len(acked) == PROCESSES * turns
    check_turns(home, path, acked, mode)
    assert not list(home.glob("thread-writer-locks/*-*.lock"))


# -- a writer that stands still, or is gone


def holding(home: Path, path: str, count: int = 3) -> Callable[[Tell], None]:
    """Go on with a thread, and record to it for as long as it lives, and may."""

    def work(tell: Tell) -> None:
        recorder = RolloutRecorder.resume(home_on(Disk(), home), path, force=True)
        number = count
        while True:
            recorder.record(*(said(number + each) for each in range(3)))
            number += 3
            try:
                recorder.flush(level="kernel")
            except WriteFailed as error:
                tell(error.reason)
                return
            tell(number)
            time.sleep(0.001)

    return work


@pytest.fixture(params=MODES)
def thread(home: Path, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A thread of the messages 0, 1, 2: where it is, and its history mode."""
    recorder = draft_on(Disk(), home, mode=request.param)
    recorder.persist()
    recorder.close()
    return recorder.path, request.param


def heard(child: Child) -> int:
    """How many items a child has said are safe; waits for it to say so."""
    return int(os.read(child.acks, 1 << 16).split()[-1])


def in_use(home: Path, path: str, child: Child) -> None:
    """Nobody else gets the thread, and who has it is said."""
    with pytest.raises(InUse) as caught:
        RolloutRecorder.resume(threadlog.open(home), path, force=True)
    assert caught.value.holder in (None, child.pid)


def test_a_writer_that_is_stopped_keeps_its_thread_and_goes_on_without_loss(
    home: Path, thread: tuple[str, str]
) -> None:
    path, mode = thread
    child = forked(holding(home, path))
    chance = random.Random(mode)
    acked = 0
    for _ in range(10):
        acked = heard(child)
        time.sleep(chance.uniform(0, 0.005))
        os.kill(child.pid, signal.SIGSTOP)
        assert os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1])
        in_use(home, path, child)
        before = Path(path).read_bytes()
        whole_lines(before)
        time.sleep(0.01)
        assert Path(path).read_bytes() == before
        os.kill(child.pid, signal.SIGCONT)
    acked = max(acked, heard(child))
    in_use(home, path, child)
    os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    os.close(child.acks)
    check(Path(path), acked, mode)


def test_a_thread_whose_writer_was_killed_is_free_at_once_and_goes_on(
    home: Path, thread: tuple[str, str]
) -> None:
    path, mode = thread
    for _ in range(5):
        found = len(numbers(path))
        child = forked(holding(home, path, found))
        acked = heard(child)
        os.kill(child.pid, signal.SIGSTOP)
        in_use(home, path, child)
        os.kill(child.pid, signal.SIGKILL)
        os.waitpid(child.pid, 0)
        os.close(child.acks)
        found = [number_of(line) for line in whole_lines(Path(path).read_bytes())[1:]][-1] + 1
        with RolloutRecorder.resume(threadlog.open(home), path, force=True) as recorder:
            recorder.record(said(found))
        check(Path(path), max(acked, found + 1), mode)


def test_a_writer_that_was_taken_for_dead_and_wakes_does_not_write_into_anothers_file(
    home: Path, thread: tuple[str, str]
) -> None:
    path, _mode = thread
    child = forked(holding(home, path))
    heard(child)
    os.kill(child.pid, signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)
    # Somebody who does not care for locks puts another in its place.
    copy = Path(path).with_name("copy")
    copy.write_bytes(Path(path).read_bytes()[:-2] + b" }\n")
    copy.replace(path)
    before = Path(path).read_bytes()
    os.kill(child.pid, signal.SIGCONT)
    assert ended(child)[-1].startswith("another file has taken its place")
    assert Path(path).read_bytes() == before
