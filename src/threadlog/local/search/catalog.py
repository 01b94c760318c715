"""Anything said or done in the threads of a home, found: by the word index as far as it goes.

What it does not hold yet is read for the answer, so that none is ever incomplete without saying
so; where there can be no index, everything is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import cached_property, partial
from typing import TypeVar

from threadlog.core.index_status import Progress, Stop
from threadlog.core.search import (
    RELEVANCE,
    Place,
    SearchPage,
    SearchQuery,
    WordStatus,
    read_cursor,
)
from threadlog.errors import BadCursor
from threadlog.local.catalog import FileCatalog
from threadlog.local.index import forks
from threadlog.local.index.catalog import NONSENSE, IndexedCatalog, own
from threadlog.local.index.database import Database
from threadlog.local.index.forks import Lease
from threadlog.local.index.trouble import CallersOwn, Unusable
from threadlog.local.search import by_files
from threadlog.local.search.words import WordIndex

_Answer = TypeVar("_Answer")


class SearchCatalog:
    """What is said in a home; *listings* know its threads, *files* where there is no index."""

    def __init__(
        self,
        home: str,
        listings: IndexedCatalog,
        files: FileCatalog,
        database: Callable[[], Database],
    ) -> None:
        """*database* makes a connection of its own to the word index each time."""
        self._home = home
        self._listings = listings
        self._files = files
        self._database = database
        self._asking, self._keeping = Lease(), Lease()
        self._started_over = False
        self.trouble: str | None = None  # why the word index could not be asked, the last time
        forks.look_after(self)

    @cached_property
    def _words(self) -> WordIndex:
        return WordIndex(self._home, self._database())

    @cached_property
    def _upkeep(self) -> WordIndex:
        """Another connection, so that searches are answered while the index is built."""
        return WordIndex(self._home, self._database())

    def find(self, query: SearchQuery, stop: Stop) -> SearchPage:
        """The passages that a query means; raises BadCursor, and GivenUp once *stop* is true."""
        after = _after(query)
        self._words.progress = own(self._listings.progress)
        told = self._ask(lambda listed: self._words.find(listed, query, after, stop), self._asking)
        if told is None:
            return by_files.find(self._home, self._files, query, after, stop)
        return told[0].with_problems(self._listings.problems)

    def catch_up(self, stop: Stop, progress: Progress) -> bool:
        """Bring the word index up to date; True if nothing is left to do."""
        told = self._ask(
            lambda listed: self._upkeep.catch_up(listed, stop, partial(own(progress), "bytes")),
            self._keeping,
        )
        return told is not None and told[0]

    def rebuild(self) -> bool:
        """Empty the word index; False if it could not be."""
        return self._ask(self._upkeep.rebuild, self._keeping) is not None

    def exists(self) -> bool:
        """True if there is a word index."""
        return self._words.exists()

    def status(self) -> WordStatus:
        """How the word index stands; makes none."""
        if not self.exists():
            return WordStatus(self._words.path, "there is none yet")
        told = self._ask(self._words.status, self._asking)
        return told[0] if told else WordStatus(self._words.path, self.trouble)

    def close(self) -> None:
        """Let go of the word index, until it is asked again."""
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that nobody uses at this moment."""
        if "_words" in vars(self):
            self._asking.if_idle(self._words.close)
        if "_upkeep" in vars(self):
            self._keeping.if_idle(self._upkeep.close)

    def forked(self) -> None:
        """Begin anew in a child: nobody here would let go of the parent's locks."""
        idle = self._asking.is_idle() and self._keeping.is_idle()
        made = [vars(self).pop(name) for name in ("_words", "_upkeep") if name in vars(self)]
        if made and (not idle or any(index.is_open for index in made)):
            forks.bar(self._home, made)
        self._asking, self._keeping = Lease(), Lease()

    def _ask(self, ask: Callable[[str], _Answer], lease: Lease) -> tuple[_Answer] | None:
        """The word index's answer, if it has one; *ask* is told where that of listings lies."""
        try:
            with lease.lock:
                listed = self._listings.brought_up()
                if listed is None:
                    raise Unusable(self._listings.trouble or "there is no index of threads")
                answer = ask(listed)
            self.trouble = None
        except Unusable as error:
            self.trouble = str(error)
            return None
        except CallersOwn as error:
            raise error.args[0] from None
        except NONSENSE as error:  # as in listings: it must not stay, but is emptied once only
            self.trouble = f"the word index holds what makes no sense ({type(error).__name__})"
            self._start_over()
            return None
        return (answer,)

    def _start_over(self) -> None:
        if not self._started_over:
            self._started_over = True
            database = self._database()
            with contextlib.suppress(Unusable):
                database.open()
                database.empty()
            database.close()


def _after(query: SearchQuery) -> Place | int | None:
    """What a cursor says; raises BadCursor."""
    if query.cursor is None:
        return None
    if query.order == RELEVANCE:
        if not query.cursor.isascii() or not query.cursor.isdigit() or len(query.cursor) > 12:
            raise BadCursor(f"no cursor of a search by relevance: {query.cursor!r}")
        return int(query.cursor)
    place = read_cursor(query.cursor)
    if place is None:
        raise BadCursor(f"no cursor of a search: {query.cursor!r}")
    return place
