"""threadlog: durable threads for AI agents, kept as Codex keeps them.

    import threadlog

    home = threadlog.open()                    # $THREADLOG_HOME, $CODEX_HOME, ~/.codex
    for thread in home.threads(cwd="."):
        print(thread.id, thread.title)
    messages = home.model_input("last")        # feed this to your model

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from threadlog.connect import open
    from threadlog.core.decode import Line
    from threadlog.core.framing import Gap, Oversized
    from threadlog.core.history import History
    from threadlog.core.lines import Damaged
    from threadlog.core.query import ThreadPage, ThreadSummary
    from threadlog.core.turn import Turn
    from threadlog.errors import (
        Ambiguous,
        BacklogFull,
        BadCursor,
        Closed,
        EmptyRollout,
        InUse,
        NotFound,
        NoThreadId,
        OutsideHome,
        ThreadlogError,
        Unencodable,
        Unreadable,
        UnsupportedPlatform,
        WriteFailed,
    )
    from threadlog.home import Home
    from threadlog.recorder import RolloutRecorder, ThreadOptions

__version__ = "0.1.0"

_MODULES = {
    "open": "connect",
    "Home": "home",
    "RolloutRecorder": "recorder",
    "ThreadOptions": "recorder",
    "Line": "core.decode",
    "Damaged": "core.lines",
    "Oversized": "core.framing",
    "Gap": "core.framing",
    "History": "core.history",
    "ThreadPage": "core.query",
    "ThreadSummary": "core.query",
    "Turn": "core.turn",
}

__all__ = [
    "Ambiguous",
    "BacklogFull",
    "BadCursor",
    "Closed",
    "Damaged",
    "EmptyRollout",
    "Gap",
    "History",
    "Home",
    "InUse",
    "Line",
    "NoThreadId",
    "NotFound",
    "OutsideHome",
    "Oversized",
    "RolloutRecorder",
    "ThreadOptions",
    "ThreadPage",
    "ThreadSummary",
    "ThreadlogError",
    "Turn",
    "Unencodable",
    "Unreadable",
    "UnsupportedPlatform",
    "WriteFailed",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'threadlog' has no attribute {name!r}")
    import importlib

    module = importlib.import_module(f"threadlog.{_MODULES.get(name, 'errors')}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
