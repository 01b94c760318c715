"""Promises that only a second look found broken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import threadlog
from makers import THREAD, command, content, line, meta, put, uuid
from threadlog import Gap, RolloutRecorder, ThreadOptions
from threadlog.core.items import turn as ti

CHILD = uuid(7)


def said(text: str) -> dict[str, object]:
    return {"type": "event_msg", "payload": {"type": "user_message", "message": text}}


def numbered(first: int, name: str, answer: str = "yes") -> list[bytes]:
    """A paginated turn: its start, a question, an answer, its end."""
    question = {
        "type": "UserMessage",
        "id": f"u-{name}",
        "content": [{"type": "text", "text": name}],
    }
    reply = {
        "type": "AgentMessage",
        "id": f"a-{name}",
        "content": [{"type": "Text", "text": answer}],
    }
    payloads = [
        {"type": "task_started", "turn_id": name},
        *[
            {"type": "item_completed", "thread_id": THREAD, "turn_id": name, "item": item}
            for item in (question, reply)
        ],
        {"type": "task_complete", "turn_id": name},
    ]
    return [line("event_msg", each, ordinal=first + at) for at, each in enumerate(payloads)]


def put_family(home: Path, parent: bytes) -> None:
    """A parent of these bytes, and a child that goes on after its second turn (ordinal 9)."""
    put(home, parent)
    base = {"thread_id": THREAD, "end_ordinal_exclusive": 9, "end_byte_offset": 10**6}
    head = meta(CHILD, history_mode="paginated", forked_from_id=THREAD, history_base=base)
    own = content([head, *numbered(10, "three")])
    put(home, own, f"rollout-2026-01-03T03-04-05-{CHILD}.jsonl")


def test_a_parent_that_is_too_short_is_a_gap(home: Path) -> None:
    whole = [meta(history_mode="paginated"), *numbered(1, "one"), *numbered(5, "two")]
    put_family(home, content(whole))
    opened = threadlog.open(home)
    assert [turn.id for turn in opened.turns(CHILD)] == ["one", "two", "three"]
    assert not any(isinstance(value, Gap) for value in opened.iter_lines(CHILD))
    put_family(home, content(whole[:5]))
    values = list(opened.iter_lines(CHILD))
    (gap,) = (value for value in values if isinstance(value, Gap))
    assert "ends before" in gap.reason
    assert list(opened.iter_lines(CHILD, backwards=True)) == values[::-1]
    assert command(home, "show", CHILD, "--raw").code == 1


def test_a_torn_parent_is_not_glued_to_its_child_in_the_last_lines(home: Path) -> None:
    torn = content([meta(history_mode="paginated"), *numbered(1, "one"), *numbered(5, "two")])
    put_family(home, torn + b'{"torn')
    raw = command(home, "show", CHILD, "--raw", "--tail", "7").out
    assert b'{"torn\n{"' in raw
    assert command(home, "show", CHILD, "--raw").out.endswith(raw)


def test_a_question_is_shown_however_long_the_answers_are(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threadlog.reader.TAIL_LIMIT_BYTES", 1000)
    lines = [meta(history_mode="paginated"), *numbered(1, "one"), *numbered(5, "two", "x" * 2000)]
    put(home, content(lines))
    (turn,) = threadlog.open(home).turns(THREAD, last=1)
    assert (turn.id, turn.status) == ("two", "completed")
    assert next(type(item) for item in turn.items) is ti.UserMessage


def test_a_write_that_ctrl_c_interrupts_is_in_the_file_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/desk"))
    recorder.record(said("one"))
    recorder.persist()
    recorder.record(said("two"), said("three"))
    write = os.write

    def interrupted(fd: int, data: bytes) -> int:
        write(fd, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recorder.flush()
    monkeypatch.undo()
    recorder.close()
    raw = Path(recorder.path).read_bytes()
    assert [raw.count(word) for word in (b'"one"', b'"two"', b'"three"')] == [1, 1, 1]


def test_a_line_of_an_old_spelling_is_recorded_as_it_is(home: Path) -> None:
    put(
        home,
        content([meta(), line("event_msg", {"type": "turn_started", "turn_id": "t", "new": 1})]),
    )
    opened = threadlog.open(home)
    (_meta, read) = opened.iter_lines(THREAD)
    assert isinstance(read, threadlog.Line)
    with RolloutRecorder.create(opened, ThreadOptions(cwd="/desk")) as recorder:
        assert recorder.record(read) == 1
        recorder.persist()
    (_own, again) = opened.iter_lines(recorder.thread_id)
    assert isinstance(again, threadlog.Line)
    assert again.plain().payload == {"type": "turn_started", "turn_id": "t", "new": 1}
