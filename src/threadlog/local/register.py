"""What changing a thread needs of a Codex in the same home, whoever has it: see `codex/rows`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from threadlog.core.lines import Json
from threadlog.core.parity import Database
from threadlog.core.shelf import RowMove


class Register(Protocol):
    """What a Codex in the same home notes of threads, changed along with them.

    Its notes are rows of a database, and a name file.  A row is changed if it is the thread's and
    names the rollout expected; its path is that of the plain rollout also where the file is
    compressed.  What changes a row answers None if that is done, or was so already, or there is
    nothing to change (no database, no row); else why it was left as it is: a clause that completes
    "Codex's database was left as it is: ", in one printable line; `core.shelf.BUSY` where asking
    again may help.  None of these raises for what a database is like.
    """

    def obstacle(self, thread_id: str, path: str | None = None) -> str | None:
        """Why the row could not be changed at this moment; None if it could, or there is none.

        *path* is the rollout that the row is expected to name, if that is to be asked too.
        """

    def obstacles(self, moves: Sequence[RowMove]) -> list[str | None]:
        """The same for several."""

    def row(self, thread_id: str) -> dict[str, Json] | None:
        """A copy of the row, by column, in JSON values; None if there is none to be had.

        What is no text is told as {"base64": ...}.
        """

    def rows(self) -> Database:
        """All rows, as they are stored, and how the database stands; changes nothing."""

    def moved(self, moves: Sequence[RowMove]) -> list[str | None]:
        """Threads lie elsewhere: in one transaction, an answer for each.

        Archived at a moment, or active if that is None.
        """

    def removed(self, moves: Sequence[RowMove]) -> list[str | None]:
        """Threads are gone from where they lay, and so are their rows: in one transaction."""

    def repointed(self, thread_id: str, old: str, new: str) -> str | None:
        """The thread goes on in the rollout at *new*; all else of the row stays."""

    def renamed(self, thread_id: str, path: str, name: str) -> str | None:
        """The thread is called *name*."""

    def named_later(self, thread_id: str, at_ms: int) -> bool:
        """True if the name file tells a name that was given after that moment (unix ms)."""

    def patched(self, thread_id: str, path: str, patch: Mapping[str, str | None]) -> str | None:
        """Metadata of a paginated thread, of which its rollout can tell nothing new.

        Keys are git_sha, git_branch, git_origin_url and memory_mode; raises ValueError for others.
        """

    def spawned(self) -> dict[str, list[str]]:
        """Which threads a thread made as its agents, by parent; {} where that cannot be told."""

    def note_name(self, thread_id: str, name: str, at_ms: int) -> None:
        """Add a line to the name file, and bring it to the disk; raises OSError, InUse."""
