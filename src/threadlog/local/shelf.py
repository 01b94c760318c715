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
from typing import NamedTuple

from threadlog.core.checkup import Writing
from threadlog.core.query import ThreadSummary
from threadlog.core.shelf import Moved, Place, Trashed, When
from threadlog.errors import InUse, MoveFailed, Refused, ThreadlogError
from threadlog.local.carrying import Carrier
from threadlog.local.disk import Disk
from threadlog.local.finishing import Finisher, Finishing, plain, tell_codex
from threadlog.local.intents import (
    ARCHIVE,
    PURGE,
    RESTORE,
    REVERT,
    TRASH,
    UNARCHIVE,
    Intent,
    Intents,
    Step,
)
from threadlog.local.inventory import Inventory
from threadlog.local.journal import FileJournal
from threadlog.local.locks import TakeLock, WriterLock
from threadlog.local.notes import NoteBook
from threadlog.local.plans import Planned, Plans, group, of_family
from threadlog.local.register import Register
from threadlog.local.scan import below
from threadlog.local.trash import Entry, Trash

# So many threads are written down, and locked, at once.
BATCH = 64
_LEFT = "Codex's database was left as it is: {}"
_STAYS = "thread {} stays where it is: {}"
Result = Moved | ThreadlogError
_Plan = Callable[[Inventory, ThreadSummary, int], Planned]


class Tools(NamedTuple):
    """What a shelf needs of its home's store."""

    lock: TakeLock
    register: Register
    journal: FileJournal
    notes: NoteBook
    disk: Disk
    writers: Callable[[str], Sequence[Writing]]
    building_on: Callable[[Sequence[str]], Sequence[tuple[str | None, str]]]
    is_there: Callable[[str], bool]

    def users_of(self, entry: Entry) -> list[str]:
        """Who goes on from a thread in the trash by reference: a fork can be made at any time."""
        if not entry.paginated:
            return []
        found = self.building_on(entry.rollout_ids)
        return [
            each or "a thread without an id" for each, _path in found if each != entry.thread_id
        ]


