"""Two processes do to the threads of one home whatever comes; a simple model says what comes of it.

After every step both look at all threads: what is listed, from the index and from the files alone,
what was said, what comes from what, the trash, and that nothing else lies there.
"""

from __future__ import annotations

import inspect
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from hands import Answer, Hand, Remote
from threadlog.core import layout
from threadlog.local import cold, journal
from whole_homes import ACTIVE, ARCHIVED, TRASHED, strangers

LIVES = int(os.environ.get("THREADLOG_LIVES", "10"))
STEPS = 30
DRAFT = "draft"
HERE, THERE = "here", "there"
hands = st.sampled_from((HERE, THERE))
modes = st.sampled_from(("legacy", "paginated"))
picks = st.sampled_from(range(12))
names = st.sampled_from(("one name", "another", "a third"))
cuts = st.sampled_from(("all", "through", "before", "message", "ephemeral"))
NO_TURN = "turn-none"
# What can be done, some of it more often; and what it is done with.
DEEDS = (
    *("start", "take_turn", "take_turn", "close", "close", "resume", "fork", "fork", "roll_back"),
    *("revert", "revert", "rename", "update", "archive", "unarchive", "compress"),
    *("delete", "delete", "restore", "restore", "purge"),
)
GIVEN = {
    "who": hands,
    "mode": modes,
    "number": picks,
    "also": picks,
    "turn": st.integers(0, 3),
    "turns": st.integers(1, 3),
    "cut": cuts,
    "name": names,
    "branch": st.sampled_from(("main", "side")),
    "spawned": st.booleans(),
    "memory": st.booleans(),
    "two": st.booleans(),
}


class Known:
    """What the model knows of a thread; its turns are texts and the threads that recorded them."""

    def __init__(self, thread: str, mode: str, opener: str) -> None:
        self.id = thread
        self.mode = mode
        self.opener: str | None = opener
        self.place = self.lay = DRAFT
        self.turns: list[tuple[str, str]] = []
        self.rollouts = 1
        self.name: str | None = None
        self.branch: str | None = None
        self.parent: str | None = None
        self.forked: str | None = None
        # Whose rollouts its own ones go on from.
        self.bases: set[str] = set()
        self.base: str | None = None  # that of its newest one
        # With which deletion it went, and with whom.
        self.deletion = 0
        self.along: str | None = None

    @property
    def stored(self) -> bool:
        return self.place in (ACTIVE, ARCHIVED)

    @property
    def texts(self) -> list[str]:
        return [text for text, _of in self.turns]

    def base_before(self, turn: int) -> set[str]:
        """Whose rollout a cut before a turn lies in; nobody's before the first."""
        if self.mode == "legacy" or (turn == 0 and self.turns):
            return set()
        return {self.turns[turn][1] if turn < len(self.turns) else self.id}

    def go_on_from(self, base: set[str]) -> None:
        """A further rollout of it is made, or the first."""
        if base != {self.id}:
            self.bases |= base
            self.base = next(iter(base), None)


