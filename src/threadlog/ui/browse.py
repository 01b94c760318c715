"""The first screen: threads, what is typed to filter them and to search in them, the keys."""

from __future__ import annotations

import asyncio

from textual import on

from threadlog.core.query import SORTS, ThreadSummary
from threadlog.errors import BadQuery
from threadlog.ui import keys, upkeep, verbs
from threadlog.ui.filter_line import FilterLine
from threadlog.ui.found import Hits
from threadlog.ui.lanes import Stopped
from threadlog.ui.list_view import ListView
from threadlog.ui.listing import Listing
from threadlog.ui.pages import Choice, ThreadPages
from threadlog.ui.screen import background

# What is waited for further keys before anything is read.
TITLES_WAIT_S, SEARCH_WAIT_S = 0.05, 0.15
# With more not in the word index yet, a search waits for that, or for Enter.
READ_AT_ONCE_BYTES = 32 << 20


class Browse(Listing):
    """The list, filtered and searched."""

    AUTO_FOCUS = "#list"
    BINDINGS = keys.bindings(keys.THREADS, keys.ACTIONS)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self._making_words = self._words_made = self._find_again = False

    def on_screen_resume(self) -> None:
        """Something was done while a thread was read."""
        if self.browser.stale:
            self.browser.stale = False
            self.action_refresh()

    # -- what is typed

    def action_titles(self) -> None:
        """Type a text to filter by."""
        self._filter.type_in(search=False)
        self._leave_hits()

    def action_search(self) -> None:
        """Type words to search for."""
        self._filter.type_in(search=True)
        if self._pages.choice.text:
            self._load(self._pages.choice._replace(text=""))

    def action_clear(self) -> None:
        """All threads again."""
        self._filter.clear()
        self._list.focus()
        self.say()
        if self._pages.choice.text:
            self._find_again = False
            self._load(self._pages.choice._replace(text=""), stand_on=self._standing())
        else:
            self._leave_hits()

    def _leave_hits(self) -> None:
        """The list as it was before a search, also one that is under way."""
        self._find_again = False
        self.workers.cancel_group(self, "list")
        shown, self._hits = self._hits, None
        if not self._pages.begun:
            self._load(self._pages.choice, near=self._row)
        elif shown is not None:
            self._list.show_rows(self._pages, self._row)

    @on(FilterLine.Typed)
    def _typed(self, event: FilterLine.Typed) -> None:
        self.say()
        if event.done:
            self._list.focus()
        if event.search:
            self._search(event.words.lstrip(), at_once=event.done)
        elif not event.done:
            choice = self._pages.choice._replace(text=event.words.strip())
            self._load(choice, wait_s=TITLES_WAIT_S)

    def _search(self, words: str, *, at_once: bool) -> None:
        if not words:
            self._leave_hits()
            return
        if self._hits is None:
            self._row = self._list.cursor
        elif at_once and self._hits.words == words and len(self._hits):
            return
        self._find(words, at_once=at_once)

    @background(exclusive=True, group="list")
    async def _find(self, words: str, *, at_once: bool, again: bool = False) -> None:
        """What these words find; what was asked before is dropped.

        *again*: the cursor stays where it is.
        """
        if not at_once:
            await asyncio.sleep(SEARCH_WAIT_S)
        seeking = self._seeking = object()
        self.show_status()
        try:
            hits = await self._found(words, at_once=at_once, again=again)
        finally:
            if self._seeking is seeking:
                self._seeking = None
                self.show_status()
        if hits is not None:
            row = hits.row_of(self._list.current, self._list.cursor) if again else 0
            self._hits = hits
            self._list.show_rows(hits, row)
            if hits.problems or not again:  # else what was said is about what was done
                self.say(hits.problems[0] if hits.problems else "", failed=bool(hits.problems))
            if hits.scanned:
                self._make_word_index(again=False)

    async def _found(self, words: str, *, at_once: bool, again: bool) -> Hits | None:
        lane = self.browser.finding
        if not at_once and not await self.off_the_loop(lane, self._is_quick):
            self.say("making the word index; Enter does not wait")
            self._make_word_index(again=True)
            return None
        hits = Hits(words, self._pages.choice.cwd)
        count = self._list.cursor + 1 if again else 0
        try:
            hits.take(await lane.do(lambda stopped: hits.ask(self.home, stopped, count)))
        except BadQuery as error:  # who is still typing knows
            self.say(as_sentence(error), failed=at_once)
            return None
        except Exception as error:  # noqa: BLE001, RUF100 -- of whatever kind: this is the top
            self.complain(error)
            return None
        return hits

    def _is_quick(self, stopped: Stopped) -> bool:
        """True if little is to be read for a search, or where nothing makes it less."""
        status = self.home.search_status(stop=stopped)
        known = status.trouble is None and status.unread_bytes <= READ_AT_ONCE_BYTES
        return known or self._words_made

    def _make_word_index(self, *, again: bool) -> None:
        """See that the word index is made; then, if *again*, what was typed meanwhile is found."""
        self._find_again |= again
        if not self._making_words:
            self._making_words = True
            self._make_words()

    @background(group="words")
    async def _make_words(self) -> None:
        tell = self.browser.tell
        await self.off_the_loop(
            self.browser.indexing, lambda stopped: upkeep.catch_up_words(self.home, stopped, tell)
        )
        self.browser.told_all()
        self._making_words = False
        again, self._find_again = self._find_again and self.is_attached, False
        self._words_made |= again  # what was not made by now is not going to be
        if again and self._filter.searches:
            self._search(self._filter.words.lstrip(), at_once=False)

    # -- the other keys

    @on(ListView.Opened)
    def _open(self) -> None:
        from threadlog.ui.reading import Reading

        current = self._list.current
        if isinstance(current, ThreadSummary):
            self.app.push_screen(Reading(current))
        elif current is not None and self._hits is not None:
            self.app.push_screen(Reading(current.thread, current, self._hits.words))

    def action_here(self) -> None:
        """This directory only, or all."""
        from threadlog.ui.resuming import here

        choice = self._pages.choice
        folder = here() if choice.cwd is None else None
        if folder is None and choice.cwd is None:
            self.say("the directory that this was started in is not there any more", failed=True)
        else:
            self._choose(choice._replace(cwd=folder))

    def action_archived(self) -> None:
        """The archived threads, or the others."""
        if self._hits is not None:
            self.say("a search finds archived threads too")
        else:
            self._choose(self._pages.choice._replace(archived=not self._pages.choice.archived))

    def action_sort(self) -> None:
        """The next order."""
        if self._hits is not None:
            self.say("what was found stands in its order, the newest first")
            return
        order = SORTS[(SORTS.index(self._pages.choice.sort) + 1) % len(SORTS)]
        self._choose(self._pages.choice._replace(sort=order))

    def _choose(self, choice: Choice) -> None:
        self.say()
        words = self._hits.words if self._hits is not None else ""
        if words:
            self._pages, self._row = ThreadPages(choice), 0
            self._find(words, at_once=True)
        else:
            self._load(choice)

    def action_refresh(self) -> None:
        """Look again; the cursor stays on its thread."""
        self.say()
        self._reload(self._standing())

    def _reload(self, stand_on: str | None) -> None:
        if self._hits is not None:
            self._pages = ThreadPages(self._pages.choice)  # read again once they are shown
            self._find(self._hits.words, at_once=True, again=True)
        else:
            self._load(self._pages.choice, stand_on=stand_on, near=self._list.cursor)

    def was_changed(self, done: verbs.Done) -> None:
        """The list may be another now."""
        self._reload(done.thread_id or self._standing())

    def action_quit(self) -> None:
        """Out."""
        self.app.exit(0)


def as_sentence(error: BadQuery) -> str:
    """What is wrong with words, for somebody who has no options."""
    told = str(error)
    return (
        told.partition(";")[0] + " (threadlog search --exact finds any text)"
        if "--exact" in told
        else told
    )
