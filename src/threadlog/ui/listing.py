"""The list of threads as a screen: its pages, how things are, and a preview beside it."""

from __future__ import annotations

import asyncio
from functools import partial

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from threadlog.core.query import ThreadSummary
from threadlog.ui import upkeep
from threadlog.ui.filter_line import FilterLine
from threadlog.ui.found import Hits
from threadlog.ui.lanes import Stopped
from threadlog.ui.layout import Words
from threadlog.ui.list_view import ListView
from threadlog.ui.pages import PAGE, Choice, Fetched, ThreadPages
from threadlog.ui.screen import StatusLine, ThreadScreen, background
from threadlog.ui.turn_view import TurnView

# What is waited before a preview is read.
PREVIEW_WAIT_S = 0.06
_STATUS_S = 0.25
_SORTED = {"created": "by creation", "updated": "by change", "recency": "by last turn"}


class Listing(ThreadScreen):
    """Threads, or hits, with a preview."""

    def __init__(self) -> None:
        super().__init__()
        self._filter = FilterLine(id="filter")
        self._list = ListView(id="list")
        self._preview = TurnView(id="preview")
        self._pages = ThreadPages(Choice())
        self._hits: Hits | None = None
        self._row = 0  # where the cursor was before a search
        self._loading = True
        self._seeking: object | None = None  # what searches at this moment
        self._told: upkeep.Telling | None = None

    def compose(self) -> ComposeResult:
        """The line to filter by, the panes, the status."""
        yield self._filter
        with Container(id="panes"):
            yield self._list
            yield self._preview
        yield StatusLine("", markup=False)

    def on_mount(self) -> None:
        """The first page may be here already."""
        start = self.browser.start
        self._pages = start.pages
        if start.first.done() and start.first.exception() is None:
            self._show_pages(start.pages, start.first.result())
        else:
            self._await_start()
        self.set_interval(_STATUS_S, self._look_at_progress)

    @background(exclusive=True, group="list")
    async def _await_start(self) -> None:
        start = self.browser.start
        try:
            fetched = await asyncio.wrap_future(start.first)
        except Exception as error:  # noqa: BLE001, RUF100 -- of whatever kind: this is the top
            self._loading = False
            self.complain(error)
        else:
            self._show_pages(start.pages, fetched)

    # -- what is meant, and how things are

    def meant(self) -> ThreadSummary | None:
        """The thread at the cursor."""
        current = self._list.current
        return current if current is None or isinstance(current, ThreadSummary) else current.thread

    def facts(self) -> str:
        """Counts, what is chosen, how far an index is."""
        choice = self._pages.choice
        if self._seeking is not None:
            told = ["searching ..."]
        elif self._hits is not None:
            more = "+" if self._hits.more else ""
            told = [f"{_place(self._list, self._hits)}{more} found"]
        elif self._loading:
            told = ["reading ..."]
        elif not len(self._pages):
            told = ["no threads" + (" that fit" if choice.text or choice.cwd else " here yet")]
        else:
            more = "" if self._pages.total is not None else "+"
            told = [f"{_place(self._list, self._pages)}{more} threads"]
            told.append(_SORTED[choice.sort])
        if choice.archived and self._hits is None:
            told.append("archived")
        if choice.cwd is not None:
            told.append("this directory")
        if (telling := self.browser.telling) is not None:
            told.append(str(telling))  # last: a narrow terminal does without
        return " | ".join(told)

    def _look_at_progress(self) -> None:
        if self._told != self.browser.telling:
            self._told = self.browser.telling
            self.show_status()

    # -- threads

    def _show_pages(
        self, pages: ThreadPages, fetched: Fetched, stand_on: str | None = None
    ) -> None:
        """Have these in the list, the cursor on a thread, or where it was."""
        self._loading = False
        pages.take(fetched)
        self._pages, self._hits = pages, None
        self._list.sort = pages.choice.sort
        row = fetched.number * PAGE if fetched.number else 0
        if stand_on is not None:
            row = pages.row_of(stand_on, self._row)
        self._list.show_rows(pages, row)
        if fetched.problems:
            self.say(fetched.problems[0], failed=True)
        self.show_status()
        self.call_after_refresh(self._count, pages)
        self.browser.settle_once()

    @background(exclusive=True, group="list")
    async def _load(
        self, choice: Choice, *, wait_s: float = 0, stand_on: str | None = None, near: int = 0
    ) -> None:
        """Read the page around a row, or the first if *stand_on* is there, and show it."""
        await asyncio.sleep(wait_s)
        pages = ThreadPages(choice)

        def job(stopped: Stopped) -> Fetched:
            fetched = pages.fetch(self.home, near // PAGE, stopped)
            if fetched.has(stand_on) or not fetched.number:
                return fetched
            first = pages.fetch(self.home, 0, stopped)  # where what is new stands
            return first if first.has(stand_on) or not fetched.threads else fetched

        fetched = await self.off_the_loop(self.browser.listing, job)
        if fetched is None:
            return
        if near and pages.choice == self._pages.choice:
            pages.total = self._pages.total
        self._row = near
        self._show_pages(pages, fetched, stand_on or "")

    @background(exclusive=True, group="count")
    async def _count(self, pages: ThreadPages) -> None:
        if pages.total is not None:
            return
        total = await self.off_the_loop(self.browser.listing, partial(pages.count, self.home))
        if total is not None and pages is self._pages:
            pages.total = max(total, len(pages))
            if self._hits is None:
                self._list.rows_changed()
            self.show_status()

    @on(ListView.Wanted)
    def _fetch_wanted(self, event: ListView.Wanted) -> None:
        if self._hits is None:
            self._fetch(event.row // PAGE)

    @background(exclusive=True, group="page")
    async def _fetch(self, number: int) -> None:
        """That page, and the one after it."""
        pages = self._pages
        for each in (number, number + 1):
            if pages.has(each) or each * PAGE >= max(len(pages), 1):
                continue
            fetched = await self.off_the_loop(
                self.browser.listing, partial(pages.fetch, self.home, each)
            )
            if fetched is None or pages is not self._pages:
                return
            pages.take(fetched)
            if self._hits is None:
                self._list.rows_changed()
                self._preview_soon()

    @on(ListView.Moved)
    def _moved(self) -> None:
        self.show_status()
        self._preview_soon()
        here, ahead = self._list.cursor, self._list.size.height
        if self._hits is not None:
            if self._hits.more and here + ahead > len(self._hits):
                self._find_more(self._hits)
        elif len(self._pages) and not self._pages.has(
            min(here + ahead, len(self._pages) - 1) // PAGE
        ):
            self._fetch((here + ahead) // PAGE)

    @background(exclusive=True, group="more")
    async def _find_more(self, hits: Hits) -> None:
        page = await self.off_the_loop(
            self.browser.finding, lambda stopped: hits.ask(self.home, stopped)
        )
        if page is not None and hits is self._hits:
            hits.take(page)
            self._list.rows_changed()
            self.show_status()

    # -- the preview

    @background(exclusive=True, group="preview")
    async def _preview_soon(self) -> None:
        """The newest turns of the thread at the cursor, or what was found, once one rests there."""
        await asyncio.sleep(PREVIEW_WAIT_S)
        current = self._list.current
        if current is None:
            self._preview.show_turns(())
            return
        from threadlog.ui import preview

        words = self._hits.words if self._hits is not None else ""
        seen = await self.off_the_loop(
            self.browser.reading, lambda stopped: preview.read(self.home, current, stopped)
        )
        if seen is None:
            return
        self._preview.words = Words(words)
        self._preview.show_turns((), ())
        self._preview.show_turns(seen.turns, seen.head)
        if seen.turn_id is None:
            self._preview.scroll_home(animate=False)
        else:
            self._preview.find(1, from_turn=seen.turn_id)

    def action_other_pane(self) -> None:
        """From the list to the preview, or back."""
        (self._list if self._preview.has_focus else self._preview).focus()

    def _standing(self) -> str | None:
        thread = self.meant()
        return thread.path if thread is not None else None


def _place(view: ListView, there: ThreadPages | Hits) -> str:
    return f"{view.cursor + 1 if len(there) else 0:,} of {len(there):,}"
