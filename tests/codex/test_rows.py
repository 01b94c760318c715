"""Rows of Codex's database: which are changed, how, and what is left as it is."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import corpus_root
from makers import OTHER, THREAD
from state_databases import add_row, connect_state, make_whole, row_moved, row_removed
from threadlog.codex import name_file, rows, schema
from threadlog.codex.flocks import open_lock, try_lock
from threadlog.codex.names import read_names
from threadlog.codex.rows import CodexRegister
from threadlog.codex.state import read_state
from threadlog.errors import InUse

Change = Callable[[CodexRegister, Path], str | None]

NAME = f"rollout-2026-11-22T05-04-21-{THREAD}.jsonl"
ACTIVE, ARCHIVED = f"sessions/2026/11/22/{NAME}", f"archived_sessions/{NAME}"
AT_S = 1_795_681_886
# With nothing else in the row changed.
LEFT = "it is of a version that threadlog does not know"


def digest(*versions: int) -> str:
    """What stands for the migrations of the databases made here."""
    text = "\n".join(f"{each}:{(bytes([each]) * 48).hex()}" for each in versions)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "KNOWN", {digest(1, 2): True})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a database of one thread, as it lies there once nobody has it open."""
    put_row(tmp_path)
    return tmp_path


def put_row(home: Path, version: str = "0.169", status: str = "complete", **columns: Any) -> None:
    """A whole database with the row of a thread."""
    with contextlib.closing(connect_state(home, version)) as connection:
        make_whole(connection, status)
        columns = {"rollout_path": str(home / ACTIVE), **columns}
        add_row(connection, THREAD, **columns)
        add_row(connection, OTHER, rollout_path=str(home / "other"))


@contextlib.contextmanager
def database(home: Path) -> Iterator[sqlite3.Connection]:
    """The database as another program has it."""
    connection = sqlite3.connect(home / "state_5.sqlite", isolation_level=None, timeout=0)
    connection.row_factory = sqlite3.Row
    with contextlib.closing(connection):
        yield connection


def table(home: Path) -> dict[str, dict[str, Any]]:
    """All rows by id, read from a copy, so that nothing is changed."""
    copy = home / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in home.glob("state_5.sqlite*"):
        shutil.copy(path, copy)
    with database(copy) as connection:
        found = {row["id"]: dict(row) for row in connection.execute("SELECT * FROM threads")}
    shutil.rmtree(copy)
    return found


def register(home: Path) -> CodexRegister:
    return CodexRegister(str(home), str(home))


def archive(of: CodexRegister, home: Path) -> str | None:
    return row_moved(of, THREAD, str(home / ACTIVE), str(home / ARCHIVED), AT_S)


CHANGES: dict[str, Change] = {
    "moved": archive,
    "repointed": lambda of, home: of.repointed(THREAD, str(home / ACTIVE), str(home / ARCHIVED)),
    "renamed": lambda of, home: of.renamed(THREAD, str(home / ACTIVE), "a name"),
    "patched": lambda of, home: of.patched(THREAD, str(home / ACTIVE), {"git_sha": "a"}),
    "removed": lambda of, home: row_removed(of, THREAD, str(home / ACTIVE)),
    "obstacle": lambda of, home: of.obstacle(THREAD, str(home / ACTIVE)),
}
every_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in after.items() if before[key] != value}


# What is written


def test_a_move_changes_where_and_whether_archived_and_back(home: Path) -> None:
    before = table(home)
    assert archive(register(home), home) is None
    gone = {"rollout_path": str(home / ARCHIVED), "archived": 1, "archived_at": AT_S}
    after = table(home)
    assert differences(before[THREAD], after[THREAD]) == gone
    assert after[OTHER] == before[OTHER]
    back = row_moved(register(home), THREAD, str(home / ARCHIVED), str(home / ACTIVE), None)
    assert back is None
    assert table(home) == before


def test_a_revert_changes_the_path_alone(home: Path) -> None:
    before = table(home)
    new = home / f"sessions/2026/11/26/{NAME.removesuffix('.jsonl')}_{OTHER}.jsonl"
    assert register(home).repointed(THREAD, str(home / ACTIVE), str(new)) is None
    assert differences(before[THREAD], table(home)[THREAD]) == {"rollout_path": str(new)}


