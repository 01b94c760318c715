"""A thread is its segments in order: forks, reverts and their forks, packed, archived, missing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import threadlog
from makers import (
    Cut,
    Pages,
    both_ways,
    command,
    content,
    raw_bytes,
    told,
    uuid,
)
from threadlog import Gap, Line

T, F, G, K, U = map(uuid, range(1, 6))


class Family(NamedTuple):
    """Rollouts that build on one another, oldest first, and the thread whose turns are told."""

    rollouts: Sequence[Pages]
    thread: str
    turns: Sequence[str]


Make = Callable[[], Family]


def _revised(of: Pages, number: int, base: Cut) -> Pages:
    return Pages(of.thread, revision=uuid(0x100 + number), base=base)


def fork() -> Family:
    """A fork at the end."""
    t = Pages(T)
    t.turn("q1")
    f = Pages(F, base=t.end, forked_from_id=T)
    f.turn("f1")
    t.turn("later")
    return Family([t, f], F, ["q1", "f1"])


def fork_in_the_middle() -> Family:
    """A fork after the first of two turns."""
    t = Pages(T)
    t.turn("q1")
    cut = t.turn("q2")
    k = Pages(K, base=cut, forked_from_id=T)
    k.turn("k1")
    return Family([t, k], K, ["q1", "k1"])


def fork_of_fork() -> Family:
    """Three threads, each on the one before."""
    t = Pages(T)
    t.turn("q1")
    f = Pages(F, base=t.end)
    f.turn("f1")
    cut = f.turn("f2")
    g = Pages(G, base=cut)
    g.turn("g1")
    return Family([t, f, g], G, ["q1", "f1", "g1"])


def fork_without_turns() -> Family:
    """A fork that has not gone on yet."""
    t = Pages(T)
    t.turn("q1")
    f = Pages(F, base=t.end)
    return Family([t, Pages(G, base=f.end), f], F, ["q1"])


def revert() -> Family:
    """The last turn taken back, and another said instead."""
    t = Pages(T)
    t.turn("q1")
    cut = t.turn("q2")
    r = _revised(t, 1, cut)
    r.turn("q2b")
    return Family([t, r], T, ["q1", "q2b"])


def two_reverts() -> Family:
    """Reverted, then reverted within the revision."""
    t = Pages(T)
    t.turn("q1")
    r = _revised(t, 1, t.turn("q2"))
    r.turn("q2b")
    s = _revised(t, 2, r.turn("q3b"))
    s.turn("q3c")
    return Family([t, r, s], T, ["q1", "q2b", "q3c"])


def revert_below_a_revision() -> Family:
    """The second revert goes back beyond the first: the revision between is not in the chain."""
    t = Pages(T)
    t.turn("q1")
    cut = t.turn("q2")
    r = _revised(t, 1, t.turn("q3"))
    r.turn("q3b")
    s = _revised(t, 2, cut)
    s.turn("q2c")
    return Family([t, r, s], T, ["q1", "q2c"])


def revert_of_a_fork() -> Family:
    """A fork that takes back a turn of its own."""
    t = Pages(T)
    t.turn("q1")
    f = Pages(F, base=t.end)
    f.turn("f1")
    r = _revised(f, 1, f.turn("f2"))
    r.turn("f2b")
    return Family([t, f, r], F, ["q1", "f1", "f2b"])


def revert_of_a_fork_into_its_parent() -> Family:
    """A fork of a revision that takes back turns it had inherited from below it."""
    t = Pages(T)
    t.turn("q1")
    early = t.turn("q2")
    r = _revised(t, 1, t.turn("q3"))
    r.turn("q3b")
    f = Pages(F, base=r.end)
    f.turn("f1")
    s = _revised(f, 2, early)
    s.turn("f2")
    g = Pages(G, base=s.end)
    return Family([t, r, f, s, g], G, ["q1", "f2"])


def revert_before_the_first_turn() -> Family:
    """Nothing is kept: no base at all."""
    u = Pages(U)
    u.turn("q1")
    r = Pages(U, revision=uuid(0x101))
    r.turn("anew")
    return Family([u, r], U, ["anew"])


FAMILIES = [
    fork,
    fork_in_the_middle,
    fork_of_fork,
    fork_without_turns,
    revert,
    two_reverts,
    revert_below_a_revision,
    revert_of_a_fork,
    revert_of_a_fork_into_its_parent,
    revert_before_the_first_turn,
]
EVERY = pytest.mark.parametrize("make", FAMILIES, ids=[make.__name__ for make in FAMILIES])


def write(family: Family, home: Path, suffix: str = "", folder: str = "sessions") -> list[Path]:
    """The family on disk; all but the last rollout with *suffix* and in *folder*."""
    paths = []
    for second, pages in enumerate(family.rollouts):
        stamp = f"2026-01-02T03-04-{second:02}"
        if pages is family.rollouts[-1]:
            suffix, folder = "", "sessions"
        paths.append(pages.write(home, stamp=stamp, suffix=suffix, folder=folder))
    return paths


def chain(family: Family) -> list[tuple[Pages, int | None]]:
    """The rollouts of the thread by definition, oldest first, and where each is cut."""
    by_id = {pages.end.rollout_id: pages for pages in family.rollouts}
    at = [pages for pages in family.rollouts if pages.thread == family.thread][-1]
    found: list[tuple[Pages, int | None]] = [(at, None)]
    while base := at.base:
        at = by_id[base.rollout_id]
        found.insert(0, (at, base.offset))
    return found


def expected(family: Family) -> bytes:
    """The thread's lines by definition."""
    return b"".join(content(pages.raws)[:end] for pages, end in chain(family))


