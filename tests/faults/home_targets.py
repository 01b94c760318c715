"""What is promised of compressed rollouts, references, cursors and whole threads in a home."""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import threadlog
from faults import seeds
from faults.core_targets import STEERS, Cursor, is_deep
from faults.mutations import Random, mutated, reshaped
from faulty_disk import home_on, number_of, said
from makers import DAY, OTHER, THREAD, command, content, file_name, meta, put, put_names, turn, zstd
from threadlog import (
    Ambiguous,
    Archived,
    BadCursor,
    Damaged,
    EmptyRollout,
    Gap,
    Line,
    NotFound,
    NoThreadId,
    NotResumable,
    OutsideHome,
    RolloutRecorder,
    Unreadable,
)
from threadlog.core.decode import decode
from threadlog.core.history import Value
from threadlog.home import Home
from threadlog.local import files
from threadlog.local.disk import Disk
from threadlog.local.files import RolloutFile
from threadlog.local.unpack import unpack


class QuickDisk(Disk):
    """The real disk, which nobody waits for: what a power cut would lose is not asked here."""

    def sync(self, fd: int) -> None:
        del fd

    def sync_data(self, fd: int) -> None:
        del fd


# -- compressed rollouts


class Packed(NamedTuple):
    """A `.jsonl.zst`, and what of *plain* must be read of it: *least* bytes of it, or more.

    If `exact` nothing else may come of it; `damaged` says whether a reason must be given why there
    is no more (None: nobody can tell).
    """

    data: bytes
    plain: bytes
    least: int = 0
    exact: bool = True
    damaged: bool | None = None


_OPTIONS: tuple[dict[str, int], ...] = (
    {},
    {"checksum_flag": 1},
    {"content_size_flag": 0},
    {"window_log": 10},
    {"compression_level": 19},
)
_MAGIC = b"\x28\xb5\x2f\xfd"
_NO_FRAMES = (
    _MAGIC + b"\x00\xa0\x01\x00\x00",  # asks for a window of 2^30 bytes
    _MAGIC + b"\x00\xa8\x01\x00\x00",  # of 2^31
    _MAGIC + b"\x21\x07\x05\x29\x00\x00hello",  # was made with a dictionary
    _MAGIC[:2],
    b"garbage that is no frame",
    bytes(40),
)
_REASONS = ("unfinished zstd data", "broken zstd data", "cut into too many frames", "unpacks to")


def some_packed(rng: Random) -> Packed:
    plain, packed, ends = _some_frames(rng)
    size = len(plain)
    how = rng.randrange(12)
    if how < 2:
        return Packed(packed, plain, size, damaged=False)
    if how < 4:
        cut = rng.randrange(len(packed))
        least = max(plain_end for packed_end, plain_end in ends.items() if packed_end <= cut)
        return Packed(packed[:cut], plain, least, damaged=cut not in ends)
    if how == 4:
        return Packed(packed + rng.choice(_NO_FRAMES), plain, size, damaged=True)
    if how == 5:
        bomb = zstd.compress(bytes(rng.choice([1, 3, 8]) << 20))
        return Packed(packed + bomb, plain, size, exact=False)
    if how == 6:
        told = rng.randrange(1 << 16).to_bytes(2, "little")  # another size than the frame has
        return Packed(packed[:5] + told + packed[7:], plain, exact=False)
    if how == 7:
        empty = rng.choice([zstd.compress(b""), seeds.SKIPPED[0]])
        return Packed(packed + empty * rng.choice([1, 10, 300]), plain, size, damaged=False)
    return Packed(mutated(rng, [packed, packed, *seeds.SKIPPED]), plain, exact=False)


def _some_frames(rng: Random) -> tuple[bytes, bytes, dict[int, int]]:
    """Bytes, the same as frames of any kind, and where frames end in both (packed: plain)."""
    plain = rng.choice(seeds.FILES)
    places = sorted(rng.randint(0, len(plain)) for _ in range(rng.choice([0, 0, 1, 3, 12])))
    packed, ends = b"", {0: 0}
    for start, end in itertools.pairwise([0, *places, len(plain)]):
        options = {
            getattr(zstd.CompressionParameter, name): value
            for name, value in rng.choice(_OPTIONS).items()
        }
        packed += zstd.compress(plain[start:end], options=options)
        ends[len(packed)] = end
        if not rng.randrange(5):
            packed += rng.choice(seeds.SKIPPED)
            ends[len(packed)] = end
    return plain, packed, ends


