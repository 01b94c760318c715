"""Lines that another program put into our rollout stay, whole or torn."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

import threadlog
from threadlog import OthersWrote, RolloutRecorder, ThreadOptions, WriteFailed

THEIRS = b'{"theirs":1}\n{"torn'


def said(text: str) -> dict[str, object]:
    return {"type": "event_msg", "payload": {"type": "user_message", "message": text}}


def append_theirs(recorder: RolloutRecorder) -> None:
    with open(recorder.path, "ab") as other:
        other.write(THEIRS)


def lines(recorder: RolloutRecorder) -> list[bytes]:
    return Path(recorder.path).read_bytes().split(b"\n")


@pytest.fixture
def recorder(home: Path) -> RolloutRecorder:
    made = RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/desk"))
    made.record(said("one"))
    made.persist()
    return made


def test_what_somebody_else_appended_stays_and_is_not_glued_to_ours(
    recorder: RolloutRecorder,
) -> None:
    append_theirs(recorder)
    recorder.record(said("two"))
    with pytest.raises(OthersWrote):
        recorder.close()
    raws = lines(recorder)
    assert raws[2:4] == THEIRS.split(b"\n")
    assert b"two" in raws[4]
    assert raws[5:] == [b""]


def test_a_failed_write_of_ours_is_not_taken_back_once_somebody_wrote_after_it(
    recorder: RolloutRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write

    def half(fd: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", fail)
        return whole(fd, data[:10])

    def fail(_fd: int, _data: bytes) -> int:
        append_theirs(recorder)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", half)
    recorder.record(said("two"))
    with pytest.raises(WriteFailed):
        recorder.flush()
    monkeypatch.undo()
    with pytest.raises(OthersWrote):
        recorder.close()
    raws = lines(recorder)
    assert THEIRS in Path(recorder.path).read_bytes()
    assert [raw for raw in raws if b"two" in raw and raw.endswith(b"}}")]
