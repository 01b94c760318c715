"""Codex's writer locks: one process at a time appends to a thread, whichever program it is.

The protocol of Codex 0.169: BSD `flock` on `thread-writer-locks/<thread id>.lock`, opened and
unlinked only while `.coordination.lock` is held, which is for microseconds: a Codex that waits for
it answers nothing.  Nothing is ever written into a lock file, and none that we do not hold is
unlinked.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from threadlog.core import layout
from threadlog.errors import InUse

try:
    import fcntl
except ImportError:  # Windows, where nothing is written
    fcntl = None  # type: ignore[assignment]

LOCK_FOLDER = "thread-writer-locks"
COORDINATION = ".coordination.lock"
COORDINATION_WAIT_S = 5.0
_POLL_S = 0.002
_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class ThreadWriterLock:
    """The right to append to one thread, held until `release` or the end of the process."""

    def __init__(self, home: str, thread_id: str) -> None:
        """Take the lock in an existing home.

        Raises InUse if another process holds it, OSError if it cannot be had.
        """
        self._folder = os.path.join(home, LOCK_FOLDER)
        self._path = os.path.join(self._folder, f"{thread_id}.lock")
        self._pid = os.getpid()
        _make_folder(home, self._folder)
        with _coordination(self._folder, fcntl.LOCK_SH):
            fd = _open_lock(self._path)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(fd)
                raise InUse(f"thread {thread_id} already has an active writer") from None
            except BaseException:
                os.close(fd)
                raise
        self._fd: int | None = fd

    def release(self) -> None:
        """Give the lock up and remove its file; a forked child only lets go of its copy."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        if os.getpid() != self._pid:
            os.close(fd)
            return
        try:
            with _coordination(self._folder, fcntl.LOCK_EX):
                os.close(fd)
                fd = None
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)
        except (OSError, InUse):
            # An unlocked file left behind is harmless: Codex sweeps it.
            if fd is not None:
                os.close(fd)


@contextlib.contextmanager
def _coordination(folder: str, how: int) -> Iterator[None]:
    """Hold the coordination lock; raises InUse if it cannot be had in COORDINATION_WAIT_S."""
    fd = _open_lock(os.path.join(folder, COORDINATION))
    try:
        deadline = time.monotonic() + COORDINATION_WAIT_S
        while True:
            try:
                fcntl.flock(fd, how | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InUse(f"{folder}/{COORDINATION} is held by another program") from None
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(fd)


def _make_folder(home: str, folder: str) -> None:
    mode = layout.folder_mode(os.stat(home).st_mode)
    try:
        os.mkdir(folder, mode)
    except FileExistsError:
        return
    os.chmod(folder, mode)


def _open_lock(path: str) -> int:
    """Open a lock file, making it if need be with a mode that the umask cannot spoil."""
    try:
        return os.open(path, _FLAGS)
    except FileNotFoundError:
        mode = layout.file_mode(os.stat(os.path.dirname(path)).st_mode)
    fd = os.open(path, _FLAGS | os.O_CREAT, mode)
    try:
        if os.fstat(fd).st_uid == os.getuid():
            os.fchmod(fd, mode)
    except BaseException:
        os.close(fd)
        raise
    return fd
