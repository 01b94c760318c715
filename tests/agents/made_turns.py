"""Turns made by hand: agents are asked as threadlog asks them, and nothing is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from threadlog.agents import (
    TURN,
    Agent,
    AgentFailed,
    Call,
    Event,
    Item,
    Message,
    Output,
    Said,
    Settings,
    Thought,
    TurnContext,
)

WAIT_S = 20.0


def user(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


class MadeTurn:
    """One turn: what was said, what the agent yielded, and the history that makes."""

    def __init__(
        self, *said: str, kind: str = TURN, settings: Settings | None = None, before: int = 0
    ) -> None:
        self.items = [user(f"before {number}") for number in range(before)]
        self.items += [user(text) for text in said]
        self.yielded: list[Event] = []
        self._waiting: list[Said] = []
        self.context = TurnContext(
            thread_id="thread",
            turn_id="turn",
            cwd="/",
            kind=kind,
            input=[Said(text) for text in said],
            settings=settings or Settings(),
            history=self._history,
            steered=self._steered,
        )

    def steer(self, text: str) -> None:
        self._waiting.append(Said(text))

    async def _history(self) -> list[dict[str, Any]]:
        return list(self.items)

    def _steered(self) -> list[Said]:
        said, self._waiting = self._waiting, []
        self.items += [user(each.text) for each in said]
        return said

    def take(self, event: Event) -> None:
        self.yielded.append(event)
        if isinstance(event, Message):
            part = {"type": "output_text", "text": event.text}
            self.items.append({"type": "message", "role": "assistant", "content": [part]})
        elif isinstance(event, Thought):
            self.items.append(
                {"type": "reasoning", "summary": [], "encrypted_content": event.encrypted_content}
            )
        elif isinstance(event, Call):
            call = {"name": event.name, "arguments": event.arguments, "call_id": event.call_id}
            self.items.append({"type": "function_call", **call})
        elif isinstance(event, Output):
            output = {"call_id": event.call_id, "output": event.output}
            self.items.append({"type": "function_call_output", **output})
        elif isinstance(event, Item):
            self.items.append(dict(event.item))

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.yielded if isinstance(event, kind)]


async def asked(agent: Agent, turn: MadeTurn) -> list[Event]:
    """All that the agent yields; `AgentFailed` as it raises it."""
    async with asyncio.timeout(WAIT_S):
        async for event in agent(turn.context):
            turn.take(event)
    return turn.yielded


def run(agent: Agent, turn: MadeTurn) -> list[Event]:
    return asyncio.run(asked(agent, turn))


def failed(agent: Agent, turn: MadeTurn) -> AgentFailed:
    try:
        run(agent, turn)
    except AgentFailed as failure:
        return failure
    raise AssertionError("the turn did not fail")


async def interrupted(agent: Agent, turn: MadeTurn, when: Callable[[], Awaitable[None]]) -> None:
    """The agent is asked, and cancelled when *when* returns."""
    asking = asyncio.ensure_future(asked(agent, turn))
    await asyncio.wait_for(when(), WAIT_S)
    assert not asking.done()
    asking.cancel()
    done, _ = await asyncio.wait([asking], timeout=WAIT_S / 4)
    assert done, "the turn goes on"
    assert asking.cancelled()
