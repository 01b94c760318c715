"""Every rollout counts, wherever it lies and whatever its name lacks; nothing else is touched."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import threadlog
from makers import (
    DAY,
    FILE_STAMP,
    THREAD,
    command,
    content,
    file_name,
    meta,
    put,
    put_thread,
    turn,
    uuid,
)
from threadlog import Home, NotFound, OutsideHome, ThreadlogError, Unreadable
from threadlog.local import scan

ROLLOUT = content([meta(), *turn("hello")])
NAMELESS = content([meta(None), *turn("hello")])


def listed(home: Path, *, archived: bool = False) -> list[str | None]:
    """The ids of all threads."""
    return [thread.id for thread in threadlog.open(home).threads(limit=None, archived=archived)]


@pytest.mark.codex("C124", "C131")
@pytest.mark.parametrize(
    "folder",
    [
        "sessions",
        "sessions/2026",
        "sessions/2026/01/02/more/and/more",
        "sessions/2024/13/99",
        "sessions/by hand",
        "sessions/ünï",
        "sessions/.hidden",
        "sessions/new\nline",
    ],
)
def test_a_rollout_counts_in_any_folder(home: Path, folder: str) -> None:
    path = put(home, ROLLOUT, folder=folder)
    (found,) = threadlog.open(home).threads()
    assert (found.id, found.path, found.preview) == (THREAD, str(path), "hello")


@pytest.mark.codex("C130")
@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        (f"rollout-{FILE_STAMP}-{THREAD}.jsonl", FILE_STAMP),
        (f"rollout-{FILE_STAMP}-{THREAD.upper()}.jsonl", FILE_STAMP),
        (f"rollout-2025-05-07-{THREAD}.jsonl", "2025-05-07T00-00-00"),
        (f"rollout-{THREAD}.jsonl", None),
        (f"rollout-copy of {THREAD}.jsonl", None),
        (f"rollout-yesterday-{THREAD}.jsonl", None),
        (f"rollout-{FILE_STAMP}.jsonl", None),
        ("rollout-.jsonl", None),
        ("rollout-x.jsonl", None),
        (f"rollout-{FILE_STAMP}-{THREAD}.jsonl.zst", FILE_STAMP),
    ],
)
def test_a_rollout_counts_by_its_beginning_whatever_its_name_lacks(
    home: Path, name: str, stamp: str | None
) -> None:
    path = put(home, ROLLOUT, name)
    ((found,),) = scan.find_rollouts(str(home), [])
    assert (found.path, found.stamp) == (str(path), stamp)
    (thread,) = threadlog.open(home).threads()
    assert thread == threadlog.open(home).get(THREAD)
    assert (thread.id, thread.path, thread.preview) == (THREAD, str(path), "hello")
    assert thread.created == "2026-01-02T03:04:05.678Z"


@pytest.mark.codex("C155")
def test_the_id_of_the_name_is_the_threads_id(home: Path) -> None:
    put(home, content([meta(uuid(5)), *turn("x")]), file_name(uuid(6)))
    assert listed(home) == [uuid(6)]
    with pytest.raises(NotFound):
        threadlog.open(home).get(uuid(5))


@pytest.mark.codex("C130")
@pytest.mark.parametrize(
    "name",
    [
        "notes.jsonl",
        f"{THREAD}.jsonl",
        f"rollout-{FILE_STAMP}-{THREAD}.json",
        f"rollout-{FILE_STAMP}-{THREAD}.jsonl.bak",
        f"rollout-{FILE_STAMP}-{THREAD}.jsonl.zst.tmp",
        f".rollout-{FILE_STAMP}-{THREAD}.jsonl",
        f"Rollout-{FILE_STAMP}-{THREAD}.jsonl",
        f"a\nrollout-{FILE_STAMP}-{THREAD}.jsonl",
        f"rollout-{FILE_STAMP}-{THREAD}.jsonl\nb",
    ],
)
def test_other_files_are_not_listed_but_can_be_read_by_their_path(home: Path, name: str) -> None:
    path = put(home, ROLLOUT, name)
    opened = threadlog.open(home)
    assert listed(home) == []
    found = opened.get(str(path))
    assert (found.id, found.path, found.preview) == (THREAD, str(path), "hello")
    assert len(list(opened.turns(str(path)))) == 1
    assert len(opened.history(str(path))) == len(ROLLOUT.splitlines())


@pytest.mark.codex("C132")
def test_a_rollout_that_names_no_thread_is_listed_without_id(home: Path) -> None:
    path = put(home, NAMELESS, "rollout-a.jsonl")
    (thread,) = threadlog.open(home).threads()
    assert (thread.id, thread.path) == (None, str(path))
    assert thread.problem == "no session metadata at its head"
    assert threadlog.open(home).get(str(path)) == thread
    assert len(list(threadlog.open(home).turns(str(path)))) == 1


@pytest.mark.codex("C162")
def test_of_two_rollouts_of_one_thread_the_newest_is_current_and_listed_once(home: Path) -> None:
    put_thread(home, 1, "older", stamp="2026-01-01T00-00-00", folder="sessions/a")
    newer = put_thread(home, 1, "newer", stamp="2026-01-02T00-00-00", folder="sessions/b")
    (thread,) = threadlog.open(home).threads()
    assert (thread.path, thread.preview, thread.rollouts) == (str(newer), "newer", 2)


@pytest.mark.codex("C260")
def test_an_active_rollout_goes_before_an_archived_one_of_the_same_moment(home: Path) -> None:
    put_thread(home, 1, "old", folder="archived_sessions")
    active = put_thread(home, 1, "new")
    (thread,) = threadlog.open(home).threads()
    assert (thread.path, thread.archived) == (str(active), False)
    assert listed(home, archived=True) == []


@pytest.mark.codex("C138", "C160", "C259", "C272")
def test_archived_threads_are_a_list_of_their_own(home: Path) -> None:
    put_thread(home, 1)
    path = put_thread(home, 2, folder="archived_sessions")
    put_thread(home, 3, folder="archived_sessions/deep/er", suffix=".zst")
    assert listed(home) == [uuid(1)]
    assert listed(home, archived=True) == [uuid(3), uuid(2)]
    found = threadlog.open(home).get(uuid(2))
    assert (found.archived, found.path) == (True, str(path))
    assert threadlog.open(home).get(str(path)).archived


@pytest.mark.codex("C205")
def test_where_plain_and_compressed_exist_plain_wins(home: Path) -> None:
    put(home, content([meta(), *turn("packed")]), file_name() + ".zst")
    plain = put(home, content([meta(), *turn("plain")]))
    (thread,) = threadlog.open(home).threads()
    assert (thread.path, thread.preview, thread.compressed) == (str(plain), "plain", False)
    assert thread.rollouts == 1
    plain.unlink()
    (thread,) = threadlog.open(home).threads()
    assert (thread.preview, thread.compressed, thread.id) == ("packed", True, THREAD)


@pytest.mark.codex("C035")
def test_a_rollout_that_is_packed_or_unpacked_after_the_listing_is_still_read(home: Path) -> None:
    opened = threadlog.open(home)
    plain = put(home, ROLLOUT)
    was_plain = opened.get(THREAD)
    plain.unlink()
    packed = put(home, ROLLOUT, file_name() + ".zst")
    was_packed = opened.get(THREAD)
    assert len(list(opened.reader(was_plain).turns())) == 1
    packed.unlink()
    put(home, ROLLOUT)
    assert len(list(opened.reader(was_packed).turns())) == 1


def _link(home: Path) -> Path:
    target = put(home / "elsewhere", ROLLOUT)
    path = home / DAY / file_name()
    path.parent.mkdir(parents=True)
    path.symlink_to(target)
    return path


def _linked_folder(home: Path) -> Path:
    target = put(home / "elsewhere", ROLLOUT)
    (home / "sessions").mkdir()
    (home / "sessions" / "2026").symlink_to(target.parent)
    return home / "sessions" / "2026" / file_name()


def _fifo(home: Path) -> Path:
    path = home / DAY / file_name()
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    return path


def _socket(home: Path) -> Path:
    path = home / DAY / file_name()
    path.parent.mkdir(parents=True)
    short = os.open(path.parent, os.O_RDONLY)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{short}/{path.name}")
    os.close(short)
    return path


def _folder(home: Path) -> Path:
    path = home / DAY / file_name()
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("make", [_link, _linked_folder, _fifo, _socket, _folder])
def test_nothing_but_regular_files_is_listed_or_read(
    home: Path, make: Callable[[Path], Path]
) -> None:
    if make is _socket and not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")
    path = make(home)
    opened: Home = threadlog.open(home)
    assert listed(home) == []
    for reference in (THREAD, str(path), str(path.relative_to(home))):
        with pytest.raises((NotFound, OutsideHome)):
            opened.get(reference)
    assert command(home, "show", str(path)).code in (2, 3)


@pytest.mark.parametrize("make", [_link, _fifo, _socket, _folder])
def test_a_file_that_turned_into_something_else_is_unreadable_at_once(
    home: Path, make: Callable[[Path], Path]
) -> None:
    opened = threadlog.open(home)
    path = put(home, ROLLOUT)
    before = opened.get(THREAD)
    path.unlink()
    path.parent.rmdir()
    make(home)
    reader = opened.reader(before)
    for read in (reader.values, reader.values_backwards, reader.turns, reader.raw_chunks):
        with pytest.raises(Unreadable, match="cannot read"):
            list(read())


def test_a_file_that_went_away_is_unreadable(home: Path) -> None:
    path = put(home, ROLLOUT)
    opened = threadlog.open(home)
    before = opened.get(THREAD)
    path.unlink()
    with pytest.raises(Unreadable, match="No such file"):
        list(opened.reader(before).turns())


@pytest.mark.parametrize("root", ["sessions", "archived_sessions"])
def test_a_root_that_is_a_symlink_is_followed(home: Path, tmp_path: Path, root: str) -> None:
    far = put(tmp_path / "far", ROLLOUT, folder="store/2026")
    (home / root).symlink_to(far.parents[1])
    archived = root != "sessions"
    assert listed(home, archived=archived) == [THREAD]
    opened = threadlog.open(home)
    thread = opened.get(THREAD)
    assert thread.archived == archived
    assert len(list(opened.turns(THREAD))) == 1
    assert opened.get(thread.path).archived == archived
    assert opened.get(str(far)).id == THREAD


def test_loops_and_depth_end(home: Path) -> None:
    deep = "/".join(["sessions", *["d"] * (scan.DEPTH_LIMIT + 8)])
    put(home, ROLLOUT, folder=deep)
    put_thread(home, 1)
    (home / "sessions" / "loop").symlink_to(home / "sessions")
    assert listed(home) == [uuid(1)]


@pytest.mark.parametrize("root", ["sessions", "archived_sessions"])
def test_a_root_that_is_a_file_holds_no_threads(home: Path, root: str) -> None:
    (home / root).write_text("x")
    assert listed(home) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_rollout_is_listed_with_the_reason(home: Path) -> None:
    path = put(home, ROLLOUT)
    put_thread(home, 1)
    path.chmod(0)
    threads = {thread.id: thread for thread in threadlog.open(home).threads()}
    assert threads[THREAD].problem == f"cannot read {path}: Permission denied"
    assert threads[uuid(1)].problem is None
    assert command(home, "list").code == 0
    assert command(home, "show", THREAD).code == 1
    with pytest.raises(Unreadable, match="Permission denied"):
        list(threadlog.open(home).turns(THREAD))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unlistable_folder_is_said_and_hides_no_other(home: Path) -> None:
    path = put(home, ROLLOUT)
    put_thread(home, 1, folder="sessions/2025/01/01")
    path.parent.chmod(0)
    try:
        _one_folder_is_unlistable(home)
    finally:
        path.parent.chmod(0o700)


def test_a_folder_that_fails_is_said_and_hides_no_other(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(home, ROLLOUT)
    put_thread(home, 1, folder="sessions/2025/01/01")
    real = os.scandir

    def fail(folder: str) -> Iterator[os.DirEntry[str]]:
        if str(folder) == str(path.parent):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", fail)
    _one_folder_is_unlistable(home)


def _one_folder_is_unlistable(home: Path) -> None:
    page = threadlog.open(home).threads()
    assert [thread.id for thread in page] == [uuid(1)]
    (problem,) = page.problems
    assert problem.startswith("cannot list ")
    ran = command(home, "list")
    assert (ran.code, problem in ran.err) == (1, True)
    assert command(home, "show", uuid(1)).code == 0
    with pytest.raises(NotFound, match="cannot list"):
        threadlog.open(home).get(THREAD)


def test_a_name_that_is_not_utf8_is_listed_and_read(home: Path) -> None:
    name = os.fsdecode(b"rollout-\xff\xfe.jsonl")
    path = put(home, ROLLOUT, name)
    (thread,) = threadlog.open(home).threads()
    assert (thread.id, thread.path) == (THREAD, str(path))
    assert len(list(threadlog.open(home).turns(THREAD))) == 1
    assert command(home, "list").code == 0
    assert command(home, "list", "--json").code == 0
    assert command(home, "show", THREAD, "--json").code == 0
    assert command(home, "path", THREAD).out == os.fsencode(path) + b"\n"


@pytest.mark.parametrize("reference", ["/etc/passwd", "sessions/../../x.jsonl", "no/such.jsonl"])
def test_nothing_leaves_the_home(home: Path, reference: str) -> None:
    with pytest.raises(ThreadlogError) as caught:
        threadlog.open(home).get(reference)
    assert isinstance(caught.value, (OutsideHome, NotFound))
