"""Where what was looked for stands in a text, and the excerpt around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.core import matching
from threadlog.core.search import (
    Phrase,
    SearchQuery,
    cursor_text,
    read_cursor,
    read_query,
)
from threadlog.errors import BadQuery


def spans(text: str, query: str) -> list[str] | None:
    found = matching.find(text, SearchQuery(phrases=read_query(query).phrases))
    return None if found is None else [text[start:end] for start, end in found]


def exact(text: str, needle: str) -> list[str] | None:
    found = matching.find(text, SearchQuery(needle=needle))
    return None if found is None else [text[start:end] for start, end in found]


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("the Tide keeps the tides", "tide", ["Tide"]),
        ("the Tide keeps the tides", "tid*", ["Tide", "tides"]),
        ("no such file, no such_file", '"such file"', ["such file", "such_file"]),
        ("no such file", '"no file"', None),
        ("no such file", "file no", ["no", "file"]),
        ("no such file", "file yes", None),
        ("core/text.py", "text.py", ["text.py"]),
        ("a naïve café", "naive CAFÉ", ["naïve", "café"]),
        ("Straße", "strasse", ["Straße"]),
        ("日本語テキスト", "本語", ["本語"]),
        ("parseTree(x)", "tree", ["Tree"]),
        ("parseTree(x)", "tre*", ["Tre"]),
        ("the tree of parseTree", "tree", ["tree"]),
        ("parsetree", "tree", None),
        ("e\u0301tude etude", "etude", ["e\u0301tude", "etude"]),
    ],
)
def test_words_are_found(text: str, query: str, found: list[str] | None) -> None:
    assert spans(text, query) == found


@pytest.mark.parametrize(
    ("text", "needle", "found"),
    [
        ("foo(Bar) => {", "bar) =>", ["Bar) =>"]),
        ("aaaa", "aa", ["aa", "aa"]),
        ("Straße und STRASSE", "strasse", ["Straße", "STRASSE"]),
        ("ﬁne", "fi", ["ﬁ"]),
        ("x\ny", "X\nY", ["x\ny"]),
        ("abc", "abd", None),
    ],
)
def test_a_text_as_it_stands_is_found(text: str, needle: str, found: list[str] | None) -> None:
    assert exact(text, needle) == found


@given(st.text(max_size=3000), st.integers(0, 3000), st.integers(1, 40))
def test_every_piece_of_a_text_is_found_where_it_stands(text: str, start: int, size: int) -> None:
    needle = text[start : start + size]
    if needle.casefold():
        found = exact(text, needle)
        assert found
        assert all(needle.casefold() in each.casefold() for each in found)
    else:
        assert not needle


@given(st.text(max_size=400), st.integers(0, 400), st.integers(1, 300))
def test_an_excerpt_is_one_line_with_its_marks_in_order(text: str, start: int, size: int) -> None:
    end = min(start + size, len(text))
    if start >= end:
        return
    shown = matching.excerpt(text, [(start, end)])
    assert "\n" not in shown.text
    assert len(shown.text) <= 60 + 360 + 6
    for first, last in shown.marks:
        assert 0 <= first < last <= len(shown.text)
        assert " ".join(text[start:end].split())[:5].split() == shown.text[first:last][
            :5
        ].split() or (text[start:end].isspace() or text[start].isspace())


def test_an_excerpt_begins_with_a_word() -> None:
    text = "word " * 40 + "here it is " + "more " * 80
    shown = matching.excerpt(text, [(200, 204)])
    assert shown.text.startswith("… word word")
    assert shown.text.endswith(" …")
    assert [shown.text[a:b] for a, b in shown.marks] == ["here"]


@pytest.mark.parametrize(
    ("query", "phrases", "fields"),
    [
        ("a b", [("a",), ("b",)], {}),
        ('"a b" c*', [("a", "b"), ("c*",)], {}),
        ('"a b"*', [("a", "b*")], {}),
        ("a.b", [("a", "b")], {}),
        ("role:user x", [("x",)], {"role": ("user",)}),
        (
            'cwd:"/a b" role:user role:agent x',
            [("x",)],
            {"cwd": ("/a b",), "role": ("user", "agent")},
        ),
        ("http://x", [("http", "x")], {}),
        ("foo:bar", [("foo", "bar")], {}),
        ('"unfinished', [("unfinished",)], {}),
        ("=> x", [("x",)], {}),
    ],
)
def test_queries_are_read(
    query: str, phrases: list[tuple[str, ...]], fields: dict[str, tuple[str, ...]]
) -> None:
    told = read_query(query)
    assert told.fields == fields
    wanted = []
    for each in phrases:
        prefix = each[-1].endswith("*")
        wanted.append(Phrase((*each[:-1], each[-1].removesuffix("*")), prefix))
    assert list(told.phrases) == wanted


@pytest.mark.parametrize(
    "query", ["", " ", "=>", "role:user", "role:", '""', "*", "after:7d before:"]
)
def test_what_nothing_can_be_searched_by_is_refused(query: str) -> None:
    with pytest.raises(BadQuery):
        read_query(query)


@given(st.tuples(st.integers(0), st.text(), st.text(), st.integers(0), st.integers(0)))
def test_a_cursor_is_read_as_it_was_written(place: tuple[int, str, str, int, int]) -> None:
    assert read_cursor(cursor_text(place)) == place


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "[1,2,3,4,5]", '[1,"a","b",2]', "null", "[" * 9999]
)
def test_what_is_no_cursor_is_none(text: str) -> None:
    assert read_cursor(text) is None
