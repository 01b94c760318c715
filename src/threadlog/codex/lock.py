"""Codex's writer locks: one process at a time appends to a thread, whichever program it is.

The protocol of Codex 0.169: BSD `flock` on `thread-writer-locks/<thread id>.lock`, opened and
unlinked only while `.coordination.lock` is held, which is for microseconds: a Codex that waits for
it answers nothing.  Nothing is ever written into a lock file, and none that we do not hold is
unlinked; but a user may have one process of threadlog take over from another (never from a Codex),
and then the new lock file takes the place of the old.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from threadlog.codex.flocks import (
    descriptors,
    holder_of,
    identity,
    lock_key,
    locked_files,
    make_folder,
    open_lock,
    try_lock,
)
from threadlog.codex.presence import Fence, Presence, is_ours
from threadlog.core.checkup import Writing
from threadlog.errors import InUse

LOCK_FOLDER = "thread-writer-locks"
COORDINATION = ".coordination.lock"
COORDINATION_WAIT_S = 5.0
_POLL_S = 0.002
_TRIES = 20
_TAKEN_OVER = "thread {} was taken over by {}: nothing more is written here"
_LOST = "thread {} has another writer by now, {}: nothing is written here while it has"


class ThreadWriterLock:
    """The right to append to one thread, held until `release` or the end of the process."""

    # There may be thousands.
    __slots__ = (
        *("_fd", "_fenced", "_home", "_key", "_pid", "_presence", "_thread_id", "taken_over"),
    )

    def __init__(self, home: str, thread_id: str, *, take_over: bool = False) -> None:
        """Take the lock in an existing home.

        *take_over* has it from another process of threadlog that holds it, which finds out before
        its next batch; never from any other program.  Raises InUse if another process holds it,
        OSError if it cannot be had.
        """
        self._home, self._thread_id = home, thread_id
        self._pid = os.getpid()
        self._fd: int | None = None
        self._key: tuple[int, int] | None = None
        self._fenced = False
        self.taken_over = False
        self._presence = Presence(home)
        try:
            self._take(take_over=take_over)
            self._fence.clear()
        except BaseException:
            self._presence.end()
            raise

    @property
    def _folder(self) -> str:
        return os.path.join(self._home, LOCK_FOLDER)

    @property
    def _path(self) -> str:
        return os.path.join(self._home, LOCK_FOLDER, f"{self._thread_id}.lock")

    @property
    def _fence(self) -> Fence:
        return Fence(self._home, self._pid, self._thread_id)

    def _take(self, *, take_over: bool = False) -> None:
        """Have the lock; from whom it may be taken over is found out before anybody is held up."""
        make_folder(self._home, self._folder)
        victim: tuple[int, int] | None = None
        for _ in range(_TRIES):
            held_by = self._try(victim)
            if held_by is None:
                return
            holder = holder_of(held_by)
            if not take_over or holder == os.getpid():
                raise _in_use(self._thread_id, holder)
            if holder is None or not is_ours(self._home, holder):
                error = _in_use(self._thread_id, holder)
                raise InUse(f"{error}; only a threadlog process can be taken over from", holder)
            Fence(self._home, holder, self._thread_id).set()  # before it can look
            victim = identity(held_by)
        raise _in_use(self._thread_id, None)

    def _try(self, victim: tuple[int, int] | None) -> os.stat_result | None:
        """Lock the file, or put a new one in the place of the *victim*; else which one is held."""
        with _coordination(self._folder, shared=victim is None):
            fd = open_lock(self._path)
            try:
                found = os.fstat(fd)
                locked = try_lock(fd)
                if not locked and victim == identity(found):
                    fresh = self._replaced()
                    descriptors.close(fd)
                    fd = fresh
                    locked = self.taken_over = True
                    found = os.fstat(fd)
            except BaseException:
                descriptors.close(fd)
                raise
            if not locked:
                descriptors.close(fd)
                return found
            self._fd, self._key = fd, identity(found)
            return None

    def _replaced(self) -> int:
        """A lock file of ours in the place of the one that is there."""
        fresh = f"{self._path}.taking"  # a name that no Codex sweeps
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fresh)
        fd = open_lock(fresh)
        try:
            try_lock(fd)
            os.replace(fresh, self._path)
        except BaseException:
            descriptors.close(fd)
            raise
        return fd

    def check(self) -> None:
        """See that the lock is ours still; one whose file somebody removed is taken again.

        Once it was taken over it stays so, also when that process is done: what this one knows of
        the thread is old by then.  Raises InUse, OSError.
        """
        if self._is_in_place():
            return
        fd, self._fd, self._key = self._fd, None, None  # a later file may have its inode
        if fd is not None:
            descriptors.close(fd)
        self._fenced = self._fenced or self._fence.is_set()
        if not self._fenced:
            try:
                self._take()
                return
            except InUse as error:
                who = _who(error.holder)
                raise InUse(_LOST.format(self._thread_id, who), error.holder) from None
        holder = None
        with contextlib.suppress(FileNotFoundError):
            holder = holder_of(os.lstat(self._path))
        who = "another process" if holder is None else _who(holder)
        raise InUse(_TAKEN_OVER.format(self._thread_id, who), holder)

    def release(self) -> None:
        """Give the lock up and remove its file; a forked child's copy is closed already."""
        fd, self._fd = self._fd, None
        if os.getpid() != self._pid:
            return
        self._fence.clear()
        self._presence.end()
        if fd is None:
            return
        try:
            with _coordination(self._folder):
                in_place = self._is_in_place()
                descriptors.close(fd)
                fd = None
                if in_place:  # nobody took over
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self._path)
        except (OSError, InUse):
            # An unlocked file left behind is harmless: Codex sweeps it.
            if fd is not None:
                descriptors.close(fd)

    def _is_in_place(self) -> bool:
        try:
            return identity(os.lstat(self._path)) == self._key
        except FileNotFoundError:
            return False


def writers(home: str) -> list[Writing]:
    """Who writes threads of a home at this moment, where the system tells; takes no lock.

    A lock file that nobody has locked is left over, and means nothing.
    """
    held = locked_files()
    folder = os.path.join(home, LOCK_FOLDER)
    found = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if not entry.name.endswith(".lock") or entry.name == COORDINATION:
                    continue
                with contextlib.suppress(FileNotFoundError):  # released meanwhile
                    key = lock_key(entry.stat(follow_symlinks=False))
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


@contextlib.contextmanager
def _coordination(folder: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the coordination lock; raises InUse if it cannot be had in COORDINATION_WAIT_S."""
    fd = open_lock(os.path.join(folder, COORDINATION))
    try:
        deadline = time.monotonic() + COORDINATION_WAIT_S
        while not try_lock(fd, shared=shared):
            if time.monotonic() > deadline:
                raise InUse(f"{folder}/{COORDINATION} is held by another program")
            time.sleep(_POLL_S)
        yield
    finally:
        descriptors.close(fd)
