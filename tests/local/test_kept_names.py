"""Names that only Codex's database tells are copied, once, and outlive it."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from faulty_disk import FaultyDisk, mode_of
from makers import OTHER, THREAD, dumps, put_names, put_thread, python, tree, uuid
from state_databases import add_row, connect_state, named, put_state
from threadlog.connect import local_store
from threadlog.core.names import Named, Names, later
from threadlog.local.kept_names import KeptNames
from threadlog.local.names import HomeNames

A_SECOND = "1970-01-01T00:00:01.000Z"
ONE = {THREAD: Named("one", 1000)}


@pytest.fixture(autouse=True)
def database_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codex keeps its database in the home unless told otherwise."""
    monkeypatch.delenv("CODEX_SQLITE_HOME")


@pytest.fixture
def umask() -> Iterator[None]:
    """Sets the umask back."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def file_of(home: Path) -> Path:
    """Where names are kept."""
    return home / "threadlog" / "names.jsonl"


def kept(home: Path) -> list[dict[str, Any]]:
    """The lines there."""
    return [json.loads(raw) for raw in file_of(home).read_bytes().splitlines()]


def shown(home: Path) -> dict[str | None, str | None]:
    """The names of a listing, by thread."""
    return {each.id: each.name for each in threadlog.open(home).threads(limit=None)}


def put_kept(home: Path, *raws: bytes) -> Path:
    """A file of kept names with these lines."""
    path = file_of(home)
    path.parent.mkdir()
    path.write_bytes(b"".join(raw + b"\n" for raw in raws))
    return path


def entry(thread: object, name: object, at: object = A_SECOND) -> bytes:
    """One of its lines."""
    return dumps({"id": thread, "name": name, "at": at, "from": "codex database"})


A_BRANCH = {"git_branch": "b"}


@pytest.mark.parametrize(
    ("entries", "since_ms", "patch", "row"),
    [
        ([{"patch": A_BRANCH}], 0, A_BRANCH, {}),
        ([{"patch": A_BRANCH, "row": {"git_branch": None}}], 0, A_BRANCH, {"git_branch": None}),
        ([{"patch": A_BRANCH}, {"row": A_BRANCH}], 0, A_BRANCH, A_BRANCH),
        ([{"patch": A_BRANCH}, {"row": A_BRANCH}], 1000, A_BRANCH, A_BRANCH),
        ([{"patch": A_BRANCH}, {"row": A_BRANCH}], 1001, A_BRANCH, {}),
        ([{"patch": A_BRANCH}, {"row": A_BRANCH}, {"row": None}], 0, A_BRANCH, {}),
        ([{"row": A_BRANCH}, {"row": {"git_url": "u"}}], 0, {}, {**A_BRANCH, "git_url": "u"}),
        ([{"row": A_BRANCH}, {"row": {"git_branch": "c"}}], 0, {}, {"git_branch": "c"}),
        ([{"patch": A_BRANCH, "row": {"git_branch": 7, "color": "red"}}], 0, A_BRANCH, {}),
        ([{"patch": A_BRANCH, "row": "b"}], 0, A_BRANCH, {}),
    ],
)
def test_what_a_row_said_is_kept_with_a_patch(
    home: Path,
    entries: list[dict[str, Any]],
    since_ms: int,
    patch: dict[str, str],
    row: dict[str, str],
) -> None:
    put_kept(home, *(dumps({"id": THREAD, "at": A_SECOND, **each}) for each in entries))
    with (home / "threadlog" / "names.jsonl").open("ab") as file:
        file.write(entry(THREAD, "one") + b"\n")
    names = KeptNames(str(home))
    assert names.read(since_ms) == {THREAD: Named("one", 1000, patch, row)}
    assert names.keep({}, since_ms) == names.read(since_ms)


# In a home


def test_a_name_outlives_the_database_and_the_name_file(home: Path) -> None:
    for number in (1, 2, 3):
        put_thread(home, number)
    lines = put_names(home, (uuid(2), "in both"))
    database = put_state(home, {uuid(1): named("in one"), uuid(2): named("in both")})
    before = {uuid(1): "in one", uuid(2): "in both", uuid(3): None}
    assert shown(home) == before
    assert kept(home) == [
        {"id": uuid(1), "name": "in one", "at": A_SECOND, "from": "codex database"}
    ]
    database.unlink()
    assert shown(home) == before
    lines.unlink()
    assert shown(home) == before | {uuid(2): None}


def test_nothing_is_made_where_nothing_need_be_kept(home: Path) -> None:
    put_thread(home, 1)
    put_names(home, (uuid(1), "in both"))
    put_state(home, {uuid(1): named("in both")})
    before = tree(home)
    assert shown(home) == {uuid(1): "in both"}
    assert threadlog.open(home).get("in both").id == uuid(1)
    assert tree(home) == before


def test_a_name_that_was_kept_is_not_written_again(home: Path) -> None:
    put_state(home, {THREAD: named("one"), OTHER: named("two")})
    shown(home)
    before = tree(home)
    put_state(home, {THREAD: named("one", 9000)})  # the thread went on
    shown(home)
    after = tree(home)
    assert after[str(file_of(home))] == before[str(file_of(home))]
    put_state(home, {THREAD: named("three", 10_000)})
    shown(home)
    assert [(each["id"], each["name"]) for each in kept(home)] == [
        (THREAD, "one"),
        (OTHER, "two"),
        (THREAD, "three"),
    ]


@pytest.mark.parametrize(
    ("line_at", "name"),
    [("1970-01-01T00:00:00.999Z", "kept"), (A_SECOND, "line"), ("2026-01-01T00:00:00Z", "line")],
)
def test_a_kept_name_counts_with_its_moment(home: Path, line_at: str, name: str) -> None:
    put_thread(home, 1)
    put_kept(home, entry(uuid(1), "kept"))
    written = {"id": uuid(1), "thread_name": "line", "updated_at": line_at}
    (home / "session_index.jsonl").write_bytes(dumps(written) + b"\n")
    assert shown(home) == {uuid(1): name}


def test_the_store_of_a_home_tells_its_names(home: Path) -> None:
    put_state(home, {THREAD: named("one")})
    names = local_store(str(home)).names
    assert names.read().names == ONE
    put_names(home, (THREAD, "newer"))
    assert names.read().names[THREAD].name == "newer"


# The file


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", [0, 0o022, 0o077, 0o777], ids=oct)
@pytest.mark.parametrize(
    ("home_mode", "folder_mode", "file_mode"),
    [(0o755, 0o700, 0o600), (0o2770, 0o2770, 0o660)],
    ids=["own", "shared"],
)
def test_only_those_may_read_it_who_may_write_to_the_home(
    home: Path, mask: int, home_mode: int, folder_mode: int, file_mode: int
) -> None:
    home.chmod(home_mode)
    os.umask(mask)
    KeptNames(str(home)).keep(ONE)
    os.umask(0o022)
    assert mode_of(file_of(home).parent) == folder_mode
    assert mode_of(file_of(home)) == file_mode


def test_all_new_names_are_one_write_and_safe_on_disk(home: Path) -> None:
    disk = FaultyDisk()
    disk.arm()
    names = {uuid(number): Named(f"name {number}", number) for number in range(50)}
    assert KeptNames(str(home), disk).keep(names) == names
    assert disk.made.count("write") == 1
    assert disk.made.index("sync_data") == disk.made.index("write") + 1
    assert KeptNames(str(home)).read() == names


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        b"\0\0\0",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        entry(None, "x"),
        entry(7, "x"),
        entry("x", "x"),
        entry(OTHER.upper(), "x"),
        entry(OTHER, ""),
        entry(OTHER, " "),
        entry(OTHER, 7),
        entry(OTHER, "x")[:-1],
        entry(OTHER, "x" * (2 << 20)),
    ],
)
def test_a_bad_line_costs_only_itself(home: Path, bad: bytes) -> None:
    put_kept(home, entry(THREAD, "one"), bad, entry(uuid(9), "two", "no time"))
    assert KeptNames(str(home)).read() == ONE | {uuid(9): Named("two", 0)}


def test_the_last_line_of_a_thread_counts(home: Path) -> None:
    put_kept(home, entry(THREAD, "old", "2026-01-01T00:00:00Z"), entry(THREAD, "one"))
    assert KeptNames(str(home)).read() == ONE


@pytest.mark.parametrize("torn", [b'{"id":"01', entry(OTHER, "whole but for its LF"), b"\xe2\x9c"])
def test_a_line_is_not_glued_to_a_torn_one(home: Path, torn: bytes) -> None:
    path = put_kept(home, entry(uuid(9), "two"))
    with path.open("ab") as file:
        file.write(torn)
    before = KeptNames(str(home)).read()
    KeptNames(str(home)).keep(ONE)
    assert KeptNames(str(home)).read() == before | ONE
    assert path.read_bytes().endswith(torn + b"\n" + entry(THREAD, "one") + b"\n")


def test_a_write_cut_short_is_gone_on_with(home: Path) -> None:
    disk = FaultyDisk()
    disk.before, disk.short_bytes = disk.cut_short, 10
    disk.arm()
    kept_names = KeptNames(str(home), disk)
    assert kept_names.keep(ONE) == ONE
    assert kept_names.read() == ONE


def test_two_that_make_the_file_at_once_both_keep_their_names(home: Path) -> None:
    def before(call: str) -> None:
        if call == "create":
            KeptNames(str(home)).note(OTHER, Named("two", 1))

    slower = FaultyDisk()
    slower.before = before
    slower.arm()
    KeptNames(str(home), slower).note(THREAD, Named("one", 1))
    assert KeptNames(str(home)).read().keys() == {THREAD, OTHER}


def test_forgetting_costs_nothing_that_others_add_meanwhile(home: Path) -> None:
    def note() -> None:
        for number in range(100, 250):
            KeptNames(str(home)).note(uuid(number), Named("n", 1))

    noting = threading.Thread(target=note)
    noting.start()
    while noting.is_alive():
        KeptNames(str(home)).note(THREAD, Named("secret", 1))
        KeptNames(str(home)).forget(THREAD)
    assert KeptNames(str(home)).read().keys() == {uuid(number) for number in range(100, 250)}


def test_forgetting_keeps_lines_that_nobody_knows(home: Path) -> None:
    later = [b'{"id":"x","of_2040":1}\n', b"no JSON\n"]
    path = put_kept(home, entry(THREAD, "one"), entry(OTHER, "two"))
    with path.open("ab") as file:
        file.write(b"".join(later))
    KeptNames(str(home)).forget(THREAD)
    assert path.read_bytes() == entry(OTHER, "two") + b"\n" + b"".join(later)


def test_a_home_that_cannot_be_written_to_is_read_all_the_same(home: Path) -> None:
    disk = FaultyDisk()
    names = {THREAD: Named("one", 1000)}
    calls = ["make_folder", "change_folder_mode", "status_at", "create", "change_mode"]
    for call in [*calls, "status", "write", "sync_data", "close"]:
        folder = home / call
        folder.mkdir()
        disk.fail_names, disk.error = {call}, errno.EROFS
        disk.arm()
        assert KeptNames(str(folder), disk).keep(names) == names
        assert call in disk.made
        disk.disarm()
        assert KeptNames(str(folder), disk).keep(names) == names
        assert KeptNames(str(folder)).read() == names, call
    assert KeptNames(str(home / "missing")).keep(names) == names
    assert not (home / "missing").exists()


def link_folder(home: Path) -> None:
    (home / "elsewhere").mkdir()
    (home / "threadlog").symlink_to("elsewhere")


def link_file(home: Path) -> None:
    (home / "threadlog").mkdir()
    (home / "elsewhere").write_bytes(entry(OTHER, "of another") + b"\n")
    file_of(home).symlink_to(home / "elsewhere")


def dangling_file(home: Path) -> None:
    (home / "threadlog").mkdir()
    file_of(home).symlink_to(home / "elsewhere")


def folder_for_file(home: Path) -> None:
    file_of(home).mkdir(parents=True)


def file_for_folder(home: Path) -> None:
    (home / "threadlog").write_bytes(b"mine")


def fifo_for_file(home: Path) -> None:
    (home / "threadlog").mkdir()
    os.mkfifo(file_of(home))


@pytest.mark.parametrize(
    "put",
    [link_folder, link_file, dangling_file, folder_for_file, file_for_folder, fifo_for_file],
)
def test_only_a_regular_file_of_the_home_is_read_or_written(home: Path, put: Any) -> None:
    put(home)
    before = tree(home)
    names = KeptNames(str(home))
    assert names.read() == {}
    assert names.keep(ONE) == ONE
    assert tree(home) == before


def test_a_linked_folder_is_not_read_either(home: Path) -> None:
    link_folder(home)
    (home / "elsewhere" / "names.jsonl").write_bytes(entry(OTHER, "of another") + b"\n")
    assert KeptNames(str(home)).read() == {}


KEEP = """
import sys
from threadlog.core.names import Named
from threadlog.local.kept_names import KeptNames
sys.stdin.readline()
for number in range(100):
    KeptNames(sys.argv[1]).keep({f"019b0000-0000-7000-8000-{number:012x}": Named("x" * 200, 1)})
