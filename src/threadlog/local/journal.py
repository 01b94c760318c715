"""Making a rollout, going on with one, and appending to it: the only code that writes them.

A batch is one write.  A write that fails part-way is taken back to the last good offset, by the
process that made it and under the thread's lock; nothing else is ever cut.  What a failed sync
may have lost is written again, byte for byte in its place.  A file that is no longer the one we
wrote is not written to.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from threadlog.core import layout
from threadlog.core.items.session import GitInfo
from threadlog.core.query import ThreadSummary
from threadlog.errors import Archived, InUse, NotResumable, UnsupportedPlatform
from threadlog.local import marks
from threadlog.local.disk import Disk
from threadlog.local.git import read_git_info
from threadlog.local.marks import Mark, mark_of
from threadlog.local.tail import Tail, read_tail

# A Codex older than 0.169 takes no lock: a rollout that stood still for so long is not its own.
STILL_S = 2.0
_STILL_POLL_S = 0.05


_GONE = "somebody has moved or deleted it; put it back to go on"


class WriterLock(Protocol):
    """That we are a thread's only writer, until released."""

    def release(self) -> None:
        """Let others write; in a forked child, let go of the copy."""


class FileJournal:
    """Where rollouts of a home are made; *lock* takes a thread's writer lock or raises InUse."""

    def __init__(
        self, home: str, lock: Callable[[str, str], WriterLock], disk: Disk | None = None
    ) -> None:
        self._home = home
        self._lock = lock
        self._disk = disk or Disk()
        # What an attempt that failed half-way leaves for the next one to finish.
        self._unfinished: set[str] = set()
        self._unsynced: list[str] = []
        self._making, self._pid = threading.Lock(), os.getpid()

    def plan(self, stamp: str, thread_id: str, rollout_id: str | None = None) -> str:
        """The absolute path that a new rollout will have; touches nothing."""
        folder = os.path.join(self._home, *layout.day_folder(stamp).split("/"))
        return os.path.join(folder, layout.rollout_name(stamp, thread_id, rollout_id))

    def git_info(self, cwd: str) -> GitInfo | None:
        """The repository that *cwd* lies in, asked of git (Codex: when the rollout is made)."""
        return read_git_info(cwd)

    def create(self, path: str, thread_id: str) -> FileAppender:
        """Make the planned rollout and become its only writer; raises InUse, OSError."""
        _check_platform()
        with self._alone():
            self._make_folder(self._home)
        lock = self._lock(self._home, thread_id)
        try:
            with self._alone():
                folder = os.path.dirname(path)
                self._make_folder(folder)
                mode = layout.file_mode(self._disk.status_at(folder).st_mode)
                fd, mark = self._create_file(path, mode)
                unsynced, self._unsynced = [folder, *self._unsynced], []
            return FileAppender(self, path, (fd, mark), lock, unsynced)
        except BaseException:
            lock.release()
            raise

    def resume(self, thread: ThreadSummary, *, force: bool = False) -> tuple[FileAppender, Tail]:
        """Become the only writer of a stored thread; changes nothing yet.

        *force* goes on though a program that takes no lock may be writing.  Raises InUse,
        Archived, NotResumable, Unreadable, OSError.
        """
        _check_platform()
        thread_id = thread.id
        if thread_id is None:
            raise NotResumable(f"the rollout {thread.path} names no thread")
        if thread.archived:
            raise Archived(f"thread {thread_id} is archived; unarchive it first")
        lock = self._lock(self._home, thread_id)
        fd = None
        try:
            path = self._unpacked(thread.path)
            fd = self._disk.open(path)
            if not force:
                self._wait_until_still(path, fd)
            tail = read_tail(path)
            return FileAppender(self, path, (fd, mark_of(self._disk.status(fd))), lock, ()), tail
        except BaseException:
            if fd is not None:
                self._disk.close(fd)
            lock.release()
            raise

    @property
    def disk(self) -> Disk:
        """The calls that appenders make."""
        return self._disk

    def _unpacked(self, path: str) -> str:
        from threadlog.local.unpack import unpack

        if not path.endswith(layout.COMPRESSED_SUFFIX):
            return path
        return unpack(self._disk, path)

    def _wait_until_still(self, path: str, fd: int) -> None:
        """Return once nobody else can be writing; raises InUse if somebody is."""
        begun = self._disk.status(fd)
        if marks.is_ours(path, begun):
            return
        deadline = time.monotonic() + STILL_S
        while time.time() - begun.st_mtime < STILL_S and time.monotonic() < deadline:
            time.sleep(_STILL_POLL_S)
            now = self._disk.status(fd)
            if (now.st_size, now.st_mtime_ns) != (begun.st_size, begun.st_mtime_ns):
                raise InUse(
                    f"{path} may be in use: it grew a moment ago, and a Codex older than 0.169 "
                    f"takes no lock; close that, or force it if you know better"
                )

    def _alone(self) -> threading.Lock:
        """The lock under which folders and files are made; a forked child has one of its own."""
        if self._pid != os.getpid():  # nobody here would let go of the parent's
            self._making, self._pid = threading.Lock(), os.getpid()
        return self._making

    def _make_folder(self, path: str) -> None:
        """Make a folder and those above it as needed, whatever the umask; can be called again."""
        if os.path.isdir(path) and path not in self._unfinished:
            return
        parent = os.path.dirname(path)
        self._make_folder(parent)
        mode = layout.folder_mode(os.stat(parent).st_mode)
        try:
            self._disk.make_folder(path, mode)
        except FileExistsError:
            if path not in self._unfinished:
                return
        self._unfinished.add(path)
        self._disk.change_folder_mode(path, mode)
        self._unfinished.discard(path)
        self._unsynced.append(parent)

    def _create_file(self, path: str, mode: int) -> tuple[int, Mark]:
        if path in self._unfinished:
            with contextlib.suppress(FileNotFoundError):
                self._disk.unlink(path)
        fd = self._disk.create(path, mode)
        self._unfinished.add(path)
        try:
            self._disk.change_mode(fd, mode)
            mark = mark_of(self._disk.status(fd))
        except BaseException:
            # Ours, new and empty: in the way of the next attempt if it stayed.
            with contextlib.suppress(OSError):
                self._disk.close(fd)
            with contextlib.suppress(OSError):
                self._disk.unlink(path)
            raise
        self._unfinished.discard(path)
        return fd, mark


