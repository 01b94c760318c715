"""Codex's writer locks: one process at a time appends to a thread, whichever program it is.

The protocol of Codex 0.169: BSD `flock` on `thread-writer-locks/<thread id>.lock`, opened and
unlinked only while `.coordination.lock` is held, which is for microseconds: a Codex that waits for
it answers nothing.  Nothing is ever written into a lock file, and none that we do not hold is
unlinked.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

from threadlog.core import layout
from threadlog.core.checkup import Writing
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


class _Descriptors:
    """What this process has open here, so that a child it forks lets go of the copies.

    A fork waits while one is being opened or closed; the child of a fork between the two would
    hold a lock that nobody knows of, for as long as it lives.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._guard = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._guard.acquire,
                after_in_parent=self._guard.release,
                after_in_child=self._let_go,
            )

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        with self._guard:
            fd = os.open(path, flags, mode)
            self._open.add(fd)
            return fd

    def close(self, fd: int) -> None:
        with self._guard:
            self._open.discard(fd)
            os.close(fd)

    def _let_go(self) -> None:
        copies, self._open = self._open, set()
        for fd in copies:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._guard.release()


_descriptors = _Descriptors()


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
                holder = _holder(fd)
                _descriptors.close(fd)
                raise _in_use(thread_id, holder) from None
            except BaseException:
                _descriptors.close(fd)
                raise
        self._fd: int | None = fd

    def release(self) -> None:
        """Give the lock up and remove its file; a forked child's copy is closed already."""
        fd, self._fd = self._fd, None
        if fd is None or os.getpid() != self._pid:
            return
        try:
            with _coordination(self._folder, fcntl.LOCK_EX):
                _descriptors.close(fd)
                fd = None
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._path)
        except (OSError, InUse):
            # An unlocked file left behind is harmless: Codex sweeps it.
            if fd is not None:
                _descriptors.close(fd)


def writers(home: str) -> list[Writing]:
    """Who writes threads of a home at this moment, where the system tells; takes no lock.

    A lock file that nobody has locked is left over, and means nothing.
    """
    held = _locked_files()
    folder = os.path.join(home, LOCK_FOLDER)
    found = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if not entry.name.endswith(".lock") or entry.name == COORDINATION:
                    continue
                with contextlib.suppress(FileNotFoundError):  # released meanwhile
                    key = _lock_key(entry.stat(follow_symlinks=False))
                    if key in held:
                        found.append(Writing(entry.name.removesuffix(".lock"), held[key]))
    except OSError:
        pass  # nobody has locked anything yet
    return sorted(found)


def _in_use(thread_id: str, holder: int | None) -> InUse:
    who = "another program" if holder is None else f"process {holder}"
    if holder == os.getpid():
        who = "this process"
    return InUse(f"thread {thread_id} already has an active writer: {who}", holder)


def _holder(fd: int) -> int | None:
    """The process that holds the lock of an open file, where the system tells."""
    return _locked_files().get(_lock_key(os.fstat(fd)))


def _lock_key(status: os.stat_result) -> str:
    """A file as /proc/locks names it."""
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"


def _locked_files() -> dict[str, int]:
    """The files that somebody has locked, and which process; none where the system is silent."""
    locked = {}
    try:
        with open("/proc/locks", encoding="ascii", errors="replace") as file:
            for line in file:
                words = line.split()  # 1: FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF
                if words[1:2] == ["FLOCK"]:  # one that waits has an arrow there
                    locked[words[5]] = int(words[4])
    except (OSError, ValueError, IndexError):
        pass
    return locked


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
        _descriptors.close(fd)


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
        return _descriptors.open(path, _FLAGS)
    except FileNotFoundError:
        mode = layout.file_mode(os.stat(os.path.dirname(path)).st_mode)
    fd = _descriptors.open(path, _FLAGS | os.O_CREAT, mode)
    try:
        if os.fstat(fd).st_uid == os.getuid():
            os.fchmod(fd, mode)
    except BaseException:
        _descriptors.close(fd)
        raise
    return fd
