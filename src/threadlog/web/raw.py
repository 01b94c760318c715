"""Lines of a rollout as they stand in it, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from threadlog.core.framing import Frame, Gap, Oversized, line_length
from threadlog.core.text import one_line, printable
from threadlog.errors import NotFound
from threadlog.reader import ThreadReader

# Lines at once, and characters of each; a whole one comes by itself.
LINES, LINE_CHARS = 10, 4_000


def lines_of(reader: ThreadReader, segment: int, offset: int) -> dict[str, Any]:
    """Some lines from a byte of a segment on, and where they go on; raises NotFound.

    A line has to begin at that byte.
    """
    told: list[dict[str, Any]] = []
    goes_on: int | None = None
    for frame in islice(_frames(reader, segment, offset), LINES + 1):
        if len(told) == LINES:
            goes_on = frame.offset
            break
        told.append(_told(frame))
    return {"segment": segment, "lines": told, "next": goes_on}


def whole_line(reader: ThreadReader, segment: int, offset: int) -> bytes:
    """A line with its LF; raises NotFound."""
    frame = next(_frames(reader, segment, offset), None)
    if isinstance(frame, Frame) and isinstance(frame.raw, bytes):
        return frame.raw + b"\n"
    raise NotFound("no line that can be shown begins there")


def _frames(reader: ThreadReader, segment: int, offset: int) -> Iterator[Frame | Gap]:
    """What stands from a byte on; raises NotFound where no line begins."""
    segments = reader.segments()
    if segment >= len(segments):
        raise NotFound("this thread has fewer rollouts")
    if offset == 0:
        return reader.frames(segments[segment])
    frames = reader.frames(segments[segment], offset - 1)
    before = next(frames, None)
    if isinstance(before, Gap):
        return chain([before], frames)
    if before is None or before.raw != b"":  # else a LF alone stands before that byte
        raise NotFound(f"no line begins at byte {offset}")
    return frames


def _told(frame: Frame | Gap) -> dict[str, Any]:
    if isinstance(frame, Gap):
        said = f"(not all is there: {one_line(frame.reason)})"
        return {"byte": frame.offset, "length": 0, "text": said, "cut": False}
    length = line_length(frame.raw)
    if isinstance(frame.raw, Oversized):
        said = "(too long to be shown)"
        return {"byte": frame.offset, "length": length, "text": said, "cut": False}
    text = frame.raw[: 4 * LINE_CHARS].decode(errors="replace")[:LINE_CHARS]
    is_cut = length > len(text.encode())
    return {"byte": frame.offset, "length": length, "text": printable(text), "cut": is_cut}
