"""Histories of which it is not plain what the model is given next: one rollout for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interop.damaged_rollouts import Rollout, event, line, meta, said

Json = Any

_SUMMARY = (
    "Another language model started to solve this problem and produced a summary of its "
    "thinking process. You also have access to the state of the tools that were used by that "
    "language model. Use this to build on the work that has already been done and avoid "
    "duplicating work. Here is the summary produced by the other language model, use the "
    "information in this summary to assist with your own analysis:\nAll went well."
)
_CONTEXT = "<environment_context>\n  <cwd>/nowhere</cwd>\n</environment_context>"
_PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwAD"
    "hgGAWjR9awAAAABJRU5ErkJggg=="
)


def item(kind: str, **fields: Json) -> bytes:
    """A response item."""
    return line("response_item", {"type": kind, **fields})


def message(role: str, *content: Json, **fields: Json) -> bytes:
    """A message of these pieces."""
    return item("message", role=role, content=list(content), **fields)


def turn(number: int) -> bytes:
    """A whole turn with all its lines."""
    turn_id, question, reply = f"turn {number}", f"Question {number}.", f"Reply {number}."
    return b"".join(
        [
            event("task_started", turn_id=turn_id),
            said("user", question),
            event("user_message", message=question),
            event("agent_message", message=reply),
            said("assistant", reply),
            event("task_complete", turn_id=turn_id, last_agent_message=reply),
        ]
    )


def compacted(summary: str, *replacement: Json) -> bytes:
    """A compaction, new if it has a replacement, else old."""
    history = {"replacement_history": list(replacement)} if replacement else {}
    return line("compacted", {"message": summary, **history})


def back(turns: int) -> bytes:
    """The last turns are taken back."""
    return event("thread_rolled_back", num_turns=turns)


def _text(text: str) -> Json:
    return {"type": "input_text", "text": text}


def _call(call_id: str | None, **fields: Json) -> bytes:
    return item("function_call", name="look", arguments="{}", call_id=call_id, **fields)


def _output(call_id: str, output: Json) -> bytes:
    return item("function_call_output", call_id=call_id, output=output)


_UNSET_OF_SHELL = ("timeout_ms", "working_directory", "env", "user")
_USER = {"type": "message", "role": "user", "content": [_text("Kept.")]}
_OTHER = {"type": "message", "role": "user", "id": "msg_k", "content": [_text(_SUMMARY)]}

_HISTORIES: dict[str, bytes] = {
    "ids and passing notes": message(
        "user", _text("Hi."), id="msg_1", internal_chat_message_metadata_passthrough={"a": 1}
    ),
    "fields of a message": message(
        "assistant",
        {"type": "output_text", "text": "Hi.", "annotations": [], "logprobs": []},
        status="completed",
        phase="final_answer",
        end_turn=True,
        of_tomorrow=1,
    ),
    "a phase of null": message("assistant", {"type": "output_text", "text": "."}, phase=None),
    "a system message": message("system", _text("Obey.")),
    "a developer's message": message("developer", _text("Mind this.")),
    "an empty message": message("assistant"),
    "a picture": message("user", {"type": "input_image", "image_url": _PNG, "detail": "high"}),
    "reasoning of no content": item("reasoning", id="rs_1", summary=[], encrypted_content="x"),
    "reasoning in the open": item(
        "reasoning", summary=[], content=[{"type": "reasoning_text", "text": "Hm."}]
    ),
    "reasoning as text": item("reasoning", summary=[], content=[{"type": "text", "text": "Hm."}]),
    "a call without an output": _call("a") + said("user", "Next."),
    "an output without a call": _output("a", "x") + said("user", "Next."),
    "an output before its call": _output("a", "x") + _call("a"),
    "two calls of one id": _call("a") + _call("a") + _output("a", "x"),
    "two outputs of one call": _call("a") + _output("a", "x") + _output("a", "y"),
    "fields of a call": _call("a", status="completed", namespace="n", id="fc_1")
    + _output("a", "x"),
    "an output in pieces": _call("a") + _output("a", [_text("x"), _text("y")]),
    "an output as an object": _call("a") + _output("a", {"content": "x", "success": True}),
    "an output with its exit code": (
        item("function_call", name="shell", arguments="{}", call_id="a")
        + _output("a", '{"output":"x\\n","metadata":{"exit_code":3,"duration_seconds":1.2}}')
    ),
    "a custom call": item("custom_tool_call", call_id="a", name="do", input="x", status="completed")
    + item("custom_tool_call_output", call_id="a", output="y"),
    "a custom call without an output": item("custom_tool_call", call_id="a", name="do", input="x"),
    "a shell call": item(
        "local_shell_call",
        call_id="a",
        status="completed",
        action={"type": "exec", "command": ["ls"], **dict.fromkeys(_UNSET_OF_SHELL)},
    )
    + _output("a", "x"),
    "a search": item(
        "web_search_call", status="completed", action={"type": "search", "query": "x"}
    ),
    "a snapshot": item("ghost_snapshot", ghost_commit={"id": "x"}),
    "an encrypted summary": item("compaction", encrypted_content="x"),
    "an encrypted summary of the old name": item("compaction_summary", encrypted_content="x"),
    "compacted": turn(1) + compacted("", _USER, _OTHER) + turn(2),
    "compacted, the old way": turn(1) + said("user", _CONTEXT) + compacted(_SUMMARY) + turn(2),
    "compacted twice, the old way": turn(1)
    + compacted(_SUMMARY)
    + turn(2)
    + compacted("S.")
    + turn(3),
    "compacted to no summary": turn(1) + compacted("") + turn(2),
    "compacted with long messages": (
        said("user", "a" * 50_000) + said("user", "b" * 50_000) + compacted(_SUMMARY)
    ),
    "compacted, both ways": turn(1) + compacted("", _USER) + turn(2) + compacted("S.") + turn(3),
    "taken back": turn(1) + turn(2) + back(1) + turn(3),
    "taken back, context before it": (
        turn(1)
        + message(
            "developer", _text("<permissions instructions>\nAll.\n</permissions instructions>")
        )
        + said("user", _CONTEXT)
        + turn(2)
        + back(1)
    ),
    "taken back to the beginning": said("user", _CONTEXT) + turn(1) + turn(2) + back(2) + turn(3),
    "taken back too far": turn(1) + back(5) + turn(2),
    "taken back twice": turn(1) + turn(2) + turn(3) + back(1) + back(1) + turn(4),
    "taken back after a compaction": (
        turn(1) + turn(2) + compacted("", _USER, _OTHER) + turn(3) + back(1) + turn(4)
    ),
    "taken back over a compaction": (
        turn(1)
        + turn(2)
        + event("task_started", turn_id="c")
        + compacted("", _USER, _OTHER)
        + event("task_complete", turn_id="c", last_agent_message=None)
        + turn(3)
        + back(2)
        + turn(4)
    ),
}


def odd_histories(thread_ids: Iterator[str]) -> list[Rollout]:
    """Every rollout, with an id of its own each; a plain turn comes before and after."""
    return [_rollout(name, odd, next(thread_ids)) for name, odd in _HISTORIES.items()]


def different_ids(thread_ids: Iterator[str]) -> list[Rollout]:
    """An id that Codex does not send."""
    odd = message("user", _text("Hi."), id="mine")
    return [_rollout("an id that is none of the service's", odd, next(thread_ids))]


def different_rules(thread_ids: Iterator[str]) -> list[Rollout]:
    """A developer's message that Codex keeps when the turn after it is taken back."""
    odd = turn(1) + message("developer", _text("New rules.")) + turn(2) + back(1)
    return [_rollout("rules of one's own before a turn taken back", odd, next(thread_ids))]


def _rollout(name: str, odd: bytes, thread: str) -> Rollout:
    return Rollout(name, meta(thread) + turn(0) + odd + turn(99))