class FileAppender:
    """A rollout that we are the writer of; a method that raised OSError can be called again.

    Between batches it may `rest`: then it holds the thread's lock and no descriptor of the file.
    """

    __slots__ = (
        *("_ended", "_fd", "_journal", "_lock", "_mark"),
        *("_path", "_poisoned", "_torn", "_unsynced", "_unsynced_folders", "unsynced_bytes"),
    )

    def __init__(
        self,
        journal: FileJournal,
        path: str,
        opened: tuple[int, Mark],
        lock: WriterLock,
        unsynced_folders: Sequence[str],
    ) -> None:
        self._journal = journal
        self._path = path
        self._fd: int | None = opened[0]
        self._mark = opened[1]
        self._lock = lock
        self._unsynced_folders = list(unsynced_folders)
        # What was written since the last sync, and where; after a sync that failed the system may
        # have forgotten it and tell nobody, so it has to be written again.
        self._unsynced: list[tuple[int, bytes]] = []
        self.unsynced_bytes = 0
        self._poisoned = False
        # A write of ours that did not come to its end: where it began, and what it was to write.
        self._torn: tuple[int, bytes] | None = None
        # The size at which the file is known to end with a whole line.
        self._ended = 0

    @property
    def path(self) -> str:
        """The rollout written to."""
        return self._path

    def append(self, data: bytes) -> None:
        """Add whole lines, all of them or none."""
        disk = self._journal.disk
        fd, begin = self._open()
        if self._torn is not None:
            self._take_back(fd)
            begin = disk.status(fd).st_size
        # A torn line that somebody left is not glued to ours.
        if begin != self._ended and disk.read_at(fd, 1, begin - 1) != b"\n":
            data = b"\n" + data
        self._torn = (begin, data)
        left = memoryview(data)
        try:
            while left:
                count = disk.write(fd, left)
                if count <= 0:
                    raise OSError(errno.EIO, "nothing was written")
                left = left[count:]
            size = begin + len(data)
            with contextlib.suppress(OSError):  # it is written, whatever this says
                size = disk.position(fd)
            self._mark = self._mark._replace(size=size)
            self._ended = size
            self._unsynced.append((size - len(data), data))
            self.unsynced_bytes += len(data)
            self._torn = None
        except BaseException:
            with contextlib.suppress(OSError):
                self._take_back(fd)
            raise

    def sync(self) -> None:
        """Return once all appended lines, and the file's entry, are on stable storage.

        A descriptor whose sync failed is never synced again: it would say that all is well.
        """
        disk = self._journal.disk
        fd, _size = self._open()
        try:
            disk.sync_data(fd)
        except BaseException:
            self._poisoned = True
            self._drop()
            raise
        self._unsynced.clear()
        self.unsynced_bytes = 0
        while self._unsynced_folders:
            folder = disk.open_folder(self._unsynced_folders[0])
            try:
                disk.sync(folder)
            finally:
                disk.close(folder)
            del self._unsynced_folders[0]

    def rest(self) -> None:
        """Let go of the file, not of the thread; the next append opens it again."""
        if self._torn is None:
            self._drop()

    def close(self) -> None:
        """Let go of the file, then of the thread's lock; what was synced is safe either way."""
        self._drop()
        marks.remember(self._path, self._mark)
        self._lock.release()

    def disown(self) -> None:
        """In a forked child: let go of the copies of our descriptors, and of nothing else."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._lock.release()

    def _open(self) -> tuple[int, int]:
        """The file's descriptor and size; raises OSError (ESTALE) if it is not what we left."""
        disk = self._journal.disk
        if self._fd is None:
            try:
                self._fd = disk.open(self._path)
            except FileNotFoundError:
                raise OSError(errno.ESTALE, _GONE, self._path) from None
        fd = self._fd
        try:
            found = mark_of(disk.status(fd))
            if (changed := self._changed(found)) is not None:
                raise OSError(errno.ESTALE, changed, self._path)
            if self._poisoned:
                self._write_again()
        except BaseException:
            self._drop()
            raise
        return fd, found.size

    def _changed(self, found: Mark) -> str | None:
        """What others did to the file, or to its place, since we wrote; None if nothing.

        Nothing that is in it then is ours to change: it is kept as it is, and so is what waits.
        """
        if found[:2] != self._mark[:2]:
            return "another file has taken its place"
        if found.size < self._mark.size:
            return "somebody has cut it"
        try:
            there = self._journal.disk.status_at(self._path)
        except FileNotFoundError:
            return _GONE
        if (there.st_dev, there.st_ino) != found[:2]:
            return "another file has taken its place"
        return None

    def _drop(self) -> None:
        """Let go of the descriptor, whatever that says."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                self._journal.disk.close(fd)

    def _write_again(self) -> None:
        """Write anew, in its place, all that the failed sync was to bring to stable storage."""
        disk = self._journal.disk
        fd = disk.open_to_mend(self._path)
        try:
            if mark_of(disk.status(fd))[:2] != self._mark[:2]:
                raise OSError(errno.ESTALE, "it was replaced by somebody else", self._path)
            for begin, data in self._unsynced:
                if not _is_ours(disk.read_at(fd, len(data), begin), data):
                    raise OSError(errno.ESTALE, "others wrote where we had written", self._path)
                left = memoryview(data)
                while left:
                    count = disk.write_at(fd, left, begin + len(data) - len(left))
                    if count <= 0:
                        raise OSError(errno.EIO, "nothing was written")
                    left = left[count:]
        finally:
            with contextlib.suppress(OSError):
                disk.close(fd)
        self._poisoned = False

    def _take_back(self, fd: int) -> None:
        """Cut off what a failed write of ours left, unless somebody wrote after it."""
        if self._torn is None:
            return
        disk = self._journal.disk
        begin, data = self._torn
        size = disk.status(fd).st_size - begin
        if 0 < size <= len(data) and disk.read_at(fd, size, begin) == data[:size]:
            disk.truncate(fd, begin)
        self._torn = None


def _is_ours(found: bytes, data: bytes) -> bool:
    """True if what is found is what was written, or what a lost write leaves of it: nothing."""
    return found == data or (
        len(found) == len(data)
        and all(one == other or not one for one, other in zip(found, data, strict=True))
    )


def _check_platform() -> None:
    if os.name == "nt":
        raise UnsupportedPlatform("threadlog reads rollouts on Windows but does not write them")
