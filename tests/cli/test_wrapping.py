"""Words on lines of a terminal: no line too wide, nothing lost, at the cost of what is shown."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.cli.sheet import FOLDED_CHARS, Sheet
from threadlog.cli.terminal import Style
from threadlog.cli.wrapping import wrapped
from threadlog.core import text

WORDS = st.text(st.sampled_from("ab é中文字\u0301\u200b \t\n"), max_size=40)
TERMINAL = Style(columns=80, colour=True)


@given(st.lists(WORDS, max_size=3), st.integers(2, 12))
def test_lines_are_no_wider_than_asked_and_lose_nothing_but_spaces(
    words: list[str], columns: int
) -> None:
    lines = ["".join(piece for piece, _codes in line) for line in wrapped(_spans(words), columns)]
    whole = "".join(words)
    assert "".join("".join(lines).split()) == "".join(whole.split())
    for line in lines:
        assert text.width(line.rstrip(" \t")) <= columns


@given(st.text(st.sampled_from("中文字"), min_size=1, max_size=30), st.integers(2, 12))
def test_lines_of_wide_characters_are_full(words: str, columns: int) -> None:
    *full, last = ["".join(piece for piece, _ in line) for line in wrapped([(words, ())], columns)]
    assert {len(line) for line in full} <= {columns // 2}
    assert 0 < len(last) <= columns // 2


def _spans(words: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each, (str(number % 2),)) for number, each in enumerate(words)]


@given(st.text(st.sampled_from("ab中é\u0301"), max_size=12), st.integers(0, 14))
def test_what_is_cut_fits_and_as_much_is_left_as_does(words: str, columns: int) -> None:
    shown = text.fit(words, columns)
    assert text.width(shown) <= columns
    if text.width(words) <= columns:
        assert shown == words
    elif columns:
        left = shown.removesuffix(text.ELLIPSIS)
        assert words.startswith(left)
        assert text.width(words[: len(left) + 1]) > columns - 1


LONG = "中文字é" * 100_000


@pytest.mark.parametrize(
    "show",
    [
        lambda: text.fit(LONG, 80),
        lambda: text.fit_end(LONG, 80),
        lambda: Sheet(io.StringIO(), TERMINAL).output(LONG),
        lambda: Sheet(io.StringIO(), Style(columns=0, colour=False)).output(LONG),
    ],
    ids=["cut", "cut at its beginning", "folded", "folded in a pipe"],
)
def test_of_a_long_line_no_more_is_looked_at_than_is_shown(show: Callable[[], object]) -> None:
    before = text._char_width.cache_info()
    show()
    after = text._char_width.cache_info()
    assert sum(after[:2]) - sum(before[:2]) <= 2 * FOLDED_CHARS


@pytest.mark.parametrize("words", [LONG, "中文 é字" * 80_000], ids=["one word", "many"])
def test_a_long_line_is_broken_in_a_few_times_its_length(words: str) -> None:
    tracemalloc.start()
    lines = wrapped([(words, ())], 80)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(lines) > 1000
    assert peak < 20 * len(words)
