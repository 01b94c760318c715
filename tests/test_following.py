"""A thread that is followed: whole lines, in order, each once, wherever its rollout goes."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import threadlog
from makers import (
    THREAD,
    agent,
    completed,
    content,
    file_name,
    meta,
    put,
    started,
    turn,
    user,
    zstd,
)
from threadlog import aio, following
from threadlog.core.decode import Line
from threadlog.core.lines import Damaged
from threadlog.core.query import ThreadSummary
from threadlog.errors import Unreadable
from threadlog.following import Deleted, Followed, Following, Reverted, Shortened


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that tests need not sit through."""
    monkeypatch.setattr(following, "LOOK_S", 0.01)
    monkeypatch.setattr(following, "GONE_S", 0.05)
    monkeypatch.setattr(following, "SEARCH_S", 0)


@pytest.fixture
def followed(home: Path) -> Iterator[tuple[Following, Path]]:
    """A thread of one turn, followed from its end, and its rollout."""
    path = put(home, content([meta(), *turn("one")]))
    with threadlog.open(home).follow(THREAD) as found:
        yield found, path


def add(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def told(came: list[Followed]) -> list[str]:
    """What came: the words of messages, and the names of everything else."""
    found = []
    for each in came:
        value = each.value
        item = value.item if isinstance(value, Line) else value
        found.append(getattr(item, "message", None) or type(item).__name__)
    return found


def polled(found: Following, wanted: int) -> list[str]:
    """The same of what comes until there is so much of it."""
    return told(looked(found, wanted))


def looked(found: Following, wanted: int) -> list[Followed]:
    """What comes until there is so much of it; not for ever."""
    came: list[Followed] = []
    for _look in range(400):
        came += found.poll()
        if len(came) >= wanted or found.ended:
            break
        threading.Event().wait(0.005)
    return came


def test_nothing_comes_before_something_happens(followed: tuple[Following, Path]) -> None:
    found, path = followed
    assert found.poll() == []
    add(path, content([agent("two")]))
    (came,) = found.poll()
    assert told([came]) == ["two"]
    assert isinstance(came.value, Line)
    assert (came.path, came.value.offset) == (
        str(path),
        path.stat().st_size - len(agent("two")) - 1,
    )
    assert found.offset == path.stat().st_size
    assert found.poll() == []


def test_half_a_line_does_not_come_before_its_other_half(followed: tuple[Following, Path]) -> None:
    found, path = followed
    raw = content([agent("é😀")])
    for cut in range(1, len(raw) + 1):
        add(path, raw[cut - 1 : cut])
        assert told(found.poll()) == (["é😀"] if cut == len(raw) else [])


def test_it_can_begin_at_any_line(home: Path) -> None:
    raws = [meta(), *turn("one")]
    put(home, content(raws))
    with threadlog.open(home).follow(THREAD, offset=0) as found:
        assert len(found.poll()) == len(raws)
    with threadlog.open(home).follow(THREAD, offset=len(content(raws[:-2]))) as found:
        assert len(found.poll()) == 2


def test_what_is_half_written_at_the_beginning_comes_once_it_is_whole(home: Path) -> None:
    raw = agent("two")
    path = put(home, content([meta()]) + raw[:9])
    with threadlog.open(home).follow(THREAD) as found:
        assert found.poll() == []
        add(path, raw[9:] + b"\n")
        assert told(found.poll()) == ["two"]


def test_much_at_once_comes_in_bounded_pieces(
    followed: tuple[Following, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "GROWTH_BYTES", 10_000)
    found, path = followed
    words = [f"{number} {'x' * 900}" for number in range(300)]
    add(path, content([agent(each) for each in words]) + b"\n \n")
    came: list[str] = []
    while found.behind or not came:
        piece = found.poll()
        assert len(piece) <= 11
        came += told(piece)
    assert came == words


def test_damage_comes_in_its_place(followed: tuple[Following, Path]) -> None:
    found, path = followed
    add(path, content([b"garbage", agent("two")]))
    damaged, line = found.poll()
    assert isinstance(damaged.value, Damaged)
    assert told([line]) == ["two"]


def test_a_rollout_that_is_compressed_and_made_plain_is_gone_on_with(
    followed: tuple[Following, Path],
) -> None:
    found, path = followed
    add(path, content([agent("two")]))
    packed = path.with_name(path.name + ".zst")
    packed.write_bytes(zstd.compress(path.read_bytes()))
    path.unlink()
    assert polled(found, 1) == ["two"]
    assert found.path == str(packed)
    path.write_bytes(zstd.decompress(packed.read_bytes()))
    packed.unlink()
    add(path, content([agent("three")]))
    assert polled(found, 1) == ["three"]
    assert found.path == str(path)


def test_a_thread_that_is_archived_and_brought_back_is_gone_on_with(home: Path) -> None:
    path = put(home, content([meta(), *turn("one")]))
    opened = threadlog.open(home)
    with opened.follow(THREAD) as found:
        add(path, content([agent("two")]))
        opened.archive(THREAD)
        assert polled(found, 1) == ["two"]
        assert "archived_sessions" in found.path
        opened.unarchive(THREAD)
        add(path, content([agent("three")]))
        assert polled(found, 1) == ["three"]
        assert not found.ended


def test_a_revert_is_told_and_gone_on_after(home: Path) -> None:
    opened = threadlog.open(home)
    with opened.start(cwd=".", history_mode="paginated") as thread:
        for words in ("one", "two"):
            with thread.turn(words) as live:
                live.say(words)
    first, second = (each.id for each in opened.turns(thread.id))
    with opened.follow(thread.id) as found:
        for before, inside in ((second, True), (first, False)):
            end = found.offset
            with opened.revert(thread.id, before=before) as again, again.turn("new") as live:
                live.say("again")
            came = looked(found, 8)
            reverted = came[0].value
            assert isinstance(reverted, Reverted)
            assert (reverted.end is not None and reverted.end < end) == inside
            assert told(came)[1] == "SessionMeta"
            assert told(came)[-1] == "TaskComplete"
            assert found.path == opened.get(thread.id).path


def test_several_reverts_between_two_looks_are_gone_through_in_order(home: Path) -> None:
    opened = threadlog.open(home)
    with opened.start(cwd=".", history_mode="paginated") as thread:
        with thread.turn("one") as live:
            live.say("one")
        with thread.turn("two") as live:
            live.say("two")
    with opened.follow(thread.id) as found:
        for number in (2, 3):
            before = list(opened.turns(thread.id))[-1].id
            with opened.revert(thread.id, before=before) as again:
                for words in (f"{number}", f"{number} undone"):
                    with again.turn(words) as live:
                        live.say(words)
        names = polled(found, 20)
    assert names.count("Reverted") == 2
    assert names.count("TaskComplete") == 3  # the first revert's first turn, the second's two


def test_a_rollout_that_was_cut_is_told_and_gone_on_with(followed: tuple[Following, Path]) -> None:
    found, path = followed
    whole = len(content([meta()]))
    os.truncate(path, whole + 7)
    (came,) = found.poll()
    assert came.value == Shortened(whole)
    add(path, b"\n" + content([agent("two")]))
    assert polled(found, 2) == ["Damaged", "two"]


def test_other_bytes_in_its_place_are_told_however_many_they_are(
    followed: tuple[Following, Path],
) -> None:
    found, path = followed
    path.write_bytes(content([meta(), *turn("another, longer one"), *turn("and more")]))
    (came,) = found.poll()
    assert came.value == Shortened(path.stat().st_size)
    add(path, content([agent("two")]))
    assert polled(found, 1) == ["two"]


def test_what_cannot_be_read_is_waited_for(
    followed: tuple[Following, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, path = followed
    monkeypatch.setattr(following, "GROWTH_BYTES", 10)
    add(path, content([agent("two")]))
    assert found.poll() == []
    assert found.behind
    path.chmod(0)
    with monkeypatch.context() as shut:
        shut.setattr(type(found._rollouts), "piece", refuse)
        assert (found.poll(), found.behind) == ([], False)
    path.chmod(0o600)
    assert polled(found, 1) == ["two"]


def refuse(*_place: object) -> tuple[bytes, int]:
    raise Unreadable("too many open files")


def test_a_folder_that_changes_all_the_time_costs_a_small_share_of_it(
    followed: tuple[Following, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, path = followed
    searches, find = [], found._catalog.find

    def slowly(thread: str) -> ThreadSummary:
        searches.append(thread)
        time.sleep(0.01)
        return find(thread)

    monkeypatch.setattr(found, "_catalog", SimpleNamespace(find=slowly))
    end = time.monotonic() + 0.3
    number = 0
    while time.monotonic() < end:
        os.utime(path.parent, ns=(number := number + 1, number))
        found.poll()
    assert number > 20
    assert len(searches) == 1
    monkeypatch.setattr(found, "_search_from", 0.0)
    found.poll()
    assert len(searches) == 2


@pytest.mark.parametrize("offset", [-5, "x", True])
def test_an_offset_that_is_none_is_refused(home: Path, offset: Any) -> None:
    put(home, content([meta(), *turn("one")]))
    with pytest.raises(ValueError, match="no byte of a rollout"):
        threadlog.open(home).follow(THREAD, offset=offset)


def test_a_deleted_thread_is_told_and_ends_it(home: Path) -> None:
    put(home, content([meta(), *turn("one")]))
    opened = threadlog.open(home)
    with opened.follow(THREAD) as found:
        opened.delete(THREAD)
        assert [type(each.value) for each in found] == [Deleted]
        assert found.ended
        assert found.poll() == []


def test_a_rollout_without_an_id_is_followed_by_its_path(home: Path) -> None:
    path = put(home, content([user("x")]), "rollout-2026-01-02T03-04-05.jsonl")
    with threadlog.open(home).follow(path) as found:
        add(path, content([agent("two")]))
        assert told(found.poll()) == ["two"]
        packed = path.with_name(path.name + ".zst")
        packed.write_bytes(zstd.compress(path.read_bytes() + content([agent("three")])))
        path.unlink()
        assert polled(found, 1) == ["three"]


def test_who_iterates_waits_and_close_ends_it(followed: tuple[Following, Path]) -> None:
    found, path = followed
    came: list[Followed] = []
    reader = threading.Thread(target=lambda: came.extend(found))
    reader.start()
    for number in range(50):
        add(path, content([agent(str(number))]))
    while len(came) < 50:
        threading.Event().wait(0.005)
    found.close()
    reader.join(5)
    assert not reader.is_alive()
    assert told(came) == [str(number) for number in range(50)]


def test_a_loop_follows_too(home: Path) -> None:
    path = put(home, content([meta(), *turn("one")]))

    async def follow() -> list[Followed]:
        came: list[Followed] = []
        async for each in aio.open(home).follow(THREAD, offset=len(content([meta()]))):
            came.append(each)
            if len(came) == 6:
                add(path, content([started("t"), completed("t")]))
            if len(came) == 8:
                break
        return came

    assert told(asyncio.run(follow()))[-2:] == ["TaskStarted", "TaskComplete"]


def test_a_twin_beside_the_rollout_does_not_disturb(followed: tuple[Following, Path]) -> None:
    found, path = followed
    (path.parent / (file_name() + ".zst")).write_bytes(zstd.compress(path.read_bytes()))
    add(path, content([agent("two")]))
    assert polled(found, 1) == ["two"]
    assert found.path == str(path)
