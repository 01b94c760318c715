"""Compressed rollouts read by their seek tables: the plain bytes, or as without a table."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import threadlog
from makers import (
    THREAD,
    agent,
    both_ways,
    command,
    content,
    file_name,
    meta,
    put,
    raw_bytes,
    skippable,
    turn,
    zstd,
)
from threadlog import Gap, Line
from threadlog.core.framing import frames, frames_backwards
from threadlog.core.query import ThreadSummary
from threadlog.core.scan import Scan
from threadlog.local import files, pack, scanning, seekable
from threadlog.local import zstd as format_
from threadlog.local.files import RolloutFile
from threadlog.local.reading import LocalRollouts
from threadlog.local.seekable import seek_table
from threadlog.local.zstd import Encoder

WHOLE = content([meta(), *turn("one"), *turn("two"), *turn("three")])


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def packed_frames(pieces: Sequence[bytes]) -> list[bytes]:
    encoder = Encoder()
    return [encoder.frame(piece) for piece in pieces]


def entries_of(pieces: Sequence[bytes]) -> list[tuple[int, int]]:
    return [
        (len(frame), len(piece)) for frame, piece in zip(packed_frames(pieces), pieces, strict=True)
    ]


def with_table(pieces: Sequence[bytes]) -> bytes:
    """Frames of these pieces, and a true table of them."""
    return b"".join([*packed_frames(pieces), seek_table(entries_of(pieces))])


def write(folder: Path, packed: bytes) -> str:
    path = folder / (file_name() + ".zst")
    path.write_bytes(packed)
    return str(path)


# -- the bytes of the plain file

LINES = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.just(b""),
        st.builds(lambda n: b"x" * n, st.integers(0, 400)),
        st.just(agent("said")),
    ),
    min_size=1,
    max_size=40,
)


@given(
    lines=LINES,
    ended=st.booleans(),
    frame=st.integers(1, 200),
    chunk=st.integers(1, 300),
    seed=st.integers(0, 1000),
)
def test_any_read_gives_what_the_plain_file_gives(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    ended: bool,
    frame: int,
    chunk: int,
    seed: int,
) -> None:
    data = b"\n".join(lines) + (b"\n" if ended else b"")
    if not data:
        return
    folder = tmp_path_factory.mktemp("read")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "FRAME_BYTES", frame)
        patch.setattr(files, "CHUNK_BYTES", chunk)
        path = write(folder, with_table(list(pack.frames_of(pieces_of(data, chunk)))))
        _compare(path, data, random.Random(seed))


def _compare(path: str, data: bytes, chance: random.Random) -> None:
    with RolloutFile(path) as rollout:
        assert rollout.seekable
        assert rollout.length() == len(data)
        for _ in range(8):
            at, count = chance.randint(0, len(data) + 5), chance.randint(0, len(data) + 5)
            assert rollout.read_at(at, count) == data[at : at + count]
            assert b"".join(rollout.chunks_from(at)) == data[at:]
            assert rollout.last_bytes(count) == data[max(len(data) - count, 0) :]
            end = chance.randint(0, len(data))
            assert b"".join([*rollout.chunks_backwards(end)][::-1]) == data[:end]
        assert b"".join(rollout.chunks()) == data
        forwards = list(frames([data]))
        assert (
            list(frames_backwards(rollout.chunks_backwards(len(data)), len(data)))
            == (forwards[::-1])
        )
        assert rollout._unpacked is None, "it was unpacked all the same"
        assert rollout.gap is None


class Counted:
    """How many bytes of the file were read, and frames unpacked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = self.frames = 0
        plain, look, decode = RolloutFile._pread, RolloutFile._look, format_.decode_frame

        def pread(rollout: RolloutFile, offset: int, count: int) -> bytes:
            self.bytes += count
            return plain(rollout, offset, count)

        def looked(rollout: RolloutFile, offset: int, count: int) -> bytes:
            self.bytes += count
            return look(rollout, offset, count)

        def decode_frame(packed: bytes, size: int) -> bytes | None:
            self.frames += 1
            return decode(packed, size)

        monkeypatch.setattr(RolloutFile, "_pread", pread)
        monkeypatch.setattr(RolloutFile, "_look", looked)
        monkeypatch.setattr(format_, "decode_frame", decode_frame)


