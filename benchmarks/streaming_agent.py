"""An agent that says so many messages a second, each with when it was said.

The user says "COUNT RATE"; a message is "NUMBER of COUNT at NANOSECONDS", by the monotonic clock,
which all processes share, and as much text as makes it 80 characters.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator

from threadlog.agents import Message, TurnContext

_FILLING = " the tide moves a barge past the pier and the lantern hides behind the crate"


async def agent(turn: TurnContext) -> AsyncIterator[Message]:
    """Say them on time: what was late is not waited for again."""
    count, rate = map(int, turn.input[0].text.split())
    begun = time.monotonic() + random.random() / rate  # not all threads at once
    for number in range(count):
        await asyncio.sleep(begun + number / rate - time.monotonic())
        yield Message(f"{number} of {count} at {time.monotonic_ns()}{_FILLING}"[:80])
