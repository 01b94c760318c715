"""The server on its wires: standard input and output, or a Unix socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from threadlog.aio.home import Home
from threadlog.app.server import Options, Server
from threadlog.errors import Refused

_Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
STDIO, UNIX = "stdio://", "unix://"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SOCKET_MODE = 0o600
_STREAM_LIMIT_BYTES = 1 << 20


async def serve(home: Home, options: Options, listen: str = STDIO) -> None:
    """Serve until the clients are gone, or a signal comes; what goes on is ended in order.

    Raises Refused for an address that will not do, OSError.
    """
    server = Server(home, options)
    ending = asyncio.Event()
    with _signals(ending):
        if listen == STDIO:
            work = asyncio.create_task(server.serve(_Stdio()))
        elif listen.startswith(UNIX):
            work = asyncio.create_task(_serve_socket(server, listen.removeprefix(UNIX)))
        else:
            raise Refused(f"cannot listen at {listen}: use {STDIO} or {UNIX}PATH")
        told = asyncio.create_task(ending.wait())
        try:
            await asyncio.wait({work, told}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            told.cancel()
            await server.close()
            work.cancel()
            await asyncio.wait({work})


@contextlib.contextmanager
def _signals(ending: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, ending.set)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


class _Stdio:
    """Standard input and output, whatever they are: pipes, files, a terminal."""

    def __init__(self) -> None:
        # Threads of its own: a read that waits must hold up nobody.
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="threadlog-stdin")
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="threadlog-stdout")
        self._room = _room_in_pipe(1)

    async def read(self, limit_bytes: int) -> bytes:
        """Some bytes; none at the end."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reading, os.read, 0, limit_bytes)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        if self._room is not None and len(data) <= select.PIPE_BUF and self._room.poll(0):
            _write_all(data)  # a pipe that is ready takes so much whole, without a wait
        else:
            await asyncio.get_running_loop().run_in_executor(self._writing, _write_all, data)

    async def close(self) -> None:
        """Let go; a thread that still reads ends with the process."""
        self._reading.shutdown(wait=False, cancel_futures=True)
        self._writing.shutdown(wait=False, cancel_futures=True)


def _room_in_pipe(descriptor: int) -> select.poll | None:
    """What tells whether a pipe has room; None for what is no pipe."""
    with contextlib.suppress(OSError):
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            room = select.poll()
            room.register(descriptor, select.POLLOUT)
            return room
    return None


def _write_all(data: bytes) -> None:
    view = memoryview(data)
    with open(1, "wb", buffering=0, closefd=False) as out:
        while view:
            view = view[out.write(view) :]


class _Socket:
    """A connection of the Unix socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, limit_bytes: int) -> bytes:
        """Some bytes; none at the end."""
        try:
            return await self._reader.read(limit_bytes)
        except OSError:
            return b""

    async def write(self, data: bytes) -> None:
        """Send all of it."""
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Let go."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def _serve_socket(server: Server, path: str) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await server.serve(_Socket(reader, writer))

    async with _listening(path, connected) as listening:
        await listening.serve_forever()


@contextlib.asynccontextmanager
async def _listening(path: str, connected: _Connected) -> AsyncIterator[asyncio.Server]:
    """A socket that only its owner may use; one that nobody listens at any more makes way."""
    if not path:
        raise Refused(f"name the socket: {UNIX}PATH")
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise Refused(f"there is something else at {path}: name another path for the socket")
        if await _is_alive(path):
            raise Refused(f"another server listens at {path}")
        os.unlink(path)
    before = os.umask(0o777 & ~_SOCKET_MODE)
    try:
        listening = await asyncio.start_unix_server(connected, path, limit=_STREAM_LIMIT_BYTES)
    except OSError as error:
        raise Refused(f"cannot listen at {path}: {error.strerror or error}") from None
    finally:
        os.umask(before)
    try:
        yield listening
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


async def _is_alive(path: str) -> bool:
    try:
        _reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True
