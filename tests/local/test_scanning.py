"""A thread read for an index: in steps as at once, and what it counts is what a reader finds."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_reading_segments import FAMILIES, Make, write

import threadlog
from conftest import corpus_root
from makers import (
    THREAD,
    Pages,
    agent,
    completed,
    content,
    event,
    file_name,
    line,
    meta,
    meta_payload,
    put,
    put_thread,
    says,
    started,
    turn,
    user,
    uuid,
    zstd,
)
from threadlog.core import lines, metadata
from threadlog.core.framing import Frame
from threadlog.core.lines import BadLine
from threadlog.core.metadata import Metadata
from threadlog.core.names import Beside
from threadlog.core.query import ThreadSummary
from threadlog.core.scan import Raw, Scan
from threadlog.core.summary import Counts
from threadlog.core.usage import latest_usage
from threadlog.local import files, scanning
from threadlog.local.inventory import Inventory
from threadlog.local.reading import LocalRollouts
from threadlog.local.scanning import STEP_BYTES, Scanned, scan
from threadlog.local.summaries import Summaries

GIT = {"branch": "other", "commit_hash": "def", "repository_url": "https://example.org/o"}


def tokens(total: int) -> bytes:
    """A count of tokens."""
    usage = {"total_tokens": total}
    return event("token_count", info={"total_token_usage": usage, "last_token_usage": usage})


def name(text: str) -> bytes:
    """The thread gets a name."""
    return event("thread_name_updated", thread_id=THREAD, thread_name=text)


def never() -> bool:
    """Nobody wants it to stop."""
    return False


def always() -> bool:
    """It is to stop as soon as it may."""
    return True


def go_on(home: Path, before: Scanned | None = None, thread: str = THREAD) -> Scanned:
    """Read a thread on to its end."""
    return scan(LocalRollouts(str(home)), threadlog.open(home).get(thread), before, never)


def in_steps(home: Path, thread: str = THREAD) -> Iterator[Scanned]:
    """Read a thread with a stop wherever there may be one."""
    scanned = None
    while scanned is None or not scanned.done:
        scanned = scan(LocalRollouts(str(home)), threadlog.open(home).get(thread), scanned, always)
        yield scanned


def check(home: Path, thread: ThreadSummary) -> Scanned:
    """A thread read at once tells what its readers find."""
    problems: list[Any] = []
    opened = threadlog.open(home)
    reader = opened.reader(thread, lambda path, value: problems.append((path, value)))
    turns = list(reader.turns())
    scanned = scan(LocalRollouts(str(home)), thread, None, always)
    while not scanned.done:
        scanned = scan(LocalRollouts(str(home)), thread, scanned, always)
    assert scanned == scan(LocalRollouts(str(home)), thread, None, never)
    assert scanned.counts.turns == len(turns)
    assert scanned.counts.problems == len(problems)
    assert scanned.counts.tokens == latest_usage(reader.raw_lines_backwards()).total_tokens
    assert scanned.metadata == own_metadata(home, thread)
    return scanned


def own_metadata(home: Path, thread: ThreadSummary) -> Metadata:
    """The fold of all lines of a thread's own rollout."""
    rollouts = LocalRollouts(str(home))
    told = Metadata()
    for frame in rollouts.read(rollouts.segments(thread)[-1]):
        if isinstance(frame, Frame) and isinstance(frame.raw, bytes):
            with contextlib.suppress(BadLine):
                told = metadata.fold(told, lines.parse(frame.raw))
    return told


# -- what is told


def test_a_plain_thread_is_counted(home: Path) -> None:
    put(home, content([meta(), *turn("one"), b"{", tokens(5), *turn("two"), tokens(9), b""]))
    scanned = check(home, threadlog.open(home).get(THREAD))
    assert scanned.counts == (2, 1, 9)
    assert scanned.done


@pytest.mark.parametrize("suffix", ["", ".zst"])
@pytest.mark.parametrize("make", FAMILIES, ids=[make.__name__ for make in FAMILIES])
def test_what_a_thread_builds_on_is_counted_and_is_not_who_it_is(
    home: Path, make: Make, suffix: str
) -> None:
    family = make()
    write(family, home, suffix)
    scanned = check(home, threadlog.open(home).get(family.thread))
    assert scanned.counts.turns == len(family.turns)
    assert scanned.metadata.thread_id == family.thread


def test_a_missing_base_is_a_problem(home: Path) -> None:
    base = Pages(uuid(1))
    base.turn("q1")
    fork = Pages(THREAD, base=base.end)
    fork.turn("f1")
    fork.write(home)
    assert check(home, threadlog.open(home).get(THREAD)).counts == (1, 1, 0)


