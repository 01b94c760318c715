"""Files that are no part of a home: exports, written aside and then named; a table of rules."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from threadlog.core import layout
from threadlog.local.copying import write_all
from threadlog.local.disk import Disk

RULES_FILE = "redaction.toml"
_MODE = 0o600
_BLOCK_BYTES = 1 << 18


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

    @contextmanager
    def _aside(self, path: str, target: str) -> Iterator[Callable[[bytes], object]]:
        aside = f"{target}.{os.getpid()}.part"
        try:
            fd = self._disk.create(aside, _MODE)
        except OSError as error:
            raise OSError(error.errno, error.strerror, path) from None
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
        except BaseException:
            with suppress(OSError):
                self._disk.unlink(aside)
            raise


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
