"""Which rollouts there are: the folders of a home, looked at again as their times tell.

A folder whose times are as they were holds the names it held, unless it was looked at so soon
after its last change that a later one may bear the same time.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from threadlog.core import layout
from threadlog.local.catalog import creation_stamp
from threadlog.local.index.database import Database
from threadlog.local.index.known import KnownInventory, rollouts_of
from threadlog.local.index.noticed import Noticed
from threadlog.local.scan import DEPTH_LIMIT, found_at, list_folder, too_deep

# What changed within this time of a look may change again without another time.
UNSETTLED_NS = 2_000_000_000
# A transaction lasts about so long, so that others get their turn.
SLICE_S = 0.1

_Times = tuple[int, int, int]


class Folder(NamedTuple):
    """A folder as it was when it was looked at."""

    id: int
    path: str
    parent: int
    archived: bool
    depth: int
    times: _Times
    settled: bool


class _Place(NamedTuple):
    path: str
    parent: int
    archived: bool
    depth: int


class Tree:
    """The folders and names that an index knows of a home."""

    def __init__(self, home: str, database: Database) -> None:
        self._home = home
        self._database = database
        self._folders: dict[str, Folder] = {}
        self._version: int | None = None
        self._problems: list[str] = []

    def forget(self) -> None:
        """The database is another one now."""
        self._version = None

    @property
    def problems(self) -> list[str]:
        """What could not be listed."""
        return sorted(self._problems)

    def is_new(self) -> bool:
        """True if no folder was ever looked at; raises Unusable."""
        with self._database.asking() as connection:
            return connection.execute("SELECT 1 FROM folders LIMIT 1").fetchone() is None

    def stand(self, keys: Iterable[bytes]) -> None:
        """Which rollout of these threads counts, and where they stand; raises Unusable."""
        with self._database.changing() as connection:
            stand(connection, self._home, keys)

    def name_again(self, rollouts: Iterable[int]) -> list[bytes]:
        """Which threads rollouts belong to whose names do not tell; returns those touched."""
        touched: set[bytes] = set()
        with self._database.changing() as connection:
            for each in rollouts:
                row = connection.execute(
                    "SELECT r.key, f.path, r.name, r.thread_id, f.archived FROM rollouts r"
                    " JOIN folders f ON f.id = r.folder WHERE r.id = ?",
                    (each,),
                ).fetchone()
                if row is None:
                    continue
                key, folder, name, thread_id, archived = row
                touched.add(key)
                if thread_id is None:
                    path = os.path.join(os.fsdecode(folder), os.fsdecode(name))
                    now = _key_of(connection, self._home, path, archived=bool(archived))
                    touched.add(now)
                    connection.execute("UPDATE rollouts SET key = ? WHERE id = ?", (now, each))
            stand(connection, self._home, touched)
        return list(touched)

    def look(self, noticed: Noticed, *, check: bool = False) -> None:
        """Bring folders and names up to date; raises Unusable.

        With *check* no folder is taken to be as it was.
        """
        with self._database.asking() as connection:
            self._load(connection)
        self._problems = []
        queue = self._changed(check=check)
        while queue:
            self._version = None
            with self._database.changing() as connection:
                until = time.monotonic() + SLICE_S
                touched: set[bytes] = set()
                while queue and time.monotonic() < until:
                    queue.extend(self._look_at(connection, queue.pop(), noticed, touched))
                stand(connection, self._home, touched)
        if self._version is None:
            with self._database.asking() as connection:
                self._load(connection)

    def _load(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return  # nobody else changed anything since
        self._version = version
        rows = connection.execute(
            "SELECT id, path, parent, archived, depth, mtime_ns, ctime_ns, inode, settled"
            " FROM folders"
        )
        self._folders = {}
        for row in rows.fetchall():
            path = os.fsdecode(row[1])
            self._folders[path] = Folder(
                row[0], path, row[2], bool(row[3]), row[4], row[5:8], bool(row[8])
            )

    def _changed(self, *, check: bool) -> list[_Place]:
        """The folders to look at; those in the newest days come out first."""
        places = []
        for root in layout.ROOTS:
            if root not in self._folders and os.path.isdir(os.path.join(self._home, root)):
                places.append(_Place(root, 0, root == layout.ARCHIVED, 0))
        for each in self._folders.values():
            if check or not each.settled or self._times(each.path, each.depth) != each.times:
                places.append(_Place(each.path, each.parent, each.archived, each.depth))
        return sorted(places)

    def _times(self, path: str, depth: int) -> _Times | None:
        """What tells that a folder changed; None if it is none (a link counts for a root only)."""
        place = f"{self._home}{os.sep}{path}"  # os.path.join costs half as much as the stat
        try:
            status = os.lstat(place) if depth else os.stat(place)
        except OSError:
            return None
        if not stat.S_ISDIR(status.st_mode):
            return None
        return status.st_mtime_ns, status.st_ctime_ns, status.st_ino

    def _look_at(
        self,
        connection: sqlite3.Connection,
        place: _Place,
        noticed: Noticed,
        touched: set[bytes],
    ) -> list[_Place]:
        """Take in one folder; returns those in it that are new."""
        times = self._times(place.path, place.depth)
        row = connection.execute(
            "SELECT id FROM folders WHERE path = ?", (os.fsencode(place.path),)
        ).fetchone()
        if times is None:
            if row:
                self._drop(connection, row[0], noticed, touched)
            return []
        problems: list[str] = []
        path = os.path.join(self._home, place.path)
        names, inner = list_folder(path, problems)
        if inner and place.depth >= DEPTH_LIMIT:
            problems.append(too_deep(path))
            inner = []
        self._problems += problems
        # What there is a problem with is looked at each time, so that each time it is said.
        settled = not problems and time.time_ns() - max(times[:2]) > UNSETTLED_NS
        values = (*times, settled)
        if row:
            folder = int(row[0])
            connection.execute(
                "UPDATE folders SET mtime_ns = ?, ctime_ns = ?, inode = ?, settled = ?"
                " WHERE id = ?",
                (*values, folder),
            )
        else:
            folder = _inserted(connection, place, values)
        contents = _Contents(connection, self._home, (folder, place), noticed)
        touched |= contents.take(layout.parse_names(names))
        return self._take_folders(connection, folder, place, inner, (noticed, touched))

    def _take_folders(
        self,
        connection: sqlite3.Connection,
        folder: int,
        place: _Place,
        inner: Sequence[str],
        changes: tuple[Noticed, set[bytes]],
    ) -> list[_Place]:
        known = {
            os.fsdecode(path): each
            for each, path in connection.execute(
                "SELECT id, path FROM folders WHERE parent = ?", (folder,)
            ).fetchall()
        }
        present = {f"{place.path}{os.sep}{name}" for name in inner}
        for path in known.keys() - present:
            self._drop(connection, known[path], *changes)
        new = sorted(present - known.keys())
        return [_Place(path, folder, place.archived, place.depth + 1) for path in new]

    def _drop(
        self, connection: sqlite3.Connection, folder: int, noticed: Noticed, touched: set[bytes]
    ) -> None:
        """Forget a folder with all in it."""
        for (inner,) in connection.execute(
            "SELECT id FROM folders WHERE parent = ?", (folder,)
        ).fetchall():
            self._drop(connection, inner, noticed, touched)
        place = _Place("", 0, archived=False, depth=0)
        touched |= _Contents(connection, self._home, (folder, place), noticed).take([])
        connection.execute("DELETE FROM folders WHERE id = ?", (folder,))


class _Contents:
    """The rollouts of one folder, as they come and go."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        home: str,
        where: tuple[int, _Place],
        noticed: Noticed,
    ) -> None:
        self._connection = connection
        self._home = home
        self._folder, self._place = where
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
        archived = self._connection.execute(
            "SELECT archived FROM folders WHERE id = ?", (self._folder,)
        ).fetchone()
        for _id, key in gone:
            self._noticed.gone(key, archived=bool(archived[0]))

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
        known = _known(self, keys)
        for row in rows:
            again = row[2] in known and row[5] is None  # a revert makes another one, too
            self._noticed.added(row[2], archived=self._place.archived, known=again)
        if known or not usual:
            return keys
        # Nearly all: threads of one rollout that nobody has heard of yet.
        self._connection.execute(
            "INSERT INTO threads (key, rollout, archived, stamp, scanned)"
            " SELECT key, id, ?, stamp, 0 FROM rollouts WHERE folder = ? AND id > ?",
            (self._place.archived, self._folder, last or 0),
        )
        return set()

    def known_threads(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of these threads that have rows."""
        marks = ", ".join("?" * len(keys))
        found = self._connection.execute(f"SELECT key FROM threads WHERE key IN ({marks})", keys)
        return {key for (key,) in found.fetchall()}

    def _row(
        self, name: str, stamp: str | None, thread_id: str | None, revision: str | None
    ) -> tuple[int, bytes, bytes, str | None, str | None, str | None, bool]:
        if thread_id is not None:
            key = thread_id.encode()
        else:
            path, archived = f"{self._place.path}{os.sep}{name}", self._place.archived
            key = _key_of(self._connection, self._home, path, archived=archived)
        odd = stamp is None or thread_id is None
        return (
            self._folder,
            os.fsencode(name),
            key,
            stamp,
            thread_id,
            revision,
            odd,
        )


_CHUNK = 500


def _known(contents: _Contents, keys: set[bytes]) -> set[bytes]:
    listed = list(keys)
    found = [
        contents.known_threads(listed[at : at + _CHUNK]) for at in range(0, len(listed), _CHUNK)
    ]
    return set().union(*found)


def _inserted(connection: sqlite3.Connection, place: _Place, values: tuple[object, ...]) -> int:
    done = connection.execute(
        "INSERT INTO folders (path, parent, archived, depth, mtime_ns, ctime_ns, inode, settled)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (os.fsencode(place.path), place.parent, place.archived, place.depth, *values),
    )
    assert done.lastrowid is not None
    return done.lastrowid


def _key_of(connection: sqlite3.Connection, home: str, path: str, *, archived: bool) -> bytes:
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
