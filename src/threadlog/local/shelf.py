"""Threads put away and brought back: archived, unarchived, deleted into the trash, restored.

All rollouts of a thread move together, under its writer lock, and what a Codex in the same home
notes of it is changed along.  What is to be done is written down first (`intents`): where it was
broken off, `finish` does the rest.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from threadlog.core import layout
from threadlog.core.metadata import PAGINATED
from threadlog.core.query import ThreadSummary
from threadlog.core.shelf import Moved, Trashed
from threadlog.errors import Archived, MoveFailed, NotFound, Refused, ThreadlogError
from threadlog.local.carrying import Carrier
from threadlog.local.disk import Disk
from threadlog.local.intents import (
    ARCHIVE,
    PURGE,
    RESTORE,
    TRASH,
    UNARCHIVE,
    Intent,
    Intents,
    Step,
)
from threadlog.local.inventory import Inventory
from threadlog.local.journal import FileJournal
from threadlog.local.locks import TakeLock, WriterLock
from threadlog.local.register import Register
from threadlog.local.scan import Found, below, found_at
from threadlog.local.trash import Entry, Trash

# So many threads are written down, and locked, at once.
BATCH = 64
_LEFT = "Codex's database was left as it is: {}"
Result = Moved | ThreadlogError


class Planned(NamedTuple):
    """What is to be done to a thread, and what the trash is to say of it, if that is where to."""

    step: Step
    entry: Entry | None = None


class Tools(NamedTuple):
    """What a shelf needs of its home's store."""

    lock: TakeLock
    register: Register
    journal: FileJournal
    disk: Disk


