"""A process that records is killed, at any moment and before each call: what was acked is there."""

from __future__ import annotations

import json
import os
import random
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import threadlog
from faulty_disk import FaultyDisk, draft_on, number_of, said
from threadlog import RolloutRecorder, ThreadOptions

KILLS = int(os.environ.get("THREADLOG_KILLS", "300"))
SIZES = {0: 10, 10: 10, 200: 10, 3000: 10, 30_000: 2, 400_000: 1}  # and how often
COUNTS = (1, 3, 30)
ENOUGH_BYTES = 2_000_000
LONG_S = 10
MODES = ("legacy", "paginated")


class Child(NamedTuple):
    """A process that records, and the pipe on which it says what is safe."""

    pid: int
    acks: int

    def kill(self, after_s: float) -> tuple[str, int]:
        """End it so long after it began; returns its rollout, and how many items were acked."""
        begun = os.read(self.acks, 4096)
        time.sleep(after_s)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return self.end(begun)

    def end(self, begun: bytes = b"") -> tuple[str, int]:
        """What it said before it ended."""
        with open(self.acks, "rb") as pipe:
            path, *acked, _unfinished = (begun + pipe.read()).split(b"\n")
        return path.decode(), int(acked[-1]) if acked else 0


def forked(work: Callable[[Callable[[object], None]], None]) -> Child:
    """A child that does *work*, telling us with the function it is given; it never comes back."""
    acks, told = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that other threads are running
        pid = os.fork()
    if pid:
        os.close(told)
        return Child(pid, acks)
    status = 1
    try:
        signal.alarm(LONG_S)  # should nobody kill it
        work(lambda what: _tell(told, what))
        status = 0
    finally:
        os._exit(status)


def _tell(pipe: int, what: object) -> None:
    os.write(pipe, f"{what}\n".encode())


def records(home: Path, mode: str, seed: int) -> Callable[[Callable[[object], None]], None]:
    """Record numbered items in a mix of sizes, and say after each barrier how many are safe."""

    def work(tell: Callable[[object], None]) -> None:
        chance = random.Random(seed)
        options = ThreadOptions(cwd="/x", history_mode=mode)
        recorder = RolloutRecorder.create(threadlog.open(home), options)
        tell(recorder.path)
        recorder.persist(level="kernel")
        count = 0
        while True:
            for size in chance.choices(list(SIZES), list(SIZES.values()), k=chance.choice(COUNTS)):
                recorder.record(said(count, size))
                count += 1
            recorder.flush(level="kernel")
            tell(count)
            if os.path.getsize(recorder.path) > ENOUGH_BYTES:
                signal.pause()

    return work


def whole_lines(data: bytes) -> list[bytes]:
    """The lines of a rollout, each of which must be whole JSON; what is unfinished is left out."""
    lines = data.split(b"\n")[:-1]
    for line in lines:
        json.loads(line)
    return lines


def check(path: Path, acked: int, mode: str) -> None:
    """All that was acked is there, in order, once; nothing but the last line is unfinished."""
    data = path.read_bytes()
    lines = whole_lines(data)
    found = [number_of(line) for line in lines[1:]]
    assert found == list(range(len(found)))
    assert len(found) >= acked
    numbered = [json.loads(line).get("ordinal") for line in lines]
    assert numbered == ([None] * len(lines) if mode == "legacy" else list(range(len(lines))))


def check_heals(home: threadlog.Home, path: Path) -> bool:
    """Going on changes no byte that was there; True if there was an unfinished line to heal."""
    before = path.read_bytes()
    lines = whole_lines(before)
    torn = not before.endswith(b"\n")
    with RolloutRecorder.resume(home, str(path), force=True) as recorder:
        recorder.record(said(123456))
    after = path.read_bytes()
    assert after.startswith(before)
    added = after[len(before) :]
    assert added[:1] == b"\n" or not torn
    assert added.lstrip(b"\n").count(b"\n") == 1
    last = json.loads(added)
    assert number_of(added) == 123456
    assert last.get("ordinal") == (None if "ordinal" not in json.loads(lines[0]) else len(lines))
    values = list(home.iter_lines(str(path)))
    damaged = [value for value in values if not isinstance(value, threadlog.Line)]
    assert len(damaged) == (1 if torn else 0)
    assert len(values) == len(lines) + len(damaged) + 1
    return torn


@pytest.mark.parametrize("mode", MODES)
def test_a_process_killed_at_any_moment_loses_nothing_that_was_acked(home: Path, mode: str) -> None:
    chance = random.Random(f"{mode} {KILLS}")
    opened = threadlog.open(home)
    acked_at_all = healed = 0
    for seed in range(KILLS // len(MODES)):
        child = forked(records(home, mode, seed))
        path, acked = child.kill(chance.uniform(0, 0.01))
        acked_at_all += acked
        if not os.path.exists(path):
            assert acked == 0
            continue
        check(Path(path), acked, mode)
        if b"\n" in Path(path).read_bytes():
            healed += check_heals(opened, Path(path))
        os.unlink(path)
    print(f"{acked_at_all} items were acked, {healed} unfinished lines healed")
    assert acked_at_all > 0


@pytest.mark.parametrize("mode", MODES)
def test_a_process_killed_before_any_call_loses_nothing_that_was_acked(
    tmp_path: Path, mode: str
) -> None:
    number, healed, finished = 0, 0, False
    while not finished:
        home = tmp_path / str(number)
        child = forked(_killed_at(home, mode, number))
        finished = os.waitpid(child.pid, 0)[1] == 0
        path, acked = child.end()
        if os.path.exists(path):
            check(Path(path), acked, mode)
            if b"\n" in Path(path).read_bytes():
                healed += check_heals(threadlog.open(home), Path(path))
        else:
            assert acked == 0
        with RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x")) as recorder:
            recorder.record(said(0))
            recorder.persist(level="kernel")  # what is left of the killed one is in nobody's way
        number += 1
    assert number > 30
    assert healed > 0


def _killed_at(home: Path, mode: str, number: int) -> Callable[[Callable[[object], None]], None]:
    def work(tell: Callable[[object], None]) -> None:
        disk = FaultyDisk()
        disk.kill_at = number
        disk.before = disk.cut_short
        disk.arm()
        recorder = draft_on(disk, home, mode=mode)
        tell(recorder.path)
        recorder.persist()
        tell(3)
        recorder.record(said(3), said(4))
        recorder.flush()
        tell(5)
        recorder.record(said(5))
        recorder.close()
        tell(6)

    return work
