"""The system refuses, really: limits, read-only file systems, attributes of files, permissions."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import threadlog
from ended_processes import MODES
from faults.own_file_systems import ImageDisk, in_memory, needs, read_only, run
from faults.own_processes import NOBODY, apart
from faulty_disk import FaultyDisk, draft_on, home_on, numbers, opened, ordinals, rest, said
from threadlog import RolloutRecorder, ThreadlogError, ThreadOptions, WriteFailed

ITEM_BYTES = 3000


def begun(home: Path, mode: str = "legacy", disk: FaultyDisk | None = None) -> RolloutRecorder:
    """A live recorder of the messages 0, 1, 2."""
    recorder = draft_on(disk or FaultyDisk(), home, mode=mode)
    recorder.persist()
    return recorder


def refused(barrier: Callable[[], None], reason: int, safe_items: int) -> None:
    """A barrier fails for this reason, with so much in the file, and no matter how often."""
    for _ in range(2):
        with pytest.raises(WriteFailed) as caught:
            barrier()
        assert (caught.value.errno, caught.value.safe_items) == (reason, safe_items)


def check_all(recorder: RolloutRecorder, mode: str = "legacy") -> None:
    """Everything that was recorded is in the file, once, in order; nothing is left open."""
    count = recorder._channel.recorded
    recorder.close()
    assert numbers(recorder.path) == list(range(count))
    numbered = [None] * (count + 1) if mode == "legacy" else [*range(count + 1)]
    assert ordinals(recorder.path) == numbered
    assert opened(recorder.path) == 0


# -- limits of the process


@contextlib.contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """So much this process may have, and no more; only for a process of its own."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@pytest.mark.parametrize("mode", MODES)
def test_a_file_that_may_not_grow_is_said_and_nothing_is_lost(home: Path, mode: str) -> None:
    def work() -> None:
        disk = FaultyDisk()
        recorder = begun(home, mode, disk)
        disk.arm()
        for beyond in (1, ITEM_BYTES, 2 * ITEM_BYTES):
            safe = len(numbers(recorder.path))
            size = os.path.getsize(recorder.path)
            with limited(resource.RLIMIT_FSIZE, size + beyond):
                recorder.record(*(said(safe + each, ITEM_BYTES) for each in range(3)))
                refused(recorder.flush, errno.EFBIG, safe)
            assert os.path.getsize(recorder.path) == size
            recorder.flush()
        assert "truncate" in disk.made, "nothing was ever written in part"
        check_all(recorder, mode)

    apart(work)


@pytest.mark.parametrize("mode", MODES)
def test_a_thread_that_may_not_even_have_its_first_line_begins_later(home: Path, mode: str) -> None:
    def work() -> None:
        recorder = draft_on(FaultyDisk(), home, mode=mode)
        with limited(resource.RLIMIT_FSIZE, 100):
            refused(recorder.persist, errno.EFBIG, 0)
        recorder.persist()
        check_all(recorder, mode)

    apart(work)


def first_free_descriptor() -> int:
    """With this as the limit nothing can be opened any more."""
    fd = os.open(os.devnull, os.O_RDONLY)
    os.close(fd)
    return fd


def test_without_a_free_descriptor_what_is_recorded_waits(home: Path) -> None:
    def work() -> None:
        recorder = begun(home)
        rest(recorder)
        with limited(resource.RLIMIT_NOFILE, first_free_descriptor()):
            recorder.record(said(3))
            refused(recorder.flush, errno.EMFILE, 3)
        check_all(recorder)

    apart(work)


def begins(recorder: RolloutRecorder, descriptors: int) -> bool:
    """True if so many are enough to begin a thread; else that has to be said."""
    with limited(resource.RLIMIT_NOFILE, descriptors):
        try:
            recorder.persist()
        except WriteFailed as error:
            told = error
        else:
            return True
    assert (told.errno, told.safe_items) == (errno.EMFILE, len(numbers(recorder.path)))
    return False


