"""What is changed of threads: names, metadata, goals, archive, trash, and turns taken back."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import UNSET

from threadlog.app import pages, wire
from threadlog.app.client import Reply, Request
from threadlog.app.finding import (
    SESSION,
    checked_id,
    known_thread,
    loaded_thread,
    stored_thread,
)
from threadlog.app.loaded import Loaded
from threadlog.app.refusals import (
    INTERNAL,
    RpcError,
    has_writer,
    invalid,
    no_archived_rollout,
    no_rollout,
    refusal,
)
from threadlog.app.whole import all_turns
from threadlog.core.family import Family
from threadlog.core.shelf import Moved
from threadlog.errors import InUse, NotFound, Refused, ThreadlogError, Unencodable

_GIT = {"sha": "commit_hash", "branch": "branch", "origin_url": "repository_url"}
_BUILT_ON = "go on from it by reference"  # as the library says it
_NO_FILE = "No such file or directory (os error 2)"


async def archive(request: Request) -> Any:
    """Put a thread, and its subagents, into the archive."""
    thread_id = checked_id(request.params.thread_id, SESSION)
    _check_on_disk(request, thread_id)
    summary = await stored_thread(request, thread_id, no_rollout(thread_id))
    if summary.archived:
        raise no_rollout(thread_id)
    await _let_family_go(request, thread_id)
    async with request.server.permit:
        moved = await _moved(request, thread_id, "archive")
    return Reply({}, lambda: _tell_each(request, "thread/archived", moved))


async def unarchive(request: Request) -> Any:
    """Put an archived thread back."""
    thread_id = checked_id(request.params.thread_id, SESSION)
    async with request.server.permit:
        missing = no_archived_rollout(thread_id)
        if thread_id in request.server.loaded:
            raise missing
        summary = await stored_thread(request, thread_id, missing)
        if not summary.archived:
            raise missing
        moved = await _moved(request, thread_id, "unarchive")
        summary = await stored_thread(request, thread_id, missing)
    shown = wire.thread_of(summary, None)
    return Reply({"thread": shown}, lambda: _tell_each(request, "thread/unarchived", moved))


async def delete(request: Request) -> Any:
    """Put a thread, and its subagents, into the trash; one not on disk yet is forgotten."""
    thread_id = checked_id(request.params.thread_id)
    server = request.server
    loaded = server.find(thread_id)
    if loaded is not None and loaded.thread.ephemeral:
        raise invalid(f"thread is not persisted and cannot be deleted: {thread_id}")
    begun = loaded is not None and not loaded.thread.on_disk
    if loaded is not None and begun:
        await server.let_go(loaded)
    if loaded is not None and begun and not loaded.thread.on_disk:
        told = [thread_id]
    else:  # a turn may have brought it to disk meanwhile
        await stored_thread(request, thread_id, no_rollout(thread_id))
        await _let_family_go(request, thread_id)
        async with server.permit:
            told = await _moved(request, thread_id, "delete")
    return Reply({}, lambda: _tell_each(request, "thread/deleted", told[::-1]))


async def set_name(request: Request) -> Any:
    """Call a thread so; one that is not on disk yet remembers it."""
    thread_id = checked_id(request.params.thread_id)
    name = request.params.name.strip()
    if not name:
        raise invalid("thread name must not be empty")
    async with request.server.permit:
        if thread_id not in request.server.loaded:
            summary = await stored_thread(request, thread_id, no_rollout(thread_id))
            if summary.archived:
                raise no_rollout(thread_id)
        try:
            await request.server.home.rename(thread_id, name)
        except ValueError as error:
            raise invalid(str(error)) from None
    told = {"threadId": thread_id, "threadName": name}
    return Reply({}, lambda: request.server.broadcast("thread/name/updated", told))


async def update_metadata(request: Request) -> Any:
    """Change what is known of a thread's repository."""
    params = request.params
    thread_id = checked_id(params.thread_id)
    git = _git(params)
    async with request.server.permit:
        if thread_id not in request.server.loaded:
            await stored_thread(request, thread_id, no_rollout(thread_id))
        await _update(request, thread_id, git=git)
    summary, loaded = await known_thread(request, thread_id)
    shown = wire.thread_of(summary, loaded.live if loaded else None)
    return {"thread": {**shown, "canAcceptDirectInput": None}}


async def set_memory_mode(request: Request) -> Any:
    """Whether a thread may be remembered."""
    thread_id = checked_id(request.params.thread_id)
    async with request.server.permit:
        if thread_id not in request.server.loaded:
            await stored_thread(request, thread_id, no_rollout(thread_id))
        await _update(request, thread_id, memory_mode=request.params.mode)
    return {}


async def rollback(request: Request) -> Any:
    """The last turns of a legacy thread count no more (Codex 0.100; it is gone from 0.169)."""
    loaded = loaded_thread(request)
    count = request.params.num_turns
    if count < 1:
        raise invalid("numTurns must be >= 1")
    thread = loaded.thread
    if not thread.on_disk and not thread.ephemeral:
        raise RpcError(f"failed to load rollout `{thread.path}`: {_NO_FILE}", INTERNAL)
    async with loaded.conversation.between_turns(interrupting=False) as quiet:
        if not quiet:
            raise invalid("Cannot rollback while a turn is in progress.")
        try:
            await thread.rollback(count)
        except Refused:
            raise invalid("thread/rollback only supports legacy threads") from None
    summary = await loaded.summary()
    turns = await all_turns(loaded, summary)
    return {"thread": wire.thread_of(summary, loaded.live, turns)}


