"""What a full-text search found, page after page as one goes down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadlog.core.search import SearchHit
from threadlog.home import Home
from threadlog.searching import as_typed
from threadlog.ui.lanes import Stopped
from threadlog.ui.pages import missing

if TYPE_CHECKING:
    from threadlog.core.search import SearchPage
    from threadlog.searching import Searched

PAGE = 50
# More are not shown: who has to look through so many asks again.
LIMIT = 2000


class Hits:
    """The hits of one query; `ask` reads, on one thread, `take` and `at` belong to the loop."""

    row_lines = 2

    def __init__(self, words: str, cwd: str | None, *, within: str | None = None) -> None:
        self.words = words
        self.problems: tuple[str, ...] = ()
        self.scanned = 0
        self._asked: Searched = {"limit": PAGE}
        if cwd is not None:
            self._asked["cwd"] = cwd
        if within is not None:
            self._asked |= {"within": within, "copies": True, "limit": LIMIT}
        self._hits: list[SearchHit] = []
        self._cursor: str | None = None
        self.more = True

    def __len__(self) -> int:
        return len(self._hits)

    def at(self, row: int) -> SearchHit | None:
        """The hit of a row."""
        return self._hits[row] if row < len(self._hits) else None

    def row_of(self, shown: object, near: int) -> int:
        """The row of what was found before, if it is here, also where its thread was moved."""
        for row, each in enumerate(self._hits):
            if isinstance(shown, SearchHit) and _place(each) == _place(shown):
                return row
        return near

    def ask(self, home: Home, stopped: Stopped, at_least: int = 0) -> SearchPage:
        """The next page, of *at_least* so many; raises BadQuery, and GivenUp once *stopped*."""
        asked = self._asked | {"cursor": self._cursor}
        asked["limit"] = min(max(asked["limit"], at_least), LIMIT)
        page = home.search(as_typed(self.words), stop=stopped, **asked)
        return page if len(page) else page.with_problems(missing(home))

    def take(self, page: SearchPage) -> None:
        """Have it."""
        self._hits += page
        self._cursor = page.next
        self.problems = page.problems
        self.scanned = page.scanned
        self.more = page.next is not None and len(self._hits) < LIMIT

    @property
    def cut(self) -> bool:
        """True if there are more than are here."""
        return self._cursor is not None

    def all(self) -> list[SearchHit]:
        """Those that are here, the newest first."""
        return list(self._hits)


def _place(hit: SearchHit) -> tuple[str, int, str]:
    return hit.thread.id or hit.path, hit.offset, hit.excerpt
