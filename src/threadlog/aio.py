"""The same names, awaitable: for agents that live on an asyncio loop.

    home = threadlog.aio.open("./threads")
    async with home.start(cwd=".") as thread:
        async with thread.turn("Why does the build fail?") as turn:
            turn.say("A header is missing.")

Whatever only puts items into memory is the same plain call as elsewhere; whatever may wait is
awaited, and nothing of it blocks the loop.  Cancelling a wait never cancels what is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

from threadlog import connect
from threadlog import home as sync_home
from threadlog import recorder as sync_recorder
from threadlog import thread as sync_thread
from threadlog import turn_writer as sync_turn
from threadlog.asking import Asked
from threadlog.barrier import Barrier
from threadlog.core.entry import Recordable
from threadlog.core.history import History, Value
from threadlog.core.index_status import IndexStatus, Progress
from threadlog.core.lines import Json
from threadlog.core.outline import Outline
from threadlog.core.query import ThreadPage, ThreadSummary
from threadlog.core.turn import Turn
from threadlog.core.visibility import Visibility
from threadlog.errors import BacklogFull, Closed
from threadlog.home import Reference
from threadlog.images import Image
from threadlog.options import ThreadKeywords, ThreadOptions
from threadlog.recorder import DURABLE, KERNEL

__all__ = ["DURABLE", "KERNEL", "Home", "RolloutRecorder", "Thread", "ThreadOptions", "TurnWriter"]

_T = TypeVar("_T")
_Closing = TypeVar("_Closing", bound="_Closable")
# So many lines or turns are read in one go, off the loop.
_READ_AT_ONCE = 256


def open(
    home: str | os.PathLike[str] | None = None,
    *,
    freshness_s: float = 0,
    background: bool = False,
) -> Home:
    """Open the threads of a home, as `threadlog.open` does; touches nothing on disk."""
    return Home(connect.open(home, freshness_s=freshness_s, background=background))


class _Closable:
    """What is closed at the end of an `async with` block; an exception of the block stands."""

    async def close(self) -> None:
        """Let go."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.close()
        except Exception:
            if error is None:
                raise


class Opening(Generic[_Closing]):
    """What is being opened: await it, or use it in `async with`."""

    def __init__(self, opening: Callable[[], Awaitable[_Closing]]) -> None:
        self._opening = opening
        self._opened: _Closing | None = None

    def __await__(self) -> Generator[Any, None, _Closing]:
        return self._opening().__await__()

    async def __aenter__(self) -> _Closing:
        self._opened = await self._opening()
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(kind, error, traceback)


class Home(_Closable):
    """`threadlog.Home`, awaitable; `sync` is the one underneath."""

    def __init__(self, home: sync_home.Home) -> None:
        self.sync = home

    @property
    def path(self) -> str:
        """The absolute path of the home."""
        return self.sync.path

    def start(
        self, cwd: str | os.PathLike[str] = ".", **options: Unpack[ThreadKeywords]
    ) -> Opening[Thread]:
        """Begin a thread (see `threadlog.Home.start`); await it, or use it in `async with`."""

        async def opening() -> Thread:
            return Thread(await asyncio.to_thread(self.sync.start, cwd, **options))

        return Opening(opening)

    def resume(
        self,
        reference: Reference,
        *,
        cwd: str | os.PathLike[str] | None = None,
        force: bool = False,
    ) -> Opening[Thread]:
        """Go on with a thread (see `threadlog.Home.resume`); await it, or use `async with`."""

        async def opening() -> Thread:
            resumed = await asyncio.to_thread(self.sync.resume, reference, cwd=cwd, force=force)
            return Thread(resumed)

        return Opening(opening)

    async def threads(self, **asked: Unpack[Asked]) -> ThreadPage:
        """The newest threads first."""
        return await asyncio.to_thread(lambda: self.sync.threads(**asked))

    async def count(self, **asked: Unpack[Asked]) -> int:
        """How many threads there are."""
        return await asyncio.to_thread(lambda: self.sync.count(**asked))

    async def find_latest(self, **asked: Unpack[Asked]) -> ThreadSummary | None:
        """The thread that changed last."""
        return await asyncio.to_thread(lambda: self.sync.find_latest(**asked))

    async def index_status(self) -> IndexStatus:
        """How the index behind listings stands."""
        return await asyncio.to_thread(self.sync.index_status)

    def tell_progress(self, progress: Progress) -> None:
        """Have *progress* told, by another OS thread, while a listing has to read much."""
        self.sync.tell_progress(progress)

    async def catch_up(
        self,
        *,
        timeout_s: float | None = None,
        progress: Progress | None = None,
        check: bool = False,
    ) -> bool:
        """Bring the index up to date; *progress* is told by another OS thread."""
        options: dict[str, Any] = {"timeout_s": timeout_s, "progress": progress, "check": check}
        return await asyncio.to_thread(self.sync.catch_up, **options)

    async def rebuild_index(self) -> bool:
        """Empty the index."""
        return await asyncio.to_thread(self.sync.rebuild_index)

    async def get(self, reference: Reference) -> ThreadSummary:
        """The summary of one thread."""
        return await asyncio.to_thread(self.sync.get, reference)

    async def why(self, reference: Reference) -> Visibility:
        """What listings do with one thread, and why."""
        return await asyncio.to_thread(self.sync.why, reference)

    def iter_lines(self, reference: Reference, *, backwards: bool = False) -> AsyncIterator[Value]:
        """Every line, oldest or newest first, damage in its place."""
        return _off_the_loop(lambda: self.sync.iter_lines(reference, backwards=backwards))

    def turns(self, reference: Reference, *, last: int | None = None) -> AsyncIterator[Turn]:
        """The turns, oldest first; *last* reads only the newest so many."""
        return _off_the_loop(lambda: self.sync.turns(reference, last=last))

    async def history(self, reference: Reference) -> History:
        """The whole thread in memory, to go on from."""
        return await asyncio.to_thread(self.sync.history, reference)

    async def outline(self, reference: Reference) -> list[Outline]:
        """Where each line begins and what it is."""
        return await asyncio.to_thread(self.sync.outline, reference)

    async def model_input(self, reference: Reference) -> list[dict[str, Json]]:
        """The Responses items to send to a model next."""
        return await asyncio.to_thread(self.sync.model_input, reference)

    async def close(self) -> None:
        """Close what is still being recorded here."""
        await asyncio.to_thread(self.sync.close)


