"""Puts a home together: the one place that names an adapter, and only when it is needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from threadlog import loading as _loading  # noqa: F401  # forks wait for it from now on
from threadlog.home import Home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from threadlog.codex.names import CodexNames
    from threadlog.codex.rows import CodexRegister
    from threadlog.core.checkup import Writing
    from threadlog.local.disk import Disk
    from threadlog.local.locks import WriterLock
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

    A home that does not exist yet has no threads.  Touches nothing on disk, but where something
    that was to be done to several files was broken off: that is finished first.

    For processes that live long: a listing may be *freshness_s* seconds old (2 for a server, say;
    0: it never is, which in a large home costs a look at every rollout for some listings), and
    with *background* what is only told by all of a rollout is read by a thread of its own.
    """
    if freshness_s < 0:
        raise ValueError(f"a listing cannot be {freshness_s} seconds old: give 0 or more")
    store = local_store(home_path(home))
    store.freshness_s = freshness_s
    store.finish_unfinished()
    return Home(store, background=background)


def local_store(path: str, disk: Disk | None = None) -> LocalStore:
    """The store of a home on this machine; *disk* is for tests that have calls fail."""
    from threadlog.local.store import LocalStore, Neighbour

    neighbour = Neighbour(_names, _lock, _model_provider, _writers, _register, _sqlite_home)
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return LocalStore(path, neighbour, disk, cache=os.path.join(cache, "threadlog"))


def _names(home: str) -> CodexNames:
    from threadlog.codex.names import CodexNames

    return CodexNames(home, _sqlite_home(home))


def _register(home: str) -> CodexRegister:
    from threadlog.codex.rows import CodexRegister

    return CodexRegister(home, _sqlite_home(home))


def _sqlite_home(home: str) -> str:
    """Where Codex keeps its databases: by its config, else $CODEX_SQLITE_HOME, else the home."""
    from threadlog.codex.config import read_sqlite_home

    given = os.environ.get("CODEX_SQLITE_HOME", "").strip()
    usual = os.path.abspath(os.path.expanduser(given)) if given else home
    return read_sqlite_home(home) or usual


def _model_provider(home: str) -> str | None:
    from threadlog.codex.config import read_model_provider

    return read_model_provider(home)


def _writers(home: str) -> Sequence[Writing]:
    from threadlog.codex.lock import writers

    return writers(home)


def _lock(home: str, thread_id: str, *, take_over: bool = False) -> WriterLock:
    from threadlog.codex.lock import ThreadWriterLock

    return ThreadWriterLock(home, thread_id, take_over=take_over)
