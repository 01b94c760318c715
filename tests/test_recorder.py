"""The recorder: a draft leaves nothing, a barrier brings everything to disk, once and in order."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import threadlog
from makers import STAMP, held, message, python, tree
from threadlog import (
    BacklogFull,
    Closed,
    InUse,
    Line,
    RolloutRecorder,
    ThreadOptions,
    Unencodable,
    backlog,
)
from threadlog.core.entry import Recordable
from threadlog.core.items import UntypedItem
from threadlog.core.items.event import AgentMessageEvent, TaskStarted, UserMessageEvent

OPTIONS = ThreadOptions(cwd="/desk/project")


def said(text: str) -> dict[str, Any]:
    """A user's message as a mapping."""
    return {"type": "event_msg", "payload": {"type": "user_message", "message": text}}


def answer(number: int) -> dict[str, Any]:
    """An agent's message as a mapping."""
    return {"type": "event_msg", "payload": {"type": "agent_message", "message": str(number)}}


def payloads(recorder: RolloutRecorder) -> list[dict[str, Any]]:
    """What is in the file after the metadata."""
    lines = Path(recorder.path).read_bytes().splitlines()
    return [json.loads(line)["payload"] for line in lines[1:]]


@pytest.fixture
def recorder(home: Path) -> Iterator[RolloutRecorder]:
    """A draft in an empty home, let go of without a flush."""
    made = RolloutRecorder.create(threadlog.open(home), OPTIONS)
    yield made
    if made.on_disk:
        made.close()
    made._channel.drop()


def test_the_seeds_own_test(home: Path) -> None:
    """Codex: recorder_materializes_only_after_explicit_persist."""
    recorder = RolloutRecorder.create(threadlog.open(home), OPTIONS)
    path = Path(recorder.path)
    recorder.record(answer(1))
    recorder.flush()
    assert not path.exists()
    recorder.record(said("first"))
    recorder.persist()
    lines = path.read_bytes().splitlines()
    assert [json.loads(line)["type"] for line in lines] == [
        *("session_meta", "event_msg", "event_msg"),
    ]
    assert [each["message"] for each in payloads(recorder)] == ["1", "first"]
    before = path.read_bytes()
    recorder.persist()
    assert path.read_bytes() == before
    recorder.record(answer(2))
    recorder.close()
    assert path.read_bytes().startswith(before)
    assert [each["message"] for each in payloads(recorder)] == ["1", "first", "2"]


def test_a_draft_knows_its_path_and_leaves_nothing_on_disk(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
        recorder.flush()
        assert recorder.path.startswith(f"{home}/sessions/")
    assert not (tmp_path / "not").exists()


def test_flushing_a_draft_keeps_its_items_in_memory(home: Path, recorder: RolloutRecorder) -> None:
    recorder.record(said("one"))
    recorder.flush()
    assert list(home.iterdir()) == []
    recorder.persist()
    assert [each["message"] for each in payloads(recorder)] == ["one"]


def test_closing_a_draft_warns_of_what_is_dropped(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), OPTIONS)
    recorder.record(said("one"), answer(2), answer(3))
    with pytest.warns(RuntimeWarning, match=f"{recorder.thread_id}.*3 items") as caught:
        recorder.close()
    assert caught[0].filename == __file__
    recorder.close()
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/New_York"])
def test_the_path_is_known_ahead_in_local_time(
    home: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        monkeypatch.setattr(time, "time_ns", lambda: 1_767_323_045_678_000_000)
        with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
            stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(1_767_323_045))
            recorder.persist()
        (listed,) = threadlog.open(home).threads()
        assert Path(recorder.path).name == f"rollout-{stamp}-{recorder.thread_id}.jsonl"
        assert recorder.path.startswith(f"{home}/sessions/{stamp[:10].replace('-', '/')}/")
        assert (listed.path, listed.id) == (recorder.path, recorder.thread_id)
        assert listed.created == "2026-01-02T03:04:05.678Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_rollout_begins_with_the_metadata_that_codex_needs(home: Path) -> None:
    options = ThreadOptions(
        cwd="/desk/é",
        source={"custom": "x"},
        originator="me",
        model_provider="openai",
        base_instructions="be kind",
        dynamic_tools=({"name": "t"},),
    )
    with RolloutRecorder.create(threadlog.open(home), options) as recorder:
        recorder.persist()
    line = json.loads(Path(recorder.path).read_bytes())
    payload = line["payload"]
    assert list(line) == ["timestamp", "type", "payload"]
    assert line["timestamp"] == payload["timestamp"]
    assert payload["id"] == payload["session_id"] == recorder.thread_id
    assert (payload["cwd"], payload["originator"]) == ("/desk/é", "me")
    assert (payload["source"], payload["model_provider"]) == ({"custom": "x"}, "openai")
    assert payload["base_instructions"] == {"text": "be kind"}
    assert payload["dynamic_tools"] == [{"name": "t"}]
    assert payload["cli_version"] == threadlog.__version__


