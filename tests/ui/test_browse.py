"""The list of `threadlog ui`: there at once, filtered and searched as one types, never whole."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from screens import Seat, put_turns, sit

import threadlog
from makers import content, file_name, meta, put, put_names, put_thread, turn, uuid
from threadlog.core.search import SearchPage
from threadlog.home import Home
from threadlog.ui import browse, listing, pages
from threadlog.ui.found import Hits
from threadlog.ui.list_view import ListView
from threadlog.ui.pages import PAGE, Choice
from threadlog.ui.rows import MARKS


def put_many(home: Path, count: int) -> None:
    for number in range(count):
        stamp = f"2026-01-{1 + number // 1440:02d}T{number // 60 % 24:02d}-{number % 60:02d}-00"
        put_thread(home, number + 1, f"thread number {number:05d}", stamp=stamp)


def test_the_newest_threads_stand_first_with_directory_title_and_branch(home: Path) -> None:
    put_turns(home, 1, ["Older"])
    git = {"branch": "topic", "commit_hash": "0" * 40, "repository_url": "x"}
    raws = [meta(uuid(2), git=git), *turn("Newer")]
    put(home, content(raws), file_name(uuid(2), stamp="2026-01-02T03-04-59"))

    async def scenario(seat: Seat) -> None:
        lines = seat.lines()
        assert "/desk/project" in lines[1]
        assert "Newer" in lines[1]
        assert "topic" in lines[1]
        assert "Older" in lines[2]
        await seat.see("1 of 2 threads | by creation")

    sit(home, scenario, size=(90, 24))


def test_a_home_without_threads_says_so(home: Path) -> None:
    async def scenario(seat: Seat) -> None:
        await seat.see("no threads here yet")
        await seat.press("enter", "r", "a", "y")
        await seat.see("no thread is chosen")

    sit(home, scenario)


def test_of_many_threads_only_the_pages_on_screen_are_read(home: Path) -> None:
    put_many(home, 5 * PAGE + 7)

    async def scenario(seat: Seat) -> None:
        await seat.see(f"1 of {5 * PAGE + 7} threads")
        held = seat.app.screen._pages  # type: ignore[attr-defined]
        assert [number for number in range(6) if held.has(number)] == [0]
        await seat.press("G")
        await seat.see("thread number 00000", f"{5 * PAGE + 7} of {5 * PAGE + 7} threads")
        assert not held.has(2)
        for _ in range(12):
            await seat.press("pageup")
        await seat.see("thread number 00144")
        await seat.press("g")
        await seat.see(f"thread number {5 * PAGE + 6:05d}", "1 of 507")

    sit(home, scenario)


def test_every_row_is_the_thread_that_a_listing_has_there_and_few_pages_are_held(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "KEPT", 2)
    monkeypatch.setattr(pages, "PAGE", 20)
    monkeypatch.setattr(pages, "_STEP", 50)
    monkeypatch.setattr(listing, "PAGE", 20)
    count = 171
    put_many(home, count)

    async def scenario(seat: Seat) -> None:
        await seat.see(f"of {count} threads")
        screen = seat.app.screen
        assert isinstance(screen, browse.Browse)
        wanted = [each.title for each in seat.opened().threads(limit=None)]
        for row in (count - 1, count - 11, count - 12, 97, 160, 20, 19, 139, 140, 60, 0, 80, 79):
            screen.query_one(ListView).move_to(row)
            await seat.until(lambda: screen.meant() is not None)
            thread = screen.meant()
            assert thread is not None
            assert (row, thread.title) == (row, wanted[row])
            assert len(screen._pages._pages) <= 2

    sit(home, scenario)


def test_what_is_typed_filters_titles_at_once_and_esc_brings_all_back(home: Path) -> None:
    for number, title in enumerate(["red apple", "green apple", "red brick"], start=1):
        put_turns(home, number, [title])

    async def scenario(seat: Seat) -> None:
        await seat.press("t")
        await seat.type("apple")
        await seat.see("1 of 2 threads")
        text = seat.text()
        assert "red brick" not in text
        await seat.type(" tree")
        await seat.see("no threads that fit")
        await seat.press("escape")
        await seat.see("of 3 threads", "red brick", "t: titles")

    sit(home, scenario)


def test_a_search_finds_what_was_said_while_it_is_typed_and_opens_it_there(home: Path) -> None:
    put_turns(home, 1, ["one", "about xylophones", "three"])
    put_turns(home, 2, ["else"])

    async def scenario(seat: Seat) -> None:
        await seat.press("slash")
        await seat.type("xylo")
        text = await seat.see("1 of 2 found", "agent", "user")
        assert "re about xylophones" in text
        await seat.press("enter", "enter")
        await seat.see("3 turns", "turn-about xylophones")
        assert seat.app.screen.meant_turn() == "turn-about xylophones"  # type: ignore[attr-defined]
        await seat.press("q")
        await seat.see("of 2 found")
        await seat.press("escape")
        await seat.see("1 of 2 threads")

    sit(home, scenario)


def test_a_search_that_asks_for_nothing_is_told_in_a_sentence(home: Path) -> None:
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        await seat.press("slash")
        await seat.type("one role:nobody")
        await seat.see("no role 'nobody'")
        await seat.press("escape")
        await seat.see("1 of 1 threads")

    sit(home, scenario)


def test_what_nobody_waits_for_any_more_is_not_asked_and_a_late_answer_is_dropped(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_turns(home, 1, ["zebra", "yak"])
    asked: list[str] = []
    typed = threading.Event()
    ask = Hits.ask

    def slow(hits: Hits, opened: Home, *more: Any) -> SearchPage:
        asked.append(hits.words)
        if hits.words.startswith("z"):
            typed.wait(10)
        return ask(hits, opened, *more)

    monkeypatch.setattr(Hits, "ask", slow)
    monkeypatch.setattr(browse, "SEARCH_WAIT_S", 0)

    async def scenario(seat: Seat) -> None:
        await seat.press("slash", "z")
        await seat.until(lambda: asked == ["z"])
        await seat.type("eb")
        await seat.press("backspace", "backspace", "backspace")
        await seat.type("yak")
        assert asked == ["z"]
        typed.set()
        await seat.see("of 2 found", "re yak")
        assert asked == ["z", "yak"]
        assert "re zebra" not in seat.text()

    sit(home, scenario)


def test_the_preview_shows_the_newest_turns_of_the_thread_at_the_cursor(home: Path) -> None:
    put_turns(home, 1, [f"question {number}" for number in range(9)])
    put_turns(home, 2, ["other"])

    async def scenario(seat: Seat) -> None:
        await seat.see("re other")
        await seat.press("down")
        text = await seat.see("turn-question 6")
        assert "turn-question 5" not in text
        assert "re other" not in text
        await seat.press("tab", "end", "pagedown", "pagedown")
        await seat.see("re question 8")

    sit(home, scenario, size=(80, 40))


def test_this_directory_archived_and_order_are_chosen_by_keys(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    put_turns(home, 1, ["of here"], cwd=os.getcwd())
    put_turns(home, 2, ["of elsewhere"])
    path = put_turns(home, 3, ["put away"])
    (home / "archived_sessions").mkdir()
    path.rename(home / "archived_sessions" / path.name)

    async def scenario(seat: Seat) -> None:
        await seat.see("1 of 2 threads")
        await seat.press("c")
        text = await seat.see("1 of 1 threads", "this directory", "of here")
        assert "of elsewhere" not in text
        await seat.press("c", "A")
        await seat.see("1 of 1 threads", "archived", "a ", "put away")
        await seat.press("A", "s")
        await seat.see("1 of 2 threads | by change")
        await seat.press("s")
        await seat.see("by last turn")

    sit(home, scenario)


def test_marks_tell_what_a_thread_is(home: Path) -> None:
    put_turns(home, 1, ["spawned"], parent_thread_id=uuid(9))
    put_turns(home, 2, ["forked"], forked_from_id=uuid(9))
    put(home, b"no line at all\n", file_name(uuid(3), stamp="2026-01-02T03-04-03"))
    put_thread(home, 4, "packed", stamp="2026-01-02T03-04-04", suffix=".zst")

    async def scenario(seat: Seat) -> None:
        marks = {line[:3].strip() for line in seat.lines()[1:5]}
        assert marks == {"s", "f", "!", "z"}
        assert marks < set(MARKS)

    sit(home, scenario)


def test_f5_shows_what_others_did_and_the_cursor_stays_on_its_thread(home: Path) -> None:
    put_turns(home, 1, ["first"])
    put_turns(home, 2, ["second"])

    async def scenario(seat: Seat) -> None:
        await seat.press("down")
        await seat.see("2 of 2 threads")
        put_turns(home, 3, ["third"])
        put_names(home, (uuid(1), "called so"))
        await seat.pilot.pause(0.05)
        await seat.until(lambda: seat.app._settled and seat.app.telling is None)
        for _ in range(100):
            await seat.press("f5")
            if "3 of 3 threads" in seat.text():
                break
            await seat.pilot.pause(0.05)
        await seat.see("3 of 3 threads", "third", "called so")

    sit(home, scenario)


def test_the_mouse_does_it_too(home: Path) -> None:
    for number in range(1, 4):
        put_turns(home, number, [f"thread {number}"])

    async def scenario(seat: Seat) -> None:
        await seat.pilot.click("#list", offset=(20, 2))
        await seat.see("3 of 3 threads")
        await seat.pilot.click("#list", offset=(20, 2))
        await seat.see("1 turn", "re thread 1")

    sit(home, scenario)


def test_it_fits_any_size_and_follows_when_that_changes(home: Path) -> None:
    for number in range(1, 40):
        put_turns(home, number, [f"thread {number:02d} " + "long " * 60])

    async def scenario(seat: Seat) -> None:
        for width, height in ((80, 24), (200, 60), (30, 8), (110, 20), (80, 24)):
            await seat.pilot.resize_terminal(width, height)
            await seat.see("1 of 39 thr")
            lines = seat.lines()
            assert "thread 39" in lines[1] or width < 60
            assert max(map(len, lines)) <= width
        await seat.press("G")
        await seat.see("thread 01")

    sit(home, scenario)


def test_the_first_page_is_read_while_the_program_is_loaded(home: Path) -> None:
    put_turns(home, 1, ["there at once"])
    choice = Choice(text="there")

    async def scenario(seat: Seat) -> None:
        await seat.see("there at once", "1 of 1 threads")

    sit(home, scenario, choice=choice)


async def stands_on(seat: Seat, thread: str) -> None:
    screen = seat.app.screen
    assert isinstance(screen, browse.Browse)
    await seat.until(lambda: (meant := screen.meant()) is not None and meant.id == thread)


def test_esc_gives_a_search_up_also_before_it_was_answered(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_turns(home, 1, ["hello"])
    with threadlog.open(home) as other:
        other.catch_up_search()
    monkeypatch.setattr(browse, "SEARCH_WAIT_S", 0.3)

    async def scenario(seat: Seat) -> None:
        await seat.press("slash")
        await seat.type("hello")
        await seat.press("escape")
        await seat.pilot.pause(1)
        await seat.see("1 of 1 threads", "t: titles")
        await seat.press("enter")
        await seat.see("1 turn")
        assert "found" not in seat.text()

    sit(home, scenario)


@pytest.mark.parametrize("key", ["s", "c", "A"])
def test_after_a_search_all_threads_come_back_whatever_was_chosen_meanwhile(
    home: Path, key: str
) -> None:
    put_turns(home, 1, ["hello"], cwd=os.getcwd())

    async def scenario(seat: Seat) -> None:
        await seat.press("slash")
        await seat.type("hello")
        await seat.press("enter")
        await seat.see("of 2 found")
        await seat.press(key)
        await seat.see("of 2 found")
        await seat.press("escape")
        await seat.see("1 of 1 threads", "hello")

    sit(home, scenario)


def test_the_cursor_stands_on_what_a_deed_made_or_brought_back(home: Path) -> None:
    for number in range(1, 5):
        put_turns(home, number, [f"thread {number}"])

    async def scenario(seat: Seat) -> None:
        await seat.press("down", "down")
        await stands_on(seat, uuid(2))
        await seat.press("f", "enter")
        await seat.see("forked from", "of 5 threads")
        (fork,) = (each.id for each in seat.opened().threads() if each.forked_from_id)
        await stands_on(seat, fork or "")
        await seat.press("u")
        await seat.see("in the trash", "of 4 threads")
        await seat.press("G")
        await stands_on(seat, uuid(1))
        await seat.press("d")
        await seat.see("Put into the trash?")
        await seat.press("enter")
        await seat.see("in the trash", "of 3 threads")
        await seat.press("g", "u")
        await seat.see("back from the trash", "of 4 threads")
        await stands_on(seat, uuid(1))

    sit(home, scenario)


def test_a_deed_on_what_was_found_leaves_what_was_found(home: Path) -> None:
    for number in range(1, 4):
        put_turns(home, number, [f"hello {number}"])
    put_turns(home, 4, ["other"])

    async def scenario(seat: Seat) -> None:
        await seat.press("slash")
        await seat.type("hello")
        await seat.press("enter")
        await seat.see("1 of 6 found")
        await seat.press("j", "j", "j")
        await stands_on(seat, uuid(2))
        await seat.press("e")
        await seat.see("Its name")
        await seat.type("called")
        await seat.press("enter")
        await seat.see("renamed", "of 6 found", "called")
        await stands_on(seat, uuid(2))
        await seat.press("a", "enter")
        await seat.see("archived", "4 of 6 found")
        await seat.press("escape")
        await seat.see("of 3 threads")

    sit(home, scenario)


def test_the_line_says_what_is_typed_in_it_and_stays_that(home: Path) -> None:
    put_turns(home, 1, ["hello"])
    put_turns(home, 2, ["other"])

    async def scenario(seat: Seat) -> None:
        await seat.press("t")
        await seat.see("titles:")
        await seat.press("escape", "slash")
        await seat.see("search:")
        await seat.type("hello")
        await seat.see("of 2 found")
        await seat.press("ctrl+u")
        await seat.see("search:", "of 2 threads")
        await seat.type("hello")
        await seat.see("of 2 found")
        await seat.press("escape", "slash")
        await seat.type("hello")
        await seat.see("of 2 found")
        await seat.press("enter", "t")
        await seat.see("titles:", "of 2 threads")
        assert "found" not in seat.text()

    sit(home, scenario)


def test_odd_texts_are_told_without_options_and_not_as_failures_while_one_types(
    home: Path,
) -> None:
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        screen = seat.app.screen
        assert isinstance(screen, browse.Browse)
        await seat.press("slash")
        await seat.type("=>")
        await seat.see("no word to search for (threadlog search --exact finds any text)")
        assert not screen._failed
        await seat.press("enter")
        await seat.until(lambda: screen._failed)

    sit(home, scenario)


def test_the_last_word_may_go_on_until_a_space_ends_it(home: Path) -> None:
    put_turns(home, 1, ["cat"])
    put_turns(home, 2, ["category"])

    async def scenario(seat: Seat) -> None:
        await seat.press("slash")
        await seat.type("cat")
        await seat.see("of 4 found")
        await seat.type(" ")
        await seat.see("of 2 found")

    sit(home, scenario)


def test_what_was_said_stands_until_the_next_key(home: Path) -> None:
    put_turns(home, 1, ["one"])
    put_turns(home, 2, ["two"])

    async def scenario(seat: Seat) -> None:
        await seat.press("y")
        await seat.see("id copied")
        await seat.press("down")
        await seat.see_no("id copied")

    sit(home, scenario)


def test_a_search_that_is_under_way_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_turns(home, 1, ["zebra"])
    answered = threading.Event()
    ask = Hits.ask

    def slow(hits: Hits, opened: Home, *more: Any) -> SearchPage:
        answered.wait(10)
        return ask(hits, opened, *more)

    monkeypatch.setattr(Hits, "ask", slow)

    async def scenario(seat: Seat) -> None:
        await seat.press("slash")
        await seat.type("zebra")
        await seat.see("searching ...")
        answered.set()
        await seat.see("of 2 found")
        assert "searching" not in seat.text()

    sit(home, scenario)


def test_progress_whose_end_is_not_told_goes_away(home: Path) -> None:
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        await seat.until(lambda: seat.app._settled and seat.app.telling is None)
        while "threads 50 %" not in seat.text():
            seat.app.tell("threads", 1, 2)
            await seat.pilot.pause(0.05)
        await seat.see_no("threads 50 %")

    sit(home, scenario)


def test_a_search_that_nobody_waits_for_is_given_up_for_the_next(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_turns(home, 1, ["zebra", "yak"])
    begun, ended = threading.Event(), threading.Event()
    search = Home.search

    def slow(opened: Home, words: str, *, stop: Callable[[], bool], **asked: Any) -> SearchPage:
        if words.startswith("zebra"):
            begun.set()
            if wait_for(stop):
                ended.set()
        return search(opened, words, stop=stop, **asked)

    monkeypatch.setattr(Home, "search", slow)

    async def scenario(seat: Seat) -> None:
        await seat.press("slash")
        await seat.type("zebra")
        await seat.press("enter")
        await seat.until(begun.is_set)
        await seat.press("escape")
        await seat.until(ended.is_set)
        await seat.press("slash")
        await seat.type("yak")
        await seat.see("of 2 found", "re yak")

    sit(home, scenario)


def wait_for(is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + 15
    while not is_so() and time.monotonic() < end:
        time.sleep(0.01)
    return is_so()
