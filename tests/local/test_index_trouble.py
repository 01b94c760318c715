"""No state of the index hides a thread, fails a listing, or is made worse by one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import stat
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from makers import (
    agent,
    content,
    file_name,
    meta,
    put,
    put_names,
    put_thread,
    python,
    turn,
    uuid,
)
from threadlog.asking import Asked, query_of
from threadlog.connect import local_store
from threadlog.core import query
from threadlog.core.query import ThreadPage, ThreadQuery
from threadlog.local import mounts
from threadlog.local.disk import Disk
from threadlog.local.index import database, schema, upkeep
from threadlog.local.store import LocalStore

UPDATED = ThreadQuery(sort="updated", limit=None, text="")  # one that the index is asked


def index_file(home: Path) -> Path:
    return home / "threadlog" / "index.sqlite"


def titles(store: LocalStore) -> list[str]:
    return sorted(thread.title for thread in store.catalog.page(UPDATED))


@pytest.fixture
def built(home: Path) -> Path:
    """A home of five threads, with an index that knows all of them."""
    for number in range(5):
        put_thread(home, number, text=f"thread {number}")
    store = local_store(str(home))
    assert store.catalog.catch_up(lambda: False, lambda *_told: None)
    store.catalog.close()
    return home


FIVE = [f"thread {number}" for number in range(5)]


def _garbage(path: Path) -> None:
    path.write_bytes(b"no database at all\n" * 1000)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 - 17])


def _torn_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 64] = random.Random(start).randbytes(64)
    path.write_bytes(data)


@pytest.mark.parametrize("break_it", [_garbage, _truncated, _torn_page])
def test_a_broken_index_moves_aside_and_is_made_anew_while_listings_go_on(
    built: Path, break_it: Callable[[Path], None]
) -> None:
    path = index_file(built)
    break_it(path)
    Path(f"{path}-wal").write_bytes(b"left over")
    store = local_store(str(built))
    assert titles(store) == FIVE
    assert titles(store) == FIVE
    assert store.catalog.trouble is None
    assert list(path.parent.glob("index.sqlite.broken-*"))
    assert b"left over" not in Path(f"{path}-wal").read_bytes()
    assert store.catalog.status().threads == 5


def test_no_more_than_a_few_broken_ones_are_kept(built: Path) -> None:
    for _time in range(5):
        _garbage(index_file(built))
        Path(f"{index_file(built)}-wal").unlink(missing_ok=True)
        store = local_store(str(built))
        titles(store), titles(store)
        store.catalog.close()
    aside = {path.name.removesuffix("-wal").removesuffix("-shm") for path in
             index_file(built).parent.glob("*.broken-*")}  # fmt: skip
    assert len(aside) == database.KEPT_BROKEN


@pytest.mark.codex("C151")
@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_a_locked_index_is_waited_for_no_longer_than_a_moment(
    built: Path, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.2)
    put_thread(built, 5, text="thread 5")
    other = sqlite3.connect(index_file(built), isolation_level=None)
    other.execute(statement)
    store = local_store(str(built))
    begun = time.monotonic()
    assert titles(store) == [*FIVE, "thread 5"]
    assert time.monotonic() - begun < 5
    assert store.catalog.trouble is not None
    assert "BUSY" in store.catalog.trouble or "LOCKED" in store.catalog.trouble
    other.close()
    assert titles(store) == [*FIVE, "thread 5"]
    assert store.catalog.trouble is None


@pytest.mark.parametrize(
    ("pragma", "why"),
    [("user_version = 99", "newer threadlog"), ("application_id = 7", "no index of threadlog")],
)
def test_an_index_that_is_not_ours_to_change_is_left_alone(
    built: Path, pragma: str, why: str
) -> None:
    other = sqlite3.connect(index_file(built))
    other.execute(f"PRAGMA {pragma}")
    other.close()
    before = index_file(built).read_bytes()
    put_thread(built, 5, text="thread 5")
    store = local_store(str(built))
    assert titles(store) == [*FIVE, "thread 5"]
    assert why in (store.catalog.trouble or "")
    assert why in (store.catalog.status().trouble or "")
    store.catalog.rebuild()
    store.catalog.close()
    assert index_file(built).read_bytes() == before


def test_an_older_index_becomes_the_newest(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wider = (*schema.MIGRATIONS, "ALTER TABLE threads ADD COLUMN later TEXT DEFAULT 'x';")
    monkeypatch.setattr(schema, "INDEX", schema.INDEX._replace(migrations=wider))
    store = local_store(str(built))
    assert titles(store) == FIVE
    assert store.catalog.trouble is None
    assert store.catalog.status().version == len(wider)
    store.catalog.close()
    seen = sqlite3.connect(index_file(built))
    assert seen.execute("SELECT DISTINCT later FROM threads").fetchall() == [("x",)]
    assert seen.execute("PRAGMA user_version").fetchone() == (len(wider),)


def test_rows_of_other_rules_are_made_anew(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = sqlite3.connect(index_file(built))
    other.execute("UPDATE threads SET row = replace(row, 'thread', 'wrong')")
    other.commit()
    other.close()
    monkeypatch.setattr(schema, "INDEX", schema.INDEX._replace(rules=schema.RULES + 1))
    assert titles(local_store(str(built))) == FIVE


@pytest.mark.parametrize("kind", ["folder", "fifo", "link", "dangling"])
def test_what_is_no_file_in_its_place_is_left_alone(built: Path, kind: str, tmp_path: Path) -> None:
    path, elsewhere = index_file(built), tmp_path / "elsewhere"
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        if kind == "link":
            elsewhere.write_bytes(b"precious")
        path.symlink_to(elsewhere)
    store = local_store(str(built))
    assert titles(store) == FIVE
    assert "no regular file" in (store.catalog.trouble or "")
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"precious"


class ReadOnlyHome(Disk):
    """A disk on which nothing can be made below one folder."""

    def __init__(self, home: Path) -> None:
        self.home = str(home)

    def create(self, path: str, mode: int) -> int:
        self._refuse(path)
        return super().create(path, mode)

    def make_folder(self, path: str, mode: int) -> None:
        self._refuse(path)
        super().make_folder(path, mode)

    def _refuse(self, path: str) -> None:
        if path.startswith(self.home):
            raise OSError(30, os.strerror(30), path)


def test_the_index_of_a_home_that_is_read_only_lies_in_the_cache(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    put_thread(home, 1, text="thread 1")
    before = sorted(os.listdir(home))
    for _time in range(2):
        store = local_store(str(home), ReadOnlyHome(home))
        assert titles(store) == ["thread 1"]
        assert store.catalog.trouble is None
        (made,) = (tmp_path / "cache" / "threadlog").iterdir()
        assert store.catalog.status().path == str(made / "index.sqlite")
    assert sorted(os.listdir(home)) == before


@pytest.mark.codex("C139")
def test_without_any_place_for_an_index_the_files_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    put_thread(home, 1, text="thread 1")
    store = local_store(str(home), ReadOnlyHome(home))
    assert titles(store) == ["thread 1"]
    assert "Read-only" in (store.catalog.trouble or "")


def test_on_a_network_file_system_the_files_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "mountinfo"
    point = str(home).replace(" ", "\\040")
    table.write_text(f"1 0 0:1 / / rw - ext4 /dev/x rw\n2 1 0:2 / {point} rw - nfs4 host:/x rw\n")
    monkeypatch.setattr(mounts, "_MOUNTS", str(table))
    put_thread(home, 1, text="thread 1")
    store = local_store(str(home))
    assert titles(store) == ["thread 1"]
    assert "network file system" in (store.catalog.trouble or "")
    assert not index_file(home).exists()


def test_the_files_of_the_index_are_their_owners_alone(built: Path) -> None:
    before = os.umask(0)
    try:
        shutil.rmtree(built / "threadlog")
        store = local_store(str(built))
        titles(store)
    finally:
        os.umask(before)
    assert stat.S_IMODE((built / "threadlog").stat().st_mode) == 0o700
    for path in (built / "threadlog").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_an_index_deleted_under_a_living_process_costs_no_answer(built: Path) -> None:
    store = local_store(str(built))
    assert titles(store) == FIVE
    shutil.rmtree(built / "threadlog")
    put_thread(built, 5, text="thread 5")
    assert titles(store) == [*FIVE, "thread 5"]
    assert index_file(built).exists()


def test_a_home_that_was_copied_with_its_index_is_listed_as_it_is(
    built: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(built, copy)
    shutil.rmtree(built)
    next(copy.glob("sessions/**/*.jsonl")).unlink()
    threads = local_store(str(copy)).catalog.page(UPDATED)
    assert len(threads) == 4
    assert all(os.path.exists(thread.path) for thread in threads)


FORK = """
import os, sys, threading, time, threadlog
idle, parent = sys.argv[2] == "idle", os.getpid()
home = threadlog.open(sys.argv[1], background=idle, freshness_s=2)
def ask():
    threads = home.threads(sort="updated", text="thread")
    other = threadlog.open(sys.argv[1])
    more = len(other.threads(sort="updated", text="thread"))
    if os.getpid() != parent:
        home.catch_up()
    return f"{len(threads)} {more} {home.store.catalog.trouble or other.store.catalog.trouble}"
