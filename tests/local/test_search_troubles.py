"""Searches while files are replaced, damaged, moved or shut away: complete, or it is said."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from test_search_edges import count, ids, index_of, lately, opened, rollout, said

import threadlog
from makers import file_name, put, uuid
from threadlog import Home
from threadlog.core import passages
from threadlog.errors import GivenUp, Unreadable
from threadlog.local import files
from threadlog.local.index.contents import UNSETTLED_NS
from threadlog.local.search import builder, plans, scanning, sources, texts

__all__ = ["opened"]


def forget(home: Path, name: str) -> None:
    """Delete an index with all that belongs to it."""
    for each in (home / "threadlog").glob(f"{name}*"):
        each.unlink()


@pytest.mark.parametrize("name", ["index.sqlite", "search.sqlite"])
def test_an_index_that_is_another_file_now_is_noticed(opened: Home, home: Path, name: str) -> None:
    said(opened, "barge one")
    assert count(opened, "barge") == 1
    forget(home, name)
    said(opened, "barge two")
    assert count(opened, "barge") == 2
    assert opened.search_status().threads == 2


def test_a_word_index_that_others_began_anew_is_noticed(opened: Home, home: Path) -> None:
    for number in range(3):
        said(opened, f"barge {number}")
    assert count(opened, "barge") == 3
    forget(home, "search.sqlite")
    with threadlog.open(home) as other:
        other.catch_up_search(timeout_s=0)
    assert count(opened, "barge") == 3


def test_a_copy_counts_where_its_origin_went_before_the_index_knows(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = said(opened, "barge one", history_mode="legacy")
    with opened.fork(origin) as fork, fork.turn("barge two"):
        pass
    assert count(opened, "barge") == 2
    lately(monkeypatch)
    opened.delete(origin)
    assert count(opened, "barge") == count(opened, "arge", exact=True) == 2
    assert opened.search("barge one")[0].thread.id == fork.id
    opened.restore(origin)
    assert count(opened, "barge") == count(opened, "arge", exact=True) == 2
    assert opened.search("barge one")[0].thread.id == origin


def test_a_folder_that_cannot_be_listed_is_said(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(opened, "barge")
    monkeypatch.setattr(type(opened.store.catalog), "problems", ["cannot list x: no"])
    assert opened.search("barge").problems == ("cannot list x: no",)


def test_a_rollout_that_could_not_be_read_is_tried_again(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, rollout("barge"))
    with monkeypatch.context() as broken:
        for module in (builder, plans):
            broken.setattr(module, "open_rollout", refuse)
        assert len(opened.search("barge")) + len(opened.search("barge").problems) >= 1
    assert count(opened, "barge") == 1
    assert opened.search("barge").problems == ()


def refuse(path: str) -> Any:
    raise Unreadable(f"cannot read {path}: too many open files")


def test_facts_that_were_not_settled_are_settled_later(opened: Home, home: Path) -> None:
    path = put(home, rollout("barge"))
    assert count(opened, "barge") == 1
    time.sleep(2 * UNSETTLED_NS / 1e9)
    assert count(opened, "barge") == 1
    with closing(index_of(home)) as index:
        kept = index.execute("SELECT ctime_ns FROM sources").fetchall()
    assert kept == [(os.stat(path).st_ctime_ns,)]
    times = os.stat(path)
    path.write_bytes(path.read_bytes().replace(b"barge", b"ferry"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert count(opened, "ferry") == 1


def test_a_thread_that_moves_during_a_search_is_found(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = said(opened, "barge")
    assert count(opened, "barge") == 1
    for move in (opened.archive, opened.unarchive):
        read, moves = texts.Texts._read, [move]

        def moving(self: Any, *place: Any, moves: list[Any] = moves) -> list[str]:
            while moves:
                moves.pop()(thread)
            return read(self, *place)  # noqa: B023

        with monkeypatch.context() as racing:
            racing.setattr(texts.Texts, "_read", moving)
            assert len(opened.search("barge")) == 1
        assert count(opened, "barge") == 1


def test_a_thread_that_goes_during_a_search_is_said(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(opened, "barge")
    assert count(opened, "barge") == 1
    with monkeypatch.context() as gone:
        gone.setattr(texts, "open_rollout", refuse)
        page = opened.search("barge")
    assert (len(page), len(page.problems)) == (0, 1)


def test_facts_that_nobody_has_taken_yet_are_none(opened: Home, home: Path) -> None:
    said(opened, "barge")
    assert count(opened, "barge") == 1
    with closing(sqlite3.connect(home / "threadlog" / "index.sqlite")) as index:
        index.execute("UPDATE rollouts SET size = -1, mtime_ns = NULL, inode = NULL")
        index.row_factory = None
        index.execute("ATTACH ? AS words", (str(home / "threadlog" / "search.sqlite"),))
        found = index.execute("SELECT key FROM rollouts").fetchall()
        (each,) = sources.sources_of(index, str(home), found[0][0])
    assert each.facts[0] == -1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE vocabulary SET words = x'00'",
        "UPDATE passages SET role = 99",
        "UPDATE sources SET read_to = 'x', size = -1",
        "UPDATE sources SET path = NULL",
        "UPDATE turns SET name = x'ff'",
    ],
)
def test_a_word_index_of_nonsense_is_made_anew(opened: Home, home: Path, damage: str) -> None:
    said(opened, "the barge")
    assert count(opened, "barge") == 1
    with closing(index_of(home)) as index:
        index.execute(damage)
        index.commit()
    for _ in range(3):
        assert len(opened.search("barge")) == 1
        assert len(opened.search("he barg", exact=True)) == 1


def test_no_damage_of_the_word_index_is_an_exception(opened: Home, home: Path) -> None:
    for number in range(6):
        said(opened, f"barge {number}", "ferry " * 40)
    assert count(opened, "barge") == 6
    opened.close()
    path = home / "threadlog" / "search.sqlite"
    with closing(index_of(home)) as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = path.read_bytes()
    chance = random.Random(9)
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 60)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        forget(home, "search.sqlite")
        path.write_bytes(data)
        with threadlog.open(home) as damaged:
            damaged.search("barge")
            damaged.search("arge", exact=True)
            damaged.search_status()
            damaged.catch_up_search()


def test_much_that_is_new_gets_into_the_index_bit_by_bit(
    opened: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadlog.local.search import words

    for number in range(4):
        said(opened, f"barge {number}")
    monkeypatch.setattr(words, "READ_AT_ONCE_BYTES", 10)
    monkeypatch.setattr(words, "READ_FOR_S", 30)
    assert opened.search("barge").scanned == 0
    assert opened.search_status().unread == 0


def test_a_batch_is_of_so_many_sources(opened: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "BATCH_SOURCES", 2)
    for number in range(5):
        said(opened, f"barge {number}")
    kept: list[int] = []
    keep = builder.Builder.keep

    def keeping(self: Any) -> None:
        kept.append(len(self._told))
        keep(self)

    monkeypatch.setattr(builder.Builder, "keep", keeping)
    assert opened.catch_up_search()
    assert max(kept) == 2
    assert count(opened, "barge") == 5


def test_a_line_with_many_passages_is_read_once(
    opened: Home, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passages, "PASSAGE_CHARS", 40)
    put(home, rollout("barge and more " * 60))
    reads: list[int] = []
    read = texts.Texts._read

    def reading(self: Any, *place: Any) -> list[str]:
        reads.append(1)
        return read(self, *place)

    monkeypatch.setattr(texts.Texts, "_read", reading)
    assert len(opened.search("barge")) > 10
    assert len(reads) == 1


def test_packed_threads_count_for_about_what_they_hold(opened: Home, home: Path) -> None:
    said(opened, "ferry")
    assert count(opened, "ferry") == 1
    path = put(home, rollout("barge"), file_name(uuid(3)) + ".zst")
    opened.threads(text="")
    assert opened.search_status().unread_bytes == 8 * path.stat().st_size


def test_ids_are_never_given_twice(opened: Home, home: Path) -> None:
    thread = said(opened, "barge")
    assert count(opened, "barge") == 1
    first = ids(home)
    opened.delete(thread)
    assert count(opened, "barge") == 0
    said(opened, "barge")
    assert count(opened, "barge") == 1
    assert not set(first) & set(ids(home))


@pytest.mark.parametrize("indexed", [True, False, None])
@pytest.mark.parametrize("exact", [False, True])
def test_a_search_is_given_up_while_it_reads_and_nothing_is_left_behind(
    opened: Home,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    indexed: bool | None,
    exact: bool,
) -> None:
    for number in range(5):
        put(home, rollout("barge :: one"), file_name(uuid(number)))
    if indexed:
        opened.catch_up_search()
    elif indexed is None:
        (home / "threadlog").write_bytes(b"no folder")  # so that there is no index
    lately(monkeypatch)
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 3

    words = "::" if exact else "barge"
    read = []

    def counted(path: str) -> files.RolloutFile:
        read.append(path)
        return files.open_rollout(path)

    monkeypatch.setattr(scanning, "open_rollout", counted)
    with pytest.raises(GivenUp):
        opened.search(words, exact=exact, stop=stop)
    assert asked < 10
    assert len(read) < 5
    assert len(opened.search(words, exact=exact)) == 5
    assert len(opened.search(words, exact=exact, stop=lambda: False)) == 5
