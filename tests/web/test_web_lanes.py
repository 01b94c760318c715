"""Work off the loop: given up when whoever asked goes away, and at the end."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from starlette.requests import Request

import threadlog
from makers import THREAD, content, file_name, meta, put, turn, uuid
from served_web import Site, served
from threadlog import giving_up
from threadlog.errors import GivenUp, NotFound
from threadlog.web import viewer
from threadlog.web.lanes import LISTING, READERS, READING, SEEKING, Lanes, look_of
from threadlog.web.stretches import ThreadTurns

WAIT_S = 10.0


def request(*messages: str, then: asyncio.Event | None = None) -> Request:
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await (then or asyncio.Event()).wait()
            return {"type": "http.disconnect"}
        return {"type": left.pop(0)}

    return Request({"type": "http", "method": "GET", "headers": []}, receive)


def test_what_comes_of_work_is_told() -> None:
    lanes = Lanes()
    assert asyncio.run(lanes.do(request("http.request"), lambda _stop: 5)) == 5
    with pytest.raises(KeyError):
        asyncio.run(lanes.do(request("http.request"), lambda _stop: dict[str, int]()["x"]))
    lanes.close()


def test_work_is_given_up_when_the_client_goes_away() -> None:
    lanes, stopped = Lanes(), threading.Event()

    def work(stop: Any) -> None:
        look, end = look_of(stop), time.monotonic() + WAIT_S
        try:
            while time.monotonic() < end:
                look()
                time.sleep(0.005)
        except GivenUp:
            stopped.set()
            raise

    async def asked() -> None:
        gone = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, gone.set)
        with pytest.raises(GivenUp):
            await lanes.do(request("http.request", then=gone), work)

    asyncio.run(asked())
    assert stopped.wait(WAIT_S)
    lanes.close()


def test_of_what_is_large_one_is_read_at_a_time(home: Path, monkeypatch: Any) -> None:
    most = {"large": 0, "small": 0}
    now = {"large": 0, "small": 0}
    for number, kind in enumerate(most):
        padding = "x" * (2000 if kind == "large" else 1)
        put(home, content([meta(uuid(number)), *turn(padding)]), file_name(uuid(number)))
    read = ThreadTurns.newest

    def slowly(turns: ThreadTurns) -> Any:
        kind = "large" if turns.thread.id == uuid(0) else "small"
        now[kind] += 1
        most[kind] = max(most[kind], now[kind])
        time.sleep(0.2)
        now[kind] -= 1
        return read(turns)

    monkeypatch.setattr(ThreadTurns, "newest", slowly)
    monkeypatch.setattr(viewer, "LARGE_BYTES", 2500)
    with served(home) as site, ThreadPoolExecutor(6) as pool:
        asked = [f"/thread/{uuid(number)}" for number in (0, 0, 0, 1, 1, 1)]
        assert [each.status for each in pool.map(site.get, asked)] == [200] * 6
    assert most["large"] == 1
    assert most["small"] > 1


def test_who_waits_for_large_reads_gives_up_where_nobody_waits() -> None:
    lanes = Lanes()
    with (
        lanes.alone(READING, lambda: False),
        pytest.raises(GivenUp),
        lanes.alone(READING, lambda: True),
    ):
        pass
    with lanes.alone(READING, lambda: True), lanes.alone(SEEKING, lambda: True):
        lanes.close()


def test_reading_a_thread_ends_where_nobody_waits(home: Path) -> None:
    put(home, content([meta(), *(each for number in range(50) for each in turn(f"{number}"))]))
    opened, looks = threadlog.open(home), []

    def look() -> None:
        looks.append(1)
        if len(looks) > 20:
            raise GivenUp("nobody waits")

    with pytest.raises(GivenUp):
        list(giving_up.reader(opened, opened.get(THREAD), look).turns())
    assert len(looks) == 21


@pytest.mark.parametrize("lane", [LISTING, READING])
def test_what_is_looked_for_keeps_nothing_else_waiting(lane: str) -> None:
    lanes, ending = Lanes(), threading.Event()

    async def asked() -> None:
        def work(_stop: Any) -> None:
            ending.wait(WAIT_S)

        slow = [
            asyncio.create_task(lanes.do(request("http.request"), work, SEEKING))
            for _ in range(2 * READERS)
        ]
        await asyncio.sleep(0.02)
        try:
            quick = lanes.do(request("http.request"), lambda _stop: 5, lane)
            assert await asyncio.wait_for(quick, WAIT_S / 4) == 5
        finally:
            ending.set()
        await asyncio.gather(*slow)

    asyncio.run(asked())
    lanes.close()


def test_a_turn_is_looked_for_no_longer_than_so_long() -> None:
    look = look_of(lambda: False, 0.01)
    look()
    time.sleep(0.02)
    with pytest.raises(NotFound, match="not found in"):
        look()


def test_a_turn_that_is_nowhere_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadlog.web.viewer.SEEK_S", -1.0)
    api = f"/api/thread/{THREAD}/turns"
    for path in (f"{api}?before=[null,%22x%22,null,null]", f"/thread/{THREAD}/turn/x"):
        answer = site.get(path)
        assert answer.status == 404
        assert "not found in" in answer.body
    assert site.get(api).status == 200


_NOWHERE = quote('[null,"x",null,null]')


@pytest.mark.parametrize(
    "path",
    [
        f"/thread/{THREAD}/turn/x",
        f"/thread/{THREAD}/found?in={{rollout}}&byte=99999&turn=x",
        f"/thread/{THREAD}/part/0.0?at={_NOWHERE}",
        f"/api/thread/{THREAD}/items?at={_NOWHERE}&count=1",
        *(f"/api/thread/{THREAD}/turns?{way}={_NOWHERE}" for way in ("at", "before", "after")),
        *(f"/api/thread/{THREAD}/outline?{way}={_NOWHERE}" for way in ("before", "after")),
    ],
)
def test_what_is_to_be_looked_for_is_looked_for_twenty_seconds(
    site: Site, home: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    many = (each for number in range(300) for each in turn(f"{number}"))
    rollout = put(home, content([meta(), *many])).name
    seconds = itertools.count()  # each look at the clock takes one
    lanes: list[str] = []
    doing = Lanes.do

    async def noted(self: Lanes, asked: Request, work: Any, lane: str = READING) -> Any:
        lanes.append(lane)
        return await doing(self, asked, work, lane)

    monkeypatch.setattr(Lanes, "do", noted)
    clock = SimpleNamespace(monotonic=lambda: next(seconds))
    monkeypatch.setattr("threadlog.web.lanes.time", clock)
    answer = site.get(path.format(rollout=rollout))
    assert answer.status == 404
    assert "that turn was not found in 20 seconds of reading" in answer.body
    assert next(seconds) == 22
    assert lanes == [SEEKING]


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    put(home, content([meta(), *turn("a")]))
    with served(home) as running:
        yield running


def test_clients_that_hang_up_at_once_leave_the_server_as_it_was(site: Site) -> None:
    asking = f"GET /thread/{THREAD} HTTP/1.1\r\nhost: {site.host}\r\ncookie: {site.cookie}\r\n\r\n"
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", site.keys.port)) as wire:
            wire.sendall(asking.encode())
    assert site.get(f"/thread/{THREAD}").status == 200


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        ("/", "threads"),
        ("/api/threads?q=x", "threads"),
        ("/api/search?q=x", "search"),
        (f"/api/thread/{THREAD}/kin", "tree"),
    ],
)
def test_what_a_browser_asked_of_the_home_is_given_up_with_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str, verb: str
) -> None:
    asked, given_up = threading.Event(), threading.Event()

    def endless(*_asked: Any, stop: Any = lambda: False, **_keywords: Any) -> None:
        asked.set()
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if stop():
                given_up.set()
                raise GivenUp("nobody waits")
            time.sleep(0.005)

    monkeypatch.setattr(site.home, verb, endless)
    with socket.create_connection(("127.0.0.1", site.keys.port)) as wire:
        asking = f"GET {path} HTTP/1.1\r\nhost: {site.host}\r\ncookie: {site.cookie}\r\n\r\n"
        wire.sendall(asking.encode())
        assert asked.wait(WAIT_S)
        assert not given_up.is_set()
    assert given_up.wait(WAIT_S / 2)


def test_many_ask_at_once_and_all_are_answered(site: Site) -> None:
    answers: list[int] = []

    def ask() -> None:
        answers.append(site.get(f"/thread/{THREAD}").status)

    asking = [threading.Thread(target=ask) for _ in range(40)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert answers == [200] * 40
