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
NAME_LIMIT_CHARS = 10_000


class Named(NamedTuple):
    """A name, and when it was given: unix milliseconds, 0 if nobody knows.

    `patch` is what else is told of the thread outside of its rollouts: fields of its metadata, in
    place of what it says itself.  The name is "" where only those are told.
    """

    name: str
    at_ms: int = 0
    patch: Mapping[str, str | None] = MappingProxyType({})


class Names(NamedTuple):
    """Names by thread id: the newest of each thread, and those that a database alone tells.

    These are `fragile`: where a database is made anew, they are gone.
    """

    newest: dict[str, Named]
    fragile: dict[str, Named]


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
