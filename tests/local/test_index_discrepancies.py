"""What happened behind the index's back is noticed, put right, and counted by its kind."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import content, file_name, meta, put, put_thread, turn, uuid
from threadlog.local import scan
from threadlog.local.index import tree

FAR = "2020-05-05T05-05-05"


def _archive(home: Path, path: Path) -> None:
    (home / "archived_sessions").mkdir()
    shutil.move(path, home / "archived_sessions" / path.name)


def _unarchive(home: Path, path: Path) -> None:
    other = home / "archived_sessions" / file_name(uuid(3))
    shutil.move(other, path.parent / other.name)


def _delete(_home: Path, path: Path) -> None:
    path.unlink()


def _delete_folder(_home: Path, path: Path) -> None:
    shutil.rmtree(path.parent)


def _move(home: Path, path: Path) -> None:
    (home / "sessions" / "2031" / "12" / "31").mkdir(parents=True)
    shutil.move(path, home / "sessions" / "2031" / "12" / "31" / path.name)


def _replace(_home: Path, path: Path) -> None:
    new = path.with_suffix(".new")
    new.write_bytes(content([meta(uuid(1)), *turn("replaced")]))
    os.replace(new, path)


def _edit(_home: Path, path: Path) -> None:
    data = path.read_bytes().replace(b"thread 1", b"edited 1")
    path.write_bytes(data)
    os.utime(path, (5, 5))


def _cut(_home: Path, path: Path) -> None:
    path.write_bytes(content([meta(uuid(1)), *turn("cut")][:3]))


def _copy_in(home: Path, _path: Path) -> None:
    # As a sync tool does: with the times of the original.
    made = put(home, content([meta(uuid(9)), *turn("copied in")]), file_name(uuid(9), stamp=FAR))
    os.utime(made, (7, 7))


def _double(home: Path, _path: Path) -> None:
    data = content([meta(uuid(1)), *turn("the newer of two")])
    put(home, data, file_name(uuid(1), stamp="2026-02-02T02-02-02"), "sessions/2026/02/02")


DEEDS: dict[str, tuple[Callable[[Path, Path], None], dict[str, int]]] = {
    "archived by hand": (_archive, {"archived": 1}),
    "unarchived by hand": (_unarchive, {"unarchived": 1}),
    "deleted": (_delete, {"deleted": 1}),
    "deleted with its folder": (_delete_folder, {"deleted": 3}),
    "moved to another day": (_move, {"moved": 1}),
    "replaced": (_replace, {"replaced": 1}),
    "edited in place": (_edit, {"edited": 1}),
    "cut short": (_cut, {"edited": 1}),
    "copied in by a sync tool": (_copy_in, {"added": 1}),
    "a second file of a thread": (_double, {"doubled": 1}),
}


@pytest.mark.codex("C125", "C141", "C142", "C143")
@pytest.mark.parametrize("sort", ["created", "updated"])
@pytest.mark.parametrize("live", [True, False], ids=["live", "cold"])
@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_on_disk_is_listed_and_opens(
    home: Path, deed: str, live: bool, sort: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        path = put_thread(home, number, text=f"thread {number}")
    put_thread(home, 3, text="in the archive", folder="archived_sessions")
    if deed == "archived by hand":
        shutil.rmtree(home / "archived_sessions")
    path = next(home.glob(f"sessions/**/*{uuid(1)}.jsonl"))
    opened = threadlog.open(home)
    assert opened.catch_up()
    do, expected = DEEDS[deed]
    do(home, path)
    if not live:
        opened.close()
        opened = threadlog.open(home)
    with caplog.at_level(logging.INFO, "threadlog.index"):
        for archived in (False, True):
            listed = opened.threads(sort=sort, archived=archived, limit=None)
            assert list(listed) == list(_by_files(opened, sort=sort, archived=archived)), deed
            for thread in listed:
                assert os.path.exists(thread.path)
                assert list(opened.turns(thread.id or thread.path))
                assert opened.get(thread.id or "").path == thread.path
        opened.threads(sort="updated", archived=None)
    assert opened.index_status().noticed == expected
    told = [record for record in caplog.records if record.name == "threadlog.index"]
    assert len(told) == 1
    assert "thread 1" not in told[0].getMessage()


def _by_files(home: threadlog.Home, **asked: object) -> list[threadlog.ThreadSummary]:
    """What the files say, with what only a whole rollout tells as the index has it."""
    from threadlog.asking import query_of

    page = home.store.files.page(query_of({**asked, "limit": None}))  # type: ignore[attr-defined, typeddict-item]
    scanned = {thread.path: thread for thread in home.threads(limit=None, archived=None)}
    names = ("scanned", "turns", "problems", "tokens", "memory_mode", "model")
    return [
        thread._replace(**{name: getattr(scanned[thread.path], name) for name in names})
        for thread in page
    ]


def test_a_lost_row_and_a_row_too_many_are_put_right(home: Path) -> None:
    for number in range(4):
        put_thread(home, number, text=f"thread {number}")
    opened = threadlog.open(home)
    assert opened.catch_up()
    opened.close()
    other = sqlite3.connect(home / "threadlog" / "index.sqlite")
    other.execute("DELETE FROM rollouts WHERE id = 1")
    other.execute("DELETE FROM threads WHERE rollout IN (1, 2)")
    other.execute("UPDATE folders SET settled = 1")
    other.commit()
    other.close()
    assert opened.catch_up(check=True)
    assert opened.index_status().noticed == {"added": 1, "without row": 1}
    titles = {thread.title for thread in opened.threads(sort="updated", text="thread")}
    assert titles == {f"thread {number}" for number in range(4)}


@pytest.mark.parametrize(("settled", "found"), [(0, True), (1, False)])
def test_a_folder_that_changed_a_moment_before_is_looked_at_whatever_its_times(
    home: Path, settled: int, found: bool
) -> None:
    path = put_thread(home, 1)
    opened = threadlog.open(home)
    assert opened.catch_up()
    put_thread(home, 2)
    status = path.parent.stat()
    other = sqlite3.connect(home / "threadlog" / "index.sqlite")
    other.execute(
        "UPDATE folders SET mtime_ns = ?, ctime_ns = ?, settled = ?"
        " WHERE CAST(path AS TEXT) LIKE '%/02'",
        (status.st_mtime_ns, status.st_ctime_ns, settled),
    )
    other.commit()
    other.close()
    assert ({thread.id for thread in opened.threads()} == {uuid(1), uuid(2)}) == found


def test_a_first_look_that_is_cut_off_loses_no_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(28):
        put_thread(home, number, folder=f"sessions/2026/01/{number + 1:02}")
    for folder, _inner, _names in os.walk(home / "sessions"):
        os.utime(folder, (5, 5))
    monkeypatch.setattr(tree, "UNSETTLED_NS", -(1 << 62))  # as if all had changed long ago
    monkeypatch.setattr(tree, "SLICE_S", 0.0)
    look_at = tree.Tree._look_at
    for cut in range(1, 8):
        looked = 0

        def cut_off(self: tree.Tree, *words: Any, stop: int = cut) -> Any:
            nonlocal looked
            looked += 1
            if looked > stop:
                raise KeyboardInterrupt
            return look_at(self, *words)

        with monkeypatch.context() as patched:
            patched.setattr(tree.Tree, "_look_at", cut_off)
            with pytest.raises(KeyboardInterrupt):
                threadlog.open(home).threads(text="hello")
    assert len(threadlog.open(home).threads(text="hello", limit=None)) == 28


@pytest.mark.codex("C145")
def test_a_middle_that_was_edited_is_read_again(home: Path) -> None:
    path = put_thread(home, 1)
    named = b'{"timestamp":"2026-01-02T03:04:06.000Z","type":"event_msg","payload":'
    named += b'{"type":"thread_name_updated","thread_id":null,"thread_name":"AAAA"}}\n'
    filler = content([turn("x" * 9000)[1]])
    path.write_bytes(path.read_bytes() + filler + named + filler)
    opened = threadlog.open(home)
    assert opened.catch_up()
    assert opened.threads()[0].name == "AAAA"
    path.write_bytes(path.read_bytes().replace(b"AAAA", b"BBBB"))
    os.utime(path, (5, 5))
    assert opened.catch_up()
    assert opened.threads()[0].name == "BBBB"


def test_what_cannot_be_listed_for_a_while_is_not_counted_as_deleted(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put_thread(home, 1)
    opened = threadlog.open(home)
    assert opened.catch_up()
    put_thread(home, 2)

    def refused(folder: str, problems: list[str]) -> tuple[list[str], list[str]]:
        if folder != str(path.parent):
            return scan.list_folder(folder, problems)
        problems.append("not for us")
        return [], []

    with monkeypatch.context() as patched:
        patched.setattr(tree, "list_folder", refused)
        page = opened.threads(sort="updated")
        assert (len(page), page.problems) == (0, ("not for us",))
    assert len(opened.threads(sort="updated")) == 2
    assert "deleted" not in opened.index_status().noticed
