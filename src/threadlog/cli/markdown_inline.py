"""What stands in a line of Markdown: emphasis, code, links, images, as words with their colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from threadlog.cli.terminal import BOLD, CYAN, DIM
from threadlog.cli.wrapping import Span
from threadlog.core import text

if TYPE_CHECKING:
    from markdown_it.token import Token

ITALIC, UNDERLINE, STRUCK = "3", "4", "9"


def spans_of(children: Sequence[Token], codes: tuple[str, ...]) -> list[Span]:
    """The pieces of a line, each with its colours; *codes* are of all of it."""
    line = _Line(codes)
    for child in children:
        _KINDS.get(child.type, _Line.words)(line, child)
    return line.spans


class _Line:
    """The pieces so far, and the styles and links that are open."""

    def __init__(self, codes: tuple[str, ...]) -> None:
        self.spans: list[Span] = []
        self._styles = [codes]
        self._links: list[tuple[str, int]] = []

    def words(self, token: Token) -> None:
        """Words in the style that is open; whatever is unknown is words."""
        self._add(token.content)

    def code(self, token: Token) -> None:
        """Code."""
        self._add(token.content, CYAN)

    def line_feed(self, _token: Token) -> None:
        """A line ends where it was written to end."""
        self.spans.append(("\n", ()))

    def image(self, token: Token) -> None:
        """An image by its name and place; never its data."""
        where = str(token.attrGet("src") or "")
        facts = ["image", token.content, "" if where.startswith("data:") else where]
        self._add(f"[{' '.join(fact for fact in facts if fact)}]", DIM)

    def open(self, token: Token) -> None:
        """A style begins."""
        self._styles.append((*self._styles[-1], *_STYLES.get(token.type, ())))

    def close(self, _token: Token) -> None:
        """A style ends."""
        self._styles.pop()

    def open_link(self, token: Token) -> None:
        """A link begins."""
        title = token.attrGet("title")
        where = str(token.attrGet("href") or "") + (f' "{title}"' if title else "")
        self._links.append((text.printable(where), len(self.spans)))
        self.open(token)

    def close_link(self, token: Token) -> None:
        """A link ends: where it leads is told, unless that is what it says."""
        self.close(token)
        where, begun = self._links.pop()
        shown = "".join(words for words, _codes in self.spans[begun:])
        if where and where not in (shown, f"mailto:{shown}"):
            self._add(f" ({where})", DIM)

    def _add(self, words: str, *codes: str) -> None:
        self.spans.append((text.printable(words), (*self._styles[-1], *codes)))


_STYLES = {
    "strong_open": (BOLD,),
    "em_open": (ITALIC,),
    "s_open": (STRUCK,),
    "link_open": (UNDERLINE,),
}
_KINDS: dict[str, Callable[[_Line, Any], None]] = {
    "code_inline": _Line.code,
    "softbreak": _Line.line_feed,
    "hardbreak": _Line.line_feed,
    "image": _Line.image,
    "link_open": _Line.open_link,
    "link_close": _Line.close_link,
    **dict.fromkeys(("strong_open", "em_open", "s_open"), _Line.open),
    **dict.fromkeys(("strong_close", "em_close", "s_close"), _Line.close),
}
