"""Killed at any moment: what a barrier acknowledged is there, once and in order, and goes on.

The process is killed, not the machine: what counts is what the system was handed (level kernel).
$THREADLOG_KILLS says how often; `make faults` does it 2,000 times.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import threadlog
from faulty_disk import FaultyDisk, home_on
from threadlog import KERNEL, Line, RolloutRecorder, ThreadOptions
from threadlog.core.items.event import AgentMessageEvent, TaskStarted
from threadlog.core.items.response import FunctionCallOutput
from threadlog.home import Home

KILLS = int(os.environ.get("THREADLOG_KILLS", "300"))
SIZES = (10, 10, 10, 300, 3000, 60_000)
MODES = ("legacy", "paginated")


def numbered(number: int) -> FunctionCallOutput:
    """An item that tells its number; few are large."""
    size = SIZES[number % len(SIZES)]
    return FunctionCallOutput(call_id=str(number), output="x" * size)


def child(home: Home, mode: str, report: int) -> None:
    """Record for ever, and tell after each barrier what it acknowledged."""
    chance = random.Random(os.getpid())
    recorder = RolloutRecorder.create(home, ThreadOptions(cwd="/x", history_mode=mode))
    os.write(report, recorder.path.encode() + b"\n")
    recorder.record(numbered(0))
    recorder.persist(level=KERNEL)
    number = 0
    while True:
        os.write(report, struct.pack("<I", number + 1))
        for _ in range(chance.randrange(1, 30)):
            number += 1
            recorder.record(numbered(number))
        recorder.flush(level=KERNEL)


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """A child process that does *work* with a pipe to us: its id, and our end."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, ours
    try:
        os.close(ours)
        work(theirs)
    finally:
        os._exit(0)  # nothing of pytest's runs here


def told(pipe: int) -> bytes:
    """All that the child told before it was killed."""
    with os.fdopen(pipe, "rb") as file:
        return file.read()


def kill_after(pid: int, pipe: int, delay_s: float) -> None:
    """Kill a child so long after it began to talk."""
    select.select([pipe], [], [], 10)
    time.sleep(delay_s)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def check(path: Path, acknowledged: int, mode: str) -> None:
    """What was acknowledged is in the file; then one more item heals its end."""
    data = path.read_bytes() if path.exists() else b""
    assert data or not acknowledged
    if not data:
        return
    fragment = data.rpartition(b"\n")[2]
    values = [json.loads(raw) for raw in data[: len(data) - len(fragment)].splitlines()]
    numbers = [int(value["payload"]["call_id"]) for value in values[1:]]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= acknowledged
    if not values:
        return
    home = threadlog.open(path.parents[4])
    with RolloutRecorder.resume(home, str(path), force=True) as recorder:
        recorder.record(TaskStarted(turn_id="after"))
    assert path.read_bytes().startswith(data)
    lines = [value for value in home.iter_lines(str(path)) if isinstance(value, Line)]
    assert isinstance(lines[-1].item, TaskStarted)
    problems = [value for value in home.iter_lines(str(path)) if not isinstance(value, Line)]
    whole = fragment and _is_whole(fragment)
    assert len(problems) == bool(fragment and not whole)
    if mode == "paginated":
        assert [line.ordinal for line in lines] == list(range(len(lines)))


def _is_whole(raw: bytes) -> bool:
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True


def test_killed_at_a_random_moment_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    chance = random.Random(20261124)
    acknowledged_in_all = torn = 0
    for number in range(KILLS):
        mode, home = MODES[number % 2], tmp_path / str(number % 50)
        opened = threadlog.open(home)
        pid, pipe = forked(lambda report, o=opened, m=mode: child(o, m, report))  # type: ignore[misc]
        kill_after(pid, pipe, chance.choice((0.0, 0.001, 0.003, 0.01)) * chance.random())
        name, _, counts = told(pipe).partition(b"\n")
        acknowledged = struct.unpack("<I", counts[len(counts) - 4 :])[0] if counts else 0
        path = Path(name.decode())
        if name:
            torn += path.exists() and not path.read_bytes().endswith(b"\n")
            check(path, acknowledged, mode)
        acknowledged_in_all += acknowledged
        path.unlink(missing_ok=True) if name else None
    assert acknowledged_in_all > KILLS
    print(f"\n{KILLS} kills, {acknowledged_in_all} acknowledged, {torn} torn tails healed")


def killed_at(call: int, home: Path, mode: str, short: int | None) -> tuple[bytes, int]:
    """Record a little on a disk that ends the process at that call; what it told, how it ended."""

    def work(report: int) -> None:
        disk = FaultyDisk()
        recorder = RolloutRecorder.create(
            home_on(disk, home), ThreadOptions(cwd="/x", history_mode=mode)
        )
        os.write(report, recorder.path.encode() + b"\n")
        disk.arm()
        if short is None:
            disk.kill_at = call
        else:
            disk.short_at, disk.short_bytes, disk.kill_at = call, short, call + 1
        recorder.record(*map(numbered, range(3)))
        recorder.persist()
        os.write(report, struct.pack("<I", 3))
        recorder.record(*map(numbered, range(3, 6)))
        recorder.flush()
        os.write(report, struct.pack("<I", 6))
        recorder.close()

    pid, pipe = forked(work)
    answer = told(pipe)
    return answer, os.waitpid(pid, 0)[1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("short", [None, 1, 200])
def test_killed_before_any_call_to_the_system(tmp_path: Path, mode: str, short: int | None) -> None:
    call, killed = 0, 1
    while killed:
        home = tmp_path / str(call)
        answer, killed = killed_at(call, home, mode, short)
        name, _, counts = answer.partition(b"\n")
        acknowledged = struct.unpack("<I", counts[-4:])[0] if counts else 0
        check(Path(name.decode()), acknowledged, mode)
        call += 1
        if short is not None and call > 60:
            break
    assert call > 10


def test_the_lock_of_a_killed_writer_is_free_at_once(home: Path) -> None:
    opened = threadlog.open(home)
    pid, pipe = forked(lambda report: child(opened, "legacy", report))
    kill_after(pid, pipe, 0.2)
    name = told(pipe).partition(b"\n")[0].decode()
    with RolloutRecorder.resume(opened, name, force=True) as recorder:
        recorder.record(AgentMessageEvent(message="ours now"))