class Shelf:
    """Where the threads of a home are put away."""

    def __init__(self, home: str, tools: Tools) -> None:
        self._home = home
        self._tools = tools
        self._trash = Trash(home, tools.disk)
        self._intents = Intents(home, tools.disk)
        self._carrier = Carrier(home, tools.disk)

    # -- the verbs

    def archive(self, threads: Sequence[ThreadSummary], at_ms: int) -> list[Result]:
        """Put threads into the archive; an answer for each."""
        return self._each(ARCHIVE, threads, lambda known, one: self._to_archive(known, one, at_ms))

    def unarchive(self, threads: Sequence[ThreadSummary], at_ms: int) -> list[Result]:
        """Put archived threads back where they were, by their names (Codex: the same)."""
        return self._each(UNARCHIVE, threads, lambda known, one: self._back(known, one, at_ms))

    def trash(self, threads: Sequence[ThreadSummary], at_ms: int) -> list[Result]:
        """Put threads into the trash, wherever they lie."""
        return self._each(TRASH, threads, lambda known, one: self._to_trash(known, one, at_ms))

    def trashed(self) -> list[Trashed]:
        """What is in the trash, that deleted last first."""
        return [self._trash.told(entry) for entry in self._trash.entries()]

    def restore(self, entries: Sequence[str], at_ms: int) -> list[Result]:
        """Put threads back from the trash to where they lay."""
        self.finish()
        return self._carry_out(RESTORE, [self._from_trash(each, at_ms) for each in entries])

    def purge(self, entries: Sequence[str], at_ms: int) -> list[Result]:
        """Remove threads in the trash for good."""
        self.finish()
        return self._carry_out(PURGE, [self._away(each, at_ms) for each in entries])

    def rollout_ids(self, threads: Sequence[ThreadSummary]) -> dict[str, list[str]]:
        """The ids of all rollouts of some threads, by thread."""
        inventory = Inventory(self._home)
        return {
            thread.id or "": [each.rollout_id or "" for each in _group(inventory, thread)]
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
        return self._entry(entry).rollout_ids

    def finish(self) -> None:
        """Do the rest of what was broken off, as far as its threads are free; never raises.

        What cannot be finished yet stays written down.
        """
        for intent in self._intents.read():
            with contextlib.suppress(OSError, ThreadlogError):
                self._finish(intent)

    # -- what is to be done

    def _each(
        self,
        deed: str,
        threads: Sequence[ThreadSummary],
        plan: Callable[[Inventory, ThreadSummary], Planned],
    ) -> list[Result]:
        self.finish()
        inventory = Inventory(self._home)
        planned: list[Planned | ThreadlogError] = []
        for thread in threads:
            try:
                planned.append(plan(inventory, thread))
            except OSError as error:
                planned.append(MoveFailed(error.filename or thread.path, error.errno))
            except ThreadlogError as error:
                planned.append(error)
        return self._carry_out(deed, planned)

    def _to_archive(self, inventory: Inventory, thread: ThreadSummary, at_ms: int) -> Planned:
        if thread.archived:
            raise Archived(f"thread {thread.id} is archived already")
        found = [each for each in _group(inventory, thread) if not each.archived]
        return Planned(self._step(thread, found, lambda _each: layout.ARCHIVED, at_ms))

    def _back(self, inventory: Inventory, thread: ThreadSummary, at_ms: int) -> Planned:
        if not thread.archived:
            raise Refused(f"thread {thread.id} is not archived")
        found = [each for each in _group(inventory, thread) if each.archived]
        return Planned(
            self._step(thread, found, lambda one: layout.day_folder(inventory.stamp(one)), at_ms)
        )

    def _to_trash(self, inventory: Inventory, thread: ThreadSummary, at_ms: int) -> Planned:
        found = _group(inventory, thread)
        place = self._trash.place(_id_of(thread), at_ms)
        folders = list(dict.fromkeys(each.folder for each in found))
        step = self._step(
            thread, found, lambda each: os.path.join(place, str(folders.index(each.folder))), at_ms
        )
        heads = [inventory.head(each).metadata for each in found]
        entry = Entry(
            folder=place,
            thread_id=step.thread_id,
            title=thread.title,
            deleted_ms=at_ms,
            moves=step.moves,
            paginated=step.paginated,
            rollout_ids=tuple(each.rollout_id or "" for each in found),
            bases=tuple(head.base.rollout_id for head in heads if head.base),
            row=self._tools.register.row(step.thread_id),
        )
        return Planned(step, entry)

    def _from_trash(self, name: str, at_ms: int) -> Planned:
        entry = self._entry(name)
        moves = tuple((new, old) for old, new in entry.moves)
        return Planned(Step(entry.thread_id, moves, entry.paginated, at_ms, entry.folder))

    def _away(self, name: str, at_ms: int) -> Planned:
        entry = self._entry(name)
        moves = tuple((new, "") for _old, new in entry.moves)
        return Planned(Step(entry.thread_id, moves, entry.paginated, at_ms, entry.folder))

    def _entry(self, name: str) -> Entry:
        for entry in self._trash.entries():
            if os.path.basename(entry.folder) == name:
                return entry
        raise NotFound(f"nothing in the trash is called {name}")

    def _step(
        self,
        thread: ThreadSummary,
        found: Sequence[Found],
        folder_of: Callable[[Found], str],
        at_ms: int,
    ) -> Step:
        """All files of a thread and where each goes, the newest rollout first."""
        moves: dict[str, str] = {}
        for each in reversed(found):
            for path in filter(os.path.lexists, (each.path, layout.twin(each.path) or "")):
                new = os.path.join(folder_of(each), os.path.basename(path))
                if new in moves.values() or os.path.lexists(os.path.join(self._home, new)):
                    raise Refused(
                        f"thread {thread.id} stays where it is: {new} is there already; "
                        f"look at both, and rename or remove one"
                    )
                moves[below(self._home, path)] = new
        if not moves:
            raise NotFound(f"no file at {thread.path} any more")
        paginated = thread.history_mode == PAGINATED
        return Step(_id_of(thread), tuple(moves.items()), paginated, at_ms)

    # -- doing it

    def _carry_out(self, deed: str, planned: Sequence[Planned | ThreadlogError]) -> list[Result]:
        results: dict[int, Result] = {}
        todo: list[tuple[int, Planned]] = []
        for number, each in enumerate(planned):
            if isinstance(each, Planned):
                todo.append((number, each))
            else:
                results[number] = each
        for first in range(0, len(todo), BATCH):
            self._do_batch(deed, todo[first : first + BATCH], results)
        return [results[number] for number in range(len(planned))]

    def _do_batch(
        self, deed: str, todo: Sequence[tuple[int, Planned]], results: dict[int, Result]
    ) -> None:
        """Do some steps under their locks, with one intent for all."""
        with contextlib.ExitStack() as held:
            ready: list[tuple[int, Planned]] = []
            for number, each in todo:
                try:
                    held.callback(self._take(deed, each.step).release)
                    ready.append((number, each))
                except ThreadlogError as error:
                    results[number] = error
                except OSError as error:
                    results[number] = MoveFailed(error.filename or self._home, error.errno)
            if not ready:
                return
            steps = tuple(each.step for _number, each in ready)
            try:
                self._tools.journal.ensure_folder(self._intents.folder)
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
        raise Refused(f"thread {step.thread_id} stays where it is: {obstacle}")

    def _obstacle(self, deed: str, step: Step) -> str | None:
        for intent in self._intents.read():
            if any(each.thread_id == step.thread_id for each in intent.steps):
                return f"something was broken off and cannot be finished yet, see {intent.path}"
        if not step.paginated or deed not in (ARCHIVE, UNARCHIVE):
            return None
        path = _plain(self._at(step.moves[0][0]))
        why = self._tools.register.obstacle(step.thread_id, path)
        return why and f"Codex finds a paginated thread by its database, which cannot follow: {why}"

    def _do(self, deed: str, planned: Planned) -> Result:
        """One step, or nothing of it."""
        step, entry = planned
        try:
            for _old, new in step.moves:
                if new:
                    self._tools.journal.ensure_folder(os.path.dirname(self._at(new)))
            if entry is not None:
                self._trash.note(entry)
            self._carrier.carry(step.moves)
        except OSError as error:
            if entry is not None:
                with contextlib.suppress(OSError):
                    self._trash.remove(entry.folder)
            return MoveFailed(error.filename or self._at(step.moves[0][0]), error.errno)
        left = self._note(deed, step)
        if left is not None and step.paginated and deed in (ARCHIVE, UNARCHIVE):
            with contextlib.suppress(OSError):
                self._carrier.carry([(new, old) for old, new in step.moves])
            return Refused(f"thread {step.thread_id} stays where it is: {left}")
        remarks = () if left is None else (_LEFT.format(left),)
        was, now = step.moves[0]
        return Moved(step.thread_id, self._at(was), self._at(now), remarks)

    def _end(self, intent: Intent, steps: Sequence[Step]) -> None:
        """Bring it to stable storage, and cross it out; what fails here is finished later."""
        with contextlib.suppress(OSError):
            self._carrier.sync(move for step in steps for move in step.moves)
            if intent.deed in (RESTORE, PURGE):
                for step in steps:
                    self._trash.remove(step.name)
            half = tuple(filter(self._is_half, steps))
            if half:
                self._intents.write(intent.deed, half)
            self._intents.remove(intent)

    def _is_half(self, step: Step) -> bool:
        """True if some of its files were moved and others were not, and cannot be for now."""
        left = [os.path.lexists(self._at(old)) for old, _new in step.moves]
        return any(left) and not all(left)

    def _note(self, deed: str, step: Step) -> str | None:
        """Change what Codex notes of a thread; why it was left, if it was."""
        register = self._tools.register
        old, new = (_plain(self._at(each)) for each in step.moves[0])
        if deed == ARCHIVE:
            return register.moved(step.thread_id, old, new, step.at_ms // 1000)
        if deed == UNARCHIVE:
            return register.moved(step.thread_id, old, new, None)
        if deed == TRASH:
            return register.removed(step.thread_id, old)
        return None

    def _finish(self, intent: Intent) -> None:
        with contextlib.ExitStack() as held:
            for step in intent.steps:
                held.callback(self._tools.lock(self._home, step.thread_id).release)
            if not self._intents.stands(intent):
                return  # whoever held the locks was done
            for step in intent.steps:
                self._redo(intent.deed, step)
            self._end(intent, intent.steps)

    def _redo(self, deed: str, step: Step) -> None:
        """The rest of one step; what others did to its files meanwhile stands."""
        if deed == TRASH and not self._trash.has_note(os.path.dirname(step.moves[0][1])):
            return  # it had not begun
        for old, new in step.moves:
            if new:
                self._tools.journal.ensure_folder(os.path.dirname(self._at(new)))
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                self._carrier.carry([(old, new)])
        left = self._note(deed, step)
        if left is not None and step.paginated and deed in (ARCHIVE, UNARCHIVE):
            self._carrier.carry([(new, old) for old, new in step.moves])

    def _at(self, path: str) -> str:
        """A path of the home in full."""
        return os.path.join(self._home, path) if path else ""


def _plain(path: str) -> str:
    """The path as Codex notes it, though the rollout is compressed."""
    compressed = path.endswith(layout.COMPRESSED_SUFFIX)
    return (layout.twin(path) or path) if compressed else path


def _group(inventory: Inventory, thread: ThreadSummary) -> list[Found]:
    """All rollouts of a thread, the oldest first."""
    return inventory.group(found_at(thread.path, archived=thread.archived))


def _id_of(thread: ThreadSummary) -> str:
    if thread.id is None:
        raise Refused(f"the rollout {thread.path} names no thread: move the file by hand")
    return thread.id