LARGE = content(
    [meta(), *[agent(f"{n} {random.Random(n).randbytes(400).hex()}") for n in range(9000)]]
)


@pytest.fixture
def large(home: Path) -> Path:
    """A packed rollout of eight frames or so."""
    path = put(home, LARGE)
    os.utime(path, (1.7e9, 1.7e9))
    threadlog.open(home).compress()
    return Path(f"{path}.zst")


def test_a_page_in_the_middle_and_a_tail_cost_a_frame_or_two(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = large.stat().st_size
    for end in (len(LARGE), len(LARGE) // 2, 100_000):
        counted = Counted(monkeypatch)
        with RolloutFile(str(large)) as rollout:
            list(zip(frames_backwards(rollout.chunks_backwards(end), end), range(50), strict=False))
            assert rollout._unpacked is None
        assert counted.frames <= 2
        assert counted.bytes < size / 3


def test_reading_backwards_unpacks_each_frame_once(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, kept = Counted(monkeypatch), None
    with RolloutFile(str(large)) as rollout:
        for _chunk in rollout.chunks_backwards(rollout.length()):
            kept = rollout._seekable()
            assert kept is not None
            assert sum(map(len, kept._kept.values())) <= seekable.CACHED_BYTES
    assert kept is not None
    assert counted.frames == len(kept.table.plain) - 1 > 5


def test_a_table_is_looked_at_once_while_the_file_is_the_same(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seekable, "_SETTLED_S", -1.0)
    monkeypatch.setattr(seekable, "_checked", {})
    counted = Counted(monkeypatch)
    with RolloutFile(str(large)) as rollout:
        assert rollout.seekable
    looked = counted.bytes
    assert looked > 0
    with RolloutFile(str(large)) as rollout:
        assert rollout.seekable
    assert counted.bytes == looked
    packed = large.read_bytes()
    large.write_bytes(packed[:-1] + b"x")
    with RolloutFile(str(large)) as rollout:
        assert not rollout.seekable


def test_a_file_that_changed_just_now_is_looked_at_every_time(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seekable, "_checked", {})
    with RolloutFile(str(large)) as rollout:
        assert rollout.seekable
    assert not seekable._checked
    monkeypatch.setattr(seekable, "_SETTLED_S", -1.0)
    for number in range(seekable._TABLES_KEPT + 3):
        os.utime(large, (number, number))
        with RolloutFile(str(large)) as rollout:
            assert rollout.seekable
    assert len(seekable._checked) == seekable._TABLES_KEPT


def test_the_newest_turns_of_a_packed_thread_are_read_from_the_end(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(home, LARGE + content(turn("last")))
    os.utime(path, (1.7e9, 1.7e9))
    threadlog.open(home).compress()
    counted = Counted(monkeypatch)
    (shown,) = threadlog.open(home).turns(THREAD, last=1)
    assert shown.id == "turn-last"
    assert counted.frames <= 4


def test_a_scan_goes_on_from_where_it_ended(
    home: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes before the frame is neither read nor unpacked."""
    rollouts = LocalRollouts(str(home))
    (thread,) = threadlog.open(home).threads()
    monkeypatch.setattr(scanning, "STEP_BYTES", 1 << 20)
    half = _scanned(rollouts, thread, None, 6)
    assert 0 < half.offset < len(LARGE)
    seen: list[int] = []
    stream = RolloutFile._stream

    def watched(rollout: RolloutFile, size: int, offset: int = 0) -> Iterator[bytes]:
        seen.append(offset)
        return stream(rollout, size, offset)

    monkeypatch.setattr(RolloutFile, "_stream", watched)
    rest = scanning.scan(rollouts, thread, half, lambda: False)
    assert max(seen) > large.stat().st_size // 2
    whole = scanning.scan(rollouts, thread, None, lambda: False)
    assert rest == whole
    assert Scan.from_state(rest.state) == Scan.from_state(whole.state)


def _scanned(
    rollouts: LocalRollouts, thread: ThreadSummary, before: scanning.Scanned | None, steps: int
) -> scanning.Scanned:
    asked = iter([False] * (steps - 1))
    return scanning.scan(rollouts, thread, before, lambda: next(asked, True))


def test_frames_of_others_that_cut_lines_are_read_too(home: Path) -> None:
    path = put(home, b"", file_name() + ".zst")
    for size in (1, 7, 100, 5000):
        path.write_bytes(with_table(pieces_of(WHOLE, size)))
        with RolloutFile(str(path)) as rollout:
            assert rollout.seekable
        assert [value.raw for value in both_ways(home, THREAD)] == WHOLE.splitlines()  # type: ignore[union-attr]


def test_a_table_with_checksums_is_one_too(tmp_path: Path) -> None:
    pieces = pieces_of(WHOLE, 300)
    sizes = b"".join(struct.pack("<III", *each, 0) for each in entries_of(pieces))
    body = sizes + struct.pack("<IBI", len(pieces), 0x80, 0x8F92EAB1)
    table = struct.pack("<II", 0x184D2A5E, len(body)) + body
    _compare(write(tmp_path, b"".join([*packed_frames(pieces), table])), WHOLE, random.Random(1))


def test_a_frame_alone_is_what_is_unpacked() -> None:
    one, other = packed_frames([b"one\n", b"other\n"])
    assert format_.decode_frame(one, 4) == b"one\n"
    for packed, size in ((one, 3), (one, 5), (one + other, 4), (one[:-1], 4), (b"", 0), (other, 4)):
        assert format_.decode_frame(packed, size) is None


# -- tables that lie

PIECES = pieces_of(WHOLE, 700)
FRAMES = packed_frames(PIECES)
ENTRIES = entries_of(PIECES)


def _entries(number: int, packed: int, plain: int) -> list[tuple[int, int]]:
    """The true ones, but that one differs by so much."""
    changed = list(ENTRIES)
    changed[number] = (changed[number][0] + packed, changed[number][1] + plain)
    return changed


def _both(one: tuple[int, int], other: tuple[int, int]) -> list[tuple[int, int]]:
    changed = list(ENTRIES)
    changed[1] = (changed[1][0] + one[0], changed[1][1] + one[1])
    changed[2] = (changed[2][0] + other[0], changed[2][1] + other[1])
    return changed


def _footed(count: int = len(ENTRIES), descriptor: int = 0, magic: int = 0x8F92EAB1) -> bytes:
    sizes = b"".join(struct.pack("<II", *each) for each in ENTRIES)
    body = sizes + struct.pack("<IBI", count, descriptor, magic)
    return struct.pack("<II", 0x184D2A5E, len(body)) + body


def _frame_in_a_frame() -> tuple[list[bytes], bytes]:
    """A frame that ends with another one, which is but content of its own: kept as it is."""
    inner = Encoder().frame(b"never written by anybody\n" * 3)
    noise = random.Random(5).randbytes(3000)
    options = {
        zstd.CompressionParameter.checksum_flag: 0,
        zstd.CompressionParameter.content_size_flag: 1,
    }
    outer = zstd.compress(noise + inner, options=options)
    assert outer.endswith(inner)
    entries = [(len(outer) - len(inner), len(noise + inner)), (len(inner), 75)]
    return [outer], seek_table(entries)


def _all(frames: Sequence[bytes], table: bytes) -> bytes:
    return b"".join([*frames, table])


def _first_and(rest: list[bytes]) -> list[bytes]:
    return [FRAMES[0], *rest, *FRAMES[1:]]


_DICTIONARY = FRAMES[0][:4] + bytes([FRAMES[0][4] | 1]) + FRAMES[0][5:]

LIES: dict[str, bytes] = {
    "a frame holds more": _all(FRAMES, seek_table(_entries(1, 0, 5))),
    "a frame holds less": _all(FRAMES, seek_table(_entries(1, 0, -5))),
    "two frames share otherwise": _all(FRAMES, seek_table(_both((0, 9), (0, -9)))),
    "a frame is longer": _all(FRAMES, seek_table(_entries(1, 5, 0))),
    "two frames end elsewhere": _all(FRAMES, seek_table(_both((5, 0), (-5, 0)))),
    "two frames changed places": _all(FRAMES, seek_table([ENTRIES[1], ENTRIES[0], *ENTRIES[2:]])),
    "a frame is left out": _all(FRAMES, seek_table(ENTRIES[1:])),
    "a frame is left out, one is longer": _all(
        FRAMES, seek_table([(ENTRIES[0][0] + ENTRIES[1][0], ENTRIES[0][1]), *ENTRIES[2:]])
    ),
    "two frames as one": _all(
        FRAMES,
        seek_table(
            [
                (ENTRIES[0][0] + ENTRIES[1][0], ENTRIES[0][1] + ENTRIES[1][1]),
                *ENTRIES[2:],
            ]
        ),
    ),
    "an entry of nothing": _all(FRAMES, seek_table([(0, 0), *ENTRIES])),
    "an entry of no bytes": _all(FRAMES, seek_table([(0, 70), *ENTRIES])),
    "no entries": _all(FRAMES, seek_table([])),
    "the largest sizes": _all(FRAMES, seek_table([(2**32 - 1, 2**32 - 1)] * 3)),
    "a frame of four GiB": _all(FRAMES, seek_table(_entries(0, 0, 2**32 - 1 - ENTRIES[0][1]))),
    "more frames than bytes": _all(FRAMES, _footed(2**31)),
    "one frame too many": _all(FRAMES, _footed(len(ENTRIES) + 1)),
    "one frame too few": _all(FRAMES, _footed(len(ENTRIES) - 1)),
    "reserved bits": _all(FRAMES, _footed(descriptor=0x04)),
    "checksums that are not there": _all(FRAMES, _footed(descriptor=0x80)),
    "another magic": _all(FRAMES, _footed(magic=0x8F92EAB2)),
    "a table of a table": _all(FRAMES, seek_table(ENTRIES) + seek_table(ENTRIES)),
    "something after it": _all(FRAMES, seek_table(ENTRIES) + skippable(b"x")),
    "a table alone": seek_table(ENTRIES),
    "cut in the middle": _all(FRAMES, seek_table(ENTRIES)[9:]),
    "a skippable frame before": _all([skippable(b"x"), *FRAMES], seek_table(ENTRIES)),
    "a skippable frame as an entry": _all(
        _first_and([skippable(b"x" * 50)]), seek_table([ENTRIES[0], (58, 50), *ENTRIES[1:]])
    ),
    "an empty frame": _all(
        _first_and([Encoder().frame(b"")]),
        seek_table([ENTRIES[0], (len(Encoder().frame(b"")), 1), *ENTRIES[1:]]),
    ),
    "a dictionary": _all([_DICTIONARY, *FRAMES[1:]], seek_table(ENTRIES)),
    "a frame in a frame": _all(*_frame_in_a_frame()),
    "frames that tell no size": _all(
        [
            zstd.compress(piece, options={zstd.CompressionParameter.content_size_flag: 0})
            for piece in PIECES
        ],
        b"",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_table_that_lies_is_none(home: Path, name: str) -> None:
    path = put(home, b"", file_name() + ".zst")
    path.write_bytes(LIES[name])
    with RolloutFile(str(path)) as rollout:
        assert not rollout.seekable, "believed"
        data = b"".join(rollout.chunks())
        assert rollout.length() == len(data)
        assert rollout.read_at(5, 100) == data[5:105]
        assert b"".join(rollout.chunks_from(7)) == data[7:]
    both_ways(home, THREAD) if data.startswith(b"{") else None
    if name not in ("a table alone", "a dictionary", "a frame in a frame"):
        assert raw_bytes(home, THREAD) == WHOLE


@given(st.data())
def test_whatever_a_byte_is_changed_to_reading_in_the_middle_agrees_with_reading_on(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    packed = bytearray(with_table(pieces_of(WHOLE, 500)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(packed) - 1))
        packed[place] = data.draw(st.integers(0, 255))
    path = write(tmp_path_factory.mktemp("changed"), bytes(packed))
    with RolloutFile(path) as rollout:
        streamed = b"".join(rollout.chunks())
        broken = rollout.gap is not None
    with RolloutFile(path) as rollout:
        at = data.draw(st.integers(0, len(WHOLE)))
        found = rollout.read_at(at, 50)
        if not broken or at + 50 <= len(streamed):
            assert found == streamed[at : at + 50]
        else:  # what comes after what is broken, if it comes at all, is what was there
            assert found in (WHOLE[at : at + 50], streamed[at : at + 50])


def test_many_blocks_are_not_all_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of many empty blocks, which cost nothing to make."""
    size = 10_000
    header = b"\x28\xb5\x2f\xfd" + bytes([0b1010_0000]) + size.to_bytes(4, "little")
    last = (size << 3 | 1).to_bytes(3, "little") + b"x" * size
    for blocks, believed in ((0, True), (500, True), (3_000, False), (1_000_000, False)):
        frame = header + bytes(3) * blocks + last
        assert zstd.decompress(frame) == b"x" * size
        path = write(tmp_path, frame + seek_table([(len(frame), size)]))
        counted = Counted(monkeypatch)
        with RolloutFile(path) as rollout:
            assert rollout.seekable == believed
            assert counted.bytes < 20_000
            assert b"".join(rollout.chunks()) == b"x" * size
        monkeypatch.undo()


def test_a_bomb_with_a_table_ends_with_the_same_reason(home: Path) -> None:
    piece = (b"x" * 16383 + b"\n") * 4096
    packed = with_table([WHOLE, piece, piece, piece])
    assert len(packed) * files.EXPANSION_LIMIT + files.EXPANSION_FREE_BYTES < 4 * len(piece)
    path = put(home, b"", file_name() + ".zst")
    path.write_bytes(packed)
    with RolloutFile(str(path)) as rollout:
        assert not rollout.seekable
    last = list(threadlog.open(home).iter_lines(THREAD))[-1]
    assert isinstance(last, Gap)


# -- frames that are broken, with a table that is true


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_a_broken_frame_is_a_gap_from_wherever_one_comes(home: Path, number: int) -> None:
    broken = bytearray(FRAMES[number])
    broken[-1] ^= 1  # its checksum
    packed = _all([*FRAMES[:number], bytes(broken), *FRAMES[number + 1 :]], seek_table(ENTRIES))
    path = put(home, b"", file_name() + ".zst")
    path.write_bytes(packed)
    opened = threadlog.open(home)
    forwards = list(opened.iter_lines(THREAD))
    assert isinstance(forwards[-1], Gap)
    assert forwards[-1].reason == "broken zstd data"
    backwards = list(opened.iter_lines(THREAD, backwards=True))
    gaps = [place for place, value in enumerate(backwards) if isinstance(value, Gap)]
    assert len(gaps) == 1
    assert backwards[gaps[0] :] == forwards[::-1]
    after = [value.raw for value in backwards[: gaps[0]] if isinstance(value, Line)]
    assert len(after) == gaps[0], "what stands after it is whole"
    lines = WHOLE.splitlines()
    assert after == lines[len(lines) - len(after) :][::-1]
    assert command(home, "show", THREAD).code == 0
    assert command(home, "show", THREAD, "--tail", "1").code == 0
    assert command(home, "list").code == 0
    with RolloutFile(str(path)) as rollout:
        assert rollout.length() == len(WHOLE)
        start = sum(len(piece) for piece in PIECES[:number])
        rollout.read_at(start, 10)
        assert rollout.gap == "broken zstd data"
        assert rollout.length() <= start + len(PIECES[number])


def test_a_file_that_is_cut_short_has_no_table(home: Path) -> None:
    packed = with_table(PIECES)
    path = put(home, b"", file_name() + ".zst")
    for length in range(0, len(packed), 37):
        path.write_bytes(packed[:length])
        with RolloutFile(str(path)) as rollout:
            assert not rollout.seekable
        both_ways(home, THREAD)
