"""Codex's databases as they can be: of its versions, in the middle of something, and harmed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from conftest import corpus_root
from makers import python
from state_databases import add_row, connect_state, make_whole
from threadlog.codex import schema
from threadlog.core.query import ThreadSummary

# Why a database is left as it is.
UNKNOWN = "it is of a version that threadlog does not know"
NEWER = "state_6.sqlite lies beside it, of a version that threadlog does not know"
OLD = "it is of a Codex before 0.100, and threadlog does not write to those"
INCOMPLETE = "Codex has not taken in all threads into it yet"
KIND = "it is of a kind that threadlog does not write to"
NO_FILE = "what lies in its place is no regular file"
DAMAGED = "it is damaged"
BUSY = "it is locked by another program"
READ_ONLY = "it cannot be written to"

NEWEST, OLDER, OLDEST = "0.169", "0.100", "0.98"
STATE_5, STATE_2 = "state_5.sqlite", "state_2.sqlite"
Threads = Sequence[ThreadSummary]
Tables = dict[str, list[tuple[Any, ...]]]
Held = contextlib.AbstractContextManager[object]


class Odd(NamedTuple):
    """A state of a database: how it is made in a folder, and why it is left, if it is.

    `make` may return what goes on as long as the state lasts.
    """

    name: str
    make: Callable[[Path, Threads], Held | None]
    why: str | None = None


def know_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the databases made here for those of Codexes that are known, but for the oldest."""
    monkeypatch.setattr(schema, "KNOWN", {_digest(1, 2): True, _digest(1, 3): False})


def _digest(*versions: int) -> str:
    told = "\n".join(f"{number}:{(bytes([number]) * 48).hex()}" for number in versions)
    return hashlib.sha256(told.encode()).hexdigest()


def put(folder: Path, threads: Threads, version: str = NEWEST) -> Path:
    """A whole database of a version with a row of each thread."""
    with contextlib.closing(connect_state(folder, version)) as connection:
        make_whole(connection)
        if version != NEWEST:  # other migrations
            number = {OLDER: 3, OLDEST: 4}[version]
            command = "UPDATE _sqlx_migrations SET version = ?, checksum = ? WHERE version = 2"
            connection.execute(command, (number, bytes([number]) * 48))
        add_rows(connection, threads)
    return folder / (STATE_2 if version == OLDEST else STATE_5)


def add_rows(connection: sqlite3.Connection, threads: Threads) -> None:
    """A row of each thread, with the columns that there are."""
    has = {row[1] for row in connection.execute("PRAGMA table_info(threads)")}
    for each in threads:
        first = each.first_user_message
        row: dict[str, Any] = {
            "rollout_path": each.path,
            "archived": int(each.archived),
            "archived_at": 1 if each.archived else None,
            "title": first,
            "first_user_message": first,
            "history_mode": each.history_mode,
        }
        add_row(connection, each.id, **{key: row[key] for key in row if key in has})


@contextlib.contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def none(_folder: Path, _threads: Threads) -> None:
    return


def of(version: str) -> Callable[[Path, Threads], None]:
    def make(folder: Path, threads: Threads) -> None:
        put(folder, threads, version)

    return make


def said(*commands: str) -> Callable[[Path, Threads], None]:
    """A database of the newest, in which something was changed."""

    def make(folder: Path, threads: Threads) -> None:
        with changing(put(folder, threads)) as connection:
            for command in commands:
                connection.execute(command)

    return make


def both_versions(folder: Path, threads: Threads) -> None:
    put(folder, threads, OLDEST)
    put(folder, threads)


def newer_beside(folder: Path, threads: Threads) -> None:
    shutil.copy(put(folder, threads), folder / "state_6.sqlite")


def harmed(harm: Callable[[Path], None]) -> Callable[[Path, Threads], None]:
    """A database of the newest, and what befell its file."""

    def make(folder: Path, threads: Threads) -> None:
        harm(put(folder, threads))

    return make


def no_header(path: Path) -> None:
    path.write_bytes(b"\xff" * 100 + path.read_bytes()[100:])


def no_page(table: str) -> Callable[[Path], None]:
    """The first page of a table, in the middle of the file, is no page."""

    def harm(path: Path) -> None:
        with changing(path) as connection:
            command = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            (number,) = connection.execute(command, (table,)).fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
        data = bytearray(path.read_bytes())
        data[size * (number - 1) : size * number] = b"\xa5" * size
        path.write_bytes(data)

    return harm


def empty(path: Path) -> None:
    os.truncate(path, 0)


def torn(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "theirs").write_bytes(b"theirs")


def link(path: Path) -> None:
    path.rename(path.with_name("state_elsewhere"))
    path.symlink_to("state_elsewhere")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def journal(path: Path) -> None:
    path.with_name(f"{path.name}-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" * 64)


