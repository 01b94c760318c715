"""Compressed rollouts: every form of zstd is read, bombs and broken data end with a reason."""

from __future__ import annotations

import itertools
import os
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import (
    THREAD,
    agent,
    command,
    content,
    event,
    file_name,
    meta,
    put,
    skippable,
    turn,
    user,
    zstd,
)
from threadlog import Damaged, EmptyRollout, Gap, Line, Unreadable
from threadlog.local import files
from threadlog.local import zstd as limits

WHOLE = content([meta(), *turn("one"), *turn("two"), *turn("three")])
PACKED = zstd.compress(WHOLE)


def put_packed(home: Path, packed: bytes) -> Path:
    """A file that is packed already."""
    path = put(home, b"", file_name() + ".zst")
    path.write_bytes(packed)
    return path


def with_options(**options: int) -> bytes:
    """The lines, packed in some other way."""
    parameters: dict[Any, int] = {
        getattr(zstd.CompressionParameter, name): value for name, value in options.items()
    }
    return bytes(zstd.compress(WHOLE, options=parameters))


def in_pieces(size: int) -> bytes:
    """The lines as many frames, each of so many bytes."""
    starts = range(0, len(WHOLE), size)
    return b"".join(zstd.compress(WHOLE[start : start + size]) for start in starts)


def flushed() -> bytes:
    """The lines in one frame that was flushed after every line."""
    packer = zstd.ZstdCompressor()
    pieces = [packer.compress(raw, packer.FLUSH_BLOCK) for raw in WHOLE.splitlines(keepends=True)]
    return b"".join([*pieces, packer.flush()])


def _changed(packed: bytes, place: int) -> bytes:
    return packed[:place] + bytes([packed[place] ^ 0xFF]) + packed[place + 1 :]


FORMS = {
    "one frame": PACKED,
    "level 19": zstd.compress(WHOLE, level=19),
    "with checksum": with_options(checksum_flag=1),
    "without size": with_options(content_size_flag=0),
    "a small window": with_options(window_log=10),
    "the largest window": with_options(window_log=limits.WINDOW_LOG_LIMIT),
    "frames of 100 bytes": in_pieces(100),
    "frames of 5 bytes": in_pieces(5),
    "frames of 1 byte": in_pieces(1),
    "empty frames between": zstd.compress(b"").join([b"", PACKED, b""]),
    "skippable frames": skippable(b"x" * 9) + PACKED + skippable(b""),
    "a large skippable frame": skippable(bytes(1 << 20)) + PACKED,
    "flushed after every line": flushed(),
}
EVERY = pytest.mark.parametrize("packed", FORMS.values(), ids=FORMS)


@pytest.mark.codex("C035")
@EVERY
def test_every_form_is_read_as_the_plain_file(home: Path, tmp_path: Path, packed: bytes) -> None:
    put_packed(home, packed)
    plain = tmp_path / "plain"
    put(plain, WHOLE)
    one, other = threadlog.open(home), threadlog.open(plain)
    for backwards in (False, True):
        values = list(one.iter_lines(THREAD, backwards=backwards))
        assert values == list(other.iter_lines(THREAD, backwards=backwards))
    assert list(one.turns(THREAD)) == list(other.turns(THREAD))
    assert list(one.turns(THREAD, last=2)) == list(other.turns(THREAD, last=2))
    assert one.model_input(THREAD) == other.model_input(THREAD)
    assert command(home, "show", THREAD, "--raw").out == WHOLE
    (listed,) = one.threads()
    assert (listed.preview, listed.compressed, listed.size_bytes) == ("one", True, len(packed))


def test_a_rollback_is_seen_however_the_frames_cut_it(home: Path) -> None:
    gone = [raw for number in range(12) for raw in turn(f"gone-{number}")]
    raws = [meta(), *turn("kept"), *gone, event("thread_rolled_back", num_turns=12)]
    data = content(raws)
    for size in (1, 3, 7, 17):
        starts = range(0, len(data), size)
        put_packed(home, b"".join(zstd.compress(data[s : s + size]) for s in starts))
        assert [each.id for each in threadlog.open(home).turns(THREAD)] == ["turn-kept"], size


