"""Files of Codex as they lie there: regular ones only, through no symbolic link, never waiting."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

CHUNK_BYTES = 1 << 20
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FLAGS |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hold us up


class Facts(NamedTuple):
    """What tells that a file is the one it was, and unchanged."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def facts(path: str) -> Facts | None:
    """The facts of the regular file at *path*; None if there is none."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Facts(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def is_free_or_regular(path: str) -> bool:
    """True if a regular file is at *path* or nothing is; one look, since files come and go."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def chunks(path: str, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
    """The bytes of the regular file at *path*; of what cannot be read, none."""
    try:
        fd = os.open(path, _FLAGS)
    except (OSError, ValueError):
        return
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            while chunk := os.read(fd, chunk_bytes):
                yield chunk
    except OSError:
        return
    finally:
        os.close(fd)
