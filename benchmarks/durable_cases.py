"""One thing to measure of durable barriers, done once in a process of its own: prints JSON.

    python benchmarks/durable_cases.py CASE FOLDER ROLLOUT COUNT

FOLDER is the home that is recorded in (on a disk, not a RAM disk); the items are those of ROLLOUT,
in its mix.  What is compared is measured by turns, in files that are there and open: the same
bytes, and nothing waits to be synced where the next turn begins.  A ratio is
the median of those of the turns, and above one where ours is the faster.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from multiprocessing.connection import Connection
from typing import Any

import threadlog
from record_cases import (
    BURST,
    OPTIONS,
    call_times,
    live_recorder,
    percentiles,
    typed_items,
    without_free_json,
)
from threadlog import KERNEL, RolloutRecorder
from threadlog.core.items import LineItem

Numbers = dict[str, float]
Bare = Callable[[str, list[bytes]], float]  # a way to write, and what: how many seconds
THREADS = 16
FILES = 64
OTHERS = 4  # who flush durable, all the time
WINDOW_S = 0.5
WARM_UP = 3  # turns that are not counted


def turns(folder: str, rollout: str, count: int) -> Numbers:
    """A turn's items and a durable barrier, against one write and fdatasync of the same bytes."""
    items = cycle(_items(rollout))
    with _bare(folder, 1) as bare, live_recorder(folder) as recorder:

        def ours() -> None:
            for item in islice(items, BURST):
                recorder.record(item)
            recorder.flush()

        return _compared(count, [recorder.path], ours, bare, ["plain"])


def together(folder: str, rollout: str, count: int) -> Numbers:
    """An item for each of many recorders, then a durable barrier of each, begun together."""
    items = cycle(_items(rollout))
    with _bare(folder, FILES) as bare, threadlog.open(folder) as home:
        recorders = [RolloutRecorder.create(home, OPTIONS) for _ in range(FILES)]
        for recorder in recorders:
            recorder.persist()

        def ours() -> None:
            for recorder, item in zip(recorders, islice(items, FILES), strict=True):
                recorder.record(item)
            for barrier in [recorder.start_flush() for recorder in recorders]:
                if barrier is not None:
                    barrier.wait()

        written = [recorder.path for recorder in recorders]
        return _compared(count, written, ours, bare, ["threads", "syncfs"])


def beside(folder: str, rollout: str, count: int) -> Numbers:
    """How long one call of `record` takes while other recorders are flushed durable, and alone.

    In bursts that are written before the next, and a few each millisecond (paced).
    """
    items = list(islice(cycle(_items(rollout)), count))
    home, going, ended = threadlog.open(folder), threading.Event(), threading.Event()

    def flush_on() -> None:
        with RolloutRecorder.create(home, OPTIONS) as recorder:
            recorder.persist()
            while not ended.is_set():
                going.wait()
                recorder.record(items[0])
                recorder.flush()

    others = [threading.Thread(target=flush_on) for _ in range(OTHERS)]
    for other in others:
        other.start()
    taken: dict[str, list[int]] = {"alone": [], "alone_paced": [], "burst": [], "paced": []}
    with RolloutRecorder.create(home, OPTIONS) as recorder:
        recorder.persist()
        gc.collect()
        gc.freeze()  # what an agent has in memory is not what we measure
        for begin in range(0, count, 50 * BURST):
            some = items[begin : begin + 50 * BURST]
            taken["alone"] += _in_bursts(recorder, some)
            taken["alone_paced"] += _paced(recorder, some[:1000])
            going.set()
            taken["burst"] += _in_bursts(recorder, some)
            taken["paced"] += _paced(recorder, some[:1000])
            going.clear()
            time.sleep(0.02)  # until their last barriers are passed
    ended.set()
    going.set()
    for other in others:
        other.join()
    home.close()
    told = (percentiles(name, each, 1e-3) for name, each in taken.items())
    return {key: value for numbers in told for key, value in numbers.items()}


def _in_bursts(recorder: RolloutRecorder, items: list[LineItem]) -> list[int]:
    taken = []
    for begin in range(0, len(items), BURST):
        taken += call_times(recorder.record, items[begin : begin + BURST])
        recorder.flush(level=KERNEL)
    return taken


def _paced(recorder: RolloutRecorder, items: list[LineItem]) -> list[int]:
    taken = []
    for begin in range(0, len(items), 16):
        taken += call_times(recorder.record, items[begin : begin + 16])
        time.sleep(0.001)
    return taken


def folding(folder: str, rollout: str, count: int) -> Numbers:
    """How many durable turns there are in a while: beside the folding of an index, and without.

    By the keeper in the background, and by `catch_up` in a thread of its own, which does not rest.
    """
    items = cycle(_items(rollout))
    folds = {"keeper": _kept, "catch_up": _caught_up}
    taken: dict[str, list[float]] = {name: [] for name in ("without", *folds)}
    with live_recorder(folder) as recorder:

        def append() -> float:
            done, begun = 0, time.perf_counter()
            while (spent := time.perf_counter() - begun) < WINDOW_S:
                for item in islice(items, BURST):
                    recorder.record(item)
                recorder.flush()
                done += 1
            return done / spent

        for _ in range(count + 1):
            taken["without"].append(append())
            for name, fold in folds.items():
                threadlog.open(folder).rebuild_index()
                with fold(folder):
                    taken[name].append(append())
                status = threadlog.open(folder).index_status()
                assert status.scanned < status.threads or status.unread, "folded before the end"
    plain = taken["without"][1:]
    numbers = {name: statistics.median(each[1:]) for name, each in taken.items()}
    for name in folds:
        pairs = zip(taken[name][1:], plain, strict=True)
        numbers[f"ratio_{name}"] = statistics.median(ours / theirs for ours, theirs in pairs)
    return numbers


