"""Whatever is done to a thread is broken off at each of its steps: it is done then, or is not.

A process changes a home of several threads, and one of its calls to the system fails, or it is
killed before one.  Another process opens the home after it, and is the judge: each thread is as it
was or as it is to be, wholly, with all its lines; Codex's database says the same; and the same
thing, or its undoing, can be done.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import threadlog
from conftest import HOME_VARIABLES
from faulty_disk import FaultyDisk, home_on
from makers import make_old
from threadlog import Home, ThreadlogError
from threadlog.core.lines import Json
from whole_homes import (
    in_child,
    know_schema,
    put_database,
    take_turn,
    told_of,
)

# Every so many-th position, for a shorter run; each of them is looked at for long.
STRIDE = max(1, int(os.environ.get("THREADLOG_STRIDE", "10")) * 7 - 6)
Told = dict[str, dict[str, Json]]
Deed = Callable[[Home, str], object]
SPAWN: Json = {"subagent": {"thread_spawn": {"parent_thread_id": "", "depth": 1}}}
IDS: dict[str, str] = {}


# -- what can be done


def archive(home: Home, thread: str) -> None:
    home.archive(thread)


def unarchive(home: Home, thread: str) -> None:
    home.unarchive(*[each for each in _family(thread) if home.get(each).archived])


def delete(home: Home, thread: str) -> None:
    home.delete(thread)


def restore(home: Home, thread: str) -> None:
    home.restore(*[each.id for each in home.trash() if each.id in _family(thread)])


def purge(home: Home, thread: str) -> None:
    home.purge(*[each.id for each in home.trash() if each.id in _family(thread)])


def rename(home: Home, thread: str) -> None:
    home.rename(thread, "another name")


def change(home: Home, thread: str) -> None:
    home.update_metadata(thread, git={"branch": "another"}, memory_mode="disabled")


def roll_back(home: Home, thread: str) -> None:
    home.rollback(thread)


def revert(home: Home, thread: str) -> None:
    *_, last = home.turns(thread)
    home.revert(thread, before=last.id).close()


def fork(home: Home, thread: str) -> None:
    home.fork(thread).close()


def fork_part(home: Home, thread: str) -> None:
    home.fork(thread, message=1).close()


def compress(home: Home, thread: str) -> None:
    home.compress(thread, older_than_days=0)


def go_on(home: Home, thread: str) -> None:
    with home.resume(thread) as live:
        take_turn(live, "more")


def begin(home: Home, _thread: str) -> None:
    with home.start(cwd="/desk") as live:
        take_turn(live, "new")


def _family(thread: str) -> list[str]:
    """A thread with its subagents."""
    return (
        [thread, IDS["first child"], IDS["second child"]] if thread == IDS["parent"] else [thread]
    )


class Done(NamedTuple):
    """Something that is done: what comes before it, and what undoes it."""

    deed: Deed
    before: Deed | None = None
    undo: Deed | None = None
    grows: bool = False  # line by line


DEEDS = {
    "archive": Done(archive, undo=unarchive),
    "unarchive": Done(unarchive, archive, archive),
    "delete": Done(delete, undo=restore),
    "restore": Done(restore, delete, delete),
    "purge": Done(purge, delete),
    "rename": Done(rename),
    "change": Done(change),
    "roll back": Done(roll_back),
    "revert": Done(revert),
    "fork": Done(fork, grows=True),
    "fork a part": Done(fork_part, grows=True),
    "compress": Done(compress),
    "go on": Done(go_on, grows=True),
    "begin": Done(begin, grows=True),
}
_MOVED = ("archive", "unarchive", "delete", "restore", "purge")
_ALL = (*_MOVED, "rename", "change", "go on")
# Which threads there are, and what is done to each.
THREADS = {
    "plain": (*_ALL, "roll back", "fork", "fork a part", "compress", "begin"),
    "packed": (*_ALL, "roll back", "fork", "fork a part"),
    "reverted": (*_ALL, "revert", "fork", "fork a part", "compress"),
    "builds on": (*_ALL, "revert", "fork"),
    "parent": _MOVED,
}
CASES = [(deed, thread, True) for thread, deeds in THREADS.items() for deed in deeds]
CASES += [
    (deed, thread, False) for deed, thread, _codex in CASES if thread in ("reverted", "parent")
]


def make_threads(path: Path) -> None:
    """The home that everything is done in."""
    with threadlog.open(path) as home:
        for name in ("plain", "packed", "parent"):
            with home.start(cwd="/desk") as live:
                IDS[name] = live.id
                take_turn(live, f"{name} one")
                take_turn(live, f"{name} two")
        for name in ("first child", "second child"):
            options: Any = {"source": SPAWN, "parent_thread_id": IDS["parent"]}
            with home.start(cwd="/desk", **options) as live:
                IDS[name] = live.id
                take_turn(live, name)
        for name in ("reverted", "built on"):
            with home.start(cwd="/desk", history_mode="paginated") as live:
                IDS[name] = live.id
                for number in ("one", "two", "three"):
                    take_turn(live, f"{name} {number}")
        make_old(path)
        with home.revert(IDS["reverted"], before="turn-reverted three") as live:
            take_turn(live, "reverted again")
        with home.fork(IDS["built on"], through="turn-built on two") as live:
            IDS["builds on"] = live.id
            take_turn(live, "builds on one")
            take_turn(live, "builds on two")
        home.compress(IDS["packed"], older_than_days=0)
    make_old(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home with its threads, as every run begins with a copy of it."""
    path = tmp_path_factory.mktemp("made") / "home"
    path.mkdir()

    def make() -> dict[str, str]:
        for name in HOME_VARIABLES:  # made before the test's own homes are
            os.environ[name] = str(path)
        make_threads(path)
        return IDS

    IDS.update(in_child(make).word)
    return path


