"""The rollouts of a folder as rows, and where that puts their threads.

A thread may have several rollouts; the newest counts, and the oldest says when it began.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from threadlog.local.catalog import creation_stamp
from threadlog.local.index.known import KnownInventory, rollouts_of
from threadlog.local.index.noticed import Noticed
from threadlog.local.scan import found_at

_CHUNK = 500


class InFolder(NamedTuple):
    """A folder's row and path, and whether it lies in the archive."""

    id: int
    path: str
    archived: bool


class FolderRollouts:
    """The rollouts of one folder, as they come and go."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        home: str,
        folder: InFolder,
        noticed: Noticed,
    ) -> None:
        self._connection = connection
        self._home = home
        self._folder, self._path, self._archived = folder
        self._noticed = noticed

    def take(self, parsed: Iterable[tuple[str, str | None, str | None, str | None]]) -> set[bytes]:
        """The rollouts are these now; returns the threads that this touches."""
        known = {
            name: (each, key)
            for each, name, key in self._connection.execute(
                "SELECT id, name, key FROM rollouts WHERE folder = ?", (self._folder,)
            ).fetchall()
        }
        present = {os.fsencode(each[0]): each for each in parsed}
        gone = [known[name] for name in known.keys() - present.keys()]
        new = [present[name] for name in present.keys() - known.keys()]
        touched = {key for _id, key in gone}
        if gone:
            self._forget(gone)
        if new:
            touched |= self._add(new)
        return touched

    def _forget(self, gone: list[tuple[int, bytes]]) -> None:
        unread_dependents(self._connection, {each for each, _key in gone})
        self._connection.executemany(
            "DELETE FROM rollouts WHERE id = ?", [(each,) for each, _key in gone]
        )
        for _id, key in gone:
            self._noticed.gone(key, archived=self._archived)

    def _add(self, new: list[tuple[str, str | None, str | None, str | None]]) -> set[bytes]:
        (last,) = self._connection.execute("SELECT max(id) FROM rollouts").fetchone()
        rows = [self._row(*each) for each in new]
        self._connection.executemany(
            "INSERT INTO rollouts (folder, name, key, stamp, thread_id, revision, odd, size)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, -1)",
            rows,
        )
        unread_dependents(self._connection, range((last or 0) + 1, (last or 0) + len(rows) + 1))
        keys = {row[2] for row in rows}
        usual = len(keys) == len(rows) and not any(row[6] for row in rows)
        known = self._known(keys)
        for row in rows:
            again = row[2] in known and row[5] is None  # a revert makes another one, too
            self._noticed.added(row[2], archived=self._archived, known=again)
        if known or not usual:
            return keys
        # Nearly all: threads of one rollout that nobody has heard of yet.
        self._connection.execute(
            "INSERT INTO threads (key, rollout, archived, stamp, scanned)"
            " SELECT key, id, ?, stamp, 0 FROM rollouts WHERE folder = ? AND id > ?",
            (self._archived, self._folder, last or 0),
        )
        return set()

    def _known(self, keys: set[bytes]) -> set[bytes]:
        """Those of these threads that have rows."""
        listed, known = list(keys), set()
        for at in range(0, len(listed), _CHUNK):
            some = listed[at : at + _CHUNK]
            marks = ", ".join("?" * len(some))
            found = self._connection.execute(
                f"SELECT key FROM threads WHERE key IN ({marks})", some
            )
            known |= {key for (key,) in found.fetchall()}
        return known

    def _row(
        self, name: str, stamp: str | None, thread_id: str | None, revision: str | None
    ) -> tuple[int, bytes, bytes, str | None, str | None, str | None, bool]:
        if thread_id is not None:
            key = thread_id.encode()
        else:
            path = f"{self._path}{os.sep}{name}"
            key = key_of(self._connection, self._home, path, archived=self._archived)
        odd = stamp is None or thread_id is None
        return self._folder, os.fsencode(name), key, stamp, thread_id, revision, odd


def key_of(connection: sqlite3.Connection, home: str, path: str, *, archived: bool) -> bytes:
    """The key of the thread of a rollout that its name does not tell: its head does, or nobody."""
    found = found_at(os.path.join(home, path), archived=archived)
    thread_id = KnownInventory(home, connection, [found]).head(found).metadata.thread_id
    return (thread_id or path).encode("utf-8", "surrogatepass")


def stand(connection: sqlite3.Connection, home: str, keys: Iterable[bytes]) -> None:
    """Which rollout of a thread counts now, and where the thread stands by creation."""
    for key in keys:
        group = rollouts_of(connection, home, key)
        if not group:
            connection.execute("DELETE FROM threads WHERE key = ?", (key,))
            continue
        founds = [each.found for each in group]
        inventory = KnownInventory(home, connection, founds)
        stamp = founds[0].stamp or creation_stamp(inventory, founds[0])
        connection.execute(
            "INSERT INTO threads (key, rollout, archived, stamp, scanned) VALUES (?, ?, ?, ?, 0)"
            " ON CONFLICT (key) DO UPDATE SET archived = excluded.archived, row = NULL,"
            " stamp = excluded.stamp, scanned = 0, rollout = excluded.rollout,"
            " scan = CASE rollout WHEN excluded.rollout THEN scan END",
            (key, group[-1].id, founds[-1].archived, stamp),
        )


def unread_dependents(
    connection: sqlite3.Connection, rollouts: Iterable[int], *, grown: bool = False
) -> None:
    """Have the threads read again that build on these rollouts: they begin as those begin.

    What is built on does not change as a rollout grows.
    """
    forgotten = "row = NULL" if grown else "row = NULL, scan = NULL"
    if connection.execute("SELECT 1 FROM rollouts WHERE base IS NOT NULL LIMIT 1").fetchone():
        seen: set[int] = set()
        queue = list(rollouts)
        while queue:
            each = queue.pop()
            if each in seen:
                continue
            seen.add(each)
            for (dependent,) in connection.execute(
                "SELECT id FROM rollouts WHERE base ="
                " (SELECT coalesce(revision, thread_id) FROM rollouts WHERE id = ?)",
                (each,),
            ).fetchall():
                queue.append(dependent)
                connection.execute(
                    f"UPDATE threads SET {forgotten}"
                    " WHERE key = (SELECT key FROM rollouts WHERE id = ?)",
                    (dependent,),
                )
