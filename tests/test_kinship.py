"""Lineages and trees of threads, by the verbs of a home."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import (
    DAY,
    Pages,
    content,
    file_name,
    meta,
    meta_payload,
    put,
    put_thread,
    turn,
    uuid,
)
from threadlog import Ancestor, Branch, Tree, aio, kinship
from threadlog.core import tree as core_tree
from threadlog.core.tree import DEPTH_LIMIT

Shape = list[Any]


def thread(home: Path, number: int, folder: str = DAY, **fields: Any) -> Path:
    """A legacy thread that began so many seconds after the others."""
    stamp = f"2026-01-02T03:{number // 60:02}:{number % 60:02}.000Z"
    raws = [meta(uuid(number), timestamp=stamp, **fields), *turn(f"thread {number}")]
    name = file_name(uuid(number), stamp=stamp[:19].replace(":", "-"))
    return put(home, content(raws), name, folder)


def spawned_by(parent: int, **fields: Any) -> dict[str, Any]:
    """What a subagent's metadata has, as Codex writes it."""
    spawn = {"parent_thread_id": uuid(parent), "depth": 1, **fields}
    return {"source": {"subagent": {"thread_spawn": spawn}}}


def number_of(thread_id: str | None) -> int:
    return int((thread_id or "-0")[-12:], 16)


def shape(branch: Branch) -> Shape:
    """A branch as number, relation, and children."""
    marks = "!" * branch.missing + "*" * branch.asked + "^" * branch.ancestor
    told = f"{number_of(branch.id)} {branch.relation}{marks}"
    return [told, *map(shape, branch.children)]


def shapes(tree: Tree) -> list[Shape]:
    return [shape(root) for root in tree.roots]


def line_of(home: Path, number: int) -> list[tuple[int, bool, int | None]]:
    """A lineage: numbers, what is missing, and where each ends."""
    told = threadlog.open(home).lineage(uuid(number))
    return [(number_of(each.id), each.missing, each.end_ordinal) for each in told]


@pytest.mark.codex("C258")
def test_a_lineage_goes_back_by_copies(home: Path) -> None:
    thread(home, 1)
    thread(home, 2, forked_from_id=uuid(1), folder="archived_sessions")
    thread(home, 3, forked_from_id=uuid(2))
    assert line_of(home, 3) == [(1, False, None), (2, False, None), (3, False, None)]
    assert line_of(home, 1) == [(1, False, None)]
    last = threadlog.open(home).lineage(uuid(3))[-1]
    assert last == Ancestor(uuid(3), threadlog.open(home).get(uuid(3)))


def test_a_lineage_goes_back_by_what_is_built_on(home: Path) -> None:
    first = Pages(uuid(1))
    first.turn("a")
    first.write(home)
    second = Pages(uuid(2), base=first.end, forked_from_id=uuid(1))
    second.turn("b")
    second.write(home)
    # Reverted: its newest rollout builds on its own.
    again = Pages(uuid(2), revision=uuid(99), base=second.end, forked_from_id=uuid(1))
    again.write(home, stamp="2026-01-02T03-04-09")
    third = Pages(uuid(3), base=again.end)  # forked_from_id is not told
    third.write(home)
    end = first.end.ordinal
    assert line_of(home, 2) == [(1, False, end), (2, False, None)]
    assert line_of(home, 3) == [(1, False, end), (2, False, again.end.ordinal), (3, False, None)]


def test_what_is_gone_is_told_with_its_id(home: Path) -> None:
    thread(home, 2, forked_from_id=uuid(1))
    assert line_of(home, 2) == [(1, True, None), (2, False, None)]
    parent = Pages(uuid(3))
    parent.turn("a")
    gone = parent.write(home)
    Pages(uuid(4), base=parent.end).write(home)
    gone.unlink()
    assert line_of(home, 4) == [(3, True, parent.end.ordinal), (4, False, None)]


