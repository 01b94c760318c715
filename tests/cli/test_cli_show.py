"""`threadlog show`: a transcript for people, JSON for programs, the bytes as they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from showing import shown

from makers import (
    OTHER,
    THREAD,
    Pages,
    agent,
    command,
    completed,
    content,
    event,
    line,
    meta,
    put,
    put_names,
    says,
    started,
    turn,
    user,
)


def as_json(home: Path, *words: str) -> dict[str, Any]:
    """The thread as JSON."""
    value = json.loads(shown(home, "--json", *words))
    assert isinstance(value, dict)
    return value


RUN = event(
    "exec_command_end",
    call_id="c1",
    turn_id="t",
    command=["bash", "-lc", "make all"],
    cwd="/x",
    parsed_cmd=[],
    stdout="",
    stderr="",
    aggregated_output="\n".join(f"row {number}" for number in range(40)),
    exit_code=2,
    duration={"secs": 1, "nanos": 0},
    formatted_output="",
)


def test_a_transcript_tells_the_thread_from_first_to_last(home: Path) -> None:
    git = {"branch": "main"}
    raws = [
        meta(git=git, forked_from_id=OTHER),
        started("t"),
        user("Why does it fail?\nSay."),
        event("agent_reasoning", text="Let me look."),
        RUN,
        agent("A header is missing."),
        event("task_complete", turn_id="t", last_agent_message=None, duration_ms=1234),
    ]
    put(home, content(raws), folder="archived_sessions")
    text = shown(home)
    wanted = [
        "Why does it fail?",
        THREAD,
        "2026-01-02 03:04 UTC",
        "/desk/project  main  cli  1.2.3",
        f"forked from {OTHER}",
        "archived",
        "── t",
        "1.2 s",
        "user\n  Why does it fail?\n  Say.\n",
        "reasoning\n  Let me look.\n",
        "$ make all  [exit 2, 1.0 s]",
        "  row 0\n",
        "more lines",
        "agent\n  A header is missing.\n",
    ]
    places = [text.find(each) for each in wanted]
    assert -1 not in places, wanted[places.index(-1)]
    assert places == sorted(places)
    assert "row 39" not in text
    assert "\x1b" not in text


def test_full_shows_tool_output_in_full_length(home: Path) -> None:
    put(home, content([meta(), started("t"), user("x"), RUN, completed("t")]))
    assert "row 39" in shown(home, "--full")
    assert "more lines" not in shown(home, "--full")


@pytest.mark.parametrize("count", [1, 2, 3, 99])
def test_tail_shows_the_newest_turns(home: Path, count: int) -> None:
    put(home, content([meta(), *turn("one"), *turn("two"), *turn("three")]))
    names = ["one", "two", "three"]
    text = shown(home, "--tail", str(count))
    told = [name for name in names if f"── turn-{name}" in text]
    assert told == names[-count:]
    turns = as_json(home, "--tail", str(count))["turns"]
    assert [each["id"] for each in turns] == [f"turn-{name}" for name in names[-count:]]


def test_json_has_exactly_the_documented_keys(home: Path) -> None:
    put(home, content([meta(), *turn("hello"), b"garbage"]))
    put_names(home, (THREAD, "a name"))
    value = as_json(home)
    assert list(value) == ["version", "thread", "turns", "problems"]
    assert value["version"] == 1
    assert value["thread"] == json.loads(command(home, "list", "--json").out)["threads"][0]
    (told,) = value["turns"]
    keys = ["id", "status", "items", "started_at", "completed_at", "duration_ms", "error"]
    assert list(told) == [*keys, "item_times", "model", "usage", "lines_ms"]
    assert (told["id"], told["status"]) == ("turn-hello", "completed")
    assert [item["type"] for item in told["items"]] == ["UserMessage", "AgentMessage"]
    assert all(item["id"] for item in told["items"])
    (problem,) = value["problems"]
    assert list(problem) == ["path", "offset", "length", "reason"]
    assert problem["length"] == len(b"garbage")


def test_json_is_ascii_and_keeps_every_character(home: Path) -> None:
    text = "é😀\x1b[31m\x7f\x9b\u202e\u2028\\u00e9\\x7f"
    put(home, content([meta(cwd=f"/{text}"), *turn(text)]))
    ran = command(home, "show", THREAD, "--json")
    assert not [byte for byte in ran.out if byte > 0x7E or (byte < 0x20 and byte != 0x0A)]
    value = json.loads(ran.out)
    assert value["turns"][0]["items"][0]["content"][0]["text"] == text
    assert value["turns"][0]["id"] == f"turn-{text}"
    assert value["thread"]["cwd"] == f"/{text}"


def test_problems_are_listed_up_to_a_limit_and_counted_beyond(home: Path) -> None:
    put(home, content([meta(), *turn("hello"), *[b"garbage"] * 1500]))
    value = as_json(home)
    assert (len(value["problems"]), value["problems_not_listed"]) == (1000, 500)
    text = shown(home)
    assert text.count("not shown: not valid JSON, at byte") == 5
    assert "and 1495 more" in text


DATA = {
    "whole": content([meta(), *turn("one"), says("user", "é")]),
    "no final LF": content([meta(), *turn("one")])[:-1],
    "CRLF": content([meta(), *turn("one")]).replace(b"\n", b"\r\n"),
    "damaged": content([meta(), b"\xff\xfe", b"\0" * 99, b"", b"  ", *turn("one")]) + b'{"ti',
    "nothing but LFs": b"\n\n\n",
    "nothing": b"",
    "large": content([meta(), *[agent("x" * 999)] * 3000]),
}


@pytest.mark.codex("C116")
@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("suffix", ["", ".zst"])
def test_raw_is_byte_for_byte(home: Path, data: bytes, suffix: str) -> None:
    put(home, data, f"rollout-2026-01-02T03-04-05-{THREAD}.jsonl{suffix}")
    assert command(home, "show", THREAD, "--raw") == (0, data, "")


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
@pytest.mark.parametrize("count", [1, 2, 5, 10_000])
def test_raw_tail_is_the_last_lines_that_are_not_blank(home: Path, data: bytes, count: int) -> None:
    put(home, data)
    lines = [each for each in _split(data) if each.strip()]
    assert command(home, "show", THREAD, "--raw", "--tail", str(count)).out == b"".join(
        lines[-count:]
    )


def _split(data: bytes) -> list[bytes]:
    *whole, last = data.split(b"\n")
    return [*(each + b"\n" for each in whole), last]


def test_raw_begins_with_what_a_fork_inherits(home: Path) -> None:
    parent = Pages(OTHER)
    parent.turn("inherited")
    cut = parent.turn("not inherited")
    child = Pages(THREAD, base=cut)
    child.turn("own")
    parent.write(home)
    child.write(home)
    expected = content(parent.raws)[: cut.offset] + content(child.raws)
    assert command(home, "show", THREAD, "--raw").out == expected


def test_a_thread_without_turns_is_said(home: Path) -> None:
    put(home, content([meta()]))
    assert "(no message yet)" in shown(home)
    assert "(no turns)" in shown(home)
    assert as_json(home)["turns"] == []


def test_what_was_rolled_back_is_not_shown(home: Path) -> None:
    raws = [*turn("kept"), *turn("gone"), event("thread_rolled_back", num_turns=1), *turn("new")]
    put(home, content([meta(), *raws]))
    assert [each["id"] for each in as_json(home)["turns"]] == ["turn-kept", "turn-new"]
    assert "re gone" not in shown(home)
    assert "re gone" not in shown(home, "--tail", "2")


def test_items_of_every_form_are_named(home: Path) -> None:
    call = {"type": "function_call", "name": "look", "arguments": '{"a":1}', "call_id": "c9"}
    output = {"type": "function_call_output", "call_id": "c9", "output": "found it"}
    raws = [
        started("t"),
        user("", images=["https://x/y.png"], local_images=["/z.png"]),
        line("response_item", call),
        line("response_item", output),
        event("web_search_end", call_id="w", query="weather", action=None),
        event("context_compacted"),
        event("turn_aborted", turn_id="t", reason="interrupted"),
    ]
    put(home, content([meta(), *raws]))
    text = shown(home)
    for wanted in (
        "[image https://x/y.png]",
        "[local_image /z.png]",
        'look {"a":1}',
        "found it",
        "web search: weather",
        "[the history was compacted here]",
        "interrupted",
    ):
        assert wanted in text, wanted