ask()
home.index_status()
if idle:
    home.close()
else:  # another thread is at work with it, and holds its locks
    def stay(*_told):
        entered.set()
        time.sleep(60)
    entered = threading.Event()
    home.rebuild_index()
    threading.Thread(target=home.catch_up, kwargs=dict(progress=stay), daemon=True).start()
    assert entered.wait(20)
pid = os.fork()
if pid == 0:
    print(ask(), flush=True)
    home.close()
    os._exit(0)
os.waitpid(pid, 0)
if idle:
    print(ask(), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("idle", "5 5 None\n5 5 None\n"),
        ("busy", "5 5 this process was forked while its parent was using the index\n"),
    ],
)
def test_no_connection_is_carried_over_a_fork(built: Path, state: str, told: str) -> None:
    # In a process of its own: a fork of this one would be as large.
    out, err = python(FORK, str(built), state).communicate(timeout=60)
    assert (out, err) == (told, "")


def test_a_database_of_others_in_its_place_keeps_its_bytes(home: Path) -> None:
    put_thread(home, 1, text="thread 1")
    (home / "threadlog").mkdir()
    other = sqlite3.connect(index_file(home))
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = index_file(home).read_bytes()
    store = local_store(str(home))
    assert titles(store) == ["thread 1"]
    assert "no index of threadlog" in str(store.catalog.trouble)
    store.catalog.close()
    assert index_file(home).read_bytes() == before


