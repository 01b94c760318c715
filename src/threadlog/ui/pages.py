"""The threads behind the list: a few pages at a time, however many there are."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from threadlog.asking import Asked
from threadlog.core.query import ThreadSummary
from threadlog.home import Home
from threadlog.ui.lanes import Stopped, go_on

PAGE = 100
# Pages in memory; those that were looked at last.
KEPT = 30
# What lies between a known place and the page wanted is gone through in steps of so many.
_STEP = 1000


class Choice(NamedTuple):
    """Which threads are shown, and in which order; `cwd` None: of all directories."""

    text: str = ""
    cwd: str | None = None
    archived: bool = False
    sort: str = "created"

    def asked(
        self, limit: int | None = None, cursor: str | None = None, *, ascending: bool = False
    ) -> Asked:
        """As keywords of `home.threads`."""
        asked: Asked = {"archived": self.archived, "sort": self.sort}
        asked |= {"limit": limit, "cursor": cursor, "ascending": ascending}
        if self.text:
            asked["text"] = self.text
        if self.cwd is not None:
            asked["cwd"] = self.cwd
        return asked


class Fetched(NamedTuple):
    """A page that was read: its number, its threads, whether any follow; what went amiss."""

    number: int
    threads: Sequence[ThreadSummary]
    more: bool
    problems: Sequence[str] = ()

    def has(self, reference: str | None) -> bool:
        """True if the thread of that path or id is among them."""
        return reference is not None and any(
            reference in (each.path, each.id) for each in self.threads
        )


class ThreadPages:
    """The threads of a choice by their rows.

    `fetch` and `count` read, on one thread; `take` and `at` belong to the loop.
    """

    row_lines = 1

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.total: int | None = None
        self._pages: OrderedDict[int, Sequence[ThreadSummary]] = OrderedDict()
        self._known = 0  # rows that are certain to be there
        self._cursors: dict[int, str | None] = {0: None}  # by the row that each leads to

    def __len__(self) -> int:
        return self._known if self.total is None else self.total

    def at(self, row: int) -> ThreadSummary | None:
        """The thread of a row; None if its page is not here."""
        page = self._pages.get(row // PAGE)
        place = row % PAGE
        return page[place] if page is not None and place < len(page) else None

    @property
    def begun(self) -> bool:
        """True once a page was here."""
        return self.total is not None or self._known > 0

    def row_of(self, reference: str, near: int) -> int:
        """The row of the thread of that path or id among those that are here, else *near*."""
        for number, page in self._pages.items():
            for place, each in enumerate(page):
                if reference in (each.path, each.id):
                    return number * PAGE + place
        return near

    def take(self, fetched: Fetched) -> None:
        """Have a page; the oldest of too many goes."""
        self._pages[fetched.number] = fetched.threads
        self._pages.move_to_end(fetched.number)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
        end = fetched.number * PAGE + len(fetched.threads)
        if not fetched.more:
            self.total = end
        elif self.total is not None:
            self.total = max(self.total, end + 1)
        self._known = max(self._known, end)

    def has(self, number: int) -> bool:
        """True if that page is here."""
        return number in self._pages

    def fetch(self, home: Home, number: int, stopped: Stopped) -> Fetched:
        """Read a page, from the nearest place that is known."""
        first, total = number * PAGE, self.total
        place = max(row for row in self._cursors if row <= first)
        if total is not None and total - first < min(first - place, _STEP):
            return self._from_the_end(home, number, total, stopped)
        asked = self.choice.asked
        while place < first:
            go_on(stopped)
            step = min(_STEP, first - place)
            page = home.threads(stop=stopped, **asked(step, self._cursors[place]))
            if page.next is None:
                return Fetched(number, (), more=False, problems=page.problems)
            place += step
            self._cursors[place] = page.next
        page = home.threads(stop=stopped, **asked(PAGE, self._cursors[place]))
        if page.next is not None:
            self._cursors[place + PAGE] = page.next
        problems = page.problems if page.threads else (*missing(home), *page.problems)
        return Fetched(number, page.threads, page.next is not None, problems)

    def _from_the_end(self, home: Home, number: int, total: int, stopped: Stopped) -> Fetched:
        """The same backwards from the last thread."""
        first = number * PAGE
        page = home.threads(stop=stopped, **self.choice.asked(total - first, ascending=True))
        shown = page.threads[::-1][:PAGE]
        return Fetched(number, shown, first + len(shown) < total, page.problems)

    def count(self, home: Home, stopped: Stopped) -> int:
        """How many threads there are in all."""
        return home.count(stop=stopped, **self.choice.asked())


def missing(home: Home) -> tuple[str, ...]:
    """Why nothing is there, in a sentence, if the home's folder is gone."""
    return () if os.path.isdir(home.path) else (f"no folder {home.path} any more",)
