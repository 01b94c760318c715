"""Threads as they grow, told to pages as server-sent events, to so many pages at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import orjson
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from threadlog.errors import ThreadlogError
from threadlog.following import LOOK_S
from threadlog.home import Home
from threadlog.web.asked import number
from threadlog.web.follower import Follower, Known, Told

# Pages that follow at once; so often it is said that nothing happens.
FOLLOWERS, PING_S = 64, 15.0


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
            given.get("turn"),
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


def _begun(follower: Follower) -> list[Told]:
    try:
        return [*follower.begin(), ("ready", {})]
    except ThreadlogError:  # it is being moved, or gone: the page reads it again, and is told
        return [("again", {})]


def _event(told: Told) -> bytes:
    name, data = told
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))
