"""Rows of a Codex that follow their threads again: what `doctor --mend` does.

A row is made right by the files, never made; and only while its thread's writer lock is ours, after
one more look, and while it names the rollout that it named then.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from threadlog.core.parity import ARCHIVED, NAME, TRASHED, Difference, Lying, Mended
from threadlog.core.shelf import RowMove
from threadlog.errors import InUse
from threadlog.local.batches import BATCH
from threadlog.local.comparing import Comparison, changed_ns
from threadlog.local.intents import LOCKLESS, Intents
from threadlog.local.locks import TakeLock
from threadlog.local.notes import LEFT, NoteBook
from threadlog.local.register import Register

_UNFINISHED = "something was broken off with it and cannot be finished yet"
_CHANGED = "it has changed just now; ask again"
_RIGHT = "it is right by now"


class Menders(NamedTuple):
    """What mending needs of its home; *look* compares it anew, all threads or some."""

    look: Callable[[Collection[str] | None], Comparison]
    lock: TakeLock
    register: Register
    notes: NoteBook
    intents: Intents


def mend(home: str, by: Menders) -> list[Mended]:
    """Mend what can be; an answer for each difference that can."""
    found: dict[str, list[Difference]] = {}
    for each in by.look(None).parity.differences:
        if each.mendable:
            found.setdefault(each.thread_id, []).append(each)
    ids, answers = list(found), []
    for start in range(0, len(ids), BATCH):
        batch = {each: found[each] for each in ids[start : start + BATCH]}
        answers += _mend_batch(home, by, batch)
    return answers


def _mend_batch(home: str, by: Menders, batch: dict[str, list[Difference]]) -> list[Mended]:
    with contextlib.ExitStack() as held:
        refused = {each: _locked(home, by, each, held) for each in batch}
        looked_ms = time.time_ns() // 10**6
        now = by.look(batch)  # nobody moves them any more
        still = {(each.thread_id, each.kind): each for each in now.parity.differences}
        answers = []
        for thread_id, differences in batch.items():
            lies = now.threads.get(thread_id)
            for each in differences:
                there = still.get((thread_id, each.kind))
                if there is None and refused[thread_id] is None:
                    answers.append(Mended(thread_id, each.kind, done=True, told=_RIGHT))
                    continue
                why_not = refused[thread_id] or (_CHANGED if there != each else None)
                if why_not is None and each.kind == NAME:  # for which Codex takes no lock
                    later = by.register.named_later(thread_id, looked_ms)
                    why_not = _CHANGED if later else None
                why_not = why_not or _mended(by, each, lies)
                told = why_not or _so_now(each, lies)
                answers.append(Mended(thread_id, each.kind, why_not is None, told))
        return answers


def _locked(home: str, by: Menders, thread_id: str, held: contextlib.ExitStack) -> str | None:
    """Take a thread's lock, which *held* lets go of; why it was not to be had, if so."""
    try:
        held.callback(by.lock(home, thread_id).release)
    except InUse as error:
        return str(error)
    except OSError as error:
        return f"its writer lock cannot be had: {error.strerror}"
    steps = [step for each in by.intents.read() if each.deed not in LOCKLESS for step in each.steps]
    return _UNFINISHED if thread_id in {each.thread_id for each in steps} else None


def _mended(by: Menders, found: Difference, lies: Lying | None) -> str | None:
    """Have a row follow; why it was left, if it was."""
    if lies is None and found.kind != TRASHED:
        return _CHANGED
    left = _told(by, found, lies)
    return None if left is None else LEFT.format(left)


def _told(by: Menders, found: Difference, lies: Lying | None) -> str | None:
    old, register = found.path or "", by.register
    if lies is None or found.kind == TRASHED:
        left = register.removed([RowMove(found.thread_id, ((old, old),))])[0]
        if left is None:
            by.notes.rows_gone([found.thread_id])
        return left
    if found.kind == NAME:
        return register.renamed(found.thread_id, lies.path, lies.name or "")
    if found.kind != ARCHIVED and _is_archived(register, found.thread_id) == lies.archived:
        return register.repointed(found.thread_id, old, lies.path)
    at_s = changed_ns(lies.path) // 10**9 if lies.archived else None  # as Codex has it
    return register.moved([RowMove(found.thread_id, ((old, lies.path),), at_s)])[0]


def _is_archived(register: Register, thread_id: str) -> bool | None:
    row = register.row(thread_id)
    return None if row is None else bool(row.get("archived"))


def _so_now(found: Difference, lies: Lying | None) -> str:
    if lies is None:
        return "its row is gone"
    if found.kind == NAME:
        return "its row has the name given last"
    which = "archived" if lies.archived else "active"
    led = "" if found.kind == ARCHIVED else f" (it led to {found.path})"
    return f"its row leads to {lies.path}, {which}{led}"
