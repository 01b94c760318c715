"""Two processes do to the threads of one home whatever comes; a simple model says what comes of it.

After every step all threads are looked at by both: what is listed, from the index and from the
files alone, what was said, what comes from what, the trash, and that nothing else lies there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    rule,
)

from hands import Answer, Hand, Remote

LIVES = int(os.environ.get("THREADLOG_LIVES", "12"))
STEPS = 25
MODES = ("legacy", "paginated")
HERE, THERE = "here", "there"
hands = st.sampled_from((HERE, THERE))
picks = st.integers(0, 999)
names = st.sampled_from(("one name", "another", "a third"))


class Known:
    """What the model knows of a thread."""

    def __init__(self, thread: str, mode: str) -> None:
        self.id = thread
        self.mode = mode
        self.turns: list[str] = []
        self.place = "draft"
        self.opener: str | None = None
        self.name: str | None = None
        self.branch: str | None = None
        self.parent: str | None = None
        self.forked: str | None = None
        self.rollouts = 1
        self.compressed = False
        # Of whose rollouts its own begin: thread and the number of its rollout.
        self.bases: list[tuple[str, int]] = []
        self.along: str | None = None

    @property
    def live(self) -> bool:
        """True if it is on disk, and not in the trash."""
        return self.place in ("active", "archived")


class Lives(RuleBasedStateMachine):
    """The home, both processes, and the model."""

    remote: Remote

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.path = os.path.join(self.folder, "home")
        os.mkdir(self.path)
        self.here = Hand(self.path)
        self.remote.told("open", self.path)
        self.known: dict[str, Known] = {}
        self.count = 0
        self.texts = 0

    def teardown(self) -> None:
        self.here.end()
        self.remote.told("end")
        shutil.rmtree(self.folder)

    # -- telling

    def tell(self, who: str, verb: str, *given: Any, **named: Any) -> Answer:
        to: Hand | Remote = self.here if who == HERE else self.remote
        return to.told(verb, *given, **named)

    def expect(self, told: Answer, *kinds: str) -> Any:
        assert told[0] in kinds, (told, kinds)
        return told[1]

    def text(self) -> str:
        self.texts += 1
        return f"text {self.texts}"

    def pick(self, number: int, *, among: Any = None) -> Known | None:
        chosen = [each for each in self.known.values() if among is None or among(each)]
        return chosen[number % len(chosen)] if chosen else None

    def missing(self, who: str, one: Known) -> str | None:
        """Why a thread cannot be had by its id at all; None if it can."""
        if one.place == "draft":
            return "NotOnDiskYet" if one.opener == who else "NotFound"
        return None if one.live else "NotFound"

    # -- beginning, and going on

    @rule(who=hands, mode=st.sampled_from(MODES), spawned=st.booleans(), number=picks)
    def start(self, who: str, mode: str, spawned: bool, number: int) -> None:
        parent = self.pick(number, among=lambda each: each.live) if spawned else None
        thread = self.expect(self.tell(who, "start", mode, parent and parent.id), "done")
        one = self.known[thread] = Known(thread, mode)
        one.opener = who
        one.parent = parent and parent.id

    @rule(number=picks)
    def take_turn(self, number: int) -> None:
        one = self.pick(number, among=lambda each: each.opener is not None)
        if one is None or one.opener is None:
            return
        text = self.text()
        self.expect(self.tell(one.opener, "take_turn", one.id, text), "done")
        one.turns.append(text)
        if one.place == "draft":
            one.place = "active"

    @rule(number=picks)
    def close(self, number: int) -> None:
        one = self.pick(number, among=lambda each: each.opener is not None)
        if one is None or one.opener is None:
            return
        if one.place == "draft" and one.name is not None:
            return  # it warns of what it drops
        self.expect(self.tell(one.opener, "close", one.id), "done")
        one.opener = None
        if one.place == "draft":
            del self.known[one.id]

    @rule(who=hands, number=picks)
    def resume(self, who: str, number: int) -> None:
        one = self.pick(number)
        if one is None:
            return
        told = self.tell(who, "resume", one.id)
        if refused := self.missing(who, one):
            self.expect(told, refused)
        elif one.place == "archived":
            self.expect(told, "Archived")
        elif one.opener is not None:
            self.expect(told, "InUse")
        else:
            self.expect(told, "done")
            one.opener, one.compressed = who, False

    # -- forks, and what counts no more

    @rule(
        who=hands,
        number=picks,
        turn=st.integers(0, 4),
        how=st.sampled_from(("all", "through", "before", "message", "ephemeral")),
    )
    def fork(self, who: str, number: int, turn: int, how: str) -> None:
        one = self.pick(number)
        if one is None:
            return
        turns, where = one.turns, {}
        if how in ("through", "before"):
            where = {how: f"turn-{turns[turn]}" if turn < len(turns) else "turn-none"}
            turns = turns[: turn + (how == "through")]
        elif how == "message":
            where, turns = {"message": turn}, turns[:turn]
        elif how == "ephemeral":
            where = {"ephemeral": True}
        told = self.tell(who, "fork", one.id, **where)
        if refused := self.missing(who, one):
            self.expect(told, refused)
        elif one.place == "archived":
            self.expect(told, "Archived")
        elif "turn-none" in where.values():
            self.expect(told, "NotFound")
        elif how == "ephemeral":
            assert self.expect(told, "done") == said(one.turns)
        else:
            self.forked(who, one, self.expect(told, "done"), [*turns])

    def forked(self, who: str, parent: Known, thread: str, turns: list[str]) -> None:
        one = self.known[thread] = Known(thread, parent.mode)
        one.opener, one.place = who, "active"
        one.forked, one.turns, one.name = parent.id, turns, parent.name

    @rule(who=hands, number=picks, turns=st.integers(1, 3))
    def roll_back(self, who: str, number: int, turns: int) -> None:
        one = self.pick(number)
        if one is None:
            return
        told = self.tell(who, "rollback", one.id, turns)
        if refused := self.missing(who, one):
            self.expect(told, refused)
        elif one.place == "archived":
            self.expect(told, "Archived")
        elif one.opener not in (None, who):
            self.expect(told, "InUse")
        elif one.mode == "paginated":
            self.expect(told, "Refused")
            one.compressed = False
        else:
            self.expect(told, "done")
            one.turns = one.turns[: -turns or None] if turns < len(one.turns) else []
            one.compressed = False

    @rule(who=hands, number=picks, turn=st.integers(0, 4))
    def revert(self, who: str, number: int, turn: int) -> None:
        one = self.pick(number)
        if one is None:
            return
        name = f"turn-{one.turns[turn]}" if turn < len(one.turns) else "turn-none"
        told = self.tell(who, "revert", one.id, name)
        if refused := self.missing(who, one):
            self.expect(told, refused)
        elif one.place == "archived":
            self.expect(told, "Archived")
        elif one.mode == "legacy":
            self.expect(told, "Refused")
        elif name == "turn-none":
            self.expect(told, "NotFound")
        elif one.opener not in (None, who):
            self.expect(told, "InUse")
        else:
            self.expect(told, "done")
            one.turns = one.turns[:turn]
            one.rollouts += 1
            one.opener = who

    # -- what is known of them

    @rule(who=hands, number=picks, name=names)
    def rename(self, who: str, number: int, name: str) -> None:
        one = self.pick(number)
        if one is None:
            return
        told = self.tell(who, "rename", one.id, name)
        refused = self.missing(who, one)
        if refused == "NotFound":
            self.expect(told, refused)
        else:
            self.expect(told, "done")
            one.name = name

    @rule(who=hands, number=picks, branch=st.sampled_from(("main", "side")), memory=st.booleans())
    def update(self, who: str, number: int, branch: str, memory: bool) -> None:
        one = self.pick(number)
        if one is None:
            return
        told = self.tell(who, "update", one.id, branch, "disabled" if memory else None)
        refused = self.missing(who, one)
        if refused == "NotFound":
            self.expect(told, refused)
        elif one.mode == "legacy" and one.opener not in (None, who):
            self.expect(told, "InUse")
        else:
            self.expect(told, "done")
            one.branch = branch
            if one.mode == "legacy":
                one.compressed = False

    # -- putting away

    def below(self, one: Known) -> list[Known]:
        """The subagents of a thread and theirs."""
        found = [
            each for each in self.known.values() if each.parent == one.id and each.place != "draft"
        ]
        return [*found, *(more for each in found for more in self.below(each))]

    @rule(who=hands, number=picks)
    def archive(self, who: str, number: int) -> None:
        one = self.pick(number)
        if one is None:
            return
        told = self.tell(who, "put", "archive", [one.id])
        if refused := self.missing(who, one):
            self.expect(told, refused)
        elif one.place == "archived":
            self.expect(told, "Archived")
        elif one.opener is not None:
            self.expect(told, "InUse")
        else:
            free = [
                each for each in self.below(one) if each.opener is None and each.place == "active"
            ]
            moved = [one, *free]
            assert self.expect(told, "done") == sorted(each.id for each in moved)
            for each in moved:
                each.place = "archived"

    @rule(who=hands, number=picks)
    def unarchive(self, who: str, number: int) -> None:
        one = self.pick(number)
        if one is None:
            return
        told = self.tell(who, "put", "unarchive", [one.id])
        if refused := self.missing(who, one):
            self.expect(told, refused)
        elif one.place == "active":
            self.expect(told, "Refused")
        else:
            assert self.expect(told, "done") == [one.id]
            one.place = "active"

    def builders(self, going: list[Known]) -> list[Known]:
        """Who goes on by reference from one of these, and stays."""
        ids = {each.id for each in going}
        return [
            each
            for each in self.known.values()
            if each not in going and each.mode == "paginated" and ids & self.bases(each)
        ]

    def bases(self, one: Known) -> set[str]:
        return {thread for thread, _number in one.bases}

    @rule(who=hands, number=picks)
    def delete(self, who: str, number: int) -> None:
        one = self.pick(number)
        if one is None:
            return
        told = self.tell(who, "put", "delete", [one.id])
        if refused := self.missing(who, one):
            self.expect(told, refused)
            return
        going = [one, *(each for each in self.below(one) if each.live)]
        if told[0] == "Refused":
            assert any(
                self.lines_from(each, going) for each in self.known.values() if each not in going
            )
            return
        assert not any(
            self.lines_from(each, going)
            for each in self.known.values()
            if each not in going and each.place != "draft"
        )
        free = [each for each in going if each.opener is None]
        if one.opener is not None:
            self.expect(told, "InUse", "PartlyDone")
        else:
            assert self.expect(told, "done") == sorted(each.id for each in free)
        for each in free:
            each.place, each.along = "trash", None if each is one else one.id

    def lines_from(self, one: Known, others: list[Known]) -> bool:
        """True if a thread builds on another: it was forked from it by reference, at one time."""
        return one.mode == "paginated" and one.forked in {each.id for each in others}
