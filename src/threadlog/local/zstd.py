"""The zstd format: unpacking in bounded pieces, and packing frame by frame.

Only here is the library named.  A hostile file costs a bounded time and memory: windows, and how
many frames there may be, have limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# The largest window (2^27 bytes) a decoder accepts; Codex writes at most 2^21.
WINDOW_LOG_LIMIT = 27
# Beyond so many frames they must hold this much on average; each costs time, even an empty one.
FRAMES_FREE = 150_000
FRAME_MIN_BYTES = 64

LEVEL = 3  # Codex's


class Decoder:
    """Unpacks frames one after the other, in bounded pieces."""

    def __init__(self) -> None:
        self._zstd = _library()
        self._frame = _frame_decoder(self._zstd)
        self._begun = False
        self._frames = self._bytes = 0
        self.broken: str | None = None

    @property
    def unfinished(self) -> str | None:
        """Why the data ends too early, if it does."""
        return "unfinished zstd data" if self._begun else None

    def feed(self, packed: bytes, piece_bytes: int) -> Iterator[bytes]:
        """The bytes that *packed* unpacks to; stops at broken data."""
        while packed or not self._frame.needs_input:
            try:
                piece = self._frame.decompress(packed, piece_bytes)
            except self._zstd.ZstdError:
                self.broken = "broken zstd data"
                return
            packed, self._begun = b"", True
            if piece:
                yield piece
            self._bytes += len(piece)
            if self._frame.eof:
                packed, self._begun = self._frame.unused_data, False
                self._frame = _frame_decoder(self._zstd)
                self._frames += 1
                if self._frames > frames_limit(self._bytes):
                    self.broken = "cut into too many frames"
                    return


def frames_limit(size: int) -> int:
    """How many frames *size* bytes may be cut into."""
    return FRAMES_FREE + size // FRAME_MIN_BYTES


def decode_frame(packed: bytes, size: int) -> bytes | None:
    """What one frame unpacks to; None unless it is whole and alone and holds *size* bytes."""
    zstd = _library()
    decoder = _frame_decoder(zstd)
    try:
        data: bytes = decoder.decompress(packed, size + 1)
    except zstd.ZstdError:
        return None
    return data if decoder.eof and not decoder.unused_data and len(data) == size else None


class Encoder:
    """Packs pieces into frames, each with its size and a checksum."""

    def __init__(self) -> None:
        zstd = _library()
        option = zstd.CompressionParameter
        options = {option.compression_level: LEVEL, option.checksum_flag: 1}
        self._encoder = zstd.ZstdCompressor(options={**options, option.content_size_flag: 1})

    def frame(self, data: bytes) -> bytes:
        """One frame of all of *data*."""
        packed: bytes = self._encoder.compress(data, self._encoder.FLUSH_FRAME)
        return packed


def _frame_decoder(zstd: Any) -> Any:
    options = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG_LIMIT}
    return zstd.ZstdDecompressor(options=options)


def _library() -> Any:
    """The zstd module: in the standard library from 3.14 on."""
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    return zstd
