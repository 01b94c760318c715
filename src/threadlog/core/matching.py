"""What was looked for, found in a text: where it stands, and an excerpt around it.

The plain meaning of a search: what the word index answers is held against it.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice
from typing import NamedTuple

from threadlog.core import tokens
from threadlog.core.search import Phrase, SearchQuery

# Of a passage; enough for every excerpt.
MARKS = 32
_BEFORE_CHARS, _AFTER_CHARS = 60, 180
_CHUNK_CHARS = 1024
# What parts words in a plain text.  All words are made of is its complement: as a class of its own,
# with the whole of Unicode in it, a pattern takes milliseconds to compile.
_BETWEEN = r"\x00-/:-`{-\x7f"
_SPACES = re.compile(r"\s+")

Span = tuple[int, int]


def find(text: str, query: SearchQuery) -> list[Span] | None:
    """Where what is looked for stands in a text, in order; None if not all of it does."""
    if query.needle is not None:
        folded = Folded(text, str.casefold)
        return _found(folded, [_spans_of(folded.text, query.needle.casefold())])
    plain = Folded(text, tokens.plain)
    return _found(plain, [_phrase(plain.text, text, each) for each in query.phrases])


def _found(folded: Folded, places: Sequence[Iterator[Span]]) -> list[Span] | None:
    spans: list[Span] = []
    for each in places:
        some = [*islice(each, MARKS)]
        if not some:
            return None
        spans += some
    return sorted({folded.span(each) for each in spans})


def _spans_of(text: str, needle: str) -> Iterator[Span]:
    place = text.find(needle)
    while place >= 0:
        yield place, place + len(needle)
        place = text.find(needle, place + len(needle))


def _phrase(plain: str, text: str, phrase: Phrase) -> Iterator[Span]:
    """Where a phrase stands; one word may also be a part of a CamelCase name."""
    none = True
    for match in _pattern(phrase).finditer(plain):
        none = False
        yield match.span()
    if none and len(phrase.words) == 1 and _is_part(text, phrase):
        yield from _spans_of(plain, phrase.words[0])


@lru_cache(maxsize=64)
def _pattern(phrase: Phrase) -> re.Pattern[str]:
    """Finds a phrase; what must not stand before it is looked at last, as that is faster."""
    first, *rest = map(re.escape, phrase.words)
    more = "".join(f"[{_BETWEEN}]+{each}" for each in rest)
    end = f"[^{_BETWEEN}]*" if phrase.prefix else f"(?![^{_BETWEEN}])"
    return re.compile(f"{first}(?<![^{_BETWEEN}]{first}){more}{end}")


def _is_part(text: str, phrase: Phrase) -> bool:
    word = phrase.words[0]
    if phrase.prefix:
        return any(each.startswith(word) for each in tokens.parts(text))
    return word in tokens.parts(text)


class Folded:
    """A text folded a character at a time, and the way back from its places."""

    def __init__(self, text: str, fold: Callable[[str], str]) -> None:
        self._source = text
        self._fold = fold
        self.text = fold(text)
        self._ends: list[int] | None = None

    def span(self, span: Span) -> Span:
        """The piece of the text that a piece of the folded text came from."""
        if self._source.isascii():
            return span
        start, end = self._back(span[0]), self._back(span[1] - 1)
        return start, end + 1

    def _back(self, place: int) -> int:
        """The character that folding made the one at *place* of."""
        if self._ends is None:
            chunks = range(0, len(self._source), _CHUNK_CHARS)
            made = (len(self._fold(self._source[at : at + _CHUNK_CHARS])) for at in chunks)
            self._ends = [*accumulate(made)]
        number = bisect.bisect_right(self._ends, place)
        reached = self._ends[number - 1] if number else 0
        first = number * _CHUNK_CHARS
        after = min(first + _CHUNK_CHARS, len(self._source))
        while after - first > 1:
            middle = (first + after) // 2
            until = reached + len(self._fold(self._source[first:middle]))
            if until > place:
                after = middle
            else:
                first, reached = middle, until
        return min(first, max(len(self._source) - 1, 0))


class Excerpt(NamedTuple):
    """A piece of a text on one line, and where in it what was looked for stands."""

    text: str
    marks: tuple[Span, ...]


def excerpt(text: str, spans: Sequence[Span]) -> Excerpt:
    """The text around the first of *spans*."""
    first = spans[0]
    start = max(first[0] - _BEFORE_CHARS, 0)
    if start and (space := _SPACES.search(text, start, first[0])):
        start = space.end()  # not in the middle of a word
    end = min(max(first[1], first[0] + _AFTER_CHARS), first[0] + 2 * _AFTER_CHARS, len(text))
    pieces, marks, length = ["… "] if start else [], [], 2 if start else 0
    place = start
    for span in [*(each for each in spans if each[0] < end), (end, end)]:
        if span[0] < place:
            continue  # the same words, looked for twice
        for piece, marked in ((text[place : span[0]], False), (text[span[0] : span[1]], True)):
            shown = _SPACES.sub(" ", piece[: end - start])
            if marked and shown:
                marks.append((length, length + len(shown)))
            pieces.append(shown)
            length += len(shown)
        place = span[1]
    return Excerpt("".join(pieces) + (" …" if end < len(text) else ""), tuple(marks))
