"""Work off the loop, given up when the client that asked goes away, or when it takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Any, TypeVar

from starlette.requests import Request

from threadlog.errors import GivenUp, NotFound

# Reads at once of each lane; each may hold the newest turns of a thread.
READERS = 4
# A turn is looked for so long.
SEEK_S = 20.0
# Who waits looks so often whether anybody waits for it.
_LOOK_S = 0.1
# What is asked for: lists; turns of a thread that lie where the address says; what is looked for.
LISTING, READING, SEEKING = "list", "read", "seek"
T = TypeVar("T")
Look = Callable[[], None]
Stop = Callable[[], bool]


class Lanes:
    """Some threads that read: what takes long has others than what does not."""

    def __init__(self) -> None:
        self._pools = {
            lane: ThreadPoolExecutor(READERS, thread_name_prefix=f"threadlog-{lane}")
            for lane in (LISTING, READING, SEEKING)
        }
        self._alone = {lane: Lock() for lane in self._pools}
        self._ending = Event()

    @contextlib.contextmanager
    def alone(self, lane: str, stop: Stop) -> Iterator[None]:
        """While no other work of a lane does this: of what takes much memory, one at a time.

        Raises GivenUp once nobody waits.
        """
        lock = self._alone[lane]
        while not lock.acquire(timeout=_LOOK_S):
            if stop():
                raise GivenUp("the client is gone")
        try:
            yield
        finally:
            lock.release()

    async def do(self, request: Request, work: Callable[[Stop], T], lane: str = READING) -> T:
        """What comes of *work*, which is given a question: does nobody wait for it any more?

        Raises GivenUp where nobody does.
        """
        stop = Event()
        future = asyncio.get_running_loop().run_in_executor(
            self._pools[lane], work, lambda: stop.is_set() or self._ending.is_set()
        )
        gone = asyncio.create_task(_gone(request))
        waited: set[asyncio.Future[Any]] = {future, gone}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            raise GivenUp("the client is gone")
        finally:
            stop.set()
            gone.cancel()
            future.add_done_callback(_forgotten)

    def close(self) -> None:
        """Begin nothing more; what is under way gives up."""
        self._ending.set()
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)


async def _gone(request: Request) -> None:
    """Returns once the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _forgotten(future: asyncio.Future[T]) -> None:
    """What comes of work that nobody waits for is nothing to be told."""
    with contextlib.suppress(asyncio.CancelledError):
        future.exception()


def look_of(stop: Stop, within_s: float | None = None) -> Look:
    """What raises GivenUp once nobody waits, and NotFound once it took longer than *within_s*."""
    end = None if within_s is None else time.monotonic() + within_s

    def look() -> None:
        if stop():
            raise GivenUp("the client is gone")
        if end is not None and time.monotonic() > end:
            raise NotFound(f"that turn was not found in {within_s:.0f} seconds of reading")

    return look