def test_a_working_directory_that_is_not_utf8_can_be_recorded_in(home: Path) -> None:
    options = ThreadOptions(cwd=os.fsdecode(b"/desk/\xff"))
    with RolloutRecorder.create(threadlog.open(home), options) as recorder:
        recorder.persist()
    assert [thread.id for thread in threadlog.open(home).threads()] == [recorder.thread_id]


def test_persist_is_idempotent_and_flush_goes_on(recorder: RolloutRecorder) -> None:
    recorder.record(said("one"))
    recorder.persist()
    recorder.persist()
    recorder.record(answer(2))
    recorder.persist()
    recorder.record(answer(3))
    recorder.flush()
    recorder.flush()
    assert [each["message"] for each in payloads(recorder)] == ["one", "2", "3"]


def test_a_batch_is_one_write(recorder: RolloutRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = os.write

    def counted(fd: int, data: memoryview) -> int:
        sizes.append(len(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", counted)
    recorder.record(*map(answer, range(1000)))
    recorder.persist()
    recorder.record(*map(answer, range(1000)))
    recorder.record(answer(1))
    recorder.flush()
    recorder.flush()
    assert len(sizes) == 2
    assert sum(sizes) == Path(recorder.path).stat().st_size


def test_a_closed_recorder_takes_nothing(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), OPTIONS)
    recorder.record(said("one"))
    recorder.persist()
    recorder.close()
    recorder.close()
    before = tree(home)
    for call in (lambda: recorder.record(answer(1)), recorder.persist, recorder.flush):
        with pytest.raises(Closed, match=recorder.thread_id):
            call()
    assert tree(home) == before


def test_close_flushes_and_lets_go_of_the_thread(home: Path) -> None:
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
        recorder.persist()
        recorder.record(said("late"))
    assert [each["message"] for each in payloads(recorder)] == ["late"]
    with held(home, recorder.thread_id):
        pass


def test_an_error_in_the_block_is_not_masked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_fd: int, _data: memoryview) -> int:
        raise OSError(28, "full")

    recorder = RolloutRecorder.create(threadlog.open(home), OPTIONS)
    recorder.persist()
    recorder.record(said("one"))
    monkeypatch.setattr(os, "write", fails)
    with pytest.raises(KeyError, match="mine"), recorder:
        raise KeyError("mine")
    monkeypatch.undo()
    recorder.close()
    assert [each["message"] for each in payloads(recorder)] == ["one"]


def test_a_mapping_is_encoded_at_once(recorder: RolloutRecorder) -> None:
    payload = {"type": "user_message", "message": "before", "images": ["a"]}
    item: dict[str, Any] = {"type": "event_msg", "payload": payload}
    recorder.record(item)
    payload["message"] = "after"
    item["payload"]["images"].append("b")
    untyped = UntypedItem(type="event_msg", kind="user_message", payload=payload, reason="")
    recorder.record(untyped)
    payload["message"] = "later"
    recorder.persist()
    found = payloads(recorder)
    assert [(each["message"], each["images"]) for each in found] == [
        ("before", ["a"]),
        ("after", ["a", "b"]),
    ]


def _payload(value: Any) -> dict[str, Any]:
    return {"type": "event_msg", "payload": {"type": "user_message", "message": value}}


LOOP: dict[str, Any] = {}
LOOP["loop"] = LOOP
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]
REFUSED: dict[str, Any] = {
    "NaN": _payload(float("nan")),
    "infinity": _payload([float("inf")]),
    "bytes": _payload(b"x"),
    "a set": _payload({1}),
    "an object": _payload(object()),
    "a key of bytes": _payload({b"x": 1}),
    "a loop": _payload(LOOP),
    "too deep": _payload(DEEP),
    "a text": "user_message",
    "None": None,
    "a list": [],
    "no type": {"payload": {}},
    "no payload": {"type": "event_msg"},
    "a payload that is no mapping": {"type": "event_msg", "payload": "x"},
    "a type that is no text": {"type": 1, "payload": {}},
    "typed, with NaN": UserMessageEvent(message="x", audio=float("nan")),
    "typed, with bytes": UserMessageEvent(message="x", audio=b"x"),
}


