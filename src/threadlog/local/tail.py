"""Where a stored rollout ends: how it is numbered, and whether it may be gone on with at all."""

from __future__ import annotations

from typing import NamedTuple

from threadlog.core import lines
from threadlog.core.framing import Frame, Oversized, frames_backwards
from threadlog.core.lines import BadLine
from threadlog.core.metadata import LEGACY, PAGINATED
from threadlog.errors import NotResumable
from threadlog.local.files import RolloutFile, open_rollout
from threadlog.local.heads import read_head

_HEAD_BYTES = 1024


class Tail(NamedTuple):
    """How to go on: the history mode, and the next line's ordinal (None: lines have none)."""

    history_mode: str = LEGACY
    next_ordinal: int | None = None


def read_tail(path: str) -> Tail:
    """How the rollout at *path* goes on; raises Unreadable, NotResumable.

    The last valid line counts, also one that lacks its LF (Codex: the same); an empty rollout
    goes on as a legacy one.
    """
    with open_rollout(path) as rollout:
        if not rollout.length():
            return Tail()
        metadata = read_head(rollout)
        if metadata.history_mode not in (LEGACY, PAGINATED):
            raise NotResumable(f"cannot append to {path}: its history mode is not one we know")
        last = _last_ordinal(rollout)
    if last is None:
        if metadata.history_mode == PAGINATED:
            raise NotResumable(f"cannot append to {path}: its last line is missing an ordinal")
        return Tail()
    if last + 1 < metadata.own_from_ordinal:
        raise NotResumable(
            f"cannot append to {path}: the history it inherits is incomplete: it ends at ordinal "
            f"{last} and should go on to {metadata.own_from_ordinal - 1}"
        )
    return Tail(metadata.history_mode, last + 1)


def number_after(data: bytes) -> int | None:
    """The number after the last whole line of some bytes; None if that has none."""
    for raw in reversed(data.split(b"\n")):
        try:
            number = lines.parse(raw).ordinal
        except BadLine:
            continue
        return None if number is None else number + 1
    return None


def _last_ordinal(rollout: RolloutFile) -> int | None:
    """The ordinal of the last valid line, None if it has none."""
    end = rollout.length()
    for frame in frames_backwards(rollout.chunks_backwards(end), end):
        if isinstance(frame.raw, Oversized):
            return lines.sniff_ordinal(rollout.read_at(frame.offset, _HEAD_BYTES))
        if (ordinal := _ordinal(frame)) != _DAMAGED:
            return ordinal
    return None


_DAMAGED = -1


def _ordinal(frame: Frame) -> int | None:
    assert isinstance(frame.raw, bytes)
    try:
        return lines.parse(frame.raw).ordinal
    except BadLine:
        return _DAMAGED
