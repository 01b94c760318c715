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
    """Whom to look for: threads of some ids, and everybody below them; both kinds, archived or not.

    `spawned` are edges told elsewhere (Codex's database), added to what rollouts tell.  `forks`
    counts forks as children too; `reviews` False leaves out reviews and whatever else was begun
    without being spawned; `below` False and `above` True look the other way.
    """

    ids: tuple[str, ...]
    spawned: Edges = NO_EDGES
    forks: bool = False
    reviews: bool = True
    above: bool = False
    below: bool = True


def descendants_of(thread_id: str, spawned: Edges = NO_EDGES) -> Family:
    """The spawned subagents of a thread and theirs, as Codex archives and deletes them with it."""
    return Family((thread_id,), spawned, reviews=False)


def members(wanted: Family, kin: Kin) -> list[ThreadSummary]:
    """The threads meant: the asked ones first, then generation by generation, by id in each.

    Who is not there is left out, but not the children that name it.
    """
    met: dict[str, ThreadSummary] = {}
    _meet(met, kin.these(wanted.ids))
    if wanted.above:
        _climb(wanted, kin, met)
    if wanted.below:
        _descend(wanted, kin, met)
    return list(met.values())


def _climb(wanted: Family, kin: Kin, met: dict[str, ThreadSummary]) -> None:
    parents = parents_told(wanted.spawned)
    seen = set(wanted.ids)
    level = list(met.values())
    while level:
        ids = {each for thread in level for each in origins(thread, parents)} - seen
        seen |= ids
        level = _meet(met, kin.these(ids)) if ids else []


def _descend(wanted: Family, kin: Kin, met: dict[str, ThreadSummary]) -> None:
    seen = set(wanted.ids)
    level: Collection[str] = wanted.ids
    while level:
        told = {child for parent in level for child in wanted.spawned.get(parent, ())}
        born = [each for each in kin.begun_by(level) if wanted.reviews or each.source == SPAWNED]
        born += kin.these(told) if told else ()
        born += kin.forked_from(level) if wanted.forks else ()
        _meet(met, born)
        level = (told | {each.id for each in born if each.id}) - seen
        seen |= level


def _meet(met: dict[str, ThreadSummary], threads: Iterable[ThreadSummary]) -> list[ThreadSummary]:
    """Take in those not met before; returns them."""
    new = {each.id or each.path: each for each in threads}
    fresh = [new[key] for key in sorted(new) if key not in met]
    met.update((each.id or each.path, each) for each in fresh)
    return fresh


def parents_told(spawned: Edges) -> dict[str, str]:
    """The parent of each child of *spawned*; Codex keeps one for each."""
    return {child: parent for parent in sorted(spawned) for child in spawned[parent]}


def origins(thread: ThreadSummary, parents: Mapping[str, str]) -> list[str]:
    """Whom a thread comes from: who began it, then what it was forked from; never itself."""
    told = (thread.parent_thread_id, parents.get(thread.id or ""), thread.forked_from_id)
    return [each for each in dict.fromkeys(told) if each and each != thread.id]
