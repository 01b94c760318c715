"""Operations of ours in a home that Codex 0.169 uses: what its list, database and doctor say."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from interop.codex_answers import (
    codex_listing,
    codex_rows,
    codex_turns,
    is_context,
    opened,
    probe,
    resume,
    threadlog_listing,
    threadlog_turns,
)
from interop.codex_made_homes import Builder
from interop.codex_process import WAIT_S, AppServer, CodexHome, await_true
from interop.mock_model import Json, MockModel, Offer, answer, pause, say
from interop.operations import BRANCH, NAME, TEXTS, settle
from interop.operations import say as ask
from interop.our_threads import Form, history_sent, without_ids
from threadlog import Home, InUse, Refused
from threadlog.codex.state import read_row

URL = "https://example.com/owner/name.git"
MODES = pytest.mark.parametrize("mode", ["legacy", "paginated"])


class Beside(NamedTuple):
    """A home that both use."""

    binary: Path
    codex_home: CodexHome
    model: MockModel
    home: Home

    def start(self) -> AppServer:
        """A Codex that knows only what is on disk."""
        return AppServer(self.binary, self.codex_home)

    def chats(self, mode: str, count: int) -> list[tuple[str, list[str]]]:
        """Threads of two turns, made by Codex."""
        with self.start() as codex:
            made = Builder(codex, self.model, mode)
            chats = [made.chat(*TEXTS) for _ in range(count)]
        settle(self.codex_home)
        return chats

    def row(self, thread: str) -> dict[str, Json]:
        """What Codex's database holds of a thread."""
        return read_row(str(self.codex_home.path), thread) or {}

    def parity(self) -> tuple[str, dict[str, str]]:
        """What `codex doctor` says of rollouts and database, and its counts of what is wrong."""
        done = subprocess.run(
            [str(self.binary), "doctor", "--json"],
            cwd=self.codex_home.work,
            env=self.codex_home.environment(),
            capture_output=True,
            timeout=WAIT_S,
            check=False,
        )
        check = json.loads(done.stdout)["checks"]["state.rollout_db_parity"]
        wrong = ("missing", "stale", "mismatches", "duplicate", "malformed", "errors")
        counts = {key.removeprefix("rollout DB "): value for key, value in check["details"].items()}
        return check["status"], {
            key: value
            for key, value in counts.items()
            if any(word in key for word in wrong) and value != "0" and "sample" not in key
        }


@pytest.fixture
def beside(
    newest: Path, codex_home: CodexHome, model: MockModel, monkeypatch: pytest.MonkeyPatch
) -> Beside:
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(codex_home.path))
    return Beside(newest, codex_home, model, opened(codex_home))


@MODES
def test_the_doctor_of_codex_agrees_after_each_operation(
    beside: Beside, mode: str, subtests: pytest.Subtests
) -> None:
    home = beside.home
    chats = iter(beside.chats(mode, 8))
    deeds: dict[str, Callable[[str, str], object]] = {
        "rename": lambda thread, _turn: home.rename(thread, NAME),
        "describe": lambda thread, _turn: home.update_metadata(thread, git={"branch": BRANCH}),
        "archive": lambda thread, _turn: home.archive(thread),
        "unarchive": lambda thread, _turn: (home.archive(thread), home.unarchive(thread)),
        "delete": lambda thread, _turn: home.delete(thread),
        "compress": lambda thread, _turn: home.compress(thread, older_than_days=0),
    }
    if mode == "legacy":
        deeds["roll back"] = lambda thread, _turn: home.rollback(thread)
    for name, do in deeds.items():
        thread, turns = next(chats)
        with subtests.test(name):
            do(thread, turns[1])
            assert beside.parity() == ("ok", {})


