"""The web viewer on a port of this machine, as the command serves it, and a plain HTTP client."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import uvicorn

import threadlog
from threadlog.web.gate import Gate, Keys
from threadlog.web.lanes import Lanes
from threadlog.web.server import config_of, listening
from threadlog.web.viewer import Viewer

WAIT_S = 20


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: str
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Site(NamedTuple):
    """A viewer that is running."""

    keys: Keys
    home: threadlog.Home

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.keys.port}"

    @property
    def base(self) -> str:
        return f"http://{self.host}"

    @property
    def cookie(self) -> str:
        return f"{self.keys.cookie}={self.keys.session}"

    def get(self, path: str, method: str = "GET", **headers: str | None) -> Answer:
        """Ask as a browser that was let in; a header given as None is left out."""
        return self.ask(method, path, b"", headers)

    def post(self, path: str, body: Any, **headers: str | None) -> Answer:
        """Have something changed as a page of ours does."""
        given = {
            "origin": self.base,
            "x-threadlog-key": self.keys.write_key,
            "content-type": "application/json",
        }
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, data, {**given, **names})

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, Any]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.keys.port, timeout=WAIT_S)
        with contextlib.closing(connection):
            given = {"host": self.host, "cookie": self.cookie, "content-length": str(len(body))}
            given |= {name.replace("_", "-"): value for name, value in headers.items()}
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            raw = answer.read()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, told, raw.decode(errors="replace"), raw)

    def sent(self, data: bytes) -> bytes:
        """What comes back for bytes as they stand."""
        with socket.create_connection(("127.0.0.1", self.keys.port), timeout=WAIT_S) as wire:
            pieces = []
            with contextlib.suppress(OSError):  # it may have ended the connection meanwhile
                wire.sendall(data)
                wire.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while piece := wire.recv(65536):
                    pieces.append(piece)
            return b"".join(pieces)

    @contextlib.contextmanager
    def events(self, path: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """The events of a stream as they come; those that only say that it is there are not."""
        connection = http.client.HTTPConnection("127.0.0.1", self.keys.port, timeout=WAIT_S)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"cookie": self.cookie})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            assert answer.getheader("content-type", "").startswith("text/event-stream")
            yield _events(answer)


def _events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    name = ""
    while line := answer.readline():
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield name, json.loads(text.removeprefix("data: "))


@contextlib.contextmanager
def served(home: Path) -> Iterator[Site]:
    """A viewer of a home."""
    opened = threadlog.open(home)
    with listening(0) as bound:
        keys = Keys.made(bound.getsockname()[1])
        viewer = Viewer(lambda: opened, keys, Lanes())
        server = uvicorn.Server(config_of(Gate(viewer.app(), keys)))
        loop = asyncio.new_event_loop()
        work = threading.Thread(
            target=lambda: loop.run_until_complete(server.serve(sockets=[bound])), daemon=True
        )
        work.start()
        try:
            yield Site(keys, opened)
        finally:
            loop.call_soon_threadsafe(viewer.close)
            server.should_exit = True
            work.join(WAIT_S)
            assert not work.is_alive()
            loop.close()


def at(place: str) -> str:
    """A place of a page in an address."""
    return quote(place, safe="")
