"""A page that follows a thread shows, after each line, what a page that is loaded then shows."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from followed_page import FollowedPage

import threadlog
from conftest import corpus_root
from makers import (
    DAY,
    THREAD,
    Json,
    Pages,
    agent,
    completed,
    content,
    event,
    line,
    meta,
    put,
    says,
    started,
    turn,
    user,
)

OF_THREAD = re.compile(r"rollout-.*([0-9a-f]{8}-[0-9a-f-]{27})\.jsonl")
AT_MOST_AGAIN = 6  # times that a page of a thread is read again as it begins


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Model and tokens are told with what comes."""
    monkeypatch.setattr("threadlog.web.follower.HEAD_S", -1)


def replayed(home: Path, raws: list[bytes], name: str, pieces: Iterable[int]) -> int:
    """Write a rollout piece by piece; the page that follows must be the one that is loaded anew.

    Returns how often it was told to read the end again.
    """
    path = home / DAY / f"rollout-2026-01-02T03-04-05-{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    opened, written, page = threadlog.open(home), 0, None
    with contextlib.ExitStack() as closing:
        for count in pieces:
            with path.open("ab") as file:
                file.write(content(raws[written : written + count]))
            written += count
            if page is None:
                page = FollowedPage(opened, name)
                closing.callback(page.close)
            page.look()
            fresh = FollowedPage(opened, name)
            fresh.close()
            assert page.count >= fresh.count, written
            assert page.seen(fresh.count) == fresh.seen(fresh.count), raws[written - 1]
            if written >= len(raws):
                break
    assert page is not None
    return page.loads - 1


def call(name: str) -> bytes:
    return line(
        "response_item",
        {"type": "function_call", "name": "look", "arguments": "{}", "call_id": name},
    )


def output(name: str, said: str = "what was seen") -> bytes:
    return line("response_item", {"type": "function_call_output", "call_id": name, "output": said})


def tokens(count: int) -> bytes:
    usage = {
        "input_tokens": count,
        "cached_input_tokens": 0,
        "output_tokens": 5,
        "reasoning_output_tokens": 0,
        "total_tokens": count + 5,
    }
    return event("token_count", info={"total_token_usage": usage, "last_token_usage": usage})


def context(name: str) -> bytes:
    fields: Json = {"cwd": "/", "approval_policy": "never", "sandbox_policy": {"type": "read-only"}}
    return line("turn_context", {"turn_id": name, "model": "m-1", "summary": "auto"} | fields)


def thought(said: str) -> bytes:
    return event("agent_reasoning", text=said)


def aborted(name: str) -> bytes:
    return event("turn_aborted", turn_id=name, reason="interrupted")


CASES = {
    "an output after the next turn has begun": [
        *(started("b"), call("c"), started("d"), output("c"), completed("d")),
    ],
    "an output after the end": [started("b"), call("c"), completed("b"), output("c")],
    "an output after an abort": [started("b"), call("c"), aborted("b"), output("c"), agent("x")],
    "a late end": [started("b"), user("x"), started("d"), completed("b"), agent("y")],
    "a second output": [started("b"), call("c"), output("c"), agent("x"), output("c", "other")],
    "an error": [
        *(started("b"), user("x"), event("error", message="no more"), agent("y"), completed("b")),
    ],
    "model and tokens": [started("b"), context("b"), tokens(10), agent("x"), tokens(30)],
    "reasoning in pieces": [
        *(started("b"), thought("one"), thought("two"), call("c"), thought("three")),
        *(output("c"), thought("four"), agent("x"), completed("b")),
    ],
    "two turns of one id": [*turn("b"), *turn("c"), *turn("b"), *turn("b"), *turn("d")],
    "an id that steers what is shown": [
        *(started("x\u202ey"), user("x"), call("c\u202e"), output("c\u202e")),
        *(agent("z"), completed("x\u202ey")),
    ],
    "no id": [started(""), user("x"), agent("y"), completed(""), *turn("d")],
    "a long output": [started("b"), call("c"), output("c", "long " * 5000), agent("x")],
    "a rollback": [
        *(*turn("b"), *turn("c"), event("thread_rolled_back", num_turns=1), *turn("d")),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_a_followed_page_is_the_one_that_is_loaded_anew(home: Path, case: str) -> None:
    raws = [meta(), *turn("a"), *CASES[case]]
    again = replayed(home, raws, THREAD, [7, *[1] * len(raws)])
    assert again == (case == "a rollback")


def test_of_a_turn_of_very_many_items_the_newest_are_left_at_its_end(home: Path) -> None:
    path = put(home, content([meta(), *turn("a"), started("b")]))
    opened = threadlog.open(home)
    page = FollowedPage(opened, THREAD)
    for raws in ([agent(f"{n}") for n in range(310)], [completed("b")]):
        with path.open("ab") as file:
            file.write(content(raws))
        page.look()
    page.close()
    fresh = FollowedPage(opened, THREAD)
    fresh.close()
    assert page.seen(2) == fresh.seen(2)
    assert page.loads == 1


def test_items_that_come_before_their_turn_are_in_it(home: Path) -> None:
    pages = Pages(THREAD)
    pages.turn("a")
    told = pages.raws[:]
    pages.turn("b")
    begins, *items = pages.raws[len(told) :]
    raws = [*told, *items[:-1], begins, items[-1]]
    assert replayed(home, raws, THREAD, [len(told), *[1] * len(raws)]) == 0


def test_a_turn_may_begin_while_there_are_items_of_one_that_has_not(home: Path) -> None:
    pages = Pages(THREAD)
    for name in ("x", "y", "z"):
        pages.turn(name)
    told = pages.raws[:]
    pages.turn("b")
    begins, early, *rest = pages.raws[len(told) :]
    raws = [*told, early, started("c"), begins, *rest]
    again = replayed(home, raws, THREAD, [len(told), *[1] * len(raws)])
    assert again <= 1  # the page had the turn that had not begun as its last


def test_what_was_only_spoken_is_followed_until_there_are_events(home: Path) -> None:
    raws = [meta(), says("user", "x"), says("assistant", "y"), user("x"), agent("y")]
    assert replayed(home, raws, THREAD, [1] * len(raws)) <= AT_MOST_AGAIN


@pytest.mark.corpus
@pytest.mark.parametrize("seed", [None, 1])
def test_every_genuine_thread_is_followed_as_it_is_loaded(tmp_path: Path, seed: int | None) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus on this machine")
    chance = random.Random(seed)
    found = [(path, OF_THREAD.fullmatch(path.name)) for path in root.rglob("rollout-*.jsonl")]
    for number, (path, name) in enumerate(sorted(found)):
        if name is None:  # a rollout that goes on from another one
            continue
        raws = path.read_bytes().splitlines()
        pieces = (1 if seed is None else chance.randint(1, 9) for _ in raws)
        home = tmp_path / str(number)
        assert replayed(home, raws, name[1], pieces) <= AT_MOST_AGAIN, path
