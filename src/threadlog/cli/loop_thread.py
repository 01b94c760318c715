"""An event loop on a thread of its own, for a main thread that waits for what people type."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")
_STOP_WAIT_S = 1.0


class LoopThread:
    """Runs until it is stopped."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        """What comes of *work*, done there; signals are handled meanwhile."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def begin(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Have it done there, and do not wait; from any thread, and a signal handler."""
        self._loop.call_soon_threadsafe(lambda: self._loop.create_task(work()))

    def stop(self) -> None:
        """No more of it; what an agent that does not stop is at is left, and ends with us."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_WAIT_S)
        if not self._thread.is_alive() and not asyncio.all_tasks(self._loop):
            self._loop.close()
