"""Reading rollouts to their ends for the index, a step at a time."""

from __future__ import annotations

from collections.abc import Callable

from threadlog.core.metadata import Metadata
from threadlog.core.summary import Counts
from threadlog.local.index import rows
from threadlog.local.index.contents import Reader
from threadlog.local.index.database import Database
from threadlog.local.index.known import rollouts_of
from threadlog.local.index.scans import Kept, keep_scan, kept_scan, seal, size_of
from threadlog.local.reading import LocalRollouts


class Scanner:
    """Reads one thread's rollout on from where anybody has stopped."""

    def __init__(self, home: str, database: Database) -> None:
        self._home = home
        self._database = database

    def scan_on(
        self, key: bytes, reader: Reader, stop: Callable[[], bool]
    ) -> tuple[int, bool] | None:
        """Read on, and keep what was told; how many bytes, and whether that was to the end.

        None if there was nothing left to read.
        """
        from threadlog.core import quick  # a listing does without
        from threadlog.local.scanning import Scanned, scan

        reader.hurry()

        with self._database.asking() as connection:
            group = rollouts_of(connection, self._home, key)
            row = connection.execute("SELECT row FROM threads WHERE key = ?", (key,)).fetchone()
            kept = kept_scan(connection, key, group[-1].found) if group else None
        if not group or row is None or row[0] is None:
            return None
        found, size = group[-1].found, size_of(group[-1].found)
        if kept is not None and kept.counts is not None and kept.size == size:
            return None
        before = None
        if kept is not None:
            before = Scanned(kept.offset, kept.state, kept.counts is not None, Metadata(), _NONE)
        told = scan(
            LocalRollouts(self._home, quick.parse),
            rows.summary_of(self._home, row[0]),
            before,
            stop,
        )
        counts = told.counts if told.done else None
        now = Kept(told.offset, told.state, size, told.metadata, counts)
        sealed = seal(found, told.offset, size)
        with self._database.changing() as connection:
            keep_scan(connection, key, now, sealed)
            reader.read(connection, key)
        return int(max(told.offset - (kept.offset if kept else 0), 0)), told.done


_NONE = Counts(0, 0, 0)
