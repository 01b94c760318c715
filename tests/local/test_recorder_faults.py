"""Every call to the system that recording makes is failed in turn: nothing is lost or repeated."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import threadlog
from faulty_disk import (
    FaultyDisk,
    draft_on,
    home_on,
    mode_of,
    number_of,
    numbers,
    opened,
    ordinals,
    rest,
    said,
)
from makers import held, tree
from threadlog import OthersWrote, RolloutRecorder, ThreadOptions, WriteFailed, writer
from threadlog.errors import NotOnDiskYet

LONG_S = 20.0  # so long nothing takes unless it hangs


class Made(NamedTuple):
    """A recorder and the disk under it."""

    recorder: RolloutRecorder
    disk: FaultyDisk

    @property
    def home(self) -> Path:
        return Path(self.recorder.path).parents[4]

    def calls(self, barrier: Callable[[], None]) -> list[str]:
        """The calls that a barrier makes when nothing fails."""
        assert self.disk.run(barrier) is None
        return list(self.disk.made)


Fresh = Callable[..., Made]


@pytest.fixture
def fresh(tmp_path: Path) -> Fresh:
    """Makes drafts of the messages 0, 1, 2, each in a home of its own that does not exist yet."""
    made = iter(range(1000))

    def make(mode: str = "legacy") -> Made:
        disk = FaultyDisk()
        return Made(draft_on(disk, tmp_path / f"home-{next(made)}", mode=mode), disk)

    return make


@pytest.fixture
def live(fresh: Fresh) -> Iterator[Made]:
    """A live recorder of the messages 0, 1, 2, all on disk."""
    made = fresh()
    made.recorder.persist()
    yield made
    made.disk.disarm()
    made.recorder.close()


def _calls_of_persist(made: Made) -> list[tuple[int, str]]:
    names = made.calls(made.recorder.persist)
    made.recorder.close()
    assert {"make_folder", "create", "change_mode", "write", "sync_data", "sync"} <= set(names)
    return list(enumerate(names))


REASONS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE)


@pytest.mark.codex("C008", "C023")
@pytest.mark.parametrize("mode", ["legacy", "paginated"])
@pytest.mark.parametrize("reason", REASONS, ids=errno.errorcode.get)
def test_persist_failing_anywhere_can_be_called_again(fresh: Fresh, reason: int, mode: str) -> None:
    broken = []
    for number, name in _calls_of_persist(fresh()):
        recorder, disk = made = fresh(mode)
        disk.error = reason
        error = disk.run(recorder.persist, number)
        try:
            assert error is not None or name in ("close", "position")
            if error is not None:
                assert (error.errno, error.path) == (reason, recorder.path)
                assert error.safe_items == len(numbers(recorder.path))
                assert recorder.pending_items == 3 - error.safe_items
            recorder.record(said(3))
            assert disk.run(recorder.persist) is None
            assert recorder.pending_items == 0
            assert numbers(recorder.path) == [0, 1, 2, 3]
            assert ordinals(recorder.path) == ([None] * 5 if mode == "legacy" else [*range(5)])
            recorder.close()
            assert opened(made.home) == 0
        except (AssertionError, OSError, WriteFailed) as why:
            broken.append(f"call {number}, {name}: {type(why).__name__} {why}"[:300])
    assert broken == []


@pytest.mark.parametrize("what", ["persist", "flush"])
def test_failing_twice_in_a_row_loses_nothing_and_repeats_nothing(fresh: Fresh, what: str) -> None:
    broken = []
    first = fresh()
    if what == "flush":
        first.recorder.persist()
        first.recorder.record(said(3))
    names = first.calls(getattr(first.recorder, what))
    first.recorder.close()
    for number, name in enumerate(names):
        for second in {0, number // 2, number}:
            recorder, disk = fresh()
            if what == "flush":
                recorder.persist()
            recorder.record(said(3))
            barrier = getattr(recorder, what)
            disk.short_at = number
            errors = [disk.run(barrier, number, number + 1), disk.run(barrier, second, second + 1)]
            try:
                assert errors[0] is not None or name in ("write", "close", "position")
                assert disk.run(barrier) is None
                assert numbers(recorder.path) == [0, 1, 2, 3]
                recorder.close()
            except (AssertionError, OSError, WriteFailed) as why:
                broken.append(f"calls {number}, {name}, then {second}: {why}"[:300])
    assert broken == []


def _unsynced(made: Made) -> list[str]:
    """The rollout, and the folders up to the home, that were never brought to the disk."""
    places = [Path(made.recorder.path), *Path(made.recorder.path).parents[:5]]
    return [place.name for place in places if place.stat().st_ino not in made.disk.synced]


def test_what_a_failed_persist_made_is_made_durable_by_the_next(fresh: Fresh) -> None:
    broken = []
    for number, name in _calls_of_persist(fresh()):
        recorder, disk = made = fresh()
        disk.run(recorder.persist, number)
        assert disk.run(recorder.persist) is None
        if unsynced := _unsynced(made):
            broken.append(f"call {number}, {name}: {unsynced} was never synced")
        recorder.close()
    assert broken == []


def test_persist_brings_the_file_and_every_new_folder_to_the_disk(fresh: Fresh) -> None:
    recorder, disk = made = fresh()
    assert disk.run(recorder.persist) is None
    assert _unsynced(made) == []
    made_in = made.home.parent
    assert made_in.stat().st_ino in disk.synced, "the new home itself would not outlive a crash"
    recorder.close()


def test_files_and_folders_have_their_mode_whatever_failed_before(fresh: Fresh) -> None:
    broken = []
    for number, name in _calls_of_persist(fresh()):
        recorder, disk = made = fresh()
        made.home.mkdir(mode=0o700)
        before = os.umask(0o277)
        try:
            disk.run(recorder.persist, number)
            assert disk.run(recorder.persist) is None
        finally:
            os.umask(before)
        at = Path(recorder.path)
        if mode_of(at) != 0o600:
            broken.append(f"call {number}, {name}: {at.name} {mode_of(at):o}")
        while (at := at.parent) != made.home:
            if mode_of(at) != 0o700:
                broken.append(f"call {number}, {name}: {at.name} {mode_of(at):o}")
        recorder.close()
    assert broken == []


@pytest.mark.codex("C009")
@pytest.mark.parametrize("short", [None, 0, 1, 150, 400])
@pytest.mark.parametrize("resting", [True, False])
def test_flush_failing_anywhere_loses_nothing_and_repeats_nothing(
    live: Made, short: int | None, *, resting: bool
) -> None:
    recorder, disk = live
    if resting:
        rest(recorder)
    recorder.record(said(3), said(4))
    calls = live.calls(recorder.flush)
    assert {"status", "status_at", "write", "sync_data"} <= set(calls)
    assert ("open" in calls) == resting
    expected = 5
    for number, name in enumerate(calls):
        if resting:
            rest(recorder)
        recorder.record(said(expected), said(expected + 1))
        if name == "write" and short is not None:
            disk.short_at, disk.short_bytes = number, short
        error = disk.run(recorder.flush, number, number + 1, number + 2)
        assert error is not None or name in ("close", "position"), name
        if error is not None:
            assert error.safe_items == len(numbers(recorder.path))
            assert error.safe_items == expected + 2 * (number > calls.index("write"))
            assert numbers(recorder.path) == list(range(error.safe_items))
        assert disk.run(recorder.flush) is None
        expected += 2
        assert numbers(recorder.path) == list(range(expected))
    recorder.close()


def _write_of(live: Made) -> int:
    """Which call of a flush is the write."""
    live.recorder.record(said(3), said(4))
    return live.calls(live.recorder.flush).index("write")


def test_a_write_that_takes_a_part_is_gone_on_with(live: Made) -> None:
    recorder, disk = live
    disk.short_at = _write_of(live)
    recorder.record(said(5))
    assert disk.run(recorder.flush) is None
    assert disk.made.count("write") == 2
    assert numbers(recorder.path) == [0, 1, 2, 3, 4, 5]


def test_half_a_batch_that_could_not_be_taken_back_is_taken_back_later(live: Made) -> None:
    recorder, disk = live
    write = _write_of(live)
    size = Path(recorder.path).stat().st_size
    recorder.record(said(5))
    disk.short_at = write
    error = disk.run(recorder.flush, *range(write, write + 20))
    assert error is not None
    assert error.safe_items == 5
    assert Path(recorder.path).stat().st_size == size + 100
    assert disk.run(recorder.flush) is None
    assert numbers(recorder.path) == [0, 1, 2, 3, 4, 5]


def test_half_a_batch_that_somebody_wrote_after_is_not_cut(live: Made) -> None:
    recorder, disk = live
    write = _write_of(live)
    recorder.record(said(5))
    disk.short_at = write
    assert disk.run(recorder.flush, *range(write, write + 20)) is not None
    foreign = b"a line of somebody else\n"
    with Path(recorder.path).open("ab") as file:
        file.write(foreign)
    before = Path(recorder.path).read_bytes()
    with pytest.raises(OthersWrote):
        disk.run(recorder.flush)
    after = Path(recorder.path).read_bytes()
    assert after.startswith(before)
    assert number_of(after[len(before) :]) == 5


class Forgetful(FaultyDisk):
    """A disk whose failed sync has lost all that was not synced before, and never says it again.

    So does Linux: what could not be written back counts as written.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.safe = os.path.getsize(path)
        self.failing = 0
        self.failed: set[int] = set()

    def sync_data(self, fd: int) -> None:
        status = os.fstat(fd)
        if status.st_ino != os.stat(self.path).st_ino:
            super().sync_data(fd)
            return
        assert fd not in self.failed, "a descriptor whose sync failed was synced again"
        if self.failing:
            self.failing -= 1
            self.failed.add(fd)
            with open(self.path, "r+b") as file:
                file.seek(self.safe)
                file.write(b"\0" * (status.st_size - self.safe))
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync_data(fd)
        self.safe = status.st_size

    def open(self, path: str) -> int:
        self.failed.discard(fd := super().open(path))
        return fd