@pytest.mark.parametrize("item", REFUSED.values(), ids=REFUSED)
def test_what_has_no_json_form_is_refused_and_nothing_of_the_call_is_taken(
    recorder: RolloutRecorder, item: Any
) -> None:
    recorder.record(said("one"))
    with pytest.raises(Unencodable) as caught:
        recorder.record(answer(1), item, answer(2))
    assert "user_message" not in str(caught.value)
    recorder.persist()
    assert [each["message"] for each in payloads(recorder)] == ["one"]


def test_a_typed_item_that_does_not_keep_to_its_types_is_told_at_the_barrier(
    recorder: RolloutRecorder,
) -> None:
    wrong = TaskStarted(turn_id="t", collaboration_mode_kind=object())  # type: ignore[arg-type]
    recorder.record(said("one"), wrong, answer(2))
    with pytest.raises(Unencodable, match="event_msg"):
        recorder.persist()
    recorder.persist()
    assert [each["message"] for each in payloads(recorder)] == ["one", "2"]


ODD: dict[str, Recordable] = {
    "a lone surrogate": _payload("a \ud800 b"),
    "a lone surrogate, typed": UserMessageEvent(message="a \ud800 b"),
    "a huge number": {
        "type": "event_msg",
        "payload": {"type": "user_message", "message": "", "n": 2**80},
    },
    "a huge number, typed": TaskStarted(turn_id="t", started_at=2**80),
    "line ends": _payload("a\nb\r\n\u2028\0"),
    "another mapping": MappingProxyType(
        {"type": "event_msg", "payload": MappingProxyType({"type": "user_message", "message": ""})}
    ),
}


@pytest.mark.parametrize("item", ODD.values(), ids=ODD)
def test_odd_values_are_one_line_of_json_that_is_read_back(
    home: Path, recorder: RolloutRecorder, item: Recordable
) -> None:
    assert recorder.record(item) == 1
    recorder.persist()
    values = list(threadlog.open(home).iter_lines(recorder.thread_id))
    assert len(values) == 2
    line = values[1]
    assert isinstance(line, Line)
    if isinstance(item, Mapping):
        assert line.plain().payload == dict(item["payload"])


def test_only_what_a_legacy_rollout_keeps_is_counted_and_written(recorder: RolloutRecorder) -> None:
    dropped = {"type": "event_msg", "payload": {"type": "agent_message_delta", "delta": "x"}}
    unknown = {"type": "from_2030", "payload": {}}
    assert recorder.record(dropped, said("one"), unknown, AgentMessageEvent(message="yes")) == 2
    recorder.persist()
    assert [each["message"] for each in payloads(recorder)] == ["one", "yes"]


