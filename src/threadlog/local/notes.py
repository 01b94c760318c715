"""What is told of threads outside of their rollouts, when we change it: ours first, then Codex's.

A name goes to the place of our own, which survives, to Codex's name file and to its database.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from threadlog.core.names import Named
from threadlog.core.shelf import Place
from threadlog.errors import InUse, MoveFailed
from threadlog.local.intents import RENAME, Intents, Step
from threadlog.local.kept_names import KeptNames
from threadlog.local.register import Register

_LEFT = "Codex's database was left as it is: {}"
_NO_FILE = "Codex's name file could not be written: {}"
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
        moves = ((os.path.relpath(place.path, self._home), ""),)
        try:
            self._kept.note(place.thread_id, Named(name, at_ms))
            step = Step(place.thread_id, moves, place.paginated, at_ms, name)
            intent = self._intents.write(RENAME, (step,))
        except OSError as error:
            raise MoveFailed(error.filename or "names", error.errno) from error
        remarks = self.tell(place, name, at_ms)
        with contextlib.suppress(OSError):
            self._intents.remove(intent)
        return remarks

    def tell(self, place: Place, name: str, at_ms: int) -> tuple[str, ...]:
        """Tell Codex; sentences about what was left."""
        remarks = []
        try:
            self._register.note_name(place.thread_id, name, at_ms)
        except (OSError, InUse) as error:
            remarks.append(_NO_FILE.format(error))
        left = self._register.renamed(place.thread_id, place.path, name)
        if left is not None:
            remarks.append(_LEFT.format(left))
        return tuple(remarks)

    def patch(self, place: Place, patch: Mapping[str, str | None], at_ms: int) -> tuple[str, ...]:
        """Change metadata of a paginated thread, whose rollout must not be told.

        Raises MoveFailed.
        """
        try:
            self._kept.note(place.thread_id, Named("", at_ms, patch))
        except OSError as error:
            raise MoveFailed(error.filename or "names", error.errno) from error
        columns = {_COLUMNS[key]: value for key, value in patch.items()}
        left = self._register.patched(place.thread_id, place.path, columns)
        return () if left is None else (_LEFT.format(left),)

    def forget(self, thread_id: str) -> None:
        """Nothing of ours tells of a thread any more; raises OSError."""
        self._kept.forget(thread_id)
