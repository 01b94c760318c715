"""What one recorder holds that is not in the file yet, and who waits for it.

A channel has two sides.  Callers add entries and barriers to it, under one lock for the whole
process, which is never held over anything that can wait.  Its other side, which writes, belongs to
one thread at a time: the store's worker, or the helper that the worker handed it to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from threadlog.barrier import CLOSED, DISCARDED, DURABLE, KERNEL, ROOM, SAVED, Barrier
from threadlog.core import entry
from threadlog.core.entry import Entry, Payload
from threadlog.errors import BacklogFull, Closed, NotOnDiskYet, OthersWrote
from threadlog.states import Draft, Inflight, Live

if TYPE_CHECKING:
    from threadlog.writer import Writer

RECORDER_LIMIT_BYTES = 64 << 20
PROCESS_LIMIT_BYTES = 256 << 20
BATCH_BYTES = 256 << 10
# `drain` waits while a recorder holds more than this, until it is half.
ROOM_BYTES = 8 << 20


class Process:
    """What all recorders of this process share.

    The lock is one that its holder can take again: the garbage collector may drop a recorder at
    any moment, also while this thread records to another.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.weight = 0
        self.last_id = 0  # made here, as a number

    def forked(self) -> None:
        """In the child: nothing of the parent's counts, and its lock may be held for ever."""
        self.lock = threading.RLock()
        self.weight = 0


process = Process()