def test_the_doctor_of_codex_says_of_our_revert_what_it_says_of_its_own(beside: Beside) -> None:
    (ours, our_turns), (theirs, their_turns) = beside.chats("paginated", 2)
    beside.home.revert(ours, before=our_turns[1]).close()
    after_ours = beside.parity()
    # It has a row for one rollout of a thread, and takes the others for forgotten.
    once = {"duplicate rollout thread ids": "1", "missing active rows": "1"}
    assert after_ours == ("warning", once)
    with beside.start() as codex:
        resume(codex, theirs)
        codex.call("thread/revert", threadId=theirs, beforeTurnId=their_turns[1])
    assert beside.parity() == ("warning", dict.fromkeys(once, "2"))


@MODES
def test_the_doctor_of_codex_misses_the_row_of_a_thread_until_codex_lists_it(
    beside: Beside, mode: str
) -> None:
    (one, _turns), (other, _others) = beside.chats(mode, 2)
    beside.home.delete(one)
    beside.home.restore(one)
    beside.home.fork(other).close()
    status, wrong = beside.parity()
    assert (status, wrong) == ("warning", {"missing active rows": "2"})
    with beside.start() as codex:
        codex.call("thread/list")
    assert beside.parity() == ("ok", {})


@MODES
def test_a_codex_that_runs_sees_at_once_what_we_do(beside: Beside, mode: str) -> None:
    home = beside.home
    named, away, back, gone, restored, changed = beside.chats(mode, 6)
    with beside.start() as codex:
        assert len(codex_rows(codex)) == 6
        home.rename(named[0], NAME)
        home.archive(away[0], back[0])
        home.unarchive(back[0])
        home.delete(gone[0], restored[0])
        home.restore(restored[0])
        if mode == "legacy":
            home.rollback(changed[0])
        else:
            home.revert(changed[0], before=changed[1][1]).close()
        listing = codex_listing(codex)
        ours = threadlog_listing(home)
        assert (
            listing.keys() == ours.keys() == {named[0], away[0], back[0], restored[0], changed[0]}
        )
        assert {key for key, row in listing.items() if row.archived} == {away[0]}
        assert listing[named[0]] == ours[named[0]]
        assert "is archived" in codex.refusal("thread/resume", threadId=away[0])
        for thread in (named[0], back[0], restored[0], changed[0]):
            resume(codex, thread)
            assert codex_turns(codex, thread) == threadlog_turns(home, thread)
        assert [turn.user for turn in codex_turns(codex, changed[0])] == [("One.",)]


@MODES
def test_what_codex_has_loaded_is_named_and_else_left_to_it(beside: Beside, mode: str) -> None:
    home = beside.home
    with beside.start() as codex:
        made = Builder(codex, beside.model, mode)
        thread, turns = made.chat(*TEXTS)
        back = home.revert if mode == "paginated" else home.rollback
        cut: dict[str, Json] = {"before": turns[1]} if mode == "paginated" else {}
        for refused in (
            lambda: home.resume(thread),
            lambda: home.archive(thread),
            lambda: home.delete(thread),
            lambda: back(thread, **cut),
        ):
            with pytest.raises(InUse):
                refused()
        assert home.rename(thread, NAME).remarks  # not in the rollout, which Codex writes
        made.turn(thread, "Three.")
        assert codex_listing(codex)[thread].name == NAME
    with beside.start() as codex:
        assert codex_listing(codex) == threadlog_listing(home)
        assert codex_listing(codex)[thread].name == NAME
        resume(codex, thread)
        assert codex_turns(codex, thread) == threadlog_turns(home, thread)


@MODES
def test_metadata_that_we_change_is_codexs(beside: Beside, mode: str) -> None:
    ((theirs, _turns),) = beside.chats(mode, 1)
    with beside.home.start(cwd=beside.codex_home.work, history_mode=mode) as thread:
        ask(thread, "One.")
    for each in (theirs, thread.id):
        beside.home.update_metadata(each, git={"branch": BRANCH}, memory_mode="disabled")
        _knows_metadata(beside.home, each)
    with beside.start() as codex:
        for each in (theirs, thread.id):
            resume(codex, each)
            probe(codex, beside.model, each)
        rows = codex_rows(codex)
    assert rows[theirs]["gitInfo"]["branch"] == BRANCH
    assert beside.row(theirs)["memory_mode"] == "disabled"
    if mode == "legacy":  # a paginated rollout must not be told, and has no row to be told it in
        assert rows[thread.id]["gitInfo"]["branch"] == BRANCH
        assert beside.row(thread.id)["memory_mode"] == "disabled"


