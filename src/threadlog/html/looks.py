"""How turns are shown, and the pen they are written with: which parts come whole, which by a link.

A part of a turn that is long, and each image, has a name: the number of its item, and its own in
there.  Asked for by that name it comes whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

# Characters of one text in a page; the rest comes by a link, if there is one.
TEXT_CHARS = 16_000
# Characters of all texts of one item in a page, and things of one kind in it: steps, files, parts.
ITEM_CHARS, SEVERAL = 160_000, 200
# Marks of Markdown in a message, or in all that a person typed into one.
MARKS_LIMIT = 6_000
# In a page: items of a turn; characters of code that are coloured, marks of Markdown that are read.
ITEMS, COLOURED_CHARS, READ_MARKS = 300, 150_000, 60_000
# Characters of HTML in a page, unless the first item, or the first turn, makes more.
PAGE_CHARS = 1_500_000


def utc(unix_s: int) -> str:
    """A moment in words; "" beyond the calendar."""
    try:
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(unix_s))
    except (OverflowError, OSError, ValueError):
        return ""


class Effort:
    """How much more a page is worth: code that is coloured, Markdown that is read.

    150,000 characters of code take up to half a second, 60,000 marks up to two.
    """

    def __init__(self, chars: int = COLOURED_CHARS, marks: int = READ_MARKS) -> None:
        self._chars = chars
        self._marks = marks

    def take(self, chars: int) -> bool:
        """True if a piece of so many characters is coloured; it counts then."""
        if chars > self._chars:
            return False
        self._chars -= chars
        return True

    def read(self, marks: int) -> bool:
        """True if Markdown of so many marks is read; it counts then."""
        if marks > self._marks:
            return False
        self._marks -= marks
        return True


class Look(NamedTuple):
    """How turns are shown.

    `folded` closes outputs and reasoning until somebody opens them.  `whole` shows long texts to
    their ends; else `part_url` tells for a turn's id and the name of a part where the whole of it
    lies (None: it is cut, and said).  `inline` writes images into the page; else they too lie
    there.  `about` is the number of an item that is looked for: it is marked, and of a turn that
    has very many those about it are shown, else the last ones.  `earlier_url` tells where the items
    before so many are, `later_url` where those from one number to another, `thread_url` and
    `turn_url` where others are shown, `moment` how a time (unix seconds) is written.  `prefix`
    is what the ids of elements begin with, where several threads stand in one page.  `effort` is
    what is left of it for all turns of a page (None: all is coloured and read).  `awaited`
    puts calls of which nothing has come yet into elements of their own, to be found and replaced.
    """

    folded: bool = True
    whole: bool = False
    inline: bool = True
    part_url: Callable[[str, str], str] | None = None
    about: int | None = None
    earlier_url: Callable[[str, int], str] | None = None
    later_url: Callable[[str, int, int], str] | None = None
    thread_url: Callable[[str], str] | None = None
    turn_url: Callable[[str], str] | None = None
    moment: Callable[[int], str] = utc
    prefix: str = ""
    effort: Effort | None = None
    awaited: bool = False


class Part(NamedTuple):
    """A part of a turn, whole: text, or the data of an image (base64) and its kind."""

    data: str
    kind: str = "text/plain"


class Pen:
    """Writes one item; names its parts, and keeps the one that was asked for."""

    def __init__(self, look: Look, turn_id: str = "", item: int = 0, wanted: str = "") -> None:
        self.look = look
        self.kept: Part | None = None
        self._turn_id = turn_id
        self._item = item
        self._count = 0
        self._wanted = wanted
        self._left = ITEM_CHARS
        self._marks_left = MARKS_LIMIT

    def has_room(self, chars: int) -> bool:
        """True if a text of so many characters is shown whole; it does not count by that."""
        return self.look.whole or chars <= min(TEXT_CHARS, self._left)

    def take_marks(self, count: int) -> bool:
        """True if the item has room for so many more marks of Markdown; they count then."""
        if count > self._marks_left:
            return False
        self._marks_left -= count
        return True

    def room(self, chars: int) -> int:
        """How many characters are to be shown of a text of so many; they count for the item."""
        if self.look.whole:
            return chars
        shown = min(chars, TEXT_CHARS, self._left)
        self._left -= shown
        return shown

    def part(self, data: str, kind: str = "text/plain") -> str | None:
        """Name the next part; returns where it lies, None where there is no such place."""
        name = f"{self._item}.{self._count}"
        self._count += 1
        if name == self._wanted:
            self.kept = Part(data, kind)
        return self.look.part_url(self._turn_id, name) if self.look.part_url else None
