"""Making a rollout and appending to it: the only code that writes one.

A batch is one write.  A write that fails part-way is taken back to the last good offset, by the
process that made it and under the thread's lock; nothing else is ever cut or rewritten.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from threadlog.core import layout
from threadlog.errors import UnsupportedPlatform


class WriterLock(Protocol):
    """That we are a thread's only writer, until released."""

    def release(self) -> None:
        """Let others write."""


class FileJournal:
    """Where rollouts of a home are made; *lock* takes a thread's writer lock or raises InUse."""

    def __init__(self, home: str, lock: Callable[[str, str], WriterLock]) -> None:
        self._home = home
        self._lock = lock
        # What an attempt that failed half-way leaves for the next one to finish.
        self._unfinished: set[str] = set()
        self._unsynced: list[str] = []
        self._making = threading.Lock()

    def plan(self, stamp: str, thread_id: str) -> str:
        """The absolute path that a new thread's rollout will have; touches nothing."""
        folder = os.path.join(self._home, *layout.day_folder(stamp).split("/"))
        return os.path.join(folder, layout.rollout_name(stamp, thread_id))

    def create(self, path: str, thread_id: str) -> FileAppender:
        """Make the planned rollout and become its only writer; raises InUse, OSError."""
        if os.name == "nt":
            raise UnsupportedPlatform("threadlog reads rollouts on Windows but does not write them")
        with self._making:
            self._make_folder(self._home)
        lock = self._lock(self._home, thread_id)
        try:
            with self._making:
                folder = os.path.dirname(path)
                self._make_folder(folder)
                fd = _create_file(path, layout.file_mode(os.stat(folder).st_mode))
                unsynced, self._unsynced = [folder, *self._unsynced], []
        except BaseException:
            lock.release()
            raise
        return FileAppender(fd, lock, unsynced)

    def _make_folder(self, path: str) -> None:
        """Make a folder and those above it as needed, whatever the umask; can be called again."""
        if os.path.isdir(path) and path not in self._unfinished:
            return
        parent = os.path.dirname(path)
        self._make_folder(parent)
        mode = layout.folder_mode(os.stat(parent).st_mode)
        try:
            os.mkdir(path, mode)
        except FileExistsError:
            if path not in self._unfinished:
                return
        self._unfinished.add(path)
        os.chmod(path, mode)
        self._unfinished.discard(path)
        self._unsynced.append(parent)


def _create_file(path: str, mode: int) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, mode)
    try:
        os.fchmod(fd, mode)
    except BaseException:
        # Ours, new and empty: in the way of the next attempt if it stayed.
        os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return fd


class FileAppender:
    """An open rollout of ours; a method that raised OSError can be called again."""

    def __init__(self, fd: int, lock: WriterLock, unsynced_folders: Sequence[str]) -> None:
        self._fd = fd
        self._lock = lock
        self._unsynced_folders = list(unsynced_folders)
        # A write of ours that did not come to its end: where it began, and what it was to write.
        self._torn: tuple[int, bytes] | None = None

    def append(self, batch: Sequence[bytes]) -> None:
        """Add whole lines, all of them or none."""
        self._take_back()
        begin = os.fstat(self._fd).st_size
        # Nobody else should have left a torn line here; if so, it is not glued to ours.
        heal = b"" if begin == 0 or os.pread(self._fd, 1, begin - 1) == b"\n" else b"\n"
        data = heal + b"".join(batch)
        self._torn = (begin, data)
        left = memoryview(data)
        try:
            while left:
                count = os.write(self._fd, left)
                if count <= 0:
                    raise OSError(errno.EIO, "nothing was written")
                left = left[count:]
            self._torn = None
        except BaseException:  # Ctrl-C too: what it interrupts is written again
            with contextlib.suppress(OSError):
                self._take_back()
            raise

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
        """Let go of the file, then of the thread's lock; what was synced is safe either way."""
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._lock.release()

    def _take_back(self) -> None:
        """Cut off what a failed write of ours left, unless somebody wrote after it."""
        if self._torn is None:
            return
        begin, data = self._torn
        size = os.fstat(self._fd).st_size - begin
        if 0 < size <= len(data) and os.pread(self._fd, size, begin) == data[:size]:
            os.ftruncate(self._fd, begin)
        self._torn = None


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
