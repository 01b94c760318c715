"""Which threads belong together: those that a thread began, and those that were forked from it.

Pure: whoever knows the threads (files or index) is asked a generation at a time.  Loops end, since
a thread is met once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from threadlog.core.query import ThreadSummary

# Labels of `core.metadata.source_label`.
SPAWNED, REVIEW = "subagent:spawn", "subagent:review"

# Whom a look takes in, beside the threads asked for: nobody, those they come from, those that come
# from them, or everybody who is related at all.
NOBODY, ABOVE, BELOW, WHOLE = "nobody", "above", "below", "whole"

# Who began whom, as it is told elsewhere than in rollouts: parent to children.
Edges = Mapping[str, Collection[str]]
NO_EDGES: Edges = MappingProxyType({})


class Kin(Protocol):
    """Whoever knows the threads of a home, at one moment; archived ones too."""

    def these(self, ids: Collection[str]) -> Iterable[ThreadSummary]:
        """The threads of these ids, those that are there."""

    def begun_by(self, ids: Collection[str]) -> Iterable[ThreadSummary]:
        """The threads whose parent is one of these: subagents, reviews."""

    def forked_from(self, ids: Collection[str]) -> Iterable[ThreadSummary]:
        """The threads that were forked from one of these."""


class Family(NamedTuple):
    """Whom to look for: threads of some ids and their relatives, archived or not.

    `reach` is NOBODY, ABOVE, BELOW or WHOLE.  `spawned` are edges told elsewhere (Codex's
    database), added to what rollouts tell.  With `forks` a fork counts as a child of what it was
    forked from; without `reviews` only spawned subagents do as children of who began them.
    """

    ids: tuple[str, ...]
    reach: str = BELOW
    spawned: Edges = NO_EDGES
    forks: bool = False
    reviews: bool = True


def members(wanted: Family, kin: Kin) -> list[ThreadSummary]:
    """The threads meant: the asked ones first, then generation by generation, by id in each.

    Who is not there is left out, but not the children that name it.
    """
    met: dict[str, ThreadSummary] = {}
    parents = parents_told(wanted.spawned)
    seen: set[str] = set()
    level = set(wanted.ids)
    fresh = _meet(met, kin.these(level))
    while level and wanted.reach != NOBODY:
        seen |= level
        following: set[str] = set()
        if wanted.reach != BELOW:
            following |= {
                each for thread in fresh for each in origins(thread, parents, forks=wanted.forks)
            }
            following |= {parents[each] for each in level if each in parents}
        if wanted.reach != ABOVE:
            born = _born(wanted, kin, level)
            following |= {each.id for each in born if each.id}
            following |= {child for each in level for child in wanted.spawned.get(each, ())}
            _meet(met, (each for each in born if not each.id))
        level = following - seen
        fresh = _meet(met, kin.these(level)) if level else []
    return list(met.values())


def _born(wanted: Family, kin: Kin, parents: Collection[str]) -> list[ThreadSummary]:
    """The children of some threads, as rollouts tell."""
    born = [each for each in kin.begun_by(parents) if wanted.reviews or each.source == SPAWNED]
    return [*born, *kin.forked_from(parents)] if wanted.forks else born


def _meet(met: dict[str, ThreadSummary], threads: Iterable[ThreadSummary]) -> list[ThreadSummary]:
    """Take in those not met before; returns them."""
    new = {each.id or each.path: each for each in threads}
    fresh = [new[key] for key in sorted(new) if key not in met]
    met.update((each.id or each.path, each) for each in fresh)
    return fresh


def parents_told(spawned: Edges) -> dict[str, str]:
    """The parent of each child of *spawned*; Codex keeps one for each, and none is its own."""
    told = ((child, parent) for parent in sorted(spawned) for child in spawned[parent])
    return {child: parent for child, parent in told if child != parent}


def origins(thread: ThreadSummary, parents: Mapping[str, str], *, forks: bool = True) -> list[str]:
    """Whom a thread comes from: who began it, then what it was forked from; never itself."""
    forked = thread.forked_from_id if forks else None
    told = (thread.parent_thread_id, parents.get(thread.id or ""), forked)
    return [each for each in dict.fromkeys(told) if each and each != thread.id]
