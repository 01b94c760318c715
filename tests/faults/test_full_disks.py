"""A disk that is really full: what was recorded waits, and is written once there is room."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from ended_processes import MODES
from faults.own_file_systems import ImageDisk, fill, in_memory, run
from faulty_disk import home_on, numbers, opened, ordinals, said
from threadlog import RolloutRecorder, ThreadOptions, WriteFailed
from threadlog.local.disk import Disk

ITEM_BYTES = 3000
MOST_BYTES = 2 << 20  # no more is ever recorded
LONG_S = 10.0


class Noting(Disk):
    """The real disk; notes how much of each write was not taken, and may then make room."""

    def __init__(self) -> None:
        self.short: list[int] = []
        self.ballast: Path | None = None

    def write(self, fd: int, data: memoryview) -> int:
        taken = super().write(fd, data)
        if taken < len(data):
            self.short.append(len(data) - taken)
            if self.ballast is not None:
                self.ballast.unlink()
                self.ballast = None
        return taken


@pytest.fixture(params=[64 << 10, 1 << 20, None], ids=["64 KiB", "1 MiB", "ext4"])
def small(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A disk of that size, in memory; or one that allocates as late as it can."""
    if request.param is None:
        with ImageDisk(tmp_path).made() as disk:
            yield disk.mount_point
    else:
        with in_memory(tmp_path / "small", request.param) as folder:
            yield folder


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    with in_memory(tmp_path / "tiny", 256 << 10) as folder:
        yield folder


def begun(home: Path, mode: str = "legacy", disk: Disk | None = None) -> RolloutRecorder:
    """A live recorder of the messages 0, 1, 2 in a home of its own."""
    options = ThreadOptions(cwd="/x", history_mode=mode)
    recorder = RolloutRecorder.create(home_on(disk or Disk(), home / "home"), options)
    recorder.record(*map(said, range(3)))
    recorder.persist()
    return recorder


def fill_up(recorder: RolloutRecorder, level: str, size: int = ITEM_BYTES) -> WriteFailed:
    """Record until there is no room for more; returns what the barrier raised then."""
    number = len(numbers(recorder.path))
    while number * size < MOST_BYTES:
        recorder.record(*(said(number + each, size) for each in range(3)))
        number += 3
        try:
            recorder.flush(level=level)
        except WriteFailed as error:
            return error
    raise AssertionError("the disk never got full")


