"""Making a compressed rollout plain again, so that it can be gone on with.

Under the thread's lock, as Codex does it: unpack into a temporary file beside it, sync, give it
the plain name if that is free, and only then remove the compressed one.  At every moment at least
one whole copy has its name; where both have one, plain wins everywhere.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from threadlog.core.layout import COMPRESSED_SUFFIX, PLAIN_SUFFIX
from threadlog.errors import NotResumable
from threadlog.local.disk import Disk
from threadlog.local.entries import sync_folder
from threadlog.local.files import RolloutFile

_MODE_BITS = 0o777


def unpack(disk: Disk, path: str) -> str:
    """Unpack the rollout at *path*, which ends in `.jsonl.zst`; returns the plain path.

    Raises NotResumable if it is damaged (nothing is changed then), Unreadable, OSError.
    """
    plain = path.removesuffix(COMPRESSED_SUFFIX) + PLAIN_SUFFIX
    if os.path.lexists(plain):
        return plain
    # Codex removes what is left of such a name after six hours.
    temporary = f"{plain}.decompress.{os.getpid()}.tmp"
    with contextlib.suppress(FileNotFoundError):
        disk.unlink(temporary)
    try:
        _write_plain(disk, path, temporary)
        try:
            disk.link(temporary, plain)
        except (
            FileExistsError
        ):  # somebody else was as far: theirs counts, and we verified ours only
            return plain
    finally:
        with contextlib.suppress(FileNotFoundError):
            disk.unlink(temporary)
    sync_folder(disk, os.path.dirname(plain))
    with contextlib.suppress(FileNotFoundError):
        disk.unlink(path)
    return plain


def _write_plain(disk: Disk, path: str, temporary: str) -> None:
    with RolloutFile(path) as packed:
        status = disk.status_at(path)
        fd = disk.create(temporary, stat.S_IMODE(status.st_mode) & _MODE_BITS)
        try:
            disk.change_mode(fd, stat.S_IMODE(status.st_mode) & _MODE_BITS)
            for chunk in packed.chunks():
                left = memoryview(chunk)
                while left:
                    count = disk.write(fd, left)
                    if count <= 0:
                        raise OSError(errno.EIO, "nothing was written", temporary)
                    left = left[count:]
            if packed.gap is not None:
                raise NotResumable(f"cannot append to {path}: {packed.gap}")
            disk.set_times(fd, (status.st_atime_ns, status.st_mtime_ns))
            disk.sync(fd)
        finally:
            disk.close(fd)
