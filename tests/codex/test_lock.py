"""The writer lock: one process at a time, bounded waits, nothing written, nothing left behind."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from makers import OTHER, THREAD, held, python
from threadlog import InUse
from threadlog.codex import lock as lock_module
from threadlog.codex.flocks import Descriptors
from threadlog.codex.lock import COORDINATION, LOCK_FOLDER, ThreadWriterLock


@pytest.fixture
def lock(home: Path) -> Iterator[ThreadWriterLock]:
    """A lock that we hold."""
    made = ThreadWriterLock(str(home), THREAD)
    yield made
    made.release()


def lock_file(home: Path, thread: str = THREAD) -> Path:
    """Where the lock of a thread lies."""
    return home / LOCK_FOLDER / f"{thread}.lock"


def test_the_lock_lies_where_codex_looks_and_nothing_is_written_into_it(
    home: Path, lock: ThreadWriterLock
) -> None:
    files = {path.name: path for path in (home / "thread-writer-locks").iterdir()}
    assert set(files) == {".coordination.lock", f"{THREAD}.lock"}
    assert [path.stat().st_size for path in files.values()] == [0, 0]
    with files[f"{THREAD}.lock"].open() as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_the_coordination_lock_is_not_kept(home: Path, lock: ThreadWriterLock) -> None:
    with (home / LOCK_FOLDER / COORDINATION).open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.codex("C219")
def test_a_thread_has_one_writer_among_all_processes(home: Path) -> None:
    with held(home, THREAD):
        for _ in range(2):
            with pytest.raises(InUse, match=f"{THREAD} already has an active writer"):
                ThreadWriterLock(str(home), THREAD)
        assert lock_file(home).exists()
        ThreadWriterLock(str(home), OTHER).release()


@pytest.mark.codex("C244")
def test_a_thread_has_one_writer_within_a_process(home: Path, lock: ThreadWriterLock) -> None:
    with pytest.raises(InUse):
        ThreadWriterLock(str(home), THREAD)


def test_another_process_is_kept_out_while_we_write(home: Path, lock: ThreadWriterLock) -> None:
    code = "import sys; from threadlog.codex.lock import ThreadWriterLock as L; L(*sys.argv[1:])"
    with python(code, str(home), THREAD) as other:
        _out, err = other.communicate(timeout=30)
    assert other.returncode == 1
    told = err.rstrip().splitlines()[-1]
    who = f"process {os.getpid()}" if os.path.exists("/proc/locks") else "another program"
    assert told.endswith(f"InUse: thread {THREAD} already has an active writer: {who}")


def test_a_released_lock_is_gone_and_free(home: Path) -> None:
    with held(home, THREAD) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write("release\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "released\n"
        assert not lock_file(home).exists()
        ThreadWriterLock(str(home), THREAD).release()
        assert not lock_file(home).exists()


def test_a_killed_holder_frees_the_thread(home: Path) -> None:
    with held(home, THREAD) as holder:
        holder.kill()
        holder.wait()
        assert lock_file(home).exists()
        taken = ThreadWriterLock(str(home), THREAD)
    taken.release()
    assert not lock_file(home).exists()


def test_release_can_be_called_twice_and_touches_no_lock_of_another(home: Path) -> None:
    lock = ThreadWriterLock(str(home), THREAD)
    lock.release()
    with held(home, THREAD):
        lock.release()
        assert lock_file(home).exists()
        with pytest.raises(InUse):
            ThreadWriterLock(str(home), THREAD)


def test_a_lock_file_taken_away_by_hand_is_no_reason_to_fail(
    home: Path, lock: ThreadWriterLock
) -> None:
    lock_file(home).unlink()
    lock.release()


@pytest.mark.parametrize("shared", [True, False])
def test_waiting_for_coordination_is_bounded(
    home: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    monkeypatch.setattr(lock_module, "COORDINATION_WAIT_S", 0.2)
    folder = home / LOCK_FOLDER
    folder.mkdir()
    with (folder / COORDINATION).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        before = time.monotonic()
        if shared:  # as other writers hold it for a moment: no reason to wait
            taken = ThreadWriterLock(str(home), THREAD)
            assert time.monotonic() - before < 10
            taken.release()  # needs it alone; gives up, and the file stays
            assert 0.15 < time.monotonic() - before < 20
            assert lock_file(home).exists()
        else:
            with pytest.raises(InUse, match="held by another program"):
                ThreadWriterLock(str(home), THREAD)
            assert 0.15 < time.monotonic() - before < 20
            assert not lock_file(home).exists()
    ThreadWriterLock(str(home), THREAD).release()
    assert not lock_file(home).exists()


def test_release_frees_the_thread_even_if_coordination_cannot_be_had(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_module, "COORDINATION_WAIT_S", 0.05)
    lock = ThreadWriterLock(str(home), THREAD)
    with (home / LOCK_FOLDER / COORDINATION).open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        lock.release()
    with held(home, THREAD):
        pass


def test_coordination_held_for_a_moment_is_waited_for(home: Path) -> None:
    folder = home / LOCK_FOLDER
    folder.mkdir()
    with (folder / COORDINATION).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        timer = threading.Timer(0.1, lambda: fcntl.flock(other, fcntl.LOCK_UN))
        timer.start()
        ThreadWriterLock(str(home), THREAD).release()
        timer.join()


def test_a_forked_child_neither_releases_nor_unlinks(home: Path, lock: ThreadWriterLock) -> None:
    child = os.fork()
    if not child:
        lock.release()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert lock_file(home).exists()
    with pytest.raises(InUse):
        ThreadWriterLock(str(home), THREAD)


def test_a_program_that_we_start_does_not_inherit_the_lock(home: Path) -> None:
    lock = ThreadWriterLock(str(home), THREAD)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        try:
            lock.release()
            with held(home, THREAD):
                pass
        finally:
            child.kill()


def test_many_processes_never_hold_a_lock_together(home: Path) -> None:
    code = """
