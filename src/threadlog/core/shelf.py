"""What became of threads that were put away, and of those in the trash."""

from __future__ import annotations

from typing import NamedTuple

from threadlog.core.lines import Json

# Why Codex's database was left as it is, where asking again may help.
BUSY = "it is locked by another program"
# What lies in the trash for longer is removed by the next deletion.
KEPT_DAYS = 30
_DAY_MS = 86_400_000


class Place(NamedTuple):
    """A thread: its id, where its rollout lies, and whether its lines are numbered."""

    thread_id: str
    path: str
    paginated: bool = False


class RowMove(NamedTuple):
    """Where the rollouts of a thread lay and lie, in full, and when it was archived (unix seconds).

    None if it is not archived; of the plain names, also where files are compressed.
    """

    thread_id: str
    pairs: tuple[tuple[str, str], ...]
    archived_at_s: int | None = None


class When(NamedTuple):
    """When something is asked for, in unix milliseconds, and whether only to see what it does."""

    at_ms: int
    dry_run: bool = False


class Moved(NamedTuple):
    """One thread that was put elsewhere: where its newest rollout lay, and where it lies now.

    `remarks` are sentences about what was left as it is, a row of Codex's database say.  The
    fields are the keys of `--json`.
    """

    id: str
    was: str
    path: str
    remarks: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {**self._asdict(), "remarks": list(self.remarks)}


class Changed(NamedTuple):
    """One thread of which something was changed in its place; the fields are keys of `--json`."""

    id: str
    path: str
    remarks: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {**self._asdict(), "remarks": list(self.remarks)}


class Trashed(NamedTuple):
    """One thread in the trash; times are UTC, RFC 3339.

    `until` is when it may be removed for good; `path` where its newest rollout lay; `bases` are
    the rollouts that it builds on; `along` is the thread that it was deleted with, as its subagent.
    """

    id: str
    entry: str
    title: str
    deleted: str
    until: str
    path: str
    size_bytes: int
    bases: tuple[str, ...] = ()
    along: str = ""

    def as_dict(self) -> dict[str, Json]:
        """The same as plain JSON."""
        return {**self._asdict(), "bases": list(self.bases)}


def until_ms(deleted_ms: int) -> int:
    """When what was deleted then may be removed for good, in unix milliseconds."""
    return deleted_ms + KEPT_DAYS * _DAY_MS
