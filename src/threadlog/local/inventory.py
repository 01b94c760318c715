"""One look at a home: its rollouts by thread and by rollout id.

Lives for one question; the disk is asked anew for the next.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, cast

from threadlog.core import lines, moments
from threadlog.core.metadata import Base, Metadata
from threadlog.core.query import ThreadSummary
from threadlog.core.recent import Recent
from threadlog.errors import Unreadable
from threadlog.local.files import FileFacts, open_rollout
from threadlog.local.heads import Parse, read_head, read_recent
from threadlog.local.scan import Found, find_rollouts, found_at


class Head(NamedTuple):
    """What the head and the end of one rollout say, or why they say nothing."""

    metadata: Metadata
    facts: FileFacts | None
    problem: str | None
    recent: Recent = Recent()


class Chain(NamedTuple):
    """A rollout and all that come before it, newest first; `missing` is a base not to be found."""

    rollouts: list[Found]
    missing: Base | None


# Longer chains than this are not followed.
CHAIN_LIMIT = 10_000


class Inventory:
    """The rollouts of a home at one moment.

    `current` has one rollout for each thread, the newest; `siblings` has all of those few threads
    that have several, oldest first; `anonymous` are rollouts that name no thread at all.
    `problems` says which folders could not be listed.
    """

    def __init__(
        self,
        home: str,
        find: Callable[[str, list[str]], Iterable[list[Found]]] = find_rollouts,
        parse: Parse = lines.parse,
    ) -> None:
        self._parse = parse
        self.problems: list[str] = []
        self.current: dict[str, Found] = {}
        self.siblings: dict[str, list[Found]] = {}
        self.anonymous: list[Found] = []
        self._heads: dict[str, Head] = {}
        self._by_rollout_id: dict[str, list[Found]] | None = None
        for batch in find(home, self.problems):
            ids = {found.thread_id: found for found in batch}
            if len(ids) == len(batch) and None not in ids and self.current.keys().isdisjoint(ids):
                self.current.update(cast("dict[str, Found]", ids))
            else:
                for found in batch:
                    self._add(found)
        for thread_id, group in self.siblings.items():
            group.sort(key=by_age)
            self.current[thread_id] = group[-1]

    def _add(self, found: Found) -> None:
        thread_id = found.thread_id or self.head(found).metadata.thread_id
        if thread_id is None:
            self.anonymous.append(found)
        elif thread_id not in self.current:
            self.current[thread_id] = found
        else:
            self.siblings.setdefault(thread_id, [self.current[thread_id]]).append(found)

    def rollouts(self) -> Iterator[Found]:
        """Every rollout whose thread is known, of threads with several all."""
        alone = (each for key, each in self.current.items() if key not in self.siblings)
        return itertools.chain(alone, *self.siblings.values())

    def group(self, found: Found) -> list[Found]:
        """All rollouts of the thread that *found* is one of, oldest first."""
        thread_id = found.thread_id
        if thread_id is None and self.siblings:
            thread_id = self.head(found).metadata.thread_id
        group = self.siblings.get(thread_id or "", [found])
        return group if found in group else [found]  # a file of no rollout's name is no rollout

    def of(self, thread: ThreadSummary) -> list[Found]:
        """All rollouts of a thread, the oldest first."""
        return self.group(found_at(thread.path, archived=thread.archived))

    def head(self, found: Found) -> Head:
        """The head of a rollout, read once."""
        head = self._heads.get(found.path)
        if head is None:
            head = self._heads[found.path] = _read_head(found.path, self._parse)
        return head

    def recency_ms(self, path: str) -> int:
        """When the user last took a turn, as far as the end of a rollout tells."""
        try:
            with open_rollout(path) as rollout:
                return read_recent(rollout).turn_ms or rollout.facts.mtime_ms
        except Unreadable:
            return 0

    def stamp(self, found: Found) -> str:
        """The local time at which a rollout was created, as file names spell it."""
        if found.stamp is not None:
            return found.stamp
        head = self.head(found)
        created = moments.unix_ms(head.metadata.created or "")
        if created is None:
            created = head.facts.mtime_ms if head.facts else 0
        moment = time.localtime(created / 1000)
        return f"{moment.tm_year:04}" + time.strftime("-%m-%dT%H-%M-%S", moment)

    def is_zoned(self, found: Found) -> bool:
        """True if the local time zone has a part in what is told of when it was created."""
        created = moments.unix_ms(self.head(found).metadata.created or "")
        return created is None or found.stamp is None

    def chain(self, found: Found) -> Chain:
        """The rollout and what its history builds on, as far as it is to be found."""
        rollouts: list[Found] = []
        seen: set[str] = set()
        at: Found | None = found
        base: Base | None = None
        while at is not None and len(rollouts) < CHAIN_LIMIT:
            seen.add(at.path)
            rollouts.append(at)
            base = self.head(at).metadata.base
            at = self.find_base(base, seen) if base is not None else None
        return Chain(rollouts, base)

    def find_base(self, base: Base, seen: set[str]) -> Found | None:
        """The newest rollout of an id, but for those seen already."""
        if self._by_rollout_id is None:
            self._by_rollout_id = {}
            for found in self.rollouts():
                if found.rollout_id is not None:
                    self._by_rollout_id.setdefault(found.rollout_id, []).append(found)
        candidates = self._by_rollout_id.get(base.rollout_id, ())
        return max(
            (found for found in candidates if found.path not in seen),
            key=by_age,
            default=None,
        )


def by_age(found: Found) -> tuple[tuple[str, str], bool, str]:
    """Sorts the rollouts of one thread; the last is the one that counts."""
    return found.age_order, not found.archived, found.path


def _read_head(path: str, parse: Parse) -> Head:
    try:
        with open_rollout(path) as rollout:
            metadata = read_head(rollout, parse)
            problem = _head_problem(metadata, rollout.facts)
            return Head(metadata, rollout.facts, problem, read_recent(rollout, parse))
    except Unreadable as error:
        return Head(Metadata(), None, str(error))


def _head_problem(metadata: Metadata, facts: FileFacts) -> str | None:
    if facts.size_bytes == 0:
        return "empty rollout"
    if metadata.thread_id is None:
        return "no session metadata at its head"
    return None
