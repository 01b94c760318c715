"""A thread with an agent: what it yields is recorded and told, however its turns end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import threadlog
from faulty_disk import FaultyDisk
from threadlog import aio, connect
from threadlog.agents import (
    COMPACT,
    AgentFailed,
    Call,
    Command,
    CommandOutput,
    Delta,
    Event,
    Exit,
    Item,
    Message,
    Output,
    Retry,
    Said,
    Settings,
    Thought,
    ThoughtDelta,
    TurnContext,
    Usage,
    running,
)
from threadlog.agents.conversation import Conversation
from threadlog.agents.happenings import (
    Counted,
    Happening,
    ItemBegan,
    ItemEnded,
    TextGrew,
    Troubled,
    TurnBegan,
    TurnEnded,
)
from threadlog.core.items import turn as ti
from threadlog.core.items.event import TaskStarted
from threadlog.core.turn import Turn

Agent = Callable[[TurnContext], AsyncIterator[Event]]
MODES = pytest.mark.parametrize("mode", ["legacy", "paginated"])


class Talk:
    """A conversation in a home, and what was told of it."""

    def __init__(self, home: aio.Home, thread: Any, agent: Agent, settings: Settings) -> None:
        self.home = home
        self.told: list[Happening] = []
        self.it = Conversation(thread, agent, settings, self.told.append)
        self.thread = thread

    async def say(self, *texts: str) -> Turn:
        """A whole turn; as it was told to have ended."""
        run = await self.it.begin([Said(text) for text in texts])
        run.launch()
        await run.wait()
        return self.ended[-1]

    @property
    def ended(self) -> list[Turn]:
        return [each.turn for each in self.told if isinstance(each, TurnEnded)]

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.told if type(each) is kind]

    async def turns(self) -> list[Turn]:
        """The thread's turns as they are stored."""
        await self.thread.flush()
        return [each async for each in self.home.turns(self.thread.id)]


def talk(
    home: Path,
    agent: Agent,
    work: Callable[[Talk], Awaitable[None]],
    *,
    settings: Settings = Settings(),  # noqa: B008
    disk: FaultyDisk | None = None,
    **options: Any,
) -> None:
    async def main() -> None:
        store = connect.local_store(str(home), disk) if disk else None
        opened = aio.Home(threadlog.Home(store)) if store else aio.open(home)
        thread = await opened.start("/desk/x", **options)
        talking = Talk(opened, thread, agent, settings)
        await work(talking)
        await talking.it.close()
        await opened.close()

    asyncio.run(main())


async def everything(turn: TurnContext) -> AsyncIterator[Event]:
    del turn
    yield ThoughtDelta("Let me ")
    yield ThoughtDelta("think.")
    yield Thought("Let me think.", encrypted_content="b3BhcXVl")
    yield Delta("I ")
    yield Delta("look.")
    yield Message("I look.", phase="commentary")
    yield Call("call_1", "search", {"q": "x"})
    yield Output("call_1", "found")
    yield Command("call_2", "ls -l", cwd="/desk/y")
    yield CommandOutput("call_2", "a\n")
    yield CommandOutput("call_2", "b\n")
    yield Exit("call_2", 0)
    yield Usage(input_tokens=10, output_tokens=5, cached_input_tokens=4, context_window=1000)
    yield Retry("once more")
    yield Item({"type": "message", "role": "developer", "content": []})
    yield Delta("Done")
    yield Delta(".")


@MODES
def test_what_an_agent_yields_is_recorded_and_told(home: Path, mode: str) -> None:
    async def work(it: Talk) -> None:
        ended = await it.say("What is there?")
        assert ended.status == "completed"
        assert [type(each.item).__name__ for each in it.of(ItemEnded)] == [
            "UserMessage",
            "Reasoning",
            "AgentMessage",
            "DynamicToolCall",
            "CommandExecution",
            "AgentMessage",
        ]
        assert [each.item.id for each in it.of(ItemBegan)] == [
            each.item.id for each in it.of(ItemEnded)
        ]
        grown = [(each.kind, each.text) for each in it.of(TextGrew)]
        assert grown == [
            ("thought", "Let me "),
            ("thought", "think."),
            ("message", "I "),
            ("message", "look."),
            ("output", "a\n"),
            ("output", "b\n"),
            ("message", "Done"),
            ("message", "."),
        ]
        (counted,) = it.of(Counted)
        assert counted.usage.total_token_usage.total_tokens == 15
        assert [each.again for each in it.of(Troubled)] == [True]
        assert isinstance(it.told[0], TurnBegan)
        (stored,) = await it.turns()
        assert (stored.id, stored.status) == (ended.id, "completed")
        assert stored.items[-1].content[0].text == "Done."  # type: ignore[union-attr]
        sent = await it.thread.model_input()
        kinds = [each.get("role") or each["type"] for each in sent]
        assert kinds == [
            "user",
            "reasoning",
            "assistant",
            "function_call",
            "function_call_output",
            "function_call",
            "function_call_output",
            "developer",
            "assistant",
        ]
        assert sent[6]["output"] == "a\nb\n"

    talk(home, everything, work, history_mode=mode)