def test_a_fork_of_the_part_that_was_inherited_names_both(home: Path) -> None:
    first = Pages(uuid(1))
    first.turn("a")
    first.write(home)
    second = Pages(uuid(2), base=first.end, forked_from_id=uuid(1))
    second.write(home)
    Pages(uuid(3), base=first.end, forked_from_id=uuid(2)).write(home)
    end = first.end.ordinal
    assert line_of(home, 3) == [(1, False, end), (2, False, None), (3, False, None)]
    (home / DAY / file_name(uuid(2))).unlink()
    assert line_of(home, 3) == [(1, False, end), (2, True, None), (3, False, None)]


def test_a_lineage_ends_in_a_loop_and_at_its_limit(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread(home, 1, forked_from_id=uuid(2))
    thread(home, 2, forked_from_id=uuid(1))
    thread(home, 3, forked_from_id=uuid(3))
    assert [each[0] for each in line_of(home, 1)] == [2, 1]
    assert [each[0] for each in line_of(home, 3)] == [3]
    monkeypatch.setattr(kinship, "LINEAGE_LIMIT", 1)
    assert [each[0] for each in line_of(home, 1)] == [1]


def test_a_rollout_that_names_no_thread_has_itself(home: Path) -> None:
    path = put(home, b"{torn\n", "rollout-x.jsonl")
    opened = threadlog.open(home)
    assert [each.id for each in opened.lineage(path)] == [None]
    (root,) = opened.tree(path).roots
    assert (root.id, root.relation, root.asked, root.children) == (None, "root", True, ())
    assert [each.thread and each.thread.path for each in opened.tree().walk()] == [str(path)]


@pytest.fixture
def family(home: Path) -> Path:
    """A thread with subagents, a review, forks, and one that has nothing to do with it."""
    thread(home, 1)
    thread(home, 2, **spawned_by(1, agent_role="worker"))
    thread(home, 3, source={"subagent": "review"}, parent_thread_id=uuid(1))
    thread(home, 4, **spawned_by(2, agent_nickname="Fermat"), folder="archived_sessions")
    thread(home, 5, forked_from_id=uuid(1))
    thread(home, 6, **spawned_by(5))
    thread(home, 7)
    return home


WHOLE = [
    "1 root",
    ["2 subagent", ["4 subagent"]],
    ["3 review"],
    ["5 fork", ["6 subagent"]],
]


@pytest.mark.codex("C100")
def test_threads_stand_under_those_they_come_from(family: Path) -> None:
    opened = threadlog.open(family)
    assert shapes(opened.tree()) == [["7 root"], WHOLE]
    # A page of one thread: the whole tree that it stands in.
    page = opened.tree(sources=["subagent:review"])
    assert shapes(page) == [WHOLE]
    assert (page.next, page.problems) == (None, ())
    assert shapes(opened.tree(archived=True)) == [WHOLE]
    first = opened.tree(limit=1)
    assert shapes(first) == [["7 root"]]
    assert shapes(opened.tree(cursor=first.next)) == [WHOLE]


@pytest.mark.codex("C100")
def test_the_tree_of_one_thread_is_all_below_it_under_those_above(family: Path) -> None:
    opened = threadlog.open(family)
    assert shapes(opened.tree(uuid(2))) == [["1 root^", ["2 subagent*", ["4 subagent"]]]]
    assert shapes(opened.tree(uuid(6))) == [["1 root^", ["5 fork^", ["6 subagent*"]]]]
    assert shapes(opened.tree(uuid(1))) == [["1 root*", *WHOLE[1:]]]
    with pytest.raises(ValueError, match="is whole: limit"):
        opened.tree(uuid(1), limit=1)
    with pytest.raises(threadlog.NotFound):
        opened.tree(uuid(77))


def test_one_that_is_gone_keeps_its_place(home: Path) -> None:
    thread(home, 2, **spawned_by(1))
    thread(home, 3, forked_from_id=uuid(1))
    opened = threadlog.open(home)
    assert shapes(opened.tree()) == [["1 root!", ["2 subagent"], ["3 fork"]]]
    assert shapes(opened.tree(uuid(3))) == [["1 root!^", ["3 fork*"]]]


def test_who_began_a_thread_counts_before_what_it_was_forked_from(home: Path) -> None:
    thread(home, 1)
    thread(home, 2)
    thread(home, 3, **spawned_by(2), forked_from_id=uuid(1))
    thread(home, 4, **spawned_by(9), forked_from_id=uuid(1))  # who began it is gone
    opened = threadlog.open(home)
    assert shapes(opened.tree()) == [
        ["1 root", ["4 fork"]],
        ["2 root", ["3 subagent"]],
    ]
    assert shapes(opened.tree(uuid(1))) == [["1 root*", ["4 fork"]]]


def test_edges_told_elsewhere_are_added(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thread(home, 1)
    thread(home, 2)
    edges = {uuid(1): [uuid(2), uuid(8)], uuid(8): [uuid(8)]}
    monkeypatch.setattr(kinship, "edges_told", lambda _store: edges)
    expected = [["1 root", ["8 subagent!"], ["2 subagent"]]]
    assert shapes(threadlog.open(home).tree()) == expected
    assert shapes(threadlog.open(home).tree(uuid(2))) == [["1 root^", ["2 subagent*"]]]


def test_each_of_a_loop_stands_somewhere_once(home: Path) -> None:
    thread(home, 1, **spawned_by(2))
    thread(home, 2, **spawned_by(1))
    thread(home, 3, **spawned_by(2), forked_from_id=uuid(1))
    thread(home, 4, **spawned_by(4))
    tree = threadlog.open(home).tree()
    assert sorted(number_of(each.id) for each in tree.walk()) == [1, 2, 3, 4]
    assert shapes(threadlog.open(home).tree(uuid(1))) == [
        ["2 subagent^", ["1 subagent*"]],
    ]


def test_a_fork_by_reference_says_where_it_begins(home: Path) -> None:
    parent = Pages(uuid(1))
    parent.turn("a")
    parent.write(home)
    fork = Pages(uuid(2), base=parent.end, forked_from_id=uuid(1))
    fork.turn("b")
    fork.write(home)
    (root,) = threadlog.open(home).tree().roots
    assert [each.fork_ordinal for each in root.walk()] == [None, parent.end.ordinal]
    again = Pages(uuid(2), revision=uuid(99), base=fork.end, forked_from_id=uuid(1))
    again.write(home, stamp="2026-01-02T03-04-09")
    (root,) = threadlog.open(home).tree(uuid(2)).roots
    assert [each.fork_ordinal for each in root.walk()] == [None, parent.end.ordinal]


def test_what_is_too_far_down_is_counted(home: Path) -> None:
    depth = DEPTH_LIMIT + 3
    put_thread(home, 0)
    for number in range(1, depth + 1):
        put(
            home,
            content([meta(uuid(number), **spawned_by(number - 1))]),
            file_name(uuid(number)),
        )
    opened = threadlog.open(home)
    told = [*opened.tree(uuid(0)).walk()]
    assert [number_of(each.id) for each in told] == [*range(DEPTH_LIMIT + 1)]
    assert (told[-1].deeper, told[-2].deeper) == (3, 0)
    below = opened.tree(uuid(depth))
    assert [number_of(each.id) for each in below.walk()] == [*range(depth - DEPTH_LIMIT, depth + 1)]
    assert below.roots[0].relation == "subagent"  # and so not the first of all
    assert below.roots[0].as_dict()["missing"] is False


def test_a_loop_has_the_same(family: Path) -> None:
    async def main() -> tuple[Tree, tuple[Ancestor, ...]]:
        opened = aio.open(family)
        return await opened.tree(uuid(2)), await opened.lineage(uuid(5))

    opened = threadlog.open(family)
    assert asyncio.run(main()) == (opened.tree(uuid(2)), opened.lineage(uuid(5)))


def test_a_copied_metadata_line_is_no_parent(home: Path) -> None:
    """A fork by copy holds the metadata of the thread it was copied from."""
    thread(home, 1, **spawned_by(9))
    raws = [meta(uuid(2), forked_from_id=uuid(1)), meta(uuid(1), **spawned_by(9)), *turn("x")]
    put(home, content(raws), file_name(uuid(2)))
    assert meta_payload(uuid(2))["source"] == "cli"
    assert shapes(threadlog.open(home).tree(uuid(2))) == [
        ["9 root!^", ["1 subagent^", ["2 fork*"]]],
    ]
    assert core_tree.ROOT == "root"
