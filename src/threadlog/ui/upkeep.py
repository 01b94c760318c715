"""The indexes, brought up to date behind the screen at half the speed of one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from threadlog import connect
from threadlog.home import Home
from threadlog.ui.lanes import Stopped

# The longest rest between two pieces of work.
REST_S = 0.1
# A list may be so old: a look at every rollout for each page would cost more than it tells.
FRESHNESS_S = 2.0
_LOOKS = 2  # until the watcher is believed


class Telling(NamedTuple):
    """What is under way: `done` of `total`."""

    what: str
    done: int
    total: int

    def __str__(self) -> str:
        share = f" {100 * self.done // self.total} %" if self.total else ""
        return f"{self.what}{share}"


class Rests:
    """Asked between two pieces of work: rests as long as the last one took; True to stop."""

    def __init__(self, stopped: Stopped) -> None:
        self._stopped = stopped
        self._since = time.monotonic()

    def __call__(self) -> bool:
        """True once the work is to end."""
        time.sleep(min(time.monotonic() - self._since, REST_S))
        self._since = time.monotonic()
        return self._stopped()


def watched(home: Home, stopped: Stopped) -> Home:
    """The same home, opened so that the file system tells what changes.

    That begins with looks at every rollout, too many to wait for when a program begins; raises
    GivenUp once *stopped*.
    """
    opened = connect.open(home.path, freshness_s=FRESHNESS_S)
    for _ in range(_LOOKS):
        opened.threads(limit=1, stop=stopped)
    return opened


Tell = Callable[[str, int, int], None]


def catch_up(home: Home, stopped: Stopped, tell: Tell) -> bool:
    """The index of listings; True if nothing is left to do."""
    return home.store.catalog.catch_up(Rests(stopped), partial(_told, tell, "index"))


def catch_up_words(home: Home, stopped: Stopped, tell: Tell) -> bool:
    """The word index of searches."""
    return home.store.search.catch_up(Rests(stopped), partial(_told, tell, "word index"))


def _told(tell: Tell, name: str, _what: str, done: int, total: int) -> None:
    tell(name, done, total)
