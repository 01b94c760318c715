"""Every call to the system that recording makes is failed in turn: nothing is lost or repeated."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import held, tree
from threadlog import RolloutRecorder, ThreadOptions, WriteFailed

CALLS = ("open", "mkdir", "chmod", "fchmod", "write", "fdatasync", "fsync", "fstat", "ftruncate")
FATAL = frozenset(CALLS) - {"ftruncate"}


class Faults:
    """Stands before the calls of `os`, counts them, and fails one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.fail_at: set[int] = set()
        self.errno = errno.ENOSPC
        self.short_at: int | None = None  # the call that writes only so many bytes
        self.short_bytes = 100
        self.synced: set[int] = set()  # inodes
        self.active = False
        for name in CALLS:
            monkeypatch.setattr(os, name, self._before(name, getattr(os, name)))

    def _before(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **others: Any) -> Any:
            if not self.active:
                return call(*args, **others)
            number = len(self.made)
            self.made.append(name)
            if number == self.short_at:
                return call(args[0], args[1][: self.short_bytes])
            if number in self.fail_at:
                raise OSError(self.errno, os.strerror(self.errno))
            done = call(*args, **others)
            if name in ("fsync", "fdatasync"):
                self.synced.add(os.stat(args[0]).st_ino)
            return done

        return wrapped

    def run(self, barrier: Callable[[], None], *fail_at: int) -> WriteFailed | None:
        """Call the barrier with these of its calls failing; returns what it raised."""
        self.made.clear()
        self.fail_at = set(fail_at)
        self.active = True
        try:
            barrier()
        except WriteFailed as error:
            return error
        finally:
            self.active, self.short_at = False, None
        return None


def said(number: int) -> dict[str, Any]:
    """A message that tells its number, long enough to be written in pieces."""
    payload = {"type": "user_message", "message": f"{number} " + "x" * 200}
    return {"type": "event_msg", "payload": payload}


def numbers(path: str) -> list[int]:
    """The numbers of the messages in a rollout, which must hold nothing but whole lines."""
    data = Path(path).read_bytes() if os.path.exists(path) else b""
    assert not data or data.endswith(b"\n")
    payloads = [json.loads(line)["payload"] for line in data.splitlines()]
    assert not payloads or "cwd" in payloads[0]
    return [int(payload["message"].split()[0]) for payload in payloads[1:]]


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], RolloutRecorder]:
    """Makes drafts, each in a home of its own that does not exist yet."""
    made = iter(range(1000))

    def make() -> RolloutRecorder:
        home = tmp_path / f"home-{next(made)}"
        recorder = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x"))
        recorder.record(said(0), said(1), said(2))
        return recorder

    return make


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def _each_call(faults: Faults, recorder: RolloutRecorder) -> Iterator[tuple[int, str]]:
    assert faults.run(recorder.persist) is None
    names = list(faults.made)
    recorder.close()
    assert {"open", "mkdir", "write", "fdatasync", "fsync", "fchmod"} <= set(names)
    yield from enumerate(names)


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def test_persist_failing_anywhere_can_be_called_again(
    faults: Faults, fresh: Callable[[], RolloutRecorder], reason: int
) -> None:
    faults.errno = reason
    broken = []
    for number, name in _each_call(faults, fresh()):
        recorder = fresh()
        error = faults.run(recorder.persist, number)
        try:
            assert error is not None or name not in FATAL
            if error is not None:
                assert (error.errno, error.path) == (reason, recorder.path)
                assert error.safe_items == len(numbers(recorder.path))
            recorder.record(said(3))
            assert faults.run(recorder.persist) is None
            assert numbers(recorder.path) == [0, 1, 2, 3]
            recorder.close()
        except (AssertionError, OSError) as why:
            broken.append(f"call {number}, {name}: {type(why).__name__} {why}"[:300])
    assert broken == []


def test_what_a_failed_persist_made_is_made_durable_by_the_next(
    faults: Faults, fresh: Callable[[], RolloutRecorder]
) -> None:
    broken = []
    for number, name in _each_call(faults, fresh()):
        recorder = fresh()
        faults.synced.clear()
        faults.run(recorder.persist, number)
        if faults.run(recorder.persist) is not None:
            continue  # the test above says so
        unsynced = _unsynced(faults, recorder)
        if unsynced:
            broken.append(f"call {number}, {name}: {unsynced} was never synced")
        recorder.close()
    assert broken == []


def _unsynced(faults: Faults, recorder: RolloutRecorder) -> list[str]:
    """The rollout, and the folders up to the home, that were never brought to the disk."""
    places = [Path(recorder.path), *Path(recorder.path).parents[:5]]
    return [place.name for place in places if place.stat().st_ino not in faults.synced]


def test_persist_brings_the_file_and_every_new_folder_to_the_disk(
    faults: Faults, fresh: Callable[[], RolloutRecorder]
) -> None:
    recorder = fresh()
    assert faults.run(recorder.persist) is None
    assert _unsynced(faults, recorder) == []
    made_in = Path(recorder.path).parents[5]
    assert made_in.stat().st_ino in faults.synced, "the new home itself would not outlive a crash"
    recorder.close()


def test_folders_have_their_mode_whatever_failed_before(
    faults: Faults, fresh: Callable[[], RolloutRecorder]
) -> None:
    broken = []
    before = os.umask(0o022)
    try:
        first = fresh()
        Path(first.path).parents[4].mkdir(mode=0o700)
        for number, name in _each_call(faults, first):
            recorder = fresh()
            Path(recorder.path).parents[4].mkdir(mode=0o700)
            os.umask(0o277)
            faults.run(recorder.persist, number)
            if faults.run(recorder.persist) is not None:
                continue
            at = Path(recorder.path).parent
            while at.name != "sessions":
                if stat.S_IMODE(at.stat().st_mode) != 0o700:
                    broken.append(f"call {number}, {name}: {at.name} {oct(at.stat().st_mode)}")
                at = at.parent
            recorder.close()
            os.umask(0o022)
    finally:
        os.umask(before)
    assert broken == []


