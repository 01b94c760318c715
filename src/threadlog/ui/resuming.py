"""Going on with a thread in another program: which there are, and the commands that start them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
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
        """Run it in the terminal, which is its own meanwhile; its exit code.  Raises OSError."""
        environment = {**os.environ, "CODEX_HOME": self.codex_home}
        done = subprocess.run(  # noqa: S603 -- the user was shown it, and said yes
            self.words, cwd=self.folder, env=environment, check=False
        )
        return done.returncode


def with_codex(home: str, thread: ThreadSummary) -> Command | None:
    """Codex's own resume; None without a Codex, or without an id."""
    program = shutil.which("codex")
    if program is None or thread.id is None:
        return None
    return Command(("codex", "resume", thread.id), _folder(thread), home)


def with_agent(home: str, thread: ThreadSummary, agent: Agent | None) -> Command | None:
    """`threadlog chat` with the agent that was named; None without one, or without an id."""
    if agent is None or thread.id is None:
        return None
    words = [sys.executable, "-m", "threadlog", "--home", home, "chat", "--resume", thread.id]
    words += ["--agent", agent.name]
    words += [] if agent.model is None else ["--model", agent.model]
    return Command(tuple(words), os.getcwd(), home)


def _folder(thread: ThreadSummary) -> str:
    """The thread's own directory, if it is still there."""
    return thread.cwd if thread.cwd and os.path.isdir(thread.cwd) else os.getcwd()
