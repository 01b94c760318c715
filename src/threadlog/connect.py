"""Puts a home together: the one place that names an adapter, and only when it is needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from threadlog.home import Home

if TYPE_CHECKING:
    from threadlog.local.disk import Disk
    from threadlog.local.journal import WriterLock
    from threadlog.local.store import LocalStore

DEFAULT_HOME = "~/.codex"


def home_path(home: str | os.PathLike[str] | None = None) -> str:
    """The home meant: the argument, else $THREADLOG_HOME, $CODEX_HOME, ~/.codex; absolute."""
    chosen = (
        os.fspath(home)
        if home is not None
        else os.environ.get("THREADLOG_HOME") or os.environ.get("CODEX_HOME") or DEFAULT_HOME
    )
    return os.path.abspath(os.path.expanduser(chosen))


def open(
    home: str | os.PathLike[str] | None = None,
    *,
    freshness_s: float = 0,
    background: bool = False,
) -> Home:
    """Open the threads of a home: *home*, else $THREADLOG_HOME, $CODEX_HOME, ~/.codex.

    Touches nothing on disk; a home that does not exist yet has no threads.

    For processes that live long: a listing may be *freshness_s* seconds old (2 for a server, say;
    0: it never is, which in a large home costs a look at every rollout for some listings), and
    with *background* what is only told by all of a rollout is read by a thread of its own.
    """
    if freshness_s < 0:
        raise ValueError(f"a listing cannot be {freshness_s} seconds old: give 0 or more")
    store = local_store(home_path(home))
    store.freshness_s = freshness_s
    return Home(store, background=background)


def local_store(path: str, disk: Disk | None = None) -> LocalStore:
    """The store of a home on this machine; *disk* is for tests that have calls fail."""
    from threadlog.codex.names import read_names
    from threadlog.local.store import LocalStore, Neighbour

    neighbour = Neighbour(read_names, _lock, _model_provider)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return LocalStore(path, neighbour, disk, cache=os.path.join(cache, "threadlog"))


def _model_provider(home: str) -> str | None:
    from threadlog.codex.config import read_model_provider

    return read_model_provider(home)


def _lock(home: str, thread_id: str) -> WriterLock:
    from threadlog.codex.lock import ThreadWriterLock

    return ThreadWriterLock(home, thread_id)
