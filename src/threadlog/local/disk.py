"""Every call to the operating system that writing a rollout makes: the seam at which it can fail.

One method for one call, and nothing else, so that a test can count the calls, fail each of them,
cut a write short, or end the process between two of them.  Nobody else in `local` calls these.
"""

from __future__ import annotations

import errno
import os
import signal

try:
    import fcntl
except ImportError:  # Windows, where nothing is written
    fcntl = None  # type: ignore[assignment]

# On macOS fsync leaves the bytes in the drive's own memory.
_FULL_SYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
_SET_LEASE: int | None = getattr(fcntl, "F_SETLEASE", None)
_SET_SIGNAL = getattr(fcntl, "F_SETSIG", 10)
_OPEN = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_OPEN |= os.O_APPEND | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hold us up
_MEND = _OPEN & ~os.O_APPEND
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)


class Disk:
    """The real one.  Every method raises OSError."""

    def create(self, path: str, mode: int) -> int:
        """Make a file that must not exist yet, open for appending and reading."""
        return os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, mode)

    def open(self, path: str) -> int:
        """Open an existing file for appending and reading; follows no symbolic link."""
        return os.open(path, _OPEN)

    def open_to_mend(self, path: str) -> int:
        """The same, to write again what stands there already."""
        return os.open(path, _MEND)

    def open_folder(self, path: str) -> int:
        """Open a folder, to sync it."""
        return os.open(path, _FOLDER)

    def write(self, fd: int, data: memoryview) -> int:
        """Append; returns how many bytes were taken."""
        return os.write(fd, data)

    def position(self, fd: int) -> int:
        """Where the last append ended, which is not where it was meant to if others append too."""
        return os.lseek(fd, 0, os.SEEK_CUR)

    def write_at(self, fd: int, data: memoryview, offset: int) -> int:
        """Write at *offset*; returns how many bytes were taken."""
        return os.pwrite(fd, data, offset)

    def read_at(self, fd: int, count: int, offset: int) -> bytes:
        """Up to *count* bytes at *offset*."""
        return os.pread(fd, count, offset)

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file to *size* bytes."""
        os.ftruncate(fd, size)

    def status(self, fd: int) -> os.stat_result:
        """What an open file is."""
        return os.fstat(fd)

    def status_at(self, path: str) -> os.stat_result:
        """What lies at a path; a symbolic link is itself."""
        return os.lstat(path)

    def forget(self, fd: int) -> None:
        """Have the system read a file anew from the disk, as far as it has written it back."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def is_open_to_write(self, fd: int) -> bool:
        """True if anybody has a file open for writing that we have open for reading only.

        Linux tells by granting a read lease or not; where no lease is to be had nobody tells.
        It is given back at once: who opens the file for writing waits for that, and we would get
        a signal, which is one that nobody dies of.
        """
        if _SET_LEASE is None:
            return False
        try:
            fcntl.fcntl(fd, _SET_SIGNAL, signal.SIGURG)
            fcntl.fcntl(fd, _SET_LEASE, fcntl.F_RDLCK)
            fcntl.fcntl(fd, _SET_LEASE, fcntl.F_UNLCK)
        except OSError as error:
            return error.errno == errno.EAGAIN
        return False

    def name_of(self, fd: int) -> str | None:
        """The path of an open file that others may have moved, where the system tells."""
        try:
            name = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            return None  # macOS
        return name if os.path.lexists(name) else None

    def change_mode(self, fd: int, mode: int) -> None:
        """Set the mode of an open file."""
        os.fchmod(fd, mode)

    def make_folder(self, path: str, mode: int) -> None:
        """Make one folder."""
        os.mkdir(path, mode)

    def change_folder_mode(self, path: str, mode: int) -> None:
        """Set the mode of a folder, whatever the umask was when it was made."""
        os.chmod(path, mode)

    def sync_data(self, fd: int) -> None:
        """Return once a file's bytes, and its length, are on stable storage."""
        if _FULL_SYNC is None:
            os.fdatasync(fd)
        else:
            fcntl.fcntl(fd, _FULL_SYNC)

    def sync(self, fd: int) -> None:
        """The same for all there is to a file or folder."""
        os.fsync(fd)

    def close(self, fd: int) -> None:
        """Let go of a descriptor."""
        os.close(fd)

    def unlink(self, path: str) -> None:
        """Remove a file's name."""
        os.unlink(path)

    def try_lock(self, fd: int) -> bool:
        """Lock an open file until it is closed; False if another process holds it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        os.rmdir(path)

    def link(self, path: str, name: str) -> None:
        """Give a file a second name, which must be free."""
        os.link(path, name)

    def move(self, path: str, name: str) -> None:
        """Give a file another name, in place of what has that name."""
        os.replace(path, name)

    def set_times(self, fd: int, times_ns: tuple[int, int]) -> None:
        """Set when a file was last read and changed, in nanoseconds."""
        os.utime(fd, ns=times_ns)
