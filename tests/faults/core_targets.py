"""What is promised of lines, frames, names, cursors and ids, whatever they are."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from faults import seeds
from faults.mutations import Random, mutated, mutated_text, reshaped, token
from makers import OTHER, THREAD
from threadlog.core import cursor, entry, ids, layout, lines
from threadlog.core.decode import Line, decode, decode_item, turn_item
from threadlog.core.framing import Frame, Oversized, Splitter, frames, frames_backwards
from threadlog.core.items import Item, TurnItem, UntypedItem
from threadlog.core.items.event import ItemCompleted
from threadlog.core.items.turn import UntypedTurnItem
from threadlog.core.lines import BadLine, Damaged, Envelope
from threadlog.core.query import CREATED, SORTS
from threadlog.core.text import one_line, printable
from threadlog.core.weight import held_fields
from threadlog.errors import Unencodable

_OFFSET = 7
_MS = 1_767_323_045_678
# With more brackets a line may be nested as deep as Python's stack is, less the caller's part.
_DEEP = 300

# -- lines


class SomeLine(NamedTuple):
    """A line to decode; `ended` as in `Frame`."""

    raw: bytes
    ended: bool


def some_line(rng: Random) -> SomeLine:
    seed = rng.choice(seeds.LINES)
    raw = reshaped(rng, seed) if rng.randrange(3) else mutated(rng, [seed, *seeds.LINES])
    raw = max(raw.split(b"\n"), key=len)  # a frame has no line feed
    return SomeLine(raw, rng.random() < 0.8)


def lines_keep_their_bytes(_rng: Random, given: SomeLine) -> None:
    """A line is a `Line` or `Damaged`, with its bytes; what it says is what plain JSON says."""
    frame = Frame(_OFFSET, *given)
    value = decode(given.raw, _OFFSET, given.ended)
    reason, plain = _read_plainly(given.raw)
    assert reason is None or reason in lines.REASONS
    if isinstance(value, Damaged):
        assert reason is not None or is_deep(given.raw)
        assert value == lines.damage(frame, reason or "limit") or is_deep(given.raw)
        assert (value.offset, value.raw, value.ended) == (_OFFSET, given.raw, given.ended)
        assert decode_item(given.raw) is None or is_deep(given.raw)
        return
    assert isinstance(value, Line)
    assert (value.offset, value.raw, value.ended) == (_OFFSET, given.raw, given.ended)
    assert value.encode() == given.raw
    assert reason in (None, "limit")
    item = decode_item(given.raw)
    assert item is not None
    assert _same(item, value.item)
    _check_texts(value)
    if plain is not None:
        _says_what_plain_json_says(value, plain, given.raw)
    _passes_through_a_recorder(value, reason)
    _is_recorded_as_typed(value)


def _read_plainly(raw: bytes) -> tuple[str | None, Envelope | None]:
    try:
        return None, lines.parse(raw)
    except BadLine as error:
        return error.reason, None


def _says_what_plain_json_says(value: Line, plain: Envelope, raw: bytes) -> None:
    assert _same((value.type, value.timestamp), (plain.type, plain.timestamp))
    assert value.ordinal == plain.ordinal
    assert _same(value.plain(), plain)
    detached = value.detached()
    if detached.raw is None:
        assert _same(json.loads(detached.encode()), json.loads(raw.decode()))
        assert _same(detached.plain(), plain)
    else:
        assert is_deep(raw)
    if not _has_key_twice(raw):
        assert lines.sniff(raw) == (plain.type, plain.kind)
        assert lines.sniff_ordinal(raw) == plain.ordinal
    if b"\\ud" in raw.lower() or isinstance(value.item, UntypedItem):
        return
    for name in held_fields(type(value.item)):
        free = getattr(value.item, name)
        if name in plain.payload and not _has_classes(free):
            assert _same(list(free) if isinstance(free, tuple) else free, plain.payload[name])


def _has_classes(value: Any) -> bool:
    """True for what is not all free JSON."""
    several = value.values() if isinstance(value, dict) else value
    return isinstance(value, tuple | dict) and any(isinstance(each, Item) for each in several)


def _passes_through_a_recorder(value: Line, reason: str | None) -> None:
    """What was read can be recorded again: one whole line that says the same."""
    try:
        weight, payload = entry.weigh_line(value)
    except Unencodable:
        assert reason == "limit" or is_deep(value.encode())
        return
    batch = entry.encode([(_MS, weight, payload)], value.ordinal)
    if batch.refused:
        assert (batch.data, is_deep(value.encode())) == (b"", True)
        return
    again = _only_line(batch)
    assert again is not None or is_deep(value.encode())
    if again is not None:
        assert (again.type, again.ordinal) == (value.type, value.ordinal)
        assert _same(again.item, value.item)
        assert _same(again.metadata, value.metadata)


def _is_recorded_as_typed(value: Line) -> None:
    """A typed item can be recorded, and is read again as it was."""
    try:
        weight, payload = entry.weigh(value.item)
    except Unencodable:
        assert is_deep(value.encode())
        return
    batch = entry.encode([(_MS, weight, payload)], None)
    if batch.refused:
        assert (batch.data, is_deep(value.encode())) == (b"", True)
        return
    again = _only_line(batch)
    if again is not None and not isinstance(value.item, UntypedItem):
        assert _same(again.item, value.item)
    if isinstance(value.item, ItemCompleted):
        assert isinstance(turn_item(value.item), TurnItem | UntypedTurnItem)


def _only_line(batch: entry.Batch) -> Line | None:
    """The line of a batch, which is whole; None if it is nested too deep to be read from here."""
    assert (batch.lines, batch.data.count(b"\n")) == (1, 1)
    assert batch.data.endswith(b"\n")
    value = decode(batch.data[:-1])
    if isinstance(value, Damaged):
        assert value.reason == "limit"
        assert is_deep(value.raw)
        return None
    return value


def _check_texts(value: Line) -> None:
    """Nothing of a line can steer a terminal once it is made printable."""
    text = repr(value.item)[:2000] + value.timestamp + value.type
    for shown in (printable(text), one_line(text), one_line(value.encode().decode())):
        assert STEERS.search(shown) is None


# C0 but for tab and LF, DEL, C1, bidi, line separators, and what has no UTF-8 form.
STEERS = re.compile(
    "[^\t\n -~\xa0-\u061b\u061d-\u200d\u2010-\u2027\u202f-\u2065\u206a-\ud7ff\ue000-\U0010ffff]"
)


def _same(one: Any, other: Any) -> bool:
    """Equal; what is nested deeper than can be compared is taken for equal."""
    try:
        return bool(one == other)
    except RecursionError:
        return True


def is_deep(raw: bytes) -> bool:
    """True if the caller's own place on the stack may decide whether this can be read."""
    return raw.count(b"[") + raw.count(b"{") > _DEEP