CUTS = sorted({1, 5, 20, *range(0, len(in_pieces(100)), 61)})


@pytest.mark.parametrize("length", CUTS)
def test_of_a_truncated_file_everything_before_the_cut_is_read(home: Path, length: int) -> None:
    packed = in_pieces(100)[:length]
    put_packed(home, packed)
    values = list(threadlog.open(home).iter_lines(THREAD))
    lines = [value.raw for value in values if isinstance(value, Line)]
    assert lines == WHOLE.splitlines()[: len(lines)]
    whole_frames = sum(1 for n in _frame_ends() if n <= length)
    assert len(lines) >= WHOLE[: whole_frames * 100].count(b"\n")
    gaps = [value for value in values if isinstance(value, Gap)]
    assert [gap.reason for gap in gaps] == (
        [] if length in (0, *_frame_ends()) else ["unfinished zstd data"]
    )
    assert not gaps or values[-1] is gaps[0]
    assert command(home, "show", THREAD).code == 0


def _frame_ends() -> list[int]:
    starts = range(0, len(WHOLE), 100)
    sizes = (len(zstd.compress(WHOLE[start : start + 100])) for start in starts)
    return list(itertools.accumulate(sizes))


BROKEN = {
    "not zstd": b"this is no zstd data at all, but a line of text\n",
    "plain lines under a packed name": WHOLE,
    "a wrong checksum": with_options(checksum_flag=1)[:-1] + b"\0",
    "a byte changed": _changed(with_options(checksum_flag=1), 40),
    "garbage after a frame": PACKED + b"garbage",
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0",
    "NULs": bytes(5000),
}


@pytest.mark.parametrize("packed", BROKEN.values(), ids=BROKEN)
def test_broken_data_is_a_gap_after_what_could_be_read(home: Path, packed: bytes) -> None:
    put_packed(home, packed)
    opened = threadlog.open(home)
    values = list(opened.iter_lines(THREAD))
    assert isinstance(values[-1], Gap)
    assert "zstd data" in values[-1].reason
    lines = [value.raw for value in values if isinstance(value, Line)]
    if packed.startswith(PACKED):
        assert lines == WHOLE.splitlines()
    assert list(opened.iter_lines(THREAD, backwards=True)) == values[::-1]
    assert len(opened.threads()) == 1
    shown = command(home, "show", THREAD)
    assert (shown.code, b"zstd data" in shown.out) == (0, True)


@pytest.mark.parametrize("packed", [b"", zstd.compress(b""), skippable(b"x")])
def test_nothing_packed_is_an_empty_rollout(home: Path, packed: bytes) -> None:
    put_packed(home, packed)
    assert list(threadlog.open(home).iter_lines(THREAD)) == []
    with pytest.raises(EmptyRollout):
        threadlog.open(home).history(THREAD)


def test_a_window_beyond_the_limit_is_refused(home: Path) -> None:
    head = PACKED[:4] + bytes([0x00, (30 - 10) << 3])  # a frame header that asks for 2^30 bytes
    put_packed(home, head + PACKED[6:])
    tracemalloc.start()
    (value,) = threadlog.open(home).iter_lines(THREAD)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(value, Gap)
    assert value.reason == "broken zstd data"
    assert peak < 32 << 20


def bomb(lines: bool) -> bytes:
    """Tens of thousands of times its size, of one line or of many."""
    packer = zstd.ZstdCompressor()
    piece = (b"x" * 16383 + b"\n") * 256 if lines else bytes(4 << 20)
    head = packer.compress(content([meta(), user("hello")]))
    pieces = [packer.compress(piece) for _ in range(64)]
    return b"".join([head, *pieces, packer.flush()])


