"""Recording a thread: items go into memory, a worker brings them to disk, barriers tell the truth.

A fresh recorder is a draft: its path is known and nothing is on disk.  `persist` makes the
rollout; from then on what is recorded is written soon by itself.  A barrier that fails says so,
keeps everything, and can be called again.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import msgspec

from threadlog.backlog import Channel
from threadlog.barrier import DURABLE, KERNEL, Barrier
from threadlog.core import entry, metadata, turn_lines
from threadlog.core.decode import Line
from threadlog.core.entry import Payload, Recordable
from threadlog.core.items import LineItem, UntypedItem
from threadlog.core.items.event import TaskStarted
from threadlog.core.lines import SESSION_META, Envelope
from threadlog.core.metadata import LEGACY, PAGINATED, Metadata
from threadlog.core.names import GIT_FIELDS
from threadlog.core.query import ThreadSummary
from threadlog.core.summary import Files, Told, summarise
from threadlog.drafts import new_draft
from threadlog.errors import NotPersistable, OthersWrote, WriteFailed
from threadlog.fresh import new_id, now_ms, stamp_of
from threadlog.home import Home, Reference
from threadlog.options import ThreadOptions
from threadlog.states import Draft, Live

__all__ = ["DURABLE", "KERNEL", "RolloutRecorder", "ThreadOptions"]


class RolloutRecorder:
    """The writer of one thread; safe to use from several OS threads."""

    __slots__ = ("__weakref__", "_channel", "_classes", "_history_mode", "_takers", "_turn_id")

    def __init__(self, channel: Channel, history_mode: str) -> None:
        """Not for callers: use `create` or `resume`."""
        self._channel = channel
        self._history_mode = history_mode
        self._takers = entry.TAKERS[history_mode]
        self._classes = entry.CLASSES[history_mode]
        self._turn_id: str | None = None

    @classmethod
    def create(cls, home: Home, options: ThreadOptions) -> RolloutRecorder:
        """A draft in *home*: `path` and `thread_id` are known, nothing is touched.

        The folder and file name carry local time, the metadata UTC, both of this instant (Codex:
        the same).  Raises ValueError for options that will not do, Unencodable for what has no
        JSON form.
        """
        draft = new_draft(options, home.store.model_provider)
        return cls.begin(home, draft, options.rollout_id)

    @classmethod
    def begin(cls, home: Home, draft: Draft, rollout_id: str | None = None) -> RolloutRecorder:
        """The same for a draft that was made already."""
        stamp, thread_id = stamp_of(draft.ms), draft.meta.id
        path = home.store.journal.plan(stamp, thread_id, rollout_id)
        path = "" if draft.ephemeral else path
        channel = Channel(home.writer, path, thread_id, draft, draft.ms)
        home.writer.adopt(channel)
        return cls(channel, draft.meta.history_mode or LEGACY)

    @classmethod
    def resume(
        cls, home: Home, reference: Reference, *, force: bool = False, take_over: bool = False
    ) -> RolloutRecorder:
        """Go on with a stored thread, as its only writer; its bytes stay as they are.

        An unfinished last line is closed by the first append, and numbered lines are numbered
        on.  A rollout that changed in the last two seconds is watched until it stands still, for
        an older Codex takes no lock; *force* does not wait, and goes on with a file of several
        names (hard links), which all change then.  *take_over* has the thread from another process
        of threadlog that is its writer, which is told before its next batch; what that one wrote
        past its last look is told here, as `OthersWrote`.  Raises NotFound, Ambiguous, OutsideHome,
        Archived, InUse, NotResumable, Unreadable, WriteFailed.
        """
        return cls.go_on(home, home.get(reference), force=force, take_over=take_over)

    @classmethod
    def go_on(
        cls, home: Home, summary: ThreadSummary, *, force: bool = False, take_over: bool = False
    ) -> RolloutRecorder:
        """The same for a thread that was found already."""
        home.store.finish_unfinished()
        try:
            journal = home.store.journal
            appender, tail = journal.resume(summary, force=force, take_over=take_over)
        except OSError as error:
            raise WriteFailed(error.filename or summary.path, error.errno, 0) from error
        try:
            appender.rest()
            live = Live(appender, tail.next_ordinal)
            channel = Channel(home.writer, appender.path, summary.id or "", live, 0)
            home.writer.adopt(channel)
        except BaseException:
            appender.close()  # nobody else would let go of the thread
            raise
        return cls(channel, tail.history_mode)

    @property
    def path(self) -> str:
        """Where the rollout is, or will be: an absolute path; "" for an ephemeral thread."""
        return self._channel.path

    @property
    def thread_id(self) -> str:
        """The thread's id (a UUIDv7 if it began here)."""
        return self._channel.thread_id

    @property
    def history_mode(self) -> str:
        """`legacy` or `paginated`: what the rollout keeps, and whether lines are numbered."""
        return self._history_mode

    @property
    def on_disk(self) -> bool:
        """True once the rollout was made."""
        return self._channel.made

    @property
    def is_paginated(self) -> bool:
        """True for a thread whose lines are numbered."""
        return self._history_mode == PAGINATED

    @property
    def channel(self) -> Channel:
        """What it holds, for the use cases beside it."""
        return self._channel

    @property
    def draft(self) -> Draft | None:
        """What the rollout will be made of, None once it was made."""
        state = self._channel.state  # read once: another thread may make or drop it meanwhile
        return state if isinstance(state, Draft) else None

    @property
    def ephemeral(self) -> bool:
        """True for a thread that stays in memory."""
        draft = self.draft
        return draft is not None and draft.ephemeral

    @property
    def pending_items(self) -> int:
        """How many items are not in the file yet."""
        channel = self._channel
        return 0 if channel.state is None else channel.recorded - channel.settled

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Exception:
            if error is None:
                raise

    def __del__(self) -> None:
        channel = getattr(self, "_channel", None)
        if channel is None or channel.state is None or channel.foreign:
            return
        if channel.draft and not channel.wanted:
            _warn_dropped(channel)
        else:
            channel.writer.abandon(channel)

    def record(self, *items: Recordable) -> int:
        """Take items into memory, all or none; returns how many this history mode keeps.

        Typed items, which are taken at their types; lines that were read, which pass on every
        field they have; or mappings `{"type": ..., "payload": ...}`, which are encoded now.  On a
        paginated thread a legacy event is kept as the turn item that says the same.  Never does
        I/O, never waits.  Raises Closed, Unencodable, BacklogFull; NotPersistable for a typed
        item that a paginated thread never keeps.
        """
        if len(items) == 1:  # what an agent's loop mostly does: as little as possible
            item = items[0]
            take = self._takers.get(type(item))
            if take is not None:
                weight, taken = take(item) or entry.weigh_encoded(item)  # type: ignore[arg-type]
                if weight > entry.LONG_BYTES:  # too long for a line, perhaps
                    weight, taken = entry.weigh_encoded(item)  # type: ignore[arg-type]
                return self._channel.add_one(weight, taken)
            if type(item) is dict and (plain := entry.weigh_plain(item, self._classes)):
                return self._channel.add_one(*plain)
        ms, turn_id = now_ms(), self._turn_id
        kept: list[tuple[int, Payload]] = []
        try:
            for item in items:
                kept.extend(self._usual(item) or self._taken(item, ms))
            self._channel.add(ms, kept)
        except BaseException:
            self._turn_id = turn_id
            raise
        return len(kept)

    def persist(self, *, level: str = DURABLE) -> None:
        """Make the rollout with all that was recorded; once it is there, the same as `flush`.

        Returns when everything is on stable storage, or, with *level* "kernel", in the file.
        Raises Closed, InUse, WriteFailed, UnsupportedPlatform.
        """
        _wait(self.start_persist(level=level))

    def flush(self, *, level: str = DURABLE) -> None:
        """Bring what was recorded to stable storage; on a draft there is nothing to do (Codex).

        With *level* "kernel" it returns once everything is in the file, which outlives this
        process but not a power cut.  Raises Closed, WriteFailed; Unencodable, once, if a typed
        item did not keep to its types and could not be written.
        """
        _wait(self.start_flush(level=level))

    def drain(self) -> None:
        """Wait until there is room for more; at once if there is.

        Raises NotOnDiskYet on a draft, WriteFailed while writing fails, Closed.
        """
        _wait(self.start_drain())

    def close(self) -> None:
        """Flush, then let go of the thread; a draft leaves nothing.  A second call does nothing.

        Raises WriteFailed, after which the recorder is still open; Unencodable as `flush` does,
        after which it is closed.
        """
        _wait(self.start_close())

    def discard(self) -> int:
        """Let go of the thread as it is on disk; returns how many items were given up.

        For a thread that cannot be written any more: what waits in memory is forgotten, and the
        file stays as it is.  Of a draft nothing is left.  A second call does nothing.
        """
        _wait(self.start_discard())
        return self._channel.take_lost()

    def draft_lines(self) -> list[bytes]:
        """What a draft holds, as the lines it will have (without the metadata)."""
        batch = entry.encode(list(self._channel.backlog), None)
        return batch.data.split(b"\n")[:-1]

    def draft_summary(self) -> ThreadSummary:
        """What a listing would show of a draft: what its settings say, and no preview."""
        draft = self.draft
        if draft is None:
            raise ValueError(f"thread {self.thread_id} is no draft any more")
        begun = draft.meta.timestamp
        line = Envelope(begun, SESSION_META, msgspec.to_builtins(draft.meta))
        files = Files(self.path, created=begun, updated=begun, recency=begun)
        told = Told(metadata.fold(Metadata(), line), first_message="")
        shown = summarise(self.thread_id, told, files)
        git: dict[str, Any] = {GIT_FIELDS[key]: value for key, value in draft.git.items()}
        return shown._replace(name=draft.name, title=draft.name or shown.title, **git)

    # -- the barriers, without the waiting

    def start_persist(self, *, level: str = DURABLE) -> Barrier | None:
        """Begin what `persist` does; None if there is nothing to wait for."""
        return self._channel.barrier(level, persist=not self.ephemeral)

    def start_flush(self, *, level: str = DURABLE) -> Barrier | None:
        """Begin what `flush` does."""
        return self._channel.barrier(level)

    def start_drain(self) -> Barrier | None:
        """Begin what `drain` does."""
        return self._channel.room()

    def start_close(self) -> Barrier | None:
        """Begin what `close` does."""
        channel = self._channel
        if channel.foreign or channel.state is None:
            return None  # a forked child neither writes nor holds
        if channel.draft and not channel.wanted and _warn_dropped(channel):
            return None
        return channel.barrier(DURABLE, close=True)

    def start_discard(self) -> Barrier | None:
        """Begin what `discard` does."""
        return self._channel.giving_up()

    @contextlib.contextmanager
    def reminding(self) -> Iterator[None]:
        """A barrier in here stops nothing because others wrote there: the next one says it."""
        try:
            yield
        except OthersWrote as error:
            self._channel.remind(error)

    # -- what is kept of an item

    def _usual(self, item: Recordable) -> list[tuple[int, Payload]] | None:
        """An item that is kept whatever it says, weighed; None for one that needs a closer look."""
        take = self._takers.get(type(item))
        taken = take(item) if take else None
        return [taken] if taken and taken[0] <= entry.LONG_BYTES else None

    def _taken(self, item: Recordable, ms: int) -> list[tuple[int, Payload]]:
        """What the history mode keeps of an item, weighed: at most one."""
        if isinstance(item, LineItem):
            return self._taken_typed(item, ms)
        if isinstance(item, Line):
            if self._history_mode == PAGINATED and turn_lines.has_turn_item(item.item):
                return self._taken_typed(item.item, ms)
            self._notice(item.item)
            return [entry.weigh_line(item)] if self._keeps(item.item) else []
        line_type, payload, typed = entry.read_mapping(item)
        if typed is None:
            return []
        if self._history_mode == PAGINATED and turn_lines.has_turn_item(typed):
            return self._taken_typed(typed, ms)
        if not self._keeps(typed):
            return []
        self._notice(typed)
        return [entry.weigh_mapping(line_type, payload)]

    def _taken_typed(self, item: LineItem, ms: int) -> list[tuple[int, Payload]]:
        self._notice(item)
        if self._history_mode == PAGINATED and turn_lines.has_turn_item(item):
            turn_id = turn_lines.turn_of(item) or self._turn_id or new_id(ms)
            turn_item = turn_lines.turn_item_of(item, new_id(ms))
            item = turn_lines.as_item_completed(turn_item, self.thread_id, turn_id, ms)
        if self._keeps(item):
            return [entry.weigh(item)]
        if self._history_mode == PAGINATED and not isinstance(item, UntypedItem):
            raise NotPersistable(
                f"a paginated thread does not keep items of the type {type(item).__name__}"
            )
        return []

    def _keeps(self, item: LineItem) -> bool:
        if item.line_type == SESSION_META and self._history_mode == PAGINATED:
            return False  # its model would see only what follows it
        return entry.keeps(item, self._history_mode)

    def _notice(self, item: LineItem) -> None:
        """Remember whose turn it is: turn items name theirs, most events do not."""
        if isinstance(item, TaskStarted):
            self._turn_id = item.turn_id


def _wait(barrier: Barrier | None) -> None:
    if barrier is not None:
        barrier.wait()


def _warn_dropped(channel: Channel) -> bool:
    """Drop a draft, and say so if it held something; False if it is none any more."""
    state = channel.state
    unasked = isinstance(state, Draft) and not state.ephemeral
    dropped = channel.drop_draft()
    if dropped and unasked:
        warnings.warn(
            f"thread {channel.thread_id} was closed before persist: {dropped} items were dropped",
            RuntimeWarning,
            stacklevel=4,
        )
    return dropped is not None
