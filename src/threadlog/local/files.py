"""Opening a rollout: the one place that reads its bytes, plain or compressed, safely.

Never follows a symlink, never opens anything but a regular file, and never writes.  A reader sees
the file as long as it was when it was opened.  Memory is bounded by one chunk, for compressed
files too: they are streamed, and read backwards or in the middle by their seek table, where they
have one, else by way of an unnamed temporary file.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Self, cast

from threadlog.core.layout import COMPRESSED_SUFFIX
from threadlog.errors import Unreadable

if TYPE_CHECKING:
    from threadlog.local.seekable import SeekableFrames

CHUNK_BYTES = 256 << 10
HEAD_CHUNK_BYTES = 32 << 10
COPY_CHUNK_BYTES = 1 << 20
PACKED_CHUNK_BYTES = 16 << 10  # small: where frames are tiny, what follows one is copied for each

# A compressed rollout may grow this much when read; what is beyond is taken for a bomb.
EXPANSION_LIMIT = 2000
EXPANSION_FREE_BYTES = 64 << 20
# Up to here an unpacked copy stays in memory.
SPOOL_BYTES = 8 << 20

_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FLAGS |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class FileFacts:
    """What the file system says of a rollout."""

    __slots__ = ("mtime_ms", "size_bytes")

    def __init__(self, status: os.stat_result) -> None:
        self.size_bytes = status.st_size
        self.mtime_ms = status.st_mtime_ns // 1_000_000


class Misfit(Unreadable):
    """A frame that a seek table led to is broken: what was read backwards so far ends there."""


class RolloutFile:
    """An open rollout: `facts`, and its bytes forwards and backwards."""

    def __init__(self, path: str, *, compressed: bool | None = None) -> None:
        """Open *path* for reading; raises Unreadable.

        Whether it is *compressed* tells its name, unless it has none yet.
        """
        self.path = path
        try:
            self._fd = os.open(path, _FLAGS)
        except OSError as error:
            raise Unreadable(f"cannot read {path}: {_reason(error)}") from error
        status = self._status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._fd)
            raise Unreadable(f"cannot read {path}: not a regular file")
        self.facts = FileFacts(status)
        named = path.endswith(COMPRESSED_SUFFIX)
        self.compressed = named if compressed is None else compressed
        self.gap: str | None = None  # why the bytes end before the file does, once read
        self._unpacked: IO[bytes] | None = None
        self._may_seek = self.compressed  # until a seek table was looked for, or did not hold
        self._frames: SeekableFrames | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
        if self._unpacked is not None:
            self._unpacked.close()

    def chunks(self, end: int | None = None, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The bytes from the start to *end* (uncompressed; None = all), in chunks."""
        source = self._stream(chunk_bytes) if self.compressed else self._plain(chunk_bytes)
        left = end
        for chunk in source:
            if left is None:
                yield chunk
                continue
            if left <= 0:
                return
            yield chunk[:left]
            left -= len(chunk)

    def chunks_from(self, offset: int) -> Iterator[bytes]:
        """The bytes from *offset* on (uncompressed), in chunks; none where the file is shorter."""
        if not self.compressed:
            yield from self._plain(CHUNK_BYTES, offset)
            return
        packed_offset, frames = 0, self._seekable()
        if offset > 0 and frames is not None:
            number = frames.table.frame_at(offset)
            packed_offset = frames.table.packed[number]
            offset -= frames.table.plain[number]
        for chunk in self._stream(CHUNK_BYTES, packed_offset):
            if offset < len(chunk):
                yield chunk[offset:]
            offset = max(offset - len(chunk), 0)

    def chunks_backwards(self, end: int) -> Iterator[bytes]:
        """The bytes before *end* (uncompressed), last chunk first.

        Raises Misfit where a frame turns out to be broken that a seek table led to; from then on
        all that is asked is answered from what the file unpacks to from its start.
        """
        position = end
        while position > 0:
            start = max(0, position - CHUNK_BYTES)
            frames = self._seekable()
            chunk = self.read_at(start, position - start)
            if frames is not self._frames:
                raise Misfit(f"cannot read {self.path} on from its end: broken zstd data")
            yield chunk
            position = start

    def length(self) -> int:
        """The number of bytes to read, uncompressed; by a seek table, else by unpacking them."""
        if not self.compressed:
            return self.facts.size_bytes
        frames = self._seekable()
        return self._unpack().seek(0, os.SEEK_END) if frames is None else frames.table.length

    @property
    def seekable(self) -> bool:
        """True if reading in the middle, and backwards, costs no more than what is read."""
        return not self.compressed or self._seekable() is not None

    def read_at(self, offset: int, count: int) -> bytes:
        """*count* bytes at *offset*, fewer where the file is shorter."""
        if not self.compressed:
            return self._pread(offset, count)
        if (frames := self._seekable()) is not None:
            if (found := frames.read(offset, count)) is not None:
                return found
            self._frames = None
        unpacked = self._unpack()
        unpacked.seek(offset)
        return unpacked.read(count)

    def last_bytes(self, count: int) -> bytes | None:
        """The last *count* bytes, fewer where there are fewer; None if all would be unpacked."""
        if not self.compressed:
            return self._pread(max(self.facts.size_bytes - count, 0), count)
        frames = self._seekable()
        if frames is None:
            return None
        return frames.read(max(frames.table.length - count, 0), count)

    def fileno(self) -> int:
        """The descriptor, for what is asked of an open file."""
        return self._fd

    def raw_at(self, offset: int, count: int) -> bytes:
        """*count* bytes at *offset* of the file as it is, compressed or not."""
        return self._pread(offset, max(count, 0))

    def _pread(self, offset: int, count: int) -> bytes:
        count = min(count, self.facts.size_bytes - offset)
        pieces: list[bytes] = []
        try:
            while count > 0 and (piece := _pread(self._fd, count, offset)):
                pieces.append(piece)
                offset += len(piece)
                count -= len(piece)
        except OSError as error:
            raise Unreadable(f"cannot read {self.path}: {_reason(error)}") from error
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _look(self, offset: int, count: int) -> bytes:
        """The same for a few bytes, thousands of times."""
        return _pread(self._fd, count, offset)

    def _plain(self, chunk_bytes: int, offset: int = 0) -> Iterator[bytes]:
        while chunk := self._pread(offset, chunk_bytes):
            yield chunk
            offset += len(chunk)

    @property
    def _expansion_limit(self) -> int:
        return self.facts.size_bytes * EXPANSION_LIMIT + EXPANSION_FREE_BYTES

    def _seekable(self) -> SeekableFrames | None:
        """The frames by a seek table; None if there is none that fits."""
        if self._may_seek:
            from threadlog.local.seekable import SeekableFrames, table_of

            self._may_seek = False
            try:
                table = table_of(self._look, self._status, self._expansion_limit)
            except OSError as error:
                raise Unreadable(f"cannot read {self.path}: {_reason(error)}") from error
            if table is not None:
                self._frames = SeekableFrames(self._pread, table)
        return self._frames

    def _stream(self, chunk_bytes: int, packed_offset: int = 0) -> Iterator[bytes]:
        """The unpacked bytes, from a frame on; `gap` says why they end too early, if they do."""
        from threadlog.local.zstd import Decoder

        limit = self._expansion_limit
        total = 0
        decoder = Decoder()
        for packed in self._plain(PACKED_CHUNK_BYTES, packed_offset):
            for chunk in decoder.feed(packed, chunk_bytes):
                yield chunk
                total += len(chunk)
                if total > limit:
                    self.gap = f"unpacks to more than {EXPANSION_LIMIT} times its size"
                    return
            if decoder.broken:
                break
        self.gap = decoder.broken or decoder.unfinished

    def _unpack(self) -> IO[bytes]:
        if self._unpacked is None:
            import tempfile

            unpacked = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115
            try:
                for chunk in self._stream(CHUNK_BYTES):
                    unpacked.write(chunk)
            except OSError as error:
                unpacked.close()
                raise Unreadable(
                    f"cannot unpack {self.path} into a temporary file: {_reason(error)}"
                ) from error
            self._unpacked = cast("IO[bytes]", unpacked)
        return self._unpacked


def _pread(fd: int, count: int, offset: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, count, offset)
    os.lseek(fd, offset, os.SEEK_SET)  # Windows
    return os.read(fd, count)


def open_rollout(path: str) -> RolloutFile:
    """Open a rollout by its name at listing time; Codex may have (un)packed it since then."""
    try:
        return RolloutFile(path)
    except Unreadable as error:
        other = path[:-4] if path.endswith(COMPRESSED_SUFFIX) else path + ".zst"
        if not isinstance(error.__cause__, FileNotFoundError) or not os.path.lexists(other):
            raise
        return RolloutFile(other)


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return os.strerror(error.errno) if error.errno else "unknown error"
