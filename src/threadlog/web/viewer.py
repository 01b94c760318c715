"""The application: its addresses, what each answers, and how failures are told."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from threadlog.core.query import ThreadPage, ThreadSummary
from threadlog.core.text import one_line, with_tilde
from threadlog.errors import (
    Ambiguous,
    BadCursor,
    BadQuery,
    GivenUp,
    InUse,
    NotFound,
    OutsideHome,
    Refused,
    ThreadlogError,
)
from threadlog.home import Home
from threadlog.searching import as_typed
from threadlog.web import rows
from threadlog.web.asked import Choice, choice_of, number
from threadlog.web.assets import Assets
from threadlog.web.changes import Changes
from threadlog.web.gate import Keys
from threadlog.web.lanes import LISTING, READING, SEEK_S, SEEKING, Lanes, Stop
from threadlog.web.live import Live
from threadlog.web.pages import Frame, Listed
from threadlog.web.places import place_of, thread_of
from threadlog.web.raw import lines_of, whole_line
from threadlog.web.stretches import LARGE_BYTES, Stretch, ThreadTurns
from threadlog.web.titles import titles

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, 404),
    (OutsideHome, 404),
    (Ambiguous, 409),
    (BadCursor, 410),
    (BadQuery, 400),
    (InUse, 409),
    (Refused, 409),
    (ThreadlogError, 500),
    (OSError, 500),
)
_GONE = 499
_T = TypeVar("_T")
# What a part of a thread is shown as: an image, or plain text; it can do nothing either way.
_ALONE = {"content-security-policy": "sandbox; default-src 'none'"}


class Viewer:
    """What the addresses answer."""

    def __init__(self, home: Callable[[], Home], keys: Keys, lanes: Lanes) -> None:
        self._home = home
        self._lanes = lanes
        self._assets = Assets.read()
        self._frame = Frame(self._assets, keys.write_key)
        self._live = Live(home)
        self._changes = Changes(home)

    def app(self) -> Starlette:
        """The application."""
        thread = "/thread/{thread}"
        routes = [
            Route("/", self._list, methods=["GET"]),
            Route(thread, self._thread, methods=["GET"]),
            Route(thread + "/turn/{turn}", self._thread, methods=["GET"]),
            Route(thread + "/found", self._thread, methods=["GET"]),
            Route(thread + "/part/{part}", self._part, methods=["GET"]),
            Route(thread + "/line", self._line, methods=["GET"]),
            Route("/api/threads", self._threads, methods=["GET"]),
            Route("/api/search", self._search, methods=["GET"]),
            Route("/api" + thread + "/turns", self._turns, methods=["GET"]),
            Route("/api" + thread + "/outline", self._outline, methods=["GET"]),
            Route("/api" + thread + "/items", self._items, methods=["GET"]),
            Route("/api" + thread + "/kin", self._kin, methods=["GET"]),
            Route("/api" + thread + "/raw", self._raw, methods=["GET"]),
            Route("/api" + thread + "/events", self._live.answer, methods=["GET"]),
            Route("/api" + thread + "/{verb}", self._changes.answer, methods=["POST"]),
            Route("/static/{version}/{name}", self._assets.answer, methods=["GET"]),
            Route("/favicon.ico", _nothing, methods=["GET"]),
        ]
        handlers: dict[Any, Any] = {kind: self._failed for kind, _status in _STATUS}
        handlers |= {404: self._failed, Exception: self._failed}
        return Starlette(routes=routes, exception_handlers=handlers)

    def close(self) -> None:
        """End what goes on."""
        self._live.close()
        self._lanes.close()

    async def _read(self, request: Request, work: Callable[[ThreadTurns], _T]) -> _T:
        """What comes of work on the turns of the thread that is asked for."""
        home, name = self._home(), request.path_params["thread"]
        lane, within_s = _lane(request)

        def reading(stop: Stop) -> _T:
            thread = thread_of(home, name)
            is_large = thread.size_bytes > LARGE_BYTES
            with self._lanes.alone(lane, stop) if is_large else contextlib.nullcontext():
                return work(ThreadTurns(home, thread, stop, within_s=within_s))

        return await self._lanes.do(request, reading, lane)

    # -- pages

    async def _list(self, request: Request) -> Response:
        choice = choice_of(request)
        home = self._home()

        def work(stop: Stop) -> ThreadPage:
            return home.threads(stop=stop, **_titles(choice))

        page = await self._lanes.do(request, work, LISTING)
        listed = rows.thread_rows(home, page, choice.sort)
        first = Listed(listed, page.next, rows.sentences(page.problems))
        folder = with_tilde(os.fspath(home.path), os.path.expanduser("~"))
        return HTMLResponse(self._frame.list_page(folder, choice, first))

    async def _thread(self, request: Request) -> Response:
        def work(turns: ThreadTurns) -> tuple[ThreadSummary, Stretch, str]:
            return turns.thread, _asked_for(turns, request), turns.name

        thread, stretch, name = await self._read(request, work)
        return HTMLResponse(self._frame.thread_page(thread, stretch, name))

    # -- what pages ask for

    async def _threads(self, request: Request) -> Response:
        choice, home = choice_of(request), self._home()

        def work(stop: Stop) -> ThreadPage:
            return home.threads(stop=stop, **choice.threads())

        page = await self._lanes.do(request, work, LISTING)
        return JSONResponse(
            {
                "html": rows.thread_rows(home, page, choice.sort),
                "next": page.next,
                "count": len(page),
                "problems": rows.sentences(page.problems),
            }
        )

    async def _search(self, request: Request) -> Response:
        choice, home = choice_of(request), self._home()

        def work(stop: Stop) -> Any:
            return home.search(as_typed(choice.text), stop=stop, **choice.search())

        page = await self._lanes.do(request, work, SEEKING)
        return JSONResponse(
            {
                "html": rows.hit_rows(home, page),
                "next": page.next,
                "count": len(page),
                "problems": rows.sentences(page.problems),
            }
        )

    async def _turns(self, request: Request) -> Response:
        stretch = await self._read(request, lambda turns: _asked_for(turns, request))
        told = {"html": stretch.html, "before": stretch.before, "after": stretch.after}
        return JSONResponse(told)

    async def _outline(self, request: Request) -> Response:
        given = request.query_params
        older = "before" in given
        place = place_of(given.get("before" if older else "after", ""))
        piece = await self._read(request, lambda turns: titles(turns, place, older=older))
        return JSONResponse({"html": piece.html, "before": piece.before, "after": piece.after})

    async def _items(self, request: Request) -> Response:
        given = request.query_params
        place = place_of(given.get("at", ""))
        first, end = number(given, "first"), number(given, "end") or 0
        count = number(given, "count") or 0

        def work(turns: ThreadTurns) -> str:
            return turns.earlier(place, count) if first is None else turns.later(place, first, end)

        return JSONResponse({"html": await self._read(request, work)})

    async def _kin(self, request: Request) -> Response:
        home, name = self._home(), request.path_params["thread"]

        def work(stop: Stop) -> str:
            thread = thread_of(home, name)
            return rows.tree(home, home.tree(thread.id or thread.path, stop=stop))

        return JSONResponse({"html": await self._lanes.do(request, work, LISTING)})

    async def _raw(self, request: Request) -> Response:
        home, name = self._home(), request.path_params["thread"]
        given = request.query_params
        segment, offset = number(given, "segment", 10_000) or 0, number(given, "byte") or 0

        def work(stop: Stop) -> dict[str, Any]:
            return lines_of(_turns_of(home, name, stop).reader, segment, offset)

        return JSONResponse(await self._lanes.do(request, work))

    # -- parts of a thread by themselves

    async def _part(self, request: Request) -> Response:
        place = place_of(request.query_params.get("at", ""))

        def work(turns: ThreadTurns) -> tuple[bytes, str]:
            part = turns.part(place, request.path_params["part"])
            if part.kind.startswith("image/"):
                return _image(part.data), part.kind
            return part.data.encode(errors="replace"), "text/plain"

        data, kind = await self._read(request, work)
        return Response(data, media_type=kind, headers=_ALONE)

    async def _line(self, request: Request) -> Response:
        home, name = self._home(), request.path_params["thread"]
        given = request.query_params
        segment, offset = number(given, "segment", 10_000) or 0, number(given, "byte") or 0

        def work(stop: Stop) -> bytes:
            return whole_line(_turns_of(home, name, stop).reader, segment, offset)

        data = await self._lanes.do(request, work)
        return Response(data, media_type="text/plain", headers=_ALONE)

    # -- failures

    async def _failed(self, request: Request, error: Exception) -> Response:
        """A sentence; never what a thread says, nor where in our code it was."""
        if isinstance(error, GivenUp):
            return Response(status_code=_GONE)
        unknown = 404 if isinstance(error, HTTPException) else 500
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), unknown)
        said = one_line(str(error)) if isinstance(error, ThreadlogError) else _PLAIN[status]
        if isinstance(error, BadQuery) and "--exact" in said:  # an option of the command
            said = said.partition(";")[0]
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": said}, status)
        thread = request.path_params.get("thread") if isinstance(error, BadCursor) else None
        return HTMLResponse(self._frame.error_page(said, thread), status)


_PLAIN = {404: "There is no such page.", 500: "It cannot be read."}


def _titles(choice: Choice) -> Any:
    """What is listed at first, before anything of a search is known."""
    return choice._replace(text="").threads()


def _image(data: str) -> bytes:
    try:
        return base64.b64decode(data)
    except binascii.Error:  # it was cut
        raise NotFound("this image is not whole, and not shown") from None


def _turns_of(home: Home, name: str, stop: Stop) -> ThreadTurns:
    return ThreadTurns(home, thread_of(home, name), stop)


def _lane(request: Request) -> tuple[str, float | None]:
    """Who reads for an address, and how long: a turn that is named only is to be looked for.

    One whose place is told is too, if nothing is there any more.
    """
    given = request.query_params
    place = next((place_of(given[name]) for name in ("at", *_READINGS) if name in given), None)
    if place is not None:
        is_near = place.start is not None or place.anchor.end is not None
        return (READING if is_near else SEEKING), SEEK_S
    is_sought = "turn" in request.path_params or "in" in given
    return (SEEKING, SEEK_S) if is_sought else (READING, None)


def _asked_for(turns: ThreadTurns, request: Request) -> Stretch:
    """The stretch that an address means."""
    given = request.query_params
    if "at" in given:
        return turns.at(place_of(given["at"]), number(given, "item"))
    for name, reading in _READINGS.items():
        if name in given:
            return reading(turns, place_of(given[name]))
    if "in" in given:
        byte = number(given, "byte") or 0
        return turns.found(given.get("turn", ""), given["in"], byte)
    if (turn := request.path_params.get("turn")) is not None:
        return turns.named(turn)
    return turns.oldest() if given.get("from") == "first" else turns.newest()


_READINGS: dict[str, Callable[[ThreadTurns, Any], Stretch]] = {
    "before": ThreadTurns.before,
    "after": ThreadTurns.after,
}
_Answer = Callable[[Request], Awaitable[Response]]


async def _nothing(_request: Request) -> Response:
    return PlainTextResponse("", 204)
