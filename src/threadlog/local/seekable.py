"""Reading a compressed rollout in the middle, by the seek table at its end.

The table (the seekable format of zstd) says where each frame lies and how much it holds.  It is
believed only as far as it was checked: its entries must be exactly the frames of the file, which is
seen by walking the headers of frames and blocks, and nothing is unpacked for that.  So it cannot
say anything else than a reading from the start finds.  A file whose table does not fit has none.
"""

from __future__ import annotations

import os
import struct
import time
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from threadlog.core.framing import LINE_LIMIT_BYTES
from threadlog.local import zstd

ReadAt = Callable[[int, int], bytes]  # so many bytes at an offset of the file as it is

# One frame is unpacked at a time: that of the longest line there can be.
FRAME_LIMIT_BYTES = LINE_LIMIT_BYTES + 1
# What was unpacked last, to be read on from.
CACHED_FRAMES = 4
CACHED_BYTES = 8 << 20
# Each frame is cut into blocks, which have to be looked at: one, so many more, and one for each...
BLOCKS_FREE = 1000
BLOCK_MIN_BYTES = 4 << 10

_FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
_HEADER_BYTES = 14  # at most, without a dictionary
_BLOCK_BYTES = 3  # of its header
_NO_FRAME = 1 << 62
_TABLE_HEAD = struct.Struct("<II")
_TABLE_MAGIC = 0x184D2A5E
_FOOTER = struct.Struct("<IBI")
_FOOTER_MAGIC = 0x8F92EAB1
_HAS_CHECKSUMS = 0x80
_RESERVED = 0x7C
_CHECKSUM_BYTES = 4
_REPEATED, _NO_BLOCK = 1, 3


class Table(NamedTuple):
    """Where each frame begins, in the file and unpacked; the last of each is where all end."""

    packed: array[int]
    plain: array[int]

    @property
    def length(self) -> int:
        """How many bytes there are, unpacked."""
        return self.plain[-1]

    def frame_at(self, offset: int) -> int:
        """Which frame holds the byte at *offset*, which must be one; after the end, the last."""
        return min(bisect_right(self.plain, offset) - 1, len(self.plain) - 2)


def seek_table(entries: Iterable[tuple[int, int]]) -> bytes:
    """The table of frames of these sizes, packed and unpacked, as the frame that ends a file."""
    sizes = [struct.pack("<II", packed, plain) for packed, plain in entries]
    body = b"".join([*sizes, _FOOTER.pack(len(sizes), 0, _FOOTER_MAGIC)])
    return _TABLE_HEAD.pack(_TABLE_MAGIC, len(body)) + body


def read_table(read_at: ReadAt, size: int, limit: int) -> Table | None:
    """The table of a file of *size* bytes; None if there is none, or none to be believed.

    A file that unpacks to more than *limit* bytes is one for those who count as they read.
    """
    table = _listed(read_at, size)
    if table is None or not 0 < table.length <= limit:
        return None
    count = len(table.plain) - 1
    if count > zstd.frames_limit(table.length):
        return None
    blocks = BLOCKS_FREE + count + table.length // BLOCK_MIN_BYTES
    for number in range(count):
        start, end = table.packed[number], table.packed[number + 1]
        blocks -= _blocks(read_at, (start, end), table.plain[number + 1] - table.plain[number])
        if blocks < 0:
            return None
    return table


def _listed(read_at: ReadAt, size: int) -> Table | None:
    """What the end of a file says, if it is a table that could be right."""
    footer = read_at(max(size - _FOOTER.size, 0), _FOOTER.size)
    if len(footer) < _FOOTER.size:
        return None
    count, descriptor, magic = _FOOTER.unpack(footer)
    if magic != _FOOTER_MAGIC or descriptor & _RESERVED:
        return None
    entry_bytes = 12 if descriptor & _HAS_CHECKSUMS else 8
    body_bytes = count * entry_bytes + _FOOTER.size
    start = size - body_bytes - _TABLE_HEAD.size
    if start <= 0 or read_at(start, _TABLE_HEAD.size) != _TABLE_HEAD.pack(_TABLE_MAGIC, body_bytes):
        return None
    entries = read_at(start + _TABLE_HEAD.size, count * entry_bytes)
    if len(entries) < count * entry_bytes:
        return None
    packed, plain = array("Q", [0]), array("Q", [0])
    for each in struct.iter_unpack("<III" if entry_bytes == 12 else "<II", entries):
        if not (0 < each[1] <= FRAME_LIMIT_BYTES and 0 < each[0] <= 2 * each[1] + 1024):
            return None
        packed.append(packed[-1] + each[0])
        plain.append(plain[-1] + each[1])
    return Table(packed, plain) if packed[-1] == start else None


