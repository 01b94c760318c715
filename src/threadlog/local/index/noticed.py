"""What the index found otherwise than it had it: counted by kind, and logged without content."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections import Counter

# Other programs, and we ourselves, make and extend rollouts all the time: that is no discrepancy.
MOVED, ARCHIVED, UNARCHIVED, DELETED = "moved", "archived", "unarchived", "deleted"
REPLACED, EDITED, DOUBLED, ROW_LOST = "replaced", "edited", "doubled", "without row"
ADDED = "added"  # or new, which looks the same


class Noticed:
    """The discrepancies of one look; by the first one nothing is found that should be there."""

    def __init__(self, *, first: bool = False) -> None:
        self._first = first
        self._added: dict[bytes, bool] = {}
        self._known: set[bytes] = set()
        self._gone: dict[bytes, bool] = {}
        self.kinds: Counter[str] = Counter()

    def added(self, key: bytes, *, archived: bool, known: bool) -> None:
        """A rollout of this thread was found that had no row; others of it are *known*."""
        self._added[key] = archived
        if known:
            self._known.add(key)

    def gone(self, key: bytes, *, archived: bool) -> None:
        """A rollout of this thread is no longer where its row has it."""
        self._gone[key] = archived

    def settle(self) -> Counter[str]:
        """The counts, moves told from what came and what went."""
        for key, archived in self._gone.items():
            if key not in self._added:
                self.kinds[DELETED] += 1
            elif self._added[key] == archived:
                self.kinds[MOVED] += 1
            else:
                self.kinds[UNARCHIVED if archived else ARCHIVED] += 1
        if not self._first:
            new = self._added.keys() - self._gone.keys()
            self.kinds[DOUBLED] += len(new & self._known)
            self.kinds[ADDED] += len(new - self._known)
        return +self.kinds


def record(connection: sqlite3.Connection, home: str, kinds: Counter[str]) -> None:
    """Add them to the counters of the index, and say them once to whoever keeps a log."""
    now_ms = time.time_ns() // 1_000_000
    connection.executemany(
        "INSERT INTO noticed VALUES (?, ?, ?) ON CONFLICT (kind) DO UPDATE SET"
        " count = count + excluded.count, last_ms = excluded.last_ms",
        [(kind, count, now_ms) for kind, count in kinds.items()],
    )
    # Whoever wants logs has imported logging; importing it takes longer than a listing.
    if (logging := sys.modules.get("logging")) is not None:
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        logging.getLogger("threadlog.index").info("index of %s: noticed %s", home, told)