def rollback_mode(path: Path) -> None:
    with changing(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def wal_of_another_kind(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"garbage!" * 1000)


def left_wal(*, shm: bool) -> Callable[[Path, Threads], None]:
    """The rows stand in a `-wal`, as a killed Codex leaves it, with or without the `-shm`."""

    def make(folder: Path, threads: Threads) -> None:
        living = folder / "living"
        living.mkdir()
        put(living, [])
        with changing(living / STATE_5) as connection:
            add_rows(connection, threads)
            for end in ("", "-wal", *(["-shm"] if shm else [])):
                shutil.copyfile(living / f"{STATE_5}{end}", folder / f"{STATE_5}{end}")
        shutil.rmtree(living)

    return make


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for command in sys.argv[2:]:
    connection.execute(command)
print("held", flush=True)
sys.stdin.readline()
"""


def held(*commands: str) -> Callable[[Path, Threads], Held]:
    """Another process has it, and has said this to it."""

    def make(folder: Path, threads: Threads) -> Held:
        return holding(put(folder, threads), commands)

    return make


@contextlib.contextmanager
def holding(path: Path, commands: Sequence[str]) -> Iterator[None]:
    """Another process has a database open, and has said this to it."""
    with python(_HOLD, str(path), *commands) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield
        finally:
            holder.kill()


ODD = (
    Odd("none", none),
    Odd("of 0.98", of(OLDEST), OLD),
    Odd("of 0.100", of(OLDER)),
    Odd("of 0.169", of(NEWEST)),
    Odd("of 0.98 and of 0.169", both_versions),
    Odd("backfill to come", said("UPDATE backfill_state SET status = 'pending'"), INCOMPLETE),
    Odd("backfill under way", said("UPDATE backfill_state SET status = 'running'"), INCOMPLETE),
    Odd(
        "a newer migration",
        said("INSERT INTO _sqlx_migrations VALUES (9, 'of tomorrow', TRUE, x'09')"),
        UNKNOWN,
    ),
    Odd("half a migration", said("UPDATE _sqlx_migrations SET success = 0"), UNKNOWN),
    Odd("a newer one beside", newer_beside, NEWER),
    Odd("no table of threads", said("ALTER TABLE threads RENAME TO others"), UNKNOWN),
    Odd("no header", harmed(no_header), DAMAGED),
    Odd("a bad page of threads", harmed(no_page("threads")), DAMAGED),
    Odd("a bad page of the ids", harmed(no_page("sqlite_autoindex_threads_1")), DAMAGED),
    Odd("a bad page elsewhere", harmed(no_page("attachments"))),
    Odd("empty", harmed(empty), DAMAGED),
    Odd("torn", harmed(torn), DAMAGED),
    Odd("a folder", harmed(folder_in_its_place), NO_FILE),
    Odd("a link", harmed(link), NO_FILE),
    Odd("a FIFO", harmed(fifo), NO_FILE),
    Odd("a journal beside", harmed(journal), KIND),
    Odd("no WAL mode", harmed(rollback_mode), KIND),
    Odd("a WAL of another kind", harmed(wal_of_another_kind), KIND),
    Odd("a WAL alone", left_wal(shm=False)),
    Odd("a WAL left", left_wal(shm=True)),
    Odd("open elsewhere", held("SELECT * FROM threads")),
    Odd("being written", held("BEGIN IMMEDIATE", "UPDATE threads SET cwd = 'x'"), BUSY),
    Odd("locked", held("BEGIN EXCLUSIVE"), BUSY),
    Odd(
        "locked for readers",
        held("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "UPDATE threads SET cwd = 'x'"),
        BUSY,
    ),
)


# -- what is looked at


class Seen(NamedTuple):
    """A file of a database: its kind and mode, its inode, and what is in it."""

    mode: int
    inode: int
    data: bytes


def seen(folder: Path) -> dict[str, Seen]:
    """All files of databases in a folder."""
    found = {}
    for path in [*folder.glob("state_*"), *folder.glob("state_*/*")]:
        status = path.lstat()
        data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        found[str(path.relative_to(folder))] = Seen(status.st_mode, status.st_ino, data)
    return found


def tables(folder: Path) -> Tables:
    """What stands in each table, the schema too, read from a copy, so that nothing is changed."""
    copy = folder / "copy"
    copy.mkdir()
    for path in folder.glob(f"{STATE_5}*"):
        shutil.copy(path, copy)
    found: Tables = {}
    with changing(copy / STATE_5) as connection:
        found["sqlite_master"] = list(connection.execute("SELECT * FROM sqlite_master"))
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            with contextlib.suppress(sqlite3.DatabaseError):  # a bad page
                found[name] = sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)
    shutil.rmtree(copy)
    return found


def genuine(name: str) -> Odd | None:
    """The database of a genuine home with our threads among its own, if this machine has those."""
    root = corpus_root()
    if root is None:
        return None
    source = root / name / STATE_5

    def make(folder: Path, threads: Threads) -> None:
        path = folder / STATE_5
        path.write_bytes(source.read_bytes())
        with changing(path) as connection:
            add_rows(connection, threads)

    return Odd(name, make)