def shown(page: ThreadPage) -> list[tuple[object, ...]]:
    """What index and files are to tell alike, though the one was read to its end."""
    return [
        (each.id, each.path, each.created, each.updated, each.recency, each.problem)
        for each in page
    ]


def _surrogates(home: Path) -> None:
    base = {"thread_id": "\ud800", "end_ordinal_exclusive": 1}
    put(home, content([meta(uuid(7), history_base=base), *turn("hello")]), file_name(uuid(7)))


def _in_the_far_future(home: Path) -> None:
    os.utime(put_thread(home, 7), (10**10, 10**10))


def _in_a_folder_of_the_far_future(home: Path) -> None:
    folder = put_thread(home, 7, folder="sessions/later").parent
    os.utime(folder, ns=(2**63 + 5, 2**63 + 5))


def _long_ago(home: Path) -> None:
    os.utime(put_thread(home, 7), (-(10**10), -(10**10)))


@pytest.mark.parametrize(
    "make", [_surrogates, _in_the_far_future, _in_a_folder_of_the_far_future, _long_ago]
)
def test_what_a_database_does_not_take_as_it_is_is_listed_too(
    built: Path, make: Callable[[Path], None]
) -> None:
    make(built)
    store = local_store(str(built))
    for sort in query.SORTS:
        for limit in (None, 1, 2**63 - 1, 2**64):
            wanted = query_of({"sort": sort, "limit": limit, "archived": None, "text": ""})
            assert shown(store.catalog.page(wanted)) == shown(store.files.page(wanted))
            assert store.catalog.trouble is None
    assert store.catalog.catch_up(lambda: False, lambda *_told: None, check=True)


