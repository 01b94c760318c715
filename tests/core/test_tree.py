"""Branches of any family: everybody who is there stands in one place, under who they come from."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rollout_lines import summary

from threadlog.core.family import origins, parents_told
from threadlog.core.query import ThreadSummary
from threadlog.core.tree import FORK, ROOT, Branch, Grower, Tree

NAMES = [f"t{number}" for number in range(8)]
NAME = st.sampled_from(NAMES)
EDGES = st.dictionaries(NAME, st.lists(NAME, max_size=2), max_size=3)


@st.composite
def families(draw: st.DrawFn) -> list[ThreadSummary]:
    """Some of eight threads, each from any of them, be it there or itself."""
    threads = []
    for name in draw(st.lists(NAME, unique=True, max_size=8)):
        fields: dict[str, Any] = {
            "parent_thread_id": draw(st.none() | NAME),
            "forked_from_id": draw(st.none() | NAME),
        }
        threads.append(summary()._replace(id=name, path=f"/{name}", created="2026", **fields))
    return threads


def pairs(branch: Branch) -> list[tuple[Branch, Branch]]:
    """Every branch below with the one that it stands under."""
    return [pair for child in branch.children for pair in ((branch, child), *pairs(child))]


@given(families(), EDGES)
def test_each_stands_in_one_place_under_one_that_it_comes_from(
    threads: list[ThreadSummary], edges: dict[str, list[str]]
) -> None:
    grower = Grower(threads, edges)
    tree = Tree(grower.roots([each.id or "" for each in threads]))
    stand = [branch.id for branch in tree.walk()]
    assert len(stand) == len(set(stand))
    there = {each.id for each in threads}
    assert there <= set(stand)
    parents = parents_told(edges)
    for root in tree.roots:
        assert root.relation == ROOT
        for above, below in pairs(root):
            if below.thread is None:
                assert parents[below.id or ""] == above.id
                continue
            named = origins(below.thread, parents)
            assert above.id in named
            assert not above.missing or not there.intersection(named)
            began = (below.thread.parent_thread_id, parents.get(below.id or ""))
            assert (below.relation == FORK) == (above.id not in began)


@given(families(), EDGES)
def test_of_one_thread_all_below_it_is_told_and_those_above_once(
    threads: list[ThreadSummary], edges: dict[str, list[str]]
) -> None:
    for thread in threads:
        branch = Grower(threads, edges).one(thread.id or "")
        told = [*branch.walk()]
        (asked,) = [each for each in told if each.asked]
        assert asked.thread == thread
        ids = [each.id for each in told]
        assert len(ids) == len(set(ids))
        above = [each for each in told if each.ancestor]
        assert told[: len(above)] == above
        assert told[len(above)] == asked
        assert all(len(each.children) == 1 for each in above)
