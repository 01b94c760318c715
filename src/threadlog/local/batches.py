"""Doing what was planned to threads: in batches, under their locks, written down first."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from threadlog.core.checkup import Writing
from threadlog.core.layout import plain
from threadlog.core.shelf import Moved, When
from threadlog.errors import InUse, MoveFailed, Refused, ThreadlogError
from threadlog.local.carrying import Carrier
from threadlog.local.disk import Disk
from threadlog.local.finishing import (
    Finisher,
    Finishing,
    row_move,
    strangers,
    tell_codex_of_all,
)
from threadlog.local.intents import (
    ARCHIVE,
    LOCKLESS,
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
from threadlog.local.notes import LEFT, NoteBook
from threadlog.local.plans import Planned
from threadlog.local.register import Register
from threadlog.local.trash import Entry, Trash

# So many threads are written down, and locked, at once.
BATCH = 64
_STAYS = "thread {} stays where it is: {}"
_GONE_ON = "somebody has just gone on with it; ask again"
CANNOT = "Codex finds a paginated thread by its database, which cannot follow: {}"
Result = Moved | ThreadlogError


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
        return [each or "a thread without an id" for each, _path in found]


class Batches:
    """Does what was planned in one home."""

    def __init__(self, home: str, tools: Tools) -> None:
        self._home = home
        self._tools = tools
        self.trash = Trash(home, tools.disk)
        self.intents = Intents(home, tools.disk, tools.journal.ensure_folder)
        self._trash, self._intents = self.trash, self.intents
        self._carrier = Carrier(home, tools.disk)
        beside = (tools.lock, tools.register, tools.journal, tools.notes)
        own = (self._intents, self._carrier, self._trash)
        self.finisher = Finisher(home, Finishing(*beside, *own, tools.users_of, tools.is_there))

    def carry_out(
        self, deed: str, planned: Sequence[Planned | ThreadlogError], when: When
    ) -> list[Result]:
        """Do all that can be done; an answer for each."""
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
        if obstacle := self.obstacle(deed, step):
            return Refused(_STAYS.format(step.thread_id, obstacle))
        return self._would(step)

    def _do_batch(
        self, deed: str, todo: Sequence[tuple[int, Planned]], results: dict[int, Result]
    ) -> None:
        """Do some steps under their locks, with one intent for all."""
        with contextlib.ExitStack() as held:
            ready = self._locked(todo, results, held)
            ready = self._unhindered(deed, self._as_planned(deed, ready, results), results)
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
            if deed == TRASH:
                ready = self._noted(ready, results)
            for family in _families(ready):
                self._carry_family(family, results)
            self._tell(
                deed, [each for each in ready if isinstance(results[each[0]], Moved)], results
            )
            self._end(intent, steps)

    def _locked(
        self,
        todo: Sequence[tuple[int, Planned]],
        results: dict[int, Result],
        held: contextlib.ExitStack,
    ) -> list[tuple[int, Planned]]:
        """Those whose locks were to be had; *held* lets go of them."""
        ready: list[tuple[int, Planned]] = []
        locked: set[str] = set()
        for number, each in todo:
            try:
                if each.step.thread_id not in locked:  # one may have been deleted twice
                    held.callback(self._take(each.step).release)
                    locked.add(each.step.thread_id)
                ready.append((number, each))
            except ThreadlogError as error:
                results[number] = error
            except OSError as error:
                results[number] = MoveFailed(error.filename or self._home, error.errno)
        return ready

    def _as_planned(
        self, deed: str, todo: Sequence[tuple[int, Planned]], results: dict[int, Result]
    ) -> list[tuple[int, Planned]]:
        """Those that nobody has gone on with in another rollout before they were locked."""
        if deed in (ARCHIVE, UNARCHIVE, TRASH):
            inventory = Inventory(self._home)
            for number, each in todo:
                if strangers(inventory, self._home, each.step):
                    results[number] = Refused(_STAYS.format(each.step.thread_id, _GONE_ON))
        return [each for each in todo if each[0] not in results]

    def _noted(
        self, todo: Sequence[tuple[int, Planned]], results: dict[int, Result]
    ) -> list[tuple[int, Planned]]:
        """Those that the trash has a note of; all are noted before the first file is moved."""
        for number, each in todo:
            assert each.entry is not None
            try:
                self._make_folders(each.step)
                self._trash.note(each.entry)
            except OSError as error:
                results[number] = self._failed(each, error)
                self._unnote(each)
        ready = [each for each in todo if each[0] not in results]
        whole = _whole_families(todo, ready, results)
        for number, each in ready:
            if number in results:
                self._unnote(each)
        return whole

    def _carry_family(
        self, family: Sequence[tuple[int, Planned]], results: dict[int, Result]
    ) -> None:
        """Move all of a family, or nobody where one fails who is binding."""
        for done, (number, each) in enumerate(family):
            result = results[number] = self._carry(each)
            if isinstance(result, Moved):
                continue
            if each.binding and each.family is not None:
                self._keep_all(family, done, results)
                return
            self._unnote(each)

    def _keep_all(
        self, family: Sequence[tuple[int, Planned]], failed: int, results: dict[int, Result]
    ) -> None:
        """Have a family where it was; the notes go last, for whoever has to finish this."""
        why = results[family[failed][0]]
        for number, each in family:
            if isinstance(results.get(number), Moved):
                with contextlib.suppress(OSError):
                    self._carrier.take_back(each.step.moves)
        for place, (number, each) in enumerate(family):
            self._unnote(each)
            if place != failed:
                results[number] = Refused(_STAYS.format(each.step.thread_id, why))

    def _unnote(self, planned: Planned) -> None:
        if planned.entry is not None:
            with contextlib.suppress(OSError):
                self._trash.remove(planned.entry.folder)

    def _make_folders(self, step: Step) -> None:
        for _old, new in step.moves:
            if new:
                self._tools.journal.ensure_folder(os.path.dirname(self._at(new)))

    def _failed(self, planned: Planned, error: OSError) -> MoveFailed:
        name = error.filename or self._at(planned.step.moves[0][0])
        return MoveFailed(name, error.errno, error.strerror)

    def _unhindered(
        self,
        deed: str,
        todo: Sequence[tuple[int, Planned]],
        results: dict[int, Result],
    ) -> list[tuple[int, Planned]]:
        """Those whose rows in Codex's database could follow, if they have to."""
        if deed not in (ARCHIVE, UNARCHIVE):
            return [*todo]
        asked = [(number, each.step) for number, each in todo if each.step.paginated]
        moves = [row_move(self._home, deed, step) for _number, step in asked]
        for (number, step), why in zip(asked, self._tools.register.obstacles(moves), strict=True):
            if why is not None:
                results[number] = Refused(_STAYS.format(step.thread_id, CANNOT.format(why)))
        return [each for each in todo if each[0] not in results]

    def _tell(
        self, deed: str, moved: Sequence[tuple[int, Planned]], results: dict[int, Result]
    ) -> None:
        """Tell Codex of those that were moved; a paginated one goes back where that cannot be."""
        steps = [each.step for _number, each in moved]
        told = tell_codex_of_all(self._tools.register, self._home, deed, steps)
        for (number, each), left in zip(moved, told, strict=True):
            if left is None:
                continue
            if each.step.paginated and deed in (ARCHIVE, UNARCHIVE):
                with contextlib.suppress(OSError):
                    self._carrier.take_back(each.step.moves)
                why = CANNOT.format(left)
                results[number] = Refused(_STAYS.format(each.step.thread_id, why))
            else:
                results[number] = self._would(each.step)._replace(remarks=(LEFT.format(left),))

    def _take(self, step: Step) -> WriterLock:
        """The lock of a thread of which nothing is left to finish, once it is taken."""
        lock = self._tools.lock(self._home, step.thread_id)
        unfinished = self._unfinished(step)
        if unfinished is None:
            return lock
        lock.release()
        raise Refused(_STAYS.format(step.thread_id, unfinished))

    def _unfinished(self, step: Step) -> str | None:
        for intent in self._intents.read():
            mine = any(each.thread_id == step.thread_id for each in intent.steps)
            if mine and intent.deed not in LOCKLESS:
                return f"something was broken off and cannot be finished yet, see {intent.path}"
        return None

    def obstacle(self, deed: str, step: Step) -> str | None:
        """Why a step cannot be done, as far as can be told without its lock."""
        if unfinished := self._unfinished(step):
            return unfinished
        if not step.paginated or deed not in (ARCHIVE, UNARCHIVE, REVERT):
            return None
        path = plain(self._at(step.moves[0][0]))
        why = self._tools.register.obstacle(step.thread_id, path)
        return why and CANNOT.format(why)

    def _carry(self, planned: Planned) -> Result:
        """Move the files of one thread, or none of them."""
        step, entry = planned.step, planned.entry
        try:
            self._make_folders(step)
            self._carrier.carry(step.moves)
            if entry is not None and (users := self._tools.users_of(entry)):
                self._carrier.take_back(step.moves)
                return Refused(_STAYS.format(step.thread_id, f"{', '.join(users)} goes on from it"))
        except OSError as error:
            return self._failed(planned, error)
        return self._would(step)

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
            self.finisher.settle(intent.deed, steps)
            half = tuple(filter(self._is_half, steps))
            if half:
                self._intents.write(intent.deed, half)
            self._intents.remove(intent)

    def _is_half(self, step: Step) -> bool:
        """True if some of its files were moved and others were not, and cannot be for now."""
        left = [os.path.lexists(self._at(old)) for old, _new in step.moves]
        return any(left) and not all(left)

    def _at(self, path: str) -> str:
        """A path of the home in full."""
        return os.path.join(self._home, path) if path else ""


def _batch_end(todo: Sequence[tuple[int, Planned]]) -> int:
    """How many are done together: about BATCH, and no family parted."""
    count = min(BATCH, len(todo))
    while count < len(todo):
        family = todo[count][1].family
        if family is None or family != todo[count - 1][1].family:
            break
        count += 1
    return count


def _families(todo: Sequence[tuple[int, Planned]]) -> list[list[tuple[int, Planned]]]:
    """Those that go together, together; they are side by side."""
    told: list[list[tuple[int, Planned]]] = []
    for each in todo:
        family = each[1].family
        if told and family is not None and told[-1][0][1].family == family:
            told[-1].append(each)
        else:
            told.append([each])
    return told


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
