"""Listings that nobody waits for any more: given up while much is read, and whole the next time."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import put_thread, uuid
from threadlog.errors import GivenUp
from threadlog.home import Home
from threadlog.local import files
from threadlog.local.search.plans import Planner
from threadlog.local.search.scanning import Scan
from threadlog.ui import upkeep
from threadlog.ui.pages import Choice, ThreadPages

COUNT = 12
SAID = 2 * COUNT  # by user and agent


@pytest.fixture(params=["an index", "no index"])
def opened(home: Path, request: pytest.FixtureRequest) -> Home:
    """A home of a few threads that nothing was read of yet."""
    for number in range(COUNT):
        put_thread(home, number, text=f"thread {number}")
    opened = threadlog.open(home)
    if request.param == "no index":
        (home / "threadlog").write_bytes(b"in the way of a folder")
        store: Any = opened.store
        store._cache = None
    return opened


def after(calls: int) -> Any:
    """Asked so often, it says that nobody waits any more; and from then on."""
    asked = itertools.count()
    return lambda: next(asked) >= calls


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_a_count_and_a_page_are_given_up_and_whole_the_next_time(opened: Home, calls: int) -> None:
    with pytest.raises(GivenUp):
        opened.count(text="thread", stop=after(calls))
    with pytest.raises(GivenUp):
        opened.threads(text="thread", stop=after(calls))
    assert opened.count(text="thread") == COUNT
    assert [each.id for each in opened.threads(text="thread 1", sort="created")] == [
        uuid(number) for number in (11, 10, 1)
    ]


@pytest.mark.parametrize("calls", [0, 1, 3])
def test_a_tree_is_given_up_and_whole_the_next_time(opened: Home, calls: int) -> None:
    with pytest.raises(GivenUp):
        opened.tree(uuid(1), stop=after(calls))
    with pytest.raises(GivenUp):
        opened.tree(limit=3, stop=after(calls))
    assert [each.id for each in opened.tree(uuid(1)).roots] == [uuid(1)]


def test_who_waits_gets_the_answer(opened: Home) -> None:
    assert opened.count(text="thread", stop=lambda: False) == COUNT
    assert len(opened.threads(text="thread", stop=lambda: False)) == COUNT


def test_the_full_screen_gives_up_what_it_reads_of_the_list(opened: Home) -> None:
    pages = ThreadPages(Choice(text="thread"))
    for work in (
        lambda: pages.count(opened, after(0)),
        lambda: pages.fetch(opened, 0, after(0)),
        lambda: upkeep.watched(opened, after(0)),
    ):
        with pytest.raises(GivenUp):
            work()
    assert pages.count(opened, lambda: False) == COUNT


@pytest.mark.parametrize("exact", [False, True])
def test_a_search_is_given_up_before_the_home_was_read(
    opened: Home, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    read = []
    opening = files.RolloutFile.__init__

    def counted(self: files.RolloutFile, path: str, **asked: Any) -> None:
        if "/sessions/" in path:
            read.append(path)
        opening(self, path, **asked)

    monkeypatch.setattr(files.RolloutFile, "__init__", counted)
    with pytest.raises(GivenUp):
        opened.search("thread", exact=exact, stop=after(0))
    assert not read
    assert len(opened.search("thread", exact=exact)) == SAID


@pytest.mark.parametrize("error", [TypeError, KeyError, AttributeError, ValueError])
def test_what_a_callers_own_stop_raises_is_its_own_and_harms_no_index(
    home: Path, error: type[Exception]
) -> None:
    for number in range(COUNT):
        put_thread(home, number, text=f"thread {number}")

    def stop() -> bool:
        raise error("mine")

    with threadlog.open(home) as opened:
        assert opened.catch_up_search()
        for ask in (
            lambda: opened.threads(text="thread", stop=stop),
            lambda: opened.count(text="thread", stop=stop),
            lambda: opened.search("thread", stop=stop),
            lambda: opened.search_status(stop=stop),
        ):
            with pytest.raises(error, match="mine"):
                ask()
    with threadlog.open(home) as opened:
        status = opened.search_status()
        assert (status.threads, status.unread, status.passages) == (COUNT, 0, SAID)
        assert opened.index_status().threads == COUNT


@pytest.mark.parametrize("name", ["index.sqlite", "search.sqlite"])
def test_a_damaged_index_is_made_anew_at_once(home: Path, name: str) -> None:
    put_thread(home, 1, text="barge " + " ".join(f"word{n}" for n in range(3000)))
    with threadlog.open(home) as opened:
        assert opened.catch_up_search()
    file = home / "threadlog" / name
    whole = file.read_bytes()
    for each in file.parent.glob(f"{name}-*"):
        each.unlink()
    file.write_bytes(whole[:8192] + bytes(range(256)) * ((len(whole) - 8192) // 256))
    with threadlog.open(home) as opened:
        assert opened.rebuild_search() if name == "search.sqlite" else opened.rebuild_index()
        assert len(opened.search("barge")) == 2


def test_a_search_plans_what_it_reads_thread_by_thread(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(COUNT):
        put_thread(home, number, text=f"thread {number}")
    monkeypatch.setattr("threadlog.local.search.words.READ_AT_ONCE_BYTES", -1)
    monkeypatch.setattr("threadlog.local.search.words.READ_FOR_S", -1)
    done: list[str] = []

    def noted(where: Any, name: str) -> None:
        doing = getattr(where, name)

        def call(*words: Any) -> Any:
            done.append(name)
            return doing(*words)

        monkeypatch.setattr(where, name, call)

    noted(Planner, "plans")
    noted(Scan, "read")
    assert len(threadlog.open(home).search("thread")) == SAID
    assert done == ["plans", "read"] * COUNT
