"""Which threads there are, answered by the index; by the files wherever there is none to ask."""

from __future__ import annotations

import math
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from threadlog.core import filters, query
from threadlog.core.cursor import Place
from threadlog.core.family import Family, members
from threadlog.core.ids import Reference
from threadlog.core.index_status import IndexStatus, Progress, Stop, never, untold
from threadlog.core.query import ThreadPage, ThreadQuery, ThreadSummary
from threadlog.errors import GivenUp
from threadlog.local.catalog import GIVEN_UP, FileCatalog, read_cursor
from threadlog.local.index import forks
from threadlog.local.index.connections import Connections, own
from threadlog.local.kin import all_listed
from threadlog.local.references import resolve
from threadlog.local.scan import Found

if TYPE_CHECKING:
    from sqlite3 import Connection

    from threadlog.core.stats import Tally
    from threadlog.local.index.upkeep import Index
    from threadlog.local.watch import Watcher

_Answer = TypeVar("_Answer")
# With more rollouts to be read than this, the files answer what they can answer as fast.
READ_AT_ONCE = 300
# Behind the watcher everything is looked at so often all the same: a change can go untold.
SWEEP_EVERY_S = 60.0


class Indexes(Protocol):
    """Where the index of a home is to be had."""

    def has_index(self) -> bool:
        """True if somebody made one."""

    def index(self) -> Index:
        """A connection of its own to it."""


class IndexedCatalog:
    """The threads of a home; *files* answers what *index* cannot."""

    def __init__(
        self,
        home: str,
        files: FileCatalog,
        indexes: Indexes,
        freshness_s: float = 0,
    ) -> None:
        """*indexes* makes a connection of its own each time.

        With *freshness_s* an answer may be so many seconds old; the file system is asked to tell
        of changes, and where it does not, everything is looked at no more often than that.
        """
        self._freshness_s = freshness_s
        self._watcher = _watcher(home) if freshness_s else None
        self._expected: deque[str | None] = deque()  # what this process changed itself
        # Whether, and when, everything was looked at that could have changed.
        self._known, self._swept_at = False, -math.inf
        self._home = home
        self._files = files
        self._indexes = indexes
        self._connections: Connections[Index] = Connections(home, "index", indexes.index)
        self.progress: Progress = untold
        forks.look_after(self)
        if self._watcher is not None:  # whose thread would go on without us
            weakref.finalize(self, self._watcher.close)

    @property
    def _index(self) -> Index:
        return self._connections.asked

    @property
    def trouble(self) -> str | None:
        """Why the index could not be asked, the last time."""
        return self._connections.trouble

    def _is_new(self) -> bool:
        """True if there is no index, or an empty one; loads nothing where there is none."""
        if not self._connections.is_made() and not self._indexes.has_index():
            return True
        return self._index.is_new()

    @property
    def problems(self) -> list[str]:
        """What the last look at the folders could not list."""
        return self._index.problems

    def page(self, wanted: ThreadQuery, stop: Stop = never) -> ThreadPage:
        """The threads that *wanted* asks for, in its order; raises BadCursor, GivenUp."""
        after = read_cursor(wanted)
        told = self._connections.ask(lambda: self._page(wanted, after, own(stop)))
        return told[0] if told else self._files.page(wanted, stop)

    def counts(self, queries: Sequence[ThreadQuery], stop: Stop = never) -> list[int]:
        """How many threads each query means, whatever its cursor and limit; after one look.

        Raises GivenUp.
        """
        told = self._connections.ask(lambda: self._counts(queries, own(stop)))
        return told[0] if told else self._files.counts(queries, stop)

    def tally(self, wanted: ThreadQuery, begin: Callable[[], Tally]) -> Tally:
        """What the threads used that *wanted* means; all that was not read yet is read first."""
        progress = own(self.progress)
        told = self._connections.keep(lambda index: (index.tally(wanted, begin, progress),))
        return told[0] if told else self._files.tally(wanted, begin, self.progress)

    def find(self, reference: str) -> ThreadSummary:
        """The one thread meant; raises NotFound, Ambiguous, OutsideHome."""
        told = self._connections.ask(lambda: self._find(reference))
        return told[0] if told else self._files.find(reference)

    def building_on(self, rollout_ids: Collection[str]) -> list[tuple[str | None, str]]:
        """The rollouts that build on one of these: thread id and path; raises Unreadable."""
        from threadlog.local.index import kin  # loads SQLite

        told = self._connections.ask(
            lambda: (self._swept(lambda rows: kin.building_on(self._home, rows, rollout_ids)),)
        )
        if told is None:
            return self._files.building_on(rollout_ids)
        all_listed(self._index.problems)
        return told[0]

    def family(self, wanted: Family, stop: Stop = never) -> list[ThreadSummary]:
        """The threads that belong together; raises GivenUp."""
        from threadlog.local.index import kin

        def ask(rows: Connection) -> list[ThreadSummary]:
            return members(wanted, kin.IndexKin(self._home, rows))

        told = self._connections.ask(lambda: (self._swept(ask, own(stop)),))
        return told[0] if told else self._files.family(wanted, stop)

    def expect(self, paths: Sequence[str] | None) -> None:
        """This process changed these rollouts, or (None) who knows what: the next answer has it."""
        if self._watcher is not None:
            self._expected.extend([None] if paths is None else paths)

    def close(self) -> None:
        """Let go of the index, until it is asked again."""
        self.close_idle()
        if self._watcher is not None:
            self._watcher.close()

    def close_idle(self) -> None:
        """Close the connections that nobody uses at this moment."""
        self._connections.close_idle()

    def forked(self) -> None:
        """Begin anew, in the child."""
        self._connections.forked()
        self._known = False

    def brought_up(self, stop: Stop = never) -> str | None:
        """Where the index lies, its rows as new as this moment; None if there is none to ask.

        Raises GivenUp.
        """
        told = self._connections.ask(lambda: (self._brought_up(own(stop)),))
        return told[0] if told else None

    def catch_up(self, stop: Stop, progress: Progress, *, check: bool = False) -> bool:
        """Bring the index up to date, all of every rollout read; True if nothing is left to do."""
        told = self._connections.keep(
            lambda index: (index.catch_up(own(stop), own(progress), check=check),)
        )
        return told is not None and told[0]

    def rebuild(self) -> bool:
        """Empty the index; False if it could not be."""
        return self._connections.empty()

    def status(self) -> IndexStatus:
        """How the index stands."""
        told = self._connections.ask(lambda: (self._index.status(),))
        return told[0] if told else IndexStatus(self._index.path, self.trouble)

    def _page(
        self, wanted: ThreadQuery, after: Place | None, stop: Stop
    ) -> tuple[ThreadPage] | None:
        needs_all = filters.needs_content(wanted) or wanted.sort == query.RECENCY
        if wanted.cwd == () or (not needs_all and self._is_new()):
            return None
        if self._watcher is not None and self._is_fresh(self._watcher):
            known, self._known = self._known, False  # until it proves good
            page = self._index.page(wanted, after, swept=True)
            self._known = known
            return (page,)
        self._known, began_at = False, time.monotonic()
        self._look(stop)
        if wanted.sort == query.CREATED and not needs_all and self._watcher is None:
            return (self._index.page(wanted, after, swept=False),)
        if not needs_all and self._index.unread() > READ_AT_ONCE:
            return None
        self._sweep(stop)
        self._known, self._swept_at = True, began_at
        return (self._index.page(wanted, after, swept=True),)

    def _is_fresh(self, watcher: Watcher) -> bool:
        """True if the index is as new as it has to be, perhaps after a look at a few files."""
        known, self._known = self._known, False  # until what changed was taken in
        expected = {self._expected.popleft() for _ in range(len(self._expected))}
        changed = watcher.take()
        if time.monotonic() - self._swept_at > SWEEP_EVERY_S or None in expected:
            return False
        if changed is None or not known:
            if expected:
                return False
            recent = time.monotonic() - self._swept_at < self._freshness_s
            self._known = known and recent and not watcher.watching
            return self._known
        root = self._home + os.sep
        changed |= {path.removeprefix(root) for path in expected if path and path.startswith(root)}
        if changed:
            self._index.look_at(changed)
        else:
            self._index.look_at_names()
        self._known = True
        return True

    def _brought_up(self, stop: Stop) -> str:
        if self._watcher is None or not self._is_fresh(self._watcher):
            self._known, began_at = False, time.monotonic()
            self._look(stop)
            self._sweep(stop)
            self._known, self._swept_at = True, began_at
        return self._index.path

    def _look(self, stop: Stop = never) -> None:
        if not self._index.look(stop):
            raise GivenUp(GIVEN_UP)

    def _sweep(self, stop: Stop = never) -> None:
        if not self._index.sweep(own(self.progress), stop):
            raise GivenUp(GIVEN_UP)

    def _counts(self, queries: Sequence[ThreadQuery], stop: Stop) -> tuple[list[int]] | None:
        needs_all = any(filters.needs_content(each) for each in queries)
        if not needs_all and self._is_new():
            return None
        self._look(stop)
        if needs_all:
            self._sweep(stop)
        return (self._index.counts(queries, swept=needs_all),)

    def _swept(self, ask: Callable[[Connection], _Answer], stop: Stop = never) -> _Answer:
        """What *ask* finds in the rows, all of them as new as the question."""
        self._look(stop)
        self._sweep(stop)
        return self._index.told(ask)

    def _find(self, reference: str) -> tuple[ThreadSummary] | None:
        if self._is_new():
            return None
        self._look()
        return (resolve(self._home, _IndexThreads(self._index), reference),)


