"""What a listing is asked and what it answers: one meaning, whoever answers it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from threadlog.core.lines import Json

CREATED = "created"
UPDATED = "updated"
RECENCY = "recency"
SORTS = (CREATED, UPDATED, RECENCY)
DEFAULT_LIMIT = 50


class ThreadSummary(NamedTuple):
    """A thread as a listing shows it; the fields are the keys of `threadlog list --json`.

    Times are UTC, RFC 3339 with milliseconds.  `id` is None for a rollout that names no thread.
    `title` is the name, else how it began; `problem` says why a rollout's head told nothing.
    `turns`, `problems`, `tokens` and `memory_mode` are None until the whole rollout was read,
    which `scanned` tells; `name`, `model` and the git fields can be set anew in the middle of a
    rollout, and then are right only from that moment on.
    """

    id: str | None
    path: str
    cwd: str | None
    title: str
    name: str | None
    preview: str
    first_user_message: str
    source: str
    created: str
    updated: str
    recency: str
    archived: bool
    git_branch: str | None
    git_commit: str | None
    git_url: str | None
    model_provider: str | None
    model: str | None
    cli_version: str | None
    originator: str | None
    history_mode: str
    forked_from_id: str | None
    parent_thread_id: str | None
    agent_nickname: str | None
    agent_role: str | None
    size_bytes: int
    compressed: bool
    rollouts: int
    problem: str | None
    codex_hides: str | None
    scanned: bool
    turns: int | None
    problems: int | None
    tokens: int | None
    memory_mode: str | None

    def as_dict(self) -> dict[str, Json]:
        """The summary as plain JSON."""
        return self._asdict()


class ThreadQuery(NamedTuple):
    """What to list; None = no such filter.

    `limit` None means all; `archived` None both kinds.  `sort` also says which time `since_ms`
    (from then on) and `until_ms` (before then) bound.  `cwd` holds folders as they were asked for,
    with `below` those in them count too;
    `sources` holds labels (`subagent` is all of `subagent:review`, `subagent:spawn`, ...); a thread
    without a provider counts as of `default_provider`.  `text` is looked for in name and first
    message, in either case of letters.  `codex` leaves out what Codex's own list leaves out.
    """

    limit: int | None = DEFAULT_LIMIT
    cursor: str | None = None
    sort: str = CREATED
    ascending: bool = False
    archived: bool | None = False
    cwd: tuple[str, ...] | None = None
    below: bool = False
    sources: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    text: str | None = None
    branch: str | None = None
    repository: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    parent: str | None = None
    forked_from: str | None = None
    codex: bool = False
    default_provider: str | None = None


class ThreadPage(Sequence[ThreadSummary]):
    """Some threads; `next` is the cursor for more, None when there are no more.

    `previous` is the cursor with which a listing in the other direction goes on from before the
    first of them.  `problems` says in sentences which folders could not be listed.
    `scanned_files` counts the rollouts that were looked through for the answer (Codex:
    num_scanned_files); a cap on them, as Codex has, there is none.
    """

    reached_scan_cap = False

    def __init__(
        self,
        threads: Sequence[ThreadSummary],
        next_cursor: str | None,
        problems: Sequence[str] = (),
        *,
        previous: str | None = None,
        scanned_files: int = 0,
    ) -> None:
        self.threads = tuple(threads)
        self.next = next_cursor
        self.previous = previous
        self.problems = tuple(problems)
        self.scanned_files = scanned_files

    @overload
    def __getitem__(self, index: int) -> ThreadSummary: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ThreadSummary]: ...
    def __getitem__(self, index: int | slice) -> ThreadSummary | Sequence[ThreadSummary]:
        return self.threads[index]

    def __len__(self) -> int:
        return len(self.threads)

    def __iter__(self) -> Iterator[ThreadSummary]:
        return iter(self.threads)

    def __repr__(self) -> str:
        return f"ThreadPage({len(self.threads)} threads, next={self.next!r})"
