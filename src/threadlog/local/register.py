"""What a Codex in the same home notes of threads, and is changed along with them.

A method that changes something answers None if it is done, was so already, or there is nothing to
change; else a clause that says why it was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from threadlog.core.lines import Json


class Register(Protocol):
    """Codex's notes, if a Codex was ever here."""

    def obstacle(self, thread_id: str, path: str) -> str | None:
        """Why the notes on a thread, whose rollout lies at *path*, could not be changed now."""

    def row(self, thread_id: str) -> dict[str, Json] | None:
        """A copy of what is noted of a thread, None if there is nothing."""

    def moved(self, thread_id: str, old: str, new: str, archived_at_s: int | None) -> str | None:
        """Its rollout lies elsewhere now; it is archived since then, or not at all."""

    def repointed(self, thread_id: str, old: str, new: str) -> str | None:
        """Another rollout is its newest now."""

    def renamed(self, thread_id: str, path: str, name: str) -> str | None:
        """It is called so now."""

    def patched(self, thread_id: str, path: str, patch: Mapping[str, str | None]) -> str | None:
        """Some of its metadata is other now."""

    def removed(self, thread_id: str, path: str) -> str | None:
        """It is no more."""

    def spawned(self) -> Mapping[str, list[str]]:
        """Which threads each thread began as its subagents."""

    def note_name(self, thread_id: str, name: str, at_ms: int) -> None:
        """Add it to the name file; raises InUse, OSError."""


class NoRegister:
    """Of a home that no Codex uses: there is nothing to change."""

    def obstacle(self, thread_id: str, path: str) -> str | None:
        """None: there is nothing to change."""

    def row(self, thread_id: str) -> dict[str, Json] | None:
        """None: nothing is noted."""

    def moved(self, thread_id: str, old: str, new: str, archived_at_s: int | None) -> str | None:
        """None: there is nothing to change."""

    def repointed(self, thread_id: str, old: str, new: str) -> str | None:
        """None: there is nothing to change."""

    def renamed(self, thread_id: str, path: str, name: str) -> str | None:
        """None: there is nothing to change."""

    def patched(self, thread_id: str, path: str, patch: Mapping[str, str | None]) -> str | None:
        """None: there is nothing to change."""

    def removed(self, thread_id: str, path: str) -> str | None:
        """None: there is nothing to change."""

    def spawned(self) -> Mapping[str, list[str]]:
        """Nothing is noted."""
        return {}

    def note_name(self, thread_id: str, name: str, at_ms: int) -> None:
        """There is no name file."""
