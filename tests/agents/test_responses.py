"""The agent that asks a model, against an endpoint on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from made_turns import WAIT_S, MadeTurn, asked, failed, interrupted, run, user
from model_server import (
    ModelServer,
    Reply,
    begun,
    call,
    completed,
    delta,
    error,
    message,
    said,
)

from threadlog.agents import (
    COMPACT,
    REVIEW,
    Call,
    Delta,
    Event,
    Item,
    Message,
    Output,
    Retry,
    Settings,
    Thought,
    ThoughtDelta,
    Usage,
    responses,
)

KEY = "sk-secret-0123456789"


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer().running() as model:
        yield model


@pytest.fixture(autouse=True)
def environment(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("THREADLOG_MODEL", "model-of-env")
    monkeypatch.setattr(responses, "_FIRST_DELAY_S", 0.01)


async def add(left: int, right: int = 1) -> int:
    """Add two numbers."""
    return left + right


def fail_me(why: str) -> None:
    raise RuntimeError(why)


def test_an_answer_streams(server: ModelServer) -> None:
    server.script(
        Reply((*begun(), delta("Hel"), delta("lo"), *begun(message("Hello")), completed()))
    )
    assert run(responses.agent, MadeTurn("Hi")) == [Delta("Hel"), Delta("lo"), Message("Hello")]
    (request,) = server.requests
    assert request == {
        "model": "model-of-env",
        "input": [user("Hi")],
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    assert server.keys[-1] == f"Bearer {KEY}"


def test_deltas_come_before_the_answer_ends(server: ModelServer) -> None:
    server.script(Reply((delta("a"),), hold=True))

    async def first() -> Event:
        events = responses.agent(MadeTurn("Hi").context)
        event = await anext(events)
        await events.aclose()  # type: ignore[attr-defined]
        return event

    assert asyncio.run(asyncio.wait_for(first(), WAIT_S)) == Delta("a")


def test_thoughts_phases_refusals_and_other_items_come_through(server: ModelServer) -> None:
    reasoning = {
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in ("One", "Two")],
        "content": [{"type": "reasoning_text", "text": "raw"}],
        "encrypted_content": "opaque",
    }
    search = {"type": "web_search_call", "status": "completed", "action": {"type": "search"}}
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}
    part = {"type": "response.reasoning_summary_part.added"}
    thought = {"type": "response.reasoning_summary_text.delta"}
    server.script(
        Reply(
            (
                {**part, "summary_index": 0},
                {**thought, "delta": "One"},
                {**part, "summary_index": 1},
                {**thought, "delta": "Two"},
                *begun(reasoning, message("Wait", phase="commentary"), search),
                {"type": "response.refusal.delta", "delta": "No."},
                *begun(refusal, {"type": "reasoning", "summary": []}),
                completed(),
            )
        )
    )
    assert run(responses.agent, MadeTurn("Hi")) == [
        ThoughtDelta("One"),
        ThoughtDelta("\n\n"),
        ThoughtDelta("Two"),
        Thought("One\n\nTwo", "raw", "opaque"),
        Message("Wait", "commentary"),
        Item(search),
        Delta("No."),
        Message("No."),
    ]


def test_items_that_only_the_end_tells_are_told(server: ModelServer) -> None:
    end = {"type": "response.completed", "response": {"output": [message("Hello")]}}
    server.script(Reply((end,)))
    assert run(responses.agent, MadeTurn("Hi")) == [Message("Hello")]


def test_usage_is_that_of_each_response(server: ModelServer) -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 120,
    }
    odd = {"input_tokens": -1, "output_tokens": True, "input_tokens_details": 5}
    server.script(said(call("add", {"left": 1}), usage=usage), said(message("2"), usage=odd))
    turn = MadeTurn("1+1?")
    run(responses.with_tools(add), turn)
    assert turn.of(Usage) == [Usage(100, 20, 60, 5), Usage()]


def test_tools_are_called_until_the_model_answers(server: ModelServer) -> None:
    server.script(
        said(
            call("add", {"left": 1, "right": 2}, "c1"),
            call("fail_me", {"why": "no luck"}, "c2"),
            call("add", {"left": "x"}, "c3"),
            call("absent", {}, "c4"),
        ),
        said(call("add", "{", "c5")),
        said(message("3")),
    )
    turn = MadeTurn("1+2?")
    run(responses.with_tools(add, fail_me), turn)
    assert [event.call_id for event in turn.of(Call)] == ["c1", "c2", "c3", "c4", "c5"]
    outputs = turn.of(Output)
    assert outputs[0] == Output("c1", "3")
    assert outputs[1] == Output("c2", "RuntimeError: no luck", success=False)
    assert [event.success for event in outputs] == [True, False, False, False, False]
    assert "do not fit" in outputs[2].output
    assert "no tool 'absent'; there are: add, fail_me" in outputs[3].output
    assert "no JSON" in outputs[4].output
    assert turn.yielded[-1] == Message("3")
    first, second, _third = server.requests
    assert [tool["name"] for tool in first["tools"]] == ["add", "fail_me"]
    assert first["tools"][0]["description"] == "Add two numbers."
    sent = [item for item in second["input"] if item["type"] == "function_call_output"]
    assert [item["call_id"] for item in sent] == ["c1", "c2", "c3", "c4"]


def test_what_the_user_says_meanwhile_is_sent_with_the_next_request(server: ModelServer) -> None:
    turn = MadeTurn("Count")

    async def slow() -> str:
        turn.steer("faster")
        return "1"

    server.script(said(call("slow", {})), said(message("done")))
    run(responses.with_tools(slow), turn)
    first, second = server.requests
    assert user("faster") not in first["input"]
    assert second["input"][-1] == user("faster")


def test_settings_shape_the_request(server: ModelServer) -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    server.script(said(message("{}")))
    settings = Settings("m", "high", "Be brief.", "Look twice.", schema)
    run(responses.with_tools(instructions="ours", model="ours"), MadeTurn("Hi", settings=settings))
    (request,) = server.requests
    assert request["model"] == "m"
    assert request["instructions"] == "Be brief."
    assert request["reasoning"] == {"effort": "high", "summary": "auto"}
    assert request["input"][0] == {**user("Look twice."), "role": "developer"}
    assert request["input"][1:] == [user("Hi")]
    form = request["text"]["format"]
    assert (form["type"], form["schema"], form["strict"]) == ("json_schema", schema, True)


def test_what_an_agent_was_made_with_counts_where_the_thread_says_nothing(
    server: ModelServer,
) -> None:
    server.script(said(message("x")))
    run(responses.with_tools(instructions="ours", model="our-model"), MadeTurn("Hi"))
    assert server.requests[0]["model"] == "our-model"
    assert server.requests[0]["instructions"] == "ours"


@pytest.mark.parametrize("kind", [COMPACT, REVIEW])
def test_summaries_and_reviews_are_one_message_without_tools(
    kind: str, server: ModelServer
) -> None:
    usage = {"input_tokens": 5, "output_tokens": 1}
    reply = said(
        {"type": "reasoning", "summary": [], "encrypted_content": "x"}, message("a"), usage=usage
    )
    server.script(Reply((delta("a"), *reply.events[:-1], *said(message("b"), usage=usage).events)))
    turn = MadeTurn(kind=kind, before=2)
    assert run(responses.with_tools(add), turn) == [Message("a\n\nb"), Usage(5, 1)]
    (request,) = server.requests
    assert "tools" not in request
    assert [item["role"] for item in request["input"]] == ["user", "user", "developer"]


def test_a_summary_without_text_fails(server: ModelServer) -> None:
    server.script(said(call("add", {})))
    assert "no text when asked for a summary" in str(
        failed(responses.agent, MadeTurn(kind=COMPACT))
    )


# -- interruption


def test_an_interrupted_turn_closes_its_connection(server: ModelServer) -> None:
    server.script(Reply((delta("a"),), hold=True))
    server.holding.clear()
    server.gone.clear()
    turn = MadeTurn("Hi")

    async def streaming() -> None:
        await asyncio.to_thread(server.holding.wait, WAIT_S)
        while not turn.yielded:
            await asyncio.sleep(0.01)

    asyncio.run(interrupted(responses.agent, turn, streaming))
    assert server.gone.wait(WAIT_S)
    assert turn.yielded == [Delta("a")]


def test_a_turn_can_be_interrupted_before_it_is_answered_and_while_it_waits_to_ask_again(
    server: ModelServer,
) -> None:
    server.script(error(500, after="30"))

    async def refused() -> None:
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    turn = MadeTurn("Hi")
    asyncio.run(interrupted(responses.agent, turn, refused))
    assert len(server.requests) == 1
    assert len(turn.of(Retry)) == 1  # told before the wait


def test_an_answer_that_ended_is_let_go_of_before_its_tools_run(server: ModelServer) -> None:
    server.gone.clear()

    def gone() -> bool:
        return server.gone.wait(WAIT_S / 4)

    first = said(call("gone", {}))
    server.script(first._replace(hold=True), said(message("done")))
    turn = MadeTurn("Hi")
    run(responses.with_tools(gone), turn)
    assert turn.of(Output) == [Output("call_1", "true")]


# -- asked again


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_an_endpoint_that_is_troubled_is_asked_again(status: int, server: ModelServer) -> None:
    server.script(error(status), error(status), said(message("Hello")))
    events = run(responses.agent, MadeTurn("Hi"))
    assert events == [
        Retry(f"The model's endpoint answered {status}; it is asked again (1 of 4)"),
        Retry(f"The model's endpoint answered {status}; it is asked again (2 of 4)"),
        Message("Hello"),
    ]


def test_it_is_asked_again_when_it_says(server: ModelServer) -> None:
    server.script(error(429, after="1"), said(message("Hello")))

    async def timed() -> float:
        clock = asyncio.get_running_loop().time
        begin = clock()
        await asked(responses.agent, MadeTurn("Hi"))
        return clock() - begin

    assert 1 <= asyncio.run(timed()) < WAIT_S


def test_only_what_is_asked_again_is_told(server: ModelServer) -> None:
    wrong = error(500)
    server.script(wrong._replace(headers=(("x-should-retry", "false"),)))
    turn = MadeTurn("Hi")
    failed(responses.agent, turn)
    assert turn.yielded == []
    odd = error(404)._replace(headers=(("x-should-retry", "true"), ("retry-after", "0.01")))
    server.script(odd, said(message("Hello")))
    assert run(responses.agent, MadeTurn("Hi")) == [
        Retry("The model's endpoint answered 404; it is asked again (1 of 4)"),
        Message("Hello"),
    ]


def test_it_is_not_asked_for_ever(server: ModelServer) -> None:
    server.script(error(500, "boom"))
    turn = MadeTurn("Hi")
    failure = failed(responses.agent, turn)
    assert (str(failure), failure.kind) == (
        "The model's endpoint failed (500): boom",
        "internal_server_error",
    )
    assert len(server.requests) == 5
    assert len(turn.of(Retry)) == 4


BREAKS = [
    Reply(begun(), cut=True),
    Reply(begun()),
    Reply((*begun(), b"data: {no json\n\n")),
    Reply((*begun(), b"data: \xff\n\n")),
    Reply(({"type": "response.failed", "response": {"error": {"code": "server_error"}}},)),
    Reply(({"type": "error", "code": "server_is_overloaded", "message": "later"},)),
    Reply(({"type": "error", "error": {"code": "rate_limit_exceeded", "message": "later"}},)),
]


@pytest.mark.parametrize("broken", BREAKS)
def test_an_answer_that_breaks_before_it_says_anything_is_asked_for_again(
    broken: Reply, server: ModelServer
) -> None:
    server.script(broken, said(message("Hello")))
    turn = MadeTurn("Hi")
    run(responses.agent, turn)
    assert len(turn.of(Retry)) == 1
    assert turn.yielded[-1] == Message("Hello")


@pytest.mark.parametrize("broken", BREAKS)
def test_an_answer_that_breaks_later_fails(broken: Reply, server: ModelServer) -> None:
    server.script(broken._replace(events=(delta("Hel"), *broken.events)))
    turn = MadeTurn("Hi")
    failed(responses.agent, turn)
    assert turn.yielded == [Delta("Hel")]
    assert len(server.requests) == 1


def test_an_answer_that_always_breaks_fails(server: ModelServer) -> None:
    server.script(Reply(begun(), cut=True))
    failure = failed(responses.agent, MadeTurn("Hi"))
    assert failure.kind == "response_stream_disconnected"
    assert len(server.requests) == 4


# -- errors


@pytest.mark.parametrize(
    ("reply", "kind", "sentence"),
    [
        (error(400, "bad thing"), "bad_request", "refused the request (400): bad thing"),
        (error(400, "x", code="context_length_exceeded"), "context_window_exceeded", "too long"),
        (error(400, "maximum context length is 5"), "context_window_exceeded", "too long"),
        (error(401, "no such key"), "unauthorized", "OPENAI_API_KEY (401): no such key"),
        (error(403), "unauthorized", "(403)"),
        (error(404, "no model"), "bad_request", "(404): no model"),
        (error(422), "bad_request", "(422)"),
        (error(429, code="insufficient_quota"), "usage_limit_exceeded", "usage limit"),
        (error(429, type="usage_limit_reached"), "usage_limit_exceeded", "usage limit"),
        (error(429), "response_too_many_failed_attempts", "no more requests for now (429)"),
        (error(500), "internal_server_error", "failed (500)"),
        (error(503), "server_overloaded", "overloaded (503)"),
        (error(529), "server_overloaded", "overloaded (529)"),
        (Reply(status=404, body="<html>" + "x" * 2000), "bad_request", "(404): <html>xx"),
        (Reply(status=400, body={"message": "flat"}), "bad_request", "(400): flat"),
        (Reply(status=400, body={"error": "text"}), "bad_request", "(400): text"),
        (Reply(status=400, body=[]), "bad_request", "(400)"),
        (Reply(status=400, body=""), "bad_request", "(400)."),
    ],
)
def test_an_error_has_a_sentence_and_a_kind(
    reply: Reply, kind: str, sentence: str, server: ModelServer
) -> None:
    server.script(reply)
    failure = failed(responses.agent, MadeTurn("Hi"))
    assert failure.kind == kind
    assert sentence in str(failure)
    assert len(str(failure)) < 700


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("context_length_exceeded", "context_window_exceeded"),
        ("insufficient_quota", "usage_limit_exceeded"),
        ("invalid_prompt", "bad_request"),
        ("server_error", "internal_server_error"),
        ("of its own", "other"),
        (None, "other"),
        (["x"], "other"),
    ],
)
@pytest.mark.parametrize("shape", ["failed", "error", "flat"])
def test_an_error_in_the_stream_has_a_kind(
    shape: str, code: Any, kind: str, server: ModelServer
) -> None:
    told = {"code": code, "message": "told"}
    event: dict[str, Any] = {
        "failed": {"type": "response.failed", "response": {"error": told}},
        "error": {"type": "error", "error": told},
        "flat": {"type": "error", **told},
    }[shape]
    server.script(Reply((event,)))
    failure = failed(responses.agent, MadeTurn("Hi"))
    assert failure.kind == kind
    assert str(failure).endswith(": told")


def test_an_answer_that_is_not_whole_says_why(server: ModelServer) -> None:
    response = {"incomplete_details": {"reason": "max_output_tokens"}, "usage": {"input_tokens": 3}}
    server.script(
        Reply((*begun(message("Hel")), {"type": "response.incomplete", "response": response}))
    )
    turn = MadeTurn("Hi")
    assert "max_output_tokens" in str(failed(responses.agent, turn))
    assert turn.yielded == [Message("Hel"), Usage(3)]


def test_an_endpoint_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:hidden@127.0.0.1:9/v1")
    monkeypatch.setattr("threadlog.agents.endpoint.RETRIES", 1)
    turn = MadeTurn("Hi")
    failure = failed(responses.agent, turn)
    assert failure.kind == "http_connection_failed"
    assert "'127.0.0.1' (OPENAI_BASE_URL) could not be reached" in str(failure)
    assert "hidden" not in str(failure)
    assert turn.yielded == [
        Retry("The model's endpoint could not be reached; it is asked again (1 of 1)")
    ]


@pytest.mark.parametrize("url", ["no url", "ftp://x/v1", "http://[", "http://"])
def test_a_url_that_is_none(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setattr("threadlog.agents.endpoint.RETRIES", 0)
    assert "OPENAI_BASE_URL" in str(failed(responses.agent, MadeTurn("Hi")))


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "THREADLOG_MODEL"])
def test_what_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    assert f"Set {name}" in str(failed(responses.agent, MadeTurn("Hi")))


@pytest.mark.parametrize("key", ["sk-ä", "sk-\x07bell"])
def test_a_key_that_is_none(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    failure = failed(responses.agent, MadeTurn("Hi"))
    assert failure.kind == "unauthorized"
    assert key not in str(failure)


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    assert "pip install 'threadlog[responses]'" in str(failed(responses.agent, MadeTurn("Hi")))


@pytest.mark.parametrize(
    "reply",
    [
        error(401, f"Incorrect key: {KEY}"),
        error(400, f"Bearer {KEY}", code=KEY, param=KEY),
        Reply(status=404, body=KEY),
        Reply(({"type": "error", "code": KEY, "message": KEY},)),
        Reply(
            ({"type": "response.incomplete", "response": {"incomplete_details": {"reason": KEY}}},)
        ),
    ],
)
def test_no_message_holds_the_key(reply: Reply, server: ModelServer) -> None:
    server.script(reply)
    failure = failed(responses.agent, MadeTurn("Hi"))
    assert KEY not in str(failure)
    assert "[key]" in str(failure)
    assert failure.__cause__ is None
    assert failure.__suppress_context__


# -- what not every model takes


def test_what_a_model_does_not_take_is_left_out(server: ModelServer) -> None:
    server.script(
        error(400, "Encrypted content is not supported with this model.", param="include"),
        error(400, "Verify your organization.", param="reasoning.summary"),
        said(call("add", {"left": 1})),
        said(message("2")),
    )
    turn = MadeTurn("Hi", settings=Settings(effort="low"))
    run(responses.with_tools(add), turn)
    assert len(server.requests) == 4
    for request in server.requests[2:]:
        assert "include" not in request
        assert request["reasoning"] == {"effort": "low"}


def test_it_is_left_out_once(server: ModelServer) -> None:
    server.script(error(400, "no", param="include"))
    assert failed(responses.agent, MadeTurn("Hi")).kind == "bad_request"
    assert len(server.requests) == 2


def test_what_cannot_be_kept_breaks_the_answer(server: ModelServer) -> None:
    server.script(Reply(begun({"type": "new_call", "text": "\ud800"}), hold=False))
    assert failed(responses.agent, MadeTurn("Hi")).kind == "response_stream_disconnected"
    server.script(said(message("half \ud83d")))
    assert run(responses.agent, MadeTurn("Hi")) == [Message("half ?")]
    assert json.dumps(server.requests)
