"""What a listing is asked and what it answers: one meaning, whoever answers it.

A thread has a place in the order of creation (`stamp`, the local time in its file name, then its
id) and in the order of its last change (`updated`, then its id).  Cursors are that place, as text;
an id in them makes threads of one second or millisecond tell apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, overload

from threadlog.core.lines import Json

CREATED = "created"
UPDATED = "updated"
DEFAULT_LIMIT = 50
_EPOCH = datetime(1970, 1, 1)
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
_STAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}"
_UPDATED = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"


class ThreadSummary(NamedTuple):
    """A thread as a listing shows it; the fields are the keys of `threadlog list --json`.

    Times are UTC, RFC 3339 with milliseconds.  `id` is None for a rollout that names no thread.
    `title` is the name, else the first message; `problem` says why a rollout's head told nothing.
    """

    id: str | None
    path: str
    cwd: str | None
    title: str
    name: str | None
    preview: str
    source: str
    created: str
    updated: str
    archived: bool
    git_branch: str | None
    git_commit: str | None
    git_url: str | None
    model_provider: str | None
    cli_version: str | None
    originator: str | None
    history_mode: str
    forked_from_id: str | None
    parent_thread_id: str | None
    agent_nickname: str | None
    agent_role: str | None
    size_bytes: int
    compressed: bool
    rollouts: int
    problem: str | None

    def as_dict(self) -> dict[str, Json]:
        """The summary as plain JSON."""
        return self._asdict()


class ThreadQuery(NamedTuple):
    """What to list: newest first, by creation or by last change; None = no such filter.

    `limit` None means all.  `cwd` must be an absolute path without symlinks.
    """

    limit: int | None = DEFAULT_LIMIT
    cursor: str | None = None
    sort: str = CREATED
    archived: bool = False
    cwd: str | None = None


class ThreadPage(Sequence[ThreadSummary]):
    """Some threads; `next` is the cursor for more, None when there are no more.

    `problems` says in sentences which folders could not be listed.
    """

    def __init__(
        self,
        threads: Sequence[ThreadSummary],
        next_cursor: str | None,
        problems: Sequence[str] = (),
    ) -> None:
        self.threads = tuple(threads)
        self.next = next_cursor
        self.problems = tuple(problems)

    @overload
    def __getitem__(self, index: int) -> ThreadSummary: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ThreadSummary]: ...
    def __getitem__(self, index: int | slice) -> ThreadSummary | Sequence[ThreadSummary]:
        return self.threads[index]

    def __len__(self) -> int:
        return len(self.threads)

    def __iter__(self) -> Iterator[ThreadSummary]:
        return iter(self.threads)

    def __repr__(self) -> str:
        return f"ThreadPage({len(self.threads)} threads, next={self.next!r})"


# A thread's place in an order: its moment, and its id (or path) to tell equals apart.
Place = tuple[str, str]


def cursor_text(place: Place) -> str:
    """The cursor that continues after *place*."""
    return "|".join(place)


def read_cursor(text: str, sort: str) -> Place | None:
    """The place that a cursor names; None if it is none of ours, or of another order."""
    moment, bar, tie = text.partition("|")
    pattern = _UPDATED if sort == UPDATED else _STAMP
    return (moment, tie) if bar and tie and re.fullmatch(pattern, moment) else None


def utc_text(unix_ms: int) -> str:
    """Unix milliseconds as UTC, RFC 3339 with three digits and Z."""
    moment = _EPOCH + timedelta(milliseconds=min(max(unix_ms, _FIRST_MS), _LAST_MS))
    return moment.isoformat(timespec="milliseconds") + "Z"


def unix_ms(text: str) -> int | None:
    """The unix milliseconds of an RFC 3339 text; None if it is none, or beyond the calendar."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    ms = round(moment.timestamp() * 1000)
    return ms if _FIRST_MS <= ms <= _LAST_MS else None
