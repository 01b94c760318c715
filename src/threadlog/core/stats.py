"""What was used in a home, added up by day, project, model, tool, source or thread.

Sums of ledgers: each thread counts its own part only, so nothing is counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from threadlog.core import filters, moments
from threadlog.core.ledger import Ledger, Tokens, Use
from threadlog.core.lines import Json
from threadlog.core.query import ThreadSummary

DAY, PROJECT, MODEL, TOOL, SOURCE, THREAD = "day", "project", "model", "tool", "source", "thread"
GROUPINGS = (DAY, PROJECT, MODEL, TOOL, SOURCE, THREAD)


class Sums(NamedTuple):
    """What was used; `time_ms` is that of the `timed_turns`, which tell how long they took.

    `restarted_tokens` are in no `tokens`: they were counted before a thread's total began anew.
    """

    threads: int = 0
    turns: int = 0
    timed_turns: int = 0
    time_ms: int = 0
    calls: int = 0
    tokens: Tokens = Tokens()
    restarted_tokens: int = 0

    def as_dict(self) -> dict[str, Json]:
        """The sums as plain JSON."""
        return {**self._asdict(), "tokens": self.tokens._asdict()}


class StatsRow(NamedTuple):
    """What was used of one `key`: a day (`2026-11-25`), a project, ...; None where none is told.

    `title` is that of a thread.
    """

    key: str | None
    sums: Sums
    title: str | None = None

    def as_dict(self) -> dict[str, Json]:
        """The row as plain JSON."""
        titled = {} if self.title is None else {"title": self.title}
        return {"key": self.key, **titled, **self.sums.as_dict()}


class Stats(NamedTuple):
    """What was used, by day, project, model, tool, source or thread; `total` is all rows together.

    `since` and `until` are the bounds that were asked for, in UTC; `problems` says in sentences
    which folders could not be listed.  Days are in order, all else by tokens, tools by calls.
    """

    by: str
    since: str | None
    until: str | None
    rows: tuple[StatsRow, ...]
    total: Sums
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Json]:
        """The stats as plain JSON; of tools only threads and calls, which alone are told."""
        rows, total = [row.as_dict() for row in self.rows], self.total.as_dict()
        if self.by == TOOL:
            rows = [{name: row[name] for name in ("key", "threads", "calls")} for row in rows]
            total = {name: total[name] for name in ("threads", "calls")}
        return {
            "by": self.by,
            "since": self.since,
            "until": self.until,
            "rows": rows,
            "total": total,
        }


class Tally:
    """Adds up ledgers, a thread at a time."""

    def __init__(
        self, by: str, since_ms: int | None, until_ms: int | None, day: Callable[[int], str]
    ) -> None:
        """*day* says on which day a moment was, given in unix milliseconds."""
        self._by = by
        self._since_ms, self._until_ms = since_ms, until_ms
        self._day = day
        self._groups: dict[str | None, _Sum] = {}
        self._all = _Sum()
        self.problems: tuple[str, ...] = ()  # what could not be listed

    def add(self, thread: ThreadSummary, ledger: Ledger) -> None:
        """Add what one thread used."""
        touched: dict[str | None, None] = {}
        for use in ledger.uses():
            for key, part in self._parts(thread, use) if self._is_meant(use) else ():
                group = self._groups.setdefault(key, _Sum(thread.title))
                group.take(part)
                self._all.take(part)
                touched[key] = None
        for key in touched:
            self._groups[key].threads += 1
        self._all.threads += bool(touched)

    def stats(self) -> Stats:
        """What all of it comes to."""
        rows = [
            StatsRow(key, group.sums(), group.title if self._by == THREAD else None)
            for key, group in self._groups.items()
        ]
        return Stats(
            self._by,
            None if self._since_ms is None else moments.utc_text(self._since_ms),
            None if self._until_ms is None else moments.utc_text(self._until_ms),
            tuple(sorted(rows, key=self._order)),
            self._all.sums(),
            self.problems,
        )

    def _is_meant(self, use: Use) -> bool:
        """True if it happened between the bounds; the stretches that they lie in count whole."""
        if use.start_ms is None or use.end_ms is None:
            return self._since_ms is None and self._until_ms is None
        return (self._since_ms is None or use.end_ms > self._since_ms) and (
            self._until_ms is None or use.start_ms < self._until_ms
        )

    def _parts(self, thread: ThreadSummary, use: Use) -> Iterable[tuple[str | None, Use]]:
        if self._by != TOOL:
            return [(self._key(thread, use), use)]
        nothing = use._replace(turns=0, timed_turns=0, time_ms=0, tokens=Tokens(), restarted=0)
        return [(name, nothing._replace(calls={name: n})) for name, n in use.calls.items()]

    def _key(self, thread: ThreadSummary, use: Use) -> str | None:
        if self._by == DAY:
            return None if use.start_ms is None else self._day(use.start_ms)
        if self._by == MODEL:
            return use.model
        if self._by == SOURCE:
            return thread.source
        if self._by == THREAD:
            return thread.id or thread.path
        return project(thread)

    def _order(self, row: StatsRow) -> tuple[int, int, str]:
        """Where a row stands; what has no key comes last among those that are alike."""
        sums, told = row.sums, row.key or "\U0010ffff"
        if self._by == DAY:
            return 0, 0, told
        return -sums.tokens.total, -sums.calls, told


def project(thread: ThreadSummary) -> str | None:
    """What a thread worked on: its git repository if that is known, else its folder."""
    return filters.repository_key(thread.git_url) if thread.git_url else thread.cwd


class _Sum:
    """Sums in the making."""

    def __init__(self, title: str | None = None) -> None:
        self.title = title
        self.threads = 0
        self._counts = [0] * 5
        self._tokens = [0] * len(Tokens._fields)

    def take(self, use: Use) -> None:
        """Add what was used."""
        calls = sum(use.calls.values())
        more = (use.turns, use.timed_turns, use.time_ms, calls, use.restarted)
        self._counts = [one + other for one, other in zip(self._counts, more, strict=True)]
        self._tokens = [one + other for one, other in zip(self._tokens, use.tokens, strict=True)]

    def sums(self) -> Sums:
        """The sums."""
        turns, timed_turns, time_ms, calls, restarted = self._counts
        tokens = Tokens(*self._tokens)
        return Sums(self.threads, turns, timed_turns, time_ms, calls, tokens, restarted)
