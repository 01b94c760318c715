"""Bytes into lines: splits on LF only, forwards and backwards, without any I/O of its own.

Chunks of bytes go in, framed lines come out; memory is bounded by one chunk and one line.  A line
above LINE_LIMIT_BYTES is never held: it comes out as `Oversized`, with its place and length.
Nothing here looks into a line: what it says, and whether it is torn, is for `lines` to tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import NamedTuple

LINE_LIMIT_BYTES = 64 << 20
LF = b"\n"


class Oversized(NamedTuple):
    """A line too long to load: its place and length in the file, in bytes, without its LF."""

    offset: int
    length: int


class Gap(NamedTuple):
    """Lines that should follow here and do not: *reason* says why, `offset` is the last place."""

    offset: int
    reason: str


class Frame(NamedTuple):
    """One line without its LF; `ended` is False for a last line that has none."""

    offset: int
    raw: bytes | Oversized
    ended: bool


class Splitter:
    """Cuts a stream of chunks into lines in bulk; every byte is searched once.

    With *keep_lf* lines keep their LF, which is faster by a copy of each.
    """

    def __init__(
        self, offset: int = 0, limit_bytes: int = LINE_LIMIT_BYTES, *, keep_lf: bool = False
    ) -> None:
        self._fed_to = offset
        self._limit = limit_bytes
        self._keep_lf = keep_lf
        self._rest = _Rest(limit_bytes)

    def feed(self, chunk: bytes) -> list[bytes | Oversized]:
        """The lines that *chunk* completes, in order."""
        if len(chunk) > self._limit:
            halves = (chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :])
            return [line for half in halves for line in self.feed(half)]
        # Not chunk.split(LF), which looks at byte after byte: a third of the speed.
        whole = BytesIO(chunk).readlines()
        begun = whole.pop() if whole and not chunk.endswith(LF) else b""
        pieces: list[bytes | Oversized] = [*whole] if self._keep_lf else [x[:-1] for x in whole]
        if pieces and self._rest.length:
            start = self._fed_to - self._rest.length
            self._rest.append(whole[0][:-1])
            first = self._rest.take(start)
            pieces[0] = first + LF if self._keep_lf and isinstance(first, bytes) else first
        self._fed_to += len(chunk)
        self._rest.append(begun)
        return pieces

    def finish(self) -> bytes | Oversized | None:
        """The unterminated last line, or None if the stream ended with a LF."""
        if not self._rest.length:
            return None
        return self._rest.take(self._fed_to - self._rest.length)


class _Rest:
    """The pieces of one unfinished line, or just their length once there are too many."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._pieces: list[bytes] = []
        self.length = 0

    def append(self, piece: bytes) -> None:
        if not piece:
            return
        self.length += len(piece)
        if self.length > self._limit:
            self._pieces.clear()
        else:
            self._pieces.append(piece)

    def take(self, offset: int, *, backwards: bool = False) -> bytes | Oversized:
        """The whole line, which begins at *offset*; forgets it."""
        length, self.length = self.length, 0
        if length > self._limit:
            self._pieces.clear()
            return Oversized(offset, length)
        line = b"".join(reversed(self._pieces) if backwards else self._pieces)
        self._pieces.clear()
        return line


def frames(
    chunks: Iterable[bytes], offset: int = 0, limit_bytes: int = LINE_LIMIT_BYTES
) -> Iterator[Frame]:
    """Frame a stream whose first byte lies at *offset*; blank lines are framed too."""
    splitter = Splitter(offset, limit_bytes)
    for chunk in chunks:
        for raw in splitter.feed(chunk):
            yield Frame(offset, raw, ended=True)
            offset += line_length(raw) + 1
    last = splitter.finish()
    if last is not None:
        yield Frame(offset, last, ended=False)


def frames_backwards(
    chunks: Iterable[bytes], end: int, limit_bytes: int = LINE_LIMIT_BYTES
) -> Iterator[Frame]:
    """Frame a stream from its end: *chunks* come last first, the last byte lies before *end*."""
    rest = _Rest(limit_bytes)
    position, ended, at_end = end, False, True
    for chunk in chunks:
        pieces = chunk.split(LF)
        for piece in pieces[:0:-1]:
            rest.append(piece)
            position -= len(piece)
            if rest.length or not at_end:
                yield Frame(position, rest.take(position, backwards=True), ended)
            position -= 1
            ended, at_end = True, False
        rest.append(pieces[0])
        position -= len(pieces[0])
    if rest.length or not at_end:
        yield Frame(position, rest.take(position, backwards=True), ended)


def line_length(raw: bytes | Oversized) -> int:
    """The length of a framed line in the file, without its LF."""
    return len(raw) if isinstance(raw, bytes) else raw.length
