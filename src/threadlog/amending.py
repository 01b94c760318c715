"""What is changed of a thread in its place: its name, its metadata, and turns that count no more.

On a draft it is remembered, and written with the rollout.  A legacy rollout is told by a further
line; one that is paginated by a line of its own only of its name, since a further session metadata
would hide from its model what comes before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from threadlog.backlog import process
from threadlog.barrier import DURABLE
from threadlog.core import entry
from threadlog.core.decode import Line, decode_frame
from threadlog.core.framing import Frame
from threadlog.core.items.event import ThreadNameUpdated, ThreadRolledBack
from threadlog.core.items.session import SessionMeta
from threadlog.core.lines import SESSION_META, Json
from threadlog.core.metadata import PAGINATED
from threadlog.core.names import GIT_FIELDS, NAME_LIMIT_CHARS
from threadlog.core.shelf import Changed, Place
from threadlog.errors import InUse, NotResumable, Refused, ThreadlogError, WriteFailed
from threadlog.fresh import now_ms
from threadlog.own_threads import find_own, is_draft, not_yet, stored
from threadlog.recorder import RolloutRecorder
from threadlog.states import Draft, Live

if TYPE_CHECKING:
    from threadlog.backlog import Channel
    from threadlog.core.query import ThreadSummary
    from threadlog.home import Home, Reference
    from threadlog.reader import ThreadReader

MEMORY_MODES = ("enabled", "disabled")
Git = Mapping[str, str | None]
_BESIDE = "the name stands beside the rollout, not in it: {}"


def rename(home: Home, reference: Reference, name: str) -> Changed:
    """Call a thread so, wherever it is; raises what `Home.rename` raises."""
    name = _checked_name(name)
    channel = find_own(home, reference)
    if channel is not None:
        return rename_own(home, channel, name)
    thread = stored(home, reference, "renamed")
    place = place_of(thread)
    remarks = home.store.notes.rename(place, name, now_ms())
    left = _name_inside(home, thread, name)
    return Changed(place.thread_id, place.path, (*remarks, *left))


def _name_inside(home: Home, thread: ThreadSummary, name: str) -> tuple[str, ...]:
    """Tell the rollout its thread's name, if it can be written to as it is."""
    if thread.archived or thread.compressed:
        return (_BESIDE.format(f"it is {'archived' if thread.archived else 'compressed'}"),)
    try:
        with RolloutRecorder.go_on(home, thread) as recorder:
            recorder.record(_named(thread.id or "", name))
    except (InUse, NotResumable, WriteFailed) as error:
        return (_BESIDE.format(error),)
    return ()


def rename_own(home: Home, channel: Channel, name: str) -> Changed:
    """The same for a thread that is being recorded here."""
    name = _checked_name(name)
    with process.lock:
        remembered = is_draft(channel)
        if remembered:
            assert isinstance(channel.state, Draft)
            channel.state.name = name
    channel.add(now_ms(), [entry.weigh(_named(channel.thread_id, name))])
    if remembered:
        return Changed(channel.thread_id, channel.path)
    _wait(channel)
    remarks = home.store.notes.rename(_place_of(channel), name, now_ms())
    return Changed(channel.thread_id, channel.path, remarks)


def tell_name(home: Home, channel: Channel, name: str) -> None:
    """A thread that was named as a draft is on disk now; its own line tells it in any case."""
    place = _place_of(channel)
    with contextlib.suppress(ThreadlogError):
        home.store.notes.rename(place, name, now_ms())


def roll_back(home: Home, reference: Reference, turns: int) -> Changed:
    """The last turns count no more; raises what `Home.rollback` raises."""
    thread = stored(home, reference, "rolled back")
    with RolloutRecorder.go_on(home, thread) as recorder:
        return roll_back_live(recorder, turns)


def roll_back_live(recorder: RolloutRecorder, turns: int) -> Changed:
    """The same for a thread that is being recorded here."""
    if turns < 1:
        raise ValueError(f"cannot roll back {turns} turns: 1 or more")
    if not recorder.on_disk and not recorder.ephemeral:
        raise not_yet(recorder.thread_id, "rolled back")
    if recorder.is_paginated:
        raise Refused(
            f"thread {recorder.thread_id} is paginated: revert it to before a turn instead"
        )
    recorder.record(ThreadRolledBack(num_turns=turns))
    recorder.flush()
    return Changed(recorder.thread_id, recorder.path)


def update_metadata(
    home: Home, reference: Reference, git: Git | None, memory_mode: str | None
) -> Changed:
    """Change what is known of a thread; raises what `Home.update_metadata` raises."""
    channel = find_own(home, reference)
    if channel is not None:
        return update_own(home, channel, git, memory_mode)
    _check(git, memory_mode)
    thread = stored(home, reference, "changed")
    if home.reader(thread).is_paginated:
        return _patch(home, place_of(thread), git, memory_mode)
    with RolloutRecorder.go_on(home, thread._replace(archived=False)) as recorder:
        return update_own(home, recorder.channel, git, memory_mode)


