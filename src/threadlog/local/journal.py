"""Making a rollout, and becoming the writer of one that is there."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time

from threadlog.core import layout
from threadlog.core.items.session import GitInfo
from threadlog.core.lineage import Copied
from threadlog.core.query import ThreadSummary
from threadlog.errors import Archived, InUse, NotResumable, UnsupportedPlatform
from threadlog.local import marks
from threadlog.local.appender import FileAppender
from threadlog.local.copying import write_copy
from threadlog.local.disk import Disk
from threadlog.local.entries import Entries, Place
from threadlog.local.git import read_git_info
from threadlog.local.locks import TakeLock, WriterLock
from threadlog.local.marks import Mark, mark_of
from threadlog.local.tail import Tail, read_tail

# A Codex older than 0.169 takes no lock: a rollout that stood still for so long is not its own.
STILL_S = 2.0
_STILL_POLL_S = 0.05


class FileJournal:
    """Where rollouts of a home are made and gone on with."""

    def __init__(self, home: str, lock: TakeLock, disk: Disk | None = None) -> None:
        self._home = home
        self._lock = lock
        self._disk = disk or Disk()
        # What an attempt that failed half-way leaves for the next one to finish.
        self._unfinished: set[str] = set()
        self._entries = Entries(home, self._disk)
        self._making, self._pid = threading.Lock(), os.getpid()

    def plan(self, stamp: str, thread_id: str, rollout_id: str | None = None) -> str:
        """The absolute path that a new rollout will have; touches nothing."""
        folder = os.path.join(self._home, *layout.day_folder(stamp).split("/"))
        return os.path.join(folder, layout.rollout_name(stamp, thread_id, rollout_id))

    def git_info(self, cwd: str) -> GitInfo | None:
        """The repository that *cwd* lies in, asked of git (Codex: when the rollout is made)."""
        return read_git_info(cwd)

    def create(self, path: str, thread_id: str, copied: Copied | None = None) -> FileAppender:
        """Make the planned rollout and become its only writer; raises InUse, OSError.

        With *copied* it appears whole or not at all; raises NotResumable, Unreadable then, too.
        """
        _check_platform()
        with self._alone():
            self._make_folder(self._home)
        lock = self._lock(self._home, thread_id)
        try:
            with self._alone():
                folder = os.path.dirname(path)
                self._check_links(folder)
                self._make_folder(folder)
                mode = layout.file_mode(self._disk.status_at(folder).st_mode)
                opened = None if copied else self._create_file(path, mode)
            if copied is not None:
                opened = self._create_copy(path, mode, copied)
            assert opened is not None
            return self._appender(path, opened, lock)
        except BaseException:
            lock.release()
            raise

    def resume(
        self, thread: ThreadSummary, *, force: bool = False, take_over: bool = False
    ) -> tuple[FileAppender, Tail]:
        """Become the only writer of a stored thread; changes nothing yet.

        *force* goes on though a program that takes no lock may be writing, *take_over* though
        another process of threadlog is.  Raises InUse, Archived, NotResumable, Unreadable, OSError.
        """
        _check_platform()
        thread_id = thread.id
        if thread_id is None:
            raise NotResumable(f"the rollout {thread.path} names no thread")
        if thread.archived:
            raise Archived(f"thread {thread_id} is archived; unarchive it first")
        lock = self._lock(self._home, thread_id, take_over=take_over)
        fd = None
        try:
            path = self._unpacked(thread.path)
            fd = self._disk.open(path)
            status = self._disk.status(fd)
            if status.st_nlink > 1 and self._left_over(path, status):
                status = self._disk.status(fd)
            if status.st_nlink > 1 and not force:
                raise NotResumable(
                    f"{path} has {status.st_nlink} names (hard links), and the others would change "
                    f"with it: put a copy in its place, or force it"
                )
            if not (force or lock.taken_over):
                self._wait_until_still(path, fd)
            # In this order: what comes to it from now on is seen to be of others.
            mark = mark_of(self._disk.status(fd))
            return self._appender(path, (fd, mark), lock), read_tail(path)
        except BaseException:
            if fd is not None:
                with contextlib.suppress(OSError):  # the lock goes in any case
                    self._disk.close(fd)
            lock.release()
            raise

    def _appender(self, path: str, opened: tuple[int, Mark], lock: WriterLock) -> FileAppender:
        return FileAppender(Place(self._disk, self._home, path, self._entries), opened, lock)

    def _unpacked(self, path: str) -> str:
        from threadlog.local.unpack import unpack

        if not path.endswith(layout.COMPRESSED_SUFFIX):
            return path
        return unpack(self._disk, path)

    def _left_over(self, path: str, status: os.stat_result) -> bool:
        """Remove names that an unpacking which was ended has left to the same file; True if any."""
        from threadlog.local.unpack import remove_left_names

        return remove_left_names(self._disk, path, status)

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

    def _check_links(self, folder: str) -> None:
        """Raise OSError if a folder below the sessions is a link.

        It may lead out of the home, and no listing would follow it.
        """
        own = os.path.join(self._home, layout.OWN_FOLDER)
        sessions = os.path.join(self._home, layout.SESSIONS, "")
        while folder.startswith((sessions, own)):
            if os.path.islink(folder):
                raise OSError(errno.ELOOP, "it is a symbolic link", folder)
            folder = os.path.dirname(folder)

    def ensure_folder(self, path: str) -> None:
        """See that a folder of the home is there; raises OSError, also if it is a link."""
        _check_platform()
        with self._alone():
            self._check_links(path)
            self._make_folder(path)

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
        self._entries.made_in(parent)

    def _create_copy(self, path: str, mode: int, copied: Copied) -> tuple[int, Mark]:
        """Make it under another name; it gets its own once all of it is on stable storage."""
        disk, temporary = self._disk, f"{path}.fork.tmp"
        with contextlib.suppress(FileNotFoundError):  # of an attempt that failed half-way
            disk.unlink(temporary)
        fd = disk.create(temporary, mode)
        try:
            disk.change_mode(fd, mode)
            write_copy(disk, self._home, fd, copied)
            disk.sync_data(fd)
            if os.path.lexists(path):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
            disk.move(temporary, path)
            return fd, mark_of(disk.status(fd))
        except BaseException:
            with contextlib.suppress(OSError):
                disk.close(fd)
            with contextlib.suppress(OSError):
                disk.unlink(temporary)
            raise

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


def _check_platform() -> None:
    if os.name == "nt":
        raise UnsupportedPlatform("threadlog reads rollouts on Windows but does not write them")
