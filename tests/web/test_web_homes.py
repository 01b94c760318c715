"""The home of a server: the first one, the one that is watched, and when each is closed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import threadlog
from makers import put_thread
from threadlog.home import Home
from threadlog.web import server
from threadlog.web.gate import Keys
from threadlog.web.server import Homes

WAIT_S = 20.0


@pytest.fixture
def opened(home: Path) -> Home:
    put_thread(home, 0xA)
    return threadlog.open(home)


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[Home]:
    """The homes that were closed."""
    told: list[Home] = []
    closing = Home.close

    def close(self: Home) -> None:
        told.append(self)
        closing(self)

    monkeypatch.setattr(Home, "close", close)
    return told


def eventually(is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + WAIT_S
    while not is_so() and time.monotonic() < end:
        time.sleep(0.005)
    return is_so()


async def asked(homes: Homes, app: Callable[[], Awaitable[Any]]) -> None:
    """A request that lasts as long as *app*."""

    async def answering(*_asgi: Any) -> None:
        await app()

    await homes.holding(answering)({}, None, None)  # type: ignore[arg-type]


def test_the_first_one_is_closed_once_nothing_is_under_way_with_it(
    opened: Home, closed: list[Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(server, "time", SimpleNamespace(sleep=lambda _s: go_on.wait(WAIT_S)))
    homes = Homes(opened)

    async def requests() -> None:
        leaving = asyncio.Event()
        early = [asyncio.create_task(asked(homes, leaving.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        go_on.set()
        assert await asyncio.to_thread(eventually, lambda: homes() is not opened)
        await asked(homes, lambda: asyncio.sleep(0))
        assert closed == []
        leaving.set()
        await asyncio.gather(*early)
        assert closed == [opened]
        await asked(homes, lambda: asyncio.sleep(0))

    asyncio.run(requests())
    assert closed == [opened]
    watched = homes()
    assert len(watched.threads()) == 1
    homes.close()
    assert closed[1:] == [opened, watched]


def test_it_is_closed_at_once_where_nobody_asked(
    opened: Home, closed: list[Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_PATIENCE_S", 0)
    homes = Homes(opened)
    assert eventually(lambda: closed == [opened])
    assert homes() is not opened
    homes.close()


def test_a_watch_that_comes_after_the_end_is_closed(
    opened: Home, closed: list[Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(server, "time", SimpleNamespace(sleep=lambda _s: go_on.wait(WAIT_S)))
    homes = Homes(opened)
    homes.close()
    go_on.set()
    assert eventually(lambda: len(closed) == 2)
    assert closed[0] is opened is homes()
    assert closed[1] is not opened


def test_the_server_closes_what_it_opened(
    opened: Home, closed: list[Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_PATIENCE_S", 0)
    made: list[Homes] = []

    class Kept(Homes):
        def __init__(self, home: Home) -> None:
            super().__init__(home)
            made.append(self)

    def begun(_keys: Keys) -> None:
        assert eventually(lambda: made[0]() is not opened)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(server, "Homes", Kept)
    server.serve(opened, 0, begun)
    assert made[0]() in closed
