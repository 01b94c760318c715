"""Whatever Codex's database is like and wherever it lies, ours goes on, and leaves it as it is.

Each verb is done to a thread of its own in a home with such a database.  Only one of a version
that is known, complete, and free is changed, and of it only rows of `threads`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import threadlog
from makers import Pages, content, file_name, make_old, meta, put, turn, uuid
from odd_databases import (
    NEWEST,
    ODD,
    READ_ONLY,
    STATE_5,
    Odd,
    Tables,
    genuine,
    know_versions,
    of,
    seen,
    tables,
)
from threadlog import Home, Refused
from threadlog.checkup import check_up
from threadlog.codex import rows, state
from whole_homes import both_listings, in_child, take_turn

MOST_S = 5.0
PLACES = ("home", "environment", "config")
MODES = pytest.mark.parametrize("mode", ["legacy", "paginated"])
NOBODY = 65534
Remarks = tuple[str, ...]
Verb = Callable[[Home, str], Remarks]


def read(home: Home, thread: str) -> Remarks:
    assert [each.id for each in home.turns(thread)] == ["turn-A", "turn-B"]
    return ()


def listed(home: Home, thread: str) -> Remarks:
    found = [each for each in home.threads(limit=None, archived=None) if each.id == thread]
    assert [each.first_user_message for each in found] == ["A"]
    return ()


def searched(home: Home, thread: str) -> Remarks:
    assert thread in {each.id for each in home.threads(text="A", limit=None)}
    return ()


def resumed(home: Home, thread: str) -> Remarks:
    with home.resume(thread) as live:
        take_turn(live, "C")
    assert [each.id for each in home.turns(thread)] == ["turn-A", "turn-B", "turn-C"]
    return ()


def started(home: Home, thread: str) -> Remarks:
    mode = home.get(thread).history_mode
    with home.start("/desk", history_mode=mode) as live:
        take_turn(live, "new")
    assert home.get(live.id).first_user_message == "new"
    return ()


def forked(home: Home, thread: str) -> Remarks:
    with home.fork(thread) as fork:
        pass
    assert home.get(fork.id).forked_from_id == thread
    return ()


def renamed(home: Home, thread: str) -> Remarks:
    changed = home.rename(thread, "a name")
    assert home.get(thread).name == "a name"
    return changed.remarks


def described(home: Home, thread: str) -> Remarks:
    changed = home.update_metadata(thread, git={"branch": "side"})
    assert home.get(thread).git_branch == "side"
    return changed.remarks


def taken_back(home: Home, thread: str) -> Remarks:
    if home.get(thread).history_mode == "paginated":
        home.revert(thread, before="turn-B").close()
    else:
        home.rollback(thread)
    assert [each.id for each in home.turns(thread)] == ["turn-A"]
    return ()


def archived(home: Home, thread: str) -> Remarks:
    (moved,) = home.archive(thread)
    assert home.get(thread).archived
    return moved.remarks


def unarchived(home: Home, thread: str) -> Remarks:
    (moved,) = home.unarchive(thread)
    assert not home.get(thread).archived
    return moved.remarks


def deleted(home: Home, thread: str) -> Remarks:
    (moved,) = home.delete(thread)
    assert thread in {each.id for each in home.trash()}
    return moved.remarks


def restored(home: Home, thread: str) -> Remarks:
    (moved,) = home.restore(thread)
    assert home.get(thread).id == thread
    return moved.remarks


def purged(home: Home, thread: str) -> Remarks:
    (moved,) = home.purge(thread)
    assert thread not in {each.id for each in home.trash()}
    return moved.remarks


def compressed(home: Home, thread: str) -> Remarks:
    assert [each.status for each in home.compress(thread, older_than_days=0)] == ["compressed"]
    return ()


def checked(home: Home, _thread: str) -> Remarks:
    checkup = check_up(home)
    assert (checkup.damaged, checkup.place.problems, checkup.place.differ) == ([], [], [])
    return ()


def grown(home: Home, thread: str) -> Remarks:
    assert [each.id for each in home.tree(thread).roots] == [thread]
    assert thread in {each.id for each in home.tree(limit=None).roots}
    return ()


VERBS: tuple[Verb, ...] = (
    *(listed, searched, read, started, resumed, forked, renamed, described, taken_back),
    *(archived, unarchived, deleted, restored, purged, compressed, checked, grown, listed),
)
DONE, REMARK, REFUSED = "done", "done, with a remark", "refused"
USUAL = (DONE, DONE)
# What becomes of a verb that a database would have to be told, where it cannot: legacy, paginated.
LEFT: dict[Verb, tuple[str, str]] = {
    renamed: (REMARK, REMARK),
    described: (DONE, REMARK),
    taken_back: (DONE, REFUSED),
    archived: (REMARK, REFUSED),
    unarchived: (REMARK, REFUSED),
    deleted: (REMARK, REMARK),
}


class Placed(NamedTuple):
    """A home, and the folder in which its Codex keeps its databases."""

    home: Path
    folder: Path


@pytest.fixture
def placed(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> Placed:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.delenv("CODEX_SQLITE_HOME")
    if place == "environment":
        monkeypatch.setenv("CODEX_SQLITE_HOME", str(elsewhere))
    elif place == "config":
        monkeypatch.setenv("CODEX_SQLITE_HOME", str(tmp_path / "of no use"))
        (home / "config.toml").write_text(f'sqlite_home = "{elsewhere}"\n')
    return Placed(home, home if place == "home" else elsewhere)


def put_thread(home: Path, thread: str, mode: str, folder: str) -> None:
    """A thread of two turns."""
    if mode == "legacy":
        put(home, content([meta(thread), *turn("A"), *turn("B")]), file_name(thread), folder)
        return
    pages = Pages(thread)
    pages.turn("A")
    pages.turn("B")
    pages.write(home, folder=folder)


def verbs_of(place: str) -> list[tuple[Verb, str]]:
    """The verbs, each with its thread; where databases lie elsewhere those that ask for one."""
    asks = (*LEFT, listed)
    return [
        (verb, uuid(number)) for number, verb in enumerate(VERBS) if place == "home" or verb in asks
    ]


def made(
    placed: Placed, odd: Odd, mode: str, verbs: Sequence[tuple[Verb, str]]
) -> contextlib.AbstractContextManager[object]:
    """A thread for each verb, and then the database."""
    home = placed.home
    for verb, thread in verbs:
        away = "archived_sessions" if verb is unarchived else "sessions/2026/01/02"
        put_thread(home, thread, mode, away)
    with threadlog.open(home) as opened:
        opened.delete(*(thread for verb, thread in verbs if verb in (restored, purged)))
        threads = opened.threads(limit=None, archived=None)
    make_old(home)
    return odd.make(placed.folder, threads) or contextlib.nullcontext()


def outcome(home: Home, verb: Verb, thread: str) -> tuple[str, str]:
    """What came of a verb, and what was said of it; in time."""
    begun = time.monotonic()
    try:
        remarks = verb(home, thread)
    except Refused as error:
        return REFUSED, str(error)
    finally:
        assert time.monotonic() - begun < MOST_S
    assert len(remarks) <= 1
    return (REMARK, remarks[0]) if remarks else (DONE, "")


@MODES
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("odd", ODD, ids=[each.name for each in ODD])
def test_a_database_is_left_unless_it_is_known_complete_and_free(
    placed: Placed, odd: Odd, mode: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_versions(monkeypatch)
    hurry(monkeypatch, waits=(place, mode) == ("home", "paginated"))
    check(placed, odd, mode, place)


@pytest.mark.corpus
@pytest.mark.parametrize("place", ["home"])
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("0.100.0/rich-sqlite", "legacy"),
        ("0.169.0/rich-legacy", "legacy"),
        ("0.169.0/rich-paginated", "paginated"),
    ],
)
def test_of_a_genuine_database_rows_of_threads_are_changed_and_nothing_else(
    placed: Placed, name: str, mode: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = genuine(name)
    if odd is None:
        pytest.skip("no genuine homes here")
    hurry(monkeypatch, waits=False)
    check(placed, odd, mode, place)


def check(placed: Placed, odd: Odd, mode: str, place: str) -> None:
    """Do every verb, and look at the database after each."""
    verbs = verbs_of(place)
    with made(placed, odd, mode, verbs), threadlog.open(placed.home) as home:
        before = seen(placed.folder)
        changes = before and not odd.why
        noted = tables(placed.folder) if changes else {}
        for verb, thread in verbs:
            wanted = LEFT.get(verb, USUAL) if odd.why else USUAL
            came, told = outcome(home, verb, thread)
            assert came == wanted[mode == "paginated"], (verb, told)
            assert came == DONE or told.endswith(f": {odd.why}")
            now = seen(placed.folder)
            if changes:
                assert now[STATE_5] == before[STATE_5], "a checkpoint"
            else:
                assert now == before, verb
        there = {each.id for each in both_listings(home)}
        gone = {verb for verb, thread in verbs if thread not in there}
        assert gone == {deleted, purged} & {verb for verb, _thread in verbs}
        if changes:
            assert_only_threads_changed(noted, tables(placed.folder))


@MODES
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_database_that_may_not_be_written_to_is_left(
    what: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may write to anything: it is somebody else then, in a folder that he may enter."""
    know_versions(monkeypatch)
    odd = Odd("read only", of(NEWEST), READ_ONLY)
    with tempfile.TemporaryDirectory() as folder:
        placed = Placed(Path(folder, "home"), Path(folder, "elsewhere"))
        for each in placed:
            each.mkdir()
        monkeypatch.setenv("CODEX_SQLITE_HOME", str(placed.folder))
        made(placed, odd, mode, verbs_of("environment"))
        (placed.folder if what == "folder" else placed.folder / STATE_5).chmod(0o555)
        before = seen(placed.folder)
        give_away(Path(folder), but=placed.folder if what == "folder" else placed.folder / STATE_5)
        outcomes = in_child(lambda: done_by_nobody(placed)).word
        assert seen(placed.folder) == before
    for verb, came, told in outcomes:
        wanted = {each.__name__: cell for each, cell in LEFT.items()}.get(verb, USUAL)
        assert came == wanted[mode == "paginated"], (verb, told)
        assert came == DONE or told.endswith(f": {odd.why}")


def give_away(folder: Path, but: Path) -> None:
    """Everything in a folder belongs to nobody, but for one place, if root may do that."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            if path != but:
                os.chown(path, NOBODY, NOBODY)


def done_by_nobody(placed: Placed) -> list[tuple[str, str, str]]:
    """What comes of every verb, for somebody who may not do everything."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    with threadlog.open(placed.home) as home:
        verbs = verbs_of("environment")
        return [(verb.__name__, *outcome(home, verb, thread)) for verb, thread in verbs]


def assert_only_threads_changed(before: Tables, after: Tables) -> None:
    """Every table but one is as it was, and in that one a row is gone and others are changed."""
    threads, now = before.pop("threads"), after.pop("threads")
    assert after == before
    assert len(now) == len(threads) - 1
    assert set(now) - set(threads)


def hurry(monkeypatch: pytest.MonkeyPatch, *, waits: bool) -> None:
    """Nothing here is about power cuts; and unless it *waits*, nobody waits for locks for long."""
    for call in ("fsync", "fdatasync"):
        monkeypatch.setattr(os, call, lambda _fd: None)
    if not waits:
        monkeypatch.setattr(rows, "BUSY_S", 0.02)
        monkeypatch.setattr(state, "BUSY_S", 0.02)
