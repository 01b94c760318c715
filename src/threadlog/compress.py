"""Compressing cold threads: what a caller asks for, checked and found."""

from __future__ import annotations

import math
from collections.abc import Sequence

from threadlog.core.compression import DAY_S, ColdQuery
from threadlog.core.query import ThreadSummary
from threadlog.home import Home, Reference
from threadlog.own_threads import all_stored


def cold_query(older_than_days: float, *, archived: bool | None, dry_run: bool) -> ColdQuery:
    """The keywords of `Home.compress` as the value the store takes; raises ValueError."""
    if not (older_than_days >= 0 and math.isfinite(older_than_days)):
        raise ValueError(f"no rollout is {older_than_days} days old: give 0 or more")
    return ColdQuery(older_than_days * DAY_S, archived, dry_run)


def meant(home: Home, references: Sequence[Reference]) -> list[ThreadSummary] | None:
    """The threads meant, all of them found before anything is done; None for all there are."""
    return all_stored(home, references, "compressed") or None
