"""Reading a rollout for its passages, in steps, each of which goes on from where one ended.

What stands after the last whole line is told too, but is read again the next time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from threadlog.core import lines, moments, said
from threadlog.core.decode import Line, decode
from threadlog.core.framing import LF, Oversized, Splitter, line_length
from threadlog.core.passages import SPOKEN_ROLES, Passage, Passages
from threadlog.errors import Unreadable
from threadlog.local.files import RolloutFile

# What is gathered before a step ends, in characters of text.
STEP_CHARS = 4 << 20


# What keeps a text from standing in JSON as it is said: escapes that need not be, and letters
# beyond ASCII that in the other case are ASCII ones.
ESCAPES, FOLDS = 1, 2


class Step(NamedTuple):
    """What a step has read: passages, up to `read_to` (bytes) for good, and whether that is all.

    `forget` says that messages and reasoning of earlier steps were told for the second time;
    `left_out` counts lines and places that could not be read.  `odd` says why not all of it
    stands in the rollout as it is said (`said.as_written`): ESCAPES, FOLDS, both, or 0.
    """

    passages: list[Passage]
    read_to: int
    done: bool
    forget: bool
    left_out: int
    odd: int = 0


class Reached(NamedTuple):
    """How far a rollout was read: all before `offset` (bytes) is in `fold`."""

    offset: int
    fold: Passages


class SourceReader:
    """One reading of a rollout, from where it was read to on to *end* (None: all of it)."""

    def __init__(
        self, rollout: RolloutFile, reached: Reached, end: int | None, created: str | None
    ) -> None:
        """*created* is when lines are from that have no stamp."""
        self.fold = reached.fold
        self._rollout = rollout
        self._chunks = _between(rollout, reached.offset, end)
        self._splitter = Splitter(reached.offset)
        self._offset = reached.offset
        self._created_ms = max(moments.unix_ms(created or "") or 0, 0)
        self._clear()

    def _clear(self) -> None:
        self._passages: list[Passage] = []
        self._chars = self._left_out = 0
        self._forget, self._odd = False, 0

    def step(self, limit_chars: int = STEP_CHARS) -> Step:
        """Read until so much text was gathered, or the rollout ends."""
        self._clear()
        done, gap = True, None
        try:
            for chunk in self._chunks:
                self._feed(self._splitter.feed(chunk))
                if self._chars >= limit_chars:
                    done = False
                    break
            gap = self._rollout.gap
        except Unreadable as error:
            gap = str(error)
        read_to = self._offset
        if done:
            self._left_out += gap is not None
            self._rest()
        return Step(self._passages, read_to, done, self._forget, self._left_out, self._odd)

    def _feed(self, raws: list[bytes | Oversized]) -> None:
        for raw in raws:
            self._take(raw, self.fold)
            self._offset += line_length(raw) + len(LF)

    def _rest(self) -> None:
        """What has no LF may yet become another line."""
        begun = self._splitter.finish()
        if begun is not None:
            self._take(begun, self.fold.copy(), ended=False)

    def _take(self, raw: bytes | Oversized, fold: Passages, *, ended: bool = True) -> None:
        if isinstance(raw, Oversized):
            self._left_out += 1
            return
        if not fold.needs(raw) or lines.is_blank(raw):
            return
        line = decode(raw, self._offset, ended)
        if not isinstance(line, Line):
            return
        if not self._odd & ESCAPES and said.is_escaped(raw):
            self._odd |= ESCAPES
        for passage in fold.add(line):
            if passage is None:
                self._forget = True
                self._passages = [each for each in self._passages if each.role not in SPOKEN_ROLES]
            else:
                self._keep(passage)

    def _keep(self, passage: Passage) -> None:
        if said.folds_into_ascii(passage.text):
            self._odd |= FOLDS
        at_ms = passage.at_ms
        if at_ms is None or at_ms < 0:
            passage = passage._replace(at_ms=self._created_ms if at_ms is None else 0)
        self._passages.append(passage)
        self._chars += len(passage.text)


def _between(rollout: RolloutFile, start: int, end: int | None) -> Iterator[bytes]:
    """The chunks from *start*, where a line begins, to *end*."""
    chunks = rollout.chunks_from(start)
    if end is None:
        yield from chunks
        return
    for chunk in chunks:
        yield chunk[: max(end - start, 0)]
        start += len(chunk)
        if start >= end:
            return


def begins_line(rollout: RolloutFile, offset: int) -> bool:
    """True if a line begins at *offset*, or the rollout ends there."""
    return offset == 0 or rollout.read_at(offset - len(LF), len(LF)) == LF
