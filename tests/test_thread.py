"""The live thread: on disk with the first user message, and turns that read back as they were."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import STAMP, content, meta, put, turn
from threadlog import Home, NotFound, NotOnDiskYet, Thread, ThreadOptions, Unreadable
from threadlog.core.items.event import TokenCount, UserMessageEvent
from threadlog.core.items.turn import AgentMessage, DynamicToolCall, Reasoning, ToolCall
from threadlog.core.items.turn import UserMessage as UserMessageItem
from threadlog.html.looks import Look
from threadlog.html.turns import turn as turn_as_html
from threadlog.options import ThreadKeywords

MODES = ["legacy", "paginated"]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def opened(home: Path) -> Iterator[Home]:
    with threadlog.open(home) as made:
        yield made


def started(home: Home, mode: str = "legacy", **options: Any) -> Thread:
    return home.start(cwd="/desk/project", history_mode=mode, **options)


def lines_of(thread: Thread) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(thread.path).read_bytes().splitlines()]


def kinds_of(thread: Thread) -> list[str]:
    return [line["payload"].get("type", line["type"]) for line in lines_of(thread)]


@pytest.mark.codex("C229")
def test_a_thread_never_used_leaves_nothing_and_its_summary_is_known(
    tmp_path: Path,
) -> None:
    home = threadlog.open(tmp_path / "not" / "there")
    with started(home, originator="me") as thread:
        summary = thread.summary()
        thread.flush()
    assert (summary.id, summary.path, summary.preview) == (thread.id, thread.path, "")
    assert (summary.created, summary.cwd) == (summary.updated, "/desk/project")
    assert (summary.source, summary.originator, summary.archived) == ("cli", "me", False)
    assert (summary.size_bytes, summary.history_mode) == (0, "legacy")
    assert not (tmp_path / "not").exists()


def test_the_keywords_of_start_are_the_fields_of_the_options() -> None:
    fields = set(ThreadOptions.__struct_fields__) - {"cwd"}
    assert fields == set(ThreadKeywords.__annotations__)


@pytest.mark.parametrize("mode", MODES)
def test_a_turn_reads_back_as_it_happened(opened: Home, mode: str) -> None:
    with started(opened, mode) as thread:
        with thread.turn("Why does the build fail?", model="gpt-x") as live:
            live.reason("Looking", encrypted_content="xyz")
            live.tool("shell", {"command": "make"}, output="error: foo.h")
            live.usage(input_tokens=100, output_tokens=20, cached_input_tokens=10)
            live.say("A header is missing.", phase="final_answer")
        (read,) = opened.turns(thread.id)
        summary = thread.summary()
    assert (read.id, read.status) == (live.id, "completed")
    assert read.started_at is not None
    assert read.duration_ms is not None
    user, reasoning, tool, agent = read.items
    assert isinstance(user, UserMessageItem)
    assert [part.text for part in user.content] == ["Why does the build fail?"]
    assert isinstance(reasoning, Reasoning)
    assert reasoning.summary_text == ("Looking",)
    if mode == "legacy":
        assert isinstance(tool, ToolCall)
        assert (tool.name, tool.output) == ("shell", "error: foo.h")
        assert json.loads(tool.arguments) == {"command": "make"}
    else:
        assert isinstance(tool, DynamicToolCall)
        assert (tool.tool, tool.arguments, tool.success) == ("shell", {"command": "make"}, True)
    assert isinstance(agent, AgentMessage)
    assert agent.content[0].text == "A header is missing."
    assert (summary.preview, summary.history_mode) == ("Why does the build fail?", mode)
    assert opened.threads(cwd="/desk/project")[0].id == thread.id


@pytest.mark.parametrize("mode", MODES)
def test_the_model_is_sent_what_was_said_and_done(opened: Home, mode: str) -> None:
    with started(opened, mode) as thread, thread.turn("Q") as live:
        live.reason("for people only")
        live.reason("S", content="raw", encrypted_content="e")
        call = live.call("shell", '{"command": "ls"}', call_id="call-1")
        live.result(call, [{"type": "input_text", "text": "a.txt"}])
        live.tool("count", [1], output={"n": 2})
        live.say("A")
        before_the_end = thread.history().model_input()
        assert thread.model_input() == before_the_end
    types = [(item["type"], item.get("role")) for item in before_the_end]
    assert types == [
        ("message", "user"),
        ("reasoning", None),
        ("function_call", None),
        ("function_call_output", None),
        ("function_call", None),
        ("function_call_output", None),
        ("message", "assistant"),
    ]
    outputs = [item["output"] for item in before_the_end if "output" in item]
    assert outputs == [[{"type": "input_text", "text": "a.txt"}], '{"n":2}']
    assert opened.model_input(thread.id) == before_the_end


def test_a_legacy_turn_is_written_as_codex_writes_one(opened: Home) -> None:
    with started(opened) as thread, thread.turn("Q") as live:
        live.tool("t", {}, output="")
        live.say("A")
        live.usage(input_tokens=1)
    assert kinds_of(thread) == [
        "session_meta",
        "task_started",
        "message",
        "user_message",
        "function_call",
        "function_call_output",
        "agent_message",
        "message",
        "token_count",
        "task_complete",
    ]
    last = lines_of(thread)[-1]["payload"]
    assert (last["last_agent_message"], last["turn_id"]) == ("A", live.id)


@pytest.mark.parametrize("mode", MODES)
def test_a_turns_context_tells_the_model_and_no_settings_for_codex_to_take_up(
    opened: Home, mode: str
) -> None:
    with started(opened, mode) as thread:
        with thread.turn("Q", model="gpt-x") as live:
            pass
        with thread.turn("Q"):
            pass
    contexts = [line["payload"] for line in lines_of(thread) if line["type"] == "turn_context"]
    assert contexts == [{"turn_id": live.id, "cwd": "/desk/project", "model": "gpt-x"}]
    assert [turn.model for turn in opened.turns(thread.id)] == ["gpt-x", None]
    assert [turn.model for turn in opened.turns(thread.id, last=2)] == ["gpt-x", None]


def test_images_of_a_tools_output_are_shown(opened: Home) -> None:
    image = {"type": "input_image", "image_url": "https://x.test/a.png"}
    with started(opened, "paginated") as thread, thread.turn("Q") as live:
        live.tool("look", {}, output=[{"type": "input_text", "text": "T"}, image])
    (read,) = opened.turns(thread.id)
    tool = read.items[1]
    assert isinstance(tool, DynamicToolCall)
    assert tool.content_items == [
        {"type": "inputText", "text": "T"},
        {"type": "inputImage", "imageUrl": "https://x.test/a.png"},
    ]


@pytest.mark.parametrize("mode", MODES)
def test_an_image_that_the_agent_looked_at_is_in_the_page(opened: Home, mode: str) -> None:
    data = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
    with started(opened, mode) as thread, thread.turn("Q") as live:
        image = {"type": "input_image", "image_url": data}
        live.tool("view_image", {"path": "/x.png"}, output=[image])
    (read,) = opened.turns(thread.id)
    page = turn_as_html(read, Look())
    assert f'src="{data}"' in page
    assert "/x.png" in page


def test_a_paginated_turn_is_numbered_and_told_by_turn_items(opened: Home) -> None:
    with started(opened, "paginated") as thread, thread.turn("Q") as live:
        live.say("A")
    found = lines_of(thread)
    assert [line["ordinal"] for line in found] == list(range(len(found)))
    told = [line["payload"] for line in found if line["payload"].get("type") == "item_completed"]
    assert [each["item"]["type"] for each in told] == ["UserMessage", "AgentMessage"]
    assert {each["turn_id"] for each in told} == {live.id}
    assert {each["thread_id"] for each in told} == {thread.id}


def _fails(live: threadlog.TurnWriter) -> list[Any]:
    live.say("so far")
    return [1 / 0]


@pytest.mark.parametrize("mode", MODES)
def test_an_exception_ends_a_turn_as_aborted_and_is_not_masked(opened: Home, mode: str) -> None:
    with started(opened, mode) as thread:
        with pytest.raises(ZeroDivisionError), thread.turn("Q") as live:
            live.item(*_fails(live))
        (read,) = opened.turns(thread.id)
    assert (read.status, len(read.items)) == ("interrupted", 2)


def test_a_turn_left_open_is_aborted_by_the_next_and_by_closing(opened: Home) -> None:
    with started(opened) as thread:
        thread.turn("one").begin()
        thread.turn("two").begin()
    reasons = [line["payload"].get("reason") for line in lines_of(thread)]
    assert [reason for reason in reasons if reason] == ["replaced", "interrupted"]
    statuses = [(each.items[0].content[0].text, each.status) for each in opened.turns(thread.id)]  # type: ignore[union-attr]
    assert statuses == [("one", "interrupted"), ("two", "interrupted")]


def test_a_turn_ends_once(opened: Home) -> None:
    with started(opened) as thread, thread.turn("Q") as live:
        live.complete()
        live.abort()
    assert kinds_of(thread)[-1] == "task_complete"
    assert kinds_of(thread).count("turn_aborted") == 0


USERS: dict[str, Any] = {
    "an event": UserMessageEvent(message="Q"),
    "a mapping": {"type": "event_msg", "payload": {"type": "user_message", "message": "Q"}},
    "a response item": {
        "type": "response_item",
        "payload": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Q"}],
        },
    },
}
OTHERS: dict[str, Any] = {
    "context": {
        "type": "response_item",
        "payload": {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "<environment_context>x</environment_context>"}
            ],
        },
    },
    "the agent": {"type": "event_msg", "payload": {"type": "agent_message", "message": "A"}},
    "a turn": {"type": "event_msg", "payload": {"type": "task_started", "turn_id": "t"}},
}


@pytest.mark.parametrize("item", USERS.values(), ids=USERS)
def test_the_first_user_message_brings_the_thread_to_disk(opened: Home, item: Any) -> None:
    with started(opened) as thread:
        assert thread.record(*OTHERS.values()) == len(OTHERS)
        assert not Path(thread.path).exists()
        thread.record(item)
        thread.flush()
        assert len(lines_of(thread)) == len(OTHERS) + 2


@pytest.mark.parametrize("item", OTHERS.values(), ids=OTHERS)
def test_nothing_else_does(home: Path, item: Any) -> None:
    thread = started(threadlog.open(home))
    thread.record(item)
    thread.flush()
    assert list(home.iterdir()) == []
    with pytest.warns(RuntimeWarning, match="1 items"):
        thread.close()


def test_a_draft_tells_what_its_model_would_be_sent(opened: Home) -> None:
    said = {
        "type": "message",
        "role": "developer",
        "content": [{"type": "input_text", "text": "D"}],
    }
    with started(opened) as thread:
        thread.record({"type": "response_item", "payload": said})
        assert thread.history().kind == "new"
        assert thread.history().model_input() == thread.model_input() == [said]
        with pytest.raises(NotOnDiskYet):
            thread.drain()
        thread.recorder.persist()


def test_tokens_go_on_from_what_was_counted_before(opened: Home) -> None:
    with started(opened) as thread, thread.turn("one") as live:
        live.usage(input_tokens=100, cached_input_tokens=50, output_tokens=10, context_window=1000)
        live.usage(input_tokens=200, output_tokens=20, reasoning_output_tokens=5)
    with opened.resume(thread.id) as thread, thread.turn("two") as live:
        live.usage(input_tokens=1, output_tokens=2)
    counts = [
        line.item
        for line in opened.iter_lines(thread.id)
        if isinstance(line, threadlog.Line) and isinstance(line.item, TokenCount)
    ]
    totals = [count.info.total_token_usage for count in counts if count.info]
    assert [total.total_tokens for total in totals] == [110, 330, 333]
    last = totals[-1]
    assert (last.input_tokens, last.cached_input_tokens, last.output_tokens) == (301, 50, 32)
    assert last.reasoning_output_tokens == 5


def test_images_are_shown_by_url_and_from_files(opened: Home, tmp_path: Path) -> None:
    path = tmp_path / "pixel.png"
    path.write_bytes(PIXEL)
    with started(opened) as thread, thread.turn("?", images=["https://x.test/a.png", path]):
        pass
    (event,) = [p for p in (line["payload"] for line in lines_of(thread)) if "images" in p]
    assert (event["images"], event["local_images"]) == (["https://x.test/a.png"], [str(path)])
    (message,) = opened.model_input(thread.id)
    urls = [part.get("image_url") for part in message["content"]]
    data = base64.b64encode(PIXEL).decode()
    assert urls == [None, "https://x.test/a.png", f"data:image/png;base64,{data}"]


@pytest.mark.parametrize("image", ["nothing.png", "notes.txt", "folder.png"])
def test_what_is_no_image_is_refused_before_anything_is_recorded(
    opened: Home, tmp_path: Path, image: str
) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.png").mkdir()
    with started(opened) as thread:
        with pytest.raises(Unreadable, match=image), thread.turn("?", images=[tmp_path / image]):
            pass
        assert not thread.on_disk


@pytest.mark.codex("C232")
@pytest.mark.parametrize("mode", MODES)
def test_a_resumed_thread_goes_on_where_it_ended(opened: Home, mode: str) -> None:
    with started(opened, mode) as thread, thread.turn("one") as live:
        live.say("1")
    before = Path(thread.path).read_bytes()
    with opened.resume("last", cwd="/desk/project") as again:
        assert (again.id, again.path, again.cwd) == (thread.id, thread.path, "/desk/project")
        with again.turn("two") as live:
            live.say("2")
    assert Path(thread.path).read_bytes().startswith(before)
    assert [each.status for each in opened.turns(thread.id)] == ["completed", "completed"]
    if mode == "paginated":
        found = lines_of(again)
        assert [line["ordinal"] for line in found] == list(range(len(found)))


def test_last_is_that_of_the_directory_asked_for(opened: Home) -> None:
    for cwd in ("/desk/a", "/desk/b"):
        with opened.start(cwd=cwd) as thread, thread.turn(cwd):
            pass
    with opened.resume("last", cwd="/desk/a") as again:
        assert again.summary().preview == "/desk/a"
    with pytest.raises(NotFound, match="/desk/c"):
        opened.resume("last", cwd="/desk/c")
    with pytest.raises(ValueError, match="last"):
        opened.resume(thread.id, cwd="/desk/a")


def test_a_thread_of_others_is_gone_on_with(home: Path, opened: Home) -> None:
    path = put(home, content([meta(), *turn("theirs")]))
    with opened.resume("last", force=True) as thread, thread.turn("ours"):
        pass
    assert path.read_bytes().startswith(content([meta(), *turn("theirs")]))
    assert len(list(opened.turns("last"))) == 2
    assert lines_of(thread)[1]["timestamp"] == STAMP


def test_leaving_a_home_closes_what_is_still_open(home: Path) -> None:
    with threadlog.open(home) as opened:
        thread = started(opened)
        thread.record(USERS["an event"])
        thread.flush()
        thread.record(OTHERS["the agent"])
    assert kinds_of(thread)[-1] == "agent_message"
    with opened.resume(thread.id):
        pass
