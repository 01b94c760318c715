"""Cold rollouts compressed: nothing is ever lost, and who is at work is left alone."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import random
import re
import signal
import stat
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import threadlog
from ended_processes import forked
from faulty_disk import FaultyDisk, home_on, mode_of
from makers import (
    OTHER,
    THREAD,
    Pages,
    agent,
    both_ways,
    content,
    file_name,
    held,
    meta,
    put,
    put_thread,
    python,
    raw_bytes,
    told,
    tree,
    turn,
    uuid,
    zstd,
)
from threadlog import Home, RolloutRecorder, WriteFailed, aio
from threadlog.core.compression import Compression
from threadlog.core.items.event import AgentMessageEvent
from threadlog.local import pack, twins
from threadlog.local.files import RolloutFile

WHOLE = content([meta(), *turn("one"), *turn("two"), *turn("three")])
LONG_AGO_NS = 1_700_000_000_123_456_789
TORN = b'{"timestamp":"2026-01-02T03:04:05.678Z","type":"event_msg","payl'


def cold(home: Path, data: bytes = WHOLE, name: str | None = None) -> Path:
    """A rollout that nobody has changed for long."""
    path = put(home, data, name)
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    return path


def compress(home: Path | Home, *references: str, **asked: Any) -> list[Compression]:
    """What comes of each rollout."""
    opened = home if isinstance(home, Home) else threadlog.open(home)
    return opened.compress(*references, **asked)


def statuses(results: list[Compression]) -> list[str]:
    return [each.status for each in results]


def names(home: Path) -> list[str]:
    """The files in the folder of the rollouts."""
    return sorted(path.name for path in (home / "sessions").rglob("*") if path.is_file())


def frame_sizes(packed: bytes) -> list[int]:
    """The content sizes by the seek table, which must stand as the format has it."""
    count, descriptor, magic = struct.unpack("<IBI", packed[-9:])
    assert (descriptor, magic) == (0, 0x8F92EAB1)
    table = packed[-(8 + 8 * count + 9) :]
    assert struct.unpack("<II", table[:8]) == (0x184D2A5E, 8 * count + 9)
    entries = list(struct.iter_unpack("<II", table[8:-9]))
    assert sum(size for size, _plain in entries) + len(table) == len(packed)
    place = 0
    for size, plain in entries:
        frame = packed[place : place + size]
        assert zstd.get_frame_info(frame).decompressed_size == plain
        assert zstd.get_frame_size(frame) == size
        assert frame[4] & 0b100, "a checksum"
        place += size
    return [plain for _size, plain in entries]


# -- what is made


@pytest.mark.parametrize(
    "data",
    [
        WHOLE,
        WHOLE + TORN,
        b"\n\n" + WHOLE + b"no JSON\n\xff\xfe\n" + b"\0" * 5000,
        b"\r\n".join(WHOLE.splitlines()),
        content([meta(), *[agent(f"{n} " + "x" * 900) for n in range(5000)]]),
    ],
    ids=["whole", "torn", "damaged", "CRLF", "several frames"],
)
@pytest.mark.codex("C213", "C214")
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o400, 0o640])
def test_a_packed_rollout_is_the_same_bytes_mode_and_time(
    home: Path, data: bytes, mode: int
) -> None:
    path = cold(home, data)
    path.chmod(mode)
    before = both_ways(home, THREAD)
    (done,) = compress(home)
    packed = Path(f"{path}.zst")
    assert done == Compression(
        THREAD, str(path), "compressed", None, len(data), packed.stat().st_size
    )
    assert names(home) == [packed.name]
    assert zstd.decompress(packed.read_bytes()) == data
    assert mode_of(packed) == mode
    assert packed.stat().st_mtime_ns == LONG_AGO_NS
    assert packed.stat().st_nlink == 1
    assert both_ways(home, THREAD) == before
    assert raw_bytes(home, THREAD) == data
    (again,) = compress(home)
    assert (again.status, again.reason) == ("skipped", "it is compressed already")


def test_frames_hold_whole_lines_of_about_a_mebibyte_and_a_longer_line_alone(home: Path) -> None:
    small = [agent(f"{n} " + "x" * 3000) for n in range(1000)]
    long = agent("y" * (3 << 20))
    data = content([meta(), *small, long, *small])
    path = cold(home, data)
    compress(home)
    sizes = frame_sizes(Path(f"{path}.zst").read_bytes())
    assert sum(sizes) == len(data)
    assert len(long) + 1 in sizes
    assert all(size <= pack.FRAME_BYTES for size in sizes if size != len(long) + 1)
    assert len(sizes) <= len(data) // pack.FRAME_BYTES + 3
    place = 0
    for size in sizes:
        place += size
        assert data[place - 1 : place] == b"\n"


def test_a_line_that_no_reader_holds_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "FRAME_BYTES", 10)
    monkeypatch.setattr(pack, "FRAME_LIMIT_BYTES", 25)
    data = b"short\n" + b"x" * 24 + b"\n" + b"y" * 60 + b"\nend"
    for size in (1, 7, 200):
        chunks = [data[at : at + size] for at in range(0, len(data), size)]
        pieces = list(pack.frames_of(chunks))
        assert b"".join(pieces) == data
        assert pieces[:4] == [b"short\n", b"x" * 24 + b"\n", b"y" * 25, b"y" * 25]


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_listings_say_the_same_of_a_thread_that_was_packed(home: Path, mode: str) -> None:
    if mode == "legacy":
        path = cold(home)
    else:
        pages = Pages(THREAD)
        for name in ("a", "b"):
            pages.turn(name)
        path = pages.write(home)
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    opened = threadlog.open(home)
    (before,) = opened.threads()
    compress(home)
    (after,) = threadlog.open(home).threads()
    packed = Path(f"{path}.zst")
    assert after == before._replace(
        path=str(packed), size_bytes=packed.stat().st_size, compressed=True
    )
    assert told(home, THREAD)


def test_all_rollouts_of_a_thread_are_packed_and_what_builds_on_them_is_read(home: Path) -> None:
    base = Pages(THREAD)
    base.turn("one")
    revised = Pages(THREAD, revision=uuid(0x77), base=base.end)
    revised.turn("two")
    fork = Pages(OTHER, base=revised.end)
    fork.turn("three")
    for pages, stamp in ((base, "01"), (revised, "02"), (fork, "03")):
        path = pages.write(home, stamp=f"2026-01-{stamp}T00-00-00")
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    before = both_ways(home, OTHER)
    assert statuses(compress(home, THREAD)) == ["compressed"] * 2
    assert both_ways(home, OTHER) == before
    assert told(home, OTHER) == ["one", "two", "three"]
    assert statuses(compress(home, OTHER)) == ["compressed"]
    assert both_ways(home, OTHER) == before


@pytest.mark.codex("C209")
def test_archived_threads_are_packed_too_or_alone_or_not(home: Path) -> None:
    put_thread(home, 1)
    put_thread(home, 2, folder="archived_sessions")
    for path in home.rglob("*.jsonl"):
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    for archived, count in ((True, 1), (False, 1), (None, 2)):
        results = compress(home, archived=archived, dry_run=True)
        assert statuses(results) == ["would compress"] * count
    assert statuses(compress(home)) == ["compressed"] * 2
    assert [each.id for each in threadlog.open(home).threads(archived=True)] == [uuid(2)]


def test_a_dry_run_changes_nothing_and_says_about_how_much(home: Path) -> None:
    lines = [agent(f"{n} " + os.urandom(300).hex()) for n in range(12_000)]
    path = cold(home, content([meta(), *lines]))
    before = tree(home)
    (planned,) = compress(home, dry_run=True)
    assert tree(home) == before
    (done,) = compress(home)
    assert planned.status == "would compress"
    assert 0.9 < planned.after_bytes / done.after_bytes < 1.1
    assert planned.before_bytes == done.before_bytes == len(content([meta(), *lines]))
    assert not path.exists()


# -- what is left alone


def _young(path: Path) -> None:
    then = time.time() - 6.9 * 86_400
    os.utime(path, (then, then))


def _of_the_future(path: Path) -> None:
    then = time.time() + 86_400
    os.utime(path, (then, then))


def _with_twin(path: Path) -> None:
    Path(f"{path}.zst").write_bytes(b"whatever it is")


def _linked(path: Path) -> None:
    os.link(path, path.parent / "another name")


def _empty(path: Path) -> None:
    path.write_bytes(b"")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))


LEFT_ALONE: dict[str, tuple[Callable[[Path], None], str]] = {
    "young": (_young, "it changed in the last 7 days"),
    "of the future": (_of_the_future, "it changed in the last 7 days"),
    "with a twin": (_with_twin, "a compressed copy lies beside it already"),
    "linked": (_linked, "it has several names (hard links)"),
    "empty": (_empty, "it is empty"),
}


@pytest.mark.codex("C210")
@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_is_left_alone_is_said(home: Path, name: str, dry_run: bool) -> None:
    path = cold(home)
    spoil, why = LEFT_ALONE[name]
    spoil(path)
    before = {each: each.read_bytes() for each in path.parent.iterdir()}
    (result,) = compress(home, dry_run=dry_run)
    assert (result.status, result.reason) == ("skipped", why)
    assert {each: each.read_bytes() for each in path.parent.iterdir()} == before


def test_a_link_to_a_rollout_is_not_followed(home: Path, tmp_path: Path) -> None:
    elsewhere = cold(tmp_path / "elsewhere")
    link = home / "sessions/2026/01/02" / file_name()
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    assert compress(home) == []
    assert elsewhere.read_bytes() == WHOLE


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_thread_that_is_locked_is_skipped_at_once(home: Path, dry_run: bool) -> None:
    path = cold(home)
    put_thread(home, 0xB)
    with held(home, THREAD):
        begun = time.monotonic()
        first, _other = compress(home, older_than_days=0, dry_run=dry_run)
        assert time.monotonic() - begun < 2
    assert first.status == "skipped"
    assert "already has an active writer" in (first.reason or "")
    assert path.read_bytes() == WHOLE
    assert names(home)[0] == path.name


def test_a_thread_that_we_record_ourselves_is_skipped(home: Path) -> None:
    path = cold(home)
    opened = threadlog.open(home)
    with RolloutRecorder.resume(opened, THREAD, force=True):
        (result,) = opened.compress()
        assert (result.status, path.exists()) == ("skipped", True)
        assert "this process" in (result.reason or "")
    assert statuses(opened.compress()) == ["compressed"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="Linux tells who has it open")
@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR | os.O_APPEND])
def test_what_a_program_without_a_lock_has_open_to_write_is_skipped(home: Path, flags: int) -> None:
    path = cold(home)
    fd = os.open(path, flags)
    (result,) = compress(home)
    assert (result.status, result.reason) == ("skipped", "a program has it open for writing")
    os.close(fd)
    reading = path.open("rb")
    with reading:
        assert statuses(compress(home)) == ["compressed"]


def test_never_without_the_lock(home: Path) -> None:
    """Every call that changes something is made while it is held."""
    path = cold(home)
    disk = FaultyDisk()
    lock = home / "thread-writer-locks" / f"{THREAD}.lock"
    held_at = []

    def look(name: str) -> None:
        if name in ("create", "link", "move", "unlink", "write"):
            held_at.append(lock.exists())

    disk.before = look
    disk.arm()
    assert statuses(compress(home_on(disk, home))) == ["compressed"]
    assert held_at
    assert all(held_at)
    assert not lock.exists()
    assert not path.exists()


@pytest.mark.codex("C216")
def test_the_copy_and_its_name_are_on_the_disk_before_the_plain_one_goes(home: Path) -> None:
    path = cold(home)
    disk = FaultyDisk()
    synced: dict[str, set[int]] = {}

    def note(name: str) -> None:
        synced.setdefault(name, set(disk.synced))

    disk.before = note
    disk.arm()
    assert statuses(compress(home_on(disk, home))) == ["compressed"]
    packed, folder = Path(f"{path}.zst").stat().st_ino, path.parent.stat().st_ino
    assert packed in synced["link"]
    assert folder not in synced["link"]
    assert folder in synced["move"]


def test_a_moment_ago_is_too_young_for_everybody(home: Path) -> None:
    put(home, WHOLE)
    (result,) = compress(home, older_than_days=0)
    assert (result.status, result.reason) == ("skipped", "it changed a moment ago")


@pytest.mark.parametrize("days", [-1, float("nan"), float("inf")])
def test_days_that_are_none_are_refused(home: Path, days: float) -> None:
    with pytest.raises(ValueError, match="days old"):
        compress(home, older_than_days=days)


def test_a_reference_that_fits_nothing_is_said_before_anything_is_done(home: Path) -> None:
    path = cold(home)
    with pytest.raises(threadlog.NotFound):
        compress(home, THREAD, uuid(0xC))
    assert path.exists()


def test_two_runs_at_once_share_the_work(home: Path) -> None:
    for number in range(60):
        path = put_thread(home, number, f"{number} " + "x" * 20_000)
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    before = {uuid(number): raw_bytes(home, uuid(number)) for number in range(60)}
    code = """
