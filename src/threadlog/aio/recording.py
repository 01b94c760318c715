"""A live thread, its turns and its recorder, with barriers to await."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from threadlog import recorder as sync_recorder
from threadlog import thread as sync_thread
from threadlog import turn_writer as sync_turn
from threadlog.aio.waiting import Closable, Opening, settled
from threadlog.core.entry import Recordable
from threadlog.core.history import History
from threadlog.core.lines import Json
from threadlog.core.query import ThreadSummary
from threadlog.core.shelf import Changed
from threadlog.errors import BacklogFull, Closed
from threadlog.home import Reference
from threadlog.images import Image
from threadlog.options import ForkKeywords, ThreadOptions
from threadlog.recorder import DURABLE

if TYPE_CHECKING:
    from threadlog.aio.home import Home


class RolloutRecorder(Closable):
    """`threadlog.RolloutRecorder` with barriers to await; `sync` is the one underneath."""

    def __init__(self, recorder: sync_recorder.RolloutRecorder) -> None:
        self.sync = recorder

    @classmethod
    async def create(cls, home: Home, options: ThreadOptions) -> RolloutRecorder:
        """A draft in *home*; nothing is touched."""
        home.look_after_signals()
        return cls(
            await asyncio.to_thread(sync_recorder.RolloutRecorder.create, home.sync, options)
        )

    @classmethod
    async def resume(
        cls, home: Home, reference: Reference, *, force: bool = False, take_over: bool = False
    ) -> RolloutRecorder:
        """Go on with a stored thread, as its only writer."""
        home.look_after_signals()
        resume = sync_recorder.RolloutRecorder.resume
        options = {"force": force, "take_over": take_over}
        return cls(await asyncio.to_thread(resume, home.sync, reference, **options))

    @property
    def path(self) -> str:
        """Where the rollout is, or will be."""
        return self.sync.path

    @property
    def thread_id(self) -> str:
        """The thread's id."""
        return self.sync.thread_id

    @property
    def history_mode(self) -> str:
        """`legacy` or `paginated`."""
        return self.sync.history_mode

    @property
    def on_disk(self) -> bool:
        """True once the rollout was made."""
        return self.sync.on_disk

    @property
    def is_paginated(self) -> bool:
        """True for a thread whose lines are numbered."""
        return self.sync.is_paginated

    @property
    def ephemeral(self) -> bool:
        """True for a thread that stays in memory."""
        return self.sync.ephemeral

    @property
    def pending_items(self) -> int:
        """How many items are not in the file yet."""
        return self.sync.pending_items

    def record(self, *items: Recordable) -> int:
        """Take items into memory; returns how many are kept.  Never waits: a plain call."""
        return self.sync.record(*items)

    async def persist(self, *, level: str = DURABLE) -> None:
        """Make the rollout with all that was recorded."""
        await settled(self.sync.start_persist(level=level))

    async def flush(self, *, level: str = DURABLE) -> None:
        """Bring what was recorded to stable storage."""
        await settled(self.sync.start_flush(level=level))

    async def drain(self) -> None:
        """Wait until there is room for more."""
        await settled(self.sync.start_drain())

    async def close(self) -> None:
        """Flush, then let go of the thread."""
        await settled(self.sync.start_close())

    async def discard(self) -> int:
        """Let go of the thread as it is on disk; returns how many items were given up."""
        await settled(self.sync.start_discard())
        return self.sync.discard()  # how many that were


