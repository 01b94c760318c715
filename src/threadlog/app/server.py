"""The server: the home, the threads that are loaded, and the clients."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from threadlog.agents.context import Agent, Settings
from threadlog.aio.home import Home
from threadlog.aio.recording import Thread
from threadlog.app.client import Client, Wire, notification
from threadlog.app.loaded import Loaded
from threadlog.app.methods import Methods
from threadlog.core import moments
from threadlog.core.visibility import DEFAULT_PROVIDER
from threadlog.errors import ThreadlogError

# A thread that nobody follows stays loaded for so long.
UNLOAD_AFTER_S = 1800.0
# So long unfinished business has when the server ends.
CLOSE_WAIT_S = 10.0
# So many threads are read at once for pages and searches.
READERS = 4
Answer = TypeVar("Answer")
DEFAULT_MODEL = "default"


class Options(NamedTuple):
    """How a server works."""

    agent: Agent
    model: str | None = None
    unload_after_s: float = UNLOAD_AFTER_S


class Server:
    """For one event loop."""

    def __init__(self, home: Home, options: Options) -> None:
        self.home = home
        self.agent = options.agent
        self.chosen_model = options.model  # for threads whose clients choose none
        self.model = options.model or DEFAULT_MODEL
        self.unload_after_s = options.unload_after_s
        self.provider = home.sync.store.model_provider() or DEFAULT_PROVIDER
        self.methods = Methods()
        self.loaded: dict[str, Loaded] = {}
        self.permit = asyncio.Lock()  # changes of which threads there are, one at a time
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="threadlog-reader")
        self._clients: set[Client] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._background: set[asyncio.Task[Any]] = set()

    async def serve(self, wire: Wire) -> None:
        """Serve one client to its end; its threads stay loaded for the others, for a while."""
        if self._closing:
            await wire.close()
            return
        client = Client(self, wire)
        self._clients.add(client)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await client.run()
        finally:
            self._clients.discard(client)
            self._serving.discard(task)
            for loaded in list(self.loaded.values()):
                loaded.unsubscribe(client)

    async def close(self) -> None:
        """End what goes on, as interrupted, and let go of threads and clients; all is written."""
        self._closing = True
        for loaded in list(self.loaded.values()):
            loaded.stop_timer()
        closing = [asyncio.create_task(self.unload(each)) for each in self.loaded.values()]
        if closing:
            await asyncio.wait(closing, timeout=CLOSE_WAIT_S)
        for client in self._clients:
            client.leave()
        if self._background:
            await asyncio.wait(set(self._background), timeout=CLOSE_WAIT_S)
        self._readers.shutdown(wait=False, cancel_futures=True)
        if self._serving:
            await asyncio.wait(set(self._serving), timeout=CLOSE_WAIT_S)
        await self.home.close()

    # -- threads

    def find(self, thread_id: str) -> Loaded | None:
        """A loaded thread; one that was lost to another process is none any more."""
        loaded = self.loaded.get(thread_id)
        if loaded is not None and loaded.lost:
            self.in_background(self.unload(loaded))
            return None
        return loaded

    def load(self, thread: Thread, settings: Settings, asked: dict[str, Any]) -> Loaded:
        """Keep a thread that was begun or resumed."""
        loaded = self.loaded[thread.id] = Loaded(self, thread, settings, asked)
        return loaded

    async def unload(self, loaded: Loaded, *, unfollowed: bool = False) -> None:
        """Let go of a thread, and tell that."""
        if not await self.let_go(loaded, unfollowed=unfollowed):
            return
        self.broadcast("thread/closed", {"threadId": loaded.id})

    async def let_go(self, loaded: Loaded, *, unfollowed: bool = False) -> bool:
        """The same without a word but of its status; False if it was let go of already.

        *unfollowed*: only if nobody follows it by then.
        """
        async with loaded.busy:
            if self.loaded.get(loaded.id) is not loaded or (unfollowed and loaded.subscribers):
                return False
            loaded.stop_timer()
            try:
                with contextlib.suppress(ThreadlogError):  # it is told when the home closes
                    await loaded.conversation.close()
            finally:
                del self.loaded[loaded.id]
        told = {"threadId": loaded.id, "status": {"type": "notLoaded"}}
        self.broadcast("thread/status/changed", told)
        return True

    # -- clients

    def broadcast(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification to every client."""
        line = notification(method, params)
        for client in list(self._clients):
            client.notify(method, line)

    def in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it, and keep it from being collected before it is done."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def read(self, look: Callable[[], Answer]) -> Answer:
        """Have something read that may take long: it holds up nothing that is written."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, look)

    def now(self) -> str:
        """This instant, as summaries spell it."""
        return moments.utc_text(int(time.time() * 1000))
