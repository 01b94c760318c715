"""Text made safe and short for people: nothing a thread says may steer a terminal."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SPACES = re.compile(r"[ \t\n\v\f\r\x85\u2028\u2029]+")
ELLIPSIS = "…"
# Made once: a text of millions of them would else be held as millions of small texts.
_PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "\u2421"}


def printable(text: str) -> str:
    """*text* with every control character, bidi override and surrogate made visible.

    Line feeds and tabs stay; carriage returns before a line feed go.
    """
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(_picture, text.replace("\r\n", "\n"))


def without_surrogates(text: str) -> str:
    """*text* with U+FFFD for halves of surrogate pairs, which are no text to most programs."""
    return (
        text
        if text.isascii()
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def one_line(text: str) -> str:
    """*text* on one line, safe to print."""
    return printable(_SPACES.sub(" ", text)).strip()


def one_line_kept(text: str) -> str:
    """*text* on one line with all of its spaces, safe to print."""
    return printable(text).replace("\n", " ")


def _picture(match: re.Match[str]) -> str:
    return _PICTURES.get(match[0], "\ufffd")


def with_tilde(path: str, user: str) -> str:
    """*path* as people write it, with ~ for the folder *user*."""
    root = user.rstrip("/")
    return f"~{path[len(root) :]}" if path == user or path.startswith(root + "/") else path


def width(text: str) -> int:
    """The columns that *text* takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def fit(text: str, columns: int) -> str:
    """*text* cut at its end to *columns*, with an ellipsis where it was cut.

    No more of it is looked at than is left, and a character.
    """
    if (cut := _cut(text, columns)) is None:
        return text
    return text[:cut] + ELLIPSIS if columns > 0 else ""


def _cut(text: str, columns: int) -> int | None:
    """Where *text* has to be cut for an ellipsis to go with it; None if all of it fits."""
    if text.isascii():
        return columns - 1 if len(text) > columns else None
    taken, cut = 0, None
    for at, char in enumerate(text):
        taken += _char_width(char)
        if taken >= columns and cut is None:
            cut = at
        if taken > columns:
            return cut
    return None


def fit_end(text: str, columns: int) -> str:
    """*text* cut at its beginning to *columns*: for paths, whose end says most."""
    return fit(text[::-1], columns)[::-1]


def pad(text: str, columns: int) -> str:
    """*text* followed by spaces up to *columns*."""
    return text + " " * (columns - width(text))


def runs(word: str) -> Iterator[tuple[str, bool]]:
    """*word* in runs of wide characters, around each of which a line may be broken, and of others.

    What combines with a wide character is one with it.
    """
    start, wide_before = 0, False
    for at, char in enumerate(word) if not word.isascii() else ():
        columns = _char_width(char)
        wide = columns == 2 or (not columns and wide_before)
        if wide != wide_before and at > start:
            yield word[start:at], wide_before
            start = at
        wide_before = wide
    yield word[start:], wide_before


def chop(line: str, columns: int, first: int | None = None) -> list[str]:
    """*line* in pieces of at most so many columns, but for characters that are wider.

    The first piece takes at most *first* columns, if that is given.
    """
    pieces, start, room = [], 0, columns if first is None else first
    if line.isascii():
        pieces = [line[at : at + columns] for at in range(room, len(line), columns)]
        return [line[:room], *pieces] if line else []
    for at, char in enumerate(line):
        taken = _char_width(char)
        if taken > room and at > start:
            pieces.append(line[start:at])
            start, room = at, columns
        room -= taken
    return [*pieces, line[start:]] if line else []


_LARGEST_COUNT = 10**15


def count_text(count: int) -> str:
    """A number as people say it: 812, 1.2k, 34k, 5.6M; beyond all counting as the last of them."""
    count = min(count, _LARGEST_COUNT)
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if count >= size:
            amount = count / size
            return f"{amount:.1f}{unit}" if amount < 9.95 else f"{amount:.0f}{unit}"
    return str(count)


def duration_text(ms: int) -> str:
    """A span of time as people say it."""
    if ms < 60_000:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    return f"{minutes // 60} h {minutes % 60} min"


@functools.lru_cache(maxsize=1 << 14)
def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
