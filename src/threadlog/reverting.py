"""Reverting a paginated thread: a new rollout goes on from before a turn; the old one stays.

The new one has the thread's id, and builds on the old one by reference (Codex: the same).  Where a
Codex has a row of the thread, that leads to the new one from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from threadlog.amending import place_of
from threadlog.cuts import Point, find_cut
from threadlog.drafts import revision
from threadlog.errors import Archived, Refused
from threadlog.fresh import new_id, now_ms
from threadlog.recorder import RolloutRecorder
from threadlog.thread import Thread

if TYPE_CHECKING:
    from threadlog.core.query import ThreadSummary
    from threadlog.home import Home


def revert(home: Home, thread: ThreadSummary, before: str) -> Thread:
    """The thread as it was before a turn, to go on with; raises what `Home.revert` raises."""
    if thread.archived:
        raise Archived(f"thread {thread.id} is archived; unarchive it first")
    reader = home.reader(thread)
    if not reader.is_paginated:
        raise Refused(f"thread {thread.id} is not paginated: roll its last turns back instead")
    cut = find_cut(reader, Point(before=before))
    draft = revision(reader.session_meta(), cut.base())
    recorder = RolloutRecorder.begin(home, draft, new_id(draft.ms))
    try:
        place = place_of(thread)
        home.store.shelf.revise(place, recorder.path, now_ms(), recorder.persist)
    except BaseException:
        recorder.discard()
        raise
    return Thread(home, recorder, thread._replace(path=recorder.path))
