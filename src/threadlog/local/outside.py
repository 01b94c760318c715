"""Files that are no part of a home: exports, written aside and then named; a table of rules."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from threadlog.core import layout
from threadlog.local.copying import write_all
from threadlog.local.disk import Disk
from threadlog.local.intents import is_alive

RULES_FILE = "redaction.toml"
_MODE = 0o600
_BLOCK_BYTES = 1 << 18
_HAS_LOCKS = os.name != "nt"
_PART = re.compile(r"\.([1-9][0-9]{0,9})-[0-9a-f]{8}\.part")
# So much of a name is left, for what is added to it.
_NAME_BYTES = 220
# What this process writes aside at the moment.
_WRITTEN: set[str] = set()


class Outside:
    """Reads and writes where a caller says."""

    def __init__(self, home: str, databases: str, disk: Disk) -> None:
        """*databases* is where a Codex keeps its own, if not in the home."""
        self._home = home
        self._databases = databases
        self._disk = disk

    def rules(self, path: str | None, limit_bytes: int) -> bytes | None:
        """A table of rules: at *path*, else the home's own, None if that is not there.

        Raises OSError; ValueError for one that is longer than *limit_bytes*.
        """
        where = path or os.path.join(self._home, layout.OWN_FOLDER, RULES_FILE)
        if path is None and not os.path.isfile(where):
            return None
        with open(where, "rb") as file:
            data = file.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise ValueError(f"{where} has more than {limit_bytes >> 20} MiB: that is no table")
        return data

    @contextmanager
    def written_aside(self, path: str) -> Iterator[Callable[[bytes], object]]:
        """What appends to a new file, which has *path* once all of it is there.

        Only its owner may read it.  If writing ends early nothing is left, and what had the path
        before stays.  A symbolic link is followed; a FIFO or a device is written into as it is.
        Raises OSError; ValueError for a path in the home, or where its databases are.
        """
        path = os.path.abspath(os.path.expanduser(path))
        there = _status(path)
        if there is not None and stat.S_ISDIR(there.st_mode):
            raise IsADirectoryError(21, "it is a folder: name a file", path)
        if there is not None and not stat.S_ISREG(there.st_mode):
            with open(path, "wb") as file:
                yield file.write
            return
        target = os.path.realpath(path)
        self._refuse_ours(target)
        with self._aside(path, target) as write:
            yield write

    def _refuse_ours(self, target: str) -> None:
        """Raise ValueError for a file of the home's: the threads themselves lie there."""
        names = ("", *layout.ROOTS, layout.OWN_FOLDER)
        ours = [(self._home, os.path.join(self._home, name)) for name in names]
        ours.append((self._databases, self._databases))
        known = [(folder, status) for folder, path in ours if (status := _status(path))]
        above = os.path.dirname(target)
        while above:
            status = _status(above)
            for folder, each in known:
                if status and os.path.samestat(each, status):
                    what = "home of the threads" if folder == self._home else "folder of databases"
                    raise ValueError(f"the file would lie in the {what} ({folder}): name another")
            above = os.path.dirname(above) if above != os.path.dirname(above) else ""

    def _sweep(self, target: str) -> None:
        """Remove what processes left that were killed while they wrote to *target*.

        That is a regular file of this user, named as ours are, that no process holds the lock of
        and whose process is gone; one of our own number that we do not write was left before us.
        """
        folder, name = os.path.split(_stem(target))
        if not _HAS_LOCKS:
            return
        with suppress(OSError):
            for each in os.listdir(folder):
                number = _PART.fullmatch(each.removeprefix(name))
                path = os.path.join(folder, each)
                is_named = number and each.startswith(name) and path not in _WRITTEN
                if number and is_named and not _is_anothers(number[1]):
                    with suppress(OSError):
                        self._remove_left(path)

    def _remove_left(self, path: str) -> None:
        before = self._disk.status_at(path)
        if not stat.S_ISREG(before.st_mode) or before.st_uid != os.geteuid():
            return
        fd = self._disk.open(path)
        try:
            if self._disk.try_lock(fd) and os.path.samestat(self._disk.status(fd), before):
                self._disk.unlink(path)
        finally:
            self._disk.close(fd)

    @contextmanager
    def _aside(self, path: str, target: str) -> Iterator[Callable[[bytes], object]]:
        aside = f"{_stem(target)}.{os.getpid()}-{secrets.token_hex(4)}.part"
        _WRITTEN.add(aside)
        try:
            self._sweep(target)
            with self._as(path, aside, target) as write:
                yield write
        finally:
            _WRITTEN.discard(aside)

    @contextmanager
    def _as(self, path: str, aside: str, target: str) -> Iterator[Callable[[bytes], object]]:
        try:
            fd = self._disk.create(aside, _MODE)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
        if _HAS_LOCKS:
            with suppress(OSError):  # not every file system has them: its name tells too
                self._disk.try_lock(fd)
        held = bytearray()

        def write(data: bytes) -> None:
            held.extend(data)
            if len(held) >= _BLOCK_BYTES:
                write_all(self._disk, fd, bytes(held))
                held.clear()

        try:
            try:
                yield write
                write_all(self._disk, fd, bytes(held))
                self._disk.change_mode(fd, _MODE)
                self._disk.sync(fd)
            finally:
                self._disk.close(fd)
            self._disk.move(aside, target)
        except BaseException as error:
            with suppress(OSError):
                self._disk.unlink(aside)
            if isinstance(error, OSError) and error.filename is None:
                raise type(error)(error.errno, error.strerror, path) from None
            raise


def _stem(target: str) -> str:
    """What the names begin with of files that are written aside for *target*."""
    folder, name = os.path.split(target)
    return os.path.join(folder, os.fsdecode(os.fsencode(name)[:_NAME_BYTES]))


def _is_anothers(process: str) -> bool:
    """True for a process that runs, and is not this one."""
    return int(process) != os.getpid() and is_alive(process)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
