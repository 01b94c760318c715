"""Lines as typed values: nothing is lost, nothing raises, and what is odd stays in its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rollout_lines import STAMP, THREAD, dumps, event, line, response, session

from threadlog.core import lines
from threadlog.core.decode import Line, decode, decode_frame, decode_item
from threadlog.core.framing import Frame, Oversized
from threadlog.core.items import UntypedItem
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items import session as si
from threadlog.core.lines import BadLine, Damaged, Envelope

SAYS = event("agent_message", message="hello")


def _line(raw: bytes) -> Line:
    value = decode(raw)
    assert isinstance(value, Line), value
    return value


def _untyped(raw: bytes) -> UntypedItem:
    carried = _line(raw).item
    assert isinstance(carried, UntypedItem), carried
    return carried


@pytest.mark.codex("C036")
@pytest.mark.parametrize(
    ("raw", "ended", "reason"),
    [
        (SAYS[:-2], True, "syntax"),
        (SAYS[:-2], False, "torn"),
        (b'{"timestamp":"2026', False, "torn"),
        (SAYS[:20] + b"\xe2\x82", False, "torn"),
        (b"\0" * 200, True, "nul"),
        (b"\0" * 200, False, "nul"),
        (SAYS.replace(b"hello", b"\xff"), True, "utf8"),
        (b"\xef\xbb\xbf" + SAYS, True, "syntax"),
        (line("event_msg", None), True, "shape"),
        (b"[1]", True, "shape"),
        (b'{"type":"event_msg","payload":{}}', True, "shape"),
        (line("world_state", {"full": True}).replace(b"true", b"1e400"), True, "limit"),
        (line("world_state", {"full": True}).replace(b"true", b"NaN"), True, "limit"),
        (line("x", {}).replace(b"{}", b"[" * 100_000 + b"]" * 100_000), True, "limit"),
    ],
)
def test_damage_is_a_value_with_place_bytes_and_reason(
    raw: bytes, ended: bool, reason: str
) -> None:
    assert decode(raw, 40, ended) == Damaged(40, raw, reason, ended)


@pytest.mark.codex("C045")
def test_a_whole_last_line_without_its_line_feed_counts() -> None:
    value = decode(SAYS, 5, False)
    assert isinstance(value, Line)
    assert (value.offset, value.ended, value.raw) == (5, False, SAYS)


def test_a_frame_is_a_line_or_oversized_or_blank() -> None:
    assert decode_frame(Frame(3, Oversized(3, 9), ended=True)) == Oversized(3, 9)
    assert decode_frame(Frame(3, b" \t\r", ended=True)) is None
    assert decode_frame(Frame(3, b"", ended=True)) is None
    assert decode_frame(Frame(3, b"{", ended=False)) == Damaged(3, b"{", "torn", ended=False)
    value = decode_frame(Frame(3, SAYS, ended=True))
    assert isinstance(value, Line)
    assert (value.offset, value.ended) == (3, True)


def test_a_carriage_return_before_the_line_feed_does_not_matter() -> None:
    assert _line(SAYS + b"\r").item == ev.AgentMessageEvent(message="hello")
    assert _line(SAYS + b"\r").encode() == SAYS + b"\r"


@pytest.mark.parametrize(
    ("raw", "type_", "kind", "reason"),
    [
        (line("new_line", {"a": 1}), "new_line", None, "unknown line type"),
        (line("new_line", {"type": "b"}), "new_line", None, "unknown line type"),
        (event("new_event", a=1), "event_msg", "new_event", "unknown event_msg type"),
        (line("event_msg", {"a": 1}), "event_msg", None, None),
        (response("new_item", a=1), "response_item", "new_item", "unknown response_item type"),
        (response("other"), "response_item", "other", "unknown response_item type"),
    ],
)
def test_what_is_unknown_is_kept_in_its_place(
    raw: bytes, type_: str, kind: str | None, reason: str | None
) -> None:
    untyped, payload = _untyped(raw), json.loads(raw)["payload"]
    assert (untyped.type, untyped.kind, untyped.payload) == (type_, kind, payload)
    assert reason in (None, untyped.reason)
    assert _line(raw).type == type_
    assert _line(raw).encode() == raw


@pytest.mark.parametrize(
    "raw",
    [
        event("user_message"),
        event("user_message", message=5),
        event("user_message", message="m", images="no list"),
        event("thread_rolled_back", num_turns="one"),
        event("task_started"),
        response("message", role="user", content="text alone"),
        response("message", role="user"),
        response("function_call", name="n", arguments={"no": "text"}, call_id="c"),
        line("session_meta", {"id": THREAD}),
        line("turn_context", {"cwd": "/tmp"}),
        line("world_state", {"state": {}}),
    ],
)
def test_a_known_type_of_the_wrong_shape_is_kept_untyped(raw: bytes) -> None:
    untyped, payload = _untyped(raw), json.loads(raw)["payload"]
    assert untyped.reason == "not of its type's shape"
    assert untyped.payload == payload
    assert _line(raw).encode() == raw


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            line("event_msg", {"new": {"type": 1}, "message": "m", "type": "agent_message"}),
            ev.AgentMessageEvent(message="m"),
        ),
        (
            line("response_item", {"role": "user", "x": 1, "content": [], "type": "message"}),
            rs.Message(role="user", content=()),
        ),
        (
            line("world_state", {"full": False, "state": 1, "y": 2}),
            si.WorldState(full=False, state=1),
        ),
    ],
)
def test_unknown_fields_do_not_hide_a_known_type(raw: bytes, expected: object) -> None:
    value = _line(raw)
    assert value.item == expected
    assert value.plain().payload == json.loads(raw)["payload"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (event("turn_started", turn_id="t"), ev.TaskStarted(turn_id="t")),
        (event("turn_complete", turn_id="t"), ev.TaskComplete(turn_id="t")),
    ],
)
def test_old_names_of_events_are_the_same_events(raw: bytes, expected: object) -> None:
    assert _line(raw).item == expected
    assert _line(raw).encode() == raw


def test_an_old_name_with_a_broken_payload_is_kept_untyped() -> None:
    assert _untyped(event("turn_started")).kind == "task_started"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (rb'{"type":"agent_message","message":"a\ud800b"}', "a\ufffdb"),
        (rb'{"type":"agent_message","message":"\udc00"}', "\ufffd"),
        (rb'{"type":"agent_message","message":"\ud83d\ude00"}', "\U0001f600"),
        (rb'{"type":"agent_message","message":"m","\ud800":["\ud800"]}', "m"),
    ],
)
def test_a_lone_surrogate_costs_one_character_and_no_byte(raw: bytes, said: str) -> None:
    whole = line("event_msg", {}).replace(b"{}", raw)
    assert _line(whole).item == ev.AgentMessageEvent(message=said)
    assert _line(whole).encode() == whole
    assert json.loads(_line(whole).detached().encode()) == json.loads(whole)


def test_the_envelope_is_at_hand() -> None:
    payload = {"type": "message", "role": "user", "content": []}
    value = _line(line("response_item", payload, ordinal=3, metadata={"n": 1}))
    assert (value.timestamp, value.ordinal, value.metadata) == (STAMP, 3, {"n": 1})
    assert value.type == "response_item"
    assert _line(SAYS).ordinal is None
    assert _line(SAYS).metadata is None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            dumps({"type": "message", "id": None, "role": "user", "content": []}),
            rs.Message(role="user", content=()),
        ),
        (
            dumps({"type": "function_call_output", "call_id": "c", "output": "o"}),
            rs.FunctionCallOutput(call_id="c", output="o"),
        ),
        (
            dumps({"type": "reasoning", "id": "r", "summary": [], "encrypted_content": "e"}),
            rs.Reasoning(id="r", encrypted_content="e"),
        ),
    ],
)
def test_items_from_before_envelopes_are_typed(raw: bytes, expected: object) -> None:
    value = _line(raw)
    assert (value.item, value.type, value.timestamp) == (expected, "response_item", "")
    assert value.encode() == raw
    assert value.plain().bare


def test_the_header_and_states_from_before_envelopes_are_kept() -> None:
    header = dumps({"id": THREAD, "timestamp": STAMP, "instructions": None})
    assert _line(header).plain() == lines.parse(header)
    assert (_line(header).type, _line(header).timestamp) == ("session_meta", STAMP)
    assert _untyped(dumps({"record_type": "state"})).type == "record_state"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
SHAPES = st.sampled_from(
    [
        ("event_msg", {"type": "agent_message", "message": "m"}),
        ("event_msg", {"type": "turn_complete", "turn_id": "t"}),
        ("event_msg", {"type": "task_started", "turn_id": "t", "started_at": "not a number"}),
        ("response_item", {"type": "message", "role": "user", "content": []}),
        ("world_state", {"full": True}),
        ("new_line", {}),
    ]
)


@given(SHAPES, st.dictionaries(st.text(max_size=6), JSON, max_size=4), st.randoms(), st.booleans())
@example(("new_line", {}), {"n": 2**64 + 1, "f": 1e300, "z": -0.0}, None, True)
def test_letting_go_of_the_bytes_loses_no_value_and_no_order(
    shape: tuple[str, dict[str, Any]], extra: dict[str, Any], random: Any, compact: bool
) -> None:
    entries = list({**extra, **shape[1]}.items())
    if random is not None:
        random.shuffle(entries)
    value = {"payload": dict(entries), "x": extra, "type": shape[0], "timestamp": STAMP}
    raw = json.dumps(value, separators=(",", ":") if compact else None).encode()
    whole = _line(raw)
    assert whole.encode() == raw
    detached = whole.detached()
    assert detached.raw is None
    assert detached.detached() is detached
    assert (detached.item, detached.offset) == (whole.item, whole.offset)
    assert _ordered(json.loads(detached.encode())) == _ordered(json.loads(raw))
    assert detached.plain() == whole.plain()


def _ordered(value: Any) -> Any:
    """The value with objects as lists of pairs, and numbers with their kind."""
    if isinstance(value, dict):
        return [(key, _ordered(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    return repr(value) if isinstance(value, (int, float)) else value


UNREAD = {
    "not UTF-8": b'"\xff"',
    "infinite": b"1e400",
    "50,000 digits": b"9" * 50_000,
    "lone surrogate": rb'"\ud800"',
    "deep": b"[" * 500 + b"]" * 500,
}


@pytest.mark.parametrize("name", UNREAD)
@pytest.mark.parametrize("field", [b"unknown", b"metadata"])
def test_what_no_class_looks_at_is_judged_all_the_same(name: str, field: bytes) -> None:
    inside = SAYS.replace(b"}}", b',"%b":%b}}' % (field, UNREAD[name]))
    beside = SAYS[:-1] + b',"%b":%b}' % (field, UNREAD[name])
    for raw in (inside, beside):
        _agrees_with_plain_json(raw)


def test_a_line_that_decodes_can_be_read_as_plain_json_however_deep() -> None:
    shallow = line("world_state", {"full": True})
    for depth in (10, 100, *range(900, 1010), 100_000):
        deep = b'true,"state":' + b"[" * depth + b"]" * depth
        _agrees_with_plain_json(shallow.replace(b"true", deep))


@pytest.mark.parametrize("depth", [100, *range(400, 1000, 50), 980])
def test_a_lone_surrogate_at_any_depth_makes_no_decoding_raise(depth: int) -> None:
    deep = b"[" * depth + rb'"\ud800"' + b"]" * depth
    for whole in (line("new_line", {"state": "HERE"}), response("message", role="HERE")):
        raw = whole.replace(b'"HERE"', deep)
        value = decode(raw)
        assert value.raw == raw
        assert isinstance(value, Line) or value.reason == "limit"
        assert decode_item(raw) is None or isinstance(value, Line)


def _from_below(frames: int, read: Callable[[], Envelope]) -> Envelope:
    """Call *read* with so many frames more on the stack."""
    return read() if frames == 0 else _from_below(frames - 1, read)


@pytest.mark.parametrize(
    "shallow", [line("world_state", {"full": True, "state": 0}), line("new_line", {"state": 0})]
)
def test_how_deep_the_caller_is_changes_nothing_of_a_deep_line(shallow: bytes) -> None:
    value = decode(shallow.replace(b"0}", b"[" * 900 + b"]" * 900 + b"}"))
    if isinstance(value, Damaged):
        assert value.reason == "limit"
        return
    for read in (value.plain, lambda: value.detached().plain()):
        below = _from_below(200, read)
        assert (below.type, below.payload.keys()) == (value.type, value.plain().payload.keys())


@given(st.binary(max_size=60), st.integers(0, len(SAYS)), st.integers(0, 20))
def test_no_bytes_make_decoding_raise_or_disagree(new: bytes, start: int, cut: int) -> None:
    _agrees_with_plain_json(SAYS[:start] + new + SAYS[start + cut :])


@pytest.mark.parametrize("ordinal", [0, 2**70, -1, 1.0, 1.5, "1", True, None])
def test_typed_and_plain_agree_on_the_ordinal(ordinal: Any) -> None:
    raw = line("event_msg", {"type": "agent_message", "message": "m"}, ordinal=ordinal)
    assert _line(raw).ordinal == _line(raw).plain().ordinal == lines.parse(raw).ordinal


def _agrees_with_plain_json(raw: bytes) -> None:
    """A line that decodes is a line as plain JSON, and the other way round; neither raises.

    But for what plain JSON has no room for, in a field that no class knows: it stays bytes.
    """
    value = decode(raw)
    try:
        reason = None
        lines.parse(raw)
    except BadLine as error:
        reason = error.reason
    if isinstance(value, Damaged):
        assert reason == value.reason
        return
    assert reason in (None, "limit")
    assert value.plain() == value.detached().plain()
    assert (value.plain().type, value.plain().timestamp) == (value.type, value.timestamp)
    if reason is not None:
        assert value.detached().encode() == raw


def test_session_metadata_without_optional_fields_is_typed() -> None:
    assert isinstance(_line(session()).item, si.SessionMeta)
