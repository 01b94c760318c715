"""Reading rollouts to their ends for the index, a step at a time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import NamedTuple

from threadlog.core import quick
from threadlog.core.index_status import Stop, never
from threadlog.core.metadata import Metadata
from threadlog.core.summary import Counts
from threadlog.local.index import contents, ledgers, rows
from threadlog.local.index.contents import Reader
from threadlog.local.index.database import Database
from threadlog.local.index.known import KnownInventory, rollouts_of
from threadlog.local.index.scans import Kept, keep_scan, kept_scan, seal, size_of
from threadlog.local.index.tree import SLICE_S
from threadlog.local.reading import LocalRollouts
from threadlog.local.scanning import Scanned, scan


class _Told(NamedTuple):
    """What reading on in a thread has told, to be kept."""

    key: bytes
    facts: list[tuple[int, ...]]  # of its rollouts, as they were noted when it began
    scan: Kept
    seal: bytes
    inventory: KnownInventory


class Scanner:
    """Reads threads' rollouts on from where anybody has stopped, and keeps what was told."""

    def __init__(self, home: str, database: Database, reader: Reader) -> None:
        self._home = home
        self._database = database
        self._reader = reader
        self._told: list[_Told] = []
        self._kept_at = time.monotonic()

    def scan_all(self, stop: Stop, progress: Callable[[int, int], None]) -> bool:
        """Read on in all threads, the newest first; True once there is nothing left to read.

        Raises Unusable.
        """
        seen: set[bytes] = set()
        with self._database.asking() as connection:
            total, done = contents.unscanned_bytes(connection), 0
        while not stop():
            with self._database.asking() as connection:
                todo = [key for key in contents.unscanned(connection, len(seen)) if key not in seen]
            if not todo:
                return True
            for key in todo:
                done += self.scan_on(key, stop)
                progress(min(done, total), total)
                if stop():
                    break
                seen.add(key)
            self.keep()
        return False

    def scan_forks(self) -> None:
        """Read once more the forks of which something else is copied than was thought.

        What they were copied from came, went or was changed since.  Raises Unusable.
        """
        with self._database.asking() as connection:
            todo = ledgers.of_another_origin(connection, self._home)
        for key in todo:
            self.scan_on(key, never, again=True)
        self.keep()

    def scan_on(self, key: bytes, stop: Stop, *, again: bool = False) -> int:
        """Read on in one thread, to its end unless stopped; returns how many bytes that were.

        With *again* also in one whose rollout did not change.  Raises Unusable.
        """
        with self._database.asking() as connection:
            group = [each.found for each in rollouts_of(connection, self._home, key)]
            facts = _facts(connection, key)
            row = connection.execute("SELECT row FROM threads WHERE key = ?", (key,)).fetchone()
            if not group or row is None or row[0] is None:
                return 0
            newest = group[-1]
            kept = kept_scan(connection, key, newest)
            size = size_of(newest)
            known = kept is not None and kept.counts is not None and kept.size == size
            if known and kept is not None and kept.ledger and not again:
                return 0
            before = None
            if kept is not None:
                done = kept.counts is not None
                before = Scanned(kept.offset, kept.state, done, Metadata(), _NONE)
            inventory = KnownInventory(self._home, connection, group, quick.parse)
            rollouts = LocalRollouts(self._home, quick.parse, inventory)
            told = scan(rollouts, rows.summary_of(self._home, row[0]), before, stop)
        counts = told.counts if told.done else None
        ledger = ledgers.text_of(told.ledger, told.origin)
        now = Kept(told.offset, told.state, size, told.metadata, counts, ledger)
        sealed = seal(newest, told.offset, size)
        self._told.append(_Told(key, facts, now, sealed, inventory))
        if time.monotonic() - self._kept_at >= SLICE_S:
            self.keep()
        return max(told.offset - (kept.offset if kept else 0), 0)

    def keep(self) -> None:
        """Keep what was told since the last time; raises Unusable."""
        self._kept_at = time.monotonic()
        if self._told:
            self._reader.begin()
            with self._database.changing() as connection:
                for each in self._told:
                    self._keep(connection, each)
            self._told = []

    def _keep(self, connection: sqlite3.Connection, told: _Told) -> None:
        """Keep what one thread told, unless others have noted meanwhile that it changed.

        If it only grew, what was read of it is good, but its row is to be that of the longer one.
        """
        now = _facts(connection, told.key)
        alone = told.inventory.stands_alone()
        if now == told.facts and alone:
            keep_scan(connection, told.key, told.scan, told.seal)
            self._reader.read(connection, told.key, told.inventory, told.scan)
        elif len(now) == len(told.facts) and all(map(_may_have_grown, told.facts, now)):
            keep_scan(connection, told.key, told.scan, told.seal)
            self._reader.read(connection, told.key)


def _facts(connection: sqlite3.Connection, key: bytes) -> list[tuple[int, ...]]:
    """Size, times and inode of a thread's rollouts, as they were noted last."""
    return connection.execute(
        "SELECT id, size, mtime_ns, ctime_ns, inode FROM rollouts WHERE key = ? ORDER BY id", (key,)
    ).fetchall()


def _may_have_grown(before: tuple[int, ...], now: tuple[int, ...]) -> bool:
    return before == now or (before[0] == now[0] and before[4] == now[4] and before[1] < now[1])


_NONE = Counts(0, 0, 0)
