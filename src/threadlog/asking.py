"""What a caller asks of a listing: keywords, checked and made one value."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

from threadlog.core import moments
from threadlog.core.query import SORTS, ThreadQuery

# No home has so many threads.
_ALL = 1 << 40

Folder = str | os.PathLike[str]


class Chosen(TypedDict, total=False):
    """The keywords that choose threads, of `Home.threads` and `Home.stats`."""

    cwd: Folder | Iterable[Folder] | None
    below: bool
    archived: bool | None
    sources: Iterable[str] | None
    providers: Iterable[str] | None
    text: str | None
    branch: str | None
    repository: str | None
    since: datetime | str | None
    until: datetime | str | None
    parent: str | None
    forked_from: str | None
    codex: bool


class Asked(Chosen, total=False):
    """The keywords of `Home.threads`."""

    sort: str
    ascending: bool
    limit: int | None
    cursor: str | None


def query_of(asked: Asked, default_provider: str | None = None) -> ThreadQuery:
    """The query that these keywords make; raises ValueError and TypeError for what none can be."""
    values = dict(asked)
    if unknown := values.keys() - Asked.__annotations__.keys():
        raise TypeError(f"threads() knows no {min(unknown)!r}")
    sort, limit = values.get("sort", SORTS[0]), values.get("limit", 0)
    if sort not in SORTS:
        raise ValueError(f"cannot sort threads by {sort!r}: use {', '.join(SORTS)}")
    if "limit" in values and limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(f"cannot list {limit} threads: the limit is 1 or more, or None")
    if isinstance(limit, int) and limit > _ALL:
        values["limit"] = None
    for name, end in (("since", "since_ms"), ("until", "until_ms")):
        values[end] = _ms(values.pop(name, None), name)
    for name in ("sources", "providers"):
        values[name] = _several(values.get(name), name)
    values["cwd"] = _folders(asked.get("cwd"))
    return ThreadQuery(**values, default_provider=default_provider)  # type: ignore[arg-type]


def _several(value: object, name: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} are several: give a list, even of one")
    return tuple(value)


def _folders(cwd: Folder | Iterable[Folder] | None) -> tuple[str, ...] | None:
    if cwd is None:
        return None
    folders = (cwd,) if isinstance(cwd, (str, os.PathLike)) else tuple(cwd)
    return tuple(os.path.expanduser(os.fspath(each)) for each in folders)


def _ms(value: object, name: str) -> int | None:
    """Unix milliseconds of a moment; None if there is none."""
    if value is None:
        return None
    try:
        return moment_ms(value if isinstance(value, datetime) else str(value))
    except ValueError as error:
        raise ValueError(f"{name} is no moment: {error}") from None


def moment_ms(moment: datetime | str) -> int:
    """Unix milliseconds of a datetime, of RFC 3339, or of a span of time ago (`90min`, `7d`).

    What has no zone is of the local one.  Raises ValueError.
    """
    if isinstance(moment, str) and (span := re.fullmatch(r"([0-9]{1,6})(min|h|d|w)", moment)):
        return int((time.time() - int(span[1]) * _UNITS_S[span[2]]) * 1000)
    try:
        if isinstance(moment, str):
            moment = datetime.fromisoformat(moment)
        return moments.clamped_ms(round(moment.astimezone().timestamp() * 1000))
    except (ValueError, OverflowError):
        raise ValueError(f"{moment!r}; use 2026-11-25, 2026-11-25T13:00Z, 12h or 7d") from None


_UNITS_S = {"min": 60, "h": 3600, "d": 86_400, "w": 604_800}
