"""HTML, escaped by construction: text becomes HTML here, and nowhere else.

`Html` is made by the functions of this module alone.  Every other `str` is text, and escaped where
it becomes a part of HTML.  Elements, attributes and where they may lead are those named here: what
is not among them cannot be made, whatever a thread says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from threadlog.core.text import printable

Value = str | int | bool | None
VOID = frozenset(["br", "hr", "img", "input", "link", "meta"])
_BLOCKS = "article aside blockquote body dd details dialog div dl dt fieldset figure footer form"
_MORE_BLOCKS = "h1 h2 h3 h4 h5 h6 head header html legend li main nav ol p pre section ul summary"
_IN_LINES = "a button code del em label mark option select small span strong time title"
_TABLES = "table tbody td th thead tr"
_EMPTY = frozenset(["script", "style"])  # they name where a program or a style lies, no more
ELEMENTS = VOID | _EMPTY
ELEMENTS |= frozenset(f"{_BLOCKS} {_MORE_BLOCKS} {_IN_LINES} {_TABLES}".split())
_OF_FORMS = "disabled for maxlength method name placeholder selected spellcheck type value"
_OF_PAGES = (
    "charset class content dir hidden href http-equiv id lang rel role src tabindex target title"
)
_OF_OTHERS = "alt datetime decoding loading open scope start"
ATTRIBUTES = frozenset(f"{_OF_FORMS} {_OF_PAGES} {_OF_OTHERS} autocomplete".split())
_OWN = re.compile(r"(?:aria|data)-[a-z]+(?:-[a-z]+)*")
_OUTWARD = re.compile(r"https?://[^\s\x00-\x20\"'<>\\^`{|}\x7f-\xa0]+", re.IGNORECASE)
_WITHIN = re.compile(r"(?:/(?![/\\])|#)[!#$%&'()*+,./0-9:;=?@A-Z_a-z~\[\]-]*")
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,")
_SAFE = {
    "href": lambda url: bool(_OUTWARD.fullmatch(url) or _WITHIN.fullmatch(url)),
    "action": lambda url: bool(_WITHIN.fullmatch(url)),
    "src": lambda url: bool(_IMAGE.match(url) or _WITHIN.fullmatch(url)),
}


class Html(str):
    """A piece of HTML, whole in itself."""

    __slots__ = ()


NOTHING = Html("")


def words(text: str) -> Html:
    """Text as HTML; characters that steer what is shown are made visible."""
    return text if isinstance(text, Html) else Html(escape(printable(text)))


def tag(name: str, /, *children: str | None, **attributes: Value) -> Html:
    """An element: its children, `Html` or text, and its attributes, `class_` and `data_turn`.

    An attribute that is None or False is left out, as is one that leads where it must not.  Raises
    ValueError for elements and attributes that there are not.
    """
    if name not in ELEMENTS or (name in _EMPTY and children):
        raise ValueError(f"no element <{name}> is made, or not with that in it")
    opened = "".join([f"<{name}", *map(_attribute, attributes, attributes.values()), ">"])
    if name in VOID:
        return Html(opened)
    inner = "".join(words(each) for each in children if each)
    return Html(f"{opened}{inner}</{name}>")


def joined(pieces: Iterable[str | None], between: str = "") -> Html:
    """Pieces one behind the other; text among them is escaped."""
    return Html(words(between).join(words(each) for each in pieces if each))


def document(head: Iterable[Html], body: Html, /, **attributes: Value) -> Html:
    """A whole page."""
    return Html("<!doctype html>\n" + tag("html", tag("head", *head), body, **attributes))


def halves(page: Html, mark: str) -> tuple[Html, Html]:
    """A page as it is before the last *mark* in it, and behind: what comes between is written."""
    before, _mark, after = page.rpartition(mark)
    return Html(before), Html(after)


def style(css: str) -> Html:
    """A stylesheet of ours as an element; raises ValueError for what would end it early."""
    if "<" in css:
        raise ValueError("a stylesheet has no < in it")
    return Html(f"<style>{css}</style>")


def outward(url: str) -> str | None:
    """*url* if it leads out by http(s), as a link of a thread may; else None."""
    return url if _OUTWARD.fullmatch(url) else None


def _attribute(key: str, value: Value) -> str:
    name = key.rstrip("_").replace("_", "-")
    if name not in ATTRIBUTES and not _OWN.fullmatch(name):
        raise ValueError(f"no attribute {name!r} is made")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    text = str(value)
    if (is_safe := _SAFE.get(name)) is not None and not is_safe(text):
        return ""
    return f' {name}="{escape(printable(text))}"'