class PackedRollouts:
    """A folder in which compressed rollouts are read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "packed"
        self._folder.mkdir(exist_ok=True)

    def check(self, rng: Random, given: Packed) -> None:
        """What was packed is read, or a beginning of it and why no more; never beyond the limit."""
        path = self._folder / (file_name() + ".zst")
        path.write_bytes(given.data)
        with RolloutFile(str(path)) as rollout:
            read = _read_in_pieces(rollout, files.CHUNK_BYTES)
            gap = rollout.gap
            assert read.startswith(given.plain[: given.least])
            assert given.plain.startswith(read) or not given.exact
            assert given.damaged in (None, gap is not None)
            small = _read_in_pieces(rollout, rng.choice([4 << 10, files.HEAD_CHUNK_BYTES]))
            assert small.startswith(read) or read.startswith(small)
            if gap is None or not gap.startswith("unpacks"):
                _is_read_backwards(rollout, read, rng.randint(0, len(read)))
                assert rollout.gap == gap
            assert rollout.raw_at(0, 1 << 30) == given.data
        self._is_unpacked_or_left(path, read, gap)

    def _is_unpacked_or_left(self, path: Path, read: bytes, gap: str | None) -> None:
        plain = path.with_suffix("")
        try:
            assert unpack(QuickDisk(), str(path)) == str(plain)
        except NotResumable:
            assert gap is not None
            assert os.listdir(self._folder) == [path.name]
            return
        assert gap is None
        assert os.listdir(self._folder) == [plain.name]
        assert plain.read_bytes() == read
        plain.unlink()


def _read_in_pieces(rollout: RolloutFile, piece_bytes: int) -> bytes:
    pieces = list(rollout.chunks(chunk_bytes=piece_bytes))
    assert all(0 < len(piece) <= piece_bytes for piece in pieces)
    size = sum(map(len, pieces))
    limit = rollout.facts.size_bytes * files.EXPANSION_LIMIT + files.EXPANSION_FREE_BYTES
    assert size <= limit + piece_bytes
    assert rollout.gap is None or rollout.gap.startswith(_REASONS)
    assert size <= limit or rollout.gap is not None
    return b"".join(pieces)


def _is_read_backwards(rollout: RolloutFile, read: bytes, place: int) -> None:
    assert b"".join([*rollout.chunks_backwards(rollout.length())][::-1]) == read
    assert rollout.read_at(place, 100) == read[place : place + 100]
    assert b"".join(rollout.chunks_from(place)) == read[place:]


# -- references and cursors, in a home of some threads


class Threads:
    """A home of a few threads, and a rollout outside of it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "threads"
        if not self._path.exists():
            _make_threads(self._path)
        self._home = threadlog.open(self._path)
        self._everything = {thread.path: thread for thread in self._home.threads(archived=None)}

    def check_reference(self, _rng: Random, text: str) -> None:
        """A reference is a thread of this home, or the caller is told that it is none."""
        try:
            found = self._home.get(text)
        except (NotFound, OutsideHome, Ambiguous):
            return
        assert found.path in self._everything
        assert found.id in (THREAD, OTHER)

    def check_cursor(self, _rng: Random, given: Cursor) -> None:
        """A cursor goes on from a place, or is a bad one; a page is a part of the listing."""
        text, sort, ascending = given
        try:
            page = self._home.threads(cursor=text, sort=sort, ascending=ascending, archived=None)
        except BadCursor:
            return
        assert {thread.path for thread in page} <= set(self._everything)
        assert page.next is None

    def close(self) -> None:
        self._home.close()


def _make_threads(home: Path) -> None:
    for thread, folder, suffix in ((THREAD, DAY, ""), (OTHER, "archived_sessions", ".zst")):
        put(home, content([meta(thread), *turn("hello")]), file_name(thread) + suffix, folder)
    put_names(home, (THREAD, "a name"))
    put(home.parent, content([meta(THREAD), *turn("secret")]), "rollout-secret.jsonl", "outside")


# -- whole threads


class Rollout(NamedTuple):
    """A rollout of any bytes, where it lies, and how it is packed."""

    data: bytes
    folder: str
    packed: bool


def some_rollout(rng: Random) -> Rollout:
    data = _some_bytes(rng)
    folder = DAY if rng.randrange(10) else "archived_sessions"
    return Rollout(data, folder, not rng.randrange(5))


def _some_bytes(rng: Random) -> bytes:
    raws = rng.choice(seeds.ROLLOUTS)
    if not rng.randrange(3):
        return mutated(rng, [content(raws), *seeds.FILES])
    raws = list(raws)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(len(raws))
        if not rng.randrange(4):
            raws.insert(place, rng.choice(seeds.LINES))
        elif not rng.randrange(6):
            raws.insert(place, raws[rng.randrange(len(raws))])
        elif rng.randrange(3) and raws[place].startswith(b"{"):
            raws[place] = _reshaped_or_mutated(rng, raws[place])
        else:
            raws[place] = mutated(rng, [raws[place], *seeds.LINES])
    data = content(raws)
    return data if rng.randrange(5) else data[:-1]


