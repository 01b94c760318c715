"""What a compressed thread costs: to make, and to read in the middle and at its end.

    python benchmarks/packed_cases.py HOME PATH

Compresses the rollout at PATH, of which the home is a copy to be used up; prints numbers as JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable

import threadlog
from threadlog.core.framing import frames_backwards
from threadlog.local import seekable
from threadlog.local.files import RolloutFile

PAGE_LINES, PAGE_BYTES = 50, 64 << 10
ROUNDS = 21


def page(path: str, end: int) -> list[bytes]:
    """The whole lines before a place, as many as a page has; the rollout is opened for it."""
    with RolloutFile(path) as rollout:
        assert rollout.length() >= end
        lines: list[bytes] = []
        size = 0
        for frame in itertools.islice(
            frames_backwards(rollout.chunks_backwards(end), end), 1, None
        ):
            assert isinstance(frame.raw, bytes)
            lines.append(frame.raw)
            size += len(frame.raw) + 1
            if len(lines) >= PAGE_LINES and size >= PAGE_BYTES:
                break
    return lines


def main(home: str, path: str) -> None:
    """Measure, in this order: what is packed cannot be packed again."""
    size = os.stat(path).st_size
    middle = size // 2
    expected = page(path, middle)
    plain = _ms(lambda: page(path, middle))
    os.utime(path, (1.7e9, 1.7e9))
    opened = threadlog.open(home)
    begun, busy = time.perf_counter(), time.process_time()
    (done,) = opened.compress()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - busy
    assert done.status == "compressed", done
    packed = f"{path}.zst"
    assert page(packed, middle) == expected
    time.sleep(2.5)  # a table is kept only of a file that has not just changed
    busy = time.process_time()
    fresh = _ms(lambda: page(packed, middle), forget=True)
    page_cpu = 1000 * (time.process_time() - busy) / ROUNDS
    again = _ms(lambda: page(packed, middle))
    numbers = {
        "mb_per_s": size / 1e6 / seconds,
        "mb_per_cpu_s": size / 1e6 / cpu,
        "ratio": done.before_bytes / done.after_bytes,
        "page_ms": statistics.median(fresh),
        "page_cpu_ms": page_cpu,
        "again_ms": statistics.median(again),
        "plain_ms": statistics.median(plain),
        "tail_ms": statistics.median(
            _ms(lambda: list(opened.turns(str(done.thread_id), last=20)), 5)
        ),
    }
    print(json.dumps(numbers))


def _ms(call: Callable[[], object], rounds: int = ROUNDS, *, forget: bool = False) -> list[float]:
    taken = []
    for _ in range(rounds):
        if forget:
            seekable._checked.clear()  # as in a process that has not seen the file yet
        begun = time.perf_counter()
        call()
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


if __name__ == "__main__":
    main(*sys.argv[1:])
