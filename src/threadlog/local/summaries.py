"""Summaries of threads, out of what their rollouts' names, heads, ends and facts say."""

from __future__ import annotations

import os
import time
from typing import Protocol

from threadlog.core import layout, moments
from threadlog.core.metadata import Metadata
from threadlog.core.names import Named
from threadlog.core.query import ThreadSummary
from threadlog.core.summary import Counts, Files, Told, summarise
from threadlog.core.visibility import codex_hides
from threadlog.local.inventory import Inventory
from threadlog.local.scan import Found, below


class ToldBeside(Protocol):
    """Who knows what is told outside of rollouts: a `Beside`, say."""

    def of(self, thread_id: str, /) -> Named | None:
        """What is told of one thread, its name first of all, if anything is."""


class Summaries:
    """Makes summaries out of what one inventory knows, and the names told outside of rollouts."""

    def __init__(self, home: str, inventory: Inventory, beside: ToldBeside) -> None:
        self._home = home
        self._inventory = inventory
        self._beside = beside

    def of(
        self, newest: Found, scanned: Metadata | None = None, counts: Counts | None = None
    ) -> ThreadSummary:
        """The summary of the thread whose newest rollout this is.

        *scanned* is its metadata as folded beyond its head, *counts* what all of it tells.
        """
        group = self._inventory.group(newest)
        head = self._inventory.head(newest)
        own = scanned or head.metadata
        metadata = self._with_inherited(newest, own)
        thread_id = newest.thread_id or metadata.thread_id
        told = Told(
            metadata,
            first_message=own.preview,
            model=None if counts else head.recent.model,
            name=self._beside.of(thread_id) if thread_id else None,
            counts=counts,
        )
        updated_ms = head.facts.mtime_ms if head.facts else 0
        files = Files(
            path=newest.path,
            created=moments.utc_text(self._created_ms(group[0])),
            updated=moments.utc_text(updated_ms),
            recency=moments.utc_text(head.recent.turn_ms or updated_ms),
            archived=newest.archived,
            size_bytes=head.facts.size_bytes if head.facts else 0,
            compressed=newest.compressed,
            rollouts=len(group),
            problem=head.problem,
            codex_hides=self._codex_hides(newest, group),
        )
        return summarise(thread_id, told, files)

    def _codex_hides(self, newest: Found, group: list[Found]) -> str | None:
        """Codex's list knows rollouts, not threads: one that it shows is enough."""
        reasons = [
            codex_hides(self._inventory.head(each).metadata, in_place=self._in_place(each))
            for each in reversed(group)
            if each.archived == newest.archived
        ]
        return None if None in reasons else reasons[0]

    def _in_place(self, found: Found) -> bool:
        folder = below(self._home, found.folder).replace(os.sep, "/")
        return layout.in_place(folder, found.name)

    def _with_inherited(self, found: Found, metadata: Metadata) -> Metadata:
        """A fork by reference, and a revert, begin as what they build on began (as Codex)."""
        if metadata.base is None:
            return metadata
        for each in reversed(self._inventory.chain(found).rollouts):
            first = self._inventory.head(each).metadata
            if first.began:
                return metadata._replace(
                    preview=first.preview, goal=first.goal, goal_first=first.goal_first
                )
        return metadata

    def _created_ms(self, oldest: Found) -> int:
        created = moments.unix_ms(self._inventory.head(oldest).metadata.created or "")
        if created is None:
            return stamp_ms(self._inventory.stamp(oldest))
        return created


def stamp_ms(stamp: str) -> int:
    """The unix milliseconds of a local time as file names have it; 0 if no calendar has it."""
    try:
        return int(time.mktime(time.strptime(stamp, "%Y-%m-%dT%H-%M-%S"))) * 1000
    except (ValueError, OverflowError):
        return 0
