"""Connections that ask for nothing, or never to the end: they end, and keep nobody out."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from makers import THREAD, content, put_thread, started
from served_web import Site, served
from threadlog.web import connections

SOON_S = 0.4
WAIT_S = 20.0


@pytest.fixture
def site(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(connections, "REQUEST_S", SOON_S)
    monkeypatch.setattr("threadlog.web.server.IDLE_S", SOON_S)
    put_thread(home, 0xA)
    with served(home) as running:
        yield running


@contextlib.contextmanager
def wire_to(site: Site) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", site.keys.port), timeout=WAIT_S) as wire:
        yield wire


def ends_after_s(wire: socket.socket, more: bytes = b"") -> float:
    """Until the server ends a connection; *more* is sent all the while."""
    begun = time.monotonic()
    wire.settimeout(0.02)
    while time.monotonic() < begun + WAIT_S:
        try:
            if more:
                wire.sendall(more)
            if wire.recv(4096) == b"":
                return time.monotonic() - begun
        except TimeoutError:
            continue
        except OSError:  # it was ended meanwhile
            return time.monotonic() - begun
    raise AssertionError("it goes on")


def headers(site: Site, first: str) -> bytes:
    return f"{first} HTTP/1.1\r\nhost: {site.host}\r\ncookie: {site.cookie}\r\n".encode()


@pytest.mark.parametrize("more", [b"", b"x"])
def test_a_request_that_does_not_come_ends_its_connection(site: Site, more: bytes) -> None:
    for begun in (b"", b"GET / HT", headers(site, "GET /") + b"x-long: "):
        with wire_to(site) as wire:
            wire.sendall(begun)
            assert SOON_S / 2 < ends_after_s(wire, more if begun else b"") < WAIT_S / 2


@pytest.mark.parametrize("more", [b"", b"x"])
def test_so_does_a_body_that_does_not_come(site: Site, more: bytes) -> None:
    ours = f"origin: {site.base}\r\nx-threadlog-key: {site.keys.write_key}\r\n"
    head = headers(site, f"POST /api/thread/{THREAD}/rename") + ours.encode()
    with wire_to(site) as wire:
        wire.sendall(head + b"content-length: 60000\r\n\r\n{")
        assert SOON_S / 2 < ends_after_s(wire, more) < WAIT_S / 2
    assert site.home.get(THREAD).name is None


@pytest.mark.parametrize("begun", [b"", b"GET / HT"])
def test_a_connection_may_be_idle_for_so_long(site: Site, begun: bytes) -> None:
    with wire_to(site) as wire:
        for _ in range(3):
            wire.sendall(headers(site, "GET /favicon.ico") + b"\r\n")
            assert wire.recv(4096).startswith(b"HTTP/1.1 204")
        wire.sendall(begun)
        assert SOON_S / 2 < ends_after_s(wire) < WAIT_S / 2


def test_an_answer_may_take_longer_than_its_request(site: Site) -> None:
    with site.events(f"/api/thread/{THREAD}/events") as events:
        while next(events)[0] != "ready":
            continue
        time.sleep(2 * SOON_S)
        with open(site.home.get(THREAD).path, "ab") as file:
            file.write(content([started("later")]))
        assert next(events)[0] == "turn"


def test_strangers_take_nobodys_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_thread(home, 0xA)
    monkeypatch.setattr("threadlog.web.server._AT_ONCE", 5)
    for name in ("threadlog.web.server.STRANGERS", "threadlog.web.connections.STRANGERS"):
        monkeypatch.setattr(name, 20)
    with served(home) as site, contextlib.ExitStack() as held:
        wires = [held.enter_context(wire_to(site)) for _ in range(60)]
        for wire in wires:
            with contextlib.suppress(OSError):
                wire.sendall(b"GET / HTTP/1.1\r\nx: ")
        for _ in range(3):
            assert site.get("/").status == 200
        assert all(ends_after_s(wire) < WAIT_S / 2 for wire in wires[:40])
        wires[-1].settimeout(0.1)
        with pytest.raises(TimeoutError):
            wires[-1].recv(1)
