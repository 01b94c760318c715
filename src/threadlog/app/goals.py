"""The goal of a thread: kept as events of its rollout, the newest of which counts.

Codex keeps goals in a database of its own besides, which is not ours to touch.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from threadlog.app.client import Client, notification
from threadlog.app.refusals import invalid
from threadlog.app.wire_items import Wire
from threadlog.core.decode import decode_item
from threadlog.core.framing import Frame, Gap
from threadlog.core.items.event import ThreadGoalUpdated
from threadlog.core.turn import Turn
from threadlog.errors import ThreadlogError

if TYPE_CHECKING:
    from threadlog.app.loaded import Loaded

OBJECTIVE_LIMIT_CHARS = 4000
ACTIVE = "active"
_MARK = b"thread_goal_updated"
_FIELDS = ("threadId", "objective", "status", "tokensUsed", "timeUsedSeconds")


class Goals:
    """The goal of one loaded thread."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._goal: Wire | None = None
        self._known = not loaded.thread.on_disk

    async def get(self) -> Wire | None:
        """The goal; None if there is none.  Looks through the rollout once."""
        if not self._known:
            self._goal = await asyncio.to_thread(self._read)
            self._known = True
        return self._goal

    async def tell(self, client: Client) -> None:
        """Tell a client that follows the thread from now on what it is to achieve, if anything."""
        with contextlib.suppress(ThreadlogError):
            goal = await self.get()
            told: Wire = {"threadId": self._loaded.id}
            method = "thread/goal/cleared"
            if goal is not None:
                method, told = "thread/goal/updated", {**told, "turnId": None, "goal": goal}
            client.notify(method, notification(method, told))

    async def set(self, objective: str | None, status: str | None, budget: Any) -> Wire:
        """Set or change it, and record that; on disk when it returns.

        A *budget* that is UNSET stays as it is; None takes it away.
        """
        before = await self.get()
        if objective is not None:
            objective = objective.strip()
            if not objective:
                raise invalid("goal objective must not be empty")
            if len(objective) > OBJECTIVE_LIMIT_CHARS:
                raise invalid(f"goal objective must be at most {OBJECTIVE_LIMIT_CHARS} characters")
        if before is None and objective is None:
            raise invalid(f"cannot update goal for thread {self._loaded.id}: no goal exists")
        if budget is not UNSET and budget is not None and budget <= 0:
            raise invalid("goal budgets must be positive when provided")
        now = int(time.time())
        begun: Wire = {
            "threadId": self._loaded.id,
            "objective": objective,
            "status": ACTIVE,
            "tokenBudget": None,
            "tokensUsed": 0,
            "timeUsedSeconds": 0,
            "createdAt": now,
        }
        goal = {**(before or begun), "updatedAt": now}
        goal |= {} if objective is None else {"objective": objective}
        goal |= {} if status is None else {"status": status}
        goal |= {} if budget is UNSET else {"tokenBudget": budget}
        await self._inject(goal)
        self._goal = goal
        return goal

    async def record_again(self) -> None:
        """The thread goes on from before the goal was recorded, perhaps."""
        if self._known and self._goal is not None:
            await self._inject(self._goal)

    async def clear(self) -> bool:
        """Take it away, and record that; False if there is none."""
        if await self.get() is None:
            return False
        await self._inject(None)
        self._goal = None
        return True

    def spent(self, tokens: int) -> None:
        """Count tokens that were spent on it."""
        if self._goal is not None and self._goal["status"] == ACTIVE:
            self._goal = {**self._goal, "tokensUsed": self._goal["tokensUsed"] + tokens}

    def turn_ended(self, turn: Turn) -> None:
        """A turn worked on it: that is recorded, and told."""
        goal = self._goal
        if goal is None or goal["status"] != ACTIVE:
            return
        seconds = goal["timeUsedSeconds"] + (turn.duration_ms or 0) // 1000
        self._goal = goal = {**goal, "timeUsedSeconds": seconds, "updatedAt": int(time.time())}
        self._loaded.thread.record(self._event(goal, turn.id))
        told = {"threadId": self._loaded.id, "turnId": turn.id, "goal": goal}
        self._loaded.tell("thread/goal/updated", told)

    async def _inject(self, goal: Wire | None) -> None:
        thread = self._loaded.thread
        thread.recorder.record(self._event(goal, None))
        await thread.recorder.persist()

    def _event(self, goal: Wire | None, turn_id: str | None) -> ThreadGoalUpdated:
        written = None
        if goal is not None:
            written = {key: value for key, value in goal.items() if value is not None}
        return ThreadGoalUpdated(thread_id=self._loaded.id, turn_id=turn_id, goal=written)

    def _read(self) -> Wire | None:
        thread = self._loaded.thread.sync
        thread.flush()
        home = thread.book.home
        reader = home.reader(home.get(thread.path))
        if not _is_in(reader.raw_chunks()):  # a look at the bytes, which most threads end with
            return None
        for frame in reader.raw_lines_backwards():
            if isinstance(frame, Frame) and isinstance(frame.raw, bytes) and _MARK in frame.raw:
                item = decode_item(frame.raw)
                if isinstance(item, ThreadGoalUpdated) and item.thread_id == self._loaded.id:
                    return _complete(item.goal)
        return None


def _is_in(chunks: Iterator[bytes | Gap]) -> bool:
    seam = b""
    for chunk in chunks:
        if isinstance(chunk, bytes):
            if _MARK in seam + chunk:
                return True
            seam = chunk[-len(_MARK) :]
    return False


def _complete(goal: Any) -> Wire | None:
    """A goal that was read, with every field that clients expect; None if it is none."""
    if not isinstance(goal, dict) or any(key not in goal for key in _FIELDS):
        return None
    created = goal.get("createdAt", 0)
    return {
        **{key: goal[key] for key in _FIELDS},
        "tokenBudget": goal.get("tokenBudget"),
        "createdAt": created,
        "updatedAt": goal.get("updatedAt", created),
    }
