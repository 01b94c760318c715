"""Which of Codex's databases we know: by their migrations, whole and successful; and what is said
of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from threadlog.core.database_state import (
    BUSY,
    DAMAGED,
    FILLING,
    NONE,
    READY,
    UNKNOWN,
    UNREADABLE,
)

if TYPE_CHECKING:
    import sqlite3

# SHA-256 over "version:checksum" of all migrations, in order and joined by line feeds, and whether
# the rows have a history mode, a name and a memory mode.
KNOWN = {
    "d87e8fabee1163fac39288f451fd8a28b71290b7b431db3962c0b39d5ffd4319": False,  # 0.100, 0.101
    "e1a6ce2c72960d9023f008a58bdb9f2b9f30f46d913e5a81c0ce9f68a3970fad": True,  # 0.169
}
# Why one that stands so is left: each completes "Codex's database was left as it is: ".
WHY = {
    NONE: "there is none",
    UNKNOWN: "it is of a version that threadlog does not know",
    FILLING: "Codex has not taken in all threads into it yet",
    DAMAGED: "it is damaged",
    BUSY: "it cannot be read at this moment",
    UNREADABLE: "it cannot be read",
}


class Standing(NamedTuple):
    """How a database stands, and whether its rows have a history mode and a name."""

    state: str
    has_modes: bool = False


def standing(connection: sqlite3.Connection) -> Standing:
    """How an open database stands; raises sqlite3.Error."""
    has_modes = KNOWN.get(_migrations(connection))
    if has_modes is None:
        return Standing(UNKNOWN)
    if connection.execute("SELECT status FROM backfill_state").fetchall() != [("complete",)]:
        return Standing(FILLING)
    return Standing(READY, has_modes)


def _migrations(connection: sqlite3.Connection) -> str:
    """The migrations that a database has had, as one text; an own one if any failed."""
    rows = connection.execute(
        "SELECT version, hex(checksum), success FROM _sqlx_migrations ORDER BY version"
    ).fetchall()
    if any(success != 1 for _version, _checksum, success in rows):
        return ""
    listed = "\n".join(f"{version}:{checksum.lower()}" for version, checksum, _success in rows)
    import hashlib  # only where a database lies

    return hashlib.sha256(listed.encode("utf-8", "replace")).hexdigest()
