"""A thread's row: what a listing shows, and the columns that it sorts and filters by.

The summary is kept as ASCII JSON, which holds whatever text a rollout or a file name can; columns
hold texts as they are compared.
"""

from __future__ import annotations

import json
import os

from threadlog.core import filters, moments
from threadlog.core.lines import parse_json
from threadlog.core.names import PATCHED, USUAL_MEMORY_MODE, Patch
from threadlog.core.query import ThreadSummary
from threadlog.local.scan import below

COLUMNS = (
    "created_ms",
    "updated_ms",
    "recency_ms",
    "cwd",
    "source",
    "provider",
    "branch",
    "repository",
    "parent",
    "forked_from",
    "name",
    "hidden",
    "scanned",
    "words",
    "row",
)

Value = str | int | None
_PATH = ThreadSummary._fields.index("path")
_FIELDS = {field: ThreadSummary._fields.index(field) for field in PATCHED}


def values(home: str, summary: ThreadSummary) -> tuple[Value, ...]:
    """The values of COLUMNS; paths are kept without the home, which may be moved."""
    kept = summary._replace(path=below(home, summary.path))
    url = summary.git_url
    return (
        moments.unix_ms(summary.created),
        moments.unix_ms(summary.updated),
        moments.unix_ms(summary.recency),
        filters.comparable(summary.cwd),
        filters.comparable(summary.source),
        filters.comparable(summary.model_provider),
        filters.comparable(summary.git_branch),
        filters.repository_key(url) if url else None,
        filters.comparable(summary.parent_thread_id),
        filters.comparable(summary.forked_from_id),
        filters.comparable(summary.name),
        summary.codex_hides is not None,
        summary.scanned,
        filters.searched(filters.words(summary)),
        json.dumps(kept, separators=(",", ":")),
    )


def summary_of(home: str, row: str) -> ThreadSummary:
    """The summary that a row holds."""
    values = parse_json(row.encode())
    path = values[_PATH]
    # Nearly always what os.path.join gives, at a fraction of its cost: pages are made of this.
    whole = os.path.join(home, path) if home.endswith(os.sep) else f"{home}{os.sep}{path}"
    values[_PATH] = whole
    return ThreadSummary._make(values)


def shows(row: str, patch: Patch) -> bool:
    """True if a row shows these fields of metadata already."""
    values = parse_json(row.encode())
    usual = {"memory_mode": USUAL_MEMORY_MODE}
    return all(
        (values[_FIELDS[field]] or usual.get(field)) == told for field, told in patch.items()
    )
