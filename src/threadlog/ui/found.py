"""What a full-text search found, page after page as one goes down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadlog.home import Home

if TYPE_CHECKING:
    from threadlog.core.search import SearchHit, SearchPage
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

    def ask(self, home: Home) -> SearchPage:
        """The next page; raises BadQuery."""
        return home.search(as_typed(self.words), **self._asked | {"cursor": self._cursor})

    def take(self, page: SearchPage) -> None:
        """Have it."""
        self._hits += page
        self._cursor = page.next
        self.problems = page.problems
        self.scanned = page.scanned
        self.more = page.next is not None and len(self._hits) < LIMIT

    def all(self) -> list[SearchHit]:
        """Those that are here, the newest first."""
        return list(self._hits)


def as_typed(words: str) -> str:
    """A query in the making: its last word may go on."""
    last = words.rsplit(" ", 1)[-1]
    going_on = last[-1:].isalnum() and ":" not in last and words.count('"') % 2 == 0
    return f"{words}*" if going_on else words
