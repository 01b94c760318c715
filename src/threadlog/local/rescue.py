"""Keeping what only an open descriptor still leads to, when its file was deleted or replaced."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from threadlog.core import layout
from threadlog.local.copying import write_all
from threadlog.local.disk import Disk
from threadlog.local.entries import sync_folder

_CHUNK_BYTES = 1 << 20
_NAMES = 1000


class Rescue:
    """Of one rollout whose path leads elsewhere: a file of the same bytes, or a copy to keep."""

    __slots__ = ("_disk", "_folder", "_path", "_refused", "kept")

    def __init__(self, disk: Disk, home: str, path: str) -> None:
        self._disk = disk
        self._path = path
        self._folder = os.path.join(home, layout.OWN_FOLDER, layout.RESCUED)
        self._refused: tuple[int, ...] | None = None  # what was found there and is not the same
        self.kept: str | None = None

    def same_file(self, fd: int, size: int) -> int | None:
        """The file at the path, open, if it begins with those bytes of ours; raises OSError.

        What was on stable storage is so there too, and is compared as it is there.
        """
        disk = self._disk
        try:
            other = disk.open(self._path)
        except OSError:
            return None
        same = False
        try:
            status = disk.status(other)
            seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if stat.S_ISREG(status.st_mode) and seen != self._refused:
                disk.sync_data(other)
                disk.forget(other)
                same = same_bytes(disk, fd, other, size)
                self._refused = seen
        finally:
            if not same:
                disk.close(other)
        return other if same else None

    def keep(self, fd: int) -> str | None:
        """Where the only copy is kept; None if the file has a name yet.  Raises OSError."""
        if self.kept is None and not self._disk.status(fd).st_nlink:
            self.kept = keep(self._disk, fd, self._folder, os.path.basename(self._path))
        return self.kept


def keep(disk: Disk, fd: int, folder: str, name: str) -> str:
    """Copy a descriptor's file, whole and synced, into *folder*; returns its path there.

    Overwrites nothing: a name that is taken gets a number.  Raises OSError.
    """
    _make(disk, folder)
    mode = layout.file_mode(disk.status_at(folder).st_mode)
    path, copy = _create(disk, os.path.join(folder, name), mode)
    try:
        try:
            disk.change_mode(copy, mode)
            for chunk in _chunks(disk, fd):
                write_all(disk, copy, chunk)
            disk.sync(copy)
        finally:
            disk.close(copy)
        sync_folder(disk, folder)
    except BaseException:
        with contextlib.suppress(OSError):
            disk.unlink(path)  # ours, and no whole copy
        raise
    return path


def same_bytes(disk: Disk, one: int, other: int, size: int) -> bool:
    """True if the first *size* bytes of two files are there and the same."""
    offset = 0
    while offset < size:
        count = min(_CHUNK_BYTES, size - offset)
        chunk = disk.read_at(one, count, offset)
        if not chunk or chunk != disk.read_at(other, len(chunk), offset):
            return False
        offset += len(chunk)
    return True


def _chunks(disk: Disk, fd: int) -> Iterator[bytes]:
    offset = 0
    while chunk := disk.read_at(fd, _CHUNK_BYTES, offset):
        yield chunk
        offset += len(chunk)


def _make(disk: Disk, folder: str) -> None:
    """The folder, and ours above it; not the home, which is its user's."""
    for each in (os.path.dirname(folder), folder):
        parent = os.path.dirname(each)
        mode = layout.folder_mode(disk.status_at(parent).st_mode)
        try:
            disk.make_folder(each, mode)
        except FileExistsError:
            if os.path.islink(each):
                raise OSError(errno.ELOOP, "it is a symbolic link", each) from None
            continue
        disk.change_folder_mode(each, mode)
        sync_folder(disk, parent)


def _create(disk: Disk, path: str, mode: int) -> tuple[str, int]:
    folder, name = os.path.split(path)
    for number in range(1, _NAMES):
        path = os.path.join(folder, name if number == 1 else f"{number}-{name}")
        with contextlib.suppress(FileExistsError):
            return path, disk.create(path, mode)
    raise OSError(errno.EEXIST, "too many of that name", folder)