def _has_key_twice(raw: bytes) -> bool:
    found = False

    def look(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal found
        found = found or len({key for key, _value in pairs}) < len(pairs)
        return dict(pairs)

    json.loads(raw.decode(), object_pairs_hook=look)
    return found


# -- framing


class Stream(NamedTuple):
    """A file in chunks; lines above the limit are not held."""

    chunks: list[bytes]
    limit: int


def some_stream(rng: Random) -> Stream:
    data = mutated(rng, seeds.FILES if rng.randrange(4) else seeds.LINES)
    data = data if not rng.randrange(3) else data[: rng.randrange(700)]
    for _ in range(rng.choice([0, 0, 1, 30])):
        start = rng.randint(0, len(data))
        data = (
            data[:start] + rng.choice([b"\n", b"\n\n", b"\r\n", b"\r", token(rng)]) + data[start:]
        )
    places = sorted({rng.randint(0, len(data)) for _ in range(rng.choice([0, 1, 5, 40]))})
    cuts = [0, *places, len(data)]
    chunks = [data[start:end] for start, end in pairwise(cuts)]
    small = [1, 10, 100] if len(data) < 500 else []  # a chunk above the limit is cut in halves
    return Stream(chunks, rng.choice([*small, 500, 1 << 26]))


def frames_put_together_are_the_file(rng: Random, given: Stream) -> None:
    """Forwards and backwards the frames are what stands between two line feeds, and all of it."""
    data, offset = b"".join(given.chunks), rng.choice([0, 1 << 40])
    expected = _frames_by_definition(data, given.limit, offset)
    forwards = list(frames(given.chunks, offset, given.limit))
    assert forwards == expected
    backwards = frames_backwards(given.chunks[::-1], offset + len(data), given.limit)
    assert list(backwards) == expected[::-1]
    splitter = Splitter(offset, given.limit, keep_lf=True)
    pieces = [piece for chunk in given.chunks for piece in splitter.feed(chunk)]
    last = splitter.finish()
    held = [*pieces, *([] if last is None else [last])]
    whole = b"".join(
        data[each.offset - offset :][: each.length] + b"\n" * (place < len(pieces))
        if isinstance(each, Oversized)
        else each
        for place, each in enumerate(held)
    )
    assert whole == data


def _frames_by_definition(data: bytes, limit: int, offset: int) -> list[Frame]:
    *whole, tail = data.split(b"\n")
    found = []
    for raw, ended in [*((raw, True) for raw in whole), *([(tail, False)] if tail else [])]:
        held = raw if len(raw) <= limit else Oversized(offset, len(raw))
        found.append(Frame(offset, held, ended))
        offset += len(raw) + 1
    return found


# -- names and folders


class Names(NamedTuple):
    """The names of one folder, and where it lies in the home."""

    names: list[str]
    folder: str


def some_names(rng: Random) -> Names:
    makers = [lambda: mutated_text(rng, seeds.NAMES), lambda: _put_together(rng)]
    names = [rng.choice(makers)() for _ in range(rng.choice([1, 1, 2, 3]))]
    names += [names[0] + ".zst"] if not rng.randrange(4) else []
    names += [rng.choice(seeds.NAMES)] if not rng.randrange(4) else []
    folder = rng.choice(seeds.FOLDERS) if rng.randrange(3) else mutated_text(rng, seeds.FOLDERS)
    return Names(list(dict.fromkeys(names)), folder)


def _put_together(rng: Random) -> str:
    """A name of the grammar, but for parts that may not be what they should."""
    start = "rollout-" if rng.randrange(12) else rng.choice(["Rollout-", "rollout_", "rollout-x"])
    revision = f"_{rng.choice(seeds.IDS)}" if not rng.randrange(4) else ""
    stamp = f"{rng.choice(seeds.STAMPS)}-" if rng.randrange(12) else ""
    return f"{start}{stamp}{rng.choice(seeds.IDS)}{revision}{rng.choice(seeds.SUFFIXES)}"


_STAMPED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}")
_DAY = re.compile(r"sessions/[0-9]{4}/[0-9]{2}/[0-9]{2}")


