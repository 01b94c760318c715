"""Which rollouts there are: the folders of a home, looked at again as their times tell.

A folder of the same times holds the same names, unless it was looked at so soon after a change
that a later one may bear the same time.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from threadlog.core import layout
from threadlog.core.index_status import Stop
from threadlog.local.index.database import Database, fact, note, whole
from threadlog.local.index.noticed import Noticed
from threadlog.local.index.standing import FolderRollouts, InFolder, key_of, stand
from threadlog.local.scan import DEPTH_LIMIT, list_folder, too_deep

# What changed within this time of a look may change again without another time.
UNSETTLED_NS = 2_000_000_000
# A transaction lasts about so long, so that others get their turn.
SLICE_S = 0.1

_Times = tuple[int, int, int]
_NEVER = (0, 0, -1, False)  # noted, and not looked at yet
_UNSEEN = "SELECT path, parent, archived, depth FROM folders WHERE inode = -1"


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
        """True if no look ever came to its end; raises Unusable."""
        with self._database.asking() as connection:
            return fact(connection, "listed") is None

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
                    now = key_of(connection, self._home, path, archived=bool(archived))
                    touched.add(now)
                    connection.execute("UPDATE rollouts SET key = ? WHERE id = ?", (now, each))
            stand(connection, self._home, touched)
        return list(touched)

    def look(self, noticed: Noticed, stop: Stop, *, check: bool = False) -> bool:
        """Bring folders and names up to date, with *check* all of them; False if stopped.

        Raises Unusable.
        """
        with self._database.asking() as connection:
            self._load(connection)
        self._problems = []
        queue = self._changed(check=check)
        while queue:
            if stop():
                return False
            self._look_at_some(queue, noticed)
        if self._version is None:
            with self._database.asking() as connection:
                self._load(connection)
        return True

    def _look_at_some(self, queue: list[_Place], noticed: Noticed) -> None:
        """Look at the last of *queue*, for the time of one transaction."""
        self._version = None
        with self._database.changing() as connection:
            until = time.monotonic() + SLICE_S
            touched: set[bytes] = set()
            while queue:
                queue.extend(self._look_at(connection, queue.pop(), noticed, touched))
                if time.monotonic() >= until:
                    break
            stand(connection, self._home, touched)
            if not queue:  # others may have begun with what we did not know of
                queue += [
                    _Place(os.fsdecode(path), parent, bool(archived), depth)
                    for path, parent, archived, depth in connection.execute(_UNSEEN).fetchall()
                ]
            if not queue:
                note(connection, "listed", 1)

    def _load(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return  # nobody else changed anything since
        rows = connection.execute(
            "SELECT id, path, parent, archived, depth, mtime_ns, ctime_ns, inode, settled"
            " FROM folders"
        )
        folders = {}
        for row in rows.fetchall():
            path = os.fsdecode(row[1])
            folders[path] = Folder(
                row[0], path, row[2], bool(row[3]), row[4], row[5:8], bool(row[8])
            )
        self._folders, self._version = folders, version

    def _changed(self, *, check: bool) -> list[_Place]:
        """The folders to look at; those in the newest days come out first."""
        places = []
        for root in layout.ROOTS:
            if root not in self._folders and os.path.isdir(os.path.join(self._home, root)):
                places.append(_Place(root, 0, root == layout.ARCHIVED, 0))
        for each in self._folders.values() if check else self._maybe_changed():
            places.append(_Place(each.path, each.parent, each.archived, each.depth))
        return sorted(places)

    def _maybe_changed(self) -> Iterator[Folder]:
        """A page by creation costs little more than this: so no call that can be done without."""
        prefix, lstat = f"{self._home}{os.sep}", os.lstat
        for path, each in self._folders.items():
            if each.settled and each.depth:
                try:
                    now = lstat(prefix + path)
                except OSError:
                    yield each
                    continue
                if each.times == (now.st_mtime_ns, now.st_ctime_ns, now.st_ino):
                    continue
            if not each.settled or self._times(path, each.depth) != each.times:
                yield each

    def _times(self, path: str, depth: int) -> _Times | None:
        """What tells that a folder changed; None if it is none (a link counts for a root only)."""
        place = f"{self._home}{os.sep}{path}"  # os.path.join costs half as much as the stat
        try:
            status = os.lstat(place) if depth else os.stat(place)
        except OSError:
            return None
        if not stat.S_ISDIR(status.st_mode):
            return None
        return whole(status.st_mtime_ns), whole(status.st_ctime_ns), whole(status.st_ino)

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
        if row is None and place.depth:
            return []  # somebody found meanwhile that it is gone
        problems: list[str] = []
        path = os.path.join(self._home, place.path)
        names, inner = list_folder(path, problems)
        if problems:
            noticed = Noticed()  # what cannot be seen is not gone
        if inner and place.depth >= DEPTH_LIMIT:
            problems.append(too_deep(path))
            inner = []
        self._problems += problems
        # What there is a problem with is looked at each time, so that each time it is said.
        values = (*times, not problems and time.time_ns() - max(times[:2]) > UNSETTLED_NS)
        if row:
            folder = int(row[0])
            connection.execute(
                "UPDATE folders SET mtime_ns = ?, ctime_ns = ?, inode = ?, settled = ?"
                " WHERE id = ?",
                (*values, folder),
            )
        else:
            folder = _inserted(connection, place, values)
        here = InFolder(folder, place.path, place.archived)
        rollouts = FolderRollouts(connection, self._home, here, noticed)
        touched |= rollouts.take(layout.parse_names(names))
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
        inside = place._replace(parent=folder, depth=place.depth + 1)
        new = [inside._replace(path=path) for path in sorted(present - known.keys())]
        for each in new:
            _inserted(connection, each, _NEVER)  # whoever goes on after us looks there
        return new

    def _drop(
        self, connection: sqlite3.Connection, folder: int, noticed: Noticed, touched: set[bytes]
    ) -> None:
        """Forget a folder with all in it."""
        for (inner,) in connection.execute(
            "SELECT id FROM folders WHERE parent = ?", (folder,)
        ).fetchall():
            self._drop(connection, inner, noticed, touched)
        path, archived = connection.execute(
            "SELECT path, archived FROM folders WHERE id = ?", (folder,)
        ).fetchone()
        here = InFolder(folder, os.fsdecode(path), bool(archived))
        touched |= FolderRollouts(connection, self._home, here, noticed).take([])
        connection.execute("DELETE FROM folders WHERE id = ?", (folder,))


def _inserted(connection: sqlite3.Connection, place: _Place, values: tuple[object, ...]) -> int:
    done = connection.execute(
        "INSERT INTO folders (path, parent, archived, depth, mtime_ns, ctime_ns, inode, settled)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (os.fsencode(place.path), place.parent, place.archived, place.depth, *values),
    )
    assert done.lastrowid is not None
    return done.lastrowid