def _reshaped_or_mutated(rng: Random, raw: bytes) -> bytes:
    try:
        return reshaped(rng, raw)
    except (ValueError, RecursionError):  # was changed before, and is no JSON any more
        return mutated(rng, [raw])


class WholeThreads:
    """A folder in which homes of one thread are read, shown, and gone on with."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "whole"

    def check(self, rng: Random, given: Rollout) -> None:
        """A rollout of any bytes is listed, read both ways, shown, and gone on with after them."""
        shutil.rmtree(self._home, ignore_errors=True)
        path = put(
            self._home, given.data, file_name() + (".zst" if given.packed else ""), given.folder
        )
        with home_on(QuickDisk(), self._home) as home:
            _is_listed(home, path)
            _is_read_both_ways(home, given.data)
            _has_turns_and_history(home, given.data)
            if not rng.randrange(8):
                self._is_shown()
            _is_gone_on_with(home, path, given)

    def _is_shown(self) -> None:
        for words in (["list"], ["show", THREAD], ["show", THREAD, "--full", "--tail", "2"]):
            ran = command(self._home, *words)
            assert ran.code in (0, 1)
            assert STEERS.search(ran.out.decode()) is None
            assert STEERS.search(ran.err) is None


def _is_listed(home: Home, path: Path) -> None:
    (listed,) = home.threads(archived=None)
    assert (listed.id, listed.path) == (THREAD, str(path))
    assert home.get(THREAD) == listed


def _is_read_both_ways(home: Home, data: bytes) -> None:
    """Every byte is in a line or a damage, but for line feeds and blank lines."""
    values = list(home.iter_lines(THREAD))
    backwards = list(home.iter_lines(THREAD, backwards=True))
    assert list(map(_place, backwards)) == list(map(_place, values))[::-1]
    assert backwards == values[::-1] or is_deep(data)
    end = 0
    for value in values:
        if isinstance(value, Gap):  # what it builds on is not there
            assert end == 0
            continue
        assert isinstance(value, Line | Damaged)
        assert value.raw is not None
        assert not data[end : value.offset].strip(b" \t\r\n\x0b\x0c")
        end = value.offset + len(value.raw)
        assert data[value.offset : end] == value.raw
        assert value.ended == (data[end : end + 1] == b"\n")
    assert not data[end:].strip(b" \t\r\n\x0b\x0c")
    pieces = home.reader(home.get(THREAD)).raw_chunks()
    assert b"".join(piece for piece in pieces if isinstance(piece, bytes)) == data


def _place(value: Value) -> tuple[object, ...]:
    """Where a value stands, and its bytes."""
    return value.offset, getattr(value, "raw", value), getattr(value, "ended", True)


def _has_turns_and_history(home: Home, data: bytes) -> None:
    turns = list(home.turns(THREAD))
    assert len(list(home.turns(THREAD, last=2))) == min(2, len(turns))
    assert home.outline(THREAD)
    values: list[Value] = list(home.iter_lines(THREAD))
    try:
        history = home.history(THREAD)
    except EmptyRollout:
        assert not [value for value in values if not isinstance(value, Gap)]
        return
    except NoThreadId:
        return
    inputs = (history.model_input(), home.model_input(THREAD))
    assert list(map(_place, history)) == list(map(_place, values))
    if not is_deep(data):
        assert inputs[0] == inputs[1]
        assert list(history) == values
        assert list(history.problems()) == [each for each in values if not isinstance(each, Line)]


def _is_gone_on_with(home: Home, path: Path, given: Rollout) -> None:
    """What is recorded comes after all that was there, or the file stays as it is."""
    before = path.read_bytes()
    try:
        recorder = RolloutRecorder.resume(home, THREAD, force=True)
    except (Archived, NotResumable, Unreadable):
        plain = path.with_suffix("") if given.packed and not path.exists() else path
        assert plain.read_bytes() == (before if plain == path else given.data)
        return
    assert given.folder == DAY
    recorder.record(said(7))
    recorder.close()
    after = Path(recorder.path).read_bytes()
    healed = given.data if given.data.endswith(b"\n") or not given.data else given.data + b"\n"
    assert after.startswith(healed)
    added = after[len(healed) :]
    assert (added.count(b"\n"), added[-1:], number_of(added)) == (1, b"\n", 7)
    assert isinstance(decode(added[:-1]), Line)