@contextlib.contextmanager
def _kept(folder: str) -> Iterator[None]:
    with threadlog.open(folder, background=True) as home:
        home.threads(limit=1)
        yield


@contextlib.contextmanager
def _caught_up(folder: str) -> Iterator[None]:
    home = threadlog.open(folder)
    folder_thread = threading.Thread(target=home.catch_up, kwargs={"timeout_s": WINDOW_S})
    folder_thread.start()
    yield
    folder_thread.join()


# -- what is compared, and with what


def _items(rollout: str) -> list[LineItem]:
    """As an agent makes them."""
    return [without_free_json(item) for item in typed_items(rollout)]


def _compared(
    count: int, written: Sequence[str], ours: Callable[[], None], bare: Bare, names: Sequence[str]
) -> Numbers:
    """Turns of ours, and of each of the bare ones with what ours just wrote."""
    gc.collect()
    gc.freeze()
    taken: dict[str, list[float]] = {name: [] for name in ("ours", *names)}
    sizes = [os.path.getsize(path) for path in written]
    for _ in range(count + WARM_UP):
        taken["ours"].append(_seconds(ours))
        data = [_read_from(path, size) for path, size in zip(written, sizes, strict=True)]
        sizes = [size + len(each) for size, each in zip(sizes, data, strict=True)]
        assert all(each.endswith(b"\n") for each in data)
        for name in names:
            taken[name].append(bare(name, data))
    counted = {name: seconds[WARM_UP:] for name, seconds in taken.items()}
    numbers = {f"{name}_ms": statistics.median(each) * 1000 for name, each in counted.items()}
    for name in names:
        pairs = zip(counted["ours"], counted[name], strict=True)
        numbers[f"ratio_{name}"] = statistics.median(their / our for our, their in pairs)
    return numbers


@contextlib.contextmanager
def _bare(folder: str, count: int) -> Iterator[Bare]:
    """A process that writes and syncs so many files of its own, and says how long that took.

    Apart, for threads of ours that are still busy would slow it down, and make ours look good.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_write_bare, args=(folder, count, there))
    process.start()
    there.close()  # so that `recv` ends if the process does

    def seconds(name: str, data: list[bytes]) -> float:
        here.send((name, data))
        return float(here.recv())

    try:
        here.recv()  # its files are there
        yield seconds
    finally:
        here.close()
        process.join()


def _write_bare(folder: str, count: int, asked: Connection) -> None:
    with (
        _files(folder, "one", count) as one,
        _files(folder, "other", count) as other,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)

        def plain(data: list[bytes]) -> None:
            _write_all(one, data)
            _sync_all(one)

        def threads(data: list[bytes]) -> None:
            _write_all(one, data)
            # Some files for each thread at once: faster than to hand over one by one.
            list(pool.map(_sync_all, [one[each::THREADS] for each in range(THREADS)]))

        def whole(data: list[bytes]) -> None:
            _write_all(other, data)
            assert syncfs is not None, "only Linux has syncfs"
            assert syncfs(other[0]) == 0, "syncfs failed"

        works = {"plain": plain, "threads": threads, "syncfs": whole}
        asked.send("ready")
        with contextlib.suppress(EOFError):
            while True:
                name, data = asked.recv()
                asked.send(_seconds(partial(works[name], data)))


def _seconds(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _read_from(path: str, offset: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read()


@contextlib.contextmanager
def _files(folder: str, name: str, count: int) -> Iterator[list[int]]:
    """New files, open for appending, that are on stable storage with their names."""
    where = os.path.join(folder, name)
    os.mkdir(where)
    paths = [os.path.join(where, f"{number}.jsonl") for number in range(count)]
    fds = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600) for path in paths]
    try:
        _write_all(fds, [b'{"type":"session_meta","payload":{}}\n'] * count)
        for fd in fds:
            os.fsync(fd)
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def _write_all(fds: Sequence[int], data: Sequence[bytes]) -> None:
    for fd, each in zip(fds, data, strict=True):
        os.write(fd, each)


def _sync_all(fds: Sequence[int]) -> None:
    for fd in fds:
        os.fdatasync(fd)


CASES: dict[str, Callable[[str, str, int], Numbers]] = {
    "turns": turns,
    "together": together,
    "beside": beside,
    "folding": folding,
}


def main(case: str, folder: str, rollout: str, count: str) -> None:
    """Do what the command line says."""
    numbers: dict[str, Any] = CASES[case](folder, rollout, int(count))
    print(json.dumps(numbers))


if __name__ == "__main__":
    main(*sys.argv[1:])
