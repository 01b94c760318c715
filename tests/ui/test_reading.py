"""A thread read in `threadlog ui`: paged in both ways, folded, searched, followed as it grows."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from screens import Seat, command, put_turns, sit

from makers import THREAD, completed, content, file_name, meta, put, started, turn, user, uuid
from threadlog.ui import found, reading, window
from threadlog.ui.turn_view import TurnView


def view(seat: Seat) -> TurnView:
    return seat.app.screen.query_one("#turns", TurnView)


async def opened(seat: Seat) -> None:
    await seat.press("enter")
    await seat.see("turn")
    await seat.until(lambda: seat.app.screen.query("#turns"))
    await seat.see_no("reading ...")


def put_outputs(home: Path, output: str) -> Path:
    raws = [meta(THREAD), started("turn-t"), user("run it"), command("c", "make", output)]
    return put(home, content([*raws, completed("turn-t")]))


def questions(seat: Seat) -> list[str]:
    return [line.split()[1] for line in seat.lines() if line.startswith("  question ")]


@pytest.fixture
def few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window small enough to be left in a moment."""
    monkeypatch.setattr(window, "PAGE", 8)
    monkeypatch.setattr(window, "KEPT", 24)


@pytest.mark.usefixtures("few_turns")
def test_a_long_thread_is_read_from_its_end_to_its_beginning_a_page_at_a_time(home: Path) -> None:
    put_turns(home, 1, [f"question {number:04d}" for number in range(70)])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.see("re question 0069", "more above")
        held, seen = [], set(questions(seat))
        while "0000" not in seen:
            await seat.press("pageup")
            await seat.pilot.pause(0.02)
            seen |= set(questions(seat))
            held.append(len(seat.app.screen._stretch.turns))  # type: ignore[attr-defined]
        assert sorted(seen) == [f"{number:04d}" for number in range(70)]
        assert max(held) == window.KEPT
        await seat.see("more below")
        await seat.press("G")
        await seat.see("re question 0069")

    sit(home, scenario, size=(80, 50))


@pytest.mark.usefixtures("few_turns")
def test_paging_down_from_the_beginning_shows_every_turn_once(home: Path) -> None:
    put_turns(home, 1, [f"question {number:04d}" for number in range(60)])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.press("g")
        await seat.see("  question 0000", "more below")
        seen: list[str] = []
        while "0059" not in seen:
            seen += [each for each in questions(seat) if each not in seen]
            await seat.press("pagedown")
            await seat.pilot.pause(0.02)
        assert seen == [f"{number:04d}" for number in range(60)]

    sit(home, scenario, size=(80, 50))


def test_what_a_tool_answered_is_folded_until_it_is_asked_for(home: Path) -> None:
    put_outputs(home, "\n".join(f"line {number}" for number in range(500)))

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        text = await seat.see("$ make", "… 494 more lines")
        assert "line 5" in text
        assert "line 6" not in text
        await seat.press("k", "space")
        text = await seat.see("line 6")
        assert "more lines" not in text
        await seat.press("space")
        await seat.see("… 494 more lines")
        await seat.press("x")
        await seat.see_no("more lines")

    sit(home, scenario)


def test_a_click_on_the_cursor_unfolds(home: Path) -> None:
    put_outputs(home, "\n".join(f"line {number}" for number in range(20)))

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        row = next(n for n, line in enumerate(seat.lines()) if "14 more lines" in line) - 1
        await seat.pilot.click("#turns", offset=(5, row - 1))
        await seat.pilot.click("#turns", offset=(5, row - 1))
        await seat.see("line 12")

    sit(home, scenario)


def test_an_output_of_millions_of_characters_is_shown_in_part_and_says_so(home: Path) -> None:
    put_outputs(home, "x" * 3_000_000)

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.see("… more")
        await seat.press("x", "G")
        await seat.see("the rest is longer than 256 K characters")

    sit(home, scenario)


def test_turns_are_gone_through_by_keys(home: Path) -> None:
    put_turns(home, 1, [f"question {number}" for number in range(9)])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        screen = seat.app.screen
        await seat.press("g")
        told = []
        for key in ("J", "J", "K", "J", "right_square_bracket", "left_square_bracket"):
            await seat.press(key)
            told.append(screen.meant_turn())  # type: ignore[attr-defined]
        assert [each[-1] for each in told] == ["1", "2", "1", "2", "3", "2"]
        await seat.press("Y")
        await seat.see("turn id copied: turn-question 2")
        assert seat.app.clipboard == "turn-question 2"

    sit(home, scenario)