def check_all(recorder: RolloutRecorder, mode: str) -> None:
    """Everything that was recorded is in the file, once, in order."""
    count = recorder._channel.recorded
    recorder.close()
    assert numbers(recorder.path) == list(range(count))
    assert ordinals(recorder.path) == (
        [None] * (count + 1) if mode == "legacy" else [*range(count + 1)]
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("level", ["durable", "kernel"])
def test_a_full_disk_is_said_and_what_waited_is_written_once_there_is_room(
    small: Path, mode: str, level: str
) -> None:
    disk = Noting()
    recorder = begun(small, mode, disk)
    ballast = fill(small, leave_bytes=6 * ITEM_BYTES)
    error = fill_up(recorder, level)
    assert (error.errno, error.path) == (errno.ENOSPC, recorder.path)
    assert disk.short, "the disk never took a part only"
    for _ in range(3):
        found = numbers(recorder.path)
        assert found == list(range(error.safe_items))
        assert recorder.pending_items == recorder._channel.recorded - error.safe_items > 0
        assert error.durable_items == (error.safe_items if level == "durable" else 3)
        recorder.record(said(recorder._channel.recorded))
        with pytest.raises(WriteFailed) as again:
            recorder.flush(level=level)
        assert again.value.safe_items == error.safe_items
    ballast.unlink()
    recorder.flush(level=level)
    assert recorder.pending_items == 0
    check_all(recorder, mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_write_that_the_disk_took_a_part_of_goes_on_where_it_stopped(
    tiny: Path, mode: str
) -> None:
    disk = Noting()
    recorder = begun(tiny, mode, disk)
    disk.ballast = fill(tiny, leave_bytes=4 * ITEM_BYTES)
    recorder.record(*(said(3 + each, ITEM_BYTES) for each in range(20)))
    recorder.flush()
    assert len(disk.short) == 1
    check_all(recorder, mode)


def test_no_more_of_a_disk_that_stays_full_is_taken_by_trying_again(tiny: Path) -> None:
    recorder = begun(tiny)
    ballast = fill(tiny, leave_bytes=2 * ITEM_BYTES)
    fill_up(recorder, "kernel")
    size = os.path.getsize(recorder.path)
    for _ in range(20):
        with pytest.raises(WriteFailed):
            recorder.flush()
        assert os.path.getsize(recorder.path) == size
    ballast.unlink()
    check_all(recorder, "legacy")


def test_once_there_is_room_it_is_written_without_being_asked(tiny: Path) -> None:
    recorder = begun(tiny)
    ballast = fill(tiny, leave_bytes=2 * ITEM_BYTES)
    fill_up(recorder, "kernel")
    ballast.unlink()
    since = time.monotonic()
    while recorder.pending_items:
        assert time.monotonic() - since < LONG_S
        time.sleep(0.01)
    check_all(recorder, "legacy")


@pytest.mark.parametrize("mode", MODES)
def test_a_thread_can_be_begun_once_each_thing_it_needs_has_room(tmp_path: Path, mode: str) -> None:
    with in_memory(tmp_path / "few", 256 << 10) as few:
        recorder = RolloutRecorder.create(
            threadlog.open(few / "home"), ThreadOptions(cwd="/x", history_mode=mode)
        )
        recorder.record(*map(said, range(3)))
        errors = []
        for inodes in range(1, 30):
            run("mount", "-o", f"remount,nr_inodes={inodes}", str(few))
            try:
                recorder.persist()
                break
            except WriteFailed as error:
                errors.append((error.errno, error.safe_items, opened(few)))
        assert set(errors) == {(errno.ENOSPC, 0, 0)}
        # The home, its locks (folder, coordination, thread), sessions, year, month, day.
        assert len(errors) >= 8
        recorder.record(said(3))
        check_all(recorder, mode)


def test_a_thread_that_was_begun_on_a_full_disk_is_whole_once_there_is_room(tiny: Path) -> None:
    ballast = fill(tiny)
    with RolloutRecorder.create(threadlog.open(tiny / "home"), ThreadOptions(cwd="/x")) as recorder:
        recorder.record(*map(said, range(3)))
        for _ in range(2):
            with pytest.raises(WriteFailed) as caught:
                recorder.persist()
            assert (caught.value.errno, caught.value.safe_items) == (errno.ENOSPC, 0)
            assert not os.path.exists(recorder.path) or numbers(recorder.path) == []
        ballast.unlink()
        recorder.persist()
        assert numbers(recorder.path) == [0, 1, 2]


@pytest.mark.parametrize("mode", MODES)
def test_a_turn_on_a_full_disk_is_there_whole_once_there_is_room(tiny: Path, mode: str) -> None:
    home = threadlog.open(tiny / "home")
    with home.start("/x", history_mode=mode) as thread:
        with thread.turn("first") as turn:
            turn.say("done")
        ballast = fill(tiny, leave_bytes=2 * ITEM_BYTES)
        with pytest.raises(WriteFailed) as caught, thread.turn("second") as turn:
            turn.say("x" * 8 * ITEM_BYTES)
        assert caught.value.errno == errno.ENOSPC
        ballast.unlink()
    turns = list(home.turns(thread.path))
    assert [each.status for each in turns] == ["completed", "completed"]
    home.close()


def test_a_thread_of_a_full_disk_can_be_read_and_listed(tiny: Path) -> None:
    recorder = begun(tiny)
    ballast = fill(tiny)
    home = threadlog.open(tiny / "home")
    assert [each.id for each in home.threads()] == [recorder.thread_id]
    assert len(list(home.iter_lines(recorder.path))) == 4
    home.close()
    ballast.unlink()
    recorder.close()


def test_a_thread_is_gone_on_with_on_a_full_disk_once_there_is_room(tiny: Path) -> None:
    first = begun(tiny)
    first.close()
    ballast = fill(tiny)
    home = threadlog.open(tiny / "home")
    recorder = RolloutRecorder.resume(home, first.thread_id)
    recorder.record(*(said(3 + each, ITEM_BYTES) for each in range(5)))
    with pytest.raises(WriteFailed) as caught:
        recorder.close()
    ballast.unlink()
    assert caught.value.errno == errno.ENOSPC
    recorder.close()
    assert numbers(first.path) == list(range(8))
    home.close()