@EVERY
@pytest.mark.parametrize("suffix", ["", ".zst"])
@pytest.mark.parametrize("folder", ["sessions/2026/01/02", "archived_sessions"])
def test_a_thread_is_all_its_chain_up_to_each_cut(
    home: Path, make: Make, suffix: str, folder: str
) -> None:
    family = make()
    write(family, home, suffix, folder)
    lines = expected(family)
    assert raw_bytes(home, family.thread) == lines
    assert told(home, family.thread) == family.turns
    values = both_ways(home, family.thread)
    assert [value.raw for value in values if isinstance(value, Line)] == lines.splitlines()
    for count in (1, 2, 9):
        newest = threadlog.open(home).turns(family.thread, last=count)
        assert [turn.id[5:] for turn in newest] == family.turns[-count:]
    assert command(home, "show", family.thread, "--raw").out == lines


@EVERY
def test_the_model_sees_the_whole_chain(home: Path, make: Make) -> None:
    family = make()
    write(family, home)
    opened = threadlog.open(home)
    said = [message["content"][0]["text"] for message in opened.model_input(family.thread)]
    assert said == [text for turn in family.turns for text in (turn, f"re {turn}")]
    assert opened.history(family.thread).model_input() == opened.model_input(family.thread)


@EVERY
def test_a_missing_parent_is_a_gap_and_the_rest_is_read(home: Path, make: Make) -> None:
    family = make()
    paths = write(family, home)
    paths[0].unlink()
    values = both_ways(home, family.thread)
    (oldest, end), *others = chain(family)
    if oldest is not family.rollouts[0] or not others:
        assert not any(isinstance(value, Gap) for value in values)
        return
    first, *rest = values
    assert isinstance(first, Gap)
    assert oldest.end.rollout_id in first.reason
    left = expected(family)[end:].splitlines()
    assert [value.raw for value in rest if isinstance(value, Line)] == left
    assert told(home, family.thread) == family.turns[1:]
    assert list(threadlog.open(home).history(family.thread).problems()) == [first]
    shown = command(home, "show", family.thread)
    assert (shown.code, b"missing" in shown.out) == (0, True)


def test_the_parents_own_later_lines_are_its_own(home: Path) -> None:
    write(fork(), home)
    assert told(home, T) == ["q1", "later"]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_bases_that_go_in_circles_are_read_once_around(home: Path, length: int) -> None:
    threads = [uuid(number) for number in range(length)]
    size = len(content(_circling(threads[0], Cut(threads[0], 50, 1000)).raws))
    for thread, base in zip(threads, [*threads[1:], threads[0]], strict=True):
        _circling(thread, Cut(base, 50, size)).write(home)
    values = both_ways(home, threads[0])
    gaps = [value for value in values if isinstance(value, Gap)]
    assert len(gaps) == 1
    told_ = told(home, threads[0])
    assert told_ == [f"of {thread}" for thread in reversed(threads)]


def _circling(thread: str, base: Cut) -> Pages:
    """A rollout all of whose lines come before the place that the others build on."""
    pages = Pages(thread, base=base)
    pages.turn(f"of {thread}")
    assert len(str(base.offset)) == 4
    return pages


def test_a_chain_of_hundreds_is_read(home: Path) -> None:
    pages = Pages(uuid(0))
    pages.turn("0")
    pages.write(home)
    for number in range(1, 300):
        pages = Pages(uuid(number), base=pages.end)
        pages.turn(str(number))
        pages.write(home)
    assert told(home, uuid(299)) == [str(number) for number in range(300)]
    assert threadlog.open(home).get(uuid(299)).preview == "0"


def test_of_two_files_of_the_parents_id_the_newest_is_built_on(home: Path) -> None:
    family = fork()
    write(family, home)
    older = Pages(T)
    older.turn("another life")
    older.write(home, stamp="2020-01-01T00-00-00")
    assert told(home, F) == family.turns


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), min_size=1, max_size=7))
def test_any_tree_of_forks_and_reverts_is_read_along_its_chain(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    home = tmp_path_factory.mktemp("home")
    names = itertools.count()
    rollouts: list[tuple[Pages, list[tuple[Cut, list[str]]]]] = []
    for number, (parent, place) in enumerate([(0, 0), *steps]):
        base, before = None, list[str]()
        if rollouts:
            places = rollouts[parent % len(rollouts)][1]
            base, before = places[place % len(places)]
        pages = Pages(uuid(number), base=base)
        places = [(pages.end, before)]
        for _ in range(3):
            name = str(next(names))
            pages.turn(name)
            before = [*before, name]
            places.append((pages.end, before))
        pages.write(home)
        rollouts.append((pages, places))
    for pages, places in rollouts:
        assert told(home, pages.thread) == places[-1][1]
        both_ways(home, pages.thread)
