"""Which thread a user's reference means, whoever knows the threads: the files, or the index."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Protocol

from threadlog.core import ids, layout
from threadlog.core.ids import Reference
from threadlog.core.query import ThreadSummary
from threadlog.errors import Ambiguous, NotFound, OutsideHome
from threadlog.local.scan import Found, found_at

# So many candidates are named when a reference is ambiguous.
CANDIDATES_NAMED = 5


class Threads(Protocol):
    """What is asked of whoever knows the threads of a home."""

    @property
    def problems(self) -> Sequence[str]:
        """What could not be listed."""

    def has_name(self, name: str) -> bool:
        """True if a thread was given this name outside its rollout."""

    def last(self) -> list[str]:
        """The active thread that changed most recently, if there is one."""

    def fitting(self, reference: Reference) -> list[str]:
        """The ids that a reference is, or is a piece of."""

    def named(self, name: str) -> list[str]:
        """The threads of this name given outside their rollouts."""

    def named_inside(self, name: str) -> list[str]:
        """The threads of this name; costs a look at every rollout."""

    def summary(self, thread_id: str) -> ThreadSummary:
        """The summary of a thread found."""

    def summary_at(self, found: Found) -> ThreadSummary:
        """The summary of the thread of a rollout."""


def resolve(home: str, threads: Threads, text: str) -> ThreadSummary:
    """The one thread meant; raises NotFound, Ambiguous, OutsideHome."""
    read = ids.read_reference(text)
    if read.kind == "path" and not threads.has_name(text):
        return threads.summary_at(_find_path(home, text))
    if read.kind == "last":
        matches = threads.last()
    else:
        matches = threads.fitting(read)
        if read.kind != "id" or not matches:  # an id is its thread's, whatever others are called
            matches = list(dict.fromkeys([*matches, *threads.named(text)]))
    if not matches and read.kind in ("text", "path"):
        matches = threads.named_inside(text)
    if not matches:
        problems = "".join(f"; {problem}" for problem in threads.problems)
        raise NotFound(_not_found(read, home) + problems)
    if len(matches) > 1:
        raise _ambiguous(text, sorted(matches, reverse=True))
    return threads.summary(matches[0])


def real_path(path: str) -> str | None:
    """The path without symbolic links; None if no file can have this path."""
    try:
        return os.path.realpath(path)
    except (ValueError, OSError):
        return None


def _find_path(home: str, text: str) -> Found:
    """The rollout at a path, which must lie in this home's rollout folders."""
    expanded = _expanded(text)
    path = real_path(expanded)
    if path is not None and not os.path.isabs(expanded) and not os.path.lexists(path):
        path = real_path(os.path.join(home, expanded))
    if path is None:
        raise NotFound(f"no file at {text!r}")
    roots = [os.path.realpath(os.path.join(home, each)) for each in layout.ROOTS]
    if not any(path.startswith(root + os.sep) for root in roots):
        raise OutsideHome(
            f"{text} does not lie in the sessions of {home}; name the home it lies in with --home"
        )
    if not os.path.isfile(path):
        other = layout.twin(path)  # Codex may have (un)packed it since somebody noted the path
        if other is None or os.path.realpath(other) != other or not os.path.isfile(other):
            raise NotFound(f"no file at {path}")
        path = other
    for root, real in zip(layout.ROOTS, roots, strict=True):
        if path.startswith(real + os.sep):
            path = os.path.join(home, root, path[len(real) + 1 :])  # as a walk would spell it
            break
    return found_at(path, archived=root == layout.ARCHIVED)


def _expanded(text: str) -> str:
    """The path with a user's home in place of `~`; as it is where no user can have that name."""
    try:
        return os.path.expanduser(text)
    except ValueError:  # NULs, or what has no UTF-8 form
        return text


def _not_found(read: Reference, home: str) -> str:
    if read.kind == "last":
        return f"no thread in {home} yet"
    hint = ""
    if read.kind == "text" and not (read.suffix or read.prefix):
        hint = (
            f" (a piece of an id needs the last {ids.SUFFIX_MIN_DIGITS} digits or more, "
            f"or the first {ids.PREFIX_MIN_CHARS} characters)"
        )
    return f"no thread {read.text!r} in {home}{hint}"


def _ambiguous(reference: str, matches: list[str]) -> Ambiguous:
    named = ", ".join(matches[:CANDIDATES_NAMED])
    more = f" and {len(matches) - CANDIDATES_NAMED} more" if len(matches) > CANDIDATES_NAMED else ""
    return Ambiguous(
        f"{reference!r} fits {len(matches)} threads: {named}{more}; give more of the id",
        tuple(matches),
    )