@pytest.mark.parametrize("corrupt", [b"", b"junk"])
def test_a_broken_compressed_rollout_is_a_problem_and_no_end(home: Path, corrupt: bytes) -> None:
    packed = zstd.compress(content([meta(), *turn("one")]))
    more = zstd.compress(content(turn("two") * 200))
    path = put(home, b"", file_name() + ".zst")
    path.write_bytes(packed + (corrupt or more[:-10]))
    scanned = check(home, threadlog.open(home).get(THREAD))
    assert scanned.done
    assert scanned.counts.problems >= 1
    path.write_bytes(packed + more)
    assert go_on(home, scanned).counts == (201, 0, 0)


# -- going on


@given(st.data())
def test_a_growing_rollout_read_at_any_moments_is_as_read_at_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    home = tmp_path_factory.mktemp("home")
    whole = content(
        [meta(), *turn("one"), name("a"), b"{", *turn("two"), line("unheard_of", {}), tokens(3)]
    )
    sizes = st.integers(0, len(whole))
    scanned = None
    for size in [*sorted(data.draw(st.lists(sizes, max_size=5))), len(whole)]:
        put(home, whole[:size])
        scanned = go_on(home, scanned)
        assert scanned.done
        assert scanned.offset == whole[:size].rfind(b"\n") + 1
        assert scanned == go_on(home)
        (thread,) = threadlog.open(home).threads()
        check(home, thread)
    assert scanned == go_on(home)


def test_only_what_is_new_is_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(home, content([meta(), *turn("one")]))
    first = go_on(home)
    with path.open("ab") as file:
        file.write(content(turn("two")))
    seen: list[Raw] = []
    add = Scan.add

    def watched(self: Scan, raws: list[Raw]) -> None:
        seen.extend(raws)
        add(self, raws)

    monkeypatch.setattr(Scan, "add", watched)
    second = go_on(home, first)
    assert seen == turn("two")
    assert (second.counts, second.offset) == ((2, 0, 0), path.stat().st_size)


def test_what_a_thread_builds_on_is_read_once(home: Path) -> None:
    base = Pages(uuid(1))
    base.turn("q1")
    fork = Pages(THREAD, base=base.end)
    fork.turn("f1")
    path = base.write(home)
    fork.write(home)
    first = go_on(home)
    path.unlink()
    fork.turn("f2")
    fork.write(home)
    assert go_on(home, first).counts == (3, 0, 0)


@pytest.mark.parametrize(
    ("rest", "counts"),
    [
        (user("q")[:-1], (1, 1, 0)),
        (event("task_started", turn_id="turn-two"), (2, 0, 0)),
        (b"  ", (1, 0, 0)),
        (name("half"), (1, 0, 0)),
    ],
)
def test_a_last_line_without_its_lf_is_told_and_read_again(
    home: Path, rest: bytes, counts: tuple[int, int, int]
) -> None:
    whole = content([meta(), *turn("one")])
    put(home, whole + rest)
    scanned = check(home, threadlog.open(home).get(THREAD))
    assert (scanned.counts, scanned.offset) == (counts, len(whole))
    put(home, whole + rest + b"\xff\n")
    again = go_on(home, scanned)
    assert again == go_on(home)
    assert (again.counts, again.metadata.name) == ((1, 1, 0), None)


