"""A thread's whole history in memory: raw lines kept, items decoded when they are read.

The only place that holds a whole thread; everything else streams.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from threadlog.core import lines, prompt, replay, turns
from threadlog.core.decode import Line, decode_frame, decode_item
from threadlog.core.framing import Frame, Gap, Oversized, line_length
from threadlog.core.items import LineItem
from threadlog.core.lines import BadLine, Damaged, Envelope, Json
from threadlog.core.turn import Turn, TurnRules

NEW, RESUMED, FORKED = "new", "resumed", "forked"

Value = Line | Damaged | Oversized | Gap


class Loaded(NamedTuple):
    """One segment in memory: its lines in order, and whether the last one had its LF."""

    path: str
    raws: list[bytes | Oversized]
    ended: bool = True
    gap: Gap | None = None


class History:
    """What a conversation starts from (the seed's InitialHistory).

    `kind` is "new" (no lines: a thread that begins), "resumed" (a stored thread goes on, under
    its own id and path) or "forked" (a new thread begins with these lines; path None).
    """

    def __init__(
        self,
        kind: str = NEW,
        loaded: Sequence[Loaded] = (),
        *,
        thread_id: str | None = None,
        rules: TurnRules | None = None,
    ) -> None:
        self.kind = kind
        self.thread_id = thread_id
        self.path = loaded[-1].path if loaded and kind == RESUMED else None
        self._loaded = loaded
        self._rules = rules or TurnRules()

    def forked(self) -> History:
        """The same lines as the beginning of a new thread."""
        return History(FORKED, self._loaded, thread_id=self.thread_id, rules=self._rules)

    def __len__(self) -> int:
        """The number of lines, blank and damaged ones included."""
        return sum(len(loaded.raws) for loaded in self._loaded)

    def __iter__(self) -> Iterator[Value]:
        """Every line, decoded now, damage in its place."""
        for loaded in self._loaded:
            offset, last = 0, len(loaded.raws) - 1
            for index, raw in enumerate(loaded.raws):
                value = decode_frame(Frame(offset, raw, index < last or loaded.ended))
                if value is not None:
                    yield value
                offset += line_length(raw) + 1
            if loaded.gap is not None:
                yield loaded.gap

    def lines(self) -> Iterator[Line]:
        """Every line that is whole."""
        return (value for value in self if isinstance(value, Line))

    def items(self) -> Iterator[LineItem]:
        """The item of every line that is whole."""
        return (
            item
            for loaded in self._loaded
            for raw in loaded.raws
            if isinstance(raw, bytes) and (item := decode_item(raw)) is not None
        )

    def problems(self) -> Iterator[Damaged | Oversized | Gap]:
        """Every piece that is not a whole line."""
        return (value for value in self if not isinstance(value, Line))

    def turns(self) -> Iterator[Turn]:
        """The turns, oldest first."""
        return turns.read_turns(self.lines, self._rules)

    def model_input(self) -> list[dict[str, Json]]:
        """The Responses items to send to a model next (see `docs/format.md`, "Model input")."""
        return model_input(self._backwards())

    def _backwards(self) -> Iterator[bytes]:
        for loaded in reversed(self._loaded):
            for raw in reversed(loaded.raws):
                if isinstance(raw, bytes):
                    yield raw


def model_input(backwards: Iterable[bytes]) -> list[dict[str, Json]]:
    """The Responses items to send next, from raw lines, newest first; reads only what it needs."""
    return prompt.model_input(replay.replay(replay.relevant(_replayable(backwards))))


def _replayable(raws: Iterable[bytes]) -> Iterator[Envelope]:
    for raw in raws:
        glance = lines.sniff(raw)
        if glance is None or not replay.concerns(glance):
            continue
        try:
            yield lines.parse(raw)
        except BadLine:
            continue


def load(path: str, frames: Iterable[Frame | Gap]) -> Loaded:
    """Take in the lines of one segment."""
    raws: list[bytes | Oversized] = []
    ended, gap = True, None
    for frame in frames:
        if isinstance(frame, Gap):
            gap = frame
        else:
            raws.append(frame.raw)
            ended = frame.ended
    return Loaded(path, raws, ended, gap)
