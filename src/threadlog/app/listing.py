"""Threads listed, and looked for."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from threadlog.app import wire
from threadlog.app.client import Request
from threadlog.app.ids import read_id
from threadlog.app.pages import limit_of
from threadlog.app.refusals import bad_cursor, invalid
from threadlog.app.wire_items import Wire
from threadlog.core import moments
from threadlog.core.cursor import codex_cursor_text, read_cursor
from threadlog.core.items import turn as ti
from threadlog.core.query import CREATED, RECENCY, UPDATED, ThreadPage, ThreadSummary
from threadlog.errors import BadCursor

_SORTS = {"created_at": CREATED, "updated_at": UPDATED, "recency_at": RECENCY}
# The kinds of sources that clients name, as the labels of listings.
_SOURCES = {
    "cli": ("cli",),
    "vscode": ("vscode",),
    "exec": ("exec",),
    "appServer": ("mcp",),
    "subAgent": ("subagent",),
    "subAgentReview": ("subagent:review",),
    "subAgentCompact": ("subagent:compact",),
    "subAgentThreadSpawn": ("subagent:spawn",),
    "subAgentOther": ("subagent:other", "subagent:memory_consolidation"),
    "unknown": ("unknown",),
}
_INTERACTIVE = ("cli", "vscode")
# Around what was found.
_BEFORE_CHARS, _AFTER_CHARS = 48, 96


async def list_threads(request: Request) -> Any:
    """A page of threads, as Codex's own list shows them by default."""
    params = request.params
    if params.parent_thread_id is not None and params.ancestor_thread_id is not None:
        raise invalid("parentThreadId and ancestorThreadId are mutually exclusive")
    if params.sort_key == "section_position":
        raise invalid("this server has no sections: sort by another key")
    query = _query(request, params)
    if params.model_providers is None and params.parent_thread_id is None:
        query["providers"] = (request.server.provider,)
    elif params.model_providers:
        query["providers"] = tuple(params.model_providers)
    if params.cwd is not None:
        folders = [params.cwd] if isinstance(params.cwd, str) else params.cwd
        query["cwd"] = [os.path.abspath(each) for each in folders]
    if params.search_term:
        query["text"] = params.search_term
    relation = params.parent_thread_id or params.ancestor_thread_id
    if relation is not None:
        query["parent"] = _relative(params)
    page = await _page(request, query, params.cursor)
    return {"data": _shown(request, page), "readStates": {}, **_cursors(page, query)}


async def search(request: Request) -> Any:
    """Threads in which something was said, by reading them: no index of words yet."""
    params = request.params
    term = params.search_term.strip()
    if not term:
        raise invalid("thread/search requires a non-empty searchTerm")
    query = _query(request, params)
    limit, cursor = query.pop("limit"), params.cursor
    found: list[tuple[ThreadSummary, str]] = []
    while True:
        page = await _page(request, {**query, "limit": 100}, cursor)
        for summary in page:
            snippet = await asyncio.to_thread(_snippet, request, summary, term)
            if snippet is not None:
                found.append((summary, snippet))
            if len(found) > limit:
                break
        cursor = page.next
        if cursor is None or len(found) > limit:
            break
    shown = found[:limit]
    data = [{"thread": _thread(request, summary), "snippet": snippet} for summary, snippet in shown]
    more = _after(shown[-1][0], query["sort"]) if len(found) > limit else None
    back = _moved(shown[0][0], query) if shown else None
    return {"data": data, "nextCursor": more, "backwardsCursor": back}


def _query(request: Request, params: Any) -> dict[str, Any]:
    """What lists and searches ask alike."""
    kinds = params.source_kinds or ()
    sources = tuple(label for kind in kinds for label in _SOURCES[kind])
    related = getattr(params, "parent_thread_id", None) or getattr(
        params, "ancestor_thread_id", None
    )
    del request
    query: dict[str, Any] = {
        "sort": _SORTS.get(params.sort_key or "created_at", CREATED),
        "ascending": params.sort_direction == "asc",
        "limit": limit_of(params.limit),
        "archived": bool(params.archived),
    }
    if sources:
        query["sources"] = sources
    elif not related:
        query["sources"] = _INTERACTIVE
    return query


def _relative(params: Any) -> str:
    for name, text in (
        ("parent", params.parent_thread_id),
        ("ancestor", params.ancestor_thread_id),
    ):
        if text is not None:
            try:
                return read_id(text)
            except ValueError as error:
                raise invalid(f"invalid {name} thread id: {error}") from None
    raise AssertionError("one of them is given")


async def _page(request: Request, query: dict[str, Any], cursor: str | None) -> ThreadPage:
    if cursor is not None and read_cursor(cursor, query["sort"]) is None:
        raise bad_cursor(cursor)
    try:
        return await request.server.home.threads(**query, cursor=cursor)
    except BadCursor:
        raise bad_cursor(cursor or "") from None


def _shown(request: Request, page: ThreadPage) -> list[Wire]:
    return [_thread(request, each) for each in page]


def _thread(request: Request, summary: ThreadSummary) -> Wire:
    loaded = request.server.loaded.get(summary.id or "")
    shown = wire.thread_of(summary, loaded.live if loaded else None)
    shown["canAcceptDirectInput"] = None  # told of one thread only
    return shown


def _cursors(page: ThreadPage, query: dict[str, Any]) -> Wire:
    more = _after(page[-1], query["sort"]) if page.next is not None and len(page) else None
    return {"nextCursor": more, "backwardsCursor": _moved(page[0], query) if len(page) else None}


def _after(summary: ThreadSummary, sort: str) -> str:
    """The cursor that goes on after a thread, as Codex spells it."""
    moment = _moment(summary, sort)
    if sort == CREATED:
        moment = moment[:19].replace(":", "-")
    return codex_cursor_text((moment, summary.id or summary.path), sort)


def _moved(summary: ThreadSummary, query: dict[str, Any]) -> str:
    """The cursor for the other direction: from just before the thread on."""
    ms = moments.unix_ms(_moment(summary, query["sort"])) or 0
    return moments.utc_text(ms + (1 if query["ascending"] else -1))


def _moment(summary: ThreadSummary, sort: str) -> str:
    return {CREATED: summary.created, UPDATED: summary.updated}.get(sort, summary.recency)


def _snippet(request: Request, summary: ThreadSummary, term: str) -> str | None:
    """Where a thread says it first, in either case of letters; None if it does not."""
    needle = term.casefold()
    for turn in request.server.home.sync.reader(summary).turns():
        for item in turn.items:
            text = " ".join(_said(item).split())
            place = text.casefold().find(needle)
            if place >= 0:
                start, end = max(0, place - _BEFORE_CHARS), place + len(term) + _AFTER_CHARS
                before = "... " if start else ""
                after = " ..." if end < len(text) else ""
                return f"{before}{text[start:end]}{after}"
    return None


def _said(item: ti.AnyTurnItem) -> str:
    if isinstance(item, ti.UserMessage):
        return " ".join(part.text or "" for part in item.content)
    if isinstance(item, ti.AgentMessage):
        return " ".join(part.text for part in item.content)
    return ""
