"""Every exception that threadlog raises on purpose, by whose fault it is.

    ThreadlogError
      +- caller: NotFound, NotOnDiskYet, Archived, Ambiguous, OutsideHome, BadCursor, BadQuery,
      |          GivenUp, Closed, Unencodable, NotPersistable, BacklogFull, InUse, OthersWrote,
      |          Refused, PartlyDone, AgentFailed
      +- rollout: EmptyRollout, NoThreadId, NotResumable     (a whole file will not do)
      +- environment: Unreadable, WriteFailed, MoveFailed, UnsupportedPlatform

Damage *inside* a rollout is never an exception: it is a value (`Damaged`, `Oversized`, `Gap`)
between the lines that are whole.  Messages hold ids, paths, counts and offsets, never the content
of a thread.
"""

from __future__ import annotations

import errno as _errno
import os
from collections.abc import Mapping, Sequence

_HINTS: dict[int | None, str] = {
    _errno.EMFILE: ": each thread being recorded holds one; close some, or raise `ulimit -n`",
    _errno.EOVERFLOW: ": its ordinals have reached their end",
}


class ThreadlogError(Exception):
    """The root of the tree; catch it to catch everything threadlog raises on purpose."""


class NotFound(ThreadlogError):
    """No thread of this home answers to the reference given."""


class NotOnDiskYet(ThreadlogError):
    """The thread has no rollout before its first user message, and this needs one."""


class Archived(ThreadlogError):
    """The thread is archived, and this needs an active one."""


class Ambiguous(ThreadlogError):
    """The reference fits several threads; `candidates` holds their ids."""

    def __init__(self, message: str, candidates: tuple[str, ...]) -> None:
        super().__init__(message)
        self.candidates = candidates

    def __reduce__(self) -> tuple[type, tuple[str, tuple[str, ...]]]:
        return type(self), (str(self), self.candidates)


class OutsideHome(ThreadlogError):
    """The path given does not lie in this home's sessions or archived sessions."""


class BadQuery(ThreadlogError):
    """Nothing can be searched for by this."""


class BadCursor(ThreadlogError):
    """The text is not a cursor that this home gave out."""


class GivenUp(ThreadlogError):
    """Whoever asked said meanwhile that the answer is not wanted any more."""


class Closed(ThreadlogError):
    """The recorder was closed, or belongs to the process that this one was forked from."""


class Unencodable(ThreadlogError):
    """A value given to `record` has no JSON form, or not the shape of a line's item."""


class NotPersistable(ThreadlogError):
    """A typed item that a thread of this history mode never keeps."""


class BacklogFull(ThreadlogError):
    """The recorder holds as many unwritten bytes as it may; nothing of the call was taken."""


class InUse(ThreadlogError):
    """The thread has a writer; `holder` is its process, where that is known."""

    def __init__(self, message: str, holder: int | None = None) -> None:
        super().__init__(message)
        self.holder = holder


class Refused(ThreadlogError):
    """The thread is in a state that does not allow it; the message says why, and what would."""


class PartlyDone(ThreadlogError):
    """Of several threads some were done, as `done` tells, and some not: `failed`, by thread id."""

    def __init__(self, done: Sequence[object], failed: Mapping[str, ThreadlogError]) -> None:
        told = "; ".join(str(error) for error in failed.values())
        super().__init__(f"{len(done)} done, {len(failed)} not: {told}")
        self.done = tuple(done)
        self.failed = dict(failed)

    def __reduce__(self) -> tuple[type, tuple[Sequence[object], Mapping[str, ThreadlogError]]]:
        return type(self), (self.done, self.failed)


class AgentFailed(ThreadlogError):
    """Raised by an agent: its turn fails with this message, which is meant for people.

    *kind* is one of Codex's `codex_error_info` words, such as `usage_limit_exceeded`,
    `context_window_exceeded`, `server_overloaded`, `unauthorized`, `bad_request` or `other`.
    """

    def __init__(self, message: str, kind: str = "other") -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.kind)


class EmptyRollout(ThreadlogError):
    """The rollout holds no line at all (Codex: "empty session file")."""


class NoThreadId(ThreadlogError):
    """No session metadata in the rollout (Codex: "failed to parse thread ID from rollout file")."""


class NotResumable(ThreadlogError):
    """The rollout is of a shape that must not be appended to; it can still be read."""


class Unreadable(ThreadlogError):
    """The operating system, or the kind of file, keeps us from reading a path."""


class WriteFailed(ThreadlogError):
    """A batch could not be written, or not be brought to stable storage.

    It is kept, and the barrier can be called again.  Since the recorder began, `safe_items` have
    reached the file, which outlives the process, and `durable_items` of them stable storage,
    which outlives a power cut.  `reason` says why, in the system's words or ours.
    """

    def __init__(
        self,
        path: str,
        errno: int | None,
        safe_items: int,
        durable_items: int = 0,
        reason: str | None = None,
    ) -> None:
        if reason is None:
            reason = "unknown error" if errno is None else os.strerror(errno)
        hint = _HINTS.get(errno, "")
        unsafe = f" ({durable_items} on stable storage)" if durable_items < safe_items else ""
        super().__init__(
            f"cannot write {path} ({reason}{hint}); {safe_items} items are in the file{unsafe}"
        )
        self.path = path
        self.errno = errno
        self.safe_items = safe_items
        self.durable_items = durable_items
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, int | None, int, int, str]]:
        told = (self.path, self.errno, self.safe_items, self.durable_items, self.reason)
        return type(self), told


class MoveFailed(ThreadlogError):
    """A thread could not be moved or renamed; it is as it was.  `reason` says why."""

    def __init__(self, path: str, errno: int | None, reason: str | None = None) -> None:
        known = "unknown error" if errno is None else os.strerror(errno)
        self.reason = reason or known
        super().__init__(f"nothing was changed: {path}: {self.reason}")
        self.path = path
        self.errno = errno

    def __reduce__(self) -> tuple[type, tuple[str, int | None, str]]:
        return type(self), (self.path, self.errno, self.reason)


class OthersWrote(ThreadlogError):
    """Another program wrote to a rollout while we were its only writer by its lock.

    Raised once, by a barrier that is otherwise passed: what was recorded is in the file, and so
    are the `length` bytes that others added from `offset` on.  See who writes there (`threadlog
    doctor`), and read the thread before going on with it.  `next_ordinal` is the number with
    which a paginated thread goes on after them, if known.
    """

    def __init__(self, path: str, offset: int, length: int, next_ordinal: int | None) -> None:
        super().__init__(
            f"another program has written {length} bytes to {path}, from byte {offset} on, while "
            f"this one was its writer; nothing is lost, and what was recorded here is written"
        )
        self.path = path
        self.offset = offset
        self.length = length
        self.next_ordinal = next_ordinal

    def and_then(self, later: OthersWrote) -> OthersWrote:
        """Both as one: where it began, how much it is in all, and the newest number."""
        return OthersWrote(self.path, self.offset, self.length + later.length, later.next_ordinal)

    def __reduce__(self) -> tuple[type, tuple[str, int, int, int | None]]:
        return type(self), (self.path, self.offset, self.length, self.next_ordinal)


class UnsupportedPlatform(ThreadlogError):
    """Writing needs file locks and modes of Linux or macOS; reading works everywhere."""
