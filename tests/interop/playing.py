"""An agent that answers what the tests wrote down for it: the counterpart of the mock model."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from interop.answers import Sheet
from threadlog.agents import (
    AgentFailed,
    Command,
    Delta,
    Event,
    Exit,
    Message,
    Thought,
    TurnContext,
    Usage,
)

_LOOK_S = 0.01
_ENCRYPTED = "b3BhcXVl" * 8
_USAGE = Usage(input_tokens=500, output_tokens=20, context_window=258_400)
_UNSCRIPTED = {"kind": "message", "text": "Nothing was scripted for this request.", "phase": ""}

_calls = itertools.count(1)


async def agent(turn: TurnContext) -> AsyncIterator[Event]:
    """The next answers of the sheet, to one without a command."""
    sheet = Sheet(Path(os.environ["THREADLOG_TEST_SHEET"]))
    goes_on = True
    while goes_on:
        turn.steered()
        answer = _next(sheet)
        for part in answer["parts"]:
            for event in _events(part):
                yield event
        if answer["pause"]:
            await _release(sheet)
        if answer["fail"]:
            raise AgentFailed(answer["fail"])
        if not answer["pause"]:  # Codex gives a response up once the user steers, and counts none
            yield _USAGE
        goes_on = any(part["kind"] == "command" for part in answer["parts"])


def _next(sheet: Sheet) -> dict[str, Any]:
    lines = sheet.answers.read_bytes().splitlines() if sheet.answers.exists() else []
    number = sheet.count("taken") - 1
    if number < len(lines):
        taken: dict[str, Any] = json.loads(lines[number])
        return taken
    return {"parts": [_UNSCRIPTED], "pause": False, "fail": ""}


async def _release(sheet: Sheet) -> None:
    number = sheet.count("pauses")
    try:
        while not sheet.releases.exists() or sheet.releases.stat().st_size < number:
            await asyncio.sleep(_LOOK_S)
    except asyncio.CancelledError:
        sheet.release()  # nobody else will, and the next pause is counted
        raise


def _events(part: dict[str, str]) -> Iterator[Event]:
    text = part["text"]
    if part["kind"] == "message":
        phase = part["phase"] or None
        yield Delta(text, phase)
        yield Message(text, phase)
    elif part["kind"] == "thought":
        yield Thought(text, encrypted_content=_ENCRYPTED)
    else:
        call = f"call_{next(_calls):05d}"
        yield Command(call, f"/bin/bash -lc '{text}'")
        yield Exit(call, 0, part["output"])
