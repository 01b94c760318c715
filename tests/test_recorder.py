"""The recorder: a draft leaves nothing, a barrier brings everything to disk, once and in order."""

from __future__ import annotations

import json
import os
import pickle
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import threadlog
from faulty_disk import FaultyDisk, draft_on
from makers import STAMP, held, message, python, tree
from threadlog import (
    Ambiguous,
    BacklogFull,
    Closed,
    InUse,
    Line,
    RolloutRecorder,
    ThreadOptions,
    Unencodable,
    WriteFailed,
    backlog,
)
from threadlog.core import entry
from threadlog.core.entry import Recordable
from threadlog.core.framing import LINE_LIMIT_BYTES
from threadlog.core.items import UntypedItem
from threadlog.core.items.event import AgentMessageEvent, TaskStarted, UserMessageEvent
from threadlog.writer import Writer

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
    made._channel.end()


@pytest.mark.codex("C001")
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


@pytest.mark.codex("C003")
def test_a_draft_knows_its_path_and_leaves_nothing_on_disk(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
        recorder.flush()
        assert recorder.path.startswith(f"{home}/sessions/")
    assert not (tmp_path / "not").exists()


@pytest.mark.codex("C001")
def test_flushing_a_draft_keeps_its_items_in_memory(home: Path, recorder: RolloutRecorder) -> None:
    recorder.record(said("one"))
    recorder.flush()
    assert list(home.iterdir()) == []
    recorder.persist()
    assert [each["message"] for each in payloads(recorder)] == ["one"]


@pytest.mark.codex("C230")
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


@pytest.mark.codex("C241")
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
    recorder.record(*map(answer, range(1001)))
    recorder.flush()
    recorder.flush()
    assert len(sizes) == 2
    assert sum(sizes) == Path(recorder.path).stat().st_size


@pytest.mark.codex("C241")
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


@pytest.mark.codex("C027", "C234")
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


@pytest.mark.codex("C219", "C244")
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


@pytest.mark.codex("C022")
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
recorder._channel.end()
print(process.weight)
"""
    with python(code, str(home)) as other:
        try:
            assert other.communicate(timeout=30) == ("0\n", "")
        finally:
            other.kill()


def test_an_error_told_again_and_again_does_not_grow(home: Path) -> None:
    disk = FaultyDisk()
    recorder = draft_on(disk, home)
    disk.error, disk.fail_names = 28, {"write"}
    disk.arm()
    with pytest.raises(WriteFailed):
        recorder.persist()
    for _ in range(30):
        with pytest.raises(WriteFailed) as caught:
            recorder.drain()
    assert len(traceback.extract_tb(caught.value.__traceback__)) < 10
    disk.disarm()
    recorder.close()


@pytest.mark.parametrize(
    "error",
    [WriteFailed("/x", 28, 3), Ambiguous("two", ("a", "b")), InUse("held", 7), Closed("closed")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_passes_from_process_to_process(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize("text", ["\0" * (190 << 10), "\u6f22" * (350 << 10)], ids=["0", "wide"])
@pytest.mark.parametrize("typed", [True, False])
def test_what_is_longer_than_a_line_may_be_is_refused(
    recorder: RolloutRecorder, monkeypatch: pytest.MonkeyPatch, text: str, typed: bool
) -> None:
    assert (LINE_LIMIT_BYTES, entry.LONG_BYTES) == (64 << 20, 8 << 20)
    monkeypatch.setattr("threadlog.core.entry.LINE_LIMIT_BYTES", 1 << 20)
    monkeypatch.setattr(entry, "LONG_BYTES", 128 << 10)
    item = AgentMessageEvent(message=text)
    mapping = {"type": "event_msg", "payload": {"type": "agent_message", "message": text}}
    with pytest.raises(Unencodable, match="1048576 at most"):
        recorder.record(item if typed else mapping)
    assert recorder.pending_items == 0


def test_a_closed_draft_was_never_on_disk(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), OPTIONS)
    recorder.close()
    assert not recorder.on_disk


def test_all_who_use_a_home_at_once_have_one_worker(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Writer.__init__

    def slowly(self: Writer, *given: Any) -> None:
        time.sleep(0.02)
        begin(self, *given)

    monkeypatch.setattr(Writer, "__init__", slowly)
    opened, found = threadlog.open(home), []
    users = [threading.Thread(target=lambda: found.append(opened.writer)) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert len(set(map(id, found))) == 1


def test_a_thread_of_another_home_object_is_gone_on_with_at_once(home: Path) -> None:
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
        recorder.persist()
    begun = time.monotonic()
    RolloutRecorder.resume(threadlog.open(home), recorder.thread_id).close()
    assert time.monotonic() - begun < 1.5
