"""Making a compressed rollout plain again, so that it can be gone on with.

Under the thread's lock, as Codex does it: unpack into a temporary file beside it, sync, compare it,
give it the plain name if that is free, and only then remove the compressed one.  At every moment
at least one whole copy has its name; where both have one, plain wins everywhere.
"""

from __future__ import annotations

import contextlib
import errno
import os

from threadlog.core.layout import COMPRESSED_SUFFIX, PLAIN_SUFFIX
from threadlog.errors import NotResumable
from threadlog.local.disk import Disk
from threadlog.local.entries import sync_folder
from threadlog.local.files import RolloutFile
from threadlog.local.twins import ASIDE, Identity, Temporary, identity, is_still, same

_CHANGED = "cannot append to {}: another program replaced it while it was unpacked; try again"
_DAMAGED = "what was unpacked is not what it was unpacked from; it was removed again"


def unpack(disk: Disk, path: str) -> str:
    """Unpack the rollout at *path*, which ends in `.jsonl.zst`; returns the plain path.

    Where a plain one lies beside it already, that is the rollout, and the other is left alone.
    Raises NotResumable if it is damaged, or changed meanwhile; Unreadable, OSError.  Then nothing
    is changed.
    """
    plain = path.removesuffix(COMPRESSED_SUFFIX) + PLAIN_SUFFIX
    if os.path.lexists(plain):
        return plain
    # Codex removes what is left of such a name after six hours.
    temporary = f"{plain}.decompress.{os.getpid()}.tmp"
    with contextlib.suppress(FileNotFoundError):
        disk.unlink(temporary)
    with RolloutFile(path) as packed, Temporary(disk, temporary) as unpacked:
        status = disk.status(packed.fileno())
        for chunk in packed.chunks():
            unpacked.write(chunk)
        if packed.gap is not None:
            raise NotResumable(f"cannot append to {path}: {packed.gap}")
        ours = disk.status(unpacked.fd)
        unpacked.finish(status)
        with RolloutFile(temporary) as written:
            if not same(written.chunks(), packed.chunks()) or packed.gap is not None:
                raise OSError(errno.EIO, _DAMAGED, temporary)
        unpacked.close()
        if not is_still(disk, path, identity(status)):
            raise NotResumable(_CHANGED.format(path))
        try:
            disk.link(temporary, plain)
        except FileExistsError:  # somebody else was as far: theirs counts, and we compared ours
            return plain
        disk.unlink(temporary)  # else nobody could tell it from a rollout with two names
    _take_over(disk, (plain, (ours.st_dev, ours.st_ino)), (path, identity(status)))
    return plain


def remove_left_names(disk: Disk, plain: str, status: os.stat_result) -> bool:
    """Remove the names that a plain rollout had for a moment only; True if there was one.

    Who unpacked it, we or a Codex, or gave it its name back, was ended before that.  Raises
    OSError.
    """
    folder, name = os.path.split(plain)
    removed = False
    for each in os.listdir(folder):
        unpacked = each.startswith(f"{name}.decompress.") and each.endswith(".tmp")
        if unpacked or each.startswith(name + ASIDE):
            left = disk.status_at(os.path.join(folder, each))
            if (left.st_dev, left.st_ino) == (status.st_dev, status.st_ino):
                disk.unlink(os.path.join(folder, each))
                removed = True
    return removed


def _take_over(
    disk: Disk, unpacked: tuple[str, tuple[int, int]], packed: tuple[str, Identity]
) -> None:
    """Remove the compressed one, now that the plain one has its name; or take that back."""
    plain, ours = unpacked
    path, known = packed
    sync_folder(disk, os.path.dirname(plain))
    if is_still(disk, path, known):
        disk.unlink(path)
    elif os.path.lexists(path):  # another one, which our plain one would hide
        status = disk.status_at(plain)
        if (status.st_dev, status.st_ino) == ours:
            disk.unlink(plain)
        raise NotResumable(_CHANGED.format(path))
