"""The name of a thread: several places tell one, and the one given last counts.

Codex keeps names in a file, in its database, and as events in the rollout itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

# Of a longer one the beginning is kept.
NAME_LIMIT_CHARS = 10_000


class Named(NamedTuple):
    """A name, and when it was given: unix milliseconds, 0 if nobody knows."""

    name: str
    at_ms: int = 0


def newest(names: Iterable[Named | None]) -> Named | None:
    """The name given last; of those given at one time, the first."""
    return max((each for each in names if each), key=lambda each: each.at_ms, default=None)