class Shelf:
    """Where the threads of a home are put away."""

    def __init__(self, home: str, tools: Tools) -> None:
        self._home = home
        self._tools = tools
        self._trash = Trash(home, tools.disk)
        self._plans = Plans(home, self._trash, tools.register)
        self._intents = Intents(home, tools.disk, tools.journal.ensure_folder)
        self._carrier = Carrier(home, tools.disk)
        beside = (tools.lock, tools.register, tools.journal, tools.notes)
        own = (self._intents, self._carrier, self._trash)
        self._finisher = Finisher(home, Finishing(*beside, *own, tools.users_of, tools.is_there))

    # -- the verbs

    def archive(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Result]:
        """Put threads into the archive; an answer for each.

        *along* names with whom each goes, itself for who takes others with it.
        """
        return self._each(ARCHIVE, threads, when, self._along(self._plans.to_archive, along))

    def unarchive(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Result]:
        """Put archived threads back where they were, by their names (Codex: the same)."""
        return self._each(UNARCHIVE, threads, when, self._along(self._plans.back, along))

    def _along(self, plan: _Plan, along: Mapping[str, str]) -> _Plan:
        def planned(inventory: Inventory, thread: ThreadSummary, at_ms: int) -> Planned:
            return of_family(plan(inventory, thread, at_ms), along.get(thread.id or ""))

        return planned

    def trash(
        self, threads: Sequence[ThreadSummary], when: When, along: Mapping[str, str]
    ) -> list[Result]:
        """Put threads into the trash, wherever they lie; *along* names who took each with it."""

        def plan(inventory: Inventory, thread: ThreadSummary, at_ms: int) -> Planned:
            return self._plans.to_trash(inventory, thread, (at_ms, along.get(thread.id or "", "")))

        return self._each(TRASH, threads, when, plan)

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
        return self._carry_out(deed, planned, when)

    def rollout_ids(self, threads: Sequence[ThreadSummary]) -> dict[str, list[str]]:
        """The ids of all rollouts of some threads, by thread."""
        inventory = Inventory(self._home)
        return {
            thread.id or "": [each.rollout_id or "" for each in group(inventory, thread)]
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
        if obstacle := self._obstacle(REVERT, step):
            raise Refused(f"thread {place.thread_id} stays as it is: {obstacle}")
        try:
            intent = self._intents.write(REVERT, (step,))
        except OSError as error:
            raise MoveFailed(error.filename or self._intents.folder, error.errno) from error
        try:
            make()
            if left := self._told(REVERT, step):
                raise Refused(f"thread {place.thread_id} stays as it is: {left}")
        except BaseException:
            with contextlib.suppress(OSError):  # then it is led there later
                if os.path.lexists(path):
                    self._tools.disk.unlink(path)
                self._intents.remove(intent)
            raise
        with contextlib.suppress(OSError):
            self._intents.remove(intent)

    def finish(self) -> None:
        """Do the rest of what was broken off, as far as its threads are free; never raises."""
        self._finisher.finish()

    # -- what is to be done

    def _each(
        self,
        deed: str,
        threads: Sequence[ThreadSummary],
        when: When,
        plan: _Plan,
    ) -> list[Result]:
        self.finish()
        inventory = Inventory(self._home)
        planned = [_planned(partial(plan, inventory, each, when.at_ms)) for each in threads]
        return self._carry_out(deed, planned, when)

    # -- doing it

    def _carry_out(
        self, deed: str, planned: Sequence[Planned | ThreadlogError], when: When
    ) -> list[Result]:
        results: dict[int, Result] = {}
        todo: list[tuple[int, Planned]] = []
        for number, each in enumerate(planned):
            if isinstance(each, Planned):
                todo.append((number, each))
            else:
                results[number] = each
        if when.dry_run:
            writing = {each.thread_id: each.process for each in self._tools.writers(self._home)}
            for number, each in todo:
                results[number] = self._would_be(deed, each.step, writing)
            todo = []
        while todo:
            count = _batch_end(todo)
            self._do_batch(deed, todo[:count], results)
            del todo[:count]
        return [results[number] for number in range(len(planned))]

    def _would_be(self, deed: str, step: Step, writing: Mapping[str, int | None]) -> Result:
        """What would come of a step, as far as can be told without its lock."""
        if step.thread_id in writing:
            holder = writing[step.thread_id]
            return InUse(f"thread {step.thread_id} has a writer: {holder or 'unknown'}", holder)
        if obstacle := self._obstacle(deed, step):
            return Refused(_STAYS.format(step.thread_id, obstacle))
        return self._would(step)

    def _do_batch(
        self, deed: str, todo: Sequence[tuple[int, Planned]], results: dict[int, Result]
    ) -> None:
        """Do some steps under their locks, with one intent for all."""
        with contextlib.ExitStack() as held:
            ready: list[tuple[int, Planned]] = []
            locked: set[str] = set()
            for number, each in todo:
                try:
                    if each.step.thread_id not in locked:  # one may have been deleted twice
                        held.callback(self._take(deed, each.step).release)
                        locked.add(each.step.thread_id)
                    ready.append((number, each))
                except ThreadlogError as error:
                    results[number] = error
                except OSError as error:
                    results[number] = MoveFailed(error.filename or self._home, error.errno)
            ready = _whole_families(todo, ready, results)
            if not ready:
                return
            steps = tuple(each.step for _number, each in ready)
            try:
                intent = self._intents.write(deed, steps)
            except OSError as error:
                failed = MoveFailed(error.filename or self._intents.folder, error.errno)
                results.update((number, failed) for number, _each in ready)
                return
            for number, each in ready:
                results[number] = self._do(deed, each)
            self._end(intent, steps)

    def _take(self, deed: str, step: Step) -> WriterLock:
        """The lock of a thread to which everything can be done, once it is taken."""
        lock = self._tools.lock(self._home, step.thread_id)
        try:
            obstacle = self._obstacle(deed, step)
        except BaseException:
            lock.release()
            raise
        if obstacle is None:
            return lock
        lock.release()
        raise Refused(_STAYS.format(step.thread_id, obstacle))

    def _obstacle(self, deed: str, step: Step) -> str | None:
        for intent in self._intents.read():
            if any(each.thread_id == step.thread_id for each in intent.steps):
                return f"something was broken off and cannot be finished yet, see {intent.path}"
        if not step.paginated or deed not in (ARCHIVE, UNARCHIVE, REVERT):
            return None
        path = plain(self._at(step.moves[0][0]))
        why = self._tools.register.obstacle(step.thread_id, path)
        return why and f"Codex finds a paginated thread by its database, which cannot follow: {why}"

    def _do(self, deed: str, planned: Planned) -> Result:
        """One step, or nothing of it."""
        step, entry = planned.step, planned.entry
        try:
            for _old, new in step.moves:
                if new:
                    self._tools.journal.ensure_folder(os.path.dirname(self._at(new)))
            if entry is not None:
                self._trash.note(entry)
            self._carrier.carry(step.moves)
            if entry is not None and (users := self._tools.users_of(entry)):
                self._carrier.carry([(new, old) for old, new in step.moves])
                self._trash.remove(entry.folder)
                return Refused(_STAYS.format(step.thread_id, f"{', '.join(users)} goes on from it"))
        except OSError as error:
            if entry is not None:
                with contextlib.suppress(OSError):
                    self._trash.remove(entry.folder)
            return MoveFailed(
                error.filename or self._at(step.moves[0][0]), error.errno, error.strerror
            )
        left = self._told(deed, step)
        if left is not None and step.paginated and deed in (ARCHIVE, UNARCHIVE):
            with contextlib.suppress(OSError):
                self._carrier.carry([(new, old) for old, new in step.moves])
            return Refused(_STAYS.format(step.thread_id, left))
        remarks = () if left is None else (_LEFT.format(left),)
        return self._would(step)._replace(remarks=remarks)

    def _would(self, step: Step) -> Moved:
        was, now = step.moves[0]
        return Moved(step.thread_id, self._at(was), self._at(now))

    def _end(self, intent: Intent, steps: Sequence[Step]) -> None:
        """Bring it to stable storage, and cross it out; what fails here is finished later."""
        with contextlib.suppress(OSError):
            self._carrier.sync(move for step in steps for move in step.moves)
            if intent.deed in (RESTORE, PURGE):
                for step in steps:
                    self._trash.remove(step.name)
            if intent.deed == PURGE:
                self._finisher.forget(steps)
            half = tuple(filter(self._is_half, steps))
            if half:
                self._intents.write(intent.deed, half)
            self._intents.remove(intent)

    def _is_half(self, step: Step) -> bool:
        """True if some of its files were moved and others were not, and cannot be for now."""
        left = [os.path.lexists(self._at(old)) for old, _new in step.moves]
        return any(left) and not all(left)

    def _told(self, deed: str, step: Step) -> str | None:
        return tell_codex(self._tools.register, self._home, deed, step)

    def _at(self, path: str) -> str:
        """A path of the home in full."""
        return os.path.join(self._home, path) if path else ""


def _planned(plan: Callable[[], Planned]) -> Planned | ThreadlogError:
    try:
        return plan()
    except OSError as error:
        return MoveFailed(error.filename or "its files", error.errno)
    except ThreadlogError as error:
        return error


def _batch_end(todo: Sequence[tuple[int, Planned]]) -> int:
    """How many are done together: about BATCH, and no family parted."""
    count = min(BATCH, len(todo))
    while count < len(todo):
        family = todo[count][1].family
        if family is None or family != todo[count - 1][1].family:
            break
        count += 1
    return count


def _whole_families(
    todo: Sequence[tuple[int, Planned]],
    ready: Sequence[tuple[int, Planned]],
    results: dict[int, Result],
) -> list[tuple[int, Planned]]:
    """Those of *ready* of whose family nobody binding failed; the others have failed with them."""
    failed = {
        each.family: results[number]
        for number, each in todo
        if number in results and each.family and each.binding
    }
    whole = []
    for number, each in ready:
        if each.family not in failed:
            whole.append((number, each))
        else:
            results[number] = Refused(f"thread {each.step.thread_id} stays: {failed[each.family]}")
    return whole
