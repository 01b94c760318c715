"""What goes wrong only when two things happen at once: others at work, and a call of ours."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

import threadlog
from faulty_disk import (
    FaultyDisk,
    draft_on,
    home_on,
    number_of,
    numbers,
    opened,
    ordinals,
    rest,
    said,
)
from makers import held, python
from threadlog import (
    Closed,
    InUse,
    NotResumable,
    OthersWrote,
    RolloutRecorder,
    ThreadOptions,
    WriteFailed,
    writer,
)
from threadlog.codex import presence

if TYPE_CHECKING:
    from _typeshed import TraceFunction
from threadlog.codex.flocks import try_lock
from threadlog.codex.lock import ThreadWriterLock

LONG_S = 20
MODES = ("legacy", "paginated")


@pytest.fixture(params=MODES)
def live(
    tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[RolloutRecorder, FaultyDisk]]:
    """A live recorder of the messages 0, 1, 2, all on disk."""
    disk = FaultyDisk()
    recorder = draft_on(disk, tmp_path / "home", mode=request.param)
    recorder.persist()
    yield recorder, disk
    disk.disarm()
    recorder.discard()


def messages(path: str) -> list[int]:
    found = []
    for line in Path(path).read_bytes().splitlines()[1:]:
        with contextlib.suppress(ValueError):
            found.append(number_of(line))
    return found


def theirs(recorder: RolloutRecorder, number: int) -> bytes:
    """A whole line such as another process of threadlog would write, with the next number."""
    last = Path(recorder.path).read_bytes().splitlines(keepends=True)[-1]
    value = last.replace(b'"text":"2 ', b'"text":"%d ' % number)
    return value.replace(b'"ordinal":3', b'"ordinal":%d' % number)


# -- the lock


def test_a_lock_that_was_lost_is_not_had_again_by_the_inode_of_a_later_one(home: Path) -> None:
    thread = "01890000-0000-7000-8000-000000000001"
    lock = ThreadWriterLock(str(home), thread)
    path = home / "thread-writer-locks" / f"{thread}.lock"
    later = path.with_name("later")  # which has the inode of before
    os.link(path, later)
    path.unlink()
    for _ in range(2):  # as a Codex that loads and unloads it
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        fcntl.flock(fd, fcntl.LOCK_EX)
        with pytest.raises(InUse):
            lock.check()
        os.close(fd)
        path.unlink()
        if later.exists():
            later.rename(path)
    lock.check()
    lock.release()


def test_nothing_is_cut_once_another_has_the_lock(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    recorder, disk = live
    disk.error = errno.EIO

    def half(name: str) -> None:
        if name == "write" and disk.made.count("write") == 1:
            disk.cut_short(name)
        elif name == "write":
            disk.fail_names = {"write", "truncate"}

    disk.before = half
    disk.arm()
    recorder.record(said(3))
    with pytest.raises(WriteFailed):
        recorder.flush()
    disk.disarm()
    disk.before = None
    home = Path(recorder.path).parents[4]
    (home / "thread-writer-locks" / f"{recorder.thread_id}.lock").unlink()
    with held(home, recorder.thread_id):
        before = Path(recorder.path).read_bytes()
        assert not before.endswith(b"\n")
        with pytest.raises(InUse):
            recorder.flush()
        assert Path(recorder.path).read_bytes() == before
    recorder.flush()
    assert numbers(recorder.path) == [0, 1, 2, 3]


def test_taking_over_what_nobody_holds_still_waits_until_it_stands_still(home: Path) -> None:
    first = draft_on(FaultyDisk(), home)
    first.persist()
    first.close()
    code = (
        "import sys, time\n"
        "while True:\n"
        "    open(sys.argv[1], 'a').write('x\\n')\n"
        "    print('grown', flush=True)\n"
        "    time.sleep(0.05)\n"
    )
    with python(code, first.path) as grower:
        assert grower.stdout is not None
        grower.stdout.readline()
        try:
            with pytest.raises(InUse, match="force"):
                RolloutRecorder.resume(threadlog.open(home), first.path, take_over=True)
        finally:
            grower.kill()


def test_a_presence_that_another_process_sweeps_is_made_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = try_lock, []

    def swept(fd: int, *, shared: bool = False) -> bool:
        calls.append(fd)
        if len(calls) == 1:
            for path in (home / "threadlog").glob("writing-*"):
                path.unlink()
        return len(calls) != 2 and whole(fd, shared=shared)

    monkeypatch.setattr("threadlog.codex.presence.try_lock", swept)
    with draft_on(FaultyDisk(), home) as recorder:
        recorder.persist()
        assert len(calls) == 3
        assert presence.is_ours(str(home), os.getpid())


# -- others' lines


def test_numbers_go_on_after_lines_that_came_between_look_and_write(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    recorder, disk = live

    def others_write(name: str) -> None:
        if name == "write" and disk.made.count("write") == 1:
            with open(recorder.path, "ab") as file:
                file.writelines(theirs(recorder, number) for number in range(4, 9))

    disk.before = others_write
    disk.arm()
    recorder.record(said(3))
    with pytest.raises(OthersWrote):
        recorder.flush()
    disk.disarm()
    recorder.record(said(9))
    recorder.close()
    assert messages(recorder.path) == [0, 1, 2, 4, 5, 6, 7, 8, 3, 9]
    assert ordinals(recorder.path) in ([None] * 11, [0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 9])


@pytest.mark.parametrize("foreign", [b"theirs\n", b'{"torn by others'])
@pytest.mark.parametrize("times", [1, 3])
def test_whole_lines_before_what_others_wrote_are_not_repeated(
    live: tuple[RolloutRecorder, FaultyDisk], foreign: bytes, times: int
) -> None:
    recorder, disk = live
    line = len(Path(recorder.path).read_bytes().splitlines()[-1]) - 150
    disk.error = errno.ENOSPC

    def others_write(name: str) -> None:
        if name != "write":
            return
        if disk.made.count("write") == 1:
            disk.short_at, disk.short_bytes = len(disk.made) - 1, line + 40
        else:
            with open(recorder.path, "ab") as file:
                file.write(foreign)
            disk.fail_names = {"write"}

    disk.before = others_write
    disk.arm()
    recorder.record(said(3, 50), said(4, 50), said(5, 50))
    for _ in range(times):
        with pytest.raises(WriteFailed):
            recorder.flush()
    disk.before = None
    disk.disarm()
    with pytest.raises(OthersWrote):
        recorder.flush()
    assert messages(recorder.path) == [0, 1, 2, 3, 4, 5]
    recorder.close()


def test_a_line_is_not_in_two_pieces_around_what_others_wrote(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    recorder, disk = live

    def others_write(name: str) -> None:
        if name == "write" and disk.made.count("write") == 1:
            disk.short_at = len(disk.made) - 1
        elif name == "status" and "write" in disk.made and disk.made.count("write") == 1:
            with open(recorder.path, "ab") as file:
                file.write(b"theirs\n")

    disk.before = others_write
    disk.arm()
    recorder.record(said(3))
    with pytest.raises(WriteFailed, match="others wrote there at the same time"):
        recorder.flush()
    disk.before = None
    disk.disarm()
    with pytest.raises(OthersWrote):
        recorder.flush()
    assert messages(recorder.path) == [0, 1, 2, 3]
    recorder.close()


@pytest.mark.parametrize("resting", [True, False])
def test_a_file_that_was_written_anew_is_not_taken_for_ours(
    live: tuple[RolloutRecorder, FaultyDisk], *, resting: bool
) -> None:
    recorder, _disk = live
    if resting:
        rest(recorder)
    other = b"another text, and a longer one\n" * 100
    Path(recorder.path).write_bytes(other)  # of the same inode
    recorder.record(said(3))
    with pytest.raises(WriteFailed, match="written it anew"):
        recorder.flush()
    assert Path(recorder.path).read_bytes() == other


def test_what_came_after_the_last_sync_is_told_when_it_is_closed(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    recorder, _disk = live
    recorder.record(said(3))
    recorder.flush()
    with open(recorder.path, "ab") as file:
        file.write(theirs(recorder, 4))
    with pytest.raises(OthersWrote):
        recorder.close()
    recorder.close()


def test_all_that_others_wrote_before_a_barrier_is_told_at_once(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    recorder, _disk = live
    size, total = os.path.getsize(recorder.path), 0
    for number in (4, 6):
        line = theirs(recorder, number)
        total += len(line)
        with open(recorder.path, "ab") as file:
            file.write(line)
        recorder.record(said(number + 1))
        deadline = time.monotonic() + LONG_S
        while recorder.pending_items:
            assert time.monotonic() < deadline
            time.sleep(0.005)
    with pytest.raises(OthersWrote) as caught:
        recorder.flush()
    assert (caught.value.offset, caught.value.length) == (size, total)


@pytest.mark.parametrize("mode", MODES)
def test_that_others_wrote_stops_no_turn(home: Path, mode: str) -> None:
    with threadlog.open(home).start("/x", history_mode=mode) as thread:
        with thread.turn("one") as turn:
            turn.say("1")
        with open(thread.path, "ab") as file:
            file.write(Path(thread.path).read_bytes().splitlines(keepends=True)[-1])
        turn = thread.turn("two")
        turn.__enter__()
        turn.say("2")
        with pytest.raises(OthersWrote):
            turn.__exit__(None, None, None)
    assert [each.status for each in threadlog.open(home).turns("last")] == ["completed"] * 2


# -- what is on stable storage


def unsynced(recorder: RolloutRecorder, disk: FaultyDisk) -> list[str]:
    """The rollout, and the folders up to the home, that were not brought to the disk."""
    places = [Path(recorder.path), *Path(recorder.path).parents[:5]]
    return [place.name for place in places if place.stat().st_ino not in disk.synced]


def test_folders_that_a_thread_made_and_did_not_sync_are_synced_by_the_next(home: Path) -> None:
    disk = FaultyDisk()
    opened_home = home_on(disk, home)
    one, two = (RolloutRecorder.create(opened_home, ThreadOptions(cwd="/x")) for _ in range(2))
    one.persist(level="kernel")
    disk.arm()
    two.persist()
    assert unsynced(two, disk) == []
    opened_home.close()


def test_the_name_of_a_thread_that_others_made_is_synced_too(home: Path) -> None:
    first = draft_on(FaultyDisk(), home)
    first.persist(level="kernel")
    first.close()
    disk = FaultyDisk()
    recorder = RolloutRecorder.resume(home_on(disk, home), first.path)
    recorder.record(said(3))
    disk.arm()
    recorder.flush()
    assert unsynced(recorder, disk) == []
    disk.synced.clear()
    recorder.record(said(4))
    recorder.close()
    assert Path(recorder.path).parent.stat().st_ino not in disk.synced, "once is enough"


def test_a_copy_in_its_place_is_synced_before_it_is_closed(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    recorder, disk = live
    path = Path(recorder.path)
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)
    disk.arm()
    disk.synced.clear()
    recorder.close()
    assert {path.stat().st_ino, path.parent.stat().st_ino} <= disk.synced


# -- callers at once


def persist(recorder: RolloutRecorder, told: list[BaseException | None]) -> None:
    """As another thread does; says how it went."""
    try:
        recorder.persist(level="kernel")
        told.append(None)
    except BaseException as error:
        told.append(error)


def test_closing_and_persisting_a_draft_at_once_holds_nobody_up(home: Path) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    opened_home = threadlog.open(home)
    try:
        for _ in range(150):
            recorder = RolloutRecorder.create(opened_home, ThreadOptions(cwd="/x"))
            persisted: list[BaseException | None] = []

            other = threading.Thread(target=persist, args=(recorder, persisted))
            other.start()
            recorder.close()
            other.join(LONG_S)
            assert not other.is_alive(), "it hangs"
            (error,) = persisted
            assert error is None or isinstance(error, Closed), error
            assert recorder._channel.state is None or error is None
            recorder.close()
    finally:
        sys.setswitchinterval(before)
    assert opened(home / "sessions") == 0


def test_after_a_failed_close_what_is_recorded_is_written_by_itself(
    live: tuple[RolloutRecorder, FaultyDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, disk = live
    monkeypatch.setattr(writer, "RETRY_S", 0.1)
    recorder.record(said(3))
    disk.arm()
    disk.fail_names = {"write"}
    with pytest.raises(WriteFailed):
        recorder.close()
    disk.disarm()
    for number in (4, 5):
        recorder.record(said(number))
        deadline = time.monotonic() + 5
        while recorder.pending_items:
            assert time.monotonic() < deadline, "nobody writes it"
            time.sleep(0.01)
    assert numbers(recorder.path) == [0, 1, 2, 3, 4, 5]


def test_a_slow_rescue_costs_no_processor(live: tuple[RolloutRecorder, FaultyDisk]) -> None:
    recorder, disk = live

    def slowly(name: str) -> None:
        if name == "read_at":
            time.sleep(0.5)

    os.unlink(recorder.path)
    disk.before = slowly
    disk.arm()
    recorder.record(said(3))
    begun = time.process_time()
    with pytest.raises(WriteFailed, match="is kept in"):
        recorder.flush()
    assert time.process_time() - begun < 0.4
    disk.before = None


def test_what_was_given_up_is_counted_once(live: tuple[RolloutRecorder, FaultyDisk]) -> None:
    recorder, _disk = live
    recorder.record(said(3))
    recorder.flush()
    assert recorder.discard() == 0
    assert (recorder.pending_items, recorder.discard()) == (0, 0)


# -- files with several names


def test_a_rollout_with_a_second_name_is_not_gone_on_with(home: Path, tmp_path: Path) -> None:
    first = draft_on(FaultyDisk(), home)
    first.persist()
    first.close()
    outside = tmp_path / "outside"
    os.link(first.path, outside)
    before = outside.read_bytes()
    with pytest.raises(NotResumable, match="2 names"):
        RolloutRecorder.resume(threadlog.open(home), first.path)
    assert outside.read_bytes() == before
    outside.unlink()
    RolloutRecorder.resume(threadlog.open(home), first.path).close()


# -- what others wrote, and a failure of ours


def test_lines_of_others_again_and_again_never_look_like_another_file(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    recorder, disk = live
    foreign = theirs(recorder, 99)
    for number in range(3, 9):
        recorder.record(said(number))
        with contextlib.suppress(OthersWrote):
            recorder.flush(level="kernel")
        with open(recorder.path, "ab") as file:
            file.write(foreign)
        if number % 2:
            disk.arm(5)
            with contextlib.suppress(OthersWrote, WriteFailed):
                recorder.flush()
            disk.disarm()
            rest(recorder)
        with contextlib.suppress(OthersWrote):
            recorder.flush()
    assert [each for each in messages(recorder.path) if each != 99] == list(range(9))


def test_a_write_that_fails_after_a_take_over_cuts_nothing(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    recorder, disk = live
    home = Path(recorder.path).parents[4]
    lock = home / "thread-writer-locks" / f"{recorder.thread_id}.lock"

    def taken_over(name: str) -> None:
        if name == "write" and disk.made.count("write") == 1:
            disk.cut_short(name)
        elif name == "write":
            lock.unlink()
            lock.touch()
            holder.append(os.open(lock, os.O_RDWR))
            fcntl.flock(holder[0], fcntl.LOCK_EX)
            disk.fail_names = {"write"}

    holder: list[int] = []
    disk.before = taken_over
    disk.arm()
    recorder.record(said(3))
    with pytest.raises(WriteFailed):
        recorder.flush()
    disk.before = None
    disk.disarm()
    before = Path(recorder.path).read_bytes()
    assert not before.endswith(b"\n"), "half a line stays"
    with pytest.raises(InUse):
        recorder.flush()
    assert Path(recorder.path).read_bytes() == before
    os.close(holder[0])
    recorder.flush()
    assert numbers(recorder.path) == [0, 1, 2, 3]


@pytest.mark.parametrize("foreign", [b"theirs\n", b"theirs, unfinished"])
def test_a_line_glued_to_what_others_left_unfinished_is_written_again(
    live: tuple[RolloutRecorder, FaultyDisk], foreign: bytes
) -> None:
    recorder, disk = live

    def others_write(name: str) -> None:
        if name == "write" and disk.made.count("write") == 1:
            with open(recorder.path, "ab") as file:
                file.write(foreign)

    disk.before = others_write
    disk.arm()
    recorder.record(said(3), said(4))
    with pytest.raises(OthersWrote):
        recorder.flush()
    disk.before = None
    disk.disarm()
    recorder.record(said(5))
    recorder.close()
    assert sorted(messages(recorder.path)) == [0, 1, 2, 3, 4, 5]


def test_a_batch_that_goes_on_after_what_others_wrote_loses_nothing(
    live: tuple[RolloutRecorder, FaultyDisk],
) -> None:
    """In a file that can only be appended to."""
    recorder, disk = live
    disk.error = errno.EPERM

    def others_write(name: str) -> None:
        writes = disk.made.count("write")
        if name == "write" and writes == 1:
            disk.short_at, disk.short_bytes = len(disk.made) - 1, 400
            disk.fail_names = {"truncate"}
        elif name == "write" and writes == 2:
            disk.fail_names = {"write", "truncate"}
        elif name == "write":
            disk.fail_names = {"truncate"}
            with open(recorder.path, "ab") as file:
                file.write(b"theirs\n")

    disk.before = others_write
    disk.arm()
    recorder.record(said(3, 50), said(4, 50), said(5, 50), said(6, 50))
    with pytest.raises(WriteFailed):
        recorder.flush()
    with pytest.raises(OthersWrote):
        recorder.flush()
    disk.before = None
    disk.disarm()
    recorder.close()
    assert sorted(messages(recorder.path)) == [0, 1, 2, 3, 4, 5, 6]


def test_lines_without_numbers_are_told_though_nothing_follows(home: Path) -> None:
    recorder = draft_on(FaultyDisk(), home, mode="paginated")
    recorder.persist()
    with open(recorder.path, "ab") as file:
        file.write(b'{"timestamp":"2026-01-01T00:00:00.000Z","type":"compacted","payload":{}}\n')
    with pytest.raises(OthersWrote):
        recorder.close()


def test_a_linked_year_that_has_the_day_is_not_written_to(home: Path, tmp_path: Path) -> None:
    recorder = draft_on(FaultyDisk(), home)
    day = Path(recorder.path).parent
    outside = tmp_path / "outside"
    (outside / day.parent.name / day.name).mkdir(parents=True)
    (home / "sessions").mkdir()
    (home / "sessions" / day.parents[1].name).symlink_to(outside)
    with pytest.raises(WriteFailed, match="symbolic link"):
        recorder.persist()
    assert list(outside.rglob("*.jsonl")) == []
    recorder.discard()


def test_a_new_home_is_synced_by_the_first_who_syncs(tmp_path: Path) -> None:
    disk = FaultyDisk()
    opened_home = home_on(disk, tmp_path / "new" / "home")
    one, two = (RolloutRecorder.create(opened_home, ThreadOptions(cwd="/x")) for _ in range(2))
    one.persist(level="kernel")
    disk.arm()
    two.persist()
    assert {tmp_path.stat().st_ino, (tmp_path / "new").stat().st_ino} <= disk.synced
    opened_home.close()


def test_a_name_that_was_never_synced_is_not_said_to_be(home: Path) -> None:
    disk = FaultyDisk()
    recorder = draft_on(disk, home)
    recorder.persist(level="kernel")
    moved = home / "moved"
    os.rename(recorder.path, moved)
    with pytest.raises(WriteFailed, match="moved it to"):
        recorder.flush()
    os.rename(moved, recorder.path)
    disk.arm()
    recorder.flush()
    assert Path(recorder.path).parent.stat().st_ino in disk.synced
    recorder.close()


ASKED = ("draft", "ephemeral", "is_paginated", "on_disk", "path", "pending_items", "thread_id")


@pytest.mark.parametrize("asked", ASKED)
def test_what_a_draft_is_can_be_asked_while_it_is_closed(home: Path, asked: str) -> None:
    opened_home = threadlog.open(home)
    step, reached = 0, True
    while reached:
        recorder = RolloutRecorder.create(opened_home, ThreadOptions(cwd="/x"))
        reached = _ask_and_close_at(recorder, asked, step)
        recorder.close()
        step += 1
    assert step > 2, "it was not closed while it was asked"


def _ask_and_close_at(recorder: RolloutRecorder, asked: str, step: int) -> bool:
    """Close the recorder within the asking, before its step; False if it has fewer steps."""
    left = itertools.count(step, -1)
    closed = False

    def traced(frame: FrameType, event: str, argument: object) -> TraceFunction:
        nonlocal closed
        frame.f_trace_opcodes = True
        if event == "opcode" and next(left) == 0:
            sys.settrace(None)
            recorder.close()  # as another thread may
            closed = True
        return traced

    sys.settrace(traced)
    try:
        getattr(recorder, asked)
    finally:
        sys.settrace(None)
    return closed
