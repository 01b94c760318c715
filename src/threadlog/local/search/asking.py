"""A search as the word index takes it: a MATCH expression, and the passages that it finds."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from threadlog.core import tokens
from threadlog.core.passages import Passage
from threadlog.core.said import ROLES
from threadlog.core.search import Phrase, Place, SearchQuery
from threadlog.local.search.schema import HOUR_BITS, HOUR_MS
from threadlog.local.search.sources import key_text
from threadlog.local.search.vocabulary import Vocabulary
from threadlog.local.search.writing import ROLE_NUMBERS

# A piece of a word narrows if it is one of so many words.
WORDS_LIMIT = 400
# A shorter beginning of a word narrows little.
BEGINNING_CHARS = 3
# Of so many words a beginning is asked for as these, which are read only as far as a page needs; of
# more as a prefix, for which SQLite first gathers all passages of all of its words.
BEGUN_LIMIT = 64
# So few sources are named in the expression.
NAMED_SOURCES = 64
NOTHING = "-"  # no passage can be meant


class Candidate(NamedTuple):
    """A passage that may be a hit; `text` where it was read already."""

    place: Place
    path: bytes
    turn: str
    role: str
    tool: str
    copied: bool
    text: str | None = None


class Row(NamedTuple):
    """A source as a search needs it.

    `odd` is told in `Step`.  What it has before byte `copied_to` is a copy, and left out before
    `own_from`; what stands from `valid_to` on (None: nothing) is not known any more.
    """

    key: bytes
    stem: bytes
    path: bytes
    copied_to: int = 0
    odd: int = 0
    own_from: int = 0
    valid_to: int | None = None

    def has(self, offset: int) -> bool:
        """True if a passage at *offset* is to be found."""
        return offset >= self.own_from and (self.valid_to is None or offset < self.valid_to)


def expression(
    connection: sqlite3.Connection,
    query: SearchQuery,
    vocabulary: Vocabulary,
    named: Collection[int] | None,
) -> str | None:
    """What `words` is to MATCH; NOTHING if nothing can; None if the index does not narrow.

    *named* are the sources meant, None if they are all or too many to name.
    """
    if query.needle is None:
        asked = [_phrase(connection, vocabulary, each) for each in query.phrases]
        if NOTHING in asked:
            return NOTHING
        said = " AND ".join(asked)
    else:
        narrowed = narrowing(connection, query.needle, vocabulary)
        if narrowed is None or narrowed == NOTHING:
            return narrowed
        said = narrowed
    terms: list[str | None] = [f"({said})"]
    if query.roles is not None:
        terms.append(_facets(f"r{ROLE_NUMBERS[role]}" for role in query.roles))
    if query.tools is not None:
        terms.append(_facets(f"t{number}" for number in _tools(connection, query.tools)))
    if named is not None:
        terms.append(_facets(f"s{number}" for number in sorted(named)))
    return NOTHING if None in terms else " AND ".join(term for term in terms if term)


def narrowing(connection: sqlite3.Connection, needle: str, vocabulary: Vocabulary) -> str | None:
    """What every passage with *needle* in it matches; NOTHING if none can; None: it may be all."""
    plain = tokens.plain(needle)
    words = tokens.words(needle)
    if not words:
        return None
    begins, ends = not tokens.is_of_word(plain[0]), not tokens.is_of_word(plain[-1])
    alone = len(words) == 1
    if begins:
        begun_alone = alone and not ends
        if begun_alone:
            return _begun(connection, vocabulary, words[0], "said")
        return _whole(words, ends=ends)
    firsts = vocabulary.having(
        connection, words[0], begins=False, ends=ends or not alone, limit=WORDS_LIMIT
    )
    if firsts is None:
        return None if alone else _whole(words[1:], ends=ends)
    if not firsts:
        return NOTHING
    whole, begun = (words[1:], []) if ends or alone else (words[1:-1], words[-1:])
    some = " OR ".join(_quoted([first, *whole]) for first in sorted(firsts))
    if not begun or (whole and len(begun[0]) < BEGINNING_CHARS):
        return f"said : ({some})"
    last = _begun(connection, vocabulary, begun[0], "said")
    return NOTHING if last == NOTHING else f"said : ({some}) AND {last}"


def _begun(connection: sqlite3.Connection, vocabulary: Vocabulary, piece: str, columns: str) -> str:
    """What has a word that begins with *piece* in these columns; NOTHING if no word does."""
    words = vocabulary.having(connection, piece, begins=True, ends=False, limit=BEGUN_LIMIT)
    if words is None:
        return f"{columns} : {_quoted([piece])} *"
    some = " OR ".join(_quoted([word]) for word in sorted(words))
    return f"{columns} : ({some})" if words else NOTHING


def _whole(words: Sequence[str], *, ends: bool) -> str:
    """A phrase whose last word only begins there, unless the needle *ends* with it.

    A beginning of one or two letters is of many words, which is dear: it is left out if it can be.
    """
    if ends or (len(words) > 1 and len(words[-1]) < BEGINNING_CHARS):
        return f"said : {_quoted(words if ends else words[:-1])}"
    return f"said : {_quoted(words)} *"


def _phrase(connection: sqlite3.Connection, vocabulary: Vocabulary, phrase: Phrase) -> str:
    columns = "{said parts}" if len(phrase.words) == 1 else "said"
    if phrase.prefix and len(phrase.words) == 1:
        return _begun(connection, vocabulary, phrase.words[0], columns)
    return f"{columns} : {_quoted(phrase.words)}{' *' if phrase.prefix else ''}"


def _quoted(words: Sequence[str]) -> str:
    return f'"{" ".join(words)}"'


def _facets(terms: Iterator[str]) -> str | None:
    joined = " OR ".join(f'"{each}"' for each in terms)
    return f"facets : ({joined})" if joined else None


def _tools(connection: sqlite3.Connection, tools: Sequence[str]) -> list[int]:
    """The numbers of tools of these names, or of these names on whatever server."""
    wanted = [each.casefold() for each in tools]
    found = connection.execute("SELECT id, name FROM tools").fetchall()
    return [number for number, name in found if is_tool(name, wanted)]


def is_tool(name: str, wanted: Sequence[str]) -> bool:
    """True for a tool of one of these names (case folded), or so called on its server."""
    name = name.casefold()
    return any(name == each or name.endswith(f".{each}") for each in wanted)


class Bounds(NamedTuple):
    """Which times are meant, in unix milliseconds: from `after_ms` on, before `before_ms`."""

    after_ms: int | None
    before_ms: int | None

    def has(self, at_ms: int) -> bool:
        """True if a moment is meant."""
        return (self.after_ms is None or at_ms >= self.after_ms) and (
            self.before_ms is None or at_ms < self.before_ms
        )


class Asking(NamedTuple):
    """A search of the word index: what `words` is to match, of which sources, from when."""

    connection: sqlite3.Connection
    match: str
    rows: dict[int, Row]
    bounds: Bounds

    def newest(self, before: Place | None = None) -> Iterator[Candidate]:
        """The passages that match, the newest first, those that stand before a place."""
        last = [before[0]] if before is not None else []
        found = self._found("ORDER BY words.rowid DESC", last)
        for _hour, of_hour in groupby(found, key=lambda row: row[0] >> HOUR_BITS):
            some = [each for row in of_hour if (each := self._candidate(row)) is not None]
            some.sort(key=lambda each: each.place, reverse=True)
            yield from (each for each in some if before is None or each.place < before)

    def most_relevant(self) -> Iterator[Candidate]:
        """The same, the one first in which rare words stand often."""
        found = self._found("ORDER BY bm25(words, 1.0, 0.5, 0.0), words.rowid DESC", [])
        yield from (each for row in found if (each := self._candidate(row)) is not None)

    def counts(self) -> tuple[int, set[bytes]]:
        """How many passages match, and the keys of their threads."""
        total = 0
        sources: set[int] = set()
        for number, source, at, ms in self._select("p.id, p.source, p.at, p.ms", "", "", []):
            row = self.rows.get(source)
            if row is not None and row.has(at) and self.bounds.has(_moment(number, ms)):
                total += 1
                sources.add(source)
        return total, {self.rows[each].key for each in sources}

    def _found(self, order: str, last: list[int]) -> Iterator[_Found]:
        columns = "p.id, p.source, p.at, p.part, p.role, p.ms, n.name, coalesce(o.name, '')"
        joined = "JOIN turns n ON n.id = p.turn LEFT JOIN tools o ON o.id = p.tool"
        return self._select(columns, joined, order, last)

    def _select(self, columns: str, joined: str, order: str, last: list[int]) -> Iterator[Any]:
        """Rows of passages, none of hours that cannot be meant."""
        bounds = self.bounds
        last = [*last, *([] if bounds.before_ms is None else [bounds.before_ms])]
        where = ""
        bound: list[str | int] = [self.match]
        if last:
            where += " AND words.rowid < ?"
            bound.append((min(last) // HOUR_MS + 1) << HOUR_BITS)
        if bounds.after_ms is not None:
            where += " AND words.rowid >= ?"
            bound.append((bounds.after_ms // HOUR_MS) << HOUR_BITS)
        return self.connection.execute(
            f"SELECT {columns} FROM words JOIN passages p ON p.id = words.rowid {joined}"
            f" WHERE words MATCH ?{where} {order}",
            bound,
        )

    def _candidate(self, row: _Found) -> Candidate | None:
        number, source, at, part, role, ms, turn, tool = row
        of, at_ms = self.rows.get(source), _moment(number, ms)
        if of is None or not of.has(at) or not self.bounds.has(at_ms):
            return None
        place = (at_ms, key_text(of.key), os.fsdecode(of.stem), at, part)
        return Candidate(place, of.path, turn, ROLES[role], tool, at < of.copied_to)


_Found = tuple[int, int, int, int, int, int, str, str]


def _moment(number: int, ms: int) -> int:
    return (number >> HOUR_BITS) * HOUR_MS + ms


def known_at(connection: sqlite3.Connection, source: int, offset: int) -> list[Passage]:
    """The passages of a line, without their texts."""
    found = connection.execute(
        "SELECT p.part, n.name, p.role, coalesce(o.name, ''), p.id, p.ms FROM passages p"
        " JOIN turns n ON n.id = p.turn LEFT JOIN tools o ON o.id = p.tool"
        " WHERE p.source = ? AND p.at = ?",
        (source, offset),
    )
    return [
        Passage(offset, part, turn, ROLES[role], tool, _moment(number, ms), "")
        for part, turn, role, tool, number, ms in found.fetchall()
    ]