def test_a_search_inside_goes_from_place_to_place_also_to_turns_that_are_not_here(
    home: Path,
) -> None:
    names = [f"question {number}" for number in range(200)]
    names[3], names[150] = "early xylophones", "late xylophones"
    put_turns(home, 1, names)

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        screen = seat.app.screen
        await seat.press("n")
        await seat.see("search with / first")
        await seat.press("slash")
        await seat.type("xylophones")
        await seat.press("enter")
        await seat.see("re late xylophones", "4 found")
        for key, place in (("p", "early"), ("n", "late")):
            while f"re {place} xylophones" not in seat.text():
                await seat.press(key)
                await seat.pilot.pause(0.05)
            await seat.until(lambda at=place: screen.meant_turn() == f"turn-{at} xylophones")  # type: ignore[misc, attr-defined]
        for _ in range(4):
            await seat.press("n")
        await seat.see("nothing more found below")

    sit(home, scenario)


def test_a_search_unfolds_what_hides_a_place(home: Path) -> None:
    put_outputs(home, "\n".join(["a"] * 100 + ["needle"] + ["b"] * 100))

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.press("g", "slash")
        await seat.type("needle")
        await seat.press("enter")
        await seat.see("needle", "1 found")
        assert any(line == "  needle" for line in seat.lines())

    sit(home, scenario)


def test_what_others_add_is_shown_as_it_comes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LOOK_S", 0.05)
    path = put_turns(home, 1, [f"question {number}" for number in range(30)])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.until(lambda: seat.app.screen._seen)  # type: ignore[attr-defined]
        with path.open("ab") as file:
            file.write(content(turn("a new one")))
        await seat.see("re a new one")
        await seat.press("g")
        await seat.see("  question 0")
        with path.open("ab") as file:
            file.write(content(turn("one more")))
        await seat.pilot.pause(0.3)
        assert "  question 0" in seat.lines()
        await seat.press("G")
        await seat.see("re one more")

    sit(home, scenario)


def test_a_thread_that_is_gone_meanwhile_is_told_and_one_that_moved_is_followed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOK_S", 0.05)
    path = put_turns(home, 1, ["here"])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.until(lambda: seat.app.screen._seen)  # type: ignore[attr-defined]
        archive = home / "archived_sessions"
        archive.mkdir()
        path.rename(archive / path.name)
        await seat.until(lambda: seat.lines()[0].startswith("a "))
        await seat.until(lambda: seat.app.screen._seen)  # type: ignore[attr-defined]
        os.remove(archive / path.name)
        await seat.see("this thread is not there any more", "re here")
        await seat.press("q")
        await seat.see("? help")

    sit(home, scenario)


def test_a_thread_that_went_before_it_was_opened_is_told_in_a_sentence(home: Path) -> None:
    put_turns(home, 1, ["here"])

    async def scenario(seat: Seat) -> None:
        await seat.see("turn-here")
        shutil.rmtree(home / "sessions")
        await seat.press("enter")
        await seat.see("this thread is not there any more")

    sit(home, scenario)


def test_damage_costs_its_line_only(home: Path) -> None:
    raws = [meta(THREAD), *turn("before"), b"{broken", *turn("after")]
    put(home, content(raws), file_name(THREAD))

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.see("re before", "re after")

    sit(home, scenario, size=(80, 40))


def test_a_wide_and_a_narrow_terminal_break_lines_anew(home: Path) -> None:
    put(home, content([meta(THREAD), user("word " * 60)]))

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        for width in (40, 200, 80):
            await seat.pilot.resize_terminal(width, 24)
            await seat.pilot.pause()
            lines = [line for line in seat.lines() if line.startswith("  word ")]
            assert max(map(len, lines)) <= width
            assert sum(line.count("word") for line in lines) == 60

    sit(home, scenario)


