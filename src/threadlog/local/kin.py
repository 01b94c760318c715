"""Which threads and rollouts belong together, by the heads of all rollouts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator

from threadlog.core import filters
from threadlog.core.metadata import Metadata
from threadlog.core.query import ThreadSummary
from threadlog.errors import Unreadable
from threadlog.local.inventory import Inventory
from threadlog.local.scan import Found
from threadlog.local.summaries import Summaries


class FileKin:
    """The threads of a home at one moment; see `core.family.Kin`.

    *look* is called before each head, and raises to end the looking.
    """

    def __init__(
        self, inventory: Inventory, summaries: Summaries, look: Callable[[], None]
    ) -> None:
        self._inventory = inventory
        self._summaries = summaries
        self._look = look

    def these(self, ids: Collection[str]) -> Iterator[ThreadSummary]:
        """The threads of these ids, those that are there."""
        current = self._inventory.current
        return self._told(current[each] for each in ids if each in current)

    def begun_by(self, ids: Collection[str]) -> Iterator[ThreadSummary]:
        """The threads whose parent is one of these."""
        wanted = {filters.comparable(each) for each in ids}
        return self._told(
            found
            for found, head in self._heads()
            if filters.comparable(head.parent_thread_id) in wanted
        )

    def forked_from(self, ids: Collection[str]) -> Iterator[ThreadSummary]:
        """The threads that were forked from one of these."""
        wanted = {filters.comparable(each) for each in ids}
        return self._told(
            found
            for found, head in self._heads()
            if filters.comparable(head.forked_from_id) in wanted
        )

    def _heads(self) -> Iterator[tuple[Found, Metadata]]:
        known = self._inventory
        for found in itertools.chain(known.current.values(), known.anonymous):
            self._look()
            yield found, known.head(found).metadata

    def _told(self, founds: Iterable[Found]) -> Iterator[ThreadSummary]:
        return (self._summaries.of(found) for found in founds)


def building_on(
    inventory: Inventory, candidates: Iterable[Found], rollout_ids: Collection[str]
) -> list[tuple[str | None, str]]:
    """Those of *candidates* that build on one of these rollouts: thread id and path, by path."""
    wanted = {each.lower() for each in rollout_ids}
    found = []
    for each in candidates:
        metadata = inventory.head(each).metadata
        if metadata.base is not None and metadata.base.rollout_id in wanted:
            found.append((each.thread_id or metadata.thread_id, each.path))
    return sorted(found, key=lambda each: each[1])


def all_listed(problems: Collection[str]) -> None:
    """Raise Unreadable if a folder could not be listed."""
    if problems:
        raise Unreadable(f"cannot tell what builds on a rollout: {min(problems)}")
