"""The worker of a store: it writes what recorders hold, one write a batch, and serves barriers.

One thread drains all recorders of a store by turns.  While items come in it looks every few
milliseconds, so that `record` need not wake it; a barrier wakes it at once.  What can take long
(making a rollout, git, fsync, letting go) is done by a few helpers, to which it hands a channel
over whole.  Nothing here runs on the caller's thread.
"""

from __future__ import annotations

import _thread
import contextlib
import errno
import os
import queue
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from weakref import WeakSet

from threadlog.backlog import Channel, process
from threadlog.barrier import CLOSED, Barrier
from threadlog.making import make_rollout
from threadlog.open_files import OpenFiles
from threadlog.outcome import again, heed, let_pass, recovered, refuse, said_of
from threadlog.pool import THREADS, Pool
from threadlog.ports import Journal
from threadlog.states import Draft, Inflight, Live

TICK_S = 0.005
PARK_S = 0.2
IDLE_S = 1.0
RETRY_S = 1.0
# What was written is kept until it is synced, in case that fails: so it is, once it is so much.
UNSYNCED_BYTES = 8 << 20
_ORDINAL_END = 1 << 64

TellName = Callable[[Channel, str], None]
_Job = Callable[[Channel, list[Barrier]], None]


class Writer:
    """Writes for all recorders of one store."""

    def __init__(self, journal: Journal, tell_name: TellName | None = None) -> None:
        """*tell_name* is told what a thread is called once it is on disk."""
        self.journal = journal
        self._tell_name = tell_name
        self.channels: WeakSet[Channel] = WeakSet()
        self.live: set[Channel] = set()
        self._reset()

    def _reset(self) -> None:
        self._inbox: SimpleQueue[Channel | None] = SimpleQueue()
        self._dirty: list[Channel] = []
        self._parked = False
        self._started = self._working = False
        self._handed_over = 0
        self._pool = Pool()
        # The worker's own: whose files are open, and who could not be written.
        self._files = OpenFiles()
        self._to_sync: list[tuple[Channel, list[Barrier]]] = []
        self._failing: set[Channel] = set()
        self._too_many = False  # files are open

    def forked(self) -> None:
        """In the child: let go of the copies of the parent's files; nothing is written."""
        for channel in list(self.channels):
            channel.disown()
        self.live.clear()
        self._reset()

    # -- for callers

    def adopt(self, channel: Channel) -> None:
        """Take on a channel, draft or live."""
        with process.lock:
            self.channels.add(channel)
            if not channel.draft:
                self.live.add(channel)
                self._start_thread()

    def note(self, channel: Channel) -> None:
        """Under the lock: there is something to write; wakes the worker if it sleeps.

        In this order whoever is interrupted between two lines leaves nothing unsaid.
        """
        self._dirty.append(channel)
        if self._parked:
            self._inbox.put(None)
            self._parked = False
        channel.idle = False

    def post(self, channel: Channel) -> None:
        """Have the worker look after a channel now."""
        with process.lock:
            self._start_thread()
        self._inbox.put(channel)

    def abandon(self, channel: Channel) -> None:
        """Nobody holds its recorder any more: write, then let go.  Takes no lock."""
        channel.abandoned = True
        self._inbox.put(channel)

    def _start_thread(self) -> None:
        """Under the lock: see that there is a worker.

        Not by `Thread.start`, which Ctrl-C leaves half done.  Where it strikes between these two
        lines, another worker is started later, finds the first at work, and ends.
        """
        if not self._started:
            _thread.start_new_thread(self._work, ())
            self._started = True

    # -- the worker

    def _work(self) -> None:
        with process.lock:
            if self._working:
                return
            self._started = self._working = True
        quiet_since = time.monotonic()
        while True:
            todo = self._collect(self._timeout(quiet_since))
            self._tidy()
            if todo:
                while todo:
                    more = [channel for channel in todo if self._turn(channel)]
                    self._start_syncs()
                    todo = list(dict.fromkeys([*more, *self._collect(0)]))  # each in its turn
                    self._tidy()
                quiet_since = time.monotonic()
            elif self._retire(quiet_since):
                return

    def _timeout(self, quiet_since: float) -> float | None:
        """How long to wait for the next call: a tick while items come in, else longer."""
        if time.monotonic() - quiet_since < PARK_S:
            return TICK_S
        with process.lock:
            self._parked = not self._dirty
            if not self._parked:
                return 0
            forever = bool(self.live) and not (self._files.waiting or self._failing)
        return None if forever else IDLE_S / 2

    def _collect(self, timeout_s: float | None) -> list[Channel]:
        """Who needs looking after; waits for that no longer than the time given."""
        found: dict[Channel, None] = {}
        try:
            if timeout_s == 0:
                channel = self._inbox.get_nowait()
            else:
                channel = self._inbox.get(timeout=timeout_s)
            while True:
                if channel is not None:
                    found[channel] = None
                channel = self._inbox.get_nowait()
        except queue.Empty:
            pass
        with process.lock:
            self._parked = False
            dirty, self._dirty = self._dirty, []
            for channel in dirty:
                channel.idle = channel.taking
                found[channel] = None
        now = time.monotonic()
        found.update((each, None) for each in self._failing if now >= each.retry_at)
        return list(found)

    def _tidy(self) -> None:
        """Sync files that nobody wrote to for a while, as helpers are free for it."""
        for channel in self._files.idle(time.monotonic() - IDLE_S):
            if self._handed_over + len(self._to_sync) >= THREADS:
                break
            self._ask_sync(channel, [])
        self._start_syncs()
        if self._too_many:
            self._too_many = False
            self._files.rest_all()

    def _retire(self, quiet_since: float) -> bool:
        """End the worker if there is nobody left to write for."""
        if time.monotonic() - quiet_since < IDLE_S:
            return False
        with process.lock:
            busy = self.live or self._dirty or self._handed_over or self._failing
            if busy or not self._inbox.empty():
                return False
            self._started = self._working = False
            return True

    def _turn(self, channel: Channel) -> bool:
        """Do the next thing for a channel; True if there is more that can be done now."""
        if channel.busy:
            return False
        self._files.back(channel)
        try:
            return self._advance(channel)
        except BaseException as error:  # the worker serves others too
            if isinstance(error, OSError) and error.errno == errno.ESTALE:
                self._hand_over(channel, again(error), [])  # who may get over it
            else:
                self._files.forget(channel)
                self._fail(channel, error)
                self._failing.add(channel)
            return False

    def _advance(self, channel: Channel) -> bool:
        given_up = channel.given_up()
        if given_up:
            self._failing.discard(channel)
            self._hand_over(channel, self._discard, given_up)
            return False
        failed = channel.error is not None
        if failed and not channel.barriers and time.monotonic() < channel.retry_at:
            self._failing.add(channel)
            return False
        self._failing.discard(channel)
        state = channel.state
        if isinstance(state, Live):
            return self._write(channel, state)
        if state is None:
            refuse(channel)
        elif channel.wanted:
            self._hand_over(channel, self._materialise, [])
        return False

    def _write(self, channel: Channel, live: Live) -> bool:
        """Write one batch, then serve the barriers whose items are all written."""
        if live.appender.unsynced_bytes >= UNSYNCED_BYTES:
            self._ask_sync(channel, [])
            return False
        if channel.unwritten:
            live.appender.look()
            heed(channel, live)
            channel.inflight = channel.inflight or channel.next_batch(live.ordinal)
            if channel.inflight is not None:
                _append(live, channel.inflight)
                self._settle(channel, live, channel.inflight)
                heed(channel, live)
                self._files.wrote(channel)
        self._serve(channel, live)
        if live.synced and not channel.busy:
            self._files.synced(channel)
        return channel.unwritten and not channel.busy

    def _settle(self, channel: Channel, live: Live, written: Inflight) -> None:
        encoded = written.batch
        channel.inflight = None
        if live.ordinal is not None:
            live.ordinal += encoded.lines
        live.synced = live.synced and not encoded.data
        with process.lock:
            channel.error = None
            channel.written += len(written.entries) - len(encoded.refused)
            channel.refused_count += len(encoded.refused)
            if encoded.refused:
                channel.refused = encoded.refused[0]
        for barrier in channel.released(written.weight):
            barrier.pass_()

    def _serve(self, channel: Channel, live: Live) -> None:
        """Let go those barriers whose items are written; durable ones need a sync first."""
        served = channel.served()
        last = channel.abandoned and not channel.unwritten
        if last or any(barrier.kind == CLOSED for barrier in served):
            self._hand_over(channel, self._close, served)
            return
        durable = [] if live.synced else [each for each in served if each.durable]
        let_pass(channel, [each for each in served if each not in durable])
        if durable or (channel.error is not None and not live.synced):
            self._ask_sync(channel, durable)
        elif channel.error is not None:
            channel.recovered()

    def _fail(self, channel: Channel, error: BaseException, served: Sequence[Barrier] = ()) -> None:
        """Tell all who wait; what was not written stays, and is tried again in a while."""
        if isinstance(channel.state, Live):
            with contextlib.suppress(Exception):  # the first error counts
                channel.state.appender.rest()
        self._too_many |= getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE)
        told = said_of(channel, error)
        for barrier in [*served, *channel.failed(told, time.monotonic() + RETRY_S)]:
            barrier.fail(told)

    # -- what helpers do

    def _hand_over(self, channel: Channel, job: _Job, served: list[Barrier]) -> None:
        """Have a helper do it; while none is free the channel's file is not held open."""
        with process.lock:
            self._handed_over += 1
            waits = self._handed_over > THREADS
        if waits:
            self._files.rest(channel)
        self._files.lend(channel)
        channel.busy = True
        self._pool.submit(lambda: self._help(channel, job, served))

    def _ask_sync(self, channel: Channel, served: list[Barrier]) -> None:
        """Have a channel synced, with those that are asked for in the same round."""
        self._files.lend(channel)
        channel.busy = True
        self._to_sync.append((channel, served))

    def _start_syncs(self) -> None:
        """Have helpers sync together, each some: the disk commits what comes at once as one."""
        asked, self._to_sync = self._to_sync, []
        with process.lock:
            self._handed_over += len(asked)
        for first in range(min(THREADS, len(asked))):
            self._pool.submit(partial(self._sync_some, asked[first::THREADS]))

    def _sync_some(self, asked: list[tuple[Channel, list[Barrier]]]) -> None:
        for channel, served in asked:
            self._help(channel, self._sync, served)

    def _help(self, channel: Channel, job: _Job, served: list[Barrier]) -> None:
        try:
            job(channel, served)
        except BaseException as error:  # told where it is waited for
            if (lasting := recovered(channel, error)) is None:
                channel.wait_again(served)
            else:
                self._fail(channel, lasting, served)
        finally:
            with process.lock:
                channel.busy = False
                self._handed_over -= 1
            self.post(channel)

    def _materialise(self, channel: Channel, _served: list[Barrier]) -> None:
        """Make the rollout; what it begins with is the next to be written."""
        draft = channel.state
        assert isinstance(draft, Draft)
        live = make_rollout(self.journal, channel, draft)
        if self._handed_over > THREADS:
            live.appender.rest()  # others' turns come first
        with process.lock:
            channel.state = live
            channel.made = True
            channel.idle = channel.taking
            self.live.add(channel)
        if draft.name is not None and self._tell_name is not None:
            self._tell_name(channel, draft.name)

    def _sync(self, channel: Channel, served: list[Barrier]) -> None:
        live = channel.state
        assert isinstance(live, Live)
        resting = live.appender.resting
        live.sync(channel.written)
        heed(channel, live)
        if resting and self._handed_over > THREADS:  # others need their descriptors more
            live.appender.rest()
        channel.recovered()
        let_pass(channel, served)

    def _close(self, channel: Channel, served: list[Barrier]) -> None:
        live = channel.state
        assert isinstance(live, Live)
        if not live.synced:
            live.sync(channel.written)
        live.appender.check_before_closing()
        heed(channel, live)
        self._let_go(channel)
        let_pass(channel, served)

    def _discard(self, channel: Channel, served: list[Barrier]) -> None:
        """Let go of a thread as it is on disk."""
        self._let_go(channel)
        for barrier in served:
            barrier.pass_()

    def _let_go(self, channel: Channel) -> None:
        if isinstance(channel.state, Live):
            channel.state.appender.close()
        with process.lock:
            self.live.discard(channel)
        channel.end()


def _append(live: Live, taken: Inflight) -> None:
    batch = taken.batch
    if live.ordinal is not None and live.ordinal + batch.lines > _ORDINAL_END:
        raise OSError(errno.EOVERFLOW, os.strerror(errno.EOVERFLOW))
    if batch.data:
        live.appender.append(batch.data)
