"""Exports as JSON Lines: a thread's own lines, byte for byte, or with their texts redacted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from threadlog.core.boundaries import Spot
from threadlog.core.framing import Gap, Oversized
from threadlog.core.lines import BadLine, dump, parse_json
from threadlog.core.redacted import encoded

if TYPE_CHECKING:
    from threadlog.core.export import Place
    from threadlog.core.redaction import Gate
    from threadlog.exporting import Export, Exported

# So many bytes of lines are looked at together.
_BLOCK_BYTES = 1 << 17


def jsonl(export: Export, threads: list[Exported]) -> Iterator[bytes]:
    """The lines of the threads, those they inherit first."""
    for thread in threads:
        _spots(export, thread)  # a turn that is not there is said before all is read
    if export.redactor is not None:
        for thread in threads:
            for _line in _lines(export, thread, whole=True):
                pass
        export.begin()
        export.problem_count = export.turns = 0
        export.problems.clear()
    for thread in threads:
        if export.redactor is None and not export.ranged:
            yield from _chunks(export, thread)
        else:
            yield from _lines(export, thread)


def _chunks(export: Export, thread: Exported) -> Iterator[bytes]:
    ended = True
    for chunk in thread.reader().raw_chunks():
        if isinstance(chunk, Gap):
            export.note("", chunk)
        elif chunk:
            ended = chunk.endswith(b"\n")
            yield chunk
    if not ended:
        yield b"\n"


def _lines(export: Export, thread: Exported, *, whole: bool = False) -> Iterator[bytes]:
    """Lines one by one: all, or those of the turns asked for, the first line of the thread too."""
    block: list[tuple[int, bytes]] = []
    size = 0
    for number, raw in _wanted(export, thread, whole=whole):
        block.append((number, raw))
        size += len(raw)
        if size >= _BLOCK_BYTES:
            yield from _block(export, thread, block)
            block, size = [], 0
    yield from _block(export, thread, block)


def _wanted(export: Export, thread: Exported, *, whole: bool) -> Iterator[tuple[int, bytes]]:
    start, end = (None, None) if whole else _spots(export, thread)
    reader, number = thread.reader(), 0
    for at, segment in enumerate(reader.segments()):
        for frame in reader.frames(segment):
            number += 1
            if isinstance(frame, Gap):
                export.note("", frame)
                continue
            if isinstance(frame.raw, Oversized):
                export.note("", frame.raw)
                continue
            spot = (at, frame.offset)
            if number == 1 or not ((start and spot < start[:2]) or (end and spot >= end[:2])):
                yield number, frame.raw


def _block(export: Export, thread: Exported, lines: list[tuple[int, bytes]]) -> Iterator[bytes]:
    """Lines of which one look tells what they may hold."""
    redactor = export.redactor
    if redactor is None:
        yield from (raw + b"\n" for _number, raw in lines)
        return
    told = [(number, raw, _unescaped(raw)) for number, raw in lines]
    data = b"\n".join(plain for _number, _raw, plain in told)
    known = hash(data)
    gate = redactor.bare_gate(data) if known in thread.clean_blocks else redactor.gate(data)
    is_clean = True
    for number, raw, plain in told:
        made = raw
        if gate is not None and (within := redactor.narrowed(gate, plain)) is not None:
            made = _line(export, thread.place._replace(item=str(number)), raw, within)
        is_clean = is_clean and made is raw
        yield made + b"\n"
    if is_clean:
        thread.clean_blocks.add(known)


def _unescaped(raw: bytes) -> bytes:
    """A line with its characters as they are; others than Codex may have written their numbers."""
    if b"\\u" not in raw:
        return raw
    try:
        return encoded(parse_json(raw)) or raw
    except (BadLine, RecursionError):
        return raw


def _line(export: Export, place: Place, raw: bytes, gate: Gate) -> bytes:
    try:
        value = parse_json(raw)
        clean = export.clean(value, place, gate)
        return raw if clean is value or clean == value else dump(clean)
    except (BadLine, RecursionError):
        text = raw.decode("utf-8", "surrogateescape")
        made = export.clean(text, place)
        return raw if made == text else made.encode("utf-8", "surrogateescape")


def _spots(export: Export, thread: Exported) -> tuple[Spot | None, Spot | None]:
    """Where the turns asked for begin and end; None for no end."""
    if not export.ranged:
        return None, None
    begun = thread.reader().begun()
    thread.turns = len(begun)
    first, last = export.range_of(thread) or (None, None)
    start = begun[first - 1][1] if first is not None and first > 0 else None
    end = begun[last][1] if last is not None and 0 <= last < len(begun) else None
    return start, end
