"""The thread that a request means, loaded or stored, and the refusals where there is none."""

from __future__ import annotations

import asyncio
import os

from threadlog.app.client import Request
from threadlog.app.ids import read_id
from threadlog.app.loaded import Loaded
from threadlog.app.refusals import (
    RpcError,
    internal,
    invalid,
    no_rollout,
    not_found,
    not_loaded,
)
from threadlog.core.query import ThreadSummary
from threadlog.errors import NotFound, NotOnDiskYet, OutsideHome, ThreadlogError, Unreadable

THREAD, SESSION = "thread", "session"


def checked_id(text: str, what: str = THREAD) -> str:
    """A thread's id; *what* is the word that Codex has for it in the request at hand."""
    try:
        return read_id(text)
    except ValueError as error:
        raise invalid(f"invalid {what} id: {error}") from None


def loaded_thread(request: Request) -> Loaded:
    """The loaded thread that is meant; raises RpcError."""
    thread_id = checked_id(request.params.thread_id)
    loaded = request.server.find(thread_id)
    if loaded is None:
        raise not_found(thread_id)
    return loaded


async def stored_thread(request: Request, thread_id: str, missing: RpcError) -> ThreadSummary:
    """The thread on disk; raises *missing* if there is none, and RpcError."""
    try:
        return await request.server.home.get(thread_id)
    except (NotFound, NotOnDiskYet):
        raise missing from None
    except ThreadlogError as error:
        raise internal(f"failed to read thread: {error}") from None


async def known_thread(request: Request, thread_id: str) -> tuple[ThreadSummary, Loaded | None]:
    """A thread, loaded or stored."""
    loaded = request.server.find(thread_id)
    if loaded is not None:
        return await loaded.summary(), loaded
    return await stored_thread(request, thread_id, not_loaded(thread_id)), None


async def thread_at(request: Request, path: str) -> ThreadSummary:
    """The stored thread at a path, which may be relative to the home; raises RpcError."""
    home = request.server.home
    whole = os.path.join(home.path, path)
    why = await asyncio.to_thread(_not_a_file, whole)
    if why is not None:
        raise invalid(f"failed to resolve rollout path `{whole}`: {why}")
    try:
        return await home.get(whole)
    except (NotFound, OutsideHome):
        raise no_rollout(os.path.basename(whole)) from None
    except Unreadable as error:
        raise internal(f"failed to read thread: {error}") from None


def _not_a_file(path: str) -> str | None:
    if os.path.isfile(path):
        return None
    return "path is a directory" if os.path.isdir(path) else "file does not exist"
