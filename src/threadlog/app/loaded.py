"""A loaded thread: its conversation, who follows it, and what they are told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from threadlog.agents.context import Settings
from threadlog.agents.conversation import Conversation
from threadlog.agents.happenings import (
    MESSAGE,
    OUTPUT,
    Counted,
    Happening,
    ItemBegan,
    ItemEnded,
    TextGrew,
    Troubled,
    TurnBegan,
    TurnEnded,
)
from threadlog.aio.recording import Thread
from threadlog.app import wire
from threadlog.app.client import Client, notification
from threadlog.app.goals import Goals
from threadlog.app.wire import LiveState
from threadlog.app.wire_items import Wire, item_of
from threadlog.barrier import KERNEL
from threadlog.core.query import ThreadSummary
from threadlog.errors import Closed, OthersWrote, WriteFailed

if TYPE_CHECKING:
    from threadlog.app.server import Server

IDLE, ACTIVE, SYSTEM_ERROR = "idle", "active", "systemError"
_GREW = {
    MESSAGE: "item/agentMessage/delta",
    OUTPUT: "item/commandExecution/outputDelta",
}
_THOUGHT_GREW = "item/reasoning/summaryTextDelta"


class Loaded:
    """A thread in memory, of which this process is the writer."""

    def __init__(
        self, server: Server, thread: Thread, settings: Settings, asked: dict[str, Any]
    ) -> None:
        """*asked* are the settings of the wire that agents have no use for."""
        self.server = server
        self.thread = thread
        self.asked = asked
        self.subscribers: set[Client] = set()
        self.conversation = Conversation(thread, server.agent, settings, self._happened)
        self.goals = Goals(self)
        self.status = IDLE
        self.busy = asyncio.Lock()  # changes of the thread itself, one at a time
        self._unloading: asyncio.TimerHandle | None = None

    @property
    def id(self) -> str:
        """The thread's id."""
        return self.thread.id

    @property
    def live(self) -> LiveState:
        """What only this process knows of it."""
        settings = self.conversation.settings
        return LiveState(
            self.status,
            settings.model or self.server.model,
            settings.effort,
            self.thread.ephemeral,
            self.server.provider,
        )

    @property
    def running(self) -> str | None:
        """The turn that goes on."""
        run = self.conversation.run
        return run.id if run else None

    @property
    def lost(self) -> bool:
        """True once this process is its writer no more: another took it over."""
        return self.thread.recorder.sync.channel.state is None

    async def summary(self) -> ThreadSummary:
        """What is known of it now; of a thread that is not on disk yet, as of now."""
        try:
            summary = await self.thread.summary()
        except (WriteFailed, OthersWrote, Closed):  # what is on disk can be read all the same
            summary = await self.server.home.get(self.thread.path)
        if self.thread.on_disk:
            return summary
        moment = self.server.now()
        return summary._replace(created=moment, updated=moment, recency=moment)

    async def written(self) -> None:
        """Return once what was recorded can be read, as far as it can be written."""
        with contextlib.suppress(WriteFailed, OthersWrote, Closed):
            await self.thread.recorder.flush(level=KERNEL)

    # -- who follows it

    def subscribe(self, client: Client) -> None:
        """Tell a client what happens here from now on."""
        self.subscribers.add(client)
        if self._unloading is not None:
            self._unloading.cancel()
            self._unloading = None

    def unsubscribe(self, client: Client) -> bool:
        """Tell it no more; a thread that nobody follows is unloaded after a while."""
        followed = client in self.subscribers
        self.subscribers.discard(client)
        if followed and not self.subscribers:
            self._unload_later()
        return followed

    def _unload_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._unloading = loop.call_later(self.server.unload_after_s, self._unload_if_idle)

    def _unload_if_idle(self) -> None:
        self._unloading = None
        if self.subscribers:
            return
        if self.running is not None:
            self._unload_later()
        else:
            self.server.in_background(self.server.unload(self, unfollowed=True))

    def stop_timer(self) -> None:
        """It is being unloaded by other means."""
        if self._unloading is not None:
            self._unloading.cancel()

    # -- what happens

    def tell(self, method: str, params: Wire) -> None:
        """Send a notification to those who follow the thread."""
        wanting = [client for client in self.subscribers if client.wants(method)]
        if wanting:
            line = notification(method, params)
            for client in wanting:
                client.notify(method, line)

    def set_status(self, status: str) -> None:
        """Note, and tell everybody, how the thread stands."""
        if status != self.status:
            self.status = status
            told = {"threadId": self.id, "status": wire.status_of(self.live)}
            self.server.broadcast("thread/status/changed", told)

    def _happened(self, happening: Happening) -> None:
        _TELL[type(happening)](self, happening)

    def _began(self, it: TurnBegan) -> None:
        self.set_status(ACTIVE)
        turn = wire.begun_turn(it.turn_id, it.started_at)
        self.tell("turn/started", {"threadId": self.id, "turn": turn})

    def _item_began(self, it: ItemBegan) -> None:
        place = {"threadId": self.id, "turnId": it.turn_id, "startedAtMs": it.at_ms}
        self.tell("item/started", {"item": item_of(it.item, it.at_ms), **place})

    def _item_ended(self, it: ItemEnded) -> None:
        place = {"threadId": self.id, "turnId": it.turn_id, "completedAtMs": it.at_ms}
        item = item_of(it.item, it.began_ms, it.at_ms)
        self.tell("item/completed", {"item": item, "contentTokenCount": None, **place})

    def _grew(self, it: TextGrew) -> None:
        told = {
            "threadId": self.id,
            "turnId": it.turn_id,
            "itemId": it.item_id,
            "delta": it.text,
        }
        method = _GREW.get(it.kind)
        if method is None:
            self.tell(_THOUGHT_GREW, {**told, "summaryIndex": 0})
        else:
            self.tell(method, told)

    def _counted(self, it: Counted) -> None:
        self.goals.spent(it.usage.last_token_usage.total_tokens)
        told = {"threadId": self.id, "turnId": it.turn_id, "tokenUsage": wire.usage_of(it.usage)}
        self.tell("thread/tokenUsage/updated", told)

    def _troubled(self, it: Troubled) -> None:
        if not it.again:
            self.set_status(SYSTEM_ERROR)
        told = {"threadId": self.id, "turnId": it.turn_id, "willRetry": it.again}
        self.tell("error", {"error": wire.failure(it.message, it.kind), **told})

    def _ended(self, it: TurnEnded) -> None:
        self.goals.turn_ended(it.turn)
        if self.status == ACTIVE:
            self.set_status(IDLE)
        self.tell("turn/completed", {"threadId": self.id, "turn": wire.ended_turn(it.turn)})


_TELL: dict[type, Callable[[Loaded, Any], None]] = {
    TurnBegan: Loaded._began,
    ItemBegan: Loaded._item_began,
    ItemEnded: Loaded._item_ended,
    TextGrew: Loaded._grew,
    Counted: Loaded._counted,
    Troubled: Loaded._troubled,
    TurnEnded: Loaded._ended,
}
