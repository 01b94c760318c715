"""Threads listed, and looked for."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from threadlog.app import wire
from threadlog.app.client import Request
from threadlog.app.ids import read_id
from threadlog.app.pages import limit_of
from threadlog.app.refusals import bad_cursor, invalid
from threadlog.app.wire_items import Wire
from threadlog.core import layout, moments
from threadlog.core.cursor import Place, codex_cursor_text, read_cursor
from threadlog.core.family import Family
from threadlog.core.query import CREATED, RECENCY, UPDATED, ThreadPage, ThreadSummary
from threadlog.core.search import SearchHit, SearchPage
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
# So many threads are looked at together where only some of them are meant.
_LOOKED_THROUGH = 500
# Up to so many passages, their threads are put in order; else threads are looked through in it.
_FEW_PASSAGES = 1000
_ASKED_TOGETHER = 50
# Around what was found.
_BEFORE_CHARS, _AFTER_CHARS = 48, 96


async def list_threads(request: Request) -> Any:
    """A page of threads, as Codex's own list shows them by default."""
    params = request.params
    if params.parent_thread_id is not None and params.ancestor_thread_id is not None:
        raise invalid("parentThreadId and ancestorThreadId are mutually exclusive")
    if params.sort_key == "section_position":
        raise invalid("this server has no sections: sort by another key")
    related = params.parent_thread_id is not None or params.ancestor_thread_id is not None
    query = _query(params, related=related)
    if params.model_providers:
        query["providers"] = tuple(params.model_providers)
    elif params.model_providers is None and not related:
        query["providers"] = (request.server.provider,)
    if params.cwd is not None:
        folders = [params.cwd] if isinstance(params.cwd, str) else params.cwd
        query["cwd"] = [os.path.abspath(each) for each in folders]
    if params.search_term:
        query["text"] = params.search_term
    if params.parent_thread_id is not None:
        query["parent"] = _relative(params.parent_thread_id, "parent")
    keeps = await _keeps(request)
    found = await _collected(request, query, keeps)
    shown = found[: query["limit"]]
    more = _after(shown[-1], query["sort"]) if len(found) > len(shown) else None
    back = _moved(shown[0], query) if shown else None
    data = [_thread(request, each) for each in shown]
    return {"data": data, "readStates": {}, "nextCursor": more, "backwardsCursor": back}


async def _keeps(request: Request) -> Callable[[ThreadSummary], bool] | None:
    """What a client asks of threads that listings know no filter for; None if nothing."""
    params = request.params
    if params.section_id or params.attached_to_thread_id or _is_given(params.project_id):
        return lambda _summary: False  # no thread is in any
    tests: list[Callable[[ThreadSummary], bool]] = []
    if params.excluded_thread_ids:
        excluded = frozenset(params.excluded_thread_ids)
        tests.append(lambda summary: summary.id not in excluded)
    if params.originators:
        originators = frozenset(params.originators)
        tests.append(lambda summary: summary.originator in originators)
    if params.ancestor_thread_id is not None:
        below = await _descendants(request, _relative(params.ancestor_thread_id, "ancestor"))
        tests.append(lambda summary: summary.id in below)
    return (lambda summary: all(test(summary) for test in tests)) if tests else None


def _is_given(project: Any) -> bool:
    return isinstance(project, str) and bool(project)


async def _descendants(request: Request, thread_id: str) -> frozenset[str | None]:
    catalog = request.server.home.sync.store.catalog
    found = await asyncio.to_thread(catalog.family, Family((thread_id,)))
    return frozenset(each.id for each in found) - {thread_id}


async def _collected(
    request: Request, query: dict[str, Any], keeps: Callable[[ThreadSummary], bool] | None
) -> list[ThreadSummary]:
    """The threads of a page, and one more if there are more."""
    limit, cursor = query["limit"], request.params.cursor
    wide = {**query, "limit": limit + 1 if keeps is None else _LOOKED_THROUGH}
    found: list[ThreadSummary] = []
    while True:
        page = await _page(request, wide, cursor)
        found += page if keeps is None else filter(keeps, page)
        cursor = page.next
        if cursor is None or len(found) > limit:
            return found


async def search(request: Request) -> Any:
    """Threads in which something stands, each with a piece of it, in the order of a list."""
    params = request.params
    term = params.search_term.strip()
    if not term:
        raise invalid("thread/search requires a non-empty searchTerm")
    query = _query(params)
    limit = query["limit"]
    found = await _few_found(request, query, term)
    if found is None:
        found = await _many_found(request, query, term)
    shown = found[:limit]
    data = [{"thread": _thread(request, summary), "snippet": snippet} for summary, snippet in shown]
    more = _after(shown[-1][0], query["sort"]) if len(found) > limit else None
    back = _moved(shown[0][0], query) if shown else None
    return {"data": data, "nextCursor": more, "backwardsCursor": back}


_Found = list[tuple[ThreadSummary, str]]


