"""Which threads' files stay open between batches, and which wait to be synced.

A file that stays open costs a descriptor, saves opening it again, and is the only way to what is
in it should somebody delete it.  The worker's own: no other thread looks in here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from threadlog.states import Live

if TYPE_CHECKING:
    from threadlog.backlog import Channel

# So many files stay open, beside those that helpers are at work with.
OPEN_FILES = 64


class OpenFiles:
    """The files of those channels that no helper is at work with."""

    def __init__(self) -> None:
        # Oldest first, and when they were written to last.
        self._open: dict[Channel, float] = {}
        self._closed: dict[Channel, float] = {}
        self._synced: dict[Channel, None] = {}
        self._lent: set[Channel] = set()

    @property
    def waiting(self) -> bool:
        """True if any is not synced."""
        return bool(self._open or self._closed)

    def wrote(self, channel: Channel) -> None:
        """A channel's file was just written to, and is open."""
        self.forget(channel)
        self._open[channel] = time.monotonic()
        self._bound()

    def synced(self, channel: Channel) -> None:
        """A channel's file has nothing that is not synced, and may be open."""
        self.forget(channel)
        self._synced[channel] = None
        self._bound()

    def idle(self, since: float) -> Iterator[Channel]:
        """Those that are not synced and were last written to before *since*; each is forgotten."""
        for waiting in (self._open, self._closed):
            while waiting:
                channel, written_at = next(iter(waiting.items()))
                if written_at > since:
                    break
                yield channel
                waiting.pop(channel, None)

    def rest(self, channel: Channel) -> None:
        """Close a channel's file; it is synced when there is time, or somebody waits for it."""
        if not isinstance(channel.state, Live):
            return
        written_at = self._open.pop(channel, None)
        if written_at is not None:
            self._closed[channel] = written_at
        elif channel in self._synced:
            del self._synced[channel]
        else:
            return
        channel.state.appender.rest()

    def rest_all(self) -> None:
        """Close all that can be: the process has too many open."""
        for channel in [*self._synced, *self._open]:
            self.rest(channel)

    def forget(self, channel: Channel) -> None:
        """A channel's file is closed, or nobody's business any more."""
        for each in (self._open, self._closed, self._synced):
            each.pop(channel, None)

    def lend(self, channel: Channel) -> None:
        """A helper looks after a channel's file, until it comes `back`."""
        is_open = channel in self._open or channel in self._synced
        self.forget(channel)
        if is_open:
            self._lent.add(channel)

    def back(self, channel: Channel) -> None:
        """No helper looks after it any more."""
        self._lent.discard(channel)

    def _bound(self) -> None:
        while len(self._open) + len(self._synced) + len(self._lent) > OPEN_FILES:
            if not (mine := self._synced or self._open):
                return
            self.rest(next(iter(mine)))
