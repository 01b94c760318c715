"""One search of the word index: which sources it means, where hits come from, and the page."""

from __future__ import annotations

import heapq
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, Self

from threadlog.core.index_status import Progress, Stop
from threadlog.core.query import ThreadSummary
from threadlog.core.search import RELEVANCE, Inherited, Place, SearchPage, SearchQuery
from threadlog.errors import Unreadable
from threadlog.local.index import pages, rows
from threadlog.local.search import inherited
from threadlog.local.search.answer import Answer, NotNarrowed, left_out, paged
from threadlog.local.search.asking import (
    NAMED_SOURCES,
    NOTHING,
    Asking,
    Bounds,
    Candidate,
    Row,
    expression,
)
from threadlog.local.search.plans import Plan, Planner
from threadlog.local.search.scanning import Scan, Unread
from threadlog.local.search.sources import Pending, key_text
from threadlog.local.search.vocabulary import Vocabulary


class Known(NamedTuple):
    """The sources of one moment.

    `origins` are the keys of the threads that forks copied; `left_out` counts the places of a
    source that could not be read.
    """

    rows: dict[int, Row]
    origins: dict[int, bytes]
    left_out: dict[int, int]

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Self:
        """Those that the word index has."""
        found = connection.execute(
            "SELECT id, key, stem, path, copied_to, odd, origin, left_out FROM sources"
            " WHERE read_to IS NOT NULL"
        ).fetchall()
        known: dict[int, Row] = {}
        origins: dict[int, bytes] = {}
        left_out: dict[int, int] = {}
        for number, key, stem, path, copied_to, odd, origin, places in found:
            known[number] = Row(key, stem, path, copied_to, odd)
            if places:
                left_out[number] = places
            if copied_to:
                origins[number] = origin
        return cls(known, origins, left_out)


