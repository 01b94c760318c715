"""Which names in folders are on stable storage: a file whose name is not there is lost with it.

A file's own folder is synced for each file, those above it once in a process.  A folder that was
made by another program, or by a thread that synced nothing, counts as not synced.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from threadlog.local.disk import Disk


class Entries:
    """The folders of one home whose own names this process has synced, by device and inode."""

    def __init__(self, home: str, disk: Disk) -> None:
        self._home = home
        self._disk = disk
        self._synced: dict[str, tuple[int, int]] = {}

    def sync(self, path: str, also: Iterable[str]) -> None:
        """Return once the names that lead from the home to a file are on stable storage.

        *also* are folders to be synced in which something was made, above the home perhaps.
        Raises OSError.
        """
        folder = os.path.dirname(path)
        todo, named = [folder], {}
        while folder != self._home and folder.startswith(self._home + os.sep):
            status = self._disk.status_at(folder)
            identity = status.st_dev, status.st_ino
            if self._synced.get(folder) != identity:
                named[folder] = identity
                todo.append(os.path.dirname(folder))
            folder = os.path.dirname(folder)
        for each in dict.fromkeys([*todo, *also]):
            sync_folder(self._disk, each)
        self._synced.update(named)


def sync_folder(disk: Disk, folder: str) -> None:
    """Bring the names in a folder to stable storage; raises OSError."""
    fd = disk.open_folder(folder)
    try:
        disk.sync(fd)
    finally:
        disk.close(fd)