def names_say_ids_and_stamps_only(_rng: Random, given: Names) -> None:
    """What a name says is canonical, is written back identically, and never a path."""
    alone = set()
    for name in given.names:
        parsed = layout.parse_name(name)
        assert isinstance(layout.in_place(given.folder, name), bool)
        if parsed is None:
            assert not layout.in_place(given.folder, name)
            continue
        _is_written_back(name, parsed)
        plain = name.removesuffix(".zst")
        if plain == name or plain not in given.names:
            alone.add((name, *parsed))
    together = layout.parse_names(given.names)
    assert len(together) == len(alone)
    assert set(together) == alone


def _is_written_back(name: str, parsed: layout.RolloutName) -> None:
    for each in (parsed.thread_id, parsed.revision_id):
        assert each is None or ids.is_thread_id(each)
    if parsed.stamp is None or parsed.thread_id is None:
        return
    assert _STAMPED.fullmatch(parsed.stamp)
    assert _DAY.fullmatch(layout.day_folder(parsed.stamp))
    written = layout.rollout_name(parsed.stamp, parsed.thread_id, parsed.revision_id)
    assert layout.parse_name(written) == parsed
    assert layout.parse_names([written]) == [(written, *parsed)]
    if len(name.removesuffix(".zst")) == len(written) and parsed.stamp in name:
        assert name.removesuffix(".zst").lower() == written.lower()


# -- cursors


class Cursor(NamedTuple):
    """The text of a cursor, and the listing that it is given to."""

    text: str
    sort: str
    ascending: bool


def some_cursor(rng: Random) -> Cursor:
    text = mutated_text(rng, seeds.CURSORS) if rng.randrange(2) else _some_place(rng)
    return Cursor(text, rng.choice(SORTS), rng.random() < 0.5)


def _some_place(rng: Random) -> str:
    """A cursor of the grammar, but for parts that may not be what they should."""
    moment = rng.choice(seeds.STAMPS)
    if rng.randrange(2):
        moment = moment[:13] + moment[13:].replace("-", ":")
    digits = f".{rng.randrange(10 ** rng.randint(1, 10)):03}" if rng.randrange(2) else ""
    tie = f"|{rng.choice(seeds.IDS)}" if rng.randrange(4) else ""
    return moment + digits + rng.choice(seeds.ZONES) + tie


_AFTER_ALL = "\U0010ffff"


def cursors_are_places_or_none(_rng: Random, given: Cursor) -> None:
    """A cursor names a place, which has a cursor that names the same place, or none at all."""
    place = cursor.read_cursor(given.text, given.sort, ascending=given.ascending)
    if place is None:
        return
    moment, tie = place
    assert len(moment) < len("2026-01-02T03:04:05.678901234+00:00")
    if "|" not in given.text or not tie:
        return
    after_all = given.sort == CREATED and tie == _AFTER_ALL
    assert tie == given.text.partition("|")[2] or after_all
    for text in (cursor.cursor_text(place), *_as_codex(place, given.sort)):
        assert cursor.read_cursor(text, given.sort, ascending=given.ascending) == place


def _as_codex(place: cursor.Place, sort: str) -> list[str]:
    """Codex's spelling, of days that its calendar has."""
    try:
        return [cursor.codex_cursor_text(place, sort)] if sort != CREATED else []
    except ValueError:
        return []


# -- ids


def some_reference(rng: Random) -> str:
    return mutated_text(rng, seeds.REFERENCES)


def ids_are_canonical(_rng: Random, text: str) -> None:
    """What counts as an id is a UUID's own spelling, and no other text is taken for one."""
    read = ids.read_reference(text)
    assert read.text == text
    assert (read.kind == "id") == ids.is_thread_id(text) == _is_canonical(text)
    assert read.kind != "id" or not {"/", ".", "\0"} & set(text)
    for each in (THREAD, OTHER):
        if ids.fits(read, each):
            assert text in each
            assert len(text.replace("-", "")) >= ids.SUFFIX_MIN_DIGITS


def _is_canonical(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