def _watcher(home: str) -> Watcher:
    from threadlog.local.watch import Watcher  # a command does without

    return Watcher(home)


class _IndexThreads:
    """The threads that the index knows, just looked at, to find one of them."""

    def __init__(self, index: Index) -> None:
        self._index = index

    @property
    def problems(self) -> Sequence[str]:
        """What could not be listed."""
        return self._index.problems

    def has_name(self, name: str) -> bool:
        """True if a thread was given this name outside its rollout."""
        return bool(self._index.ids_named(name))

    def last(self) -> list[str]:
        """The active thread that changed most recently."""
        self._index.sweep()
        newest = ThreadQuery(limit=1, sort=query.UPDATED)
        while True:
            page = self._index.page(newest, read_cursor(newest), swept=True)
            if not page or page[0].id is not None:
                return [thread.id for thread in page if thread.id]
            newest = newest._replace(cursor=page.next)
            if page.next is None:
                return []

    def fitting(self, reference: Reference) -> list[str]:
        """The ids that a reference is, or is a piece of."""
        return self._index.ids_fitting(reference)

    def named(self, name: str) -> list[str]:
        """The threads of this name given outside their rollouts."""
        return self._index.ids_named(name)

    def named_inside(self, name: str) -> list[str]:
        """The threads of this name, after a look at all that changed."""
        self._index.sweep()
        return self._index.keys("name = ?", filters.comparable(name))

    def summary(self, thread_id: str) -> ThreadSummary:
        """The summary of a thread found."""
        return self._index.summary(thread_id)

    def summary_at(self, found: Found) -> ThreadSummary:
        """The summary of the thread of a rollout."""
        return self._index.summary_at(found)
