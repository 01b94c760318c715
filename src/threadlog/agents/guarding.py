"""What agents give and raise, made safe: they are not ours, and may be anything."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from threadlog.core.text import without_surrogates
from threadlog.errors import AgentFailed, ThreadlogError


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for what another OS thread does, also when we are cancelled: it cannot be stopped."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def failure_of(error: BaseException) -> AgentFailed:
    """What is told of any exception, as text that can be recorded."""
    try:
        text = str(error)
    except Exception:  # it is not ours, and need not even have a text
        text = ""
    if not isinstance(error, ThreadlogError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    kind = error.kind if isinstance(error, AgentFailed) else "other"
    return AgentFailed(without_surrogates(text), kind if isinstance(kind, str) else "other")


def stream_of(given: Any) -> AsyncIterator[Any]:
    """What an agent gave to be asked for events."""
    if isinstance(given, AsyncIterator):
        return given
    if inspect.iscoroutine(given):
        given.close()
    raise AgentFailed("the agent is no async generator: write `async def` with a `yield`")


def retrieve(task: asyncio.Task[None]) -> None:
    """Nobody is left to hear of what an agent did after it was interrupted."""
    if not task.cancelled():
        task.exception()


@contextlib.asynccontextmanager
async def closing(stream: AsyncIterator[Any]) -> AsyncIterator[None]:
    """Close an agent's stream, where it can be closed."""
    try:
        yield
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
