"""How a home is, as `threadlog doctor` tells it: values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threadlog.core.index_status import IndexStatus
from threadlog.core.parity import Parity


class Writing(NamedTuple):
    """A thread that somebody writes at this moment, and the process, where the system tells."""

    thread_id: str
    process: int | None


class Place(NamedTuple):
    """What a look at the files of a home tells, but for their content.

    `open_files` and `open_folders` can be read by other users of the machine.  `differ` are the
    threads that the index has and the files have not, or the other way round.  `rescued` are copies
    of rollouts that somebody deleted, or replaced, while we recorded them.
    """

    rollouts: int
    compressed: int
    size_bytes: int
    open_files: int
    open_folders: int
    index_status: IndexStatus
    differ: Sequence[str]
    writers: Sequence[Writing]
    rescued: Sequence[str]
    problems: Sequence[str]


class Damaged(NamedTuple):
    """A thread whose rollout is not whole: what is wrong, without a word of its content."""

    id: str | None
    path: str
    what: str


class Checkup(NamedTuple):
    """How a home is.

    `unscanned` threads were not read to their ends: what is damaged in their middle is not known.
    `codex` is how a Codex's database in the same home stands, and where it differs from the files.
    `hidden` counts why Codex's own list leaves threads out by default, `versions` which programs
    began them.
    """

    threads: int
    archived: int
    place: Place
    damaged: Sequence[Damaged]
    codex: Parity
    unscanned: int
    hidden: Mapping[str, int]
    versions: Mapping[str, int]

    @property
    def healthy(self) -> bool:
        """True if nothing is wrong: open files, what Codex hides and rows that it lacks are not."""
        whole = not (self.damaged or self.place.differ or self.place.problems)
        return whole and self.codex.healthy