class Searching:
    """A search of one moment of the word index."""

    def __init__(
        self, home: str, connection: sqlite3.Connection, query: SearchQuery, known: Known
    ) -> None:
        self._home = home
        self._connection = connection
        self._query = query
        self._keys = _keys(connection, query)
        self._all = self._rows = known.rows
        if self._keys is not None:
            keys = self._keys
            self._rows = {k: row for k, row in known.rows.items() if row.key in keys}
        self._hide(known.origins)
        self._left_out = known.left_out
        self._unreadable = 0
        self._inherited: list[Unread] = []
        self._changed: dict[bytes, None] = {}  # keys of threads to be read, the newest first

    def _hide(self, origins: Mapping[int, bytes]) -> None:
        """Leave out what forks copied of threads that are searched themselves."""
        hidden = {
            each: self._rows[each]._replace(own_from=self._rows[each].copied_to)
            for each, origin in origins.items()
            if each in self._rows and self._hides(origin)
        }
        if hidden:
            self._rows = {**self._rows, **hidden}

    def _hides(self, origin: bytes | None) -> bool:
        """True if what was copied of a thread is found there."""
        if origin is None or self._query.copies or not self._is_searched(origin):
            return False
        there = "SELECT 1 FROM threads WHERE key = ?"
        return self._connection.execute(there, (origin,)).fetchone() is not None

    def _is_searched(self, key: bytes) -> bool:
        return self._keys is None or key in self._keys

    def leave_to_reading(self, todo: Sequence[Pending], gone: Sequence[int]) -> None:
        """These threads are not as the word index has them: what is new is to be read.

        Sources that are *gone* are found no more.
        """
        if todo or gone:
            self._rows = dict(self._rows)
        for number in gone:
            self._rows.pop(number, None)
        self._changed = dict.fromkeys(each.key for each in todo if self._is_searched(each.key))
        self._inherit({each.key for each in todo})

    def _unread(self, scan: Scan) -> Iterator[Unread]:
        """What is to be read, a thread behind the other: all at once would be large.

        What each has in `rows` is left out by then.
        """
        planner = Planner(self._home, self._connection)
        for number, key in enumerate(self._changed):
            scan.go_on()
            self._progress("threads", number, len(self._changed))
            plans, no_more = planner.plans(key)
            for source in no_more:
                self._rows.pop(source, None)
            for plan in plans:
                if (unread := self._left(plan)) is not None:
                    yield unread
        yield from self._inherited

    def _inherit(self, changed: Collection[bytes]) -> None:
        """Search what threads build on too."""
        for part in self._query.inherited:
            if self._is_searched(part.of.encode("utf-8", "surrogatepass")):
                self._search_part(part, changed)

    def _search_part(self, part: Inherited, changed: Collection[bytes]) -> None:
        """Up to its end: as it is known, or, where its thread has *changed*, by reading it."""
        key = part.key.encode("utf-8", "surrogatepass")
        where = (key, inherited.stem(part))
        known = self._connection.execute(
            "SELECT id, read_to FROM sources WHERE key = ? AND stem = ?", where
        ).fetchone()
        number, read_to = known or (0, None)
        if key not in changed and (read_to or 0) >= part.end:
            row = self._all[number]._replace(own_from=0, valid_to=part.end)
            self._rows = {**self._rows, number: row}
            return
        try:
            self._inherited.append(inherited.to_be_read(self._home, part))
        except Unreadable:
            self._unreadable += 1

    def _left(self, plan: Plan) -> Unread | None:
        """What is to be read of a rollout, which is left out of `rows` so far."""
        if plan.stays:
            return None
        row = self._rows.pop(plan.known_id, None) if plan.known_id is not None else None
        if plan.reached is not None and row is not None and plan.known_id is not None:
            self._rows[plan.known_id] = row._replace(valid_to=plan.reached.offset)
        if plan.head is None:
            self._unreadable += 1
            return None
        return Unread(
            key=key_text(plan.key),
            stem=os.fsdecode(plan.source.stem),
            full_path=plan.source.found.path,
            path=plan.path,
            head=plan.head,
            cut=plan.source.cut,
            copied_to=plan.copied.to,
            own_from=plan.copied.to if self._hides(plan.copied.origin) else 0,
            reached=plan.reached,
        )

    def page(
        self, vocabulary: Vocabulary, after: Place | int | None, progress: Progress, stop: Stop
    ) -> SearchPage:
        """The page after a place, or so many hits; raises GivenUp once *stop* is true."""
        self._progress = progress
        skip, before = (after, None) if isinstance(after, int) else (0, after)
        scan = Scan(self._query, before, skip, stop)
        for unread in self._unread(scan):
            scan.read(unread)
        named = self._rows if self._keys is not None and len(self._rows) <= NAMED_SOURCES else None
        match = expression(self._connection, self._query, vocabulary, named)
        if match is None:
            return self._by_reading(scan, skip)
        asking = None if match == NOTHING else self._asking(match)
        try:
            return self._by_words(asking, scan, skip, before)
        except NotNarrowed:
            return self._by_reading(scan, skip)

    def _asking(self, match: str) -> Asking:
        bounds = Bounds(self._query.after_ms, self._query.before_ms)
        return Asking(self._connection, match, self._rows, bounds)

    def _by_words(
        self, asking: Asking | None, scan: Scan, skip: int, before: Place | None
    ) -> SearchPage:
        found: Iterator[Candidate] = iter(())
        counts: tuple[int, int] | None = None
        if asking is not None and self._query.order == RELEVANCE:
            found = asking.most_relevant()
        elif asking is not None:
            found = asking.newest(before)
        if self._query.counted:
            counts = self._counts(asking, scan)
        if self._query.order == RELEVANCE:
            return self._page(chain(found, scan.hits), scan, counts, skip)
        both = heapq.merge(found, scan.hits, key=lambda each: each.place, reverse=True)
        return self._page(iter(both), scan, counts, skip)

    def _counts(self, asking: Asking | None, scan: Scan) -> tuple[int, int]:
        """How many passages, in how many threads."""
        total, keys = scan.total, set(scan.keys)
        if asking is not None and self._query.needle is None:
            count, of = asking.counts()
            total, keys = total + count, keys | {key_text(each) for each in of}
        elif asking is not None:
            for _hit, candidate in self._answer().hits(scan.while_wanted(asking.newest())):
                total += 1
                keys.add(candidate.place[1])
        return total, len(keys)

    def _by_reading(self, scan: Scan, skip: int) -> SearchPage:
        """Where words do not narrow, all rollouts are looked through."""
        for place, (number, row) in enumerate(self._rows.items()):
            self._progress("threads", place, len(self._rows))
            scan.look_through(self._connection, number, row, _full(self._home, row.path))
        counts = (scan.total, len(scan.keys)) if self._query.counted else None
        return self._page(iter(scan.hits), scan, counts, skip)

    def _page(
        self,
        candidates: Iterator[Candidate],
        scan: Scan,
        counts: tuple[int, int] | None,
        skip: int,
    ) -> SearchPage:
        """The page that these make; raises NotNarrowed."""
        answer = self._answer()
        hits, following = paged(answer, self._query, scan.while_wanted(candidates), skip)
        return SearchPage(
            hits,
            following,
            left_out(self._places() + scan.left_out + answer.lost),
            counts=counts,
            scanned=len(self._changed),
        )

    def _places(self) -> int:
        """How many places of the threads that are searched could not be read."""
        known = sum(places for each, places in self._left_out.items() if each in self._rows)
        return known + self._unreadable

    def _answer(self) -> Answer:
        return Answer(self._home, self._query, self._summary)

    def _summary(self, key: str) -> ThreadSummary | None:
        found = self._connection.execute(
            "SELECT row FROM threads WHERE key = ?", (key.encode("utf-8", "surrogatepass"),)
        ).fetchone()
        return rows.summary_of(self._home, found[0]) if found and found[0] else None


def _keys(connection: sqlite3.Connection, query: SearchQuery) -> set[bytes] | None:
    """The keys of the threads that are searched; None if all are."""
    keys: set[bytes] | None = None
    where, bound = pages.conditions(connection, query.threads)
    if where != pages.ALL:
        found = connection.execute(f"SELECT key FROM threads WHERE {where}", bound)
        keys = {key for (key,) in found.fetchall()}
    if query.within is not None:
        within = {each.encode("utf-8", "surrogatepass") for each in query.within}
        keys = within if keys is None else keys & within
    return keys


def _full(home: str, path: bytes) -> str:
    return os.path.join(home, os.fsdecode(path))
