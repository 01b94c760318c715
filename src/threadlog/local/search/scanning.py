"""Passages found by reading rollouts: what the word index does not hold yet, or cannot tell."""

from __future__ import annotations

import heapq
import itertools
import os
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from threadlog.core import matching, said
from threadlog.core.decode import decode_item
from threadlog.core.framing import LF, LINE_LIMIT_BYTES
from threadlog.core.index_status import Stop
from threadlog.core.metadata import Metadata
from threadlog.core.passages import Passage, Passages, texts_of
from threadlog.core.search import Place, SearchQuery
from threadlog.errors import GivenUp, Unreadable
from threadlog.local.files import RolloutFile, open_rollout
from threadlog.local.search.asking import Bounds, Candidate, Row, is_tool, known_at
from threadlog.local.search.reading import ESCAPES, FOLDS, Reached, SourceReader
from threadlog.local.search.sources import key_text

# What is looked through at a time.
_CHUNK_BYTES = 1 << 20
GIVEN_UP = "the search was given up"
_Some = TypeVar("_Some")


class Unread(NamedTuple):
    """A rollout to be read for a search, from where it was `reached` (None: its beginning).

    `head` is what its head says, `copied_to` where what it copied of its origin ends; what stands
    before `own_from` is left out.
    """

    key: str
    stem: str
    full_path: str
    path: bytes
    head: Metadata
    cut: int | None
    copied_to: int = 0
    own_from: int = 0
    reached: Reached | None = None


class _Source(NamedTuple):
    """What is told of a hit's rollout: as in `Unread`."""

    key: str
    stem: str
    path: bytes
    copied_to: int
    own_from: int


class Scan:
    """One search through rollouts: the newest hits, as many as a page needs, and all counted."""

    def __init__(self, query: SearchQuery, before: Place | None, skipped: int, stop: Stop) -> None:
        """Hits before a place; or so many that are enough though the first are *skipped*.

        All that reads raises GivenUp once *stop* is true.
        """
        self._stop = stop
        self._kept = skipped + query.limit + 1
        self._query = query
        self._before = before
        self._bounds = Bounds(query.after_ms, query.before_ms)
        self._piece = said.as_written(query.needle.casefold()).encode() if query.needle else b""
        self._letters = self._piece.upper() != self._piece
        self._tools = [each.casefold() for each in query.tools or ()]
        self._newest: list[Candidate] = []
        self.total = 0
        self.keys: set[str] = set()  # of threads that have a hit
        self.left_out = 0

    @property
    def hits(self) -> list[Candidate]:
        """The newest hits, the newest first."""
        return self._newest

    def go_on(self) -> None:
        """Raises GivenUp where the answer is not wanted any more."""
        if self._stop():
            raise GivenUp(GIVEN_UP)

    def while_wanted(self, some: Iterator[_Some]) -> Iterator[_Some]:
        """The same, as long as the answer is wanted."""
        for each in some:
            self.go_on()
            yield each

    def read(self, unread: Unread) -> None:
        """Look through a rollout."""
        try:
            with open_rollout(unread.full_path) as rollout:
                self._read(rollout, unread)
        except Unreadable:
            self.left_out += 1

    def _read(self, rollout: RolloutFile, unread: Unread) -> None:
        reached = unread.reached or Reached(0, Passages.of(unread.head))
        found = _Hits(self._kept)
        source = _Source(unread.key, unread.stem, unread.path, unread.copied_to, unread.own_from)
        reader = SourceReader(rollout, reached, unread.cut, unread.head.created)
        done, first = False, True
        while not done:
            self.go_on()
            step = reader.step()
            if step.forget and not first:  # what came before is told again: now it is known
                told = Passages.of(unread.head)
                told.spoken = None
                return self._read(rollout, unread._replace(reached=Reached(0, told)))
            for passage in step.passages:
                self._look(found, source, passage)
            done, first = step.done, False
            self.left_out += step.left_out
        self._take(found, unread.key)

    def look_through(
        self, connection: sqlite3.Connection, source: int, row: Row, path: str
    ) -> None:
        """Look through a rollout whose passages are known, for a text as it stands."""
        self.go_on()
        found = _Hits(self._kept)
        folds = FOLDS if self._letters else 0
        piece = b"" if row.odd & (ESCAPES | folds) else self._piece
        try:
            with open_rollout(path) as rollout:
                chunks = self.while_wanted(rollout.chunks(row.valid_to, _CHUNK_BYTES))
                for offset, raw in lines_with(chunks, piece, fold=self._letters):
                    self._look_at_line(found, row, raw, known_at(connection, source, offset))
        except Unreadable:
            self.left_out += 1
        self._take(found, key_text(row.key))

    def _look_at_line(self, found: _Hits, row: Row, raw: bytes, known: list[Passage]) -> None:
        item = decode_item(raw) if known else None
        texts = texts_of(item) if item is not None else []
        stem = os.fsdecode(row.stem)
        source = _Source(key_text(row.key), stem, row.path, row.copied_to, row.own_from)
        for each in known:
            if each.part < len(texts):
                self._look(found, source, each._replace(text=texts[each.part]))

    def _take(self, found: _Hits, key: str) -> None:
        if found.total:
            self.keys.add(key)
            self.total += found.total
            merged = heapq.merge(self._newest, found.newest(), key=_place, reverse=True)
            self._newest = [*islice(merged, self._kept)]

    def _look(self, found: _Hits, source: _Source, passage: Passage) -> None:
        copied = passage.offset < source.copied_to
        at_ms = passage.at_ms or 0
        if passage.offset < source.own_from or not self._fits(passage, at_ms):
            return
        if matching.find(passage.text, self._query) is None:
            return
        place = (at_ms, source.key, source.stem, passage.offset, passage.part)
        found.total += 1
        if self._before is None or place < self._before:
            about = (passage.turn, passage.role, passage.tool, copied)
            found.add(Candidate(place, source.path, *about, passage.text))

    def _fits(self, passage: Passage, at_ms: int) -> bool:
        query = self._query
        return (
            (query.roles is None or passage.role in query.roles)
            and (query.tools is None or is_tool(passage.tool, self._tools))
            and self._bounds.has(at_ms)
        )


