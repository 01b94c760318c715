"""Markdown as HTML: the tokens of markdown-it-py become elements, one by one.

HTML in it is text.  What would take long, or goes so deep that the parser leaves something out, is
shown as it was written; so is a link that does not lead out by http(s).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from threadlog.core.text import printable
from threadlog.html import images
from threadlog.html.code import highlighted
from threadlog.html.looks import MARKS_LIMIT, Effort, Pen
from threadlog.html.markup import Html, joined, tag
from threadlog.html.texts import link, linked, plain

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# Longer texts, texts with more marks, and deeper ones are shown as they were written.
LIMIT_CHARS = 100_000
DEPTH_LIMIT = 20
# Characters of code that are coloured in one message.
MESSAGE_COLOURED_CHARS = 16_000
_MARKS = re.compile(r"[*_`#\[\]<>!~|&\\\n]|^[ \t]*(?:[-+]|\d{1,9}[.)])[ \t\n]", re.MULTILINE)
# The line below the head of a table; each line that follows gets as many cells.
_COLUMNS = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*\|[-:| \t]*$", re.MULTILINE)
_BLOCKS = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
}
_SIDES = {f"text-align:{side}": f"to-{side}" for side in ("left", "center", "right")}
_STYLES = {"strong": "strong", "em": "em", "s": "del"}
_parser: MarkdownIt | None = None


def rendered(pen: Pen, source: str, class_: str = "prose") -> Html:
    """Markdown as blocks."""
    if (tokens := _tokens(pen, source)) is None:
        return plain(pen, source)
    return tag("div", _Writer(pen).write(tokens), class_=class_)


def typed(pen: Pen, source: str) -> Html:
    """What a person typed, whose lines end where they were ended.

    Where it gets long, or has very many marks, it is shown as it was written, and may be cut.
    """
    has_room = pen.has_room(len(source))
    if not (has_room and pen.take_marks(_marks_in(source))):
        return plain(pen, source)
    if (tokens := _tokens(pen, source)) is None:
        return plain(pen, source)
    pen.room(len(source))
    return tag("div", _Writer(pen).write(tokens), class_="prose typed")


def _tokens(pen: Pen, source: str) -> list[Token] | None:
    """What the text is made of; None if it is to be shown as it was written."""
    if len(source) > LIMIT_CHARS:
        return None
    source = printable(source)
    marks = _marks_in(source)
    if marks > MARKS_LIMIT or not (pen.look.effort is None or pen.look.effort.read(marks)):
        return None
    try:
        tokens = _parse(source)
    except RecursionError:
        return None
    return None if any(token.level >= DEPTH_LIMIT - 2 for token in tokens) else tokens


def _marks_in(source: str) -> int:
    """How many marks a text has at most, lines and the cells of tables among them."""
    marks = sum(1 for _mark in _MARKS.finditer(source))
    for head in _COLUMNS.finditer(source):
        end = source.find("\n\n", head.end())
        rows = source.count("\n", head.end(), end if end >= 0 else len(source))
        marks += rows * (head[0].count("|") + 1)
    return marks


def _parse(source: str) -> list[Token]:
    global _parser  # noqa: PLW0603 -- made once, where it is needed
    if _parser is None:
        from markdown_it import MarkdownIt

        options = {"html": False, "maxNesting": DEPTH_LIMIT}
        _parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
        _parser.disable("reference")  # nothing that was written goes unseen
        _parser.validateLink = _is_told  # type: ignore[method-assign]
    return _parser.parse(source)


def _is_told(url: str) -> bool:
    """Every link is: where it must not lead, it is words."""
    del url
    return True


class _Writer:
    """Writes tokens as elements; those that are open each have what is in them so far."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen
        self._open: list[list[Html]] = [[]]
        self._begun: list[Token] = []
        self._effort = Effort(MESSAGE_COLOURED_CHARS)

    def write(self, tokens: Iterable[Token]) -> Html:
        """All of them."""
        for token in tokens:
            name, _, way = token.type.rpartition("_")
            if way == "open":
                self._open.append([])
                self._begun.append(token)
            elif way == "close":
                self._close(name, self._begun.pop())
            elif (writer := _WRITERS.get(token.type)) is not None:
                self._put(writer(self, token))
            else:
                self._put(linked(token.content))
        while len(self._open) > 1:  # as the parser closes what it opens, there is none
            self._put(joined(self._open.pop()))
        return joined(self._open[0])

    def _put(self, piece: Html) -> None:
        self._open[-1].append(piece)

    def _close(self, name: str, token: Token) -> None:
        inner = joined(self._open.pop())
        if name == "heading":
            inner = tag(_HEADINGS.get(token.tag, "h6"), inner)
        elif name == "paragraph" and token.hidden:
            inner = joined([inner, "\n"])
        elif (element := _BLOCKS.get(name)) is not None:
            start, side = token.attrGet("start"), _SIDES.get(str(token.attrGet("style")))
            inner = tag(element, inner, start=None if start is None else str(start), class_=side)
            inner = tag("div", inner, class_="table", tabindex=0) if name == "table" else inner
        self._put(inner)

    def _inline(self, token: Token) -> Html:
        return _line(self._pen, token.children or [])

    def _code(self, token: Token) -> Html:
        language = token.info.strip().split(" ")[0].strip("{}.")[:30] if token.info else ""
        return highlighted(token.content, language, self._take)

    def _take(self, chars: int) -> bool:
        of_page = self._pen.look.effort
        return self._effort.take(chars) and (of_page is None or of_page.take(chars))

    def _rule(self, _token: Token) -> Html:
        return tag("hr")


# A heading in a message is below that of its turn.
_HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5"}
_WRITERS: dict[str, Callable[[_Writer, Any], Html]] = {
    "inline": _Writer._inline,
    "fence": _Writer._code,
    "code_block": _Writer._code,
    "hr": _Writer._rule,
}


def _line(pen: Pen, children: Sequence[Token]) -> Html:
    """What stands in a line: emphasis, code, links, images, words."""
    pieces: list[list[Html]] = [[]]
    targets: list[str] = []
    for child in children:
        kind, _, way = child.type.rpartition("_")
        if way == "open":
            pieces.append([])
            if kind == "link":
                targets.append(_target(child))
        elif way == "close" and len(pieces) > 1:
            inner = joined(pieces.pop())
            pieces[-1].append(
                link(targets.pop(), inner) if kind == "link" else _styled(kind, inner)
            )
        else:
            pieces[-1].append(_leaf(pen, child, linking=not targets))
    return joined([each for level in pieces for each in level])


def _target(token: Token) -> str:
    return str(token.attrGet("href") or "")


def _styled(kind: str, inner: Html) -> Html:
    element = _STYLES.get(kind)
    return tag(element, inner) if element else inner


def _leaf(pen: Pen, token: Token, *, linking: bool) -> Html:
    if token.type == "code_inline":
        return tag("code", token.content)
    if token.type == "image":
        src = str(token.attrGet("src") or "")
        return images.in_line(pen, src, token.content, linking=linking)
    if token.type == "softbreak":
        return joined(["\n"])
    if token.type == "hardbreak":
        return tag("br")
    return linked(token.content) if linking else joined([token.content])
