"""What a caller waits at until what was recorded is where it is wanted."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import ClassVar

DURABLE, KERNEL = "durable", "kernel"
# What they wait for: that it is written, that there is room, that it is let go of, or given up.
SAVED, ROOM, CLOSED, DISCARDED = "saved", "room", "closed", "discarded"


class Barrier:
    """Somebody waits until `target` items are in the file, durable if so wanted.

    No Future: Ctrl-C in the Python code of its `result` can leave its lock held for ever, and
    who writes must never wait for a caller.  Whatever strikes here, `pass_` and `fail` go through.
    """

    __slots__ = ("_done", "_error", "_gate", "_tell", "durable", "kind", "target")
    # When somebody last began to wait for a disk, in this process: background work gives way then.
    asked_at: ClassVar[float] = float("-inf")

    def __init__(self, target: int, kind: str, *, durable: bool) -> None:
        if durable:
            Barrier.asked_at = time.monotonic()
        self.target = target
        self.kind = kind
        self.durable = durable
        self._done = False
        self._error: BaseException | None = None
        self._tell: Callable[[], object] | None = None
        self._gate = threading.Lock()
        self._gate.acquire()

    def wait(self, timeout_s: float = -1) -> None:
        """Return once it was passed, raise what it failed with; TimeoutError when time is up."""
        if not self._done and not self._gate.acquire(timeout=timeout_s):
            raise TimeoutError("time is up")
        if self._error is not None:
            raise self._error.with_traceback(None)  # which would grow with each

    def tell(self, call: Callable[[], object]) -> None:
        """Have *call* called, by any thread, once `wait` needs no waiting; maybe twice."""
        self._tell = call
        if self._done:
            call()

    def pass_(self) -> None:
        """Let the waiting go on."""
        self._end(None)

    def fail(self, error: BaseException) -> None:
        """Raise *error* where they wait."""
        self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if self._done:
            return
        self._error = error
        self._done = True
        self._gate.release()
        if self._tell is not None:
            with contextlib.suppress(RuntimeError):  # a loop that is closed by now
                self._tell()
