"""What recording needs of a thread's writer lock, whoever has it: see `codex/lock`."""

from __future__ import annotations

from typing import Protocol


class WriterLock(Protocol):
    """That we are a thread's only writer, until released."""

    @property
    def taken_over(self) -> bool:
        """True if another process of threadlog had it until now."""

    def check(self) -> None:
        """See that it is ours still, and take it again if it was lost; raises InUse, OSError."""

    def release(self) -> None:
        """Let others write; in a forked child, let go of the copy."""


class TakeLock(Protocol):
    """Takes a thread's writer lock in a home; raises InUse, OSError."""

    def __call__(self, home: str, thread_id: str, *, take_over: bool = False) -> WriterLock:
        """*take_over* has it although another process of threadlog holds it."""
