"""A server in this process and clients of it, without a wire between."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import threadlog
from threadlog import aio
from threadlog.agents import Agent, Delta, Event, Message, TurnContext
from threadlog.agents.scripted import agent as scripted
from threadlog.app.server import Options, Server

WAIT_S = 20.0


class Refused(Exception):
    """An error answer."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']} {error['message']}")
        self.code, self.message = error["code"], error["message"]


class Pipe:
    """Both directions of a connection; `stuck` is a client that reads nothing."""

    def __init__(self) -> None:
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()
        self.got = bytearray()
        self.arrived = asyncio.Condition()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.closed = False

    async def read(self, limit_bytes: int) -> bytes:
        del limit_bytes
        return await self.sent.get()

    async def write(self, data: bytes) -> None:
        await self.go_on.wait()
        async with self.arrived:
            self.got += data
            self.arrived.notify_all()

    async def close(self) -> None:
        async with self.arrived:
            self.closed = True
            self.arrived.notify_all()


_clients: list[Wired] = []


class Wired:
    """A client."""

    def __init__(self, server: Server) -> None:
        self.pipe = Pipe()
        self._asked = 0
        _clients.append(self)
        self.serving = asyncio.create_task(server.serve(self.pipe))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.pipe.got.split(b"\n")[:-1]]

    @property
    def notes(self) -> list[dict[str, Any]]:
        return [each for each in self.messages if "method" in each]

    def told(self, method: str) -> list[dict[str, Any]]:
        return [each["params"] for each in self.notes if each["method"] == method]

    async def begin(self, name: str = "tests", **capabilities: Any) -> Wired:
        capabilities.setdefault("experimentalApi", True)
        info = {"name": name, "version": "1"}
        await self.call("initialize", clientInfo=info, capabilities=capabilities)
        self.put({"method": "initialized"})
        return self

    def put(self, message: Any) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.pipe.sent.put_nowait(data + b"\n")

    def end(self) -> None:
        self.pipe.sent.put_nowait(b"")

    async def answer(self, number: Any) -> dict[str, Any]:
        found = await self.arrived(lambda: [e for e in self.messages if e.get("id") == number])
        return dict(found[0])

    async def arrived(self, look: Callable[[], Any]) -> Any:
        async with asyncio.timeout(WAIT_S):
            async with self.pipe.arrived:
                while not (found := look()):
                    assert not self.pipe.closed, self.messages[-3:]
                    await self.pipe.arrived.wait()
                return found

    def ask(self, method: str, **params: Any) -> int:
        self._asked += 1
        self.put({"id": self._asked, "method": method, "params": params})
        return self._asked

    async def call(self, method: str, **params: Any) -> Any:
        answer = await self.answer(self.ask(method, **params))
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    async def refusal(self, method: str, **params: Any) -> tuple[int, str]:
        try:
            result = await self.call(method, **params)
        except Refused as refused:
            return refused.code, refused.message
        raise AssertionError(f"{method} was not refused: {result}")

    async def start(self, **params: Any) -> str:
        params.setdefault("cwd", "/desk/x")
        return str((await self.call("thread/start", **params))["thread"]["id"])

    async def turn(self, thread: str, text: str) -> dict[str, Any]:
        """A whole turn, as it was told to have ended."""
        asked = [{"type": "text", "text": text}]
        began = await self.call("turn/start", threadId=thread, input=asked)
        name = began["turn"]["id"]
        ended = await self.arrived(
            lambda: [e["turn"] for e in self.told("turn/completed") if e["turn"]["id"] == name]
        )
        return dict(ended[0])


async def echo(turn: TurnContext) -> AsyncIterator[Event]:
    """Says what it is told, unless it is told to wait."""
    text = turn.input[-1].text if turn.input else "a summary"
    if text == "wait":
        yield Delta("I ")
        await asyncio.sleep(WAIT_S)
    yield Message(f"you said {text}")


@contextlib.asynccontextmanager
async def serving(home: Path, agent: Agent = echo, **options: Any) -> AsyncIterator[Server]:
    server = Server(aio.Home(threadlog.open(home)), Options(agent, **options))
    try:
        yield server
    finally:
        await server.close()
        while _clients:
            client = _clients.pop()
            client.end()
            await asyncio.wait_for(client.serving, WAIT_S)


def with_client(
    home: Path, work: Callable[[Wired], Awaitable[None]], agent: Agent = echo, **options: Any
) -> None:
    """Have *work* done by a client that was introduced."""

    async def main() -> None:
        async with serving(home, agent, **options) as server:
            client = await Wired(server).begin()
            await work(client)

    asyncio.run(main())


__all__ = ["Pipe", "Refused", "Wired", "echo", "scripted", "serving", "with_client"]
