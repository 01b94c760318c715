"""Families, and what goes on from what, stay whole: whatever fails, breaks off or comes between."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import THREAD, content, file_name, held, meta, put, put_thread, python, turn, uuid
from state_databases import connect_state
from test_putting_away import LINES, broken_off, referred_to, row_of, spawned, with_codex
from threadlog import Home, MoveFailed, PartlyDone, Refused
from threadlog.local import batches
from threadlog.local.batches import Batches
from threadlog.local.carrying import Carrier

__all__ = ["with_codex"]
CHILD = uuid(1)
FAMILY = {THREAD, CHILD}
KILLED_AT = """
import os, sys, threadlog
from threadlog.local.carrying import Carrier
from threadlog.local.trash import Trash
calls = []
def counted(name, call):
    def wrapped(self, *given):
        calls.append(name)
        if (name, calls.count(name)) == (sys.argv[3], int(sys.argv[4])):
            os._exit(0)
        return call(self, *given)
    return wrapped
Trash.note = counted("note", Trash.note)
Carrier.carry = counted("carry", Carrier.carry)
threadlog.open(sys.argv[1]).delete(sys.argv[2])
sys.exit(1)
"""


@pytest.fixture
def family(home: Path) -> Path:
    """A home of a thread and its subagent."""
    put(home, content(LINES))
    put(home, spawned(CHILD, THREAD), file_name(CHILD))
    return home


def where(opened: Home) -> tuple[set[str | None], set[str | None], set[str]]:
    """Which threads are active, archived, in the trash."""
    return (
        {each.id for each in opened.threads(limit=None)},
        {each.id for each in opened.threads(archived=True, limit=None)},
        {each.id for each in opened.trash()},
    )


@pytest.mark.parametrize(
    ("call", "number", "gone"),
    [("note", 1, False), ("note", 2, False), ("carry", 1, True), ("carry", 2, True)],
)
def test_a_family_broken_off_is_deleted_or_not(
    family: Path, call: str, number: int, gone: bool
) -> None:
    with python(KILLED_AT, str(family), THREAD, call, str(number)) as process:
        assert process.wait(30) == 0
    with threadlog.open(family) as opened:
        assert where(opened) == ((set(), set(), FAMILY) if gone else (FAMILY, set(), set()))
        assert os.listdir(family / "threadlog" / "intents") == []
        assert len(opened.restore(THREAD) if gone else opened.delete(THREAD)) == 2


KILLED_ON_THE_WAY_BACK = """
import os, sys, threadlog
from threadlog.local.carrying import Carrier
carry, calls = Carrier.carry, []
def once(self, moves):
    calls.append(1)
    if len(calls) == 1:
        return carry(self, moves)
    if len(calls) == 2:
        raise PermissionError(13, "Permission denied")
    os._exit(0)
