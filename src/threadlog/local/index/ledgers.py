"""What each thread used, as the index has it: a text in a column that listings do not read."""

from __future__ import annotations

import json
import sqlite3

import msgspec

from threadlog.core import quick
from threadlog.core.index_status import never
from threadlog.core.ledger import Ledger, Origin
from threadlog.core.lines import parse_json
from threadlog.core.query import ThreadQuery, ThreadSummary
from threadlog.core.stats import Tally
from threadlog.local import origins
from threadlog.local.index import pages, rows
from threadlog.local.index.known import KnownInventory, rollouts_of
from threadlog.local.reading import LocalRollouts
from threadlog.local.scanning import scan


class _Told(msgspec.Struct, array_like=True):
    ledger: Ledger
    origin: Origin | None


def text_of(ledger: Ledger, origin: Origin | None) -> str:
    """A ledger, and whose lines it takes for copied, as ASCII JSON."""
    return json.dumps(msgspec.to_builtins(_Told(ledger, origin)), separators=(",", ":"))


def _told(text: str) -> _Told:
    return msgspec.convert(parse_json(text.encode()), _Told)


def tally(home: str, connection: sqlite3.Connection, wanted: ThreadQuery, into: Tally) -> Tally:
    """Add up what the threads used that a query means; who just grew is read to the end here."""
    where, bound = pages.conditions(connection, wanted)
    found = connection.execute(
        f"SELECT key, row, iif(scanned, ledger, NULL) FROM threads WHERE {where}", bound
    )
    for key, row, text in found:
        thread = rows.summary_of(home, row)
        known = _told(text).ledger if text else _read(home, connection, key, thread)
        into.add(thread, known)
    return into


def _read(home: str, connection: sqlite3.Connection, key: bytes, thread: ThreadSummary) -> Ledger:
    return scan(_rollouts(home, connection, key), thread, None, never).ledger


def of_another_origin(connection: sqlite3.Connection, home: str) -> list[bytes]:
    """The forks whose origin came, went or changed since their ledgers were made."""
    found = connection.execute(
        "SELECT t.key, t.ledger, t.row FROM threads t"
        " WHERE t.forked_from IS NOT NULL AND t.ledger IS NOT NULL AND t.row IS NOT NULL"
    ).fetchall()
    changed = []
    for key, text, row in found:
        origin = _told(text).origin if text else None
        if origin is None:
            continue
        rollouts = _rollouts(home, connection, key)
        path = rows.summary_of(home, row).path
        if origins.located(origin.ids, path, rollouts.find) != origin:
            changed.append(key)
    return changed


def _rollouts(home: str, connection: sqlite3.Connection, key: bytes) -> LocalRollouts:
    group = [each.found for each in rollouts_of(connection, home, key)]
    return LocalRollouts(home, quick.parse, KnownInventory(home, connection, group, quick.parse))
