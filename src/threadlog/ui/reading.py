"""A thread to read: turns paged in both ways, what is found in it, what is added meanwhile."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.widgets import Static

from threadlog.core.query import ThreadSummary
from threadlog.core.search import SearchHit
from threadlog.errors import BadCursor, NotFound
from threadlog.home import Home
from threadlog.ui import cells, keys, rows, verbs, window
from threadlog.ui.found import Hits
from threadlog.ui.lanes import Stopped
from threadlog.ui.layout import Words
from threadlog.ui.screen import StatusLine, ThreadScreen, background
from threadlog.ui.turn_view import TurnView
from threadlog.ui.window import Placed, Stretch

# How often the file is looked at.
LOOK_S = 1.0

_Reading = Callable[[Home, ThreadSummary, Stopped], Stretch]
_Facts = tuple[str, int, int, int]


class Reading(ThreadScreen):
    """One thread."""

    AUTO_FOCUS = "#turns"
    BINDINGS = keys.bindings(keys.READING, keys.ACTIONS)

    def __init__(
        self, thread: ThreadSummary, hit: SearchHit | None = None, words: str = ""
    ) -> None:
        super().__init__()
        self._head = Static("", markup=False, id="head")
        self._view = TurnView(id="turns")
        self._thread = thread
        self._hit = hit
        self._query = words
        self._hits: list[Placed] = []
        self._more_hits = False  # older ones than those that are known
        self._stretch = Stretch()
        self._seen: _Facts | None = None
        self._read = False
        self._lost = self._missed = False  # the file is gone; something in it was not shown

    def compose(self) -> ComposeResult:
        """The thread's name, its turns, the status."""
        yield self._head
        yield self._view
        yield StatusLine("", markup=False)

    def on_mount(self) -> None:
        """Read where one wants to begin."""
        self._show_head()
        if self._query:
            self._view.words = Words(self._query)
            self._find_all()
        self._begin()
        self._look()
        self.set_interval(LOOK_S, self._look)
        self.show_status()

    def _begin(self) -> None:
        if self._hit is not None:
            self._go_to(self._hit)
        else:
            self._go(window.newest, at_end=True)

    def _show_head(self) -> None:
        thread = self._thread
        facts = [rows.title_of(thread), rows.folder_of(thread), thread.git_branch, thread.id]
        marks = rows.marks_of(thread)
        line = "   ".join(cells.one_line(each, 80) for each in facts if each)
        shown = Text(f"{marks} {line}" if marks else line, style="bold", no_wrap=True)
        self._head.update(shown)

    # -- what is meant, and how things are

    def meant(self) -> ThreadSummary | None:
        """This thread."""
        return self._thread

    def meant_turn(self) -> str | None:
        """The turn that the cursor is in."""
        return self._view.turn_id

    def facts(self) -> str:
        """Which of the turns are here."""
        if not self._read:
            return "reading ..."
        told = [rows.counted(len(self._stretch.turns), "turn")]
        told += ["more above"] if self._stretch.before else []
        told += ["more below"] if self._stretch.after else []
        if self._query:
            more = "+" if self._more_hits else ""
            keys_told = ": n, p" if self._hits else ""
            told.append(f"{len(self._hits):,}{more} found{keys_told}")
        return " | ".join(told)

    # -- turns

    def _show(self, stretch: Stretch) -> None:
        was_whole = self._read and not self._stretch.after
        self._stretch, self._read = stretch, True
        none = () if stretch.turns else ["(no turns)"]
        self._view.show_turns(stretch.turns, none, follow=was_whole)
        self.show_status()

    @background(exclusive=True, group="go")
    async def _go(self, how: _Reading, *, at_end: bool) -> None:
        """Read at one of the ends, and go there."""
        stretch = await self._stretch_by(how)
        if stretch is not None:
            self._show(stretch)
            if at_end:
                self._view.go_to_end()
            else:
                self._view.go_to_start()

    @background(exclusive=True, group="go")
    async def _go_to(self, hit: SearchHit) -> None:
        """Read where something was found."""
        place = hit._replace(thread=self._thread)
        stretch = await self._stretch_by(
            lambda home, _t, stopped: window.around(home, place, stopped)
        )
        if stretch is not None:
            self._show(stretch)
            self._view.go_to_turn(hit.turn)
            self._view.find(1, from_turn=hit.turn)
            self._view.expect_above()  # it begins with that turn

    async def _stretch_by(self, how: _Reading) -> Stretch | None:
        thread = self._thread
        return await self.off_the_loop(
            self.browser.reading, lambda stopped: how(self.home, thread, stopped)
        )

    @on(TurnView.UnfoldedSome)
    def _unfolded_some(self) -> None:
        self.say("unfolded what is nearest, the rest is too long: x where one is later")

    @on(TurnView.NearStart)
    def _near_start(self) -> None:
        if self._stretch.before and self._stretch.anchors:
            self._more_before()

    @on(TurnView.NearEnd)
    def _near_end(self) -> None:
        if self._stretch.after and self._stretch.anchors:
            self._more_after()

    @background(exclusive=True, group="more")
    async def _more_before(self) -> None:
        known = self._stretch
        more = await self._stretch_by(lambda h, t, stopped: window.before(h, t, stopped, known))
        if more is not None and known is self._stretch:
            joined = more.joined(known) if more.turns else known._replace(before=False)
            self._show(joined.without_last(self._view.turns_on_screen()))

    @background(exclusive=True, group="more")
    async def _more_after(self) -> None:
        known = self._stretch
        more = await self._stretch_by(lambda h, t, stopped: window.after(h, t, stopped, known))
        if more is not None and known is self._stretch:
            self._show(known.joined(more).without_first(self._view.turns_on_screen()))

    # -- what is added meanwhile

    @background(exclusive=True, group="look")
    async def _look(self) -> None:
        """If the file is another than before, have what is new."""
        lane = self.browser.reading
        path = self._thread.path
        try:
            facts = await lane.do(lambda _stopped: _facts_of(path))
        except OSError:
            self._seen = None
            if not self._lost:
                self._lost = True
                self._find_again()
            return
        before, self._seen, self._lost = self._seen, facts, False
        if self._read and (self._missed or (before is not None and before != facts)):
            self._follow()

    @background(exclusive=True, group="follow")
    async def _follow(self) -> None:
        self._missed = False
        known = self._stretch
        if known.after:
            return
        try:
            if known.anchors:
                more = await self.browser.reading.do(
                    lambda stopped: window.after(self.home, self._thread, stopped, known)
                )
                self._missed = known is not self._stretch
                if not self._missed:
                    on_screen = self._view.turns_on_screen()
                    joined = known.joined(more).without_first(on_screen)
                    self._show(joined.without_last(on_screen))
                return
        except BadCursor:  # that turn counts no more
            pass
        except Exception as error:  # noqa: BLE001, RUF100 -- of whatever kind: this is the top
            self.complain(error)
            return
        stretch = await self._stretch_by(window.newest)
        if stretch is not None:
            self._show(stretch)

    @background(exclusive=True, group="again")
    async def _find_again(self, *, was_told: bool = False) -> None:
        """It lies elsewhere by now, or is gone, which may be told already."""
        reference, path = verbs.reference(self._thread), self._thread.path
        try:
            self._thread = await self.browser.reading.do(lambda _s: self.home.get(reference))
        except NotFound:
            self._lost = True
            if not was_told:
                self.say("this thread is not there any more", failed=True)
        except Exception as error:  # noqa: BLE001, RUF100 -- of whatever kind: this is the top
            self.complain(error)
        else:
            self._show_head()
            if self._read or self._thread.path == path:
                self._follow()
            else:
                self.say()
                self._begin()

    def was_changed(self, done: verbs.Done) -> None:
        """What was done was done to this thread, unless it made another."""
        self.browser.stale = True
        self._find_again(was_told=bool(done.sentence))

    # -- what is searched for

    @background(group="verbs")
    async def action_search(self) -> None:
        """Search in this thread."""
        from threadlog.ui.dialogs import Line

        words = await self.app.push_screen_wait(Line("Search in this thread", self._query))
        if words is None:
            return
        self._query, self._hits, self._more_hits = words, [], False
        self._view.words = Words(words)
        self._view.refresh()
        self.say()
        if words:
            self._find_all(jump=not self._view.find(1))
        else:
            self.workers.cancel_group(self, "find")

    @background(exclusive=True, group="find")
    async def _find_all(self, *, jump: bool = False) -> None:
        thread = self._thread
        hits = Hits(self._query, None, within=verbs.reference(thread))

        def job(stopped: Stopped) -> list[Placed]:
            hits.take(hits.ask(self.home, stopped))
            return window.placed(self.home, thread, hits.all(), stopped)

        found = await self.off_the_loop(self.browser.finding, job)
        if found is None:
            return
        self._hits, self._more_hits = found, hits.cut
        self.show_status()
        if not self._hits:
            self.say("nothing found in this thread")
        elif jump and not self._view.find(-1):
            self._jump(-1)

    def action_find(self, step: int) -> None:
        """The next place, or the one before: of the turns that are here, then of the others."""
        if not self._query:
            self.say("search with / first")
        elif not self._view.find(step):
            self._jump(step)

    def _jump(self, step: int) -> None:
        """To the nearest place in turns that are not here, from those that are."""
        beyond = self._hits_beyond(step)
        if beyond:
            self._go_to(beyond[0] if step > 0 else beyond[-1])
        elif step < 0 and self._more_hits:
            self.say(f"older places than the newest {len(self._hits):,} are not known")
        else:
            self.say("nothing more found " + ("below" if step > 0 else "above"))

    def _hits_beyond(self, step: int) -> list[SearchHit]:
        """The hits in turns after those that are here, or before them, the oldest first."""
        here = {turn.id for turn in self._stretch.turns}
        among = [place for place, (hit, _spot) in enumerate(self._hits) if hit.turn in here]
        start = self._stretch.anchors[0].start if self._stretch.anchors else None
        if among:
            below, above = max(among) + 1, min(among)
        elif start is not None:
            below = above = bisect_left(self._hits, start[:2], key=lambda each: each[1])
        else:
            below, above = 0, len(self._hits)
        return [hit for hit, _spot in (self._hits[below:] if step > 0 else self._hits[:above])]

    # -- the other keys

    def action_first(self) -> None:
        """The first turn."""
        if self._stretch.before:
            self._go(window.oldest, at_end=False)
        else:
            self._view.go_to_start()

    def action_last(self) -> None:
        """The last turn."""
        if self._stretch.after:
            self._go(window.newest, at_end=True)
        else:
            self._view.go_to_end()

    def action_copy_turn(self) -> None:
        """The id of the turn that the cursor is in."""
        if (turn := self.meant_turn()) is None:
            self.say("the cursor is in no turn")
        else:
            self.copy("turn id", turn)

    def action_refresh(self) -> None:
        """Look again."""
        self.say()
        self._find_again()

    def action_back(self) -> None:
        """Back to the list."""
        self.app.pop_screen()

    action_quit = action_back


def _facts_of(path: str) -> _Facts:
    status = os.stat(path)
    return path, status.st_ino, status.st_size, status.st_mtime_ns
