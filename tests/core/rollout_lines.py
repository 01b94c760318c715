"""Lines, and a thread held in memory, as the tests of the core make them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from threadlog.core import lines, metadata
from threadlog.core.decode import Line, decode
from threadlog.core.framing import Frame, Gap, frames, frames_backwards
from threadlog.core.lineage import Segment
from threadlog.core.lines import BadLine, Envelope
from threadlog.core.metadata import Metadata
from threadlog.core.query import ThreadSummary
from threadlog.reader import ThreadReader

STAMP = "2026-01-02T03:04:05.678Z"
THREAD = "019b0000-0000-7000-8000-00000000000a"
OTHER = "019b0000-0000-7000-8000-00000000000b"
PATH = "rollout-2026-01-02T03-04-05-" + THREAD + ".jsonl"

Json = Any


def dumps(value: Json) -> bytes:
    """Compact JSON, as rollouts hold it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def line(line_type: str, payload: Json, **others: Json) -> bytes:
    """One raw line without its LF; *others* are `ordinal`, `metadata`, or another `timestamp`."""
    ordinal = {"ordinal": others["ordinal"]} if "ordinal" in others else {}
    notes = {"metadata": others["metadata"]} if "metadata" in others else {}
    stamp = others.get("timestamp", STAMP)
    return dumps({"timestamp": stamp, **ordinal, "type": line_type, "payload": payload, **notes})


def event(kind: str, /, **fields: Json) -> bytes:
    """One raw `event_msg` line."""
    return line("event_msg", {"type": kind, **fields})


def response(kind: str, /, **fields: Json) -> bytes:
    """One raw `response_item` line."""
    return line("response_item", {"type": kind, **fields})


def message(role: str, *texts: str) -> dict[str, Json]:
    """A response item: a message of *role*."""
    part = "output_text" if role == "assistant" else "input_text"
    content = [{"type": part, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": content}


def says(role: str, *texts: str) -> bytes:
    """One raw line with a message of *role*."""
    return line("response_item", message(role, *texts))


def session(**fields: Json) -> bytes:
    """One raw `session_meta` line."""
    payload = {
        "id": THREAD,
        "timestamp": STAMP,
        "cwd": "/desk/project",
        "originator": "tests",
        "cli_version": "1.2.3",
        "source": "cli",
        "model_provider": "some",
    }
    return line("session_meta", {**payload, **fields})


def started(turn_id: str, **fields: Json) -> bytes:
    """A turn begins."""
    return event("task_started", turn_id=turn_id, **fields)


def completed(turn_id: str, **fields: Json) -> bytes:
    """A turn ends."""
    return event("task_complete", turn_id=turn_id, last_agent_message=None, **fields)


def asks(text: str, **fields: Json) -> bytes:
    """The user's message, as an event."""
    return event("user_message", message=text, **fields)


def answers(text: str, **fields: Json) -> bytes:
    """The agent's message, as an event."""
    return event("agent_message", message=text, **fields)


def item(turn_id: str, kind: str, item_id: str, /, **fields: Json) -> bytes:
    """A turn item, as paginated rollouts hold it."""
    return event(
        "item_completed",
        thread_id=THREAD,
        turn_id=turn_id,
        item={"type": kind, "id": item_id, **fields},
    )


def rolled_back(turns: int) -> bytes:
    """The last turns no longer count."""
    return event("thread_rolled_back", num_turns=turns)


def decoded(raws: Iterable[bytes]) -> list[Line]:
    """The lines, each at its offset in a file of just these."""
    values = [decode(f.raw, f.offset, f.ended) for f in framed(raws) if isinstance(f.raw, bytes)]
    return [value for value in values if isinstance(value, Line)]


def framed(raws: Iterable[bytes]) -> list[Frame]:
    """The frames of a file of these lines."""
    return list(frames([content(raws)]))


def content(raws: Iterable[bytes]) -> bytes:
    """A file of these lines."""
    return b"".join(raw + b"\n" for raw in raws)


def envelopes(raws: Iterable[bytes]) -> list[Envelope]:
    """The lines as plain JSON."""
    return [lines.parse(raw) for raw in raws]


def folded(raws: Iterable[bytes]) -> Metadata:
    """The metadata that the lines give."""
    result = Metadata()
    for raw in raws:
        try:
            result = metadata.fold(result, lines.parse(raw))
        except BadLine:
            continue
    return result


def summary() -> ThreadSummary:
    """The summary of the thread under test; readers look at little of it."""
    empty = ThreadSummary._make([None] * len(ThreadSummary._fields))
    return empty._replace(id=THREAD, path=PATH)


class MemoryRollouts:
    """A store of one thread, in memory: the smallest `Rollouts`."""

    def __init__(self, *pieces: Sequence[bytes], chunk_bytes: int = 1 << 16) -> None:
        self._pieces = [content(piece) for piece in pieces]
        self._chunk = chunk_bytes

    def metadata(self, thread: ThreadSummary) -> Metadata:
        return folded(self._pieces[-1].split(b"\n"))

    def segments(self, thread: ThreadSummary) -> list[Segment]:
        return [Segment(str(number), PATH) for number in range(len(self._pieces))]

    def read(self, segment: Segment, start: int = 0) -> Iterator[Frame | Gap]:
        yield from (each for each in frames(self.chunks(segment)) if each.offset >= start)

    def read_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        size = len(self._pieces[int(segment.rollout_id)])
        yield from frames_backwards(reversed(list(self.chunks(segment))), size)

    def chunks(self, segment: Segment) -> Iterator[bytes]:
        whole = self._pieces[int(segment.rollout_id)]
        for start in range(0, len(whole), self._chunk):
            yield whole[start : start + self._chunk]


def reader(*raws: bytes) -> ThreadReader:
    """A reader of a thread with these lines."""
    return ThreadReader(MemoryRollouts(raws), summary())