def said(texts: list[str]) -> list[list[str]]:
    return [[text, f"re {text}"] for text in texts]


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

    def teardown(self) -> None:
        self.here.end()
        self.remote.told("end")
        shutil.rmtree(self.folder)

    # -- how things are asked, and what is expected

    def tell(self, who: str, verb: str, *given: Any, **named: Any) -> Answer:
        to: Hand | Remote = self.here if who == HERE else self.remote
        return to.told(verb, *given, **named)

    def pick(self, number: int, among: Callable[[Known], object] = lambda _one: True) -> Known:
        """A thread of the model; where there is none, one that nobody has heard of."""
        chosen = [each for each in self.known.values() if among(each)]
        if chosen:
            return chosen[number % len(chosen)]
        stranger = Known("01a00000-0000-7000-8000-000000000000", "legacy", "nobody")
        stranger.place = "nowhere"
        return stranger

    def others(self, going: list[Known]) -> list[Known]:
        """Who would stay when some go, in the trash too, and builds on one of them."""
        ids = {each.id for each in going}
        return [each for each in self.known.values() if each not in going and each.bases & ids]

    def below(self, one: Known) -> list[Known]:
        """The subagents of a thread and theirs."""
        found = [each for each in self.known.values() if each.parent == one.id and each.stored]
        return [*found, *(more for each in found for more in self.below(each))]

    @staticmethod
    def refusal(who: str, one: Known, *, archived: bool = True) -> str | None:
        """What is raised since a thread is not there, or not active."""
        if one.place == DRAFT:
            return "NotOnDiskYet" if one.opener == who else "NotFound"
        if not one.stored:
            return "NotFound"
        return "Archived" if archived and one.place == ARCHIVED else None

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """One deed, of which hypothesis would leave out many if each were a rule."""
        deed = getattr(self, data.draw(st.sampled_from(DEEDS), label="deed"))
        wanted = inspect.signature(deed).parameters
        deed(**{name: data.draw(GIVEN[name], label=name) for name in wanted})

    # -- beginning, and going on

    @initialize(whole=st.booleans())
    def there_are_some(self, whole: bool) -> None:
        """A legacy thread with a subagent, a paginated one, and a fork of it; one is open."""
        for mode, turns in (("legacy", 2), ("paginated", 3)):
            self.start(HERE, mode, spawned=mode == "paginated" and not whole, number=0)
            for _ in range(turns):
                self.take_turn(0)
            self.close(0)
        self.fork(THERE, 1, 1, "all" if whole else "through")
        self.start(THERE, "legacy", spawned=True, number=0)
        self.take_turn(1)
        self.close(1)

    def start(self, who: str, mode: str, spawned: bool, number: int) -> None:
        parent = self.pick(number, lambda each: each.stored and each.place == ACTIVE)
        spawner = parent.id if spawned and parent.stored else None
        kind, thread = self.tell(who, "start", mode, spawner)
        assert kind == "done", thread
        self.known[thread] = one = Known(thread, mode, who)
        one.parent = spawner

    def take_turn(self, number: int) -> None:
        one = self.pick(number, lambda each: each.opener)
        if one.opener in (HERE, THERE):
            self.count += 1
            text = f"text {self.count}"
            assert self.tell(one.opener, "take_turn", one.id, text) == ("done", None)
            one.turns.append((text, one.id))
            one.place = ACTIVE

    def close(self, number: int) -> None:
        one = self.pick(number, lambda each: each.opener)
        if one.opener in (HERE, THERE):
            assert self.tell(one.opener, "close", one.id) == ("done", None)
            one.opener = None
            if one.place == DRAFT:
                del self.known[one.id]

    def resume(self, who: str, number: int) -> None:
        one = self.pick(number)
        kind, value = self.tell(who, "resume", one.id)
        refusal = self.refusal(who, one) or ("InUse" if one.opener else None)
        assert kind == (refusal or "done"), value
        if refusal is None:
            one.opener = who

    # -- forks, and turns that count no more

    def fork(self, who: str, number: int, turn: int, cut: str) -> None:
        parent = self.pick(number, lambda each: each.turns)
        where, end = self.cut(parent, turn, cut)
        kind, value = self.tell(who, "fork", parent.id, **where)
        refusal = self.refusal(who, parent) or ("NotFound" if NO_TURN in where.values() else None)
        assert kind == (refusal or "done"), value
        if refusal is None and cut == "ephemeral":
            assert value == said(parent.texts)
        elif refusal is None:
            self.known[value] = one = Known(value, parent.mode, who)
            one.place, one.forked, one.name = ACTIVE, parent.id, parent.name
            one.turns = parent.turns[:end]
            if parent.mode == "legacy":
                one.turns = [(text, one.id) for text, _of in one.turns]
            one.go_on_from(parent.base_before(end))

    @staticmethod
    def cut(parent: Known, turn: int, cut: str) -> tuple[dict[str, Any], int]:
        """How a cut is asked for, and how many turns come before it."""
        name = f"turn-{parent.texts[turn]}" if turn < len(parent.turns) else NO_TURN
        if cut == "through":
            return {cut: name}, turn + 1
        if cut == "before":
            return {cut: name}, turn
        if cut == "message":
            return {cut: turn}, min(turn, len(parent.turns))
        return {"ephemeral": True} if cut == "ephemeral" else {}, len(parent.turns)

    def roll_back(self, who: str, number: int, turns: int) -> None:
        one = self.pick(number)
        kind, value = self.tell(who, "rollback", one.id, turns)
        refusal = self.refusal(who, one) or ("InUse" if one.opener not in (None, who) else None)
        refusal = refusal or ("Refused" if one.mode == "paginated" else None)
        assert kind == (refusal or "done"), value
        if refusal is None:
            del one.turns[-turns:]

    def revert(self, who: str, number: int, turn: int) -> None:
        one = self.pick(number, lambda each: each.mode == "paginated" or turn == 0)
        name = f"turn-{one.texts[turn]}" if turn < len(one.turns) else NO_TURN
        kind, value = self.tell(who, "revert", one.id, name)
        refusal = self.refusal(who, one) or ("Refused" if one.mode == "legacy" else None)
        refusal = refusal or ("NotFound" if name == NO_TURN else None)
        refusal = refusal or ("InUse" if one.opener not in (None, who) else None)
        assert kind == (refusal or "done"), value
        if refusal is None:
            one.go_on_from(one.base_before(turn))
            del one.turns[turn:]
            one.rollouts += 1
            one.opener = who

    # -- what is known of threads

    def rename(self, who: str, number: int, name: str) -> None:
        one = self.pick(number)
        kind, value = self.tell(who, "rename", one.id, name)
        mine = one.place == DRAFT and one.opener == who
        refusal = None if mine else self.refusal(who, one, archived=False)
        assert kind == (refusal or "done"), value
        if refusal is None:
            one.name = name

    def update(self, who: str, number: int, branch: str, memory: bool) -> None:
        one = self.pick(number)
        kind, value = self.tell(who, "update", one.id, branch, "disabled" if memory else None)
        mine = one.opener == who
        refusal = None if mine else self.refusal(who, one, archived=False)
        if one.mode == "legacy" and one.opener is not None and not mine:
            refusal = refusal or "InUse"
        assert kind == (refusal or "done"), value
        if refusal is None:
            one.branch = branch

    # -- away, and back

    def archive(self, who: str, number: int) -> None:
        one = self.pick(number)
        kind, value = self.tell(who, "put", "archive", [one.id])
        refusal = self.refusal(who, one) or ("InUse" if one.opener else None)
        assert kind == (refusal or "done"), value
        if refusal is None:
            below = [each for each in self.below(one) if each.place == ACTIVE and not each.opener]
            assert value == sorted(each.id for each in (one, *below))
            for each in (one, *below):
                each.place = ARCHIVED

    def unarchive(self, who: str, number: int) -> None:
        one = self.pick(number)
        kind, value = self.tell(who, "put", "unarchive", [one.id])
        refusal = self.refusal(who, one, archived=False)
        refusal = refusal or ("Refused" if one.place == ACTIVE else None)
        assert kind == (refusal or "done"), value
        if refusal is None:
            below = [each for each in self.below(one) if each.place == ARCHIVED]
            assert value == sorted(each.id for each in (one, *below))
            for each in (one, *below):
                each.place = ACTIVE

    def delete(self, who: str, number: int, also: int, two: bool) -> None:
        roots = [self.pick(number)]
        if two and self.pick(also) is not roots[0]:
            roots.append(self.pick(also))
        kind, value = self.tell(who, "put", "delete", [each.id for each in roots])
        refusals = [self.refusal(who, each, archived=False) for each in roots]
        if refusal := next(filter(None, refusals), None):
            assert kind == refusal, value
            return
        family: dict[Known, Known] = {}
        if roots[0] in self.below(roots[-1]):
            roots.reverse()
        for root in roots:
            for each in (root, *self.below(root)):
                family.setdefault(each, root)
        gone = self.leaving(family)
        if len(gone) == len(family):
            assert (kind, value) == ("done", sorted(each.id for each in gone))
        elif len(roots) == 1:
            (root,) = roots
            built_on = self.others(list(family))
            assert kind == ("InUse" if root.opener and not built_on else "Refused"), value
        else:
            told = [(vars(each), each in family, each in gone) for each in self.known.values()]
            assert (kind, value[0]) == ("PartlyDone", sorted(each.id for each in gone)), told
        self.count += 1
        for each in gone:
            each.lay, each.place = each.place, TRASHED
            each.deletion = self.count
            each.along = None if family[each] is each else family[each].id

    def leaving(self, family: dict[Known, Known]) -> list[Known]:
        """Who can be deleted: families without anybody in use, or that others build on who stay."""
        leaving = list(family)
        while True:
            stuck = {family[one] for one in leaving if one.opener or self.stays_for(one, leaving)}
            if not stuck:
                return leaving
            leaving = [each for each in leaving if family[each] not in stuck]

    def stays_for(self, one: Known, leaving: list[Known]) -> bool:
        """True if somebody who stays builds on a thread."""
        return any(each not in leaving and each is not one for each in self.others([one]))

    def together(self, one: Known) -> list[Known]:
        """A thread in the trash with those that were deleted along with it."""
        return [
            each
            for each in self.known.values()
            if each is one
            or (each.place == TRASHED and (each.along, each.deletion) == (one.id, one.deletion))
        ]

    def restore(self, who: str, number: int) -> None:
        one = self.pick(number, lambda each: each.place == TRASHED)
        kind, value = self.tell(who, "put", "restore", [one.id])
        assert kind == ("done" if one.place == TRASHED else "NotFound"), value
        if one.place == TRASHED:
            back = self.with_bases(self.together(one))
            assert value == sorted(each.id for each in back)
            for each in back:
                each.place = each.lay

    def with_bases(self, back: list[Known]) -> list[Known]:
        """These, and what they go on from by reference, as far as it is in the trash."""
        more = [
            each
            for each in self.known.values()
            if each not in back
            and each.place == TRASHED
            and any(each.id in one.bases for one in back)
        ]
        return self.with_bases([*back, *more]) if more else back

    def purge(self, who: str, number: int) -> None:
        one = self.pick(number, lambda each: each.place == TRASHED)
        kind, value = self.tell(who, "put", "purge", [one.id])
        gone = self.together(one)
        refusal = "NotFound" if one.place != TRASHED else "Refused" if self.others(gone) else None
        assert kind == (refusal or "done"), value
        if refusal is None:
            assert value == sorted(each.id for each in gone)
            for each in gone:
                del self.known[each.id]

    def compress(self, who: str, number: int) -> None:
        one = self.pick(number)
        kind, value = self.tell(who, "compress", one.id)
        refusal = self.refusal(who, one, archived=False)
        assert kind == (refusal or "done"), value
        if refusal is None:
            assert len(value) == one.rollouts
            assert set(value) <= ({"skipped"} if one.opener else {"compressed", "skipped"})

    # -- what must be so after every step

    @invariant()
    def both_see_what_the_model_says(self) -> None:
        expected = {each.id: self.shown(each) for each in self.known.values() if each.stored}
        trashed = sorted(each.id for each in self.known.values() if each.place == TRASHED)
        for who in (HERE, THERE):
            kind, found = self.tell(who, "look")
            assert kind == "done", found
            for thread, facts in expected.items():
                assert found.get(thread) == facts
            assert found.keys() == expected.keys()
            assert self.tell(who, "trash") == ("done", trashed)

    def line(self, one: Known) -> list[str]:
        """What a thread was forked from, and what it builds on where that differs, oldest first."""
        told: list[str] = []
        seen: set[str] = set()

        def tell(thread: str) -> None:
            if thread in seen:
                return
            seen.add(thread)
            known = self.known.get(thread)
            if known and known.stored:
                base = self.known.get(known.base or "")
                if base and base.stored:
                    tell(base.id)
                if known.forked:
                    tell(known.forked)
            told.append(thread)

        tell(one.id)
        return told

    def shown(self, one: Known) -> dict[str, Any]:
        return {
            "place": one.place,
            "turns": said(one.texts),
            "name": one.name,
            "mode": one.mode,
            "rollouts": one.rollouts,
            "forked from": one.forked,
            "parent": one.parent,
            "branch": one.branch,
            "line": self.line(one),
        }

    @invariant()
    def nothing_else_lies_there(self) -> None:
        home = Path(self.path)
        assert strangers(home) == []
        found: dict[str, list[str]] = {}
        for place, root in ((ACTIVE, layout.SESSIONS), (ARCHIVED, layout.ARCHIVED)):
            for path in (home / root).rglob("rollout-*"):
                name = layout.parse_name(path.name)
                assert name is not None
                found.setdefault(str(name.thread_id), []).append(place)
        assert found == {
            each.id: [each.place] * each.rollouts for each in self.known.values() if each.stored
        }


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    """The other process; it serves one home after the other."""
    for module in (journal, cold):
        monkeypatch.setattr(module, "STILL_S", 0)
    other = Remote()
    yield other
    other.end()


def test_two_processes_and_a_model_agree_on_whatever_is_done(remote: Remote) -> None:
    Lives.remote = remote
    run_state_machine_as_test(
        Lives,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # what fails is soon found again, and slowly made smaller
            suppress_health_check=list(HealthCheck),
        ),
    )
