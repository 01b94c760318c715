"""What happens to whole threads, measured in a home that is used up.

    python benchmarks/life_cases.py resume|fork|archive HOME THREAD PATH COUNT

Prints numbers as JSON: times in seconds, memory in bytes.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import threadlog

ROUNDS = 3
CHUNK = 1 << 20


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resume(home: str, thread: str, path: str, _count: int) -> dict[str, float]:
    """Going on with a thread with all of its history in memory."""
    size = os.stat(path).st_size
    with open(path, "rb") as file:  # into the page cache
        while file.read(CHUNK):
            pass
    before = peak_bytes()
    begun = time.perf_counter()
    with threadlog.open(home) as opened, opened.resume(thread, force=True) as live:
        history = live.history()
        seconds = time.perf_counter() - begun
        assert len(history) > 0
    return {"seconds": seconds, "memory_by_size": (peak_bytes() - before) / size}


def fork(home: str, thread: str, path: str, _count: int) -> dict[str, float]:
    """A fork before the last turn, on the disk, against a copy that is brought to the disk."""
    ours, theirs, other = [], [], []
    with threadlog.open(home) as opened:
        (last,) = opened.turns(thread, last=1)
        for _ in range(ROUNDS + 1):
            target = f"{path}.copy"
            theirs.append(_timed(_cp, path, target))
            os.unlink(target)
            other.append(_timed(_system_copy, path, target))
            os.unlink(target)
            begun = time.perf_counter()
            made = opened.fork(thread, before=last.id)
            ours.append(time.perf_counter() - begun)
            made.close()
            os.unlink(made.path)
    pairs = list(zip(ours, theirs, other, strict=True))[1:]
    return {
        "seconds": statistics.median(ours[1:]),
        "cp_s": statistics.median(theirs[1:]),
        "ratio": statistics.median(our / cp for our, cp, _ in pairs),
        "ratio_of_system_copy": statistics.median(our / copy for our, _, copy in pairs),
    }


def _cp(path: str, target: str) -> None:
    subprocess.run(["cp", "--reflink=never", path, target], check=True)
    subprocess.run(["sync", target], check=True)


def _system_copy(path: str, target: str) -> None:
    """What the system takes for the same within one process."""
    source = os.open(path, os.O_RDONLY)
    copy = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
    while os.copy_file_range(source, copy, 64 << 20):
        pass
    os.fsync(copy)
    os.close(source)
    os.close(copy)


def archive(home: str, _thread: str, _path: str, count: int) -> dict[str, float]:
    """So many threads into the archive, on the disk, and the index brought up to date."""
    with threadlog.open(home) as opened:
        opened.catch_up()
        ids = [each.id or "" for each in opened.threads(limit=count)]
        begun = time.perf_counter()
        moved = opened.archive(*ids)
        done = time.perf_counter()
        listed = opened.threads(archived=True, limit=None)
        seconds = time.perf_counter() - begun
    assert len(moved) == len(listed) == count
    return {"seconds": seconds, "moved_s": done - begun}


def _timed(call: Callable[[str, str], None], path: str, target: str) -> float:
    begun = time.perf_counter()
    call(path, target)
    return time.perf_counter() - begun


if __name__ == "__main__":
    cases = {"resume": resume, "fork": fork, "archive": archive}
    name, home, thread, path, count = sys.argv[1:]
    print(json.dumps(cases[name](home, thread, path, int(count))))
