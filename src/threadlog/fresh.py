"""This instant, and ids that nobody has yet."""

from __future__ import annotations

import os
import time

from threadlog.backlog import process
from threadlog.core import ids

# An id that is counted up is still not to be guessed, nor met by a forked child's.
_STEP_BITS = 60
# Taken from the system so many at a time: at each call other OS threads may run first.
_CHANCE_BYTES, _EACH_BYTES = 4080, 10


class _Chance:
    """Bits that nobody can guess; to be asked under the lock."""

    def __init__(self) -> None:
        self._bytes, self._used, self._pid = b"", 0, 0

    def bits(self, count: int) -> int:
        """So many, up to 80, as a number; a forked child takes its own."""
        if self._used == len(self._bytes) or self._pid != os.getpid():
            self._bytes, self._used, self._pid = os.urandom(_CHANCE_BYTES), 0, os.getpid()
        begun, self._used = self._used, self._used + _EACH_BYTES
        return int.from_bytes(self._bytes[begun : self._used]) >> (_EACH_BYTES * 8 - count)


_chance = _Chance()


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
        fresh = max(unix_ms, 0) << ids.RANDOM_BITS | _chance.bits(ids.RANDOM_BITS)
        if fresh <= process.last_id:
            fresh = process.last_id + 1 + _chance.bits(_STEP_BITS)
        process.last_id = fresh
    return ids.uuid7(*divmod(fresh, 1 << ids.RANDOM_BITS))
