"""An agent that asks a model, by way of any endpoint that speaks OpenAI's Responses API.

`OPENAI_API_KEY` and `OPENAI_BASE_URL` say where, `THREADLOG_MODEL` which model, unless the thread
does.  With tools of your own (docs/agents.md):

    agent = with_tools(look_up, send_mail, instructions="Answer briefly.")
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from threadlog.agents.context import COMPACT, TURN, Agent, TurnContext
from threadlog.agents.endpoint import Endpoint, connected
from threadlog.agents.events import Call, Event, Message, Output, Retry, Usage
from threadlog.agents.failures import Broken, broken
from threadlog.agents.function_tools import FunctionTool, tools_of
from threadlog.agents.response_events import Answer
from threadlog.errors import AgentFailed

MODEL = "THREADLOG_MODEL"
_TRIES = 4  # of an answer that broke off before anything of it was told
_FIRST_DELAY_S = 0.25

_SUMMARIZE = (
    "Write the summary from which you will go on with this work, since everything said so far is "
    "about to be dropped. Keep what the user wants and has decided, what was done and found out "
    "(files, commands, names, numbers), what is left to do, and what to do next. Be brief and "
    "exact, and write nothing but the summary."
)
_REVIEW = (
    "Act as a reviewer of the work that was asked about. Name each fault that its author would "
    "want to mend, the gravest first: where it is, what goes wrong, and when. Leave out matters of "
    "taste. If there is no fault, say so."
)


class _Setup(NamedTuple):
    tools: Mapping[str, FunctionTool]
    instructions: str | None
    model: str | None


def with_tools(
    *functions: Callable[..., Any], instructions: str | None = None, model: str | None = None
) -> Agent:
    """An agent whose model may call these functions; what the thread's settings say goes first.

    A function is described to the model by its name, docstring and annotated parameters. One that
    is not async runs in a thread of its own, and to the end even if the turn is interrupted.
    """
    setup = _Setup(tools_of(functions), instructions, model)

    async def agent(turn: TurnContext) -> AsyncIterator[Event]:
        async with connected() as endpoint:
            work = _turn if turn.kind == TURN else _text_only
            async with aclosing(work(endpoint, setup, turn)) as events:
                async for event in events:
                    yield event

    return agent


agent = with_tools()


async def _turn(
    endpoint: Endpoint, setup: _Setup, turn: TurnContext
) -> AsyncGenerator[Event, None]:
    """Ask until the model calls no more tools."""
    while True:
        turn.steered()  # recorded by being taken: the history holds it from now on
        request = _request(setup, turn, await turn.history())
        if setup.tools:
            request["tools"] = [tool.definition() for tool in setup.tools.values()]
        calls: list[Call] = []
        async with aclosing(_answer(endpoint, request)) as events:
            async for event in events:
                if isinstance(event, Call):
                    calls.append(event)
                yield event
        for call in calls:
            yield await _output(setup.tools, call)
        if not calls:
            return


async def _text_only(
    endpoint: Endpoint, setup: _Setup, turn: TurnContext
) -> AsyncGenerator[Event, None]:
    """A summary or a review: one message, without tools."""
    wanted = _SUMMARIZE if turn.kind == COMPACT else _REVIEW
    asked = [*await turn.history(), _message("developer", wanted)]
    texts: list[str] = []
    usage: list[Usage] = []
    async with aclosing(_answer(endpoint, _request(setup, turn, asked))) as events:
        async for event in events:
            if isinstance(event, Message):
                texts.append(event.text)
            elif isinstance(event, Usage):
                usage.append(event)
            elif isinstance(event, Retry):
                yield event
    if not texts:
        raise AgentFailed(f"The model gave no text when asked for a {_noun(turn)}")
    yield Message("\n\n".join(texts))
    for each in usage:
        yield each


def _noun(turn: TurnContext) -> str:
    return "summary" if turn.kind == COMPACT else "review"


async def _answer(endpoint: Endpoint, request: dict[str, Any]) -> AsyncGenerator[Event, None]:
    """What one response tells; asked for again where it broke off before it told anything."""
    for number in range(1, _TRIES + 1):
        told = False
        try:
            async with aclosing(_once(endpoint, request)) as events:
                async for event in events:
                    told = told or not isinstance(event, Retry)
                    yield event
            return
        except Broken as error:
            if told or number == _TRIES:
                raise
            reason = str(error).rstrip(".")
        yield Retry(f"{reason}; it is asked again ({number} of {_TRIES - 1})")
        await asyncio.sleep(_FIRST_DELAY_S * 2 ** (number - 1))


async def _once(endpoint: Endpoint, request: dict[str, Any]) -> AsyncGenerator[Event, None]:
    answer = Answer()
    async with aclosing(endpoint.events(request)) as events:
        async for event in events:
            if isinstance(event, Retry):
                yield event
                continue
            for told in answer.take(event):
                yield told
            if answer.ended:
                return
    raise broken("the stream ended early")


async def _output(tools: Mapping[str, FunctionTool], call: Call) -> Output:
    tool = tools.get(call.name)
    if tool is None:
        names = ", ".join(tools) or "none"
        return Output(
            call.call_id, f"There is no tool {call.name!r}; there are: {names}", success=False
        )
    return Output(call.call_id, *await tool.call(call.arguments))


def _request(setup: _Setup, turn: TurnContext, asked: list[dict[str, Any]]) -> dict[str, Any]:
    settings = turn.settings
    model = settings.model or setup.model or os.environ.get(MODEL)
    if not model:
        raise AgentFailed(f"Set {MODEL} to the name of a model, or the thread's own", "bad_request")
    if settings.developer_instructions:
        asked = [_message("developer", settings.developer_instructions), *asked]
    request: dict[str, Any] = {
        "model": model,
        "input": asked,
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    if instructions := settings.instructions or setup.instructions:
        request["instructions"] = instructions
    if settings.effort:
        request["reasoning"] = {"effort": settings.effort, "summary": "auto"}
    if settings.output_schema is not None and turn.kind == TURN:
        schema = dict(settings.output_schema)
        form = {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}
        request["text"] = {"format": form}
    return request


def _message(role: str, text: str) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