def test_inodes_of_64_bits_are_told_apart(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lstat, more = os.lstat, [2**63]

    def wide(path: str) -> os.stat_result:
        status = lstat(path)
        fields = {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}
        fields["st_ino"] += more[0]
        return types.SimpleNamespace(**fields)  # type: ignore[return-value]

    monkeypatch.setattr(os, "lstat", wide)
    store = local_store(str(built))
    assert titles(store) == FIVE
    assert store.catalog.trouble is None
    assert not store.catalog.status().noticed
    more[0] += 2**62
    assert titles(store) == FIVE
    assert store.catalog.status().noticed["replaced"] == 5
    assert titles(store) == FIVE
    assert store.catalog.status().noticed["replaced"] == 5


def test_times_are_told_in_the_zone_of_whoever_asks(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, b"damaged\n", file_name(uuid(7), stamp="2026-01-02T12-00-00"))
    put(built, content([meta(uuid(8)), *turn("hello")]), "rollout-strange.jsonl")
    try:
        for zone in ("Asia/Tokyo", "America/New_York", "UTC", "Asia/Tokyo"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            for sort in query.SORTS:
                store = local_store(str(built))
                for since in (None, "2026-01-02T10:00Z"):
                    asked: Asked = {"sort": sort, "limit": None, "text": "", "since": since}
                    wanted = query_of(asked)
                    assert shown(store.catalog.page(wanted)) == shown(store.files.page(wanted))
                    assert store.catalog.trouble is None
                store.catalog.close()
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("read_before", [True, False])
@pytest.mark.parametrize("sort", ["created", "updated"])
def test_what_goes_between_look_and_answer_is_no_reason_to_fail(
    home: Path, sort: str, read_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        put_thread(home, number)
    store = local_store(str(home))
    if read_before:
        assert store.catalog.catch_up(lambda: False, lambda *_told: None)
    else:
        store.catalog._index.look()
    look, paths = upkeep.Index.look, sorted(home.glob("sessions/**/*.jsonl"))

    def look_and_lose(self: upkeep.Index, *words: Any, **more: Any) -> bool:
        told = look(self, *words, **more)
        paths.pop().unlink()
        return told

    monkeypatch.setattr(upkeep.Index, "look", look_and_lose)
    for left in (4, 3, 2):
        page = store.catalog.page(ThreadQuery(sort=sort, limit=None))
        assert store.catalog.trouble is None
        assert len([each for each in page if each.problem is None]) == left
        assert len([each for each in page if each.problem]) <= 1  # it was there a moment ago
    monkeypatch.undo()
    page = store.catalog.page(ThreadQuery(sort=sort, limit=None))
    assert [each.problem for each in page] == [None, None]


class Failing(sqlite3.Connection):
    """A connection that fails at one of its calls."""

    calls = 0
    fail_at = -1

    def execute(self, *arguments: Any) -> Any:
        Failing.calls += 1
        if Failing.calls == Failing.fail_at:
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        Failing.calls += 1
        if Failing.calls == Failing.fail_at:
            raise sqlite3.OperationalError("database or disk is full")
        return super().executemany(*arguments)


def _visit(home: Path) -> list[str]:
    """Everything that an index is asked, with changes in between."""
    store = local_store(str(home))
    told = titles(store)
    put_thread(home, 5, text="thread 5")
    put_names(home, (uuid(1), "named"))
    with next(home.glob("sessions/**/*1.jsonl")).open("ab") as file:
        file.write(content([agent("more")]))
    told += titles(store)
    told += [thread.title for thread in store.catalog.page(ThreadQuery())]
    told += [store.catalog.find(uuid(5)).title, str(store.catalog.counts([UPDATED]))]
    store.catalog.catch_up(lambda: False, lambda *_told: None)
    store.catalog.status()
    told += titles(store)
    store.catalog.close()
    return told


def test_whichever_call_to_the_database_fails_the_answers_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Failing))

    def visited(number: int) -> list[str]:
        home = tmp_path / str(number)
        for each in range(3):
            put_thread(home, each, text=f"thread {each}")
        Failing.calls, Failing.fail_at = 0, number
        return _visit(home)

    expected = visited(0)
    calls = Failing.calls
    assert calls > 100
    for number in [*range(1, calls, 7), calls]:
        assert visited(number) == expected, number


BUILD = """
import sys, threadlog
home = threadlog.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(home.catch_up(), home.store.catalog.trouble, flush=True)
"""


def _many(home: Path, count: int) -> None:
    for number in range(count):
        put_thread(
            home, number, text=f"thread {number}", folder=f"sessions/2026/01/{number % 28 + 1:02}"
        )


@pytest.mark.codex("C150", "C165")
def test_two_processes_that_build_at_once_do_not_fight(home: Path) -> None:
    _many(home, 400)
    builders = [python(BUILD, str(home)) for _each in range(3)]
    for each in builders:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    told = [each.communicate("go\n", timeout=60) for each in builders]
    assert [out for out, _err in told] == ["True None\n"] * 3, told
    store = local_store(str(home))
    status = store.catalog.status()
    assert (status.threads, status.unread, status.scanned) == (400, 0, 400)
    assert store.catalog.page(ThreadQuery(limit=None, text="")).threads != ()


@pytest.mark.codex("C157", "C164")
def test_one_killed_while_it_builds_is_gone_on_with(home: Path) -> None:
    _many(home, 400)
    chance = random.Random(1)
    for _time in range(6):
        builder = python(BUILD, str(home))
        assert builder.stdin is not None
        assert builder.stdout is not None
        builder.stdout.readline()
        builder.stdin.write("go\n")
        builder.stdin.flush()
        time.sleep(chance.uniform(0.02, 0.3))
        builder.send_signal(signal.SIGKILL)
        builder.communicate()
    store = local_store(str(home))
    assert len(store.catalog.page(UPDATED)) == 400
    assert store.catalog.catch_up(lambda: False, lambda *_told: None)
    assert store.catalog.status().scanned == 400
