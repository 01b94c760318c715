"""Where a fork's own part begins, in a rollout that begins with a copy of its parent's lines.

Codex copies a legacy parent line by line behind the fork's own metadata, stamps the lines anew,
and spells what it read in its own way: so lines are compared by what they carry.  It may leave
some out (older rollouts hold more kinds of events), but none that every rollout keeps.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from threadlog.core import lines
from threadlog.core.framing import Frame, Gap, Oversized, line_length
from threadlog.core.lines import SESSION_META, BadLine, Json
from threadlog.core.metadata import Metadata

Raw = bytes | Oversized

# Every copy has these: none of them is passed over to find the next line of the fork.
_KEPT = frozenset(
    [
        (lines.SESSION_META, None),
        (lines.COMPACTED, None),
        (lines.EVENT, "user_message"),
        (lines.EVENT, "agent_message"),
        (lines.EVENT, "task_started"),
        (lines.RESPONSE_ITEM, "message"),
        (lines.RESPONSE_ITEM, "function_call"),
        (lines.RESPONSE_ITEM, "function_call_output"),
    ]
)
# Nor more than so many others.
PASSED_OVER = 64
# So many threads back it is looked for one that is there.
GENERATIONS = 16
_STAMP = re.compile(rb'\{"timestamp": ?"[^"\\]*", ?')


def origins_told(head: Metadata, own: Iterable[Frame | Gap]) -> tuple[str, ...]:
    """The ids of the threads whose lines a rollout may begin with, the nearest first.

    *own* are the rollout's lines from its first byte on: a fork's own metadata comes first, then
    all lines of what it was forked from, the metadata of that one before them.  None where the
    *head* says of no thread that it was copied.
    """
    if head.forked_from_id is None or head.base is not None or head.own_from_ordinal:
        return ()
    ids = [head.forked_from_id]
    for frame in itertools.islice(own, 1, GENERATIONS):
        following = _forked_from(frame)
        if following is None:
            break
        ids.append(following)
    return tuple(ids)


def _forked_from(frame: Frame | Gap) -> str | None:
    """What the metadata in a line says that its thread was forked from."""
    if isinstance(frame, Gap) or not isinstance(frame.raw, bytes):
        return None
    if lines.sniff(frame.raw) != (SESSION_META, None):
        return None
    try:
        told = lines.parse(frame.raw).payload.get("forked_from_id")
    except BadLine:
        return None
    return told if isinstance(told, str) else None


def own_start(own: Iterable[Frame | Gap], parent: Iterable[Frame | Gap]) -> int:
    """The offset in a fork's rollout, in bytes, at which its own part begins; 0 without a copy.

    *own* are the lines of the fork's rollout from its first byte on, *parent* those of the one
    it was copied from.  Both are read only as far as they carry the same.
    """
    source = _Source(parent)
    end, head = 0, True
    for frame in own:
        if isinstance(frame, Gap):
            break
        if isinstance(frame.raw, bytes) and lines.is_blank(frame.raw):
            continue
        if not head and not source.has(frame.raw):
            break
        if not head:
            end = frame.offset + line_length(frame.raw) + frame.ended
        head = False
    return end


class _Source:
    """The lines that were copied, as far as they were asked for."""

    def __init__(self, parent: Iterable[Frame | Gap]) -> None:
        self._rest = _whole(parent)
        self._passed: list[Raw] = []  # seen, and not in the copy so far

    def has(self, raw: Raw) -> bool:
        """True if this is the next line, but for some that copies leave out."""
        for number, line in enumerate(self._passed):
            if _same(raw, line):
                del self._passed[: number + 1]
                return True
        while len(self._passed) < PASSED_OVER and not (self._passed and _is_kept(self._passed[-1])):
            following = next(self._rest, None)
            if following is None:
                return False
            if _same(raw, following):
                self._passed.clear()
                return True
            self._passed.append(following)
        return False


def _whole(frames: Iterable[Frame | Gap]) -> Iterator[Raw]:
    for frame in frames:
        if isinstance(frame, Gap):
            return
        if not (isinstance(frame.raw, bytes) and lines.is_blank(frame.raw)):
            yield frame.raw


def _is_kept(raw: Raw) -> bool:
    return isinstance(raw, Oversized) or lines.sniff(raw) in _KEPT


def _same(copy: Raw, line: Raw) -> bool:
    if isinstance(copy, Oversized) or isinstance(line, Oversized):
        return isinstance(copy, Oversized) and isinstance(line, Oversized)
    if _without_stamp(copy) == _without_stamp(line):
        return True
    told = lines.sniff(copy)
    if told is None or told != lines.sniff(line):
        return False
    try:
        return _agree(lines.parse(copy).payload, lines.parse(line).payload)
    except (BadLine, RecursionError):
        return False


def _without_stamp(raw: bytes) -> bytes:
    match = _STAMP.match(raw)
    return raw[match.end() :] if match else raw


def _agree(one: Json, other: Json) -> bool:
    """True if two values say the same as far as both say something."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = [key for key, value in one.items() if not _says_nothing(value)]
        shared = [key for key in shared if not _says_nothing(other.get(key))]
        return bool(shared) and all(_agree(one[key], other[key]) for key in shared)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_agree, one, other))
    return bool(one == other)


def _says_nothing(value: Json) -> bool:
    return value is None or value in ("", [], {})
