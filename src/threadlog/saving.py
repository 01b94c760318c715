"""Saving all threads of a store at once: when a home is closed, or the process ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from threadlog.backlog import Channel, process
from threadlog.barrier import DURABLE, Barrier
from threadlog.errors import Closed


def start_saving(channels: Iterable[Channel], *, close: bool) -> list[tuple[str, Barrier]]:
    """Have all threads written, and let go of if so wanted; returns what to wait for."""
    waiting = []
    with process.lock:
        held = list(channels)
    for channel in held:
        with contextlib.suppress(Closed):
            if (barrier := channel.barrier(DURABLE, close=close)) is not None:
                waiting.append((channel.thread_id, barrier))
    return waiting


def close_all(channels: Iterable[Channel]) -> None:
    """Write and let go of all threads; raises what went wrong first."""
    failed: Exception | None = None
    for _thread_id, barrier in start_saving(channels, close=True):
        try:
            barrier.wait()
        except Exception as error:  # the others first
            failed = failed or error
    if failed is not None:
        raise failed
