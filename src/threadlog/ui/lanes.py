"""Work off the loop: one thread for each kind, one piece of work at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

T = TypeVar("T")
Stopped = Callable[[], bool]


class Lane:
    """A thread that does one thing after the other.

    Work whose asker was cancelled is not begun, and is told so if it was.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"threadlog-ui-{name}")

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Have it done; for what is asked before there is a loop."""
        return self._pool.submit(work)

    async def do(self, work: Callable[[Stopped], T]) -> T:
        """What comes of *work*, which is given a question: does nobody wait for it any more?"""
        stop = Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, stop.is_set)
        finally:
            stop.set()

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def go_on(stopped: Stopped) -> None:
    """Raises CancelledError where nobody waits any more."""
    if stopped():
        raise CancelledError