@pytest.mark.parametrize(("mode", "column"), [("legacy", "title"), ("paginated", "name")])
def test_a_name_goes_where_the_history_mode_has_it(tmp_path: Path, mode: str, column: str) -> None:
    put_row(tmp_path, history_mode=mode)
    before = table(tmp_path)
    assert register(tmp_path).renamed(THREAD, str(tmp_path / ACTIVE), "a name") is None
    assert differences(before[THREAD], table(tmp_path)[THREAD]) == {column: "a name"}
    told = read_state(str(tmp_path))
    assert told is not None
    assert told.names[THREAD].name == "a name"


def test_a_name_is_not_put_into_a_row_of_an_unknown_mode(tmp_path: Path) -> None:
    put_row(tmp_path, history_mode="some")
    before = table(tmp_path)
    why = register(tmp_path).renamed(THREAD, str(tmp_path / ACTIVE), "a name")
    assert why == "it has the thread in a history mode that threadlog does not know"
    assert table(tmp_path) == before


def test_metadata_is_patched_for_paginated_threads_alone(tmp_path: Path) -> None:
    put_row(tmp_path, history_mode="paginated", git_branch="old", memory_mode="disabled")
    before = table(tmp_path)
    patch = {"git_sha": "abc", "git_branch": None, "memory_mode": None}
    assert register(tmp_path).patched(THREAD, str(tmp_path / ACTIVE), patch) is None
    now = {"git_sha": "abc", "git_branch": None, "memory_mode": "enabled"}
    assert differences(before[THREAD], table(tmp_path)[THREAD]) == now
    with database(tmp_path) as connection:
        connection.execute("UPDATE threads SET history_mode = 'legacy'")
    assert register(tmp_path).patched(THREAD, str(tmp_path / ACTIVE), {"git_sha": "x"}) is None
    assert table(tmp_path)[THREAD]["git_sha"] == "abc"


@pytest.mark.parametrize("column", ["title", "rollout_path = '' --", "id"])
def test_other_columns_are_not_patched(home: Path, column: str) -> None:
    with pytest.raises(ValueError, match="a row is patched in git_branch, git_origin_url"):
        register(home).patched(THREAD, str(home / ACTIVE), {column: "x"})


def test_a_row_is_removed_and_what_other_tables_hold_of_it_stays(home: Path) -> None:
    with database(home) as connection:
        connection.execute("INSERT INTO attachments VALUES (?)", (THREAD,))
        connection.execute("INSERT INTO thread_spawn_edges VALUES (?, ?, 'open')", (OTHER, THREAD))
    assert row_removed(register(home), THREAD, str(home / ACTIVE)) is None
    assert table(home).keys() == {OTHER}
    with database(home) as connection:
        assert connection.execute("SELECT count(*) FROM attachments").fetchone()[0] == 1
        assert connection.execute("SELECT count(*) FROM thread_spawn_edges").fetchone()[0] == 1


def test_an_older_codex_has_no_names_in_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "KNOWN", {digest(1, 2): False})
    put_row(tmp_path, "0.100")
    before, of = table(tmp_path), register(tmp_path)
    assert of.renamed(THREAD, str(tmp_path / ACTIVE), "a name") is None
    assert of.patched(THREAD, str(tmp_path / ACTIVE), {"git_sha": "x"}) is None
    assert table(tmp_path) == before
    assert archive(of, tmp_path) is None
    assert table(tmp_path)[THREAD]["archived"] == 1


# Which row


@every_change
def test_what_is_not_there_is_not_to_be_changed(tmp_path: Path, change: Change) -> None:
    assert change(register(tmp_path), tmp_path) is None
    assert not beside(tmp_path)
    assert register(tmp_path / "none").obstacle(THREAD) is None
    with contextlib.closing(connect_state(tmp_path)) as connection:
        make_whole(connection)
    assert change(register(tmp_path), tmp_path) is None


@every_change
def test_a_row_that_names_another_rollout_is_left(tmp_path: Path, change: Change) -> None:
    elsewhere = str(tmp_path / "sessions/2026/11/23" / NAME)
    put_row(tmp_path, rollout_path=elsewhere)
    before = table(tmp_path)
    why = change(register(tmp_path), tmp_path)
    assert why is not None
    assert why.startswith(f"it has the thread at another rollout ({elsewhere}); ")
    assert table(tmp_path) == before
    assert register(tmp_path).obstacle(THREAD) is None