class RolloutRecorder(_Closable):
    """`threadlog.RolloutRecorder` with barriers to await; `sync` is the one underneath."""

    def __init__(self, recorder: sync_recorder.RolloutRecorder) -> None:
        self.sync = recorder

    @classmethod
    async def create(cls, home: Home, options: ThreadOptions) -> RolloutRecorder:
        """A draft in *home*; nothing is touched."""
        return cls(
            await asyncio.to_thread(sync_recorder.RolloutRecorder.create, home.sync, options)
        )

    @classmethod
    async def resume(
        cls, home: Home, reference: Reference, *, force: bool = False
    ) -> RolloutRecorder:
        """Go on with a stored thread, as its only writer."""
        resume = sync_recorder.RolloutRecorder.resume
        return cls(await asyncio.to_thread(resume, home.sync, reference, force=force))

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
    def pending_items(self) -> int:
        """How many items are not in the file yet."""
        return self.sync.pending_items

    def record(self, *items: Recordable) -> int:
        """Take items into memory; returns how many are kept.  Never waits: a plain call."""
        return self.sync.record(*items)

    async def persist(self, *, level: str = DURABLE) -> None:
        """Make the rollout with all that was recorded."""
        await _settled(self.sync.start_persist(level=level))

    async def flush(self, *, level: str = DURABLE) -> None:
        """Bring what was recorded to stable storage."""
        await _settled(self.sync.start_flush(level=level))

    async def drain(self) -> None:
        """Wait until there is room for more."""
        await _settled(self.sync.start_drain())

    async def close(self) -> None:
        """Flush, then let go of the thread."""
        await _settled(self.sync.start_close())


class Thread(_Closable):
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
                await self.recorder.flush()  # makes room
                self.sync.book.end_open()
        await self.recorder.close()


class TurnWriter(sync_turn.TurnWriter):
    """`threadlog.TurnWriter` for `async with`; what it records are plain calls."""

    def __enter__(self) -> Self:
        raise TypeError("a turn of threadlog.aio is used with `async with`")

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.begin)
        await _settled(self.book.recorder.start_persist())
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
                await _settled(self.book.recorder.start_flush())  # makes room
                self.end(error)
            await _settled(self.book.recorder.start_flush())
        except Exception:
            if error is None:
                raise


async def _settled(barrier: Barrier | None) -> None:
    """Wait for a barrier; to be cancelled meanwhile leaves the barrier alone."""
    if barrier is None:
        return
    loop, passed = asyncio.get_running_loop(), asyncio.Event()
    barrier.tell(lambda: loop.call_soon_threadsafe(passed.set))
    await passed.wait()
    barrier.wait()


async def _off_the_loop(begin: Callable[[], Iterator[_T]]) -> AsyncIterator[_T]:
    """What an iterator yields, read by other threads, some at a time."""
    source = await asyncio.to_thread(begin)
    while some := await asyncio.to_thread(lambda: list(islice(source, _READ_AT_ONCE))):
        for each in some:
            yield each
