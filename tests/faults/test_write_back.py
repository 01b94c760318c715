"""A disk that takes what is written and cannot keep it: a sync fails, really.

An ext4 file system in a file, which lies on a disk too full for it.  The kernel says so at the
sync, and once; then it counts what it could not write back as written.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from ended_processes import MODES
from faults.own_file_systems import PAGE, ImageDisk, run
from faults.own_processes import apart
from faulty_disk import numbers, ordinals, said
from threadlog import RolloutRecorder, ThreadOptions, WriteFailed, writer

ITEM_BYTES = 9000
MANY = 70  # threads, of whose files not all are kept open
SHORT_BYTES = 200  # of a message whose size is not given
# What the kernel may say of it.
REASONS = (errno.EIO, errno.ENOSPC)


@pytest.fixture(params=[False, True], ids=["no journal", "journal"])
def disk(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ImageDisk]:
    """Such a disk, which keeps what is written until it is starved."""
    # No sync may be at work while there comes to be room: see `stored`.
    monkeypatch.setattr(writer, "RETRY_S", 60.0)
    monkeypatch.setattr(writer, "IDLE_S", 60.0)
    made = ImageDisk(tmp_path, journal=request.param)
    with made.made():
        yield made


def stored(disk: ImageDisk, mode: str = "legacy") -> tuple[threadlog.Home, str]:
    """A thread of the messages 0, 1, 2 that the disk has, which ends with a block; and its home.

    For a loop device calls a write done of which the file below took a part: that disk lies to
    everybody.  So no block of a write may be one that the disk has already.
    """
    home = threadlog.open(disk.mount_point / "home")
    options = ThreadOptions(cwd="/x", history_mode=mode)
    with RolloutRecorder.create(home, options) as recorder:
        recorder.record(*map(said, range(2)))
        recorder.persist()
        lines = Path(recorder.path).read_bytes().splitlines(keepends=True)
        shortest = len(lines[-1]) - SHORT_BYTES
        recorder.record(said(2, -(sum(map(len, lines)) + shortest) % PAGE))
    assert os.path.getsize(recorder.path) % PAGE == 0
    return home, recorder.path


def forget(path: str) -> None:
    """Have the kernel drop what it holds of a file and counts as written."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("forgets", [False, True], ids=["remembered", "forgotten"])
def test_what_could_not_be_written_back_is_on_the_disk_once_there_is_room(
    disk: ImageDisk, mode: str, forgets: bool
) -> None:
    home, path = stored(disk, mode)
    disk.starve()
    recorder = RolloutRecorder.resume(home, path, force=True)
    count = 3
    for _ in range(2):
        recorder.record(*(said(count + each, ITEM_BYTES) for each in range(4)))
        count += 4
        with pytest.raises(WriteFailed) as caught:
            recorder.flush()
        assert caught.value.errno in REASONS
        assert (caught.value.safe_items, caught.value.durable_items) == (count - 3, 0)
        if forgets:
            forget(path)
    disk.feed()
    recorder.flush()
    on_disk(disk, path, count)
    recorder.record(said(count))
    recorder.close()
    on_disk(disk, path, count + 1)
    assert ordinals(path) == ([None] * (count + 2) if mode == "legacy" else [*range(count + 2)])


def on_disk(disk: ImageDisk, path: str, count: int) -> None:
    """So many messages would be there after the power had gone."""
    with disk.as_the_disk_has_it() as folder:
        assert numbers(folder / os.path.relpath(path, disk.mount_point)) == list(range(count))


def test_what_is_recorded_meanwhile_is_on_the_disk_too(disk: ImageDisk) -> None:
    home, path = stored(disk)
    disk.starve()
    recorder = RolloutRecorder.resume(home, path, force=True)
    for number in range(3, 31):
        recorder.record(said(number, ITEM_BYTES))
        if number % 3 == 0:
            with pytest.raises(WriteFailed):
                recorder.flush()
        else:
            recorder.flush(level="kernel")
    disk.feed()
    recorder.close()
    on_disk(disk, path, 31)


