"""What Codex's rows say of paginated threads is listed, and merged with what we were told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import Pages, content, file_name, meta, put, turn, uuid
from state_databases import connect_state, make_whole, put_state
from threadlog.connect import local_store
from threadlog.core.names import Beside, Named, Patch, row_patch, told_beside, with_row
from threadlog.core.query import ThreadQuery
from threadlog.core.shelf import BUSY
from threadlog.local.index import given
from threadlog.local.intents import PATCH, Step
from whole_homes import know_schema

ONE, TWO = uuid(1), uuid(2)
URL = "https://example.com/owner/name.git"
OTHER_URL = "https://example.com/owner/other"
GIT = {"branch": "main", "commit_hash": "c1", "repository_url": URL}
OWN = {"git_branch": "main", "git_commit": "c1", "git_url": URL, "memory_mode": None}
COLUMNS = {"git_branch": "main", "git_sha": "c1", "git_origin_url": URL, "memory_mode": "enabled"}
FIELDS = tuple(OWN)


@pytest.fixture(autouse=True)
def database_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codex keeps its database in the home, and it is one that we know."""
    monkeypatch.delenv("CODEX_SQLITE_HOME")
    know_schema(monkeypatch)


def text(branch: str | None, mode: str | None = "enabled") -> str:
    """A row of that branch, as the database's reader tells it."""
    values = (branch, "c1", URL, mode)
    return "\x1f".join([ONE, *("" if each is None else f"={each}" for each in values)])


# What counts


@pytest.mark.parametrize(
    ("patch", "base", "row", "branch"),
    [
        ({}, {}, None, "main"),
        ({}, {}, text("main"), "main"),
        ({}, {}, text("theirs"), "theirs"),
        ({}, {}, text(""), ""),
        ({}, {}, text(None), None),
        ({}, {"git_branch": "main"}, text("theirs"), "theirs"),
        # Ours was told to the row: whatever else it says now was said later.
        ({"git_branch": "ours"}, {"git_branch": "ours"}, text("ours"), "ours"),
        ({"git_branch": "ours"}, {"git_branch": "ours"}, text("theirs"), "theirs"),
        ({"git_branch": "ours"}, {"git_branch": "ours"}, text("main"), "main"),
        ({"git_branch": "ours"}, {"git_branch": "ours"}, text(None), None),
        ({"git_branch": None}, {"git_branch": None}, text(None), None),
        ({"git_branch": None}, {"git_branch": None}, text("main"), "main"),
        # It could not be told: the row goes on to say what it said then.
        ({"git_branch": "ours"}, {"git_branch": "main"}, text("main"), "ours"),
        ({"git_branch": "ours"}, {"git_branch": "old"}, text("old"), "ours"),
        ({"git_branch": "ours"}, {"git_branch": "old"}, text("main"), "main"),
        # There was no row to look at.
        ({"git_branch": "ours"}, {}, text("main"), "ours"),
        ({"git_branch": "ours"}, {}, text("theirs"), "theirs"),
        ({"git_branch": "ours"}, {}, None, "ours"),
        ({"git_branch": "ours"}, {"git_branch": "ours"}, None, "ours"),
        # No row that we can read.
        ({"git_branch": "ours"}, {"git_branch": "main"}, text("a\x1fb"), "ours"),
        ({}, {}, text("a\x1fb"), "main"),
        ({}, {}, "", "main"),
    ],
)
def test_what_was_said_last_counts(
    patch: Patch, base: Patch, row: str | None, branch: str | None
) -> None:
    told = with_row(Named("", 1, patch, base), row)
    assert told is not None
    shown = {**OWN, **told_beside(told, OWN)}
    assert shown["git_branch"] == branch
    assert (shown["git_commit"], shown["git_url"]) == ("c1", URL)


def test_a_row_tells_of_a_thread_that_nobody_named() -> None:
    beside = Beside({TWO: Named("a name", 1)}, {ONE: text("theirs")})
    assert beside.of(ONE) == Named("", 0, {}, row_patch(text("theirs")))
    assert beside.of(TWO) == Named("a name", 1)
    assert beside.of(uuid(3)) is None


# In a home


def put_home(home: Path, *, row: dict[str, Any] | None = COLUMNS) -> Path:
    """A paginated thread, and what Codex's database has of it."""
    pages = Pages(ONE, git=GIT)
    pages.turn("hello")
    path = pages.write(home)
    with closing(connect_state(home)) as connection:
        make_whole(connection)
    if row is not None:
        put_row(home, path, **row)
    return path


def put_row(home: Path, path: Path, **columns: Any) -> None:
    """A row that Codex makes."""
    put_state(home, {ONE: {"rollout_path": str(path), "history_mode": "paginated", **columns}})


