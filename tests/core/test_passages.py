"""What lines say: each text once, with its turn, as turns have it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_lines import (
    Json,
    completed,
    event,
    line,
    response,
    says,
    session,
    started,
)

from threadlog.core import said
from threadlog.core.decode import Line, decode
from threadlog.core.metadata import Metadata
from threadlog.core.passages import PASSAGE_CHARS, SPOKEN_ROLES, Passage, Passages, texts_of

PAGINATED = Metadata(history_mode="paginated")


def item(turn: str, kind: str, /, **fields: Json) -> bytes:
    told = {"type": kind, "id": fields.pop("id", "i"), **fields}
    return event("item_completed", thread_id="t", turn_id=turn, item=told)


def read(raws: Iterable[bytes], head: Metadata | None = None) -> list[Passage]:
    fold = Passages.of(head or Metadata())
    return read_on(fold, raws)


def read_on(fold: Passages, raws: Iterable[bytes], offset: int = 0) -> list[Passage]:
    found: list[Passage] = []
    for raw in raws:
        told = decode(raw, offset) if fold.needs(raw) else None
        for each in fold.add(told) if isinstance(told, Line) else ():
            if each is None:
                found = [one for one in found if one.role not in SPOKEN_ROLES]
            else:
                assert isinstance(told, Line)
                assert texts_of(told.item)[each.part] == each.text
                found.append(each)
        offset += len(raw) + 1
    return found


def short(found: list[Passage]) -> list[tuple[str, str, str]]:
    return [(each.role, each.tool, each.text) for each in found]


def call(name: str, arguments: Json, call_id: str = "c") -> bytes:
    return response("function_call", name=name, arguments=json.dumps(arguments), call_id=call_id)


def answer(output: Json, call_id: str = "c") -> bytes:
    return response("function_call_output", call_id=call_id, output=output)


IMAGE = "data:image/png;base64," + "iVBORw0KGgo" * 100

SAYS: list[tuple[bytes, list[tuple[str, str, str]]]] = [
    (event("user_message", message="Hi", images=[IMAGE]), [("user", "", "Hi")]),
    (event("user_message", message="x", kind="environment_context"), []),
    (event("agent_message", message="Yes"), [("agent", "", "Yes")]),
    (event("agent_reasoning", text="I think"), [("reasoning", "", "I think")]),
    (event("error", message="no network"), [("error", "", "no network")]),
    (call("shell", {"command": ["ls", "-l"], "timeout_ms": 9}), [("tool", "shell", "ls -l")]),
    (call("x", {"a": {"b": ["c", {"d": "e"}]}, "f": True}), [("tool", "x", "c\ne")]),
    (response("function_call", name="x", arguments="{torn", call_id="c"), [("tool", "x", "{torn")]),
    (
        response("function_call", name="x", namespace="srv", arguments='"a"', call_id="c"),
        [("tool", "srv.x", '"a"')],
    ),
    (
        response("custom_tool_call", name="apply_patch", input="*** a", call_id="c"),
        [("tool", "apply_patch", "*** a")],
    ),
    (
        response(
            "local_shell_call", call_id="c", status="completed", action={"command": ["a", "b"]}
        ),
        [("tool", "local_shell", "a b")],
    ),
    (answer("out"), [("output", "", "out")]),
    (answer('{"output":"in\\nside","metadata":{}}'), [("output", "", "in\nside")]),
    (answer('{"output":7}'), [("output", "", '{"output":7}')]),
    (
        answer([{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": IMAGE}]),
        [("output", "", "a")],
    ),
    (
        response("web_search_call", status="completed", action={"type": "search", "query": "why"}),
        [("tool", "web_search", "why")],
    ),
    (response("reasoning", summary=[], encrypted_content="g" * 900), []),
    (line("turn_context", {"turn_id": "a", "cwd": "/said"}), []),
]


@pytest.mark.parametrize(("raw", "told"), SAYS, ids=lambda value: "")
def test_what_a_line_of_a_legacy_rollout_says(raw: bytes, told: list[tuple[str, str, str]]) -> None:
    assert short(read([started("a"), raw])) == told


ITEMS: list[tuple[str, dict[str, Json], list[tuple[str, str, str]]]] = [
    (
        "UserMessage",
        {"content": [{"type": "text", "text": "Hi"}, {"type": "image", "image_url": IMAGE}]},
        [("user", "", "Hi")],
    ),
    ("AgentMessage", {"content": [{"type": "Text", "text": "Yes"}]}, [("agent", "", "Yes")]),
    (
        "Reasoning",
        {"summary_text": ["a", "b"], "raw_content": ["c"]},
        [("reasoning", "", "a\n\nb")],
    ),
    ("Plan", {"text": "1. go"}, [("plan", "", "1. go")]),
    (
        "CommandExecution",
        {"command": ["a", "b"], "aggregated_output": "o"},
        [("tool", "shell", "a b"), ("output", "shell", "o")],
    ),
    (
        "FileChange",
        {
            "changes": {
                "/a": {"type": "add", "content": "new"},
                "/b": {"type": "update", "unified_diff": "+x", "move_path": "/c"},
            },
            "stdout": "ok",
        },
        [("tool", "apply_patch", "/a\nnew\n/b\n/c\n+x"), ("output", "apply_patch", "ok")],
    ),
    (
        "McpToolCall",
        {
            "server": "s",
            "tool": "t",
            "arguments": {"n": 12, "q": "w"},
            "result": {
                "content": [{"type": "text", "text": "r"}, {"type": "image", "data": "i" * 999}]
            },
        },
        [("tool", "s.t", "12\nw"), ("output", "s.t", "r")],
    ),
    (
        "McpToolCall",
        {"server": "s", "tool": "t", "error": {"message": "bad"}},
        [("output", "s.t", "bad")],
    ),
    (
        "CollabAgentToolCall",
        {"tool": "spawn_agent", "prompt": "do it"},
        [("tool", "spawn_agent", "do it")],
    ),
    ("WebSearch", {"query": "why"}, [("tool", "web_search", "why")]),
    ("ImageView", {"path": "/p.png"}, [("tool", "view_image", "/p.png")]),
    (
        "ExitedReviewMode",
        {"review_output": {"findings": [{"title": "T"}], "overall_explanation": "E"}},
        [("agent", "", "T\nE")],
    ),
    ("HookPrompt", {"fragments": [{"text": "h", "hookRunId": "r"}]}, [("user", "", "h")]),
    ("Extension", {"kind": "clock.sleep"}, []),
]


@pytest.mark.parametrize(("kind", "fields", "told"), ITEMS, ids=[each[0] for each in ITEMS])
def test_what_an_item_of_a_paginated_rollout_says(
    kind: str, fields: dict[str, Json], told: list[tuple[str, str, str]]
) -> None:
    found = read([started("a"), item("a", kind, **fields)], PAGINATED)
    assert short(found) == told
    assert {each.turn for each in found} <= {"a"}


def test_a_call_that_two_lines_tell_is_told_once() -> None:
    raws = [
        started("a"),
        call("exec_command", {"cmd": "make"}, "1"),
        item("a", "CommandExecution", id="1", command=["make"], aggregated_output="done"),
        answer("Output:\ndone", "1"),
        response("web_search_call", status="completed", action={"type": "search", "query": "why"}),
        item("a", "WebSearch", id="w", query="why"),
    ]
    told = [
        ("tool", "exec_command", "make"),
        ("output", "exec_command", "done"),
        ("tool", "web_search", "why"),
    ]
    assert short(read(raws, PAGINATED)) == told


def test_messages_of_the_model_are_told_only_where_no_event_tells_them() -> None:
    context = says("user", "<environment_context>\n</environment_context>")
    spoken = [session(), context, says("user", "Hi"), says("assistant", "Yes")]
    assert short(read(spoken)) == [("user", "", "Hi"), ("agent", "", "Yes")]
    tool = call("x", {"a": "b"})
    events = [event("user_message", message="Hi"), event("agent_message", message="Yes")]
    found = read([*spoken, tool, *events, says("assistant", "Yes")])
    assert short(found) == [("tool", "x", "b"), ("user", "", "Hi"), ("agent", "", "Yes")]
    assert short(read([*spoken, *spoken[2:]], Metadata(bare=True))) == 2 * short(read(spoken))


def test_what_a_hook_put_in_is_told_though_it_is_a_message() -> None:
    hook = says("user", '<hook_prompt hook_run_id="r">mind &lt;b&gt;</hook_prompt>')
    assert short(read([started("a"), event("user_message", message="Hi"), hook])) == [
        ("user", "", "Hi"),
        ("user", "", "mind <b>"),
    ]


def test_what_a_subagent_copied_of_its_parent_is_not_its_own() -> None:
    head = Metadata(history_mode="paginated", own_from_ordinal=3)
    said_twice = [
        line(
            "event_msg",
            json.loads(item("a", "AgentMessage", content=[{"type": "Text", "text": t}]))["payload"],
            ordinal=n,
        )
        for n, t in ((2, "parent's"), (3, "own"))
    ]
    assert short(read(said_twice, head)) == [("agent", "", "own")]


def test_base64_is_left_out_and_long_paths_and_lines_are_not() -> None:
    run = "QUJD" * 64
    assert said.readable(f"a {run}== b") == "a … b"
    assert said.readable(f"a {run[:-1]} b") == f"a {run[:-1]} b"
    assert said.readable(f"see data:image/png;base64,{run}.") == "see …."
    path = "/a.b" * 100
    assert said.readable(path) == path


@given(st.text("ab \n", max_size=300), st.integers(0, 300), st.integers(200, 600))
def test_every_long_run_is_left_out_wherever_it_stands(text: str, at: int, size: int) -> None:
    whole = f"{text[:at]} {'Q' * size} {text[at:]}"
    left = re.search(r"[A-Za-z0-9+/_-]{256}", said.readable(whole))
    assert left is None


def test_a_long_text_is_several_passages_cut_between_words() -> None:
    text = "word " * (PASSAGE_CHARS // 5 + 10)
    found = read([started("a"), event("agent_message", message=text)])
    assert len(found) == 2
    assert "".join(each.text for each in found) == text.strip()
    assert found[0].text.endswith(" ")
    assert [each.part for each in found] == [0, 1]


TURNS: list[bytes] = [
    session(),
    says("user", "Hi"),
    event("user_message", message="Hi"),
    call("shell", {"command": "ls"}, "1"),
    answer("out", "1"),
    started("b"),
    event("user_message", message="More"),
    call("shell", {"command": "pwd"}, "2"),
    completed("b"),
    answer("late", "2"),
    event("agent_message", message="Yes"),
    event("user_message", message="Last"),
]


@given(st.lists(st.sampled_from(TURNS), max_size=25), st.integers(0, 25))
def test_reading_on_from_a_state_is_reading_at_once(raws: list[bytes], cut: int) -> None:
    first, rest = raws[:cut], raws[cut:]
    fold = Passages.of(Metadata())
    found = read_on(fold, first)
    again = Passages.from_state(fold.state())
    offset = sum(len(each) + 1 for each in first)
    kept = read_on(again, rest, offset)
    told: list[Passage] = []
    at_once = Passages.of(Metadata())
    whole = read_on(at_once, raws)
    if len(found) + len(kept) != len(whole):  # what was spoken is told again by the rest
        found = [each for each in found if each.role not in SPOKEN_ROLES]
    told = found + kept
    assert told == whole
    assert again.state() == at_once.state()


@pytest.mark.parametrize("state", ["", "{}", "[]", '{"passages":0}', "[" * 99999, "null"])
def test_what_is_no_state_is_refused(state: str) -> None:
    with pytest.raises(ValueError):
        Passages.from_state(state)


def test_every_letter_that_is_an_ascii_one_in_the_other_case_is_known() -> None:
    folded = [chr(code) for code in range(0x80, 0x110000) if _folds(chr(code))]
    assert len(folded) > 10
    assert all(said.folds_into_ascii(each) for each in folded)


def _folds(char: str) -> bool:
    return any(each.isascii() for each in char.casefold())


@pytest.mark.parametrize(
    ("needle", "piece"),
    [
        ("foo bar", "foo"),
        ('say "hi"', "say"),
        ("a\\nb", "nb"),
        ("é", ""),
        ("x=>{ y", "x=>{"),
        ("</b>", "b>"),
    ],
)
def test_the_piece_that_json_has_as_it_is(needle: str, piece: str) -> None:
    assert said.as_written(needle) == piece


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        (b'"\\u001b[0m"', False),
        (b'"\\u0041"', True),
        (b'"\\\\u00e9"', True),
        (b'"\\\\unit"', False),
        (b"<hook_prompt", True),
    ],
)
def test_escapes_that_need_not_be_are_noticed(raw: bytes, escaped: bool) -> None:
    assert said.is_escaped(raw) is escaped
