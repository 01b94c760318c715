"""Clocks that jump, stand still or are wrong, and zones that change: order and ids hold.

The clock that is wrong is the one that tells the time; the one that waiting goes by is right.  Each
test runs in a process of its own: one that has once seen the year 9999 may not forget it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import threadlog
from ended_processes import MODES
from faults.own_processes import in_a_process_of_its_own
from faulty_disk import numbers, ordinals, said
from threadlog import RolloutRecorder, ThreadOptions
from threadlog.asking import query_of
from threadlog.core import ids

SORTS = ("created", "updated", "recency")
# No name of a zone is asked for, so that no machine lacks it.
BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
NEW_YORK = "EST5EDT,M3.2.0,M11.1.0"
FAR_EAST, FAR_WEST = "<+14>-14", "<-12>12"
ZONES = ("UTC0", BERLIN, NEW_YORK, FAR_EAST, FAR_WEST)


def at(text: str) -> float:
    """An instant given as UTC, in unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOW = at("2026-11-26T12:00:00")
HOUR = 3600.0
EPOCH, LAST = 0.0, at("9999-12-31T23:59:59")
JUMPS = {
    "stands still": [NOW] * 6,
    "back by an hour": [NOW, NOW + 1, NOW - HOUR, NOW - HOUR + 1, NOW + 2],
    "on by an hour": [NOW, NOW + HOUR, NOW + HOUR + 1],
    "on and back": [NOW, NOW + HOUR, NOW, NOW + 1, NOW + 2],
    "to 1970": [NOW, EPOCH, EPOCH + 1, NOW],
    "from 1970": [EPOCH, EPOCH, NOW, NOW],
    "to the year 9999": [NOW, LAST, NOW, LAST],
    "ever back": [NOW - number for number in range(6)],
}


class Clock:
    """What the time is, as a test says."""

    def __init__(self) -> None:
        self.seconds = NOW

    def time(self) -> float:
        return self.seconds

    def time_ns(self) -> int:
        return round(self.seconds * 1000) * 1_000_000


@pytest.fixture(autouse=True)
def loaded(tmp_path: Path, isolated_homes: None) -> None:
    """All that the processes need is loaded once, here."""
    with threadlog.open(tmp_path / "loaded") as opened:
        with opened.start("/x") as thread, thread.turn("a turn") as turn:
            turn.say("yes")
        list(opened.turns(thread.path))
        opened.threads(sort="updated")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of this process."""
    clock = Clock()
    monkeypatch.setattr(time, "time", clock.time)
    monkeypatch.setattr(time, "time_ns", clock.time_ns)
    return clock


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the time zone of this process."""
    before = os.environ.get("TZ")

    def move(name: str) -> None:
        os.environ["TZ"] = name
        time.tzset()

    yield move
    os.environ.pop("TZ", None)
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def begun(home: Path, mode: str = "legacy") -> RolloutRecorder:
    """A draft."""
    return RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x", history_mode=mode))


def stamps(path: str) -> list[str]:
    """The time of every line."""
    return [json.loads(line)["timestamp"] for line in Path(path).read_bytes().splitlines()]


# -- recording


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("moments", JUMPS.values(), ids=JUMPS)
@in_a_process_of_its_own
def test_lines_keep_their_order_and_their_times_never_go_back(
    home: Path, clock: Clock, mode: str, moments: list[float]
) -> None:
    clock.seconds = moments[0]
    recorder = begun(home, mode)
    recorder.record(said(0))
    recorder.persist()
    for number, moment in enumerate(moments, 1):
        clock.seconds = moment
        recorder.record(said(number))
        if number % 2:
            recorder.flush()
    recorder.close()
    count = len(moments) + 1
    assert numbers(recorder.path) == list(range(count))
    assert ordinals(recorder.path) == (
        [None] * (count + 1) if mode == "legacy" else [*range(count + 1)]
    )
    found = stamps(recorder.path)
    assert found == sorted(found)
    opened = threadlog.open(home)
    assert all(isinstance(each, threadlog.Line) for each in opened.iter_lines(recorder.path))


