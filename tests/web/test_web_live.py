"""A thread as it grows, told to a page."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from test_web_pages import page_seen

from hostile_pages import VECTORS
from makers import THREAD, Pages, agent, completed, content, line, meta, put, started, turn, user
from served_web import WAIT_S, Site, served

PATH = f"/api/thread/{THREAD}/events"


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    with served(home) as running:
        yield running


def known(turn: str, items: int, status: str = "completed", number: int | None = None) -> str:
    asked: dict[str, Any] = {"turn": turn, "items": items, "status": status}
    return f"{PATH}?{urlencode(asked | ({'number': number} if number else {}))}"


def ready(events: Iterator[tuple[str, Any]], runs: str | None = None) -> None:
    if runs is not None:
        assert next(events) == ("runs", {"turn": runs})
    assert next(events) == ("ready", {})


def append(path: Path, *raws: bytes) -> None:
    with path.open("ab") as file:
        file.write(content(raws))


def test_what_happens_is_told_as_it_happens(site: Site, home: Path) -> None:
    path = put(home, content([meta(), *turn("a")]))
    with site.events(known("turn-a", 2, number=1)) as events:
        ready(events)
        append(path, started("turn-b"))
        name, told = next(events)
        assert (name, told["turn"], told["back"]) == ("turn", "turn-b", None)
        assert "Turn 2" in told["html"]
        assert next(events) == ("runs", {"turn": "turn-b"})
        append(path, user("more"))
        name, told = next(events)
        assert (name, told["number"]) == ("item", 0)
        assert "more" in told["html"]
        append(path, agent("**yes**"))
        name, told = next(events)
        assert (name, told["number"]) == ("item", 1)
        assert "<strong>yes</strong>" in told["html"]
        append(path, completed("turn-b"))
        name, told = next(events)
        assert (name, told["turn"], told["back"], told["ended"]) == ("turn", "turn-b", 0, True)
        assert "running" not in told["html"]
        page_seen(told["html"])


def test_a_page_is_brought_up_to_date_first(site: Site, home: Path) -> None:
    put(home, content([meta(), *turn("a"), *turn("b"), *turn("c")]))
    with site.events(known("turn-b", 1, "inProgress", number=2)) as events:
        told = [next(events)[1] for _ in range(2)]
    assert [each["turn"] for each in told] == ["turn-b", "turn-c"]
    assert "Turn 3" in told[1]["html"]


def test_a_page_whose_last_turn_is_gone_reads_the_end_again(site: Site, home: Path) -> None:
    put(home, content([meta(), *turn("a")]))
    with site.events(known("turn-x", 1)) as events:
        assert next(events) == ("again", {})


def test_reverts_and_deletions_are_told(site: Site, home: Path) -> None:
    pages = Pages(THREAD)
    pages.turn("a")
    cut = pages.end
    pages.turn("b")
    path = pages.write(home)
    with site.events(known("turn-b", 2)) as events:
        ready(events)
        reverted = Pages(THREAD, revision="0001", base=cut)
        reverted.turn("c")
        reverted.write(home, stamp="2026-01-02T03-04-06")
        assert next(events)[0] == "again"
    for each in (home / "sessions").rglob("rollout-*"):
        each.unlink()
    assert not path.exists()


def test_a_thread_that_goes_away_is_told(site: Site, home: Path) -> None:
    path = put(home, content([meta(), *turn("a")]))
    with site.events(known("turn-a", 2)) as events:
        ready(events)
        path.unlink()
        assert next(events)[0] == "gone"


def test_hostile_words_are_text_as_they_come(site: Site, home: Path) -> None:
    path = put(home, content([meta(), *turn("a")]))
    with site.events(known("turn-a", 2)) as events:
        ready(events)
        for vector in VECTORS[::4]:
            for raw, count in ((started, 2), (user, 1), (agent, 1), (completed, 1)):
                append(path, raw(vector))
                for _ in range(count):  # of a turn that begins it is told, too, that it runs
                    page_seen(next(events)[1].get("html", ""))


def test_a_thread_that_is_not_there_is_not_followed(site: Site) -> None:
    assert site.get(PATH).status == 404


def test_a_client_that_goes_away_is_let_go_of(site: Site, home: Path) -> None:
    path = put(home, content([meta(), *turn("a")]))
    for _ in range(70):  # more than may follow at once
        with site.events(known("turn-x", 1)) as events:
            next(events)
    with site.events(known("turn-a", 2)) as events:
        ready(events)
        append(path, started("b"))
        assert next(events)[0] == "turn"


def test_who_asks_only_for_the_head_of_events_takes_no_place(
    site: Site, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threadlog.web.live.FOLLOWERS", 1)
    put(home, content([meta(), *turn("a")]))
    asking = f"HEAD {PATH} HTTP/1.1\r\nhost: {site.host}\r\ncookie: {site.cookie}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", site.keys.port), timeout=20) as wire:
        wire.sendall(asking.encode())
        assert wire.recv(4096).startswith(b"HTTP/1.1 200")
        with site.events(known("turn-a", 2)) as events:
            ready(events)


def test_no_more_follow_than_may(site: Site, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadlog.web.live.FOLLOWERS", 1)
    put(home, content([meta(), *turn("a")]))
    assert site.get(PATH.replace("a/", "b/")).status == 404  # and no place is taken
    with site.events(known("turn-a", 2)) as events:
        ready(events)
        assert site.get(PATH).status == 503


def test_sixty_four_pages_may_follow_and_one_that_leaves_makes_room(site: Site, home: Path) -> None:
    put(home, content([meta(), *turn("a")]))
    with contextlib.ExitStack() as followed:
        for _ in range(63):
            ready(followed.enter_context(site.events(known("turn-a", 2))))
        with site.events(known("turn-a", 2)) as last:
            ready(last)
            with pytest.raises(AssertionError, match="too many pages"), site.events(PATH):
                raise ValueError("one more follows")
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError), site.events(known("turn-a", 2)) as another:
                ready(another)
                return
        raise AssertionError("no room was made")


@pytest.mark.parametrize(("back", "told"), [(7, 7), (8, None), (12, None)])
def test_a_page_is_brought_up_to_date_by_eight_turns_at_most(
    site: Site, home: Path, back: int, told: int | None
) -> None:
    names = [f"{number:02d}" for number in range(13)]
    put(home, content([meta(), *(each for name in names for each in turn(name))]))
    with site.events(known(f"turn-{names[-1 - back]}", 2)) as events:
        if told is None:
            assert next(events) == ("again", {})
        else:
            shown = [next(events)[1]["turn"] for _ in range(told)]
            assert shown == [f"turn-{name}" for name in names[-told:]]
            ready(events)


def test_a_page_that_has_nothing_gets_the_newest_eight(site: Site, home: Path) -> None:
    put(home, content([meta(), *(each for number in range(13) for each in turn(f"{number}"))]))
    with site.events(PATH) as events:
        shown = list(itertools.takewhile(lambda each: each[0] == "turn", events))
    assert [told["turn"] for _name, told in shown] == [f"turn-{number}" for number in range(5, 13)]


CALL = {"type": "function_call", "name": "look", "arguments": "{}", "call_id": "c"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "what was seen"}


def test_a_call_is_told_as_it_begins_and_again_in_its_place(site: Site, home: Path) -> None:
    path = put(home, content([meta(), *turn("a")]))
    with site.events(known("turn-a", 2)) as events:
        ready(events)
        append(path, started("b"))
        assert [next(events)[0] for _ in range(2)] == ["turn", "runs"]
        append(path, line("response_item", CALL), agent("meanwhile"))
        name, told = next(events)
        assert (name, told["turn"], told["replaces"]) == ("item", "b", None)
        assert 'data-item="c"' in told["html"]
        assert "running" in told["html"]
        assert "meanwhile" in next(events)[1]["html"]
        append(path, line("response_item", OUTPUT))
        name, told = next(events)
        assert (name, told["turn"], told["replaces"]) == ("item", "b", "c")
        assert "what was seen" in told["html"]
        assert "running" not in told["html"]


def test_a_call_that_ran_when_the_page_was_opened_is_replaced(site: Site, home: Path) -> None:
    path = put(home, content([meta(), started("turn-a"), line("response_item", CALL)]))
    with site.events(known("turn-a", 0)) as events:
        name, told = next(events)
        assert name == "turn"
        assert 'data-item="c"' in told["html"]
        ready(events, runs="turn-a")
        append(path, line("response_item", OUTPUT), agent("and then"))
        name, told = next(events)
        assert (name, told["turn"], told["replaces"]) == ("item", "turn-a", "c")
        assert told["html"].count("what was seen") == 1
        assert "and then" in next(events)[1]["html"]


@pytest.mark.parametrize(("ago_s", "ends", "runs"), [(0, 0, 1), (700, 0, 0), (0, 1, 0)])
def test_a_turn_without_an_end_runs_if_it_was_lately_written_to(
    site: Site, home: Path, ago_s: int, ends: int, runs: int
) -> None:
    end = [completed("turn-b")][:ends]
    path = put(home, content([meta(), *turn("a"), started("turn-b"), agent("slowly"), *end]))
    then = time.time() - ago_s
    os.utime(path, (then, then))
    with site.events(known("turn-b", 1, "completed" if ends else "interrupted")) as events:
        ready(events, runs="turn-b" if runs else None)


def test_a_page_is_told_of_a_call_that_ended_while_it_did_not_follow(
    site: Site, home: Path
) -> None:
    raws = [line("response_item", each) for each in (CALL, OUTPUT)]
    put(home, content([meta(), started("turn-a"), *raws]))
    with site.events(f"{known('turn-a', 1, 'interrupted')}&awaited=1") as events:
        name, told = next(events)
        assert (name, told["turn"]) == ("turn", "turn-a")
        assert "what was seen" in told["html"]
    with site.events(known("turn-a", 1, "interrupted")) as events:
        ready(events, runs="turn-a")
