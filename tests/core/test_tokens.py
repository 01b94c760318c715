"""Words out of texts, a character at a time."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from threadlog.core import tokens


@pytest.mark.parametrize(
    ("text", "words", "parts"),
    [
        ("Why does it fail?", ["why", "does", "it", "fail"], []),
        (
            "snake_case core/text.py v0.169",
            ["snake", "case", "core", "text", "py", "v0", "169"],
            [],
        ),
        ("getUserId", ["getuserid"], ["get", "user", "id"]),
        ("HTTPServer", ["httpserver"], ["http", "server"]),
        ("SQLite3Db GitHub", ["sqlite3db", "github"], ["sq", "lite", "3", "db", "git", "hub"]),
        ("utf8Decoder", ["utf8decoder"], ["utf", "8", "decoder"]),
        ("ABC def Ghi x86", ["abc", "def", "ghi", "x86"], []),
        ("Größe naïve cafe\u0301 ΟΔΟΣ", ["grosse", "naive", "cafe", "οδοσ"], []),
        ("日本語abc한글 ไทย", ["日", "本", "語", "abc", "한", "글", "ไ", "ท", "ย"], []),
        ("“quoted” — no…space\u00a0here", ["quoted", "no", "space", "here"], []),
        ("zero\u200bwidth so\u00adft", ["zerowidth", "soft"], []),
        ("\x00\x1b[31m🎉", ["31m"], []),
        ("", [], []),
    ],
)
def test_words_and_parts(text: str, words: list[str], parts: list[str]) -> None:
    assert tokens.words(text) == words
    assert tokens.parts(text) == parts


@given(st.lists(st.text(max_size=6), max_size=5))
def test_the_words_of_a_piece_are_pieces_of_the_words(pieces: list[str]) -> None:
    assert tokens.plain("".join(pieces)) == "".join(map(tokens.plain, pieces))


@given(st.text(max_size=60))
@example("㋀")
def test_a_plain_text_is_plain_and_what_parts_words_is_ascii(text: str) -> None:
    plain = tokens.plain(text)
    assert tokens.plain(plain).split() == plain.split()
    assert all(each.isascii() or tokens.is_of_word(each) for each in plain)


def test_longer_names_have_no_parts_and_none_has_too_many() -> None:
    assert tokens.parts("aB" * 40) == []
    assert len(tokens.parts("aB" * 20)) == 8
