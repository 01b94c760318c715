"""Threads put away and brought back: archived, unarchived, deleted into the trash, restored.

All rollouts of a thread move together, under its writer lock, and what a Codex in the same home
notes of it is changed along.  What is to be done is written down first (`intents`): where it was
broken off, `finish` does the rest.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from threadlog.core.query import ThreadSummary
from threadlog.core.shelf import Place, Trashed, When
from threadlog.errors import MoveFailed, Refused, ThreadlogError
from threadlog.local.batches import CANNOT, Batches, Result, Tools
from threadlog.local.finishing import tell_codex
from threadlog.local.intents import (
    ARCHIVE,
    PURGE,
    RESTORE,
    REVERT,
    TRASH,
    UNARCHIVE,
    Step,
)
from threadlog.local.inventory import Inventory
from threadlog.local.plans import Planned, Plans, in_families
from threadlog.local.scan import below

_Plan = Callable[[Inventory, ThreadSummary, int], Planned]


class Shelf:
    """Where the threads of a home are put away."""

    def __init__(self, home: str, tools: Tools) -> None:
        self._home = home
        self._tools = tools
        self._batches = Batches(home, tools)
        self._trash, self._intents = self._batches.trash, self._batches.intents
        self._plans = Plans(home, self._trash, tools.register)

    # -- the verbs

    def archive(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Result]:
        """Put threads into the archive; an answer for each.

        *along* names with whom each goes, itself for who takes others with it.
        """
        return self._each(ARCHIVE, threads, when, (self._plans.to_archive, along))

    def unarchive(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Result]:
        """Put archived threads back where they were, by their names (Codex: the same)."""
        return self._each(UNARCHIVE, threads, when, (self._plans.back, along))

    def trash(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Result]:
        """Put threads into the trash, wherever they lie; *along* names who took each with it."""

        def plan(inventory: Inventory, thread: ThreadSummary, at_ms: int) -> Planned:
            return self._plans.to_trash(inventory, thread, (at_ms, along.get(thread.id or "", "")))

        return self._each(TRASH, threads, when, (plan, along))

    def trashed(self) -> list[Trashed]:
        """What is in the trash, that deleted last first."""
        return [self._trash.told(entry) for entry in self._trash.entries()]

    def restore(self, entries: Sequence[str], when: When) -> list[Result]:
        """Put threads back from the trash to where they lay."""
        return self._of_trash(RESTORE, entries, when, self._plans.from_trash)

    def purge(self, entries: Sequence[str], when: When) -> list[Result]:
        """Remove threads in the trash for good."""
        return self._of_trash(PURGE, entries, when, self._plans.away)

    def _of_trash(
        self, deed: str, entries: Sequence[str], when: When, plan: Callable[[str, int], Planned]
    ) -> list[Result]:
        self.finish()
        planned = [_planned(partial(plan, each, when.at_ms)) for each in entries]
        return self._batches.carry_out(deed, planned, when)

    def rollout_ids(self, threads: Sequence[ThreadSummary]) -> dict[str, list[str]]:
        """The ids of all rollouts of some threads, by thread."""
        inventory = Inventory(self._home)
        return {
            thread.id or "": [each.rollout_id or "" for each in inventory.of(thread)]
            for thread in threads
        }

    def in_trash_building_on(self, rollout_ids: Sequence[str]) -> list[str]:
        """The threads in the trash that build on one of some rollouts."""
        wanted = set(rollout_ids)
        return [
            each.thread_id for each in self._trash.entries() if not wanted.isdisjoint(each.bases)
        ]

    def rollouts_in_trash(self, entry: str) -> tuple[str, ...]:
        """The ids of the rollouts of a thread in the trash."""
        return self._plans.entry(entry).rollout_ids

    def revise(self, place: Place, path: str, at_ms: int, make: Callable[[], None]) -> None:
        """Have *make* make a further rollout of a thread, and Codex led to it; or neither.

        *make* takes the thread's lock, and keeps it.  Raises Refused, MoveFailed, what it raises.
        """
        self.finish()
        moves = ((below(self._home, place.path), below(self._home, path)),)
        step = Step(place.thread_id, moves, place.paginated, at_ms)
        if obstacle := self._batches.obstacle(REVERT, step):
            raise Refused(f"thread {place.thread_id} stays as it is: {obstacle}")
        try:
            intent = self._intents.write(REVERT, (step,))
        except OSError as error:
            raise MoveFailed(error.filename or self._intents.folder, error.errno) from error
        try:
            make()
            if left := tell_codex(self._tools.register, self._home, REVERT, step):
                raise Refused(f"thread {place.thread_id} stays as it is: {CANNOT.format(left)}")
        except Exception:  # where it is interrupted, whoever opens the home next looks
            with contextlib.suppress(OSError):  # then it is led there later
                if os.path.lexists(path):
                    self._tools.disk.unlink(path)
                self._intents.remove(intent)
            raise
        with contextlib.suppress(OSError):
            self._intents.remove(intent)

    def finish(self) -> None:
        """Do the rest of what was broken off, as far as its threads are free; never raises."""
        self._batches.finisher.finish()

    # -- what is to be done

    def _each(
        self,
        deed: str,
        threads: Sequence[ThreadSummary],
        when: When,
        how: tuple[_Plan, Mapping[str, str]],
    ) -> list[Result]:
        self.finish()
        inventory, (plan, along) = Inventory(self._home), how
        planned = [_planned(partial(plan, inventory, each, when.at_ms)) for each in threads]
        ids = [each.id for each in threads]
        planned = in_families(planned, ids, along, whole=deed == TRASH)
        return self._batches.carry_out(deed, planned, when)

    # -- doing it


def _planned(plan: Callable[[], Planned]) -> Planned | ThreadlogError:
    try:
        return plan()
    except OSError as error:
        return MoveFailed(error.filename or "its files", error.errno)
    except ThreadlogError as error:
        return error
