"""What Codex shows of a thread, and what we show of it, beside what there is to be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from interop.codex_answers import (
    PROBE,
    Listed,
    Shown,
    codex_turns,
    is_context,
    probe,
    resume,
    threadlog_turns,
)
from interop.codex_made_homes import Builder
from interop.codex_process import NEWEST, AppServer, CodexHome, CodexRefused
from interop.mock_model import Json, MockModel
from interop.operations import After, say, settle
from interop.our_threads import history_sent, without_ids
from threadlog import Archived, Home, InUse, NotFound

OURS = "Said to us."
# What Codex says, in short.
ARCHIVED, NOT_FOUND = "is archived", "not found"
NO_FILE, NOT_UTF8 = "file does not exist", "did not contain valid UTF-8"


class Sight(NamedTuple):
    """One thing about a thread: what is seen of it, and what there is."""

    aspect: str
    seen: Any
    wanted: Any


class Codex(NamedTuple):
    """A Codex that looks; `mode` is that of the threads."""

    server: AppServer
    version: str
    mode: str
    model: MockModel
    home: Home

    @property
    def builder(self) -> Builder:
        """What a user of it does."""
        return Builder(self.server, self.model, self.mode if self.version == NEWEST else None)

    def branch(self, thread: str) -> str | None:
        """The branch that it shows of a thread."""
        git = self.server.call("thread/read", threadId=thread)["thread"].get("gitInfo")
        return str(git["branch"]) if git else None

    def look(self, after: After, row: Listed | None, ours: Listed | None) -> Iterator[Sight]:
        """All that it shows of a thread, which it listed as *row*, and we as *ours*.

        It goes on with it, too.
        """
        thread = after.thread
        yield Sight("listed", row, ours)
        if after.place == "gone":
            yield Sight("read", self._users(thread), NOT_FOUND)
            yield Sight("resumed", self._refusal("resume", thread), NOT_FOUND)
            return
        yield Sight("ours", said(self.home, thread), after.said)
        yield Sight("read", self._users(thread), after.said)
        if after.place == "archived":
            yield Sight("resumed", self._refusal("resume", thread), ARCHIVED)
            yield Sight("unarchived", self._refusal("unarchive", thread), None)
        wanted = [item for item in self.home.model_input(thread) if not is_context(item)]
        refused = self._refusal("resume", thread)
        yield Sight("loaded", refused, None)
        if refused:
            return
        yield from self._going_on(after, wanted)

    def _going_on(self, after: After, wanted: list[dict[str, Json]]) -> Iterator[Sight]:
        thread = after.thread
        request = probe(self.server, self.model, thread)
        sent = history_sent(request, newest=self.version == NEWEST)
        yield Sight("sent", without_ids(sent), without_ids(_known_to(self.version, wanted)))
        if after.branch is not None:
            yield Sight("described", self.branch(thread), after.branch)
        yield Sight("inherited", self._users(thread), (*after.said, PROBE))
        for parent in after.parents if self.mode == "paginated" else ():
            resume(self.server, parent)  # so that it sees the turns which the fork refers to
        turns = codex_turns(self.server, thread)
        yield Sight("turns", *map(self._ends, (turns, threadlog_turns(self.home, thread))))
        if after.said and len(turns) > 1:
            yield Sight("ended", turns[-2].status, after.status)
        fork = self.builder.forked(thread)
        yield Sight("forked", codex_turns(self.server, fork), turns)

    def _ends(self, turns: list[Shown]) -> list[Shown]:
        """Turns as 0.100 tells their ends: whatever has none is complete to it."""
        return turns if self.version == NEWEST else [each._replace(status="") for each in turns]

    def _users(self, thread: str) -> tuple[str, ...] | str:
        """The user's words by turn; a short word where that is refused."""
        try:
            turns = codex_turns(self.server, thread)
        except CodexRefused as refused:
            return _short(refused.message)
        return tuple(text for turn in turns for text in turn.user)

    def _refusal(self, method: str, thread: str) -> str | None:
        """With what words something is refused; None if it is done."""
        try:
            self.server.call(f"thread/{method}", threadId=thread)
        except CodexRefused as refused:
            return _short(refused.message)
        return None


def said(home: Home, thread: str) -> tuple[str, ...]:
    """The user's words in a thread, as we show it."""
    return tuple(text for turn in threadlog_turns(home, thread) for text in turn.user)


def _short(message: str) -> str:
    """A refusal in a word, if it is one of the usual ones."""
    if "no rollout found" in message or "not loaded" in message:
        return NOT_FOUND
    return next((each for each in (ARCHIVED, NO_FILE, NOT_UTF8) if each in message), message)


def _known_to(version: str, items: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Items as a version sends them: 0.100 only with the fields that it knows."""
    if version != NEWEST:
        for item in items:
            for part in item["content"]:
                part.pop("annotations", None)
    return items


class Ours(NamedTuple):
    """Our own look; `loaded_by` is the version of a Codex that has the threads loaded meanwhile."""

    home: Home
    codex_home: CodexHome
    loaded_by: str | None = None

    def look(self, after: After, row: Listed | None, listed: Listed | None) -> Iterator[Sight]:
        """All that we show of a thread, which Codex listed as *row*, and we as *listed*.

        We go on with it, too, if nobody has it.
        """
        thread = after.thread
        yield Sight("listed", row, listed)
        if after.place == "gone":
            yield Sight("read", self._refused(lambda: self.home.get(thread)), NotFound)
            return
        assert listed is not None
        yield Sight("place", listed.archived, after.place == "archived")
        yield Sight("named", listed.name or "", after.name)
        yield Sight("read", said(self.home, thread), after.said)
        if after.branch is not None:
            self.home.catch_up()  # what is set anew stands beyond the head of a rollout
            yield Sight("described", self.home.get(thread).git_branch, after.branch)
        yield from self._going_on(after)

    def _going_on(self, after: After) -> Iterator[Sight]:
        thread = after.thread
        if after.place == "archived":
            yield Sight("resumed", self._refused(lambda: self.home.resume(thread)), Archived)
        if self.loaded_by is not None:
            if self.loaded_by == NEWEST and after.place == "active" and after.loaded:
                yield Sight("held", self._refused(lambda: self.home.archive(thread)), InUse)
            yield from self._fork(thread, after)
            return
        if after.place == "archived":
            self.home.unarchive(thread)
        settle(self.codex_home)
        with self.home.resume(thread) as live:
            say(live, OURS)
        yield Sight("turns", said(self.home, thread), (*after.said, OURS))

    def _fork(self, thread: str, after: After) -> Iterator[Sight]:
        if after.place == "active":
            with self.home.fork(thread) as fork:
                pass
            yield Sight("forked", said(self.home, fork.id), after.said)

    def _refused(self, act: Callable[[], object]) -> type[BaseException] | None:
        """How something is refused; None if it is done."""
        try:
            act()
        except Exception as error:
            return type(error)
        return None
