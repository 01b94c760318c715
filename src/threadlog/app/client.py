"""One client of the server: its handshake, its requests in order, what it is sent."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from threadlog.app.frames import Fault, Framer, encode
from threadlog.app.refusals import (
    ALREADY_INITIALIZED,
    NOT_INITIALIZED,
    OVERLOAD,
    RpcError,
    internal,
    invalid,
    refusal,
)
from threadlog.errors import ThreadlogError

if TYPE_CHECKING:
    from threadlog.app.server import Server

# So many requests may wait; further ones are refused as overload.
REQUESTS_LIMIT = 512
# A client that leaves so much unread is read from no more, and gets no deltas; beyond the second
# it is let go.
SOFT_LIMIT_BYTES, HARD_LIMIT_BYTES = 8 << 20, 128 << 20
# So long a client that was let go, or went, has to take what it asked for.
WRITE_WAIT_S = 5.0
_READ_BYTES = 1 << 18


class Wire(Protocol):
    """The bytes of a connection."""

    async def read(self, limit_bytes: int) -> bytes:
        """Some bytes; none at the end."""

    async def write(self, data: bytes) -> None:
        """Send all of it; raises OSError when nobody is there."""

    async def close(self) -> None:
        """Let go."""


class Reply(NamedTuple):
    """The result of a request, and what is to be done once it is on its way."""

    result: Any
    then: Callable[[], Any] | None = None


class Request(NamedTuple):
    """A request that was understood."""

    server: Server
    client: Client
    params: Any


Handler = Callable[[Request], Awaitable[Any]]


class Client:
    """A connection; for one event loop."""

    def __init__(self, server: Server, wire: Wire) -> None:
        self.server = server
        self.name = "unknown"
        self.initialized = False
        self.experimental = False
        self._ending = asyncio.Event()  # it went, or was let go
        self._opted_out: frozenset[str] = frozenset()
        self._wire = wire
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._told_bytes = 0  # what waits and was not asked for
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # -- in

    async def run(self) -> None:
        """Serve it until it goes, or is let go; what it asked is answered first."""
        writing = asyncio.create_task(self._write())
        try:
            await self._read()
            if self._tasks and not self._ending.is_set():
                await asyncio.wait(self._tasks)
        finally:
            self._ending.set()  # what it asked for is done all the same, to its end
            self._wake.set()
            await asyncio.wait({writing}, timeout=WRITE_WAIT_S)
            writing.cancel()

    def leave(self) -> None:
        """The server ends: the client gets what it was sent, and is let go."""
        self._ending.set()
        self._room.set()

    async def _read(self) -> None:
        framer = Framer()
        while not self._ending.is_set():
            await self._room.wait()
            data = await self._read_some()
            for message in framer.feed(data) if data else framer.end():
                self._take(message)
            if not data:
                return

    async def _read_some(self) -> bytes:
        """What comes; nothing at the end, or when the client was let go meanwhile."""
        reading = asyncio.ensure_future(self._wire.read(_READ_BYTES))
        ending = asyncio.ensure_future(self._ending.wait())
        await asyncio.wait({reading, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not reading.done() or reading.cancelled():  # by the end of the threads that read
            reading.cancel()
            return b""
        return reading.result()

    def _take(self, message: dict[str, Any] | list[Any] | Fault) -> None:
        if isinstance(message, Fault):
            _log(f"passed over {message.reason}")
        elif isinstance(message, list):
            self._refuse_batch(message)
        elif "method" not in message:
            pass  # an answer; nothing was asked of the client
        elif "id" not in message:
            pass  # `initialized`, or a notification nobody knows (Codex: ignored too)
        elif not _is_id(message["id"]):
            _log("passed over a request whose id is neither text nor a whole number")
        else:
            self._ask(message)

    def _refuse_batch(self, batch: list[Any]) -> None:
        error = invalid("Invalid request: batches are not supported: send one message a line")
        for each in batch:
            if isinstance(each, dict) and "method" in each and _is_id(each.get("id")):
                self._send_error(each["id"], error)
        _log("passed over a batch")

    def _ask(self, message: dict[str, Any]) -> None:
        if len(self._tasks) >= REQUESTS_LIMIT:
            self._send_error(message["id"], OVERLOAD)
            return
        params = message.get("params")
        lane = params.get("threadId") if isinstance(params, dict) else None
        before = self._lanes.get(lane) if isinstance(lane, str) else None
        task = self.server.in_background(self._answer(message, before))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if isinstance(lane, str):
            self._lanes[lane] = task
            task.add_done_callback(lambda done: self._leave(lane, done))

    def _leave(self, lane: str, task: asyncio.Task[None]) -> None:
        if self._lanes.get(lane) is task:
            del self._lanes[lane]

    async def _answer(self, message: dict[str, Any], before: asyncio.Task[None] | None) -> None:
        """Answer one request, once those of the same thread before it are answered."""
        if before is not None:
            await asyncio.wait({before})
        try:
            result = await self._result(message)
        except RpcError as error:
            self._send_error(message["id"], error)
            return
        except ThreadlogError as error:
            self._send_error(message["id"], refusal(error, _thread_of(message)))
            return
        except Exception as error:  # never the end of the server
            _log(f"{message['method']}: {type(error).__name__}: {error}")
            told = f"{message['method']} failed: {type(error).__name__}"
            self._send_error(message["id"], internal(told))
            return
        reply = result if isinstance(result, Reply) else Reply(result)
        self._put({"id": message["id"], "result": reply.result})
        if reply.then is not None:
            reply.then()

    async def _result(self, message: dict[str, Any]) -> Any:
        handler, params = self.server.methods.understand(self, message)
        if message["method"] == "initialize":
            if self.initialized:
                raise ALREADY_INITIALIZED
        elif not self.initialized:
            raise NOT_INITIALIZED
        return await handler(Request(self.server, self, params))

    def introduce(self, name: str, *, experimental: bool, opted_out: frozenset[str]) -> None:
        """Note what the client said of itself."""
        self.name, self.experimental, self._opted_out = name, experimental, opted_out
        self.initialized = True

    # -- out

    def wants(self, method: str) -> bool:
        """False if a notification would not be sent: to make one costs more than to ask."""
        if not self.initialized or method in self._opted_out:
            return False
        # Of deltas the whole text comes with the item.
        return self._out_bytes <= SOFT_LIMIT_BYTES or not method.endswith(("delta", "Delta"))

    def notify(self, method: str, line: bytes) -> None:
        """Send a notification, unless the client wants none of these."""
        if not self.wants(method):
            return
        self._told_bytes += len(line)
        if self._told_bytes > HARD_LIMIT_BYTES:
            _log(f"let go of a client that left {self._told_bytes >> 20} MiB unread")
            self._ending.set()
            self._out.clear()
            self._room.set()
        self._put_line(line)

    def _send_error(self, request_id: Any, error: RpcError) -> None:
        told = {"code": error.code, "message": str(error)}
        self._put({"error": told, "id": request_id})

    def _put(self, message: dict[str, Any]) -> None:
        self._put_line(encode(message))

    def _put_line(self, line: bytes) -> None:
        if self._ending.is_set():
            return
        self._out.append(line)
        self._out_bytes += len(line)
        self._wake.set()
        if self._out_bytes > SOFT_LIMIT_BYTES:
            self._room.clear()

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._out:
                    data = b"".join(self._out)
                    self._out.clear()
                    self._told_bytes = 0
                    await self._wire.write(data)
                    self._out_bytes -= len(data)
                    if self._out_bytes <= SOFT_LIMIT_BYTES:
                        self._room.set()
                if self._ending.is_set():
                    return
        except OSError:
            self._ending.set()
            self._room.set()
        finally:
            await self._wire.close()


def notification(method: str, params: dict[str, Any]) -> bytes:
    """A notification as a line."""
    return encode({"method": method, "params": params, "emittedAtMs": int(time.time() * 1000)})


def _is_id(value: Any) -> bool:
    return isinstance(value, str) or (type(value) is int and -(1 << 63) <= value < 1 << 63)


def _thread_of(message: dict[str, Any]) -> str:
    params = message.get("params")
    return str(params.get("threadId", "")) if isinstance(params, dict) else ""


def _log(what: str) -> None:
    sys.stderr.write(f"threadlog app-server: {what}\n")
    sys.stderr.flush()
