"""What a thread looks like beside the list: who it is, and its newest turns or what was found."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import NamedTuple

from threadlog.core.query import ThreadSummary
from threadlog.core.search import SearchHit
from threadlog.core.text import one_line
from threadlog.core.turn import Turn
from threadlog.errors import ThreadlogError
from threadlog.home import Home
from threadlog.ui import rows, window
from threadlog.ui.lanes import Stopped

# What takes longer is no preview.
LIMIT_S = 2.0


class Preview(NamedTuple):
    """Lines to begin with, turns, and the turn that something was found in."""

    head: Sequence[str]
    turns: Sequence[Turn] = ()
    turn_id: str | None = None


def read(home: Home, current: ThreadSummary | SearchHit, stopped: Stopped) -> Preview:
    """The preview of a thread, or of what was found; never raises ThreadlogError."""
    end = time.monotonic() + LIMIT_S

    def late() -> bool:
        return stopped() or time.monotonic() > end

    hit = None if isinstance(current, ThreadSummary) else current
    thread = current if isinstance(current, ThreadSummary) else current.thread
    head = _head(thread)
    try:
        if hit is not None:
            stretch = window.around(home, hit, late)
        else:
            stretch = window.newest(home, thread, late, window.PREVIEWED)
    except CancelledError:
        return Preview([*head, "", "(too long for a preview; Enter reads it)"])
    except ThreadlogError as error:
        return Preview([*head, "", f"({one_line(str(error))})"])
    none = [] if stretch.turns else ["", "(no turns)"]
    return Preview([*head, *none], stretch.turns, hit.turn if hit else None)


def _head(thread: ThreadSummary) -> list[str]:
    told = [
        rows.folder_of(thread),
        thread.git_branch,
        thread.source,
        thread.model or thread.model_provider,
        rows.counted(thread.turns, "turn") if thread.turns is not None else None,
        "archived" if thread.archived else None,
        "compressed" if thread.compressed else None,
    ]
    return [
        one_line(rows.title_of(thread)),
        f"{thread.id or '(no id)'}  {thread.created[:16].replace('T', ' ')} UTC",
        "  ".join(one_line(each) for each in told if each),
        *([f"forked from {thread.forked_from_id}"] if thread.forked_from_id else []),
    ]
