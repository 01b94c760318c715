"""Waiting on an asyncio loop for what other OS threads do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from threadlog.barrier import Barrier

_T = TypeVar("_T")
_Closing = TypeVar("_Closing", bound="Closable")
# So many lines or turns are read in one go, off the loop.
_READ_AT_ONCE = 256


class Closable:
    """What is closed at the end of an `async with` block; an exception of the block stands."""

    async def close(self) -> None:
        """Let go."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except Exception:
            if error is None:
                raise


class Opening(Generic[_Closing]):
    """What is being opened: await it, or use it in `async with`."""

    def __init__(self, opening: Callable[[], Awaitable[_Closing]]) -> None:
        self._opening = opening
        self._opened: _Closing | None = None

    def __await__(self) -> Generator[Any, None, _Closing]:
        return self._opening().__await__()

    async def __aenter__(self) -> _Closing:
        self._opened = await self._opening()
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(kind, error, traceback)


async def settled(barrier: Barrier | None) -> None:
    """Wait for a barrier; to be cancelled meanwhile leaves the barrier alone."""
    if barrier is None:
        return
    loop, passed = asyncio.get_running_loop(), asyncio.Event()
    barrier.tell(lambda: loop.call_soon_threadsafe(passed.set))
    await passed.wait()
    barrier.wait()


async def off_the_loop(begin: Callable[[], Iterator[_T]]) -> AsyncIterator[_T]:
    """What an iterator yields, read by other threads, some at a time."""
    source = await asyncio.to_thread(begin)
    while some := await asyncio.to_thread(lambda: list(islice(source, _READ_AT_ONCE))):
        for each in some:
            yield each