def lines_with(chunks: Iterable[bytes], piece: bytes, *, fold: bool) -> Iterator[tuple[int, bytes]]:
    """The lines that hold *piece*, *fold* in either case of letters, and their offsets."""
    begun, offset = b"", 0
    # A byte alone is looked for ten times as fast as two; letters may be in the other case.
    alone = [bytes([each]) for each in set(piece) if not chr(each).isalpha()]
    for chunk in itertools.chain(chunks, [LF]):
        window = begun + chunk if begun else chunk
        last = window.rfind(LF)
        possible = last >= 0 and all(each in window for each in alone)
        searched = window.lower() if fold and possible else window
        place = searched.find(piece, 0, last) if possible else -1
        while place >= 0:
            start, stop = window.rfind(LF, 0, place) + 1, window.find(LF, place)
            yield offset + start, window[start:stop]
            place = searched.find(piece, stop + 1, last)
        begun = window[last + 1 :]
        offset += last + 1
        if len(begun) > LINE_LIMIT_BYTES:  # no line that anybody reads: its end is looked for
            offset, begun = offset + len(begun), b""


def _place(candidate: Candidate) -> Place:
    return candidate.place


class _Hits:
    """The newest hits of one rollout, and how many there are."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._heap: list[tuple[Place, Candidate]] = []
        self.total = 0

    def add(self, candidate: Candidate) -> None:
        """One more; places are never the same."""
        push = heapq.heappush if len(self._heap) < self._limit else heapq.heappushpop
        push(self._heap, (candidate.place, candidate))

    def newest(self) -> list[Candidate]:
        """The newest first."""
        return [candidate for _place, candidate in sorted(self._heap, reverse=True)]
