"""Pages of turns and items, and their cursors: JSON in a text, as Codex's are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any

import msgspec

from threadlog.app import wire
from threadlog.app.client import Request
from threadlog.app.loaded import Loaded
from threadlog.app.refusals import RpcError, bad_cursor, invalid
from threadlog.app.wire_items import Wire, item_of
from threadlog.core.boundaries import Spot
from threadlog.core.items import turn as ti
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import ItemTimes, Turn
from threadlog.errors import BadCursor
from threadlog.paging import Anchor, TurnPage, newer, older
from threadlog.reader import ThreadReader

DEFAULT_LIMIT, MAX_LIMIT = 25, 100
ASCENDING = "asc"
_LARGEST = 1 << 62  # no file is longer


class _Cursor(msgspec.Struct, rename="camel", omit_defaults=True):
    """A place between turns, and in one of them; `end` and `start` say where to read."""

    turn_id: str
    include_anchor: bool
    end: tuple[int, int] | None = None
    start: tuple[int, int] | None = None
    item_id: str | None = None


_Placed = tuple[_Cursor, ti.AnyTurnItem, ItemTimes]
_decoder = msgspec.json.Decoder(_Cursor)
_encoder = msgspec.json.Encoder()


async def turns_page(
    request: Request, summary: ThreadSummary, loaded: Loaded | None, asked: Any
) -> Wire:
    """A page of a thread's turns, the newest first unless asked otherwise."""
    view = asked.items_view or wire.SUMMARY
    text = getattr(asked, "cursor", None)
    anchor = None if text is None else _anchor(text)
    limit = limit_of(asked.limit)
    running = loaded.running if loaded else None
    if loaded is not None:
        await loaded.written()
    reader = request.server.home.sync.reader(summary)
    turn_to = newer if asked.sort_direction == ASCENDING else older
    page = await _read(request, turn_to, reader, anchor, limit)
    return {
        "data": [wire.turn_of(turn, view, running) for turn in page.turns],
        "nextCursor": _text(page.next),
        "backwardsCursor": _text(page.previous),
    }


async def items_page(request: Request, summary: ThreadSummary, loaded: Loaded | None) -> Wire:
    """A page of a thread's items, or of one turn's, the oldest first unless asked otherwise."""
    params = request.params
    if loaded is not None:
        await loaded.written()
    reader = request.server.home.sync.reader(summary)
    descending = params.sort_direction == "desc"
    cursor = None
    if params.cursor is not None:
        cursor = _cursor(params.cursor) if isinstance(params.cursor, str) else None
        if cursor is None:
            raise invalid("a cursor that names an item is not supported: use those of an answer")
    limit = limit_of(params.limit)
    work = _ItemWalk(reader, params.turn_id, descending=descending)
    found = await request.server.read(partial(work.page, cursor, limit))
    return {
        "data": [entry for _cursor_of, entry in found[:limit]],
        "nextCursor": _encoded(found[limit - 1][0]) if len(found) > limit else None,
        "backwardsCursor": _back(found[0][0]) if found else None,
    }


async def ends(request: Request, summary: ThreadSummary) -> Wire:
    """Where a paginated thread ends, for pages that go back from there; as of this moment."""
    turns = items = None
    if summary.history_mode == "paginated":
        reader = request.server.home.sync.reader(summary)
        page = await _read(request, older, reader, None, 1)
        turns = _text(page.previous)
        if page.turns and page.turns[0].items:
            turn = page.turns[0]
            items = _encoded(_Cursor(turn.id, include_anchor=True, item_id=turn.items[-1].id))
    return {"turnsBackwardsCursor": turns, "itemsBackwardsCursor": items}