class Channel:
    """The backlog of one recorder and its way to the file."""

    __slots__ = (
        "__weakref__",
        "abandoned",
        "backlog",
        "barriers",
        "busy",
        "error",
        "foreign",
        "idle",
        "inflight",
        "last_ms",
        "lost",
        "made",
        "notice",
        "path",
        "pending",
        "refused",
        "refused_count",
        "retry_at",
        "state",
        "taken",
        "taking",
        "thread_id",
        "wanted",
        "weight",
        "writer",
        "written",
    )

    def __init__(
        self, writer: Writer, path: str, thread_id: str, state: Draft | Live, last_ms: int
    ) -> None:
        self.writer = writer
        self.path = path
        self.thread_id = thread_id
        # -- the callers' side, under the lock
        self.state: Draft | Live | None = state
        self.backlog: list[Entry] = []
        self.weight = 0  # of the backlog and of what was taken from it and is not written
        self.taken = 0  # so many items have left the backlog
        self.last_ms = last_ms
        self.barriers: list[Barrier] = []
        self.taking = True  # False once it is closing, closed or foreign
        self.idle = type(state) is Live  # the worker does not know of anything to write
        self.foreign = False  # in a process that was forked since this began
        self.made = type(state) is Live  # there is a rollout
        self.wanted = False  # somebody asked for the rollout to be made
        self.abandoned = False
        self.lost = 0  # items that were given up
        # -- the side of the one who writes
        self.busy = False
        self.pending: list[Entry] = []  # newest first
        self.inflight: Inflight | None = None
        self.written = 0  # items in the file; -1 while not even the metadata is
        self.refused: str | None = None  # why an item had no JSON form, until a barrier says so
        self.refused_count = 0
        self.notice: OthersWrote | None = None  # until a barrier says so
        self.error: BaseException | None = None
        self.retry_at = 0.0

    @property
    def draft(self) -> bool:
        """True while there is nothing on disk."""
        return isinstance(self.state, Draft)

    @property
    def recorded(self) -> int:
        """How many items were taken in."""
        return self.taken + len(self.backlog)

    @property
    def settled(self) -> int:
        """How many items need no more waiting for."""
        return max(self.written, 0) + self.refused_count

    @property
    def unwritten(self) -> bool:
        """True if there is something to write."""
        return bool(self.inflight or self.pending or self.backlog)

    def refusal(self) -> Closed:
        """Why nothing is taken any more."""
        if self.foreign:
            return Closed(f"the recorder of thread {self.thread_id} is that of another process")
        return Closed(f"the recorder of thread {self.thread_id} is closed")

    def add(self, now_ms: int, items: Sequence[tuple[int, Payload]]) -> None:
        """Take items in, all or none; raises Closed, BacklogFull."""
        weight = sum([each[0] for each in items])
        with process.lock:
            ms = self._admit(now_ms, weight)
            if self.idle:
                self.writer.note(self)
            self.backlog += [(ms, each[0], each[1]) for each in items]

    def add_one(self, weight: int, item: Payload) -> int:
        """The same for one item, now; returns 1.  What an agent's loop mostly does."""
        now_ms = time.time_ns() // 1_000_000
        with process.lock:  # acquire() would leave it held where Ctrl-C strikes just after
            if (
                self.taking
                and now_ms >= self.last_ms
                and (held := self.weight + weight) <= RECORDER_LIMIT_BYTES
                and (all_held := process.weight + weight) <= PROCESS_LIMIT_BYTES
            ):
                self.weight = held
                process.weight = all_held
                self.last_ms = now_ms
            else:
                now_ms = self._admit(now_ms, weight)
            if self.idle:
                self.writer.note(self)
            self.backlog.append((now_ms, weight, item))
        return 1

    def _admit(self, now_ms: int, weight: int) -> int:
        """Under the lock: make room for so much, and say which time it gets; raises."""
        if not self.taking:
            raise self.refusal()
        held = self.weight + weight
        if held > RECORDER_LIMIT_BYTES or process.weight + weight > PROCESS_LIMIT_BYTES:
            raise self._full(weight)
        self.weight = held
        process.weight += weight
        self.last_ms = max(self.last_ms, now_ms)
        return self.last_ms

    def barrier(self, level: str, *, persist: bool = False, close: bool = False) -> Barrier | None:
        """Ask for all that was recorded to be in the file; None if there is nothing to wait for.

        Raises Closed, ValueError for a level that is none.
        """
        if level not in (DURABLE, KERNEL):
            raise ValueError(f"cannot flush to {level!r}: use {DURABLE!r} or {KERNEL!r}")
        with process.lock:
            closing = close and self.state is not None and not self.foreign  # so is another
            if not self.taking and not closing:
                raise self.refusal()
            self.wanted |= persist
            if (self.draft and not self.wanted) or (not close and self._at_rest(level)):
                return None
            self.taking = not close
            barrier = self._wait(CLOSED if close else SAVED, durable=level == DURABLE)
        return barrier  # noqa: RET504

    def giving_up(self) -> Barrier | None:
        """Ask for all that is not written to be forgotten; None if there is nothing to wait for."""
        with process.lock:
            if self.foreign or self.state is None:
                return None
            if self.draft and not self.wanted:
                self.end()
                return None
            self.taking = False
            barrier = self._wait(DISCARDED, durable=False)
        return barrier  # noqa: RET504

    def _wait(self, kind: str, *, durable: bool) -> Barrier:
        """Under the lock, left before it is returned: Ctrl-C between the two would keep it."""
        barrier = Barrier(self.recorded, kind, durable=durable)
        self.barriers.append(barrier)
        self.writer.post(self)
        return barrier

    def room(self) -> Barrier | None:
        """Ask for room; None if there is some.  Raises NotOnDiskYet, WriteFailed, Closed."""
        with process.lock:
            if not self.taking:
                raise self.refusal()
            if self.draft and not self.wanted:
                raise NotOnDiskYet(
                    f"thread {self.thread_id} is not on disk yet: persist makes room, drain cannot"
                )
            if self.error is not None:
                raise self.error.with_traceback(None)
            if self.weight <= ROOM_BYTES:
                return None
            barrier = self._wait(ROOM, durable=False)
        return barrier  # noqa: RET504

    def drop_draft(self) -> int | None:
        """Close a draft nobody wants made; returns how many items it held, None if it is none."""
        with process.lock:
            if not self.draft or self.wanted:
                return None
            dropped = len(self.backlog)
            self.end()
            self.lost = 0  # this says it
        return dropped

    def take_lost(self) -> int:
        """How many items were given up, once."""
        lost, self.lost = self.lost, 0
        return lost

    def end(self) -> None:
        """Take nothing any more, and forget what was taken."""
        with process.lock:
            self.lost = self.recorded - self.settled
            self.state = None
            self.taking = self.idle = False
            process.weight -= self.weight
            self.weight = 0
            self.backlog.clear()

    def disown(self) -> None:
        """In a forked child: nothing is written, and copies of descriptors are let go of."""
        self.foreign = True
        self.taking = self.idle = False
        self.backlog.clear()
        if type(self.state) is Live:
            self.state.appender.disown()

    def next_batch(self, ordinal: int | None) -> Inflight | None:
        """Take the oldest entries, about BATCH_BYTES, as lines."""
        if self.backlog and len(self.pending) <= 1:
            with process.lock:
                fresh, self.backlog = self.backlog, []
                self.taken += len(fresh)
            fresh.reverse()
            self.pending = [*fresh, *self.pending]
        if not self.pending:
            return None
        weight = count = 0
        for each in reversed(self.pending):
            weight += each[1]
            count += 1
            if weight >= BATCH_BYTES:
                break
        taken = self.pending[-count:]
        taken.reverse()
        batch = entry.encode(taken, ordinal)
        del self.pending[-count:]
        return Inflight(batch, weight, taken)

    def put_back(self) -> None:
        """Untake a batch that is not written yet: its lines need other numbers."""
        if self.inflight is not None:
            self.pending.extend(reversed(self.inflight.entries))
            self.inflight = None

    def released(self, weight: int) -> list[Barrier]:
        """Note that so much was written; returns who waited for room and has it."""
        with process.lock:
            self.weight -= weight
            process.weight -= weight
            if self.weight > ROOM_BYTES // 2:
                return []
            return self._take(lambda barrier: barrier.kind == ROOM)

    def served(self) -> list[Barrier]:
        """The barriers whose items are all in the file; they are handed over."""
        with process.lock:
            return self._take(
                lambda barrier: barrier.target <= self.settled and barrier.kind != DISCARDED
            )

    def given_up(self) -> list[Barrier]:
        """Who waits for it to be given up; they are handed over."""
        with process.lock:
            return self._take(lambda barrier: barrier.kind == DISCARDED)

    def wait_again(self, barriers: Sequence[Barrier]) -> None:
        """Give back what was handed over and could not be served yet."""
        with process.lock:
            self.barriers = [*barriers, *self.barriers]

    def failed(self, error: BaseException, retry_at: float) -> list[Barrier]:
        """Note an error; returns all who wait."""
        with process.lock:
            self.error = error
            self.retry_at = retry_at
            self.taking = self.state is not None
            self.idle = type(self.state) is Live  # the next item is told of again
            return self._take(lambda barrier: barrier.kind != DISCARDED)

    @property
    def safe_items(self) -> tuple[int, int]:
        """How many items are in the file, and how many of them on stable storage."""
        state = self.state  # read once: another thread may end it meanwhile
        durable = state.durable if isinstance(state, Live) else 0
        return max(self.written, 0), max(durable, 0)

    def remind(self, notice: OthersWrote) -> None:
        """The next barrier says it, with what there is to be said besides."""
        with process.lock:
            self.notice = notice if self.notice is None else notice.and_then(self.notice)

    def recovered(self) -> None:
        """What went wrong goes right again."""
        with process.lock:
            self.error = None

    def _take(self, chosen: Callable[[Barrier], bool]) -> list[Barrier]:
        taken = [each for each in self.barriers if chosen(each)]
        if taken:
            self.barriers = [each for each in self.barriers if not chosen(each)]
        return taken

    def _at_rest(self, level: str) -> bool:
        live = self.state
        return (
            type(live) is Live
            and self.settled == self.recorded
            and self.written >= 0
            and self.refused is None
            and self.notice is None
            and not self.busy
            and (level == KERNEL or live.synced)
        )

    def _full(self, weight: int) -> BacklogFull:
        if weight > RECORDER_LIMIT_BYTES:
            return BacklogFull(
                f"{weight} bytes at once are more than a recorder takes ({RECORDER_LIMIT_BYTES})"
            )
        who, held, limit = "this recorder", self.weight, RECORDER_LIMIT_BYTES
        if self.weight + weight <= RECORDER_LIMIT_BYTES:
            who, held, limit = "this process", process.weight, PROCESS_LIMIT_BYTES
        return BacklogFull(
            f"about {held} bytes of {who} are waiting to be written and the limit is {limit}; "
            f"call drain, or persist, first"
        )
