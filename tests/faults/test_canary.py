"""A word that stands in a thread's content reaches no error, no warning, no log and no doctor."""

from __future__ import annotations

import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import threadlog
from faulty_disk import CALLS, FaultyDisk, home_on
from makers import command, content, meta, put, says, uuid
from threadlog import RolloutRecorder, ThreadOptions
from threadlog.core.items.event import AgentMessageEvent, UserMessageEvent
from threadlog.core.items.response import FunctionCall

CANARY = "canary-6f1d"


def all_said(error: BaseException | None) -> str:
    """Everything that an error, and what led to it, says to whoever prints or logs it."""
    if error is None:
        return ""
    told = [str(error), repr(error), repr(error.args), str(getattr(error, "__notes__", ""))]
    told += map(str, traceback.format_exception_only(error))
    told += [repr(value) for value in vars(error).values()]
    return "\n".join([*told, all_said(error.__cause__), all_said(error.__context__)])


def told_by(call: Callable[[], object]) -> str:
    """What the error of a call says, if it has one."""
    try:
        call()
    except Exception as error:
        return all_said(error)
    return ""


@pytest.fixture(autouse=True)
def silent(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever else is said is looked at in the end."""
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    said = caplog.text + "".join(capfd.readouterr()) + "".join(str(each.message) for each in caught)
    assert CANARY not in said


class Shy:
    """A value without a JSON form."""

    def __repr__(self) -> str:
        return CANARY

    __str__ = __repr__


REFUSED: list[Any] = [
    {"type": "event_msg", "payload": {"type": "user_message", "message": Shy()}},
    {"type": "event_msg", "payload": {"type": "user_message", "message": CANARY, CANARY: {1}}},
    {"type": "event_msg", "payload": {CANARY: float("nan"), "type": CANARY, "x": [CANARY, b""]}},
    {"type": "event_msg", "payload": {"message": CANARY + "\ud800", "type": "user_message"}},
    {"type": "event_msg", "payload": [CANARY]},
    {"type": "event_msg", "payload": CANARY},
    {"type": {CANARY: 1}, "payload": {}},
    {"type": "response_item", "payload": {"type": "message", "role": CANARY, "content": CANARY}},
    {CANARY: CANARY},
    [CANARY],
    CANARY,
    Shy(),
    AgentMessageEvent(message=Shy()),  # type: ignore[arg-type]
    UserMessageEvent(message=CANARY, images=(Shy(),)),  # type: ignore[arg-type]
    FunctionCall(name=CANARY, arguments=Shy(), call_id=CANARY),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_is_refused_is_not_repeated(home: Path, number: int, mode: str) -> None:
    options = ThreadOptions(cwd="/x", history_mode=mode)
    recorder = RolloutRecorder.create(threadlog.open(home), options)
    calls: list[Callable[[], object]] = [
        lambda: recorder.record(REFUSED[number]),
        recorder.persist,
        recorder.flush,
    ]
    for call in calls:
        assert CANARY not in told_by(call)
    recorder.discard()


@pytest.mark.parametrize("name", CALLS)
def test_what_could_not_be_written_is_not_repeated(home: Path, name: str) -> None:
    disk = FaultyDisk()
    recorder = RolloutRecorder.create(home_on(disk, home), ThreadOptions(cwd="/x"))
    message = {"type": "event_msg", "payload": {"type": "user_message", "message": CANARY}}
    disk.fail_names = {name}
    disk.arm()
    for call in (recorder.persist, recorder.flush, recorder.drain, recorder.close):
        recorder.record(message)
        assert CANARY not in told_by(call)
    disk.disarm()
    recorder.discard()


def test_a_draft_that_is_dropped_is_not_repeated(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x"))
    recorder.record(AgentMessageEvent(message=CANARY))
    recorder.close()


def test_others_lines_are_not_repeated(home: Path) -> None:
    recorder = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x"))
    recorder.persist()
    with open(recorder.path, "a", encoding="utf-8") as file:
        file.write(CANARY)
    recorder.record(AgentMessageEvent(message=CANARY))
    with pytest.raises(threadlog.OthersWrote) as caught:
        recorder.close()
    assert CANARY not in all_said(caught.value)


DAMAGED = {
    "torn": says("user", CANARY)[:-5],
    "no JSON": CANARY.encode(),
    "nested": b"[" * 5000 + CANARY.encode(),
    "bytes": b'{"type":"' + CANARY.encode() + b'\xff"}',
    "a number": b'{"type":"event_msg","payload":{"%s":1e999}}' % CANARY.encode(),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("first", [True, False])
def test_damage_is_told_without_what_is_damaged(home: Path, damage: bytes, *, first: bool) -> None:
    lines = [damage, meta(uuid(1))] if first else [meta(uuid(1)), says("user", "Q"), damage]
    path = put(home, content(lines))
    opened = threadlog.open(home)
    reads: list[Callable[[], object]] = [
        lambda: list(opened.threads()),
        lambda: list(opened.turns(str(path))),
        lambda: opened.history(str(path)),
        lambda: opened.model_input(str(path)),
        opened.catch_up,
        lambda: RolloutRecorder.resume(opened, str(path), force=True).close(),
    ]
    for read in reads:
        assert CANARY not in told_by(read)
    found = [each for each in opened.iter_lines(str(path)) if not isinstance(each, threadlog.Line)]
    assert found
    assert all(CANARY not in each.reason for each in found if isinstance(each, threadlog.Damaged))
    for words in (["doctor"], ["doctor", "--json"], ["index", "status"]):
        ran = command(home, *words)
        assert CANARY not in ran.out.decode() + ran.err
    for words in (["list"], ["show", str(path)], ["show", "--raw", str(path)]):
        assert CANARY not in command(home, *words).err


def test_lines_that_record_refuses_are_not_repeated(home: Path, tmp_path: Path) -> None:
    bad = [*DAMAGED.values(), json.dumps([CANARY]).encode(), json.dumps({"type": CANARY}).encode()]
    given = tmp_path / "given"
    given.write_bytes(b"\n".join(bad))
    with given.open() as file, mock.patch.object(sys, "stdin", file):
        ran = command(home, "record", "--cwd", "/x")
    assert ran.code != 0
    assert CANARY not in ran.out.decode() + ran.err
