"""Files locked with BSD `flock`: opened so that no child keeps them, and who holds them."""

from __future__ import annotations

import contextlib
import errno
import os
import threading

from threadlog.core import layout

try:
    import fcntl
except ImportError:  # Windows, where nothing is written
    fcntl = None  # type: ignore[assignment]

FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class Descriptors:
    """What this process has open here, so that a child it forks lets go of the copies.

    A fork waits while one is being opened or closed; the child of a fork between the two would
    hold a lock that nobody knows of, for as long as it lives.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self.guard = threading.RLock()
        self._forking: int | None = None  # the OS thread that does
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before, after_in_parent=self._forked, after_in_child=self._let_go
            )

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        """Open a file that no child keeps."""
        with self.guard:
            fd = os.open(path, flags, mode)
            self._open.add(fd)
            return fd

    def close(self, fd: int) -> None:
        """Let go of a descriptor, and of the lock that it holds."""
        with self.guard:
            self._open.discard(fd)
            os.close(fd)

    def _before(self) -> None:
        self.guard.acquire()
        self._forking = threading.get_ident()

    def _forked(self) -> None:
        if self._forking == threading.get_ident():  # else it had begun when this was registered
            self._forking = None
            self.guard.release()

    def _let_go(self) -> None:
        copies, self._open = self._open, set()
        for fd in copies:
            with contextlib.suppress(OSError):
                os.close(fd)
        if self._forking != threading.get_ident():
            self.guard = threading.RLock()  # whoever held it is not here
        self._forked()


descriptors = Descriptors()


def try_lock(fd: int, *, shared: bool = False) -> bool:
    """Lock an open file at once; False if another holds it.  Raises OSError."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_folder(home: str, folder: str) -> None:
    """Make a folder in a home, with a mode that the umask cannot spoil; raises OSError."""
    mode = layout.folder_mode(os.stat(home).st_mode)
    try:
        os.mkdir(folder, mode)
    except FileExistsError:
        if os.path.islink(folder):  # it may lead out of the home
            raise OSError(errno.ELOOP, "it is a symbolic link", folder) from None
        return
    os.chmod(folder, mode)


def open_lock(path: str, more_flags: int = 0) -> int:
    """Open a lock file, making it if need be with a mode that the umask cannot spoil.

    *more_flags* is for other files that are to be made so.
    """
    try:
        return descriptors.open(path, FLAGS | more_flags)
    except FileNotFoundError:
        mode = layout.file_mode(os.stat(os.path.dirname(path)).st_mode)
    fd = descriptors.open(path, FLAGS | more_flags | os.O_CREAT, mode)
    try:
        if os.fstat(fd).st_uid == os.getuid():
            os.fchmod(fd, mode)
    except BaseException:
        descriptors.close(fd)
        raise
    return fd


def identity(status: os.stat_result) -> tuple[int, int]:
    """What tells that a path leads to the file that is open."""
    return status.st_dev, status.st_ino


def holder_of(status: os.stat_result) -> int | None:
    """The process that holds the lock of a file, where the system tells; reads all locks."""
    return locked_files().get(lock_key(status))


def lock_key(status: os.stat_result) -> str:
    """A file as /proc/locks names it."""
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"


def locked_files() -> dict[str, int]:
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
