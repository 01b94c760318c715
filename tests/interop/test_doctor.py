"""Homes broken in every way: both doctors agree, and Codex goes on with what ours mends."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from interop.codex_answers import codex_listing, codex_turns, resume, threadlog_listing
from interop.codex_process import WAIT_S
from interop.operations import NAME, TEXTS
from interop.test_operations_beside import MODES, Beside
from interop.test_operations_beside import beside as beside  # noqa: PLC0414
from threadlog import checkup
from threadlog.core.layout import ARCHIVED
from threadlog.core.parity import Parity

MISSING, MISSING_ARCHIVED = "missing active rows", "missing archived rows"
STALE, FLAG, TWICE = "stale rows", "archive mismatches", "duplicate DB paths"


class Subject(NamedTuple):
    """A thread whose row or rollout is broken."""

    beside: Beside
    id: str
    other: str

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.beside.home.get(self.id).path)

    def move(self, folder: str) -> None:
        """Move the rollout by hand."""
        new = self.beside.codex_home.path / folder / self.path.name
        new.parent.mkdir(parents=True, exist_ok=True)
        self.path.rename(new)

    def set(self, **columns: object) -> None:
        """Change the row by hand."""
        with database(self.beside) as connection:
            for column, value in columns.items():
                command = f"UPDATE threads SET {column} = ? WHERE id = ?"
                connection.execute(command, (value, self.id))


@contextlib.contextmanager
def database(beside: Beside) -> Iterator[sqlite3.Connection]:
    """Codex's database, for everything that we never do to it."""
    path = beside.codex_home.path / "state_5.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def _lose_row(at: Subject) -> None:
    with database(at.beside) as connection:
        connection.execute("DELETE FROM threads WHERE id = ?", (at.id,))


def _lose_archived_row(at: Subject) -> None:
    at.beside.home.archive(at.id)
    _lose_row(at)


def _unflag(at: Subject) -> None:
    at.beside.home.archive(at.id)
    at.set(archived=0)


def _unarchive_by_hand(at: Subject) -> None:
    folder = str(at.path.parent.relative_to(at.beside.codex_home.path))
    at.beside.home.archive(at.id)
    at.move(folder)


def _leave_home(at: Subject) -> None:
    home = str(at.beside.codex_home.path)
    at.set(rollout_path=str(at.path).replace(home, f"{home}-of-old"))


def _leave_row_of_trash(at: Subject) -> None:
    with database(at.beside) as connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM threads WHERE id = ?", (at.id,))
        at.beside.home.delete(at.id)
        connection.execute("INSERT INTO threads SELECT * FROM kept")


def _misname(at: Subject) -> None:
    row = at.beside.row(at.id)
    at.beside.home.rename(at.id, NAME)
    at.set(title="An older name" if row["history_mode"] == "legacy" else row["title"], name=None)


class Break(NamedTuple):
    """What is broken: how, the kind that we call it, and Codex's own counters of it."""

    do: Callable[[Subject], object]
    kind: str
    counted: tuple[str, ...] = ()


MENDED = [
    Break(lambda at: at.move(ARCHIVED), "moved", (STALE, MISSING_ARCHIVED)),
    Break(lambda at: at.move("sessions/2026/01/02"), "moved", (STALE, MISSING)),
    Break(_unarchive_by_hand, "moved", (STALE, MISSING)),
    Break(lambda at: at.set(archived=1), "archived", (FLAG,)),
    Break(_unflag, "archived", (FLAG,)),
    Break(lambda at: at.set(rollout_path=at.other), "shared", (TWICE, MISSING)),
    Break(_leave_home, "other-home", (STALE, MISSING)),
    Break(_leave_row_of_trash, "trashed", (STALE,)),
    Break(_misname, "name"),
]
LEFT = [
    Break(_lose_row, "no-row", (MISSING,)),
    Break(_lose_archived_row, "no-row", (MISSING_ARCHIVED,)),
    Break(lambda at: at.path.unlink(), "gone", (STALE,)),
]


def parity(beside: Beside) -> Parity:
    """What our doctor says of the database."""
    return checkup.check_up(beside.home).codex