@MODES
def test_metadata_that_codex_changes_is_ours(beside: Beside, mode: str) -> None:
    # A legacy thread's rollout tells it; of a paginated one only Codex's row does.
    _make_repository(beside.codex_home.work)
    ((thread, _turns), (other, _others)) = beside.chats(mode, 2)
    before = beside.home.get(thread)
    assert (before.git_branch, before.git_url) == ("main", URL)
    _knows_metadata(beside.home, thread, "main", "enabled")
    with beside.start() as codex:
        _have_codex_say(codex, thread, BRANCH, "disabled")
        _knows_metadata(beside.home, thread)  # also while it runs
    _lose_index(beside)
    _knows_metadata(beside.home, thread)
    with beside.start() as codex:
        _have_codex_say(codex, thread, "main", "enabled")
    _knows_metadata(beside.home, thread, "main", "enabled")
    beside.home.update_metadata(thread, git={"branch": BRANCH}, memory_mode="disabled")
    _knows_metadata(beside.home, thread)
    with beside.start() as codex:
        _have_codex_say(codex, thread, "main", "enabled")
        made = Builder(codex, beside.model, mode)
        resume(codex, thread)
        made.turn(thread, "Three.")
        _knows_metadata(beside.home, thread, "main", "enabled")
        _have_codex_say(codex, thread, None, "disabled")
    for _ in range(2):
        _knows_metadata(beside.home, thread, None, "disabled")
        _lose_index(beside)
    after = beside.home.get(thread)
    assert (after.git_commit, after.git_url) == (before.git_commit, URL)
    _knows_metadata(beside.home, other, "main", "enabled")


def test_metadata_of_ours_outlives_the_database_of_codex(beside: Beside) -> None:
    _make_repository(beside.codex_home.work)
    ((thread, _turns),) = beside.chats("paginated", 1)
    beside.home.update_metadata(thread, git={"branch": BRANCH}, memory_mode="disabled")
    time.sleep(1.0)  # the moments of a database have seconds
    for path in beside.codex_home.path.glob("state_5.sqlite*"):
        path.unlink()
    with beside.start() as codex:
        assert codex_rows(codex)[thread]["gitInfo"]["branch"] == "main", "of the rollout"
    _knows_metadata(beside.home, thread)
    with beside.start() as codex:
        _have_codex_say(codex, thread, "later", "disabled")
    _knows_metadata(beside.home, thread, "later")


def _make_repository(folder: Path) -> None:
    """A folder with a commit, a branch and an address."""
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        (*who, "commit", "--quiet", "--allow-empty", "--message=x"),
        ("remote", "add", "origin", URL),
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)


def _have_codex_say(codex: AppServer, thread: str, branch: str | None, mode: str) -> None:
    codex.call("thread/metadata/update", threadId=thread, gitInfo={"branch": branch})
    codex.call("thread/memoryMode/set", threadId=thread, mode=mode)


def _lose_index(beside: Beside) -> None:
    for path in beside.codex_home.path.glob("threadlog/index.sqlite*"):
        path.unlink()


def _knows_metadata(
    home: Home, thread: str, branch: str | None = BRANCH, mode: str = "disabled"
) -> None:
    home.catch_up()  # what is set anew stands beyond the head of a rollout
    summary = home.get(thread)
    assert (summary.git_branch, summary.memory_mode) == (branch, mode)
    for each in {branch, BRANCH, "main"} - {None}:
        listed = {row.id for row in home.threads(branch=each)}
        assert (thread in listed) == (each == branch)


