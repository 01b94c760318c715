"""Lines beyond the limit: said with their place, copied whole, never loaded."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from makers import THREAD, agent, command, content, meta, put, turn, user
from threadlog import Line, Oversized
from threadlog.core.framing import LINE_LIMIT_BYTES

HEAD = content([meta(), *turn("before")])
TAIL = content([*turn("after"), agent("end")])
LENGTH = LINE_LIMIT_BYTES + (60 << 20)
ROOM = 24 << 20  # bytes of memory that reading may take beside the file


@pytest.fixture(params=["between", "last"])
def path(home: Path, request: pytest.FixtureRequest) -> Path:
    """A rollout with one line that is too long, sparse on disk."""
    path = put(home, HEAD)
    with path.open("r+b") as file:
        file.seek(0, 2)
        file.write(b'{"timestamp":"x"')
        file.truncate(len(HEAD) + LENGTH)
        if request.param == "between":
            file.seek(0, 2)
            file.write(b"\n" + TAIL)
    return path


@pytest.fixture
def bounded() -> Iterator[None]:
    """Fails a test that needs much more memory than a chunk and a line."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < LINE_LIMIT_BYTES + ROOM


@pytest.mark.usefixtures("bounded")
def test_an_oversized_line_is_a_value_in_its_place(home: Path, path: Path) -> None:
    values = list(threadlog.open(home).iter_lines(THREAD))
    place = len(HEAD.splitlines())
    assert values[place] == Oversized(len(HEAD), LENGTH)
    others = values[:place] + values[place + 1 :]
    raws = [value.raw for value in others if isinstance(value, Line)]
    after = TAIL if path.stat().st_size > len(HEAD) + LENGTH else b""
    assert raws == (HEAD + after).splitlines()
    del values, others
    backwards = list(threadlog.open(home).iter_lines(THREAD, backwards=True))
    assert [v.raw for v in backwards if isinstance(v, Line)] == raws[::-1]
    assert Oversized(len(HEAD), LENGTH) in backwards


@pytest.mark.usefixtures("path")
def test_an_oversized_line_is_reported_and_shown_around(home: Path) -> None:
    shown = json.loads(command(home, "show", THREAD, "--json").out)
    (problem,) = shown["problems"]
    assert (problem["offset"], problem["length"]) == (len(HEAD), LENGTH)
    assert "oversized" in problem["reason"]
    assert shown["turns"][0]["items"][0]["content"][0]["text"] == "before"
    assert command(home, "show", THREAD).code == 0
    history = threadlog.open(home).history(THREAD)
    assert list(history.problems()) == [Oversized(len(HEAD), LENGTH)]


def test_raw_copies_an_oversized_line_whole(home: Path, path: Path) -> None:
    reader = threadlog.open(home).reader(threadlog.open(home).get(THREAD))
    with path.open("rb") as file:
        for chunk in reader.raw_chunks():
            assert chunk == file.read(len(chunk))
        assert not file.read(1)


@pytest.mark.usefixtures("path")
def test_raw_tail_says_what_it_leaves_out(home: Path) -> None:
    ran = command(home, "show", THREAD, "--raw", "--tail", "9")
    assert ran.code == 1
    assert str(LENGTH) in ran.err
    assert len(ran.out) < 1 << 20


def test_a_line_of_exactly_the_limit_is_loaded(home: Path) -> None:
    whole = user("x")
    whole = user("x" * (LINE_LIMIT_BYTES - len(whole) + 1))
    assert len(whole) == LINE_LIMIT_BYTES
    put(home, content([meta(), whole]))
    last = next(threadlog.open(home).iter_lines(THREAD, backwards=True))
    assert isinstance(last, Line)
    assert last.raw == whole


def test_a_message_beyond_the_heads_limit_leaves_the_listing_cheap(home: Path) -> None:
    filler = content([agent("x" * (1 << 20))]) * 20
    put(home, content([meta()]) + filler + content([user("late")]))
    tracemalloc.start()
    (listed,) = threadlog.open(home).threads()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (listed.id, listed.preview) == (THREAD, "")
    assert peak < 16 << 20


def test_the_newest_turns_of_a_long_file_are_read_from_its_end(home: Path) -> None:
    put(home, content([meta(), *turn("first"), agent("x" * (30 << 20)), *turn("last")]))
    tracemalloc.start()
    (newest,) = threadlog.open(home).turns(THREAD, last=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert newest.id == "turn-last"
    lines = threadlog.open(home).iter_lines(THREAD, backwards=True)
    assert len(list(itertools.islice(lines, 3))) == 3
    assert peak < 4 << 20
