"""The names given outside of rollouts, as the index has them: rows bear these and no others.

So a row that is made while names change bears the old one, and is made anew with the new one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from threadlog.core import filters
from threadlog.core.lines import parse_json
from threadlog.core.names import Named
from threadlog.local.index.database import fact, note


class GivenNames:
    """The names of threads by their ids."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, thread_id: str) -> Named | None:
        """The name of one thread, if it was given one."""
        row = self._connection.execute(
            "SELECT told FROM names WHERE id = ?", (filters.comparable(thread_id),)
        ).fetchone()
        return Named(*parse_json(row[0].encode())) if row else None


def is_known(connection: sqlite3.Connection, token: str) -> bool:
    """True if what *token* stands for was taken in."""
    known: bool = fact(connection, "names") == token
    return known


def take(connection: sqlite3.Connection, token: str, names: Mapping[str, Named]) -> None:
    """The names are these now; rows of threads whose name differs are to be made anew."""
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
    connection.executemany(
        "UPDATE threads SET row = NULL WHERE key = ?",
        [(key.encode("utf-8", "surrogatepass"),) for key in differ],
    )
    note(connection, "names", token)


def _plain(named: Named) -> tuple[object, ...]:
    """The same for JSON."""
    return (*named[:2], dict(named.patch)) if named.patch else named[:2]