def test_without_enough_descriptors_a_thread_is_begun_later(home: Path) -> None:
    def work() -> None:
        recorder = draft_on(FaultyDisk(), home)
        begin, few = first_free_descriptor(), 0
        while not begins(recorder, begin + few):
            few += 1
        assert few >= 2
        check_all(recorder)

    apart(work)


def test_without_a_free_descriptor_a_thread_is_not_gone_on_with_and_stays_free(home: Path) -> None:
    def work() -> None:
        recorder = begun(home)
        recorder.close()
        stored = threadlog.open(home)
        stored.get(recorder.path)  # loads what that needs, and what it needs when it fails:
        time.strptime("2026", "%Y")
        begin = first_free_descriptor()
        for few in range(3):
            limit = limited(resource.RLIMIT_NOFILE, begin + few)
            with limit, contextlib.suppress(ThreadlogError):
                RolloutRecorder.resume(stored, recorder.path).close()
            assert opened(home / "sessions") == 0
        with RolloutRecorder.resume(stored, recorder.path) as again:
            again.record(said(3))
        assert numbers(recorder.path) == [0, 1, 2, 3]

    apart(work)


# -- file systems that only let read


@pytest.mark.parametrize("mode", MODES)
def test_on_a_file_system_turned_read_only_threads_are_read_and_what_is_recorded_waits(
    tmp_path: Path, mode: str
) -> None:
    with in_memory(tmp_path / "disk", 1 << 20) as folder:
        recorder = begun(folder / "home", mode)
        recorder.record(said(3))
        recorder.flush()
        rest(recorder)  # what is open is not affected
        with read_only(folder / "home"):
            recorder.record(said(4), said(5))
            refused(recorder.flush, errno.EROFS, 4)
            home = threadlog.open(folder / "home")
            assert [each.id for each in home.threads()] == [recorder.thread_id]
            assert len(list(home.iter_lines(recorder.path))) == 5
            home.close()
        check_all(recorder, mode)


def test_on_a_read_only_file_system_no_thread_is_begun_until_it_can_be(tmp_path: Path) -> None:
    with in_memory(tmp_path / "disk", 1 << 20) as folder:
        recorder = draft_on(FaultyDisk(), folder / "home")
        run("mount", "-o", "remount,ro", str(folder))
        refused(recorder.persist, errno.EROFS, 0)
        run("mount", "-o", "remount,rw", str(folder))
        recorder.persist()
        check_all(recorder)


def test_on_a_read_only_file_system_nobody_goes_on_with_a_thread(tmp_path: Path) -> None:
    with in_memory(tmp_path / "disk", 1 << 20) as folder:
        path = (first := begun(folder / "home")).path
        first.close()
        run("mount", "-o", "remount,ro", str(folder))
        home = threadlog.open(folder / "home")
        with pytest.raises(WriteFailed) as caught:
            RolloutRecorder.resume(home, path)
        assert caught.value.errno == errno.EROFS
        assert len(list(home.iter_lines(path))) == 4
        home.close()


# -- attributes of files


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Path]:
    """A home on a file system whose files have attributes."""
    needs("chattr", "mkfs.ext4")
    with ImageDisk(tmp_path).made() as disk:
        yield disk.mount_point / "home"