def test_a_name_of_ours_outlives_the_database_of_codex(beside: Beside) -> None:
    ((legacy, _turns),) = beside.chats("legacy", 1)
    ((paginated, _others),) = beside.chats("paginated", 1)
    for thread in (legacy, paginated):
        beside.home.rename(thread, NAME)
    for path in beside.codex_home.path.glob("state_5.sqlite*"):
        path.unlink()
    with beside.start() as codex:
        listing = codex_listing(codex)
        read = codex.call("thread/read", threadId=legacy)["thread"]
    assert listing[legacy].name == read["name"] == NAME
    assert listing[paginated].name is None, "Codex keeps such a name in its row only"
    ours = threadlog_listing(beside.home)
    assert ours[legacy].name == ours[paginated].name == NAME


@MODES
def test_subagents_move_along(beside: Beside, mode: str) -> None:
    def spawn(offer: Offer) -> dict[str, Json]:
        return {
            "type": "function_call",
            "id": f"fc_{offer.number:05d}",
            "call_id": f"call_{offer.number:05d}",
            "name": "spawn_agent",
            "namespace": "multi_agent_v1",
            "arguments": json.dumps({"message": "Look.", "agent_type": "worker"}),
        }

    home = beside.home
    with beside.start() as codex:
        made = Builder(codex, beside.model, mode)
        parent = made.start()
        beside.model.script(answer(spawn), answer(say("Spawned.")), answer(say("Looked.")))
        codex.turn(parent, "Have somebody look.")
        await_true(lambda: len(codex_rows(codex)) == 2 and len(beside.model.requests) == 3)
    settle(beside.codex_home)
    (child,) = {row.id or "" for row in home.threads()} - {parent}
    for move, archived in ((home.archive, True), (home.delete, None), (home.restore, True)):
        assert {each.id for each in move(parent)} == {parent, child}
        with beside.start() as codex:
            places = {key: row.archived for key, row in codex_listing(codex).items()}
        assert places == ({} if archived is None else {parent: archived, child: archived})
    assert {each.id for each in home.unarchive(parent)} == {parent, child}
    with beside.start() as codex:
        resume(codex, parent)
        resume(codex, child)
        codex.call("thread/archive", threadId=parent)
        assert {row.id for row in home.threads(archived=True)} == {parent, child}
        codex.call("thread/unarchive", threadId=parent)
        assert {row.id for row in home.threads()} == {parent, child}


def test_forks_and_reverts_of_ours_refer_to_what_codexs_refer_to(beside: Beside) -> None:
    ((thread, turns),) = beside.chats("paginated", 1)
    (two, two_turns), (same, same_turns) = beside.chats("paginated", 2)
    home = beside.home
    beside.home.revert(two, before=two_turns[1]).close()
    with beside.start() as codex:
        resume(codex, thread)
        resume(codex, same)
        made = Builder(codex, beside.model, "paginated")
        for ours, theirs in (
            (home.fork(thread), made.forked(thread)),
            (home.fork(thread, before=turns[0]), made.forked(thread, beforeTurnId=turns[0])),
            (home.fork(thread, before=turns[1]), made.forked(thread, beforeTurnId=turns[1])),
            (home.fork(thread, through=turns[0]), made.forked(thread, lastTurnId=turns[0])),
            (home.fork(thread, through=turns[1]), made.forked(thread, lastTurnId=turns[1])),
        ):
            ours.close()
            assert _origin(home, ours.id) == _origin(home, theirs)
        codex.call("thread/revert", threadId=same, beforeTurnId=same_turns[1])
    cuts = []
    for each, its_turns in ((two, two_turns), (same, same_turns)):
        base = _origin(home, each)["history_base"]
        assert base["thread_id"] == each
        first = next(path for path in beside.codex_home.rollouts() if path.stem.endswith(each))
        begins = json.loads(first.read_bytes()[base["end_byte_offset"] :].splitlines()[0])
        assert begins["payload"]["type"] == "task_started"
        assert begins["payload"]["turn_id"] == its_turns[1]
        cuts.append((base["end_ordinal_exclusive"], begins["ordinal"]))
    assert cuts[0] == cuts[1]


