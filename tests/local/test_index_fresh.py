"""How old an answer may be: not at all, or as long as was allowed; others write meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

import threadlog
from makers import Pages, agent, content, event, put_names, put_thread, python, turn, uuid
from threadlog import Home
from threadlog.asking import query_of
from threadlog.connect import local_store
from threadlog.local.index import catalog, contents, tree
from threadlog.local.watch import Watcher

ALLOWED_S = 0.5
BOUND_S = ALLOWED_S + 3  # and what a busy machine takes to look

WRITER = """
import os, sys
for line in sys.stdin:
    kind, path = line.split()
    if kind == "append":
        with open(path, "ab") as file:
            file.write(b'{"timestamp":"2026-01-02T03:04:06.000Z","type":"event_msg",'
                       b'"payload":{"type":"agent_message","message":"more"}}\\n')
    elif kind == "copy":
        with open(path, "rb") as old:
            data = old.read().replace(b"000000000001", b"000000000009")
        with open(path.replace("000000000001", "000000000009"), "wb") as new:
            new.write(data)
    else:
        os.unlink(path)
    print("done", flush=True)
"""


class Other:
    """Another process that writes to the home."""

    def __init__(self) -> None:
        self._process = python(WRITER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.communicate()

    def do(self, kind: str, path: Path) -> None:
        """Have it done, and wait until it is."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{kind} {path}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


def sizes(home: Home, sort: str) -> dict[str | None, int]:
    """What a listing says of each thread's size."""
    return {thread.id: thread.size_bytes for thread in home.threads(sort=sort)}


def on_disk(home: Path) -> dict[str | None, int]:
    """What is so."""
    return {path.stem[-36:]: path.stat().st_size for path in home.glob("sessions/**/*.jsonl")}


@pytest.mark.parametrize("sort", ["created", "updated", "recency"])
@pytest.mark.parametrize("indexed", [True, False])
def test_what_another_process_did_is_in_the_very_next_answer(
    home: Path, sort: str, indexed: bool
) -> None:
    paths = [put_thread(home, number) for number in range(3)]
    opened = threadlog.open(home)
    if indexed:
        assert opened.catch_up()
    with Other() as other:
        for kind, path in [("append", paths[1])] * 3 + [("copy", paths[1]), ("append", paths[0])]:
            other.do(kind, path)
            assert sizes(opened, sort) == on_disk(home)
        other.do("remove", paths[2])
        assert sizes(opened, sort) == on_disk(home)


