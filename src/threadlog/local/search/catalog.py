"""Anything said or done in the threads of a home, found: by the word index as far as it goes.

What it does not hold yet is read for the answer, so that none is ever incomplete without saying
so; where there can be no index, everything is.
"""

from __future__ import annotations

from collections.abc import Callable

from threadlog.core.index_status import Progress, Stop, never
from threadlog.core.search import (
    RELEVANCE,
    Place,
    SearchPage,
    SearchQuery,
    WordStatus,
    read_cursor,
)
from threadlog.errors import BadCursor, GivenUp
from threadlog.local.catalog import FileCatalog
from threadlog.local.index import forks
from threadlog.local.index.catalog import IndexedCatalog
from threadlog.local.index.connections import Connections, own
from threadlog.local.index.database import Database
from threadlog.local.index.trouble import Unusable
from threadlog.local.search import by_files
from threadlog.local.search.words import WordIndex


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
        self._connections = Connections(home, "word index", lambda: WordIndex(home, database()))
        forks.look_after(self)

    def find(self, query: SearchQuery, stop: Stop) -> SearchPage:
        """The passages that a query means; raises BadCursor, and GivenUp once *stop* is true."""
        after = _after(query)

        def found() -> tuple[SearchPage]:
            words = self._connections.asked
            words.progress = own(self._listings.progress)
            return (words.find(self._listed(stop), query, after, own(stop)),)

        told = self._connections.ask(found)
        if told is None:
            return by_files.find(self._home, self._files, query, after, stop)
        return told[0].with_problems(self._listings.problems)

    def catch_up(self, stop: Stop, progress: Progress) -> bool:
        """Bring the word index up to date; True if nothing is left to do."""

        def caught_up(words: WordIndex) -> tuple[bool]:
            try:
                return (words.catch_up(self._listed(stop), own(stop), own(progress)),)
            except GivenUp:
                return (False,)

        told = self._connections.keep(caught_up)
        return told is not None and told[0]

    def rebuild(self) -> bool:
        """Empty the word index; False if it could not be."""
        return self._connections.empty()

    def exists(self) -> bool:
        """True if there is a word index."""
        return self._connections.asked.exists()

    def status(self, stop: Stop = never) -> WordStatus:
        """How the word index stands; makes none.  Raises GivenUp."""
        path = self._connections.asked.path
        if not self.exists():
            return WordStatus(path, "there is none yet")
        told = self._connections.ask(lambda: (self._connections.asked.status(self._listed(stop)),))
        return told[0] if told else WordStatus(path, self._connections.trouble)

    def close(self) -> None:
        """Let go of the word index, until it is asked again."""
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that nobody uses at this moment."""
        self._connections.close_idle()

    def forked(self) -> None:
        """Begin anew, in the child."""
        self._connections.forked()

    def _listed(self, stop: Stop) -> str:
        """Where the index of listings lies, which tells of threads; raises Unusable, GivenUp."""
        listed = self._listings.brought_up(own(stop))
        if listed is None:
            raise Unusable(self._listings.trouble or "there is no index of threads")
        return listed


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