# -- how it is broken off


class Fault(NamedTuple):
    """What becomes of a call."""

    error: int = 0
    short: bool = False  # a write takes a part first
    lasting: bool = False  # those after it fail as well
    kill: bool = False


FAULTS = {
    "EIO": Fault(errno.EIO),
    "ENOSPC from then on": Fault(errno.ENOSPC, lasting=True),
    "a short write, then ENOSPC": Fault(errno.ENOSPC, short=True, lasting=True),
    "killed": Fault(kill=True),
    "killed in a write": Fault(short=True, kill=True),
}
_TAKING_ROOM = ("create", "write", "make_folder", "link", "sync", "sync_data", "move")
# What is asked about Codex's rows, what changes them, and which of these are of several at once.
_ASKED = ("obstacle", "obstacles")
_LEFT = ("moved", "repointed", "renamed", "patched", "removed", "note_name")
_OF_SEVERAL = ("obstacles", "moved", "removed")
BUSY = "it is locked, says the test"


class Register:
    """What Codex notes, whose changes are counted as calls to the system are, and fail."""

    def __init__(self, real: Any, disk: FaultyDisk) -> None:
        self._real, self._disk = real, disk

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if name not in _ASKED + _LEFT:
            return real

        def noted(*args: Any) -> Any:
            try:
                return self._disk.make(name, lambda _disk, *given: real(*given), *args)
            except OSError:
                if name == "note_name":
                    raise
                return [BUSY for _each in args[0]] if name in _OF_SEVERAL else BUSY

        return noted


def _disk(fault: Fault | None, number: int) -> FaultyDisk:
    disk = FaultyDisk()
    disk.arm()
    if fault is None:
        return disk
    if fault.short:
        disk.short_at, disk.short_bytes = number, 20
        number += 1
    if fault.kill:
        disk.kill_at = number
    elif fault.lasting:
        disk.error = fault.error

        def fail_from_there(_name: str) -> None:
            if len(disk.made) - 1 >= number:
                disk.fail_names = {*_TAKING_ROOM}

        disk.before = fail_from_there
    else:
        disk.error, disk.fail_at = fault.error, {number}
    return disk


def broken_off(
    path: Path, case: tuple[str, str], fault: Fault | None, number: int
) -> tuple[int, bool]:
    """Do something with one call failing so; returns how many calls there were, 0 if killed.

    And whether it was Codex's database that could not be changed, which is told and stays so.
    """
    deed, thread = case

    def work() -> tuple[int, bool]:
        disk = _disk(fault, number)
        home = home_on(disk, path)
        vars(home.store)["register"] = Register(home.store.register, disk)  # type: ignore[attr-defined]
        with contextlib.suppress(*([ThreadlogError] if fault else [])):
            DEEDS[deed].deed(home, IDS[thread])
        for channel in home.open_channels():
            if channel.draft:
                channel.drop_draft()
        made = [*disk.made]
        disk.disarm()
        with contextlib.suppress(ThreadlogError):
            home.close()
        return len(made), made[number : number + 1] != [] and made[number] in _LEFT

    ended = in_child(work)
    assert not ended.killed or (fault and fault.kill)
    count, left = ended.word or (0, False)
    return count, left


# -- the judge


def look(path: Path, *, rows: bool = True, begun: bool = False) -> Told:
    """What a process finds that opens the home, by the names that threads have here."""
    with threadlog.open(path) as home:
        told = told_of(home, rows=rows, begun=begun)
    left = [each.read_text() for each in (path / "threadlog" / "intents").glob("*.json")]
    assert left == [], left
    names = {thread: name for name, thread in IDS.items()}
    fresh = [each for each in told if each not in names]
    names |= {each: f"new {number}" for number, each in enumerate(fresh)}
    return {names[each]: told[each] for each in told}


