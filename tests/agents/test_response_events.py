"""Whatever JSON an endpoint sends: events of ours come of it, or a failure for people."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import msgspec
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from made_turns import MadeTurn, asked
from model_server import ModelServer, Reply, delta

from threadlog.agents import AgentFailed, Event, responses
from threadlog.agents.response_events import Answer

_FIELDS = """
    arguments cached_tokens call_id code content delta encrypted_content error incomplete_details
    input_tokens input_tokens_details item message name output output_tokens phase reason refusal
    response summary summary_index text type usage
"""
NAMES = st.sampled_from(_FIELDS.split())
KINDS = st.sampled_from([*Answer._TAKES, "response.created"])
ITEM_KINDS = st.sampled_from(["message", "reasoning", "function_call", "web_search_call"])
TEXTS = st.text(st.characters() | st.sampled_from("\ud83d\ude00"), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | ITEM_KINDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=6),
    max_leaves=12,
)
PARTS = st.lists(st.fixed_dictionaries({"text": JSON}) | JSON, max_size=3)
ITEMS = st.fixed_dictionaries(
    {"type": ITEM_KINDS},
    optional={
        "content": PARTS,
        "summary": PARTS,
        "call_id": TEXTS | JSON,
        "name": TEXTS | JSON,
        "arguments": TEXTS | JSON,
    },
)
EVENTS = JSON | st.fixed_dictionaries(
    {"type": KINDS},
    optional={
        "item": ITEMS | JSON,
        "response": JSON,
        "delta": TEXTS | JSON,
        "error": JSON,
        "code": JSON,
    },
)


@given(st.lists(EVENTS, max_size=5))
@example([{"type": "response.output_item.done", "item": {"type": "x", "a": 2**70}}])
@example([{"type": "response.output_text.delta", "delta": "\ud83d"}])
@example([{"type": "error", "message": "\ud83d"}])
@example([{"type": "response.failed", "response": {"error": {"code": {}, "message": []}}}])
def test_events_of_ours_or_a_failure_come_of_it(events: list[Any]) -> None:
    answer = Answer()
    try:
        for event in events:
            for told in answer.take(event):
                assert isinstance(told, get_args(Event))
                orjson.dumps(msgspec.to_builtins(told))  # it can be recorded
    except AgentFailed as failure:
        str(failure).encode()


def test_so_it_is_over_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("THREADLOG_MODEL", "m")
    monkeypatch.setattr(responses, "_TRIES", 1)

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.lists(EVENTS, max_size=5))
    def holds(events: list[Any]) -> None:
        server.script(Reply((*events, b"data: " + b"[" * 5000 + b"\n\n")))
        try:
            asyncio.run(asked(responses.agent, MadeTurn("Hi")))
        except AgentFailed:
            return

    with ModelServer().running() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        holds()
        server.script(Reply((delta("a"), b"event: thread.x\ndata: {}\n\n")))
        with pytest.raises(AgentFailed):
            asyncio.run(asked(responses.agent, MadeTurn("Hi")))
