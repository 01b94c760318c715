"""Recording to a paginated thread: numbered lines, turn items for events, no silent loss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import threadlog
from makers import OTHER, meta_payload, uuid
from threadlog import (
    Line,
    NotPersistable,
    RolloutRecorder,
    ThreadOptions,
    Unencodable,
    WriteFailed,
)
from threadlog.core import policy
from threadlog.core.decode import decode
from threadlog.core.items import event as ev
from threadlog.core.items import response as rs
from threadlog.core.items import tool_event as te
from threadlog.core.items.session import HistoryBase, SessionMeta
from threadlog.core.items.turn import PERSISTED_TURN_ITEMS
from threadlog.core.turn_lines import has_turn_item

OPTIONS = ThreadOptions(cwd="/desk/project", history_mode="paginated")
EVENTS: dict[str, ev.Event] = {
    "UserMessage": ev.UserMessageEvent(message="Q", images=("https://x.test/a.png",)),
    "AgentMessage": ev.AgentMessageEvent(message="A", phase="final_answer"),
    "Reasoning": ev.AgentReasoning(text="S"),
    "Reasoning, raw": ev.AgentReasoningRawContent(text="R"),
    "ContextCompaction": ev.ContextCompacted(),
    "EnteredReviewMode": ev.EnteredReviewMode(target={"type": "uncommittedChanges"}),
    "ExitedReviewMode": ev.ExitedReviewMode(review_output={"findings": []}),
    "McpToolCall": te.McpToolCallEnd(
        call_id="m", invocation={"server": "s", "tool": "t", "arguments": {}}, result={"Ok": {}}
    ),
    "WebSearch": te.WebSearchEnd(call_id="w", query="q"),
    "ImageGeneration": te.ImageGenerationEnd(call_id="i", result="eA=="),
    "FileChange": te.PatchApplyEnd(call_id="p", success=True),
    "SubAgentActivity": ev.SubAgentActivity(event_id="e", agent_thread_id=OTHER, kind="started"),
}


@pytest.fixture
def recorder(home: Path) -> Iterator[RolloutRecorder]:
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as made:
        made.persist()
        yield made


def lines_of(recorder: RolloutRecorder) -> list[dict[str, Any]]:
    recorder.flush()
    return [json.loads(line) for line in Path(recorder.path).read_bytes().splitlines()]


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("as_mapping", [False, True])
def test_a_legacy_event_is_written_as_the_turn_item_that_says_the_same(
    recorder: RolloutRecorder, name: str, as_mapping: bool
) -> None:
    event = EVENTS[name]
    recorder.record(ev.TaskStarted(turn_id="turn-1"))
    if as_mapping:
        payload = {"type": event.__struct_config__.tag, **_fields(event)}
        assert recorder.record({"type": "event_msg", "payload": payload}) == 1
    else:
        assert recorder.record(event) == 1
    told = lines_of(recorder)[-1]["payload"]
    assert (told["type"], told["turn_id"], told["thread_id"]) == (
        *("item_completed", "turn-1"),
        recorder.thread_id,
    )
    assert told["item"]["type"] == name.partition(",")[0]
    assert told["item"]["id"]
    assert told["completed_at_ms"] > 0


def _fields(event: ev.Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__ if getattr(event, name)}


def test_there_is_a_turn_item_for_every_event_that_only_legacy_threads_keep() -> None:
    only_legacy = {
        kind for kind in policy._LEGACY_EVENTS if not policy.keeps(("event_msg", kind), "paginated")
    }
    assert only_legacy == {event.__struct_config__.tag for event in EVENTS.values()}
    assert all(map(has_turn_item, EVENTS.values()))
    known = {item.__struct_config__.tag for item in PERSISTED_TURN_ITEMS}
    assert {name.partition(",")[0] for name in EVENTS} <= known


@pytest.mark.codex("C002")
def test_lines_are_numbered_from_the_metadata_on(recorder: RolloutRecorder) -> None:
    recorder.record(*EVENTS.values())
    recorder.record(rs.FunctionCall(name="t", arguments="{}", call_id="c"))
    found = lines_of(recorder)
    assert [line["ordinal"] for line in found] == list(range(len(EVENTS) + 2))
    assert list(found[0])[:4] == ["timestamp", "ordinal", "type", "payload"]
    assert found[0]["payload"]["history_mode"] == "paginated"


@pytest.mark.codex("C004")
def test_a_legacy_thread_has_no_numbers(home: Path) -> None:
    with RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x")) as legacy:
        legacy.record(*EVENTS.values())
        legacy.persist()
        assert all("ordinal" not in line for line in lines_of(legacy))
        kinds = [line["payload"].get("type") for line in lines_of(legacy)[1:]]
    assert kinds == [event.__struct_config__.tag for event in EVENTS.values()]


NEVER: dict[str, Any] = {
    "a delta": ev.ItemStarted(thread_id="t", turn_id="u", item={}),
    "a beginning": te.ExecCommandBegin(call_id="c"),
    "a second metadata": SessionMeta(
        id=uuid(1), timestamp="", cwd="/x", originator="o", cli_version="1"
    ),
}


@pytest.mark.parametrize("item", NEVER.values(), ids=NEVER)
def test_a_typed_item_that_is_never_kept_is_refused_and_the_call_with_it(
    recorder: RolloutRecorder, item: Any
) -> None:
    with pytest.raises(NotPersistable, match=type(item).__name__):
        recorder.record(EVENTS["UserMessage"], item)
    assert len(lines_of(recorder)) == 1


def test_a_mapping_that_is_never_kept_counts_as_not_kept(recorder: RolloutRecorder) -> None:
    delta = {"type": "event_msg", "payload": {"type": "agent_message_delta", "delta": "x"}}
    metadata = {"type": "session_meta", "payload": meta_payload()}
    assert recorder.record(delta, metadata, {"type": "from_2030", "payload": {}}) == 0
    assert len(lines_of(recorder)) == 1


def test_a_realtime_item_is_kept_here_only(home: Path, recorder: RolloutRecorder) -> None:
    item = {"type": "realtime_item", "payload": {"a": 1}}
    assert recorder.record(item) == 1
    legacy = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x"))
    assert legacy.record(item) == 0


def test_an_event_that_names_its_turn_is_placed_there(recorder: RolloutRecorder) -> None:
    recorder.record(ev.TaskStarted(turn_id="now"))
    recorder.record(ev.EnteredReviewMode(turn_id="then", item_id="i"))
    told = lines_of(recorder)[-1]["payload"]
    assert (told["turn_id"], told["item"]["id"]) == ("then", "i")


@pytest.mark.codex("C007")
def test_a_rollout_that_builds_on_another_is_numbered_on_from_there(home: Path) -> None:
    base = HistoryBase(thread_id=OTHER, end_ordinal_exclusive=49, end_byte_offset=1000)
    options = ThreadOptions(
        cwd="/x",
        history_mode="paginated",
        forked_from_id=OTHER,
        forked_from_ordinal_exclusive=49,
        history_base=base,
    )
    with RolloutRecorder.create(threadlog.open(home), options) as fork:
        fork.record(EVENTS["UserMessage"])
        fork.persist()
        found = lines_of(fork)
    assert [line["ordinal"] for line in found] == [49, 50]
    payload = found[0]["payload"]
    assert (payload["forked_from_id"], payload["forked_from_ordinal_exclusive"]) == (OTHER, 49)
    assert payload["history_base"] == {
        "thread_id": OTHER,
        "end_ordinal_exclusive": 49,
        "end_byte_offset": 1000,
    }


@pytest.mark.codex("C006")
def test_a_rollout_of_its_own_id_is_named_by_both(home: Path) -> None:
    options = ThreadOptions(
        cwd="/x", history_mode="paginated", thread_id=uuid(7), rollout_id=uuid(8)
    )
    with RolloutRecorder.create(threadlog.open(home), options) as revised:
        revised.persist()
        assert Path(revised.path).name.endswith(f"-{uuid(7)}_{uuid(8)}.jsonl")
        assert lines_of(revised)[0]["payload"]["id"] == uuid(7)
    (found,) = threadlog.open(home).threads()
    assert found.id == uuid(7)


def test_a_mode_that_is_none_is_refused(home: Path) -> None:
    with pytest.raises(ValueError, match="bogus"):
        RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x", history_mode="bogus"))


@pytest.mark.codex("C015")
def test_when_the_numbers_end_nothing_is_written(home: Path, recorder: RolloutRecorder) -> None:
    before = Path(recorder.path).read_bytes()
    live = recorder._channel.state
    live.ordinal = (1 << 64) - 1  # type: ignore[union-attr]
    recorder.record(EVENTS["UserMessage"], EVENTS["AgentMessage"])
    with pytest.raises(WriteFailed, match="ordinals"):
        recorder.flush()
    assert Path(recorder.path).read_bytes() == before
    live.ordinal = 1  # type: ignore[union-attr]


@pytest.mark.parametrize("name", EVENTS)
def test_a_legacy_line_that_was_read_is_written_as_its_turn_item(
    recorder: RolloutRecorder, name: str
) -> None:
    payload = msgspec.to_builtins(EVENTS[name])
    raw = {"timestamp": "2026-01-02T03:04:05.678Z", "type": "event_msg", "payload": payload}
    line = decode(json.dumps(raw).encode())
    assert isinstance(line, Line)
    assert recorder.record(line) == 1
    assert lines_of(recorder)[-1]["payload"]["item"]["type"] == name.partition(",")[0]


def test_a_turn_that_was_not_taken_gives_no_item_its_id(recorder: RolloutRecorder) -> None:
    recorder.record(ev.TaskStarted(turn_id="turn-a"))
    with pytest.raises(Unencodable):
        recorder.record(ev.TaskStarted(turn_id="turn-b"), 5)  # type: ignore[arg-type]
    recorder.record(EVENTS["AgentMessage"])
    assert lines_of(recorder)[-1]["payload"]["turn_id"] == "turn-a"
