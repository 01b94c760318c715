"""Connections: a request has so long to come, and who was not let in takes nobody's place.

Whoever is on this machine can connect.  A connection counts as a stranger until the first request
on it is whole; the gate then refuses it, which ends it, or lets it in.  So strangers cannot take
the place of those that were let in, and where they are too many the one that waited longest goes.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# A request is whole after so long, its body too, or its connection is closed; one that was
# answered may be idle for so long.
REQUEST_S, IDLE_S = 10.0, 5
# Connections that wait to be accepted; asyncio then accepts so many at once.
QUEUED = 64
# Strangers at once: more than come while one of them is accepted and read, two queues full, so
# that whoever asks at once is heard however many others come.
STRANGERS = 150


class Connection(H11Protocol):
    """One, which ends where a request does not."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.stranger_since: float | None = None  # None for one that is none
        self._ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request."""
        super().connection_made(transport)
        self.stranger_since = self.loop.time()
        self._wait()
        ours = (each for each in self.connections if isinstance(each, Connection))
        waiting = {each: since for each in ours if (since := each.stranger_since) is not None}
        if len(waiting) > STRANGERS:
            min(waiting, key=waiting.__getitem__).end()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a request that is not whole."""
        super().data_received(data)
        if self.cycle is not None:  # the headers of a request are whole: the gate looks at it
            self.stranger_since = None
        if self.conn.their_state in (h11.IDLE, h11.SEND_BODY):
            self._wait()
        else:
            self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self.stranger_since = None
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """From the first byte on, however the others come."""
        if self._ending is None:
            self._ending = self.loop.call_later(REQUEST_S, self.end)

    def end(self) -> None:
        """Wait no longer."""
        self.stranger_since = None
        self.transport.abort()

    def _rest(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
