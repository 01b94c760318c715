"""A turn: the line it begins with, its items, its error; and what stands between turns."""

from __future__ import annotations

from threadlog.core.export import RolledBack
from threadlog.core.items import turn as ti
from threadlog.core.live import is_complete
from threadlog.core.turn import ROLLED_BACK, Turn
from threadlog.html import facts
from threadlog.html.items import item as item_of
from threadlog.html.items import note
from threadlog.html.looks import ITEMS, PAGE_CHARS, Look, Part, Pen
from threadlog.html.markup import NOTHING, Html, joined, tag
from threadlog.html.texts import plain
from threadlog.telling import Joint

_UNNUMBERED = "Turn"


def turn(turn: Turn, look: Look, number: int | None = None, **marks: str | None) -> Html:
    """A turn as an article.

    *number* is its place in the thread, counted from 1; *marks* are put on it as attributes
    `data-...`.
    """
    place = anchor(look, number)
    return tag(
        "article",
        head(turn, look, number),
        tag("div", _shown(turn, look), error(turn, look), class_="items"),
        class_="turn rolled-back" if turn.status == ROLLED_BACK else "turn",
        id=place,
        data_turn=turn.id,
        data_number=number,
        data_items=len(turn.items),
        data_status=turn.status,
        aria_labelledby=place and f"{place}-head",
        aria_label=None if place else _UNNUMBERED,
        tabindex=-1,
        **{f"data_{name}": value for name, value in marks.items()},
    )


def _shown(turn: Turn, look: Look) -> Html:
    """The items of a turn; of very many the first, which it began with, and those that count."""
    count = len(turn.items)
    if look.whole:
        return joined(_item(turn, look, at) for at in range(count))
    window = _window(count, look.about)
    first, end, shown = stretch(
        turn, look, window, window[1] - 1 if look.about is None else look.about
    )
    return joined(
        [
            _item(turn, look, 0) if first else NOTHING,
            earlier(turn.id, first, look),
            shown,
            later(turn.id, end, count, look),
        ]
    )


def stretch(turn: Turn, look: Look, window: tuple[int, int], at: int) -> tuple[int, int, Html]:
    """Items of a turn as far as they make no page too large, from which number to which.

    Those of a *window* from item *at* on, then those before it.
    """
    first, end = window
    start = max(min(at, end - 1), first)
    told: dict[int, Html] = {}
    chars = 0
    for number in (*range(start, end), *range(start - 1, first - 1, -1)):
        chars += len(shown := _item(turn, look, number))
        if told and chars > PAGE_CHARS:
            break
        told[number] = shown
    numbers = sorted(told)
    if not numbers:
        return first, first, NOTHING
    return numbers[0], numbers[-1] + 1, joined(told[number] for number in numbers)


def _window(count: int, about: int | None) -> tuple[int, int]:
    """Of so many items, from which to which are shown: those about one, or the last ones."""
    last = max(count - ITEMS, 0)
    first = last if about is None else max(min(about - ITEMS // 2, last), 0)
    return first, min(first + ITEMS, count)


def anchor(look: Look, number: int | None) -> str | None:
    """The id of a turn's element, by its number; none where that is not known.

    What a thread says is never in an id, as it could be made to be that of another element.
    """
    return f"{look.prefix}turn-{number}" if number else None


def head(turn: Turn, look: Look, number: int | None = None) -> Html:
    """The line that a turn begins with."""
    name = f"Turn {number}" if number else _UNNUMBERED
    url = look.turn_url(turn.id) if look.turn_url else None
    named = tag("a", name, href=url, class_="permalink") if url else name
    place = anchor(look, number)
    titled = tag("h2", named, id=place and f"{place}-head", title=turn.id)
    return tag("header", titled, facts.of_turn(turn, look), class_="turn-head")


def _item(turn: Turn, look: Look, number: int) -> Html:
    """An item of a turn by its number, counted from 0; the one that is looked for can be found."""
    shown = item(turn.id, turn.items[number], look, number)
    is_found = shown and number == look.about
    return tag("div", shown, class_="found", tabindex=-1) if is_found else shown


def item(turn_id: str, item: ti.AnyTurnItem, look: Look, number: int = 0) -> Html:
    """One item, number so-and-so of its turn, counted from 0."""
    shown = item_of(Pen(look, turn_id, number), item)
    if is_complete(item) or not look.awaited:
        return shown
    runs = tag("span", "running", class_="fact runs")
    return tag("div", shown, runs, class_="awaited", data_item=item.id)


def part(turn: Turn, name: str) -> Part | None:
    """A part of a turn by its name, whole; None if there is none."""
    number, _, own = name.partition(".")
    if not (number.isascii() and number.isdigit() and own.isascii() and own.isdigit()):
        return None
    if len(number) > 9 or int(number) >= len(turn.items):
        return None
    pen = Pen(Look(part_url=lambda _turn, _name: "/"), turn.id, int(number), name)
    item_of(pen, turn.items[int(number)])
    return pen.kept


def error(turn: Turn, look: Look) -> Html:
    """What a turn failed with."""
    error = turn.error if isinstance(turn.error, dict) else {}
    said = str(error.get("message") or "")
    if not said.strip():
        return NOTHING
    words = plain(Pen(look, turn.id, len(turn.items)), said)
    return tag("div", tag("div", "Error", class_="who"), words, class_="item error", role="alert")


def joint(joint: Joint, look: Look) -> Html:
    """Where the thread goes on in another rollout."""
    if joint.reverted:
        return remark("turns that came here were reverted")
    other = joint.thread_id
    url = look.thread_url(other) if look.thread_url and other else None
    named = tag("a", other, href=url) if url else (other or "another thread")
    return tag("div", tag("span", "forked here from ", named), class_="remark joint")


def rolled_back(count: int) -> Html:
    """How many turns were rolled back here."""
    return remark(RolledBack(count).said)


def remark(sentence: str) -> Html:
    """A remark of ours between turns."""
    return tag("div", tag("span", sentence), class_="remark")


def earlier(turn_id: str, count: int, look: Look) -> Html:
    """What stands for the items of a turn before so many; the first is always shown."""
    url = look.earlier_url(turn_id, count) if look.earlier_url else None
    return _left_out(count - 1, "earlier", url)


def later(turn_id: str, first: int, end: int, look: Look) -> Html:
    """What stands for the items of a turn from one number to another."""
    url = look.later_url(turn_id, first, end) if look.later_url else None
    return _left_out(end - first, "later", url)


def _left_out(count: int, which: str, url: str | None) -> Html:
    if count <= 0:
        return NOTHING
    said = f"{count} {which} item{'s' if count != 1 else ''} of this turn"
    if url is None:
        return remark(f"{said} {'are' if count != 1 else 'is'} not shown")
    onward = " onward" if which == "later" else ""
    link = tag("a", f"show {said}", href=url, class_=f"earlier{onward}")
    return tag("div", link, class_="remark")


__all__ = [
    "earlier",
    "error",
    "head",
    "item",
    "joint",
    "later",
    "note",
    "part",
    "remark",
    "rolled_back",
    "stretch",
    "turn",
]
