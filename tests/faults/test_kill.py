"""A process that records is killed, at any moment and before each call: what was acked is there."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

import threadlog
from ended_processes import MODES, check, check_heals, forked, records
from faulty_disk import FaultyDisk, draft_on, said
from threadlog import RolloutRecorder, ThreadOptions

KILLS = int(os.environ.get("THREADLOG_KILLS", "300"))


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
