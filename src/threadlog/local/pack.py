"""Making a plain rollout a compressed one, of frames that can be read one at a time.

Under the thread's lock, as Codex does it: pack into a temporary file beside it, sync, unpack that
and compare it, give it the name if that is free, and only then remove the plain one.  At every
moment at least one whole copy has its name; where both have one, plain wins everywhere.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from threadlog.core.framing import LF
from threadlog.core.layout import COMPRESSED_SUFFIX, PLAIN_SUFFIX
from threadlog.local.disk import Disk
from threadlog.local.entries import sync_folder
from threadlog.local.files import RolloutFile
from threadlog.local.seekable import FRAME_LIMIT_BYTES, seek_table
from threadlog.local.twins import ASIDE, Identity, Temporary, identity, is_still, same
from threadlog.local.zstd import Encoder

# A frame holds whole lines of about so much; a longer line is one of its own.
FRAME_BYTES = 1 << 20
_SAMPLES = 4

CHANGED = "it changed meanwhile"
OPEN = "a program has it open for writing"
HAS_TWIN = "a compressed copy lies beside it already"
OTHERS = "it belongs to another user or group, and a copy would not"
_DAMAGED = "what was written is not what it was made of; it was removed again"

Unfit = Callable[[os.stat_result], str | None]  # why a file is not to be packed

_numbers = itertools.count()


class _Twins(NamedTuple):
    """A plain rollout as it was, and the compressed one that takes its place."""

    disk: Disk
    path: str
    source: RolloutFile
    before: Identity
    written: os.stat_result

    @property
    def untouched(self) -> bool:
        """True if the plain one lies there as it was read, and nobody can be writing to it."""
        is_there = is_still(self.disk, self.path, self.before)
        return is_there and not self.disk.is_open_to_write(self.source.fileno())


def pack(disk: Disk, path: str, unfit: Unfit) -> int | str:
    """Pack the rollout at *path*; returns its size then, in bytes, or why it was left as it is.

    The caller holds its thread's lock.  Raises OSError and Unreadable; then, too, it is as it was.
    """
    with RolloutFile(path) as source:
        status = disk.status(source.fileno())
        if why := unfit(status):
            return why
        if disk.is_open_to_write(source.fileno()):
            return OPEN
        with Temporary(disk, _temporary(path)) as packed:
            _fill(packed, source)
            written = packed.finish(status)
            if (written.st_uid, written.st_gid) != (status.st_uid, status.st_gid):
                return OTHERS
            _verify(packed.path, source, status.st_size)
            twins = _Twins(disk, path, source, identity(status), written)
            if not twins.untouched:
                return CHANGED
            packed.close()
            try:
                disk.link(packed.path, compressed(path))
            except FileExistsError:
                return HAS_TWIN
            return _take_over(twins) or written.st_size


def compressed(path: str) -> str:
    """The name of a plain rollout once it is compressed."""
    return path.removesuffix(PLAIN_SUFFIX) + COMPRESSED_SUFFIX


def _temporary(path: str) -> str:
    """A name that no listing takes for a rollout, and that Codex removes if it is left over."""
    name = f"rollout-compress-{os.getpid()}-{next(_numbers)}.tmp"
    return os.path.join(os.path.dirname(path), name)


def _take_over(twins: _Twins) -> str | None:
    """Remove the plain one, now that the other has its name; or take that back, and say why.

    It is moved aside first: who has not opened it by then cannot any more, so that the look at it
    after that is the last that is needed.  An old Codex takes no lock.
    """
    disk, path = twins.disk, twins.path
    aside = f"{path}{ASIDE}{os.getpid()}-{next(_numbers)}"
    try:
        sync_folder(disk, os.path.dirname(path))
        if not twins.untouched:
            _withdraw(twins)
            return CHANGED
        disk.move(path, aside)
    except BaseException:
        with contextlib.suppress(OSError):
            if is_still(disk, path, twins.before):  # never the only copy
                _withdraw(twins)
        raise
    try:
        now = identity(disk.status_at(aside))[:-1]  # moving it changed the last of it
        touched = now != twins.before[:-1] or disk.is_open_to_write(twins.source.fileno())
    except BaseException:
        _give_back(twins, aside)
        raise
    if touched:
        _give_back(twins, aside)
        return CHANGED
    with contextlib.suppress(OSError):  # the other is in its place, and on the disk
        disk.unlink(aside)
        sync_folder(disk, os.path.dirname(path))
    return None


def _give_back(twins: _Twins, aside: str) -> None:
    """Let a plain one that was moved aside have its name again; raises OSError if it cannot."""
    disk, path = twins.disk, twins.path
    try:
        disk.link(aside, path)
    except OSError as error:  # made anew by others, say
        told = f"it changed, and its name could not be given back to it: all of it lies in {aside}"
        raise OSError(errno.EIO, told, path) from error
    disk.unlink(aside)
    _withdraw(twins)


def _withdraw(twins: _Twins) -> None:
    """Take back what was published, if it is still what lies there."""
    path = compressed(twins.path)
    status = twins.disk.status_at(path)
    if (status.st_dev, status.st_ino) == (twins.written.st_dev, twins.written.st_ino):
        twins.disk.unlink(path)


def _fill(packed: Temporary, source: RolloutFile) -> None:
    encoder, entries = Encoder(), []
    for piece in frames_of(source.chunks_from(0)):
        frame = encoder.frame(piece)
        packed.write(frame)
        entries.append((len(frame), len(piece)))
    packed.write(seek_table(entries))


def _verify(path: str, source: RolloutFile, size: int) -> None:
    """Raise OSError unless all of a packed file is what it was made of, by its table, too."""
    with RolloutFile(path, compressed=True) as packed:
        whole = same(packed.chunks(), source.chunks()) and packed.gap is None
        if not (whole and packed.seekable and packed.length() == size):
            raise OSError(errno.EIO, _DAMAGED, path)


def frames_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces that are to be frames: whole lines, as far as one line fits into a frame."""
    held = bytearray()
    searched = 0  # so far there is no end of a line that is longer than a frame
    for chunk in chunks:
        held += chunk
        while len(held) >= FRAME_BYTES:
            end = held.rfind(LF, 0, FRAME_BYTES) + 1
            if not end:
                end = held.find(LF, searched, FRAME_LIMIT_BYTES) + 1
                if not end and len(held) < FRAME_LIMIT_BYTES:
                    searched = len(held)
                    break
            end = end or FRAME_LIMIT_BYTES
            yield bytes(held[:end])
            del held[:end]
            searched = 0
    if held:
        yield bytes(held)


def estimate(path: str) -> int:
    """About how large a rollout would be, by packing samples of it; raises Unreadable."""
    with RolloutFile(path) as source:
        size = source.facts.size_bytes
        if size <= _SAMPLES * FRAME_BYTES:
            pieces = list(frames_of(source.chunks()))
        else:
            step = (size - FRAME_BYTES) // (_SAMPLES - 1)
            pieces = [source.read_at(n * step, FRAME_BYTES) for n in range(_SAMPLES)]
    sampled = sum(map(len, pieces))
    encoder = Encoder()
    packed = sum(len(encoder.frame(piece)) for piece in pieces)
    return round(packed * size / sampled) if sampled else 0