@pytest.mark.parametrize("mode", MODES)
@in_a_process_of_its_own
def test_a_thread_is_gone_on_with_whatever_the_time_is_then(
    home: Path, clock: Clock, mode: str
) -> None:
    recorder = begun(home, mode)
    recorder.record(said(0))
    recorder.persist()
    recorder.close()
    for number, moment in enumerate((NOW - HOUR, EPOCH, LAST, NOW), 1):
        clock.seconds = moment
        with RolloutRecorder.resume(threadlog.open(home), recorder.thread_id) as again:
            again.record(said(number))
    assert numbers(recorder.path) == [0, 1, 2, 3, 4]
    assert ordinals(recorder.path) == ([None] * 6 if mode == "legacy" else [*range(6)])
    values: list[Any] = list(threadlog.open(home).iter_lines(recorder.thread_id))
    assert [value.ordinal for value in values] == ordinals(recorder.path)


@in_a_process_of_its_own
def test_a_file_of_the_future_is_not_waited_for_without_end(home: Path, clock: Clock) -> None:
    recorder = begun(home)
    recorder.record(said(0))
    recorder.persist()
    recorder.close()
    with open(recorder.path, "ab") as file:  # what is as we left it is never waited for
        file.write(b"a line of somebody else\n")
    os.utime(recorder.path, (NOW + HOUR, NOW + HOUR))
    begin = time.monotonic()
    RolloutRecorder.resume(threadlog.open(home), recorder.path).close()
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("mode", MODES)
@in_a_process_of_its_own
def test_a_turn_lasts_no_negative_time(home: Path, clock: Clock, mode: str) -> None:
    with threadlog.open(home).start("/x", history_mode=mode) as thread:
        with thread.turn("back") as turn:
            clock.seconds = NOW - HOUR
            turn.say("done")
        with thread.turn("on") as turn:
            clock.seconds = NOW + HOUR
            turn.say("done")
    for told in threadlog.open(home).turns(thread.path):
        assert told.status == "completed"
        assert told.duration_ms is not None
        assert 0 <= told.duration_ms < HOUR * 1000
        assert told.started_at is not None
        assert told.completed_at is not None
        assert told.started_at <= told.completed_at


# -- ids


@pytest.mark.parametrize("moments", JUMPS.values(), ids=JUMPS)
@in_a_process_of_its_own
def test_ids_made_one_after_the_other_sort_in_that_order_whatever_the_clock_does(
    home: Path, clock: Clock, moments: list[float]
) -> None:
    opened = threadlog.open(home)
    made = []
    for moment in moments:
        clock.seconds = moment
        for _ in range(50):
            made.append(RolloutRecorder.create(opened, ThreadOptions(cwd="/x")).thread_id)
            made.append(opened.start("/x").turn("a turn").id)
    assert all(map(ids.is_thread_id, made))
    assert len(set(made)) == len(made)
    assert made == sorted(made)


@in_a_process_of_its_own
def test_no_two_threads_of_execution_make_the_same_id(home: Path, clock: Clock) -> None:
    opened = threadlog.open(home)
    made: list[list[str]] = [[] for _ in range(4)]

    def make(mine: list[str]) -> None:
        for _ in range(200):
            mine.append(RolloutRecorder.create(opened, ThreadOptions(cwd="/x")).thread_id)

    workers = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert len({each for mine in made for each in mine}) == 800
    assert all(mine == sorted(mine) for mine in made)


# -- where it lies


PLACES = {
    "winter": (BERLIN, "2026-01-01T22:59:59", "2026-01-01T23-59-59"),
    "the next day by local time": (BERLIN, "2026-01-01T23:00:00", "2026-01-02T00-00-00"),
    "before the gap": (BERLIN, "2026-03-29T00:59:59", "2026-03-29T01-59-59"),
    "after the gap": (BERLIN, "2026-03-29T01:00:00", "2026-03-29T03-00-00"),
    "in the fold": (BERLIN, "2026-10-25T00:30:00", "2026-10-25T02-30-00"),
    "in the fold again": (BERLIN, "2026-10-25T01:30:00", "2026-10-25T02-30-00"),
    "new year in the east": (FAR_EAST, "2026-12-31T10:00:00", "2027-01-01T00-00-00"),
    "old year in the west": (FAR_WEST, "2027-01-01T11:59:59", "2026-12-31T23-59-59"),
    "the first second": ("UTC0", "1970-01-01T00:00:00", "1970-01-01T00-00-00"),
    "before the first second": (NEW_YORK, "1970-01-01T00:00:00", "1969-12-31T19-00-00"),
    "the last second": ("UTC0", "9999-12-31T23:59:59", "9999-12-31T23-59-59"),
}


