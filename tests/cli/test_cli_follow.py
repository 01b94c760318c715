"""`threadlog show --follow`: what happens, as it happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from showing import SAID, add, call, following, named, shown, until

import threadlog
from makers import (
    THREAD,
    Pages,
    agent,
    completed,
    content,
    event,
    meta,
    put,
    started,
    turn,
    user,
)
from threadlog.cli import follow
from threadlog.core.live import Began


def test_follow_tells_turns_as_they_happen_until_it_is_interrupted(home: Path) -> None:
    path = put(home, content([meta(), *turn("one"), *turn("two"), started("t"), user("three")]))
    with following(home, "--tail", "2") as program:
        text = until(program, "three")
        assert named(text) == ["turn-two", "t"]
        add(path, call("shell", {"command": ["ls"]}, SAID))
        assert until(program, "hello") == "\n$ ls  [exit 3, 1.3 s]\n  hello\n"
        with path.open("ab") as file:
            file.write(agent("half")[:40])
        add(path, [agent("half")[40:], completed("t"), event("thread_rolled_back", num_turns=1)])
        assert until(program, "rolled back") == "\nagent\n  half\n\n(1 turn was rolled back here)\n"
        program.send_signal(signal.SIGINT)
        assert program.wait(10) == 130


def test_follow_as_json_is_an_object_a_line_and_ends_with_the_thread(home: Path) -> None:
    path = put(home, content([meta(), *turn("one")]))
    with following(home, "--json") as program:
        told = [json.loads(each) for each in until(program, '"turn_ended"').splitlines()]
        assert [each["event"] for each in told] == [
            *("thread", "turn_began", "item", "item", "turn_ended"),
        ]
        assert told[0]["version"] == 1
        assert told[0]["thread"]["id"] == THREAD
        assert told[2]["item"]["content"][0]["text"] == "one"
        add(path, [started("t\u202e"), b"garbage"])
        began, problem = map(json.loads, until(program, "problem").splitlines())
        assert began["turn"]["id"] == "t\u202e"
        assert problem["reason"].startswith("syntax")
        os.unlink(path)
        assert until(program, "deleted") == '{"event":"deleted"}\n'
        assert program.wait(10) == 0


def test_follow_goes_on_after_a_revert_and_says_so(home: Path) -> None:
    opened = threadlog.open(home)
    with opened.start(cwd=".", history_mode="paginated") as thread:
        for words in ("one", "two"):
            with thread.turn(words) as live:
                live.say(words)
    kept, gone = list(opened.turns(thread.id))
    arguments = [sys.executable, "-m", "threadlog", "show", thread.id, "-f", "--home", str(home)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as program:
        until(program, "  two")
        begun = time.monotonic()
        with opened.revert(thread.id, before=gone.id) as again, again.turn("three") as live:
            live.say("answer")
        text = until(program, "  answer")
        assert f"(reverted to turn {kept.id})" in text
        assert "user\n  three\n" in text
        assert time.monotonic() - begun < 8
        program.kill()


@pytest.mark.parametrize(
    ("undone", "count"), [(0, 5), (8, 5), (12, 5), (20, 5), (28, 5), (40, 5), (9, 1)]
)
def test_following_begins_with_the_newest_turns_that_count(
    home: Path, undone: int, count: int
) -> None:
    raws = [each for number in range(30) for each in turn(str(number))]
    put(home, content([meta(), *raws, event("thread_rolled_back", num_turns=undone)]))
    opened = threadlog.open(home)
    summary = opened.get(THREAD)
    with opened.follow(THREAD) as following:
        told = follow._Watched(opened, following).before(summary, count)
    began = [each.turn.id for each in told if isinstance(each, Began)]
    assert began == [each.id for each in opened.turns(THREAD, last=count)]


def without_start(thread: str = THREAD) -> Pages:
    """A thread of two turns, of the second of which the start is damaged, and the end missing."""
    pages = Pages(thread)
    pages.turn("one")
    at = len(pages.raws)
    pages.turn("two")
    pages.raws[at] = b"x" * len(pages.raws[at])
    del pages.raws[-1]
    return pages


def test_what_happened_in_a_turn_without_a_start_is_followed_too(home: Path) -> None:
    pages = without_start()
    path = pages.write(home)
    stored = shown(home)
    assert "re two" in stored
    with following(home) as program:
        text = until(program, "not shown: not valid JSON, at byte")
        assert named(text) == ["turn-one", "turn-two"]
        assert "re two" in text
        pages.turn("three")
        pages.raws[-6] = b"x"
        add(path, pages.raws[-6:])
        text = until(program, "  re three")
        assert named(text) == ["turn-three"]
        assert "user\n  three\n" in text
        pages.turn("four")
        add(path, pages.raws[-6:])
        assert named(until(program, "  re four")) == ["turn-four"]


def test_the_start_of_a_turn_is_shown_though_an_item_of_it_came_before(home: Path) -> None:
    pages = Pages(THREAD)
    pages.turn("one")
    path = pages.write(home)
    pages.turn("two")
    said, *others = pages.raws[-5:]
    start = event("task_started", turn_id="turn-two", started_at=1_700_000_000)
    with following(home) as program:
        until(program, "re one")
        add(path, [said])
        early = until(program, "  two")
        add(path, [start, *others])
        text = until(program, "  re two")
    assert named(early) == named(text) == ["turn-two"]
    assert "2023-11-1" in text
    assert "user" not in text


def test_following_tells_the_damage_of_the_turns_it_begins_with(home: Path) -> None:
    path = put(home, content([meta(), *turn("one"), *[b"garbage"] * 1001]))
    with following(home) as program:
        text = until(program, "more (threadlog")
        assert text.count("not shown: not valid JSON, at byte") == 5
        assert "and 996 more" in text
    with following(home, "--json") as program:
        told = [json.loads(each) for each in until(program, "problems_not_listed").splitlines()]
    found = [each for each in told if each["event"] == "problem"]
    assert len(found) == 1000
    assert (found[0]["path"], found[0]["length"]) == (str(path), len(b"garbage"))
    assert told[-1] == {"event": "problems_not_listed", "count": 1}


def test_whole_lines_are_seen_though_half_a_line_stands_behind_them(home: Path) -> None:
    path = put(home, content([meta(), *turn("one")]))
    with following(home) as program:
        until(program, "re one")
        with path.open("ab") as file:
            file.write(content([agent("two")]) + b"x" * (1 << 21))
        until(program, "two")
