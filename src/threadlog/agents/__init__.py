"""Agents: what answers in a thread.  One is an async generator over a turn:

    from threadlog.agents import Delta, TurnContext

    async def echo(turn: TurnContext):
        yield Delta(f"You said: {turn.input[-1].text}")

`threadlog app-server --agent module:echo` and `threadlog chat --agent module:echo` run it;
threadlog records, indexes and tells what it yields, and handles interruption, steering, failure
and restart.
"""

from __future__ import annotations

from threadlog.agents.context import (
    COMPACT,
    REVIEW,
    TURN,
    Agent,
    Said,
    Settings,
    TurnContext,
)
from threadlog.agents.events import (
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
    Thought,
    ThoughtDelta,
    Usage,
)
from threadlog.errors import AgentFailed

__all__ = [
    "COMPACT",
    "REVIEW",
    "TURN",
    "Agent",
    "AgentFailed",
    "Call",
    "Command",
    "CommandOutput",
    "Delta",
    "Event",
    "Exit",
    "Item",
    "Message",
    "Output",
    "Retry",
    "Said",
    "Settings",
    "Thought",
    "ThoughtDelta",
    "TurnContext",
    "Usage",
]