def forgetful(path: Path, mode: str = "legacy") -> tuple[Forgetful, threadlog.Home, str]:
    """Such a disk under a home that holds a thread of the messages 0, 1, 2; and the thread."""
    first = draft_on(FaultyDisk(), path, mode=mode)
    first.persist()
    first.close()
    disk = Forgetful(first.path)
    return disk, home_on(disk, path), first.thread_id


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
@pytest.mark.parametrize("times", [1, 2])
def test_what_a_failed_sync_has_lost_is_written_again(
    tmp_path: Path, times: int, mode: str
) -> None:
    disk, home, thread = forgetful(tmp_path / "home", mode)
    recorder = RolloutRecorder.resume(home, thread)
    recorder.record(said(3))
    recorder.flush(level="kernel")
    recorder.record(said(4))
    disk.failing = times
    for each in range(times):
        with pytest.raises(WriteFailed) as caught:
            recorder.flush()
        assert (caught.value.safe_items, caught.value.durable_items) == (2 + each, 0)
        assert f"{2 + each} items are in the file (0 on stable storage)" in str(caught.value)
        recorder.record(said(5 + each))
    recorder.flush()
    expected = list(range(5 + times))
    assert numbers(recorder.path) == expected
    assert disk.safe == os.path.getsize(recorder.path)
    recorder.close()
    assert numbers(recorder.path) == expected
    numbered = mode == "paginated"
    assert ordinals(recorder.path) == [
        each if numbered else None for each in range(len(expected) + 1)
    ]