import os, sys, time
from threadlog.codex.lock import ThreadWriterLock
from threadlog.errors import InUse
home, thread, log = sys.argv[1:]
fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
done = 0
end = time.monotonic() + 20
while done < 30 and time.monotonic() < end:
    try:
        lock = ThreadWriterLock(home, thread)
    except InUse:
        continue
    os.write(fd, b"<")
    time.sleep(0.0005)
    os.write(fd, b">")
    lock.release()
    done += 1
sys.exit(done != 30)
"""
    log = home / "log"
    others = [python(code, str(home), THREAD, str(log)) for _ in range(4)]
    for other in others:
        with other:
            _out, err = other.communicate(timeout=60)
            assert (other.returncode, err) == (0, "")
    assert log.read_bytes() == b"<>" * 120
    assert [path.name for path in (home / LOCK_FOLDER).iterdir()] == [COORDINATION]


def test_a_lock_that_is_a_symlink_is_not_followed(home: Path, tmp_path: Path) -> None:
    (home / LOCK_FOLDER).mkdir()
    (tmp_path / "victim").write_text("x")
    lock_file(home).symlink_to(tmp_path / "victim")
    with pytest.raises(OSError) as caught:
        ThreadWriterLock(str(home), THREAD)
    assert caught.value.errno == errno.ELOOP
    with (tmp_path / "victim").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_no_descriptor_is_left_behind(home: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")
    before = os.listdir("/proc/self/fd")
    with held(home, THREAD):
        for _ in range(5):
            with pytest.raises(InUse):
                ThreadWriterLock(str(home), THREAD)
    for _ in range(5):
        ThreadWriterLock(str(home), THREAD).release()
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_lock_files_are_the_users_alone(home: Path, lock: ThreadWriterLock) -> None:
    home.chmod(0o700)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (home / LOCK_FOLDER).iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((home / LOCK_FOLDER).stat().st_mode) == 0o700


@pytest.mark.parametrize("held_elsewhere", [False, True])
def test_a_fork_that_began_before_descriptors_were_looked_after_ends_in_peace(
    held_elsewhere: bool,
) -> None:
    """The module is loaded when the first lock is needed: that can be within another's fork."""
    ended = threading.Event()
    for name in ("_forked", "_let_go"):
        looked_after = Descriptors()
        if held_elsewhere:
            taken = threading.Event()

            def hold(guard: AbstractContextManager[object], taken: threading.Event) -> None:
                with guard:
                    taken.set()
                    ended.wait(10)

            threading.Thread(target=hold, args=(looked_after.guard, taken)).start()
            assert taken.wait(10)
        getattr(looked_after, name)()
        free = looked_after.guard.acquire(blocking=False)
        assert free == (not held_elsewhere or name == "_let_go")
        if free:
            looked_after.guard.release()
    ended.set()
