"""The inventory of a home as the index knows it: asked a thread at a time, nothing is walked."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any

from threadlog.core import filters, lines
from threadlog.core.metadata import Base
from threadlog.local.heads import Parse
from threadlog.local.inventory import Head, Inventory, by_age
from threadlog.local.scan import Found

_FOUND = """
SELECT r.id, r.name, r.stamp, r.thread_id, r.revision, f.path, f.archived
FROM rollouts r JOIN folders f ON f.id = r.folder WHERE
"""


class KnownRollout:
    """A rollout of the index: its row, and what a walk would have found."""

    __slots__ = ("found", "id")

    def __init__(self, home: str, row: Any) -> None:
        self.id: int = row[0]
        name, stamp, thread_id, revision, folder, archived = row[1:]
        folder = os.path.join(home, os.fsdecode(folder))
        self.found = Found(os.fsdecode(name), stamp, thread_id, revision, folder, bool(archived))


def rollouts_of(connection: sqlite3.Connection, home: str, key: bytes) -> list[KnownRollout]:
    """The rollouts of a thread, oldest first; the last is the one that counts."""
    rows = connection.execute(f"{_FOUND} r.key = ?", (key,)).fetchall()
    known = [KnownRollout(home, row) for row in rows]
    return known if len(known) == 1 else sorted(known, key=lambda each: by_age(each.found))


def rollouts_on(
    connection: sqlite3.Connection, home: str, rollout_ids: Sequence[str]
) -> list[KnownRollout]:
    """The rollouts that were seen to build on one of these."""
    marks = ", ".join("?" * len(rollout_ids))
    rows = connection.execute(
        f"{_FOUND} r.base IN ({marks})", [filters.comparable(each) for each in rollout_ids]
    )
    return [KnownRollout(home, row) for row in rows.fetchall()]


class KnownInventory(Inventory):
    """An inventory that answers for one thread, and finds what it builds on in the index."""

    def __init__(
        self,
        home: str,
        connection: sqlite3.Connection,
        group: list[Found],
        parse: Parse = lines.parse,
        heads: dict[str, Head] | None = None,
    ) -> None:
        """*heads* are those that were read already, and get what is read now."""
        super().__init__(home, lambda _home, _problems: (), parse)
        if heads is not None:
            self._heads = heads
        self._home = home
        self._connection = connection
        self._group = group

    def stands_alone(self) -> bool:
        """True if none of the thread's rollouts builds on another."""
        return all(self.head(each).metadata.base is None for each in self._group)

    def group(self, _found: Found) -> list[Found]:
        """All rollouts of the thread, oldest first."""
        return self._group

    def find_base(self, base: Base, seen: set[str]) -> Found | None:
        """The newest rollout of an id, but for those seen already."""
        rows = self._connection.execute(
            f"{_FOUND} r.revision = ?1"
            f" UNION ALL {_FOUND} r.key = ?2 AND r.thread_id = ?1 AND r.revision IS NULL",
            (filters.comparable(base.rollout_id), base.rollout_id.encode("utf-8", "surrogatepass")),
        )
        candidates = (KnownRollout(self._home, row).found for row in rows.fetchall())
        return max(
            (found for found in candidates if found.path not in seen),
            key=by_age,
            default=None,
        )
