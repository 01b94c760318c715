"""What a search is asked and what it answers: one meaning, by the word index or without it.

    build "no such file" pars* role:output tool:exec_command after:7d in:01a201ab

All words must stand in one passage, in any order; those in quotation marks, and what one word is
made of (as `core/text.py` is), one behind the other; a word with `*` begins one.  Fields narrow;
several of one name widen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

import msgspec

from threadlog.core import tokens
from threadlog.core.lines import Json, parse_json
from threadlog.core.query import ThreadQuery, ThreadSummary
from threadlog.core.said import ROLES
from threadlog.errors import BadQuery

NEWEST, RELEVANCE = "newest", "relevance"
ORDERS = (NEWEST, RELEVANCE)
DEFAULT_LIMIT = 50
FIELDS = ("role", "tool", "cwd", "branch", "after", "before", "in")
_PIECE = re.compile(r'\s*(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))(\*?)')
_HINT = "search for a word, or for any text with --exact"


class Phrase(NamedTuple):
    """Words that stand one behind the other; with `prefix` the last need only begin one."""

    words: tuple[str, ...]
    prefix: bool = False


class Inherited(NamedTuple):
    """A rollout of thread `key` that thread `of` builds on by reference, up to byte `end`."""

    of: str
    key: str
    path: str
    end: int


class SearchQuery(NamedTuple):
    """What to look for; None = no such filter.

    Either `phrases`, all of them in one passage, or `needle`, a text as it stands in either case
    of letters.  `threads` chooses among threads, `within` are ids of threads or paths of those
    that have none, and `inherited` what of others is searched with these.  `after_ms` (from then
    on) and `before_ms` (before then) bound the time of what was said.  What a fork copied of its
    origin is left out unless `copies`, where the origin is searched too.
    """

    phrases: tuple[Phrase, ...] = ()
    needle: str | None = None
    roles: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    after_ms: int | None = None
    before_ms: int | None = None
    threads: ThreadQuery = ThreadQuery(limit=None, archived=None)
    within: tuple[str, ...] | None = None
    inherited: tuple[Inherited, ...] = ()
    copies: bool = False
    order: str = NEWEST
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    counted: bool = False


class SearchHit(NamedTuple):
    """A passage found; the fields are the keys of `threadlog search --json`.

    `turn` is the id of its turn, "" before the first; `at` is UTC, RFC 3339 with milliseconds;
    `marks` are the pieces of `excerpt` that were looked for (start and end, in characters).
    `path` and `offset` (bytes, uncompressed) say where the line stands; `copied` that a fork has
    it from its origin.
    """

    thread: ThreadSummary
    turn: str
    role: str
    tool: str
    at: str
    excerpt: str
    marks: tuple[tuple[int, int], ...]
    path: str
    offset: int
    copied: bool

    def as_dict(self) -> dict[str, Json]:
        """The hit as plain JSON; of its thread what tells which one it is."""
        thread = self.thread
        return {
            **self._asdict(),
            "thread": {"id": thread.id, "title": thread.title, "cwd": thread.cwd},
            "marks": [list(each) for each in self.marks],
        }


class SearchPage(Sequence[SearchHit]):
    """Some hits; `next` is the cursor for more, None when there are no more.

    `total` counts all passages found, and `threads` the threads they are in, None unless that was
    asked for.  `scanned` threads were not in the word index yet, and were read for this answer;
    `problems` says in sentences what could not be looked through.
    """

    def __init__(
        self,
        hits: Sequence[SearchHit],
        next_cursor: str | None,
        problems: Sequence[str] = (),
        *,
        counts: tuple[int, int] | None = None,
        scanned: int = 0,
    ) -> None:
        self.hits = tuple(hits)
        self.next = next_cursor
        self.problems = tuple(problems)
        self.total = counts[0] if counts is not None else None
        self.threads = counts[1] if counts is not None else None
        self.scanned = scanned

    def with_problems(self, problems: Sequence[str]) -> SearchPage:
        """The same page, with what else could not be looked through said first."""
        if not problems:
            return self
        counts = None if self.total is None or self.threads is None else (self.total, self.threads)
        told = (*problems, *self.problems)
        return SearchPage(self.hits, self.next, told, counts=counts, scanned=self.scanned)

    @overload
    def __getitem__(self, index: int) -> SearchHit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[SearchHit]: ...
    def __getitem__(self, index: int | slice) -> SearchHit | Sequence[SearchHit]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[SearchHit]:
        return iter(self.hits)

    def __repr__(self) -> str:
        return f"SearchPage({len(self.hits)} hits, next={self.next!r})"


class WordStatus(NamedTuple):
    """How the word index of a home stands; nothing of it changes what a search finds.

    `trouble` says why it was not asked, None if it was; the rollouts are read then.  `unread` of
    its `threads` are still to be read for it, about `unread_bytes` of rollouts.
    """

    path: str
    trouble: str | None
    size_bytes: int = 0
    threads: int = 0
    unread: int = 0
    unread_bytes: int = 0
    passages: int = 0


class Asked(NamedTuple):
    """A query as it was written: its phrases, and the values of its fields."""

    phrases: tuple[Phrase, ...]
    fields: dict[str, tuple[str, ...]]


def read_query(text: str) -> Asked:
    """The query that a text is; raises BadQuery."""
    return with_words(pieces_of(text))


def with_words(asked: Asked) -> Asked:
    """What is asked, if there is a word in it; raises BadQuery."""
    if not asked.phrases:
        raise BadQuery(f"no word to search for; {_HINT}")
    return asked


def pieces_of(text: str) -> Asked:
    """What a text asks for, which may be fields alone; raises BadQuery."""
    phrases: list[Phrase] = []
    fields: dict[str, list[str]] = {}
    for name, quoted, plain, star in _PIECE.findall(text.strip()):
        said = quoted or plain
        bare = plain.removesuffix(":")
        if (name in FIELDS and not said) or (bare in FIELDS and bare != plain):
            raise BadQuery(f"{name or bare}: asks for nothing; write {name or bare}:VALUE")
        if name in FIELDS:
            fields.setdefault(name, []).append(said)
            continue
        prefix = bool(star) or (not quoted and plain.endswith("*"))
        words = tokens.words(f"{name}:{said}" if name else said)
        if words:
            phrases.append(Phrase(tuple(words), prefix))
    return Asked(tuple(phrases), {name: tuple(values) for name, values in fields.items()})


def checked_roles(roles: Sequence[str] | None) -> tuple[str, ...] | None:
    """The roles, if there are such; raises BadQuery."""
    for each in roles or ():
        if each not in ROLES:
            raise BadQuery(f"no role {each!r}: there are {', '.join(ROLES)}")
    return None if roles is None else tuple(roles)


# Where a passage stands, the newest last: its moment, its thread (an id, or a path), the line.
Place = tuple[int, str, str, int, int]


def cursor_text(place: Place) -> str:
    """The cursor that continues after *place*."""
    return json.dumps(place, separators=(",", ":"))


def read_cursor(text: str) -> Place | None:
    """The place that a cursor names; None if it names none."""
    try:
        place: Place = msgspec.convert(parse_json(text.encode(errors="replace")), Place)
    except (ValueError, RecursionError):
        return None
    return place
