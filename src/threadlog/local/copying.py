"""Copying what rollouts hold into a new one, byte for byte."""

from __future__ import annotations

import errno

from threadlog.core.framing import Gap
from threadlog.core.lineage import Copied, Segment
from threadlog.errors import NotResumable
from threadlog.local.disk import Disk
from threadlog.local.reading import LocalRollouts


def write_copy(disk: Disk, home: str, fd: int, copied: Copied) -> None:
    """Write what a new rollout begins with into its empty file; raises OSError.

    Raises Unreadable, or NotResumable if a rollout to copy does not hold all that it should.
    """
    size = write_all(disk, fd, copied.head)
    for segment in copied.segments:
        count = _copy(disk, home, fd, segment)
        size += count
        if count and disk.read_at(fd, 1, size - 1) != b"\n":
            size += write_all(disk, fd, b"\n")


def write_all(disk: Disk, fd: int, data: bytes | memoryview) -> int:
    """Append all of it, in as many writes as it takes; returns how much it is."""
    left = memoryview(data)
    while left:
        count = disk.write(fd, left)
        if count <= 0:
            raise OSError(errno.EIO, "nothing was written")
        left = left[count:]
    return len(data)


def write_file(disk: Disk, path: str, mode: int, data: bytes) -> None:
    """Make a file that must not exist yet, and bring what is in it to the disk; raises OSError."""
    fd = disk.create(path, mode)
    try:
        disk.change_mode(fd, mode)
        write_all(disk, fd, data)
        disk.sync(fd)
    finally:
        disk.close(fd)


def _copy(disk: Disk, home: str, fd: int, segment: Segment) -> int:
    # Behind a head nothing lies at the edges of pages: there the system's own copying is slower.
    done = 0
    for chunk in LocalRollouts(home).chunks(segment):
        if isinstance(chunk, Gap):
            raise NotResumable(f"cannot copy {segment.path}: {chunk.reason}")
        done += write_all(disk, fd, chunk)
    if segment.end is not None and done < segment.end:
        raise NotResumable(f"{segment.path} is shorter than it was a moment ago")
    return done