def test_an_appender_whose_sync_failed_syncs_another_descriptor(tmp_path: Path) -> None:
    disk, home, thread = forgetful(tmp_path / "home")
    appender, _tail = home.store.journal.resume(home.get(thread))
    line = Path(disk.path).read_bytes().splitlines(keepends=True)[-1]
    appender.append(line)
    disk.failing = 1
    with pytest.raises(OSError, match="Input/output"):
        appender.sync()
    appender.sync()
    appender.close()
    assert numbers(disk.path) == [0, 1, 2, 2]


def test_what_was_not_synced_when_it_was_closed_is_written_again(live: Made) -> None:
    """While nobody has it open the system may fail to write it back, and tell another program."""
    recorder = live.recorder
    recorder.record(said(3))
    recorder.flush(level="kernel")
    rest(recorder)
    calls = live.calls(recorder.flush)
    assert [each for each in calls if each in ("forget", "read_at", "write_at", "sync_data")] == [
        *("forget", "read_at", "write_at", "sync_data")
    ]
    assert numbers(recorder.path) == [0, 1, 2, 3]


def test_what_somebody_wrote_after_a_failed_sync_stays(tmp_path: Path) -> None:
    disk, home, thread = forgetful(tmp_path / "home")
    recorder = RolloutRecorder.resume(home, thread)
    recorder.record(said(3))
    disk.failing = 1
    with pytest.raises(WriteFailed):
        recorder.flush()
    with open(recorder.path, "ab") as file:
        file.write(b"a line of somebody else\n")
    recorder.record(said(4))
    with pytest.raises(OthersWrote):
        recorder.close()
    lines = Path(recorder.path).read_bytes().splitlines()
    assert lines[-2] == b"a line of somebody else"
    assert [number_of(line) for line in (*lines[1:-2], lines[-1])] == [0, 1, 2, 3, 4]


