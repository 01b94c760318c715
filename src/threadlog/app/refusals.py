"""What requests are refused with: Codex's codes and sentences, word for word."""

from __future__ import annotations

from collections.abc import Callable

from threadlog.errors import (
    Archived,
    BadCursor,
    Closed,
    EmptyRollout,
    InUse,
    NotFound,
    NoThreadId,
    NotOnDiskYet,
    OutsideHome,
    PartlyDone,
    Refused,
    ThreadlogError,
    WriteFailed,
)

INVALID_REQUEST, METHOD_NOT_FOUND, INTERNAL = -32600, -32601, -32603
OVERLOADED = -32001


class RpcError(Exception):
    """A request is answered with an error."""

    def __init__(self, message: str, code: int = INVALID_REQUEST) -> None:
        super().__init__(message)
        self.code = code


def invalid(message: str) -> RpcError:
    """The caller's fault."""
    return RpcError(message)


def internal(message: str) -> RpcError:
    """Ours, or the machine's."""
    return RpcError(message, INTERNAL)


def not_supported(operation: str) -> RpcError:
    """Something that a thread of this kind cannot do."""
    return RpcError(f"{operation} is not supported yet", METHOD_NOT_FOUND)


NOT_INITIALIZED = invalid("Not initialized")
ALREADY_INITIALIZED = invalid("Already initialized")
OVERLOAD = RpcError("Server overloaded; retry later.", OVERLOADED)


def needs_experimental(what: str) -> RpcError:
    """A method or field that only clients with the capability may use."""
    return invalid(f"{what} requires experimentalApi capability")


def no_rollout(thread_id: str) -> RpcError:
    """No such thread on disk."""
    return invalid(f"no rollout found for thread id {thread_id}")


def no_archived_rollout(thread_id: str) -> RpcError:
    """No such thread in the archive."""
    return invalid(f"no archived rollout found for thread id {thread_id}")


def not_loaded(thread_id: str) -> RpcError:
    """No such thread, on disk or in memory."""
    return invalid(f"thread not loaded: {thread_id}")


def not_found(thread_id: str) -> RpcError:
    """The thread is not loaded, and this needs it to be."""
    return invalid(f"thread not found: {thread_id}")


def is_archived(thread_id: str) -> RpcError:
    """The thread is archived, and this needs an active one."""
    return invalid(
        f"session {thread_id} is archived. Run `codex unarchive {thread_id}` to unarchive it first."
    )


def not_materialized(thread_id: str, what: str) -> RpcError:
    """Turns of a thread that is not on disk yet."""
    return invalid(
        f"thread {thread_id} is not materialized yet; {what} is unavailable before first user "
        f"message"
    )


def has_writer(thread_id: str) -> RpcError:
    """Another process is the thread's writer."""
    return invalid(f"thread {thread_id} already has an active writer")


def bad_cursor(text: str) -> RpcError:
    """A cursor that this server did not give out."""
    return invalid(f"invalid cursor: {text}")


_OF_THREADS: tuple[tuple[type[ThreadlogError], Callable[[str], RpcError]], ...] = (
    (NotOnDiskYet, no_rollout),
    (NotFound, no_rollout),
    (Archived, is_archived),
    (InUse, has_writer),
    (Closed, not_found),
)
_WHAT_FAILED: tuple[tuple[type[ThreadlogError], str], ...] = (
    (EmptyRollout, "failed to read thread: "),
    (NoThreadId, "failed to read thread: "),
    (WriteFailed, "failed to write thread: "),
)


def refusal(error: ThreadlogError, thread_id: str) -> RpcError:
    """What Codex says where threadlog raises *error* of a thread; else our own sentence."""
    if isinstance(error, PartlyDone) and error.failed:
        return refusal(next(iter(error.failed.values())), thread_id)
    for kind, say in _OF_THREADS:
        if isinstance(error, kind):
            return say(thread_id)
    if isinstance(error, Refused | OutsideHome | BadCursor):
        return invalid(str(error))
    what = next((said for kind, said in _WHAT_FAILED if isinstance(error, kind)), "")
    return internal(f"{what}{error}")