def _until(condition: Callable[[], bool], limit_s: float) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < limit_s
        time.sleep(0.02)
    return time.monotonic() - begun


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("sort", ["created", "updated"])
def test_an_answer_is_no_older_than_was_allowed(
    home: Path, sort: str, watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not watched:
        monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    paths = [put_thread(home, number) for number in range(3)]
    with threadlog.open(home, freshness_s=ALLOWED_S) as opened, Other() as other:
        assert opened.catch_up()
        assert sizes(opened, sort) == on_disk(home)
        if watched:
            _until(lambda: sizes(opened, sort) is not None and watching(opened), 5)
            sizes(opened, sort)
        for kind, path in [("append", paths[1]), ("copy", paths[1]), ("remove", paths[2])]:
            other.do(kind, path)
            _until(lambda: sizes(opened, sort) == on_disk(home), BOUND_S)


def watching(home: Home) -> bool:
    """True once the file system tells of changes."""
    return home.store.catalog._watcher.watching  # type: ignore[attr-defined, no-any-return]


@pytest.mark.codex("C136")
def test_behind_the_watcher_no_rollout_is_looked_at_that_did_not_change(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        put_thread(home, number)
    with threadlog.open(home, freshness_s=2) as opened:
        assert opened.catch_up()
        _until(lambda: len(opened.threads(sort="updated")) == 20 and watching(opened), 5)
        opened.threads(sort="updated")
        looked: list[bytes] = []
        lstat = os.lstat

        def counted(path: str | bytes) -> os.stat_result:
            looked.append(os.fsencode(path))
            return lstat(path)

        monkeypatch.setattr(os, "lstat", counted)
        opened.threads(sort="updated")
        assert not [path for path in looked if b"rollout-" in path]


def test_a_folder_that_comes_later_is_watched_too(home: Path) -> None:
    put_thread(home, 1)
    with threadlog.open(home, freshness_s=ALLOWED_S) as opened:
        assert opened.catch_up()
        _until(lambda: len(opened.threads()) == 1 and watching(opened), 5)
        put_thread(home, 2, folder="archived_sessions")
        _until(lambda: len(opened.threads(archived=True)) == 1, BOUND_S)


def test_in_the_background_everything_is_read_to_its_end(home: Path) -> None:
    for number in range(30):
        put_thread(home, number)
    with threadlog.open(home, background=True) as opened:
        opened.threads()
        _until(lambda: opened.index_status().scanned == 30, 20)
        put_thread(home, 30)
        assert [thread.scanned for thread in opened.threads(limit=1)] == [False]
        _until(lambda: opened.index_status().scanned == 31, 20)
    put_thread(home, 31)
    time.sleep(0.3)
    assert opened.index_status().scanned == 31  # nobody reads any more


@pytest.mark.codex("C229")
def test_a_recorded_thread_is_listed_once_it_is_on_disk_and_not_before(home: Path) -> None:
    opened = threadlog.open(home)
    assert opened.catch_up() or not opened.threads()
    with opened.start(cwd=".") as thread:
        assert not opened.threads()
        thread.turn("hello").__enter__()
        thread.flush()
        assert [each.title for each in opened.threads()] == ["hello"]
        assert [each.title for each in opened.threads(sort="updated", text="HELLO")] == ["hello"]


def test_what_the_middle_of_a_rollout_says_anew_counts_once_it_was_read(home: Path) -> None:
    path = put_thread(home, 1, text="first words")
    extra = [
        event("thread_name_updated", thread_id=uuid(1), thread_name="renamed"),
        *turn("second"),
        agent("x" * 70_000),
    ]
    with path.open("ab") as file:
        file.write(content(extra) + b"{torn\n")
    opened = threadlog.open(home)
    (before,) = opened.threads()
    assert (before.name, before.turns, before.scanned) == (None, None, False)
    assert opened.catch_up()
    (after,) = opened.threads()
    assert (after.name, after.title) == ("renamed", "renamed")
    assert (after.turns, after.problems, after.memory_mode) == (3, 1, "enabled")
    with path.open("ab") as file:
        file.write(content(turn("third")))
    (grown,) = opened.threads()
    assert (grown.name, grown.turns, grown.scanned) == ("renamed", None, False)
    opened.catch_up()
    assert opened.threads()[0].turns == 4
    put_names(home, (uuid(1), "named later"))


def test_a_thread_that_builds_on_another_is_counted_with_it(home: Path) -> None:
    parent = Pages(uuid(1))
    parent.turn("one")
    parent.turn("two")
    parent.write(home)
    child = Pages(uuid(2), base=parent.end)
    child.turn("three")
    child.write(home, stamp="2026-01-02T03-04-07")
    opened = threadlog.open(home)
    assert opened.catch_up()
    assert {thread.id: thread.turns for thread in opened.threads()} == {uuid(1): 2, uuid(2): 3}


def test_progress_is_told_and_a_limit_is_kept(home: Path) -> None:
    for number in range(50):
        put_thread(home, number)
    told: list[tuple[str, int, int]] = []
    opened = threadlog.open(home)
    assert not opened.catch_up(timeout_s=0)
    assert opened.catch_up(progress=lambda *each: told.append(each))
    assert {what for what, _done, _total in told} == {"threads", "bytes"}
    assert all(0 <= done <= total for _what, done, total in told)


def test_asking_how_the_index_stands_makes_none(home: Path) -> None:
    put_thread(home, 1)
    status = threadlog.open(home).index_status()
    assert status.trouble == "there is none yet"
    assert not (home / "threadlog").exists()


def _watched(home: Path, opened: Home, count: int) -> None:
    """Wait until the file system tells of changes, and everything else was looked at."""
    _until(lambda: len(opened.threads(sort="updated")) == count and watching(opened), 5)
    opened.threads(sort="updated")


def test_behind_the_watcher_an_index_that_others_emptied_or_deleted_hides_nothing(
    home: Path,
) -> None:
    for number in range(20):
        put_thread(home, number)
    with threadlog.open(home, freshness_s=60) as opened:
        assert opened.catch_up()
        _watched(home, opened, 20)
        for _time in range(2):
            threadlog.open(home).rebuild_index()
            for sort in ("updated", "created", "recency"):
                assert len(opened.threads(sort=sort)) == 20
            shutil.rmtree(home / "threadlog")
            for sort in ("updated", "created", "recency"):
                assert len(opened.threads(sort=sort)) == 20
        assert opened.store.catalog.trouble is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["rows", "times", "all"])
@pytest.mark.parametrize("sort", ["updated", "recency", "created"])
def test_what_others_have_noted_but_not_read_yet_is_read(home: Path, sort: str, how: str) -> None:
    for number in range(20):
        put_thread(home, number, text=f"thread {number}")
    with threadlog.open(home, freshness_s=60) as opened:
        assert opened.catch_up()
        _watched(home, opened, 20)
        other = sqlite3.connect(home / "threadlog" / "index.sqlite", isolation_level=None)
        told = opened.threads(sort=sort, text="thread")
        for times in ("", ", updated_ms = NULL, recency_ms = NULL, words = NULL"):
            which = "" if how == "all" else " WHERE id % 3 = 0"
            other.execute(f"UPDATE threads SET row = NULL{times if how != 'rows' else ''}{which}")
            assert opened.threads(sort=sort, text="thread").threads == told.threads
            other.execute(f"UPDATE threads SET row = NULL{times if how != 'rows' else ''}{which}")
            assert opened.count(text="thread") == 20
            assert len(opened.threads(sort=sort, archived=None)) == 20
            other.execute(f"UPDATE threads SET row = NULL{times if how != 'rows' else ''}{which}")
            index = opened.store.catalog._index  # type: ignore[attr-defined]
            assert index.counts([query_of({"text": "thread"})], swept=True) == [20]
        other.close()


def test_a_root_that_another_took_the_place_of_is_watched(home: Path) -> None:
    put_thread(home, 1)
    with threadlog.open(home, freshness_s=ALLOWED_S) as opened:
        assert opened.catch_up()
        _watched(home, opened, 1)
        shutil.move(home / "sessions", home / "old")
        put_thread(home, 2)
        _until(lambda: [each.id for each in opened.threads()] == [uuid(2)], BOUND_S)
        _watched(home, opened, 1)
        put_thread(home, 3)
        _until(lambda: len(opened.threads()) == 2, BOUND_S)


def test_what_the_watcher_does_not_tell_is_found_all_the_same(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put_thread(home, 1)
    with threadlog.open(home, freshness_s=2) as opened:
        assert opened.catch_up()
        _watched(home, opened, 1)
        monkeypatch.setattr(Watcher, "take", lambda _self: set())
        path.write_bytes(path.read_bytes() + content([agent("more")]))
        assert sizes(opened, "updated") != on_disk(home)
        monkeypatch.setattr(catalog, "SWEEP_EVERY_S", 0.0)
        assert sizes(opened, "updated") == on_disk(home)


def test_a_limit_of_time_holds_for_every_part_of_the_work(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        put_thread(home, number, folder=f"sessions/2026/01/{number + 1:02}")
    monkeypatch.setattr(tree, "SLICE_S", 0.0)
    monkeypatch.setattr(contents, "SLICE_S", 0.0)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > limit

    limit = 10_000
    files = local_store(str(home))
    assert files.catalog.catch_up(stop, lambda *_told: None)
    every = asked
    shutil.rmtree(home / "threadlog")
    for limit in range(every * 2 // 3):  # what changed just before is read twice
        asked = 0
        assert not local_store(str(home)).catalog.catch_up(stop, lambda *_told: None)
        assert asked <= limit + 4  # it is done with what it was told in the middle of
        assert len(threadlog.open(home).threads(text="hello")) == 12
        shutil.rmtree(home / "threadlog", ignore_errors=True)


def test_how_the_index_stands_is_told_while_it_is_built(home: Path) -> None:
    for number in range(5):
        put_thread(home, number)
    opened = threadlog.open(home)
    told: list[int] = []

    def ask_elsewhere(*_told: object) -> None:
        worker = threading.Thread(target=lambda: told.append(opened.index_status().threads))
        worker.start()
        worker.join(10)

    assert opened.catch_up(progress=ask_elsewhere)
    assert told
    assert told[-1] == 5


@pytest.mark.parametrize("watched", [True, False])
def test_what_this_process_did_itself_is_in_the_very_next_answer(
    home: Path, watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not watched:
        monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    put_thread(home, 1)
    with threadlog.open(home, freshness_s=60) as opened:
        assert opened.catch_up()
        if watched:
            _until(lambda: sizes(opened, "updated") is not None and watching(opened), 5)
        for sort in ("created", "updated"):
            opened.threads(sort=sort)  # what may be told again for a minute
            thread = opened.start("/desk/x")
            with thread.turn("Q") as turn:
                turn.say("A")
            assert sizes(opened, sort) == on_disk(home)
            with thread.turn("R") as turn:
                turn.say("B" * 1000)
            assert sizes(opened, sort) == on_disk(home)
            thread.close()
            opened.rename(thread.id, "it")
            assert opened.threads(sort=sort, text="it")[0].name == "it"
            opened.archive(thread.id)
            assert sizes(opened, sort) == on_disk(home)
            assert [each.id for each in opened.threads(sort=sort, archived=True)] == [thread.id]
            opened.unarchive(thread.id)
            assert thread.id in sizes(opened, sort)
            opened.delete(thread.id)
            assert thread.id not in sizes(opened, sort)
            opened.restore(thread.id)
            assert thread.id in sizes(opened, sort)
            opened.delete(thread.id)
            opened.purge(thread.id)