def test_a_paginated_rollout_keeps_items_under_the_ids_that_were_told(home: Path) -> None:
    async def work(it: Talk) -> None:
        await it.say("What is there?")
        (stored,) = await it.turns()
        told = {each.item.id: type(each.item) for each in it.of(ItemEnded)}
        assert {each.id: type(each) for each in stored.items} == told

    talk(home, everything, work, history_mode="paginated")


@MODES
def test_an_interrupted_turn_is_recorded_as_such_and_its_model_is_told(
    home: Path, mode: str
) -> None:
    tidied: list[str] = []

    async def slow(turn: TurnContext) -> AsyncIterator[Event]:
        try:
            yield Delta("I beg")
            yield Call("call_1", "search", "{}")
            await asyncio.sleep(60)
        finally:
            tidied.append(turn.turn_id)

    async def work(it: Talk) -> None:
        run = await it.it.begin([Said("Q")])
        run.launch()
        while not it.of(ItemEnded)[1:]:
            await asyncio.sleep(0.001)
        assert await it.it.interrupt()
        assert it.it.run is None
        assert not await it.it.interrupt()
        assert tidied == [run.id]
        assert [each.status for each in it.ended] == ["interrupted"]
        (stored,) = await it.turns()
        assert stored.status == "interrupted"
        said = [
            each["content"][0]["text"]
            for each in await it.thread.model_input()
            if "content" in each
        ]
        assert said[1] == "I beg"
        assert said[-1].startswith("<turn_aborted>")

    talk(home, slow, work, history_mode=mode)


def test_an_agent_that_does_not_end_when_it_is_interrupted_ends_nothing_else(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "STOP_S", 0.05)
    go_on = asyncio.Event()
    after: list[str] = []

    async def stubborn(_turn: TurnContext) -> AsyncIterator[Event]:
        yield Delta("I ")
        while not go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await go_on.wait()
        try:
            yield Delta("go on")
        finally:
            after.append("ended")

    async def work(it: Talk) -> None:
        run = await it.it.begin([Said("Q")])
        run.launch()
        while not it.of(TextGrew):
            await asyncio.sleep(0.001)
        await it.it.interrupt()
        go_on.set()
        while not after:
            await asyncio.sleep(0.001)
        assert [each.text for each in it.of(TextGrew)] == ["I "]
        assert [each.status for each in await it.turns()] == ["interrupted"]

    talk(home, stubborn, work)


async def _unknown(_turn: TurnContext) -> AsyncIterator[Any]:
    yield "a text"


