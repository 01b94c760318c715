"""The background that reads for the index: it rests, and gives way to who waits for a disk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from faulty_disk import draft_on, said
from threadlog import keeper as keeper_module
from threadlog.barrier import Barrier
from threadlog.keeper import Keeper
from threadlog.local.disk import Disk

WORK_S = 0.02


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it was to rest."""
    asked: list[float] = []

    class Clock:
        monotonic = staticmethod(time.monotonic)
        sleep = staticmethod(asked.append)

    monkeypatch.setattr(keeper_module, "time", Clock)
    return asked


def work(pieces: int) -> None:
    """Have a keeper do so many pieces of work of WORK_S each."""

    class Catalog:
        def catch_up(self, stop: Any, _progress: Any) -> bool:
            for _ in range(pieces):
                time.sleep(WORK_S)
                assert not stop()
            return True

    keeper = Keeper(Catalog())  # type: ignore[arg-type]
    keeper.wake()
    deadline = time.monotonic() + 10
    while keeper._thread is not None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    keeper.end()


def test_it_rests_as_long_as_it_works(rests: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Barrier, "asked_at", float("-inf"))
    work(3)
    assert len(rests) == 3
    assert all(WORK_S <= each <= keeper_module.REST_S for each in rests)


def test_it_rests_nine_times_as_long_while_somebody_waits_for_a_disk(
    rests: list[float], tmp_path: Path
) -> None:
    with draft_on(Disk(), tmp_path / "home") as recorder:
        recorder.persist()
        recorder.record(said(3))
        recorder.flush()
        work(1)
    assert 9 * WORK_S <= rests[0] <= keeper_module.LONG_REST_S


def test_who_waits_for_no_disk_does_not_slow_it(
    rests: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = draft_on(Disk(), tmp_path / "home")
    recorder.persist()
    monkeypatch.setattr(Barrier, "asked_at", float("-inf"))
    recorder.record(said(3))
    recorder.flush(level="kernel")
    work(1)
    recorder.close()
    assert rests[0] <= keeper_module.REST_S
