"""What a thread comes from, and what comes from it: lineages and trees, as the files tell them."""

from __future__ import annotations

import os
from collections.abc import Callable

from threadlog.core import layout
from threadlog.core.family import ABOVE, NOBODY, WHOLE, Edges, Family
from threadlog.core.index_status import Stop, never
from threadlog.core.metadata import PAGINATED
from threadlog.core.query import ThreadPage, ThreadSummary
from threadlog.core.tree import FORK, Ancestor, Branch, Grower, Tree
from threadlog.ports import Store

# Longer lineages are not followed.
LINEAGE_LIMIT = 1000

# A thread that another one builds on: its id, and the ordinal at which that ends.
_Base = tuple[str, int | None]


def edges_told(store: Store) -> Edges:
    """Who spawned whom, as Codex's database tells it beside the files."""
    return store.spawned()


def lineage(store: Store, thread: ThreadSummary) -> tuple[Ancestor, ...]:
    """The threads that a thread was forked from, the oldest first, itself last."""
    if thread.id is None:
        return (Ancestor(None, thread),)
    known = {
        each.id: each for each in store.catalog.family(Family((thread.id,), ABOVE, forks=True))
    }
    known[thread.id] = thread
    ends: dict[str, int | None] = {}
    told: list[Ancestor] = []
    seen: set[str] = set()
    stack = [(thread.id, False)]
    while stack:
        key, done = stack.pop()
        if done:
            told.append(Ancestor(key, known.get(key), ends.get(key)))
        elif key not in seen and len(seen) < LINEAGE_LIMIT:
            seen.add(key)
            stack.append((key, True))
            if key not in known:
                known.update((each.id, each) for each in _those(store, key))
            for origin, end in _origins(store, known.get(key)):
                if ends.get(origin) is None:
                    ends[origin] = end
                stack.append((origin, False))
    return tuple(told)


def _those(store: Store, thread_id: str) -> list[ThreadSummary]:
    return store.catalog.family(Family((thread_id,), NOBODY))


def _origins(store: Store, thread: ThreadSummary | None) -> list[_Base]:
    """What a thread was forked from, then what it builds on: the later is looked at first."""
    if thread is None:
        return []
    base = _base_of(store, thread)
    fork = thread.forked_from_id
    if not fork or fork == thread.id:
        return [base] if base else []
    if base is None or base[0] == fork:
        return [base or (fork, None)]
    # It builds on an older one, which the other was forked from; unless that is gone.
    return [(fork, None), base] if _those(store, base[0]) else [(fork, None)]


def _base_of(store: Store, thread: ThreadSummary) -> _Base | None:
    """The other thread that a thread's history begins in."""
    if store.rollouts.metadata(thread).base is None:
        return None
    for segment in reversed(store.rollouts.segments(thread)[:-1]):
        name = layout.parse_name(os.path.basename(segment.path))
        owner = segment.rollout_id if segment.missing else name and name.thread_id
        if owner and owner != thread.id:
            return owner, segment.end_ordinal
    return None


def tree_of(store: Store, thread: ThreadSummary, stop: Stop = never) -> Tree:
    """A thread with all that comes from it, under what it comes from; raises GivenUp."""
    edges = edges_told(store)
    if thread.id is None:
        return Tree((Grower([thread]).one(thread.path),))
    family = store.catalog.family(Family((thread.id,), WHOLE, edges, forks=True), stop)
    branch = Grower([*family, thread], edges).one(thread.id)
    return Tree((_with_ordinals(branch, _ordinal_of(store)),))


def tree_page(store: Store, page: ThreadPage, stop: Stop = never) -> Tree:
    """The whole trees that the threads of a page stand in, in its order; raises GivenUp."""
    edges = edges_told(store)
    ids = tuple(each.id for each in page if each.id)
    wanted = Family(ids, WHOLE, edges, forks=True)
    family = store.catalog.family(wanted, stop) if ids else []
    grown = Grower([*family, *page], edges).roots(each.id or each.path for each in page)
    ordinal_of = _ordinal_of(store)
    roots = tuple(_with_ordinals(each, ordinal_of) for each in grown)
    return Tree(roots, page.next, tuple(page.problems))


def _ordinal_of(store: Store) -> Callable[[Branch], int | None]:
    def ordinal_of(branch: Branch) -> int | None:
        """Where a fork by reference begins; reads its head."""
        thread = branch.thread
        if branch.relation != FORK or thread is None or thread.history_mode != PAGINATED:
            return None
        base = store.rollouts.metadata(thread).base
        if base is None or thread.rollouts == 1:
            return base and base.end_ordinal
        begun = _base_of(store, thread)  # the newest rollout is of a revert
        return begun and begun[1]

    return ordinal_of


def _with_ordinals(branch: Branch, ordinal_of: Callable[[Branch], int | None]) -> Branch:
    """The same, with the places of its forks."""
    return branch._replace(
        children=tuple(_with_ordinals(each, ordinal_of) for each in branch.children),
        fork_ordinal=ordinal_of(branch),
    )
