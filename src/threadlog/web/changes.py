"""What can be done to a thread here: it gets a name, it is archived or brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from threadlog.core.lines import BadLine, parse_json
from threadlog.core.text import one_line
from threadlog.errors import BadQuery, NotFound
from threadlog.home import Home
from threadlog.web.gate import BODY_BYTES
from threadlog.web.places import thread_of

NAME_CHARS = 1000


class Changes:
    """What is done, one at a time."""

    def __init__(self, home: Callable[[], Home]) -> None:
        self._home = home
        self._turn = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        """Do it; with `dry_run` only say what it would do."""
        verb = _VERBS.get(request.path_params["verb"])
        if verb is None:
            raise NotFound("nothing of that name can be done")
        given = await _body(request)
        home = self._home()
        name = request.path_params["thread"]

        def work() -> dict[str, Any]:
            thread = thread_of(home, name)
            return verb(home, thread.id or thread.path, given)

        async with self._turn:
            told = await asyncio.to_thread(work)
        return JSONResponse(told)


async def _body(request: Request) -> dict[str, Any]:
    """The body, a JSON object of no great size; raises BadQuery."""
    held = bytearray()
    async for piece in request.stream():
        held += piece
        if len(held) > BODY_BYTES:
            raise BadQuery("the body is too large")
    try:
        given = parse_json(bytes(held))
    except BadLine:
        given = None
    if request.headers.get("content-type") != "application/json" or not isinstance(given, dict):
        raise BadQuery("the body is to be a JSON object")
    return given


def _rename(home: Home, reference: str, given: dict[str, Any]) -> dict[str, Any]:
    name = given.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > NAME_CHARS:
        raise BadQuery(f"a name has 1 to {NAME_CHARS} characters")
    try:
        changed = home.rename(reference, name)
    except ValueError as error:
        raise BadQuery(str(error)) from None
    return {"id": changed.id, "remarks": list(changed.remarks)}


def _archive(home: Home, reference: str, given: dict[str, Any]) -> dict[str, Any]:
    return _moved(home.archive(reference, dry_run=given.get("dry_run") is True))


def _unarchive(home: Home, reference: str, given: dict[str, Any]) -> dict[str, Any]:
    return _moved(home.unarchive(reference, dry_run=given.get("dry_run") is True))


def _moved(moved: Any) -> dict[str, Any]:
    remarks = [one_line(remark) for each in moved for remark in each.remarks]
    return {"threads": len(moved), "remarks": remarks[:10]}


_VERBS: dict[str, Callable[[Home, str, dict[str, Any]], dict[str, Any]]] = {
    "rename": _rename,
    "archive": _archive,
    "unarchive": _unarchive,
}
