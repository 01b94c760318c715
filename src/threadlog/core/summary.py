"""A thread's summary out of what its lines say and what its files are."""

from __future__ import annotations

from typing import NamedTuple

from threadlog.core import moments
from threadlog.core.metadata import PAGINATED, Metadata, source_label
from threadlog.core.names import PATCHED, USUAL_MEMORY_MODE, Named, Patch, newest, told_beside
from threadlog.core.query import ThreadSummary


class Files(NamedTuple):
    """What the files of a thread are, or will be; times as in `ThreadSummary`."""

    path: str
    created: str
    updated: str
    recency: str
    archived: bool = False
    size_bytes: int = 0
    compressed: bool = False
    rollouts: int = 1
    problem: str | None = None
    codex_hides: str | None = None


class Counts(NamedTuple):
    """What only the whole rollout tells."""

    turns: int
    problems: int
    tokens: int


class Told(NamedTuple):
    """What is known of a thread's content: by its head, or by all of it if there are *counts*.

    `first_message` is that of its own rollout, where *metadata* has that of what it builds on.
    """

    metadata: Metadata
    first_message: str
    model: str | None = None
    name: Named | None = None  # told outside the rollout
    counts: Counts | None = None


def summarise(thread_id: str | None, told: Told, files: Files) -> ThreadSummary:
    """What a listing shows of a thread."""
    metadata, counts = told.metadata, told.counts
    # A legacy rollout tells it itself, once it was read.
    beside = told.name is not None and (counts is None or metadata.history_mode == PAGINATED)
    patch = _patch(told.name, metadata) if told.name and beside else {}
    metadata = metadata._replace(**patch)  # type: ignore[arg-type]
    named = newest((told.name, _own_name(metadata)))
    name = named.name if named else None
    preview = metadata.began
    return ThreadSummary(
        id=thread_id,
        path=files.path,
        cwd=metadata.cwd,
        title=name or preview,
        name=name,
        preview=preview,
        first_user_message=told.first_message,
        source=source_label(metadata.source) if metadata.thread_id else "unknown",
        created=files.created,
        updated=files.updated,
        recency=files.recency,
        archived=files.archived,
        git_branch=metadata.git_branch,
        git_commit=metadata.git_commit,
        git_url=metadata.git_url,
        model_provider=metadata.model_provider,
        model=told.model or metadata.model,
        cli_version=metadata.cli_version,
        originator=metadata.originator,
        history_mode=metadata.history_mode,
        forked_from_id=metadata.forked_from_id,
        parent_thread_id=metadata.parent_thread_id,
        agent_nickname=metadata.agent_nickname,
        agent_role=metadata.agent_role,
        size_bytes=files.size_bytes,
        compressed=files.compressed,
        rollouts=files.rollouts,
        problem=files.problem,
        codex_hides=files.codex_hides,
        scanned=counts is not None,
        turns=counts.turns if counts else None,
        problems=counts.problems if counts else None,
        tokens=counts.tokens if counts else None,
        memory_mode=_memory_mode(told, patch, metadata),
    )


def _memory_mode(told: Told, patch: Patch, metadata: Metadata) -> str | None:
    """None where only all of the rollout would tell; that it is the usual one is not told so."""
    ours = told.name is not None and "memory_mode" in patch and "memory_mode" in told.name.patch
    if told.counts or ours or patch.get("memory_mode", USUAL_MEMORY_MODE) != USUAL_MEMORY_MODE:
        return metadata.memory_mode or USUAL_MEMORY_MODE
    return None


def _patch(named: Named, metadata: Metadata) -> dict[str, str | None]:
    """What counts in place of what the rollout says; Codex's row tells of paginated ones only."""
    if metadata.history_mode != PAGINATED:
        return dict(named.patch)
    return told_beside(named, {field: getattr(metadata, field) for field in PATCHED})


def _own_name(metadata: Metadata) -> Named | None:
    if metadata.name is None:
        return None
    return Named(metadata.name, moments.unix_ms(metadata.name_at or "") or 0)
