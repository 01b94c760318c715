"""A walk of many operations by random doers in one home; after each step all agree on what is."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.codex_answers import codex_default_listing, is_context, opened, threadlog_listing
from interop.codex_made_homes import Builder
from interop.codex_process import (
    NEWEST,
    OLDER,
    AppServer,
    CodexHome,
    CodexRefused,
    await_true,
)
from interop.looking import said
from interop.matrix import LEGACY, PAGINATED
from interop.mock_model import MockModel
from interop.operations import US, settle
from interop.operations import say as ask
from threadlog import InUse, Refused
from threadlog.checkup import check_up, mend
from threadlog.core import layout

SEED = int(os.environ.get("THREADLOG_SEED", "7"))
STEPS = int(os.environ.get("THREADLOG_STEPS", "200"))
ALL_EACH = 25  # every so many steps all threads are read


@dataclasses.dataclass
class Known:
    """What is to be seen of a thread: `told` is its name for Codex 0.169."""

    mode: str
    said: tuple[str, ...]
    name: str = ""
    told: str = ""
    place: str = "active"


class Walk:
    """A home, what there should be in it, and a Codex 0.169 that runs most of the time."""

    def __init__(
        self, newest: Path, older: Path, home: CodexHome, model: MockModel, stack: Stack
    ) -> None:
        self.codex_home = home
        self.home = opened(home)
        self.threads: dict[str, Known] = {}
        self.trash: dict[str, Known] = {}
        self.loaded: set[str] = set()
        self.owed: set[str] = set()  # whose rows need not be as their files
        self.random = random.Random(SEED)
        self.done: list[str] = []
        self._newest, self._older, self._model, self._stack = newest, older, model, stack
        self.codex = stack.enter_context(AppServer(newest, home))

    # -- who does it

    def restart(self) -> None:
        """Codex ends, and starts again: nothing is loaded."""
        self.codex.close()
        self.loaded.clear()
        self.codex = self._stack.enter_context(AppServer(self._newest, self.codex_home))

    @contextlib.contextmanager
    def older(self) -> Iterator[Builder]:
        """Codex 0.100 for a moment; it takes no locks, and heeds none."""
        with AppServer(self._older, self.codex_home) as codex:
            yield Builder(codex, self._model, None)

    def builder(self, mode: str) -> Builder:
        """Codex 0.169, that runs."""
        return Builder(self.codex, self._model, mode)

    def load(self, thread: str) -> None:
        """Codex 0.169 has it, and lets nobody else write."""
        self.codex.call("thread/resume", threadId=thread)
        self.loaded.add(thread)

    def free(self, thread: str, act: Callable[[], object]) -> object:
        """We do something to a thread; not while Codex has it."""
        settle(self.codex_home)
        if thread in self.loaded:
            with pytest.raises(InUse):
                act()
            self.restart()
            settle(self.codex_home)
        return act()

    def sent(self) -> tuple[str, ...]:
        """The user's words in the last request to the model."""
        items = [item for item in self._model.requests[-1].input if not is_context(item)]
        asked = [item for item in items if item.get("role") == "user"]
        return tuple("".join(part["text"] for part in item["content"]) for item in asked)

    def mend(self) -> None:
        """Rows follow: 0.100 leaves them where they are, and no fork of ours has its name there."""
        for each in mend(self.home):
            assert each.done == (each.thread_id not in self.loaded), each.told
            assert each.thread_id in self.owed, "that is no fault but ours"
            if each.done:
                self.threads[each.thread_id].told = self.threads[each.thread_id].name
        left = check_up(self.home).codex.differences
        assert {each.thread_id for each in left if not each.harmless} <= self.loaded, left

    def choose(self, place: str = "active", mode: str = "") -> str | None:
        """Any thread of a kind."""
        fits = [
            key
            for key, known in self.threads.items()
            if known.place == place and mode in ("", known.mode)
        ]
        return self.random.choice(fits) if fits else None

    def text(self) -> str:
        """Something that was not said before."""
        return f"Said {len(self.done)}."

    # -- the check

    def check(self, touched: str | None) -> None:
        """All of us list the same threads, and the last one touched is what it should be."""
        listed = threadlog_listing(self.home)
        assert listed.keys() == self.threads.keys()
        theirs = codex_default_listing(self.codex)
        assert theirs.keys() == self.threads.keys()
        for key, known in self.threads.items():
            archived = known.place == "archived"
            assert (listed[key].archived, listed[key].name or "") == (archived, known.name), key
            assert (theirs[key].archived, theirs[key].name or "") == (archived, known.told), key
        every = len(self.done) % ALL_EACH == 0
        if every:
            self.mend()
        for key, known in self.threads.items():
            if every or key == touched:
                assert said(self.home, key) == known.said, key


