"""A few threads for what can take long; they come when needed and end when there is nothing."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from queue import SimpleQueue

# Syncs of several files at once cost the disk little more than one.
THREADS = 16
IDLE_S = 1.0

Job = Callable[[], None]


class Pool:
    """Does jobs, several at a time; a job must not raise."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._waiting = 0

    def submit(self, job: Job) -> None:
        """Have it done; here and now if, as the interpreter ends, there can be no thread."""
        with self._lock:
            self._jobs.put(job)
            if self._jobs.qsize() <= self._waiting or self._threads >= THREADS:
                return
            try:
                thread = threading.Thread(target=self._work, name="threadlog-helper", daemon=True)
                thread.start()
                self._threads += 1
                return
            except RuntimeError:
                if self._threads:
                    return
        self._jobs.get()()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            job()
            job = None

    def _next(self) -> Job | None:
        with self._lock:
            self._waiting += 1
        try:
            job = self._jobs.get(timeout=IDLE_S)
        except queue.Empty:
            job = None
        with self._lock:
            self._waiting -= 1
            if job is None and not self._jobs.empty():
                job = self._jobs.get()
            if job is None:
                self._threads -= 1
        return job