@pytest.mark.parametrize("short", [None, 0, 1, 150, 400])
def test_flush_failing_anywhere_loses_nothing_and_repeats_nothing(
    faults: Faults, fresh: Callable[[], RolloutRecorder], short: int | None
) -> None:
    recorder = fresh()
    recorder.persist()
    recorder.record(said(3), said(4))
    faults.run(recorder.flush)
    calls = list(faults.made)
    expected = 5
    for number, name in enumerate(calls):
        recorder.record(said(expected), said(expected + 1))
        if name == "write" and short is not None:
            faults.short_at, faults.short_bytes = number, short
        error = faults.run(recorder.flush, number, number + 1)
        assert error is not None, name
        assert error.safe_items == len(numbers(recorder.path))
        assert error.safe_items == expected + (2 if name == "fdatasync" else 0)
        assert numbers(recorder.path) == list(range(error.safe_items))
        assert faults.run(recorder.flush) is None
        expected += 2
        assert numbers(recorder.path) == list(range(expected))
    recorder.close()


def test_a_write_that_takes_a_part_is_gone_on_with(
    faults: Faults, fresh: Callable[[], RolloutRecorder]
) -> None:
    recorder = fresh()
    recorder.persist()
    recorder.record(said(3), said(4))
    write = _flush_calls(faults, recorder).index("write")
    recorder.record(said(5))
    faults.short_at = write
    assert faults.run(recorder.flush) is None
    assert faults.made.count("write") == 2
    assert numbers(recorder.path) == [0, 1, 2, 3, 4, 5]
    recorder.close()


def _flush_calls(faults: Faults, recorder: RolloutRecorder) -> list[str]:
    assert faults.run(recorder.flush) is None
    return list(faults.made)


def test_half_a_batch_that_could_not_be_taken_back_is_taken_back_later(
    faults: Faults, fresh: Callable[[], RolloutRecorder]
) -> None:
    recorder = fresh()
    recorder.persist()
    recorder.record(said(3), said(4))
    write = _flush_calls(faults, recorder).index("write")
    size = Path(recorder.path).stat().st_size
    recorder.record(said(5))
    faults.short_at = write
    error = faults.run(recorder.flush, *range(write, write + 20))
    assert error is not None
    assert error.safe_items == 5
    assert Path(recorder.path).stat().st_size == size + 100
    assert faults.run(recorder.flush) is None
    assert numbers(recorder.path) == [0, 1, 2, 3, 4, 5]
    recorder.close()


def test_a_failed_close_leaves_the_recorder_open(
    faults: Faults, fresh: Callable[[], RolloutRecorder]
) -> None:
    recorder = fresh()
    recorder.persist()
    recorder.record(said(3), said(4))
    write = _flush_calls(faults, recorder).index("write")
    recorder.record(said(5))
    error = faults.run(recorder.close, write)
    assert error is not None
    assert error.errno == errno.ENOSPC
    recorder.record(said(6))
    recorder.close()
    assert numbers(recorder.path) == list(range(7))
    home = Path(recorder.path).parents[4]
    with held(home, recorder.thread_id):
        pass


def test_a_failed_persist_holds_no_lock_and_no_file(
    faults: Faults, fresh: Callable[[], RolloutRecorder]
) -> None:
    broken = []
    for number, name in _each_call(faults, fresh()):
        recorder = fresh()
        before = _open_files()
        if faults.run(recorder.persist, number) is None or _lives(recorder):
            recorder.close()
        if _open_files() != before:
            broken.append(f"call {number}, {name}: a file stays open")
    assert broken == []


def _lives(recorder: RolloutRecorder) -> bool:
    return type(recorder._state).__name__ == "_Live"


def test_a_full_disk_is_said_without_a_word_of_the_thread(
    faults: Faults, fresh: Callable[[], RolloutRecorder]
) -> None:
    recorder = fresh()
    recorder.persist()
    recorder.record({"type": "event_msg", "payload": {"type": "user_message", "message": "secret"}})
    write = 1
    error = faults.run(recorder.flush, write)
    assert error is not None
    assert "secret" not in str(error)
    assert (
        str(error)
        == f"cannot write {recorder.path} (No space left on device); 3 items are in the file"
    )
    recorder.close()


def test_a_file_in_the_place_of_a_folder_is_a_failed_write(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "sessions").write_text("not a folder")
    before = tree(home)
    recorder = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x"))
    recorder.record(said(0))
    with pytest.raises(WriteFailed) as caught:
        recorder.persist()
    assert caught.value.safe_items == 0
    assert {path for path in tree(home) if path in before} == set(before)
    (home / "sessions").unlink()
    recorder.persist()
    assert numbers(recorder.path) == [0]
    recorder.close()


def test_a_file_that_cannot_be_closed_properly_is_let_go_of_all_the_same(
    fresh: Callable[[], RolloutRecorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = fresh()
    recorder.persist()
    inode, close = os.stat(recorder.path).st_ino, os.close

    def fails(fd: int) -> None:
        ours = os.fstat(fd).st_ino == inode
        close(fd)
        if ours:
            raise OSError(errno.EIO, "late")

    monkeypatch.setattr(os, "close", fails)
    with contextlib.suppress(WriteFailed):
        recorder.close()
    recorder.close()
    assert numbers(recorder.path) == [0, 1, 2]
    with held(Path(recorder.path).parents[4], recorder.thread_id):
        pass