async def _few_found(request: Request, query: dict[str, Any], term: str) -> _Found | None:
    """A page of threads, and one more, by all passages there are; None if these are many."""
    hits = await _hits(request, query, term)
    if hits.next is not None:
        return None
    snippets = {hit.thread.path: snippet(hit) for hit in hits}  # of each the first
    threads = {hit.thread.path: hit.thread for hit in hits}
    after = _place_of(request.params.cursor, query)
    ascending = query["ascending"]

    def place(each: ThreadSummary) -> Place:
        return _moment(each, query["sort"]), each.id or each.path

    return [
        (each, snippets[each.path])
        for each in sorted(threads.values(), key=place, reverse=not ascending)
        if after is None or (place(each) > after if ascending else place(each) < after)
    ]


async def _many_found(request: Request, query: dict[str, Any], term: str) -> _Found:
    """The same by looking through the threads of the list, some at a time."""
    found: _Found = []
    cursor = request.params.cursor
    while True:
        page = await _page(request, {**query, "limit": _ASKED_TOGETHER}, cursor)
        snippets: dict[str, str] = {}
        left = {each.path: each.id or each.path for each in page}
        while left:
            hits = await _hits(request, query, term, within=[*left.values()])
            snippets.update((hit.thread.path, snippet(hit)) for hit in hits)
            left = {path: key for path, key in left.items() if path not in snippets}
            if hits.next is None:
                break
        found += [(each, snippets[each.path]) for each in page if each.path in snippets]
        cursor = page.next
        if cursor is None or len(found) > query["limit"]:
            return found


def _query(params: Any, *, related: bool = False) -> dict[str, Any]:
    """What lists and searches ask alike; relatives are of every source."""
    kinds = params.source_kinds or ()
    sources = tuple(label for kind in kinds for label in _SOURCES[kind])
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


def _relative(text: str, what: str) -> str:
    try:
        return read_id(text)
    except ValueError as error:
        raise invalid(f"invalid {what} thread id: {error}") from None


async def _page(request: Request, query: dict[str, Any], cursor: str | None) -> ThreadPage:
    if cursor is not None and read_cursor(cursor, query["sort"]) is None:
        raise bad_cursor(cursor)
    try:
        return await request.server.home.threads(**query, cursor=cursor)
    except BadCursor:
        raise bad_cursor(cursor or "") from None


def _thread(request: Request, summary: ThreadSummary) -> Wire:
    loaded = request.server.loaded.get(summary.id or "")
    shown = wire.thread_of(summary, loaded.live if loaded else None)
    shown["canAcceptDirectInput"] = None  # told of one thread only
    return shown


def _after(summary: ThreadSummary, sort: str) -> str:
    """The cursor that goes on after a thread."""
    return codex_cursor_text((_moment(summary, sort), summary.id or summary.path), sort)


def _moved(summary: ThreadSummary, query: dict[str, Any]) -> str:
    """The cursor for the other direction, in which the thread comes first.

    Codex's is a millisecond off, which leaves out others of the same second.
    """
    step = 1 if query["ascending"] else -1
    try:
        beside = str(UUID(int=min(max(UUID(summary.id or "").int + step, 0), (1 << 128) - 1)))
    except ValueError:
        beside = summary.path
    return codex_cursor_text((_moment(summary, query["sort"]), beside), query["sort"])


def _moment(summary: ThreadSummary, sort: str) -> str:
    """When a thread stands in an order; by creation, that is what its file's name says."""
    if sort == CREATED:
        named = layout.parse_name(os.path.basename(summary.path))
        if named is not None and named.stamp is not None:
            return named.stamp
        created = time.localtime((moments.unix_ms(summary.created) or 0) / 1000)
        return time.strftime("%Y-%m-%dT%H-%M-%S", created)
    return summary.updated if sort == UPDATED else summary.recency


async def _hits(request: Request, query: dict[str, Any], term: str, **where: Any) -> SearchPage:
    """Passages in which a text stands, in threads of the sources that are asked for."""
    return await request.server.home.search(
        term,
        exact=True,
        sources=query.get("sources"),
        archived=query["archived"],
        inherited=False,
        limit=_FEW_PASSAGES,
        **where,
    )


def _place_of(cursor: str | None, query: dict[str, Any]) -> Place | None:
    if cursor is None:
        return None
    place = read_cursor(cursor, query["sort"], ascending=query["ascending"])
    if place is None:
        raise bad_cursor(cursor)
    return place


def snippet(hit: SearchHit) -> str:
    """A piece of what was found, as much around it as in Codex's answers."""
    start, end = hit.marks[0]
    first, last = max(0, start - _BEFORE_CHARS), end + _AFTER_CHARS
    before = "... " if first or hit.excerpt.startswith("…") else ""
    after = " ..." if last < len(hit.excerpt) or hit.excerpt.endswith("…") else ""
    return f"{before}{hit.excerpt[first:last].strip('… ')}{after}"
