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
from threadlog.ui import upkeep
from threadlog.ui.pages import Choice, ThreadPages

COUNT = 12


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
