"""Pages of turns, in either direction, are the thread's turns, at the cost of what they show."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import threadlog
from makers import THREAD, Pages, agent, completed, content, event, line, meta, put, started, user
from threadlog import BadCursor
from threadlog.core.boundaries import Spot
from threadlog.local.reading import LocalRollouts
from threadlog.paging import Anchor, TurnPage, newer, older
from threadlog.reader import ThreadReader


def reader_of(home: Path) -> ThreadReader:
    opened = threadlog.open(home)
    return opened.reader(opened.get(THREAD))


def ids(page: TurnPage) -> list[str]:
    return [turn.id for turn in page.turns]


def all_pages(reader: ThreadReader, limit: int, *, back: bool) -> list[str]:
    """The turns of every page, following the cursors."""
    found: list[str] = []
    anchor: Anchor | None = None
    while True:
        page = older(reader, anchor, limit) if back else newer(reader, anchor, limit)
        found += ids(page)
        if page.next is None:
            return found
        assert len(page.turns) == limit
        anchor = page.next


def put_legacy(home: Path, text: str) -> None:
    """T a turn, R a rollback, L an ending that comes late, S a turn whose start is not recorded."""
    raws, numbers = [meta()], count()
    late: list[bytes] = []
    for letter in text:
        number = next(numbers)
        if letter == "R":
            raws.append(event("thread_rolled_back", num_turns=1 + number % 3))
        elif letter == "S":
            raws += [user(f"u{number}"), agent("yes")]
        else:
            name = f"turn-of-{number}"
            raws += [started(name), user(f"u{number}"), agent("yes"), *late]
            late = [completed(name)] if letter == "L" else []
            if letter == "T":
                raws.append(completed(name))
    put(home, content([*raws, *late]))


def put_paginated(home: Path, names: str) -> None:
    pages = Pages(THREAD)
    for number, _letter in enumerate(names):
        pages.turn(f"turn-of-{number}")
    pages.write(home)


def check(home: Path, limit: int) -> None:
    reader = reader_of(home)
    whole = [turn.id for turn in reader.turns()]
    assert all_pages(reader, limit, back=True) == whole[::-1]
    assert all_pages(reader, limit, back=False) == whole
    # From any turn, with it or without, in both directions, from anchors that say nothing more.
    for place, name in enumerate(whole):
        for include in (True, False):
            anchor = Anchor(name, include)
            before = whole[: place + include][::-1]
            assert ids(older(reader, anchor, limit)) == before[:limit]
            after = whole[place + (not include) :]
            assert ids(newer(reader, anchor, limit)) == after[:limit]
    # The way back from each page begins with its first turn.
    page = older(reader, None, limit)
    while page.turns:
        assert page.previous is not None
        back = newer(reader, page.previous, limit)
        assert ids(back) == whole[whole.index(page.turns[0].id) :][:limit]
        if page.next is None:
            break
        page = older(reader, page.next, limit)


@settings(deadline=None, max_examples=120)
@given(st.text("TTTTLR", max_size=40), st.integers(1, 12))
def test_pages_of_a_legacy_thread_are_its_turns(
    tmp_path_factory: pytest.TempPathFactory, text: str, limit: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    put_legacy(home, text)
    check(home, limit)


@settings(deadline=None, max_examples=30)
@given(st.text("TSR", max_size=15), st.integers(1, 6))
def test_pages_where_starts_are_not_recorded_are_the_turns(
    tmp_path_factory: pytest.TempPathFactory, text: str, limit: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    put_legacy(home, text)
    check(home, limit)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 30), st.integers(1, 12))
def test_pages_of_a_paginated_thread_are_its_turns(
    tmp_path_factory: pytest.TempPathFactory, turns: int, limit: int
) -> None:
    home = tmp_path_factory.mktemp("home")
    put_paginated(home, "T" * turns)
    check(home, limit)


@pytest.mark.parametrize("paginated", [True, False])
def test_pages_go_over_the_rollouts_that_a_fork_builds_on(home: Path, paginated: bool) -> None:
    mode = "paginated" if paginated else "legacy"
    with threadlog.open(home) as opened:
        thread = opened.start("/desk/x", history_mode=mode)
        for number in range(30):
            with thread.turn(f"q{number}") as turn:
                turn.say("a")
        fork = thread.fork()
        for number in range(30, 45):
            with fork.turn(f"q{number}") as turn:
                turn.say("a")
        reader = opened.reader(fork.summary())
        whole = [turn.id for turn in reader.turns()]
        assert len(whole) == 45
        assert all_pages(reader, 7, back=True) == whole[::-1]
        assert all_pages(reader, 7, back=False) == whole


def test_a_turn_that_is_not_there_any_more_is_said(home: Path) -> None:
    put_legacy(home, "TTR")
    reader = reader_of(home)
    for turn_to in (older, newer):
        with pytest.raises(BadCursor, match="no longer present"):
            turn_to(reader, Anchor("nope", include=True), 5)


@pytest.mark.parametrize("spot", [Spot(0, 5), Spot(0, 10**9), Spot(7, 0)])
def test_a_place_that_says_nothing_about_the_thread_costs_no_turn(home: Path, spot: Spot) -> None:
    put_legacy(home, "T" * 30)
    reader = reader_of(home)
    whole = [turn.id for turn in reader.turns()]
    anchor = Anchor(whole[20], include=False, end=spot, start=spot)
    assert ids(older(reader, anchor, 5)) == whole[15:20][::-1]
    assert ids(newer(reader, anchor, 5)) == whole[21:26]


def test_an_empty_thread_has_an_empty_page(home: Path) -> None:
    put(home, content([meta(), line("turn_context", {"cwd": "/x"})]))
    for page in (older(reader_of(home), None, 5), newer(reader_of(home), None, 5)):
        assert page == TurnPage((), None, None)


@pytest.mark.parametrize("back", [True, False])
def test_every_page_costs_what_it_shows(
    home: Path, back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_legacy(home, "T" * 400)
    reader = reader_of(home)
    frames = [0]
    for name in ("read", "read_backwards"):
        original = getattr(LocalRollouts, name)

        def counted(*args: object, original: object = original) -> object:
            for frame in original(*args):  # type: ignore[operator]
                frames[0] += 1
                yield frame

        monkeypatch.setattr(LocalRollouts, name, counted)
    costs = []
    anchor: Anchor | None = None
    while True:
        frames[0] = 0
        page = older(reader, anchor, 10) if back else newer(reader, anchor, 10)
        costs.append(frames[0])
        if page.next is None:
            break
        anchor = page.next
    assert len(costs) == 40
    assert max(costs) < 4 * 40  # lines of a turn, times turns: the page, and those about it
