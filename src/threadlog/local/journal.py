"""Making a rollout and appending to it: the only code that writes one.

A batch is one write.  A write that fails part-way is taken back to the last good offset, by the
process that made it and under the thread's lock; nothing else is ever cut or rewritten.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from threadlog.core import layout
from threadlog.errors import UnsupportedPlatform

_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_GROUP_BITS = 0o070


class WriterLock(Protocol):
    """That we are a thread's only writer, until released."""

    def release(self) -> None:
        """Let others write."""


class FileJournal:
    """Where rollouts of a home are made; *lock* takes a thread's writer lock or raises InUse."""

    def __init__(self, home: str, lock: Callable[[str, str], WriterLock]) -> None:
        self._home = home
        self._lock = lock

    def plan(self, stamp: str, thread_id: str) -> str:
        """The absolute path that a new thread's rollout will have; touches nothing."""
        folder = os.path.join(self._home, *layout.day_folder(stamp).split("/"))
        return os.path.join(folder, layout.rollout_name(stamp, thread_id))

    def create(self, path: str, thread_id: str) -> FileAppender:
        """Make the planned rollout and become its only writer; raises InUse, OSError."""
        if os.name == "nt":
            raise UnsupportedPlatform("threadlog reads rollouts on Windows but does not write them")
        lock = self._lock(self._home, thread_id)
        try:
            folder = os.path.dirname(path)
            made = _make_folders(folder)
            mode = _FILE_MODE | (_shared_bits(folder) & 0o060)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(path, flags, mode)
            os.fchmod(fd, mode)
        except BaseException:
            lock.release()
            raise
        return FileAppender(fd, lock, [folder, *made])


class FileAppender:
    """An open rollout of ours; a method that raised OSError can be called again."""

    def __init__(self, fd: int, lock: WriterLock, unsynced_folders: Sequence[str]) -> None:
        self._fd = fd
        self._lock = lock
        self._length = 0
        self._unsynced_folders = list(unsynced_folders)

    def append(self, batch: Sequence[bytes]) -> None:
        """Add whole lines, all of them or none."""
        self._take_back()
        data = memoryview(b"".join(batch))
        written = 0
        try:
            while written < len(data):
                count = os.write(self._fd, data[written:])
                if count <= 0:
                    raise OSError(errno.EIO, "nothing was written")
                written += count
        except OSError:
            with contextlib.suppress(OSError):
                self._take_back()
            raise
        self._length += written

    def sync(self) -> None:
        """Return once all appended lines, and the file's entry, are on stable storage."""
        _sync_data(self._fd)
        while self._unsynced_folders:
            fd = os.open(self._unsynced_folders[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            del self._unsynced_folders[0]

    def close(self) -> None:
        """Let go of the file, then of the thread's lock."""
        try:
            os.close(self._fd)
        finally:
            self._lock.release()

    def _take_back(self) -> None:
        """Cut off what a failed write of ours left behind."""
        if os.fstat(self._fd).st_size > self._length:
            os.ftruncate(self._fd, self._length)


def _sync_data(fd: int) -> None:
    """Flush a file to stable storage; macOS needs a call of its own for that."""
    try:
        import fcntl

        full = getattr(fcntl, "F_FULLFSYNC", None)
    except ImportError:
        full = None
    if full is not None:
        fcntl.fcntl(fd, full)
    else:
        os.fdatasync(fd)


def _make_folders(folder: str) -> list[str]:
    """Make *folder* and its parents as needed; returns the folders that got a new entry."""
    made: list[str] = []
    missing: list[str] = []
    at = folder
    while not os.path.isdir(at):
        missing.append(at)
        at = os.path.dirname(at)
    for path in reversed(missing):
        parent = os.path.dirname(path)
        mode = _FOLDER_MODE | _shared_bits(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, mode)
            os.chmod(path, mode)
            made.append(parent)
    return made


def _shared_bits(folder: str) -> int:
    """The group's bits of a folder that its group may write to (a shared home), else none."""
    mode = os.stat(folder).st_mode
    return mode & _GROUP_BITS if mode & 0o020 else 0