def test_what_others_wrote_in_our_place_is_not_overwritten(tmp_path: Path) -> None:
    disk, home, thread = forgetful(tmp_path / "home")
    recorder = RolloutRecorder.resume(home, thread)
    recorder.record(said(3))
    disk.failing = 1
    with pytest.raises(WriteFailed):
        recorder.flush()
    path = Path(recorder.path)
    path.write_bytes(path.read_bytes()[: disk.safe] + b"theirs\n" * 100)
    before = path.read_bytes()
    recorder.record(said(4))
    with pytest.raises(WriteFailed, match="others wrote where we had written"):
        recorder.flush()
    assert path.read_bytes() == before
    recorder._channel.end()
    recorder._channel.writer.live.clear()


def test_a_line_of_others_between_look_and_write_stays(live: Made) -> None:
    recorder, disk = live
    foreign = b"a line of somebody else\n"

    def others_write(name: str) -> None:
        if name == "write" and disk.made.count("write") == 1:
            with Path(recorder.path).open("ab") as file:
                file.write(foreign)

    recorder.record(said(3))
    disk.before = others_write
    disk.error = errno.EIO
    disk.arm()
    disk.fail_names = {"sync_data"}
    with pytest.raises(WriteFailed):
        recorder.flush()
    disk.disarm()
    with pytest.raises(OthersWrote, match=f"{len(foreign)} bytes to {recorder.path}"):
        recorder.close()
    lines = Path(recorder.path).read_bytes().splitlines(keepends=True)
    assert lines[-2] == foreign
    assert number_of(lines[-1]) == 3


def test_while_syncs_fail_no_more_is_written_than_is_kept(
    live: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "UNSYNCED_BYTES", 1 << 20)
    monkeypatch.setattr(writer, "RETRY_S", 0.01)
    recorder, disk = live
    before = os.path.getsize(recorder.path)
    disk.arm()
    disk.error = errno.EIO
    disk.fail_names = {"sync_data"}
    for number in range(3, 43):
        recorder.record(said(number, 100_000))
        with contextlib.suppress(WriteFailed):
            recorder.flush(level="kernel")
    assert os.path.getsize(recorder.path) - before < 2 << 20
    disk.disarm()
    recorder.flush()
    assert numbers(recorder.path) == list(range(43))


def test_no_more_waits_for_a_sync_than_may(live: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "UNSYNCED_BYTES", 1 << 20)
    recorder, disk = live
    disk.arm()
    most = 0
    for number in range(3, 43):
        recorder.record(said(number, 100_000))
        recorder.flush(level="kernel")
        appender: Any = recorder._channel.state.appender  # type: ignore[union-attr]
        most = max(most, appender.unsynced_bytes)
    disk.disarm()
    assert disk.made.count("sync_data") >= 3
    assert most < 2 << 20
    assert numbers(recorder.path) == list(range(43))


