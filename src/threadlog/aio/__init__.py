"""The same names, awaitable: for agents that live on an asyncio loop.

    home = threadlog.aio.open("./threads")
    async with home.start(cwd=".") as thread:
        async with thread.turn("Why does the build fail?") as turn:
            turn.say("A header is missing.")

Whatever only puts items into memory is the same plain call as elsewhere; whatever may wait is
awaited, and nothing of it blocks the loop.  Cancelling a wait never cancels what is waited for.
"""

from __future__ import annotations

import os

from threadlog import connect
from threadlog.aio.home import Home
from threadlog.aio.recording import RolloutRecorder, Thread, TurnWriter
from threadlog.options import ThreadOptions
from threadlog.recorder import DURABLE, KERNEL

__all__ = ["DURABLE", "KERNEL", "Home", "RolloutRecorder", "Thread", "ThreadOptions", "TurnWriter"]


def open(
    home: str | os.PathLike[str] | None = None,
    *,
    freshness_s: float = 0,
    background: bool = False,
) -> Home:
    """Open the threads of a home, as `threadlog.open` does; touches nothing on disk."""
    return Home(connect.open(home, freshness_s=freshness_s, background=background))
