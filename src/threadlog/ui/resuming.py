"""Going on with a thread in another program: which there are, and the commands that start them."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from threadlog.core.query import ThreadSummary


class Agent(NamedTuple):
    """Who answers in `threadlog chat`, as `threadlog ui --agent` was told."""

    name: str
    model: str | None = None


class Command(NamedTuple):
    """A program to go on with: its words, where it runs, and what it needs to know of the home."""

    words: tuple[str, ...]
    folder: str
    codex_home: str

    @property
    def written(self) -> str:
        """As one would type it."""
        return shlex.join(self.words)

    def run(self) -> int:
        """Run it in the terminal, which is its own meanwhile; its exit code.  Raises OSError.

        Ctrl+C is for that program alone.
        """
        environment = {**os.environ, "CODEX_HOME": self.codex_home}
        with _deaf_to_interrupts():
            done = subprocess.run(  # noqa: S603 -- the user was shown it, and said yes
                self.words, cwd=self.folder, env=environment, check=False
            )
        return done.returncode


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Nothing happens here on SIGINT, which all programs of a terminal get."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals come to the main thread only
        return
    # No SIG_IGN: that would be inherited, a handler is not.
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def here() -> str | None:
    """The working directory; None if somebody removed it."""
    try:
        return os.getcwd()
    except OSError:
        return None


def with_codex(home: str, thread: ThreadSummary) -> Command | None:
    """Codex's own resume; None without a Codex, or without an id."""
    program = shutil.which("codex")
    if program is None or thread.id is None:
        return None
    return Command(("codex", "resume", thread.id), _folder(home, thread), home)


def with_agent(home: str, thread: ThreadSummary, agent: Agent | None) -> Command | None:
    """`threadlog chat` with the agent that was named; None without one, or without an id."""
    if agent is None or thread.id is None:
        return None
    words = [sys.executable, "-m", "threadlog", "--home", home, "chat", "--resume", thread.id]
    words += ["--agent", agent.name]
    words += [] if agent.model is None else ["--model", agent.model]
    return Command(tuple(words), here() or home, home)


def _folder(home: str, thread: ThreadSummary) -> str:
    """The thread's own directory, if it is still there."""
    own = thread.cwd if thread.cwd and os.path.isdir(thread.cwd) else None
    return own or here() or home