Stack = contextlib.ExitStack


def _begin(walk: Walk, doer: str) -> str:
    mode = LEGACY if doer == OLDER else walk.random.choice((LEGACY, PAGINATED))
    text = walk.text()
    if doer == US:
        with walk.home.start(cwd=walk.codex_home.work, history_mode=mode) as live:
            ask(live, text)
        thread = live.id
    elif doer == NEWEST:
        thread, _turns = walk.builder(mode).chat(text)
        walk.loaded.add(thread)
    else:
        with walk.older() as builder:
            thread, _turns = builder.chat(text)
    walk.threads[thread] = Known(mode, (text,))
    return thread


def _go_on(walk: Walk, doer: str) -> str | None:
    thread = _chosen(walk, doer)
    if thread is None:
        return None
    known, text = walk.threads[thread], walk.text()
    if doer == US:
        with walk.free(thread, lambda: walk.home.resume(thread)) as live:  # type: ignore[attr-defined]
            ask(live, text)
    elif doer == NEWEST:
        walk.load(thread)
        walk.builder(known.mode).turn(thread, text)
        assert walk.sent() == (*known.said, text), "the model saw something else"
    else:
        with walk.older() as builder:
            builder.call("thread/resume", thread)
            builder.turn(thread, text)
    known.said += (text,)
    return thread


def _fork(walk: Walk, doer: str) -> str | None:
    thread = _chosen(walk, doer)
    if thread is None:
        return None
    known, text = walk.threads[thread], walk.text()
    name, told = known.name, known.told
    if doer == US:
        with walk.home.fork(thread) as live:
            ask(live, text)
        fork = live.id
        told = name if known.mode == LEGACY else ""  # Codex has no row of it
        walk.owed.add(fork)
    elif doer == NEWEST:
        fork = walk.builder(known.mode).forked(thread, text)
        name = told
        walk.loaded.add(fork)
    else:
        with walk.older() as builder:
            fork = builder.forked(thread, text)
        name = told = ""
    walk.threads[fork] = Known(known.mode, (*known.said, text), name, told)
    return fork


def _rename(walk: Walk, doer: str) -> str | None:
    thread = _chosen(walk, doer)
    if thread is None:
        return None
    known, name = walk.threads[thread], f"Name {len(walk.done)}"
    if doer == US:
        settle(walk.codex_home)
        walk.home.rename(thread, name)
    elif doer == NEWEST:
        walk.codex.call("thread/name/set", threadId=thread, name=name)
    else:
        if known.told:
            return None  # it does not change the row, of which 0.169 has the name
        with walk.older() as builder:
            builder.call("thread/resume", thread)
            builder.call("thread/name/set", thread, name=name)
            names = walk.codex_home.path / layout.NAME_FILE
            await_true(lambda: names.exists() and name in names.read_text())
    known.name = known.told = name
    return thread


def _archive(walk: Walk, doer: str) -> str | None:
    thread = _chosen(walk, doer)
    if thread is None:
        return None
    if doer == US:
        walk.free(thread, lambda: walk.home.archive(thread))
    elif doer == NEWEST:
        walk.codex.call("thread/archive", threadId=thread)
        walk.loaded.discard(thread)
    else:
        with walk.older() as builder:
            builder.call("thread/archive", thread)
        walk.owed.add(thread)
        walk.mend()
    walk.threads[thread].place = "archived"
    return thread


def _unarchive(walk: Walk, doer: str) -> str | None:
    thread = _chosen(walk, doer, "archived")
    if thread is None:
        return None
    if doer == US:
        walk.home.unarchive(thread)
    elif doer == NEWEST:
        walk.codex.call("thread/unarchive", threadId=thread)
    else:
        with walk.older() as builder:
            builder.call("thread/unarchive", thread)
        walk.owed.add(thread)
        walk.mend()
    walk.threads[thread].place = "active"
    return thread


