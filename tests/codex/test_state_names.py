"""Names in Codex's state database: found in every version, and nothing on disk is changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import threadlog
from conftest import corpus_root
from makers import OTHER, THREAD, dumps, put_thread, python, tree, uuid
from state_databases import add_row, connect_state, leave_wal, named, put_state
from threadlog.codex import state
from threadlog.codex.config import read_sqlite_home
from threadlog.codex.names import CodexNames, read_names
from threadlog.codex.state import read_state
from threadlog.core.names import NAME_LIMIT_CHARS, Named, Names, row_patch

Row = dict[str, Any]


def legacy(title: object, first: object = "first", at_ms: object = 1000) -> Row:
    """The columns of a legacy thread."""
    return {"title": title, "first_user_message": first, "updated_at_ms": at_ms}


def read_state_names(folder: str) -> dict[str, Named] | None:
    """The names in a database; None if asking again may help."""
    told = read_state(folder)
    return told and told.names


def names(folder: Path) -> dict[str, str]:
    """What the database of a folder tells, without moments."""
    return {key: each.name for key, each in (read_state_names(str(folder)) or {}).items()}


def put_line(home: Path, thread: str, name: str, at: str = "1970-01-01T00:00:01.000Z") -> None:
    """One more line of the name file."""
    with (home / "session_index.jsonl").open("ab") as file:
        file.write(dumps({"id": thread, "thread_name": name, "updated_at": at}) + b"\n")


def both(home: Path) -> CodexNames:
    """The names of a home whose database lies in it."""
    return CodexNames(str(home), str(home))


# What a row says


@pytest.mark.codex("C263")
@pytest.mark.parametrize(
    ("row", "name"),
    [
        (named("a name"), "a name"),
        (named("  a name\n"), "a name"),
        (named(None), None),
        (named(""), None),
        (named(" \u3000\t"), None),
        (named(None, title="not it"), None),
        (named("x" * 20_000), "x" * NAME_LIMIT_CHARS),
        (named("first", title="first"), "first"),
        (named("ünï ✨"), "ünï ✨"),
        (named(b"\xffbytes"), None),
        (named(7), "7"),
        (legacy("a name"), "a name"),
        (legacy(" a name "), "a name"),
        (legacy("first"), None),
        (legacy("first", " first\n"), None),
        (legacy("\u2003first\u3000", "\xa0first"), None),
        (legacy(""), None),
        (legacy("\n"), None),
        (legacy("a name", ""), "a name"),
        (legacy("First"), "First"),
        (legacy("first") | {"name": "not it"}, None),
        (legacy(b"bytes"), None),
        (legacy("a name") | {"history_mode": "of tomorrow"}, None),
    ],
)
def test_a_row_tells_the_name_that_codex_shows(home: Path, row: Row, name: str | None) -> None:
    put_state(home, {THREAD: row})
    assert names(home) == ({} if name is None else {THREAD: name})


def test_a_name_that_is_no_utf8_is_a_name_all_the_same(home: Path) -> None:
    connection = connect_state(home)
    add_row(connection, THREAD, history_mode="paginated")
    connection.execute("UPDATE threads SET name = CAST(x'61ff62' AS TEXT)")
    connection.close()
    assert names(home) == {THREAD: "a\ufffdb"}


@pytest.mark.parametrize(
    ("at_ms", "at", "told"),
    [
        (1234, 99, 1234),
        (None, 99, 99_000),
        ("later", 99, 0),
        (b"x", 99, 0),
        (1.5, 99, 0),
        (1 << 62, 99, 253_402_300_799_999),
        (None, 1 << 62, 0),
    ],
)
def test_the_moment_of_a_name_is_the_rows_last_change(
    home: Path, at_ms: object, at: int, told: int
) -> None:
    put_state(home, {THREAD: named("a name", at_ms, updated_at=at)})
    assert read_state_names(str(home)) == {THREAD: Named("a name", told)}


@pytest.mark.parametrize("bad", ["", "x", THREAD[1:], f"{{{THREAD}}}", b"\xff", "../" + THREAD])
def test_only_thread_ids_have_names(home: Path, bad: object) -> None:
    connection = connect_state(home)
    add_row(connection, bad, **named("a name"))
    add_row(connection, OTHER.upper(), **named("other"))
    connection.close()
    assert names(home) == {OTHER: "other"}


# What it says of metadata


CALLED = {
    "git_branch": "git_branch",
    "git_sha": "git_commit",
    "git_origin_url": "git_url",
    "memory_mode": "memory_mode",
}


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({}, {"memory_mode": "enabled"}),
        ({"git_branch": "b", "git_sha": "c", "git_origin_url": "u"}, {"memory_mode": "enabled"}),
        ({"git_branch": "", "memory_mode": "polluted"}, {}),
        ({"git_branch": "ünï\n=", "memory_mode": "disabled"}, {}),
        ({"git_sha": 7}, {"git_commit": "7", "memory_mode": "enabled"}),
        ({"git_branch": "a\x1fb"}, None),
        ({"history_mode": "legacy", "git_branch": "b"}, None),
        ({"history_mode": "of tomorrow", "git_branch": "b"}, None),
    ],
)
def test_a_paginated_row_tells_metadata(
    home: Path, columns: Row, told: dict[str, str] | None
) -> None:
    put_state(home, {THREAD.upper(): {"history_mode": "paginated", **columns}})
    rows = both(home).told().rows
    found = {key: row_patch(text) for key, text in rows.items()}
    nothing = dict.fromkeys(CALLED.values())
    given = {CALLED[key]: value for key, value in columns.items() if key in CALLED}
    assert (found.get(THREAD) or None) == (None if told is None else {**nothing, **given, **told})


@pytest.mark.parametrize(("version", "file"), [("0.98", "state_2.sqlite"), ("0.100", "")])
def test_the_tables_of_old_versions_tell_no_metadata(home: Path, version: str, file: str) -> None:
    put_state(home, {THREAD: {"git_branch": "b"}}, version, file)
    assert read_state(str(home)) == ({}, {}, 0)


@pytest.mark.parametrize(
    ("moments", "made_ms"),
    [
        (["2026-11-26 11:50:44", "2026-11-26 11:50:43"], 1795693843000),
        (["some day"], 0),
        ([None], 0),
        ([], 0),
        (None, 0),
    ],
)
def test_a_database_tells_when_it_was_made(
    home: Path, moments: list[str | None] | None, made_ms: int
) -> None:
    connection = connect_state(home)
    if moments is not None:
        connection.execute("CREATE TABLE _sqlx_migrations (version, installed_on TIMESTAMP)")
        for each in moments:
            connection.execute("INSERT INTO _sqlx_migrations VALUES (1, ?)", (each,))
    connection.close()
    assert both(home).told().made_ms == made_ms


# Which database


@pytest.mark.parametrize(("version", "file"), [("0.98", "state_2.sqlite"), ("0.100", "")])
def test_the_tables_of_old_versions_hold_no_name(home: Path, version: str, file: str) -> None:
    put_state(home, {THREAD: {"title": "looks like a name"}}, version, file)
    assert read_state_names(str(home)) == {}


def test_the_newest_version_counts_and_alone(home: Path) -> None:
    put_state(home, {THREAD: named("old"), OTHER: named("only there")}, file="state_2.sqlite")
    assert names(home) == {THREAD: "old", OTHER: "only there"}
    put_state(home, {THREAD: named("new")})
    assert names(home) == {THREAD: "new"}


@pytest.mark.parametrize("name", ["a b", "a?mode=rwc&b#c", "100%", "é", os.fsdecode(b"\xff")])
@pytest.mark.parametrize("wal", [True, False])
def test_a_folder_of_any_name_will_do(home: Path, name: str, wal: bool) -> None:
    folder = home / name
    folder.mkdir()
    (leave_wal if wal else put_state)(folder, {THREAD: named("a name")})
    assert names(folder) == {THREAD: "a name"}
    assert os.listdir(home) == [name]


# Nothing changes on disk


@pytest.mark.parametrize("put", [leave_wal, put_state])
def test_reading_changes_nothing_on_disk(
    home: Path, put: Callable[[Path, dict[str, Row]], Path]
) -> None:
    put(home, {THREAD: named("a name")})
    before = tree(home)
    for _ in range(3):
        assert read_state_names(str(home)) == {THREAD: Named("a name", 1000)}
    both(home).token()
    assert tree(home) == before


def test_a_wal_without_the_other_file_is_read_and_left_for_codex(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    leave_wal(home, {THREAD: named("a name")}, shm=False)
    before = tree(home)
    assert read_state_names(str(home)) == {THREAD: Named("a name", 1000)}
    assert tree(home) == before
    assert list(temporary.iterdir()) == []


def test_copies_of_what_is_written_meanwhile_do_not_count(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = leave_wal(home, {THREAD: named("a name")}, shm=False)
    opened = state._opened

    def written(*given: Any) -> sqlite3.Connection:
        with path.open("ab") as file:
            file.write(b"x")
        return opened(*given)

    monkeypatch.setattr(state, "_opened", written)
    assert read_state_names(str(home)) is None


def test_a_database_too_large_for_a_copy_is_opened_where_it_lies(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put_state(home, {THREAD: named("a name")})
    monkeypatch.setattr(state, "COPY_LIMIT_BYTES", path.stat().st_size - 1)
    before = path.read_bytes()
    for _ in range(2):
        assert names(home) == {THREAD: "a name"}
    assert path.read_bytes() == before
    # What SQLite makes there is empty, as Codex itself leaves it.
    assert Path(f"{path}-wal").read_bytes() == b""


CODEX = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from state_databases import add_row, connect_state, named
from makers import THREAD
codex = connect_state(Path(sys.argv[1]))
for command in sys.stdin:
    verb, _, name = command.strip().partition(" ")
    if verb == "name":
        add_row(codex, THREAD, **named(name))
    else:
        codex.execute(verb)
    print("done", flush=True)
"""


