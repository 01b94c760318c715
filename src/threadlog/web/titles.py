"""The outline of a thread: how its turns begin, so many of them at a time."""

from __future__ import annotations

from threadlog import paging
from threadlog.core.items.turn import UserMessage
from threadlog.core.text import fit, one_line
from threadlog.core.turn import Turn
from threadlog.html.markup import Html, joined, tag
from threadlog.web.places import Place
from threadlog.web.stretches import LARGE_BYTES, PAGE, Stretch, ThreadTurns

# The user's message is among the first items of a turn; what follows them is not kept.
BEGINNING = 20
# Turns of a piece of it, where those of the thread are not long; what is read and shown of each.
OUTLINED, READ_CHARS, TITLE_CHARS = 40, 500, 120


def titles(turns: ThreadTurns, place: Place, *, older: bool) -> Stretch:
    """How the turns before a place begin, or those after it; raises BadCursor.

    Of the two sides the stretch tells that which was asked for.
    """
    turns.reader.kept = range(BEGINNING)
    limit = PAGE if turns.thread.size_bytes > LARGE_BYTES else OUTLINED
    read = paging.older if older else paging.newer
    page = read(turns.reader, place.anchor._replace(include=False), limit)
    entries = [
        _entry(turns, turn, Place(_number(place, -on if older else on), anchor))
        for on, (turn, anchor) in enumerate(zip(page.turns, page.anchors, strict=True), 1)
    ]
    more = page.next is not None
    return Stretch(joined(entries[::-1] if older else entries), more, more)


def _number(place: Place, step: int) -> int | None:
    return place.number + step if place.number and place.number + step > 0 else None


def _entry(turns: ThreadTurns, turn: Turn, place: Place) -> Html:
    url = turns.look(place).turn_url
    number = tag("span", str(place.number)) if place.number else None
    link = tag("a", number, " ", _begins(turn), href=url(turn.id) if url else None)
    return tag("li", link, data_at=place.text())


def _begins(turn: Turn) -> str:
    asked = next((item for item in turn.items if isinstance(item, UserMessage)), None)
    said = " ".join(part.text[:READ_CHARS] for part in asked.content if part.text) if asked else ""
    return fit(one_line(said[:READ_CHARS]), TITLE_CHARS) or "Turn"
