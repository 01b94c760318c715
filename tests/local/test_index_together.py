"""Several at work with one index, and callers who are interrupted: nothing is hidden."""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import sqlite3
import sys
import threading
import time
import weakref
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import threadlog
from ended_processes import forked
from makers import (
    agent,
    content,
    event,
    file_name,
    meta,
    put,
    put_names,
    put_thread,
    turn,
    uuid,
)
from threadlog.connect import local_store
from threadlog.core import query
from threadlog.core.query import ThreadQuery
from threadlog.local.index import contents, scanner, tree, upkeep
from threadlog.local.index.trouble import Unusable
from threadlog.local.store import LocalStore
from threadlog.local.watch import Watcher

ALL = ThreadQuery(limit=None, text="", archived=None)


def never() -> bool:
    """Nobody wants it to stop."""
    return False


def untold(*_told: object) -> None:
    """Nobody wants to know."""


def many(home: Path) -> int:
    """Threads in many folders that did not change for long; returns how many."""
    for number in range(24):
        put_thread(home, number, folder=f"sessions/2026/{number % 4 + 1:02}/{number + 1:02}")
    return 24


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each transaction does one thing; every folder counts as unchanged since long."""
    monkeypatch.setattr(tree, "SLICE_S", 0.0)
    monkeypatch.setattr(contents, "SLICE_S", 0.0)
    monkeypatch.setattr(tree, "UNSETTLED_NS", -(1 << 62))


def ids(store: LocalStore, wanted: ThreadQuery = ALL) -> list[str | None]:
    """What a listing says, which the files must say too."""
    page = store.catalog.page(wanted)
    assert [each.id for each in page] == [each.id for each in store.files.page(wanted)]
    return [each.id for each in page]


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("ahead", [1, 2, 3, 5, 9])
def test_two_first_looks_at_once_hide_no_folder(
    home: Path, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = many(home)
    asked = iter(range(10_000))
    other = local_store(str(home))
    look_at_some = tree.Tree._look_at_some

    def others_first(self: tree.Tree, *words: Any) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(tree.Tree, "_look_at_some", look_at_some)
            end = next(asked) + ahead
            steps = itertools.count()
            other.catalog._connections.kept.look(lambda: next(steps) >= end)
        look_at_some(self, *words)

    monkeypatch.setattr(tree.Tree, "_look_at_some", others_first)
    store = local_store(str(home))
    assert len(ids(store)) == count
    assert store.catalog.trouble is None


@pytest.mark.usefixtures("slices")
def test_an_index_emptied_in_the_middle_of_a_look_is_whole_afterwards(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = many(home)
    look_at_some = tree.Tree._look_at_some
    for moment in range(1, 30, 3):
        looks = itertools.count(1)

        def emptied(self: tree.Tree, *words: Any, looks: Any = looks, moment: int = moment) -> None:
            if next(looks) == moment:
                assert local_store(str(home)).catalog.rebuild()
            look_at_some(self, *words)

        with monkeypatch.context() as patched:
            patched.setattr(tree.Tree, "_look_at_some", emptied)
            local_store(str(home)).catalog.catch_up(never, untold)
            assert len(local_store(str(home)).catalog.page(ALL)) == count
        store = local_store(str(home))
        assert len(ids(store)) == count
        assert store.catalog.catch_up(never, untold, check=True)
        assert store.catalog.trouble is None
        shutil.rmtree(home / "threadlog")


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("check", [True, False])
def test_emptied_and_filled_by_one_who_knew_it(home: Path, check: bool) -> None:
    opened = threadlog.open(home)
    count = many(home)
    for _time in range(3):
        assert opened.catch_up(check=check)
        assert opened.index_status().scanned == count
        assert opened.rebuild_index()


def test_what_is_looked_for_while_others_empty_the_index_is_found(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_thread(home, 1)
    opened = threadlog.open(home)
    assert opened.catch_up()
    look = upkeep.Index.look

    def look_and_lose(self: upkeep.Index, *words: Any, **more: Any) -> bool:
        told = look(self, *words, **more)
        monkeypatch.setattr(upkeep.Index, "look", look)
        assert threadlog.open(home).rebuild_index()
        return told

    for find in (opened.get, opened.why, lambda each: opened.threads(text="hello")[0]):
        monkeypatch.setattr(upkeep.Index, "look", look_and_lose)
        assert find(uuid(1))
    assert opened.count() == 1


@pytest.mark.parametrize("moment", ["scan", "read"])
def test_a_name_that_is_given_while_others_read_is_borne(
    home: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        put_thread(home, number)
    opened = threadlog.open(home)
    room, name = (scanner, "scan") if moment == "scan" else (contents.Reader, "read")
    real: Any = getattr(room, name)
    given: list[int] = []

    def and_named(*words: Any, **more: Any) -> Any:
        told = real(*words, **more)
        if not given:
            given.append(1)
            put_names(home, (uuid(1), "NEW"))
            if moment == "scan":
                assert "NEW" in [each.name for each in opened.threads(sort="recency")]
        return told

    if moment == "scan":
        opened.threads(text="")
    monkeypatch.setattr(room, name, and_named)
    assert opened.catch_up()
    for _time in range(2):
        assert [each.name for each in opened.threads(sort="recency")].count("NEW") == 1
        assert len(threadlog.open(home).threads(text="new")) == 1


class Interrupting:
    """Raises KeyboardInterrupt as that function of the index's code begins, or goes on.

    There Python looks for signals, among other places.
    """

    def __init__(self, number: int) -> None:
        self._left = number

    def __call__(self, frame: FrameType, _kind: str, _value: object) -> None:
        if f"local{os.sep}index{os.sep}" in frame.f_code.co_filename:
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt

    @property
    def calls(self) -> int:
        """How many it has seen."""
        return -self._left


def test_wherever_a_caller_is_interrupted_the_next_answers_are_whole(home: Path) -> None:
    for number in range(3):
        put_thread(home, number)
    opened = threadlog.open(home)

    def ask(interrupting: Interrupting) -> None:
        path = put_thread(home, 7)
        before = sys.gettrace()
        sys.settrace(interrupting)
        try:
            opened.threads(sort="updated", text="hello")
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        told: list[int] = []
        other = threading.Thread(
            target=lambda: told.append(len(opened.threads(sort="updated", text="hello"))),
            daemon=True,
        )
        other.start()
        other.join(10)
        assert told == [4], interrupting.calls
        assert opened.store.catalog.trouble is None  # type: ignore[attr-defined]
        writer = sqlite3.connect(home / "threadlog" / "index.sqlite", timeout=0)
        writer.execute("BEGIN IMMEDIATE")  # nobody left a transaction open
        writer.close()
        path.unlink()
        assert len(opened.threads(sort="updated", text="hello")) == 3

    ask(whole := Interrupting(0))
    assert whole.calls > 100
    for number in range(1, whole.calls, 3):
        ask(Interrupting(number))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE threads SET row = '{\"broken'",
        "UPDATE threads SET row = '[1, 2]'",
        "UPDATE threads SET row = x'ff00'",
        "UPDATE threads SET updated_ms = NULL",
        "UPDATE threads SET key = 'zz' || id",
        "UPDATE threads SET stamp = NULL",
        "UPDATE threads SET rollout = 99, row = NULL WHERE id = 1",
        "UPDATE threads SET scan = '{', scan_told = '{'",
        "UPDATE threads SET scan_told = '[1, 2]'",
        "UPDATE threads SET scan_at = 'x'",
        "UPDATE folders SET parent = id",
        "UPDATE folders SET path = NULL",
        "UPDATE rollouts SET name = x'2e2e'",
        "UPDATE noticed SET count = 'x'",
        "DROP TABLE threads",
    ],
)
def test_nonsense_in_the_index_changes_no_answer(home: Path, statement: str) -> None:
    paths = [put_thread(home, 1), put_thread(home, 2, folder="sessions/2026/01/03")]
    assert threadlog.open(home).catch_up()
    other = sqlite3.connect(home / "threadlog" / "index.sqlite")
    other.execute(statement)
    other.commit()
    other.close()
    with paths[0].open("ab") as file:
        file.write(b"\n")
    put_thread(home, 3, folder="sessions/2026/01/03")
    for sort in query.SORTS:
        assert len(ids(local_store(str(home)), ThreadQuery(sort=sort))) == 3
        assert len(ids(local_store(str(home)), ALL._replace(sort=sort))) == 3
    store = local_store(str(home))
    store.catalog.catch_up(never, untold, check=True)
    store.catalog.status()
    for sort in query.SORTS:
        assert len(ids(local_store(str(home)), ALL._replace(sort=sort))) == 3


def test_an_edit_that_gives_the_old_times_back_is_noticed(home: Path) -> None:
    path = put_thread(home, 1)
    named = event("thread_name_updated", thread_id=uuid(1), thread_name="AAAA")
    filler = content([turn("x" * 9000)[1]])
    path.write_bytes(path.read_bytes() + filler + content([named]) + filler)
    os.utime(path, (5, 5))
    time.sleep(0.03)  # longer than what changed a moment before is distrusted
    opened = threadlog.open(home)
    assert opened.catch_up()
    assert opened.threads()[0].name == "AAAA"
    data = path.read_bytes().replace(b"AAAA", b"BBBB")
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, (5, 5))
    assert opened.catch_up()
    assert opened.threads()[0].name == "BBBB"


def test_a_copy_that_is_no_rollout_is_alone(home: Path) -> None:
    path = put_thread(home, 1)
    put(home, path.read_bytes(), "backup.jsonl", "archived_sessions")
    put(home, content([meta(uuid(2)), *turn("hello")]), "backup.jsonl")
    store = local_store(str(home))
    assert store.catalog.catch_up(never, untold)
    for copy in ("archived_sessions/backup.jsonl", "sessions/2026/01/02/backup.jsonl"):
        by_index = store.catalog.find(str(home / copy))
        by_files = store.files.find(str(home / copy))
        assert by_index == by_files
        assert (by_index.rollouts, by_index.path) == (1, str(home / copy))


def test_a_home_behind_a_link_is_told_by_its_own_name(home: Path, tmp_path: Path) -> None:
    path = put_thread(home, 1)
    link = tmp_path / "link"
    link.symlink_to(home)
    for each in (local_store(str(link)).files, local_store(str(link)).catalog):
        found = each.find(str(path))
        assert found.path == str(link / path.relative_to(home))
        assert found.codex_hides is None


def test_many_rollouts_of_one_thread_are_read_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadlog.local import inventory

    name = f"rollout-2026-01-02T03-04-05-{uuid(1)}"
    data = content([meta(uuid(1)), *turn("hello")])
    for number in range(40):
        put(home, data, f"{name}_{uuid(100 + number)}.jsonl")
    read: list[str] = []
    real = inventory._read_head

    def counted(path: str, *words: Any) -> Any:
        read.append(path)
        return real(path, *words)

    monkeypatch.setattr(inventory, "_read_head", counted)
    opened = threadlog.open(home)
    assert len(opened.threads(text="hello")) == 1
    assert len(read) <= 3 * 40
    assert opened.store.catalog.trouble is None  # type: ignore[attr-defined]


def test_a_home_that_is_dropped_watches_no_more(home: Path) -> None:
    put_thread(home, 1)
    before = set(threading.enumerate())
    opened = threadlog.open(home, freshness_s=2)
    opened.threads(text="hello")
    (watching,) = set(threading.enumerate()) - before
    catalog = weakref.ref(opened.store.catalog)
    del opened
    gc.collect()
    assert catalog() is None, gc.get_referrers(catalog())
    watching.join(30)
    assert not watching.is_alive()


@pytest.mark.parametrize("how", ["touched", "grown", "edited"])
def test_what_others_note_while_a_rollout_is_read_is_not_overwritten(
    home: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put_thread(home, 1)
    filler = content([turn("x" * 9000)[1]])
    path.write_bytes(path.read_bytes() + filler + content([agent("AAAA")]) + filler)
    put_thread(home, 2)
    opened, other = threadlog.open(home), threadlog.open(home)
    opened.threads(text="")
    real: Any = scanner.__dict__["scan"]
    done: list[int] = []

    def and_changed(*words: Any) -> Any:
        told = real(*words)
        if not done and words[1].id == uuid(1):
            done.append(1)
            data = path.read_bytes()
            if how == "grown":
                data += content([agent("more")])
            if how == "edited":
                data = data.replace(content([agent("AAAA")]), b"not a line" + b" " * 10 + b"\n")
            path.write_bytes(data)
            os.utime(path, (1e9, 1e9))
            other.threads(sort="updated", text="")
        return told

    monkeypatch.setattr(scanner, "scan", and_changed)
    assert opened.catch_up()
    assert opened.catch_up()
    assert done
    told = {each.id: each for each in opened.threads(sort="updated", text="")}[uuid(1)]
    assert told.updated == "2001-09-09T01:46:40.000Z"
    assert told.size_bytes == path.stat().st_size
    assert (told.scanned, told.problems) == (True, 1 if how == "edited" else 0)


def test_one_who_was_slower_does_not_trust_what_is_older(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"rollout-2026-01-02T03-04-05-{uuid(1)}"
    paths = [
        put(home, content([meta(uuid(1)), *turn("hello")]), f"{name}{end}.jsonl", folder)
        for end, folder in (("", "sessions/2026/01/02"), (f"_{uuid(9)}", "sessions/2026/01/03"))
    ]
    opened, other = threadlog.open(home), threadlog.open(home)
    assert opened.catch_up()
    refresh = contents.Reader.refresh
    done: list[int] = []

    def others_first(self: contents.Reader, *words: Any) -> None:
        if not done:
            done.append(1)
            paths[0].write_bytes(paths[0].read_bytes() + b"\n")
            other.threads(sort="updated", text="")
        refresh(self, *words)

    for path in paths:
        path.write_bytes(path.read_bytes() + content([agent("more")]))
    monkeypatch.setattr(contents.Reader, "refresh", others_first)
    for _time in range(2):
        (told,) = opened.threads(sort="updated", text="")
        assert told.size_bytes == paths[1].stat().st_size


def test_a_fork_that_was_read_before_what_it_builds_on_is_read_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = put(home, content([meta(uuid(1), history_mode="paginated")]), file_name(uuid(1)))
    built_on = {"thread_id": uuid(1), "end_ordinal_exclusive": 9}
    put(
        home,
        content([meta(uuid(2), history_base=built_on, forked_from_id=uuid(1))]),
        file_name(uuid(2), stamp="2026-01-02T05-04-05"),
    )
    monkeypatch.setattr(contents, "SLICE_S", 0.0)
    read = contents.Reader.read
    done: list[int] = []

    def and_changed(self: contents.Reader, connection: Any, key: bytes, *words: Any) -> None:
        read(self, connection, key, *words)
        if not done and key == uuid(2).encode():
            done.append(1)
            base.write_bytes(base.read_bytes() + content(turn("first words")))

    monkeypatch.setattr(contents.Reader, "read", and_changed)
    store = local_store(str(home))
    store.catalog.page(ALL)
    assert done
    told = {each.id: each.preview for each in store.catalog.page(ALL)}
    assert told == {each.id: each.preview for each in store.files.page(ALL)}


@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError, AttributeError, OSError])
def test_what_a_callers_function_raises_is_the_callers(home: Path, error: type[Exception]) -> None:
    put_thread(home, 1)
    opened = threadlog.open(home)
    assert opened.catch_up()
    put_thread(home, 2)

    def fails(*_told: object) -> None:
        raise error("own")

    with pytest.raises(error, match="own"):
        opened.catch_up(progress=fails)
    opened.tell_progress(fails)
    put_thread(home, 3)
    with pytest.raises(error, match="own"):
        opened.threads(text="", sort="updated")
    assert opened.index_status().threads == 3


def test_two_zones_at_once_tell_each_its_own_times(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, b"damaged\n", file_name(uuid(7), stamp="2026-01-02T12-00-00"))
    stores = [local_store(str(home)), local_store(str(home))]

    def ask(number: int, zone: str, *, swept: bool) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        if swept:
            told = [each.created for each in stores[number].catalog.page(ALL)]
            assert told == [each.created for each in stores[number].files.page(ALL)]
        else:
            stores[number].catalog._index.look()

    try:
        ask(0, "UTC", swept=True)
        ask(1, "Asia/Tokyo", swept=False)
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        with pytest.raises(Unusable, match="zone"):
            stores[0].catalog._index.counts([ALL], swept=True)
        ask(1, "Asia/Tokyo", swept=True)
        ask(0, "UTC", swept=True)
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_watcher_is_closed_in_a_child_whatever_its_parent_was_at(home: Path) -> None:
    put_thread(home, 1)
    watcher = Watcher(str(home))
    watcher.take()
    with watcher._lock:
        child = forked(lambda _tell: watcher.close())
        assert os.waitpid(child.pid, 0)[1] == 0
    os.close(child.acks)
    watcher.close()
