"""Reading of stored threads that ends once nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from threadlog.core.framing import Frame, Gap
from threadlog.core.lineage import Segment
from threadlog.core.metadata import Metadata
from threadlog.core.query import ThreadSummary
from threadlog.home import Home
from threadlog.ports import Rollouts
from threadlog.reader import Report, ThreadReader

_T = TypeVar("_T")


class Watched:
    """Rollouts of which each piece is read only after *look* was called, which raises to end it."""

    def __init__(self, rollouts: Rollouts, look: Callable[[], None]) -> None:
        self._rollouts = rollouts
        self._look = look

    def metadata(self, thread: ThreadSummary) -> Metadata:
        """As without."""
        return self._rollouts.metadata(thread)

    def segments(self, thread: ThreadSummary) -> list[Segment]:
        """As without."""
        return self._rollouts.segments(thread)

    def read(self, segment: Segment, start: int = 0) -> Iterator[Frame | Gap]:
        """Lines, watched."""
        return self._watched(self._rollouts.read(segment, start))

    def read_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        """Lines from the end, watched."""
        return self._watched(self._rollouts.read_backwards(segment))

    def chunks(self, segment: Segment) -> Iterator[bytes | Gap]:
        """Bytes, watched."""
        return self._watched(self._rollouts.chunks(segment))

    def _watched(self, pieces: Iterable[_T]) -> Iterator[_T]:
        for piece in pieces:
            self._look()
            yield piece


def reader(
    home: Home, thread: ThreadSummary, look: Callable[[], None], report: Report | None = None
) -> ThreadReader:
    """A reader of a thread; *look* is called again and again, and raises to end the reading."""
    return ThreadReader(Watched(home.store.rollouts, look), thread, *([report] if report else []))
