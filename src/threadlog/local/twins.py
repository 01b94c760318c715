"""What packing and unpacking a rollout share: a temporary file beside it, and being sure.

The two forms of a rollout are twins.  One takes the place of the other under the thread's lock,
once its content was compared, and without overwriting; what is removed is only what was compared.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from threadlog.core.layout import COMPRESSED_SUFFIX, PLAIN_SUFFIX
from threadlog.errors import Unreadable
from threadlog.local.copying import write_all
from threadlog.local.disk import Disk
from threadlog.local.files import RolloutFile

# Codex removes temporary files of its own after as long.
STALE_S = 6 * 3600
_MODE_BITS = 0o7777
# What comes after the name of a rollout that was packed, and is about to be removed.
ASIDE = ".aside-"
_ASIDE = re.compile(rf"(rollout-.*)\.jsonl{ASIDE}[0-9]+-[0-9]+", re.DOTALL)
_OURS = re.compile(
    r"rollout-(compress-[0-9]+-[0-9]+|.*\.jsonl\.decompress\.[0-9]+|.*\.jsonl(\.zst)?\.(fork|moved))\.tmp",
    re.DOTALL,
)

Identity = tuple[int, ...]


def identity(status: os.stat_result) -> Identity:
    """What tells that a file is the same, and was not touched; reading it changes none of it."""
    return (
        *(status.st_dev, status.st_ino, status.st_mode, status.st_nlink, status.st_uid),
        *(status.st_gid, status.st_size, status.st_mtime_ns, status.st_ctime_ns),
    )


def is_still(disk: Disk, path: str, known: Identity) -> bool:
    """True if the file known lies at a path, untouched; raises OSError."""
    try:
        return identity(disk.status_at(path)) == known
    except FileNotFoundError:
        return False


def same(one: Iterator[bytes], other: Iterator[bytes]) -> bool:
    """True if two streams of chunks have the same content, however they are cut."""
    left = right = b""
    while True:
        left = left or next(one, b"")
        right = right or next(other, b"")
        count = min(len(left), len(right))
        if not count or left[:count] != right[:count]:
            return not left and not right
        left, right = left[count:], right[count:]


class Temporary:
    """A new file beside a rollout; its name is gone at the end of the block, whatever happens."""

    def __init__(self, disk: Disk, path: str) -> None:
        """Make it, its owner's alone; raises OSError if the name is taken."""
        self._disk = disk
        self.path = path
        self._fd: int | None = disk.create(path, 0o600)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What is left here after all, a later run removes.
        with contextlib.suppress(OSError):
            self.close()
        if os.path.lexists(self.path):
            with contextlib.suppress(OSError):
                self._disk.unlink(self.path)

    @property
    def fd(self) -> int:
        """Its descriptor."""
        assert self._fd is not None
        return self._fd

    def write(self, data: bytes) -> None:
        """Append all of *data*; raises OSError."""
        write_all(self._disk, self.fd, data)

    def finish(self, like: os.stat_result) -> os.stat_result:
        """Give it the mode bits and times of another, and bring it to stable storage."""
        disk = self._disk
        disk.change_mode(self.fd, stat.S_IMODE(like.st_mode) & _MODE_BITS)
        disk.set_times(self.fd, (like.st_atime_ns, like.st_mtime_ns))
        disk.sync(self.fd)
        # So that what is compared next is what came to the disk.
        disk.forget(self.fd)
        return disk.status(self.fd)

    def close(self) -> None:
        """Let go of it, not of its name; raises OSError."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._disk.close(fd)


def remove_stale(disk: Disk, folder: str, now_s: float) -> None:
    """Remove what runs that were ended have left in a folder: names of ours, STALE_S old.

    By the time at which the inode changed: the time of change is that of the rollout.  A rollout
    that was moved aside goes only if all of it is in the one that has its name.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        aside = _ASIDE.fullmatch(name)
        if aside is None and not _OURS.fullmatch(name):
            continue
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError, Unreadable):
            status = disk.status_at(path)
            if not stat.S_ISREG(status.st_mode) or now_s - status.st_ctime <= STALE_S:
                continue
            if aside is None or _is_in(path, os.path.join(folder, aside[1])):
                disk.unlink(path)


def _is_in(aside: str, stem: str) -> bool:
    """True if a rollout begins with all that there is in a file."""
    plain = stem + PLAIN_SUFFIX
    now = plain if os.path.lexists(plain) else stem + COMPRESSED_SUFFIX
    with RolloutFile(aside) as part, RolloutFile(now) as whole:
        size = part.length()
        return same(part.chunks(), whole.chunks(size))
