"""Codex's name file, session_index.jsonl: a line added as Codex 0.169 adds one, and nothing else.

Codex locks `session_index.jsonl.lock` (BSD `flock`, exclusive), appends one line with one write,
and lets go; that file stays.  Older versions take no lock, so one write it is for their sake too.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
from collections.abc import Iterator

from threadlog.codex.flocks import descriptors, open_lock, try_lock
from threadlog.core import moments
from threadlog.core.layout import NAME_FILE
from threadlog.errors import InUse

LOCK_WAIT_S = 1.0
_POLL_S = 0.02
_APPENDING = os.O_APPEND | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hold us up


def append_name(home: str, thread_id: str, name: str, at_ms: int) -> None:
    """Note that a thread is called *name* since *at_ms* (unix milliseconds); on the disk then.

    A last line that somebody did not finish is ended first.  Raises InUse if another program
    holds the lock for longer than LOCK_WAIT_S, OSError.
    """
    entry = {"id": thread_id, "thread_name": name, "updated_at": moments.utc_text(at_ms)}
    text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
    line = text.encode("utf-8", "replace") + b"\n"  # a lone surrogate would spoil the line
    path = os.path.join(home, NAME_FILE)
    with _locked(f"{path}.lock"):
        is_new = not os.path.lexists(path)
        fd = open_lock(path, _APPENDING)
        try:
            _append(fd, line)
        finally:
            descriptors.close(fd)
        if is_new:
            _sync_folder(home)


def _append(fd: int, line: bytes) -> None:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, f"{NAME_FILE} is no regular file")
    size = status.st_size
    torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
    whole = b"\n" + line if torn else line
    # Never a second write: what is half written is ended by the next line, as here.
    if os.write(fd, whole) < len(whole):
        raise OSError(errno.ENOSPC, f"{NAME_FILE} took only a part of a line")
    os.fsync(fd)


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    fd = open_lock(path)
    try:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not try_lock(fd):
            if time.monotonic() > deadline:
                raise InUse(f"{path} is held by another program")
            time.sleep(_POLL_S)
        yield
    finally:
        descriptors.close(fd)


def _sync_folder(folder: str) -> None:
    fd = descriptors.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(fd)
    finally:
        descriptors.close(fd)
