"""Code with its words in colour: the tokens of Pygments as spans with classes of ours.

Only languages of a list are read, and only code that is short, without large gaps: a pattern of a
language can take time that grows with the square of a text made for that, or worse, as that of Java
does, which is not on the list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from threadlog.core.text import printable
from threadlog.html.markup import Html, joined, tag

# Longer code, and code with a longer line, a larger gap, or more escapes in a row, is shown without
# colour.
LIMIT_CHARS = 8_000
LINE_CHARS = 500
_SLOW = re.compile(r"\s{150}|(?:\\.){40}")
# What a fence may say, and which language that is.
LANGUAGES = {
    **{name: name for name in ("bash", "c", "css", "diff", "go", "html", "ini", "json")},
    **{name: name for name in ("kotlin", "lua", "make", "php", "python", "ruby", "rust", "sql")},
    **{name: name for name in ("swift", "toml", "typescript", "xml", "yaml", "javascript", "cpp")},
    **dict.fromkeys(("sh", "shell", "zsh", "console"), "bash"),
    **dict.fromkeys(("py", "python3"), "python"),
    **dict.fromkeys(("js", "jsx", "mjs"), "javascript"),
    **dict.fromkeys(("ts", "tsx"), "typescript"),
    **dict.fromkeys(("c++", "cc", "hpp", "cxx"), "cpp"),
    "rs": "rust",
    "rb": "ruby",
    "yml": "yaml",
    "makefile": "make",
    "patch": "diff",
    "h": "c",
    "kt": "kotlin",
    "jsonc": "json",
    "dockerfile": "docker",
    "docker": "docker",
}
# Kinds of tokens and the class of each; of a kind that is not here, what it is a kind of counts.
_CLASSES = {
    "Token.Comment": "c",
    "Token.Comment.Preproc": "k",
    "Token.Keyword": "k",
    "Token.Keyword.Type": "t",
    "Token.Literal.String": "s",
    "Token.Literal.Number": "m",
    "Token.Operator.Word": "k",
    "Token.Name.Function": "f",
    "Token.Name.Class": "t",
    "Token.Name.Builtin": "b",
    "Token.Name.Decorator": "b",
    "Token.Name.Tag": "k",
    "Token.Name.Attribute": "f",
    "Token.Name.Variable": "b",
    "Token.Generic.Inserted": "gi",
    "Token.Generic.Deleted": "gd",
    "Token.Generic.Subheading": "k",
    "Token.Generic.Heading": "k",
}


def highlighted(code: str, language: str, take: Callable[[int], bool]) -> Html:
    """A block of code; in colour where its language is known, it is short, and *take* allows it.

    That is asked for so many characters.
    """
    known = LANGUAGES.get(language.lower())
    name = tag("span", language, class_="language") if language else None
    is_coloured = known and _is_short(code) and take(len(code))
    inner = joined(_spans(code, known)) if known and is_coloured else None
    shown = tag("code", inner if inner is not None else code)
    return tag("div", name, tag("pre", shown, tabindex=0), class_="code")


def _is_short(code: str) -> bool:
    if len(code) > LIMIT_CHARS or _SLOW.search(code):
        return False
    return all(len(line) <= LINE_CHARS for line in code.split("\n"))


def _spans(code: str, language: str) -> Iterator[Html]:
    """The pieces of code, neighbours of one class as one."""
    held: list[str] = []
    class_ = ""
    for kind, text in _lexer(language).get_tokens(printable(code)):
        its = _class_of(kind)
        if its != class_ and text.strip():
            yield _span(class_, "".join(held))
            held, class_ = [], its
        held.append(text)
    yield _span(class_, "".join(held))


def _span(class_: str, text: str) -> Html:
    return tag("span", text, class_=class_) if class_ else joined([text])


@cache
def _class_of(kind: Any) -> str:
    while kind is not None:
        if (found := _CLASSES.get(str(kind))) is not None:
            return found
        kind = kind.parent
    return ""


@cache
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name

    return get_lexer_by_name(language, stripnl=False, ensurenl=False)