def test_a_full_backlog_refuses_the_whole_call_and_a_flush_makes_room(
    recorder: RolloutRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "RECORDER_LIMIT_BYTES", 2000)
    recorder.record(said("x" * 500))
    with pytest.raises(BacklogFull, match="2000"):
        recorder.record(answer(1), said("y" * 1500))
    recorder.record(answer(2))
    recorder.persist()
    recorder.record(said("y" * 1500))
    recorder.flush()
    found = [each["message"] for each in payloads(recorder)]
    assert found == ["x" * 500, "2", "y" * 1500]


def test_a_thread_that_another_process_writes_is_in_use(
    home: Path, recorder: RolloutRecorder
) -> None:
    recorder.record(said("one"))
    with held(home, recorder.thread_id):
        with pytest.raises(InUse, match=recorder.thread_id):
            recorder.persist()
        assert not (home / "sessions").exists()
    recorder.persist()
    assert [each["message"] for each in payloads(recorder)] == ["one"]


def test_stamps_never_decrease(
    home: Path, recorder: RolloutRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([5e18, 1e18, 4e18, 6e18, 0])
    monkeypatch.setattr(time, "time_ns", lambda: int(next(clock)))
    for number in range(5):
        recorder.record(answer(number))
    monkeypatch.undo()
    recorder.persist()
    lines = threadlog.open(home).iter_lines(recorder.thread_id)
    stamps = [line.timestamp for line in lines if isinstance(line, Line)]
    assert stamps == sorted(stamps)
    assert len(stamps) == 6
    assert all(len(stamp) == len(STAMP) for stamp in stamps)


def test_each_os_threads_own_order_is_kept(recorder: RolloutRecorder) -> None:
    def work(who: str) -> None:
        for number in range(300):
            recorder.record(
                {"type": "response_item", "payload": message("user", who)}, answer(number)
            )
            if number % 50 == 0:
                recorder.persist()

    workers = [threading.Thread(target=work, args=(who,)) for who in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    recorder.flush()
    order: dict[str, list[str]] = {"a": [], "b": []}
    pairs = iter(payloads(recorder))
    for who, said_ in zip(pairs, pairs, strict=True):
        order[who["content"][0]["text"]].append(said_["message"])
    assert order == {who: [str(number) for number in range(300)] for who in "ab"}


def test_every_recorded_line_is_read_back_typed(home: Path, recorder: RolloutRecorder) -> None:
    recorder.record(
        TaskStarted(turn_id="t"),
        said("one"),
        {"type": "response_item", "payload": message("user", "one")},
        AgentMessageEvent(message="yes", phase="final_answer"),
        {"type": "event_msg", "payload": {"type": "task_complete", "turn_id": "t"}},
    )
    recorder.persist()
    values = list(threadlog.open(home).iter_lines(recorder.thread_id))
    kinds = [type(value.item).__name__ for value in values if isinstance(value, Line)]
    assert kinds == [
        "SessionMeta",
        "TaskStarted",
        "UserMessageEvent",
        "Message",
        "AgentMessageEvent",
        "TaskComplete",
    ]
    (recorded,) = threadlog.open(home).turns(recorder.thread_id)
    assert (recorded.id, recorded.status, len(recorded.items)) == ("t", "completed", 2)


def test_a_recorder_collected_while_another_records_does_not_stop_it(home: Path) -> None:
    code = """
import gc, sys, warnings
import threadlog
from threadlog.backlog import process
warnings.simplefilter("ignore")
home, options = threadlog.open(sys.argv[1]), threadlog.ThreadOptions(cwd="/x")
item = {"type": "event_msg", "payload": {"type": "agent_message", "message": "x"}}

class Cycle:
    def __init__(self):
        self.itself = self
        self.recorder = threadlog.RolloutRecorder.create(home, options)
        self.recorder.record(item)

recorder = threadlog.RolloutRecorder.create(home, options)
for after in range(2, 120):  # so that it comes by at every moment of the call
    gc.set_threshold(after, 1, 1)
    for _ in range(3):
        Cycle()
        recorder.record(*[item] * 20)
gc.collect()
recorder._channel.drop()
print(process.weight)
"""
    with python(code, str(home)) as other:
        try:
            assert other.communicate(timeout=30) == ("0\n", "")
        finally:
            other.kill()
