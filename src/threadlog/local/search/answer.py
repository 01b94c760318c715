"""Candidates into a page: each is held against its text, and shown with an excerpt of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice

from threadlog.core import matching, moments
from threadlog.core.query import ThreadSummary
from threadlog.core.search import RELEVANCE, SearchHit, SearchQuery, cursor_text
from threadlog.local.search.asking import Candidate
from threadlog.local.search.texts import Texts

# So many candidates in vain, for each hit, and the index did not narrow.
IN_VAIN, IN_VAIN_A_HIT = 400, 20


class NotNarrowed(Exception):
    """Inside `local` only: most candidates are none; reading the rollouts is faster."""


class Answer:
    """Makes hits of candidates; *summary_of* tells the thread of a key, None if it is gone."""

    def __init__(
        self, home: str, query: SearchQuery, summary_of: Callable[[str], ThreadSummary | None]
    ) -> None:
        self._home = home
        self._query = query
        self._summary_of = summary_of
        self._threads: dict[str, ThreadSummary | None] = {}
        self.lost = 0  # that went while they were looked at

    def hits(self, candidates: Iterator[Candidate]) -> Iterator[tuple[SearchHit, Candidate]]:
        """The hits among them, in their order; raises NotNarrowed."""
        texts = Texts(self._home)
        found = tried = 0
        try:
            for each in candidates:
                tried += each.text is None
                hit = self._hit(each, texts)
                if hit is not None:
                    found += 1
                    yield hit, each
                elif tried > IN_VAIN + IN_VAIN_A_HIT * found:
                    raise NotNarrowed
        finally:
            texts.close()

    def _hit(self, candidate: Candidate, texts: Texts) -> SearchHit | None:
        at_ms, key, _stem, offset, part = candidate.place
        text = candidate.text
        if text is None:
            text = texts.text(candidate.path, offset, part)
        spans = matching.find(text, self._query) if text is not None else None
        thread = self._thread(key) if spans else None
        if text is None or (spans and thread is None):
            self.lost += 1
        if text is None or not spans or thread is None:
            return None
        shown = matching.excerpt(text, spans)
        return SearchHit(
            thread=thread,
            turn=candidate.turn,
            role=candidate.role,
            tool=candidate.tool,
            at=moments.utc_text(at_ms),
            excerpt=shown.text,
            marks=shown.marks,
            path=os.path.join(self._home, os.fsdecode(candidate.path)),
            offset=offset,
            copied=candidate.copied,
        )

    def _thread(self, key: str) -> ThreadSummary | None:
        if key not in self._threads:
            self._threads[key] = self._summary_of(key)
        return self._threads[key]


def paged(
    answer: Answer, query: SearchQuery, candidates: Iterator[Candidate], skip: int
) -> tuple[list[SearchHit], str | None]:
    """The hits of a page, but for the first *skip*, and the cursor for more; raises NotNarrowed."""
    some = [*islice(answer.hits(candidates), skip, skip + query.limit + 1)]
    shown = some[: query.limit]
    following = None
    if len(some) > query.limit:
        last = shown[-1][1].place
        following = str(skip + query.limit) if query.order == RELEVANCE else cursor_text(last)
    return [hit for hit, _candidate in shown], following


def left_out(count: int) -> list[str]:
    """What is said of places that could not be read."""
    if not count:
        return []
    what = "1 place" if count == 1 else f"{count} places"
    return [f"not looked through: {what} that cannot be read (threadlog doctor tells which)"]
