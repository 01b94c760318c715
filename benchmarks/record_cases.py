"""One thing to measure of recording, done once in a process of its own: prints numbers as JSON.

    python benchmarks/record_cases.py CASE FOLDER ROLLOUT [COUNT]

FOLDER is where threads are recorded (a disk, not a RAM disk); the items are those of ROLLOUT, in
its mix, one a call.  What is compared is measured in the same process, by turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

import msgspec

import threadlog
from threadlog import KERNEL, RolloutRecorder, ThreadOptions
from threadlog.core import decode, entry
from threadlog.core.items import LineItem
from threadlog.core.items.event import AgentMessageEvent
from threadlog.core.weight import held_fields
from threadlog.saving import start_saving

OPTIONS = ThreadOptions(cwd="/desk/boats")
ROUNDS = 5
BURST = 64  # items of a turn, after which its barrier waits
Numbers = dict[str, float]


def typed_items(rollout: str) -> list[LineItem]:
    """What a legacy rollout keeps of its own items, without the metadata."""
    items: list[LineItem] = []
    with open(rollout, "rb") as file:
        for raw in file:
            line = decode.decode(raw)
            if isinstance(line, threadlog.Line) and line.type != "session_meta":
                items.append(line.item)
    return [item for item in items if entry.keeps(item, "legacy")]


@contextlib.contextmanager
def live_recorder(folder: str) -> Iterator[RolloutRecorder]:
    """A recorder whose rollout is made."""
    with RolloutRecorder.create(threadlog.open(folder), OPTIONS) as recorder:
        recorder.persist()
        yield recorder


def calls(folder: str, rollout: str, count: int) -> Numbers:
    """How long one call of `record` takes: of items as an agent makes them, and as Codex did.

    Codex's own response items hold free JSON besides, which is encoded by the call.
    """
    codexs = typed_items(rollout)
    own = [without_free_json(item) for item in codexs]
    return {
        **_calls(folder, "own", list(islice(cycle(own), count))),
        **_calls(folder, "codex", list(islice(cycle(codexs), count))),
    }


def without_free_json(item: LineItem) -> LineItem:
    """As an agent makes it: without the settings and notes that only Codex puts into an item."""
    return msgspec.structs.replace(item, **dict.fromkeys(_optional(type(item))))


@functools.cache
def _optional(cls: type[LineItem]) -> set[str]:
    """The fields of free JSON that a class can be without."""
    free = held_fields(cls)
    fields = msgspec.structs.fields(cls)
    return {each.name for each in fields if each.name in free and not each.required}


def _calls(folder: str, name: str, items: list[LineItem]) -> Numbers:
    taken = []
    with live_recorder(folder) as recorder:
        for begin in range(0, len(items), BURST):
            taken += call_times(recorder.record, items[begin : begin + BURST])
            recorder.flush(level=KERNEL)
    return percentiles(name, taken, 1e-3)


def paced(folder: str, rollout: str, count: int) -> Numbers:
    """The same on an asyncio loop that has other things to do, and what its loop notices."""
    own = [without_free_json(item) for item in typed_items(rollout)]
    items = list(islice(cycle(own), count))
    gc.collect()
    gc.freeze()  # what an agent has in memory is not what we measure
    alone = asyncio.run(_loop(None, items))
    with live_recorder(folder) as recorder:
        beside = asyncio.run(_loop(recorder, items))
    return {
        **percentiles("call", beside[0], 1e-3),
        **percentiles("stall", beside[1], 1e-6),
        **percentiles("alone", alone[1], 1e-6),
    }


async def _loop(recorder: RolloutRecorder | None, items: list[LineItem]) -> list[list[int]]:
    """Some items each millisecond; how long calls took, and how late the loop was, in ns."""
    clock, taken, late, done = time.perf_counter_ns, [0], list[int](), False

    async def watch() -> None:
        while not done:
            due = clock() + 1_000_000
            await asyncio.sleep(0.001)
            late.append(max(0, clock() - due))

    watching = asyncio.create_task(watch())
    for begin in range(0, len(items), 16):
        for item in items[begin : begin + 16]:
            begun = clock()
            if recorder is not None:
                recorder.record(item)
            taken.append(clock() - begun - CLOCK_NS)
        await asyncio.sleep(0.001)
    done = True
    await watching
    return [taken, late]


def mappings(folder: str, rollout: str, count: int) -> Numbers:
    """`record` of a mapping against `msgspec.json.encode` of it."""
    items = [
        {"type": item.line_type, "payload": msgspec.to_builtins(item)}
        for item in islice(cycle(typed_items(rollout)), count)
    ]
    ours, theirs = [], []
    with live_recorder(folder) as recorder:
        for begin in range(0, count, BURST):
            some = items[begin : begin + BURST]
            theirs += call_times(msgspec.json.encode, some)
            ours += call_times(recorder.record, some)
            recorder.flush(level=KERNEL)
    return {
        "ratio": statistics.median(ours) / statistics.median(theirs),
        "ratio_of_sums": sum(ours) / sum(theirs),
    }


def saturated(folder: str, rollout: str, count: int) -> Numbers:
    """All the items that can be had in the file, against one bare write a line."""
    del rollout
    numbers = {}
    for size in (330, 4_000, 100_000):
        numbers[f"ratio_{size}"] = _saturated(folder, size, max(count * 330 // size, 500))
    return numbers


def _saturated(folder: str, size: int, count: int) -> float:
    text = ('The barge keeps the tide behind a lock, "said" he.\n' * (size // 50 + 1))[: size - 120]
    items = [AgentMessageEvent(message=f"{number:06d} {text}") for number in range(count)]
    one = entry.encode([(0, 0, items[0])], None).data
    ratios = []
    for _ in range(ROUNDS + 1):
        with live_recorder(folder) as recorder:

            def ours(recorder: RolloutRecorder = recorder) -> None:
                record = recorder.record
                for number, item in enumerate(items):
                    if number % 64 == 0:
                        recorder.drain()
                    record(item)
                recorder.flush(level=KERNEL)

            spent = _seconds(ours)
            path = recorder.path
        assert os.path.getsize(path) > count * (size - 200)
        os.unlink(path)
        ratios.append(_bare_writes(folder, one, count) / spent)
    return statistics.median(ratios[1:])


def _bare_writes(folder: str, line: bytes, count: int) -> float:
    path = os.path.join(folder, "bare.jsonl")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write() -> None:
        for _ in range(count):
            os.write(fd, line)

    try:
        return _seconds(write)
    finally:
        os.close(fd)
        os.unlink(path)


def recorders(folder: str, rollout: str, count: int) -> Numbers:
    """What so many live recorders hold: memory and descriptors, each."""
    del rollout
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 500, count + 500))
    home = threadlog.open(folder)
    with live_recorder(folder):  # what one costs for all
        pass
    gc.collect()
    before, kept = _resident(), []
    begun = time.perf_counter()
    for number in range(count):
        recorder = RolloutRecorder.create(home, OPTIONS)
        recorder.record(AgentMessageEvent(message=f"{number}"))
        recorder.persist(level=KERNEL)
        kept.append(recorder)
    made = time.perf_counter() - begun
    for recorder in kept:
        recorder.record(AgentMessageEvent(message="Done."))
    for barrier in [recorder.start_flush(level=KERNEL) for recorder in kept]:
        if barrier is not None:
            barrier.wait()
    flushed = time.perf_counter() - begun - made
    start_saving(home.writer.channels, close=False)
    for recorder in kept:
        recorder.flush()
    gc.collect()
    numbers = {
        "bytes_each": (_resident() - before) / count,
        "descriptors_each": len(os.listdir("/proc/self/fd")) / count,
        "make_us_each": made / count * 1e6,
        "flush_us_each": flushed / count * 1e6,
    }
    home.close()
    return numbers


def resume(folder: str, rollout: str, count: int) -> Numbers:
    """To go on with a large rollout: until an item can be recorded, and until it is written."""
    del count
    home = threadlog.open(folder)
    begun = time.perf_counter()
    recorder = RolloutRecorder.resume(home, rollout)
    ready = time.perf_counter() - begun
    recorder.record(AgentMessageEvent(message="Going on."))
    recorder.flush(level=KERNEL)
    written = time.perf_counter() - begun
    recorder.close()
    return {"ready_ms": ready * 1000, "written_ms": written * 1000}


def call_times(call: Callable[[Any], object], items: list[Any]) -> list[int]:
    """How long each call takes, in ns, without the looks at the clock."""
    clock = time.perf_counter_ns
    taken = []
    for item in items:
        begun = clock()
        call(item)
        taken.append(clock() - begun - CLOCK_NS)
    return taken


def _clock_ns() -> int:
    clock = time.perf_counter_ns
    looks = [-(clock() - clock()) for _ in range(1001)]
    return sorted(looks)[500]


def _seconds(call: Callable[[], None]) -> float:
    gc.collect()
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def percentiles(name: str, taken: list[int], scale: float) -> Numbers:
    taken = sorted(taken)
    return {
        f"{name}_p50": taken[len(taken) // 2] * scale,
        f"{name}_p99": taken[len(taken) * 99 // 100] * scale,
    }


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


CLOCK_NS = _clock_ns()
CASES: dict[str, Callable[[str, str, int], Numbers]] = {
    "calls": calls,
    "paced": paced,
    "mappings": mappings,
    "saturated": saturated,
    "recorders": recorders,
    "resume": resume,
}


def main(case: str, folder: str, rollout: str, count: str = "0") -> None:
    """Do what the command line says."""
    from cases import peak_bytes

    numbers: dict[str, Any] = CASES[case](folder, rollout, int(count))
    print(json.dumps({**numbers, "peak": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
