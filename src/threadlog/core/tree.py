"""Threads under those that they come from: subagents and reviews, and marked apart, forks.

Built of summaries.  Each thread stands in one place: under who began it, else under what it was
forked from.  What is not there any more has a place too, as long as somebody there names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from threadlog.core.family import NO_EDGES, REVIEW, Edges, origins, parents_told
from threadlog.core.lines import Json
from threadlog.core.query import ThreadSummary

ROOT, SUBAGENT, REVIEWER, FORK = "root", "subagent", "review", "fork"
# Further down threads are counted, not told; so many above a thread are told.
DEPTH_LIMIT = 64


class Branch(NamedTuple):
    """A thread and those that come from it, the oldest first; `thread` None: it is not there.

    `relation` is what it is to the one above it: "subagent", "review" or "fork"; "root" if there
    is none.  Of a fork by reference `fork_ordinal` is the first line of the other that is not part
    of it.  `asked` marks the thread asked for, `ancestor` those above it, whose other children are
    left out.  `deeper` counts threads too far down to be told.
    """

    id: str | None
    relation: str
    thread: ThreadSummary | None
    children: tuple[Branch, ...] = ()
    fork_ordinal: int | None = None
    asked: bool = False
    ancestor: bool = False
    deeper: int = 0

    @property
    def missing(self) -> bool:
        """True if others name the thread, but no rollout is there."""
        return self.thread is None

    def walk(self) -> Iterator[Branch]:
        """The branch, and all below it in the order in which they are shown."""
        stack = [self]
        while stack:
            branch = stack.pop()
            yield branch
            stack.extend(reversed(branch.children))

    def as_dict(self) -> dict[str, Json]:
        """The branch as plain JSON."""
        return {
            **self._asdict(),
            "missing": self.missing,
            "thread": self.thread.as_dict() if self.thread else None,
            "children": [each.as_dict() for each in self.children],
        }


class Tree(NamedTuple):
    """Some roots and all below them; `next` and `problems` as those of `ThreadPage`."""

    roots: tuple[Branch, ...]
    next: str | None = None
    problems: tuple[str, ...] = ()

    def walk(self) -> Iterator[Branch]:
        """All branches, in the order in which they are shown."""
        return (each for root in self.roots for each in root.walk())


class Ancestor(NamedTuple):
    """One thread of a lineage; `thread` None: it is not there any more.

    `end_ordinal`: what comes after it in the lineage builds on its lines before this one, where
    that is told.
    """

    id: str | None
    thread: ThreadSummary | None
    end_ordinal: int | None = None

    @property
    def missing(self) -> bool:
        """True if others name the thread, but no rollout is there."""
        return self.thread is None


class Grower:
    """Makes branches of the threads of a family, all of its members given."""

    def __init__(self, threads: Iterable[ThreadSummary], spawned: Edges = NO_EDGES) -> None:
        self._threads = {each.id or each.path: each for each in threads}
        self._parents = parents_told(spawned)
        self._below: dict[str, list[str]] = {}
        self._met: set[str] = set()
        everybody = [*self._threads, *(each for each in self._parents if each not in self._threads)]
        for key in sorted(everybody, key=self._age):
            above = self.above(key)
            if above is not None:
                self._below.setdefault(above, []).append(key)

    def _age(self, key: str) -> tuple[str, str]:
        thread = self._threads.get(key)
        return (thread.created if thread else "", key)

    def above(self, key: str) -> str | None:
        """Whom a thread stands under: the first of its origins that is there, else the first."""
        thread = self._threads.get(key)
        if thread is None:
            return self._parents.get(key)
        named = origins(thread, self._parents)
        there = [each for each in named if each in self._threads]
        return next(iter(there or named), None)

    def root_of(self, key: str) -> str:
        """The one that stands above all that a thread stands under; of a loop, one of it."""
        seen: set[str] = set()
        while key not in seen:
            seen.add(key)
            above = self.above(key)
            if above is None:
                return key
            key = above
        return key

    def roots(self, keys: Iterable[str]) -> tuple[Branch, ...]:
        """The whole trees that these threads stand in, each once, in their order."""
        grown = []
        for key in keys:
            root = self.root_of(key)
            if root not in self._met:  # else the thread was met below it
                grown.append(self._grow(root, ROOT, DEPTH_LIMIT))
        return tuple(grown)

    def one(self, key: str) -> Branch:
        """A thread with all below it, under those above it, which are marked."""
        above = self._line_above(key)
        self._met.update(above)
        relation = self._relation(key) if above else ROOT
        branch = self._grow(key, relation, DEPTH_LIMIT)._replace(asked=True)
        for place, each in enumerate(above, 1):
            last = place == len(above) and self.above(each) is None
            relation = ROOT if last else self._relation(each)
            thread = self._threads.get(each)
            name = thread.id if thread else each
            branch = Branch(name, relation, thread, (branch,), ancestor=True)
        return branch

    def _line_above(self, key: str) -> list[str]:
        line: list[str] = []
        at = self.above(key)
        while at is not None and at != key and at not in line and len(line) < DEPTH_LIMIT:
            line.append(at)
            at = self.above(at)
        return line

    def _grow(self, key: str, relation: str, depth: int) -> Branch:
        self._met.add(key)
        thread = self._threads.get(key)
        branch = Branch(thread.id if thread else key, relation, thread)
        # Each stands under one alone, so only those above it can have been met: in a loop.
        below = [each for each in self._below.get(key, ()) if each not in self._met]
        if not depth:
            return branch._replace(deeper=self._count(below))
        children = (self._grow(each, self._relation(each), depth - 1) for each in below)
        return branch._replace(children=tuple(children))

    def _count(self, keys: Sequence[str]) -> int:
        count, stack = 0, list(keys)
        while stack:
            key = stack.pop()
            if key not in self._met:
                self._met.add(key)
                count += 1
                stack.extend(self._below.get(key, ()))
        return count

    def _relation(self, key: str) -> str:
        thread = self._threads.get(key)
        if thread is None:
            return SUBAGENT
        above = self.above(key)
        if above not in (thread.parent_thread_id, self._parents.get(key)):
            return FORK
        return REVIEWER if thread.source == REVIEW else SUBAGENT
