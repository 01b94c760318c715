"""What was appended and not synced: kept, since a failed sync may have lost it and tell nobody."""

from __future__ import annotations

import contextlib
import errno

from threadlog.local.disk import Disk
from threadlog.local.marks import Mark, mark_of


class Unsynced:
    """The batches since the last sync, and whether they have to be written again."""

    __slots__ = ("_batches", "byte_count", "doubtful")

    def __init__(self) -> None:
        # Where, and what; none while there is none: there may be thousands of these.
        self._batches: list[tuple[int, bytes]] | None = None
        self.byte_count = 0
        # The system may have failed to write it back, and told another, or us.
        self.doubtful = False

    def __bool__(self) -> bool:
        return bool(self._batches)

    def add(self, offset: int, data: bytes) -> None:
        """It was appended there."""
        if self._batches is None:
            self._batches = []
        self._batches.append((offset, data))
        self.byte_count += len(data)

    def doubt(self) -> None:
        """Nobody will be told by us should it be lost."""
        self.doubtful |= bool(self._batches)

    def clear(self) -> None:
        """It is on stable storage."""
        self._batches = None
        self.byte_count = 0
        self.doubtful = False

    def write_again(self, disk: Disk, path: str, mark: Mark) -> None:
        """Write anew, in its place, all that a failed sync was to bring to stable storage.

        Out of the system's memory first: what could not be written back counts as clean there, and
        ext4 would keep the place of the same bytes as one that was never written.  Raises OSError,
        with ESTALE if something of others stands there.
        """
        fd = disk.open_to_mend(path)
        try:
            disk.forget(fd)
            if mark_of(disk.status(fd))[:2] != mark[:2]:
                raise OSError(errno.ESTALE, "another file has taken its place", path)
            for begin, data in self._batches or ():
                if not _is_ours(disk.read_at(fd, len(data), begin), data):
                    raise OSError(errno.ESTALE, "others wrote where we had written", path)
                left = memoryview(data)
                while left:
                    count = disk.write_at(fd, left, begin + len(data) - len(left))
                    if count <= 0:
                        raise OSError(errno.EIO, "nothing was written")
                    left = left[count:]
        finally:
            with contextlib.suppress(OSError):
                disk.close(fd)
        self.doubtful = False


def _is_ours(found: bytes, data: bytes) -> bool:
    """True if what is found is what was written, or what a lost write leaves of it: nothing."""
    return found == data or (
        len(found) == len(data)
        and all(one == other or not one for one, other in zip(found, data, strict=True))
    )