def say(home: Path, **columns: Any) -> None:
    """Codex changes some columns of the row, and the row's time need not follow."""
    with closing(sqlite3.connect(home / "state_5.sqlite", isolation_level=None)) as connection:
        sets = ", ".join(f"{each} = ?" for each in columns)
        connection.execute(f"UPDATE threads SET {sets} WHERE id = ?", (*columns.values(), ONE))


def shown(home: Path) -> tuple[str | None, ...]:
    """Branch, commit, address and mode, which index and files must tell alike."""
    with threadlog.open(home) as opened:
        store: Any = opened.store
        wanted = ThreadQuery()
        (by_files,) = store.files.page(wanted).threads
        for _ in range(2):
            (by_index,) = store.catalog.page(wanted._replace(sort="updated")).threads
            assert by_index == by_files
            assert store.catalog.trouble is None
        for query in (
            ThreadQuery(branch=by_files.git_branch),
            ThreadQuery(repository=by_files.git_url),
        ):
            assert [each.id for each in store.catalog.page(query)] == [ONE]
            assert [each.id for each in store.files.page(query)] == [ONE]
        other = ThreadQuery(branch="of nobody")
        assert not store.catalog.page(other).threads
        assert not store.files.page(other).threads
        found = by_files.as_dict()
    return tuple(found[field] for field in FIELDS)


def patch(home: Path, branch: str | None = "ours", mode: str | None = None) -> tuple[str, ...]:
    """We change the branch, and perhaps the memory mode; what was left, as we are told."""
    with threadlog.open(home) as opened:
        changed = opened.update_metadata(ONE, git={"branch": branch}, memory_mode=mode)
    return changed.remarks


def test_what_codex_says_in_its_row_is_listed_and_kept_nowhere_else(home: Path) -> None:
    put_home(home)
    assert shown(home) == ("main", "c1", URL, None)
    say(home, git_branch="theirs", memory_mode="disabled")
    assert shown(home) == ("theirs", "c1", URL, "disabled")
    say(home, git_branch=None, git_sha="c2", git_origin_url=OTHER_URL, memory_mode="polluted")
    assert shown(home) == (None, "c2", OTHER_URL, "polluted")
    (home / "threadlog" / "index.sqlite").unlink()
    assert shown(home) == (None, "c2", OTHER_URL, "polluted")
    say(home, **COLUMNS)
    assert shown(home) == ("main", "c1", URL, None)
    assert not (home / "threadlog" / "names.jsonl").exists()


def test_codex_can_set_back_what_we_changed(home: Path) -> None:
    put_home(home)
    assert patch(home, mode="disabled") == ()
    assert shown(home) == ("ours", "c1", URL, "disabled")
    say(home, git_branch="main")
    assert shown(home) == ("main", "c1", URL, "disabled")
    say(home, memory_mode="enabled")
    assert shown(home) == ("main", "c1", URL, None)
    assert patch(home, "ours again", "disabled") == ()
    assert shown(home) == ("ours again", "c1", URL, "disabled")
    assert patch(home, None) == ()
    assert shown(home) == (None, "c1", URL, "disabled")


def test_ours_is_listed_where_the_row_was_left_until_the_row_changes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_home(home, row={**COLUMNS, "git_branch": "theirs"})
    monkeypatch.setattr("threadlog.codex.schema.KNOWN", {})
    assert len(patch(home)) == 1
    assert shown(home) == ("ours", "c1", URL, None)
    say(home, git_sha="c2")
    assert shown(home) == ("ours", "c2", URL, None)
    say(home, git_branch="main")
    assert shown(home) == ("main", "c2", URL, None)


def test_ours_is_listed_where_codex_makes_a_row_later(home: Path) -> None:
    path = put_home(home, row=None)
    assert patch(home, mode="disabled") == ()
    for made in (False, True):
        if made:
            put_row(home, path, **COLUMNS)
        assert shown(home) == ("ours", "c1", URL, "disabled")
    say(home, git_branch="theirs")
    assert shown(home) == ("theirs", "c1", URL, "disabled")


def made_anew(home: Path, path: Path) -> None:
    """Codex finds no database, and makes another one."""
    (home / "state_5.sqlite").unlink()
    put_row(home, path, **COLUMNS)
    with closing(connect_state(home)) as connection:
        make_whole(connection)
        connection.execute("ALTER TABLE _sqlx_migrations ADD COLUMN installed_on TIMESTAMP")
        connection.execute("UPDATE _sqlx_migrations SET installed_on = '2100-01-02 03:04:05'")


