"""A thread as it grows, told to a page as server-sent events.

First the newest turns as they are by then, as far as the page does not have them; then what begins,
happens and ends; a call as it begins, and again, in its place, with what came of it.  After a
revert or a rollback the page is told to read the end again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from threadlog.core.boundaries import Spot
from threadlog.core.decode import Line
from threadlog.core.live import (
    Awaited,
    Began,
    Ended,
    Happened,
    Happening,
    LiveTurns,
    RolledBack,
    is_complete,
)
from threadlog.core.turn import Turn
from threadlog.errors import ThreadlogError
from threadlog.following import LOOK_S, Deleted, Followed, Following, Reverted, Shortened
from threadlog.home import Home
from threadlog.html import turns as html
from threadlog.paging import Anchor
from threadlog.web.asked import number
from threadlog.web.places import Place, thread_of
from threadlog.web.stretches import ThreadTurns

# Pages that follow at once; turns that a page is brought up to date by; so often it is said that
# nothing happens.
FOLLOWERS, CAUGHT_UP, PING_S = 64, 8, 15.0
# A turn without an end runs, if its rollout was written to so lately; later it was interrupted.
RUNS_S = 600
_Told = tuple[str, dict[str, Any]]


class Known(NamedTuple):
    """What a page has of the end of a thread.

    Its last turn, with so many items, so it stands; of so many items it shows that they run.
    """

    turn_id: str
    number: int | None
    items: int
    status: str
    awaited: int

    def is_as(self, turn: Turn) -> bool:
        """True if the page has all of this turn, its last."""
        runs = len(_awaited(turn))
        return (self.items, self.status, self.awaited) == (len(turn.items), turn.status, runs)


class Live:
    """All pages that follow threads."""

    def __init__(self, home: Callable[[], Home]) -> None:
        self._home = home
        self._followers = 0
        self._ending = asyncio.Event()

    def close(self) -> None:
        """End all streams."""
        self._ending.set()

    async def answer(self, request: Request) -> Response:
        """A stream of what happens in a thread."""
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        if self._followers >= FOLLOWERS:
            return PlainTextResponse("too many pages follow threads\n", 503)
        self._followers += 1
        try:
            return _Stream(await self._stream(request), self._let_go)
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        self._followers -= 1

    async def _stream(self, request: Request) -> AsyncIterator[bytes]:
        home = self._home()
        name = request.path_params["thread"]
        given = request.query_params
        known = Known(
            given.get("turn", ""),
            number(given, "number"),
            number(given, "items") or 0,
            given.get("status", ""),
            number(given, "awaited") or 0,
        )
        follower = await asyncio.to_thread(Follower, home, name, known)
        return self._events(follower)

    async def _events(self, follower: Follower) -> AsyncIterator[bytes]:
        try:
            for each in await asyncio.to_thread(_begun, follower):
                yield _event(each)
            said = time.monotonic()
            while not (follower.ended or self._ending.is_set()):
                told = await asyncio.to_thread(follower.poll)
                for each in told:
                    yield _event(each)
                if told or time.monotonic() - said > PING_S:
                    said = time.monotonic()
                    yield b": here\n\n"
                if not told and not follower.behind:
                    await self._rest()
        finally:
            follower.close()

    async def _rest(self) -> None:
        waiting = asyncio.create_task(self._ending.wait())
        await asyncio.wait({waiting}, timeout=LOOK_S)
        waiting.cancel()


class _Stream(StreamingResponse):
    """Events; once they end, or nobody listens, that is told."""

    def __init__(self, events: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()


def _begun(follower: Follower) -> list[_Told]:
    try:
        return [*follower.begin(), ("ready", {})]
    except ThreadlogError:  # it is being moved, or gone: the page reads it again, and is told
        return [("again", {})]


def _awaited(turn: Turn) -> set[tuple[str, str]]:
    return {(turn.id, item.id) for item in turn.items if not is_complete(item)}


def _event(told: _Told) -> bytes:
    name, data = told
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))


class Follower:
    """One page that follows one thread; runs on any thread, one call at a time."""

    def __init__(self, home: Home, name: str, known: Known) -> None:
        self._home = home
        self._known = known
        self._summary = thread_of(home, name)
        self._following: Following = home.follow(self._summary.id or self._summary.path)
        self._turns = ThreadTurns(home, self._summary, self._following_ended)
        self._live: LiveTurns | None = None
        self._number = known.number
        # Calls that run, of which the page has been told.
        self._awaited: set[tuple[str, str]] = set()

    def _following_ended(self) -> bool:
        return self._following.ended

    @property
    def ended(self) -> bool:
        """True once nothing comes any more."""
        return self._following.ended

    @property
    def behind(self) -> bool:
        """True while there is more to be read at once."""
        return self._following.behind

    def close(self) -> None:
        """Let go."""
        self._following.close()

    def begin(self) -> list[_Told]:
        """What the page lacks of what there is by now."""
        reader = self._turns.reader
        end = Spot(len(reader.segments()) - 1, self._following.offset)
        lines, rules = reader.newest_lines(1, end)
        self._live = LiveTurns(rules, awaited=True)
        for line in lines:
            self._live.add(line)
        told = reader.turns_back(CAUGHT_UP, end)
        self._awaited = {each for turn, _start in told for each in _awaited(turn)}
        at = next((n for n, (turn, _) in enumerate(told) if turn.id == self._known.turn_id), None)
        if at is None and self._known.turn_id:
            return [("again", {})]
        newer = list(self._newer(told[at or 0 :], is_known=at is not None))
        if told and told[-1][0].id == self._live.running and self._is_lately_written():
            newer.append(("runs", {"turn": self._live.running}))
        return newer

    def _is_lately_written(self) -> bool:
        try:
            return time.time() - os.stat(self._summary.path).st_mtime < RUNS_S
        except OSError:  # who reads it tells
            return False

    def _newer(self, told: list[Any], *, is_known: bool) -> Iterator[_Told]:
        number = self._number
        for place, (turn, start) in enumerate(told):
            is_first = is_known and place == 0
            if not is_first:
                number = number + 1 if number else None
            if not (is_first and self._known.is_as(turn)):
                at = Place(number, Anchor(turn.id, include=True, start=start))
                yield "turn", {"turn": turn.id, "html": self._turns.article(turn, at)}
        self._number = number

    def poll(self) -> list[_Told]:
        """What came since."""
        return [told for each in self._following.poll() for told in self._of(each)]

    def _of(self, followed: Followed) -> Iterator[_Told]:
        value = followed.value
        if isinstance(value, Line):
            if self._live is not None:
                for each in self._live.add(value):
                    yield from self._happened(each)
        elif isinstance(value, Deleted):
            yield "gone", {"html": html.remark("the thread is not there any more")}
        elif isinstance(value, (Reverted, Shortened)):
            yield "again", {}

    def _item(self, what: Awaited | Happened) -> _Told:
        """An item, in place of the call that it was while that ran."""
        key = (what.turn_id, what.item.id)
        is_known = key in self._awaited
        goes_on = isinstance(what, Happened) and what.more
        if isinstance(what, Awaited):
            self._awaited.add(key)
        elif not goes_on:
            self._awaited.discard(key)
        shown = html.item(what.turn_id, what.item, self._turns.look())
        replaces = what.item.id if is_known and not goes_on else None
        told = {"turn": what.turn_id, "html": shown, "replaces": replaces, "more": goes_on}
        return "item", told

    def _happened(self, what: Happening) -> Iterator[_Told]:
        look = self._turns.look()
        if isinstance(what, Began):
            self._number = self._number + 1 if self._number else None
            place = Place(self._number, Anchor(what.turn.id, include=True))
            article = self._turns.article(what.turn, place)
            yield "turn", {"turn": what.turn.id, "html": article}
        elif isinstance(what, (Awaited, Happened)):
            yield self._item(what)
        elif isinstance(what, Ended):
            place = Place(self._number, Anchor(what.turn.id, include=True))
            head = html.head(what.turn, self._turns.look(place), self._number)
            error = html.error(what.turn, look)
            told = {"turn": what.turn.id, "head": head, "html": error, "status": what.turn.status}
            yield "ended", told
        elif isinstance(what, RolledBack):
            yield "again", {}
