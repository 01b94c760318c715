"""`threadlog doctor` beside a Codex: where its rows differ from the files, and `--mend`."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import DAY, Pages, command, held, make_old, put_thread, tree, uuid
from state_databases import add_row
from threadlog import checkup
from threadlog.codex import schema
from threadlog.codex.name_file import append_name
from threadlog.codex.rows import CodexRegister
from threadlog.core.database_state import READY
from threadlog.core.parity import Database, Row
from threadlog.local.comparing import Comparison
from threadlog.local.intents import ARCHIVE, Intent, Intents, Step
from whole_homes import know_schema, put_database, rows_of

LABEL = 10
ARCHIVED = "archived_sessions"


@pytest.fixture
def beside(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of three threads, the third archived, and a Codex's database that knows them."""
    know_schema(monkeypatch)
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(home))
    for number in (1, 2):
        put_thread(home, number)
    put_thread(home, 3, folder=ARCHIVED)
    make_old(home)
    note(home)
    return home


def note(home: Path) -> None:
    """The database of a Codex that knows all threads, as they lie."""
    for path in home.glob("state_5.sqlite*"):
        path.unlink()
    with threadlog.open(home) as opened:
        put_database(home, list(opened.threads(limit=None, archived=None)))


@contextlib.contextmanager
def database(home: Path) -> Iterator[sqlite3.Connection]:
    """The database as another program has it."""
    with contextlib.closing(sqlite3.connect(home / "state_5.sqlite")) as connection:
        yield connection
        connection.commit()


def change(home: Path, number: int, **columns: Any) -> None:
    """Change a row behind everybody's back."""
    sets = ", ".join(f"{each} = ?" for each in columns)
    with database(home) as connection:
        values = (*columns.values(), uuid(number))
        connection.execute(f"UPDATE threads SET {sets} WHERE id = ?", values)


def rollout(home: Path, number: int) -> Path:
    """The one rollout of a thread."""
    (path,) = (each for each in home.rglob(f"*{uuid(number)}.jsonl") if "trash" not in each.parts)
    return path


def move(home: Path, number: int, folder: str) -> Path:
    """Move a rollout by hand."""
    new = home / folder / rollout(home, number).name
    new.parent.mkdir(parents=True, exist_ok=True)
    return rollout(home, number).rename(new)


def told(home: Path, *words: str, code: int = 0) -> list[str]:
    """What is said of the database, and of what was mended."""
    ran = command(home, "doctor", *words)
    assert (ran.code, ran.err) == (code, "")
    lines = [(each[:LABEL].strip(), each[LABEL:]) for each in ran.out.decode().splitlines()]
    return [told for label, told in lines if label in ("codex", "mended", "left")]


def as_json(home: Path, *words: str) -> dict[str, Any]:
    """The same for programs."""
    value: dict[str, Any] = json.loads(command(home, "doctor", "--json", *words).out)
    return value


def differences(home: Path) -> list[tuple[str, str]]:
    """The threads that differ, and how."""
    found = as_json(home)["checkup"]["codex"]["differences"]
    return [(each["thread_id"], each["kind"]) for each in found]


# What is told


def test_rows_as_the_files_have_them(beside: Path) -> None:
    before = tree(beside)
    assert told(beside) == ["state_5.sqlite: 3 rows, as the files have them"]
    assert as_json(beside)["checkup"]["codex"] == {
        "path": str(beside / "state_5.sqlite"),
        "state": "ready",
        "why": None,
        "rows": 3,
        "differences": [],
    }
    assert tree(beside) == before


def test_without_a_database_there_is_nothing_to_compare(home: Path) -> None:
    put_thread(home, 1)
    path = Path(os.environ["CODEX_SQLITE_HOME"]) / "state_5.sqlite"
    assert told(home) == [f"no {path}: there is no row to compare"]
    assert told(home, "--mend") == [f"no {path}: there is no row to compare"]


def test_rows_that_codex_makes_by_itself_are_counted_and_no_fault(beside: Path) -> None:
    with database(beside) as connection:
        connection.execute("DELETE FROM threads WHERE id <> ?", (uuid(1),))
    lines = [
        "state_5.sqlite: 1 row",
        "1 thread without a row: Codex makes it when it lists threads",
        "1 thread without a row: Codex makes it when it lists archived threads",
    ]
    assert told(beside) == lines
    assert told(beside, "--mend") == lines
    assert differences(beside) == [(uuid(2), "no-row"), (uuid(3), "no-row")]
    assert as_json(beside)["checkup"]["healthy"] is True
    assert rows_of(beside).keys() == {uuid(1)}


