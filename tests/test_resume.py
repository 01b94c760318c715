"""Going on with a stored thread: its bytes stay, its end is healed, its numbers go on."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import threadlog
from faulty_disk import FaultyDisk, home_on
from makers import (
    DAY,
    THREAD,
    agent,
    completed,
    content,
    event,
    file_name,
    held,
    line,
    meta,
    put,
    started,
    tree,
    turn,
    user,
    uuid,
)
from threadlog import (
    Archived,
    InUse,
    NotFound,
    NotResumable,
    RolloutRecorder,
    WriteFailed,
)
from threadlog.core.items.event import AgentMessageEvent

MORE = AgentMessageEvent(message="more")
LEGACY = [meta(), *turn("Q")]


def numbered(*raws: bytes, first: int = 0) -> list[bytes]:
    """The lines of a paginated rollout, numbered from *first*."""
    values = [json.loads(raw) for raw in raws]
    return [
        line(value["type"], value["payload"], ordinal=first + n) for n, value in enumerate(values)
    ]


PAGED_META = meta(history_mode="paginated")
PAGED = numbered(PAGED_META, started("t"), completed("t"))


def aged(path: Path, seconds: float = 60.0) -> Path:
    """The same file, last changed a while ago."""
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def stored(home: Path, data: bytes, name: str | None = None, folder: str = DAY) -> Path:
    """A rollout that has stood still."""
    return aged(put(home, data, name, folder))


def resumed(home: Path, **options: Any) -> RolloutRecorder:
    return RolloutRecorder.resume(threadlog.open(home), THREAD, **options)


def appended(path: Path, before: bytes) -> bytes:
    """What a rollout got; what it had must be there unchanged."""
    data = path.read_bytes()
    assert data.startswith(before)
    return data[len(before) :]


@pytest.mark.codex("C010", "C246")
def test_the_prefix_and_the_time_stay_until_the_first_append(home: Path) -> None:
    path = stored(home, content(LEGACY))
    before = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
    with resumed(home) as recorder:
        recorder.flush()
        recorder.persist()
        assert recorder.on_disk
        assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
        recorder.record(MORE)
        recorder.flush()
    assert path.stat().st_ino == before[2]
    added = appended(path, before[0])
    assert json.loads(added)["payload"]["message"] == "more"
    assert "ordinal" not in json.loads(added)


WHOLE = line("event_msg", {"type": "agent_message", "message": "last"})
# What the file ends with, and what the first append must write before its own line.
TAILS: dict[str, tuple[bytes, bytes]] = {
    "a whole line": (WHOLE + b"\n", b""),
    "a whole line without its end": (WHOLE, b"\n"),
    "half a line": (WHOLE[:40], b"\n"),
    "a single brace": (b"{", b"\n"),
    "zeros": (b"\0" * 100, b"\n"),
    "half a character": ("é".encode()[:1], b"\n"),
    "a blank line": (b"\n", b""),
}


@pytest.mark.codex("C011")
@pytest.mark.parametrize(("tail", "healing"), TAILS.values(), ids=TAILS)
def test_an_unfinished_tail_is_closed_by_a_line_end_and_nothing_else(
    home: Path, tail: bytes, healing: bytes
) -> None:
    path = stored(home, content(LEGACY) + tail)
    with resumed(home) as recorder:
        recorder.record(MORE)
    added = appended(path, content(LEGACY) + tail)
    assert added.startswith(healing)
    assert json.loads(added[len(healing) :])["payload"]["message"] == "more"
    assert added.count(b"\n") == 1 + len(healing)
    problems = [
        value
        for value in threadlog.open(home).iter_lines(THREAD)
        if not isinstance(value, threadlog.Line)
    ]
    damaged = bool(healing) and tail != WHOLE
    assert len(problems) == damaged


@pytest.mark.codex("C013", "C014")
def test_a_tail_torn_at_any_byte_is_healed(home: Path) -> None:
    lines = numbered(PAGED_META, started("t"), event("token_count"))
    whole = content(lines)
    last = len(lines[-1]) + 1
    path = put(home, whole)
    for cut in range(last + 1):
        path.write_bytes(whole[: len(whole) - cut])
        aged(path)
        with resumed(home) as recorder:
            recorder.record(MORE)
        found = [
            value.ordinal
            for value in threadlog.open(home).iter_lines(THREAD)
            if isinstance(value, threadlog.Line)
        ]
        kept = 3 if cut <= 1 else 2
        assert found == list(range(kept + 1)), cut


ENDS: dict[str, tuple[list[bytes], int | None]] = {
    "numbered": (PAGED, 3),
    "after a hole": ([*PAGED, *numbered(agent("a"), first=90)], 91),
    "after a damaged line": ([*PAGED, b"{broken"], 3),
    "not from nothing": (numbered(PAGED_META, agent("a"), first=49), 51),
    "a legacy rollout with numbers": (numbered(*LEGACY), len(LEGACY)),
    "a legacy rollout": (LEGACY, None),
    "a legacy rollout with a damaged end": ([*LEGACY, b"\xff\xfe"], None),
}


@pytest.mark.codex("C007", "C012", "C017")
@pytest.mark.parametrize(("raws", "following"), ENDS.values(), ids=ENDS)
def test_numbers_go_on_where_the_file_has_them(
    home: Path, raws: list[bytes], following: int | None
) -> None:
    path = stored(home, content(raws))
    with resumed(home) as recorder:
        recorder.record(MORE, MORE)
    added = [json.loads(raw) for raw in appended(path, content(raws)).splitlines()]
    expected = [None, None] if following is None else [following, following + 1]
    assert [each.get("ordinal") for each in added] == expected


@pytest.mark.codex("C005")
def test_an_empty_rollout_goes_on_without_numbers(home: Path) -> None:
    path = stored(home, b"")
    with resumed(home) as recorder:
        recorder.record(MORE)
    assert "ordinal" not in json.loads(path.read_bytes())


REFUSED: dict[str, tuple[list[bytes], str]] = {
    "a paginated end without a number": ([*PAGED, agent("a")], "missing an ordinal"),
    "a paginated rollout without numbers": ([PAGED_META, agent("a")], "missing an ordinal"),
    "a subagent without all it inherits": (
        numbered(meta(history_mode="paginated", subagent_history_start_ordinal=9), agent("a")),
        "incomplete",
    ),
    "a mode of the future": ([meta(history_mode="braided"), agent("a")], "history mode"),
}


@pytest.mark.codex("C016")
@pytest.mark.parametrize(("raws", "why"), REFUSED.values(), ids=REFUSED)
def test_what_must_not_be_appended_to_is_refused_and_left_alone(
    home: Path, raws: list[bytes], why: str
) -> None:
    path = stored(home, content(raws))
    before = path.read_bytes()
    with pytest.raises(NotResumable, match=why):
        resumed(home)
    assert path.read_bytes() == before
    with held(home, THREAD):
        pass


def test_a_subagent_that_has_all_it_inherits_goes_on(home: Path) -> None:
    inherits = meta(history_mode="paginated", subagent_history_start_ordinal=2)
    path = stored(home, content(numbered(inherits, agent("a"))))
    with resumed(home) as recorder:
        recorder.record(MORE)
    assert json.loads(path.read_bytes().splitlines()[-1])["ordinal"] == 2


@pytest.mark.codex("C015")
def test_the_last_number_is_never_passed(home: Path) -> None:
    path = stored(home, content([*PAGED, *numbered(agent("a"), first=(1 << 64) - 1)]))
    before = path.read_bytes()
    recorder = resumed(home)
    recorder.record(MORE)
    with pytest.raises(WriteFailed, match="ordinals"):
        recorder.close()
    assert path.read_bytes() == before
    recorder._channel.end()
    recorder._channel.writer.live.clear()


def test_an_archived_thread_is_refused_with_what_to_do(home: Path) -> None:
    stored(home, content(LEGACY), folder="archived_sessions")
    with pytest.raises(Archived, match="unarchive"):
        resumed(home)


@pytest.mark.codex("C219", "C245")
def test_a_thread_that_another_program_writes_is_refused(home: Path) -> None:
    stored(home, content(LEGACY))
    with held(home, THREAD), pytest.raises(InUse, match=THREAD):
        resumed(home)
    resumed(home).close()


# -- standing still


def test_a_rollout_that_changed_just_now_is_watched_for_two_seconds(home: Path) -> None:
    put(home, content(LEGACY))
    begun = time.monotonic()
    resumed(home).close()
    assert 1.5 < time.monotonic() - begun < 10


def test_a_rollout_that_grows_meanwhile_may_be_in_use(home: Path) -> None:
    path = put(home, content(LEGACY))

    seen = threading.Event()

    def grow() -> None:  # for as long as it takes: who knows when the look begins
        while not seen.wait(0.3):
            with path.open("ab") as file:
                file.write(agent("theirs") + b"\n")

    other = threading.Thread(target=grow)
    other.start()
    try:
        with pytest.raises(InUse, match="force"):
            resumed(home)
    finally:
        seen.set()
        other.join()
    with held(home, THREAD):
        pass


@pytest.mark.parametrize("how", ["forced", "of old", "our own"])
def test_otherwise_it_is_gone_on_with_at_once(home: Path, how: str) -> None:
    opened = threadlog.open(home)
    path = put(home, content(LEGACY))
    if how == "of old":
        aged(path, 3.0)
    if how == "our own":
        with RolloutRecorder.resume(opened, THREAD, force=True) as recorder:
            recorder.record(MORE)
    begun = time.monotonic()
    RolloutRecorder.resume(opened, THREAD, force=how == "forced").close()
    assert time.monotonic() - begun < 1.0


def test_our_own_that_somebody_changed_since_is_watched(home: Path) -> None:
    opened = threadlog.open(home)
    path = put(home, content(LEGACY))
    RolloutRecorder.resume(opened, THREAD, force=True).close()
    with path.open("ab") as file:
        file.write(agent("theirs") + b"\n")
    begun = time.monotonic()
    RolloutRecorder.resume(opened, THREAD).close()
    assert time.monotonic() - begun > 1.5


# -- compressed rollouts

PACKED = file_name() + ".zst"


@pytest.mark.codex("C206", "C207", "C215")
def test_a_compressed_rollout_is_made_plain_first(home: Path) -> None:
    packed = stored(home, content(LEGACY), PACKED)
    packed.chmod(0o640)
    then = packed.stat().st_mtime_ns
    with resumed(home) as recorder:
        plain = Path(recorder.path)
        assert plain == packed.with_suffix("")
        assert plain.read_bytes() == content(LEGACY)
        assert (plain.stat().st_mtime_ns, stat.S_IMODE(plain.stat().st_mode)) == (then, 0o640)
        assert [path.name for path in plain.parent.iterdir()] == [plain.name]
        recorder.record(MORE)
    assert appended(plain, content(LEGACY))


def test_a_damaged_compressed_rollout_is_refused_and_left_alone(home: Path) -> None:
    packed = stored(home, content([*LEGACY, agent("x" * 5000)]), PACKED)
    packed.write_bytes(packed.read_bytes()[:-20])
    aged(packed)
    before = {path: facts for path, facts in tree(home / "sessions").items() if "zst" in path}
    with pytest.raises(NotResumable, match="zst"):
        resumed(home)
    after = tree(home / "sessions")
    assert {path: after[path] for path in before} == before
    assert [path.name for path in packed.parent.iterdir()] == [packed.name]


@pytest.mark.codex("C217")
def test_unpacking_that_fails_at_any_call_leaves_a_whole_copy_and_can_be_done_again(
    tmp_path: Path,
) -> None:
    data = content(LEGACY)
    counted = FaultyDisk()
    stored(tmp_path / "count", data, PACKED)
    counted.arm()
    RolloutRecorder.resume(home_on(counted, tmp_path / "count"), THREAD).close()
    calls = list(counted.made)
    assert {"create", "write", "link", "sync", "unlink"} <= set(calls)
    for number, name in enumerate(calls):
        home = tmp_path / f"home-{number}"
        packed = stored(home, data, PACKED)
        disk = FaultyDisk()
        opened = home_on(disk, home)
        disk.arm(number)
        with contextlib.suppress(WriteFailed):
            RolloutRecorder.resume(opened, THREAD).close()
        disk.disarm()
        plain = packed.with_suffix("")
        assert packed.exists() or plain.read_bytes() == data, name
        assert threadlog.open(home).get(THREAD).preview == "Q", name
        with RolloutRecorder.resume(opened, THREAD, force=True) as recorder:
            recorder.record(MORE)
        assert appended(plain, data), name
        # A temporary name may be left, which Codex removes in time.
        left = {path.name for path in plain.parent.iterdir() if path.suffix != ".tmp"}
        assert left <= {plain.name, packed.name}, name
        assert len(list(plain.parent.iterdir())) == len(left) or name == "unlink"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_only_a_regular_file_is_gone_on_with(home: Path, make: Callable[[Path], None]) -> None:
    path = stored(home, content(LEGACY))
    reference = str(path)
    path.unlink()
    make(path)
    with pytest.raises(NotFound, match="no file"):
        RolloutRecorder.resume(threadlog.open(home), reference)


def test_a_thread_of_ours_is_found_by_any_reference(home: Path) -> None:
    stored(home, content([meta(uuid(5)), user("Q")]), file_name(uuid(5)))
    for reference in (uuid(5), "last", uuid(5)[-8:], DAY + "/" + file_name(uuid(5))):
        with RolloutRecorder.resume(threadlog.open(home), reference) as recorder:
            assert recorder.thread_id == uuid(5)
