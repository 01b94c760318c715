"""What is told outside of rollouts, as the index has it: rows bear these names and no others.

So a row that is made while names change bears the old one, and is made anew with the new one.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Mapping

from threadlog.core import filters
from threadlog.core.lines import parse_json
from threadlog.core.names import Beside, Named, row_patch, with_row
from threadlog.local.index import rows
from threadlog.local.index.database import fact, note


class GivenNames:
    """What is told of threads by their ids."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, thread_id: str) -> Named | None:
        """What is told of one thread, if anything is."""
        key = filters.comparable(thread_id)
        ask = self._connection.execute
        told = ask("SELECT told FROM names WHERE id = ?", (key,)).fetchone()
        row = ask("SELECT told FROM codex_rows WHERE id = ?", (key,)).fetchone()
        named = Named(*parse_json(told[0].encode())) if told else None
        return with_row(named, row[0] if row else None)


def is_known(connection: sqlite3.Connection, token: str) -> bool:
    """True if what *token* stands for was taken in."""
    known: bool = fact(connection, "names") == token
    return known


def take(connection: sqlite3.Connection, token: str, beside: Beside) -> None:
    """This is told now; rows of threads of which it is something else are to be made anew."""
    _make_anew(connection, _take_names(connection, beside.names))
    _make_anew(connection, _take_rows(connection, beside.rows))
    note(connection, "names", token)


def _take_names(connection: sqlite3.Connection, names: Mapping[str, Named]) -> Collection[str]:
    before = dict(connection.execute("SELECT id, told FROM names").fetchall())
    now = {
        filters.comparable(key) or "": (key, named.name, json.dumps(_plain(named)))
        for key, named in names.items()
    }
    differ = {
        key
        for key in before.keys() | now.keys()
        if key not in now or before.get(key) != now[key][2]
    }
    connection.executemany("DELETE FROM names WHERE id = ?", [(key,) for key in differ])
    connection.executemany(
        "INSERT INTO names VALUES (?, ?, ?)",
        [(key, filters.comparable(now[key][1]), now[key][2]) for key in differ if key in now],
    )
    return differ


def _take_rows(connection: sqlite3.Connection, now: Mapping[str, str]) -> Collection[str]:
    """Most of Codex's rows say what the rollout says: that is nothing new to a thread's row."""
    digest = hashlib.sha256("\n".join(now.values()).encode("utf-8", "replace")).hexdigest()
    if fact(connection, "codex rows") == digest:
        return ()
    note(connection, "codex rows", digest)
    before = dict(connection.execute("SELECT id, told FROM codex_rows").fetchall())
    differ = [key for key in before.keys() | now.keys() if before.get(key) != now.get(key)]
    connection.executemany("DELETE FROM codex_rows WHERE id = ?", [(key,) for key in differ])
    connection.executemany(
        "INSERT INTO codex_rows VALUES (?, ?)", [(key, now[key]) for key in differ if key in now]
    )
    return [key for key in differ if key in before or not _shows(connection, key, now[key])]


def _shows(connection: sqlite3.Connection, key: str, told: str) -> bool:
    """True if the row of a thread shows what Codex's row says, or is yet to be made."""
    found = connection.execute("SELECT row FROM threads WHERE key = ?", (key.encode(),)).fetchone()
    return found is None or found[0] is None or rows.shows(found[0], row_patch(told))


def _make_anew(connection: sqlite3.Connection, keys: Collection[str]) -> None:
    connection.executemany(
        "UPDATE threads SET row = NULL WHERE key = ?",
        [(key.encode("utf-8", "surrogatepass"),) for key in keys],
    )


def _plain(named: Named) -> tuple[object, ...]:
    """The same for JSON."""
    return (*named[:2], dict(named.patch), dict(named.row)) if named.patch else named[:2]