def test_a_failed_close_leaves_the_recorder_open(live: Made) -> None:
    recorder, disk = live
    write = _write_of(live)
    recorder.record(said(5))
    error = disk.run(recorder.close, write)
    assert error is not None
    assert error.errno == errno.ENOSPC
    recorder.record(said(6))
    recorder.close()
    assert numbers(recorder.path) == list(range(7))
    with held(live.home, recorder.thread_id):
        pass


def test_a_failed_persist_holds_no_lock_and_no_file(fresh: Fresh) -> None:
    broken = []
    for number, name in _calls_of_persist(fresh()):
        recorder, disk = made = fresh()
        disk.run(recorder.persist, number)
        if recorder.on_disk:
            recorder.close()
        if opened(made.home):
            broken.append(f"call {number}, {name}: a file stays open")
    assert broken == []


def test_a_full_disk_is_said_without_a_word_of_the_thread(live: Made) -> None:
    recorder, disk = live
    write = _write_of(live)
    recorder.record({"type": "event_msg", "payload": {"type": "user_message", "message": "secret"}})
    error = disk.run(recorder.flush, write)
    assert error is not None
    assert (
        str(error)
        == f"cannot write {recorder.path} (No space left on device); 5 items are in the file"
    )


@pytest.mark.codex("C008")
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
    recorder.flush()
    assert numbers(recorder.path) == [0]
    recorder.close()


def test_a_file_that_cannot_be_closed_properly_is_let_go_of_all_the_same(live: Made) -> None:
    recorder, disk = live
    recorder.record(said(3))
    disk.fail_names = {"close"}
    with contextlib.suppress(WriteFailed):
        disk.run(recorder.close)
    recorder.close()
    assert numbers(recorder.path) == [0, 1, 2, 3]
    assert opened(recorder.path) == 0
    with held(live.home, recorder.thread_id):
        pass


LOCK_CALLS = [
    ("mkdir", "thread-writer-locks"),
    ("chmod", "thread-writer-locks"),
    ("open", ".coordination.lock"),
    ("open", ".lock"),
    ("fchmod", ""),
]


@pytest.mark.parametrize(("name", "ending"), LOCK_CALLS)
def test_a_lock_that_cannot_be_had_is_a_failed_write_and_leaks_nothing(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, name: str, ending: str
) -> None:
    recorder, _disk = made = fresh()
    call = getattr(os, name)

    def fails(target: str | int, *args: int) -> int:
        if isinstance(target, int) or target.endswith(ending):
            raise OSError(errno.ENOSPC, "full")
        return int(call(target, *args) or 0)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, fails)
        with pytest.raises(WriteFailed) as caught:
            recorder.persist()
    assert (caught.value.errno, caught.value.safe_items) == (errno.ENOSPC, 0)
    assert opened(made.home) == 0
    recorder.persist()
    assert numbers(recorder.path) == [0, 1, 2]
    recorder.close()


# -- nobody waits: the worker itself goes on


