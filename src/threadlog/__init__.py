"""threadlog: durable threads for AI agents, kept as Codex keeps them.

    import threadlog

    with threadlog.open() as home:             # $THREADLOG_HOME, $CODEX_HOME, ~/.codex
        with home.start(cwd=".") as thread, thread.turn("Why does the build fail?") as turn:
            turn.say("A header is missing.")
        print(home.threads(cwd=".")[0].title)
        messages = home.model_input("last")    # feed this to your model

`threadlog.aio` has the same names, awaitable.  Names are loaded when they are first used, so that
importing the package costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from threadlog import aio
    from threadlog.barrier import DURABLE, KERNEL
    from threadlog.connect import open
    from threadlog.core.compression import Compression
    from threadlog.core.decode import Line
    from threadlog.core.framing import Gap, Oversized
    from threadlog.core.history import History
    from threadlog.core.index_status import IndexStatus
    from threadlog.core.lines import Damaged
    from threadlog.core.query import ThreadPage, ThreadSummary
    from threadlog.core.search import SearchHit, SearchPage, WordStatus
    from threadlog.core.shelf import Changed, Moved, Trashed
    from threadlog.core.stats import Stats
    from threadlog.core.tree import Ancestor, Branch, Tree
    from threadlog.core.turn import Turn
    from threadlog.errors import (
        Ambiguous,
        Archived,
        BacklogFull,
        BadCursor,
        BadQuery,
        Closed,
        EmptyRollout,
        GivenUp,
        InUse,
        MoveFailed,
        NotFound,
        NoThreadId,
        NotOnDiskYet,
        NotPersistable,
        NotResumable,
        OthersWrote,
        OutsideHome,
        PartlyDone,
        Refused,
        ThreadlogError,
        Unencodable,
        Unreadable,
        UnsupportedPlatform,
        WriteFailed,
    )
    from threadlog.home import Home
    from threadlog.options import ThreadOptions
    from threadlog.recorder import RolloutRecorder
    from threadlog.thread import Thread
    from threadlog.turn_writer import TurnWriter

__version__ = "0.1.0"

_MODULES = {
    "open": "connect",
    "Home": "home",
    "RolloutRecorder": "recorder",
    "ThreadOptions": "options",
    "DURABLE": "barrier",
    "KERNEL": "barrier",
    "Thread": "thread",
    "TurnWriter": "turn_writer",
    "IndexStatus": "core.index_status",
    "Line": "core.decode",
    "Damaged": "core.lines",
    "Oversized": "core.framing",
    "Gap": "core.framing",
    "History": "core.history",
    "SearchHit": "core.search",
    "SearchPage": "core.search",
    "ThreadPage": "core.query",
    "ThreadSummary": "core.query",
    "WordStatus": "core.search",
    "Compression": "core.compression",
    "Changed": "core.shelf",
    "Moved": "core.shelf",
    "Trashed": "core.shelf",
    "Stats": "core.stats",
    "Ancestor": "core.tree",
    "Branch": "core.tree",
    "Tree": "core.tree",
    "Turn": "core.turn",
}

__all__ = [
    "DURABLE",
    "KERNEL",
    "Ambiguous",
    "Ancestor",
    "Archived",
    "BacklogFull",
    "BadCursor",
    "BadQuery",
    "Branch",
    "Changed",
    "Closed",
    "Compression",
    "Damaged",
    "EmptyRollout",
    "Gap",
    "GivenUp",
    "History",
    "Home",
    "InUse",
    "IndexStatus",
    "Line",
    "MoveFailed",
    "Moved",
    "NoThreadId",
    "NotFound",
    "NotOnDiskYet",
    "NotPersistable",
    "NotResumable",
    "OthersWrote",
    "OutsideHome",
    "Oversized",
    "PartlyDone",
    "Refused",
    "RolloutRecorder",
    "SearchHit",
    "SearchPage",
    "Stats",
    "Thread",
    "ThreadOptions",
    "ThreadPage",
    "ThreadSummary",
    "ThreadlogError",
    "Trashed",
    "Tree",
    "Turn",
    "TurnWriter",
    "Unencodable",
    "Unreadable",
    "UnsupportedPlatform",
    "WordStatus",
    "WriteFailed",
    "aio",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'threadlog' has no attribute {name!r}")
    import importlib

    if name == "aio":
        return importlib.import_module("threadlog.aio")
    module = importlib.import_module(f"threadlog.{_MODULES.get(name, 'errors')}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
