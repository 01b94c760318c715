"""The table of docs/lifecycle.md: each of its cells, done to a real thread in that state."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import threadlog
from makers import held
from threadlog import (
    Archived,
    Home,
    InUse,
    NotFound,
    NotOnDiskYet,
    Refused,
    Thread,
)
from threadlog.core.items.event import ThreadGoalUpdated

PAGE = Path(__file__).parents[1] / "docs" / "lifecycle.md"
COLD_S = 30 * 86_400
OF_PAGINATED = ("revert",)


def table() -> dict[tuple[str, str], str]:
    """What the page says, by operation and state."""
    rows = re.findall(r"^\| (.*) \|$", PAGE.read_text().partition("## Fork")[0], re.MULTILINE)
    grid = [[cell.strip() for cell in row.split("|")] for row in rows]
    states = grid[0][1:]
    return {
        (row[0], state): cell
        for row in grid[1:]
        if len(row) == len(grid[0])
        for state, cell in zip(states, row[1:], strict=True)
    }


CELLS = table()


class Case(NamedTuple):
    """A thread in some state: its home, its id, and the live thread if this process has it."""

    home: Home
    id: str
    thread: Thread | None = None


def make(home: Home, mode: str) -> Thread:
    """A thread of two turns, live."""
    thread = home.start(cwd="/desk", history_mode=mode)
    for number in range(2):
        with thread.turn(f"question {number}") as turn:
            turn.say(f"answer {number}")
    return thread


@contextlib.contextmanager
def in_state(home: Home, state: str, mode: str) -> Iterator[Case]:
    """A thread in that state."""
    if state == "draft":
        draft = home.start(cwd="/desk", history_mode=mode)
        yield Case(home, draft.id, draft)
        return
    thread = make(home, mode)
    if state == "live":
        yield Case(home, thread.id, thread)
        return
    thread.close()
    if state == "built on":
        home.fork(thread.id).close()
    cold = os.stat(thread.path).st_mtime - COLD_S
    os.utime(thread.path, (cold, cold))
    if state == "archived":
        home.archive(thread.id)
    elif state == "compressed":
        (result,) = home.compress(thread.id)
        assert result.status == "compressed"
    elif state == "trashed":
        home.delete(thread.id)
    with held(Path(home.path), thread.id) if state == "held" else contextlib.nullcontext():
        yield Case(home, thread.id)


def turn_ids(case: Case) -> list[str]:
    return [turn.id for turn in case.home.turns(case.id)]


def read(case: Case) -> None:
    assert len(turn_ids(case)) == 2


def resume(case: Case) -> None:
    with case.home.resume(case.id) as thread, thread.turn("more") as turn:
        turn.say("yes")
    assert len(turn_ids(case)) == 3


def fork(case: Case) -> None:
    with case.home.fork(case.id) as thread:
        assert thread.on_disk
        assert len(list(case.home.turns(thread.id))) == 2
        assert case.home.get(thread.id).forked_from_id == case.id


def inject(case: Case) -> None:
    thread = case.thread or case.home.resume(case.id)
    goal = {"threadId": case.id, "objective": "done"}
    assert thread.inject(ThreadGoalUpdated(thread_id=case.id, goal=goal)) == 1
    assert Path(thread.path).read_bytes().count(b"thread_goal_updated") == 1
    thread.close()


def rename(case: Case) -> str:
    changed = case.home.rename(case.id, "a name")
    if case.thread is None or case.thread.on_disk:
        assert case.home.get(case.id).name == "a name"
    return "beside" if any("beside" in each for each in changed.remarks) else "done"


def update_metadata(case: Case) -> None:
    case.home.update_metadata(case.id, git={"branch": "b", "commit_hash": "c"})
    case.home.update_metadata(case.id, git={"commit_hash": None}, memory_mode="disabled")
    if case.thread is None or case.thread.on_disk:
        for _ in range(2):
            found = case.home.get(case.id)
            told = (found.git_branch, found.git_commit, found.memory_mode)
            assert told == ("b", None, "disabled")
            case.home.catch_up()


def rollback(case: Case) -> None:
    case.home.rollback(case.id)
    assert len(turn_ids(case)) == 1


def revert(case: Case) -> None:
    before = "any" if case.thread and not case.thread.on_disk else None
    thread = case.home.revert(case.id, before=before or turn_ids(case)[1])
    with thread, thread.turn("instead") as turn:
        turn.say("so")
    assert [turn.items[0].content[0].text for turn in case.home.turns(case.id)] == [  # type: ignore[union-attr]
        "question 0",
        "instead",
    ]
    assert case.home.get(case.id).rollouts == 2


def archive(case: Case) -> None:
    (moved,) = case.home.archive(case.id)
    assert os.path.dirname(moved.path) == os.path.join(case.home.path, "archived_sessions")
    assert case.home.get(case.id).archived


def unarchive(case: Case) -> None:
    case.home.unarchive(case.id)
    assert not case.home.get(case.id).archived


def delete(case: Case) -> None:
    case.home.delete(case.id)
    assert [each.id for each in case.home.trash()] == [case.id]
    with pytest.raises(NotFound):
        case.home.get(case.id)


def restore(case: Case) -> None:
    case.home.restore(case.id)
    assert case.home.trash() == []
    assert len(turn_ids(case)) == 2


def purge(case: Case) -> None:
    case.home.purge(case.id)
    assert case.home.trash() == []
    left = [names for _folder, _folders, names in os.walk(case.home.path)]
    assert not any(name.startswith("rollout-") for names in left for name in names)


def compress(case: Case) -> str:
    (result,) = case.home.compress(case.id)
    return "done" if result.status == "compressed" else result.status


def discard(case: Case) -> None:
    thread = case.thread or case.home.resume(case.id)
    thread.discard()
    on_disk = case.thread is None or os.path.exists(thread.path)
    assert on_disk == (thread.path in [each.path for each in case.home.threads()])


DEEDS: dict[str, Callable[[Case], str | None]] = {
    each.__name__: each
    for each in (
        *(read, resume, fork, inject, rename, update_metadata, rollback, revert),
        *(archive, unarchive, delete, restore, purge, compress, discard),
    )
}


# What a refusal is called on the page, and what its sentence has to say.
REFUSALS: dict[type[Exception], tuple[str, str]] = {
    NotOnDiskYet: ("not yet", "until its first user message|before its first user message"),
    InUse: ("in use", "already has an active writer: (process [0-9]+|this process)"),
    Archived: ("archived", "is archived( already|; unarchive it first)"),
    Refused: ("refused", "instead|not archived|delete those first"),
    NotFound: ("in trash", "is in the trash: restore it first"),
}


def outcome(deed: Callable[[Case], str | None], case: Case) -> str:
    """What it came to, in the words of the page."""
    stored = case.thread is None and not case.home.trash()
    was = case.home.get(case.id).path if stored else ""
    try:
        said = deed(case) or "done"
    except tuple(REFUSALS) as error:
        word, sentence = REFUSALS[type(error)]
        if isinstance(error, NotFound) and deed in (restore, purge):
            return "not there"
        return word if re.search(sentence, str(error)) else str(error)
    if case.thread is not None and not os.path.exists(case.thread.path) and deed is not discard:
        return "remembered"
    if was.endswith(".zst") and not os.path.exists(was) and os.path.exists(was[:-4]):
        return "unpacked"
    return said


@pytest.mark.parametrize(("operation", "state"), CELLS)
def test_each_cell(tmp_path: Path, operation: str, state: str) -> None:
    mode = "paginated" if state == "built on" or operation in OF_PAGINATED else "legacy"
    with threadlog.open(tmp_path / "home") as home, in_state(home, state, mode) as case:
        assert outcome(DEEDS[operation], case) == CELLS[operation, state]
        if case.thread is not None:
            case.thread.discard()


def test_a_fork_says_that_it_is_not_ready(tmp_path: Path) -> None:
    with threadlog.open(tmp_path / "home") as home:
        draft = home.start(cwd="/desk")
        with pytest.raises(NotOnDiskYet, match="is not ready to be forked until its first user"):
            draft.fork()


def test_the_table_has_every_operation_and_state() -> None:
    operations = dict.fromkeys(operation for operation, _state in CELLS)
    assert list(operations) == list(DEEDS)
    assert len(CELLS) == len(DEEDS) * 8


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_what_a_draft_remembers_is_written_with_it(tmp_path: Path, mode: str) -> None:
    with threadlog.open(tmp_path / "home") as home:
        thread = home.start(cwd="/desk", history_mode=mode)
        thread.rename("early")
        thread.update_metadata(git={"branch": "b"}, memory_mode="disabled")
        assert not os.path.exists(tmp_path / "home")
        with thread, thread.turn("now") as turn:
            turn.say("yes")
        home.catch_up()
        found = home.get(thread.id)
        told: tuple[Any, ...] = (found.name, found.git_branch, found.memory_mode)
        assert told == ("early", "b", "disabled")
        names = (tmp_path / "home" / "session_index.jsonl").read_text()
        assert names.count('"early"') == 1
        assert thread.id in names


def test_a_thread_never_used_leaves_nothing(tmp_path: Path) -> None:
    with threadlog.open(tmp_path / "home") as home, home.start(cwd="/desk") as thread:
        begun = thread.summary()
        assert (begun.id, begun.path, begun.cwd) == (thread.id, thread.path, "/desk")
        assert (begun.preview, begun.source) == ("", "cli")
        assert begun.created == begun.updated
    assert not os.path.exists(tmp_path / "home")
