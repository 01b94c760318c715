"""Archiving, deleting, restoring, names and metadata: the files, what is noted beside them, and
what a Codex in the same home is told."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import (
    DAY,
    FILE_STAMP,
    OTHER,
    THREAD,
    content,
    file_name,
    held,
    make_old,
    meta,
    put,
    put_thread,
    python,
    turn,
    uuid,
)
from state_databases import add_row, connect_state, make_whole
from threadlog import (
    Archived,
    InUse,
    MoveFailed,
    NotFound,
    PartlyDone,
    Refused,
    Thread,
)
from threadlog.codex import schema
from threadlog.core.shelf import KEPT_DAYS

NAME = file_name()
LINES = [meta(), *turn("A")]
AGE_NS = 86_400 * 10**9


def spawned(thread: str, parent: str, role: str = "worker") -> bytes:
    """The rollout of a subagent."""
    spawn = {"parent_thread_id": parent, "depth": 1, "agent_role": role}
    source = {"subagent": {"thread_spawn": spawn}}
    return content([meta(thread, source=source, parent_thread_id=parent), *turn("sub")])


def review(thread: str, parent: str) -> bytes:
    """The rollout of a review."""
    return content([meta(thread, source={"subagent": "review"}, parent_thread_id=parent)])


def below(home: Path) -> list[str]:
    """Every rollout of the home, wherever it lies."""
    found = (each.relative_to(home).as_posix() for each in home.rglob("rollout-*"))
    return sorted(found)


# -- archive, unarchive


@pytest.mark.codex("C282", "C284")
def test_archiving_moves_the_file_under_its_name_and_unarchiving_moves_it_back(home: Path) -> None:
    path = put(home, content(LINES))
    before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino
    with threadlog.open(home) as opened:
        (moved,) = opened.archive(THREAD)
        assert below(home) == [f"archived_sessions/{NAME}"]
        assert (moved.id, moved.was, moved.path) == (
            THREAD,
            str(path),
            str(home / "archived_sessions" / NAME),
        )
        assert [each.id for each in opened.threads(archived=True)] == [THREAD]
        assert not opened.threads()
        (back,) = opened.unarchive(THREAD)
        assert (back.was, back.path) == (moved.path, moved.was)
        assert [each.title for each in opened.threads()] == ["A"]
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert not list((home / "threadlog" / "intents").iterdir())


def test_a_dry_run_says_the_same_and_moves_nothing(home: Path) -> None:
    put(home, content(LINES))
    with threadlog.open(home) as opened:
        planned = opened.archive(THREAD, dry_run=True)
        assert below(home) == [f"{DAY}/{NAME}"]
        assert opened.archive(THREAD) == planned


def test_all_files_of_a_thread_move_together(home: Path) -> None:
    put(home, content(LINES))
    put(home, content(LINES), f"{NAME}.zst")  # a twin that does not count
    put(home, content(LINES), file_name(revision=uuid(7)), "sessions/2026/02/03")
    put(home, content(LINES), file_name(OTHER))
    with threadlog.open(home) as opened:
        opened.archive(THREAD)
        assert below(home) == [
            *sorted(
                f"archived_sessions/{each}"
                for each in (NAME, f"{NAME}.zst", file_name(revision=uuid(7)))
            ),
            f"{DAY}/{file_name(OTHER)}",
        ]
        opened.unarchive(THREAD)
    assert below(home) == sorted(
        f"{DAY}/{each}"
        for each in (NAME, f"{NAME}.zst", file_name(revision=uuid(7)), file_name(OTHER))
    )


def test_what_lies_in_the_way_stops_it_and_nothing_moves(home: Path) -> None:
    put(home, content(LINES))
    put(home, content([meta(OTHER)]), file_name(OTHER))
    put(home, b"", NAME, "archived_sessions")
    put(home, b"", file_name(OTHER), "archived_sessions")
    before = below(home)
    with threadlog.open(home) as opened, pytest.raises(Refused, match="is there already"):
        opened.archive(str(home / DAY / NAME))
    assert below(home) == before


def test_of_several_each_is_tried_and_what_failed_is_told(home: Path) -> None:
    for number in (1, 2, 3):
        put_thread(home, number)
    with held(home, uuid(2)), threadlog.open(home) as opened:
        with pytest.raises(PartlyDone) as caught:
            opened.archive(uuid(1), uuid(2), uuid(3))
        assert [getattr(each, "id", None) for each in caught.value.done] == [uuid(1), uuid(3)]
        assert isinstance(caught.value.failed[uuid(2)], InUse)
        assert {each.id for each in opened.threads(archived=True)} == {uuid(1), uuid(3)}


def test_one_that_is_not_there_stops_all_before_anything_is_done(home: Path) -> None:
    put(home, content(LINES))
    with threadlog.open(home) as opened, pytest.raises(NotFound):
        opened.archive(THREAD, OTHER)
    assert below(home) == [f"{DAY}/{NAME}"]


def test_subagents_go_along_and_reviews_do_not(home: Path) -> None:
    put(home, content(LINES))
    put(home, spawned(uuid(1), THREAD), file_name(uuid(1)))
    put(home, spawned(uuid(2), uuid(1)), file_name(uuid(2)))
    put(home, review(uuid(3), THREAD), file_name(uuid(3)))
    with threadlog.open(home) as opened:
        moved = opened.archive(THREAD)
        assert [each.id for each in moved] == [THREAD, uuid(2), uuid(1)]
        assert [each.id for each in opened.threads()] == [uuid(3)]
        assert [each.id for each in opened.unarchive(THREAD)] == [THREAD, uuid(2), uuid(1)]
        assert not opened.threads(archived=True)


def test_a_subagent_that_is_in_use_is_left_and_said(home: Path) -> None:
    put(home, content(LINES))
    put(home, spawned(uuid(1), THREAD), file_name(uuid(1)))
    with held(home, uuid(1)), threadlog.open(home) as opened:
        (moved,) = opened.archive(THREAD)
        assert f"its subagent {uuid(1)} was left" in moved.remarks[0]
        assert [each.id for each in opened.threads()] == [uuid(1)]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_a_sentence(home: Path) -> None:
    put(home, content(LINES))
    (home / DAY).chmod(0o500)
    with threadlog.open(home) as opened, pytest.raises(MoveFailed, match="Permission denied"):
        opened.archive(THREAD)
    (home / DAY).chmod(0o700)
    assert below(home) == [f"{DAY}/{NAME}"]


def test_a_name_that_cannot_be_written_down_says_that_nothing_was_changed(home: Path) -> None:
    put(home, content(LINES))
    (home / "threadlog").write_bytes(b"in the way of a folder")
    with threadlog.open(home) as opened, pytest.raises(MoveFailed, match="nothing was changed: "):
        opened.rename(THREAD, "a name")


# -- delete, restore, purge


@pytest.mark.codex("C286", "C287")
def test_deleting_takes_every_file_and_restoring_gives_it_back(home: Path) -> None:
    put(home, content(LINES))
    put(home, content(LINES), f"{NAME}.zst")
    put(home, content(LINES), file_name(revision=uuid(7)), "archived_sessions")
    before = {each: (home / each).read_bytes() for each in below(home)}
    with threadlog.open(home) as opened:
        opened.delete(THREAD)
        assert not [each for each in below(home) if not each.startswith("threadlog/trash/")]
        (trashed,) = opened.trash()
        assert (trashed.id, trashed.title) == (THREAD, "A")
        assert trashed.size_bytes == sum(map(len, before.values()))
        opened.restore(THREAD)
        assert {each: (home / each).read_bytes() for each in below(home)} == before
        assert opened.trash() == []
    assert not list((home / "threadlog" / "trash").iterdir())


@pytest.mark.codex("C288")
def test_deleting_what_was_never_there_is_said(home: Path) -> None:
    with threadlog.open(home) as opened, pytest.raises(NotFound, match="no thread"):
        opened.delete(THREAD)


@pytest.mark.codex("C194")
def test_subagents_are_deleted_and_come_back_with_their_thread(home: Path) -> None:
    put(home, content(LINES))
    put(home, spawned(uuid(1), THREAD), file_name(uuid(1)), "archived_sessions")
    put(home, review(uuid(3), THREAD), file_name(uuid(3)))
    before = below(home)
    with threadlog.open(home) as opened:
        assert [each.id for each in opened.delete(THREAD)] == [uuid(1), THREAD]
        assert [each.id for each in opened.threads(archived=None)] == [uuid(3)]
        assert {each.id: each.along for each in opened.trash()} == {THREAD: "", uuid(1): THREAD}
        assert {each.id for each in opened.restore(THREAD)} == {THREAD, uuid(1)}
    assert below(home) == before


def test_what_was_deleted_is_kept_for_a_month(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        put_thread(home, number)
    with threadlog.open(home) as opened:
        opened.delete(uuid(1))
        later = __import__("time").time_ns
        monkeypatch.setattr("time.time_ns", lambda: later() + (KEPT_DAYS - 1) * AGE_NS)
        opened.delete(uuid(2))
        assert {each.id for each in opened.trash()} == {uuid(1), uuid(2)}
        monkeypatch.setattr("time.time_ns", lambda: later() + (KEPT_DAYS + 1) * AGE_NS)
        opened.delete(uuid(3))
        assert {each.id for each in opened.trash()} == {uuid(2), uuid(3)}


def test_purging_removes_what_we_keep_of_a_thread(home: Path) -> None:
    put_thread(home, 1)
    put_thread(home, 2)
    make_old(home)
    with threadlog.open(home) as opened:
        opened.rename(uuid(1), "secret")
        opened.rename(uuid(2), "kept")
        opened.delete(uuid(1))
        opened.purge("last")
        assert [each.id for each in opened.threads()] == [uuid(2)]
        assert opened.threads()[0].name == "kept"
    names = (home / "threadlog" / "names.jsonl").read_text()
    assert ("secret" in names, "kept" in names) == (False, True)
    with pytest.raises(NotFound):
        threadlog.open(home).restore(uuid(1))


def referred_to(opened: threadlog.Home, **options: Any) -> tuple[Thread, Thread]:
    """A paginated thread, and a fork that refers to it."""
    parent = opened.start(cwd="/desk", history_mode="paginated", **options)
    with parent, parent.turn("A") as made:
        made.say("re A")
    fork = opened.fork(parent.id)
    fork.close()
    return parent, fork


def test_what_others_build_on_stays_and_they_are_named(home: Path) -> None:
    with threadlog.open(home) as opened:
        parent, fork = referred_to(opened)
        with pytest.raises(Refused, match=fork.id):
            opened.delete(parent.id)
        opened.archive(fork.id)
        with pytest.raises(Refused, match=fork.id):
            opened.delete(parent.id)
        opened.delete(fork.id)
        with pytest.raises(Refused, match=r"\(in the trash\)"):
            opened.delete(parent.id)
        opened.restore(fork.id)
        assert len(list(opened.turns(fork.id))) == 1
        moved = opened.delete(parent.id, fork.id)
        assert {each.id for each in moved} == {parent.id, fork.id}
        with pytest.raises(Refused, match="in the trash"):
            opened.purge(parent.id)
        opened.purge(fork.id, parent.id)
        assert opened.trash() == []


# -- names and metadata


@pytest.mark.codex("C289", "C294", "C301")
def test_a_name_is_an_event_a_line_and_the_answer(home: Path) -> None:
    path = put(home, content(LINES))
    make_old(home)
    with threadlog.open(home) as opened:
        opened.rename(THREAD, "  first  ")
        changed = opened.rename(THREAD, "second")
        assert (changed.id, changed.path, changed.remarks) == (THREAD, str(path), ())
        assert opened.threads()[0].name == "second"
    events = [json.loads(raw)["payload"] for raw in path.read_bytes().splitlines()[-2:]]
    assert [each["thread_name"] for each in events] == ["first", "second"]
    indexed = [json.loads(each) for each in (home / "session_index.jsonl").read_text().splitlines()]
    assert [(each["id"], each["thread_name"]) for each in indexed] == [
        (THREAD, "first"),
        (THREAD, "second"),
    ]


@pytest.mark.parametrize("lost", ["session_index.jsonl", "threadlog/names.jsonl"])
def test_a_name_survives_the_loss_of_either_place(home: Path, lost: str) -> None:
    put(home, content(LINES))
    make_old(home)
    with threadlog.open(home) as opened:
        opened.rename(THREAD, "a name")
        (home / lost).unlink()
    with threadlog.open(home) as opened:
        assert opened.threads()[0].name == "a name"


@pytest.mark.parametrize("name", ["", "  \n", "x" * 10_001])
def test_what_is_no_name_is_refused(home: Path, name: str) -> None:
    put(home, content(LINES))
    with threadlog.open(home) as opened, pytest.raises(ValueError, match="a thread's name"):
        opened.rename(THREAD, name)


def metas(path: Path) -> list[dict[str, Any]]:
    """The session metadata of a rollout, line by line."""
    lines = map(json.loads, path.read_bytes().splitlines())
    return [each["payload"] for each in lines if each["type"] == "session_meta"]


GIT = {"commit_hash": "c1", "branch": "b1", "repository_url": "u1"}


@pytest.mark.codex("C290", "C291", "C292", "C293")
def test_metadata_is_another_whole_line(home: Path) -> None:
    path = put(home, content([meta(git=GIT, of_2040={"a": 1}), *turn("A")]))
    make_old(home)
    with threadlog.open(home) as opened:
        opened.update_metadata(THREAD, memory_mode="disabled")
        opened.update_metadata(THREAD, git={"branch": "b2"})
        opened.update_metadata(THREAD, git={"repository_url": None}, memory_mode="enabled")
        opened.catch_up()
        found = opened.get(THREAD)
    first, second, third, fourth = metas(path)
    assert second == {**first, "memory_mode": "disabled"}
    assert third == {**second, "git": {**GIT, "branch": "b2"}}
    assert fourth == {
        **third,
        "git": {"commit_hash": "c1", "branch": "b2"},
        "memory_mode": "enabled",
    }
    told = (found.git_branch, found.git_commit, found.git_url, found.memory_mode)
    assert told == ("b2", "c1", None, "enabled")


def test_a_paginated_rollout_is_not_told(home: Path) -> None:
    with threadlog.open(home) as opened:
        thread, _fork = referred_to(opened)
        before = Path(thread.path).read_bytes()
        opened.update_metadata(thread.id, git={"branch": "b2"}, memory_mode="disabled")
        opened.update_metadata(thread.id, git={"branch": "b3"})
        assert Path(thread.path).read_bytes() == before
        found = opened.get(thread.id)
        assert (found.git_branch, found.memory_mode) == ("b3", "disabled")
        assert [each.id for each in opened.threads(branch="b3")] == [thread.id]
        (home / "threadlog" / "index.sqlite").unlink(missing_ok=True)
    with threadlog.open(home) as opened:
        assert [each.id for each in opened.threads(branch="b3")] == [thread.id]


@pytest.mark.parametrize(
    "patch",
    [{}, {"git": {}}, {"git": {"color": "red"}}, {"git": {"branch": " "}}, {"memory_mode": "some"}],
)
def test_metadata_that_is_none_is_refused(home: Path, patch: dict[str, Any]) -> None:
    put(home, content(LINES))
    with (
        threadlog.open(home) as opened,
        pytest.raises(ValueError, match=r"git|memory|change|empty"),
    ):
        opened.update_metadata(THREAD, **patch)


# -- reverts


@pytest.mark.codex("C406", "C407")
def test_a_reverted_thread_is_the_same_one_again_and_again(home: Path) -> None:
    with threadlog.open(home) as opened:
        thread = opened.start(cwd="/desk", history_mode="paginated", agent_role="worker")
        for name in "ABC":
            with thread.turn(name, turn_id=f"t{name}") as made:
                made.say(f"re {name}")
        thread.close()
        with opened.revert(thread.id, before="tC") as first, first.turn("D", turn_id="tD") as made:
            made.say("re D")
        assert asked(opened, thread.id) == ["A", "B", "D"]
        opened.compress(thread.id, older_than_days=0)
        with opened.revert(thread.id, before="tB") as second:
            assert asked(opened, thread.id) == ["A"]
        with opened.revert(thread.id, before="tA") as third:
            assert asked(opened, thread.id) == []
        heads = [metas(Path(each.path))[0] for each in (first, second, third)]
        assert [each["id"] for each in heads] == [thread.id] * 3
        assert [each["agent_role"] for each in heads] == ["worker"] * 3
        assert [("history_base" in each) for each in heads] == [True, True, False]
        opened.archive(thread.id)
        assert len(list((home / "archived_sessions").iterdir())) == 4
        opened.delete(thread.id)
        opened.restore(thread.id)
        opened.unarchive(thread.id)
        assert opened.get(thread.id).rollouts == 4


def asked(opened: threadlog.Home, thread: str) -> list[str]:
    """What the user said in each turn."""
    return [each.items[0].content[0].text or "" for each in opened.turns(thread)]  # type: ignore[union-attr]


# -- beside a Codex


def digest() -> str:
    """What stands for the migrations of the databases made here."""
    return hashlib.sha256(f"1:{'01' * 48}\n2:{'02' * 48}".encode()).hexdigest()


@pytest.fixture
def with_codex(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a thread, and the database of a Codex that knows it."""
    monkeypatch.setattr(schema, "KNOWN", {digest(): True})
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(home))
    path = put(home, content(LINES))
    with contextlib.closing(connect_state(home)) as connection:
        make_whole(connection)
        add_row(connection, THREAD, rollout_path=str(path), title="A", first_user_message="A")
    return home


