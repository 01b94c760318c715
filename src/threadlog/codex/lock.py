"""Codex's writer locks: one process at a time appends to a thread, whichever program it is.

The protocol of Codex 0.169: BSD `flock` on `thread-writer-locks/<thread id>.lock`, opened and
unlinked only while `.coordination.lock` is held, which is for microseconds: a Codex that waits for
it answers nothing.  Nothing is ever written into a lock file, and none that we do not hold is
unlinked; but a user may have one process of threadlog take over from another (never from a Codex),
and then the new lock file takes the place of the old.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Iterator
from typing import ClassVar

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
_PRESENCE, _FENCE = "writing-", "taken-from-"
_TAKEN_OVER = (
    "thread {} was taken over by {}: nothing more is written here; discard what waits, or resume it"
)
_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class _Descriptors:
    """What this process has open here, so that a child it forks lets go of the copies.

    A fork waits while one is being opened or closed; the child of a fork between the two would
    hold a lock that nobody knows of, for as long as it lives.
    """

    def __init__(self) -> None:
        self._open: set[int] = set()
        self.guard = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self.guard.acquire,
                after_in_parent=self.guard.release,
                after_in_child=self._let_go,
            )

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        with self.guard:
            fd = os.open(path, flags, mode)
            self._open.add(fd)
            return fd

    def close(self, fd: int) -> None:
        with self.guard:
            self._open.discard(fd)
            os.close(fd)

    def _let_go(self) -> None:
        copies, self._open = self._open, set()
        for fd in copies:
            with contextlib.suppress(OSError):
                os.close(fd)
        self.guard.release()


_descriptors = _Descriptors()


class Presence:
    """A locked file of ours that tells others that this process is threadlog, while it writes."""

    _held: ClassVar[dict[tuple[str, int], list[int]]] = {}  # by home and process: fd, how many

    def __init__(self, home: str) -> None:
        """Make it in an existing home; where it cannot be made, there is just none."""
        self._key: tuple[str, int] | None = (home, os.getpid())
        with _descriptors.guard:
            held = self._held.get(self._key)
            if held is not None:
                held[1] += 1
                return
            try:
                self._held[self._key] = [self._make(home), 1]
            except (OSError, InUse):
                self._key = None

    def end(self) -> None:
        """This one writes no more; may be called again."""
        key, self._key = self._key, None
        if key is None or key[1] != os.getpid():
            return
        with _descriptors.guard:
            held = self._held[key]
            held[1] -= 1
            if not held[1]:
                del self._held[key]
                with contextlib.suppress(OSError):
                    os.unlink(_presence_path(*key))
                _descriptors.close(held[0])

    @staticmethod
    def _make(home: str) -> int:
        path = _presence_path(home, os.getpid())
        _make_folder(home, os.path.dirname(path))
        _sweep_presences(os.path.dirname(path))
        fd = _open_lock(path)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            _descriptors.close(fd)
            raise
        return fd


def _presence_path(home: str, pid: int) -> str:
    return os.path.join(home, layout.OWN_FOLDER, f"{_PRESENCE}{pid}.lock")


def _fence_path(home: str, pid: int, thread_id: str) -> str:
    """What tells a process that a thread was taken over from it."""
    return os.path.join(home, layout.OWN_FOLDER, f"{_FENCE}{pid}-{thread_id}")


def _open_close(path: str) -> None:
    _descriptors.close(_open_lock(path))


def _is_ours(home: str, pid: int) -> bool:
    """True if a process that writes in a home is threadlog, as far as the system tells."""
    try:
        key = _lock_key(os.lstat(_presence_path(home, pid)))
    except OSError:
        return False
    return _locked_files().get(key) == pid


def _pid_of(name: str) -> int:
    digits = name.removeprefix(_FENCE).partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0


def _sweep_presences(folder: str) -> None:
    """Remove what killed processes left."""
    for name in os.listdir(folder):
        if name.startswith(_FENCE) and not _is_ours(os.path.dirname(folder), _pid_of(name)):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))
        if name.startswith(_PRESENCE):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                fd = _descriptors.open(path, _FLAGS)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(path)
                finally:
                    _descriptors.close(fd)


class ThreadWriterLock:
    """The right to append to one thread, held until `release` or the end of the process."""

    def __init__(self, home: str, thread_id: str, *, take_over: bool = False) -> None:
        """Take the lock in an existing home.

        *take_over* has it from another process of threadlog that holds it, which finds out before
        its next batch; never from any other program.  Raises InUse if another process holds it,
        OSError if it cannot be had.
        """
        self._home, self._thread_id = home, thread_id
        self._folder = os.path.join(home, LOCK_FOLDER)
        self._path = os.path.join(self._folder, f"{thread_id}.lock")
        self._pid = os.getpid()
        self._fd: int | None = None
        self._fenced = False
        self._presence = Presence(home)
        try:
            self._take(take_over=take_over)
            self._unfence()
        except BaseException:
            self._presence.end()
            raise

    def _take(self, *, take_over: bool = False) -> None:
        _make_folder(self._home, self._folder)
        with _coordination(self._folder, fcntl.LOCK_EX if take_over else fcntl.LOCK_SH):
            fd = _open_lock(self._path)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _holder(fd)
                _descriptors.close(fd)
                if not take_over:
                    raise _in_use(self._thread_id, holder) from None
                fd = self._replaced(holder)
            except BaseException:
                _descriptors.close(fd)
                raise
            self._fd, self._key = fd, _identity(os.fstat(fd))

    def _replaced(self, holder: int | None) -> int:
        """A lock file of ours in the place of one that a process of ours holds."""
        if holder is None or holder == os.getpid() or not _is_ours(self._home, holder):
            error = _in_use(self._thread_id, holder)
            raise InUse(f"{error}; only a threadlog process can be taken over from", holder)
        _open_close(_fence_path(self._home, holder, self._thread_id))  # before it can look
        fresh = f"{self._path}.{os.getpid()}"  # a name that no Codex sweeps
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        fd = _open_lock(fresh)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.replace(fresh, self._path)
        except BaseException:
            _descriptors.close(fd)
            raise
        return fd

    def check(self) -> None:
        """See that the lock is ours still; one whose file somebody removed is taken again.

        Once it was taken over it stays so, also when that process is done: what this one knows of
        the thread is old by then.  Raises InUse, OSError.
        """
        if not self._fenced:
            with contextlib.suppress(FileNotFoundError):
                if _identity(os.lstat(self._path)) == self._key:
                    return
            fd, self._fd = self._fd, None
            if fd is not None:
                _descriptors.close(fd)
            self._fenced = os.path.lexists(_fence_path(self._home, self._pid, self._thread_id))
        holder = _holder_at(self._path) if self._fenced else None
        if not self._fenced:
            try:
                self._take()
                return
            except InUse as error:
                holder = error.holder
        raise InUse(_TAKEN_OVER.format(self._thread_id, _who(holder)), holder)

    def _unfence(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(_fence_path(self._home, self._pid, self._thread_id))

    def release(self) -> None:
        """Give the lock up and remove its file; a forked child's copy is closed already."""
        fd, self._fd = self._fd, None
        if os.getpid() != self._pid:
            return
        self._unfence()
        self._presence.end()
        if fd is None:
            return
        try:
            with _coordination(self._folder, fcntl.LOCK_EX):
                _descriptors.close(fd)
                fd = None
                with contextlib.suppress(FileNotFoundError):
                    if _identity(os.lstat(self._path)) == self._key:  # nobody took over
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
    return InUse(f"thread {thread_id} already has an active writer: {_who(holder)}", holder)


def _who(holder: int | None) -> str:
    if holder == os.getpid():
        return "this process"
    return "another program" if holder is None else f"process {holder}"


def _holder(fd: int) -> int | None:
    """The process that holds the lock of an open file, where the system tells."""
    return _locked_files().get(_lock_key(os.fstat(fd)))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _holder_at(path: str) -> int | None:
    """The same of a file by its path."""
    try:
        return _locked_files().get(_lock_key(os.lstat(path)))
    except FileNotFoundError:
        return None


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
        if os.path.islink(folder):  # it may lead out of the home
            raise OSError(errno.ELOOP, "it is a symbolic link", folder) from None
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
