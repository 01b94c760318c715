"""A query as SQL: the same conditions as `core.filters`, on the columns of the index."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from threadlog.core import filters, moments
from threadlog.core.cursor import Place
from threadlog.core.query import CREATED, RECENCY, UPDATED, ThreadQuery
from threadlog.local.folders import SameFolders

_ORDERS = {CREATED: "stamp", UPDATED: "updated_ms", RECENCY: "recency_ms"}
_TIMES = {CREATED: "created_ms", UPDATED: "updated_ms", RECENCY: "recency_ms"}

ALL = "1"  # the condition of a query that leaves nothing out

# A row as a page needs it: row, key, its moment.
Hit = tuple[str | None, bytes, Any]


def select(
    connection: sqlite3.Connection, wanted: ThreadQuery, after: Place | None, limit: int
) -> list[Hit]:
    """The first *limit* threads after a place (-1: all), in the order wanted."""
    if wanted.archived is not None:
        return _select(connection, wanted, after, limit)
    both = [
        hit
        for archived in (False, True)
        for hit in _select(connection, wanted._replace(archived=archived), after, limit)
    ]
    both.sort(key=lambda hit: (hit[2], hit[1]), reverse=not wanted.ascending)
    return both if limit < 0 else both[:limit]


def count(connection: sqlite3.Connection, wanted: ThreadQuery) -> int:
    """How many threads a query means, cursor and limit aside."""
    where, bound = conditions(connection, wanted)
    found = connection.execute(f"SELECT count(*) FROM threads WHERE {where}", bound).fetchone()
    return int(found[0])


def _select(
    connection: sqlite3.Connection, wanted: ThreadQuery, after: Place | None, limit: int
) -> list[Hit]:
    moment = _ORDERS[wanted.sort]
    where, bound = conditions(connection, wanted)
    if after is not None:
        where += f" AND ({moment}, key) {'>' if wanted.ascending else '<'} (?, ?)"
        bound += [_moment(after[0], wanted.sort), after[1].encode("utf-8", "surrogatepass")]
    way = "ASC" if wanted.ascending else "DESC"
    return connection.execute(
        f"SELECT row, key, {moment} FROM threads WHERE {where}"
        f" ORDER BY {moment} {way}, key {way} LIMIT ?",
        [*bound, limit],
    ).fetchall()


def _moment(text: str, sort: str) -> str | int | None:
    return text if sort == CREATED else moments.unix_ms(text)


_Condition = tuple[str, Sequence[Any]]


def conditions(connection: sqlite3.Connection, wanted: ThreadQuery) -> tuple[str, list[Any]]:
    """The WHERE clause, and what to bind to it."""
    text = None if wanted.text is None else filters.searched(wanted.text)
    every = [
        _equal("archived", wanted.archived),
        _equal("branch", filters.comparable(wanted.branch)),
        _equal("parent", filters.comparable(wanted.parent)),
        _equal("forked_from", filters.comparable(wanted.forked_from)),
        _equal("hidden", 0 if wanted.codex else None),
        ("instr(words, ?)", [text]) if text is not None else _ANY,
        _in_folders(connection, wanted),
        _of_sources(wanted.sources),
        _of_providers(wanted),
        _in_repository(wanted.repository),
        _in_time(">=", wanted.since_ms, wanted.sort),
        _in_time("<", wanted.until_ms, wanted.sort),
    ]
    used = [each for each in every if each is not _ANY]
    where = " AND ".join(condition for condition, _values in used) or ALL
    return where, [value for _condition, values in used for value in values]


_ANY: _Condition = ("", ())


def _equal(column: str, value: object) -> _Condition:
    return _ANY if value is None else (f"{column} = ?", [value])


def _in_time(sign: str, ms: int | None, sort: str) -> _Condition:
    return _ANY if ms is None else (f"{_TIMES[sort]} {sign} ?", [ms])


def _of_sources(sources: Sequence[str] | None) -> _Condition:
    if sources is None:
        return _ANY
    labels = [filters.comparable(each) or "" for each in sources]
    kinds = [f" OR substr(source, 1, {len(each) + 1}) = ?" for each in labels]
    return f"(source IN ({_marks(labels)}){''.join(kinds)})", [
        *labels,
        *(f"{each}:" for each in labels),
    ]


def _of_providers(wanted: ThreadQuery) -> _Condition:
    if wanted.providers is None:
        return _ANY
    named = [filters.comparable(each) for each in wanted.providers]
    absent = " OR provider IS NULL" if wanted.default_provider in wanted.providers else ""
    return f"(provider IN ({_marks(named)}){absent})", named


def _in_repository(repository: str | None) -> _Condition:
    if repository is None:
        return _ANY
    key = filters.repository_key(repository)
    return f"(repository = ? OR substr(repository, {-len(key) - 1}) = ?)", [key, f"/{key}"]


def _in_folders(connection: sqlite3.Connection, wanted: ThreadQuery) -> _Condition:
    """The working directories of threads that are the ones asked for."""
    if wanted.cwd is None:
        return _ANY
    folders = SameFolders(wanted.cwd, below=wanted.below)
    found = [value for value in _distinct(connection) if value in folders]
    return f"cwd IN ({_marks(found)})", found


def _distinct(connection: sqlite3.Connection) -> list[Any]:
    """Every working directory once: a jump through the index each, not a row each."""
    found: list[Any] = []
    row = connection.execute("SELECT min(cwd) FROM threads").fetchone()
    while row[0] is not None:
        found.append(row[0])
        row = connection.execute("SELECT min(cwd) FROM threads WHERE cwd > ?", row).fetchone()
    return found


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
