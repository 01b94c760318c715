"""Turn items out of what legacy rollouts hold: tools' events, and tool calls without an event."""

from __future__ import annotations

from typing import Any

import pytest
from rollout_lines import asks, completed, event, item, response, started
from turn_words import folded_turns, told

from threadlog.core.items import turn as ti
from threadlog.core.items.values import Duration, FileChangeKind
from threadlog.core.turn import TurnRules

CHANGES = {"a.py": {"type": "update", "unified_diff": "d", "move_path": None}}
EXEC = {
    "call_id": "c",
    "turn_id": "t",
    "command": ["ls", "a b"],
    "cwd": "/tmp",
    "parsed_cmd": [],
    "source": "agent",
    "stdout": "out",
    "stderr": "err",
    "aggregated_output": "",
    "exit_code": 0,
    "duration": {"secs": 1, "nanos": 500_000_000},
    "formatted_output": "",
}


def _only(*raws: bytes) -> ti.AnyTurnItem:
    """The one item of an open turn that holds *raws*."""
    (turn,) = folded_turns([started("t"), *raws])
    (found,) = turn.items
    return found


def _agent(tool: str, **fields: Any) -> ti.CollabAgentToolCall:
    return ti.CollabAgentToolCall(
        id="c", tool=tool, sender_thread_id="s", **{"status": "completed", **fields}
    )


BETWEEN = {"call_id": "c", "sender_thread_id": "s"}


@pytest.mark.codex("C314", "C320")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(
            event("exec_command_end", **EXEC),
            ti.CommandExecution(
                id="c",
                command=("ls", "a b"),
                cwd="/tmp",
                parsed_cmd=[],
                source="agent",
                status="completed",
                aggregated_output="outerr",
                exit_code=0,
                duration=Duration(secs=1, nanos=500_000_000),
            ),
            id="command",
        ),
        pytest.param(
            event("patch_apply_end", call_id="c", success=True, changes=CHANGES),
            ti.FileChange(
                id="c",
                changes={"a.py": FileChangeKind(type="update", unified_diff="d")},
                status="completed",
                stdout="",
                stderr="",
            ),
            id="patch",
        ),
        pytest.param(
            event(
                "mcp_tool_call_end",
                call_id="c",
                invocation={"server": "s", "tool": "t", "arguments": {"x": 1}},
                duration={"secs": 2, "nanos": 0},
                result={"Ok": {"content": []}},
            ),
            ti.McpToolCall(
                id="c",
                server="s",
                tool="t",
                arguments={"x": 1},
                status="completed",
                result={"content": []},
                duration=Duration(secs=2),
            ),
            id="MCP",
        ),
        pytest.param(
            event(
                "mcp_tool_call_end",
                call_id="c",
                invocation={"server": "s", "tool": "t"},
                result={"Err": "no"},
            ),
            ti.McpToolCall(id="c", server="s", tool="t", status="failed", error="no"),
            id="MCP failed",
        ),
        pytest.param(
            event("web_search_end", call_id="c", query="q", action={"type": "search"}),
            ti.WebSearch(id="c", query="q", action={"type": "search"}),
            id="web search",
        ),
        pytest.param(
            event("image_generation_end", call_id="c", status="completed", result="r"),
            ti.ImageGeneration(id="c", status="completed", result="r"),
            id="image made",
        ),
        pytest.param(
            event("view_image_tool_call", call_id="c", path="/a.png"),
            ti.ImageView(id="c", path="/a.png"),
            id="image seen",
        ),
        pytest.param(
            event(
                "sub_agent_activity",
                event_id="c",
                agent_thread_id="a",
                agent_path="/a",
                kind="started",
            ),
            ti.SubAgentActivity(id="c", agent_thread_id="a", agent_path="/a", kind="started"),
            id="another agent",
        ),
        pytest.param(
            event(
                "collab_agent_spawn_end",
                **BETWEEN,
                new_thread_id="n",
                prompt="p",
                status="running",
            ),
            _agent(
                "spawn_agent",
                receiver_thread_ids=("n",),
                prompt="p",
                agents_states={"n": "running"},
            ),
            id="agent started",
        ),
        pytest.param(
            event("collab_resume_end", **BETWEEN, receiver_thread_id="r", status="running"),
            _agent("resume_agent", receiver_thread_ids=("r",), agents_states={"r": "running"}),
            id="agent resumed",
        ),
        pytest.param(
            event(
                "collab_agent_interaction_end",
                **BETWEEN,
                receiver_thread_id="r",
                prompt="p",
                status="interrupted",
            ),
            _agent(
                "send_input",
                receiver_thread_ids=("r",),
                prompt="p",
                agents_states={"r": "interrupted"},
            ),
            id="agent told, interrupted",
        ),
        pytest.param(
            event("collab_close_end", **BETWEEN, receiver_thread_id="r", status="shutdown"),
            _agent("close_agent", receiver_thread_ids=("r",), agents_states={"r": "shutdown"}),
            id="agent closed",
        ),
        pytest.param(
            event("collab_waiting_end", **BETWEEN, statuses={"b": "running", "a": "running"}),
            _agent(
                "wait",
                receiver_thread_ids=("a", "b"),
                agents_states={"b": "running", "a": "running"},
            ),
            id="agents waited for",
        ),
    ],
)
def test_an_event_of_a_tool_is_an_item(raw: bytes, expected: ti.TurnItem) -> None:
    assert _only(raw) == expected


