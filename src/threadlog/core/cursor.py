"""Where a thread stands in a listing's order, and the cursors that name such a place.

A thread has a place in the order of creation (`stamp`, the local time in its file name, then its
id), of its last change and of its recency (UTC, then its id).  A cursor is that place, as text; an
id in it tells threads of one second or millisecond apart.  Codex's cursors are understood too: a
place by UTC time, whole seconds for the order of creation, with an id or without.
"""

from __future__ import annotations

import re

from threadlog.core.moments import unix_ms, utc_text
from threadlog.core.query import CREATED

_STAMP = r"([0-9]{4}-[0-9]{2}-[0-9]{2}T)([0-9]{2})[-:]([0-9]{2})[-:]([0-9]{2})"
_MOMENT = rf"{_STAMP}(?:\.([0-9]{{1,9}}))?(Z|[+-][0-9]{{2}}:[0-9]{{2}})?"
_LAST = "\U0010ffff"  # comes after every id

# A thread's place in an order: its moment, and its id (or path) to tell equals apart.
Place = tuple[str, str]


def cursor_text(place: Place) -> str:
    """The cursor that continues after *place*."""
    return "|".join(place)


def codex_cursor_text(place: Place, sort: str) -> str:
    """The same as Codex spells it: RFC 3339, no zeros at the end of its milliseconds."""
    moment, tie = place
    if sort == CREATED:
        date, time = moment.split("T")
        return f"{date}T{time.replace('-', ':')}Z|{tie}"
    seconds, _, ms = moment.removesuffix("Z").partition(".")
    ms = ms.rstrip("0")
    return f"{seconds}{'.' if ms else ''}{ms}Z|{tie}"


def read_cursor(text: str, sort: str, *, ascending: bool = False) -> Place | None:
    """The place that a cursor names, ours or Codex's; None if it names none.

    A cursor without an id goes on after everything of its moment.
    """
    moment, bar, tie = text.partition("|")
    match = re.fullmatch(_MOMENT, moment)
    if match is None or (bar and not tie):
        return None
    day, hour, minute, second, fraction, zone = match.groups()
    ms = unix_ms(f"{day}{hour}:{minute}:{second}.{fraction or '0'}{zone or 'Z'}")
    if ms is None and (zone is not None or sort != CREATED):
        return None
    if not bar:
        tie = _LAST if ascending else ""
    if ms is None:  # a day that no calendar has, in the name of a file
        return moment, tie
    if sort != CREATED:
        return (utc_text(ms), tie) if zone else None
    # Stamps have no milliseconds: a moment within a second comes after all threads of that second.
    stamp = utc_text(ms)[:19].replace(":", "-")
    return stamp, _LAST if ms % 1000 else tie
