"""An outline says of every line what framing and sniffing say of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import threadlog
from makers import content, meta, put, turn
from threadlog.core import lines
from threadlog.core.framing import Oversized, frames
from threadlog.core.outline import BLANK, DAMAGED, OVERSIZED, Outline, outline

LIMIT = 200
KINDS = ["user_message", "agent_message", "x", "x1", "x2", "task_started", "événement"]


def expected(data: bytes, limit: int) -> list[tuple[int, object]]:
    told: list[tuple[int, object]] = []
    for frame in frames([data], limit_bytes=limit):
        if isinstance(frame.raw, Oversized):
            told.append((frame.offset, OVERSIZED))
        elif lines.is_blank(frame.raw):
            told.append((frame.offset, BLANK))
        else:
            told.append((frame.offset, lines.sniff(frame.raw) or DAMAGED))
    return told


def told(found: Outline) -> list[tuple[int, object]]:
    return [(offset, found.name(at) or found.codes[at]) for at, offset in enumerate(found.offsets)]


def _line(ordinal: int | None, line_type: str, kind: str | None, rest: str) -> bytes:
    value: dict[str, object] = {"timestamp": "2026-01-02T03:04:05.678Z"}
    if ordinal is not None:
        value["ordinal"] = ordinal
    payload = {"rest": rest} if kind is None else {"type": kind, "rest": rest}
    text = json.dumps({**value, "type": line_type, "payload": payload}, separators=(",", ":"))
    return text.encode()


LINES = st.one_of(
    st.builds(
        _line,
        st.none() | st.integers(0, 10**6),
        st.sampled_from(["event_msg", "response_item", "turn_context", "new"]),
        st.none() | st.sampled_from(KINDS),
        st.text(max_size=120),
    ),
    st.sampled_from([b"", b"  ", b"\r", b"\0\0", b"{", b"null", b'{"type":"message"}']),
    st.binary(max_size=40).filter(lambda raw: b"\n" not in raw),
)


@given(st.lists(LINES, max_size=30), st.booleans(), st.integers(1, 300))
def test_it_says_what_framing_and_sniffing_say(raws: list[bytes], ended: bool, step: int) -> None:
    data = b"\n".join(raws) + (b"\n" if ended and raws else b"")
    chunks = [data[at : at + step] for at in range(0, len(data), step)]
    assert told(outline(chunks, LIMIT)) == expected(data, LIMIT)


def test_a_home_tells_the_outline_of_each_rollout_of_a_thread(home: Path) -> None:
    data = content([meta(), *turn("one"), *turn("two")])
    thread = put(home, data)
    (found,) = threadlog.open(home).outline("last")
    assert told(found) == expected(data, 1 << 20)
    assert len(found) == data.count(b"\n")
    assert thread is not None


@pytest.mark.parametrize("name", ["names", "codes", "offsets"])
def test_types_are_named_once_however_many_lines_there_are(name: str) -> None:
    found = outline([_line(at, "event_msg", "x_y", "z") + b"\n" for at in range(5000)])
    assert len(getattr(found, name)) == (4 if name == "names" else 5000)