@pytest.mark.codex("C329")
@pytest.mark.parametrize(
    "raw",
    [
        event("collab_agent_spawn_end", **BETWEEN, new_thread_id=None, status="not_found"),
        event("collab_agent_spawn_end", **BETWEEN, new_thread_id="n", status={"errored": "x"}),
        event("collab_resume_end", **BETWEEN, receiver_thread_id="r", status="not_found"),
        event("collab_waiting_end", **BETWEEN, statuses={"a": "running", "b": {"errored": "x"}}),
    ],
)
def test_a_call_of_an_agent_that_failed_says_so(raw: bytes) -> None:
    found = _only(raw)
    assert isinstance(found, ti.CollabAgentToolCall)
    assert found.status == "failed"


@pytest.mark.codex("C320", "C322")
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "completed"),
        ({"exit_code": 2}, "failed"),
        ({"exit_code": -1, "status": "declined"}, "declined"),
        ({"exit_code": 0, "status": "failed"}, "failed"),
    ],
)
def test_how_a_command_ended_is_told(fields: dict[str, Any], status: str) -> None:
    found = _only(event("exec_command_end", **{**EXEC, **fields}))
    assert isinstance(found, ti.CommandExecution)
    assert found.status == status


@pytest.mark.codex("C322")
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"success": True}, "completed"),
        ({"success": False}, "failed"),
        ({"success": False, "status": "declined"}, "declined"),
    ],
)
def test_how_a_patch_ended_is_told(fields: dict[str, Any], status: str) -> None:
    found = _only(event("patch_apply_end", call_id="c", **fields))
    assert isinstance(found, ti.FileChange)
    assert found.status == status


@pytest.mark.codex("C321")
def test_an_answer_takes_the_place_of_the_request() -> None:
    request = event(
        "dynamic_tool_call_request", callId="c", turnId="t", tool="x", arguments={"a": 1}
    )
    answer = event(
        "dynamic_tool_call_response", call_id="c", turn_id="t", tool="x", success=True, error=None
    )
    asked = _only(request)
    assert isinstance(asked, ti.DynamicToolCall)
    assert asked.status == "in_progress"
    (turn,) = folded_turns([started("t"), request, asks("one"), answer])
    answered, _message = turn.items
    assert isinstance(answered, ti.DynamicToolCall)
    assert (answered.id, answered.status, answered.success) == ("c", "completed", True)