def _until(true: Callable[[], bool], timeout_s: float = LONG_S) -> float:
    """Wait for something; returns how long that took."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < timeout_s, "it never came"
        time.sleep(0.005)
    return time.monotonic() - begun


@pytest.mark.codex("C024")
@pytest.mark.parametrize("name", ["open", "status", "status_at", "write", "sync_data"])
def test_what_failed_in_the_background_is_tried_again_by_itself(
    live: Made, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, disk = live
    monkeypatch.setattr(writer, "RETRY_S", 0.1)
    monkeypatch.setattr(writer, "IDLE_S", 0.1)
    rest(recorder)
    disk.fail_names = {name}
    disk.arm()
    recorder.record(said(3))
    _until(lambda: name in disk.made)
    disk.disarm()
    disk.arm()
    _until(lambda: numbers(recorder.path) == [0, 1, 2, 3], 5)
    _until(lambda: Path(recorder.path).stat().st_ino in disk.synced, 5)
    assert opened(recorder.path) <= 1
    recorder.drain()  # no error stands any more
    assert recorder.pending_items == 0


@pytest.mark.parametrize("name", ["open", "write"])
def test_what_failed_in_the_background_is_tried_again_by_the_next_barrier(
    live: Made, name: str
) -> None:
    recorder, disk = live
    rest(recorder)
    disk.fail_names = {name}
    disk.arm()
    recorder.record(said(3))
    _until(lambda: name in disk.made)
    with pytest.raises(WriteFailed) as caught:
        recorder.flush()
    assert caught.value.safe_items == 3
    disk.disarm()
    begun = time.monotonic()
    recorder.flush()
    assert time.monotonic() - begun < 0.5
    assert numbers(recorder.path) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["write", "sync_data"])
def test_a_disk_that_keeps_failing_is_not_asked_all_the_time(live: Made, name: str) -> None:
    recorder, disk = live
    disk.fail_names = {name}
    disk.arm()
    recorder.record(said(3))
    with pytest.raises(WriteFailed):
        recorder.flush()
    recorder._channel.writer.abandon(recorder._channel)  # what dropping it does
    time.sleep(1.5)
    assert disk.made.count(name) < 10
    disk.disarm()
    _until(lambda: recorder._channel.state is None, 5)
    assert numbers(recorder.path) == [0, 1, 2, 3]


def test_drain_raises_at_once_while_a_write_error_stands(live: Made) -> None:
    recorder, disk = live
    disk.fail_names = {"write"}
    disk.arm()
    recorder.record(said(3))
    _until(lambda: "write" in disk.made)
    for _ in range(2):
        _until(lambda: recorder._channel.error is not None)
        begun = time.monotonic()
        with pytest.raises(WriteFailed):
            recorder.drain()
        assert time.monotonic() - begun < 0.5
    disk.disarm()
    recorder.flush()
    recorder.drain()


def test_drain_raises_at_once_on_a_draft(fresh: Fresh) -> None:
    recorder, disk = fresh()
    with pytest.raises(NotOnDiskYet, match=recorder.thread_id):
        recorder.drain()
    disk.run(recorder.persist, 0)
    with pytest.raises(WriteFailed):
        recorder.drain()
    recorder.persist()
    recorder.drain()
    recorder.close()


@pytest.mark.parametrize("what", ["persist", "flush", "close"])
@pytest.mark.parametrize("name", ["write", "sync_data"])
def test_an_interrupted_wait_loses_nothing_and_repeats_nothing(
    fresh: Fresh, what: str, name: str
) -> None:
    recorder, disk = made = fresh()
    if what != "persist":
        recorder.persist()
        recorder.record(said(3))
    go_on = threading.Event()

    def interrupt(made: str) -> None:
        if made == name:
            time.sleep(0.1)  # by now the main thread waits
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            go_on.wait(LONG_S)

    disk.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        disk.run(getattr(recorder, what))
    go_on.set()
    disk.before = None
    if what == "close":
        _until(lambda: recorder._channel.state is None)
    else:
        recorder.record(said(9))
    recorder.close()
    expected = [0, 1, 2, 9] if what == "persist" else [0, 1, 2, 3, 9]
    assert numbers(recorder.path) == (expected if what != "close" else [0, 1, 2, 3])
    with held(made.home, recorder.thread_id):
        pass


@pytest.mark.codex("C024")
@pytest.mark.parametrize("number", range(10))
def test_an_unexpected_exception_neither_kills_the_worker_nor_loses_items(
    live: Made, number: int
) -> None:
    recorder, disk = live
    recorder.record(said(3))
    calls = live.calls(recorder.flush)
    disk.error = RuntimeError("not foreseen")
    recorder.record(said(4))
    if number < len(calls):
        with pytest.raises(RuntimeError, match="not foreseen"):
            disk.run(recorder.flush, number)
    recorder.record(said(5))
    recorder.flush()
    assert numbers(recorder.path) == [0, 1, 2, 3, 4, 5]


def test_an_unexpected_exception_while_it_is_made_can_be_followed_by_another_try(
    fresh: Fresh,
) -> None:
    for number, _name in _calls_of_persist(fresh()):
        recorder, disk = fresh()
        disk.error = RuntimeError("not foreseen")
        with pytest.raises(RuntimeError, match="not foreseen"):
            disk.run(recorder.persist, number)
        recorder.persist()
        assert numbers(recorder.path) == [0, 1, 2]
        recorder.close()