import sys, json, threadlog
home = threadlog.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps([[each.status, each.reason] for each in home.compress()]))
"""
    runs = [python(code, str(home)) for _ in range(2)]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    results = [json.loads(run.communicate(timeout=60)[0]) for run in runs]
    done = [status for result in results for status, _reason in result]
    assert done.count("compressed") == 60
    assert set(done) <= {"compressed", "skipped"}, results
    assert all(name.endswith(".jsonl.zst") for name in names(home))
    assert {thread: raw_bytes(home, thread) for thread in before} == before


def test_it_can_be_awaited(home: Path) -> None:
    cold(home)
    told_of: list[tuple[str, int, int]] = []

    async def main() -> list[Compression]:
        opened = aio.open(home)
        return await opened.compress(progress=lambda *what: told_of.append(what))

    assert statuses(asyncio.run(main())) == ["compressed"]
    assert told_of == [("bytes", 0, len(WHOLE))]


LINES = st.lists(
    st.one_of(
        st.binary(max_size=60), st.just(b""), st.builds(lambda n: b"x" * n, st.integers(0, 900))
    ),
    min_size=1,
    max_size=30,
)


@given(lines=LINES, ended=st.booleans(), frame=st.integers(1, 400), seed=st.integers(0, 99))
def test_whatever_is_packed_is_read_as_the_plain_file(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    ended: bool,
    frame: int,
    seed: int,
) -> None:
    home = tmp_path_factory.mktemp("home")
    data = meta() + b"\n" + b"\n".join(lines) + (b"\n" if ended else b"")
    path = cold(home, data)
    before = both_ways(home, THREAD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "FRAME_BYTES", frame)
        assert statuses(compress(home)) == ["compressed"]
    assert both_ways(home, THREAD) == before
    chance = random.Random(seed)
    with RolloutFile(f"{path}.zst") as rollout:
        assert rollout.seekable
        for _ in range(10):
            at, count = chance.randint(0, len(data)), chance.randint(0, len(data))
            assert rollout.read_at(at, count) == data[at : at + count]
            assert b"".join(rollout.chunks_from(at)) == data[at:]
    with contextlib.suppress(threadlog.NotResumable):
        _resume(threadlog.open(home))
        assert path.read_bytes() == data


# -- what fails

FAULTS: dict[str, BaseException | int] = {
    "ENOSPC": errno.ENOSPC,
    "EIO": errno.EIO,
    "EACCES": errno.EACCES,
    "no memory": MemoryError(),
    "interrupted": KeyboardInterrupt(),
}


def _calls(home: Path) -> list[str]:
    cold(home)
    disk = FaultyDisk()
    opened = home_on(disk, home)
    disk.arm()
    assert statuses(compress(opened)) == ["compressed"]
    disk.disarm()
    assert {"create", "write", "sync", "link", "move", "unlink"} <= set(disk.made)
    return list(disk.made)


def _left(home: Path) -> list[str]:
    return [name for name in names(home) if _is_temporary(name)]


def _is_temporary(name: str) -> bool:
    return name.endswith(".tmp") or twins.ASIDE in name


def _is_whole(home: Path) -> None:
    """It reads as it did, by a copy that has its name, and by every copy that has one."""
    (thread,) = threadlog.open(home).threads()
    assert thread.path.endswith((file_name(), file_name() + ".zst"))
    assert raw_bytes(home, THREAD) == WHOLE
    for name in names(home):
        if not _is_temporary(name):
            with RolloutFile(str(home / "sessions/2026/01/02" / name)) as rollout:
                assert b"".join(rollout.chunks()) == WHOLE
                assert rollout.gap is None


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_call_fails_nothing_is_lost_and_the_next_run_does_it(
    tmp_path: Path, fault: str
) -> None:
    calls = _calls(tmp_path / "count")
    for number, name in enumerate(calls):
        home = tmp_path / f"home-{number}"
        cold(home)
        disk = FaultyDisk()
        opened = home_on(disk, home)
        disk.error = FAULTS[fault]
        disk.arm(number)
        results: list[Compression] = []
        with contextlib.suppress(MemoryError, KeyboardInterrupt):
            results = compress(opened)
        disk.disarm()
        where = f"call {number}, {name}: {results}"
        _is_whole(home)
        assert not _left(home) or name == "unlink", where
        if results and results[0].status == "failed":
            assert names(home) == [file_name()], where
            assert str(home) in (results[0].reason or ""), where
        (again,) = compress(home)
        assert again.status == "compressed" or again.reason == "it is compressed already", where
        assert [each for each in names(home) if not _is_temporary(each)] == [
            file_name() + ".zst"
        ], where
        _is_whole(home)


def test_killed_at_any_call_nothing_is_lost(tmp_path: Path) -> None:
    calls = _calls(tmp_path / "count")
    for number, name in enumerate(calls):
        home = tmp_path / f"home-{number}"
        cold(home)
        _killed_at(home, number)
        _is_whole(home)
        (again,) = compress(home)
        assert again.status in ("compressed", "skipped"), name
        if again.status == "skipped":
            assert again.reason in ("it is compressed already", pack.HAS_TWIN), name
        _is_whole(home)
        for folder in (home / "sessions").rglob("02"):
            twins.remove_stale(FaultyDisk(), str(folder), time.time() + twins.STALE_S + 60)
        assert not _left(home)
        _is_whole(home)


def _killed_at(home: Path, number: int, what: Callable[[Home], object] = compress) -> None:
    def work(_tell: Callable[[object], None]) -> None:
        disk = FaultyDisk()
        disk.kill_at = number
        disk.arm()
        what(home_on(disk, home))

    child = forked(work)
    os.close(child.acks)
    status = os.waitpid(child.pid, 0)[1]
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_a_full_disk_is_a_sentence_and_leaves_nothing_behind(home: Path) -> None:
    path = cold(home)
    disk = FaultyDisk()
    disk.fail_names = {"write"}
    disk.armed = True
    (result,) = compress(home_on(disk, home))
    assert result.status == "failed"
    assert result.reason == (
        f"cannot compress {path}: no room for the compressed copy beside it "
        f"(No space left on device); free some and try again"
    )
    assert names(home) == [path.name]


def test_a_write_that_takes_a_part_is_gone_on_with(home: Path) -> None:
    cold(home)
    disk = FaultyDisk()
    disk.before = disk.cut_short
    disk.arm()
    assert statuses(compress(home_on(disk, home))) == ["compressed"]
    _is_whole(home)


def test_what_comes_to_the_disk_otherwise_than_it_was_is_noticed(home: Path) -> None:
    """One byte of what was written is another by the time it is compared."""

    class Lying(FaultyDisk):
        def forget(self, fd: int) -> None:
            (temporary,) = home.rglob("*.tmp")
            data = bytearray(temporary.read_bytes())
            data[place] ^= 1
            temporary.write_bytes(data)

    path = cold(home)
    packed_size = compress(home, dry_run=True)[0].after_bytes
    for place in range(0, packed_size + 10, 7):
        (result,) = compress(home_on(Lying(), home))
        assert result.status == "failed", place
        assert path.read_bytes() == WHOLE
        assert names(home) == [path.name]


MORE = agent("of a program that takes no lock") + b"\n"


def test_what_others_append_at_any_moment_is_kept(tmp_path: Path) -> None:
    """Also what an old Codex writes, which takes no lock."""
    calls = _calls(tmp_path / "count")
    last = calls.index("move")
    for number, name in enumerate(calls):
        home = tmp_path / f"home-{number}"
        path = cold(home)
        appended = _append_at(number, path)
        (result,) = compress(home_on(appended, home))
        where = f"call {number}, {name}: {result}"
        if path.exists():
            assert path.read_bytes() == WHOLE + MORE, where
            assert result.status == "skipped", where
            assert names(home) == [path.name], where
        else:  # it was moved aside, so that nobody could append
            assert result.status == "compressed", where
            _is_whole(home)
        assert path.exists() == (number <= last), where


def _append_at(number: int, path: Path) -> FaultyDisk:
    disk = FaultyDisk()

    def before(_name: str) -> None:
        if len(disk.made) - 1 == number and path.exists():
            with path.open("ab") as file:
                file.write(MORE)

    disk.before = before
    disk.arm()
    return disk


def test_a_rollout_that_changed_is_not_moved(home: Path) -> None:
    path = cold(home)
    disk = _append_at(_calls(home.with_name("count")).index("open_folder"), path)
    (result,) = compress(home_on(disk, home))
    assert (result.status, result.reason) == ("skipped", "it changed meanwhile")
    assert "move" not in disk.made
    assert names(home) == [path.name]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="Linux tells who has it open")
def test_what_is_open_for_writing_by_the_time_it_is_moved_is_given_back(home: Path) -> None:
    path = cold(home)
    disk = FaultyDisk()
    opened = []

    def interfere(name: str) -> None:
        if name == "move":
            opened.append(path.open("ab"))

    disk.before = interfere
    disk.arm()
    (result,) = compress(home_on(disk, home))
    with opened[0] as file:
        file.write(MORE)
    assert (result.status, result.reason) == ("skipped", "it changed meanwhile")
    assert names(home) == [path.name]
    assert raw_bytes(home, THREAD) == WHOLE + MORE


def test_a_rollout_replaced_meanwhile_is_left_alone(home: Path) -> None:
    path = cold(home)
    disk = FaultyDisk()

    def replace(name: str) -> None:
        if name == "move":
            path.unlink()
            path.write_bytes(b"another\n")

    disk.before = replace
    disk.arm()
    (result,) = compress(home_on(disk, home))
    assert (result.status, result.reason) == ("skipped", "it changed meanwhile")
    assert names(home) == [path.name]
    assert path.read_bytes() == b"another\n"


def test_a_rollout_made_anew_while_the_old_one_is_given_back_costs_neither(home: Path) -> None:
    path = cold(home)
    disk = FaultyDisk()

    def interfere(name: str) -> None:
        if name == "move" and disk.made.count("move") == 1:
            with path.open("ab") as file:
                file.write(MORE)
        elif name == "link" and disk.made.count("link") == 2:
            path.write_bytes(b"anew\n")

    disk.before = interfere
    disk.arm()
    (result,) = compress(home_on(disk, home))
    assert result.status == "failed"
    assert path.read_bytes() == b"anew\n"
    (kept,) = path.parent.glob(f"*{twins.ASIDE}*")
    assert str(kept) in (result.reason or "")
    assert kept.read_bytes() == WHOLE + MORE
    twins.remove_stale(FaultyDisk(), str(path.parent), time.time() + twins.STALE_S + 60)
    assert kept.read_bytes() == WHOLE + MORE, "there is no other copy of it"


def test_giving_it_back_that_fails_at_any_call_loses_nothing(tmp_path: Path) -> None:
    for number in range(12):
        home = tmp_path / f"home-{number}"
        path = cold(home)
        disk = FaultyDisk()

        def append(name: str, disk: FaultyDisk = disk, path: Path = path, n: int = number) -> None:
            if name == "move":
                with path.open("ab") as file:
                    file.write(MORE)
                disk.fail_at = {len(disk.made) + n}

        disk.before = append
        disk.arm()
        (result,) = compress(home_on(disk, home))
        disk.disarm()
        where = f"{number}: {disk.made} {result}"
        twins.remove_stale(FaultyDisk(), str(path.parent), time.time() + twins.STALE_S + 60)
        if path.exists():
            assert raw_bytes(home, THREAD) == WHOLE + MORE, where
            _resume(threadlog.open(home))
        else:
            assert result.status == "failed", where
            (kept,) = path.parent.glob(f"*{twins.ASIDE}*")
            assert kept.read_bytes() == WHOLE + MORE, where
            assert str(kept) in (result.reason or ""), where


def test_somebody_elses_twin_is_not_overwritten(home: Path) -> None:
    path = cold(home)
    twin = Path(f"{path}.zst")
    disk = FaultyDisk()

    def publish(name: str) -> None:
        if name == "link":
            twin.write_bytes(b"theirs")

    disk.before = publish
    disk.arm()
    (result,) = compress(home_on(disk, home))
    assert (result.status, result.reason) == ("skipped", pack.HAS_TWIN)
    assert (path.read_bytes(), twin.read_bytes()) == (WHOLE, b"theirs")
    assert names(home) == [path.name, twin.name]


# -- what is left over


@pytest.mark.codex("C209")
def test_old_leftovers_of_ours_are_removed_and_nothing_else(home: Path) -> None:
    path = cold(home)
    ours = ["rollout-compress-12-3.tmp", f"{path.name}.decompress.77.tmp"]
    others = [
        "rollout-compress-12.tmp",
        "rollout-compress-x-1.tmp",
        "notes.tmp",
        f"{path.name}.decompress.1.2.tmp",
        "rollout-compress-12-3.tmp.jsonl",
    ]
    for name in [*ours, *others]:
        (path.parent / name).write_bytes(b"x")
    os.symlink(path, path.parent / "rollout-compress-9-9.tmp")
    disk = FaultyDisk()
    twins.remove_stale(disk, str(path.parent), time.time() + twins.STALE_S - 60)
    assert set(ours) <= set(names(home))
    twins.remove_stale(disk, str(path.parent), time.time() + twins.STALE_S + 60)
    left = {each.name for each in path.parent.iterdir()}
    assert left == {path.name, *others, "rollout-compress-9-9.tmp"}


def test_a_run_removes_them(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cold(home)
    left = path.parent / "rollout-compress-12-3.tmp"
    left.write_bytes(b"x")
    monkeypatch.setattr(twins, "STALE_S", -1)
    compress(home, dry_run=True)
    assert left.exists()
    compress(home)
    assert names(home) == [path.name + ".zst"]


# -- and back again


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_going_on_with_a_packed_thread_makes_it_plain_again(home: Path, mode: str) -> None:
    pages = Pages(THREAD)
    for number in range(200):
        pages.turn(f"{number} " + "x" * 9000)
    data = WHOLE if mode == "legacy" else content(pages.raws)
    path = cold(home, data)
    path.chmod(0o640)
    compress(home)
    frames = len(frame_sizes(Path(f"{path}.zst").read_bytes()))
    assert frames == 1 if mode == "legacy" else frames > 10
    with RolloutRecorder.resume(threadlog.open(home), THREAD) as recorder:
        assert path.read_bytes() == data
        assert (path.stat().st_mtime_ns, stat.S_IMODE(path.stat().st_mode)) == (LONG_AGO_NS, 0o640)
        recorder.record(AgentMessageEvent(message="more"))
    assert names(home) == [path.name]
    assert path.read_bytes().startswith(data)
    assert len(path.read_bytes().splitlines()) == data.count(b"\n") + 1


def _resume(home: Home) -> None:
    RolloutRecorder.resume(home, THREAD, force=True).close()


def test_killed_at_any_call_of_unpacking_it_is_gone_on_with_all_the_same(tmp_path: Path) -> None:
    cold(tmp_path / "count")
    compress(tmp_path / "count")
    disk = FaultyDisk()
    disk.arm()
    _resume(home_on(disk, tmp_path / "count"))
    assert {"create", "write", "sync", "link", "unlink"} <= set(disk.made)
    for number, name in enumerate(disk.made):
        home = tmp_path / f"home-{number}"
        path = cold(home)
        compress(home)
        _killed_at(home, number, _resume)
        _is_whole(home)
        with RolloutRecorder.resume(threadlog.open(home), THREAD) as recorder:
            assert recorder.path == str(path), name
        assert path.read_bytes() == WHOLE
        assert path.stat().st_nlink == 1, name


def test_a_compressed_one_that_is_replaced_while_it_is_unpacked_is_not_removed(
    tmp_path: Path,
) -> None:
    counted = FaultyDisk()
    cold(tmp_path / "count")
    compress(tmp_path / "count")
    counted.arm()
    _resume(home_on(counted, tmp_path / "count"))
    calls = list(counted.made)
    last = calls.index("unlink", calls.index("open_folder"))
    theirs = zstd.compress(WHOLE + MORE)
    for number in range(1, last):
        home = tmp_path / f"home-{number}"
        path = cold(home)
        compress(home)
        packed = Path(f"{path}.zst")
        disk = FaultyDisk()

        def replace(
            _name: str, disk: FaultyDisk = disk, packed: Path = packed, number: int = number
        ) -> None:
            if len(disk.made) - 1 == number:
                packed.unlink()
                packed.write_bytes(theirs)

        disk.before = replace
        disk.arm()
        with contextlib.suppress(threadlog.NotResumable, WriteFailed):
            _resume(home_on(disk, home))
        disk.disarm()
        if number > 2:
            assert packed.read_bytes() == theirs, calls[number]
        if calls.index("write") <= number < calls.index("link"):
            assert "link" not in disk.made, "for a moment theirs was hidden"
        assert raw_bytes(home, THREAD) == WHOLE + MORE, calls[number]
        assert not _left(home)


def test_what_is_unpacked_otherwise_than_it_was_is_noticed(home: Path) -> None:
    class Lying(FaultyDisk):
        def forget(self, fd: int) -> None:
            for temporary in home.rglob("*.decompress.*.tmp"):
                data = bytearray(temporary.read_bytes())
                data[len(data) // 2] ^= 1
                temporary.write_bytes(data)

    path = cold(home)
    compress(home)
    before = Path(f"{path}.zst").read_bytes()
    with pytest.raises((OSError, threadlog.ThreadlogError)):
        _resume(home_on(Lying(), home))
    assert names(home) == [path.name + ".zst"]
    assert Path(f"{path}.zst").read_bytes() == before


def test_where_both_are_there_the_plain_one_is_gone_on_with_and_the_other_stays(home: Path) -> None:
    path = cold(home, WHOLE + MORE)
    twin = Path(f"{path}.zst")
    twin.write_bytes(zstd.compress(WHOLE))
    assert raw_bytes(home, THREAD) == WHOLE + MORE
    _resume(threadlog.open(home))
    assert path.read_bytes() == WHOLE + MORE
    assert zstd.decompress(twin.read_bytes()) == WHOLE


def test_the_names_of_temporary_files_are_no_rollouts(home: Path) -> None:
    name = pack._temporary(str(home / file_name()))
    assert re.fullmatch(rf".*/rollout-compress-{os.getpid()}-\d+\.tmp", name)
    assert twins._OURS.fullmatch(os.path.basename(name))
