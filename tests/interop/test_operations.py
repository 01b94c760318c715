"""What threadlog does to threads Codex takes as its own doing, started cold; and the other way."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from interop.codex_answers import (
    PROBE,
    Listed,
    Shown,
    codex_turns,
    is_context,
    opened,
    probe,
    resume,
    threadlog_listing,
    threadlog_turns,
)
from interop.codex_made_homes import Builder
from interop.codex_process import NEWEST, AppServer, CodexHome
from interop.mock_model import MockModel
from interop.operations import DEEDS, TEXTS, After, Subject, say, settle
from interop.our_threads import Form, history_sent, without_ids
from threadlog import Archived, Home, NotFound

OURS = "Said to us."
# A Codex, a history mode, and who made the threads.  0.100 looks at files, not rows: with it those
# of its own, of ours and of 0.169 take turns.
STAGES = (
    *("newest, legacy, newest", "newest, legacy, threadlog"),
    *("newest, paginated, newest", "newest, paginated, threadlog"),
    "older, legacy, older threadlog newest",
)


Makers = Sequence[Path | None]


class Stage:
    """A home in which something is done to threads, and those who look at it."""

    def __init__(self, form: Form, makers: Makers, home: CodexHome, model: MockModel) -> None:
        self.form = form
        self.codex_home = home
        self.model = model
        self.home: Home = opened(home)
        self.by_codex: set[str] = set()
        self._makers = makers

    def start(self) -> AppServer:
        """A Codex that knows only what is on disk."""
        return AppServer(self.form.binary, self.codex_home)

    def builder(self, codex: AppServer, *, newest: bool | None = None) -> Builder:
        """What a user of it does."""
        newest = self.form.newest if newest is None else newest
        return Builder(codex, self.model, self.form.mode if newest else None)

    def make(self, count: int) -> list[Subject]:
        """Threads of two turns, by binaries of Codex and by us, in turns."""
        chats = []
        with contextlib.ExitStack() as running:
            builders = [
                maker
                and self.builder(
                    running.enter_context(AppServer(maker, self.codex_home)),
                    newest=NEWEST in maker.parts,
                )
                for maker in self._makers
            ]
            for builder in itertools.islice(itertools.cycle(builders), count):
                chats.append(builder.chat(*TEXTS) if builder else self._record())
                self.by_codex.update([chats[-1][0]] if builder else [])
        settle(self.codex_home)
        return [Subject(self.home, self.codex_home, self.form, *chat) for chat in chats]

    def _record(self) -> tuple[str, list[str]]:
        with self.home.start(cwd=self.codex_home.work, history_mode=self.form.mode) as thread:
            turns = [say(thread, text) for text in TEXTS]
        return thread.id, turns


@pytest.fixture(params=STAGES)
def stage(
    request: pytest.FixtureRequest,
    codex_home: CodexHome,
    model: MockModel,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(codex_home.path))
    name, mode, makers = request.param.split(", ")
    binaries = {each: request.getfixturevalue(each) for each in ("newest", "older")}
    form = Form(binaries[name], mode, name == "newest")
    return Stage(form, [binaries.get(each) for each in makers.split()], codex_home, model)


def test_codex_sees_what_we_did(stage: Stage, subtests: pytest.Subtests) -> None:
    deeds = [deed for deed in DEEDS if deed.fits(stage.form)]
    afters = {}
    for deed, subject in zip(deeds, stage.make(len(deeds)), strict=True):
        with subtests.test(f"doing: {deed.name}"):
            after = deed.ours(subject)
            afters[deed.name] = after, subject.thread
    with stage.start() as codex:
        listings = _listing(codex), threadlog_listing(stage.home)
        for name, (after, subject_id) in afters.items():
            with subtests.test(name):
                _compare(stage.form, after, listings, has_row=after.thread in stage.by_codex)
                _look(stage, codex, after, TEXTS if subject_id in stage.by_codex else ())


def test_we_see_what_codex_did(stage: Stage, subtests: pytest.Subtests) -> None:
    deeds = [deed for deed in DEEDS if deed.fits(stage.form) and deed.theirs]
    subjects = stage.make(len(deeds))
    afters = {}
    with stage.start() as codex:
        for deed, subject in zip(deeds, subjects, strict=True):
            with subtests.test(f"doing: {deed.name}"):
                assert deed.theirs
                resume(codex, subject.thread)
                there = subject._replace(made=stage.builder(codex), server=codex)
                afters[deed.name] = deed.theirs(there)
        listings = _listing(codex), threadlog_listing(stage.home)
    for name, after in afters.items():
        with subtests.test(f"{name}, listed"):
            _compare(stage.form, after, listings, has_row=True)
            afters[name] = _taken_up(stage, after)
    with stage.start() as codex:
        for name, after in afters.items():
            with subtests.test(name):
                _look(stage, codex, after, tuple(text for text in after.said if text != OURS))


def _taken_up(stage: Stage, after: After) -> After:
    """The thread as we see it, with a turn of ours where it takes one."""
    if after.place == "gone":
        with pytest.raises(NotFound):
            stage.home.get(after.thread)
        return after
    assert _users(threadlog_turns(stage.home, after.thread)) == after.said
    if after.place == "archived":
        with pytest.raises(Archived):
            stage.home.resume(after.thread)
        stage.home.unarchive(after.thread)
    settle(stage.codex_home)
    with stage.home.resume(after.thread) as thread:
        say(thread, OURS)
    return after._replace(said=(*after.said, OURS), place="active")


def _compare(
    form: Form,
    after: After,
    listings: tuple[dict[str, Listed], dict[str, Listed]],
    *,
    has_row: bool,
) -> None:
    """Both list a thread, or neither does, but for what Codex does not know or tell."""
    theirs, ours = (each.get(after.thread) for each in listings)
    if after.place == "gone":
        assert theirs is ours is None
        return
    assert ours is not None
    assert (ours.name or "") == after.name
    assert ours.archived == (after.place == "archived")
    if not after.said and not has_row:
        assert theirs is None, "Codex lists nothing without a message that it has no row of"
        return
    assert theirs is not None
    if not form.newest or (form.mode == "paginated" and not has_row):
        # The list of 0.100 has no names; 0.169 has those of paginated threads only in its rows.
        assert theirs.name is None
        ours = ours._replace(name=None)
    if form.mode == "paginated" and after.parents and not has_row:
        # A row that Codex makes by itself knows only what the fork's own rollout says.
        assert theirs.preview == after.own
        ours = ours._replace(preview=after.own)
    if after.reverted:
        # Codex lists a reverted thread with one of its rollouts, and seldom with the newest.
        assert theirs.id in theirs.path
        ours = ours._replace(path=theirs.path, preview=theirs.preview)
    assert tuple(theirs) == tuple(ours)


def _look(stage: Stage, codex: AppServer, after: After, known: tuple[str, ...]) -> None:
    """Codex reads, resumes and forks a thread, of which it has shown turns of *known* texts."""
    thread = after.thread
    if after.place == "gone":
        assert codex.refusal("thread/read", threadId=thread) == f"thread not loaded: {thread}"
        refused = codex.refusal("thread/resume", threadId=thread)
        assert refused == f"no rollout found for thread id {thread}"
        return
    paginated = stage.form.mode == "paginated"
    if stage.form.newest or after.place != "archived":
        # What Codex shows of paginated threads is what it saw of them when it loaded them last.
        shown = tuple(itertools.takewhile(lambda text: text in known, after.said))
        assert _users(codex_turns(codex, thread)) == (shown if paginated else after.said)
    if after.place == "archived":
        refused = codex.refusal("thread/resume", threadId=thread)
        assert ("is archived" if stage.form.newest else "no rollout found") in refused
        codex.call("thread/unarchive", threadId=thread)
    _go_on(stage, codex, after)
    # Codex never sees turns in rollouts that a thread left before it loaded the thread.
    left = 0 if known else after.left
    for parent in after.parents if paginated else ():
        resume(codex, parent)  # so that it sees the turns which the fork refers to
    turns = codex_turns(codex, thread)
    assert threadlog_turns(stage.home, thread)[left:] == turns
    assert _users(turns) == (*after.said[left:], PROBE)
    assert after.said[left:] == () or turns[-2].status == after.status
    fork = stage.builder(codex).forked(thread)
    assert _users(codex_turns(codex, fork)) == _users(turns)


def _go_on(stage: Stage, codex: AppServer, after: After) -> None:
    """Codex takes a turn, and its model sees all that there is to see."""
    wanted = [item for item in stage.home.model_input(after.thread) if not is_context(item)]
    resume(codex, after.thread)
    sent = history_sent(probe(codex, stage.model, after.thread), stage.form)
    if not stage.form.newest:  # it sends the fields that it knows
        for item in wanted:
            for part in item["content"]:
                part.pop("annotations", None)
    assert without_ids(sent) == without_ids(wanted)


def _listing(codex: AppServer) -> dict[str, Listed]:
    """What Codex lists, at once: its pages leave out threads of the same second."""
    rows = {}
    for archived in (False, True):
        for row in codex.call("thread/list", archived=archived, limit=1000)["data"]:
            rows[row["id"]] = Listed(
                row["id"], row["preview"], row["cwd"], row["path"], archived, row.get("name")
            )
    return rows


def _users(turns: list[Shown]) -> tuple[str, ...]:
    return tuple(text for turn in turns for text in turn.user)
