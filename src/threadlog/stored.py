"""The stored threads of a home: which there are, and what they say."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Unpack

from threadlog.core import layout
from threadlog.core.index_status import never, untold
from threadlog.core.query import UPDATED, ThreadPage, ThreadQuery, ThreadSummary

if TYPE_CHECKING:
    from threadlog.asking import Asked, Chosen
    from threadlog.core.export import ExportReport
    from threadlog.core.history import History, Value
    from threadlog.core.index_status import IndexStatus, Progress, Stop
    from threadlog.core.lines import Json
    from threadlog.core.outline import Outline
    from threadlog.core.search import Inherited, SearchPage, WordStatus
    from threadlog.core.stats import Stats
    from threadlog.core.tree import Ancestor, Tree
    from threadlog.core.turn import Turn
    from threadlog.core.visibility import Visibility
    from threadlog.exporting import ExportAsked
    from threadlog.following import Following
    from threadlog.keeper import Keeper
    from threadlog.ports import Store
    from threadlog.reader import Report, ThreadReader
    from threadlog.searching import Searched


# What a caller may mean a thread by: see Home.
Reference = str | os.PathLike[str]


class StoredThreads:
    """The half of `Home` that only reads."""

    def __init__(self, store: Store, *, background: bool = False) -> None:
        self._store = store
        self._keeper: Keeper | None = None
        if background:
            from threadlog.keeper import Keeper

            self._keeper = Keeper(store.catalog)

    @property
    def path(self) -> str:
        """The absolute path of the home."""
        return self._store.home

    @property
    def store(self) -> Store:
        """The adapter underneath, for code that brings its own use cases."""
        return self._store

    def query(self, asked: Asked) -> ThreadQuery:
        """The keywords of `threads` as the value that the store takes; raises as `threads`."""
        from threadlog.asking import query_of
        from threadlog.core.visibility import DEFAULT_PROVIDER, INTERACTIVE

        provider = None
        if asked.get("providers") or asked.get("codex"):
            provider = self._store.model_provider() or DEFAULT_PROVIDER
        query = query_of(asked, provider)
        if query.codex and provider:
            query = query._replace(
                providers=query.providers or (provider,), sources=query.sources or INTERACTIVE
            )
        return query

    def threads(self, *, stop: Stop | None = None, **asked: Unpack[Asked]) -> ThreadPage:
        """Threads, the newest first; `page.next` is the cursor for more.

        *sort* is "created", "updated" or "recency" (when the user last took a turn); *ascending*
        turns it round; *limit* is 50, None means all.  *archived* True asks for the archived
        threads instead, None for both kinds.

        Filters: *cwd* (a working directory, or several; links are resolved), *sources* ("cli",
        "vscode", "subagent", "subagent:review", ...), *providers* (a thread that names none is of
        the one that the home's Codex has configured), *text* (in the name or first message),
        *branch*, *repository* (its address, or the end of it: "owner/name"), *since* and *until*
        (of the time sorted by; datetimes, RFC 3339, or `7d` for so long ago), *parent* (begun by a
        thread), *forked_from*, *codex* (only what Codex's own list shows by default).
        docs/listing.md tells more.

        *stop* is asked again and again while much has to be read for the answer (by this thread):
        once it is true, GivenUp is raised.  Raises BadCursor; ValueError and TypeError for what
        cannot be asked.
        """
        self._expect_own()
        page = self._store.catalog.page(self.query(asked), stop or never)
        if self._keeper is not None:
            self._keeper.wake()
        return page

    def _expect_own(self) -> None:
        """Have a listing that may be old know at least what this process recorded itself."""

    def search(
        self, text: str, *, stop: Stop | None = None, **asked: Unpack[Searched]
    ) -> SearchPage:
        """What was said and done in threads, by its words; `page.next` is the cursor for more.

        *text* are words, all of which stand in one passage (a message, a call, an output, ...):
        `"in quotation marks"` one behind the other, `pre*` as beginnings, and fields: `role:`,
        `tool:`, `cwd:`, `branch:`, `after:`, `before:`, `in:` a thread.  With *exact* it is any
        text as it stands, in either case of letters.

        The fields are keywords too: *roles* (user, agent, reasoning, plan, tool, output, error),
        *tools*, *after* and *before* (when it was said), *within* (threads), and of threads *cwd*,
        *branch*, *repository*, *sources*, *providers*, *archived* (None, both, if not given), as
        in `threads`.  What the threads of *within* build on by reference is searched too, unless
        *inherited* is false.  *copies* also finds what forks copied, which else is found in its
        origin only.  *order* is "newest" or "relevance"; *limit* is 50; *counted* has `page.total`
        and `page.threads` told.  docs/search.md tells more.

        What is not in the word index yet is read for the answer: it is always complete, or
        `page.problems` says what is not.  *stop* is asked again and again while that is read (by
        this thread): once it is true, GivenUp is raised.  Raises BadQuery, BadCursor, and
        ValueError and TypeError for what cannot be asked; as all methods that take a reference for
        *within*.
        """
        self._expect_own()
        from threadlog.searching import query_of

        query = query_of(text, asked, self.query, self._key, self._inherited)
        return self._store.search.find(query, stop or never)

    def _key(self, reference: Reference) -> str:
        """The id of a thread, or for one without an id where its rollout lies in the home."""
        thread = self.get(reference)
        return thread.id or os.path.relpath(thread.path, self.path)

    def _inherited(self, key: str) -> list[Inherited]:
        """What of other threads a thread builds on by reference."""
        from threadlog.core.search import Inherited

        parts = []
        for segment in self.reader(self.get(key)).segments()[:-1]:
            parsed = layout.parse_name(os.path.basename(segment.path))
            thread_id = parsed.thread_id if parsed is not None else None
            if thread_id is not None and thread_id != key and segment.end is not None:
                parts.append(Inherited(key, thread_id, segment.path, segment.end))
        return parts

    def search_status(self, *, stop: Stop | None = None) -> WordStatus:
        """How the word index behind searches stands; whatever it says, searches are complete.

        *stop* as for `threads`.
        """
        return self._store.search.status(stop or never)

    def catch_up_search(
        self, *, timeout_s: float | None = None, progress: Progress | None = None
    ) -> bool:
        """Bring the word index up to date, the threads that changed last first.

        Stops after *timeout_s* seconds, and goes on from there the next time, in any process; True
        if nothing was left to do.  Never raises: where there can be no index there is none.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        return self._store.search.catch_up(
            lambda: end is not None and time.monotonic() >= end, progress or untold
        )

    def rebuild_search(self) -> bool:
        """Empty the word index; `catch_up_search` builds it anew.

        False if it could not be emptied: others were at work with it, or there is none.
        """
        return self._store.search.rebuild()

    def count(self, *, stop: Stop | None = None, **asked: Unpack[Asked]) -> int:
        """How many threads the keywords of `threads` mean, whatever limit and cursor.

        *stop* as for `threads`.
        """
        return self._store.catalog.counts([self.query(asked)], stop or never)[0]

    def stats(self, *, by: str = "day", **asked: Unpack[Chosen]) -> Stats:
        """What threads used: tokens, turns and their time, calls of tools.

        Added up by "day" (of this machine's time zone), "project" (the git repository, else the
        working directory), "model", "tool", "source" or "thread".  The keywords of `threads` that
        choose threads choose them here; archived threads count unless *archived* is False.
        *since* and *until* bound when things happened, to a quarter of an hour.

        Each thread counts its own part: what a fork copied or a thread inherited, its parent
        counts, if that is in the home.  All of it together are the totals that the newest token
        counts tell, as in Codex.  Rollouts that were not read to their ends yet are read first, as
        by `catch_up`.  docs/stats.md tells more.  Raises ValueError and TypeError as `threads`.
        """
        from threadlog.stats import stats

        return stats(self, by, asked)

    def find_latest(self, **asked: Unpack[Asked]) -> ThreadSummary | None:
        """The thread that changed last, of those that the keywords of `threads` mean; or None."""
        asked.setdefault("sort", UPDATED)
        asked["limit"] = 1
        return next(iter(self.threads(**asked)), None)

    def index_status(self) -> IndexStatus:
        """How the index behind listings stands; whatever it says, listings are complete."""
        return self._store.catalog.status()

    def tell_progress(self, progress: Progress) -> None:
        """Have *progress* told how far it is while a listing has to read much, which is seldom."""
        self._store.catalog.progress = progress

    def catch_up(
        self,
        *,
        timeout_s: float | None = None,
        progress: Progress | None = None,
        check: bool = False,
    ) -> bool:
        """Bring the index up to date: every rollout read to its end, the newest first.

        Afterwards listings are as fast as they can be, and `scanned` for every thread.  Stops
        after *timeout_s* seconds, and goes on from there the next time, in any process; True if
        nothing was left to do.  With *check* the index itself is compared with the folders first.
        Never raises: where there can be no index there is none.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        return self._store.catalog.catch_up(
            lambda: end is not None and time.monotonic() >= end, progress or untold, check=check
        )

    def rebuild_index(self) -> bool:
        """Empty the index; what is in it comes back with `catch_up`, or as listings need it.

        False if it could not be emptied: others were at work with it, or there is none.
        """
        return self._store.catalog.rebuild()

    def get(self, reference: Reference) -> ThreadSummary:
        """The summary of one thread."""
        return self._store.catalog.find(str(reference))

    def why(self, reference: Reference) -> Visibility:
        """What our list, and Codex's own by default, do with one thread, and why."""
        from threadlog.core.visibility import DEFAULT_PROVIDER, visibility

        return visibility(self.get(reference), self._store.model_provider() or DEFAULT_PROVIDER)

    def lineage(self, reference: Reference) -> tuple[Ancestor, ...]:
        """The threads that one was forked from, the oldest first, itself last.

        By forked_from_id, and by history_base where that names another thread.  One that is not
        there any more has its id, and is `missing`.
        """
        from threadlog import kinship

        return kinship.lineage(self._store, self.get(reference))

    def tree(
        self,
        reference: Reference | None = None,
        *,
        stop: Stop | None = None,
        **asked: Unpack[Asked],
    ) -> Tree:
        """Threads with those that come from them below: subagents, reviews, and marked, forks.

        Of one thread all that comes from it, under what it comes from; else, for the threads of a
        page, which the keywords of `threads` ask for, the whole trees they stand in.  Archived
        threads stand in their places.  *stop* as for `threads`.  Raises as `threads`; ValueError
        for both at once.
        """
        from threadlog import kinship

        if reference is None:
            page = self.threads(stop=stop, **asked)
            return kinship.tree_page(self._store, page, stop or never)
        if asked:
            raise ValueError(f"the tree of one thread is whole: {min(asked)} chooses among threads")
        return kinship.tree_of(self._store, self.get(reference), stop or never)

    def iter_lines(self, reference: Reference, *, backwards: bool = False) -> Iterator[Value]:
        """Every line, oldest or newest first, of the thread and of what it was forked from.

        Yields `Line`, and in their places `Damaged`, `Oversized` and `Gap`.
        """
        reader = self.reader(self.get(reference))
        return reader.values_backwards() if backwards else reader.values()

    def turns(self, reference: Reference, *, last: int | None = None) -> Iterator[Turn]:
        """The turns, oldest first; *last* reads only the newest so many, from the end."""
        if last is not None and last < 0:
            raise ValueError(f"cannot read the last {last} turns")
        reader = self.reader(self.get(reference))
        return reader.turns() if last is None else iter(reader.last_turns(last))

    def follow(self, reference: Reference, *, offset: int | None = None) -> Following:
        """A thread as it grows: its lines from now on, or from byte *offset* of its newest rollout.

        Iterate over it, which waits for more, or call its `poll`, which does not.  Only whole lines
        come, whoever writes them; a revert, a rollout cut short and a thread deleted are told in
        their places (Codex tells its clients of its own turns only).
        """
        from threadlog.following import Following

        return Following(self._store.catalog, self._store.rollouts, self.get(reference), offset)

    def export(
        self,
        *references: Reference,
        to: str | os.PathLike[str] | IO[bytes] | IO[str],
        **asked: Unpack[ExportAsked],
    ) -> ExportReport:
        """Write threads to *to*: a path, or a file that is open for writing; says what was done.

        *format* is "html" (the default: one file that opens by itself), "md", "json" or "jsonl"
        (the threads' own lines).  *turns* is the first and the last turn, counted from 1, from the
        end where negative, None for no end.  *redact* says what is replaced: some of "secrets",
        "paths" and "email"; if it is not given secrets are for html and md, and nothing for json
        and jsonl.  *rules* is a table of rules (TOML) besides the built-in ones, else the home's
        `threadlog/redaction.toml`.  docs/export.md tells more.

        Nothing grows with a thread.  A path is written aside and then named, for its owner alone.
        Raises NotFound for a thread or turns that are not there, Ambiguous and OutsideHome for an
        id or a path that means no one thread of this home, Unreadable for a rollout that cannot be
        read, OSError for what cannot be written and rules that cannot be read, ValueError for what
        cannot be asked: an unknown format, rules that are none, a path in the home.
        """
        from threadlog.exporting import export

        return export(self, references, to, asked)

    def history(self, reference: Reference) -> History:
        """The whole thread in memory, to go on from; raises EmptyRollout, NoThreadId too."""
        return self.reader(self.get(reference)).history()

    def outline(self, reference: Reference) -> list[Outline]:
        """Where each line begins and what it is, for each rollout of the thread, oldest first."""
        return self.reader(self.get(reference)).outline()

    def model_input(self, reference: Reference) -> list[dict[str, Json]]:
        """The Responses items to send to a model next, without loading the whole thread."""
        return self.reader(self.get(reference)).model_input()

    def reader(self, summary: ThreadSummary, report: Report | None = None) -> ThreadReader:
        """A reader of the thread that *summary* describes; *report* is told of all damage."""
        from threadlog.reader import ThreadReader

        if report is None:
            return ThreadReader(self._store.rollouts, summary)
        return ThreadReader(self._store.rollouts, summary, report)
