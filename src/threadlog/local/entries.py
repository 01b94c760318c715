"""Which names in folders are on stable storage: a file whose name is not there is lost with it.

A file's own folder is synced for each file, those above it once in a process.  A folder that was
made by another program, or by a thread that synced nothing, counts as not synced.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from threadlog.local.disk import Disk


class Entries:
    """The folders of one home whose own names this process has synced, by device and inode."""

    def __init__(self, home: str, disk: Disk) -> None:
        self._home = home
        self._disk = disk
        self._synced: dict[str, tuple[int, int]] = {}
        self._made_in: set[str] = set()

    def made_in(self, folder: str) -> None:
        """Something was made in a folder, perhaps above the home: whoever syncs next syncs it."""
        self._made_in.add(folder)

    def sync(self, path: str) -> None:
        """Return once the names that lead to a file are on stable storage; raises OSError."""
        made_in = list(self._made_in)
        folder = os.path.dirname(path)
        todo, named = [folder], {}
        while folder != self._home and folder.startswith(self._home + os.sep):
            status = self._disk.status_at(folder)
            identity = status.st_dev, status.st_ino
            if self._synced.get(folder) != identity:
                named[folder] = identity
                todo.append(os.path.dirname(folder))
            folder = os.path.dirname(folder)
        for each in dict.fromkeys([*todo, *made_in]):
            try:
                sync_folder(self._disk, each)
            except FileNotFoundError:
                if each in todo:  # others may be gone by now, with what was made in them
                    raise
        self._synced.update(named)
        self._made_in.difference_update(made_in)


class Place(NamedTuple):
    """What makes the calls, the home, the rollout's path, and who knows which names are synced."""

    disk: Disk
    home: str
    path: str
    entries: Entries


def sync_folder(disk: Disk, folder: str) -> None:
    """Bring the names in a folder to stable storage; raises OSError."""
    fd = disk.open_folder(folder)
    try:
        disk.sync(fd)
    finally:
        disk.close(fd)
