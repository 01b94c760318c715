"""What an export is asked, and what it tells: formats, ranges of turns, the report, an outline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from threadlog.core.text import fit

HTML, MARKDOWN, JSON, JSONL = "html", "md", "json", "jsonl"
FORMATS = (HTML, MARKDOWN, JSON, JSONL)
# Of the JSON form; changes when a key changes its meaning or goes away.
VERSION = 1
# More places than this are counted, not listed.
PLACES_LISTED = 1000
# An outline that would get longer has every second turn, then every fourth, ...
OUTLINE_TURNS = 2000
OUTLINE_CHARS = 90


class Place(NamedTuple):
    """A place in an export: an item of a turn of a thread.

    `turn` counts from 1; 0 is what is known of the thread itself, or for `jsonl` the line of which
    `item` is the number, counted from 1.
    """

    thread_id: str | None
    turn: int = 0
    turn_id: str = ""
    item: str = "thread"


class Replaced(NamedTuple):
    """What was replaced in a place: by which label, and how often."""

    label: str
    times: int
    place: Place


class ExportReport(NamedTuple):
    """What an export holds, and what was replaced in it; never a value.

    `redacted` says what was looked for (`secrets`, `paths`, `email`), nothing if it is empty;
    `replaced` how often each rule's finds were replaced.  Of the `places` at most 1000 are listed.
    `problems` counts what of the threads' files is no whole line, and so is not in the export.
    """

    format: str
    threads: int
    turns: int
    size_bytes: int
    redacted: tuple[str, ...]
    replaced: Mapping[str, int]
    places: tuple[Replaced, ...]
    places_not_listed: int
    problems: int


class RolledBack(NamedTuple):
    """So many turns were rolled back here."""

    turns: int

    @property
    def said(self) -> str:
        """The same as a remark."""
        return f"{self.turns} turn{'s were' if self.turns != 1 else ' was'} rolled back here"


class Places:
    """Where something was replaced, as the report tells it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, Place], int] = {}
        self.not_listed = 0

    def add(self, labels: Iterable[str], place: Place) -> None:
        """Take note of what was replaced in one place."""
        for label in labels:
            key = label.removeprefix("[redacted: ").removesuffix("]"), place
            if key in self._counts or len(self._counts) < PLACES_LISTED:
                self._counts[key] = self._counts.get(key, 0) + 1
            else:
                self.not_listed += 1

    def listed(self) -> tuple[Replaced, ...]:
        """The places, in the order of the export."""
        return tuple(Replaced(label, n, place) for (label, place), n in self._counts.items())


class Outline:
    """The turns of a thread by number, and how each begins; thinned out where they are many."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, str]] = []
        self.step = 1

    def add(self, number: int, said: str) -> None:
        """One more turn."""
        if (number - 1) % self.step:
            return
        if len(self.entries) >= OUTLINE_TURNS:
            self.entries = self.entries[::2]
            self.step *= 2
            if (number - 1) % self.step:
                return
        self.entries.append((number, said))

    def settle(self, clean: Callable[[str], str]) -> None:
        """Have what is said of the turns cleaned, then cut to what a line of an outline shows."""
        self.entries = [(number, fit(clean(said), OUTLINE_CHARS)) for number, said in self.entries]


def in_range(number: int, turns: tuple[int | None, int | None] | None) -> bool:
    """True for a turn of the range, which has both its ends; None is no end."""
    if turns is None:
        return True
    first, last = turns
    return (first is None or number >= first) and (last is None or number <= last)


def counted_from_the_end(
    turns: tuple[int | None, int | None] | None, count: int
) -> tuple[int | None, int | None] | None:
    """The range with its negative numbers, which count from the end, as numbers from 1."""
    if turns is None:
        return None
    first, last = (
        max(count + 1 + each, 0) if each is not None and each < 0 else each for each in turns
    )
    return first, last
