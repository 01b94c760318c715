"""What recorders may hold, and what they take of the system: memory, writes, descriptors."""

from __future__ import annotations

import errno
import json
import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from faulty_disk import FaultyDisk, Gate, home_on
from threadlog import (
    BacklogFull,
    NotOnDiskYet,
    RolloutRecorder,
    ThreadOptions,
    WriteFailed,
)
from threadlog import backlog as backlog_module
from threadlog import open_files as open_files_module
from threadlog import pool as pool_module
from threadlog.core.items.event import AgentMessageEvent

OPTIONS = ThreadOptions(cwd="/desk/project")


def said(number: int, size: int = 0) -> AgentMessageEvent:
    """A message that tells its number."""
    return AgentMessageEvent(message=f"{number} " + "x" * size)


def numbers(path: str) -> list[int]:
    lines = [json.loads(line) for line in Path(path).read_bytes().splitlines()]
    return [int(line["payload"]["message"].split()[0]) for line in lines[1:]]


def live(home: threadlog.Home) -> RolloutRecorder:
    recorder = RolloutRecorder.create(home, OPTIONS)
    recorder.persist()
    return recorder


@pytest.fixture
def gate(home: Path) -> Iterator[tuple[Gate, RolloutRecorder]]:
    """A live recorder on such a disk."""
    disk = Gate()
    recorder = live(home_on(disk, home))
    disk.sizes.clear()
    yield disk, recorder
    disk.open_.set()
    recorder.close()


def test_the_limits_are_those_of_the_documents() -> None:
    assert backlog_module.RECORDER_LIMIT_BYTES == 64 << 20
    assert backlog_module.PROCESS_LIMIT_BYTES == 256 << 20
    assert backlog_module.ROOM_BYTES == 8 << 20
    assert backlog_module.BATCH_BYTES == 256 << 10


@pytest.mark.codex("C026")
def test_a_recorder_takes_no_more_than_its_limit_and_all_or_none(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "RECORDER_LIMIT_BYTES", 10_000)
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
        recorder.record(said(0, 5000))
        for items in ([said(1, 6000)], [said(1), said(2, 6000)], [said(1, 20_000)]):
            with pytest.raises(BacklogFull, match="10000"):
                recorder.record(*items)
        recorder.record(said(1))
        recorder.persist()
        recorder.record(said(2, 6000))
        recorder.flush()
        assert numbers(recorder.path) == [0, 1, 2]


def test_all_recorders_together_take_no_more_than_the_process_may(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "PROCESS_LIMIT_BYTES", 10_000)
    opened = threadlog.open(home)
    first, second = (RolloutRecorder.create(opened, OPTIONS) for _ in range(2))
    first.record(said(0, 6000))
    with pytest.raises(BacklogFull, match="process"):
        second.record(said(0, 6000))
    first.persist()
    second.record(said(0, 6000))
    first.close()
    second.persist()
    second.close()
    assert backlog_module.process.weight == 0


def test_a_closed_draft_gives_back_what_it_held(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), OPTIONS)
    recorder.record(said(0, 5000))
    assert backlog_module.process.weight > 5000
    with pytest.warns(RuntimeWarning, match="1 items"):
        recorder.close()
    assert backlog_module.process.weight == 0


