"""Forks: a new thread that begins as a stored one does, up to a cut.

A legacy thread is copied, byte for byte, behind the fork's own metadata; a paginated one is
referred to.  The parent is only read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from threadlog.amending import rename_own
from threadlog.core import history
from threadlog.core.history import Loaded
from threadlog.core.items.event import TurnAborted
from threadlog.core.items.response import Message
from threadlog.core.items.session import SessionMeta
from threadlog.core.query import ThreadSummary
from threadlog.cuts import Cut, Point, find_cut
from threadlog.drafts import new_draft
from threadlog.errors import Archived, NoThreadId
from threadlog.options import ForkKeywords, ThreadKeywords, ThreadOptions
from threadlog.reader import ThreadReader
from threadlog.recorder import RolloutRecorder
from threadlog.thread import Thread
from threadlog.turn_parts import interruption_note

if TYPE_CHECKING:
    from threadlog.home import Home

INTERRUPTED = "interrupted"
_OF_THE_FORK = ("through", "before", "message", "cwd")


_FROM_PARENT = (
    *("history_mode", "history_base", "thread_id", "rollout_id", "forked_from_id"),
    "forked_from_ordinal_exclusive",
)


def fork(home: Home, parent: ThreadSummary, asked: ForkKeywords) -> Thread:
    """The fork, on disk unless it is ephemeral; raises what `Home.fork` raises."""
    if parent.archived:
        raise Archived(f"thread {parent.id} is archived; unarchive it first")
    if parent.id is None:
        raise NoThreadId(f"the rollout {parent.path} names no thread: nothing can be forked")
    reader = home.reader(parent)
    point = Point(asked.get("through"), asked.get("before"), asked.get("message"))
    cut = find_cut(reader, point)
    ephemeral = asked.get("ephemeral", False)
    options = _options(reader, parent, cut, asked)
    copied = () if reader.is_paginated or ephemeral else cut.segments
    draft = new_draft(options, home.store.model_provider, copied)
    recorder = RolloutRecorder.begin(home, draft)
    try:
        inherited = _load(reader, cut) if ephemeral else ()
        thread = Thread(home, recorder, recorder.draft_summary(), inherited)
        if cut.open_turn is not None:
            recorder.record(*_interrupted(cut.open_turn))
        if parent.name is not None:
            rename_own(home, recorder.channel, parent.name)
        recorder.persist()
    except BaseException:
        recorder.discard()
        raise
    return thread


def _options(
    reader: ThreadReader, parent: ThreadSummary, cut: Cut, asked: ForkKeywords
) -> ThreadOptions:
    """The fork's settings: its parent's, but for those given."""
    for name in _FROM_PARENT:
        if name in asked:
            raise ValueError(f"a fork has its {name} from its parent: leave it out")
    meta = reader.session_meta()
    given = cast("ThreadKeywords", {k: v for k, v in asked.items() if k not in _OF_THE_FORK})
    given.setdefault("model_provider", parent.model_provider)
    given.setdefault("base_instructions", _instructions(meta))
    tools = meta.dynamic_tools
    given.setdefault("dynamic_tools", tuple(tools) if isinstance(tools, list | tuple) else ())
    given["history_mode"] = reader.metadata.history_mode
    given["forked_from_id"] = parent.id
    if reader.is_paginated and not asked.get("ephemeral"):
        base = cut.base()
        given["history_base"] = base
        given["forked_from_ordinal_exclusive"] = base.end_ordinal_exclusive if base else None
    cwd = asked.get("cwd")
    folder = parent.cwd or "" if cwd is None else os.path.expanduser(os.fspath(cwd))
    return ThreadOptions(cwd=folder, **given)


def _instructions(meta: SessionMeta) -> str | None:
    told = meta.base_instructions
    text = told.get("text") if isinstance(told, dict) else told
    return text if isinstance(text, str) else None


def _interrupted(turn_id: str) -> tuple[Message, TurnAborted]:
    """What the model and people are told of a turn that the fork does not go on with (Codex)."""
    ended = TurnAborted(turn_id=turn_id or None, root_turn_id=turn_id or None, reason=INTERRUPTED)
    return interruption_note(), ended


def _load(reader: ThreadReader, cut: Cut) -> tuple[Loaded, ...]:
    """What comes before the cut, in memory."""
    return tuple(history.load(each.path, reader.frames(each)) for each in cut.segments)