def update_own(home: Home, channel: Channel, git: Git | None, memory_mode: str | None) -> Changed:
    """The same for a thread that is being recorded here."""
    _check(git, memory_mode)
    with process.lock:  # until it is on its way to disk
        remembered = is_draft(channel)
        if remembered:
            _change_draft(channel.state, git, memory_mode)
    if remembered:
        return Changed(channel.thread_id, channel.path)
    _wait(channel)
    place = _place_of(channel)
    if place.paginated:
        return _patch(home, place, git, memory_mode)
    payload = _latest_metadata(home.reader(home.get(channel.path)), channel.thread_id)
    if git is not None:
        payload["git"] = _merged(payload.get("git"), git)
    if memory_mode is not None:
        payload["memory_mode"] = memory_mode
    channel.add(now_ms(), [entry.weigh_mapping(SESSION_META, payload)])
    _wait(channel)
    home.store.notes.keep(channel.thread_id, _fields(git, memory_mode), now_ms())
    return Changed(channel.thread_id, channel.path)


def _change_draft(draft: Draft | Live | None, git: Git | None, memory_mode: str | None) -> None:
    assert isinstance(draft, Draft)
    draft.git.update(git or {})
    if memory_mode is not None:
        draft.meta = msgspec.structs.replace(draft.meta, memory_mode=memory_mode)


def place_of(thread: ThreadSummary) -> Place:
    """Where a stored thread lies."""
    if thread.id is None:
        raise Refused(f"the rollout {thread.path} names no thread: nothing can be noted of it")
    return Place(thread.id, thread.path, thread.history_mode == PAGINATED)


def _place_of(channel: Channel) -> Place:
    live = channel.state
    numbered = isinstance(live, Live) and live.ordinal is not None
    return Place(channel.thread_id, channel.path, numbered)


def _wait(channel: Channel) -> None:
    """Return once what was recorded is on stable storage; raises as `RolloutRecorder.flush`."""
    barrier = channel.barrier(DURABLE)
    if barrier is not None:
        barrier.wait()


def _patch(home: Home, place: Place, git: Git | None, memory_mode: str | None) -> Changed:
    remarks = home.store.notes.patch(place, _fields(git, memory_mode), now_ms())
    return Changed(place.thread_id, place.path, remarks)


def _fields(git: Git | None, memory_mode: str | None) -> dict[str, str | None]:
    """As the fields of a summary."""
    patch = {GIT_FIELDS[key]: value for key, value in (git or {}).items()}
    return patch if memory_mode is None else {**patch, "memory_mode": memory_mode}


def _latest_metadata(reader: ThreadReader, thread_id: str) -> dict[str, Json]:
    """The newest session metadata of a thread in its own rollout, with every field it has."""
    for frame in reader.frames_backwards(reader.segments()[-1]):
        if not (isinstance(frame, Frame) and isinstance(frame.raw, bytes)):
            continue
        if b"session_meta" not in frame.raw:
            continue
        line = decode_frame(frame)
        meta = line.item if isinstance(line, Line) else None
        if isinstance(meta, SessionMeta) and meta.id.lower() == thread_id:
            assert isinstance(line, Line)
            return dict(line.plain().payload)
    raise NotResumable(f"no session metadata of thread {thread_id} in its rollout")


def _merged(before: Json, git: Git) -> Json:
    fields = before if isinstance(before, dict) else {}
    merged = {**fields, **git}
    return {key: value for key, value in merged.items() if value is not None}


def _named(thread_id: str, name: str) -> ThreadNameUpdated:
    return ThreadNameUpdated(thread_id=thread_id, thread_name=name)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name:
        raise ValueError("a thread's name must not be empty")
    if len(name) > NAME_LIMIT_CHARS:
        raise ValueError(f"a thread's name has {NAME_LIMIT_CHARS} characters at most")
    return name


def _check(git: Git | None, memory_mode: str | None) -> None:
    if not git and memory_mode is None:
        raise ValueError("nothing to change: give git fields, or a memory mode")
    if memory_mode is not None and memory_mode not in MEMORY_MODES:
        raise ValueError(f"no memory mode {memory_mode!r}: use one of {', '.join(MEMORY_MODES)}")
    for key, value in (git or {}).items():
        if key not in GIT_FIELDS:
            raise ValueError(f"git information has no {key}: use {', '.join(GIT_FIELDS)}")
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise ValueError(f"{key} must not be empty: None takes it away")
