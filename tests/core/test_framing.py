"""Framing: LF only, forwards and backwards alike, in bounded memory, whatever the chunks."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.core.framing import (
    LINE_LIMIT_BYTES,
    Frame,
    Oversized,
    Splitter,
    frames,
    frames_backwards,
    line_length,
)

PIECES = st.sampled_from([b"\n", b"a", b"bc", b"\r", b"\x0b", b"\0", b"\xff"])
FILES = st.lists(PIECES).map(b"".join)


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


def _expected(data: bytes, limit: int, offset: int = 0) -> list[Frame]:
    """The frames of *data* by definition: what stands between two LFs."""
    *whole, tail = data.split(b"\n")
    result = []
    for raw in whole:
        result.append(Frame(offset, _held(raw, offset, limit), ended=True))
        offset += len(raw) + 1
    if tail:
        result.append(Frame(offset, _held(tail, offset, limit), ended=False))
    return result


def _held(raw: bytes, offset: int, limit: int) -> bytes | Oversized:
    return raw if len(raw) <= limit else Oversized(offset, len(raw))


@pytest.mark.codex("C043", "C048")
@given(FILES, st.lists(st.integers(0, 200)), st.integers(1, 8), st.integers(0, 1 << 40))
def test_chunks_and_limits_never_change_what_the_lines_are(
    data: bytes, cuts: list[int], limit: int, offset: int
) -> None:
    chunks = _cut(data, cuts)
    expected = _expected(data, limit, offset)
    assert list(frames(chunks, offset, limit)) == expected
    assert list(frames_backwards(chunks[::-1], offset + len(data), limit)) == expected[::-1]


@given(FILES, st.lists(st.integers(0, 200)))
def test_frames_put_together_are_the_file(data: bytes, cuts: list[int]) -> None:
    got = list(frames(_cut(data, cuts)))
    assert b"".join(_text(frame) + b"\n" * frame.ended for frame in got) == data


def _text(frame: Frame) -> bytes:
    assert isinstance(frame.raw, bytes)
    return frame.raw


@pytest.mark.parametrize(
    "breaker",
    ["\u2028", "\u2029", "\x85", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\0"],
    ids=ascii,
)
def test_only_a_line_feed_ends_a_line(breaker: str) -> None:
    text = f"one{breaker}two".encode()
    data = text + b"\n" + text
    expected = [Frame(0, text, ended=True), Frame(len(text) + 1, text, ended=False)]
    assert list(frames([data])) == expected
    assert list(frames_backwards([data], len(data))) == expected[::-1]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n", [Frame(0, b"", ended=True)]),
        (b"\n\n", [Frame(0, b"", ended=True), Frame(1, b"", ended=True)]),
        (b"a", [Frame(0, b"a", ended=False)]),
        (b"a\n", [Frame(0, b"a", ended=True)]),
        (b"a\nb", [Frame(0, b"a", ended=True), Frame(2, b"b", ended=False)]),
        (b"\na", [Frame(0, b"", ended=True), Frame(1, b"a", ended=False)]),
    ],
)
def test_an_unterminated_tail_is_a_line_and_says_so(data: bytes, expected: list[Frame]) -> None:
    single = [data[place : place + 1] for place in range(len(data))]
    for chunks in ([data], single, [b"", *single, b""]):
        assert list(frames(chunks)) == expected
        assert list(frames_backwards(chunks[::-1], len(data))) == expected[::-1]


def test_lines_around_an_oversized_one_are_whole() -> None:
    data = b"first\n" + b"x" * 11 + b"\nlast\n"
    expected = [
        Frame(0, b"first", ended=True),
        Frame(6, Oversized(6, 11), ended=True),
        Frame(18, b"last", ended=True),
    ]
    for size in (1, 3, 7, len(data)):
        chunks = [data[start : start + size] for start in range(0, len(data), size)]
        assert list(frames(chunks, limit_bytes=10)) == expected
        assert list(frames_backwards(chunks[::-1], len(data), limit_bytes=10)) == expected[::-1]


def test_a_line_of_exactly_the_limit_is_held() -> None:
    data = b"x" * 10 + b"\n" + b"y" * 11
    held, over = frames([data], limit_bytes=10)
    assert held.raw == b"x" * 10
    assert over == Frame(11, Oversized(11, 11), ended=False)


def test_a_file_may_be_read_from_its_middle() -> None:
    assert list(frames([b"tail\nnext\n"], offset=100)) == [
        Frame(100, b"tail", ended=True),
        Frame(105, b"next", ended=True),
    ]


def test_a_splitter_hands_out_lines_as_they_are_completed() -> None:
    splitter = Splitter()
    assert splitter.feed(b"a") == []
    assert splitter.feed(b"b\nc\n") == [b"ab", b"c"]
    assert splitter.finish() is None
    assert splitter.feed(b"rest") == []
    assert splitter.finish() == b"rest"
    assert splitter.finish() is None


def test_the_length_of_an_oversized_line_is_known() -> None:
    assert line_length(b"abc") == 3
    assert line_length(Oversized(7, 99)) == 99


MEGABYTE = 1 << 20


def _long_line(megabytes: int) -> Iterator[bytes]:
    yield b"head\n"
    for _ in range(megabytes):
        yield b"x" * MEGABYTE
    yield b"\ntail"


@pytest.mark.parametrize("backwards", [False, True])
def test_a_line_of_any_length_costs_no_more_memory_than_the_limit(backwards: bool) -> None:
    size = 5 + 200 * MEGABYTE + 5
    expected = [
        Frame(0, b"head", ended=True),
        Frame(5, Oversized(5, 200 * MEGABYTE), ended=True),
        Frame(size - 4, b"tail", ended=False),
    ]
    tracemalloc.start()
    try:
        if backwards:
            mirrored = [b"\ntail", *[b"x" * MEGABYTE] * 200, b"head\n"]
            got = list(frames_backwards(iter(mirrored), size, limit_bytes=8 * MEGABYTE))[::-1]
        else:
            got = list(frames(_long_line(200), limit_bytes=8 * MEGABYTE))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert got == expected
    assert peak < 16 * MEGABYTE
    assert LINE_LIMIT_BYTES == 64 * MEGABYTE


def test_many_short_lines_cost_no_more_memory_than_one_chunk() -> None:
    line = b"y" * 99 + b"\n"
    chunk = line * 10_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in frames(chunk for _ in range(30)))
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 300_000
    assert peak < 8 * MEGABYTE
