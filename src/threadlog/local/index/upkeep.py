"""The index of one home: brought up to date, and asked.

Every answer begins with a look at what changed on disk, so that none is older than the question.
The order of creation needs the folders' times and the facts of the page's own rollouts; whatever
else is sorted or filtered by needs the sizes and times of all rollouts.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from threadlog.core import cursor, filters, moments, query
from threadlog.core.cursor import Place
from threadlog.core.ids import Reference
from threadlog.core.index_status import IndexStatus, Progress, Stop, never, untold
from threadlog.core.query import ThreadPage, ThreadQuery, ThreadSummary
from threadlog.local.index import contents, given, pages, rows, schema
from threadlog.local.index.contents import Reader
from threadlog.local.index.database import Database, fact, note
from threadlog.local.index.known import KnownInventory, rollouts_of
from threadlog.local.index.noticed import ROW_LOST, Noticed, record
from threadlog.local.index.tree import Tree
from threadlog.local.index.trouble import Unusable
from threadlog.local.names import HomeNames
from threadlog.local.scan import Found, below
from threadlog.local.summaries import Summaries

if TYPE_CHECKING:
    from threadlog.core.stats import Tally
    from threadlog.local.index.scanner import Scanner

_Answer = TypeVar("_Answer")
# So often a page is asked for again that others have changed meanwhile.
TRIES = 4
# What local time is then tells one time zone from another.
_HALF_YEARS = range(15_768_000, 2_145_916_800, 15_768_000)  # of 1970 to 2037, in seconds


class Index:
    """The index of one home: brought up to date, and asked.  One caller at a time."""

    def __init__(self, home: str, database: Database, names: HomeNames) -> None:
        self._home = home
        self._database = database
        self._names = names
        self._tree = Tree(home, database)

    @property
    def path(self) -> str:
        """Where its file lies, or would."""
        return self._database.path

    @property
    def is_open(self) -> bool:
        """True while there is a connection to it."""
        return self._database.is_open

    @property
    def problems(self) -> list[str]:
        """What could not be listed."""
        return self._tree.problems

    def look(self, stop: Stop = never, *, check: bool = False) -> bool:
        """See which rollouts there are, and what the threads are called; False if stopped.

        Raises Unusable.
        """
        self._open()
        self._database.begin_look()
        noticed = Noticed(first=self._tree.is_new())
        whole = self._tree.look(noticed, stop, check=check)
        if whole:
            if check:
                self._give_rows(noticed)
            reader = self._reader()
            self._look_at_odd(reader, noticed)
            self._mind_the_zone(reader)
            self._take_names(reader)
        self._record(noticed)
        return whole

    def _give_rows(self, noticed: Noticed) -> None:
        """Rollouts without a thread, and threads without a rollout: no program leaves such."""
        with self._database.asking() as connection:
            lost = contents.without_thread(connection)
        noticed.kinds[ROW_LOST] += len(lost)
        self._tree.stand(lost)

    def look_at(self, paths: Iterable[str]) -> None:
        """The same as `look` and `sweep` where nothing but these paths changed; raises Unusable."""
        self._open()
        reader, noticed = self._reader(), Noticed()
        self._tree.look(noticed, never)
        self._look_at_odd(reader, noticed)
        with self._database.asking() as connection:
            found = contents.changed_at(connection, self._home, paths)
        reader.refresh(found, noticed)
        reader.read_lacking()
        self._mind_the_zone(reader)
        self._take_names(reader)
        self._record(noticed)

    def _look_at_odd(self, reader: Reader, noticed: Noticed) -> None:
        """Rollouts whose names do not tell what thread they are of, or when it began."""
        with self._database.asking() as connection:
            odd = contents.changed_odd(connection, self._home)
        if odd:
            keys = self._tree.name_again([each.id for each in odd])
            reader.refresh(odd, noticed)
            reader.read_rows(keys)

    def _mind_the_zone(self, reader: Reader) -> None:
        """Have the rows made anew that the local time zone has a part in, if it is another one."""
        zone = repr([time.localtime(moment).tm_gmtoff for moment in _HALF_YEARS])
        with self._database.asking() as connection:
            known = fact(connection, "zone") == zone
            zoned = [] if known else contents.zoned(connection)
        if not known:
            self._database.expect("zone", None)
            self._tree.stand(zoned)
            reader.read_rows(zoned)
            with self._database.changing() as connection:
                note(connection, "zone", zone)
        self._database.expect("zone", zone)

    def look_at_names(self) -> None:
        """See what the threads are called; raises Unusable."""
        self._open()
        reader = self._reader()
        self._mind_the_zone(reader)
        self._take_names(reader)

    def _open(self) -> None:
        if self._database.open():
            self._tree.forget()

    def sweep(self, progress: Progress = untold, stop: Stop = never) -> bool:
        """Read all that changed, after a `look`; False if stopped.  Raises Unusable."""
        reader = self._reader()
        noticed = Noticed()
        if reader.read_new(stop, partial(progress, "threads")):
            with self._database.asking() as connection:
                found = contents.changed(connection, self._home)
            reader.refresh(found, noticed, stop)
            reader.read_lacking(stop)
        self._record(noticed)
        return not stop()

    def catch_up(self, stop: Stop, progress: Progress = untold, *, check: bool = False) -> bool:
        """Read all there is to read, the newest first; True once there is nothing left.

        Goes on where any process has stopped; with *check* nothing that is there is believed to be
        whole.  Raises Unusable.
        """
        if not self.look(stop, check=check) or not self.sweep(progress, stop):
            return False
        done = self._scan_all(stop, partial(progress, "bytes"))
        with self._database.changing() as connection:
            note(connection, "looked", time.time_ns() // 1_000_000)
        return done

    def _scan_all(self, stop: Stop, progress: Callable[[int, int], None]) -> bool:
        """Read rollouts to their ends."""
        return self._scanner().scan_all(stop, progress)

    def tally(
        self, wanted: ThreadQuery, begin: Callable[[], Tally], progress: Progress = untold
    ) -> Tally:
        """What the threads used that *wanted* means, all of them read to their ends before."""
        from threadlog.local.index import ledgers  # a listing does without

        self.catch_up(never, progress)
        self._scanner().scan_forks()
        tally = self.told(lambda rows: ledgers.tally(self._home, rows, wanted, begin()))
        tally.problems = tuple(sorted(self.problems))
        return tally

    def _scanner(self) -> Scanner:
        from threadlog.local.index.scanner import Scanner  # a listing does without

        reader = self._reader()
        reader.hurry()
        return Scanner(self._home, self._database, reader)

    def status(self) -> IndexStatus:
        """How the index stands; makes none, and reads nothing but what it holds."""
        if not self._database.exists():
            return IndexStatus(self._database.path, "there is none yet")
        self._open()
        with self._database.asking() as connection:
            counts = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE row IS NULL), sum(scanned) FROM threads"
            ).fetchone()
            noticed = dict(connection.execute("SELECT kind, count FROM noticed ORDER BY kind"))
            looked = fact(connection, "looked")
        return IndexStatus(
            path=self._database.path,
            trouble=None,
            version=len(schema.INDEX.migrations),
            size_bytes=self._database.size_bytes(),
            threads=counts[0],
            unread=counts[1],
            scanned=counts[2] or 0,
            looked=moments.utc_text(looked) if looked else None,
            noticed=noticed,
        )

    def empty(self) -> None:
        """Forget everything, to read it again; raises Unusable."""
        self._open()
        self._database.empty()
        self._tree.forget()

    def unread(self) -> int:
        """How many rollouts were not read yet."""
        with self._database.asking() as connection:
            return contents.count_unread(connection)

    def page(self, wanted: ThreadQuery, after: Place | None, *, swept: bool) -> ThreadPage:
        """A page, after a `look`; of rollouts that were not *swept*, its own are looked at."""
        hits = self._hits(wanted, after, swept=swept)
        more = wanted.limit is not None and len(hits) > wanted.limit
        shown = hits[: wanted.limit] if more else hits
        places = [_place(hit, wanted.sort) for hit in shown[:1] + shown[-1:]]
        return ThreadPage(
            [rows.summary_of(self._home, hit[0]) for hit in shown if hit[0] is not None],
            cursor.cursor_text(places[-1]) if more else None,
            self.problems,
            previous=cursor.cursor_text(places[0]) if places else None,
            scanned_files=len(hits),
        )

    def counts(self, queries: Sequence[ThreadQuery], *, swept: bool) -> list[int]:
        """How many threads each query means, after a `look`, or a `sweep` too."""
        return self.told(
            lambda connection: [pages.count(connection, wanted) for wanted in queries], swept=swept
        )

    def told(self, ask: Callable[[sqlite3.Connection], _Answer], *, swept: bool = True) -> _Answer:
        """What *ask* finds in rows of one moment, after a `look` and, if *swept*, a `sweep`."""
        for _time in range(TRIES):
            with self._steady() as connection:
                if not (swept and contents.any_unread(connection)):
                    return ask(connection)
            self.sweep()
        raise Unusable(_RESTLESS)

    def summary(self, key: str) -> ThreadSummary:
        """The row of one thread, after a `look`."""
        raw = key.encode("utf-8", "surrogatepass")
        self._read_page([raw])
        with self._steady() as connection:
            found = connection.execute("SELECT row FROM threads WHERE key = ?", (raw,)).fetchone()
        if found is None or found[0] is None:
            raise Unusable(f"thread {key} has just gone")
        return rows.summary_of(self._home, found[0])

    def summary_at(self, found: Found) -> ThreadSummary:
        """The summary of a thread as one of its rollouts tells it, after a `look`."""
        with self._steady() as connection:
            alone = KnownInventory(self._home, connection, [found])
            thread_id = found.thread_id or alone.head(found).metadata.thread_id
            key = (thread_id or below(self._home, found.path)).encode("utf-8", "surrogatepass")
            group = [each.found for each in rollouts_of(connection, self._home, key)]
            # A file of no rollout's name is no rollout; and alone is alone, as the files have it.
            group = group if found in group else [found]
            inventory = KnownInventory(self._home, connection, group)
            return Summaries(self._home, inventory, self._names.read()).of(found)

    def ids_named(self, name: str) -> list[str]:
        """The threads that were given this name outside their rollouts."""
        with self._steady() as connection:
            found = connection.execute(
                "SELECT n.id FROM names n JOIN threads t ON t.key = CAST(n.id AS BLOB)"
                " WHERE n.name = ?",
                (filters.comparable(name),),
            )
            return [key for (key,) in found.fetchall()]

    def ids_fitting(self, reference: Reference) -> list[str]:
        """The ids that a reference is, or is a piece of."""
        text = reference.text.encode("utf-8", "surrogatepass")
        if reference.kind == "id":
            return self.keys("key = ?", text)
        found = []
        if reference.suffix:
            found += self.keys("substr(key, ?) = ?", -len(text), text)
        if reference.prefix:
            found += self.keys("key >= ? AND substr(key, 1, ?) = ?", text, len(text), text)
        return list(dict.fromkeys(found))

    def is_new(self) -> bool:
        """True if it was never brought up to date; makes none; raises Unusable."""
        if not self._database.exists():
            return True
        self._open()
        return self._tree.is_new()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def keys(self, condition: str, *values: object) -> list[str]:
        """The threads whose rows fulfil an SQL condition."""
        with self._steady() as connection:
            found = connection.execute(f"SELECT key FROM threads WHERE {condition}", values)
            return [key.decode("utf-8", "surrogatepass") for (key,) in found.fetchall()]

    def _hits(self, wanted: ThreadQuery, after: Place | None, *, swept: bool) -> list[pages.Hit]:
        """The rows of a page and one more, all of one moment, none of them to be made anew."""
        limit = -1 if wanted.limit is None else wanted.limit + 1
        fresh: set[bytes] = set()
        for _time in range(TRIES):
            with self._steady() as connection:
                lacking = swept and contents.any_unread(connection)
                hits = [] if lacking else pages.select(connection, wanted, after, limit)
            if lacking:  # another process, or thread, has noted what it has not read yet
                self.sweep()
                continue
            todo = [hit[1] for hit in hits if hit[0] is None or not (swept or hit[1] in fresh)]
            fresh.update(todo)
            if not (todo and self._read_page(todo)) and None not in (hit[0] for hit in hits):
                return hits
        raise Unusable(_RESTLESS)

    @contextmanager
    def _steady(self) -> Iterator[sqlite3.Connection]:
        """The connection, to read what is of one moment; opened again if it was let go of."""
        self._open()
        with self._database.steady() as connection:
            yield connection

    def _read_page(self, keys: Sequence[bytes]) -> bool:
        """Read what changed of some threads; True if anything did."""
        with self._database.asking() as connection:
            found = [
                each
                for at in range(0, len(keys), contents.CHUNK // 2)
                for each in contents.changed_of(
                    connection, self._home, keys[at : at + contents.CHUNK // 2]
                )
            ]
            unread = contents.to_read_again(connection, keys)
        reader, noticed = self._reader(), Noticed()
        done = bool(found or unread)
        reader.refresh(found, noticed)
        reader.read_rows(unread)
        self._record(noticed)
        return done

    def _take_names(self, reader: Reader) -> None:
        """Have the rows of threads made anew that were given a name, or another one."""
        token, beside = self._names.told()
        with self._database.asking() as connection:
            known = given.is_known(connection, repr(token))
        if not known:
            with self._database.changing() as connection:
                given.take(connection, repr(token), beside)
            reader.read_lacking()

    def _reader(self) -> Reader:
        return Reader(self._home, self._database)

    def _record(self, noticed: Noticed) -> None:
        if kinds := noticed.settle():
            with self._database.changing() as connection:
                record(connection, self._home, kinds)


_RESTLESS = "other processes keep changing the index"


def _place(hit: pages.Hit, sort: str) -> Place:
    moment = hit[2] if sort == query.CREATED else moments.utc_text(hit[2])
    return moment, hit[1].decode("utf-8", "surrogatepass")