def agreed(beside: Beside, breaks: list[Break]) -> None:
    """Both doctors find these differences, and no others."""
    kinds = Counter(each.kind for each in parity(beside).differences)
    assert kinds == Counter(each.kind for each in breaks)
    counted = Counter(counter for each in breaks for counter in each.counted)
    assert beside.parity() == (
        "warning" if counted else "ok",
        {counter: str(count) for counter, count in counted.items()},
    )


def goes_on(beside: Beside, threads: set[str], left: str) -> None:
    """Codex lists these threads as we do, reads them, and goes on with those that are active."""
    with beside.start() as codex:
        listing = codex_listing(codex)
        assert listing == threadlog_listing(beside.home)
        assert listing.keys() == threads
        for thread, listed in listing.items():
            assert [turn.user for turn in codex_turns(codex, thread)] == [(each,) for each in TEXTS]
            if listed.archived:
                assert "is archived" in codex.refusal("thread/resume", threadId=thread)
            else:
                resume(codex, thread)
        codex.refusal("thread/resume", threadId=left)


@MODES
def test_what_is_broken_is_told_mended_and_gone_on_with(beside: Beside, mode: str) -> None:
    breaks = [*MENDED, *LEFT]
    (whole, _turns), *chats = beside.chats(mode, 1 + len(breaks))
    agreed(beside, [])
    other, threads = beside.home.get(whole).path, [thread for thread, _turns in chats]
    for each, thread in zip(breaks, threads, strict=True):
        each.do(Subject(beside, thread, other))
    agreed(beside, breaks)
    answers = checkup.mend(beside.home)
    assert [each.kind for each in answers if each.done] == [
        each.kind for thread, each in sorted(zip(threads, MENDED, strict=False))
    ]
    assert len(answers) == len(MENDED)
    agreed(beside, LEFT)
    with beside.start() as codex:
        codex_listing(codex)  # which makes rows
    agreed(beside, LEFT[-1:])
    gone, trashed = threads[-1], threads[[each.kind for each in breaks].index("trashed")]
    codex_deletes(beside, gone)
    agreed(beside, [])
    goes_on(beside, {whole, *threads} - {gone, trashed}, gone)


def codex_deletes(beside: Beside, thread: str) -> None:
    """What our doctor says of a row that is all that is left of a thread."""
    command = [str(beside.binary), "delete", thread, "--force"]
    environment, work = beside.codex_home.environment(), beside.codex_home.work
    subprocess.run(
        command, cwd=work, env=environment, capture_output=True, timeout=WAIT_S, check=True
    )


def test_a_row_of_an_older_rollout_follows_to_the_newest(beside: Beside) -> None:
    ((thread, turns),) = beside.chats("paginated", 1)
    old = beside.row(thread)["rollout_path"]
    beside.home.revert(thread, before=turns[1]).close()
    before = beside.row(thread)
    said = beside.parity()
    assert parity(beside).differences == []
    Subject(beside, thread, "").set(rollout_path=old)
    (found,) = parity(beside).differences
    assert (found.kind, beside.parity()) == ("older-rollout", said)
    assert [each.done for each in checkup.mend(beside.home)] == [True]
    assert beside.row(thread) == before
    with beside.start() as codex:
        resume(codex, thread)
        assert [turn.user for turn in codex_turns(codex, thread)] == [("One.",)]


@MODES
def test_a_thread_that_codex_has_loaded_is_left(beside: Beside, mode: str) -> None:
    ((thread, _turns),) = beside.chats(mode, 1)
    at = Subject(beside, thread, "")
    with beside.start() as codex:
        resume(codex, thread)
        at.set(archived=1)
        (answer,) = checkup.mend(beside.home)
        assert not answer.done
        assert "already has an active writer" in answer.told
        assert beside.row(thread)["archived"] == 1
    assert [each.done for each in checkup.mend(beside.home)] == [True]
    assert beside.row(thread)["archived"] == 0
    agreed(beside, [])


def test_a_row_of_another_history_mode_is_told(beside: Beside) -> None:
    ((thread, _turns),) = beside.chats("paginated", 1)
    Subject(beside, thread, "").set(history_mode="legacy")
    (found,) = parity(beside).differences
    assert (found.kind, found.mendable, beside.parity()) == ("history-mode", False, ("ok", {}))
    assert checkup.mend(beside.home) == []
    with beside.start() as codex:
        codex.refusal("thread/resume", threadId=thread)  # so it is a fault
