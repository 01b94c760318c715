"""This instant, and ids that nobody has yet."""

from __future__ import annotations

import secrets
import time

from threadlog.backlog import process
from threadlog.core import ids

# An id that is counted up is still not to be guessed, nor met by a forked child's.
_STEP_BITS = 60


def stamp_of(unix_ms: int) -> str:
    """A moment as file names have it: local time, in seconds."""
    return time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(unix_ms / 1000))


def now_ms() -> int:
    """This instant, in unix milliseconds."""
    return time.time_ns() // 1_000_000


def new_id(unix_ms: int) -> str:
    """A fresh id (UUIDv7) of that instant, above all that this process made before it.

    While the clock does not go on, or goes back, the last one is counted up.
    """
    with process.lock:
        fresh = max(unix_ms, 0) << ids.RANDOM_BITS | secrets.randbits(ids.RANDOM_BITS)
        if fresh <= process.last_id:
            fresh = process.last_id + 1 + secrets.randbits(_STEP_BITS)
        process.last_id = fresh
    return ids.uuid7(*divmod(fresh, 1 << ids.RANDOM_BITS))