@pytest.mark.parametrize(("name", "utc", "local"), PLACES.values(), ids=PLACES)
@in_a_process_of_its_own
def test_folder_and_file_carry_local_time_and_the_lines_utc(
    home: Path, clock: Clock, zone: Callable[[str], None], name: str, utc: str, local: str
) -> None:
    zone(name)
    clock.seconds = at(utc)
    recorder = begun(home)
    recorder.record(said(0))
    recorder.persist()
    recorder.close()
    year, month, day = local[:10].split("-")
    folder = home / "sessions" / year / month / day
    assert Path(recorder.path) == folder / f"rollout-{local}-{recorder.thread_id}.jsonl"
    assert set(stamps(recorder.path)) == {f"{utc}.000Z"}
    summary = threadlog.open(home).get(recorder.thread_id)
    assert (summary.created, summary.problem) == (f"{utc}.000Z", None)


@in_a_process_of_its_own
def test_a_thread_begun_after_the_last_local_second_is_found_all_the_same(
    home: Path, clock: Clock, zone: Callable[[str], None]
) -> None:
    zone(FAR_EAST)
    clock.seconds = LAST
    recorder = begun(home)
    recorder.record(said(0))
    recorder.persist()
    recorder.close()
    opened = threadlog.open(home)
    assert [each.id for each in opened.threads()] == [recorder.thread_id]
    assert numbers(opened.get("last").path) == [0]


# -- listing


def populate(home: Path, clock: Clock, zone: Callable[[str], None]) -> list[str]:
    """Threads begun at odd moments in changing zones, some of them with files of odd times."""
    made = []
    for number, (name, utc, _local) in enumerate(PLACES.values()):
        zone(name)
        clock.seconds = at(utc)
        thread = threadlog.open(home).start("/x", history_mode=MODES[number % 2])
        with thread, thread.turn(f"thread {number}") as turn:
            turn.say("yes")
        if number % 3 == 0:
            moment = min(clock.seconds, at("2100-01-01T00:00:00"))
            os.utime(thread.path, (moment, moment))
            os.utime(os.path.dirname(thread.path), (moment, moment))
        made.append(thread.id)
    return made


def walked(page: Callable[[Any], Any], **asked: Any) -> list[str]:
    """The ids of all threads, page by page."""
    query = query_of(asked, "openai")  # type: ignore[arg-type]
    found: list[str] = []
    while True:
        told = page(query)
        assert not told.problems
        found += [each.id for each in told]
        if told.next is None:
            return found
        query = query._replace(cursor=told.next)


@pytest.mark.parametrize("sort", SORTS)
@in_a_process_of_its_own
def test_every_order_lists_every_thread_once_whatever_its_times(
    home: Path, clock: Clock, zone: Callable[[str], None], sort: str
) -> None:
    made = populate(home, clock, zone)
    for name, moment in (("UTC0", NOW), (BERLIN, EPOCH), (FAR_EAST, LAST), (FAR_WEST, NOW)):
        zone(name)
        clock.seconds = moment
        opened = threadlog.open(home)
        whole = [each.id for each in opened.threads(sort=sort, limit=None)]
        assert sorted(map(str, whole)) == sorted(made)
        for store in (opened.store.catalog, opened.store.files):  # type: ignore[attr-defined]
            assert walked(store.page, sort=sort, limit=2) == whole
            assert walked(store.page, sort=sort, limit=3, ascending=True) == whole[::-1]
        opened.close()


@in_a_process_of_its_own
def test_the_time_of_creation_sorts_by_the_names_and_the_others_by_their_moments(
    home: Path, clock: Clock, zone: Callable[[str], None]
) -> None:
    populate(home, clock, zone)
    clock.seconds = NOW
    opened = threadlog.open(home)
    by_name = [os.path.basename(each.path) for each in opened.threads(sort="created")]
    assert by_name == sorted(by_name, reverse=True)
    for sort in ("updated", "recency"):
        told = [getattr(each, sort) for each in opened.threads(sort=sort)]
        assert told == sorted(told, reverse=True)
    opened.close()


@in_a_process_of_its_own
def test_a_listing_sees_what_is_new_wherever_the_clock_stands(home: Path, clock: Clock) -> None:
    opened = threadlog.open(home)
    opened.catch_up()
    made = set()
    for moment in (NOW, LAST, EPOCH, NOW - HOUR, NOW + HOUR, NOW):
        for _ in range(2):
            clock.seconds = moment
            recorder = begun(home)
            recorder.record(said(0))
            recorder.persist()
            recorder.close()
            made.add(recorder.thread_id)
            for sort in SORTS:
                listed = opened.threads(sort=sort, limit=None)
                assert {each.id for each in listed} == made
    opened.close()
