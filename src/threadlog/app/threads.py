"""Threads begun, resumed, forked and read."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec

from threadlog.agents.context import Settings
from threadlog.aio.recording import Thread
from threadlog.app import pages, settings, wire
from threadlog.app.client import Reply, Request
from threadlog.app.finding import (
    SESSION,
    checked_id,
    known_thread,
    loaded_thread,
    stored_thread,
    thread_at,
)
from threadlog.app.loaded import Loaded
from threadlog.app.refusals import (
    RpcError,
    bad_cursor,
    has_writer,
    invalid,
    is_archived,
    no_rollout,
    refusal,
)
from threadlog.app.whole import (
    all_turns,
    check_has_turns,
    restored_usage,
    tell_restored,
    turns_of,
)
from threadlog.app.wire_items import Wire
from threadlog.core.query import ThreadSummary
from threadlog.errors import InUse, NotFound, Refused, ThreadlogError

_SOURCE = "vscode"  # what Codex's app-server calls itself
_INCLUDE, _LIST = "includeTurns", "thread/turns/list"


async def start(request: Request) -> Any:
    """Begin a thread: its path is known, nothing is on disk."""
    params, server = request.params, request.server
    if params.sandbox is not None and params.permissions is not None:
        raise invalid("`permissions` cannot be combined with `sandbox`")
    options: dict[str, Any] = {
        "source": _SOURCE,
        "originator": request.client.name,
        "history_mode": params.history_mode or "legacy",
        "model_provider": params.model_provider,
        "base_instructions": params.base_instructions,
        "dynamic_tools": tuple(msgspec.to_builtins(params.dynamic_tools or ())),
        "thread_source": params.thread_source,
        "ephemeral": bool(params.ephemeral),
    }
    try:
        thread = await server.home.start(settings.folder(params.cwd), **options)
    except (ThreadlogError, ValueError) as error:
        raise invalid(f"error creating thread: {error}") from None
    loaded = _load(request, thread)
    shown = wire.thread_of(await loaded.summary(), loaded.live)
    return _began(request, loaded, shown)


async def resume(request: Request) -> Any:
    """Go on with a thread, or follow one that goes on already."""
    params = request.params
    if params.history is not None:
        return await _resume_history(request)
    running = _running(request)
    if running is not None:
        if params.path and not await _is_path_of(running, params.path):
            raise invalid(
                f"cannot resume running thread {running.id} with stale path: requested "
                f"`{params.path}`, active `{running.thread.path}`"
            )
        if not running.thread.on_disk:
            raise no_rollout(running.id)
    running = await _followed(request, running)
    summary = await running.summary()
    turns = [] if params.exclude_turns else await all_turns(running, summary)
    page = None
    if params.initial_turns_page is not None:
        page = await pages.turns_page(request, summary, running, params.initial_turns_page)
    answer = {
        "thread": wire.thread_of(summary, running.live, turns),
        **settings.fields(running),
        "collaborationMode": settings.mode(running),
        "initialTurnsPage": page,
        **await pages.ends(request, summary),
    }
    told = None if params.exclude_turns else await restored_usage(running, summary)

    def tell() -> None:
        tell_restored(request.client, told)
        if not running.thread.ephemeral:
            request.server.in_background(running.goals.tell(request.client))

    return Reply(answer, tell)


async def _followed(request: Request, running: Loaded | None) -> Loaded:
    """The thread, loaded if it was not, or is not any more; the client follows it."""
    while True:
        if running is None:
            async with request.server.permit:
                running = _running(request) or await _resume_stored(request)
        async with running.busy:
            if request.server.find(running.id) is running:
                running.subscribe(request.client)
                return running
        running = None  # it was let go of meanwhile


async def fork(request: Request) -> Any:
    """Begin a thread with what another one holds."""
    params, server = request.params, request.server
    if params.last_turn_id is not None and params.before_turn_id is not None:
        raise invalid("`beforeTurnId` cannot be combined with `lastTurnId`")
    parent = await _parent(request)
    thread_id = parent.id or ""
    if parent.archived:
        raise is_archived(thread_id)
    paginated = parent.history_mode == "paginated"
    if paginated and params.ephemeral and not params.exclude_turns:
        raise invalid("ephemeral paginated thread/fork requires `excludeTurns: true`")
    try:
        thread = await server.home.fork(parent.path, **_of_fork(request))
    except (NotFound, Refused):
        raise _no_turn(params, paginated=paginated) from None
    except ThreadlogError as error:
        raise refusal(error, thread_id) from None
    loaded = _load(request, thread, parent.model)
    summary = await loaded.summary()
    if thread.ephemeral:
        summary = summary._replace(preview=parent.preview)
    turns = [] if params.exclude_turns else await all_turns(loaded, summary)
    shown = wire.thread_of(summary, loaded.live, turns)
    source = parent if thread.ephemeral else summary
    told = None if params.exclude_turns else await restored_usage(loaded, source)
    return _began(request, loaded, shown, told)


async def read(request: Request) -> Any:
    """What is known of a thread, with its turns if asked for."""
    thread_id = checked_id(request.params.thread_id)
    summary, loaded = await known_thread(request, thread_id)
    turns: list[Wire] = []
    if request.params.include_turns:
        check_has_turns(loaded, _INCLUDE)
        turns = await turns_of(request, loaded, summary)
    shown = wire.thread_of(summary, loaded.live if loaded else None, turns)
    return {"thread": shown, "readState": None}


async def loaded_list(request: Request) -> Any:
    """The ids of loaded threads."""
    params = request.params
    names = sorted(request.server.loaded)
    if params.cursor is not None and names:  # (Codex: it does not look at it else)
        try:
            after = checked_id(params.cursor)
        except RpcError:
            raise bad_cursor(params.cursor) from None
        names = [name for name in names if name > after]
    limit = len(names) if params.limit is None else max(1, params.limit)
    shown = names[:limit]
    return {"data": shown, "nextCursor": shown[-1] if len(names) > limit else None}


async def turns_list(request: Request) -> Any:
    """A page of turns."""
    thread_id = checked_id(request.params.thread_id)
    summary, loaded = await known_thread(request, thread_id)
    check_has_turns(loaded, _LIST)
    return await pages.turns_page(request, summary, loaded, request.params)


async def items_list(request: Request) -> Any:
    """A page of items."""
    thread_id = checked_id(request.params.thread_id)
    summary, loaded = await known_thread(request, thread_id)
    check_has_turns(loaded, "thread/items/list")
    return await pages.items_page(request, summary, loaded)


async def unsubscribe(request: Request) -> Any:
    """Follow a thread no more."""
    thread_id = checked_id(request.params.thread_id)
    loaded = request.server.find(thread_id)
    if loaded is None:
        return {"status": "notLoaded"}
    followed = loaded.unsubscribe(request.client)
    return {"status": "unsubscribed" if followed else "notSubscribed"}


async def settings_update(request: Request) -> Any:
    """Have further turns work otherwise."""
    loaded = loaded_thread(request)
    conversation = loaded.conversation
    conversation.settings = settings.settings_of(request.params, conversation.settings)
    loaded.asked = settings.asked_of(request.params, loaded.asked)
    if request.params.cwd is not None:
        conversation.cwd = settings.folder(request.params.cwd)
    return {}


# -- beginning


def _load(request: Request, thread: Thread, model: str | None = None) -> Loaded:
    """Keep a thread; *model* is the one that it was talked to with before."""
    params = request.params
    asked = settings.asked_of(params)
    chosen = Settings(model=request.server.chosen_model or model)
    loaded = request.server.load(thread, settings.settings_of(params, chosen), asked)
    loaded.subscribe(request.client)
    return loaded


def _began(request: Request, loaded: Loaded, shown: Wire, usage_told: Wire | None = None) -> Reply:
    """The answer, then the news that there is a further thread."""

    def tell() -> None:
        tell_restored(request.client, usage_told)
        request.server.broadcast("thread/started", {"thread": {**shown, "turns": []}})

    return Reply({"thread": shown, **settings.fields(loaded)}, tell)


def _running(request: Request) -> Loaded | None:
    """The loaded thread that is meant, if it is; an id that is none goes with a path only."""
    params = request.params
    try:
        return request.server.find(checked_id(params.thread_id, SESSION))
    except RpcError:
        if params.path:
            return None
        raise


async def _resume_stored(request: Request) -> Loaded:
    params = request.params
    if params.path:
        summary = await thread_at(request, params.path)
    else:
        thread_id = checked_id(params.thread_id, SESSION)
        summary = await stored_thread(request, thread_id, no_rollout(thread_id))
    thread_id = summary.id or ""
    if summary.archived:
        raise is_archived(thread_id)
    if (loaded := request.server.find(thread_id)) is not None:
        return loaded
    try:
        thread = await request.server.home.resume(summary.path)
    except InUse:
        raise has_writer(thread_id) from None
    except ThreadlogError as error:
        raise refusal(error, thread_id) from None
    loaded = _load(request, thread, summary.model)
    if params.cwd is not None:
        loaded.conversation.cwd = settings.folder(params.cwd)
    return loaded


async def _resume_history(request: Request) -> Any:
    """A new thread that begins with items the client brings."""
    params = request.params
    if request.server.find(_id_or_nothing(params.thread_id)) is not None:
        raise invalid(
            f"cannot resume thread {params.thread_id} with history while it is already running"
        )
    if not params.history:
        raise invalid("history must not be empty")
    options: dict[str, Any] = {"source": _SOURCE, "originator": request.client.name}
    options["model_provider"] = params.model_provider
    thread = await request.server.home.start(settings.folder(params.cwd), **options)
    try:
        items = [{"type": "response_item", "payload": each} for each in _plain(params.history)]
        await thread.inject(*items)
    except ThreadlogError as error:
        await thread.recorder.discard()
        raise invalid(f"error resuming thread: {error}") from None
    loaded = _load(request, thread)
    summary = await loaded.summary()
    answer = {
        "thread": wire.thread_of(summary, loaded.live),
        **settings.fields(loaded),
        "collaborationMode": settings.mode(loaded),
        "initialTurnsPage": None,
        **await pages.ends(request, summary),
    }
    return Reply(answer)


def _plain(history: Any) -> list[dict[str, Any]]:
    return [each for each in msgspec.to_builtins(history) if isinstance(each, dict)]


def _id_or_nothing(text: str) -> str:
    try:
        return checked_id(text)
    except RpcError:
        return ""


async def _is_path_of(loaded: Loaded, path: str) -> bool:
    whole = os.path.join(loaded.server.home.path, path)
    real = os.path.realpath
    return await asyncio.to_thread(lambda: real(whole) == real(loaded.thread.path))


async def _parent(request: Request) -> ThreadSummary:
    params = request.params
    if params.path:
        return await thread_at(request, params.path)
    thread_id = checked_id(params.thread_id, SESSION)
    loaded = request.server.find(thread_id)
    if loaded is not None:
        if not loaded.thread.on_disk:
            raise no_rollout(thread_id)
        await loaded.written()
    return await stored_thread(request, thread_id, no_rollout(thread_id))


def _of_fork(request: Request) -> dict[str, Any]:
    params = request.params
    asked: dict[str, Any] = {
        "through": params.last_turn_id,
        "before": params.before_turn_id,
        "source": _SOURCE,
        "originator": request.client.name,
        "ephemeral": params.ephemeral,
        "thread_source": params.thread_source,
    }
    given = {
        "cwd": None if params.cwd is None else settings.folder(params.cwd),
        "base_instructions": params.base_instructions,
        "model_provider": params.model_provider,
    }
    return asked | {key: value for key, value in given.items() if value is not None}


def _no_turn(params: Any, *, paginated: bool) -> RpcError:
    if params.before_turn_id is not None and not paginated:
        return invalid(f"beforeTurnId '{params.before_turn_id}' was not found in the source thread")
    if paginated:
        return invalid(f"turn not found: {params.last_turn_id or params.before_turn_id}")
    return invalid(f"lastTurnId '{params.last_turn_id}' was not found in the source thread")
