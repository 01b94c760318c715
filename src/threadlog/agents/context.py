"""What an agent is given for a turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from threadlog.agents.events import Event
from threadlog.core.items.values import UserInput

# Why the agent is asked: for an answer, for a summary to go on from, for a review.
TURN, COMPACT, REVIEW = "turn", "compact", "review"


class Said(NamedTuple):
    """What a user said: a text, and images by URL (`https:`, `data:`) or path.

    `client_id` is the client's name for the message, given back to it; `parts` are what it was made
    of, in order, where that is more than the text and the images.
    """

    text: str
    images: tuple[str, ...] = ()
    client_id: str | None = None
    parts: tuple[UserInput, ...] = ()


class Settings(NamedTuple):
    """How a thread's agent is to work; None is the agent's own choice."""

    model: str | None = None
    effort: str | None = None
    instructions: str | None = None
    developer_instructions: str | None = None
    output_schema: Mapping[str, Any] | None = None


class TurnContext(NamedTuple):
    """One turn of one thread, for its agent.

    *kind* is `turn`; `compact` for a summary of the thread, said as a message, that takes the
    place of its history for the model; or `review`.  *input* is what the user said, already
    recorded, and the last of `await history()`, the items to send to a model: what was yielded
    since is among them, each time anew.  `steered()` takes what the user has said meanwhile, which
    is recorded already, and among the history; what is not taken has the agent asked again when it
    is done, as the input of the same turn.
    """

    thread_id: str
    turn_id: str
    cwd: str
    kind: str
    input: Sequence[Said]
    settings: Settings
    history: Callable[[], Awaitable[list[dict[str, Any]]]]
    steered: Callable[[], list[Said]]


# An agent is a function of a turn that yields what happens, mostly an async generator.  It ends
# by returning; an exception fails the turn (its text is told), and cancelling interrupts it.
Agent = Callable[[TurnContext], AsyncIterator[Event]]
