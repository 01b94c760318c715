"""Markdown on a terminal: each construct as lines, nothing left out, in bounded time."""

from __future__ import annotations

import re
import time

import pytest

from threadlog.cli import markdown
from threadlog.cli.markdown import Page, rendered
from threadlog.cli.terminal import Style

SGR = re.compile(r"\x1b\[[0-9;]*m")


def lines(source: str, columns: int = 40, prose: int = 0) -> list[str]:
    """The lines, without colours."""
    found = rendered(source, Page(Style(columns, colour=True), columns, prose or columns))
    assert found is not None
    return [SGR.sub("", line) for line in found]


def coloured(source: str) -> str:
    """The same on one line, with their colours."""
    found = rendered(source, Page(Style(80, colour=True), 80, 80))
    assert found is not None
    return "\n".join(found)


TABLE = {
    "heading": ("# One\ntext", ["One", "", "text"]),
    "underlined heading": ("One\n===\ntext", ["One", "", "text"]),
    "emphasis": ("a **b** *c* `d` ~~e~~", ["a b c d e"]),
    "wrapped": ("*aaa* bbbb cccc dddd", ["aaa bbbb cccc", "dddd"]),
    "line feeds stay": ("*a*\nb", ["a", "b"]),
    "tight list": ("- a\n- b\n  - c\n- d", ["• a", "• b", "  • c", "• d"]),
    "loose list": ("- a\n\n- b", ["• a", "", "• b"]),
    "numbers as written": ("7. a\n9. b", ["7. a", "9. b"]),
    "wrapped item": ("- aaaa bbbb cccc dd", ["• aaaa bbbb cccc", "  dd"]),
    "empty item": ("-\n- b", ["•", "• b"]),
    "quote": ("> a\n> > b", ["│ a", "│", "│ │ b"]),
    "list in a quote": ("> - a\n> - b", ["│ • a", "│ • b"]),
    "code": (
        "x\n```py\nif a:\n  very long line of code\n```",
        ["x", "", "  py", "  if a:", "    very long line of code"],
    ),
    "code in an item": ("1. a\n   ```\n   b\n   ```", ["1. a", "", "     b"]),
    "indented code": ("*a*:\n\n    b", ["a:", "", "  b"]),
    "link": ("[ab](http://b/c/d)", ["ab", "(http://b/c/d)"]),
    "bare link": ("<http://b>", ["http://b"]),
    "image": ("![a](http://b)", ["[image a", "http://b]"]),
    "image in the text": ("![a](data:x;base64,AAAA)", ["[image a]"]),
    "rule": ("a\n\n---\n\nb", ["a", "", "────────────────", "", "b"]),
    "no HTML": ("<b>x</b> *y*", ["<b>x</b> y"]),
    "reference": ("[a]: http://b/c/d", ["[a]:", "http://b/c/d"]),
    "stars that are none": ("2 * 3 * 4", ["2 * 3 * 4"]),
    "escapes": (r"\*a\*", ["*a*"]),
    "entities": ("&lt;&amp;", ["<&"]),
    "wide letters": ("*日本語日本語日本語*", ["日本語日本語日本", "語"]),
}


@pytest.mark.parametrize(("source", "expected"), TABLE.values(), ids=TABLE)
def test_each_construct_becomes_lines(source: str, expected: list[str]) -> None:
    assert [line.rstrip() for line in lines(source, columns=30, prose=16)] == expected


def test_emphasis_links_and_code_have_their_styles() -> None:
    assert coloured("**a** *b* `c`") == "\x1b[1ma\x1b[0m \x1b[3mb\x1b[0m \x1b[36mc\x1b[0m"
    assert coloured("# a") == "\x1b[1;4ma\x1b[0m"
    assert coloured("**a *b***") == "\x1b[1ma \x1b[0m\x1b[1;3mb\x1b[0m"


def test_a_table_takes_the_whole_width_and_its_cells_are_wrapped() -> None:
    source = "| a | b |\n|---|---|\n| 1 | one two three |\n| 日本 | x |\n"
    assert lines(source, columns=40) == [
        "a    │ b",
        "─────┼──────────────",
        "1    │ one two three",
        "日本 │ x",
    ]
    assert [line.rstrip() for line in lines(source, columns=16)][2:4] == [
        "1    │ one two",
        "     │ three",
    ]


def test_a_table_of_too_many_columns_is_shown_as_it_was_written() -> None:
    row = "|" + "a|" * 20
    source = f"{row}\n{'|' + '-|' * 20}\n{row}\n"
    assert lines(source, columns=40) == source.strip().split("\n")


def test_what_holds_no_markup_is_left_to_whoever_writes_prose() -> None:
    assert rendered("plain words,\nnothing else", Page(Style(80, colour=True), 80, 80)) is None


PATHOLOGICAL = [
    "*a_ ", "*", "_ ", "[", "![", "[a](", "> ", "- ", "`a``b", "&amp;", "<a", "|", "|a|b|\n",
    "[a]: b\n", "**a **b", "\\", "[a](b(", "- a\n", "1. a\n", "~~a ", "<!--", "\n", "   \n", "=\n",
    "-\n", "- > - ", "+ x\n\n", "\t", "日", "e\u0301", "x" * 99 + "*y*",
]  # fmt: skip


@pytest.mark.parametrize("piece", PATHOLOGICAL)
def test_pathological_markdown_takes_bounded_time(piece: str) -> None:
    page = Page(Style(80, colour=True), 78, 78)
    rendered("*a*", page)  # the library is loaded
    whole = piece * (markdown.LIMIT_CHARS // len(piece))
    marks = [match.start() for match in markdown._MARKS.finditer(whole)]
    cut = whole[: marks[markdown.MARKS_LIMIT - 1]] if len(marks) >= markdown.MARKS_LIMIT else whole
    begun = time.process_time()
    rendered(cut, page)
    rendered(whole, page)
    rendered(whole + whole + "*", page)
    assert time.process_time() - begun < 5


def test_what_is_too_deep_too_long_or_too_marked_is_shown_as_it_was_written() -> None:
    page = Page(Style(80, colour=True), 78, 78)
    assert rendered("\n".join("  " * depth + "- x" for depth in range(30)), page) is None
    assert rendered("> " * 30 + "x", page) is None
    assert rendered("*a* " * markdown.MARKS_LIMIT, page) is None
    assert rendered("*a* " + "x" * markdown.LIMIT_CHARS, page) is None
    assert rendered("> " * 5 + "x", page) is not None
