"""Which threads there are, answered from the files alone.

Every rollout counts: in an unusual folder, of an unusual name, without a user message, with a
damaged head.  What cannot be told is None, and `problem` says why.
"""

from __future__ import annotations

import heapq
import itertools
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from threadlog.core import cursor, family, filters, ids, moments, query
from threadlog.core.cursor import Place
from threadlog.core.family import Family
from threadlog.core.ids import Reference
from threadlog.core.index_status import Progress, Stop, never
from threadlog.core.names import Beside
from threadlog.core.query import ThreadPage, ThreadQuery, ThreadSummary
from threadlog.errors import BadCursor, GivenUp
from threadlog.local import kin
from threadlog.local.folders import SameFolders
from threadlog.local.inventory import Inventory
from threadlog.local.references import resolve
from threadlog.local.scan import Found, below
from threadlog.local.summaries import Summaries

if TYPE_CHECKING:
    from threadlog.core.stats import Tally

ReadBeside = Callable[[], Beside]
GIVEN_UP = "the listing was given up"


class FileCatalog:
    """The threads of a home as its files tell them; *read_beside* gives the users' names."""

    def __init__(self, home: str, read_beside: ReadBeside) -> None:
        self._home = home
        self._read_beside = read_beside

    def page(self, wanted: ThreadQuery, stop: Stop = never) -> ThreadPage:
        """The threads that *wanted* asks for, in its order; raises BadCursor, GivenUp."""
        after = read_cursor(wanted)
        inventory = Inventory(self._home)
        if wanted.cwd == ():  # Codex: no folder means no thread
            return ThreadPage((), None, inventory.problems)
        summaries = Summaries(self._home, inventory, self._read_beside())
        folders = SameFolders(wanted.cwd, below=wanted.below)
        rows: list[ThreadSummary] = []
        places: list[Place] = []
        scanned, following = 0, None
        filtered, created = filters.needs_content(wanted), wanted.sort == query.CREATED
        for (moment, key), found in _ordered(self._home, inventory, wanted, after):
            _go_on(stop)
            full = len(rows) == wanted.limit
            scanned += 1
            row = None if full and not filtered else summaries.of(found)
            if row is not None and not filters.matches(row, wanted, folders):
                continue
            if full or row is None:
                following = cursor.cursor_text(places[-1])
                break
            rows.append(row)
            places.append((moment if created else moments.utc_text(moment), key))
        previous = cursor.cursor_text(places[0]) if places else None
        problems = sorted(inventory.problems)
        return ThreadPage(rows, following, problems, previous=previous, scanned_files=scanned)

    def counts(self, queries: Sequence[ThreadQuery], stop: Stop = never) -> list[int]:
        """How many threads each query means, whatever its cursor and limit; raises GivenUp."""
        inventory = Inventory(self._home)
        summaries = Summaries(self._home, inventory, self._read_beside())

        def told(found: Found) -> ThreadSummary:
            _go_on(stop)
            return summaries.of(found)

        return [self._count(wanted, inventory, told) for wanted in queries]

    def _count(
        self, wanted: ThreadQuery, inventory: Inventory, told: Callable[[Found], ThreadSummary]
    ) -> int:
        if wanted.cwd == ():
            return 0
        plain = wanted._replace(cursor=None, limit=None)
        placed = _ordered(self._home, inventory, plain, None)
        if not filters.needs_content(plain):
            return len(placed)
        folders = SameFolders(plain.cwd, below=plain.below)
        return sum(filters.matches(told(each), plain, folders) for _place, each in placed)

    def tally(self, wanted: ThreadQuery, begin: Callable[[], Tally], progress: Progress) -> Tally:
        """What the threads used that *wanted* means: every one of them is read to its end."""
        from threadlog.local.reading import LocalRollouts
        from threadlog.local.scanning import scan  # loads what no listing needs

        inventory = Inventory(self._home)
        summaries = Summaries(self._home, inventory, self._read_beside())
        rollouts = LocalRollouts(self._home, inventory=inventory)
        folders, tally = SameFolders(wanted.cwd, below=wanted.below), begin()
        # What the rest of a rollout can set anew is asked for once it was read.
        early = wanted._replace(text=None, branch=None, repository=None)
        placed = [] if wanted.cwd == () else _ordered(self._home, inventory, wanted, None)
        for number, (_place, found) in enumerate(placed):
            progress("threads", number, len(placed))
            thread = summaries.of(found)
            if filters.matches(thread, early, folders):
                told = scan(rollouts, thread, None, lambda: False)
                thread = summaries.of(found, told.metadata, told.counts)
                if filters.matches(thread, wanted, folders):
                    tally.add(thread, told.ledger)
        tally.problems = tuple(sorted(inventory.problems))
        return tally

    def expect(self, paths: Sequence[str] | None) -> None:
        """Every answer is as new as its question anyway."""

    def find(self, reference: str) -> ThreadSummary:
        """The one thread meant; raises NotFound, Ambiguous, OutsideHome."""
        return resolve(self._home, _FileThreads(self._home, self._read_beside()), reference)

    def building_on(self, rollout_ids: Collection[str]) -> list[tuple[str | None, str]]:
        """The rollouts that build on one of these: thread id and path; raises Unreadable."""
        inventory = Inventory(self._home)
        kin.all_listed(inventory.problems)
        everything = itertools.chain(inventory.rollouts(), inventory.anonymous)
        return kin.building_on(inventory, everything, rollout_ids)

    def family(self, wanted: Family, stop: Stop = never) -> list[ThreadSummary]:
        """The threads that belong together; raises GivenUp."""
        inventory = Inventory(self._home)
        summaries = Summaries(self._home, inventory, self._read_beside())
        return family.members(wanted, kin.FileKin(inventory, summaries, lambda: _go_on(stop)))