class _ItemWalk:
    """The items of a thread in one direction, turn by turn."""

    def __init__(self, reader: ThreadReader, turn_id: str | None, *, descending: bool) -> None:
        self._reader = reader
        self._turn_id = turn_id
        self._descending = descending

    def page(self, cursor: _Cursor | None, limit: int) -> list[tuple[_Cursor, Wire]]:
        """So many entries and one more, each with the cursor that goes on after it."""
        placed = self._placed(cursor)
        if cursor is not None:
            first = next((each for each in placed if each[0].item_id == cursor.item_id), None)
            if first is None:
                raise invalid("invalid cursor: anchor item is no longer present")
            if cursor.include_anchor:
                placed = chain([first], placed)
        shown = ((here, _entry(here, item, times)) for here, item, times in placed)
        whole = ((here, entry) for here, entry in shown if entry is not None)
        return list(islice(whole, limit + 1))

    def _placed(self, cursor: _Cursor | None) -> Iterator[_Placed]:
        for turn, anchor in self._turns(cursor):
            for item in turn.items[::-1] if self._descending else turn.items:
                end, start = _place(anchor.end), _place(anchor.start)
                here = _Cursor(turn.id, include_anchor=False, end=end, start=start, item_id=item.id)
                yield here, item, turn.item_times.get(item.id, (None, None))

    def _turns(self, cursor: _Cursor | None) -> Iterator[tuple[Turn, Anchor]]:
        """The turns from the cursor's on; of one turn, it alone."""
        anchor = None
        if cursor is not None:
            places = {"end": _spot(cursor.end), "start": _spot(cursor.start)}
            anchor = Anchor(cursor.turn_id, include=True, **places)
        if self._turn_id is not None:
            yield from self._one(anchor)
            return
        turn_to = older if self._descending else newer
        while True:
            try:
                page = turn_to(self._reader, anchor, MAX_LIMIT)
            except BadCursor as error:
                raise invalid(f"invalid cursor: {error}") from None
            yield from zip(page.turns, page.anchors, strict=True)
            if page.next is None:
                return
            anchor = page.next

    def _one(self, anchor: Anchor | None) -> Iterator[tuple[Turn, Anchor]]:
        """The turn asked for, looked for from the end; none if there is no such turn."""
        assert self._turn_id is not None
        if anchor is None or anchor.turn_id != self._turn_id:
            anchor = Anchor(self._turn_id, include=True)
        with contextlib.suppress(BadCursor):
            page = older(self._reader, anchor, 1)
            yield from zip(page.turns, page.anchors, strict=True)


async def has_turn(request: Request, summary: ThreadSummary, turn_id: str) -> bool:
    """True if the thread has such a turn."""
    reader = request.server.home.sync.reader(summary)
    try:
        return bool((await _read(request, older, reader, Anchor(turn_id, include=True), 1)).turns)
    except RpcError:
        return False


def _entry(here: _Cursor, item: ti.AnyTurnItem, times: ItemTimes) -> Wire | None:
    shown = item_of(item, *times)
    if shown is None:
        return None
    began_ms, ended_ms = times
    return {
        "turnId": here.turn_id,
        "item": shown,
        "startedAtMs": began_ms,
        "completedAtMs": ended_ms,
    }


def limit_of(limit: int | None) -> int:
    """How many to show."""
    return DEFAULT_LIMIT if limit is None else min(max(limit, 1), MAX_LIMIT)


async def _read(
    request: Request,
    turn_to: Callable[[ThreadReader, Anchor | None, int], TurnPage],
    reader: ThreadReader,
    anchor: Anchor | None,
    limit: int,
) -> TurnPage:
    try:
        return await request.server.read(partial(turn_to, reader, anchor, limit))
    except BadCursor as error:
        raise invalid(f"invalid cursor: {error}") from None


def _cursor(text: str) -> _Cursor:
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, ValueError):
        raise bad_cursor(text) from None


def _anchor(text: str) -> Anchor:
    cursor = _cursor(text)
    return Anchor(cursor.turn_id, cursor.include_anchor, _spot(cursor.end), _spot(cursor.start))


def _spot(place: tuple[int, int] | None) -> Spot | None:
    if place is None or min(place) < 0 or max(place) > _LARGEST:
        return None
    return Spot(place[0], place[1])


def _text(anchor: Anchor | None) -> str | None:
    if anchor is None:
        return None
    return _encoded(
        _Cursor(anchor.turn_id, anchor.include, _place(anchor.end), _place(anchor.start))
    )


def _place(spot: Spot | None) -> tuple[int, int] | None:
    return None if spot is None else (spot.segment, spot.offset)


def _encoded(cursor: _Cursor) -> str:
    return _encoder.encode(cursor).decode()


def _back(cursor: _Cursor) -> str:
    return _encoded(msgspec.structs.replace(cursor, include_anchor=True))
