"""A stored thread as it grows: whole lines, as they come to be on disk, whoever writes them.

Looks, and so does not depend on being told: at the rollout, and at its folder, where a revert puts
another one.  A rollout that is compressed, made plain or moved meanwhile is the same bytes, and is
gone on with where it was left.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from threadlog.core.decode import Line, decode_frame
from threadlog.core.framing import LF, Frame, Oversized, Splitter, line_length
from threadlog.core.growth import Glance
from threadlog.core.layout import plain, twin
from threadlog.core.lineage import Segment
from threadlog.core.lines import Damaged
from threadlog.core.query import ThreadSummary
from threadlog.errors import ThreadlogError, Unreadable

if TYPE_CHECKING:
    from threadlog.ports import Catalog, Growing

# How long it waits between two looks; how much it reads at a look.
LOOK_S = 0.25
GROWTH_BYTES = 1 << 20
# A thread that was not to be found for so long is gone; what moves is away for an instant.
GONE_S = 1.5
# So often it is looked whether the thread goes on elsewhere, whatever its folder tells: a revert
# may be of another day.  That takes no more than so small a share of the time, however often the
# folder changes: without an index all of the home is gone through.
SEARCH_S, SEARCH_SHARE = 1, 50


class Reverted(NamedTuple):
    """The thread goes on in another rollout, from before some of its turns.

    Of the rollout before it, what lies before byte `end` still counts; None: nothing of it.
    """

    end: int | None


class Shortened(NamedTuple):
    """The rollout is shorter than it was; it is gone on with from byte `offset`."""

    offset: int


class Deleted(NamedTuple):
    """The thread is not there any more: nothing comes after this."""


class Followed(NamedTuple):
    """What came: a line, or what there is in its stead, or what became of the rollout at `path`."""

    path: str
    value: Line | Damaged | Oversized | Reverted | Shortened | Deleted


class Following:
    """A thread that is followed; iterate, which waits, or `poll`, which does not."""

    def __init__(
        self,
        catalog: Catalog,
        rollouts: Growing,
        summary: ThreadSummary,
        offset: int | None = None,
    ) -> None:
        """From byte *offset* of the newest rollout on, where a line begins; None is its end.

        Raises ValueError for an offset that is none.
        """
        if offset is not None and (type(offset) is not int or offset < 0):
            raise ValueError(f"no byte of a rollout: {offset!r}")
        self._catalog = catalog
        self._rollouts = rollouts
        self._thread_id = summary.id
        self._closed = threading.Event()
        self._queue: list[Segment] = []
        self._glance: Glance | None = None  # at what was read last
        self._folder_ns = 0
        self._search_at = 0.0  # at the latest
        self._search_from = 0.0  # and no sooner
        self._missing_since: float | None = None
        self.ended = False
        self._stuck = False  # what is to be read cannot be read just now
        self._segment = Segment("", summary.path)
        self._begin_at(self._whole_end() if offset is None else offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop; who waits in an iteration, on any thread, waits no more."""
        self._closed.set()
        self.ended = True

    @property
    def path(self) -> str:
        """The rollout that is followed now."""
        return self._segment.path

    @property
    def offset(self) -> int:
        """The byte of it, uncompressed, that the next line begins at."""
        return self._offset

    @property
    def behind(self) -> bool:
        """True while there is more to be read at once."""
        return self._behind and not self._stuck and not self.ended

    def wait(self) -> None:
        """Wait for as long as there is between two looks, or until it is closed."""
        self._closed.wait(LOOK_S)

    def __iter__(self) -> Iterator[Followed]:
        """What comes, as it comes; ends when the thread is gone, or with `close`."""
        while not self.ended:
            came = self.poll()
            yield from came
            if not came and not self.behind:
                self.wait()

    def poll(self) -> list[Followed]:
        """What came since the last call, as much as is read at once; never waits, never raises.

        Half a line does not come before its other half.
        """
        if self.ended:
            return []
        glance = self._rollouts.glance(self.path)
        self._stuck = glance is None
        if glance is None:
            return self._look_elsewhere()
        self._missing_since = None
        self._search(glance)
        if glance == self._glance and not self._behind:
            return self._next_rollout()
        try:
            return self._read(glance)
        except Unreadable:
            self._stuck = True
            return []  # it is being moved, or there is nothing to be done before it can be read

    def _read(self, glance: Glance) -> list[Followed]:
        limit = GROWTH_BYTES
        if self._segment.end is not None:
            limit = max(min(limit, self._segment.end - self._fed), 0)
        data, length = self._rollouts.piece(self.path, self._fed, limit)
        if length < self._fed or not self._is_the_same():
            return self._shortened(glance)
        came: list[Followed] = []
        for raw in self._splitter.feed(data):
            value = decode_frame(Frame(self._offset, raw, ended=True))
            self._offset += line_length(raw) + 1
            if value is not None:
                came.append(Followed(self.path, value))
        self._fed += len(data)
        end = length if self._segment.end is None else min(length, self._segment.end)
        self._behind = bool(data) and self._fed < end
        self._glance = glance
        return came

    def _is_the_same(self) -> bool:
        """True if a line still ends where the next one was to begin."""
        return self._offset == 0 or self._rollouts.piece(self.path, self._offset - 1, 1)[0] == LF

    def _shortened(self, glance: Glance) -> list[Followed]:
        self._begin_at(self._whole_end())
        self._glance = glance
        return [Followed(self.path, Shortened(self._offset))]

    def _whole_end(self) -> int:
        """Where the last line ends that has its LF."""
        last = next(iter(self._rollouts.read_backwards(Segment("", self.path))), None)
        if not isinstance(last, Frame):
            return last.offset if last is not None else 0
        return last.offset + (line_length(last.raw) + 1 if last.ended else 0)

    # -- where it goes on

    def _begin_at(self, offset: int) -> None:
        self._offset = self._fed = offset  # of the next line; of the next byte to be read
        self._splitter = Splitter(offset)
        self._glance = None
        self._behind = True  # there is more to be read at once

    def _next_rollout(self) -> list[Followed]:
        """Go on in the next rollout, if there is one and all of this one was told."""
        if not self._queue:
            return []
        before = self._queue.pop(0)
        self._segment = self._queue[0]
        self._begin_at(0)
        if len(self._queue) == 1:
            self._queue.clear()
        return [Followed(self.path, Reverted(before.end))]

    def _search(self, glance: Glance) -> None:
        """Look whether the thread goes on elsewhere, if it may."""
        if self._queue:
            return
        begun = time.monotonic()
        at = self._search_at if glance.folder_ns == self._folder_ns else self._search_from
        if begun < at:
            return
        self._folder_ns = glance.folder_ns
        if (newest := self._newest()) is not None:
            self._lead_to(newest)
        rest_s = SEARCH_SHARE * (time.monotonic() - begun)
        self._search_from, self._search_at = begun + rest_s, begun + max(SEARCH_S, rest_s)

    def _look_elsewhere(self) -> list[Followed]:
        """The rollout does not lie where it lay: it has another form or folder, or is gone."""
        other = twin(self.path)
        if other is not None and self._rollouts.glance(other) is not None:
            self._moved_to(other)
            return []
        if (newest := self._newest()) is not None and newest.path != self.path:
            self._missing_since = None
            self._lead_to(newest)
            return self._next_rollout()
        now = time.monotonic()
        self._missing_since = self._missing_since or now
        if now - self._missing_since < GONE_S:
            return []
        self.ended = True
        return [Followed(self.path, Deleted())]

    def _newest(self) -> ThreadSummary | None:
        """The thread as it stands, if it can be found."""
        if self._thread_id is None:
            return None
        try:
            return self._catalog.find(self._thread_id)
        except ThreadlogError:
            return None

    def _lead_to(self, newest: ThreadSummary) -> None:
        """Go on with the thread's newest rollout; what lies between comes first."""
        if newest.path == self.path:
            return
        if _name(newest.path) == _name(self.path):
            self._moved_to(newest.path)
            return
        try:
            segments = self._rollouts.segments(newest)
        except ThreadlogError:
            return
        at = [
            number for number, each in enumerate(segments) if _name(each.path) == _name(self.path)
        ]
        unknown = Segment("", self.path)
        self._queue = segments[at[-1] :] if at else [unknown, *segments[-1:]]

    def _moved_to(self, path: str) -> None:
        self._segment = self._segment._replace(path=path)
        self._glance = None


def _name(path: str) -> str:
    return plain(os.path.basename(path))