"""


def test_programs_that_keep_at_once_lose_nothing(home: Path) -> None:
    programs = [python(KEEP, str(home)) for _ in range(3)]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    for program in programs:
        assert program.communicate(timeout=60)[1] == ""
        assert program.returncode == 0
    assert KeptNames(str(home)).read() == {uuid(each): Named("x" * 200, 1) for each in range(100)}
    assert 100 <= len(kept(home)) <= 300


# Read again only when something changed


class Source:
    """Names that change with their token; counts how often they are asked."""

    def __init__(self) -> None:
        self.version = self.asked = 0
        self.names = Names({THREAD: Named("one", 1000)}, {})

    def token(self) -> int:
        return self.version

    def read(self) -> dict[str, Named]:
        return self.told().newest

    def told(self) -> Names:
        self.asked += 1
        return self.names


def test_names_are_read_again_when_something_changed_and_only_then(home: Path) -> None:
    source = Source()
    names = HomeNames(source, KeptNames(str(home)))
    for _ in range(3):
        assert names.read().names == ONE
    assert source.asked == 1
    source.version, source.names = 1, Names({THREAD: Named("two", 2000)}, {})
    assert names.read().names == {THREAD: Named("two", 2000)}
    assert source.asked == 2
    KeptNames(str(home)).keep({OTHER: Named("kept by another", 1)})  # another program
    assert names.read().names == {THREAD: Named("two", 2000), OTHER: Named("kept by another", 1)}
    assert source.asked == 3
    token = names.token()
    names.read()
    assert names.token() == token


def test_an_unchanged_home_is_not_read_again_while_codex_is_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codex = connect_state(home)
    add_row(codex, THREAD, **named("one"))
    store = local_store(str(home))
    for end in ("", "-wal"):
        os.utime(home / f"state_5.sqlite{end}", (1, 1))
    assert store.names.read().names == ONE
    store.names.read()  # with what was kept
    monkeypatch.setattr("threadlog.codex.names.read_state", None)
    for _ in range(3):
        assert store.names.read().names == ONE
    codex.close()


def test_nobody_can_change_the_names_that_others_read(home: Path) -> None:
    names = HomeNames(Source(), KeptNames(str(home))).read().names
    with pytest.raises(TypeError):
        names[OTHER] = Named("x")  # type: ignore[index]


def test_threads_that_read_at_once_keep_a_name_once(home: Path) -> None:
    class SlowSource(Source):
        def told(self) -> Names:
            time.sleep(0.05)
            super().told()
            return Names(ONE, ONE)

    names = HomeNames(SlowSource(), KeptNames(str(home)))
    barrier = threading.Barrier(8)
    found = []

    def read() -> None:
        barrier.wait()
        found.append(names.read().names)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [ONE] * 8
    assert len(kept(home)) == 1


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_reads_though_its_parent_was_reading(home: Path) -> None:
    names = HomeNames(Source(), KeptNames(str(home)))
    with names._alone():
        child = os.fork()
        if not child:
            os._exit(0 if names.read().names == ONE else 1)
        deadline = threading.Event()
        for _ in range(100):
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                break
            deadline.wait(0.1)
        else:
            os.kill(child, 9)
            os.waitpid(child, 0)
            pytest.fail("the child waits for its parent's lock")
    assert os.waitstatus_to_exitcode(status) == 0


def test_of_two_places_the_newest_name_counts_and_the_first_of_equal_ones() -> None:
    first = {THREAD: Named("a", 2), OTHER: Named("b", 2)}
    second = {THREAD: Named("c", 2), OTHER: Named("d", 3), uuid(1): Named("e", 0)}
    assert later(first, second) == {
        THREAD: Named("a", 2),
        OTHER: Named("d", 3),
        uuid(1): Named("e", 0),
    }
    assert first[OTHER] == Named("b", 2)


def test_an_older_name_of_a_database_takes_no_place_of_a_newer_one(home: Path) -> None:
    kept = KeptNames(str(home))
    kept.note(THREAD, Named("newer", 2000))
    before = (home / "threadlog" / "names.jsonl").read_bytes()
    assert kept.keep({THREAD: Named("older", 1000)})[THREAD].name == "newer"
    assert (home / "threadlog" / "names.jsonl").read_bytes() == before
    assert kept.read()[THREAD].name == "newer"
