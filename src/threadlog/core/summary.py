"""A thread's summary out of what its lines say and what its files are."""

from __future__ import annotations

from typing import NamedTuple

from threadlog.core.metadata import Metadata, source_label
from threadlog.core.query import ThreadSummary


class Files(NamedTuple):
    """What the files of a thread are, or will be; times as in `ThreadSummary`."""

    path: str
    created: str
    updated: str
    archived: bool = False
    size_bytes: int = 0
    compressed: bool = False
    rollouts: int = 1
    problem: str | None = None


def summarise(thread_id: str | None, metadata: Metadata, files: Files) -> ThreadSummary:
    """What a listing shows of a thread."""
    return ThreadSummary(
        id=thread_id,
        path=files.path,
        cwd=metadata.cwd,
        title=metadata.title,
        name=metadata.name,
        preview=metadata.preview or metadata.goal,
        source=source_label(metadata.source) if metadata.thread_id else "unknown",
        created=files.created,
        updated=files.updated,
        archived=files.archived,
        git_branch=metadata.git_branch,
        git_commit=metadata.git_commit,
        git_url=metadata.git_url,
        model_provider=metadata.model_provider,
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
    )
