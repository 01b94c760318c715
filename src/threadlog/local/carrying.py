"""Files carried elsewhere in a home: each of them, or none; in place of nothing that is there."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import time
from collections.abc import Iterable

from threadlog.local import marks
from threadlog.local.disk import Disk
from threadlog.local.entries import sync_folder
from threadlog.local.twins import Temporary

_CHUNK_BYTES = 1 << 20
# A rollout that stood still for so long is nobody's who takes no lock.
STILL_S = 2.0
# A rollout that is plain and compressed lies there twice, and moves twice.
Moves = Iterable[tuple[str, str]]


class Carrier:
    """Carries the files of one home; paths are relative to it."""

    def __init__(self, home: str, disk: Disk) -> None:
        self._home = home
        self._disk = disk

    def carry(self, moves: Moves) -> None:
        """Move each file, or take back those that were moved; raises OSError.

        One that is there already was moved before, and one to be moved to "" is removed.
        """
        done: list[tuple[str, str]] = []
        try:
            for old, new in moves:
                if self._move(old, new):
                    done.append((new, old))
        except OSError:
            with contextlib.suppress(OSError):
                for new, old in done:
                    self._move(new, old)
            raise

    def take_back(self, moves: Moves) -> None:
        """Move each file to where it was; raises OSError."""
        self.carry([(new, old) for old, new in moves])

    def settle(self, old: str, new: str) -> bool:
        """True for a file that was copied to another file system and is there twice.

        The old one goes, if both hold the same.  Raises OSError.
        """
        source, target = self._at(old), self._at(new)
        if not (new and os.path.lexists(source) and os.path.lexists(target)):
            return False
        if os.lstat(source).st_dev == os.lstat(target).st_dev:
            return False  # no copy of ours
        if not filecmp.cmp(source, target, shallow=False):
            return False
        sync_folder(self._disk, os.path.dirname(target))
        self._disk.unlink(source)
        return True

    def remove(self, path: str) -> None:
        """Remove one file; raises OSError."""
        self._disk.unlink(self._at(path))

    def sync(self, moves: Moves) -> None:
        """Return once the names that were changed are on stable storage; raises OSError."""
        folders = {os.path.dirname(self._at(each)) for move in moves for each in move if each}
        for folder in sorted(folders):
            if os.path.isdir(folder):
                sync_folder(self._disk, folder)

    def _move(self, old: str, new: str) -> bool:
        """Move one file; False if there is nothing to do."""
        source, target = self._at(old), self._at(new)
        if not os.path.lexists(source):
            if not new or not os.path.lexists(target):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source)
            return False
        if not new:
            self._disk.unlink(source)
            return False
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        try:
            self._disk.move(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._copy(source, target)
        return True

    def _copy(self, source: str, target: str) -> None:
        """To another file system: a copy first, that has its name once it is whole.

        An old Codex takes no lock: what changed a moment ago, or meanwhile, is not moved.
        """
        disk, temporary = self._disk, f"{target}.moved.tmp"
        with contextlib.suppress(FileNotFoundError):
            disk.unlink(temporary)
        status = disk.status_at(source)
        if time.time() - status.st_mtime < STILL_S and not marks.is_ours(source, status):
            raise OSError(errno.EBUSY, "it changed a moment ago", source)
        with Temporary(disk, temporary) as copy:
            with open(source, "rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    copy.write(chunk)
            copy.finish(status)
            now = disk.status_at(source)
            if (now.st_size, now.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
                raise OSError(errno.EBUSY, "it changed meanwhile", source)
            disk.move(temporary, target)
        sync_folder(disk, os.path.dirname(target))  # else a power cut may take both names
        disk.unlink(source)

    def _at(self, path: str) -> str:
        return os.path.join(self._home, path) if path else ""
