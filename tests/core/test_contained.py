"""Words that are Markdown stay in their place, whatever is in them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from threadlog.core.contained import contained

READER = MarkdownIt("commonmark", {"html": True}).enable("table")
PIECES = ["`", "``", "```", "~~~", "<script>", "</details>", "<!--", "![](https://evil/x)", "![",
          "]", "\\", " ", "  ", "    ", "\n", "\n\n", "- ", "> ", "1. ", "# ", "|", "|-|-|", "a",
          "<b", "<https://a/b>", "<https://a`>", "\t", "[a]: ", "[", "]: b", "!"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
@example("`\n# <script>`")
@example("- a\n\n  ```\n```\nx\n```\n<script>")
@example("a | b\n-|-\n` | <script> `")
@example("\\` <script> `")
@example("a ` b\n` <script> `")
@example("[a\nb]: c")
@example("- > [a]: b")
def test_no_words_make_html_or_an_image_or_swallow_what_follows(text: str) -> None:
    named: dict[str, Any] = {}
    tokens = READER.parse(f"{contained(text)}\n\nWhat follows", named)
    assert named.get("references", {}) == {}
    inner = [child for token in tokens for child in token.children or []]
    assert [t.content for t in [*tokens, *inner] if t.type in HOSTILE] == []
    assert [t.content for t in tokens if t.type == "inline"][-1] == "What follows"


HOSTILE = ("html_block", "html_inline", "image")


@pytest.mark.parametrize(
    "text",
    [
        "a `Vec<T>` and <https://a/b>",
        "```html\n<script>\n```\nso",
        "a\n\n~~~\n![x](y)\n~~~",
        "`a` ``b`<c>`` \\<d",
        "[link](https://a) **b** > 1 & 2 !",
        "- [ ] todo\n- [x] done\n[a][b] [c]",
    ],
)
def test_code_keeps_its_letters(text: str) -> None:
    assert contained(text) == text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("<details>", "&lt;details>"),
        ("![a](https://evil)", "&#33;[a](https://evil)"),
        ("```\n<x>", "```\n<x>\n```"),
        ("  ```\n  <x>", "  ```\n  &lt;x>\n  ```"),
        ("  ```\n<x>", "  ```\n  ```\n&lt;x>"),
    ],
)
def test_what_would_leave_its_place_is_shown(text: str, made: str) -> None:
    assert contained(text) == made


def test_long_words_take_no_long_time() -> None:
    text = "".join("`" * n + " <" for n in range(400)) + "\\" * 100_000 + "![" * 100_000
    assert not re.search(r"<|!\[", contained(text))
