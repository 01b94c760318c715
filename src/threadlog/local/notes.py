"""What is told of threads outside of their rollouts, when we change it: ours first, then Codex's.

A name goes to the place of our own, which survives, to Codex's name file and to its database.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping

from threadlog.core.names import Named
from threadlog.core.shelf import Place
from threadlog.errors import InUse, MoveFailed
from threadlog.local.intents import PATCH, RENAME, Intents, Step
from threadlog.local.kept_names import KeptNames
from threadlog.local.register import Register

LEFT = "Codex's database was left as it is: {}"
_NO_FILE = "Codex's name file could not be written: {}"
_DOUBTFUL = "what is kept beside the rollout may not outlive a power cut: {}"
# How Codex's columns call the fields of metadata that can be changed.
_COLUMNS = {
    "git_branch": "git_branch",
    "git_commit": "git_sha",
    "git_url": "git_origin_url",
    "memory_mode": "memory_mode",
}


class NoteBook:
    """The notes on the threads of one home."""

    def __init__(self, home: str, register: Register, kept: KeptNames, intents: Intents) -> None:
        self._home = home
        self._register = register
        self._kept = kept
        self._intents = intents

    def rename(self, place: Place, name: str, at_ms: int) -> tuple[str, ...]:
        """Call a thread so; sentences about what was left.  Raises MoveFailed."""
        step = self._step(place, at_ms)._replace(name=name)
        return self._change(RENAME, step, Named(name, at_ms))

    def patch(self, place: Place, patch: Mapping[str, str | None], at_ms: int) -> tuple[str, ...]:
        """Change metadata of a paginated thread, whose rollout must not be told.

        Raises MoveFailed.
        """
        step = self._step(place, at_ms)._replace(fields=tuple(patch))
        seen = self._row(place.thread_id)
        row = {field: seen[field] for field in patch if field in seen}
        return self._change(PATCH, step, Named("", at_ms, patch, row))

    def keep(self, thread_id: str, patch: Mapping[str, str | None], at_ms: int) -> None:
        """Keep what a legacy rollout was told, for listings that have not read it yet.

        What cannot be kept costs no more than that.
        """
        with contextlib.suppress(OSError):
            self._kept.note(thread_id, Named("", at_ms, patch))

    def _step(self, place: Place, at_ms: int) -> Step:
        moves = ((os.path.relpath(place.path, self._home), ""),)
        return Step(place.thread_id, moves, place.paginated, at_ms)

    def _change(self, deed: str, step: Step, named: Named) -> tuple[str, ...]:
        """Keep it, and tell Codex; where that is broken off, what is kept is told later."""
        try:
            intent = self._intents.write(deed, (step,))
        except OSError as error:
            raise MoveFailed(error.filename or self._intents.folder, error.errno) from error
        remarks: tuple[str, ...] = ()
        try:
            self._kept.note(step.thread_id, named)
        except OSError as error:
            if not self._is_kept(step.thread_id, named):
                with contextlib.suppress(OSError):
                    self._intents.remove(intent)
                raise MoveFailed(error.filename or "names", error.errno) from error
            remarks = (_DOUBTFUL.format(error.strerror),)
        remarks += self.tell(deed, step)
        with contextlib.suppress(OSError):
            self._intents.remove(intent)
        return remarks

    def _is_kept(self, thread_id: str, named: Named) -> bool:
        kept = self._kept.read().get(thread_id)
        if kept is None:
            return False
        same = (kept.name, kept.at_ms) == (named.name, named.at_ms) or not named.name
        return same and named.patch.items() <= kept.patch.items()

    def tell(self, deed: str, step: Step) -> tuple[str, ...]:
        """Tell Codex what is kept of a thread; sentences about what was left."""
        kept = self._kept.read().get(step.thread_id)
        if kept is None:
            return ()  # it had not begun
        path = os.path.join(self._home, step.moves[0][0])
        if deed == PATCH:
            return self._tell_patch(step, path, kept)
        if not kept.name or kept.at_ms < step.at_ms:
            return ()
        return self._tell_name(step.thread_id, path, kept)

    def _tell_patch(self, step: Step, path: str, kept: Named) -> tuple[str, ...]:
        """Change the row where Codex has said nothing later, and note what it says then."""
        seen = self._row(step.thread_id)
        told = {
            each: kept.patch[each]
            for each in step.fields
            if each in kept.patch and seen.get(each) == kept.row.get(each, seen.get(each))
        }
        if not told:
            return ()
        columns = {_COLUMNS[each]: value for each, value in told.items()}
        left = self._register.patched(step.thread_id, path, columns)
        if left is not None:
            return (LEFT.format(left),)
        if seen:
            with contextlib.suppress(OSError):  # else it is taken for what Codex said
                self._kept.note_row(step.thread_id, step.at_ms, told)
        return ()

    def _row(self, thread_id: str) -> dict[str, str | None]:
        """What Codex's row says of the fields that can be changed; {} if there is none."""
        row = self._register.row(thread_id)
        if row is None:
            return {}
        values = {field: row.get(column) for field, column in _COLUMNS.items()}
        return {key: each if isinstance(each, str) else None for key, each in values.items()}

    def _tell_name(self, thread_id: str, path: str, named: Named) -> tuple[str, ...]:
        remarks = []
        try:
            self._register.note_name(thread_id, named.name, named.at_ms)
        except (OSError, InUse) as error:
            remarks.append(_NO_FILE.format(error))
        left = self._register.renamed(thread_id, path, named.name)
        if left is not None:
            remarks.append(LEFT.format(left))
        return tuple(remarks)

    def rows_gone(self, thread_ids: Collection[str]) -> None:
        """Codex has no rows of these threads any more: those that it makes will be new ones."""
        kept = self._kept.read() if thread_ids else {}
        for each in thread_ids:
            if each in kept and kept[each].row and self._register.row(each) is None:
                with contextlib.suppress(OSError):  # then they are believed to be the old ones
                    self._kept.note_row(each, kept[each].at_ms, None)

    def forget(self, thread_id: str) -> None:
        """Nothing of ours tells of a thread any more; raises OSError."""
        self._kept.forget(thread_id)
