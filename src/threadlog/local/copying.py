"""Copying what rollouts hold into a new one, byte for byte: the system does it where it can."""

from __future__ import annotations

import errno

from threadlog.core.framing import Gap
from threadlog.core.lineage import Copied, Segment
from threadlog.errors import NotResumable
from threadlog.local.disk import Disk
from threadlog.local.files import open_rollout
from threadlog.local.reading import LocalRollouts

_AT_ONCE_BYTES = 64 << 20
# Where the system cannot copy between two files itself.
_UNABLE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


def write_copy(disk: Disk, home: str, fd: int, copied: Copied) -> None:
    """Write what a new rollout begins with into its empty file; raises OSError.

    Raises Unreadable, or NotResumable if a rollout to copy does not hold all that it should.
    """
    size = write_all(disk, fd, copied.head)
    for segment in copied.segments:
        count = _copy_plain(disk, fd, segment)
        if count is None:
            count = _copy_read(disk, home, fd, segment)
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


def _copy_plain(disk: Disk, fd: int, segment: Segment) -> int | None:
    """Have the system copy a plain rollout; None if it cannot."""
    with open_rollout(segment.path) as rollout:
        if rollout.compressed:
            return None
        end = rollout.facts.size_bytes if segment.end is None else segment.end
        if end > rollout.facts.size_bytes:
            raise NotResumable(f"{segment.path} is shorter than it was a moment ago")
        done = 0
        try:
            while done < end:
                count = disk.copy(rollout.fileno(), fd, min(end - done, _AT_ONCE_BYTES), done)
                if count <= 0:
                    raise NotResumable(f"{segment.path} is shorter than it was a moment ago")
                done += count
        except OSError as error:
            if done or error.errno not in _UNABLE:
                raise
            return None
        return done


def _copy_read(disk: Disk, home: str, fd: int, segment: Segment) -> int:
    done = 0
    for chunk in LocalRollouts(home).chunks(segment):
        if isinstance(chunk, Gap):
            raise NotResumable(f"cannot copy {segment.path}: {chunk.reason}")
        done += write_all(disk, fd, chunk)
    return done
