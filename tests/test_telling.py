"""Which turns are told, and where: the places of legacy forks, found by what they copied."""

from __future__ import annotations

from pathlib import Path

import pytest

import threadlog
from makers import OTHER, THREAD, content, event, file_name, meta, put, turn, user, uuid
from threadlog import telling
from threadlog.core.turn import Turn

OLDEST = uuid(0xC)
NAMES = ["a", "b", "c"]
COPIED = [raw for name in NAMES for raw in turn(name)]


@pytest.fixture
def family(home: Path) -> Path:
    """A thread of one turn, one that forked it and went on, and one that forked that."""
    put(home, content([meta(OLDEST), *turn("a")]), file_name(OLDEST))
    heads = [meta(OTHER, forked_from_id=OLDEST), meta(OLDEST)]
    put(home, content([*heads, *COPIED]), file_name(OTHER))
    put(home, content([meta(forked_from_id=OTHER), *heads, *COPIED, *turn("d"), *turn("e")]))
    return home


def told(home: Path, **which: int) -> list[str]:
    """The names of turns; where a rollout goes on behind another's lines, the id of that one."""
    opened = threadlog.open(home)
    read = telling.told(opened.reader(opened.get(THREAD)), home=opened, **which)
    return [
        each.id.removeprefix("turn-") if isinstance(each, Turn) else f"<{each.thread_id}>"
        for each in read
    ]


def test_a_legacy_fork_tells_where_it_begins(family: Path) -> None:
    assert told(family) == ["a", f"<{OLDEST}>", "b", "c", f"<{OTHER}>", "d", "e"]


def test_a_fork_that_went_on_with_nothing_before_it_was_forked_tells_both(home: Path) -> None:
    put(home, content([meta(OLDEST), *turn("a")]), file_name(OLDEST))
    heads = [meta(OTHER, forked_from_id=OLDEST), meta(OLDEST)]
    put(home, content([*heads, *turn("a")]), file_name(OTHER))
    put(home, content([meta(forked_from_id=OTHER), *heads, *turn("a"), *turn("b")]))
    assert told(home) == ["a", f"<{OLDEST}>", f"<{OTHER}>", "b"]


@pytest.mark.parametrize(
    ("last", "expected"),
    [(1, ["e"]), (2, ["d", "e"]), (3, ["c", f"<{OTHER}>", "d", "e"])],
)
def test_the_newest_turns_tell_it_if_it_lies_among_them(
    family: Path, last: int, expected: list[str]
) -> None:
    assert told(family, last=last) == expected


def test_what_was_rolled_back_behind_the_copy_stands_behind_the_place(home: Path) -> None:
    put(home, content([meta(OTHER), *turn("a")]), file_name(OTHER))
    undone = [*turn("b"), event("thread_rolled_back", num_turns=1), *turn("c")]
    put(home, content([meta(forked_from_id=OTHER), meta(OTHER), *turn("a"), *undone]))
    assert told(home) == ["a", f"<{OTHER}>", "b", "c"]


def test_turns_without_recorded_starts_tell_it_too(home: Path) -> None:
    asked = [user("a"), user("b")]
    put(home, content([meta(OTHER), *asked]), file_name(OTHER))
    put(home, content([meta(forked_from_id=OTHER), meta(OTHER), *asked, user("c")]))
    for which in ({}, {"last": 2}):
        assert told(home, **which)[-2] == f"<{OTHER}>"


def test_a_fork_without_turns_of_its_own_tells_it_at_its_end(home: Path) -> None:
    put(home, content([meta(OTHER), *turn("a")]), file_name(OTHER))
    put(home, content([meta(forked_from_id=OTHER), meta(OTHER), *turn("a")]))
    assert told(home) == ["a", f"<{OTHER}>"]


def test_where_the_origin_is_gone_the_one_before_it_is_told(family: Path) -> None:
    (family / "sessions/2026/01/02" / file_name(OTHER)).unlink()
    assert told(family) == ["a", f"<{OLDEST}>", "b", "c", "d", "e"]
    (family / "sessions/2026/01/02" / file_name(OLDEST)).unlink()
    assert told(family) == ["a", "b", "c", "d", "e"]


def test_a_fork_that_the_library_made_tells_where_it_begins(home: Path) -> None:
    opened = threadlog.open(home)
    put(home, content([meta(OTHER), *turn("a")]), file_name(OTHER))
    with opened.fork(OTHER) as fork, fork.turn("b") as live:
        live.say("c")
    kinds = [type(each) for each in telling.told(opened.reader(opened.get(fork.id)), home=opened)]
    assert kinds == [Turn, telling.Joint, Turn]


def test_no_more_is_read_for_it_than_is_worth_it(
    family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = [meta(forked_from_id=OTHER), meta(OTHER, forked_from_id=OLDEST), meta(OLDEST)]
    monkeypatch.setattr(telling, "COPY_LOOK_BYTES", len(content(heads)))
    assert told(family, last=3) == ["c", "d", "e"]
    assert told(family, last=5)[4:] == [f"<{OTHER}>", "d", "e"]


@pytest.mark.parametrize("derived", ["forked_from_id", "parent_thread_id"])
def test_lines_that_may_be_copies_do_not_tell_when_turns_were(home: Path, derived: str) -> None:
    put(home, content([meta(), *turn("a")]))
    put(home, content([meta(OTHER, **{derived: THREAD}), *turn("b")]), file_name(OTHER))
    with threadlog.open(home) as opened:
        assert [each.lines_ms for each in opened.turns(OTHER)] == [(None, None)]
        assert [each.began_at for each in opened.turns(THREAD)] == [1767323045]
