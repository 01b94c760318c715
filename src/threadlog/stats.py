"""What was used in a home: which threads a caller means, and on which day something was."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from threadlog.asking import Asked, Chosen
from threadlog.core.stats import GROUPINGS, Stats, Tally

if TYPE_CHECKING:
    from threadlog.stored import StoredThreads


def stats(home: StoredThreads, by: str, asked: Mapping[str, object]) -> Stats:
    """What the threads used that the keywords mean; raises ValueError and TypeError."""
    if by not in GROUPINGS:
        raise ValueError(f"cannot add up by {by!r}: use {', '.join(GROUPINGS)}")
    if unknown := asked.keys() - Chosen.__annotations__.keys():
        raise TypeError(f"stats() knows no {min(unknown)!r}")
    query = home.query(Asked(**asked))  # type: ignore[typeddict-item]
    wanted = query._replace(limit=None, since_ms=None, until_ms=None)
    wanted = wanted._replace(archived=asked.get("archived"))  # type: ignore[arg-type]
    day = functools.lru_cache(maxsize=4096)(local_day)

    def begin() -> Tally:
        return Tally(by, query.since_ms, query.until_ms, day)

    return home.store.catalog.tally(wanted, begin).stats()


# A day before the end of the calendar whatever the zone, and one after its beginning.
_FIRST_MS, _LAST_MS = -62_104_000_000_000, 253_370_000_000_000


def local_day(unix_ms: int) -> str:
    """The day of a moment where this machine is, as `2026-11-25`; within the years 2 to 9998."""
    moment = time.localtime(min(max(unix_ms, _FIRST_MS), _LAST_MS) / 1000)
    return f"{moment.tm_year:04}-{moment.tm_mon:02}-{moment.tm_mday:02}"