async def _failed(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Delta("I ")
    raise AgentFailed("no credit", "usage_limit_exceeded")


async def _broken(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Delta("I ")
    raise KeyError("x")


async def _twice(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Call("call_1", "x", "{}")
    yield Call("call_1", "x", "{}")


async def _no_command(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Exit("call_1", 0)


async def _no_json(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Call("call_1", "x", {1j})


class _Wordless(Exception):
    def __str__(self) -> str:
        raise ValueError


async def _wordless(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Delta("I ")
    raise _Wordless


async def _no_kind(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Delta("I ")
    raise AgentFailed("boom", 5)  # type: ignore[arg-type]


async def _exits(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Delta("I ")
    raise SystemExit(3)


async def _no_text(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Delta(None)  # type: ignore[arg-type]


async def _no_command_text(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Command("c", ["ls"])  # type: ignore[arg-type]


async def _no_call(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Output("c", "x")


async def _no_phase(_turn: TurnContext) -> AsyncIterator[Event]:
    yield Message("x", phase="weird")


async def _no_generator(_turn: TurnContext) -> Any:
    return None


@pytest.mark.parametrize(
    ("agent", "message", "kind"),
    [
        (_wordless, "_Wordless", "other"),
        (_no_kind, "boom", "other"),
        (_exits, "the agent raised SystemExit", "other"),
        (_no_text, "the agent yielded a Delta whose text is a NoneType: give a text", "other"),
        (_no_command_text, "the agent yielded a Command whose command is a list", "other"),
        (_no_call, "the agent told the output of no call: c", "other"),
        (_no_phase, "the agent yielded a phase that is none", "other"),
        (_no_generator, "the agent is no async generator", "other"),
        (_failed, "no credit", "usage_limit_exceeded"),
        (_broken, "KeyError: 'x'", "other"),
        (_unknown, "the agent yielded a str: use threadlog.agents' events", "other"),
        (_twice, "the agent called twice with the id 'call_1'", "other"),
        (_no_command, "the agent ended a command that does not run: call_1", "other"),
        (_no_json, "cannot record", "other"),
    ],
)
@MODES
def test_a_turn_fails_as_its_agent_does(
    home: Path, mode: str, agent: Agent, message: str, kind: str
) -> None:
    async def work(it: Talk) -> None:
        ended = await it.say("Q")
        assert ended.status == "failed"
        assert ended.error["message"].startswith(message)
        assert ended.error["codex_error_info"] == kind
        (stored,) = await it.turns()
        assert (stored.status, stored.error) == ("failed", ended.error)
        assert [each.again for each in it.of(Troubled)] == [False]
        it.it.agent = everything
        assert (await it.say("again")).status == "completed"

    talk(home, agent, work, history_mode=mode)


@MODES
def test_what_the_user_says_meanwhile_is_safe_and_seen(home: Path, mode: str) -> None:
    seen: list[list[str]] = []
    steered = asyncio.Event()

    async def agent(turn: TurnContext) -> AsyncIterator[Event]:
        seen.append([each.text for each in turn.input])
        if len(seen) == 1:
            await steered.wait()
            seen.append([each.text for each in turn.steered()])
            yield Message("first")
            return
        yield Message("second")

    async def work(it: Talk) -> None:
        run = await it.it.begin([Said("Q")])
        run.launch()
        await asyncio.sleep(0)
        assert await it.it.steer(run, [Said("and R")])
        raw = Path(it.thread.path).read_bytes()
        assert b"and R" in raw  # before it is acknowledged
        steered.set()
        while len(it.of(ItemEnded)) < 3:
            await asyncio.sleep(0)
        assert await it.it.begin([Said("and S")]) is run or it.it.run is not run
        await run.wait()
        assert seen[:2] == [["Q"], ["and R"]]

    talk(home, agent, work, history_mode=mode)


def test_an_agent_that_did_not_look_is_asked_again_in_the_same_turn(home: Path) -> None:
    seen: list[list[str]] = []

    async def agent(turn: TurnContext) -> AsyncIterator[Event]:
        seen.append([each.text for each in turn.input])
        if len(seen) == 1:
            await it_steers[0]()
        yield Message(f"answer {len(seen)}")

    it_steers: list[Any] = []

    async def work(it: Talk) -> None:
        run = await it.it.begin([Said("Q")])

        async def steer() -> None:
            await run.steer([Said("more", client_id="c1")])

        it_steers.append(steer)
        run.launch()
        await run.wait()
        assert seen == [["Q"], ["more"]]
        assert not await it.it.steer(run, [Said("too late")])
        (stored,) = await it.turns()
        said = [each for each in stored.items if isinstance(each, ti.UserMessage)]
        assert [each.client_id for each in said] == [None, "c1"]

    talk(home, agent, work)


@MODES
def test_a_turn_that_was_broken_off_with_its_process_is_marked_before_the_next(
    home: Path, mode: str
) -> None:
    with threadlog.open(home) as opened:
        thread = opened.start("/desk/x", history_mode=mode)
        with thread.turn("Q") as turn:
            turn.say("A")
        thread.record(TaskStarted(turn_id="broken"))
        thread.recorder.close()
        before = Path(thread.path).read_bytes()

    async def main() -> None:
        opened = aio.open(home)
        resumed = await opened.resume(thread.id, force=True)
        it = Talk(opened, resumed, everything, Settings())
        assert Path(thread.path).read_bytes() == before  # resuming writes nothing
        await it.say("again")
        statuses = [(each.id == "broken", each.status) for each in await it.turns()]
        assert statuses == [(False, "completed"), (True, "interrupted"), (False, "completed")]
        await it.say("and again")
        assert Path(thread.path).read_bytes().count(b'"turn_aborted"') == 1
        await it.it.close()
        await opened.close()

    asyncio.run(main())


@MODES
@pytest.mark.parametrize("first", [True, False], ids=["a draft", "a thread"])
def test_a_compaction_takes_the_place_of_the_history(home: Path, mode: str, first: bool) -> None:
    async def agent(turn: TurnContext) -> AsyncIterator[Event]:
        if turn.kind == COMPACT:
            assert turn.input == []
            yield Delta("All ")
            yield Call("call_9", "ignored", "{}")
            yield Delta("was well.")
            yield Usage(input_tokens=1)
        else:
            yield Message("A long answer.")

    async def work(it: Talk) -> None:
        if not first:
            await it.say("Q")
        run = await it.it.begin_compaction()
        assert run is not None
        assert await it.it.begin_compaction() is None
        run.launch()
        await run.wait()
        assert it.ended[-1].status == "completed"
        sent = [each["content"][0]["text"] for each in await it.thread.model_input()]
        assert sent[:-1] == ([] if first else ["Q"])
        assert sent[-1].endswith("All was well.")
        assert isinstance(it.of(ItemEnded)[-1].item, ti.ContextCompaction)
        assert (await it.turns())[-1].status == "completed"
        assert await it.say("further") == it.ended[-1]

    talk(home, agent, work, history_mode=mode)


@MODES
def test_a_review_is_a_turn_with_its_beginning_and_end(home: Path, mode: str) -> None:
    async def agent(_turn: TurnContext) -> AsyncIterator[Event]:
        yield Message("All fine.")

    async def work(it: Talk) -> None:
        target = {"type": "custom", "instructions": "look"}
        run = await it.it.begin_review(target, "look")
        assert run is not None
        run.launch()
        await run.wait()
        (stored,) = await it.turns()
        kinds = [type(each).__name__ for each in stored.items]
        assert kinds == ["EnteredReviewMode", "UserMessage", "AgentMessage", "ExitedReviewMode"]
        assert stored.items[-1].review_output["overall_explanation"] == "All fine."  # type: ignore[union-attr]

    talk(home, agent, work, history_mode=mode)


def test_a_turn_whose_end_cannot_be_written_is_told_as_failed_and_written_later(
    home: Path,
) -> None:
    disk = FaultyDisk()

    async def agent(_turn: TurnContext) -> AsyncIterator[Event]:
        disk.arm()
        disk.fail_names = {"write"}
        yield Message("A")

    async def work(it: Talk) -> None:
        ended = await it.say("Q")
        assert ended.status == "failed"
        assert "cannot write" in ended.error["message"]
        disk.disarm()
        (stored,) = await it.turns()
        assert stored.items[-1].content[0].text == "A"  # type: ignore[union-attr]

    talk(home, agent, work, disk=disk)


def test_halves_of_characters_are_replaced_before_they_are_recorded(home: Path) -> None:
    async def agent(_turn: TurnContext) -> AsyncIterator[Event]:
        yield Message("a\ud800b \U0001f600")

    async def work(it: Talk) -> None:
        await it.say("Q")
        (stored,) = await it.turns()
        assert stored.items[-1].content[0].text == "a\ufffdb \U0001f600"  # type: ignore[union-attr]
        assert b"ud800" not in Path(it.thread.path).read_bytes()

    talk(home, agent, work)


def test_an_agent_that_never_waits_leaves_others_their_turn_and_is_interrupted(home: Path) -> None:
    async def flood(_turn: TurnContext) -> AsyncIterator[Event]:
        while True:
            yield Delta("x")

    async def work(it: Talk) -> None:
        run = await it.it.begin([Said("Q")])
        run.launch()
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(it.it.interrupt(), 20)
        assert it.ended[-1].status == "interrupted"

    talk(home, flood, work)


def test_what_is_said_while_the_turn_ends_is_for_the_next_one(home: Path) -> None:
    seen: list[list[str]] = []

    async def agent(turn: TurnContext) -> AsyncIterator[Event]:
        seen.append([each.text for each in turn.input])
        yield Message("A")

    async def work(it: Talk) -> None:
        run = await it.it.begin([Said("Q")])
        run.launch()
        acknowledged = ["Q"]
        for number in range(200):  # at every moment about the end of a turn
            later = await it.it.begin([Said(str(number))])
            acknowledged.append(str(number))
            later.launch() if not later.launched else None
            await asyncio.sleep(0)
        while it.it.run is not None:
            await it.it.run.wait()
        assert [text for texts in seen for text in texts] == acknowledged

    talk(home, agent, work)


def test_a_turn_that_was_never_launched_can_be_interrupted(home: Path) -> None:
    async def work(it: Talk) -> None:
        run = await it.it.begin([Said("Q")])
        assert await asyncio.wait_for(it.it.interrupt(), 20)
        run.launch()
        assert [each.status for each in await it.turns()] == ["interrupted"]

    talk(home, everything, work)


def test_calls_that_go_on_when_the_turn_ends_have_failed(home: Path) -> None:
    async def agent(_turn: TurnContext) -> AsyncIterator[Event]:
        yield Call("call_1", "x", "{}")
        yield Command("call_2", "sleep 'unclosed")

    async def work(it: Talk) -> None:
        assert (await it.say("Q")).status == "completed"
        assert [each.item.status for each in it.of(ItemEnded)[1:]] == ["failed", "failed"]

    talk(home, agent, work)


def test_an_image_that_is_none_begins_no_turn(home: Path) -> None:
    async def work(it: Talk) -> None:
        with pytest.raises(threadlog.Unreadable):
            await it.it.begin([Said("Q", images=("/no/such.png",))])
        assert it.it.run is None
        assert (await it.say("Q")).status == "completed"
        assert len(await it.turns()) == 1

    talk(home, everything, work)


def test_an_ephemeral_thread_has_turns_and_leaves_nothing(home: Path) -> None:
    async def work(it: Talk) -> None:
        assert (await it.say("Q")).status == "completed"
        assert len(await it.thread.model_input()) == 9
        assert not list(home.rglob("*.jsonl"))

    talk(home, everything, work, ephemeral=True)


def test_an_agent_is_given_what_it_needs(home: Path) -> None:
    given: list[TurnContext] = []

    async def agent(turn: TurnContext) -> AsyncIterator[Event]:
        given.append(turn)
        yield Message(str(len(await turn.history())))

    async def work(it: Talk) -> None:
        await it.say("one", "two")
        (turn,) = given
        assert (turn.thread_id, turn.cwd, turn.kind) == (it.thread.id, "/desk/x", "turn")
        assert [each.text for each in turn.input] == ["one", "two"]
        assert turn.settings.model == "m"
        assert it.ended[0].items[0].content[0].text == "2"  # type: ignore[union-attr]
        assert (await it.home.get(it.thread.id)).model == "m"

    talk(home, agent, work, settings=Settings(model="m"))


@MODES
def test_what_is_said_while_a_turn_ends_begins_the_next(home: Path, mode: str) -> None:
    async def answer(turn: TurnContext) -> AsyncIterator[Event]:
        yield Message(f"to {turn.input[-1].text}")

    async def work(it: Talk) -> None:
        for number in range(30):
            run = await it.it.begin([Said(f"a{number}")])
            run.launch()
            while it.it.run is run:  # at each of the moments of a turn
                for _ in range(number):
                    await asyncio.sleep(0)
                break
            other = await it.it.begin([Said(f"b{number}")])
            if not other.launched:
                other.launch()
            await other.wait()
        spoken = [
            [getattr(part, "text", "") for item in turn.items for part in _content(item)]
            for turn in await it.turns()
        ]
        for number in range(30):
            (found,) = [texts for texts in spoken if f"b{number}" in texts]
            assert f"to b{number}" in found[found.index(f"b{number}") :]
        assert len(it.ended) == len(spoken)

    talk(home, answer, work, history_mode=mode)


def _content(item: Any) -> Any:
    return item.content if isinstance(item, ti.UserMessage | ti.AgentMessage) else ()