@pytest.fixture(params=[True, False], ids=["of lines", "of one line"])
def bombed(home: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A home with a bomb of 256 MiB; reading must be quick and small."""
    packed = bomb(request.param)
    assert len(packed) * files.EXPANSION_LIMIT + files.EXPANSION_FREE_BYTES < 160 << 20
    put_packed(home, packed)
    before = time.monotonic()
    tracemalloc.start()
    yield home
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80 << 20
    assert time.monotonic() - before < 60


@pytest.mark.parametrize("backwards", [False, True])
def test_a_bomb_ends_with_a_reason(bombed: Path, backwards: bool) -> None:
    gaps, lines, damaged = [], [], 0
    for value in threadlog.open(bombed).iter_lines(THREAD, backwards=backwards):
        if isinstance(value, Gap):
            gaps.append(value)
        elif isinstance(value, Line):
            lines.append(value.type)
        else:
            damaged += not isinstance(value, Damaged) or value.length < 16384
    assert [gap.reason for gap in gaps] == ["unpacks to more than 2000 times its size"]
    assert sorted(lines) == ["event_msg", "session_meta"]
    assert damaged


def test_a_bomb_is_listed_by_its_head(bombed: Path) -> None:
    (listed,) = threadlog.open(bombed).threads()
    assert listed.preview == "hello"


def test_a_bombs_head_is_read_no_further_than_any_head(home: Path) -> None:
    put_packed(home, zstd.compress(bytes(256 << 20)))
    tracemalloc.start()
    before = time.monotonic()
    (listed,) = threadlog.open(home).threads()
    taken = time.monotonic() - before
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert listed.problem is not None
    assert peak < 140 << 20
    assert taken < 20


@pytest.mark.parametrize("frame", [zstd.compress(b""), skippable(b"")], ids=["empty", "skippable"])
def test_many_tiny_frames_cost_little(home: Path, frame: bytes) -> None:
    put_packed(home, PACKED + frame * ((1 << 20) // len(frame)) + PACKED)
    before = time.monotonic()
    (listed,) = threadlog.open(home).threads()
    assert listed.preview == "one"
    assert time.monotonic() - before < 10
    values = list(threadlog.open(home).iter_lines(THREAD))
    assert len(values) == 2 * WHOLE.count(b"\n")
    assert time.monotonic() - before < 30


def test_a_head_of_tiny_frames_is_read_no_further_than_any_head(home: Path) -> None:
    put_packed(home, zstd.compress(b"") * (1 << 20))
    before = time.monotonic()
    (listed,) = threadlog.open(home).threads()
    assert listed.problem is not None
    assert time.monotonic() - before < 60


def test_a_well_packed_thread_is_no_bomb(home: Path) -> None:
    data = content([meta(), user("hello"), *[agent("x" * 100_000)] * 600, user("end")])
    put_packed(home, zstd.compress(data, level=19))
    values = list(threadlog.open(home).iter_lines(THREAD))
    assert len(values) == 603
    assert all(isinstance(value, Line) for value in values)


def test_a_packed_file_leaves_nothing_behind(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    big = content([meta(), *[agent("x" * 1000 + str(n)) for n in range(20_000)], *turn("end")])
    put_packed(home, zstd.compress(big))
    assert [each.id for each in threadlog.open(home).turns(THREAD, last=1)] == ["turn-end"]
    half_read = threadlog.open(home).iter_lines(THREAD, backwards=True)
    next(half_read)
    assert list(scratch.iterdir()) == []
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 2
    half_read.close()  # type: ignore[attr-defined]
    if os.path.isdir("/proc/self/fd"):
        assert len(os.listdir("/proc/self/fd")) == before - 2


def test_a_full_disk_while_unpacking_is_a_sentence(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SPOOL_BYTES", 1000)
    monkeypatch.setattr("tempfile.tempdir", str(home / "missing"))
    put_packed(home, PACKED)
    with pytest.raises(Unreadable):
        list(threadlog.open(home).iter_lines(THREAD, backwards=True))
    assert command(home, "show", THREAD, "--tail", "1").code == 1
