"""A home and its verbs: what there is, what it says, and what can happen to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from threadlog.core.index_status import untold
from threadlog.core.query import ThreadSummary
from threadlog.errors import InUse, NotFound
from threadlog.stored import Reference, StoredThreads

if TYPE_CHECKING:
    from threadlog.backlog import Channel
    from threadlog.core.compression import Compression
    from threadlog.core.index_status import Progress
    from threadlog.core.shelf import Changed, Moved, Trashed
    from threadlog.options import ForkKeywords, ThreadKeywords
    from threadlog.thread import Thread
    from threadlog.writer import Writer

__all__ = ["Home", "Reference"]

Outcome = TypeVar("Outcome")


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
            self._store.close()

    @property
    def writer(self) -> Writer:
        """The worker that writes for all recorders of this home."""
        made = vars(self).get("_writer")
        if made is None:
            from threadlog import lifetime
            from threadlog.writer import Writer

            # One for all: of several threads that come here first, the first to be done wins.
            made = vars(self).setdefault("_writer", Writer(self._store.journal, self._tell_name))
            lifetime.look_after(made)
        return made  # type: ignore[no-any-return]

    def open_channels(self) -> list[Channel]:
        """What is being recorded here, drafts too."""
        return list(self.writer.channels) if "_writer" in vars(self) else []

    def _expect_own(self) -> None:
        paths = [each.path for each in self.open_channels() if each.path]
        if paths:
            self._store.catalog.expect(paths)

    def _changed(self, outcome: Outcome) -> Outcome:
        """What came of a change; the next listing has it, however old listings may be."""
        self._store.catalog.expect(None)
        return outcome

    def _tell_name(self, channel: Channel, name: str) -> None:
        from threadlog.amending import tell_name

        tell_name(self, channel, name)

    def get(self, reference: Reference) -> ThreadSummary:
        """The summary of one thread; raises NotOnDiskYet for one that is only begun here."""
        try:
            return super().get(reference)
        except NotFound as error:
            from threadlog.own_threads import explain

            raise explain(self, error, reference) from None

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

        The files keep their bytes, and new lines follow.  Raises Archived, InUse (which can still
        be read, and forked), NotOnDiskYet, NotResumable, WriteFailed too; *force* and *take_over*
        are those of `RolloutRecorder.resume`.
        """
        from threadlog.own_threads import RESUMED, stored
        from threadlog.recorder import RolloutRecorder
        from threadlog.thread import Thread

        summary = self._last_of(reference, cwd) if cwd else stored(self, reference, RESUMED)
        options = {"force": force, "take_over": take_over}
        try:
            recorder = RolloutRecorder.resume(self, summary.path, **options)
        except InUse as error:
            raise InUse(f"{error}; it can be read, or forked", error.holder) from error
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
        from threadlog.own_threads import FORKED, stored

        return self._changed(fork(self, stored(self, reference, FORKED), asked))

    def revert(self, reference: Reference, *, before: str) -> Thread:
        """Go on with a paginated thread as it was before a turn; what came after stays on disk.

        A new rollout of the thread is made, on disk at once, and is its newest from then on (Codex:
        the same).  Raises Refused for a legacy thread, or where Codex's database, which has to lead
        to the new rollout, cannot be changed; NotFound for a turn that is not there, Archived,
        InUse, NotOnDiskYet, WriteFailed.
        """
        from threadlog.own_threads import stored
        from threadlog.reverting import revert

        return self._changed(revert(self, stored(self, reference, "reverted"), before))

    def rename(self, reference: Reference, name: str) -> Changed:
        """Call a thread so; its `remarks` say in sentences what could not be told.

        The name is kept in a place of our own, and told to Codex's name file, to its database (as
        the version at hand keeps it there), and by a line of the rollout; but for one that is
        archived, compressed, or being written by another.  A thread that is not on disk yet
        remembers it.  Raises ValueError for no name, MoveFailed.
        """
        from threadlog.amending import rename

        return self._changed(rename(self, reference, name))

    def rollback(self, reference: Reference, turns: int = 1) -> Changed:
        """The last turns of a legacy thread count no more; nothing is cut (Codex: a marker).

        More turns than there are means all.  Raises Refused for a paginated thread (see `revert`),
        NotOnDiskYet, Archived, InUse, NotResumable, WriteFailed; ValueError.
        """
        from threadlog.amending import roll_back

        return self._changed(roll_back(self, reference, turns))

    def update_metadata(
        self,
        reference: Reference,
        *,
        git: Mapping[str, str | None] | None = None,
        memory_mode: str | None = None,
    ) -> Changed:
        """Change what is known of a thread: fields of *git*, and the *memory_mode*.

        *git* has some of `commit_hash`, `branch` and `repository_url`; None takes one away.
        *memory_mode* is "enabled" or "disabled".  A legacy rollout gets a further line with all of
        its session metadata (Codex: the same), which makes a compressed one plain; for a paginated
        thread the change is kept beside it, and told to Codex's database.  A thread that is not on
        disk yet remembers it.  Raises InUse, NotResumable, MoveFailed, WriteFailed; ValueError.
        """
        from threadlog.amending import update_metadata

        return self._changed(update_metadata(self, reference, git, memory_mode))

    def archive(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Put threads into the archive, with the subagents that they spawned (Codex: the same).

        All files of a thread move together.  With *dry_run* nothing moves, and the answer is the
        same.  Raises Archived, InUse, NotOnDiskYet, MoveFailed; Refused where a Codex would not
        find the thread any more; PartlyDone if only some of several could be.
        """
        from threadlog.putting_away import archive

        return self._changed(archive(self, references, dry_run=dry_run))

    def unarchive(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Put archived threads back, with their subagents (Codex: the same).

        Their times stay as they are (Codex sets that of the change to now).  Raises Refused for
        one that is not archived, and as `archive`.
        """
        from threadlog.putting_away import unarchive

        return self._changed(unarchive(self, references, dry_run=dry_run))

    def delete(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Put threads into the trash, with the subagents that they spawned; `restore` undoes it.

        Raises Refused for one that others go on from by reference.  What has been in the trash for
        longer than `threadlog.core.shelf.KEPT_DAYS` days is removed for good.  Raises as `archive`.
        """
        from threadlog.putting_away import delete

        return self._changed(delete(self, references, dry_run=dry_run))

    def restore(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Put threads back from the trash, with the subagents that were deleted along.

        And with the threads in the trash that they go on from by reference.

        Meant by id, a piece of it, title, or `last`.  A Codex finds them by their files.  Raises
        NotFound, Ambiguous, InUse, MoveFailed, PartlyDone.
        """
        from threadlog.putting_away import restore

        return self._changed(restore(self, references, dry_run=dry_run))

    def purge(self, *references: Reference, dry_run: bool = False) -> list[Moved]:
        """Remove threads in the trash for good, and what threadlog keeps of them beside.

        Names that Codex noted in its name file stay there.  Raises Refused for one that others go
        on from by reference; as `restore`.
        """
        from threadlog.putting_away import purge

        return self._changed(purge(self, references, dry_run=dry_run))

    def trash(self) -> list[Trashed]:
        """What is in the trash, that deleted last first, and until when it is kept."""
        return self._store.shelf.trashed()

    def compress(
        self,
        *references: Reference,
        older_than_days: float = 7,
        archived: bool | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> list[Compression]:
        """Compress the rollouts of these threads, or of all, that did not change for so many days.

        Returns what came of each rollout; one that cannot be compressed stays as it is, and is
        told with the reason.  What is locked, by whomever, is skipped.  *archived* True or False
        means that kind only; *dry_run* tells what would be done.  Reading goes on as before, and
        `resume` unpacks a thread by itself (Codex does both as well).  Raises ValueError,
        UnsupportedPlatform.
        """
        from threadlog.compress import cold_query, meant

        query = cold_query(older_than_days, archived=archived, dry_run=dry_run)
        return self._store.compress(meant(self, references), query, progress or untold)

    def _last_of(self, reference: Reference, cwd: str | os.PathLike[str]) -> ThreadSummary:
        if reference != "last":
            raise ValueError("cwd chooses among the last threads: resume 'last', or leave it out")
        if (summary := self.find_latest(cwd=cwd)) is not None:
            return summary
        raise NotFound(f"no thread of {os.fspath(cwd)} in {self.path} yet")