def judge(path: Path, case: tuple[str, str], all_told: tuple[Told, Told], rows: bool) -> None:
    """Each thread is as it was, or as it is to be; and things can be done to it."""
    (old, new), done = all_told, DEEDS[case[0]]
    begun = done.deed is begin
    now = look(path, rows=rows, begun=begun)
    for name in {*old, *new, *now}:
        states = (old.get(name), new.get(name))
        if not rows:
            states = tuple(each and {**each, "row": None} for each in states)  # type: ignore[assignment]
        if now.get(name) not in states and not (done.grows and _between(now.get(name), states)):
            raise AssertionError(f"{name} is {now.get(name)}, and not one of {states}")
    if not rows:
        return
    make_old(path)
    again = [name for name in now if now[name] == old.get(name) != new.get(name)]
    again += [case[1]] if new.keys() > now.keys() == old.keys() else []
    for each in again if done.deed in (archive, delete) else again[:1]:
        do(path, done.deed, each if done.deed in (archive, delete) else case[1])
    if again:
        assert look(path, begun=begun) == new, "it was done again, and is not as it should be"
    make_old(path)
    if done.undo is not None:
        do(path, done.undo, case[1])
        found = look(path)
        for name in {*old, *found}:
            for key in ("place", "turns", "lines"):
                assert found[name].get(key) == old[name].get(key), (name, key)
    make_old(path)
    if IDS[case[1]] in {each.id for each in threadlog.open(path).threads(limit=None)}:
        do(path, go_on, case[1])
        assert look(path, begun=begun)[case[1]]["turns"][-1] == ["more", "re more"]


def _between(now: dict[str, Json] | None, states: tuple[Any, Any]) -> bool:
    """True for a thread of which some lines are there, as more and more are appended."""
    old, new = states
    least, most = (old or {"lines": 0})["lines"], new["lines"]
    return now is not None and least <= now["lines"] <= most


def do(path: Path, deed: Deed, name: str) -> None:
    with threadlog.open(path) as home:
        deed(home, IDS[name])


def apart(work: Callable[..., Any], *given: Any) -> Any:
    """What a process of its own answers."""
    ended = in_child(lambda: work(*given))
    assert not ended.killed
    return ended.word


@pytest.fixture
def base(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the home that the test can have its way with."""
    know_schema(monkeypatch)
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(tmp_path / "run"))
    return Path(shutil.copytree(made, tmp_path / "base"))


def _with_codex(base: Path) -> Path:
    """The same with Codex's database."""
    run = _as_run(base)
    with threadlog.open(run) as home:
        put_database(run, [*home.threads(limit=None, archived=None)])
    return _as_base(run)


def _as_run(base: Path) -> Path:
    """A fresh copy of a home, always at the same place: rows hold its whole paths."""
    run = base.with_name("run")
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(base, run)
    return run


def _as_base(run: Path) -> Path:
    base = run.with_name("base")
    shutil.rmtree(base, ignore_errors=True)
    shutil.copytree(run, base)
    return base


@pytest.mark.parametrize(
    ("deed", "thread", "codex"),
    CASES,
    ids=[f"{deed} {thread} {'with Codex' if codex else 'alone'}" for deed, thread, codex in CASES],
)
def test_what_is_broken_off_was_done_or_was_not(
    base: Path, deed: str, thread: str, codex: bool
) -> None:
    case = (deed, thread)
    base = _with_codex(base) if codex else base
    before = DEEDS[deed].before
    if before is not None:
        run = _as_run(base)
        apart(do, run, before, thread)
        base = _as_base(run)
    old = apart(look, _as_run(base))
    run = _as_run(base)
    calls, _left = broken_off(run, case, None, 0)
    new = apart(look, run)
    assert old != new or deed == "compress"
    assert calls > 3
    tried, broken = 0, []
    for which, (told, fault) in enumerate(FAULTS.items()):
        offset = zlib.crc32(f"{deed} {thread} {which}".encode())
        for number in range(offset % min(STRIDE, calls), calls, STRIDE):
            run = _as_run(base)
            try:
                _calls, left = broken_off(run, case, fault, number)
                apart(judge, run, case, (old, new), not left)
            except (AssertionError, KeyError) as why:
                broken.append(f"{told} at {number} of {calls}: {why}"[:1500])
            tried += 1
    print(f"{tried} positions, {calls} calls")
    assert not broken, f"{len(broken)} of {tried}:\n" + "\n".join(broken)
