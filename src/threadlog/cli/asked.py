"""What `show` and `show --follow` make of what was asked."""

from __future__ import annotations

import argparse
import contextlib

from threadlog.core.query import ThreadSummary
from threadlog.errors import ThreadlogError
from threadlog.home import Home


def since_ms(arguments: argparse.Namespace) -> int | None:
    """The moment of --since in unix milliseconds, if it was given."""
    if arguments.since is None:
        return None
    from threadlog.asking import moment_ms

    return moment_ms(arguments.since)


def kin_of(home: Home, summary: ThreadSummary) -> dict[str, str]:
    """The titles of the threads that a thread comes from, by id, of those that are there."""
    kin = {}
    for thread_id in (summary.forked_from_id, summary.parent_thread_id):
        if thread_id:
            with contextlib.suppress(ThreadlogError):
                kin[thread_id] = home.get(thread_id).title
    return kin
