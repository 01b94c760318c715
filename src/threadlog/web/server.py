"""The server on its port of this machine: from the link that is printed until Ctrl+C."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from threadlog import connect
from threadlog.errors import ThreadlogError
from threadlog.home import Home
from threadlog.html.looks import Look, Pen
from threadlog.html.markdown import rendered
from threadlog.web.asked import PAGE
from threadlog.web.connections import IDLE_S, QUEUED, STRANGERS, Connection
from threadlog.web.gate import HEADERS_BYTES, HOST, Gate, Keys
from threadlog.web.lanes import Lanes
from threadlog.web.stretches import ThreadTurns
from threadlog.web.viewer import Viewer

# A listing may be so old: a look at every rollout for each page would cost more than it tells.
FRESHNESS_S = 2.0
# Looks until the watcher is believed; connections at once that were let in; how long requests
# under way have at the end.
_LOOKS, _AT_ONCE, _ENDING_S = 2, 200, 2
# The watch begins so long after the server.
_PATIENCE_S = 3.0
# The link waits so long at most for what the first pages would else wait for.
_BEGINNING_S = 0.3
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(home: Home, port: int, begun: Callable[[Keys], None]) -> None:
    """Serve a home until a signal comes; *begun* is told the keys, with the links.  Raises OSError.

    *port* 0 is one that is free.
    """
    with listening(port) as bound:
        keys = Keys.made(bound.getsockname()[1])
        homes = Homes(home)
        try:
            asyncio.run(_serve(homes, keys, bound, begun))
        finally:
            homes.close()


@contextlib.contextmanager
def listening(port: int) -> Iterator[socket.socket]:
    """A socket on this machine's own address alone."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        bound.listen(QUEUED)
        yield bound


class Homes:
    """The home; as soon as that is there, the same watched by the file system.

    The first one is closed once no request is under way that may have begun with it; what such a
    request left behind (it was given up, and still reads) may open it again, until the end.
    """

    def __init__(self, home: Home) -> None:
        self._home = self._first = home
        self._lock = threading.Lock()
        self._early = 0  # requests under way that began with the first one
        self._ended = False
        self._ready = threading.Event()
        threading.Thread(target=self._prepare, name="threadlog-watch", daemon=True).start()

    def __call__(self) -> Home:
        """The one to be asked now."""
        return self._home

    def holding(self, app: ASGIApp) -> ASGIApp:
        """The application, each request of which keeps its home open."""

        async def held(scope: Scope, receive: Receive, send: Send) -> None:
            with self._lock:
                is_early = self._home is self._first
                self._early += is_early
            try:
                await app(scope, receive, send)
            finally:
                with self._lock:
                    self._early -= is_early
                    is_last = is_early and not self._early and self._home is not self._first
                if is_last:
                    self._first.close()

        return held

    def close(self) -> None:
        """Close both."""
        with self._lock:
            self._ended = True
        self._first.close()
        if self._home is not self._first:
            self._home.close()

    def wait(self) -> None:
        """Until the first pages come at once, but not for long."""
        self._ready.wait(_BEGINNING_S)

    def _prepare(self) -> None:
        """What the first pages would else wait for; then, when nobody waits any more, the watch.

        That begins with looks at every rollout, too many to wait for when a server begins.
        """
        try:
            rendered(Pen(Look()), "# loaded\n```python\nearly = True\n```")
            with contextlib.suppress(ThreadlogError, OSError):
                for thread in list(self._home.threads(limit=PAGE))[:1]:
                    ThreadTurns(self._home, thread, lambda: False).newest()
        finally:
            self._ready.set()
        with contextlib.suppress(ThreadlogError, OSError):
            time.sleep(_PATIENCE_S)
            self._watch()

    def _watch(self) -> None:
        watched = connect.open(self._home.path, freshness_s=FRESHNESS_S, background=True)
        for _ in range(_LOOKS):
            watched.threads(limit=1)
        with self._lock:
            if not self._ended:
                self._home = watched
            is_last = not self._early and not self._ended
        if is_last:
            self._first.close()
        if self._home is not watched:
            watched.close()


class _Server(uvicorn.Server):
    """One whose signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: they are told to `ending`."""
        yield


async def _serve(
    homes: Homes, keys: Keys, bound: socket.socket, begun: Callable[[Keys], None]
) -> None:
    viewer = Viewer(homes, keys, Lanes())
    server = _Server(config_of(Gate(homes.holding(viewer.app()), keys)))
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        with contextlib.suppress(NotImplementedError):  # on Windows: Ctrl+C interrupts
            loop.add_signal_handler(number, ending.set)
    work = asyncio.create_task(server.serve(sockets=[bound]))
    told = asyncio.create_task(ending.wait())
    await asyncio.to_thread(homes.wait)
    begun(keys)
    try:
        waited: set[asyncio.Task[Any]] = {work, told}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        viewer.close()
        server.should_exit = True
        await work


def config_of(app: Gate) -> uvicorn.Config:
    """How uvicorn serves: quietly, with limits, and telling nothing of itself."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEADERS_BYTES,
        limit_concurrency=_AT_ONCE + STRANGERS,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=_ENDING_S,
        backlog=QUEUED,
    )
