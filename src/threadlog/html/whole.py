"""A page that holds whole threads and opens by itself: its beginning, its threads, its end.

Written piece by piece, so that no thread is too long for it.  It loads nothing and runs nothing:
its policy allows its own stylesheet, and images that stand in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from threadlog.html.looks import Look
from threadlog.html.markup import Html, document, halves, joined, style, tag
from threadlog.html.styles import page_stylesheet

# Whole texts, images in the page, no other place to lead to.
LOOK = Look(folded=True, whole=True, inline=True)
# Stands for what comes between two halves.
HERE = "⁂"


class Listed(NamedTuple):
    """A thread in the outline: its title, and the anchors of its turns with how they begin.

    `step` is 1 where all turns are there, n where every nth is.
    """

    title: str
    anchor: str
    turns: Iterable[tuple[str, int, str]]
    step: int


def beginning_and_end(title: str, threads: Iterable[Listed], policy: str) -> tuple[Html, Html]:
    """What stands before the threads, and what behind them; *policy* is the page's own (CSP)."""
    head = (
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        style(page_stylesheet()),
    )
    skip = tag("a", "To the first turn", href="#threads", class_="skip")
    body = tag(
        "body", skip, tag("div", _outline(threads), tag("main", HERE, id="threads"), class_="whole")
    )
    return halves(document(head, body, lang="en"), HERE)


def _outline(threads: Iterable[Listed]) -> Html:
    listed = [
        joined(
            [
                tag("h2", tag("a", each.title, href=f"#{each.anchor}")),
                tag("ol", *(_entry(*turn) for turn in each.turns)),
                tag("p", f"Every {each.step}th turn is listed.", class_="note")
                if each.step > 1
                else None,
            ]
        )
        for each in threads
    ]
    shown = tag("details", tag("summary", "Turns"), *listed, open=True)
    return tag("nav", shown, class_="outline", aria_label="Turns")


def _entry(anchor: str, number: int, said: str) -> Html:
    return tag("li", tag("a", tag("small", str(number)), said or "(no message)", href=f"#{anchor}"))
