"""An agent without a model: it does what a script says, or what the user says (docs/agents.md).

The script is the file that the environment variable `THREADLOG_SCRIPT` names.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec

from threadlog.agents.context import COMPACT, REVIEW, Said, TurnContext
from threadlog.agents.events import (
    Call,
    Command,
    CommandOutput,
    Delta,
    Event,
    Exit,
    Message,
    Output,
    Retry,
    Thought,
    ThoughtDelta,
    Usage,
)
from threadlog.agents.script_file import Fail, Listen, Pause, Step, Wait, read_script
from threadlog.errors import AgentFailed

SCRIPT = "THREADLOG_SCRIPT"
CONTEXT_WINDOW = 128_000
_LOOK_EVERY_S = 0.02  # for what the user says meanwhile
_PIECES = 4
_SHOWN = 80
_MOST_ITEMS = 10_000

_taken: Counter[str] = Counter()  # turns taken, by script
_calls = itertools.count(1)


async def agent(turn: TurnContext) -> AsyncIterator[Event]:
    """Do what the script says next, else what the user says."""
    path = os.environ.get(SCRIPT)
    steps = await _next_steps(path) if path else None
    if steps is not None:
        async for event in _played(steps, turn):
            yield event
        return
    history = await turn.history()
    words = 0
    async for event in _by_kind(turn, history):
        words += len(event.text.split()) if isinstance(event, Message) else 0
        yield event
    spoken = sum(len(text.split()) for item in history for text in _texts(item))
    yield Usage(spoken, words, context_window=CONTEXT_WINDOW)


def _by_kind(turn: TurnContext, history: list[dict[str, Any]]) -> AsyncIterator[Event]:
    if turn.kind == COMPACT:
        return _told(_summary(history))
    if turn.kind == REVIEW:
        asked = "; ".join(said.text for said in turn.input) or "the thread"
        return _spoken(f"Reviewed: {_short(asked)}\n\nNo findings.")
    return _answers(turn)


# -- by script


async def _next_steps(path: str) -> list[Step] | None:
    try:
        text = await asyncio.to_thread(_read, path)
        turns = read_script(text, by_line=path.endswith(".jsonl"))
    except OSError as error:
        raise AgentFailed(f"{SCRIPT}: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise AgentFailed(f"{SCRIPT}: {path} is no script: {error}") from None
    number = _taken[path]
    _taken[path] += 1
    return turns[number] if number < len(turns) else None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


async def _played(steps: list[Step], turn: TurnContext) -> AsyncIterator[Event]:
    for step in steps:
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Wait):
            await asyncio.Event().wait()
        elif isinstance(step, Fail):
            raise AgentFailed(step.message, step.kind)
        elif isinstance(step, Listen):
            async for event in _heard(turn, None):
                yield event
        else:
            yield step


# -- by what the user says


async def _answers(turn: TurnContext) -> AsyncIterator[Event]:
    said = list(turn.input) or [Said("")]
    while said:
        for each in said:
            async for event in _answer(each.text, turn):
                yield event
        said = turn.steered()


async def _answer(text: str, turn: TurnContext) -> AsyncIterator[Event]:
    """What each line that is a command asks for, and an echo of the lines between."""
    for command, argument in _parts(text):
        doing = _COMMANDS[command](argument, turn) if command else _spoken(f"You said: {argument}")
        async for event in doing:
            yield event


def _parts(text: str) -> Iterator[tuple[str, str]]:
    plain: list[str] = []
    for line in text.splitlines():
        command, _, argument = line.partition(" ")
        if command not in _COMMANDS:
            plain.append(line)
            continue
        if plain:
            yield "", "\n".join(plain)
            plain = []
        yield command, argument.strip()
    if plain or not text:
        yield "", "\n".join(plain)


async def _told(text: str) -> AsyncIterator[Event]:
    yield Message(text)


async def _spoken(text: str) -> AsyncIterator[Event]:
    for piece in _pieces(text):
        yield Delta(piece)
        await asyncio.sleep(0)
    yield Message(text)


async def _think(argument: str, _turn: TurnContext) -> AsyncIterator[Event]:
    for piece in _pieces(argument):
        yield ThoughtDelta(piece)
        await asyncio.sleep(0)
    yield Thought(argument)


async def _tool(argument: str, turn: TurnContext) -> AsyncIterator[Event]:
    name, _, text = argument.partition(" ")
    if not name:
        raise AgentFailed("/tool needs a name, and JSON if you like", "bad_request")
    try:
        arguments = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError as error:
        raise AgentFailed(f"What follows /tool {name} is no JSON: {error}", "bad_request") from None
    call_id = _fresh(turn)
    yield Call(call_id, name, arguments)
    yield Output(call_id, f"{name} was called with {msgspec.json.encode(arguments).decode()}")


async def _run(argument: str, turn: TurnContext) -> AsyncIterator[Event]:
    call_id, printed = _fresh(turn), f"(not run: {argument})\n"
    yield Command(call_id, argument, turn.cwd)
    for piece in _pieces(printed):
        yield CommandOutput(call_id, piece)
        await asyncio.sleep(0)
    yield Exit(call_id, 0, printed)


def _fail(argument: str, _turn: TurnContext) -> AsyncIterator[Event]:
    raise AgentFailed(argument or "This turn was to fail")


async def _retry(argument: str, _turn: TurnContext) -> AsyncIterator[Event]:
    yield Retry(argument or "asked again")


async def _items(argument: str, _turn: TurnContext) -> AsyncIterator[Event]:
    count = int(_number("/items", argument))
    if count > _MOST_ITEMS:
        raise AgentFailed(f"/items makes {_MOST_ITEMS} at most", "bad_request")
    for number in range(1, count + 1):
        yield Message(f"Item {number} of {count}")
        await asyncio.sleep(0)


async def _wait(argument: str, turn: TurnContext) -> AsyncIterator[Event]:
    seconds = _number("/wait", argument)
    async for event in _heard(turn, seconds):
        yield event
    yield Message(f"Waited, {argument} s at most.")


async def _heard(turn: TurnContext, seconds: float | None) -> AsyncIterator[Event]:
    """Wait so long, or until the user says more, and answer that."""
    clock = asyncio.get_running_loop().time
    end = None if seconds is None else clock() + seconds
    while not (said := turn.steered()):
        if end is not None and clock() >= end:
            return
        await asyncio.sleep(_LOOK_EVERY_S)
    for each in said:
        async for event in _answer(each.text, turn):
            yield event


_COMMANDS: dict[str, Callable[[str, TurnContext], AsyncIterator[Event]]] = {
    "/tool": _tool,
    "/run": _run,
    "/think": _think,
    "/fail": _fail,
    "/retry": _retry,
    "/wait": _wait,
    "/items": _items,
}


# -- words


def _number(command: str, argument: str) -> float:
    try:
        number = float(argument)
    except ValueError:
        number = -1
    if not 0 <= number < float("inf"):
        raise AgentFailed(f"{command} needs a number, like {command} 3", "bad_request")
    return number


def _fresh(turn: TurnContext) -> str:
    """An id for a call that no other of the thread has, not even of another process."""
    return f"call_{turn.turn_id}_{next(_calls)}"


def _pieces(text: str) -> list[str]:
    size = -(-len(text) // _PIECES)
    return [text[at : at + size] for at in range(0, len(text), size)] if text else []


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _summary(history: list[dict[str, Any]]) -> str:
    said = [
        text
        for item in history
        if item.get("type") == "message" and item.get("role") == "user"
        for text in _texts(item)
    ]
    last = f" The user's last words: {_short(said[-1])}" if said else ""
    return f"Summary of {len(history)} items, {len(said)} of them the user's.{last}"


def _texts(item: dict[str, Any]) -> Iterator[str]:
    content = item.get("content")
    for piece in content if isinstance(content, list) else ():
        if isinstance(piece, dict) and isinstance(piece.get("text"), str):
            yield piece["text"]
