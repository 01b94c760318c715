"""What tells that a rollout still is the one that we wrote."""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

# So many rollouts of ours are remembered, to go on with them without waiting.
_LIMIT = 4096


class Mark(NamedTuple):
    """What tells that a file is still the one we knew."""

    device: int
    inode: int
    size: int


# Rollouts that this process was the last to write, as it left them: these need not stand still.
_ours: dict[str, Mark] = {}


def mark_of(status: os.stat_result) -> Mark:
    """The mark of an open file; raises OSError if it is no regular one."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    return Mark(status.st_dev, status.st_ino, status.st_size)


def remember(path: str, mark: Mark) -> None:
    """We leave a rollout like this."""
    while len(_ours) >= _LIMIT:
        _ours.pop(next(iter(_ours)), None)
    _ours[path] = mark


def is_ours(path: str, status: os.stat_result) -> bool:
    """True if a rollout is as this process has left it."""
    return _ours.get(path) == mark_of(status)
