"""Of a thread that is read a stretch is held, bounded in turns and in characters."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from screens import Seat, command, sit

from makers import THREAD, completed, content, meta, put, started, user
from threadlog.core.turn import Turn
from threadlog.paging import Anchor
from threadlog.ui import layout, reading, window
from threadlog.ui.reading import Reading
from threadlog.ui.turn_view import TurnView
from threadlog.ui.window import Stretch


def put_long(home: Path, count: int, output: str) -> Path:
    """A thread of turns with a long output each, of which six lines are shown."""
    raws = [meta(THREAD)]
    for number in range(count):
        name = f"turn-{number:02d}"
        raws += [started(name), user(f"question {number:02d}")]
        raws += [command(f"c{number}", "make", output, name), completed(name)]
    return put(home, content(raws))


def reader(seat: Seat) -> Reading:
    screen = seat.app.screen
    assert isinstance(screen, Reading)
    return screen


def stretch(sizes: list[int]) -> Stretch:
    ids = [f"t{number}" for number in range(len(sizes))]
    turns = tuple(Turn(each, "completed", ()) for each in ids)
    anchors = tuple(Anchor(each, include=True) for each in ids)
    return Stretch(turns, anchors, sizes=tuple(sizes))


@given(st.lists(st.integers(1, 1 << 23), min_size=1, max_size=200), st.integers(0, 199))
def test_of_too_much_the_farthest_goes_and_what_is_on_screen_stays(
    sizes: list[int], at: int
) -> None:
    whole, seen = stretch(sizes), f"t{at % len(sizes)}"
    for cut, told in ((whole.without_first({seen}), 0), (whole.without_last({seen}), 1)):
        ids = [turn.id for turn in cut.turns]
        assert seen in ids
        assert len(cut.turns) == len(cut.anchors) == len(cut.sizes)
        gone = len(cut.turns) < len(sizes)
        assert (cut.before, cut.after) == ((gone, False) if told == 0 else (False, gone))
        fits = len(ids) <= window.KEPT and sum(cut.sizes) <= window.KEPT_CHARS
        assert fits or seen == ids[0 if told == 0 else -1]


def test_a_thread_of_long_turns_is_never_held_whole_and_yet_all_of_it_is_seen(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_long(home, 30, "long line\n" * 2000)
    monkeypatch.setattr(window, "KEPT_CHARS", 240_000)
    monkeypatch.setattr(window, "PAGE_CHARS", 100_000)
    monkeypatch.setattr(window, "_LARGE_BYTES", 100_000)

    async def scenario(seat: Seat) -> None:
        await seat.press("enter")
        await seat.see("question 29", "more above")
        seen: set[str] = set()
        for key, last in (("pageup", "00"), ("pagedown", "29")):
            seen.clear()
            while last not in seen:
                lines = [each for each in seat.lines() if each.startswith("  question ")]
                seen |= {line.split()[1] for line in lines}
                await seat.press(key)
                await seat.pilot.pause(0.02)
                held = reader(seat)._stretch
                assert len(held.turns) < 20
                assert sum(held.sizes) < 400_000
            assert len(seen) == 30

    sit(home, scenario, size=(80, 40))


def test_pages_of_both_sides_do_not_push_each_other_out(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_long(home, 30, "long line\n" * 2000)
    monkeypatch.setattr(window, "KEPT_CHARS", 100_000)
    monkeypatch.setattr(window, "PAGE_CHARS", 50_000)
    monkeypatch.setattr(window, "_LARGE_BYTES", 100_000)
    shown = 0
    show = Reading._show

    def counted(screen: Reading, held: Stretch) -> None:
        nonlocal shown
        shown += 1
        show(screen, held)

    monkeypatch.setattr(reading.Reading, "_show", counted)

    async def scenario(seat: Seat) -> None:
        await seat.press("enter")
        await seat.see("question 29")
        for _ in range(4):
            await seat.press("pageup")
            await seat.pilot.pause(0.02)
        await seat.see("more above", "more below")
        await seat.pilot.pause(0.3)
        before = shown
        await seat.pilot.pause(0.5)
        assert shown == before

    sit(home, scenario, size=(80, 40))


def test_unfolding_everything_has_a_bound_and_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_long(home, 10, "long line\n" * 2000)
    monkeypatch.setattr(layout, "UNFOLDED_CHARS", 70_000)

    async def scenario(seat: Seat) -> None:
        await seat.press("enter")
        await seat.see("10 turns")
        view = seat.app.screen.query_one("#turns", TurnView)
        await seat.press("x")
        await seat.see("unfolded what is nearest")
        assert 6000 < len(view._laid_out.lines) < 6500
        assert view.turn_id == "turn-09"
        await seat.press("x")
        await seat.until(lambda: len(view._laid_out.lines) < 500)

    sit(home, scenario)