class _FileThreads:
    """The threads of a home at one moment, to find one of them."""

    def __init__(self, home: str, beside: Beside) -> None:
        self._names = beside.names
        self._inventory = Inventory(home)
        self._summaries = Summaries(home, self._inventory, beside)

    @property
    def problems(self) -> Sequence[str]:
        """What could not be listed."""
        return self._inventory.problems

    def has_name(self, name: str) -> bool:
        """True if a thread was given this name outside its rollout."""
        return any(each.name == name for each in self._names.values())

    def last(self) -> list[str]:
        """The active thread that changed most recently."""
        active = [
            (_mtime_ms(found.path), thread_id)
            for thread_id, found in self._inventory.current.items()
            if not found.archived
        ]
        return [max(active)[1]] if active else []

    def fitting(self, reference: Reference) -> list[str]:
        """The ids that a reference is, or is a piece of."""
        current = self._inventory.current
        if reference.kind == "id":
            return [reference.text] if reference.text in current else []
        return [each for each in current if ids.fits(reference, each)]

    def named(self, name: str) -> list[str]:
        """The threads of this name given outside their rollouts."""
        current = self._inventory.current
        return [key for key, each in self._names.items() if each.name == name and key in current]

    def named_inside(self, name: str) -> list[str]:
        """The threads of this name, after a look at every head."""
        current = self._inventory.current
        return [key for key, found in current.items() if self._summaries.of(found).name == name]

    def summary(self, thread_id: str) -> ThreadSummary:
        """The summary of a thread found."""
        return self._summaries.of(self._inventory.current[thread_id])

    def summary_at(self, found: Found) -> ThreadSummary:
        """The summary of the thread of a rollout."""
        return self._summaries.of(found)


_Placed = tuple[tuple[Any, str], Found]  # the moment (of creation: its stamp; else in ms), the id


def _ordered(
    home: str, inventory: Inventory, wanted: ThreadQuery, after: Place | None
) -> list[_Placed]:
    """The threads of the order wanted; no more of them than can be needed."""
    placed = _placed(inventory, wanted.sort, home)
    if wanted.archived is not None:
        placed = (each for each in placed if each[1].archived == wanted.archived)
    if after is not None:
        first = (after[0] if wanted.sort == query.CREATED else moments.unix_ms(after[0]), after[1])
        placed = (each for each in placed if _beyond(each[0], first, wanted))
    if wanted.limit is not None and not filters.needs_content(wanted):
        pick = heapq.nsmallest if wanted.ascending else heapq.nlargest
        return pick(wanted.limit + 1, placed)
    return sorted(placed, reverse=not wanted.ascending)


def _beyond(place: tuple[Any, str], after: tuple[Any, str], wanted: ThreadQuery) -> bool:
    return place > after if wanted.ascending else place < after


def _placed(inventory: Inventory, sort: str, home: str) -> Iterable[_Placed]:
    """The threads with their places; one at a time, as most are of no page."""
    nameless = ((below(home, found.path), found) for found in inventory.anonymous)
    everything = itertools.chain(inventory.current.items(), nameless)
    if sort == query.CREATED:
        special = inventory.siblings
        return (
            ((found.stamp, key), found)  # what creation_stamp says of nearly all
            if found.stamp and key not in special
            else ((creation_stamp(inventory, found), key), found)
            for key, found in everything
        )
    change = _mtime_ms if sort == query.UPDATED else inventory.recency_ms
    clamped = moments.clamped_ms  # as the cursor will have it
    return (((clamped(change(found.path)), key), found) for key, found in everything)


def creation_stamp(inventory: Inventory, found: Found) -> str:
    """The place of a thread in the order of creation: that of its oldest rollout."""
    oldest = inventory.group(found)[0]
    return oldest.stamp or inventory.stamp(oldest)


def _go_on(stop: Stop) -> None:
    """Raises GivenUp where the answer is not wanted any more."""
    if stop():
        raise GivenUp(GIVEN_UP)


def read_cursor(wanted: ThreadQuery) -> Place | None:
    """Where a page begins; raises BadCursor."""
    if wanted.cursor is None:
        return None
    place = cursor.read_cursor(wanted.cursor, wanted.sort, ascending=wanted.ascending)
    if place is None:
        raise BadCursor(
            f"invalid cursor: {wanted.cursor!r}; use one that a listing by {wanted.sort} gave"
        )
    return place


def _mtime_ms(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns // 1_000_000
    except OSError:
        return 0
