"""What rollouts hold, as far as listings show it: rows are made anew where facts have changed.

A rollout's facts are taken before it is read, so that what comes to it meanwhile is noticed the
next time.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from threadlog.core import filters, lines
from threadlog.core.index_status import Stop, never
from threadlog.local.heads import Parse
from threadlog.local.index import rows
from threadlog.local.index.database import Database, whole
from threadlog.local.index.given import GivenNames
from threadlog.local.index.known import KnownInventory, rollouts_of
from threadlog.local.index.noticed import EDITED, REPLACED, Noticed
from threadlog.local.index.scans import Kept, kept_scan, size_of
from threadlog.local.index.standing import unread_dependents
from threadlog.local.index.tree import SLICE_S
from threadlog.local.inventory import Head
from threadlog.local.summaries import Summaries

Facts = tuple[int, int, int, int]  # size, mtime_ns, ctime_ns, inode

_ROLLOUTS = """
SELECT r.folder, f.path, r.id, r.name, r.size, r.mtime_ns, r.ctime_ns, r.inode, r.key
FROM rollouts r JOIN folders f ON f.id = r.folder
"""
_UNREAD = -1  # the size of a rollout that nobody has read
_NOT_SEEN: Facts = (-2, 0, 0, 0)
CHUNK = 1000
# What changed so shortly before it was looked at may change again and bear the same times: it is
# looked at again.  (Clocks of local file systems tick every few milliseconds.)
UNSETTLED_NS = 20_000_000
# From so many rollouts on what reads them faster is worth loading.
MANY = 300
_SET = ", ".join(f"{column} = ?" for column in rows.COLUMNS)


class Changed(NamedTuple):
    """A rollout whose facts are no longer those of its row."""

    id: int
    key: bytes
    before: Facts
    now: Facts


def changed(connection: sqlite3.Connection, home: str) -> list[Changed]:
    """All rollouts that changed since they were read; a call to the system each."""
    return _compare(home, connection.execute(f"{_ROLLOUTS} ORDER BY r.folder"))


def changed_of(connection: sqlite3.Connection, home: str, keys: Sequence[bytes]) -> list[Changed]:
    """Those of some threads that changed, or were not read yet."""
    marks = ", ".join("?" * len(keys))
    return _compare(home, connection.execute(f"{_ROLLOUTS} WHERE r.key IN ({marks})", keys))


def changed_at(connection: sqlite3.Connection, home: str, paths: Iterable[str]) -> list[Changed]:
    """The same among those at some paths, relative to the home."""
    found: list[Changed] = []
    for path in paths:
        folder, name = os.path.split(path)
        rows_of = connection.execute(
            f"{_ROLLOUTS} WHERE f.path = ? AND r.name = ?", (os.fsencode(folder), os.fsencode(name))
        )
        found += _compare(home, rows_of)
    return found


def changed_odd(connection: sqlite3.Connection, home: str) -> list[Changed]:
    """The same among those whose names say too little to place them."""
    return _compare(home, connection.execute(f"{_ROLLOUTS} WHERE r.odd"))


def to_read_again(connection: sqlite3.Connection, keys: Sequence[bytes]) -> list[bytes]:
    """Of some threads those without a row, and those that begin as another does."""
    found: list[bytes] = []
    for at in range(0, len(keys), CHUNK // 2):
        some = keys[at : at + CHUNK // 2]
        marks = ", ".join("?" * len(some))
        rows_of = connection.execute(
            f"SELECT key FROM threads WHERE row IS NULL AND key IN ({marks}) UNION"
            f" SELECT key FROM rollouts WHERE base IS NOT NULL AND key IN ({marks})",
            (*some, *some),
        )
        found += [key for (key,) in rows_of.fetchall()]
    return found


def unscanned(connection: sqlite3.Connection, skip: int) -> list[bytes]:
    """Threads whose rollouts were not read to their ends, the newest first."""
    found = connection.execute(
        "SELECT key FROM threads WHERE (scanned = 0 OR ledger IS NULL) AND row IS NOT NULL"
        " ORDER BY updated_ms DESC LIMIT ?",
        (CHUNK + skip,),
    )
    return [key for (key,) in found.fetchall()]


def unscanned_bytes(connection: sqlite3.Connection) -> int:
    """How much there is to read for that, as far as is known."""
    (total,) = connection.execute(
        "SELECT sum(max(r.size - iif(t.ledger IS NULL, 0, coalesce(t.scan_at, 0)), 0))"
        " FROM threads t JOIN rollouts r ON r.id = t.rollout"
        " WHERE (t.scanned = 0 OR t.ledger IS NULL) AND t.row IS NOT NULL"
    ).fetchone()
    return int(total or 0)


def zoned(connection: sqlite3.Connection) -> list[bytes]:
    """The threads whose times depend on the local time zone."""
    found = connection.execute("SELECT key FROM threads WHERE zoned").fetchall()
    return [key for (key,) in found]


def without_thread(connection: sqlite3.Connection) -> list[bytes]:
    """The keys of rollouts that no thread has, and of threads that have no rollout."""
    found = connection.execute(
        "SELECT key FROM rollouts WHERE key NOT IN (SELECT key FROM threads) UNION"
        " SELECT key FROM threads WHERE rollout NOT IN (SELECT id FROM rollouts)"
    )
    return [key for (key,) in found.fetchall()]


def any_unread(connection: sqlite3.Connection) -> bool:
    """True if there is a thread whose row is to be made."""
    found = connection.execute("SELECT 1 FROM threads WHERE row IS NULL LIMIT 1").fetchone()
    return found is not None


def count_unread(connection: sqlite3.Connection) -> int:
    """How many threads were not read yet."""
    found = connection.execute("SELECT count(*) FROM threads WHERE row IS NULL").fetchone()
    return int(found[0])


def _compare(
    home: str, found: Iterable[tuple[int, bytes, int, bytes, int, int, int, int, bytes]]
) -> list[Changed]:
    result = []
    status = os.lstat
    settled_ns = time.time_ns() - UNSETTLED_NS
    separator = os.sep.encode()
    root = os.fsencode(home) + separator
    for _folder, path, each, name, size, mtime_ns, ctime_ns, inode, key in found:
        before = (size, mtime_ns, ctime_ns, inode)
        try:
            now = status(root + path + separator + name)
        except OSError:  # not there any more, or not for us: its row will say so
            facts = _NOT_SEEN
        else:
            ctime_ns_now = now.st_ctime_ns if now.st_ctime_ns < settled_ns else -1
            facts = (now.st_size, now.st_mtime_ns, ctime_ns_now, now.st_ino)
        if facts != before:
            facts = (facts[0], whole(facts[1]), whole(facts[2]), whole(facts[3]))
            if facts != before:
                result.append(Changed(each, key, before, facts))
    return result


class Reader:
    """Reads rollouts into the rows of their threads."""

    def __init__(self, home: str, database: Database) -> None:
        self._home = home
        self._database = database
        self._parse: Parse = lines.parse
        self._heads: dict[str, Head] = {}  # those read in this transaction

    def hurry(self) -> None:
        """Load what reads many rollouts faster."""
        from threadlog.core import quick

        self._parse = quick.parse

    def read_new(self, stop: Stop, progress: Callable[[int, int], None]) -> bool:
        """Read the threads that nobody read yet, the newest first; True once there are none."""
        with self._database.asking() as connection:
            total = left = count_unread(connection)
        if total > MANY:
            self.hurry()
        while left and not stop():
            with self._database.asking() as connection:
                found = connection.execute(
                    f"{_ROLLOUTS} JOIN threads t ON t.rollout = r.id WHERE t.row IS NULL"
                    f" AND r.size = {_UNREAD} ORDER BY t.stamp DESC LIMIT ?",
                    (CHUNK,),
                ).fetchall()
            todo = _compare(self._home, found)
            if not todo:
                break
            todo.reverse()
            self.refresh(todo, Noticed(), stop)
            left -= len(found) - len(todo)
            progress(max(total - left, 0), total)
        return not stop()

    def refresh(self, found: Sequence[Changed], noticed: Noticed, stop: Stop = never) -> None:
        """Read what changed, the last of *found* first; raises Unusable."""
        threads: dict[bytes, list[Changed]] = {}
        for each in found:
            threads.setdefault(each.key, []).append(each)
        while threads and not stop():
            with self._database.changing() as connection:
                until = self.begin()
                while threads:
                    self._refresh(connection, threads.popitem()[1], noticed)
                    if time.monotonic() >= until:
                        break

    def begin(self) -> float:
        """A transaction begins; returns when it is to end.  Heads read before may be old."""
        self._heads.clear()
        return time.monotonic() + SLICE_S

    def read_rows(self, keys: Iterable[bytes], stop: Stop = never) -> None:
        """Make the rows of these threads anew; raises Unusable."""
        todo = list(keys)
        while todo and not stop():
            with self._database.changing() as connection:
                until = self.begin()
                while todo:
                    self.read(connection, todo.pop())
                    if time.monotonic() >= until:
                        break

    def read_lacking(self, stop: Stop = never) -> None:
        """Make the rows anew of all threads that were read, but have none; raises Unusable."""
        while not stop():
            with self._database.asking() as connection:
                todo = _without_row(connection)
            if not todo:
                return
            self.read_rows(todo, stop)

    def _refresh(
        self, connection: sqlite3.Connection, changes: Sequence[Changed], noticed: Noticed
    ) -> None:
        """Note what changed of one thread's rollouts, and make its row anew."""
        noted = False
        for each in changes:
            row = connection.execute(
                "SELECT size, mtime_ns, ctime_ns, inode FROM rollouts WHERE id = ? AND key = ?",
                (each.id, each.key),
            ).fetchone()
            if row in (None, each.now):
                continue  # another process was faster
            noted = True
            connection.execute(
                "UPDATE rollouts SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ? WHERE id = ?",
                (*each.now, each.id),
            )
            each = each._replace(before=row)  # noqa: PLW2901
            grown = False
            if row[0] >= 0:
                odd = _judge(each)
                if odd is not None:
                    noticed.kinds[odd] += 1
                if not _keeps_scan(each):
                    connection.execute("UPDATE threads SET scan = NULL WHERE key = ?", (each.key,))
                grown = odd is None
            unread_dependents(connection, [each.id], grown=grown)
        if noted:
            self.read(connection, changes[0].key)

    def read(
        self,
        connection: sqlite3.Connection,
        key: bytes,
        seen: KnownInventory | None = None,
        kept: Kept | None = None,
    ) -> None:
        """Make one thread's row anew.

        What has just been *seen* of its rollouts, and *kept* of what they told, is not read again.
        """
        group = rollouts_of(connection, self._home, key)
        if not group:
            connection.execute("DELETE FROM threads WHERE key = ?", (key,))
            return
        founds = [each.found for each in group]
        inventory = seen
        if inventory is None or inventory.group(founds[-1]) != founds:
            inventory = KnownInventory(self._home, connection, founds, self._parse, self._heads)
            kept = kept_scan(connection, key, founds[-1])
        counts = kept.counts if kept and kept.size == size_of(founds[-1]) else None
        summaries = Summaries(self._home, inventory, GivenNames(connection))
        summary = summaries.of(founds[-1], kept.metadata if kept else None, counts)
        zoned = any(inventory.is_zoned(each) for each in founds)
        connection.execute(
            f"UPDATE threads SET {_SET}, zoned = ? WHERE key = ?",
            (*rows.values(self._home, summary), zoned, key),
        )
        for each in group:
            base = inventory.head(each.found).metadata.base
            if base is not None:
                connection.execute(
                    "UPDATE rollouts SET base = ? WHERE id = ?",
                    (filters.comparable(base.rollout_id), each.id),
                )


def _without_row(connection: sqlite3.Connection) -> list[bytes]:
    """Threads whose rollouts were read, but whose rows are to be made anew."""
    found = connection.execute(
        "SELECT t.key FROM threads t JOIN rollouts r ON r.id = t.rollout"
        f" WHERE t.row IS NULL AND r.size != {_UNREAD} LIMIT ?",
        (CHUNK,),
    )
    return [key for (key,) in found.fetchall()]


def _keeps_scan(each: Changed) -> bool:
    """True if what was read is likely to stand there still; the scan's seal says more.

    Not if nothing but the time of the last change of all is another: who edits a file can give it
    its old times back.
    """
    if each.now[3] != each.before[3]:
        return False
    settled = each.before[2] == -1 and each.now[:2] == each.before[:2]
    return settled or each.now[0] > each.before[0]


def _judge(each: Changed) -> str | None:
    """What has become of a rollout; None if it has grown, which is what rollouts do."""
    if each.now[3] != each.before[3]:
        return REPLACED
    shrunk = each.now[0] < each.before[0]
    edited = each.now[0] == each.before[0] and each.now[1] != each.before[1]
    return EDITED if shrunk or edited else None
