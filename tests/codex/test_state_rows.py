"""All rows of Codex's database, and how it stands: read, and never changed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from makers import OTHER, THREAD, put_names, tree, uuid
from state_databases import add_row, connect_state, leave_wal, make_whole
from threadlog.codex import schema
from threadlog.codex.rows import CodexRegister
from threadlog.core.parity import Database, Row
from whole_homes import know_schema

# As make_whole makes them.
UNKNOWN = "it is of a version that threadlog does not know"


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    know_schema(monkeypatch)


def put(home: Path, rows: dict[str, dict[str, Any]], version: str = "0.169") -> None:
    """A whole database with rows by thread id."""
    with contextlib.closing(connect_state(home, version)) as connection:
        make_whole(connection)
        for thread, columns in rows.items():
            add_row(connection, thread, **columns)


def read(home: Path) -> Database:
    """What is told of it; nothing is changed by that."""
    before = tree(home)
    told = CodexRegister(str(home), str(home)).rows()
    assert tree(home) == before
    return told


def test_each_row_is_told(tmp_path: Path) -> None:
    rows: dict[str, dict[str, Any]] = {
        THREAD: {"rollout_path": "/r/a", "title": " T\n", "first_user_message": "f"},
        OTHER: {"rollout_path": "/r/b", "archived": 1, "history_mode": "paginated", "name": "N"},
        uuid(1): {"title": "f", "first_user_message": " f "},
        uuid(3).upper(): {"title": "no Codex writes an id so"},
        uuid(2): {"history_mode": "paginated", "title": "T", "first_user_message": "f"},
    }
    put(tmp_path, rows)
    told = read(tmp_path)
    assert (told.path, told.state, told.why) == (str(tmp_path / "state_5.sqlite"), "ready", None)
    assert {row.thread_id: row for row in told.rows} == {
        THREAD: Row(THREAD, "/r/a", archived=False, mode="legacy", name="T"),
        OTHER: Row(OTHER, "/r/b", archived=True, mode="paginated", name="N"),
        uuid(1): Row(uuid(1), "/r", archived=False, mode="legacy", name=None),
        uuid(2): Row(uuid(2), "/r", archived=False, mode="paginated", name=None),
    }


def test_the_name_file_names_legacy_threads_that_their_rows_do_not(tmp_path: Path) -> None:
    title = {"title": "T", "first_user_message": "f"}
    put(tmp_path, {THREAD: {}, OTHER: {"history_mode": "paginated"}, uuid(1): title})
    put_names(tmp_path, (THREAD, "N"), (OTHER, "N"), (uuid(1), "N"))
    names = {row.thread_id: row.name for row in read(tmp_path).rows}
    assert names == {THREAD: "first", OTHER: None, uuid(1): "T"}
    with contextlib.closing(sqlite3.connect(tmp_path / "state_5.sqlite")) as connection:
        connection.execute("UPDATE threads SET title = first_user_message")
        connection.commit()
    names = {row.thread_id: row.name for row in read(tmp_path).rows}
    assert names == {THREAD: "N", OTHER: None, uuid(1): "N"}


def test_an_older_codex_has_no_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (known,) = schema.KNOWN
    monkeypatch.setattr(schema, "KNOWN", {known: False})
    put(tmp_path, {THREAD: {"title": "T", "first_user_message": "f"}}, "0.100")
    put_names(tmp_path, (THREAD, "N"))
    assert read(tmp_path).rows == [Row(THREAD, "/r", archived=False, mode=None, name="N")]


def test_odd_values_stop_nothing(tmp_path: Path) -> None:
    odd: dict[str, dict[str, Any]] = {
        "none": {},
        THREAD: {"rollout_path": b"\xff", "history_mode": b"x", "title": b"\xff"},
        OTHER: {"rollout_path": "/" + "x" * 10_000, "archived": 7, "history_mode": "y" * 100},
    }
    put(tmp_path, odd)
    one, other = sorted(read(tmp_path).rows)
    assert one == Row(THREAD, "", archived=False, mode=None, name=None)
    assert (len(other.path), other.archived, other.mode) == (4096, True, "y" * 64)


def test_what_a_killed_codex_left_in_the_wal_counts(tmp_path: Path) -> None:
    path = leave_wal(tmp_path, {})
    with contextlib.closing(sqlite3.connect(path)) as keeper:
        make_whole(keeper)
        add_row(keeper, THREAD, rollout_path="/r/a")
        keeper.commit()
        told = CodexRegister(str(tmp_path), str(tmp_path)).rows()
    assert [(row.thread_id, row.path) for row in told.rows] == [(THREAD, "/r/a")]


def write(home: Path, command: str) -> None:
    with contextlib.closing(sqlite3.connect(home / "state_5.sqlite")) as connection:
        connection.execute(command)
        connection.commit()


def damage(home: Path) -> None:
    path = home / "state_5.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(len(whole) - 100))


def make_older(home: Path) -> None:
    (home / "state_5.sqlite").rename(home / "state_2.sqlite")


def make_folder(home: Path) -> None:
    (home / "state_5.sqlite").unlink()
    (home / "state_5.sqlite").mkdir()


STATES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "none": (lambda home: (home / "state_5.sqlite").unlink(), "none", "there is none"),
    "older": (
        make_older,
        "older",
        "it is of a Codex before 0.100, and threadlog does not write to those",
    ),
    "newer beside": (
        lambda home: (home / "state_6.sqlite").touch(),
        "unknown",
        f"state_6.sqlite lies beside it, {UNKNOWN.removeprefix('it is ')}",
    ),
    "migration": (
        lambda home: write(home, "INSERT INTO _sqlx_migrations VALUES (999, '', 1, x'00')"),
        "unknown",
        UNKNOWN,
    ),
    "no table": (
        lambda home: write(home, "ALTER TABLE threads RENAME TO x"),
        "unknown",
        UNKNOWN,
    ),
    "backfill": (
        lambda home: write(home, "UPDATE backfill_state SET status = 'running'"),
        "filling",
        "Codex has not taken in all threads into it yet",
    ),
    "damaged": (damage, "damaged", "it is damaged"),
    "folder": (
        make_folder,
        "damaged",
        "what lies in its place is no regular file",
    ),
}


@pytest.mark.parametrize(("spoil", "state", "why"), STATES.values(), ids=STATES)
def test_a_database_that_is_not_ready_says_how_it_stands(
    tmp_path: Path, spoil: Callable[[Path], object], state: str, why: str
) -> None:
    put(tmp_path, {THREAD: {}})
    spoil(tmp_path)
    told = read(tmp_path)
    assert (told.state, told.why, list(told.rows)) == (state, why, [])


def test_one_that_is_locked_is_busy(tmp_path: Path) -> None:
    put(tmp_path, {THREAD: {}})
    with contextlib.closing(connect_state(tmp_path)) as writer:
        writer.execute("PRAGMA locking_mode = EXCLUSIVE")
        writer.execute("BEGIN EXCLUSIVE")
        told = CodexRegister(str(tmp_path), str(tmp_path)).rows()
        assert (told.state, told.why) == ("busy", "it cannot be read at this moment")
        writer.execute("ROLLBACK")
