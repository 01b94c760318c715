"""What a recorder's thread is, a draft or live, and the batch that is on its way into a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from threadlog.core.entry import Batch, Entry
from threadlog.core.items.session import SessionMeta
from threadlog.core.lineage import Segment

if TYPE_CHECKING:
    from threadlog.ports import Appender


class Draft:
    """A thread that is not on disk; `meta` is what its rollout will begin with.

    `copied` are pieces of rollouts that come after that; an `ephemeral` one never is on disk.
    A `whole` one appears there with all of that, or not at all.
    """

    __slots__ = ("asked_git", "copied", "ephemeral", "git", "meta", "ms", "name", "whole")

    def __init__(
        self,
        meta: SessionMeta,
        ms: int,
        copied: Sequence[Segment] = (),
        *,
        ephemeral: bool = False,
    ) -> None:
        self.meta = meta
        self.ms = ms
        self.copied = tuple(copied)
        self.ephemeral = ephemeral
        self.whole = bool(copied) or meta.forked_from_id is not None
        self.asked_git = False
        self.name: str | None = None
        self.git: dict[str, str | None] = {}  # what the user says of it, whatever git does


class Inflight(NamedTuple):
    """A batch that was taken and is not written yet, what it weighs, and what it was made of."""

    batch: Batch
    weight: int
    entries: list[Entry]


class Live:
    """A thread whose rollout we write; `ordinal` is the next line's, None if it has none.

    `synced` is False while lines may not be on stable storage; `durable` items were, the last time.
    """

    __slots__ = ("appender", "durable", "ordinal", "synced")

    def __init__(self, appender: Appender, ordinal: int | None) -> None:
        self.appender = appender
        self.ordinal = ordinal
        self.synced = True
        self.durable = 0

    def sync(self, items: int) -> None:
        """Bring all that was appended, so many items, to stable storage; raises OSError."""
        self.appender.sync()
        self.synced = True
        self.durable = items
