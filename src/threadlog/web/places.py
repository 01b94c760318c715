"""How threads and places in them are written in an address, and read from it."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from typing import Annotated, NamedTuple

import msgspec

from threadlog.core.boundaries import Spot
from threadlog.core.lines import Json, parse_json
from threadlog.core.query import ThreadSummary
from threadlog.errors import BadCursor, NotFound
from threadlog.home import Home
from threadlog.paging import Anchor

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{5,63}")
_PATH = re.compile(r"~[0-9A-Za-z_-]{1,5000}")
_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
_Spot = tuple[_Count, _Count, _Count | None]
_Written = tuple[_Count | None, str, _Spot | None, _Spot | None]


class Place(NamedTuple):
    """A turn in a thread: its number, counted from 1, where that is known; its anchor."""

    number: int | None
    anchor: Anchor

    @property
    def start(self) -> Spot | None:
        """Where it begins."""
        return self.anchor.start

    def text(self) -> str:
        """As an address has it; in ASCII, as pages change characters that steer what is shown."""
        anchor = self.anchor
        return json.dumps((self.number, anchor.turn_id, anchor.end, anchor.start))


def place_of(text: str) -> Place:
    """The place that an address names; raises BadCursor."""
    try:
        given: Json = parse_json(text.encode(errors="replace"))
        number, turn_id, end, start = msgspec.convert(given, _Written)
    except (ValueError, RecursionError):
        raise BadCursor("no place in a thread") from None
    ends, starts = (None if each is None else Spot(*each) for each in (end, start))
    return Place(number, Anchor(turn_id, include=True, end=ends, start=starts))


def _reference_of(home: Home, name: str) -> str:
    """The reference that the name of a thread in an address means; raises NotFound."""
    if _ID.fullmatch(name):
        return name
    if not _PATH.fullmatch(name):
        raise NotFound("no thread has such a name")
    try:
        path = base64.urlsafe_b64decode(name[1:] + "=" * (-len(name[1:]) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise NotFound("no thread has such a name") from None
    if "\0" in path:
        raise NotFound("no thread has such a name")
    return os.path.join(home.path, path)


def thread_of(home: Home, name: str) -> ThreadSummary:
    """The thread that an address names: by its id, or where it lies, never by what it is called.

    Raises NotFound, Ambiguous (for a piece of an id).
    """
    reference = _reference_of(home, name)
    thread = home.get(reference)
    is_meant = name in (thread.id or "") if reference == name else thread.name != reference
    if not is_meant:
        raise NotFound("no thread of that id is there any more")
    return thread


def name_of(home: Home, thread: ThreadSummary) -> str:
    """The name of a thread in an address: its id, else where it lies in the home."""
    if thread.id and _ID.fullmatch(thread.id):
        return thread.id
    path = os.path.relpath(thread.path, home.path).encode(errors="replace")
    return "~" + base64.urlsafe_b64encode(path).decode().rstrip("=")


def id_url(thread_id: str) -> str:
    """Where a thread is shown that others name."""
    return f"/thread/{thread_id}" if _ID.fullmatch(thread_id) else "#"
