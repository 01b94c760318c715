"""The connection: its handshake, frames of any kind, order, and limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wired import Pipe, Wired, serving, with_client

from threadlog.agents import Delta, Event, Message, TurnContext
from threadlog.app import client as clients
from threadlog.app import methods
from threadlog.app.frames import Fault, Framer, encode


def test_nothing_is_answered_before_the_handshake_and_that_only_once(home: Path) -> None:
    async def main() -> None:
        async with serving(home) as server:
            client = Wired(server)
            assert await client.refusal("thread/list") == (-32600, "Not initialized")
            code, said = await client.refusal("nonsense")
            assert code == -32600
            assert said.startswith("Invalid request: unknown variant `nonsense`, expected one of")
            await client.begin()
            info = {"name": "t", "version": "1"}
            assert await client.refusal("initialize", clientInfo=info) == (
                -32600,
                "Already initialized",
            )
            assert (await client.call("thread/loaded/list"))["data"] == []

    asyncio.run(main())


def test_a_read_that_was_given_up_is_the_end_of_a_client(home: Path) -> None:
    class Ended(Pipe):
        async def read(self, limit_bytes: int) -> bytes:
            raise asyncio.CancelledError

    async def main() -> None:
        async with serving(home) as server:
            await server.serve(Ended())

    asyncio.run(main())


def test_what_is_experimental_wants_the_capability(home: Path) -> None:
    async def main() -> None:
        async with serving(home) as server:
            client = await Wired(server).begin(experimentalApi=False)
            for method, params, what in (
                ("thread/start", {"historyMode": "legacy"}, "thread/start.historyMode"),
                ("thread/search", {"searchTerm": "x"}, "thread/search"),
            ):
                refused = await client.refusal(method, **params)
                assert refused == (-32600, f"{what} requires experimentalApi capability")

    asyncio.run(main())


def test_a_client_is_spared_what_it_does_not_want(home: Path) -> None:
    async def main() -> None:
        async with serving(home) as server:
            other = await Wired(server).begin()
            client = await Wired(server).begin(optOutNotificationMethods=["thread/started"])
            await client.start()
            assert not client.told("thread/started")
            assert other.told("thread/started")

    asyncio.run(main())


@pytest.mark.parametrize(
    "line",
    [
        b"{bad json",
        b"",
        b"   ",
        b"5",
        b'"x"',
        b"null",
        b"\xff\xfe",
        b'{"id":1,"method":"thread/list","params":{"searchTerm":"\xff"}}',
        b'{"id":1.5,"method":"thread/list","params":{}}',
        b'{"id":null,"method":"thread/list","params":{}}',
        b'{"id":{"a":1},"method":"thread/list","params":{}}',
        b'{"id":true,"method":"thread/list","params":{}}',
        b'{"id":99999999999999999999,"method":"thread/list","params":{}}',
        b'{"id":1}',
        b'{"id":1,"result":{}}',
        b'{"id":1,"error":{"code":1,"message":"x"}}',
        b'{"method":"nonsense/told"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[]",
        b"[5,[]]",
        b"\x00",
    ],
    ids=lambda line: repr(line[:40]),
)
def test_a_line_that_asks_nothing_is_passed_over(home: Path, line: bytes) -> None:
    async def work(client: Wired) -> None:
        before = len(client.messages)
        client.put(line)
        assert (await client.call("thread/loaded/list"))["data"] == []
        assert len(client.messages) == before + 1

    with_client(home, work)


def test_those_of_a_batch_that_ask_are_refused(home: Path) -> None:
    async def work(client: Wired) -> None:
        client.put(
            [{"id": "a", "method": "thread/list", "params": {}}, 5, {"id": "b", "method": "x"}]
        )
        for number in ("a", "b"):
            assert "batches" in (await client.answer(number))["error"]["message"]

    with_client(home, work)


def test_a_method_that_is_no_text_and_params_that_are_none_are_refused(home: Path) -> None:
    async def work(client: Wired) -> None:
        client.put({"id": "a", "method": 5, "params": {}})
        assert (await client.answer("a"))["error"]["code"] == -32600
        client.put({"id": "b", "method": "thread/read"})
        error = (await client.answer("b"))["error"]
        assert error == {"code": -32600, "message": "Invalid request: missing field `params`"}

    with_client(home, work)


def test_a_method_of_codex_that_this_server_has_not_says_so(home: Path) -> None:
    async def work(client: Wired) -> None:
        refused = await client.refusal("fs/readFile", path="/etc/passwd")
        assert refused == (-32601, "fs/readFile is not supported yet")

    with_client(home, work)


def test_an_oversized_line_costs_no_memory_and_only_itself() -> None:
    framer = Framer(limit_bytes=1000)
    found: list[Any] = []
    for _ in range(100):
        found += framer.feed(b"x" * 100)
        assert len(framer._rest) <= 1100
    found += framer.feed(b'\n{"a":1}\n')
    assert [isinstance(each, Fault) for each in found] == [True, False]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_lines_are_the_same_however_they_arrive(data: bytes, cuts: list[int]) -> None:
    whole = list(Framer(limit_bytes=64).feed(data))
    framer = Framer(limit_bytes=64)
    pieces: list[Any] = []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        pieces += framer.feed(data[start:end])
    assert [type(each) for each in pieces] == [type(each) for each in whole]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters()),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
        max_leaves=8,
    )
)
def test_every_message_can_be_sent(value: Any) -> None:
    line = encode({"result": value})
    assert line.count(b"\n") == 1
    json.loads(line)


def test_half_a_line_at_the_end_is_no_message(home: Path) -> None:
    async def main() -> None:
        async with serving(home) as server:
            client = await Wired(server).begin()
            client.pipe.sent.put_nowait(b'{"id":9,"method":"thread/loaded/list","params":{}}')
            client.end()
            await client.serving
            assert [each for each in client.messages if each.get("id") == 9] == []

    asyncio.run(main())


def test_what_was_asked_before_the_end_is_answered(home: Path) -> None:
    async def main() -> None:
        async with serving(home) as server:
            client = await Wired(server).begin()
            numbers = [client.ask("thread/start", cwd="/desk/x") for _ in range(5)]
            client.end()
            await client.serving
            answered = {each["id"] for each in client.messages if "result" in each}
            assert set(numbers) <= answered

    asyncio.run(main())


def test_requests_of_one_thread_are_answered_in_order(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        names = [client.ask("thread/name/set", threadId=thread, name=f"n{n}") for n in range(20)]
        last = client.ask("thread/read", threadId=thread)
        await client.answer(last)
        order = [each["id"] for each in client.messages if each.get("id", 0) in [*names, last]]
        assert order == [*names, last]

    with_client(home, work)


def test_an_answer_comes_before_the_notifications_that_it_causes(home: Path) -> None:
    async def work(client: Wired) -> None:
        thread = await client.start()
        await client.turn(thread, "Q")
        for method, params, note in (
            ("thread/name/set", {"name": "n"}, "thread/name/updated"),
            ("turn/start", {"input": [{"type": "text", "text": "Q"}]}, "turn/started"),
            ("thread/archive", {}, "thread/archived"),
        ):
            number = client.ask(method, threadId=thread, **params)
            await client.answer(number)
            await client.arrived(partial(client.told, note))
            shown = client.messages
            place = next(n for n, each in enumerate(shown) if each.get("id") == number)
            told = max(n for n, each in enumerate(shown) if each.get("method") == note)
            assert place < told, method
            if method == "turn/start":
                await client.arrived(lambda: len(client.told("turn/completed")) == 2)

    with_client(home, work)


def test_too_many_requests_at_once_are_refused_as_overload(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "REQUESTS_LIMIT", 3)

    async def work(client: Wired) -> None:
        numbers = [client.ask("thread/list") for _ in range(10)]
        answers = [await client.answer(number) for number in numbers]
        errors = [each["error"] for each in answers if "error" in each]
        assert errors
        assert {(each["code"], each["message"]) for each in errors} == {
            (-32001, "Server overloaded; retry later.")
        }
        assert (await client.call("thread/list"))["data"] == []

    with_client(home, work)


async def _talkative(_turn: TurnContext) -> AsyncIterator[Event]:
    for _ in range(200):
        yield Delta("x" * 1000)
    yield Message("x" * 200_000)


def test_a_client_that_reads_slowly_misses_pieces_but_no_message(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "SOFT_LIMIT_BYTES", 20_000)

    async def work(client: Wired) -> None:
        thread = await client.start()
        client.pipe.go_on.clear()
        client.ask("turn/start", threadId=thread, input=[{"type": "text", "text": "Q"}])
        await asyncio.sleep(0.5)
        client.pipe.go_on.set()
        await client.arrived(lambda: client.told("turn/completed"))
        assert 0 < len(client.told("item/agentMessage/delta")) < 150
        (said,) = (
            e["item"] for e in client.told("item/completed") if e["item"]["type"] == "agentMessage"
        )
        assert len(said["text"]) == 200_000

    with_client(home, work, _talkative)


def test_a_client_that_reads_nothing_is_let_go_and_its_thread_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "SOFT_LIMIT_BYTES", 20_000)
    monkeypatch.setattr(clients, "HARD_LIMIT_BYTES", 100_000)
    monkeypatch.setattr(clients, "WRITE_WAIT_S", 0.1)

    async def main() -> None:
        async with serving(home, _talkative) as server:
            client = await Wired(server).begin()
            thread = await client.start()
            client.pipe.go_on.clear()
            client.ask("turn/start", threadId=thread, input=[{"type": "text", "text": "Q"}])
            await asyncio.wait_for(client.serving, 20)
            other = await Wired(server).begin()
            read = await other.call("thread/read", threadId=thread, includeTurns=True)
            assert read["thread"]["turns"][0]["items"][-1]["text"] == "x" * 200_000

    asyncio.run(main())


def test_a_client_that_leaves_in_the_middle_of_a_turn_leaves_it_running(home: Path) -> None:
    async def main() -> None:
        async with serving(home) as server:
            client = await Wired(server).begin()
            thread = await client.start()
            asked = [{"type": "text", "text": "wait"}]
            await client.call("turn/start", threadId=thread, input=asked)
            client.end()
            await client.serving
            other = await Wired(server).begin()
            read = await other.call("thread/read", threadId=thread)
            assert read["thread"]["status"] == {"type": "active", "activeFlags": []}
            resumed = await other.call("thread/resume", threadId=thread)
            assert resumed["thread"]["turns"][0]["status"] == "inProgress"
            await other.call("turn/interrupt", threadId=thread, turnId="")
            assert other.told("turn/completed")[0]["turn"]["status"] == "interrupted"

    asyncio.run(main())


def test_nobody_is_heard_of_a_failure_of_ours_but_the_one_who_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(client: Wired) -> None:
        async def broken(_request: Any) -> Any:
            raise ZeroDivisionError("secret text of a user")

        monkeypatch.setitem(methods.HANDLERS, "thread/list", broken)
        assert await client.refusal("thread/list") == (
            -32603,
            "thread/list failed: ZeroDivisionError",
        )

    with_client(home, work)
    assert "Traceback" not in capsys.readouterr().err
