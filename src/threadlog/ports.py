"""The seam between the use cases and where threads are kept: small protocols, no code.

`Catalog` answers which threads there are, `Rollouts` gives their lines, `Journal` is the only way
to write one.  An adapter implements all three; the use cases know nothing else about storage.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from threadlog.core.framing import Frame, Gap
from threadlog.core.lineage import Segment
from threadlog.core.metadata import Metadata
from threadlog.core.query import ThreadPage, ThreadQuery, ThreadSummary


class Catalog(Protocol):
    """Which threads there are."""

    def page(self, query: ThreadQuery) -> ThreadPage:
        """The threads that *query* asks for, newest first; raises BadCursor."""

    def find(self, reference: str) -> ThreadSummary:
        """The one thread that a user's reference means; raises NotFound, Ambiguous, OutsideHome."""


class Rollouts(Protocol):
    """The lines of threads."""

    def metadata(self, thread: ThreadSummary) -> Metadata:
        """What the head of the thread's newest rollout says."""

    def segments(self, thread: ThreadSummary) -> list[Segment]:
        """The pieces of rollouts that hold the thread's lines, oldest first."""

    def read(self, segment: Segment) -> Iterator[Frame | Gap]:
        """The lines of a segment, first to last; raises Unreadable."""

    def read_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        """The lines of a segment, last to first; raises Unreadable."""

    def chunks(self, segment: Segment) -> Iterator[bytes | Gap]:
        """The bytes of a segment, in pieces; raises Unreadable."""


class Appender(Protocol):
    """An open rollout that one process appends to."""

    def append(self, batch: Sequence[bytes]) -> None:
        """Add whole lines in one write, all of them or none; raises OSError."""

    def sync(self) -> None:
        """Return once all appended lines are on stable storage; raises OSError."""

    def close(self) -> None:
        """Let go of the file and of the thread's lock."""


class Journal(Protocol):
    """Where new rollouts are made."""

    def plan(self, stamp: str, thread_id: str) -> str:
        """The absolute path that a new thread's rollout will have; touches nothing."""

    def create(self, path: str, thread_id: str) -> Appender:
        """Make the planned rollout and become its only writer; raises InUse, OSError."""


class Store(Protocol):
    """All of it: what a home needs of its adapter."""

    @property
    def home(self) -> str:
        """Where it is, for messages."""

    @property
    def catalog(self) -> Catalog:
        """Which threads there are."""

    @property
    def rollouts(self) -> Rollouts:
        """Their lines."""

    @property
    def journal(self) -> Journal:
        """Where new ones are made."""

    def model_provider(self) -> str | None:
        """The model provider that programs in this home use, if that is known."""