def test_a_codex_at_work_is_read_along_with(home: Path) -> None:
    with python(CODEX, str(home), str(Path(__file__).parents[1])) as codex:
        assert codex.stdin is not None
        assert codex.stdout is not None

        def do(command: str) -> None:
            codex.stdin.write(command + "\n")  # type: ignore[union-attr]
            codex.stdin.flush()  # type: ignore[union-attr]
            assert codex.stdout.readline() == "done\n"  # type: ignore[union-attr]

        source = both(home)
        try:
            do("name one")
            before = tree(home)
            assert names(home) == {THREAD: "one"}
            assert tree(home) == before
            token = source.token()
            do("BEGIN")
            do("name two")
            assert names(home) == {THREAD: "one"}  # and nobody waits
            do("COMMIT")
            assert names(home) == {THREAD: "two"}
            assert source.token() != token
        finally:
            codex.kill()
    before = tree(home)
    assert names(home) == {THREAD: "two"}
    assert tree(home) == before


def test_a_change_while_a_copy_was_read_makes_it_read_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_state(home, {THREAD: named("one")})
    genuine, calls = state._names, 0

    def meanwhile(connection: sqlite3.Connection) -> dict[str, Named]:
        nonlocal calls
        calls += 1
        found = genuine(connection)
        if calls <= changes:
            put_state(home, {THREAD: named(f"name {calls}")})
        return found

    monkeypatch.setattr(state, "_names", meanwhile)
    changes = 1
    assert names(home) == {THREAD: "name 1"}
    calls, changes = 0, 9
    assert read_state_names(str(home)) is None
    assert calls == 2