@pytest.mark.codex("C323")
def test_a_late_end_of_a_command_belongs_to_its_own_turn() -> None:
    raws = [started("t"), completed("t"), started("b"), event("exec_command_end", **EXEC)]
    assert told(folded_turns(raws)) == [
        ("t", "completed", ["CommandExecution c completed"]),
        ("b", "inProgress", []),
    ]


@pytest.mark.codex("C324")
def test_an_item_of_an_unknown_turn_is_dropped() -> None:
    raws = [started("b"), event("exec_command_end", **EXEC)]
    assert told(folded_turns(raws)) == [("b", "inProgress", [])]
    assert folded_turns([event("exec_command_end", **EXEC)]) == []


@pytest.mark.parametrize(
    "raw",
    [
        event("exec_command_begin", call_id="c", turn_id="t"),
        event("patch_apply_begin", call_id="c", turn_id="t"),
        event("mcp_tool_call_begin", call_id="c", invocation={}),
        event("token_count", info=None),
        event("warning", message="m"),
        event("never_heard_of", call_id="c"),
        event("exec_command_end", call_id=5),
    ],
)
def test_other_events_are_no_items(raw: bytes) -> None:
    assert told(folded_turns([started("t"), raw])) == [("t", "inProgress", [])]


CALLS = {
    "function": (
        response("function_call", name="shell", arguments="{}", call_id="c"),
        response("function_call_output", call_id="c", output="done"),
        "call shell {} -> done",
    ),
    "custom": (
        response("custom_tool_call", name="patch", input="diff", call_id="c"),
        response("custom_tool_call_output", call_id="c", output="done"),
        "call patch diff -> done",
    ),
    "shell": (
        response(
            "local_shell_call",
            call_id="c",
            status="completed",
            action={"type": "exec", "command": ["ls", "-l"]},
        ),
        response("function_call_output", call_id="c", output="done"),
        "call local_shell ls -l -> done",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_without_an_event_is_shown_from_the_models_items(name: str) -> None:
    call, output, words = CALLS[name]
    turn = [started("t"), asks("one"), call, output]
    assert told(folded_turns(turn)) == [("t", "inProgress", ["user one", words])]
    unanswered = words.partition(" -> ")[0] + " -> None"
    assert told(folded_turns(turn[:-1])) == [("t", "inProgress", ["user one", unanswered])]


@pytest.mark.parametrize("name", CALLS)
def test_a_call_with_an_event_is_shown_once(name: str) -> None:
    call, output, _words = CALLS[name]
    end = event("exec_command_end", **EXEC)
    for order in ([call, end, output], [end, call, output], [call, output, end]):
        assert told(folded_turns([started("t"), *order])) == [
            ("t", "inProgress", ["CommandExecution c completed"])
        ]


def test_a_late_output_reaches_its_call() -> None:
    call, output, words = CALLS["function"]
    raws = [started("t"), call, completed("t"), started("b"), output]
    assert told(folded_turns(raws)) == [("t", "completed", [words]), ("b", "inProgress", [])]


@pytest.mark.parametrize("name", CALLS)
def test_an_output_without_a_call_and_a_call_without_a_turn_are_dropped(name: str) -> None:
    call, output, _words = CALLS[name]
    assert told(folded_turns([started("t"), output])) == [("t", "inProgress", [])]
    assert folded_turns([call, output]) == []


def test_calls_are_shown_in_paginated_rollouts_too() -> None:
    call, output, words = CALLS["function"]
    rules = TurnRules(history_mode="paginated")
    found = folded_turns([started("t"), call, output], rules)
    assert told(found) == [("t", "inProgress", [words])]
    run = item("t", "CommandExecution", "c", command=["ls"], status="completed")
    for order in ([call, output, run], [call, run, output], [run, call, output]):
        found = folded_turns([started("t"), *order], rules)
        assert told(found) == [("t", "inProgress", ["CommandExecution c completed"])]