async def revert(request: Request) -> Any:
    """A paginated thread goes on as it was before a turn, in a further rollout."""
    loaded = loaded_thread(request)
    thread, before = loaded.thread, request.params.before_turn_id
    if not thread.recorder.is_paginated:
        raise invalid("thread/revert only supports paginated threads")
    if not thread.on_disk or not await pages.has_turn(request, await loaded.summary(), before):
        raise invalid(f"turn not found: {before}")  # and what turn goes on goes on
    async with loaded.conversation.between_turns(interrupting=True):
        try:
            await thread.revert(before=before)
        except NotFound:
            raise invalid(f"turn not found: {before}") from None
        except ThreadlogError as error:
            raise refusal(error, loaded.id) from None
        await loaded.goals.record_again()
    summary = await loaded.summary()
    shown = wire.thread_of(summary, loaded.live)
    answer = {"thread": shown, **await pages.ends(request, summary)}
    told = {"threadId": loaded.id}
    return Reply(answer, lambda: request.server.broadcast("thread/reverted", told))


async def inject(request: Request) -> Any:
    """Items for the model's history, outside of a turn; with them the thread is on disk."""
    loaded = loaded_thread(request)
    items = request.params.items
    if not items:
        raise invalid("items must not be empty")
    for place, item in enumerate(items):
        if not isinstance(item, dict) or not isinstance(item.get("type"), str):
            raise invalid(f"items[{place}] is not a valid response item: missing field `type`")
    async with loaded.busy:
        try:
            given = ({"type": "response_item", "payload": each} for each in items)
            await loaded.thread.inject(*given)
        except Unencodable as error:
            raise invalid(f"items: {error}") from None
    return {}


async def set_goal(request: Request) -> Any:
    """What a thread is to achieve; with it the thread is on disk."""
    loaded = _goal_of(request)
    params = request.params
    async with loaded.busy:
        goal = await loaded.goals.set(params.objective, params.status, params.token_budget)
    told = {"threadId": loaded.id, "turnId": loaded.running, "goal": goal}
    return Reply({"goal": goal}, lambda: loaded.tell("thread/goal/updated", told))


async def get_goal(request: Request) -> Any:
    """What a thread is to achieve."""
    return {"goal": await _goal_of(request).goals.get()}


async def clear_goal(request: Request) -> Any:
    """A thread is to achieve nothing any more."""
    loaded = _goal_of(request)
    async with loaded.busy:
        cleared = await loaded.goals.clear()
    told = {"threadId": loaded.id}
    if not cleared:
        return {"cleared": False}
    return Reply({"cleared": True}, lambda: loaded.tell("thread/goal/cleared", told))


def _goal_of(request: Request) -> Loaded:
    loaded = loaded_thread(request)
    if loaded.thread.ephemeral:
        raise invalid(f"ephemeral thread does not support goals: {loaded.id}")
    return loaded


def _check_on_disk(request: Request, thread_id: str) -> None:
    loaded = request.server.find(thread_id)
    if loaded is not None and not loaded.thread.on_disk:
        raise no_rollout(thread_id)


async def _moved(request: Request, thread_id: str, verb: str) -> list[str]:
    """Put a thread elsewhere; the ids of all that moved."""
    home = request.server.home
    do = {"archive": home.archive, "unarchive": home.unarchive, "delete": home.delete}[verb]
    try:
        moved: list[Moved] = await do(thread_id)
    except InUse:
        raise has_writer(thread_id) from None
    except Refused as error:
        if verb == "delete" and _BUILT_ON in str(error):
            raise invalid(
                f"cannot delete thread {thread_id}: forked history still references it"
            ) from None
        raise invalid(str(error)) from None
    return [each.id for each in moved]


async def _let_family_go(request: Request, thread_id: str) -> None:
    """Unload what is loaded of a thread and those below it: an agent may take its time to end."""
    for each in await _own_family(request, thread_id):
        await request.server.let_go(each)


async def _own_family(request: Request, thread_id: str) -> list[Loaded]:
    """The loaded threads among a thread and those below it; itself first."""
    loaded = request.server.loaded
    own = [loaded[thread_id]] if thread_id in loaded else []
    if len(loaded) == len(own):
        return own
    catalog = request.server.home.sync.store.catalog
    family = await asyncio.to_thread(catalog.family, Family((thread_id,)))
    names = {each.id for each in family if each.id is not None} - {thread_id}
    return own + [loaded[name] for name in names if name in loaded]


def _tell_each(request: Request, method: str, names: list[str]) -> None:
    for name in names:
        request.server.broadcast(method, {"threadId": name})


async def _update(request: Request, thread_id: str, **change: Any) -> None:
    try:
        await request.server.home.update_metadata(thread_id, **change)
    except InUse:
        raise has_writer(thread_id) from None
    except ThreadlogError as error:
        raise refusal(error, thread_id) from None


def _git(params: Any) -> dict[str, str | None]:
    if params.project_id:
        raise invalid(f"project not found: {params.project_id}")
    if params.daybreak_enabled is not None and params.git_info is None:
        raise invalid("this server keeps no daybreakEnabled: give gitInfo")
    if params.git_info is None:
        raise invalid("thread metadata update must include at least one field")
    git: dict[str, str | None] = {}
    for name, key in _GIT.items():
        value = getattr(params.git_info, name)
        if value is UNSET:
            continue
        if value is not None and not value.strip():
            shown = {"origin_url": "originUrl"}.get(name, name)
            raise invalid(f"gitInfo.{shown} must not be empty")
        git[key] = None if value is None else value.strip()
    if not git:
        raise invalid("gitInfo must include at least one field")
    return git
