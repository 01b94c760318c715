"""A live thread: what an agent holds while it works.

It persists by itself at the first user message.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from threadlog.core.entry import Recordable
from threadlog.core.history import FORKED, NEW, History, Loaded
from threadlog.core.lines import Json
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import TurnRules
from threadlog.errors import BacklogFull, Closed, Refused, ThreadlogError
from threadlog.images import Image
from threadlog.own_threads import not_yet
from threadlog.recorder import KERNEL, RolloutRecorder
from threadlog.turn_writer import Asked, TurnBook, TurnWriter

if TYPE_CHECKING:
    from threadlog.core.shelf import Changed
    from threadlog.home import Home
    from threadlog.options import ForkKeywords


class Thread:
    """A thread that is being recorded, from `Home.start` or `Home.resume`; close it, or use `with`.

    `record`, and all that a turn records, never waits and does no I/O; leaving a turn, `flush` and
    `close` wait for stable storage.
    """

    def __init__(
        self,
        home: Home,
        recorder: RolloutRecorder,
        summary: ThreadSummary,
        inherited: Sequence[Loaded] = (),
    ) -> None:
        """Not for callers: use `Home.start`, `Home.resume` or `Home.fork`."""
        self._home = home
        self._recorder = recorder
        self._begun = summary  # what was known when it began
        self._inherited = inherited  # what an ephemeral fork begins with
        self.book = TurnBook(home, recorder, summary.cwd or "")

    @property
    def id(self) -> str:
        """The thread's id."""
        return self._recorder.thread_id

    @property
    def path(self) -> str:
        """Where its rollout is, or will be."""
        return self._recorder.path

    @property
    def cwd(self) -> str:
        """The working directory it belongs to."""
        return self._begun.cwd or ""

    @property
    def on_disk(self) -> bool:
        """False until the first user message."""
        return self._recorder.on_disk

    @property
    def ephemeral(self) -> bool:
        """True for a thread that stays in memory, and never is on disk."""
        return self._recorder.ephemeral

    @property
    def recorder(self) -> RolloutRecorder:
        """The level underneath, for items of one's own making."""
        return self._recorder

    def summary(self) -> ThreadSummary:
        """What a listing shows of it; before it is on disk, what it was begun with and called."""
        if not self.on_disk:
            with contextlib.suppress(ValueError):  # it was made meanwhile
                return self._recorder.draft_summary()
        self._written()
        return self._home.get(self.path)

    def record(self, *items: Recordable) -> int:
        """Record items of one's own, as `RolloutRecorder.record` does; returns how many are kept.

        The first user message has the rollout made, without waiting for it.
        """
        return self.book.record(*items)

    def turn(
        self,
        text: str,
        *,
        images: Sequence[Image] = (),
        model: str | None = None,
        turn_id: str | None = None,
    ) -> TurnWriter:
        """A turn that begins with what the user says; use it in a `with` block.

        *images* are URLs (`https:`, `data:`) or paths of image files.  *model* is the one that
        will answer.  An earlier turn that is still open is ended as replaced.
        """
        return TurnWriter(self.book, Asked(text, tuple(images), model, turn_id))

    def history(self) -> History:
        """The whole thread so far, in memory; `model_input()` of it is what to send next."""
        if not self.on_disk:
            lines = self._recorder.draft_lines()
            if not self.on_disk:  # it was not made meanwhile
                own = Loaded(self.path, [*lines])
                kind = FORKED if self._inherited else NEW
                rules = TurnRules(history_mode=self._recorder.history_mode)
                return History(kind, [*self._inherited, own], thread_id=self.id, rules=rules)
        self._written()
        return self._home.history(self.path)

    def model_input(self) -> list[dict[str, Json]]:
        """The Responses items to send to a model next, without loading a long thread."""
        if not self.on_disk:
            return self.history().model_input()
        self._written()
        return self._home.model_input(self.path)

    def inject(self, *items: Recordable) -> int:
        """Record items outside of a turn, and return once they are on stable storage.

        With them the thread comes to be on disk, whatever they are: context for the model, a goal,
        a compaction, a review (Codex: the same).  Raises as `record` and `flush`.
        """
        kept = self._recorder.record(*items)
        self._recorder.persist()
        return kept

    def fork(self, **asked: Unpack[ForkKeywords]) -> Thread:
        """Begin a thread with what this one holds so far (see `Home.fork`)."""
        return self._home.fork(self.id, **asked)

    def rename(self, name: str) -> Changed:
        """Call it so; before it is on disk the name is remembered (see `Home.rename`)."""
        from threadlog.amending import rename_own

        return rename_own(self._home, self._recorder.channel, name)

    def rollback(self, turns: int = 1) -> Changed:
        """The last turns count no more (see `Home.rollback`); raises Refused while one is open."""
        from threadlog.amending import roll_back_live

        if self.book.open is not None:
            raise Refused(f"thread {self.id} is in the middle of a turn: end it, then roll back")
        return roll_back_live(self._recorder, turns)

    def update_metadata(
        self,
        *,
        git: Mapping[str, str | None] | None = None,
        memory_mode: str | None = None,
    ) -> Changed:
        """Change what is known of it (see `Home.update_metadata`)."""
        from threadlog.amending import update_own

        return update_own(self._home, self._recorder.channel, git, memory_mode)

    def revert(self, *, before: str) -> None:
        """Go on as it was before a turn, in a further rollout (see `Home.revert`).

        A turn that is open is ended first.  Where it is refused the thread goes on as it was,
        unless another process took it at that moment: then this one is closed.
        """
        if not self.on_disk:
            raise not_yet(self.id, "reverted")
        self.book.end_open()
        self._recorder.close()
        try:
            reverted = self._home.revert(self.path, before=before)
        except BaseException:
            with contextlib.suppress(ThreadlogError):  # somebody else may have it by now
                self._recorder = RolloutRecorder.resume(self._home, self.path)
                self.book.recorder = self._recorder
            raise
        self._recorder = self.book.recorder = reverted.recorder
        self.book.forget_usage()

    def flush(self) -> None:
        """Return once all that was recorded is on stable storage; raises WriteFailed."""
        self._recorder.flush()

    def drain(self) -> None:
        """Wait until there is room for more to record (see `RolloutRecorder.drain`)."""
        self._recorder.drain()

    def close(self) -> None:
        """Flush and let go; a turn that is open is marked aborted.  Raises WriteFailed."""
        with contextlib.suppress(Closed):  # by the home: what was recorded is safe
            try:
                self.book.end_open()
            except BacklogFull:
                with self._recorder.reminding():
                    self._recorder.flush()  # makes room
                self.book.end_open()
        self._recorder.close()

    def discard(self) -> int:
        """Let go of the thread as it is on disk (see `RolloutRecorder.discard`)."""
        return self._recorder.discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Exception:
            if error is None:
                raise

    def _written(self) -> None:
        """Return once what was recorded can be read back; a closed thread is whole on disk."""
        with contextlib.suppress(Closed):
            self._recorder.flush(level=KERNEL)
