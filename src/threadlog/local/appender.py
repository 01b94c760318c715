"""Appending to a rollout that is ours to write: the only code that adds to one.

A batch is one write.  A write that fails part-way is taken back to the last good offset, by the
process that made it and under the thread's lock; nothing else is ever cut.  What a failed sync
may have lost is written again, byte for byte in its place.  A file that is no longer the one we
wrote is not written to, and what is only ours to reach is kept.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from typing import Protocol

from threadlog.core.layout import OWN_FOLDER, RESCUED
from threadlog.errors import NotResumable, OthersWrote, Unreadable
from threadlog.local import marks, rescue
from threadlog.local.disk import Disk
from threadlog.local.marks import Mark, mark_of
from threadlog.local.tail import read_tail

_REPLACED = "another file has taken its place"
_CUT = "somebody has cut it"
_PUT_BACK = "put it back to go on"


class WriterLock(Protocol):
    """That we are a thread's only writer, until released."""

    def check(self) -> None:
        """See that it is ours still, and take it again if it was lost; raises InUse, OSError."""

    def release(self) -> None:
        """Let others write; in a forked child, let go of the copy."""


class FileAppender:
    """A rollout that we are the writer of; a method that raised OSError can be called again.

    Between batches it may `rest`: then it holds the thread's lock and no descriptor of the file.
    While it holds one, what others delete can be kept.
    """

    __slots__ = (
        *("_disk", "_ended", "_fd", "_home", "_lock", "_lost", "_mark", "_notice", "_path"),
        *("_poisoned", "_refused", "_rescued", "_torn", "_unsynced", "_unsynced_folders"),
        "unsynced_bytes",
    )

    def __init__(
        self,
        place: tuple[Disk, str, str],
        opened: tuple[int, Mark],
        lock: WriterLock,
        unsynced_folders: Sequence[str],
    ) -> None:
        """*place*: what makes the calls, the home, and the rollout's path."""
        self._disk, self._home, self._path = place
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
        self._notice: OthersWrote | None = None
        # The descriptor's file has lost its name; where its bytes are kept; what was found in its
        # place and is not the same.
        self._lost = False
        self._rescued: str | None = None
        self._refused: tuple[int, ...] | None = None

    @property
    def path(self) -> str:
        """The rollout written to."""
        return self._path

    @property
    def resting(self) -> bool:
        """True while it holds no descriptor of the file."""
        return self._fd is None

    def look(self) -> None:
        """See that lock, file and place are still ours to append to; raises InUse, OSError.

        An OSError whose errno is ESTALE may be got over by `recover`.
        """
        fd, found = self._open()
        self._check_place(fd, found)
        if self._torn is not None:
            self._take_back(fd)
            found = self._disk.status(fd)
        self._check_size(found)
        self._lock.check()
        if self._poisoned:
            self._write_again()

    def append(self, data: bytes) -> None:
        """Add whole lines, all of them or none; `look` comes first."""
        disk = self._disk
        fd, found = self._open()
        begin, there = self._mark.size, 0
        if self._torn is not None:  # it could not be taken back
            data, there = self._rest_of(data), found.st_size - begin
        # A torn line that somebody left is not glued to ours.
        elif begin != self._ended and disk.read_at(fd, 1, begin - 1) != b"\n":
            data = b"\n" + data
        self._torn = (begin, data)
        left = memoryview(data)[there:]
        try:
            while left:
                count = disk.write(fd, left)
                if count <= 0:
                    raise OSError(errno.EIO, "nothing was written")
                left = left[count:]
            size = begin + len(data)
            with contextlib.suppress(OSError):  # it is written, whatever this says
                size = disk.position(fd)
            self._unsynced.append((size - len(data), data))
            self.unsynced_bytes += len(data)
            self._torn = None
        except BaseException:
            with contextlib.suppress(OSError):
                self._take_back(fd)
            raise
        self._mark = self._mark._replace(size=size)
        self._ended = size
        if size - len(data) > begin:  # in between
            self._others_wrote(begin, size - len(data), None)

    def _rest_of(self, data: bytes) -> bytes:
        """All of a batch that was begun, to be gone on with where it stopped."""
        assert self._torn is not None
        whole = self._torn[1]
        if not whole.endswith(data):
            raise OSError(errno.EPERM, "an earlier batch cannot be taken back", self._path)
        return whole

    def sync(self) -> None:
        """Return once all appended lines, and the file's entry, are on stable storage.

        A descriptor whose sync failed is never synced again: it would say that all is well.
        """
        disk = self._disk
        fd, found = self._open()
        if self._poisoned or not found.st_nlink:  # one that was moved has what was written
            self._check_place(fd, found)
        with contextlib.suppress(NotResumable, Unreadable):  # which the next batch is told
            self._check_size(found)
        if self._poisoned:
            self._write_again()
        try:
            disk.sync_data(fd)
        except BaseException:
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

    def take_notice(self) -> OthersWrote | None:
        """That others wrote to it since this was last asked; then lines are numbered anew."""
        notice, self._notice = self._notice, None
        return notice

    def recover(self, error: OSError) -> OSError | None:
        """Get over ESTALE: go on with a file that is the same; else keep what we can still reach.

        Returns what there is to be said; None if it can be gone on with.
        """
        if error.errno != errno.ESTALE or self._fd is None or not self._lost:
            return error
        said = error.strerror or ""
        try:
            if self._attach_again(self._fd):
                return None
            if self._rescued is None and not self._disk.status(self._fd).st_nlink:
                folder = os.path.join(self._home, OWN_FOLDER, RESCUED)
                name = os.path.basename(self._path)
                self._rescued = rescue.keep(self._disk, self._fd, folder, name)
            if self._rescued is not None:
                said = f"{said}; what was in it is kept in {self._rescued}"
        except OSError as failed:
            reason = failed.strerror or type(failed).__name__
            said = f"{said}; what was in it is not kept elsewhere yet: {reason}"
        return OSError(errno.ESTALE, f"{said}; {_PUT_BACK}", self._path)

    def rest(self) -> None:
        """Let go of the file, not of the thread; the next append opens it again."""
        if self._torn is None and not self._lost and self._is_linked():
            self._drop()

    def check_before_closing(self) -> None:
        """Raise OSError (ESTALE) once if the file was deleted, and with us goes what is in it."""
        if self._fd is None or self._rescued is not None:
            return
        found = self._disk.status(self._fd)
        if not found.st_nlink:
            self._check_place(self._fd, found)

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

    def _open(self) -> tuple[int, os.stat_result]:
        """The file's descriptor and what it is; raises OSError (ESTALE) if it is another one."""
        disk = self._disk
        if self._fd is not None:
            return self._fd, disk.status(self._fd)
        try:
            self._fd = disk.open(self._path)
        except (FileNotFoundError, NotADirectoryError):
            reason = self._homeless() or f"somebody has moved or deleted it; {_PUT_BACK}"
            raise self._stale(reason) from None
        try:
            found = disk.status(self._fd)
            if mark_of(found)[:2] != self._mark[:2]:
                raise self._stale(f"{_REPLACED}; {_PUT_BACK}")
        except BaseException:
            self._drop()
            raise
        return self._fd, found

    def _is_linked(self) -> bool:
        """False if the descriptor may be the only way to what is in the file."""
        try:
            return self._fd is None or self._disk.status(self._fd).st_nlink > 0
        except OSError:
            return False

    def _check_place(self, fd: int, found: os.stat_result) -> None:
        """Raise OSError (ESTALE) unless the path leads to the descriptor's file."""
        disk = self._disk
        there: os.stat_result | None = None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            there = disk.status_at(self._path)
        self._lost = there is None or mark_of(found)[:2] != (there.st_dev, there.st_ino)
        if not self._lost:
            return
        if there is not None:
            raise self._stale(_REPLACED)
        if homeless := self._homeless():
            raise self._stale(homeless)
        if not found.st_nlink:
            raise self._stale("somebody has deleted it")
        name = disk.name_of(fd)
        raise self._stale(f"somebody has moved it to {name}" if name else "somebody has moved it")

    def _check_size(self, found: os.stat_result) -> None:
        """Nothing of what we left may be missing; what others added is noticed.

        Raises OSError (ESTALE); NotResumable if numbered lines must not follow what they added.
        """
        begin, end = self._mark.size, found.st_size
        if end < begin:
            raise self._stale(f"{_CUT}; discard it, and resume the thread as it is now")
        if end > begin and self._torn is None:
            self._others_wrote(begin, end, read_tail(self._path).next_ordinal)
            self._mark = self._mark._replace(size=end)

    def _others_wrote(self, begin: int, end: int, next_ordinal: int | None) -> None:
        length = end - begin
        if self._notice is not None:  # the first, and how much it is in all
            begin, length = self._notice.offset, self._notice.length + length
        self._notice = OthersWrote(self._path, begin, length, next_ordinal)

    def _homeless(self) -> str | None:
        """What is said if all of the home is gone; it is not made again."""
        if os.path.isdir(self._home):
            return None
        return f"its home, {self._home}, has been moved or deleted; {_PUT_BACK}"

    def _stale(self, reason: str) -> OSError:
        return OSError(errno.ESTALE, reason, self._path)

    def _attach_again(self, fd: int) -> bool:
        """Take a file at our path for ours if it begins with all that ours holds."""
        disk = self._disk
        try:
            other = disk.open(self._path)
        except OSError:
            return False
        try:
            status = disk.status(other)
            seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if not stat.S_ISREG(status.st_mode) or seen == self._refused:
                return False
            # What was on stable storage has to be so there, and is compared as it is there.
            disk.sync_data(other)
            disk.forget(other)
            if not rescue.same_bytes(disk, fd, other, self._mark.size):
                self._refused = seen
                return False
            self._fd, other = other, fd
        finally:
            disk.close(other)
        self._mark = Mark(*seen[:2], self._mark.size)
        self._unsynced_folders.append(os.path.dirname(self._path))
        self._lost, self._rescued = False, None
        return True

    def _drop(self) -> None:
        """Let go of the descriptor, whatever that says.

        What was not synced is doubtful then: should it fail to be written back meanwhile, another
        program's sync may be the one that is told.
        """
        fd, self._fd = self._fd, None
        self._lost = False
        self._poisoned |= bool(self._unsynced)
        if fd is not None:
            with contextlib.suppress(OSError):
                self._disk.close(fd)

    def _write_again(self) -> None:
        """Write anew, in its place, all that a failed sync was to bring to stable storage.

        Out of the system's memory first: what could not be written back counts as clean there, and
        ext4 would keep the place of the same bytes as one that was never written.
        """
        disk = self._disk
        fd = disk.open_to_mend(self._path)
        try:
            disk.forget(fd)
            if mark_of(disk.status(fd))[:2] != self._mark[:2]:
                raise self._stale(_REPLACED)
            for begin, data in self._unsynced:
                if not _is_ours(disk.read_at(fd, len(data), begin), data):
                    raise self._stale("others wrote where we had written")
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
        disk = self._disk
        begin, data = self._torn
        size = disk.status(fd).st_size - begin
        if 0 < size <= len(data) and disk.read_at(fd, size, begin) == data[:size]:
            try:
                disk.truncate(fd, begin)
            except PermissionError:
                return  # a file that can only be appended to: then the same batch goes on there
        self._torn = None


def _is_ours(found: bytes, data: bytes) -> bool:
    """True if what is found is what was written, or what a lost write leaves of it: nothing."""
    return found == data or (
        len(found) == len(data)
        and all(one == other or not one for one, other in zip(found, data, strict=True))
    )