def _origin(home: Home, thread: str) -> dict[str, Json]:
    """What a thread says of the one that it goes on from."""
    with Path(home.get(thread).path).open() as rollout:
        meta = json.loads(rollout.readline())["payload"]
    fields = ("history_base", "forked_from_id", "forked_from_ordinal_exclusive", "history_mode")
    return {field: meta.get(field) for field in fields}


def test_a_legacy_fork_in_the_middle_of_a_review_is_shown_as_codex_shows_it(beside: Beside) -> None:
    with beside.start() as codex:
        thread = Builder(codex, beside.model, "legacy").reviewed()
    settle(beside.codex_home)
    first, review, inner = (turn.id for turn in beside.home.turns(thread))
    forks = []
    for where in ({"through": first}, {"before": review}, {"through": review}, {"before": inner}):
        with beside.home.fork(thread, **where) as fork:  # type: ignore[arg-type]
            forks.append(fork.id)
    with beside.start() as codex:
        for each in forks:
            turns = codex_turns(codex, each)
            assert threadlog_turns(beside.home, each) == turns
            assert {turn.status for turn in turns} == {"completed"}


@MODES
def test_a_turn_of_codex_is_interrupted_in_a_fork_of_ours(beside: Beside, mode: str) -> None:
    form = Form(beside.binary, mode, newest=True)
    with beside.start() as codex:
        thread, _turns = Builder(codex, beside.model, mode).chat("One.")
        beside.model.script(pause(say("I begin.")))
        with codex.ending_turn(thread):
            turn = codex.begin_turn(thread, "Two.")
            await_true(lambda: "I begin." in Path(beside.home.get(thread).path).read_text())
            with pytest.raises(Refused):
                beside.home.fork(thread, through=turn)
            with beside.home.fork(thread) as fork:
                pass
            beside.model.release()
        assert [each.status for each in codex_turns(codex, thread)] == ["completed"] * 2
    wanted = [item for item in fork.model_input() if not is_context(item)]
    with beside.start() as codex:
        resume(codex, fork.id)
        request = probe(codex, beside.model, fork.id)
        turns = codex_turns(codex, fork.id)
    assert [(each.status, each.user) for each in turns[:-1]] == [
        ("completed", ("One.",)),
        ("interrupted", ("Two.",)),
    ]
    assert threadlog_turns(beside.home, fork.id) == turns
    assert without_ids(history_sent(request, newest=form.newest)) == without_ids(wanted)
    assert "<turn_aborted>" in json.dumps(request.input)


@MODES
def test_a_turn_of_ours_is_interrupted_in_a_fork_of_codex(beside: Beside, mode: str) -> None:
    with beside.home.start(cwd=beside.codex_home.work, history_mode=mode) as thread:
        ask(thread, "One.")
        turn = thread.turn("Two.")
        turn.begin()
        turn.say("I begin.")
        thread.flush()
        with beside.start() as codex:
            assert "active writer" in codex.refusal("thread/resume", threadId=thread.id)
            fork = Builder(codex, beside.model, mode).forked(thread.id)
            turns = codex_turns(codex, fork)
        turn.end()
    assert [(each.status, each.user) for each in turns] == [
        ("completed", ("One.",)),
        ("interrupted", ("Two.",)),
    ]
    assert threadlog_turns(beside.home, fork) == turns


def test_a_thread_that_nobody_used_leaves_nothing(beside: Beside) -> None:
    before = sorted(beside.codex_home.path.rglob("*"))
    for mode in ("legacy", "paginated"):
        with beside.home.start(cwd=beside.codex_home.work, history_mode=mode) as thread:
            thread.update_metadata(git={"branch": BRANCH}, memory_mode="disabled")
    assert sorted(beside.codex_home.path.rglob("*")) == before
    with beside.start() as codex:
        assert codex_listing(codex) == {}