@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_every_step_gets_further_and_the_steps_come_to_the_whole(home: Path, suffix: str) -> None:
    long = says("assistant", "x" * (STEP_BYTES * 5 // 2))  # no step may end within
    data = content([meta(), *turn("one"), long, *turn("two") * 10, long, tokens(3), b"{"]) * 2
    put(home, data, file_name() + suffix)
    steps = list(in_steps(home))
    offsets = [step.offset for step in steps]
    assert offsets[:-1] == sorted(set(offsets[:-1]))
    assert offsets[-1] == len(data) >= offsets[-2]
    assert len(steps) >= 4
    assert [step.done for step in steps] == [False] * (len(steps) - 1) + [True]
    assert steps[-1] == go_on(home)
    assert steps[-1].counts == (22, 2, 3)
    assert all(data[offset - 1 : offset] == b"\n" for offset in offsets)


def test_it_is_asked_whether_to_stop_every_few_megabytes(home: Path) -> None:
    put(home, content([meta(), *(says("assistant", "x" * 1000) for _ in range(16_000))]))
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return False

    scan(LocalRollouts(str(home)), threadlog.open(home).get(THREAD), None, stop)
    assert len(asked) == 16_000 * 1_100 // STEP_BYTES


@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_a_rollout_packed_in_between_goes_on_where_it_was(home: Path, suffix: str) -> None:
    data = content([meta(), *turn("one"), says("assistant", "x" * STEP_BYTES), *turn("two")] * 2)
    path = put(home, data)
    first = next(in_steps(home))
    assert not first.done
    path.unlink()
    put(home, data, file_name() + suffix)
    assert go_on(home, first) == go_on(home)


# -- beginning anew


@pytest.mark.parametrize(
    "other",
    [
        content([meta()]),
        b"",
        content([meta(), user("shorter"), agent("x" * 1000)]),
        content([meta(uuid(5)), *turn("one"), *turn("two")]),
        content([meta(history_mode="paginated"), *turn("one"), *turn("two")]),
    ],
    ids=["short", "empty", "rewritten", "another thread", "another mode"],
)
@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_a_rollout_that_is_not_the_same_any_more_is_read_anew(
    home: Path, other: bytes, suffix: str
) -> None:
    path = put(home, content([meta(), *turn("one"), *turn("two"), b"{"]), file_name() + suffix)
    first = go_on(home)
    path.write_bytes(zstd.compress(other) if suffix else other)
    assert go_on(home, first) == go_on(home)


@pytest.mark.parametrize("state", ["", "{}", "no state", "\udc00"])
def test_an_unreadable_state_begins_anew(home: Path, state: str) -> None:
    put(home, content([meta(), *turn("one")]))
    first = go_on(home)
    assert go_on(home, first._replace(state=state)) == first


def test_a_revert_does_not_go_on_in_another_rollout(home: Path) -> None:
    old = Pages(THREAD)
    cut = old.turn("q1")
    old.turn("q2")
    old.write(home, stamp="2026-01-02T03-04-01")
    first = go_on(home)
    new = Pages(THREAD, revision=uuid(0x100), base=cut)
    new.turn("q3")
    new.write(home, stamp="2026-01-02T03-04-02")
    second = go_on(home, first)
    assert second == go_on(home)
    assert second.counts.turns == 1


# -- what cannot be read


def test_a_rollout_that_cannot_be_read_is_a_problem_and_tried_again(home: Path) -> None:
    path = put(home, content([meta(), *turn("one")]))
    thread = threadlog.open(home).get(THREAD)
    first = go_on(home)
    aside = path.rename(path.with_name("aside"))
    rollouts = LocalRollouts(str(home))
    for _ in range(2):
        lost = scan(rollouts, thread, None, never)
        assert (lost.done, lost.offset, lost.state, lost.counts) == (True, 0, "", (0, 1, 0))
        kept = scan(rollouts, thread, first, never)
        assert kept == first._replace(counts=Counts(1, 1, 0))
    aside.rename(path)
    assert scan(rollouts, thread, kept, never) == first
    assert scan(rollouts, thread, lost, never) == first


def test_a_disk_that_fails_in_the_middle_costs_what_comes_after(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(home, content([meta(), *turn("one"), says("assistant", "x" * 300_000), *turn("two")]))
    whole = go_on(home)
    pread = os.pread

    def fail(fd: int, count: int, offset: int) -> bytes:
        if offset >= files.CHUNK_BYTES:
            raise OSError(5, "failed")
        return pread(fd, count, offset)

    monkeypatch.setattr(os, "pread", fail)
    part = go_on(home)
    assert (part.done, part.counts) == (True, (1, 2, 0))  # the torn line, and the place
    monkeypatch.undo()
    assert go_on(home, part) == whole


def test_a_base_that_fails_is_read_from_the_start_the_next_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = Pages(uuid(1))
    base.turn("q1")
    fork = Pages(THREAD, base=base.end)
    fork.turn("f1")
    base.write(home)
    fork.write(home)
    whole = go_on(home)

    def fail(_self: LocalRollouts, _segment: object) -> Iterator[object]:
        raise threadlog.Unreadable("failed")

    monkeypatch.setattr(LocalRollouts, "read", fail)
    part = go_on(home)
    assert (part.done, part.counts, part.metadata.thread_id) == (True, (0, 1, 0), THREAD)
    monkeypatch.undo()
    assert go_on(home, part) == whole


@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_no_file_stays_open(home: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    put(home, content([meta(), *turn("one")] * 5), file_name() + suffix)
    thread = threadlog.open(home).get(THREAD)
    rollouts = LocalRollouts(str(home))
    monkeypatch.setattr(scanning, "STEP_BYTES", 1)

    def broken() -> bool:
        raise KeyboardInterrupt

    def descriptors() -> set[str]:
        return set(os.listdir("/dev/fd"))

    before = descriptors()
    scanned = scan(rollouts, thread, None, always)
    scan(rollouts, thread, scanned, never)
    with pytest.raises(KeyboardInterrupt):
        scan(rollouts, thread, None, broken)
    assert descriptors() == before


# -- in a summary

SET_ANEW = {"name", "title", "git_branch", "git_commit", "git_url", "model"}
COUNTED = {"scanned", "turns", "problems", "tokens", "memory_mode"}


def differences(home: Path) -> dict[str | None, set[str]]:
    """For each thread of a home, the fields in which a scan knows otherwise than the head."""
    inventory = Inventory(str(home))
    summaries = Summaries(str(home), inventory, Beside({}))
    found = {}
    for each in [*inventory.current.values(), *inventory.anonymous]:
        head = summaries.of(each)
        scanned = check(home, head)
        whole = summaries.of(each, scanned.metadata, scanned.counts)
        assert whole.scanned
        assert whole.turns == scanned.counts.turns
        pairs = zip(head._fields, head, whole, strict=True)
        found[head.id] = {field for field, one, other in pairs if one != other} - COUNTED
    return found


def test_the_head_and_the_whole_list_the_same_but_for_what_was_set_anew(home: Path) -> None:
    for number in range(1, 4):
        put_thread(home, number)
    settings = {"cwd": "/desk", "approval_policy": "x", "sandbox_policy": {}, "model": "m"}
    far = [says("assistant", "x" * 40_000)]  # more than the end tells
    put(
        home,
        content([meta(uuid(4)), *turn("q"), line("turn_context", settings)]),
        file_name(uuid(4)),
    )
    again = meta_payload(uuid(5), git=GIT, memory_mode="disabled")
    put(home, content([meta(uuid(5)), *turn("q"), line("session_meta", again)]), file_name(uuid(5)))
    named = event("thread_name_updated", thread_id=uuid(6), thread_name="n")
    put(home, content([meta(uuid(6)), *turn("q"), named]), file_name(uuid(6)))
    copied = [line("session_meta", meta_payload(uuid(1), git=GIT, source="exec")), *turn("q")]
    put(home, content([meta(uuid(7)), *copied]), file_name(uuid(7)))
    moved = line("turn_context", settings)
    put(home, content([meta(uuid(8)), *turn("q"), moved, *far]), file_name(uuid(8)))
    assert differences(home) == {
        **{uuid(number): set() for number in (1, 2, 3, 4, 7)},
        uuid(5): {"git_branch", "git_commit", "git_url"},
        uuid(6): {"name", "title"},
        uuid(8): {"model"},
    }


@pytest.mark.parametrize("make", FAMILIES, ids=[make.__name__ for make in FAMILIES])
def test_the_head_and_the_whole_of_forks_and_reverts_list_the_same(home: Path, make: Make) -> None:
    write(make(), home)
    assert set(map(frozenset, differences(home).values())) == {frozenset()}


BARE = json.dumps({"id": THREAD, "timestamp": "2026-01-02T03:04:05.678Z"}).encode()


@pytest.mark.parametrize(
    "whole",
    [
        b"",
        content([b"{", *turn("q")]),
        content([b"{", meta(), *turn("q")]),
        content([*turn("q"), meta()]),
        content([meta(source=None, cwd=None, git={}), started("a"), completed("a")]),
        content([BARE, json.dumps({"type": "message", "role": "user", "content": []}).encode()]),
        content([meta(), says("user", "only spoken"), says("assistant", "yes")]),
        content([meta(), line("session_meta", {"id": THREAD, "source": "exec", "cwd": "/x"})]),
        content([meta(subagent_history_start_ordinal=2), *turn("q")]),
    ],
)
def test_the_head_and_the_whole_of_odd_rollouts_list_the_same(home: Path, whole: bytes) -> None:
    put(home, whole)
    assert differences(home) == {THREAD: set()}


@pytest.mark.corpus
def test_every_genuine_thread_is_counted_as_it_is_read(tmp_path: Path) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    shutil.copytree(root, tmp_path / "corpus", symlinks=True)
    checked = 0
    for folder in sorted((tmp_path / "corpus").glob("*/*")):
        found = differences(folder)
        checked += len(found)
        for thread, fields in found.items():
            assert fields <= SET_ANEW, (folder, thread)
    assert checked > 30
