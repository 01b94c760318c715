"""Copies of a text without what may stand in a secret, or between it and its name.

That is what a terminal is told (colours), what no eye sees, and what tools put before each line.
A place in a copy is told as the place in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

# Colours, to go somewhere, to clear a line: also as JSON and shells write it.  And what is not
# seen: soft hyphens, spaces without width, what UTF-16 puts behind each letter.
_PAINT = re.compile(
    r"(?:\x1b|\\{1,3}(?:u001[bB]|x1[bB]|033|e))\[[0-9;?]{0,16}[A-Za-z]"
    "|\xad|\u200b|\u200c|\u200d|\u2060|\ufeff"
    r"|(?:\x00|\\u0000)(?=[^\x00](?:\x00|\\u0000))|(?<=\x00[^\x00])\x00|(?<=u0000[^\x00])\\u0000"
)
_PAINTED = ("\x1b[", "1b[", "1B[", "33[", "\\e[", "u0000", "\x00")
_UNSEEN = ("\xad", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff")
# What stands before each line: names and numbers, as of grep, cat -n, bat and logs; then a mark of
# a patch, a quotation or a comment.  Only lines that follow one another matter here.
_NUMBERED = (
    r"(?:(?:[0-9]{2}:){2}[0-9]{2}(?:[.,][0-9]{1,9})?[: ]{1,2}"
    r"|\[?[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.,]{5,20}+(?:Z|[+-][0-9:]{4,5})?\]?[ ]"
    r"|[ \t]{0,8}+L?[0-9]{1,7}+(?:[:-](?:[0-9]{1,5}[:-])?[ ]?|[ \t]{0,4}[\t|│→][ ]?|[ ]{2})"
    r"|[\w./@+-]{1,120}+(?::(?:[0-9]{1,7}:){1,2}|:(?=[^:\s])|[ ]{1,20}+[|│][ ])"
    r"|(?=[\w@+-]{0,60}+[./])[\w./@+-]{1,120}+:"
    r"|(?:[\w./@+]|-(?![0-9]{1,7}-)){1,120}+-[0-9]{1,7}-)"
)
_MARKED = "(?:(?:[+>#|│*]|-(?!-)|//)[ ]?)"
_LEAD = rf"(?P<lead>{_NUMBERED}{_MARKED}?|{_MARKED})"
# Of a long text so much at its beginning, middle and end tells whether its lines have such.
_TRIED = 2000
_FIRST_LEAD, _LATER_LEADS = re.compile(_LEAD), re.compile(rf"(?:\n|\\n){_LEAD}")


class Copy(NamedTuple):
    """A text of which some is left out; which of its places is which of the text."""

    text: str
    starts: list[int]  # from which of its places on
    skipped: list[int]  # so many characters of the text were left out
    within: Copy | None = None  # the copy that it is a copy of

    def places(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text that stands which is at *start* up to *end*."""
        first = start + self.skipped[bisect_right(self.starts, start) - 1]
        last = end - 1 + self.skipped[bisect_right(self.starts, end - 1) - 1]
        return self.within.places(first, last + 1) if self.within else (first, last + 1)


# One of these stands in whatever has a copy.
_SIGN = re.compile("[\n\\\\\x1b\x00\xad\u200b-\u200d\u2060\ufeff]")
Found = Iterable[tuple[int, int]]


def _painted(text: str) -> Found:
    signs = _PAINTED if text.isascii() else (*_PAINTED, *_UNSEEN)
    if any(each in text for each in signs):
        for match in _PAINT.finditer(text):
            yield match.span()


def _leads(text: str) -> Found:
    """What stands before lines; nothing of a text of which few have such."""
    if "\n" not in text and "\\n" not in text:
        return
    size = len(text)
    tried = (0, size // 2, size - _TRIED) if size > 4 * _TRIED else ()
    if tried and not any(_are_many(_spans(text, at, at + _TRIED), _TRIED // 60) for at in tried):
        return
    found = _spans(text, 0, size)
    if first := _FIRST_LEAD.match(text):
        found.insert(0, first.span())
    if len(found) > 1 and _are_many(found, text.count("\n") + text.count("\\n") + 1):
        yield from found


def _spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    return [match.span("lead") for match in _LATER_LEADS.finditer(text, start, end)]


def _are_many(found: list[tuple[int, int]], lines: int) -> bool:
    return len(found) * 4 >= lines


# What is left out of a copy: of the text, then of its last copy.
_KINDS: tuple[Callable[[str], Found], ...] = (_painted, _leads)
# What a gate has to see too is bytes, of a text or of JSON that holds it.
_PAINTED_BYTES = tuple(each.encode() for each in _PAINTED)
_UNSEEN_BYTES = tuple(each.encode() for each in _UNSEEN)
_PAINT_BYTES = re.compile(_PAINT.pattern.encode())


def _without(found: Found, text: str, within: Copy | None) -> Copy | None:
    pieces: list[str] = []
    starts, skipped, at = [0], [0], 0
    for start, end in found:
        pieces.append(text[at:start])
        at = end
        starts.append(start - skipped[-1])
        skipped.append(skipped[-1] + end - start)
    return Copy("".join([*pieces, text[at:]]), starts, skipped, within) if at else None


def copies(text: str) -> Iterator[Copy]:
    """The copies of a text in which something else can be found than in it."""
    copy = None
    if _SIGN.search(text) is None:
        return
    for kind in _KINDS:
        said = copy.text if copy else text
        if (made := _without(kind(said), said, copy)) is not None:
            yield made
            copy = made


def plain(secret: str) -> str:
    """A secret as it is without what stands in it."""
    return _PAINT.sub("", secret)


def with_copies(data: bytes) -> bytes:
    """*data*, and once more without colours if there are any."""
    signs = _PAINTED_BYTES if data.isascii() else (*_PAINTED_BYTES, *_UNSEEN_BYTES)
    if any(each in data for each in signs):
        return data + b"\n" + _PAINT_BYTES.sub(b"", data)
    return data
