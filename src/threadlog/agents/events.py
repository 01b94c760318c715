"""What an agent yields while it works on a turn: plain values, each recorded and told at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Delta(NamedTuple):
    """A piece of a message, as the model streams it; `Message` ends the message.

    *phase* is that of the message, where it is known when it begins.
    """

    text: str
    phase: str | None = None


class Message(NamedTuple):
    """The agent said something, whole; *phase* is `commentary` or `final_answer` where it matters.

    After deltas it ends their message, and its text counts.  Deltas that no message ends are one
    of their own once anything else is yielded, or the agent is done.
    """

    text: str
    phase: str | None = None


class ThoughtDelta(NamedTuple):
    """A piece of the readable summary of the model's reasoning; `Thought` ends it."""

    text: str


class Thought(NamedTuple):
    """The model's reasoning: a summary to read, and what the model is to be sent again, if any."""

    summary: str
    content: str | None = None
    encrypted_content: str | None = None


class Call(NamedTuple):
    """The agent calls a tool, with JSON or JSON text; `Output` with the same id ends the call."""

    call_id: str
    name: str
    arguments: Any


class Output(NamedTuple):
    """What a tool call, or a command, came to: text, a list of content items, or other JSON."""

    call_id: str
    output: Any
    success: bool = True


class Command(NamedTuple):
    """The agent runs a shell command; `Exit` with the same id ends it."""

    call_id: str
    command: str
    cwd: str | None = None


class CommandOutput(NamedTuple):
    """A piece of what a running command printed."""

    call_id: str
    text: str


class Exit(NamedTuple):
    """A command ended; its *output* is what its pieces were, unless given whole."""

    call_id: str
    exit_code: int
    output: str | None = None


class Usage(NamedTuple):
    """The tokens of one response of the model (cached ones are part of the input, and so on)."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_output_tokens: int = 0
    context_window: int | None = None


class Item(NamedTuple):
    """An item of the Responses API as it is, for the model's history; people are not shown it."""

    item: Mapping[str, Any]


class Retry(NamedTuple):
    """The model could not be reached, and is asked again: people are told, nothing is recorded."""

    message: str


Event = (
    Delta
    | Message
    | ThoughtDelta
    | Thought
    | Call
    | Output
    | Command
    | CommandOutput
    | Exit
    | Usage
    | Item
    | Retry
)