def row_of(home: Path) -> dict[str, Any] | None:
    with contextlib.closing(sqlite3.connect(home / "state_5.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM threads WHERE id = ?", (THREAD,)).fetchone()
    return None if found is None else dict(found)


@pytest.mark.codex("C283", "C285", "C299")
def test_the_row_follows(with_codex: Path) -> None:
    with threadlog.open(with_codex) as opened:
        before = row_of(with_codex)
        assert before is not None
        opened.archive(THREAD)
        found = row_of(with_codex)
        assert found is not None
        assert (found["archived"], found["rollout_path"]) == (
            1,
            str(with_codex / "archived_sessions" / NAME),
        )
        assert found["archived_at"] > 1_700_000_000
        opened.rename(THREAD, "in the archive")
        found = row_of(with_codex)
        assert found is not None
        assert (found["title"], found["archived"]) == ("in the archive", 1)
        opened.unarchive(THREAD)
        assert row_of(with_codex) == {**before, "title": "in the archive"}


@pytest.mark.codex("C195")
def test_the_row_is_the_last_to_go_and_a_copy_is_kept(with_codex: Path) -> None:
    with threadlog.open(with_codex) as opened:
        opened.delete(THREAD)
        assert row_of(with_codex) is None
        (entry,) = (with_codex / "threadlog" / "trash").iterdir()
        kept = json.loads((entry / "thread.json").read_bytes())
        assert kept["row"]["rollout_path"] == str(with_codex / DAY / NAME)
        opened.restore(THREAD)
        assert row_of(with_codex) is None  # a Codex finds the file by itself


def broken(home: Path) -> None:
    with contextlib.closing(sqlite3.connect(home / "state_5.sqlite")) as connection:
        connection.execute("UPDATE backfill_state SET status = 'running'")
        connection.commit()


@pytest.mark.codex("C302")
def test_a_database_that_is_not_whole_is_left_and_a_legacy_thread_moves(with_codex: Path) -> None:
    broken(with_codex)
    with threadlog.open(with_codex) as opened:
        (moved,) = opened.archive(THREAD)
        assert "Codex's database was left as it is" in moved.remarks[0]
        assert opened.get(THREAD).archived
        found = row_of(with_codex)
        assert found is not None
        assert found["archived"] == 0


def test_a_paginated_thread_stays_then(with_codex: Path) -> None:
    broken(with_codex)
    with threadlog.open(with_codex) as opened:
        thread, _fork = referred_to(opened)
        with contextlib.closing(connect_state(with_codex)) as connection:
            columns = {"history_mode": "paginated", "rollout_path": thread.path}
            add_row(connection, thread.id, **columns)
        turns = [each.id for each in opened.turns(thread.id)]
        before = os.stat(thread.path)
        with pytest.raises(Refused, match="stays where it is"):
            opened.archive(thread.id)
        assert os.stat(thread.path).st_ctime_ns == before.st_ctime_ns, "it went, and came back"
        with pytest.raises(Refused, match="stays as it is"):
            opened.revert(thread.id, before=turns[0])
        assert os.path.exists(thread.path)
        assert opened.get(thread.id).rollouts == 1
        intents = with_codex / "threadlog" / "intents"
        assert not intents.exists() or not os.listdir(intents)


def test_odd_threads_are_said(home: Path) -> None:
    put(home, content([meta(None)]), f"rollout-{FILE_STAMP}.jsonl")
    path = str(home / DAY / f"rollout-{FILE_STAMP}.jsonl")
    with threadlog.open(home) as opened:
        with pytest.raises(Refused, match="names no thread"):
            opened.archive(path)
        with pytest.raises(Refused, match="names no thread"):
            opened.rename(path, "x")
        put(home, content(LINES), folder="archived_sessions")
        with pytest.raises(Archived):
            opened.archive(THREAD)


def test_a_thread_and_its_subagents_are_one_deed(home: Path) -> None:
    put(home, content(LINES))
    put(home, spawned(uuid(1), THREAD), file_name(uuid(1)))
    code = """
import os, sys, threadlog
from threadlog.local.carrying import Carrier
carry, calls = Carrier.carry, []
def once(self, moves):
    calls.append(carry(self, moves) if not calls else os._exit(0))
Carrier.carry = once
threadlog.open(sys.argv[1]).archive(sys.argv[2])
"""
    with python(code, str(home), THREAD) as process:
        assert process.wait(30) == 0
    with threadlog.open(home) as opened:
        assert {each.id for each in opened.threads(archived=True)} == {THREAD, uuid(1)}


# -- what was broken off, and what was done since


def broken_off(home: Path, deed: str, *threads: str) -> None:
    """Another process writes a deed down, and dies before the next step."""
    code = f"""
import os, sys, threadlog
from threadlog.local.carrying import Carrier
Carrier.carry = lambda self, moves: os._exit(0)
threadlog.open(sys.argv[1]).{deed}(*sys.argv[2:])
"""
    with python(code, str(home), *threads) as process:
        assert process.wait(30) == 0
    assert len(os.listdir(home / "threadlog" / "intents")) == 1


@pytest.mark.parametrize("deed", ["archive", "delete"])
def test_the_next_open_does_the_rest(home: Path, deed: str) -> None:
    put(home, content(LINES))
    broken_off(home, deed, THREAD)
    assert below(home) == [f"{DAY}/{NAME}"]
    with threadlog.open(home) as opened:
        assert [each.id for each in opened.trash()] == ([THREAD] if deed == "delete" else [])
        assert bool(opened.threads(archived=True)) == (deed == "archive")
        assert not opened.threads()
    assert not os.listdir(home / "threadlog" / "intents")


@pytest.mark.parametrize("deed", ["archive", "delete"])
def test_a_thread_that_somebody_went_on_with_stays(home: Path, deed: str) -> None:
    path = put(home, content(LINES))
    broken_off(home, deed, THREAD)
    with path.open("ab") as file:
        file.write(content(turn("B")))
    with threadlog.open(home) as opened:
        assert len(list(opened.turns(THREAD))) == 2
        assert opened.trash() == []
    assert below(home) == [f"{DAY}/{NAME}"]
    assert not os.listdir(home / "threadlog" / "intents")


def test_going_on_with_a_thread_finishes_first_what_was_broken_off(home: Path) -> None:
    put(home, content(LINES))
    with threadlog.open(home) as opened:
        broken_off(home, "archive", THREAD)
        with pytest.raises((Archived, threadlog.WriteFailed)):
            opened.resume(THREAD)
        assert opened.get(THREAD).archived


def test_a_thread_in_use_waits_and_the_others_do_not(home: Path) -> None:
    for number in (1, 2, 3):
        put_thread(home, number)
    broken_off(home, "archive", uuid(1), uuid(2), uuid(3))
    with held(home, uuid(2)), threadlog.open(home) as opened:
        assert {each.id for each in opened.threads(archived=True)} == {uuid(1), uuid(3)}
        opened.unarchive(uuid(1))
        with pytest.raises((InUse, Refused)):
            opened.archive(uuid(2))
    with threadlog.open(home) as opened:
        assert {each.id for each in opened.threads(archived=True)} == {uuid(2), uuid(3)}


def test_a_name_given_later_is_not_taken_back(home: Path) -> None:
    put(home, content(LINES))
    code = """
import os, sys, threadlog
from threadlog.codex.rows import CodexRegister
CodexRegister.note_name = lambda *_: os._exit(0)
threadlog.open(sys.argv[1]).rename(sys.argv[2], "ours")
"""
    with python(code, str(home), THREAD) as process:
        assert process.wait(30) == 0
    later = {"id": THREAD, "thread_name": "later", "updated_at": "2100-01-01T00:00:00Z"}
    (home / "session_index.jsonl").write_text(json.dumps(later) + "\n")
    with threadlog.open(home) as opened:
        assert opened.get(THREAD).name == "later"
    assert (home / "session_index.jsonl").read_text() == json.dumps(later) + "\n"


def test_a_name_that_was_not_told_yet_is_told(home: Path) -> None:
    put(home, content(LINES))
    code = """
import os, sys, threadlog
from threadlog.codex.rows import CodexRegister
CodexRegister.note_name = lambda *_: os._exit(0)
threadlog.open(sys.argv[1]).rename(sys.argv[2], "ours")
"""
    with python(code, str(home), THREAD) as process:
        assert process.wait(30) == 0
    with threadlog.open(home) as opened:
        assert opened.get(THREAD).name == "ours"
    assert '"ours"' in (home / "session_index.jsonl").read_text()


def test_nothing_is_deleted_before_what_builds_on_it(home: Path) -> None:
    with threadlog.open(home) as opened:
        parent, fork = referred_to(opened)
        with held(home, fork.id), pytest.raises(PartlyDone, match="go on from it by reference"):
            opened.delete(parent.id, fork.id)
        assert opened.trash() == []
        assert len(list(opened.turns(fork.id))) == 1


def test_a_thread_stays_with_a_subagent_that_is_in_use(home: Path) -> None:
    put(home, content(LINES))
    put(home, spawned(uuid(1), THREAD), file_name(uuid(1)))
    with held(home, uuid(1)), threadlog.open(home) as opened:
        with pytest.raises(Refused, match="already has an active writer"):
            opened.delete(THREAD)
        assert {each.id for each in opened.threads()} == {THREAD, uuid(1)}


@pytest.mark.parametrize("busy", [THREAD, uuid(1), uuid(2)])
@pytest.mark.parametrize("asked", [(THREAD, uuid(2)), (uuid(2), THREAD)])
def test_a_family_stays_whole_also_where_a_subagent_is_named(
    home: Path, busy: str, asked: tuple[str, str]
) -> None:
    put(home, content(LINES))
    put(home, spawned(uuid(1), THREAD), file_name(uuid(1)))
    put(home, spawned(uuid(2), uuid(1)), file_name(uuid(2)))
    with threadlog.open(home) as opened:
        with held(home, busy), pytest.raises(PartlyDone) as told:
            opened.delete(*asked)
        assert not told.value.done
        assert opened.trash() == []
        assert len(opened.delete(*asked)) == 3
        assert len(opened.restore(THREAD)) == 3


def test_a_purge_that_failed_forgets_nothing(home: Path) -> None:
    put(home, content(LINES))
    make_old(home)
    with threadlog.open(home) as opened:
        opened.rename(THREAD, "a name")
        opened.delete(THREAD)
        with held(home, THREAD), pytest.raises(InUse):
            opened.purge(THREAD)
        opened.restore(THREAD)
        assert opened.get(THREAD).name == "a name"


def test_two_rollouts_of_one_name_are_both_named_and_stay(home: Path) -> None:
    places = [DAY, "sessions/2026/01/09"]
    for each in places:
        put(home, content(LINES), folder=each)
    before = below(home)
    with threadlog.open(home) as opened, pytest.raises(Refused, match="have one name") as refused:
        opened.archive(THREAD)
    assert all(f"{each}/{NAME}" in str(refused.value) for each in places)
    assert below(home) == before


def test_purging_takes_every_copy_of_a_thread_that_was_deleted_twice(home: Path) -> None:
    with threadlog.open(home) as opened:
        for _ in range(2):
            put(home, content(LINES))
            opened.delete(THREAD)
        assert len(opened.trash()) == 2
        opened.purge(THREAD)
        assert opened.trash() == []


def test_what_lies_in_the_way_of_a_restored_one_is_said(home: Path) -> None:
    put(home, content(LINES))
    with threadlog.open(home) as opened:
        opened.delete(THREAD)
        put(home, content(LINES))
        for dry_run in (True, False):
            with pytest.raises(Refused, match="is there already; look at both"):
                opened.restore(THREAD, dry_run=dry_run)


def test_where_a_thread_is_not_archived_its_subagents_stay_in_the_archive(home: Path) -> None:
    put(home, content(LINES))
    put(home, spawned(uuid(1), THREAD), file_name(uuid(1)))
    with threadlog.open(home) as opened:
        opened.archive(uuid(1))
        before = below(home)
        with pytest.raises(Refused, match="is not archived"):
            opened.unarchive(THREAD)
    assert below(home) == before


def test_a_thread_stays_with_a_subagent_that_others_build_on(home: Path) -> None:
    source: Any = {"subagent": {"thread_spawn": {"parent_thread_id": THREAD, "depth": 1}}}
    put(home, content(LINES))
    with threadlog.open(home) as opened:
        child, fork = referred_to(opened, source=source, parent_thread_id=THREAD)
        with pytest.raises(Refused, match=f"thread {child.id} stays: .* by reference"):
            opened.delete(THREAD)
        assert opened.trash() == []
        opened.delete(THREAD, fork.id)
        assert {each.id for each in opened.trash()} == {THREAD, child.id, fork.id}


def test_what_a_thread_goes_on_from_comes_back_with_it(home: Path) -> None:
    with threadlog.open(home) as opened:
        parent, fork = referred_to(opened)
        before = [*opened.turns(fork.id)]
        opened.delete(parent.id, fork.id)
        opened.restore(fork.id)
        assert [*opened.turns(fork.id)] == before
        assert opened.trash() == []