@contextlib.contextmanager
def attribute(path: str, letter: str) -> Iterator[None]:
    """An attribute of a file, for as long as the block lasts."""
    run("chattr", f"+{letter}", path)
    try:
        yield
    finally:
        run("chattr", f"-{letter}", path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("level", ["durable", "kernel"])
def test_an_immutable_file_is_said_and_what_is_recorded_waits(
    ext4: Path, mode: str, level: str
) -> None:
    recorder = begun(ext4, mode)
    recorder.record(said(3))
    recorder.flush(level=level)
    with attribute(recorder.path, "i"):
        recorder.record(said(4))
        refused(recorder.flush, errno.EPERM, 4)
    check_all(recorder, mode)


def test_an_immutable_folder_keeps_a_thread_from_being_begun_until_it_is_not(ext4: Path) -> None:
    first = begun(ext4)
    first.close()
    recorder = RolloutRecorder.create(
        home_on(FaultyDisk(), ext4), ThreadOptions(cwd="/x", history_mode="paginated")
    )
    recorder.record(said(0))
    with attribute(os.path.dirname(recorder.path), "i"):
        refused(recorder.persist, errno.EPERM, 0)
    recorder.persist()
    check_all(recorder, "paginated")


@pytest.mark.parametrize("mode", MODES)
def test_a_file_that_can_only_be_appended_to_is_recorded_to(ext4: Path, mode: str) -> None:
    recorder = begun(ext4, mode)
    with attribute(recorder.path, "a"):
        for number in range(3, 9):
            recorder.record(said(number))
            recorder.flush()
        check_all(recorder, mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_write_cut_short_that_cannot_be_taken_back_is_gone_on_with(ext4: Path, mode: str) -> None:
    def work() -> None:
        recorder = begun(ext4, mode)
        size = os.path.getsize(recorder.path)
        with attribute(recorder.path, "a"):
            with limited(resource.RLIMIT_FSIZE, size + ITEM_BYTES):
                recorder.record(*(said(3 + each, ITEM_BYTES) for each in range(3)))
                with pytest.raises(WriteFailed) as caught:
                    recorder.flush()
                assert caught.value.safe_items == 3
            assert os.path.getsize(recorder.path) > size
            recorder.flush()
            check_all(recorder, mode)

    apart(work)


@pytest.mark.parametrize("mode", MODES)
def test_a_write_cut_short_is_taken_back_as_soon_as_it_can_be(ext4: Path, mode: str) -> None:
    def work() -> None:
        recorder = begun(ext4, mode)
        size = os.path.getsize(recorder.path)
        with attribute(recorder.path, "a"), limited(resource.RLIMIT_FSIZE, size + ITEM_BYTES):
            recorder.record(*(said(3 + each, ITEM_BYTES) for each in range(3)))
            with pytest.raises(WriteFailed):
                recorder.flush()
        recorder.flush()
        check_all(recorder, mode)

    apart(work)


# -- permissions


@pytest.fixture
def anywhere() -> Iterator[Path]:
    """A folder that also a user without any rights comes to."""
    folder = Path(tempfile.mkdtemp())
    try:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        yield folder
    finally:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)
        shutil.rmtree(folder)


def as_nobody(work: Callable[[], None], rehearsal: Path) -> None:
    """Do *work* in a child whom permissions bind, all that it needs being loaded before."""

    def bound() -> None:
        begun(rehearsal).close()
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        work()

    apart(bound)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", ["the file", "its folder", "the home"])
def test_what_permission_was_taken_for_is_written_once_it_is_given_back(
    anywhere: Path, tmp_path: Path, mode: str, what: str
) -> None:
    def work() -> None:
        recorder = begun(anywhere / "home", mode)
        path = Path(recorder.path)
        taken = {"the file": path, "its folder": path.parent, "the home": path.parents[4]}[what]
        before = taken.stat().st_mode
        taken.chmod(0o400)
        rest(recorder)
        recorder.record(said(3))
        refused(recorder.flush, errno.EACCES, 3)
        taken.chmod(before)
        check_all(recorder, mode)

    as_nobody(work, tmp_path / "rehearsal")


@pytest.mark.parametrize("mode", MODES)
def test_a_thread_that_may_not_be_begun_is_begun_once_it_may(
    anywhere: Path, tmp_path: Path, mode: str
) -> None:
    def work() -> None:
        home = anywhere / "home"
        for folder in (anywhere, home, home / "sessions"):
            recorder = draft_on(FaultyDisk(), home, mode=mode)
            folder.chmod(0o500)
            refused(recorder.persist, errno.EACCES, 0)
            folder.chmod(0o700)
            recorder.persist()
            check_all(recorder, mode)
            shutil.rmtree(home / "sessions")
            shutil.rmtree(home / "thread-writer-locks")
            (home / "sessions").mkdir()

    as_nobody(work, tmp_path / "rehearsal")