@pytest.mark.codex("C026")
def test_drain_waits_for_room_and_for_no_more_than_that(
    gate: tuple[Gate, RolloutRecorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "ROOM_BYTES", 100_000)
    disk, recorder = gate
    recorder.record(said(0))
    recorder.drain()
    disk.open_.clear()
    for number in range(20):
        recorder.record(said(number, 100_000))
    waiting = threading.Thread(target=recorder.drain, daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    disk.open_.set()
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_draft_has_nothing_to_drain(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), OPTIONS)
    with recorder, pytest.raises(NotOnDiskYet, match=recorder.thread_id):
        recorder.drain()


def test_a_batch_is_one_write_of_about_256_kib(gate: tuple[Gate, RolloutRecorder]) -> None:
    disk, recorder = gate
    disk.open_.clear()
    for number in range(3000):
        recorder.record(said(number, 1000))
    disk.open_.set()
    recorder.flush()
    assert max(disk.sizes) <= (256 << 10) + 2000
    assert len(disk.sizes) <= 3000 * 1300 // (200 << 10)
    assert numbers(recorder.path) == list(range(3000))


def test_one_item_larger_than_a_batch_is_one_write(gate: tuple[Gate, RolloutRecorder]) -> None:
    disk, recorder = gate
    recorder.record(said(0, 1_000_000))
    recorder.flush()
    assert len(disk.sizes) == 1


def test_a_busy_recorder_does_not_keep_others_waiting(home: Path) -> None:
    opened = threadlog.open(home)
    busy, quiet = live(opened), live(opened)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            try:
                busy.record(*[said(0, 2000)] * 10)
            except BacklogFull:
                busy.drain()

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    time.sleep(0.2)
    try:
        for number in range(5):
            begun = time.monotonic()
            quiet.record(said(number))
            quiet.flush(level="kernel")
            assert time.monotonic() - begun < 5
    finally:
        stop.set()
        worker.join(30)
    busy.close()
    quiet.close()
    assert numbers(quiet.path) == list(range(5))


def test_what_was_recorded_is_written_soon_without_being_asked(home: Path) -> None:
    with live(threadlog.open(home)) as recorder:
        for number in range(3):
            recorder.record(said(number))
            deadline = time.monotonic() + 5
            while numbers(recorder.path) != list(range(number + 1)):
                assert time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(0.3)  # the worker has parked meanwhile


# -- descriptors

HAS_PROC = os.path.isdir("/proc/self/fd")


def open_files(home: Path) -> list[str]:
    """What this process has open under a home."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if target.startswith(f"{home}/"):
            found.append(os.path.basename(target))
    return sorted(found)


def presence() -> str:
    """The file by which others know that this process is threadlog."""
    return f"writing-{os.getpid()}.lock"


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_an_idle_recorder_holds_its_lock_and_its_file(home: Path) -> None:
    recorder = live(threadlog.open(home))
    expected = sorted([f"{recorder.thread_id}.lock", presence(), os.path.basename(recorder.path)])
    recorder.record(said(0))
    recorder.flush()
    assert open_files(home) == expected
    recorder.record(said(1))
    recorder.flush(level="kernel")
    assert open_files(home) == expected
    recorder.close()
    assert open_files(home) == []


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_a_resumed_thread_holds_its_lock_and_no_other_descriptor(home: Path) -> None:
    opened = threadlog.open(home)
    with live(opened) as recorder:
        recorder.record(said(0))
    again = RolloutRecorder.resume(opened, recorder.thread_id)
    assert open_files(home) == sorted([f"{recorder.thread_id}.lock", presence()])
    again.close()


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
def test_of_many_recorders_the_last_written_to_hold_their_files(home: Path) -> None:
    opened = threadlog.open(home)
    recorders = [live(opened) for _ in range(open_files_module.OPEN_FILES + 9)]
    for recorder in recorders:
        recorder.record(said(0))
        recorder.flush()
    held = [name for name in open_files(home) if name.endswith(".jsonl")]
    last = recorders[-open_files_module.OPEN_FILES :]
    assert held == sorted(os.path.basename(recorder.path) for recorder in last)
    opened.close()
    assert open_files(home) == []


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
@pytest.mark.parametrize("other", ["is recorded to", "cannot be written"])
def test_what_rests_is_synced_while_another_thread(home: Path, other: str) -> None:
    disk = FaultyDisk()
    opened = home_on(disk, home)
    resting, busy = live(opened), live(opened)
    resting.record(said(0))
    resting.flush(level="kernel")
    inode = os.stat(resting.path).st_ino
    disk.synced.discard(inode)
    if other == "cannot be written":
        disk.error, disk.fail_names = errno.EDQUOT, {"write"}
    disk.arm()
    deadline = time.monotonic() + 6
    while inode not in disk.synced:
        busy.record(said(1))
        assert time.monotonic() < deadline
        time.sleep(0.1)
    disk.disarm()
    opened.close()


@pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
@pytest.mark.parametrize("level", [threadlog.KERNEL, threadlog.DURABLE])
def test_only_so_many_files_are_open_at_once_however_many_are_recorded_to(
    home: Path, level: str
) -> None:
    most = 0

    def slowly(name: str) -> None:
        nonlocal most
        if name == "sync_data":
            time.sleep(0.005)
        elif name == "write":
            files = [name for name in open_files(home) if name.endswith(".jsonl")]
            most = max(most, len(files))

    disk = FaultyDisk()
    opened = home_on(disk, home)
    recorders = [live(opened) for _ in range(open_files_module.OPEN_FILES + 40)]
    disk.before = slowly
    disk.arm()
    for recorder in recorders:
        recorder.record(said(0))
    for barrier in [recorder.start_flush(level=level) for recorder in recorders]:
        assert barrier is not None
        barrier.wait()
    most_wanted = open_files_module.OPEN_FILES + pool_module.THREADS + 1
    assert 1 < most <= most_wanted
    for recorder in recorders:
        recorder.close()
    assert all(numbers(recorder.path) == [0] for recorder in recorders)


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """A process that may open some more files than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd")) if HAS_PROC else 30
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 30, hard))
    yield 30
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_descriptors")
def test_to_be_out_of_descriptors_is_said_and_loses_nothing(home: Path) -> None:
    opened = threadlog.open(home)
    recorders: list[RolloutRecorder] = []
    failed: WriteFailed | None = None
    while failed is None:
        recorder = RolloutRecorder.create(opened, OPTIONS)
        recorder.record(said(len(recorders)))
        try:
            recorder.persist()
        except WriteFailed as error:
            failed = error
        recorders.append(recorder)
        assert len(recorders) < 100
    assert failed.errno == errno.EMFILE
    assert "ulimit -n" in str(failed)
    for recorder in recorders[:5]:
        recorder.close()
    recorders[-1].persist()
    for recorder in recorders:
        recorder.close()
    assert [numbers(recorder.path) for recorder in recorders] == [
        [number] for number in range(len(recorders))
    ]


def test_a_recorder_that_is_created_starts_nothing_and_makes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_args: Any, **_others: Any) -> None:
        raise AssertionError("a thread was started")

    monkeypatch.setattr(threading.Thread, "start", fails)
    disk = FaultyDisk()
    disk.arm()
    recorder = RolloutRecorder.create(home_on(disk, home), OPTIONS)
    recorder.record(said(0))
    recorder.flush()
    assert disk.made == []
    recorder._channel.end()
