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

from threadlog.errors import InUse, NotResumable, OthersWrote, Unreadable
from threadlog.local import marks
from threadlog.local.entries import Place
from threadlog.local.locks import WriterLock
from threadlog.local.marks import Mark, mark_of
from threadlog.local.rescue import Rescue
from threadlog.local.tail import number_after, read_tail
from threadlog.local.unsynced import Unsynced

_REPLACED = "another file has taken its place"
_CUT = "somebody has cut it"
_PUT_BACK = "put it back to go on"
# So many bytes before our end tell that the file is still ours; so many are searched for a number.
_END_BYTES = 40
_TAIL_BYTES = 1 << 20


class FileAppender:
    """A rollout that we are the writer of; a method that raised OSError can be called again.

    Between batches it may `rest`: then it holds the lock and no descriptor of the file.
    """

    __slots__ = (
        *("_disk", "_end", "_ended", "_entries", "_fd", "_home", "_lock", "_lost", "_mark"),
        *("_unnamed", "_notice", "_path", "_rescue", "_standing", "_stands", "_torn"),
        *("_unnumbered", "_unsynced"),
    )

    def __init__(self, place: Place, opened: tuple[int, Mark], lock: WriterLock) -> None:
        """A rollout that was just opened, and whose lock we have; raises OSError."""
        self._disk, self._home, self._path, self._entries = place
        self._fd: int | None = opened[0]
        self._mark = opened[1]
        self._lock = lock
        self._unnamed = True  # its name has to be brought to stable storage
        self._unsynced = Unsynced()
        # A write of ours that did not come to its end: where it began, and what it was to write;
        # and whole lines of one which stand there before what others wrote.
        self._torn: tuple[int, bytes] | None = None
        self._stands = 0  # so much of it is there, and cannot be taken back
        self._standing = b""
        self._unnumbered = False  # others wrote lines without numbers where lines have some
        # The size at which the file is known to end with a whole line, and its last bytes.
        self._ended = 0
        self._end = self._read_end(opened[0], self._mark.size)
        self._notice: OthersWrote | None = None
        self._lost = False  # the descriptor's file has lost its name
        self._rescue: Rescue | None = None

    @property
    def unsynced_bytes(self) -> int:
        """How much was appended since the last sync; it is kept until then."""
        return self._unsynced.byte_count

    @property
    def path(self) -> str:
        """The rollout written to."""
        return self._path

    @property
    def resting(self) -> bool:
        """True while it holds no descriptor of the file."""
        return self._fd is None

    def look(self) -> None:
        """See that lock, file and place are ours still; raises InUse, OSError (see `recover`)."""
        fd, found = self._open()
        self._check_place(fd, found)
        self._lock.check()  # before anything is cut, or numbered
        if self._torn is not None:
            self._take_back(fd)
        self._check_end(fd)
        self._check_size(fd, self._disk.status(fd))
        if self._unnumbered:
            read_tail(self._path)  # raises NotResumable unless it was mended
            self._unnumbered = False
        if self._unsynced.doubtful:
            self._unsynced.write_again(self._disk, self._path, self._mark)

    @property
    def begun(self) -> bool:
        """True if lines of the batch under way are there already: it keeps its numbers."""
        return bool(self._standing)

    def append(self, data: bytes) -> None:
        """Add whole lines, all of them or none; `look` comes first."""
        disk = self._disk
        fd = self._open()[0]
        begin, there = self._mark.size, self._stands
        data = data.removeprefix(self._standing)
        if self._torn is not None:  # it could not be taken back
            data = self._rest_of(data)
        # A torn line that somebody left is not glued to ours.
        elif data and begin != self._ended and disk.read_at(fd, 1, begin - 1) != b"\n":
            data = b"\n" + data
        self._torn = (begin, data)
        try:
            end = self._write(fd, data, there)
        except BaseException:
            with contextlib.suppress(OSError, InUse):
                self._take_back(fd)
            raise
        self._torn, self._stands, self._standing = None, 0, b""
        start, last = end - len(data) + there, data
        if start == begin + there:
            self._unsynced.add(begin, data)
        else:  # others wrote in between
            self._unsynced.add(begin, data[:there])
            self._unsynced.add(start, data[there:])
            self._others_wrote(begin + there, start, self._number_after(fd, start))
            if line := self._glued(fd, data, there, start):
                end, last, self._torn = self._write(fd, line, 0), line, None
                self._unsynced.add(end - len(line), line)
        self._mark = self._mark._replace(size=end)
        self._ended, self._end = end, last[-_END_BYTES:] or self._end

    def _write(self, fd: int, data: bytes, there: int) -> int:
        """Append what is not there yet of a batch; returns where that ended."""
        disk, begin = self._disk, self._mark.size
        end, left = begin + there, memoryview(data)[there:]
        while left:
            count = disk.write(fd, left)
            if count <= 0:
                raise OSError(errno.EIO, "nothing was written")
            left, end = left[count:], end + count
            with contextlib.suppress(OSError):  # it is written, whatever this says
                end = disk.position(fd)
            if left:
                if not there:
                    self._torn = (end - len(data) + len(left), data)
                if disk.status(fd).st_size != end:  # a line would be in two pieces
                    raise OSError(errno.EAGAIN, "others wrote there at the same time")
        return end

    def _glued(self, fd: int, data: bytes, there: int, start: int) -> bytes:
        """The line of ours that was glued to what others wrote before it, to be written again."""
        if not there and self._disk.read_at(fd, 1, start - 1) == b"\n":
            return b""
        return data[data.rfind(b"\n", 0, there) + 1 : data.find(b"\n", there) + 1]

    def _rest_of(self, data: bytes) -> bytes:
        """All of a batch that was begun, to be gone on with where it stopped."""
        assert self._torn is not None
        whole = self._torn[1]
        if not whole.endswith(data):
            raise OSError(errno.EPERM, "an earlier batch cannot be taken back", self._path)
        return whole

    def sync(self) -> None:
        """Return once all appended lines, and the file's name, are on stable storage.

        A descriptor whose sync failed is never synced again: it would say that all is well.
        """
        disk = self._disk
        fd, found = self._open()
        try:
            self._check_place(fd, found)
        except OSError:
            moved = found.st_nlink and not os.path.lexists(self._path)
            if self._unsynced.doubtful or self._unnamed or not moved:
                raise  # what was moved is synced where it is, if its name once was
        self._check_size(fd, found)
        if self._unsynced.doubtful:
            self._lock.check()
            self._unsynced.write_again(disk, self._path, self._mark)
        try:
            disk.sync_data(fd)
        except BaseException:
            self._drop()
            raise
        self._unsynced.clear()
        if not self._lost:
            if self._unnamed:
                self._entries.sync(self._path)
            self._unnamed = False

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
        self._rescue = self._rescue or Rescue(self._disk, self._home, self._path)
        try:
            other = self._rescue.same_file(self._fd, self._mark.size)
            if other is not None:
                self._go_on_with(other)
                return None
            if (kept := self._rescue.keep(self._fd)) is not None:
                said = f"{said}; what was in it is kept in {kept}"
        except OSError as failed:
            reason = failed.strerror or type(failed).__name__
            said = f"{said}; what was in it is not kept elsewhere yet: {reason}"
        return OSError(errno.ESTALE, f"{said}; {_PUT_BACK}", self._path)

    def _go_on_with(self, fd: int) -> None:
        """Another file has all that ours held, on stable storage, but for its name."""
        self._drop()
        self._fd = fd
        found = self._disk.status(fd)
        self._mark = Mark(found.st_dev, found.st_ino, self._mark.size)
        self._unsynced.clear()
        self._unnamed, self._rescue = True, None

    def rest(self) -> None:
        """Let go of the file, not of the thread; the next append opens it again."""
        if self._torn is None and not self._lost and self._is_there():
            self._drop()

    def check_before_closing(self) -> None:
        """Raise OSError (ESTALE) once if the file was deleted, and with us goes what is in it.

        What others wrote since the last look is noticed.
        """
        if self._rescue is not None and self._rescue.kept is not None:
            return
        if self._fd is not None and not (found := self._disk.status(self._fd)).st_nlink:
            self._check_place(self._fd, found)
        with contextlib.suppress(OSError):
            found = self._disk.status_at(self._path)
            if mark_of(found)[:2] == self._mark[:2] and found.st_size > self._mark.size:
                self._check_size(*self._open())

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
            reason = self._homeless() or "somebody has moved or deleted it"
            raise self._stale(f"{reason}; {_PUT_BACK}") from None
        try:
            found = disk.status(self._fd)
            if mark_of(found)[:2] != self._mark[:2]:
                raise self._stale(f"{_REPLACED}; {_PUT_BACK}")
            self._check_end(self._fd)
        except BaseException:
            self._drop()
            raise
        return self._fd, found

    def _is_there(self) -> bool:
        """True if the path leads to the descriptor's file, whatever the descriptor says."""
        try:
            return mark_of(self._disk.status_at(self._path))[:2] == self._mark[:2]
        except OSError:
            return self._fd is None

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

    def _check_size(self, fd: int, found: os.stat_result) -> None:
        """Nothing of what we left may be missing; what others added is noticed.

        Raises OSError (ESTALE).
        """
        begin, end = self._mark.size, found.st_size
        if end < begin:
            raise self._stale(f"{_CUT}; discard it, and resume the thread as it is now")
        if end > begin and self._torn is None:
            self._check_end(fd)
            number = None
            try:
                number = read_tail(self._path).next_ordinal
            except (NotResumable, Unreadable):
                self._unnumbered = True  # which the next batch is told
            self._end = self._read_end(fd, end)
            self._others_wrote(begin, end, number)
            self._mark = self._mark._replace(size=end)

    def _read_end(self, fd: int, size: int) -> bytes:
        """The last bytes of what is ours, or was found there."""
        count = min(size, _END_BYTES)
        return self._disk.read_at(fd, count, size - count) if count else b""

    def _check_end(self, fd: int) -> None:
        """What we left must still end as it did: it may be another file of the same inode."""
        if self._unsynced.doubtful:
            return  # it may be lost, and is compared when it is written again
        end = self._disk.read_at(fd, len(self._end), self._mark.size - len(self._end))
        if end != self._end[: len(end)]:  # what was cut is noticed elsewhere
            raise self._stale("somebody has written it anew; discard it, and resume it as it is")

    def _number_after(self, fd: int, end: int) -> int | None:
        """The number after the last line that others wrote before *end*; None if it has none."""
        begin = max(end - _TAIL_BYTES, 0)
        return number_after(self._disk.read_at(fd, end - begin, begin))

    def _others_wrote(self, begin: int, end: int, next_ordinal: int | None) -> None:
        notice = OthersWrote(self._path, begin, end - begin, next_ordinal)
        self._notice = notice if self._notice is None else self._notice.and_then(notice)

    def _homeless(self) -> str | None:
        """What is said if all of the home is gone; it is not made again."""
        if os.path.isdir(self._home):
            return None
        return f"its home, {self._home}, has been moved or deleted"

    def _stale(self, reason: str) -> OSError:
        return OSError(errno.ESTALE, reason, self._path)

    def _drop(self) -> None:
        """Let go of the descriptor, whatever that says.

        What was not synced is doubtful then: should it fail to be written back meanwhile, another
        program's sync may be the one that is told.
        """
        fd, self._fd = self._fd, None
        self._lost = False
        self._unsynced.doubt()
        if fd is not None:
            with contextlib.suppress(OSError):
                self._disk.close(fd)

    def _take_back(self, fd: int) -> None:
        """Cut off what a failed write of ours left, unless somebody wrote after it."""
        if self._torn is None:
            return
        disk = self._disk
        begin, data = self._torn
        size = disk.status(fd).st_size - begin
        stands = disk.read_at(fd, len(data), begin) if size > 0 else b""
        if 0 < size <= len(data) and stands == data[:size]:
            self._lock.check()  # who took over may have what stands there acknowledged
            try:
                disk.truncate(fd, begin)
            except PermissionError:
                self._stands = size  # it can only be appended to: then the same batch goes on
                return
        else:
            self._keep_standing(begin, data, stands)
        self._torn, self._stands = None, 0

    def _keep_standing(self, begin: int, data: bytes, stands: bytes) -> None:
        """Whole lines of a batch that others wrote after are there; they are not repeated."""
        size = 0
        while (end := data.find(b"\n", size) + 1) and stands[size:end] == data[size:end]:
            size = end
        if size:
            self._unsynced.add(begin, data[:size])
        self._standing += data[:size].lstrip(b"\n")