@pytest.mark.parametrize("stored", [f"./{ACTIVE}", "", NAME, ACTIVE])
def test_a_row_with_no_absolute_path_is_left(
    home: Path, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    with database(home) as connection:
        connection.execute("UPDATE threads SET rollout_path = ? WHERE id = ?", (stored, THREAD))
    assert archive(register(home), home) is not None
    assert table(home)[THREAD]["archived"] == 0


def test_what_is_so_already_is_done(home: Path) -> None:
    of = register(home)
    assert archive(of, home) is None
    once = table(home)
    assert row_moved(of, THREAD, str(home / ACTIVE), str(home / ARCHIVED), AT_S + 9) is None
    assert of.repointed(THREAD, str(home / ACTIVE), str(home / ARCHIVED)) is None
    assert table(home) == once


def test_a_row_of_which_half_is_so_is_completed(tmp_path: Path) -> None:
    put_row(tmp_path, rollout_path=str(tmp_path / ARCHIVED))
    assert archive(register(tmp_path), tmp_path) is None
    row = table(tmp_path)[THREAD]
    assert (row["archived"], row["archived_at"]) == (1, AT_S)


def test_a_compressed_rollout_goes_by_its_plain_name(home: Path) -> None:
    of = register(home)
    old, new = str(home / f"{ACTIVE}.zst"), str(home / f"{ARCHIVED}.zst")
    assert row_moved(of, THREAD, old, new, AT_S) is None
    assert table(home)[THREAD]["rollout_path"] == str(home / ARCHIVED)
    assert row_removed(of, THREAD, new) is None
    assert THREAD not in table(home)


@pytest.mark.parametrize("by", ["link", "real"])
@pytest.mark.parametrize("stored", ["link", "real"])
def test_a_row_keeps_its_spelling_of_the_home(tmp_path: Path, stored: str, by: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    put_row(tmp_path / "real", rollout_path=str(tmp_path / stored / ACTIVE))
    given = tmp_path / by
    for home in (given, tmp_path / "link"):  # the register knows the home by another way, too
        of = CodexRegister(str(home), str(home))
        assert row_moved(of, THREAD, str(given / ACTIVE), str(given / ARCHIVED), AT_S) is None
        assert table(home)[THREAD]["rollout_path"] == str(tmp_path / stored / ARCHIVED)
        assert row_moved(of, THREAD, str(given / ARCHIVED), str(given / ACTIVE), None) is None
        assert table(home)[THREAD]["rollout_path"] == str(tmp_path / stored / ACTIVE)


def test_folders_that_lie_elsewhere_are_spelled_as_the_row_has_them(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (home / "sessions").symlink_to(tmp_path / "elsewhere")
    put_row(home)
    assert archive(register(home), home) is None
    assert table(home)[THREAD]["rollout_path"] == str(home / ARCHIVED)
    assert row_moved(register(home), THREAD, str(home / ARCHIVED), str(home / ACTIVE), None) is None
    assert table(home)[THREAD]["rollout_path"] == str(home / ACTIVE)


def test_an_id_in_capitals_is_the_same(home: Path) -> None:
    assert row_removed(register(home), THREAD.upper(), str(home / ACTIVE)) is None
    assert THREAD not in table(home)


def test_a_path_that_is_not_utf_8_cannot_be_noted(home: Path) -> None:
    new = os.fsdecode(os.fsencode(str(home / ARCHIVED)) + b"\xff")
    why = register(home).repointed(THREAD, str(home / ACTIVE), new)
    assert why == "what it would have to hold is not UTF-8"
    assert table(home)[THREAD]["rollout_path"] == str(home / ACTIVE)


# What is left alone


def unknown_migration(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("INSERT INTO _sqlx_migrations VALUES (999, 'new', 1, x'00')")
    return LEFT


def missing_migration(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("DELETE FROM _sqlx_migrations WHERE version = 2")
    return LEFT


def other_checksum(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 2")
    return LEFT


def failed_migration(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("UPDATE _sqlx_migrations SET success = 0 WHERE version = 2")
    return LEFT


def no_migrations(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("DROP TABLE _sqlx_migrations")
    return LEFT


def running_backfill(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("UPDATE backfill_state SET status = 'running'")
    return "Codex has not taken in all threads into it yet"


def no_backfill(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("DELETE FROM backfill_state")
    return "Codex has not taken in all threads into it yet"


def lacking_table(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("ALTER TABLE threads RENAME TO others")
    return LEFT


def newer_beside(_connection: sqlite3.Connection, home: Path) -> str:
    (home / "state_6.sqlite").write_bytes(b"")
    return "state_6.sqlite lies beside it, of a version that threadlog does not know"


def journal_mode(connection: sqlite3.Connection, _home: Path) -> str:
    connection.execute("PRAGMA journal_mode = DELETE")
    return "it is of a kind that threadlog does not write to"


@every_change
@pytest.mark.parametrize(
    "spoil",
    [
        unknown_migration,
        missing_migration,
        other_checksum,
        failed_migration,
        no_migrations,
        running_backfill,
        no_backfill,
        lacking_table,
        newer_beside,
        journal_mode,
    ],
)
def test_a_database_that_is_not_as_expected_is_left(
    home: Path, spoil: Callable[[sqlite3.Connection, Path], str], change: Change
) -> None:
    with database(home) as connection:
        why = spoil(connection, home)
    before = (home / "state_5.sqlite").read_bytes()
    assert change(register(home), home) == why
    assert (home / "state_5.sqlite").read_bytes() == before
    assert beside(home).keys() == {"state_5.sqlite"}, "it was opened to be written to"


@every_change
def test_a_damaged_database_is_left(home: Path, change: Change) -> None:
    path = home / "state_5.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(len(whole) - 100))
    assert change(register(home), home) == "it is damaged"
    path.write_bytes(b"no database at all" * 20)
    assert change(register(home), home) == "it is damaged"
    path.unlink()
    path.mkdir()
    no_file = "what lies in its place is no regular file"
    assert change(register(home), home) == no_file
    path.rmdir()
    path.symlink_to(home / "elsewhere")
    assert change(register(home), home) == no_file


def test_a_database_of_0_98_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "KNOWN", {digest(1, 2): False})  # it would not be for these
    with contextlib.closing(connect_state(tmp_path, "0.98")) as connection:
        make_whole(connection)
        add_row(connection, THREAD, rollout_path=str(tmp_path / ACTIVE))
    old = "it is of a Codex before 0.100, and threadlog does not write to those"
    assert archive(register(tmp_path), tmp_path) == old


@every_change
def test_a_locked_database_is_left_within_a_second(home: Path, change: Change) -> None:
    with database(home) as writer:
        writer.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert change(register(home), home) == "it is locked by another program"
        assert time.monotonic() - began < 1
        writer.execute("ROLLBACK")
    assert change(register(home), home) is None


def test_the_lock_is_waited_for(home: Path) -> None:
    with database(home) as writer:
        writer.execute("BEGIN IMMEDIATE")
        told: list[str | None] = []
        waiter = threading.Thread(target=lambda: told.append(archive(register(home), home)))
        waiter.start()
        time.sleep(0.15)
        writer.execute("ROLLBACK")
        waiter.join()
    assert told == [None]


@every_change
def test_without_sqlite_a_database_is_left(
    home: Path, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    why = "this Python has no sqlite3 to open it with"
    assert change(register(home), home) == why
    assert register(home).row(THREAD) is None
    assert register(home).spawned() == {}
    (home / "state_5.sqlite").unlink()
    assert change(register(home), home) is None


# What is beside the database afterwards


def beside(home: Path) -> dict[str, tuple[int, int]]:
    """The files of the database: which they are, and their sizes."""
    found = {each.name: each.stat() for each in home.glob("state_5.sqlite*")}
    return {name: (status.st_ino, status.st_size) for name, status in found.items()}


@every_change
def test_alone_the_wal_is_left_and_the_database_itself_untouched(
    home: Path, change: Change
) -> None:
    main = (home / "state_5.sqlite").read_bytes()
    assert change(register(home), home) is None
    assert change(register(home), home) != "it is damaged"
    assert (home / "state_5.sqlite").read_bytes() == main, "a checkpoint"
    assert beside(home).keys() == {"state_5.sqlite", "state_5.sqlite-wal", "state_5.sqlite-shm"}
    with database(home) as connection:  # which then has them in it
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_wal_that_was_there_is_gone_on_with(home: Path) -> None:
    with database(home) as other:
        other.execute("PRAGMA wal_autocheckpoint = 0")
        for number in range(2000):  # more than SQLite lets a WAL grow to
            other.execute("UPDATE threads SET cwd = ? WHERE id = ?", ("x" * number, OTHER))
        main, before = (home / "state_5.sqlite").read_bytes(), beside(home)
        assert archive(register(home), home) is None
        after = beside(home)
        assert (home / "state_5.sqlite").read_bytes() == main, "a checkpoint"
        assert {name: inode for name, (inode, _) in after.items()} == {
            name: inode for name, (inode, _) in before.items()
        }
        assert after["state_5.sqlite-wal"][1] > before["state_5.sqlite-wal"][1]
        row = other.execute("SELECT * FROM threads WHERE id = ?", (THREAD,)).fetchone()
        assert row["archived"] == 1
    assert table(home)[THREAD]["archived"] == 1


def test_the_other_program_may_end_while_we_write(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nobody but us is connected, and still the WAL stays."""
    before = (home / "state_5.sqlite").read_bytes()
    other = sqlite3.connect(home / "state_5.sqlite", isolation_level=None)
    other.execute("SELECT * FROM threads").fetchall()
    transacted = rows._transacted

    def end_first(connection: sqlite3.Connection, changes: Any) -> list[str | None]:
        other.close()
        return transacted(connection, changes)

    monkeypatch.setattr(rows, "_transacted", end_first)
    assert archive(register(home), home) is None
    assert (home / "state_5.sqlite").read_bytes() == before
    assert (home / "state_5.sqlite-wal").stat().st_size > 0
    assert table(home)[THREAD]["archived"] == 1


def test_nothing_of_the_database_is_set_for_others(home: Path) -> None:
    with database(home) as connection:
        schema = list(map(tuple, connection.execute("SELECT * FROM sqlite_master")))
    assert archive(register(home), home) is None
    with database(home) as connection:
        assert list(map(tuple, connection.execute("SELECT * FROM sqlite_master"))) == schema
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 1000


def _archive_and_back(path: str, times: int) -> None:
    """Move a thread to and fro, beside another who does the same."""
    home = Path(path)
    schema.KNOWN = {digest(1, 2): True}
    of, done = register(home), 0
    deadline = time.monotonic() + 30
    while done < times and time.monotonic() < deadline:
        back = row_moved(of, THREAD, str(home / ARCHIVED), str(home / ACTIVE), None)
        done += archive(of, home) is None and back is None
    sys.exit(0 if done == times else 1)


def test_two_processes_and_a_reader_do_each_other_no_harm(home: Path) -> None:
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_archive_and_back, args=(str(home), 40), daemon=True)
        for _ in range(2)
    ]
    for each in others:
        each.start()
    try:
        while any(each.is_alive() for each in others):
            told = read_state(str(home))
            assert told is None or told.names.keys() == {THREAD, OTHER}
    finally:
        for each in others:
            each.join(40)
    assert [each.exitcode for each in others] == [0, 0]
    with database(home) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("SELECT count(*) FROM threads").fetchone()[0] == 2


# What is read


def test_a_row_is_copied_as_json(tmp_path: Path) -> None:
    put_row(tmp_path, name=b"\x00\xff", tokens_used=7, title="text \u00e4")
    row = register(tmp_path).row(THREAD.upper())
    assert row is not None
    assert row.keys() == table(tmp_path)[THREAD].keys()
    assert json.loads(json.dumps(row)) == row
    blob = {"base64": base64.b64encode(b"\x00\xff").decode()}
    assert (row["name"], row["tokens_used"], row["title"]) == (blob, 7, "text \u00e4")
    with database(tmp_path) as connection:
        connection.execute("UPDATE threads SET title = CAST(x'ff' AS TEXT)")
    assert register(tmp_path).row(THREAD)["title"] == {"base64": "/w=="}  # type: ignore[index]


def test_a_row_that_is_not_there_has_no_copy(home: Path, tmp_path: Path) -> None:
    assert register(home).row(OTHER[:-1] + "0") is None
    assert register(tmp_path / "none").row(THREAD) is None


def test_spawned_threads_are_told(home: Path) -> None:
    assert register(home).spawned() == {}
    with database(home) as connection:
        for edge in ((THREAD, OTHER), ("none", "of them")):
            connection.execute("INSERT INTO thread_spawn_edges VALUES (?, ?, 'open')", edge)
    before = beside(home)
    assert register(home).spawned() == {THREAD: [OTHER]}
    assert beside(home) == before
    with database(home) as connection:
        connection.execute("DROP TABLE thread_spawn_edges")
    assert register(home).spawned() == {}


@pytest.mark.corpus
@pytest.mark.parametrize(
    "name", ["0.169.0/rich-legacy", "0.169.0/rich-paginated", "0.100.0/rich-sqlite"]
)
def test_genuine_databases_are_known(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    root = corpus_root()
    if root is None:
        pytest.skip("no genuine homes here")
    for path in (root / name).glob("state_5.sqlite*"):
        shutil.copy(path, tmp_path)
    before = table(tmp_path)
    assert before
    for thread, row in before.items():
        old = row["rollout_path"]
        new = str(Path(old).parent / "elsewhere.jsonl")
        of = register(tmp_path)
        assert of.obstacle(thread, old) is None
        assert row_moved(of, thread, old, new, AT_S) is None
        assert of.renamed(thread, new, "a name") is None
        now: dict[str, Any] = {"rollout_path": new, "archived": 1, "archived_at": AT_S}
        after = table(tmp_path)[thread]
        column = {"legacy": "title", "paginated": "name"}.get(row.get("history_mode", ""))
        assert after == row | now | ({column: "a name"} if column else {})
        assert row_removed(of, thread, new) is None
    assert table(tmp_path) == {}


# The name file


def lines(home: Path) -> list[bytes]:
    return (home / "session_index.jsonl").read_bytes().splitlines(keepends=True)


def test_a_name_is_a_line_of_its_own(tmp_path: Path) -> None:
    of = register(tmp_path)
    of.note_name(THREAD, "caf\u00e9\n", 1000)
    of.note_name(THREAD, "again", 2000)
    first = f'{{"id":"{THREAD}","thread_name":"caf\u00e9\\n",'
    assert lines(tmp_path)[0].decode() == f'{first}"updated_at":"1970-01-01T00:00:01.000Z"}}\n'
    assert len(lines(tmp_path)) == 2
    assert read_names(str(tmp_path))[THREAD].name == "again"
    assert (tmp_path / "session_index.jsonl.lock").stat().st_size == 0


def test_a_torn_last_line_is_ended_first(tmp_path: Path) -> None:
    (tmp_path / "session_index.jsonl").write_bytes(b'{"id":"half')
    register(tmp_path).note_name(THREAD, "a name", 0)
    assert lines(tmp_path)[0] == b'{"id":"half\n'
    assert read_names(str(tmp_path))[THREAD].name == "a name"


def test_a_lone_surrogate_spoils_no_line(tmp_path: Path) -> None:
    register(tmp_path).note_name(THREAD, "a\ud800b", 0)
    assert read_names(str(tmp_path))[THREAD].name == "a?b"


@pytest.mark.parametrize(("folder", "file"), [(0o700, 0o600), (0o770, 0o660), (0o755, 0o600)])
def test_the_mode_is_that_of_the_home(tmp_path: Path, folder: int, file: int) -> None:
    tmp_path.chmod(folder)
    register(tmp_path).note_name(THREAD, "a name", 0)
    for name in ("session_index.jsonl", "session_index.jsonl.lock"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == file


@pytest.mark.parametrize("name", ["session_index.jsonl", "session_index.jsonl.lock"])
def test_no_link_is_followed(tmp_path: Path, name: str) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"theirs")
    (tmp_path / name).symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        register(tmp_path).note_name(THREAD, "a name", 0)
    assert target.read_bytes() == b"theirs"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "session_index.jsonl")
    with pytest.raises(OSError, match="regular"):
        register(tmp_path).note_name(THREAD, "a name", 0)


def test_the_lock_of_codex_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_file, "LOCK_WAIT_S", 0.1)
    fd = open_lock(str(tmp_path / "session_index.jsonl.lock"))
    assert try_lock(fd)
    with pytest.raises(InUse, match=r"session_index\.jsonl\.lock is held by another program"):
        register(tmp_path).note_name(THREAD, "a name", 0)
    assert not (tmp_path / "session_index.jsonl").exists()
    os.close(fd)
    register(tmp_path).note_name(THREAD, "a name", 0)


def test_half_a_line_is_told_and_never_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
    with pytest.raises(OSError, match="took only a part"):
        register(tmp_path).note_name(THREAD, "a name", 0)
    monkeypatch.undo()
    register(tmp_path).note_name(THREAD, "a name", 0)
    assert len(lines(tmp_path)[0]) == 11
    assert read_names(str(tmp_path))[THREAD].name == "a name"


def test_what_is_appended_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, int]] = []

    def fsync(fd: int) -> None:
        status = os.fstat(fd)
        synced.append((stat.S_ISDIR(status.st_mode), status.st_size))

    monkeypatch.setattr(os, "fsync", fsync)
    register(tmp_path).note_name(THREAD, "a name", 0)
    size = (tmp_path / "session_index.jsonl").stat().st_size
    assert synced[0] == (False, size)
    assert synced[1][0]
    register(tmp_path).note_name(THREAD, "a name", 0)
    assert synced[2:] == [(False, 2 * size)]
