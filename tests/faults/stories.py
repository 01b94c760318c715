"""What recording goes through while one of its calls to the system fails, and what must be left.

A story runs in a process of its own, on a disk that fails it once; it says on a pipe how many
messages were acknowledged.  Whatever happened, the files alone must hold all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import threadlog
from faulty_disk import FaultyDisk, draft_on, home_on, number_of, rest, said
from makers import zstd
from threadlog import RolloutRecorder, ThreadOptions

TRIES = 4
TORN = b'{"timestamp":"2026-01-02T03:04:05.000Z","type":"event_msg","payl'
Tell = Callable[[object], None]


class Writing:
    """The side of the child: it records, and insists."""

    def __init__(self, home: Path, disk: FaultyDisk, tell: Tell) -> None:
        self.home = home_on(disk, home)
        self.disk = disk
        self.tell = tell
        self.count = 0

    def insist(self, call: Callable[[], object]) -> None:
        """Call until it goes through; only one call of the disk fails."""
        for left in reversed(range(TRIES)):
            try:
                call()
                return
            except Exception:
                if not left:
                    raise

    def record(self, recorder: RolloutRecorder, *sizes: int) -> None:
        for size in sizes:
            recorder.record(said(self.count, size))
            self.count += 1

    def flush(self, recorder: RolloutRecorder, level: str = "durable") -> None:
        self.insist(lambda: recorder.flush(level=level))
        self.tell(self.count)

    def resume(self, path: Path) -> RolloutRecorder:
        made: list[RolloutRecorder] = []
        self.insist(lambda: made.append(RolloutRecorder.resume(self.home, str(path), force=True)))
        self.tell(made[0].path)
        return made[0]

    def close(self, recorder: RolloutRecorder) -> None:
        self.insist(recorder.close)
        self.tell(self.count)


def stored(home: Path, mode: str) -> Path:
    """A rollout of the messages 0, 1, 2 that nobody writes."""
    recorder = draft_on(FaultyDisk(), home, mode=mode)
    recorder.persist()
    recorder.close()
    return Path(recorder.path)


def begun(writing: Writing, mode: str, _path: Path) -> None:
    recorder = RolloutRecorder.create(writing.home, ThreadOptions(cwd="/x", history_mode=mode))
    writing.tell(recorder.path)
    writing.record(recorder, 10, 2000, 200)
    writing.insist(recorder.persist)
    writing.tell(writing.count)
    writing.record(recorder, 300_000, 10)  # two batches
    writing.flush(recorder)
    writing.record(recorder, 10)
    writing.close(recorder)


def gone_on_with(writing: Writing, _mode: str, path: Path) -> None:
    writing.count = 3
    recorder = writing.resume(path)
    writing.record(recorder, 10)
    writing.flush(recorder, "kernel")
    writing.record(recorder, 2000)
    writing.flush(recorder)
    writing.insist(lambda: rest(recorder))
    writing.record(recorder, 10)
    writing.flush(recorder)
    writing.record(recorder, 10)
    writing.close(recorder)


def replaced(writing: Writing, _mode: str, path: Path) -> None:
    """Somebody puts a copy in its place, as a program does that saves by renaming."""
    writing.count = 3
    recorder = writing.resume(path)
    writing.record(recorder, 10)
    writing.flush(recorder)
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    os.replace(copy, path)
    writing.record(recorder, 10)
    writing.flush(recorder)
    writing.close(recorder)


def deleted(writing: Writing, _mode: str, path: Path) -> None:
    """Somebody deletes it, and puts back what was kept."""
    writing.count = 3
    recorder = writing.resume(path)
    writing.record(recorder, 10)
    writing.flush(recorder)
    writing.tell("deleted")
    path.unlink()
    writing.record(recorder, 10)
    kept = Path(writing.home.path, "threadlog", "rescued", path.name)
    for _ in range(TRIES):
        with contextlib.suppress(Exception):
            recorder.flush()
        if kept.exists():
            break
    os.replace(kept, path)
    writing.flush(recorder)
    writing.close(recorder)


class Story(NamedTuple):
    """What the child does, and what is there before: `whole`, `torn`, `packed` or nothing."""

    tell: Callable[[Writing, str, Path], None]
    before: str | None


STORIES = {
    "begun": Story(begun, None),
    "gone on with": Story(gone_on_with, "whole"),
    "torn": Story(gone_on_with, "torn"),
    "packed": Story(gone_on_with, "packed"),
    "replaced": Story(replaced, "whole"),
    "deleted": Story(deleted, "whole"),
}


def prepare(home: Path, story: Story, mode: str) -> Path:
    """What is there before a story; returns the path that the rollout has, or will have."""
    home.mkdir()
    if story.before is None:
        return home
    path = stored(home, mode)
    if story.before == "torn":
        with path.open("ab") as file:
            file.write(TORN)
    if story.before == "packed":
        packed = path.with_name(path.name + ".zst")
        packed.write_bytes(zstd.compress(path.read_bytes()))
        path.unlink()
        return packed
    return path


class Verdict(NamedTuple):
    """What the parent knows of a child: how it ended, its rollout, and what was acknowledged."""

    ended: bool
    path: Path
    acked: int
    total: int | None


def whole(path: Path) -> Iterator[bytes]:
    """The lines of the rollout at *path*, or of the copy of it that is left."""
    packed, kept = Path(f"{path}.zst"), path.parents[4] / "threadlog" / "rescued" / path.name
    if path.exists():
        data = path.read_bytes()
    elif packed.exists():
        data = zstd.decompress(packed.read_bytes())
    else:
        data = kept.read_bytes() if kept.exists() else b""
    *lines, _unfinished = data.split(b"\n")
    for line in lines:
        if line != TORN:
            json.loads(line)  # nothing is half a line, nor glued to another
            yield line


def check(verdict: Verdict, mode: str) -> None:
    """All that was acknowledged is there, once and in order, and the thread can be gone on with."""
    path = verdict.path
    lines = list(whole(path))
    found = [number_of(line) for line in lines[1:]]
    assert found == list(range(len(found))), found
    assert len(found) >= verdict.acked, (found, verdict.acked)
    if verdict.ended:
        assert len(found) == verdict.total
    if not lines:
        return
    numbered = [json.loads(line).get("ordinal") for line in lines]
    assert numbered == ([None] * len(lines) if mode == "legacy" else list(range(len(lines))))
    if not path.exists() and not Path(f"{path}.zst").exists():
        return  # it was deleted
    before = path.read_bytes() if path.exists() else b""
    with RolloutRecorder.resume(threadlog.open(path.parents[4]), str(path), force=True) as more:
        more.record(said(len(found)))
    after = path.read_bytes()
    assert after.startswith(before)
    assert number_of(after.splitlines()[-1]) == len(found)
