"""Doing the rest of what was broken off, unless somebody went on with the thread since.

A file is moved only if it is as it was when the deed was written down; else what was moved of its
thread goes back.  A thread that is in use waits, and so does one whose row in Codex's database
cannot be changed for the moment.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from threadlog.core.layout import plain
from threadlog.core.shelf import BUSY, RowMove
from threadlog.errors import InUse, ThreadlogError
from threadlog.local.carrying import Carrier
from threadlog.local.intents import (
    ARCHIVE,
    PATCH,
    PURGE,
    RENAME,
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
from threadlog.local.locks import TakeLock
from threadlog.local.notes import NoteBook
from threadlog.local.register import Register
from threadlog.local.trash import Entry, Trash


class Finishing(NamedTuple):
    """What finishing needs of its home."""

    lock: TakeLock
    register: Register
    journal: FileJournal
    notes: NoteBook
    intents: Intents
    carrier: Carrier
    trash: Trash
    users_of: Callable[[Entry], Sequence[str]]
    is_there: Callable[[str], bool]


class Finisher:
    """Finishes what was broken off in one home."""

    def __init__(self, home: str, tools: Finishing) -> None:
        self._home = home
        self._tools = tools

    def finish(self) -> None:
        """Do the rest, as far as the threads are free; what cannot be done yet stays noted."""
        with contextlib.suppress(OSError):
            self._tools.intents.sweep()
        for intent in self._tools.intents.read():
            if self._tools.intents.is_under_way(intent):
                continue
            with contextlib.suppress(OSError, ThreadlogError):
                self._finish(intent)

    def _finish(self, intent: Intent) -> None:
        waiting: list[Step] = []
        for step in intent.steps:
            try:
                lock = self._tools.lock(self._home, step.thread_id)
            except (InUse, OSError):
                waiting.append(step)
                continue
            try:
                if not self._tools.intents.stands(intent):
                    return  # whoever held the lock was done
                if not self._redo(intent, step):
                    waiting.append(step)
            except (OSError, ThreadlogError):  # the others do not wait for it
                waiting.append(step)
            finally:
                lock.release()
        if len(waiting) == len(intent.steps):
            return
        if waiting:
            self._tools.intents.write(intent.deed, tuple(waiting))
        self._tools.intents.remove(intent)

    def _stayed(self, intent: Intent, step: Step) -> bool:
        """True for a thread that was not to be moved any more: it was, or others were, not noted.

        All are noted before the first file is moved.
        """
        noted = self._tools.trash.has_note
        if not noted(_entry_of(step)):
            return True
        moved = (self._at(new) for each in intent.steps for _old, new in each.moves)
        whole = all(noted(_entry_of(each)) for each in intent.steps)
        return not whole and not any(map(os.path.lexists, moved))

    def _redo(self, intent: Intent, step: Step) -> bool:
        """The rest of one step; False if it has to wait."""
        deed = intent.deed
        if deed in (RENAME, PATCH):
            return self._change(deed, step)
        if deed == REVERT:
            made = os.path.lexists(self._at(step.moves[0][1]))
            return not made or self._told(deed, step)
        if deed == TRASH and self._stayed(intent, step):
            self._tools.trash.remove(_entry_of(step))
            return True
        moved = deed in (ARCHIVE, UNARCHIVE, TRASH)
        gone_on = moved and strangers(Inventory(self._home), self._home, step)
        if gone_on or (deed != PURGE and any(map(self._is_changed, step.moves, step.marks))):
            self._take_back(deed, step)
            return True
        return self._move(deed, step)

    def _move(self, deed: str, step: Step) -> bool:
        self._carry(step)
        if deed == TRASH and self._is_needed(step):
            self._take_back(deed, step)
            return True
        whole = all(not new or os.path.lexists(self._at(new)) for _old, new in step.moves)
        if whole and not self._told(deed, step):
            return False
        if deed in (RESTORE, PURGE):
            self._tools.trash.remove(step.name)
        self.settle(deed, [step])
        return True

    def _is_needed(self, step: Step) -> bool:
        """True if somebody goes on from a thread that was to go into the trash."""
        entries = self._tools.trash.entries()
        mine = [each for each in entries if each.moves == step.moves]
        return any(self._tools.users_of(each) for each in mine)

    def _change(self, deed: str, step: Step) -> bool:
        """Tell a name or metadata, unless the thread was given a later name."""
        later = self._tools.register.named_later(step.thread_id, step.at_ms)
        remarks = () if later and deed != PATCH else self._tools.notes.tell(deed, step)
        return not any(BUSY in each for each in remarks)

    def settle(self, deed: str, steps: Sequence[Step]) -> None:
        """What is kept of threads beside their rollouts follows what was done; raises OSError.

        Nothing tells of those that are gone for good.
        """
        if deed == TRASH:
            self._tools.notes.rows_gone([each.thread_id for each in steps if each.paginated])
        if deed != PURGE:
            return
        kept = {entry.thread_id for entry in self._tools.trash.entries()}
        for step in steps:
            if step.thread_id not in kept and not self._tools.is_there(step.thread_id):
                self._tools.notes.forget(step.thread_id)

    def _is_changed(self, move: tuple[str, str], mark: tuple[int, int]) -> bool:
        """True if a file that is to be moved is not as it was."""
        old, new = (self._at(each) for each in move)
        if not os.path.lexists(old) or os.path.lexists(new):
            return False
        status = os.lstat(old)
        return (status.st_size, status.st_mtime_ns) != mark

    def _carry(self, step: Step) -> None:
        for old, new in step.moves:
            if new:
                self._tools.journal.ensure_folder(os.path.dirname(self._at(new)))
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                if not self._tools.carrier.settle(old, new):
                    self._tools.carrier.carry([(old, new)])
        self._tools.carrier.sync(step.moves)

    def _take_back(self, deed: str, step: Step) -> None:
        """Have a thread whole again where somebody goes on with it."""
        for move in step.moves:
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                self._tools.carrier.take_back([move])
        self._tools.carrier.sync(step.moves)
        if deed == TRASH:
            self._tools.trash.remove(_entry_of(step))

    def _told(self, deed: str, step: Step) -> bool:
        """True once Codex's row is as the files are; False if that has to wait.

        A row that names another rollout than before is somebody else's doing.  One that still
        names the old path, and will not be changed, has a paginated thread's files back there.
        """
        left = tell_codex(self._tools.register, self._home, deed, step)
        if left == BUSY:
            return False
        if left is None or not step.paginated or deed not in (ARCHIVE, UNARCHIVE, REVERT):
            return True
        row = self._tools.register.row(step.thread_id)
        if row is None:
            return False
        old = plain(self._at(step.moves[0][0]))
        if os.path.realpath(str(row.get("rollout_path"))) != os.path.realpath(old):
            return True
        if deed != REVERT:
            self._take_back(deed, step)
            return True
        new = self._at(step.moves[0][1])
        if _is_bare(new):
            self._tools.carrier.remove(step.moves[0][1])  # Codex would not find what comes after it
            return True
        return False

    def _at(self, path: str) -> str:
        """A path of the home in full."""
        return os.path.join(self._home, path) if path else ""


def _entry_of(step: Step) -> str:
    """The folder of a thread that goes into the trash, relative to the home."""
    return os.path.dirname(os.path.dirname(step.moves[0][1]))


def strangers(inventory: Inventory, home: str, step: Step) -> list[str]:
    """The rollouts of a thread that a step knows nothing of: somebody has gone on with it."""
    one = inventory.current.get(step.thread_id)
    group = inventory.siblings.get(step.thread_id, [one] if one else [])
    known = {plain(os.path.join(home, each)) for move in step.moves for each in move if each}
    return [each.path for each in group if plain(each.path) not in known]


def _is_bare(path: str) -> bool:
    """True if a rollout holds nothing but its metadata: nobody has gone on with it."""
    with open(path, "rb") as file:
        return len(list(itertools.islice(file, 2))) <= 1


def tell_codex(register: Register, home: str, deed: str, step: Step) -> str | None:
    """Change what Codex notes of a thread along; why it was left, if it was."""
    if deed == REVERT:
        old, new = (plain(os.path.join(home, each)) for each in step.moves[0])
        return register.repointed(step.thread_id, old, new)
    return tell_codex_of_all(register, home, deed, [step])[0]


def tell_codex_of_all(
    register: Register, home: str, deed: str, steps: Sequence[Step]
) -> list[str | None]:
    """The same for several threads that were put elsewhere, in one transaction."""
    moves = [row_move(home, deed, each) for each in steps]
    if deed in (ARCHIVE, UNARCHIVE):
        return register.moved(moves)
    if deed == TRASH:
        return register.removed(moves)
    return [None] * len(moves)


def row_move(home: str, deed: str, step: Step) -> RowMove:
    """A step as a row is told it."""
    pairs = [
        (plain(os.path.join(home, old)), plain(os.path.join(home, new)) if new else "")
        for old, new in step.moves
    ]
    archived_at_s = step.at_ms // 1000 if deed == ARCHIVE else None
    return RowMove(step.thread_id, tuple(dict.fromkeys(pairs)), archived_at_s)
