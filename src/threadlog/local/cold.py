"""Compressing the rollouts of a home that nobody has changed for long, one after the other."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence

from threadlog.core import compression as told
from threadlog.core import layout
from threadlog.core.checkup import Writing
from threadlog.core.compression import ColdQuery, Compression
from threadlog.core.index_status import Progress
from threadlog.core.query import ThreadSummary
from threadlog.errors import InUse, Unreadable, UnsupportedPlatform
from threadlog.local.disk import Disk
from threadlog.local.inventory import Inventory
from threadlog.local.journal import STILL_S
from threadlog.local.locks import TakeLock
from threadlog.local.pack import HAS_TWIN, compressed, estimate, pack
from threadlog.local.scan import Found, find_rollouts
from threadlog.local.twins import remove_stale

_FULL = (errno.ENOSPC, errno.EDQUOT)


class ColdRollouts:
    """The rollouts of a home, to be compressed; *writers* tells who writes, and takes no lock."""

    def __init__(
        self,
        home: str,
        lock: TakeLock,
        writers: Callable[[str], Sequence[Writing]],
        disk: Disk | None = None,
    ) -> None:
        self._home = home
        self._lock = lock
        self._writers = writers
        self._disk = disk or Disk()

    def compress(
        self, threads: Sequence[ThreadSummary] | None, query: ColdQuery, progress: Progress
    ) -> list[Compression]:
        """Compress what *query* means, of these threads or of all; what came of each rollout.

        Raises UnsupportedPlatform only: what fails is told of its rollout, and the next is tried.
        """
        if os.name == "nt":
            raise UnsupportedPlatform("threadlog reads rollouts on Windows but does not write them")
        problems: list[str] = []
        rollouts = [
            found
            for found in self._rollouts(threads, problems)
            if query.archived in (None, found.archived)
        ]
        results = [Compression(None, self._home, told.FAILED, why, 0, 0) for why in problems]
        run = _Run(self._home, self._lock, self._disk, query)
        if query.dry_run:
            run.locked = {each.thread_id for each in self._writers(self._home)}
        total, done = sum(_size(each.path) for each in rollouts), 0
        for found in rollouts:
            progress("bytes", done, total)
            result = run.result(found)
            results.append(result)
            done += result.before_bytes
        return results

    def _rollouts(
        self, threads: Sequence[ThreadSummary] | None, problems: list[str]
    ) -> Iterator[Found]:
        if threads is None:
            for batch in find_rollouts(self._home, problems):
                yield from sorted(batch)
            return
        inventory = Inventory(self._home)
        seen: set[str] = set()
        for thread in threads:
            for found in inventory.of(thread):
                if found.path not in seen:
                    seen.add(found.path)
                    yield found


class _Run:
    """One run over rollouts."""

    def __init__(self, home: str, lock: TakeLock, disk: Disk, query: ColdQuery) -> None:
        self._home, self._lock, self._disk, self._query = home, lock, disk, query
        self._swept: set[str] = set()
        self.locked: set[str] = set()

    def result(self, found: Found) -> Compression:
        """What comes of one rollout; raises nothing that only concerns it."""
        size, thread_id = _size(found.path), found.thread_id
        if found.compressed:
            why = "it is compressed already"
            return Compression(thread_id, found.path, told.SKIPPED, why, size, size)
        try:
            if thread_id is None:
                thread_id = Inventory(self._home, _nothing).head(found).metadata.thread_id
            done = self._done(found.path, thread_id)
        except InUse as error:
            done = str(error)
        except (OSError, Unreadable) as error:
            if not _is_missing(error) or os.path.lexists(found.path):
                why = _sentence(found.path, error)
                return Compression(thread_id, found.path, told.FAILED, why, size, size)
            done = "it is not there any more: moved, or compressed by another run"
        if isinstance(done, str):
            return Compression(thread_id, found.path, told.SKIPPED, done, size, size)
        status = told.WOULD_COMPRESS if self._query.dry_run else told.COMPRESSED
        return Compression(thread_id, found.path, status, None, size, done)

    def _done(self, path: str, thread_id: str | None) -> int | str:
        """The size of a rollout once it is compressed; else why it is not."""
        if not self._query.dry_run:
            self._sweep(os.path.dirname(path))
        if why := self._unfit(self._disk.status_at(path)):
            return why
        if os.path.lexists(compressed(path)):
            return HAS_TWIN
        if not path.endswith(layout.PLAIN_SUFFIX) or thread_id is None:
            return "it names no thread whose lock could be taken"
        if self._query.dry_run:
            if thread_id in self.locked:
                return f"thread {thread_id} already has an active writer"
            return estimate(path)
        lock = self._lock(self._home, thread_id)
        try:
            return pack(self._disk, path, self._unfit)
        finally:
            lock.release()

    def _unfit(self, status: os.stat_result) -> str | None:
        if not stat.S_ISREG(status.st_mode):
            return "it is no regular file"
        if status.st_nlink > 1:
            return "it has several names (hard links)"
        if not status.st_size:
            return "it is empty"
        if time.time() - status.st_mtime < max(self._query.older_than_s, STILL_S):
            return _younger(self._query.older_than_s)
        return None

    def _sweep(self, folder: str) -> None:
        if folder not in self._swept:
            self._swept.add(folder)
            remove_stale(self._disk, folder, time.time())


def _younger(limit_s: float) -> str:
    if limit_s <= STILL_S:
        return "it changed a moment ago"
    return f"it changed in the last {limit_s / told.DAY_S:g} days"


def _is_missing(error: OSError | Unreadable) -> bool:
    return isinstance(error, FileNotFoundError) or isinstance(error.__cause__, FileNotFoundError)


def _sentence(path: str, error: OSError | Unreadable) -> str:
    if isinstance(error, Unreadable):
        return str(error)
    if error.errno in _FULL:
        return (
            f"cannot compress {path}: no room for the compressed copy beside it "
            f"({os.strerror(error.errno)}); free some and try again"
        )
    return f"cannot compress {path}: {error.strerror or error}"


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _nothing(_home: str, _problems: list[str]) -> tuple[()]:
    return ()
