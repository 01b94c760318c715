"""Stretches of a thread's turns as HTML: the newest, those before, at and after a place."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import urlencode

from threadlog import giving_up, paging
from threadlog.core.boundaries import Spot
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import Turn
from threadlog.errors import NotFound
from threadlog.home import Home
from threadlog.html import turns as html
from threadlog.html.looks import ITEMS, PAGE_CHARS, Effort, Look, Part
from threadlog.html.markup import Html, joined
from threadlog.paging import Anchor, TurnPage
from threadlog.reader import ThreadReader
from threadlog.telling import find_numbered, joints, local_time
from threadlog.web.damage import Damage
from threadlog.web.lanes import Stop, look_of
from threadlog.web.places import Place, id_url, name_of

# Turns of a page; of the first one, and of that of a larger file, whose turns may be long.
PAGE, FIRST, FEW = 12, 6, 4
LARGE_BYTES = 64 << 20
_DIGITS = 10  # more than any number of an item has
_NUMBER = re.compile(r"-?[0-9]{1,6}")
_NAME = re.compile(r"[0-9A-Za-z_-]{1,80}")


class Stretch(NamedTuple):
    """Turns as HTML, oldest first, and whether there are more on either side."""

    html: Html
    before: bool
    after: bool
    last: Place | None = None


class ThreadTurns:
    """The turns of one thread, read for one request."""

    def __init__(
        self, home: Home, thread: ThreadSummary, stop: Stop, *, within_s: float | None = None
    ) -> None:
        self.thread = thread
        self._damage = Damage()
        look = look_of(stop, within_s)
        self.reader: ThreadReader = giving_up.reader(home, thread, look, self._damage.note)
        self.name = name_of(home, thread)

    # -- stretches

    def newest(self) -> Stretch:
        """The newest turns."""
        page = paging.older(self.reader, None, self._first_page())
        return self._backwards(page, self.thread.turns, None)

    def oldest(self) -> Stretch:
        """The oldest turns."""
        page = paging.newer(self.reader, None, self._first_page())
        return self._forwards(page, 1, before=False)

    def before(self, place: Place) -> Stretch:
        """The turns before a place; raises BadCursor."""
        page = paging.older(self.reader, place.anchor._replace(include=False), PAGE)
        number = place.number - 1 if place.number else None
        return self._backwards(page, number, place)

    def after(self, place: Place) -> Stretch:
        """The turns after a place; raises BadCursor."""
        page = paging.newer(self.reader, place.anchor._replace(include=False), PAGE)
        return self._forwards(page, place.number + 1 if place.number else None, beyond=place)

    def at(self, place: Place, about: int | None = None) -> Stretch:
        """The turn at a place, *about* an item of it, and those after it; raises BadCursor."""
        page = paging.newer(self.reader, place.anchor, self._first_page())
        return self._forwards(page, place.number, about=about)

    def named(self, name: str) -> Stretch:
        """The turn meant by its id or number, and those after it; raises NotFound, Ambiguous."""
        number = int(name) if _NUMBER.fullmatch(name) else None
        if number is not None and not 0 < number <= self._most():
            raise NotFound(f"this thread has no turn {number}")
        known, turn = find_numbered(self.reader, name)
        return self.at(Place(known, Anchor(turn.id, include=True)))

    def found(self, turn_id: str, rollout: str, offset: int) -> Stretch:
        """The turn that something was found in, at a byte of a rollout; raises BadCursor."""
        for number, segment in enumerate(self.reader.segments()):
            if os.path.basename(segment.path) == rollout:
                start = paging.start_of(self.reader, segment.path, offset, turn_id)
                anchor = Anchor(turn_id, include=True, start=start)
                about = paging.item_of(self.reader, anchor, Spot(number, offset))
                return self.at(Place(None, anchor), about)
        raise NotFound("that rollout is not of this thread")

    def _most(self) -> float:
        """How many turns there can be: all are known if the file is as it was counted."""
        thread = self.thread
        try:
            is_counted = os.stat(thread.path).st_size == thread.size_bytes
        except OSError:  # who reads it tells
            is_counted = False
        return thread.turns if thread.turns and is_counted else math.inf

    def _first_page(self) -> int:
        try:
            is_large = os.stat(self.thread.path).st_size > LARGE_BYTES
        except OSError:  # who reads it tells
            is_large = False
        return FEW if is_large else FIRST

    def _backwards(self, page: TurnPage, number: int | None, beyond: Place | None) -> Stretch:
        """A page that was read from its end; *number* is that of its last turn."""
        places = [
            Place(number - back if number and number > back else None, anchor)
            for back, anchor in enumerate(page.anchors)
        ]
        told = list(zip(page.turns, places, strict=True))[::-1]
        until = beyond.start if beyond else None
        pieces, whole = self._pieces(told, page.rolled_back, from_end=True, until=until)
        if page.next is None and whole and places:
            pieces = [*self._damaged(None, places[-1].start), *pieces]
        ends = self._joints(places[0].start, beyond.start) if places and beyond else []
        if beyond is None and (gone := page.rolled_back.get("")):
            ends = [html.rolled_back(gone)]
        if beyond is None and not (told and places[0].start):
            ends += self._damaged(None, None)  # where turns begin is not recorded
        return Stretch(
            joined([*pieces, *ends]),
            page.next is not None or not whole,
            beyond is not None,
            places[0] if places else None,
        )

    def _forwards(
        self,
        page: TurnPage,
        number: int | None,
        *,
        before: bool = True,
        beyond: Place | None = None,
        about: int | None = None,
    ) -> Stretch:
        places = [
            Place(number + on if number else None, anchor) for on, anchor in enumerate(page.anchors)
        ]
        told = list(zip(page.turns, places, strict=True))
        # Where the last turn ends is not known, if others follow: their page tells its damage.
        until = places[-1].start if places and page.next else None
        pieces, whole = self._pieces(
            told, page.rolled_back, from_end=False, until=until, about=about
        )
        begins: list[Html] = []
        if places and beyond and beyond.start:
            begins = self._damaged(beyond.start, places[0].start)
            begins += self._joints(beyond.start, places[0].start)
        elif places and not before:
            begins = self._damaged(None, places[0].start)
        html = joined([*begins, *pieces])
        return Stretch(html, before, page.next is not None or not whole)

    def _pieces(
        self,
        told: Sequence[tuple[Turn, Place]],
        rolled_back: Mapping[str, int],
        *,
        from_end: bool,
        until: Spot | None = None,
        about: int | None = None,
    ) -> tuple[list[Html], bool]:
        """The turns as HTML, as many as make a page, and whether these are all.

        *until* is where the turn after them begins, *about* an item of the first that is looked
        for.
        """
        kept: list[list[Html]] = []
        chars, effort = 0, Effort()
        order = range(len(told) - 1, -1, -1) if from_end else range(len(told))
        for at in order:
            turn, place = told[at]
            joint = self._joints(told[at - 1][1].start, place.start) if at else []
            gone = rolled_back.get(turn.id)
            marks = [html.rolled_back(gone)] if gone else []
            look = self.look(place, None if at else about)._replace(effort=effort)
            next_start = told[at + 1][1].start if at + 1 < len(told) else until
            damage = self._damaged(place.start, next_start) if place.start else []
            piece = [*joint, *marks, _article(turn, look, place), *damage]
            chars += sum(map(len, piece))
            if kept and chars > PAGE_CHARS:
                break
            kept.append(piece)
        pieces = kept[::-1] if from_end else kept
        return [each for piece in pieces for each in piece], len(kept) == len(told)

    # -- pieces

    def article(self, turn: Turn, place: Place) -> Html:
        """One turn that stands alone."""
        return _article(turn, self.look(place), place)

    def look(self, place: Place | None = None, about: int | None = None) -> Look:
        """How turns are shown; where the parts of one lie, if its place is told."""
        base = f"/thread/{self.name}"
        shown = Look(
            inline=False, thread_url=id_url, moment=local_time, effort=Effort(), awaited=True
        )
        if place is None:
            return shown._replace(inline=True)
        return shown._replace(
            part_url=partial(_part_url, base, place),
            earlier_url=partial(_earlier_url, f"/api{base}", place),
            later_url=partial(_later_url, f"/api{base}", place),
            turn_url=partial(_turn_url, base, place, about),
            about=about,
        )

    def turn(self, place: Place) -> Turn:
        """The turn at a place; raises BadCursor."""
        return paging.newer(self.reader, place.anchor, 1).turns[0]

    def earlier(self, place: Place, count: int) -> Html:
        """Of a turn, the items before so many of it, as many as a page has."""
        first = max(count - ITEMS, 1)
        self.reader.kept = range(first, count)
        turn, look = self.turn(place), self.look(place)
        window = min(first, len(turn.items)), min(count, len(turn.items))
        first, _end, shown = html.stretch(turn, look, window, window[1] - 1)
        return joined([html.earlier(turn.id, first, look), shown])

    def later(self, place: Place, first: int, end: int) -> Html:
        """Of a turn, the items from one number to another, as many as a page has."""
        last = min(first + ITEMS, end)
        self.reader.kept = range(first, last)
        turn, look = self.turn(place), self.look(place)
        count = len(turn.items)
        _first, last, shown = html.stretch(turn, look, (min(first, count), min(last, count)), first)
        return joined([shown, html.later(turn.id, last, min(end, count), look)])

    def part(self, place: Place, name: str) -> Part:
        """A part of a turn, whole; raises NotFound, BadCursor."""
        number = name.partition(".")[0]
        if number.isdecimal() and len(number) < _DIGITS:
            self.reader.kept = range(int(number), int(number) + 1)
        part = html.part(self.turn(place), name)
        if part is None:
            raise NotFound("no such part of this turn")
        return part

    # -- where rollouts join, and are damaged

    def _damaged(self, first: Spot | None, end: Spot | None) -> list[Html]:
        paths = [segment.path for segment in self.reader.segments()]
        return self._damage.remarks(paths, first, end)

    def _joints(self, before: Spot | None, after: Spot | None) -> list[Html]:
        segments = self.reader.segments()
        if before is None or after is None or after.segment >= len(segments):
            return []
        told = joints(segments, before.segment, after.segment)
        return [html.joint(each, self.look()) for each in told]


def _article(turn: Turn, look: Look, place: Place) -> Html:
    return html.turn(turn, look, place.number, at=place.text())


def _part_url(base: str, place: Place, _turn_id: str, name: str) -> str:
    return f"{base}/part/{name}?{urlencode({'at': place.text()})}"


def _earlier_url(base: str, place: Place, _turn_id: str, count: int) -> str:
    return f"{base}/items?{urlencode({'at': place.text(), 'count': count})}"


def _later_url(base: str, place: Place, _turn_id: str, first: int, end: int) -> str:
    return f"{base}/items?{urlencode({'at': place.text(), 'first': first, 'end': end})}"


def _turn_url(base: str, place: Place, about: int | None, turn_id: str) -> str:
    name = str(place.number or (turn_id if _NAME.fullmatch(turn_id) else "here"))
    item = {} if about is None else {"item": about}
    return f"{base}/turn/{name}?{urlencode({'at': place.text(), **item})}"