def _blocks(read_at: ReadAt, place: tuple[int, int], size: int) -> int:
    """How many blocks a frame has that fills *place*, and holds *size* bytes; many if it is none.

    That its blocks hold as much as its header says is what every decoder checks.
    """
    at, end = place
    head = read_at(at, min(_HEADER_BYTES + _BLOCK_BYTES, end - at))
    header = _header(head)
    if header is None or header[1] != size:
        return _NO_FRAME
    start, end = header[0], end - header[2]
    at += start
    block = head[start : start + _BLOCK_BYTES]
    blocks = 1
    while len(block) == _BLOCK_BYTES:
        told = block[0] | block[1] << 8 | block[2] << 16
        kind = told >> 1 & 3
        at += _BLOCK_BYTES + (1 if kind == _REPEATED else told >> 3)
        if kind == _NO_BLOCK or at > end:
            break
        if told & 1:
            return blocks if at == end else _NO_FRAME
        block = read_at(at, _BLOCK_BYTES)
        blocks += 1
    return _NO_FRAME


def _header(head: bytes) -> tuple[int, int, int] | None:
    """A frame header's length, the size of the content it tells, and of the checksum at the end."""
    if len(head) < 6 or head[:4] != _FRAME_MAGIC:
        return None
    descriptor = head[4]
    alone = descriptor >> 5 & 1  # a single segment: no window is told
    told = (alone, 2, 4, 8)[descriptor >> 6]
    if descriptor & 0b1011 or not told:  # reserved, or with a dictionary
        return None
    start = 5 + (not alone)
    if len(head) < start + told:
        return None
    size = int.from_bytes(head[start : start + told], "little") + (256 if told == 2 else 0)
    return start + told, size, _CHECKSUM_BYTES if descriptor & 0b100 else 0


# Tables that were checked, by what tells that their files are the same: a server's next page of the
# same thread need not look at all of it again.
_TABLES_KEPT, _FRAMES_KEPT = 16, 10_000
_SETTLED_S = 2.0
_checked: dict[tuple[int, ...], Table] = {}


def table_of(read_at: ReadAt, status: os.stat_result, limit: int) -> Table | None:
    """`read_table` of an open file, which is spared if that was done before."""
    changed = status.st_mtime_ns, status.st_ctime_ns
    key = (status.st_dev, status.st_ino, status.st_size, *changed, limit)
    if (known := _checked.get(key)) is not None:
        return known
    table = read_table(read_at, status.st_size, limit)
    # One that changed just now may change again, and tell the same times.
    settled = time.time() - max(changed) / 1e9 > _SETTLED_S
    if table is not None and settled and len(table.plain) <= _FRAMES_KEPT:
        while len(_checked) >= _TABLES_KEPT:
            _checked.pop(next(iter(_checked)), None)
        _checked[key] = table
    return table


class SeekableFrames:
    """The bytes of a file with a table, wherever they are asked for; the last frames are kept."""

    def __init__(self, read_at: ReadAt, table: Table) -> None:
        self._read_at = read_at
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self.table = table

    def read(self, offset: int, count: int) -> bytes | None:
        """*count* bytes at *offset*, fewer where there are no more; None if a frame is broken.

        Raises Unreadable.
        """
        end = min(offset + count, self.table.length)
        pieces = []
        while offset < end:
            number = self.table.frame_at(offset)
            data, start = self._frame(number), self.table.plain[number]
            if data is None:
                return None
            piece = data[offset - start : end - start]
            pieces.append(piece)
            offset += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _frame(self, number: int) -> bytes | None:
        data = self._kept.get(number)
        if data is not None:
            self._kept.move_to_end(number)
            return data
        packed, plain = self.table.packed, self.table.plain
        raw = self._read_at(packed[number], packed[number + 1] - packed[number])
        data = zstd.decode_frame(raw, plain[number + 1] - plain[number])
        if data is None:
            return None
        self._kept[number] = data
        while len(self._kept) > 1 and (
            len(self._kept) > CACHED_FRAMES or sum(map(len, self._kept.values())) > CACHED_BYTES
        ):
            self._kept.popitem(last=False)
        return data
