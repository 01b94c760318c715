"""Which threads and rollouts belong together, as the index knows it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from threadlog.core import filters
from threadlog.core.query import ThreadSummary
from threadlog.local import kin
from threadlog.local.index import rows
from threadlog.local.index.known import KnownInventory, rollouts_on

_CHUNK = 500


class IndexKin:
    """The threads of a home as their rows have them; see `core.family.Kin`."""

    def __init__(self, home: str, connection: sqlite3.Connection) -> None:
        self._home = home
        self._connection = connection

    def these(self, ids: Collection[str]) -> Iterator[ThreadSummary]:
        """The threads of these ids, those that are there."""
        keys = [each.encode("utf-8", "surrogatepass") for each in ids]
        return (each for each in self._rows("key", keys) if each.id in ids)

    def begun_by(self, ids: Collection[str]) -> Iterator[ThreadSummary]:
        """The threads whose parent is one of these."""
        return self._rows("parent", [filters.comparable(each) for each in ids])

    def forked_from(self, ids: Collection[str]) -> Iterator[ThreadSummary]:
        """The threads that were forked from one of these."""
        return self._rows("forked_from", [filters.comparable(each) for each in ids])

    def _rows(self, column: str, values: list[bytes] | list[str | None]) -> Iterator[ThreadSummary]:
        for at in range(0, len(values), _CHUNK):
            some = values[at : at + _CHUNK]
            marks = ", ".join("?" * len(some))
            found = self._connection.execute(
                f"SELECT row FROM threads WHERE {column} IN ({marks})", some
            )
            for (row,) in found.fetchall():
                yield rows.summary_of(self._home, row)


def building_on(
    home: str, connection: sqlite3.Connection, rollout_ids: Collection[str]
) -> list[tuple[str | None, str]]:
    """The rollouts that build on one of these; their heads are asked, so that it is exact."""
    ids = sorted({each.lower() for each in rollout_ids})
    candidates = [
        each.found
        for at in range(0, len(ids), _CHUNK)
        for each in rollouts_on(connection, home, ids[at : at + _CHUNK])
    ]
    alone = KnownInventory(home, connection, candidates)
    return kin.building_on(alone, candidates, ids)
