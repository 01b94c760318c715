"""What can be done to a thread, by us and by Codex, and what is to be seen of it afterwards."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from interop.codex_made_homes import Builder
from interop.codex_process import NEWEST, OLDER, AppServer, CodexHome
from interop.mock_model import Json
from threadlog import Home, Thread

US = "threadlog"
TEXTS = ("One.", "Two.")
NAME = "A name of its own"
BRANCH = "side-branch"
Keywords = dict[str, str]


class Subject(NamedTuple):
    """A thread of two turns that something is done to; `codex` is None where Codex does not run."""

    home: Home
    codex_home: CodexHome
    mode: str
    thread: str
    turns: Sequence[str]
    made: Builder | None = None
    server: AppServer | None = None

    @property
    def codex(self) -> AppServer:
        """The Codex that does it."""
        assert self.server is not None
        return self.server

    @property
    def builder(self) -> Builder:
        """The same as what a user does."""
        assert self.made is not None
        return self.made

    def say(self, thread: str, text: str) -> str:
        """A further turn of ours; its id."""
        settle(self.codex_home)
        with self.home.resume(thread) as live:
            return say(live, text)

    def call(self, method: str, **params: Json) -> dict[str, Json]:
        """Have Codex do something to the thread."""
        return self.codex.call(f"thread/{method}", threadId=self.thread, **params)


class After(NamedTuple):
    """What is to be seen: which thread, its turns' texts, and how the last of them ended.

    `name` "" means none; `place` is "active", "archived" or "gone".  Of a fork, `parents` are the
    threads that it comes from, and `own` is the first text of its own.  `left` is how many turns
    lie in rollouts that a `reverted` thread has left.  `compressed` is the rollout's
    form, `branch` that of git, where one was told.  A Codex that did it has it `loaded`, or not; a
    `silent` one has a newest rollout without a message.
    """

    thread: str
    said: tuple[str, ...] = TEXTS
    name: str = ""
    place: str = "active"
    status: str = "completed"
    parents: tuple[str, ...] = ()
    own: str = ""
    reverted: bool = False
    left: int = 0
    compressed: bool = False
    loaded: bool = True
    silent: bool = False
    branch: str | None = None


Do = Callable[[Subject], After]


class Deed(NamedTuple):
    """Something that is done: by us, by Codex 0.169 and by 0.100, where they can.

    `mode` is the history mode that it is for, "" for both.  Codex has the thread `loaded` first.
    """

    name: str
    ours: Do | None
    newest: Do | None = None
    older: Do | None = None
    mode: str = ""
    loaded: bool = True

    def by(self, doer: str) -> Do | None:
        """How one of them does it."""
        return {US: self.ours, NEWEST: self.newest, OLDER: self.older}[doer]


def settle(home: CodexHome) -> None:
    """No rollout has changed for long, as far as one can see."""
    long_ago = time.time() - 60
    for path in home.rollouts():
        os.utime(path, (long_ago, long_ago))


def say(thread: Thread, text: str) -> str:
    """A turn of ours; its id."""
    with thread.turn(text) as turn:
        turn.say(f"Answer to: {text}")
    return turn.id
