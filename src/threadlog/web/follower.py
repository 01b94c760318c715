"""A page that follows one thread: what it is told, so that it shows what one loaded now would.

First the newest turns as they are by then, as far as the page does not have them.  Then, while a
turn runs, its items as they come: a call as it begins, and again, in its place, with what came of
it.  Whatever else happens to a turn, it is sent anew as the reader has it: when it begins, ends,
fails, or is changed after its end.  After a revert or a rollback, or where what is sent would not
join what the page has, the page is told to read the end again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterator, Sequence
from typing import Any, NamedTuple

from threadlog.core.boundaries import Spot
from threadlog.core.decode import Line
from threadlog.core.live import (
    Awaited,
    Began,
    Changed,
    Ended,
    Happened,
    Happening,
    LiveTurns,
    RolledBack,
    is_complete,
)
from threadlog.core.text import printable
from threadlog.core.turn import FAILED, Turn
from threadlog.errors import ThreadlogError
from threadlog.following import Deleted, Following, Reverted, Shortened
from threadlog.home import Home
from threadlog.html import turns as html
from threadlog.paging import Anchor
from threadlog.web.places import Place, thread_of
from threadlog.web.stretches import FIRST, ThreadTurns

# Turns that a page is brought up to date by; later than so many others none changes.
CAUGHT_UP = 8
# A turn without an end runs, if its rollout was written to so lately; later it was interrupted.
RUNS_S = 600
# So often at most what stands above a turn that runs is told anew: its model, its tokens.
HEAD_S = 1.0
Told = tuple[str, dict[str, Any]]
_Placed = tuple[Turn, Spot | None]


class _Came(NamedTuple):
    """What came at one look: turns that began, ended, are others; items of the one that runs."""

    began: list[str]
    ended: set[str]
    others: set[str]
    items: list[Awaited | Happened]
    lines: list[Line]


class Known(NamedTuple):
    """What a page has of the end of a thread.

    Its last turn, if it has any, with so many items, so it stands; of so many items it shows that
    they run.
    """

    turn_id: str | None
    number: int | None
    items: int
    status: str
    awaited: int

    def is_as(self, turn: Turn) -> bool:
        """True if the page has all of this turn, its last."""
        runs = len(_awaited(turn))
        return (self.items, self.status, self.awaited) == (len(turn.items), turn.status, runs)


class Follower:
    """One page that follows one thread; runs on any thread, one call at a time."""

    def __init__(self, home: Home, name: str, known: Known) -> None:
        self._home = home
        self._known = known
        self._summary = thread_of(home, name)
        self._following: Following = home.follow(self._summary.id or self._summary.path)
        self._turns = ThreadTurns(home, self._summary, self._following_ended)
        self._live: LiveTurns | None = None
        # The last turns that the page has, oldest first.
        self._page: list[Place] = []
        # Calls that run, of which the page has been told.
        self._awaited: set[tuple[str, str]] = set()
        self._head_at = 0.0
        self._head_is_due = False
        self._is_over = False

    def _following_ended(self) -> bool:
        return self._following.ended

    @property
    def ended(self) -> bool:
        """True once nothing comes any more."""
        return self._following.ended or self._is_over

    @property
    def behind(self) -> bool:
        """True while there is more to be read at once."""
        return self._following.behind

    def close(self) -> None:
        """Let go."""
        self._following.close()

    # -- what there is

    def begin(self) -> list[Told]:
        """What the page lacks of what there is by now."""
        reader, end = self._turns.reader, self._end()
        lines, rules = reader.newest_lines(CAUGHT_UP, end)
        self._live = LiveTurns(rules, again=True)
        for line in lines:
            self._live.add(line)
        told = reader.turns_back(CAUGHT_UP, end)
        self._await(told)
        ids = [turn.id for turn, _start in told]
        known = self._known.turn_id
        if known is not None and known not in ids:
            return [self._over()]
        at = len(ids) - 1 - ids[::-1].index(known) if known is not None else 0
        number = self._known.number
        self._page = _places(told, number - at if number else None)
        newer: list[Told] = []
        for number, (turn, _start) in enumerate(told[at:], at):
            is_known = known is not None and number == at
            if not (is_known and self._known.is_as(turn)):
                back = 0 if is_known else None
                newer.append(self._article(turn, self._page[number], back))
        if self._is_lately_written():
            newer += self._runs(ids)
        return newer

    def _end(self) -> Spot:
        return Spot(len(self._turns.reader.segments()) - 1, self._following.offset)

    def _is_lately_written(self) -> bool:
        try:
            return time.time() - os.stat(self._summary.path).st_mtime < RUNS_S
        except OSError:  # who reads it tells
            return False

    # -- what comes

    def poll(self) -> list[Told]:
        """What came since."""
        came = _Came([], set(), set(), [], [])
        for followed in self._following.poll():
            value = followed.value
            if isinstance(value, Deleted):
                return [("gone", {"html": html.remark("the thread is not there any more")})]
            if isinstance(value, (Reverted, Shortened)):
                return [self._over()]
            if isinstance(value, Line) and self._live is not None:
                came.lines.append(value)
                happened = self._live.add(value)
                if any(isinstance(each, RolledBack) for each in happened):
                    return [self._over()]
                for each in happened:
                    self._note(each, came, self._live)
        try:
            return list(self._told(came))
        except ThreadlogError:  # it is being moved, or is another: the page reads it again
            return [self._over()]

    def _over(self) -> Told:
        """What the page has does not lead on: it reads the end again, and follows that."""
        self._is_over = True
        return "again", {}

    def _note(self, what: Happening, came: _Came, live: LiveTurns) -> None:
        running = live.running
        if isinstance(what, Began):
            came.began.append(what.turn.id)
        elif isinstance(what, Ended):
            came.ended.add(what.turn.id)
        elif isinstance(what, Changed):
            runs = running is not None and what.turn.id == running.id
            if runs and what.only_whole and what.turn.status != FAILED:
                self._head_is_due = True
            else:
                came.others.add(what.turn.id)
        elif isinstance(what, (Awaited, Happened)):
            if running and what.turn_id == running.id and self._can_be_added_to(running):
                came.items.append(what)
            else:
                came.others.add(what.turn_id)

    def _can_be_added_to(self, running: Turn) -> bool:
        """False if an item is not all that is another, or may have been read already."""
        place = self._place(running.id)
        return running.status != FAILED and place is not None and place.start is not None

    def _place(self, turn_id: str) -> Place | None:
        return next((each for each in reversed(self._page) if _id(each) == turn_id), None)

    def _told(self, came: _Came) -> Iterator[Told]:
        others = came.others.union(came.began, came.ended)
        for what in came.items:
            if what.turn_id not in others:
                yield self._item(what)
        if came.lines and self._live is not None and not self._live.has_begun:
            others.update(
                map(_id, self._page), [""]
            )  # turns of what was spoken, as long as there are no others
        if others:
            yield from self._anew(came, others)
        yield from self._head(others)

    def _item(self, what: Awaited | Happened) -> Told:
        """An item, in place of the call that it was while that ran."""
        key = (what.turn_id, what.item.id)
        is_known = key in self._awaited
        goes_on = isinstance(what, Happened) and what.more
        if isinstance(what, Awaited):
            self._awaited.add(key)
        else:
            self._awaited.discard(key)
        look = self._turns.look(self._place(what.turn_id))
        told = {
            "turn": printable(what.turn_id),
            "html": html.item(what.turn_id, what.item, look, what.number),
            "number": what.number,
            "replaces": printable(what.item.id) if is_known else None,
            "more": goes_on,
        }
        return "item", told

    def _head(self, others: set[str]) -> Iterator[Told]:
        """What stands above the turn that runs, if that is another, and was not told just now."""
        running = self._live.running if self._live else None
        if running is None or running.id in others:
            self._head_is_due = False
        place = self._place(running.id) if running else None
        now = time.monotonic()
        if running and place and self._head_is_due and now - self._head_at > HEAD_S:
            self._head_is_due, self._head_at = False, now
            head = html.head(running, self._turns.look(place), place.number)
            yield "head", {"turn": printable(running.id), "html": head, "status": running.status}

    # -- turns anew

    def _anew(self, came: _Came, others: set[str]) -> Iterator[Told]:
        """These turns as they are by now, each in its place; what does not stand there goes."""
        page = self._page
        told = self._read(came, others)
        at = _joint(page, told, len(page) + len(came.began) - len(told))
        if at is None:
            yield self._over()
            return
        number = page[at].number if page else None
        now = [*page[:at], *_places(told, number)]
        kept = _alike(page, now)
        self._page = now[-CAUGHT_UP:]
        self._await(told)
        if kept < len(page):
            yield "drop", {"count": len(page) - kept}
        for number, (turn, _start) in enumerate(told, at):
            back = kept - 1 - number if number < kept else None
            if back is None or turn.id in others:
                yield self._article(turn, now[number], back, ended=turn.id in came.ended)
        yield from self._runs(others)

    def _read(self, came: _Came, others: set[str]) -> list[_Placed]:
        """These turns, those after them, and the one before; none if they lie too far back."""
        ids = [_id(each) for each in self._page]
        first = next((at for at, each in enumerate(ids) if each in others), len(ids))
        new = [*came.began, *others.difference(ids, came.began)]
        early = self._live.early if self._live else ()
        if len(new) > CAUGHT_UP or not others.issubset([*ids, *came.began, *early, ""]):
            return []
        if not self._turns.reader.explicit_turns:  # it may not have been known yet
            self._turns = ThreadTurns(self._home, self._summary, self._following_ended)
        count = len(ids) - first + len(new) + 1
        if early or not ids:  # turns that have not begun are there only where all is read
            count = max(count, FIRST + 1)
        return self._turns.reader.turns_back(count, self._end())

    def _article(self, turn: Turn, place: Place, back: int | None, *, ended: bool = False) -> Told:
        """A turn, in place of the one so many turns before the page's last, or behind that."""
        shown = self._turns.article(turn, place)
        return "turn", {"turn": printable(turn.id), "html": shown, "back": back, "ended": ended}

    def _runs(self, ids: Container[str]) -> Iterator[Told]:
        """That the turn which runs does so, if it is among these."""
        running = self._live.running if self._live else None
        if running and running.id in ids:
            yield "runs", {"turn": printable(running.id)}

    def _await(self, told: Sequence[_Placed]) -> None:
        """Remember which calls of these turns run."""
        ids = {turn.id for turn, _start in told}
        left = {each for each in self._awaited if each[0] not in ids}
        self._awaited = left.union(*(_awaited(turn) for turn, _start in told))


def _awaited(turn: Turn) -> set[tuple[str, str]]:
    return {(turn.id, item.id) for item in turn.items if not is_complete(item)}


def _id(place: Place) -> str:
    return place.anchor.turn_id


def _places(told: Sequence[_Placed], number: int | None) -> list[Place]:
    """The places of turns, of which the first has that number."""
    return [
        Place(
            number + on if number is not None and number + on > 0 else None,
            Anchor(turn.id, include=True, start=start),
        )
        for on, (turn, start) in enumerate(told)
    ]


def _joint(page: Sequence[Place], told: Sequence[_Placed], expected: int) -> int | None:
    """Where in the page the first of these turns stands, as near as can be to where it should."""
    if not page or not told:
        return 0 if told else None
    first = told[0][0].id
    found = [at for at, each in enumerate(page) if _id(each) == first]
    return min(found, key=lambda at: abs(at - expected), default=None)


def _alike(page: Sequence[Place], now: Sequence[Place]) -> int:
    """So many turns of the page stay where they are."""
    pairs = zip(page, now, strict=False)
    return next(
        (at for at, (a, b) in enumerate(pairs) if _id(a) != _id(b)), min(len(page), len(now))
    )
