"""State databases as Codex leaves them: the columns of its versions, with and without a WAL."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from threadlog.core.shelf import RowMove
from threadlog.local.register import Register

_FIRST = (
    "id TEXT PRIMARY KEY, rollout_path TEXT NOT NULL, created_at INTEGER NOT NULL, "
    "updated_at INTEGER NOT NULL, source TEXT NOT NULL, model_provider TEXT NOT NULL, "
    "cwd TEXT NOT NULL, title TEXT NOT NULL, sandbox_policy TEXT NOT NULL, "
    "approval_mode TEXT NOT NULL, tokens_used INTEGER NOT NULL DEFAULT 0, "
    "has_user_event INTEGER NOT NULL DEFAULT 0, archived INTEGER NOT NULL DEFAULT 0, "
    "archived_at INTEGER, git_sha TEXT, git_branch TEXT, git_origin_url TEXT"
)
_SEED = f"{_FIRST}, cli_version TEXT DEFAULT '', first_user_message TEXT NOT NULL DEFAULT ''"
_NEW = (
    f"{_SEED}, agent_nickname TEXT, memory_mode TEXT NOT NULL DEFAULT 'enabled', model TEXT, "
    "created_at_ms INTEGER, updated_at_ms INTEGER, thread_source TEXT, "
    "preview TEXT NOT NULL DEFAULT '', recency_at_ms INTEGER NOT NULL DEFAULT 0, "
    "history_mode TEXT NOT NULL DEFAULT 'legacy', name TEXT, originator TEXT"
)
# Of each version: the database's name, and the columns of its threads.
COLUMNS = {
    "0.98": ("state_2.sqlite", _FIRST),
    "0.100": ("state_5.sqlite", _SEED),
    "0.169": ("state_5.sqlite", _NEW),
}
_FILLED = {
    "rollout_path": "/r",
    "created_at": 1,
    "updated_at": 1,
    "source": "cli",
    "model_provider": "some",
    "cwd": "/desk",
    "title": "first",
    "sandbox_policy": "{}",
    "approval_mode": "never",
}


def connect_state(folder: Path, version: str = "0.169", file: str = "") -> sqlite3.Connection:
    """A connection as a Codex has it, to a state database that is made if it is missing."""
    name, columns = COLUMNS[version]
    connection = sqlite3.connect(folder / (file or name), isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug of a test's own database
    connection.execute(f"CREATE TABLE IF NOT EXISTS threads ({columns})")
    return connection


def add_row(connection: sqlite3.Connection, thread: object, **columns: Any) -> None:
    """One more thread, or the same one anew."""
    values = {"id": thread, **_FILLED, **columns}
    marks = ", ".join("?" * len(values))
    command = f"INSERT OR REPLACE INTO threads ({', '.join(values)}) VALUES ({marks})"
    connection.execute(command, tuple(values.values()))


def named(name: object, at_ms: object = 1000, **columns: Any) -> dict[str, Any]:
    """The columns of a paginated thread of this name."""
    return {"history_mode": "paginated", "name": name, "updated_at_ms": at_ms, **columns}


def put_state(
    folder: Path, rows: dict[str, dict[str, Any]], version: str = "0.169", file: str = ""
) -> Path:
    """A state database with these rows by thread id, as it lies there once nobody has it open."""
    connection = connect_state(folder, version, file)
    for thread, columns in rows.items():
        add_row(connection, thread, **columns)
    connection.close()
    return folder / (file or COLUMNS[version][0])


def leave_wal(folder: Path, rows: dict[str, dict[str, Any]], *, shm: bool = True) -> Path:
    """The same with the rows in a WAL that nobody has open, as a killed Codex leaves it."""
    living = folder / "living"
    living.mkdir()
    path = put_state(living, {})
    connection = connect_state(living)
    for thread, columns in rows.items():
        add_row(connection, thread, **columns)
    for end in ("", "-wal", *(["-shm"] if shm else [])):
        shutil.copyfile(f"{path}{end}", folder / f"{path.name}{end}")
    connection.close()
    shutil.rmtree(living)
    return folder / path.name


# What the newest Codex has of triggers on its threads.
_TRIGGERS = """
CREATE TRIGGER threads_updated_at_ms_after_update AFTER UPDATE OF updated_at ON threads
WHEN NEW.updated_at != OLD.updated_at AND NEW.updated_at_ms IS OLD.updated_at_ms
BEGIN UPDATE threads SET updated_at_ms = NEW.updated_at * 1000 WHERE id = NEW.id; END
"""


def make_whole(connection: sqlite3.Connection, status: str = "complete") -> None:
    """What a Codex notes of the database itself: two migrations, and how its backfill stands."""
    connection.execute(
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, "
        "success BOOLEAN NOT NULL, checksum BLOB NOT NULL)"
    )
    for version in (1, 2):
        row = (version, "some", True, bytes([version]) * 48)
        connection.execute("INSERT INTO _sqlx_migrations VALUES (?, ?, ?, ?)", row)
    connection.execute("CREATE TABLE backfill_state (id INTEGER PRIMARY KEY, status TEXT NOT NULL)")
    connection.execute("INSERT INTO backfill_state VALUES (1, ?)", (status,))
    connection.execute(
        "CREATE TABLE thread_spawn_edges (parent_thread_id TEXT NOT NULL, "
        "child_thread_id TEXT PRIMARY KEY, status TEXT NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE attachments (thread_id TEXT REFERENCES threads(id) ON DELETE CASCADE)"
    )
    if "updated_at_ms" in {row[1] for row in connection.execute("PRAGMA table_info(threads)")}:
        connection.execute(_TRIGGERS)


def row_moved(
    of: Register, thread: str, old: str, new: str, archived_at_s: int | None
) -> str | None:
    """Have the row of one thread follow its rollout; why it was left, if it was."""
    return of.moved([RowMove(thread, ((old, new),), archived_at_s)])[0]


def row_removed(of: Register, thread: str, path: str) -> str | None:
    """Have the row of one thread go; why it was left, if it was."""
    return of.removed([RowMove(thread, ((path, path),))])[0]