@pytest.mark.parametrize("mode", MODES)
def test_a_thread_that_was_begun_on_such_a_disk_is_on_it_once_there_is_room(
    disk: ImageDisk, mode: str
) -> None:
    disk.starve()
    home = threadlog.open(disk.mount_point / "home")
    recorder = RolloutRecorder.create(home, ThreadOptions(cwd="/x", history_mode=mode))
    recorder.record(*map(said, range(3)))
    for _ in range(2):
        with pytest.raises(WriteFailed) as caught:
            recorder.persist()
        assert caught.value.errno in REASONS
        assert (caught.value.safe_items, caught.value.durable_items) == (3, 0)
    disk.feed()
    recorder.persist()
    on_disk(disk, recorder.path, 3)
    recorder.close()


def test_what_the_system_failed_to_write_back_by_itself_is_said_by_the_next_barrier(
    disk: ImageDisk,
) -> None:
    home, path = stored(disk)
    disk.starve()
    recorder = RolloutRecorder.resume(home, path, force=True)
    recorder.record(*(said(3 + each, ITEM_BYTES) for each in range(4)))
    recorder.flush(level="kernel")
    with pytest.raises(OSError, match="sync"):
        run("sync", "--file-system", path)
    disk.feed()
    with pytest.raises(WriteFailed) as caught:
        recorder.flush()
    assert (caught.value.safe_items, caught.value.durable_items) == (4, 0)
    recorder.flush()
    on_disk(disk, path, 7)
    recorder.close()


def test_what_failed_while_no_descriptor_was_open_is_not_acknowledged_unless_it_is_there(
    disk: ImageDisk,
) -> None:
    def work() -> None:
        home, path = stored(disk)
        others = [stored(disk)[1] for _ in range(MANY)]
        disk.starve()
        recorder, *rest = (
            RolloutRecorder.resume(home, each, force=True) for each in (path, *others)
        )
        recorder.record(*(said(3 + each, ITEM_BYTES) for each in range(4)))
        recorder.flush(level="kernel")
        for each in rest:  # whose files are open instead
            each.record(said(3))
            each.flush(level="kernel")
        # Somebody else is told of the failure, and nobody is told a second time.
        for words in (["--file-system"], []):
            with contextlib.suppress(OSError):
                run("sync", *words, path)
        disk.feed()
        with contextlib.suppress(WriteFailed):
            recorder.flush()
        recorder.flush()
        on_disk(disk, path, 7)

    apart(work)


@pytest.mark.parametrize("level", ["durable", "kernel"])
def test_on_a_disk_that_was_given_up_nothing_is_acknowledged_and_everything_is_read(
    disk: ImageDisk, level: str
) -> None:
    def work() -> None:
        home, path = stored(disk)
        recorder = RolloutRecorder.resume(home, path, force=True)
        recorder.record(said(3))
        recorder.flush()
        run("mount", "-o", "remount,abort", str(disk.mount_point))
        for number in range(4, 7):
            recorder.record(said(number))
            with pytest.raises(WriteFailed) as caught:
                recorder.flush(level=level)
            assert caught.value.errno in (*REASONS, errno.EROFS)
            assert (caught.value.safe_items, caught.value.durable_items) == (1, 1)
        assert recorder.pending_items == 3
        assert len(list(home.iter_lines(path))) == 5
        on_disk(disk, path, 4)

    apart(work)


def test_without_writing_again_such_a_disk_loses_what_a_second_sync_acknowledges(
    disk: ImageDisk,
) -> None:
    home, path = stored(disk)
    home.close()
    disk.starve()
    size = os.path.getsize(path)
    data = b"y" * 4 * ITEM_BYTES
    fd = os.open(path, os.O_RDWR | os.O_APPEND)
    try:
        assert os.write(fd, data) == len(data)
        with pytest.raises(OSError, match=r"error|space"):
            os.fdatasync(fd)
        disk.feed()
        os.fdatasync(fd)
    finally:
        os.close(fd)
    with disk.as_the_disk_has_it() as folder:
        found = (folder / os.path.relpath(path, disk.mount_point)).read_bytes()
    assert found[size:] != data, "the other tests prove nothing"
