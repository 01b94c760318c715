"""Words as they stand: with the links in them, cut where they get long, or folded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from threadlog.core.text import count_text, printable
from threadlog.html.looks import SEVERAL, Pen
from threadlog.html.markup import NOTHING, Html, joined, outward, tag

_Thing = TypeVar("_Thing")
_URL = re.compile(r"https?://[^\s<>\"'`\\^{|}\x00-\x20\x7f-\xa0]{1,2000}")
_AFTER = ".,;:!?)]*_"  # a sentence ends with it, no address


def link(url: str, *shown: str) -> Html:
    """A link out of the page, by http(s) only; else what is shown, and where it would lead."""
    if (target := outward(url)) is None:
        where = f" ({url})" if url and "".join(shown) != url else ""
        return joined([*shown, where])
    rel = "noopener noreferrer nofollow"
    return tag("a", *shown, href=target, rel=rel, target="_blank")


def linked(text: str) -> Html:
    """Words with the addresses in them as links."""
    return joined(_linked(printable(text)))


def _linked(text: str) -> Iterator[str]:
    at = 0
    for found in _URL.finditer(text):
        url = _without_end(found[0])
        if outward(url):
            yield text[at : found.start()]
            yield link(url, url)
            at = found.start() + len(url)
    yield text[at:]


def _without_end(url: str) -> str:
    """An address without what ends the sentence; a bracket that it opens itself belongs to it."""
    kept = url.rstrip(_AFTER)
    if url[len(kept) :].startswith(")") and kept.count("(") > kept.count(")"):
        kept += ")"
    return kept


def plain(pen: Pen, text: str, class_: str = "words") -> Html:
    """Words of a person as they were written, line by line."""
    shown, rest = _cut(pen, text)
    return tag("div", linked(shown), rest, class_=class_) if text.strip() else NOTHING


def preformatted(pen: Pen, text: str, class_: str = "output") -> Html:
    """What a program said."""
    shown, rest = _cut(pen, text.strip("\n"))
    return joined([tag("pre", shown, class_=class_, tabindex=0), rest]) if text.strip() else NOTHING


def _cut(pen: Pen, text: str) -> tuple[str, Html]:
    """The text, or its beginning and what tells of the rest."""
    room = pen.room(len(text))
    return (text, NOTHING) if room == len(text) else (text[:room], rest_of(pen, text))


def several(
    pen: Pen, things: Iterable[_Thing], words_of: Callable[[_Thing], str]
) -> tuple[list[_Thing], Html]:
    """The first things of an item, and a link to the words of all where there are more."""
    listed = list(things)
    if pen.look.whole or len(listed) <= SEVERAL:
        return listed, NOTHING
    where = pen.part("\n".join(map(words_of, listed)))
    said = f"{len(listed) - SEVERAL} more"
    told = tag("a", f"show all, {said}", href=where, target="_blank") if where else said
    return listed[:SEVERAL], tag("p", "… ", told, class_="more")


def line_of(pen: Pen, text: str) -> Html:
    """A text of a list: where it gets long, its beginning and where the whole is."""
    shown, rest = _cut(pen, text)
    return joined([shown, rest])


def rest_of(pen: Pen, text: str) -> Html:
    """What is said where a text is cut."""
    where = pen.part(text)
    said = f"{count_text(len(text))} characters"
    if where is None:
        return tag("p", f"… cut here, of {said}", class_="more")
    return tag("p", "… ", tag("a", f"show all {said}", href=where, target="_blank"), class_="more")


def folded(pen: Pen, summary: Html, *inner: Html, class_: str, open_: bool = False) -> Html:
    """Something below a line that opens and closes it; the line alone if there is nothing."""
    if not any(inner):
        return tag("div", tag("div", summary, class_="line"), class_=class_)
    body = tag("div", *inner, class_="inner")
    is_open = open_ or not pen.look.folded
    return tag("details", tag("summary", summary), body, class_=class_, open=is_open)