def test_the_status_line_is_laid_out_anew_for_another_width(home: Path) -> None:
    put_turns(home, 1, ["one"])

    async def resize(seat: Seat, facts: str, width: int) -> None:
        await seat.pilot.resize_terminal(width, 24)
        await seat.until(lambda: len(seat.lines()[-1]) == width - 1, f"width {width}")
        assert seat.lines()[-1].startswith(facts[:18])
        assert seat.lines()[-1].endswith("? help")

    async def resized(seat: Seat, facts: str) -> None:
        for width in (30, 120, 200, 80):
            await resize(seat, facts, width)

    async def scenario(seat: Seat) -> None:
        await seat.see("1 of 1 threads | by creation")
        await resized(seat, "1 of 1 threads | by creation")
        await opened(seat)
        await resized(seat, "1 turn")
        await seat.press("n")
        await seat.see("search with / first   1 turn")
        await resized(seat, "search with / first")
        await seat.pilot.resize_terminal(30, 24)
        await seat.press("escape")
        await resized(seat, "1 of 1 threads | by creation")

    sit(home, scenario)


def test_a_thread_without_turns_says_so(home: Path) -> None:
    put(home, content([meta(uuid(1))]), file_name(uuid(1)))

    async def scenario(seat: Seat) -> None:
        await seat.see("(no turns)")
        await opened(seat)
        await seat.see("(no turns)", "0 turns")
        await seat.press("j", "k", "J", "space", "Y", "n")

    sit(home, scenario)


def test_the_next_place_is_the_next_from_where_one_is(home: Path) -> None:
    names = [f"question {number}" for number in range(90)]
    names[45] = "about xylophones"
    put_turns(home, 1, names)

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.press("slash")
        await seat.type("xylophones")
        await seat.press("enter")
        await seat.see("re about xylophones", "2 found")
        for end, back, first in (("g", "n", "  question 0"), ("G", "p", "re question 89")):
            await seat.press(end)
            await seat.see(first)
            await seat.press(back)
            await seat.see("re about xylophones")

    sit(home, scenario)


def test_more_places_than_are_known_are_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "LIMIT", 10)
    put_turns(home, 1, [f"question {number}" for number in range(60)])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.press("slash")
        await seat.type("question")
        await seat.press("enter")
        await seat.see("10+ found")
        await seat.press("g", "p")
        await seat.see("older places than the newest 10 are not known")

    sit(home, scenario)


@pytest.mark.parametrize("search", [False, True])
def test_a_thread_that_moved_before_it_was_opened_is_read_where_it_is(
    home: Path, search: bool
) -> None:
    put_turns(home, 1, ["here"])

    async def scenario(seat: Seat) -> None:
        await seat.see("turn-here")
        if search:
            await seat.press("slash")
            await seat.type("here")
            await seat.see("of 2 found")
            await seat.press("enter")
        seat.opened().archive(uuid(1))
        await seat.press("enter")
        await seat.see("1 turn", "re here")
        await seat.see_no("cannot read")
        assert seat.lines()[0].startswith("a ")

    sit(home, scenario)


def test_what_was_deleted_while_it_was_read_is_told_as_that(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LOOK_S", 0.05)
    put_turns(home, 1, ["here"])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.press("d")
        await seat.see("Put into the trash?")
        await seat.press("enter")
        await seat.see("in the trash", "u: undo")
        await seat.pilot.pause(0.4)
        await seat.see("in the trash", "u: undo")
        await seat.press("u")
        await seat.see("back from the trash")
        await seat.pilot.pause(0.2)
        assert "more above" not in seat.text()
        assert "not there any more" not in seat.text()

    sit(home, scenario)


def test_a_search_in_a_thread_is_ended_by_searching_for_nothing(home: Path) -> None:
    put_turns(home, 1, ["here"])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        await seat.press("slash")
        await seat.type("here")
        await seat.press("enter")
        await seat.see("2 found")
        await seat.press("slash", "ctrl+u", "enter")
        await seat.see_no("found")
        await seat.press("n")
        await seat.see("search with / first")

    sit(home, scenario)


def test_nothing_found_offers_no_keys_to_go_there(home: Path) -> None:
    put_turns(home, 1, ["here"])

    async def scenario(seat: Seat) -> None:
        await opened(seat)
        for words, told in (("here", "2 found: n, p"), ("nowhere", "| 0 found  ")):
            await seat.press("slash", "ctrl+u")
            await seat.type(words)
            await seat.press("enter")
            await seat.see(told)

    sit(home, scenario)
