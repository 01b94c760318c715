"""Model input: only what may be sent, and every tool call paired with an output."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_lines import Json, message

from threadlog.core.prompt import ABORTED, model_input

NOTES = {"turn_id": "t", "create_time": 1.5}
TEXT = [{"type": "input_text", "text": "words"}]


def _sent(stored: dict[str, Json]) -> dict[str, Json] | None:
    """What is sent of one stored item, beside what pairing adds."""
    found = [item for item in model_input([stored]) if item.get("output") != ABORTED]
    return found[0] if found else None


FULL: list[dict[str, Json]] = [
    {"type": "message", "role": "user", "content": TEXT},
    {"type": "message", "role": "developer", "content": TEXT},
    {"type": "message", "role": "assistant", "content": []},
    {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "x", "annotations": [], "logprobs": []}],
        "status": "completed",
        "phase": "final_answer",
    },
    {"type": "agent_message", "author": "/a", "recipient": "/b", "content": TEXT},
    {"type": "local_shell_call", "call_id": "c", "status": "completed", "action": {"type": "exec"}},
    {
        "type": "function_call",
        "name": "n",
        "namespace": "s",
        "arguments": "{}",
        "call_id": "c",
        "status": "completed",
    },
    {
        "type": "custom_tool_call",
        "status": "completed",
        "call_id": "c",
        "name": "n",
        "input": "text",
    },
    {"type": "web_search_call", "status": "completed", "action": {"type": "search"}},
    {"type": "image_generation_call", "status": "completed", "revised_prompt": "p", "result": "r"},
    {"type": "compaction", "encrypted_content": "e"},
    {"type": "context_compaction", "encrypted_content": "e"},
    {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": "s"}],
        "content": [{"type": "reasoning_text", "text": "r"}],
        "encrypted_content": "e",
    },
]


@pytest.mark.parametrize("stored", FULL, ids=lambda item: str(item["type"]))
def test_what_the_api_knows_is_sent_as_it_is_stored(stored: dict[str, Json]) -> None:
    assert _sent(stored) == stored
    assert _sent({**stored, "id": "x_1"}) == {**stored, "id": "x_1"}


@pytest.mark.parametrize("stored", FULL, ids=lambda item: str(item["type"]))
def test_what_it_does_not_know_is_left_out(stored: dict[str, Json]) -> None:
    extra = {"internal_chat_message_metadata_passthrough": NOTES, "end_turn": True, "new": [1]}
    assert _sent({**stored, **extra}) == stored
    assert _sent({**stored, "id": None, "phase": stored.get("phase")}) == stored


def test_nothing_stored_is_changed_by_sending() -> None:
    stored = {**message("user", "x"), "new": 1}
    model_input([stored])
    assert stored == {**message("user", "x"), "new": 1}


@pytest.mark.codex("C032", "C034")
@pytest.mark.parametrize(
    "stored",
    [
        {"type": "message", "role": "system", "content": TEXT},
        {"type": "message", "role": "user", "content": "text alone"},
        {"type": "ghost_snapshot", "ghost_commit": {}},
        {"type": "compaction_trigger"},
        {"type": "configuration_update"},
        {"type": "never_heard_of"},
        {"type": "other"},
        {"type": None},
        {"type": ["message"]},
        {"role": "user", "content": TEXT},
    ],
)
def test_what_is_never_sent_is_dropped(stored: dict[str, Json]) -> None:
    assert model_input([stored]) == []


def test_unknown_fields_of_a_piece_of_content_are_left_out() -> None:
    parts = [{"type": "input_text", "text": "x", "new": 1}]
    assert _sent({"type": "message", "role": "user", "content": parts}) == message("user", "x")


def test_an_old_name_of_compaction_is_sent_as_the_new_one() -> None:
    stored = {"type": "compaction_summary", "encrypted_content": "e"}
    assert _sent(stored) == {"type": "compaction", "encrypted_content": "e"}


RAW = [{"type": "reasoning_text", "text": "r"}]
NO_RAW = [{"type": "text", "text": "r"}]


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        ({}, {"summary": [], "content": None, "encrypted_content": None}),
        (
            {"content": None, "encrypted_content": None},
            {"summary": [], "content": None, "encrypted_content": None},
        ),
        ({"content": RAW}, {"summary": [], "content": RAW, "encrypted_content": None}),
        ({"content": NO_RAW}, {"summary": [], "encrypted_content": None}),
        (
            {"content": [*NO_RAW, *RAW]},
            {"summary": [], "content": [*NO_RAW, *RAW], "encrypted_content": None},
        ),
        ({"content": []}, {"summary": [], "encrypted_content": None}),
    ],
)
def test_reasoning_is_completed(stored: dict[str, Json], sent: dict[str, Json]) -> None:
    assert _sent({"type": "reasoning", **stored}) == {"type": "reasoning", **sent}


CALLS: dict[str, tuple[dict[str, Json], dict[str, Json]]] = {
    "function": (
        {"type": "function_call", "name": "n", "arguments": "{}", "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
    ),
    "shell": (
        {"type": "local_shell_call", "call_id": "c", "status": "completed", "action": {}},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
    ),
    "custom": (
        {"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "i"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "o"},
    ),
    "search": (
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {}},
        {
            "type": "tool_search_output",
            "call_id": "c",
            "status": "completed",
            "execution": "client",
            "tools": [],
        },
    ),
}
FILLER = message("assistant", "between")


@pytest.mark.parametrize("name", CALLS)
def test_a_call_with_its_output_is_left_alone(name: str) -> None:
    call, output = CALLS[name]
    for items in (
        [call, output],
        [call, FILLER, output],
        [output, call],
        [call, output, output],
        [call, call, output],
    ):
        assert model_input(items) == items


@pytest.mark.parametrize("name", CALLS)
def test_a_call_without_output_gets_one_right_after_it(name: str) -> None:
    call, output = CALLS[name]
    made = {**output, "output": ABORTED} if "output" in output else output
    assert model_input([call, FILLER]) == [call, made, FILLER]
    other = {**call, "call_id": "d"}
    assert model_input([call, other, {**output, "call_id": "d"}]) == [
        call,
        made,
        other,
        {**output, "call_id": "d"},
    ]


@pytest.mark.parametrize("name", CALLS)
def test_an_output_without_its_call_is_dropped(name: str) -> None:
    call, output = CALLS[name]
    assert model_input([output, FILLER]) == [FILLER]
    made = model_input([{**call, "call_id": "d"}])
    assert model_input([{**call, "call_id": "d"}, output]) == made


def test_calls_and_outputs_of_different_kinds_are_no_pair() -> None:
    call, output = CALLS["function"][0], CALLS["custom"][1]
    assert model_input([call, output]) == [call, {**CALLS["function"][1], "output": ABORTED}]


@pytest.mark.parametrize("name", ["shell", "search"])
def test_a_call_without_an_id_needs_no_output(name: str) -> None:
    call = {key: value for key, value in CALLS[name][0].items() if key != "call_id"}
    assert model_input([{**call, "call_id": None}]) == [call]


@pytest.mark.parametrize(
    "output",
    [
        {"type": "tool_search_output", "status": "completed", "execution": "server", "tools": []},
        {**CALLS["search"][1], "execution": "server"},
        {"type": "function_call_output", "name": "n", "namespace": "s", "output": "o"},
    ],
)
def test_an_output_that_answers_no_call_stands_alone(output: dict[str, Json]) -> None:
    assert model_input([output]) == [output]


@pytest.mark.parametrize(
    "body", ["text", "", [], TEXT, [{"type": "input_image", "image_url": "x"}]]
)
def test_an_output_is_text_or_pieces(body: Json) -> None:
    call, output = CALLS["function"]
    assert model_input([call, {**output, "output": body}]) == [call, {**output, "output": body}]


@pytest.mark.parametrize("body", [{"content": "x", "success": True}, None, 5])
def test_an_output_of_another_shape_is_none(body: Json) -> None:
    call, output = CALLS["function"]
    made = {**output, "output": ABORTED}
    assert model_input([call, {**output, "output": body}]) == [call, made]


ODD = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.none()) | st.just({"type": 1})
SENT = {item["type"] for item in FULL} | {output["type"] for _call, output in CALLS.values()}
FIELDS = ["role", "content", "call_id", "output", "summary", "encrypted_content", "id", "action"]


@given(
    st.lists(
        st.builds(
            lambda kind, fields: {"type": kind, **fields},
            st.sampled_from([*(item["type"] for item in FULL), "function_call_output", None]),
            st.dictionaries(st.sampled_from(FIELDS), ODD),
        )
    )
)
def test_no_stored_item_makes_sending_fail(items: list[dict[str, Any]]) -> None:
    for item in model_input(items):
        assert item["type"] in SENT
