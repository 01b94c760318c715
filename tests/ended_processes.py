"""Processes that record and are ended from outside, and what must be in their rollouts then."""

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

import threadlog
from faulty_disk import home_on, number_of, said
from threadlog import RolloutRecorder, ThreadOptions
from threadlog.local.disk import Disk

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


def records(
    home: Path, mode: str, seed: int, level: str = "kernel", disk: Disk | None = None
) -> Callable[[Callable[[object], None]], None]:
    """Record numbered items in a mix of sizes, and say after each barrier how many are safe."""

    def work(tell: Callable[[object], None]) -> None:
        chance = random.Random(seed)
        options = ThreadOptions(cwd="/x", history_mode=mode)
        recorder = RolloutRecorder.create(home_on(disk or Disk(), home), options)
        tell(recorder.path)
        recorder.persist(level=level)
        count = 0
        while True:
            for size in chance.choices(list(SIZES), list(SIZES.values()), k=chance.choice(COUNTS)):
                recorder.record(said(count, size))
                count += 1
            recorder.flush(level=level)
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
