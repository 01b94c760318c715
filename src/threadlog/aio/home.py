"""The verbs of a home, awaitable."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import IO, Any, Unpack

from threadlog import home as sync_home
from threadlog import lifetime
from threadlog.aio.recording import Thread
from threadlog.aio.waiting import Closable, Opening, off_the_loop
from threadlog.asking import Asked, Chosen
from threadlog.core.compression import Compression
from threadlog.core.export import ExportReport
from threadlog.core.history import History, Value
from threadlog.core.index_status import IndexStatus, Progress, Stop
from threadlog.core.lines import Json
from threadlog.core.outline import Outline
from threadlog.core.query import ThreadPage, ThreadSummary
from threadlog.core.search import SearchPage, WordStatus
from threadlog.core.shelf import Changed, Moved, Trashed
from threadlog.core.stats import Stats
from threadlog.core.tree import Ancestor, Tree
from threadlog.core.turn import Turn
from threadlog.core.visibility import Visibility
from threadlog.exporting import ExportAsked
from threadlog.following import LOOK_S, Followed, Following
from threadlog.home import Reference
from threadlog.options import ForkKeywords, ThreadKeywords
from threadlog.searching import Searched


async def _followed(begin: Callable[[], Following]) -> AsyncGenerator[Followed, None]:
    following = await asyncio.to_thread(begin)
    with following:
        while not following.ended:
            came = await asyncio.to_thread(following.poll)
            for each in came:
                yield each
            if not came and not following.behind:
                await asyncio.sleep(LOOK_S)


class Home(Closable):
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
            self.look_after_signals()
            return Thread(await asyncio.to_thread(self.sync.start, cwd, **options))

        return Opening(opening)

    def resume(
        self,
        reference: Reference,
        *,
        cwd: str | os.PathLike[str] | None = None,
        force: bool = False,
        take_over: bool = False,
    ) -> Opening[Thread]:
        """Go on with a thread (see `threadlog.Home.resume`); await it, or use `async with`."""

        async def opening() -> Thread:
            self.look_after_signals()
            options: dict[str, Any] = {"cwd": cwd, "force": force, "take_over": take_over}
            return Thread(await asyncio.to_thread(self.sync.resume, reference, **options))

        return Opening(opening)

    def fork(self, reference: Reference, **asked: Unpack[ForkKeywords]) -> Opening[Thread]:
        """Begin a thread with what another one holds (see `threadlog.Home.fork`)."""

        async def opening() -> Thread:
            self.look_after_signals()
            return Thread(await asyncio.to_thread(self.sync.fork, reference, **asked))

        return Opening(opening)

    def revert(self, reference: Reference, *, before: str) -> Opening[Thread]:
        """Go on with a paginated thread as it was before a turn (see `threadlog.Home.revert`)."""

        async def opening() -> Thread:
            self.look_after_signals()
            return Thread(await asyncio.to_thread(self.sync.revert, reference, before=before))

        return Opening(opening)

    def look_after_signals(self) -> None:
        """Have what is recorded written when a signal ends us; the main thread sees to that.

        Starting and resuming a thread call it on the loop's thread, as they themselves run on
        others.
        """
        lifetime.look_after(self.sync.writer)

    async def threads(self, *, stop: Stop | None = None, **asked: Unpack[Asked]) -> ThreadPage:
        """The newest threads first."""
        return await asyncio.to_thread(lambda: self.sync.threads(stop=stop, **asked))

    async def search(
        self, text: str, *, stop: Stop | None = None, **asked: Unpack[Searched]
    ) -> SearchPage:
        """What was said and done in threads, by its words; *stop* is asked by another OS thread."""
        return await asyncio.to_thread(lambda: self.sync.search(text, stop=stop, **asked))

    async def search_status(self, *, stop: Stop | None = None) -> WordStatus:
        """How the word index behind searches stands."""
        return await asyncio.to_thread(lambda: self.sync.search_status(stop=stop))

    async def catch_up_search(
        self, *, timeout_s: float | None = None, progress: Progress | None = None
    ) -> bool:
        """Bring the word index up to date."""
        return await asyncio.to_thread(
            lambda: self.sync.catch_up_search(timeout_s=timeout_s, progress=progress)
        )

    async def rebuild_search(self) -> bool:
        """Empty the word index."""
        return await asyncio.to_thread(self.sync.rebuild_search)

    async def count(self, *, stop: Stop | None = None, **asked: Unpack[Asked]) -> int:
        """How many threads there are."""
        return await asyncio.to_thread(lambda: self.sync.count(stop=stop, **asked))

    async def stats(self, *, by: str = "day", **asked: Unpack[Chosen]) -> Stats:
        """What threads used."""
        return await asyncio.to_thread(lambda: self.sync.stats(by=by, **asked))

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

    async def lineage(self, reference: Reference) -> tuple[Ancestor, ...]:
        """The threads that one was forked from, the oldest first, itself last."""
        return await asyncio.to_thread(self.sync.lineage, reference)

    async def tree(
        self,
        reference: Reference | None = None,
        *,
        stop: Stop | None = None,
        **asked: Unpack[Asked],
    ) -> Tree:
        """Threads with those that come from them below; *stop* is asked by another OS thread."""
        return await asyncio.to_thread(lambda: self.sync.tree(reference, stop=stop, **asked))

    def iter_lines(self, reference: Reference, *, backwards: bool = False) -> AsyncIterator[Value]:
        """Every line, oldest or newest first, damage in its place."""
        return off_the_loop(lambda: self.sync.iter_lines(reference, backwards=backwards))

    def turns(self, reference: Reference, *, last: int | None = None) -> AsyncIterator[Turn]:
        """The turns, oldest first; *last* reads only the newest so many."""
        return off_the_loop(lambda: self.sync.turns(reference, last=last))

    def follow(
        self, reference: Reference, *, offset: int | None = None
    ) -> AsyncGenerator[Followed, None]:
        """A thread as it grows; waits for more without holding up the loop."""
        return _followed(lambda: self.sync.follow(reference, offset=offset))

    async def export(
        self,
        *references: Reference,
        to: str | os.PathLike[str] | IO[bytes] | IO[str],
        **asked: Unpack[ExportAsked],
    ) -> ExportReport:
        """Write threads to a file; an open one is written to by another OS thread."""
        return await asyncio.to_thread(lambda: self.sync.export(*references, to=to, **asked))

    async def history(self, reference: Reference) -> History:
        """The whole thread in memory, to go on from."""
        return await asyncio.to_thread(self.sync.history, reference)

    async def outline(self, reference: Reference) -> list[Outline]:
        """Where each line begins and what it is."""
        return await asyncio.to_thread(self.sync.outline, reference)

    async def model_input(self, reference: Reference) -> list[dict[str, Json]]:
        """The Responses items to send to a model next."""
        return await asyncio.to_thread(self.sync.model_input, reference)

    async def rename(self, reference: Reference, name: str) -> Changed:
        """Call a thread so."""
        return await asyncio.to_thread(self.sync.rename, reference, name)

    async def rollback(self, reference: Reference, turns: int = 1) -> Changed:
        """The last turns of a legacy thread count no more."""
        return await asyncio.to_thread(self.sync.rollback, reference, turns)

    async def update_metadata(
        self,
        reference: Reference,
        *,
        git: Mapping[str, str | None] | None = None,
        memory_mode: str | None = None,
    ) -> Changed:
        """Change what is known of a thread."""
        options: dict[str, Any] = {"git": git, "memory_mode": memory_mode}
        return await asyncio.to_thread(self.sync.update_metadata, reference, **options)

    async def archive(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Put threads into the archive, with their subagents."""
        return await asyncio.to_thread(self.sync.archive, *references, dry_run=dry_run)

    async def unarchive(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Put archived threads back."""
        return await asyncio.to_thread(self.sync.unarchive, *references, dry_run=dry_run)

    async def delete(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Put threads into the trash, with their subagents."""
        return await asyncio.to_thread(self.sync.delete, *references, dry_run=dry_run)

    async def restore(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Put threads back from the trash."""
        return await asyncio.to_thread(self.sync.restore, *references, dry_run=dry_run)

    async def purge(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Remove threads in the trash for good."""
        return await asyncio.to_thread(self.sync.purge, *references, dry_run=dry_run)

    async def trash(self) -> list[Trashed]:
        """What is in the trash."""
        return await asyncio.to_thread(self.sync.trash)

    async def compress(
        self,
        *references: Reference,
        older_than_days: float = 7,
        archived: bool | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> list[Compression]:
        """Compress cold threads; *progress* is told by another OS thread."""
        options: dict[str, Any] = {"archived": archived, "dry_run": dry_run, "progress": progress}
        options["older_than_days"] = older_than_days
        return await asyncio.to_thread(self.sync.compress, *references, **options)

    async def close(self) -> None:
        """Close what is still being recorded here."""
        await asyncio.to_thread(self.sync.close)