# Whatever is wrong


def garbage(path: Path) -> None:
    path.write_bytes(b"garbage" * 1000)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def holed(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes(len(data) - 100))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def header_alone(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("missing")


def wal_folder(path: Path) -> None:
    Path(f"{path}-wal").mkdir()


def wal_link(path: Path) -> None:
    Path(f"{path}-wal").symlink_to("missing")


def wal_fifo(path: Path) -> None:
    os.mkfifo(f"{path}-wal")


def wal_of_another_kind(path: Path) -> None:
    Path(f"{path}-wal").write_bytes(b"\x37\x7f\x06\x82" + b"garbage" * 5000)
    Path(f"{path}-shm").write_bytes(bytes(32768))


def no_table(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE threads RENAME TO conversations")
    connection.close()


def no_column(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE threads DROP COLUMN history_mode")
    connection.close()


def future_format(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[18:20] = b"\3\3"
    path.write_bytes(data)


@pytest.mark.parametrize(
    "harm",
    [
        *(garbage, cut, holed, empty, header_alone, folder, fifo, link, dangling),
        *(wal_folder, wal_link, wal_fifo, wal_of_another_kind, no_table, no_column, future_format),
    ],
)
def test_a_database_in_trouble_names_nobody_and_stays_as_it_is(
    home: Path, harm: Callable[[Path], None]
) -> None:
    harm(put_state(home, {THREAD: named("a name")}))
    put_line(home, OTHER, "in the file")
    before = tree(home)
    begun = time.monotonic()
    assert read_state_names(str(home)) == {}
    assert both(home).read() == {OTHER: Named("in the file", 1000)}
    assert time.monotonic() - begun < 2
    assert tree(home) == before


@pytest.mark.parametrize(
    ("end", "content", "name"),
    [
        ("-shm", b"garbage" * 5000, "in the WAL"),
        ("-shm", bytes(32768), "in the WAL"),
        ("-shm", b"", "in the WAL"),
        ("-wal", b"", None),
        ("-wal", bytes(5000), None),
        ("-wal", b"garbage", None),
    ],
)
def test_what_a_crash_leaves_of_the_wal_costs_no_more_than_its_names(
    home: Path, end: str, content: bytes, name: str | None
) -> None:
    path = leave_wal(home, {THREAD: named("in the WAL")})
    Path(f"{path}{end}").write_bytes(content)
    before = tree(home)
    begun = time.monotonic()
    assert names(home) == ({THREAD: name} if name else {})
    assert time.monotonic() - begun < 2
    assert tree(home) == before


def test_no_database_and_no_folder_name_nobody(home: Path) -> None:
    assert read_state_names(str(home)) == {}
    assert read_state_names(str(home / "missing")) == {}
    assert read_state_names("a\0b") == {}


@pytest.mark.skipif(os.getuid() == 0, reason="root may read anything")
def test_an_unreadable_database_names_nobody(home: Path) -> None:
    put_state(home, {THREAD: named("a name")}).chmod(0)
    assert read_state_names(str(home)) == {}


LOCK = """
import fcntl, sys
file = open(sys.argv[1], "r+b")
fcntl.lockf(file, fcntl.LOCK_EX, 512, 0x40000000)
print("locked", flush=True)
sys.stdin.readline()
"""


def test_a_locked_database_is_not_waited_for_and_asked_again(home: Path) -> None:
    path = leave_wal(home, {THREAD: named("a name")})
    for end in ("", "-wal"):
        os.utime(f"{path}{end}", (1, 1))
    source = both(home)
    token = source.token()
    assert source.token() == token
    with python(LOCK, str(path)) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            begun = time.monotonic()
            assert source.read() == {}
            assert time.monotonic() - begun < 1.5
            assert source.token() != token
        finally:
            holder.kill()
    assert source.read() == {THREAD: Named("a name", 1000)}


# With the name file


SECOND = "1970-01-01T00:00:0{}.000Z"


@pytest.mark.codex("C152")
@pytest.mark.parametrize(
    ("lines", "row", "name", "at_ms"),
    [
        ([], ("stored", 4000), "stored", 4000),
        ([("written", 1)], None, "written", 1000),
        ([("written", 5)], ("stored", 4000), "written", 5000),
        ([("written", 3)], ("stored", 4000), "stored", 4000),
        ([("written", 4)], ("stored", 4000), "written", 4000),
        ([("same", 3)], ("same", 4000), "same", 3000),
        ([("same", 1), ("written", 3)], ("same", 4000), "written", 3000),
        ([("same", 5), ("written", 3)], ("same", 9000), "same", 5000),
        ([("same", 1), ("written", 3), ("same", 5)], ("same", 9000), "same", 5000),
    ],
)
def test_the_newest_name_wins_wherever_it_is_told(
    home: Path,
    lines: list[tuple[str, int]],
    row: tuple[str, int] | None,
    name: str,
    at_ms: int,
) -> None:
    for text, second in lines:
        put_line(home, THREAD, f" {text} ", SECOND.format(second))
    put_state(home, {THREAD: named(*row)} if row else {})
    assert both(home).read() == {THREAD: Named(name, at_ms)}


def test_a_line_without_a_time_does_not_date_a_name(home: Path) -> None:
    put_line(home, THREAD, "same", "some day")
    put_state(home, {THREAD: named("same", 4000)})
    assert both(home).read() == {THREAD: Named("same", 4000)}


def test_what_the_database_alone_tells_is_known_as_such(home: Path) -> None:
    put_line(home, THREAD, "same")
    put_line(home, OTHER, "older")
    put_state(
        home,
        {THREAD: named("same"), OTHER: named("newer", 9000), uuid(3): legacy("a title")},
    )
    fragile = {OTHER: Named("newer", 9000), uuid(3): Named("a title", 1000)}
    told = both(home).told()
    assert told[:2] == Names({THREAD: Named("same", 1000)} | fragile, fragile)[:2]


def test_a_name_survives_the_loss_of_either_place(home: Path) -> None:
    put_line(home, THREAD, "a name")
    database = put_state(home, {THREAD: named("a name")})
    (home / "session_index.jsonl").rename(home / "away")
    assert both(home).read() == {THREAD: Named("a name", 1000)}
    (home / "away").rename(home / "session_index.jsonl")
    database.unlink()
    assert both(home).read() == {THREAD: Named("a name", 1000)}
    assert read_names(str(home)) == {THREAD: Named("a name", 1000)}


def test_the_token_changes_with_every_place_and_with_nothing_else(home: Path) -> None:
    put_line(home, THREAD, "a name")
    put_state(home, {})
    source = both(home)
    time.sleep(0.05)  # what changed just now may change again unseen
    tokens = [source.token()]
    assert source.token() == tokens[0]
    (home / "unrelated").touch()
    assert source.token() == tokens[0]
    for change in (
        lambda: put_line(home, THREAD, "another"),
        lambda: put_state(home, {THREAD: named("x")}),
        lambda: put_state(home, {THREAD: named("y")}),
        lambda: leave_wal(home, {}),
        lambda: os.unlink(home / "state_5.sqlite-wal"),
        lambda: os.unlink(home / "session_index.jsonl"),
    ):
        change()
        time.sleep(0.05)
        tokens.append(source.token())
    assert len(set(tokens)) == len(tokens)


def test_a_database_changed_just_now_has_no_token_to_trust(home: Path) -> None:
    path = put_state(home, {})
    os.utime(path)
    assert both(home).token() != both(home).token()


# Where the database lies


@pytest.mark.parametrize(
    ("config", "folder"),
    [
        ('sqlite_home = "/somewhere"', "/somewhere"),
        ('sqlite_home = "sub/folder"', "HOME/sub/folder"),
        ('sqlite_home = "~/db"', "USER/db"),
        ('sqlite_home = ""', None),
        ("sqlite_home = 7", None),
        ('[profile]\nsqlite_home = "/somewhere"', None),
        ('sqlite_home = "/somewhere', None),
        ("sqlite_home = " + "[" * 10_000, None),
        ("# nothing", None),
        (None, None),
    ],
)
def test_the_config_says_where_the_database_lies(
    home: Path, config: str | None, folder: str | None
) -> None:
    if config is not None:
        (home / "config.toml").write_text(config)
    user = os.environ["HOME"]
    expected = folder and folder.replace("HOME", str(home)).replace("USER", user)
    assert read_sqlite_home(str(home)) == expected


def shown(home: Path) -> str | None:
    """The name of the thread in a listing."""
    (thread,) = threadlog.open(home).threads()
    return thread.name


def test_databases_are_looked_for_where_codex_looks(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_thread(home, 1)
    folders = {name: tmp_path / name for name in ("variable", "config")}
    for name, folder in folders.items():
        folder.mkdir()
        put_state(folder, {uuid(1): named(f"by {name}", 2000)})
    put_state(home, {uuid(1): named("in the home", 1000)})
    for copy in ("copy", "blank"):
        shutil.copytree(home, tmp_path / copy)
    monkeypatch.delenv("CODEX_SQLITE_HOME")
    assert shown(home) == "in the home"
    monkeypatch.setenv("CODEX_SQLITE_HOME", " ")
    assert shown(tmp_path / "blank") == "in the home"
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(folders["variable"]))
    assert shown(home) == "by variable"
    # As Codex 0.169 does, and its documentation says.
    (home / "config.toml").write_text(f'sqlite_home = "{folders["config"]}"')
    assert shown(home) == "by config"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEX_SQLITE_HOME", "variable")
    assert shown(tmp_path / "copy") == "by variable"


# Genuine homes


@pytest.mark.corpus
def test_genuine_databases_tell_the_names_that_were_given(tmp_path: Path) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    told = {}
    for number, genuine in enumerate(sorted(root.glob("*/*"))):
        home = tmp_path / str(number)
        shutil.copytree(genuine, home)
        before = tree(home)
        stored = names(home)
        written = {key: each.name for key, each in read_names(str(home)).items()}
        assert both(home).told()[:2] == (read_names(str(home)), {})
        assert stored in ({}, written)
        told[f"{genuine.parent.name}/{genuine.name}"] = len(stored)
        assert tree(home) == before
    assert {key: count for key, count in told.items() if count} == {
        "0.169.0/rich-legacy": 2,
        "0.169.0/rich-paginated": 2,
    }


@pytest.mark.corpus
def test_genuine_names_survive_the_loss_of_the_name_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    monkeypatch.delenv("CODEX_SQLITE_HOME")
    for name in ("rich-legacy", "rich-paginated"):
        home = tmp_path / name
        shutil.copytree(root / "0.169.0" / name, home)
        before = {each.id: each.name for each in threadlog.open(home).threads(limit=None)}
        assert sum(each is not None for each in before.values()) == 2
        (home / "session_index.jsonl").unlink()
        for _ in ("with the database", "with what was kept of it"):
            after = {each.id: each.name for each in threadlog.open(home).threads(limit=None)}
            assert after == before
            (home / "state_5.sqlite").unlink(missing_ok=True)


@pytest.mark.parametrize("folder", [r"~\u0000/x", r"/a\u0000b"])
def test_a_folder_of_databases_that_cannot_be_leaves_the_listing_whole(
    home: Path, folder: str
) -> None:
    put_thread(home, 1)
    (home / "config.toml").write_text(f'sqlite_home = "{folder}"\n')
    assert len(threadlog.open(home).threads()) == 1
