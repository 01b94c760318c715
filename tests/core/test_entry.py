"""Items on their way into a rollout: kept by the tables, weighed about right, written as is."""

from __future__ import annotations

import gc
import json
import math
import weakref
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.core import entry, policy
from threadlog.core.decode import Line, decode
from threadlog.core.entry import Encoded
from threadlog.core.items import EVENTS, RESPONSE_ITEMS, SESSION_ITEMS, LineItem, UntypedItem
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items import tool_event as te
from threadlog.core.items import turn as ti
from threadlog.core.items.session import Compacted, TurnContext
from threadlog.core.items.values import Content, FileChangeKind
from threadlog.core.weight import LINE_BYTES
from threadlog.errors import Unencodable

MS = 1_767_323_045_678
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
texts = st.text(st.characters(), max_size=5000)


def encoded(item: LineItem, ordinal: int | None = None) -> dict[str, Any]:
    """The one line that an item becomes."""
    weight, payload = entry.weigh(item)
    batch = entry.encode([(MS, weight, payload)], ordinal)
    assert (batch.lines, batch.refused, batch.data[-1:]) == (1, (), b"\n")
    assert batch.data.count(b"\n") == 1
    return json.loads(batch.data)  # type: ignore[no-any-return]


def mapped(line_type: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The same of a mapping."""
    read_type, read_payload, _typed = entry.read_mapping({"type": line_type, "payload": payload})
    weight, encoded_ = entry.weigh_mapping(read_type, read_payload)
    return json.loads(entry.encode([(MS, weight, encoded_)], None).data)  # type: ignore[no-any-return]


@given(json_values)
def test_any_json_in_a_mapping_is_written_as_it_is(value: Any) -> None:
    payload = {"type": "user_message", "message": "Q", "extra": value}
    line = mapped("event_msg", payload)
    assert line == {
        "timestamp": "2026-01-02T03:04:05.678Z",
        "type": "event_msg",
        "payload": payload,
    }
    assert list(line["payload"]) == list(payload)


@given(json_values)
def test_any_free_json_in_a_typed_item_is_written_as_it_is(value: Any) -> None:
    item = ev.UserMessageEvent(message="Q", audio=[value])
    assert encoded(item)["payload"]["audio"] == [value]


NO_JSON: dict[str, Any] = {
    "NaN": math.nan,
    "infinity": [math.inf],
    "NaN among nulls": {"a": None, "b": [None, {"c": -math.inf}]},
    "bytes": b"x",
    "a set": {1},
    "an object": object(),
    "a key of bytes": {b"x": 1},
    "one of our own classes": Content(type="text"),
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON)
def test_what_has_no_json_form_is_refused_in_mappings_and_typed_items(value: Any) -> None:
    with pytest.raises(Unencodable):
        mapped("event_msg", {"type": "user_message", "message": "Q", "extra": value})
    with pytest.raises(Unencodable):
        entry.weigh(ev.UserMessageEvent(message="Q", audio=value))
    context = TurnContext(cwd="/x", approval_policy=value, sandbox_policy={}, model="m")
    with pytest.raises(Unencodable):
        entry.weigh(context)
    message = rs.Message(role="user", content=(Content(type="input_text", annotations=value),))
    with pytest.raises(Unencodable):
        entry.weigh(message)


@given(texts, texts)
def test_a_weight_is_about_the_size_of_the_line(first: str, second: str) -> None:
    for item in (
        rs.Message(role="user", content=(Content(type="input_text", text=first),)),
        ev.UserMessageEvent(message=first, images=(second,)),
        rs.FunctionCallOutput(call_id="c", output=first),
        rs.Reasoning(summary=(rs.SummaryText(type="summary_text", text=second),)),
        ev.AgentMessageEvent(message=second),
    ):
        weight, payload = entry.weigh(item)
        assert payload is item
        size = len(entry.encode([(MS, weight, item)], None).data)
        assert size <= 6 * weight + 64  # a control character takes six bytes
        assert weight <= size + 2 * LINE_BYTES


def test_long_texts_are_counted_wherever_they_stand() -> None:
    long = "x" * 100_000
    items: list[LineItem] = [
        rs.Message(role="user", content=(Content(type="input_image", image_url=long),)),
        rs.FunctionCall(name="t", arguments=long, call_id="c"),
        rs.CustomToolCall(name="t", input=long, call_id="c"),
        rs.Reasoning(encrypted_content=long),
        rs.Compaction(encrypted_content=long),
        rs.ImageGenerationCall(status="completed", result=long),
        ev.UserMessageEvent(message="", images=(long,)),
        ev.AgentReasoning(text=long),
        ev.TaskComplete(turn_id="t", last_agent_message=long),
        ev.ItemCompleted(thread_id="t", turn_id="t", item={"text": long}),
    ]
    for item in items:
        assert entry.weigh(item)[0] >= len(long), item.line_type


@pytest.mark.codex("C220", "C223", "C225")
@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_plain_items_are_kept_exactly_where_the_policy_says_so(mode: str) -> None:
    for each in (*EVENTS, *RESPONSE_ITEMS, *SESSION_ITEMS):
        tag = each.__struct_config__.tag
        assert tag is None or isinstance(tag, str)
        if each in entry.TAKERS[mode]:
            assert policy.keeps((each.line_type, tag), mode)
        elif policy.keeps((each.line_type, tag), mode):
            assert each.__name__ in ("ItemCompleted", "TaskStarted", "SessionMeta")


def with_free_json(text: str, value: Any) -> list[LineItem]:
    """Items that hold it in one field, in several, and deeper."""
    return [
        rs.FunctionCallOutput(
            call_id="c", output=text, internal_chat_message_metadata_passthrough=value
        ),
        rs.Message(
            role="user",
            content=(Content(type="input_text", text=text, annotations=value),),
            internal_chat_message_metadata_passthrough={"turn_id": text},
        ),
        ev.TokenCount(rate_limits=value),
        ev.UserMessageEvent(message=text, image_order=value, audio={"a": value}),
        TurnContext(
            cwd=text,
            model="m",
            approval_policy="never",
            sandbox_policy=value,
            summary=text,
            network=[value],
        ),
        Compacted(message=text, replacement_history=(value,)),
    ]


@pytest.mark.parametrize("text", ["Q", "\ud800", "x" * 3000], ids=["light", "odd", "heavy"])
@pytest.mark.parametrize("place", range(6))
def test_free_json_is_taken_as_it_was(place: int, text: str) -> None:
    value = ["before"]
    weight, payload = entry.weigh(with_free_json(text, value)[place])
    value[0] = "after"
    written = entry.encode([(MS, weight, payload)], None).data
    assert b"before" in written
    assert b"after" not in written


@pytest.mark.parametrize("ordinal", [None, 3])
@given(text=st.one_of(st.text(), st.just("\ud800"), st.just("x" * 3000)), value=json_values)
def test_an_item_with_free_json_is_written_as_it_is(
    ordinal: int | None, text: str, value: Any
) -> None:
    for item in with_free_json(text, value):
        batch = entry.encode([(MS, *entry.weigh(item))], ordinal)
        whole = entry.encode([(MS, *entry.weigh_encoded(item))], ordinal)
        assert not batch.refused
        assert batch.lines == 1
        assert in_order(batch.data) == in_order(whole.data)


class Kept(dict[str, Any]):
    """A dict that can be asked whether it is still there."""


def test_much_free_json_is_not_held_twice() -> None:
    value = Kept(text="x" * 1000)
    there = weakref.ref(value)
    items = with_free_json("Q", value)
    taken = [entry.weigh(item) for item in items]
    del value, items
    gc.collect()
    assert there() is None
    assert sum(weight for weight, _payload in taken) > 5000


def in_order(line: bytes) -> Any:
    """JSON with the order of its keys."""
    return json.loads(line, object_pairs_hook=list)


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON)
@pytest.mark.parametrize("place", range(6))
def test_free_json_that_is_none_is_refused_when_it_is_recorded(place: int, value: Any) -> None:
    with pytest.raises(Unencodable):
        entry.weigh(with_free_json("Q", value)[place])


def test_what_is_not_frozen_is_taken_as_it_was() -> None:
    changes = {"a": FileChangeKind(type="add", content="x")}
    item = te.PatchApplyEnd(call_id="c", success=True, changes=changes)
    before = encoded(item)["payload"]
    _weight, payload = entry.weigh(item)
    assert isinstance(payload, Encoded)
    changes["b"] = FileChangeKind(type="delete")
    assert json.loads(payload.payload) == before
    patch = ti.FileChange(id="i", changes=changes)
    completed = ev.ItemCompleted(thread_id="t", turn_id="u", item=patch)
    assert isinstance(entry.weigh(completed)[1], Encoded)


def test_a_frozen_turn_item_waits_as_it_is() -> None:
    text = "x" * 1000
    inner = ti.AgentMessage(id="i", content=(ti.AgentText(type="Text", text=text),))
    item = ev.ItemCompleted(thread_id="t", turn_id="u", item=inner)
    weight, payload = entry.weigh(item)
    assert payload is item
    assert weight >= len(text)
    assert encoded(item)["payload"]["item"]["content"] == [{"type": "Text", "text": text}]


@pytest.mark.parametrize("output", [{"n": math.nan}, ({"n": math.nan},), ({1},)], ids=repr)
def test_what_a_tool_gave_is_json_too(output: Any) -> None:
    with pytest.raises(Unencodable):
        entry.weigh(rs.FunctionCallOutput(call_id="c", output=output))


@given(json_values)
def test_usual_mappings_are_taken_as_any_others(value: Any) -> None:
    payload = {"type": "user_message", "message": "Q", "extra": value}
    mapping = {"type": "event_msg", "payload": payload}
    plain = entry.weigh_plain(mapping, entry.CLASSES["legacy"])
    weight, encoded_ = entry.weigh_mapping("event_msg", payload)
    if plain is not None:  # what only plain JSON can spell takes the other way
        assert plain[0] == weight
        assert plain[1] == encoded_


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON)
def test_a_usual_mapping_without_json_form_needs_a_closer_look(value: Any) -> None:
    payload = {"type": "user_message", "message": "Q", "extra": value}
    mapping = {"type": "event_msg", "payload": payload}
    assert entry.weigh_plain(mapping, entry.CLASSES["legacy"]) is None


def test_a_turn_item_stands_where_free_json_does() -> None:
    item = ti.UserMessage(id="i", content=())
    line = encoded(ev.ItemCompleted(thread_id="t", turn_id="u", item=item))
    assert line["payload"]["item"] == {"type": "UserMessage", "id": "i", "content": []}
    assert entry.keeps(ev.ItemCompleted(thread_id="t", turn_id="u", item=item), "paginated")
    assert not entry.keeps(ev.ItemCompleted(thread_id="t", turn_id="u", item=item), "legacy")


HEAVY = "line\n" * 1000


@pytest.mark.parametrize("ordinal", [None, 7])
@pytest.mark.parametrize("odd", ["", "\ud800", HEAVY, HEAVY + "\ud800"], ids=repr)
def test_light_and_heavy_and_odd_lines_stand_in_order(ordinal: int | None, odd: str) -> None:
    items = [ev.AgentMessageEvent(message=text) for text in ("a", odd, "b" * 3000, "c")]
    batch = entry.encode([(MS + n, *entry.weigh(item)) for n, item in enumerate(items)], ordinal)
    lines = [decode(raw) for raw in batch.data.splitlines()]
    assert batch.lines == len(lines) == 4
    for number, (line, item) in enumerate(zip(lines, items, strict=True)):
        assert isinstance(line, Line)
        assert line.ordinal == (None if ordinal is None else ordinal + number)
        assert isinstance(line.item, ev.AgentMessageEvent)
        assert line.item.message == item.message.replace("\ud800", "\ufffd")
        assert line.plain().payload["message"] == item.message


def test_what_cannot_be_written_at_all_leaves_no_hole_in_the_numbers() -> None:
    wrong = ev.TaskStarted(turn_id="t", collaboration_mode_kind=object())  # type: ignore[arg-type]
    items: list[LineItem] = [ev.AgentReasoning(text="a"), wrong, ev.AgentReasoning(text="b")]
    batch = entry.encode([(MS, *entry.weigh(item)) for item in items], 5)
    assert [json.loads(raw)["ordinal"] for raw in batch.data.splitlines()] == [5, 6]
    assert (batch.lines, len(batch.refused)) == (2, 1)


MALFORMED: dict[str, tuple[str, Any]] = {
    "lacks a field": ("event_msg", {"type": "user_message"}),
    "of another type": ("event_msg", {"type": "user_message", "message": 1}),
    "a type that is no text": ("event_msg", {"type": 1}),
    "a response item": ("response_item", {"type": "function_call", "name": "t"}),
    "a turn's context": ("turn_context", {"cwd": "/x"}),
}


@pytest.mark.parametrize(("line_type", "payload"), MALFORMED.values(), ids=MALFORMED)
def test_a_mapping_that_readers_would_skip_is_refused(line_type: str, payload: Any) -> None:
    with pytest.raises(Unencodable, match=line_type):
        entry.read_mapping({"type": line_type, "payload": payload})


def test_a_mapping_under_an_alias_is_what_it_means() -> None:
    payload = {"type": "turn_complete", "turn_id": "t", "last_agent_message": None}
    _type, _payload, typed = entry.read_mapping({"type": "event_msg", "payload": payload})
    assert isinstance(typed, ev.TaskComplete)
    assert mapped("event_msg", payload)["payload"] == payload


def test_an_untyped_item_passes_with_all_it_has() -> None:
    payload = {"type": "user_message", "message": "Q", "new": [1]}
    item = UntypedItem(type="event_msg", kind="user_message", payload=payload, reason="")
    assert encoded(item)["payload"] == payload
    assert entry.keeps(item, "legacy")


def test_a_line_that_was_read_passes_with_its_notes() -> None:
    raw = (
        b'{"timestamp":"x","type":"response_item","payload":{"type":"message","role":"user",'
        b'"content":[],"new":1},"metadata":{"n":1}}'
    )
    line = decode(raw)
    assert isinstance(line, Line)
    batch = entry.encode([(MS, *entry.weigh_line(line))], None)
    again = json.loads(batch.data)
    assert (again["payload"]["new"], again["metadata"]) == (1, {"n": 1})
    assert list(again) == ["timestamp", "type", "payload", "metadata"]


def test_every_class_is_read_back_from_what_is_written() -> None:
    for each in (*EVENTS, *RESPONSE_ITEMS, *SESSION_ITEMS):
        required = {
            field.encode_name: msgspec.NODEFAULT
            for field in msgspec.structs.fields(each)
            if field.required
        }
        if not required:
            line = decode(msgspec.json.encode(encoded(each())))
            assert isinstance(line, Line)
            assert line.item == each()