class Thread(Closable):
    """`threadlog.Thread`, awaitable; `sync` is the one underneath."""

    def __init__(self, thread: sync_thread.Thread) -> None:
        self.sync = thread

    @property
    def id(self) -> str:
        """The thread's id."""
        return self.sync.id

    @property
    def path(self) -> str:
        """Where its rollout is, or will be."""
        return self.sync.path

    @property
    def cwd(self) -> str:
        """The working directory it belongs to."""
        return self.sync.cwd

    @property
    def on_disk(self) -> bool:
        """False until the first user message."""
        return self.sync.on_disk

    @property
    def ephemeral(self) -> bool:
        """True for a thread that stays in memory."""
        return self.sync.ephemeral

    @property
    def recorder(self) -> RolloutRecorder:
        """The level underneath."""
        return RolloutRecorder(self.sync.recorder)

    async def summary(self) -> ThreadSummary:
        """What a listing shows of it."""
        return await asyncio.to_thread(self.sync.summary)

    def record(self, *items: Recordable) -> int:
        """Record items of one's own; returns how many are kept.  Never waits: a plain call."""
        return self.sync.record(*items)

    def turn(
        self,
        text: str,
        *,
        images: Sequence[Image] = (),
        model: str | None = None,
        turn_id: str | None = None,
    ) -> TurnWriter:
        """A turn that begins with what the user says; use it in an `async with` block."""
        return TurnWriter(self.sync.book, sync_turn.Asked(text, tuple(images), model, turn_id))

    async def history(self) -> History:
        """The whole thread so far; `model_input()` of it is what to send next."""
        return await asyncio.to_thread(self.sync.history)

    async def model_input(self) -> list[dict[str, Json]]:
        """The Responses items to send to a model next."""
        return await asyncio.to_thread(self.sync.model_input)

    async def inject(self, *items: Recordable) -> int:
        """Record items outside of a turn, and return once they are on stable storage."""
        return await asyncio.to_thread(self.sync.inject, *items)

    def fork(self, **asked: Unpack[ForkKeywords]) -> Opening[Thread]:
        """Begin a thread with what this one holds so far (see `threadlog.Thread.fork`)."""

        async def opening() -> Thread:
            return Thread(await asyncio.to_thread(self.sync.fork, **asked))

        return Opening(opening)

    async def rename(self, name: str) -> Changed:
        """Call it so."""
        return await asyncio.to_thread(self.sync.rename, name)

    async def rollback(self, turns: int = 1) -> Changed:
        """The last turns count no more."""
        return await asyncio.to_thread(self.sync.rollback, turns)

    async def revert(self, *, before: str) -> None:
        """Go on as it was before a turn, in a further rollout."""
        await asyncio.to_thread(self.sync.revert, before=before)

    async def update_metadata(
        self,
        *,
        git: Mapping[str, str | None] | None = None,
        memory_mode: str | None = None,
    ) -> Changed:
        """Change what is known of it."""
        return await asyncio.to_thread(self.sync.update_metadata, git=git, memory_mode=memory_mode)

    async def flush(self) -> None:
        """Return once all that was recorded is on stable storage."""
        await self.recorder.flush()

    async def drain(self) -> None:
        """Wait until there is room for more to record."""
        await self.recorder.drain()

    async def close(self) -> None:
        """Flush and let go; a turn that is open is marked aborted."""
        with contextlib.suppress(Closed):  # by the home: what was recorded is safe
            try:
                self.sync.book.end_open()
            except BacklogFull:
                with self.recorder.sync.reminding():
                    await self.recorder.flush()  # makes room
                self.sync.book.end_open()
        await self.recorder.close()

    async def discard(self) -> int:
        """Let go of the thread as it is on disk."""
        return await self.recorder.discard()


class TurnWriter(sync_turn.TurnWriter):
    """`threadlog.TurnWriter` for `async with`; what it records are plain calls."""

    def __enter__(self) -> Self:
        raise TypeError("a turn of threadlog.aio is used with `async with`")

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.begin)
        with self.book.recorder.reminding():
            await settled(self.book.recorder.start_persist())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            try:
                self.end(error)
            except BacklogFull:
                with self.book.recorder.reminding():
                    await settled(self.book.recorder.start_flush())  # makes room
                self.end(error)
            with self._telling(error):
                await settled(self.book.recorder.start_flush())
        except Exception:
            if error is None:
                raise