def test_a_difference_is_told_with_what_mends_it(beside: Path) -> None:
    old, new = str(rollout(beside, 1)), move(beside, 1, ARCHIVED)
    change(beside, 3, archived=0)
    assert told(beside, code=1) == [
        "state_5.sqlite: 3 rows",
        (
            f"{uuid(1)}: its row leads to {old}; its newest rollout is {new}; "
            "the files are right: `threadlog doctor --mend` corrects the row"
        ),
        (
            f"{uuid(3)}: its row says active, and it lies among the archived threads; "
            "the files are right: `threadlog doctor --mend` corrects the row"
        ),
    ]
    (moved, _flag) = as_json(beside)["checkup"]["codex"]["differences"]
    assert moved == {
        "thread_id": uuid(1),
        "kind": "moved",
        "what": f"its row leads to {old}; its newest rollout is {new}",
        "right": "files",
        "mends": "the files are right: `threadlog doctor --mend` corrects the row",
        "path": old,
        "mendable": True,
    }


def test_few_of_a_kind_are_told_and_all_with_json(beside: Path) -> None:
    with database(beside) as connection:
        connection.row_factory = sqlite3.Row
        for number in range(20, 26):
            add_row(connection, uuid(number), rollout_path=f"/nowhere/{number}")
    lines = told(beside, code=1)
    assert [each.partition(":")[0] for each in lines[1:4]] == [uuid(20), uuid(21), uuid(22)]
    assert lines[4:] == ["3 more of kind gone (--json names all)"]
    assert len(differences(beside)) == 6


def test_a_database_that_is_left_alone_is_no_fault(beside: Path) -> None:
    with database(beside) as connection:
        connection.execute("UPDATE backfill_state SET status = 'running'")
    move(beside, 1, ARCHIVED)
    why = "Codex has not taken in all threads into it yet"
    assert told(beside) == [f"state_5.sqlite is left alone: {why}"]
    assert told(beside, "--mend") == [f"state_5.sqlite is left alone: {why}"]


def test_a_damaged_database_is_a_fault(beside: Path) -> None:
    path = beside / "state_5.sqlite"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(len(whole) - 100))
    (line,) = told(beside, code=1)
    assert line == "state_5.sqlite is left alone: it is damaged"


