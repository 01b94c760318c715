"""The envelope: read without loss, refused with a reason, glanced at without being misread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_lines import STAMP, dumps, event, line, response, session

from threadlog.core import lines
from threadlog.core.framing import Frame
from threadlog.core.lines import REASONS, BadLine, Damaged, Envelope

GOOD = event("agent_message", message="fine")


def _reason(raw: bytes) -> str | None:
    try:
        lines.parse(raw)
    except BadLine as error:
        return error.reason if str(error) == REASONS[error.reason] else str(error)
    return None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(GOOD, None, id="whole"),
        pytest.param(GOOD[:-1], "syntax", id="cut"),
        pytest.param(GOOD + b"x", "syntax", id="more after it"),
        pytest.param(b"not json", "syntax", id="text"),
        pytest.param(b"\xef\xbb\xbf" + GOOD, "syntax", id="BOM"),
        pytest.param(b"\0" * 40, "nul", id="NULs"),
        pytest.param(GOOD[:30] + b"\0" * 40, "nul", id="NULs after a beginning"),
        pytest.param(b"\0" * 8 + GOOD, "nul", id="NULs before a line"),
        pytest.param(GOOD.replace(b"fine", b"f\xfcr"), "utf8", id="Latin-1"),
        pytest.param(GOOD.replace(b"fine", b"\xed\xa0\x80"), "utf8", id="encoded surrogate"),
        pytest.param(b"[]", "shape", id="array"),
        pytest.param(b'"text"', "shape", id="string"),
        pytest.param(b"null", "shape", id="null"),
        pytest.param(b"{}", "shape", id="nothing in it"),
        pytest.param(dumps({"type": "event_msg", "payload": {}}), "shape", id="no timestamp"),
        pytest.param(dumps({"timestamp": STAMP, "payload": {}}), "shape", id="no type"),
        pytest.param(line("event_msg", None), "shape", id="payload null"),
        pytest.param(line("event_msg", []), "shape", id="payload array"),
        pytest.param(line("event_msg", "x"), "shape", id="payload text"),
        pytest.param(dumps({"timestamp": STAMP, "type": 7, "payload": {}}), "shape", id="type 7"),
        pytest.param(line("event_msg", {}, timestamp=7), "shape", id="timestamp a number"),
        pytest.param(GOOD.replace(b'"fine"', b"1e400"), "limit", id="infinite by exponent"),
        pytest.param(GOOD.replace(b'"fine"', b"-1e400"), "limit", id="minus infinite"),
        pytest.param(GOOD.replace(b'"fine"', b"NaN"), "limit", id="NaN"),
        pytest.param(GOOD.replace(b'"fine"', b"Infinity"), "limit", id="Infinity"),
        pytest.param(GOOD.replace(b'"fine"', b"[" * 100_000 + b"]" * 100_000), "limit", id="deep"),
        pytest.param(GOOD.replace(b'"fine"', b"9" * 50_000), "limit", id="50,000 digits"),
    ],
)
def test_what_is_no_line_is_refused_with_its_reason(raw: bytes, reason: str | None) -> None:
    assert _reason(raw) == reason


@pytest.mark.parametrize(
    ("reason", "ended", "told"),
    [
        ("syntax", True, "syntax"),
        ("syntax", False, "torn"),
        ("utf8", True, "utf8"),
        ("utf8", False, "torn"),
        ("nul", False, "nul"),
        ("shape", False, "shape"),
        ("limit", False, "limit"),
    ],
)
def test_only_an_unfinished_last_line_is_called_torn(reason: str, ended: bool, told: str) -> None:
    damaged = lines.damage(Frame(7, b"{", ended), reason)
    assert damaged == Damaged(7, b"{", told, ended)
    assert damaged.length == 1
    assert told in REASONS


@pytest.mark.parametrize("stamp", ["", "yesterday", "2026-01-02", STAMP])
def test_any_text_is_a_timestamp(stamp: str) -> None:
    assert lines.parse(line("event_msg", {}, timestamp=stamp)).timestamp == stamp


@pytest.mark.parametrize(
    ("ordinal", "read"),
    [
        (0, 0),
        (7, 7),
        (2**64, 2**64),
        (10**20, 10**20),
        (-1, None),
        (1.0, None),
        ("1", None),
        (True, None),
    ],
)
def test_only_a_counting_number_is_an_ordinal(ordinal: Any, read: int | None) -> None:
    raw = line("event_msg", {"type": "warning", "message": "m"}, ordinal=ordinal)
    assert lines.parse(raw).ordinal == read
    assert lines.sniff_ordinal(raw) == read


@pytest.mark.parametrize(
    ("raw", "line_type", "kind"),
    [
        pytest.param(
            dumps({"id": "x", "timestamp": STAMP, "instructions": None}),
            "session_meta",
            None,
            id="header",
        ),
        pytest.param(
            dumps({"id": "x", "timestamp": STAMP, "git": {"branch": "b"}}),
            "session_meta",
            None,
            id="header with git",
        ),
        pytest.param(
            dumps({"record_type": "state", "previous_response_id": None}),
            "record_state",
            None,
            id="state",
        ),
        pytest.param(dumps({"record_type": "state"}), "record_state", None, id="bare state"),
        pytest.param(
            dumps({"type": "message", "id": None, "role": "user", "content": []}),
            "response_item",
            "message",
            id="message",
        ),
        pytest.param(
            dumps({"type": "function_call_output", "call_id": "c", "output": "o"}),
            "response_item",
            "function_call_output",
            id="output",
        ),
    ],
)
def test_a_line_from_before_envelopes_is_its_own_payload(
    raw: bytes, line_type: str, kind: str | None
) -> None:
    envelope = lines.parse(raw)
    assert envelope == Envelope(
        envelope.timestamp, line_type, json.loads(raw), None, None, bare=True
    )
    assert envelope.timestamp == (STAMP if line_type == "session_meta" else "")
    assert (envelope.type, envelope.kind) == lines.sniff(raw) == (line_type, kind)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("turn_started", "task_started"),
        ("turn_complete", "task_complete"),
        ("task_started", "task_started"),
        ("anything_else", "anything_else"),
    ],
)
def test_the_old_spelling_of_an_event_is_the_new_one(written: str, read: str) -> None:
    raw = event(written, turn_id="t")
    assert lines.parse(raw).kind == read
    assert lines.sniff(raw) == ("event_msg", read)


@pytest.mark.codex("C047")
@pytest.mark.parametrize("blank", [b"", b" ", b"\t", b"\r", b" \t\r\x0b\x0c"])
def test_white_space_is_a_blank_line(blank: bytes) -> None:
    assert lines.is_blank(blank)


@pytest.mark.parametrize("full", [b"\0", b"{}", b"\xc2\xa0", "\u2028".encode(), b"\xef\xbb\xbf"])
def test_anything_else_is_not(full: bytes) -> None:
    assert not lines.is_blank(full)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\0\0", b"\xff", b'{"timestamp":"t"}'])
def test_a_glance_at_what_is_no_line_is_none(raw: bytes) -> None:
    assert lines.sniff(raw) is None
    assert lines.sniff_ordinal(raw) is None


def test_a_glance_needs_the_first_bytes_only() -> None:
    raw = response("message", role="user", content=[]) + b"!"
    assert lines.sniff(raw) == ("response_item", "message")
    assert lines.sniff(session()) == ("session_meta", None)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"num_turns": 1, "type": "thread_rolled_back"}, id="type last"),
        pytest.param({"num_turns": {"type": "no"}, "type": "yes"}, id="type inside and last"),
        pytest.param({"type": "web_search_2"}, id="digit"),
        pytest.param({"type": "image-view"}, id="hyphen"),
        pytest.param({"type": "\u00e9v\u00e9nement"}, id="not ASCII"),
        pytest.param({"type": 'a"b'}, id="escape"),
        pytest.param({"type": ""}, id="empty"),
        pytest.param({"type": None}, id="null"),
        pytest.param({"type": 5}, id="number"),
        pytest.param({"type": {"type": "x"}}, id="object"),
        pytest.param({}, id="nothing"),
    ],
)
def test_a_glance_sees_what_reading_sees(payload: Any) -> None:
    _sniffs_as_it_parses(line("event_msg", payload))
    _sniffs_as_it_parses(json.dumps(json.loads(line("event_msg", payload))).encode())


KEYS = ("timestamp", "ordinal", "type", "payload", "metadata")
NAMES = st.sampled_from(
    ["event_msg", "response_item", "turn_started", "task_complete", "x2", "a-b", "\u00fc", "", '"']
)
PLAIN = st.sampled_from(["event_msg", "response_item", "session_meta"])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
PAYLOADS = st.dictionaries(
    st.sampled_from(["type", "payload", "timestamp", "message"]), NAMES | VALUES, max_size=3
)


@given(
    type_=PLAIN | NAMES | SCALARS,
    payload=PAYLOADS,
    ordinal=st.integers(0) | SCALARS,
    order=st.sampled_from([KEYS, KEYS[:1] + KEYS[2:]]) | st.permutations(KEYS),
    compact=st.booleans(),
    ascii_only=st.booleans(),
)
def test_no_order_of_keys_and_no_spacing_changes_what_a_line_says(
    type_: Any, payload: Any, ordinal: Any, order: Sequence[str], compact: bool, ascii_only: bool
) -> None:
    value = {
        "timestamp": STAMP,
        "type": type_,
        "payload": payload,
        "ordinal": ordinal,
        "metadata": {"type": "no"},
    }
    text = json.dumps(
        {key: value[key] for key in order},
        separators=(",", ":") if compact else None,
        ensure_ascii=ascii_only,
    )
    _sniffs_as_it_parses(text.encode(errors="surrogatepass"))


def _sniffs_as_it_parses(raw: bytes) -> None:
    try:
        envelope = lines.parse(raw)
    except BadLine:
        return  # a glance may take a broken line for a whole one
    assert lines.sniff(raw) == (envelope.type, envelope.kind)
    assert lines.sniff_ordinal(raw) == envelope.ordinal


@given(VALUES | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**80), 2**80))
def test_dumped_values_read_back_equal(value: Any) -> None:
    assert lines.parse_json(lines.dump(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_that_json_lacks_are_not_dumped(value: Any) -> None:
    with pytest.raises(ValueError):
        lines.dump(value)


def test_lone_surrogates_are_dumped_as_the_escapes_they_came_as() -> None:
    assert lines.dump({"\u00e9": "\ud800"}) == b'{"\\u00e9":"\\ud800"}'
    assert lines.dump({"\u00e9": "\U0001f600"}) == '{"\u00e9":"\U0001f600"}'.encode()


@pytest.mark.parametrize(
    "raw",
    [
        event("agent_message", message="m"),
        line("event_msg", {"type": "warning", "message": "\u2028"}, ordinal=0),
        line("response_item", {"type": "message"}, metadata={"b": 1, "a": [2]}),
        line("never_heard_of", {"z": 1}, ordinal=3, metadata=[None]),
    ],
)
def test_an_encoded_line_is_the_line_as_codex_writes_it(raw: bytes) -> None:
    envelope = lines.parse(raw)
    assert lines.encode_line(envelope, lines.dump(envelope.payload)) == raw + b"\n"
