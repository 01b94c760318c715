"""A home and its verbs: what there is, what it says, and what can happen to it."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from threadlog.core.query import ThreadSummary
from threadlog.errors import NotFound
from threadlog.stored import Reference, StoredThreads

if TYPE_CHECKING:
    from threadlog.options import ForkKeywords, ThreadKeywords
    from threadlog.thread import Thread
    from threadlog.writer import Writer

__all__ = ["Home", "Reference"]


class Home(StoredThreads):
    """The threads of one place, be it a Codex home or a folder of one's own.

    A thread is meant by its full id, `last` (the one active most recently), a path of its
    rollout, its name, the last 6 or more hex digits of its id, or the first 13 or more characters.
    Every method that takes such a reference raises NotFound, Ambiguous, OutsideHome or Unreadable.
    """

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

    def close(self) -> None:
        """Close what is still being recorded here; the home can be used again.

        Raises WriteFailed for a thread that could not be written, once all were tried.
        """
        try:
            if "_writer" in vars(self):
                from threadlog.saving import close_all

                close_all(self.writer.channels)
        finally:
            if self._keeper is not None:
                self._keeper.end()
            self._store.catalog.close()

    @property
    def writer(self) -> Writer:
        """The worker that writes for all recorders of this home."""
        made = vars(self).get("_writer")
        if made is None:
            from threadlog import lifetime
            from threadlog.writer import Writer

            # One for all: of several threads that come here first, the first to be done wins.
            made = vars(self).setdefault("_writer", Writer(self._store.journal))
            lifetime.look_after(made)
        return made  # type: ignore[no-any-return]

    def start(self, cwd: str | os.PathLike[str] = ".", **options: Unpack[ThreadKeywords]) -> Thread:
        """Begin a thread of a working directory; *options* are the fields of `ThreadOptions`.

        Its path is known; on disk it comes to be with the first user message.
        """
        from threadlog.options import ThreadOptions
        from threadlog.recorder import RolloutRecorder
        from threadlog.thread import Thread

        folder = os.path.expanduser(os.fspath(cwd))
        recorder = RolloutRecorder.create(self, ThreadOptions(cwd=folder, **options))
        return Thread(self, recorder, recorder.draft_summary())

    def resume(
        self,
        reference: Reference,
        *,
        cwd: str | os.PathLike[str] | None = None,
        force: bool = False,
        take_over: bool = False,
    ) -> Thread:
        """Go on with a stored thread; `last` may be that of one working directory.

        The files keep their bytes, and new lines follow.  Raises Archived, InUse, NotResumable,
        WriteFailed too; *force* and *take_over* are those of `RolloutRecorder.resume`.
        """
        from threadlog.recorder import RolloutRecorder
        from threadlog.thread import Thread

        summary = self.get(reference) if cwd is None else self._last_of(reference, cwd)
        options = {"force": force, "take_over": take_over}
        recorder = RolloutRecorder.resume(self, summary.path, **options)
        return Thread(self, recorder, summary)

    def fork(self, reference: Reference, **asked: Unpack[ForkKeywords]) -> Thread:
        """Begin a thread with what another one holds, which is only read; on disk at once.

        All of it; or up to the end of the turn *through*, the beginning of the turn *before*, or
        the user's *message* of that number (from 0; beyond the last, all but an unfinished turn).
        A turn that had not ended is marked as interrupted.  A legacy thread is copied, a paginated
        one referred to (Codex: the same); with *ephemeral* the fork stays in memory.  Settings are
        its parent's, but for *cwd* and fields of `ThreadOptions`.  Raises Archived, NotOnDiskYet,
        NotFound for a turn that is not there, Refused for one that goes on, NotResumable,
        WriteFailed; ValueError.
        """
        from threadlog.forking import fork

        return fork(self, self.get(reference), asked)

    def _last_of(self, reference: Reference, cwd: str | os.PathLike[str]) -> ThreadSummary:
        if reference != "last":
            raise ValueError("cwd chooses among the last threads: resume 'last', or leave it out")
        if (summary := self.find_latest(cwd=cwd)) is not None:
            return summary
        raise NotFound(f"no thread of {os.fspath(cwd)} in {self.path} yet")
