"""Keeps the index of a home up to date in the background, at half the speed of one core.

While somebody waits for what is recorded to be on disk, at a tenth of it.

A thread of its own, which ends when nothing is left to do; every listing wakes it.
"""

from __future__ import annotations

import os
import threading
import time

from threadlog.barrier import Barrier
from threadlog.ports import Catalog

# The longest rest between two pieces of work; and while somebody waited for a disk lately.
REST_S = 0.1
LONG_REST_S = 1.0
BUSY_S = 0.1


class Keeper:
    """The background of one home; `wake` may be called from anywhere, as often as one likes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._again = self._ended = False
        self._worked_since = 0.0

    def wake(self) -> None:
        """See that what is new is read soon."""
        self._know_forks()
        with self._lock:
            self._again = True
            if self._ended or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._work, name="threadlog-index", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Stop, and wait until it has."""
        self._know_forks()
        with self._lock:
            self._ended, thread = True, self._thread
        try:
            if thread is not None:
                thread.join()
        finally:
            with self._lock:
                self._ended, self._thread = False, None

    def _know_forks(self) -> None:
        """In a child there is no thread, and nobody who would let go of the parent's lock."""
        if self._pid != os.getpid():
            self._lock, self._thread, self._pid = threading.Lock(), None, os.getpid()
            self._again = self._ended = False

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._again or self._ended:
                    self._thread = None
                    return
                self._again = False
            self._worked_since = time.monotonic()
            self._catalog.catch_up(self._rest, lambda _what, _done, _total: None)

    def _rest(self) -> bool:
        """Asked between two pieces of work: rest as long as the last took; True to stop."""
        now = time.monotonic()
        worked = now - self._worked_since
        busy = now - Barrier.asked_at < BUSY_S
        time.sleep(min(9 * worked, LONG_REST_S) if busy else min(worked, REST_S))
        self._worked_since = time.monotonic()
        return self._ended
