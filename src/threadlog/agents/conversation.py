"""A live thread with an agent that answers in it: one turn at a time."""

from __future__ import annotations

import asyncio
from typing import Any

from threadlog.agents.context import COMPACT, REVIEW, TURN, Agent, Said, Settings
from threadlog.agents.happenings import Tell
from threadlog.agents.running import Run
from threadlog.aio.recording import Thread
from threadlog.core.items.event import TurnAborted
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
        self.failed = False  # the last turn was
        self._looked = not thread.on_disk  # for a turn that was broken off
        self._beginning = asyncio.Lock()

    async def begin(self, said: list[Said]) -> Run:
        """Begin a turn, to be launched by the caller; what the user said is on stable storage.

        While a turn goes on, this adds to it (Codex: the same).  Raises WriteFailed, Unreadable.
        """
        async with self._beginning:
            if self.run is not None:
                await self.run.steer(said)
                return self.run
            return await self._begin(TURN, said, None)

    async def steer(self, run: Run, said: list[Said]) -> bool:
        """Add to a turn; False if it has ended.  Raises as `begin`."""
        async with self._beginning:
            if self.run is not run:
                return False
            await run.steer(said)
            return True

    async def begin_compaction(self) -> Run | None:
        """Begin to have the history summed up; None while a turn goes on."""
        async with self._beginning:
            return None if self.run else await self._begin(COMPACT, [], None)

    async def begin_review(self, target: Any, instructions: str) -> Run | None:
        """Begin a review, which is a turn of the thread; None while a turn goes on."""
        async with self._beginning:
            return None if self.run else await self._begin(REVIEW, [Said(instructions)], target)

    async def interrupt(self) -> bool:
        """End the turn that goes on, and return once that is recorded; False if none does."""
        async with self._beginning:
            run = self.run
            if run is None:
                return False
        await run.interrupt()
        return True

    async def close(self) -> None:
        """End the turn that goes on, as interrupted, and let go of the thread."""
        await self.interrupt()
        await self.thread.close()

    def ended(self, run: Run, *, failed: bool) -> None:
        """A turn ended; for `Run` itself."""
        if self.run is run:
            self.run = None
            self.failed = failed

    async def _begin(self, kind: str, said: list[Said], review: Any) -> Run:
        await self._mark_broken_off()
        run = Run(self, kind, said)
        self.run = run
        try:
            await run.begin(review)
        except BaseException:
            self.run = None
            raise
        self.failed = False
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