def test_what_changes_between_two_looks_is_no_difference(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(beside, 1, archived=1)
    first = Comparison.__init__

    def look(self: Comparison, *given: Any) -> None:
        first(self, *given)
        change(beside, 1, archived=0)

    monkeypatch.setattr(Comparison, "__init__", look)
    assert told(beside) == ["state_5.sqlite: 3 rows, as the files have them"]


def test_no_content_is_told(beside: Path) -> None:
    secret = "canary"
    with threadlog.open(beside) as opened:
        opened.rename(uuid(1), secret)
    change(beside, 1, title=f"{secret}s", first_user_message=secret, updated_at_ms=1)
    assert differences(beside) == [(uuid(1), "name")]
    for words in ([], ["--json"], ["--mend"]):
        assert secret.encode() not in command(beside, "doctor", *words).out


@pytest.mark.parametrize("path", ["", "sessions/x.jsonl", "/x\0y.jsonl", "/" + "x" * 5000])
def test_what_is_no_path_is_told_and_left(beside: Path, path: str) -> None:
    change(beside, 1, rollout_path=path)
    ((thread, kind),) = differences(beside)
    assert (thread, kind in ("moved", "other-home")) == (uuid(1), True)
    before = rows_of(beside)
    assert not any(done for _thread, _kind, done in mended(beside))
    assert rows_of(beside) == before


def test_a_rollout_that_tells_nothing_is_not_compared_with_its_row(beside: Path) -> None:
    change(beside, 1, history_mode="paginated")
    rollout(beside, 1).write_bytes(b"damaged\n")
    assert differences(beside) == []


def test_a_path_that_no_system_has_stops_nothing(beside: Path) -> None:
    row = Row(uuid(1), "/x\0y", archived=False, mode=None, name=None)
    (found, *_others) = Comparison(
        str(beside), [], (), Database("", READY, [row])
    ).parity.differences
    assert (found.kind, found.mendable) == ("moved", False)


def test_a_compressed_rollout_goes_by_its_plain_name(beside: Path) -> None:
    path = rollout(beside, 1)
    make_old(beside)
    with threadlog.open(beside) as opened:
        opened.compress(uuid(1), older_than_days=0)
    assert not path.exists()
    assert differences(beside) == []
    # One that is not among the home's is there all the same.
    Path(f"{path}.zst").rename(beside / "kept.jsonl.zst")
    change(beside, 1, rollout_path=str(beside / "kept.jsonl"))
    assert differences(beside) == [(uuid(1), "foreign")]


def test_what_cannot_be_looked_at_is_not_called_gone(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(beside, 1, rollout_path="/locked/one.jsonl")
    look = os.lstat

    def refuse(path: Any, **more: Any) -> os.stat_result:
        if str(path).startswith("/locked/"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return look(path, **more)

    monkeypatch.setattr(os, "lstat", refuse)
    assert differences(beside) == [(uuid(1), "other-home")]
    assert mended(beside) == []
    rollout(beside, 1).unlink()
    assert differences(beside) == [(uuid(1), "foreign")]


def test_rollouts_that_lie_elsewhere_by_a_link_are_of_the_home(beside: Path) -> None:
    away = beside.parent / "away"
    (beside / "sessions").rename(away)
    (beside / "sessions").symlink_to(away)
    assert differences(beside) == []
    path = next(away.rglob(f"*{uuid(1)}.jsonl"))
    new = away / "2026" / path.name
    path.rename(new)
    assert differences(beside) == [(uuid(1), "moved")]
    check = follow(beside, 1, rollout_path=str(beside / "sessions" / new.relative_to(away)))
    assert mended(beside) == [(uuid(1), "moved", True)]
    check()


# What is mended


def follow(home: Path, number: int, **columns: Any) -> Callable[[], None]:
    """A check that only these columns of a thread's row have changed."""
    before = rows_of(home)

    def check() -> None:
        after = rows_of(home)
        row = {**before[uuid(number)], **columns}
        assert after == {**before, uuid(number): row}

    return check


def mended(home: Path) -> list[tuple[str, str, bool]]:
    """What is mended: thread, kind, and whether it was done."""
    found = as_json(home, "--mend")["mended"]
    return [(each["thread_id"], each["kind"], each["done"]) for each in found]


def test_a_row_follows_into_the_archive_with_the_time_of_the_file(beside: Path) -> None:
    old, new = rollout(beside, 1), move(beside, 1, ARCHIVED)
    os.utime(new, (5_000, 5_000))
    check = follow(beside, 1, rollout_path=str(new), archived=1, archived_at=5_000)
    files = tree(beside / ARCHIVED)
    assert told(beside, "--mend") == [
        f"{uuid(1)}: its row leads to {new}, archived (it led to {old})",
        "state_5.sqlite: 3 rows, as the files have them",
    ]
    check()
    assert tree(beside / ARCHIVED) == files
    assert mended(beside) == []


def test_a_row_that_is_archived_already_keeps_its_moment(beside: Path) -> None:
    change(beside, 3, archived_at=7)
    new = move(beside, 3, f"{ARCHIVED}/inner")
    check = follow(beside, 3, rollout_path=str(new))
    assert mended(beside) == [(uuid(3), "moved", True)]
    check()


def test_a_flag_follows(beside: Path) -> None:
    change(beside, 1, archived=1, archived_at=7)
    check = follow(beside, 1, archived=0, archived_at=None)
    assert mended(beside) == [(uuid(1), "archived", True)]
    check()


@pytest.mark.parametrize("linked", [False, True])
def test_rows_of_a_home_that_was_moved_follow(beside: Path, *, linked: bool) -> None:
    away = beside.parent / "away"
    path = str(rollout(beside, 1))
    change(beside, 1, rollout_path=path.replace(str(beside), str(away)))
    if linked:  # then it is the same place
        away.symlink_to(beside)
        assert mended(beside) == []
        return
    check = follow(beside, 1, rollout_path=path)
    assert mended(beside) == [(uuid(1), "other-home", True)]
    check()


def test_rows_of_a_home_that_was_copied_are_left(beside: Path) -> None:
    away = beside.parent / "away"
    path = rollout(beside, 1)
    there = away / path.relative_to(beside)
    there.parent.mkdir(parents=True)
    there.write_bytes(path.read_bytes())
    change(beside, 1, rollout_path=str(there))
    before = rows_of(beside)
    assert mended(beside) == []
    assert differences(beside) == [(uuid(1), "other-home")]
    assert rows_of(beside) == before


def test_a_row_that_leads_to_another_thread_follows(beside: Path) -> None:
    path = str(rollout(beside, 1))
    change(beside, 1, rollout_path=str(rollout(beside, 2)))
    check = follow(beside, 1, rollout_path=path)
    assert mended(beside) == [(uuid(1), "shared", True)]
    check()


@pytest.mark.parametrize("gone_on", [False, True])
def test_a_row_follows_to_the_newest_rollout(beside: Path, *, gone_on: bool) -> None:
    first = Pages(uuid(4))
    first.turn("a")
    old = first.write(beside)
    new = Pages(uuid(4), revision=uuid(5), base=first.turn("b")).write(
        beside, stamp="2026-01-03T00-00-00"
    )
    os.utime(new, (1_000, 1_000))
    os.utime(old, (2_000 if gone_on else 1_000,) * 2)
    note(beside)
    change(beside, 4, rollout_path=str(old))
    check = follow(beside, 4, rollout_path=str(old if gone_on else new))
    assert mended(beside) == ([] if gone_on else [(uuid(4), "older-rollout", True)])
    check()


@pytest.mark.parametrize(("mode", "column"), [("legacy", "title"), ("paginated", "name")])
def test_a_name_follows(beside: Path, mode: str, column: str) -> None:
    pages = Pages(uuid(4))
    pages.turn("a")
    pages.write(beside)
    note(beside)
    number = 4 if mode == "paginated" else 1
    first = rows_of(beside)[uuid(number)][column]
    with threadlog.open(beside) as opened:
        opened.rename(uuid(number), "N")
    change(beside, number, **{column: first})
    (beside / "session_index.jsonl").unlink()
    check = follow(beside, number, **{column: "N"})
    assert mended(beside) == [(uuid(number), "name", True)]
    check()
    assert differences(beside) == []


def test_path_and_name_follow_together(beside: Path) -> None:
    title = rows_of(beside)[uuid(1)]["title"]
    with threadlog.open(beside) as opened:
        opened.rename(uuid(1), "N")
    change(beside, 1, title=title)
    (beside / "session_index.jsonl").unlink()
    new = move(beside, 1, "sessions/2026/01/09")
    check = follow(beside, 1, title="N", rollout_path=str(new))
    assert mended(beside) == [(uuid(1), "moved", True), (uuid(1), "name", True)]
    check()


def test_the_row_of_a_thread_in_the_trash_goes(beside: Path) -> None:
    before = rows_of(beside)
    with threadlog.open(beside) as opened:
        opened.delete(uuid(1))
    with database(beside) as connection:
        row = before[uuid(1)]
        marks = ", ".join("?" * len(row))
        command_ = f"INSERT INTO threads ({', '.join(row)}) VALUES ({marks})"
        connection.execute(command_, tuple(row.values()))
    assert differences(beside) == [(uuid(1), "trashed")]
    assert told(beside, "--mend")[0] == f"{uuid(1)}: its row is gone"
    del before[uuid(1)]
    assert rows_of(beside) == before


@pytest.mark.parametrize("kind", ["gone", "history-mode", "foreign"])
def test_what_is_not_ours_to_mend_stays(beside: Path, kind: str) -> None:
    if kind == "gone":
        rollout(beside, 1).unlink()
    elif kind == "history-mode":
        change(beside, 1, history_mode="paginated")
    else:
        rollout(beside, 1).rename(beside / "sessions" / "kept.txt")
        change(beside, 1, rollout_path=str(beside / "sessions" / "kept.txt"))
    before = rows_of(beside)
    assert differences(beside) == [(uuid(1), kind)]
    assert mended(beside) == []
    assert rows_of(beside) == before


def test_a_thread_that_somebody_has_loaded_is_left_and_said(beside: Path) -> None:
    change(beside, 1, archived=1)
    change(beside, 2, archived=1)
    before = rows_of(beside)[uuid(1)]
    with held(beside, uuid(1)) as process:
        lines = told(beside, "--mend", code=1)
    writer = f"thread {uuid(1)} already has an active writer: process {process.pid}"
    assert lines[0] == f"{uuid(1)}: {writer}"
    assert lines[1].startswith(f"{uuid(2)}: its row leads to ")
    assert (rows_of(beside)[uuid(1)], rows_of(beside)[uuid(2)]["archived"]) == (before, 0)


def test_a_busy_database_is_left_and_said(beside: Path) -> None:
    change(beside, 1, archived=1)
    with database(beside) as writer:
        writer.execute("BEGIN IMMEDIATE")  # it can be read
        lines = told(beside, "--mend", code=1)
        writer.rollback()
    assert (
        lines[0]
        == f"{uuid(1)}: Codex's database was left as it is: it is locked by another program"
    )
    assert rows_of(beside)[uuid(1)]["archived"] == 1


def no_change(_home: Path) -> None:
    """Nobody does anything."""


def put_right(home: Path) -> None:
    """Codex has mended it itself."""
    change(home, 1, rollout_path=str(rollout(home, 1)))


def lead_elsewhere(home: Path) -> None:
    """The row leads somewhere else by now."""
    change(home, 1, rollout_path=str(home / "sessions/2026/01/01/other.jsonl"))


@pytest.mark.parametrize(
    ("after", "meanwhile", "done", "answer"),
    [
        (1, no_change, True, "its row leads to "),
        (1, put_right, True, "it is right by now"),
        (1, lead_elsewhere, False, "it has changed just now; ask again"),
        # Then it is the transaction that finds out.
        (
            2,
            lead_elsewhere,
            False,
            "Codex's database was left as it is: it has the thread at another rollout (",
        ),
    ],
)
def test_all_is_looked_at_again_under_the_lock(
    beside: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    meanwhile: Any,
    done: Any,
    answer: str,
) -> None:
    change(beside, 1, rollout_path=str(beside / "sessions/2026/01/01/one.jsonl"))
    first, looks = Comparison.__init__, []

    def look(self: Comparison, *given: Any) -> None:
        first(self, *given)
        looks.append(self)
        if len(looks) == after:
            meanwhile(beside)

    monkeypatch.setattr(Comparison, "__init__", look)
    with threadlog.open(beside) as opened:
        (each,) = checkup.mend(opened)
    assert (each.thread_id, each.kind, each.done) == (uuid(1), "moved", done)
    assert each.told.startswith(answer)


def test_a_newest_rollout_that_cannot_be_read_is_not_led_to(beside: Path) -> None:
    kept = rollout(beside, 1)
    broken = beside / ARCHIVED / kept.name
    kept.rename(beside / "kept")
    broken.parent.mkdir(exist_ok=True)
    broken.write_bytes(b"")
    before = rows_of(beside)
    (line,) = told(beside, "--mend", code=1)[1:]
    assert f"its newest rollout is {broken}, of which nothing can be read; " in line
    assert rows_of(beside) == before


def test_a_name_that_codex_gives_meanwhile_is_kept(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threadlog.open(beside) as opened:
        opened.rename(uuid(1), "Ours")
        change(beside, 1, title="Before")  # which was not told
        first = CodexRegister.named_later

        def named(self: CodexRegister, thread: str, at_ms: int) -> bool:
            change(beside, 1, title="Theirs")
            append_name(str(beside), thread, "Theirs", at_ms + 60_000)
            return first(self, thread, at_ms)

        monkeypatch.setattr(CodexRegister, "named_later", named)
        (each,) = checkup.mend(opened)
    assert (each.kind, each.done, each.told) == (
        "name",
        False,
        "it has changed just now; ask again",
    )
    assert rows_of(beside)[uuid(1)]["title"] == "Theirs"


def test_what_was_broken_off_is_finished_first(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step(uuid(1), ((f"{DAY}/a", f"{ARCHIVED}/a"),), paginated=False, at_ms=1)
    intent = Intent(ARCHIVE, (step,), "")
    change(beside, 1, archived=1)
    monkeypatch.setattr(Intents, "read", lambda _self: iter([intent]))
    with threadlog.open(beside) as opened:
        (each,) = checkup.mend(opened)
    assert not each.done
    assert each.told == "something was broken off with it and cannot be finished yet"
    assert rows_of(beside)[uuid(1)]["archived"] == 1


def test_more_threads_than_are_locked_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threadlog.local.mending.BATCH", 2)
    know_schema(monkeypatch)
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(home))
    for number in range(5):
        put_thread(home, number)
    note(home)
    for number in range(5):
        change(home, number, archived=1)
    assert len(mended(home)) == 5
    assert differences(home) == []


def test_where_python_has_no_sqlite_the_database_is_left(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    lines = told(beside)
    assert lines[0].startswith("state_5.sqlite is left alone: ")


def test_our_metadata_outlives_a_row_that_is_removed(
    beside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = Pages(uuid(4), git={"branch": "main"})
    pages.turn("hello")
    path = pages.write(beside)
    note(beside)
    change(beside, 4, git_branch="main")
    with threadlog.open(beside) as home:
        home.update_metadata(uuid(4), git={"branch": "ours"})
        with monkeypatch.context() as now:
            now.setattr(schema, "KNOWN", {})
            home.delete(uuid(4))
        assert [each.kind for each in checkup.mend(home)] == ["trashed"]
        home.restore(uuid(4))
        with database(beside) as connection:  # as Codex makes it, of the rollout
            row = {"history_mode": "paginated", "git_branch": "main"}
            add_row(connection, uuid(4), rollout_path=str(path), **row)
        assert home.get(uuid(4)).git_branch == "ours"