Carrier.carry = once
threadlog.open(sys.argv[1]).delete(sys.argv[2])
sys.exit(1)
"""


def test_a_family_that_was_on_its_way_back_is_whole_again(family: Path) -> None:
    with python(KILLED_ON_THE_WAY_BACK, str(family), THREAD) as process:
        assert process.wait(30) == 0
    with threadlog.open(family) as opened:
        assert where(opened) == (set(), set(), FAMILY)
        assert len(opened.restore(THREAD)) == 2


def failing(monkeypatch: pytest.MonkeyPatch, thread: str) -> None:
    """The files of one thread cannot be moved."""
    carry = Carrier.carry

    def fail(self: Carrier, moves: Any) -> None:
        moves = list(moves)
        if any(thread in old for old, _new in moves):
            raise PermissionError(13, "Permission denied", moves[0][0])
        carry(self, moves)

    monkeypatch.setattr(Carrier, "carry", fail)


@pytest.mark.parametrize("deed", ["archive", "delete"])
def test_where_a_thread_cannot_be_moved_its_family_stays(
    family: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    with threadlog.open(family) as opened:
        with monkeypatch.context() as patch:
            failing(patch, THREAD)
            with pytest.raises(MoveFailed):
                getattr(opened, deed)(THREAD)
        assert where(opened) == (FAMILY, set(), set())
        assert len(getattr(opened, deed)(THREAD)) == 2


def test_a_subagent_that_cannot_be_moved_keeps_its_thread(
    family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with threadlog.open(family) as opened:
        failing(monkeypatch, CHILD)
        with pytest.raises(Refused):
            opened.delete(THREAD)
        assert where(opened) == (FAMILY, set(), set())


def test_families_are_parted_by_no_batch(family: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    others = [put_thread(family, number) for number in (5, 6, 7)]
    with threadlog.open(family) as opened, held(family, THREAD):
        asked = [THREAD, *(uuid(number) for number in (5, 6, 7))]
        with pytest.raises(PartlyDone) as told:
            opened.archive(*asked)
        assert list(told.value.failed) == [THREAD]
        active, archived, _trash = where(opened)
        assert (active, len(archived)) == (FAMILY, len(others))


def test_everybody_who_was_named_is_answered(home: Path) -> None:
    with threadlog.open(home) as opened:
        base, _fork = referred_to(opened)
        child = put(home, spawned(CHILD, base.id), file_name(CHILD))
        with pytest.raises(PartlyDone) as told:
            opened.delete(base.id, CHILD)
        assert set(told.value.failed) == {base.id, CHILD}
        assert child.exists()


# -- what goes on from what


def test_nothing_is_purged_before_what_builds_on_it(home: Path) -> None:
    with threadlog.open(home) as opened:
        base, fork = referred_to(opened)
        opened.delete(base.id, fork.id)
        with held(home, fork.id), pytest.raises(PartlyDone) as told:
            opened.purge(base.id, fork.id)
        assert set(told.value.failed) == {base.id, fork.id}
        assert {each.id for each in opened.trash()} == {base.id, fork.id}
        assert len(opened.purge(base.id, fork.id)) == 2


def reverted(opened: Home) -> tuple[str, Path]:
    """A thread of two rollouts, and the newer of them."""
    with opened.start(cwd="/desk", history_mode="paginated") as thread:
        for text in ("A", "B"):
            with thread.turn(text) as made:
                made.say(f"re {text}")
    *_, last = opened.turns(thread.id)
    with opened.revert(thread.id, before=last.id) as again, again.turn("C") as made:
        made.say("re C")
    return thread.id, Path(again.path)


def test_what_the_living_thread_itself_builds_on_is_not_purged(home: Path) -> None:
    with threadlog.open(home) as opened:
        thread, newer = reverted(opened)
        kept = newer.read_bytes()
        newer.unlink()
        opened.delete(thread)
        newer.write_bytes(kept)
        with pytest.raises(Refused, match="go on from it by reference"):
            opened.purge(thread)
        assert [each.id for each in opened.trash()] == [thread]


@pytest.mark.parametrize("deed", ["archive", "delete"])
def test_what_another_made_of_the_thread_just_before_is_not_parted_from_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    with threadlog.open(home) as opened:
        thread, newer = reverted(opened)
        kept = newer.read_bytes()
        newer.unlink()
        take = Batches._take

        def put_back_first(self: Batches, step: Any) -> Any:
            newer.write_bytes(kept)
            return take(self, step)

        monkeypatch.setattr(Batches, "_take", put_back_first)
        with pytest.raises(Refused, match="gone on with it"):
            getattr(opened, deed)(thread)
        assert where(opened) == ({thread}, set(), set())
        assert len(list(opened.turns(thread))) == 2


@pytest.mark.parametrize("deed", ["archive", "delete"])
def test_what_another_made_of_the_thread_since_it_was_broken_off_keeps_it(
    home: Path, deed: str
) -> None:
    with threadlog.open(home) as opened:
        thread, newer = reverted(opened)
    kept = newer.read_bytes()
    newer.unlink()
    broken_off(home, deed, thread)
    newer.write_bytes(kept)
    with threadlog.open(home) as opened:
        assert where(opened) == ({thread}, set(), set())
        assert len(list(opened.turns(thread))) == 2


# -- the rest of what was broken off


def test_one_that_cannot_be_finished_holds_up_no_other(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        put_thread(home, number)
    broken_off(home, "archive", uuid(1), uuid(2), uuid(3))
    with monkeypatch.context() as patch:
        failing(patch, uuid(1))
        with threadlog.open(home) as opened:
            assert where(opened)[1] == {uuid(2), uuid(3)}
    with threadlog.open(home) as opened:
        assert where(opened)[1] == {uuid(1), uuid(2), uuid(3)}


def test_a_database_that_is_busy_is_told_later(with_codex: Path) -> None:
    broken_off(with_codex, "delete", THREAD)
    connection = connect_state(with_codex)
    connection.execute("BEGIN IMMEDIATE")
    with threadlog.open(with_codex) as opened:
        assert where(opened) == (set(), set(), {THREAD})
        connection.rollback()
        connection.close()
        assert row_of(with_codex) is not None
        opened.archive(put_and_id(with_codex))
        assert row_of(with_codex) is None


def put_and_id(home: Path) -> str:
    put_thread(home, 7)
    return uuid(7)


@pytest.mark.parametrize("deed", ["purge", "restore"])
def test_a_file_that_is_gone_from_the_trash_does_not_hold_up_the_rest(
    home: Path, deed: str
) -> None:
    with threadlog.open(home) as opened:
        thread, _newer = reverted(opened)
        opened.delete(thread)
        next((home / "threadlog" / "trash").rglob("rollout-*")).unlink()
        if deed == "purge":
            opened.purge(thread)
            assert opened.trash() == []
        else:
            with pytest.raises(MoveFailed):
                opened.restore(thread)
            assert len(opened.trash()) == 1


def test_a_reviewer_is_no_subagent_of_the_family(family: Path) -> None:
    lines = [meta(uuid(2), source={"subagent": "review"}, parent_thread_id=THREAD), *turn("look")]
    put(family, content(lines), file_name(uuid(2)))
    with threadlog.open(family) as opened, held(family, uuid(2)):
        with pytest.raises(PartlyDone) as told:
            opened.delete(THREAD, uuid(2))
        assert set(told.value.failed) == {uuid(2)}
        assert where(opened) == ({uuid(2)}, set(), FAMILY)