def deleted_and_restored(home: Path, path: Path) -> None:
    """Codex finds the thread again by its rollout."""
    with threadlog.open(home) as opened:
        opened.delete(ONE)
        opened.restore(ONE)
    put_row(home, path, **COLUMNS)


@pytest.mark.parametrize("lose", [made_anew, deleted_and_restored])
def test_ours_outlives_the_row_that_was_told(
    home: Path, lose: Callable[[Path, Path], None]
) -> None:
    path = put_home(home)
    assert patch(home, mode="disabled") == ()
    lose(home, path)
    assert shown(home) == ("ours", "c1", URL, "disabled")


def test_what_waits_for_the_database_takes_nothing_back(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put_home(home)
    with monkeypatch.context() as patched:
        patched.setattr("threadlog.codex.rows.CodexRegister.patched", lambda *_given: BUSY)
        assert len(patch(home, mode="disabled")) == 1
    say(home, git_branch="theirs")
    moves = ((str(path.relative_to(home)), ""),)
    step = Step(ONE, moves, True, 1, fields=("git_branch", "memory_mode"))
    assert local_store(str(home)).notes.tell(PATCH, step) == ()
    assert shown(home) == ("theirs", "c1", URL, "disabled")
    with closing(sqlite3.connect(home / "state_5.sqlite")) as connection:
        found = connection.execute("SELECT git_branch, memory_mode FROM threads").fetchall()
    assert found == [("theirs", "disabled")]


def test_the_row_of_a_legacy_thread_says_nothing_new(home: Path) -> None:
    put(home, content([meta(ONE, git=GIT), *turn("hello")]), file_name(ONE))
    put_state(home, {ONE: {"history_mode": "paginated", "git_branch": "theirs"}})
    assert shown(home) == ("main", "c1", URL, None)
    put_state(home, {ONE: {"history_mode": "legacy", "git_branch": "theirs"}})
    assert shown(home) == ("main", "c1", URL, None)


def test_that_ours_is_the_usual_mode_is_told(home: Path) -> None:
    put_home(home)
    assert patch(home, mode="enabled") == ()
    assert shown(home) == ("ours", "c1", URL, "enabled")


def test_a_row_that_says_the_same_costs_no_look_at_the_rollout(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put_home(home, row=None)
    made: list[str] = []
    genuine = given._make_anew

    def make_anew(connection: sqlite3.Connection, keys: Collection[str]) -> None:
        made.extend(keys)
        genuine(connection, keys)

    monkeypatch.setattr(given, "_make_anew", make_anew)
    assert shown(home) == ("main", "c1", URL, None)
    put_row(home, path, **COLUMNS)
    assert shown(home) == ("main", "c1", URL, None)
    say(home, updated_at_ms=5)
    assert shown(home) == ("main", "c1", URL, None)
    assert not made
    say(home, git_branch="theirs")
    assert shown(home) == ("theirs", "c1", URL, None)
    assert made == [ONE]
    say(home, git_branch="a\x1fb")
    assert shown(home) == ("main", "c1", URL, None)
    say(home, git_branch="theirs", memory_mode="disabled")
    assert shown(home) == ("theirs", "c1", URL, "disabled")
    (home / "state_5.sqlite").unlink()
    assert shown(home) == ("main", "c1", URL, None)
    put_row(home, path, **{**COLUMNS, "git_branch": "new"})
    assert shown(home) == ("new", "c1", URL, None)


def test_an_index_that_knew_no_rows_takes_them_in(home: Path) -> None:
    put_home(home)
    assert shown(home) == ("main", "c1", URL, None)
    say(home, git_branch="theirs")
    assert shown(home) == ("theirs", "c1", URL, None)
    with closing(sqlite3.connect(home / "threadlog" / "index.sqlite")) as index:
        index.executescript(
            "DROP TABLE codex_rows; DELETE FROM facts WHERE key = 'codex rows';"
            "DROP INDEX threads_unscanned; ALTER TABLE threads DROP COLUMN ledger;"
            "CREATE INDEX threads_unscanned ON threads (updated_ms) WHERE scanned = 0;"
            "UPDATE threads SET row = NULL; PRAGMA user_version = 3"
        )
    assert shown(home) == ("theirs", "c1", URL, None)


def test_an_empty_index_holds_no_rows_of_codex(home: Path) -> None:
    put_home(home)
    assert shown(home) == ("main", "c1", URL, None)
    with threadlog.open(home) as opened:
        store: Any = opened.store
        assert store.catalog.rebuild()
        with closing(sqlite3.connect(home / "threadlog" / "index.sqlite")) as index:
            assert index.execute("SELECT count(*) FROM codex_rows").fetchone() == (0,)