def _delete(walk: Walk, doer: str) -> str | None:
    thread = _chosen(walk, doer)
    if thread is None or doer == OLDER:
        return None
    try:
        if doer == US:
            walk.free(thread, lambda: walk.home.delete(thread))
        else:
            walk.codex.call("thread/delete", threadId=thread)
            walk.loaded.discard(thread)
    except (Refused, CodexRefused):
        if walk.threads[thread].mode == LEGACY:
            raise
        return thread  # others go on from it
    gone = walk.threads.pop(thread)
    if doer == US:
        walk.trash[thread] = gone
    return thread


def _restore(walk: Walk, doer: str) -> str | None:
    if doer != US or not walk.trash:
        return None
    thread = walk.random.choice(list(walk.trash))
    walk.home.restore(thread)
    known = walk.trash.pop(thread)
    if known.mode == PAGINATED:
        known.told = ""  # Codex had it in the row only
        walk.owed.add(thread)
    walk.threads[thread] = known
    return thread


def _take_back(walk: Walk, doer: str) -> str | None:
    """A turn is taken back, as the history mode has it."""
    thread = _chosen(walk, doer)
    if thread is None or not walk.threads[thread].said:
        return None
    known = walk.threads[thread]
    if known.mode == PAGINATED:
        if len(known.said) < 2:
            return None  # Codex does not list what holds no message
        return _revert(walk, doer, thread)
    if doer == NEWEST or len(known.said) < 2:
        return None
    if doer == US:
        walk.free(thread, lambda: walk.home.rollback(thread))
    else:
        with walk.older() as builder:
            builder.call("thread/resume", thread)
            builder.call("thread/rollback", thread, numTurns=1)
    known.said = known.said[:-1]
    return thread


def _revert(walk: Walk, doer: str, thread: str) -> str:
    """Another turn comes in place of the last."""
    known, text = walk.threads[thread], walk.text()
    last = list(walk.home.turns(thread))[-1].id
    if doer == US:
        with walk.free(thread, lambda: walk.home.revert(thread, before=last)) as live:  # type: ignore[attr-defined]
            ask(live, text)
    else:
        walk.load(thread)
        walk.codex.call("thread/revert", threadId=thread, beforeTurnId=last)
        walk.builder(known.mode).turn(thread, text)
    known.said = (*known.said[:-1], text)
    return thread


def _compress(walk: Walk, doer: str) -> str | None:
    thread = walk.choose()
    if thread is None or doer != US:
        return None
    settle(walk.codex_home)
    for result in walk.home.compress(thread, older_than_days=0):
        assert result.status == "compressed" or result.reason
    return thread


def _restart(walk: Walk, doer: str) -> str | None:
    if doer != NEWEST:
        return None
    walk.restart()
    return walk.choose()


def _chosen(walk: Walk, doer: str, place: str = "active") -> str | None:
    """A thread that the doer can do things to."""
    if doer != OLDER:
        return walk.choose(place)
    thread = walk.choose(place, LEGACY)  # which nobody has, and it can read
    free = thread is not None and thread not in walk.loaded
    return thread if free and not walk.home.get(thread or "").compressed else None


STEPS_BY_NAME: dict[str, tuple[Callable[[Walk, str], str | None], int]] = {
    "begin": (_begin, 3),
    "go on": (_go_on, 5),
    "fork": (_fork, 3),
    "rename": (_rename, 3),
    "archive": (_archive, 3),
    "unarchive": (_unarchive, 4),
    "delete": (_delete, 2),
    "restore": (_restore, 2),
    "take back": (_take_back, 3),
    "compress": (_compress, 2),
    "restart": (_restart, 1),
}
DOERS = {US: 5, NEWEST: 4, OLDER: 1}


def test_after_each_step_of_a_walk_all_agree(
    newest: Path,
    older: Path,
    codex_home: CodexHome,
    model: MockModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(codex_home.path))
    with contextlib.ExitStack() as stack:
        walk = Walk(newest, older, codex_home, model, stack)
        names, weights = list(STEPS_BY_NAME), [weight for _, weight in STEPS_BY_NAME.values()]
        while len(walk.done) < STEPS:
            (name,) = walk.random.choices(names, weights)
            (doer,) = walk.random.choices(list(DOERS), list(DOERS.values()))
            do, _weight = STEPS_BY_NAME[name]
            thread = do(walk, doer)
            if thread is None:
                continue  # there is no such thread
            walk.done.append(f"{doer}: {name} {thread}")
            try:
                walk.check(thread)
            except AssertionError as error:
                error.add_note("\n".join(walk.done))
                raise
