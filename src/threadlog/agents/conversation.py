"""A live thread with an agent that answers in it: one turn at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from threadlog.agents.context import COMPACT, REVIEW, TURN, Agent, Said, Settings
from threadlog.agents.happenings import Tell
from threadlog.agents.running import Run
from threadlog.aio.recording import Thread
from threadlog.core.items.event import TurnAborted
from threadlog.errors import Refused
from threadlog.turn_parts import interruption_note
from threadlog.turn_writer import INTERRUPTED


class Conversation:
    """The turns of one thread, recorded and told as they happen.

    For one event loop.  Every turn of a stored thread that was broken off with its process is
    marked as interrupted before the next begins.
    """

    def __init__(self, thread: Thread, agent: Agent, settings: Settings, tell: Tell) -> None:
        self.thread = thread
        self.agent = agent
        self.settings = settings
        self.cwd = thread.cwd
        self.tell = tell
        self.run: Run | None = None
        self._looked = not thread.on_disk  # for a turn that was broken off
        self._spoken = False
        self._beginning = asyncio.Lock()

    async def begin(self, said: list[Said], schema: Mapping[str, Any] | None = None) -> Run:
        """Begin a turn, to be launched by the caller; what the user said is on stable storage.

        *schema* is for what this turn comes to.  While a turn goes on, this adds to it (Codex: the
        same).  Raises Refused during a compaction or review, WriteFailed, Unreadable.
        """
        async with self._beginning:
            run = self.run
            if run is not None:
                if run.kind != TURN:
                    raise Refused(f"a {run.kind} goes on: it takes nothing in")
                if await run.steer(said):
                    return run
                await run.wait()
            return await self._begin(TURN, said, schema=schema)

    async def steer(self, run: Run, said: list[Said]) -> bool:
        """Add to a turn; False if it has ended.  Raises as `begin`."""
        async with self._beginning:
            return self.run is run and await run.steer(said)

    async def begin_compaction(self) -> Run | None:
        """Begin to have the history summed up; None while a turn goes on."""
        async with self._beginning:
            return None if self.run else await self._begin(COMPACT, [])

    async def begin_review(self, target: Any, instructions: str) -> Run | None:
        """Begin a review, which is a turn of the thread; None while a turn goes on."""
        async with self._beginning:
            return (
                None if self.run else await self._begin(REVIEW, [Said(instructions)], review=target)
            )

    @contextlib.asynccontextmanager
    async def between_turns(self, *, interrupting: bool) -> AsyncIterator[bool]:
        """Within, no turn goes on and none begins; False if one does and may not be interrupted."""
        async with self._beginning:
            run = self.run
            if run is not None and interrupting:
                await run.interrupt()
            yield run is None or interrupting

    async def interrupt(self) -> bool:
        """End the turn that goes on, and return once that is recorded; False if none does."""
        async with self._beginning:
            run = self.run
            if run is None:
                return False
        await run.interrupt()
        return True

    async def close(self) -> None:
        """End the turn that goes on, as interrupted, and let go of the thread.

        One that is not on disk, since nothing was said, leaves nothing: no name of it either.
        """
        async with self.between_turns(interrupting=True):
            if self._spoken or self.thread.on_disk:
                await self.thread.close()
            else:
                await self.thread.discard()

    def ended(self, run: Run) -> None:
        """A turn ended; for `Run` itself."""
        if self.run is run:
            self.run = None

    async def _begin(
        self,
        kind: str,
        said: list[Said],
        *,
        review: Any = None,
        schema: Mapping[str, Any] | None = None,
    ) -> Run:
        await self._mark_broken_off()
        self._spoken = True
        self.thread.sync.book.cwd = self.cwd
        run = Run(self, kind, said, self.settings._replace(output_schema=schema))
        self.run = run
        try:
            await run.begin(review)
        except BaseException:
            self.run = None
            raise
        return run

    async def _mark_broken_off(self) -> None:
        if self._looked:
            return
        turn_id = await asyncio.to_thread(self._unfinished)
        if turn_id is not None:
            ended = TurnAborted(turn_id=turn_id or None, reason=INTERRUPTED)
            self.thread.record(interruption_note(), ended)
        self._looked = True

    def _unfinished(self) -> str | None:
        thread = self.thread.sync
        thread.flush()
        home = thread.book.home
        return home.reader(home.get(thread.path)).unfinished()
