"""The name of a thread: several places tell one, and the one given last counts.

Codex keeps names in a file, in its database, and as events in the rollout itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

# The fields of metadata that can be told outside of rollouts.
PATCHED = ("git_branch", "git_commit", "git_url", "memory_mode")
# Of a longer one the beginning is kept.
# What git information is called in a rollout, and in a summary.
GIT_FIELDS = {"commit_hash": "git_commit", "branch": "git_branch", "repository_url": "git_url"}
NAME_LIMIT_CHARS = 10_000
# What a thread says that tells nothing of the mode, and what a row says then.
USUAL_MEMORY_MODE = "enabled"

ROW_SEPARATOR = "\x1f"

# Fields of metadata by their names above.
Patch = Mapping[str, str | None]
NOTHING: Patch = MappingProxyType({})


class Named(NamedTuple):
    """A name, and when it was given: unix milliseconds, 0 if nobody knows.

    `patch` is what else is told of the thread outside of its rollouts: fields of its metadata, in
    place of what it says itself.  `row` is what Codex's row says of these fields, or said when we
    looked at it, see `with_row`.  The name is "" where only those are told.
    """

    name: str
    at_ms: int = 0
    patch: Patch = NOTHING
    row: Patch = NOTHING


_NAMELESS = Named("")


class Names(NamedTuple):
    """Names by thread id: the newest of each thread, and those that a database alone tells.

    These are `fragile`: where a database is made anew, they are gone.  `rows` are what the database
    says of the metadata of paginated threads (see `row_patch`); it was made at `made_ms`.
    """

    newest: dict[str, Named]
    fragile: dict[str, Named]
    rows: Mapping[str, str] = MappingProxyType({})
    made_ms: int = 0


class Beside(NamedTuple):
    """What is told of a home's threads outside of their rollouts, by id.

    Names and patches, and what Codex's rows say now (see `row_patch`).
    """

    names: Mapping[str, Named]
    rows: Mapping[str, str] = MappingProxyType({})

    def of(self, thread_id: str) -> Named | None:
        """What is told of one thread, if anything is."""
        return with_row(self.names.get(thread_id), self.rows.get(thread_id))


def row_patch(text: str) -> Patch:
    """The fields in a row as one text: the thread's id, "=" and the value of each, "" for NULL.

    Homes have many rows, and nearly all say what the rollouts say: they are compared as texts.
    """
    values = text.split(ROW_SEPARATOR)[1:]
    if len(values) != len(PATCHED):
        return NOTHING  # a value holds a separator
    return {key: each[1:] if each else None for key, each in zip(PATCHED, values, strict=True)}


def with_row(kept: Named | None, text: str | None) -> Named | None:
    """What counts of a patch of ours, and of Codex's row, which is told every such patch.

    The `row` of *kept* is what the row said when we looked, or were done.  If it says so still, the
    patch counts; if it says something else, Codex has said it later.  Where we never looked, the
    row was made later, of the rollout: the patch counts until the row says more than that.
    """
    kept = kept or (None if text is None else _NAMELESS)
    if kept is None or not (text or kept.row):
        return kept
    patch, row = dict(kept.patch), dict(row_patch(text) if text else NOTHING)
    for field in kept.patch.keys() & kept.row.keys() & row.keys():
        del (row if row[field] == kept.row[field] else patch)[field]
    return kept._replace(patch=patch, row=row)


def told_beside(named: Named, own: Patch) -> dict[str, str | None]:
    """The fields told outside of a thread's rollouts that count, where *own* are the rollout's."""
    told = dict(named.patch)
    for field, value in named.row.items():
        usual = USUAL_MEMORY_MODE if field == "memory_mode" else None
        if field not in told or value != (own[field] or usual):
            told[field] = value
    return told


def newest(names: Iterable[Named | None]) -> Named | None:
    """The name given last; of those given at one time, the first."""
    return max(
        (each for each in names if each and each.name), key=lambda each: each.at_ms, default=None
    )


def later(names: Mapping[str, Named], others: Mapping[str, Named]) -> dict[str, Named]:
    """The names of two places by thread id, the newest of each; the first place goes first."""
    merged = dict(names)
    for thread_id, named in others.items():
        merged[thread_id] = newest((merged.get(thread_id), named)) or named
    return merged
