"""Measures threadlog against what the machine allows, in one run, and prints a table.

    python benchmarks/run.py                  everything (about 1.5 GB of data, made once)
    python benchmarks/run.py outline list     some of it
    python benchmarks/run.py --quick          a tenth of the data, and each case once: does it run?

Each measurement is a fresh process.  What is compared runs by turns (A B A B ...), after one round
that is not counted, on files that are in the page cache.  A ratio is the median of the ratios of
the pairs; times and memory are medians.  Only ratios mean anything from one run to the next.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import codex_cases  # noqa: E402
from generate import (  # noqa: E402
    DATA,
    LEGACY,
    MODES,
    Sample,
    many_rollouts,
    one_rollout,
    small_rollouts,
)

MB = 1_000_000
OWN_FOLDERS = (
    "HOME",
    "CODEX_HOME",
    "CODEX_SQLITE_HOME",
    "THREADLOG_HOME",
    "PYTHONPYCACHEPREFIX",
)


class Row(NamedTuple):
    """A line of the table."""

    what: str
    measured: str
    reach: str
    met: bool | None  # None: of interest, nothing to reach


class Sizes(NamedTuple):
    """How much is read, and how often, after a first time that then does not count."""

    history: int
    rollout: int
    rollouts: int
    repeat: int
    repeat_large: int


FULL = Sizes(100 * MB, 500 * MB, 10_000, 7, 3)
QUICK = Sizes(10 * MB, 50 * MB, 1_000, 0, 0)


class Sampled(NamedTuple):
    """What one process took."""

    seconds: float
    cpu: float
    peak: int


class Lab:
    """Starts processes that see nothing of the user's homes."""

    def __init__(self, folder: str) -> None:
        # Nor of how the user's Python is set up: bytecode is cached, as where it is installed.
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        folders = {name: os.path.join(folder, name.lower()) for name in OWN_FOLDERS}
        for own in folders.values():
            os.mkdir(own)
        source = os.path.join(os.path.dirname(HERE), "src")
        self._environ = {**kept, **folders, "PYTHONPATH": source}

    def case(self, name: str, sample: Sample) -> Sampled:
        """A case of `cases.py`."""
        words = [os.path.join(HERE, "cases.py"), name, sample.home, sample.thread_id, sample.path]
        answer = json.loads(self._run(words))
        return Sampled(answer["seconds"], answer["cpu"], answer["peak"])

    def recording(self, name: str, sample: Sample, count: int) -> dict[str, float]:
        """A case of `record_cases.py`, in a home of its own with a copy of the rollout."""
        with tempfile.TemporaryDirectory(dir=DATA) as home:  # on the disk that the data is on
            path = os.path.join(home, os.path.relpath(sample.path, sample.home))
            os.makedirs(os.path.dirname(path))
            shutil.copy2(sample.path, path)
            case = [os.path.join(HERE, "record_cases.py"), name, home, path, str(count)]
            numbers: dict[str, float] = json.loads(self._run(case))
        return numbers

    def durable(self, name: str, sample: Sample, count: int) -> dict[str, float]:
        """A case of `durable_cases.py`, in a home of its own with the sample's rollouts."""
        with tempfile.TemporaryDirectory(dir=DATA) as home:
            kept, seen = os.path.join(sample.home, "sessions"), os.path.join(home, "sessions")
            # Second names instead of copies, which would wait to be brought to the disk.
            shutil.copytree(kept, seen, copy_function=os.link)
            case = [os.path.join(HERE, "durable_cases.py"), name, home, sample.path, str(count)]
            numbers: dict[str, float] = json.loads(self._run(case))
        return numbers

    def packed(self, sample: Sample) -> dict[str, float]:
        """`packed_cases.py`, in a home of its own with a copy of the rollout."""
        with tempfile.TemporaryDirectory(dir=DATA) as home:
            path = os.path.join(home, os.path.relpath(sample.path, sample.home))
            os.makedirs(os.path.dirname(path))
            shutil.copy2(sample.path, path)
            case = [os.path.join(HERE, "packed_cases.py"), home, path]
            numbers: dict[str, float] = json.loads(self._run(case))
        return numbers

    def living(self, name: str, sample: Sample, count: int = 0) -> dict[str, float]:
        """A case of `life_cases.py`, in a home of its own with copies of the sample's rollouts."""
        with tempfile.TemporaryDirectory(dir=DATA) as home:
            folder = os.path.join(home, "sessions")
            shutil.copytree(os.path.join(sample.home, "sessions"), folder)
            path = os.path.join(home, os.path.relpath(sample.path, sample.home))
            words = [name, home, sample.thread_id, path, str(count)]
            case = [os.path.join(HERE, "life_cases.py"), *words]
            numbers: dict[str, float] = json.loads(self._run(case))
        return numbers

    def indexing(self, name: str, home: str, count: int = 1) -> dict[str, float]:
        """A case of `index_cases.py`."""
        case = [os.path.join(HERE, "index_cases.py"), name, home, str(count)]
        numbers: dict[str, float] = json.loads(self._run(case))
        return numbers

    def searching(self, name: str, home: str, count: int = 0) -> dict[str, Any]:
        """A case of `search_cases.py`."""
        case = [os.path.join(HERE, "search_cases.py"), name, home, str(count)]
        numbers: dict[str, Any] = json.loads(self._run(case))
        return numbers

    def judging(self, sample: Sample, count: int) -> dict[str, Any]:
        """The judge of searches, in a home of its own with copies of the sample's rollouts."""
        with tempfile.TemporaryDirectory(dir=DATA) as home:
            shutil.copytree(os.path.join(sample.home, "sessions"), os.path.join(home, "sessions"))
            return self.searching("judge", home, count)

    def serving(self, who: str, name: str, sample: Sample, count: int = 0) -> dict[str, float]:
        """A case of `app_cases.py`; raises NotHere where there is no Codex."""
        if name == "resume":  # Codex writes to what it resumes
            with tempfile.TemporaryDirectory(dir=DATA) as folder:
                copy = shutil.copytree(sample.home, os.path.join(folder, "home"))
                return self._serving(who, name, sample._replace(home=copy), count)
        return self._serving(who, name, sample, count)

    def _serving(self, who: str, name: str, sample: Sample, count: int) -> dict[str, float]:
        case = [os.path.join(HERE, "app_cases.py"), who, name, sample.home, sample.thread_id]
        answer = json.loads(self._run([*case, str(count)]))
        if "missing" in answer:
            raise codex_cases.NotHere(answer["missing"])
        numbers: dict[str, float] = answer
        return numbers

    def screen(self, *words: str) -> dict[str, float]:
        """A case of `ui_cases.py`."""
        case = [os.path.join(HERE, "ui_cases.py"), *words]
        numbers: dict[str, float] = json.loads(self._run(case))
        return numbers

    def web(self, *words: str) -> dict[str, Any]:
        """A case of `web_cases.py`; raises NotHere where there is no browser."""
        answer: dict[str, Any] = json.loads(self._run([os.path.join(HERE, "web_cases.py"), *words]))
        if "missing" in answer:
            raise codex_cases.NotHere(answer["missing"])
        return answer

    def process(self, *words: str) -> Sampled:
        """A whole Python process, from its start to its end; its peak is not known."""
        begun, busy = time.perf_counter(), _children_cpu()
        self._run(words)
        return Sampled(time.perf_counter() - begun, _children_cpu() - busy, 0)

    def _run(self, words: Sequence[str]) -> bytes:
        done = subprocess.run(
            [sys.executable, *words],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{' '.join(words)} failed:\n{done.stderr.decode(errors='replace')}")
        return done.stdout


Measure = Callable[[], Sampled]
Numbers = dict[str, float]


def interleaved(repeat: int, **measures: Measure) -> dict[str, list[Sampled]]:
    """Measure by turns; the first round, which warms the caches, is dropped if there are others."""
    taken: dict[str, list[Sampled]] = {name: [] for name in measures}
    for _ in range(repeat + 1):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {name: samples[1:] or samples for name, samples in taken.items()}


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ratio(ours: list[Sampled], theirs: list[Sampled]) -> float:
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(our.seconds / their.seconds for our, their in pairs)


def _times(ours: list[Sampled], theirs: list[Sampled]) -> str:
    """Both times, and the ratio of CPU times: where that is lower, others kept the machine busy."""
    cpu = statistics.median(our.cpu / their.cpu for our, their in zip(ours, theirs, strict=True))
    return f" ({_ms(ours):.0f} / {_ms(theirs):.0f} ms, CPU {cpu:.2f})"


def _ms(samples: list[Sampled]) -> float:
    return 1000 * statistics.median(sample.seconds for sample in samples)


def _growth(larger: list[Sampled], smaller: list[Sampled]) -> float:
    """By how many bytes the peaks differ."""
    return statistics.median(each.peak for each in larger) - statistics.median(
        each.peak for each in smaller
    )


def _at_most(what: str, ratio: float, reach: float, note: str = "") -> Row:
    return Row(what, f"{ratio:.2f}{note}", f"<= {reach:g}", ratio <= reach)


def _at_most_mb(what: str, size: float, reach: int) -> Row:
    return Row(f"{what}, memory", f"{size / MB:+.0f} MB", f"<= +{reach} MB", size <= reach * MB)


def history(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """Opening a history, and visiting all of its items."""
    for mode in MODES:
        sample = one_rollout(mode, sizes.history)
        name = f"{sample.size // MB} MB history ({mode})"
        taken = interleaved(
            sizes.repeat,
            ready=partial(lab.case, "ready", sample),
            open=partial(lab.case, "open", sample),
            visit=partial(lab.case, "visit", sample),
            orjson=partial(lab.case, "orjson", sample),
        )
        visit, loop = taken["visit"], taken["orjson"]
        growth = _growth(taken["open"], taken["ready"]) / sample.size
        yield _at_most(f"open a {name}, memory / file", growth, 1.3)
        opened = f"{_ratio(taken['open'], loop):.2f}{_times(taken['open'], loop)}"
        yield Row(f"open a {name}, time / orjson", opened, "", None)
        note = _times(visit, loop)
        yield _at_most(f"visit its items, time / orjson ({mode})", _ratio(visit, loop), 1.0, note)
        yield _at_most_mb(f"visit its items ({mode})", _growth(visit, taken["open"]), 40)


def export(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """A thread as one HTML file, without secrets."""
    for mode in MODES:
        sample, tenth = one_rollout(mode, sizes.history), one_rollout(mode, sizes.history // 10)
        taken = interleaved(
            sizes.repeat_large,
            export=partial(lab.case, "export", sample),
            tenth=partial(lab.case, "export", tenth),
            orjson=partial(lab.case, "orjson", sample),
        )
        ours = taken["export"]
        rate = sample.size / MB / statistics.median(each.seconds for each in ours)
        name = f"export {sample.size // MB} MB to html ({mode})"
        note = f" of the rollout{_times(ours, taken['orjson'])}"
        yield Row(name, f"{rate:.1f} MB/s{note}", ">= 10 MB/s", rate >= 10)
        growth = _growth(ours, taken["tenth"])
        yield _at_most_mb(f"{name} / of {tenth.size // MB} MB", growth, 20)


def tail(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """The newest turns of a large rollout."""
    for mode in MODES:
        sample = one_rollout(mode, sizes.rollout)
        name = f"last 20 turns of {sample.size // MB} MB ({mode})"
        show = ["-m", "threadlog", "show", sample.thread_id, "--tail", "20", "--home", sample.home]
        taken = interleaved(
            sizes.repeat,
            ready=partial(lab.case, "ready", sample),
            tail=partial(lab.case, "tail", sample),
            show=partial(lab.process, *show),
            bare=partial(lab.process, "-c", "pass"),
        )
        spent = _ms(taken["tail"])
        yield Row(name, f"{spent:.0f} ms", "<= 50 ms", spent <= 50)
        yield _at_most_mb(name, _growth(taken["tail"], taken["ready"]), 40)
        whole = f"{_ratio(taken['show'], taken['bare']):.1f}{_times(taken['show'], taken['bare'])}"
        what = f"threadlog show --tail 20, whole process / python -c pass ({mode})"
        yield Row(what, whole, "", None)


def outline(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """Where each line begins and what it is."""
    for mode in MODES:
        sample = one_rollout(mode, sizes.rollout)
        name = f"offsets and types of {sample.size // MB} MB ({mode})"
        taken = interleaved(
            sizes.repeat_large,
            ready=partial(lab.case, "ready", sample),
            outline=partial(lab.case, "outline", sample),
            orjson=partial(lab.case, "orjson", sample),
        )
        ours, loop = taken["outline"], taken["orjson"]
        note = _times(ours, loop)
        yield _at_most(f"{name}, time / orjson", _ratio(ours, loop), 0.35, note)
        yield _at_most_mb(name, _growth(ours, taken["ready"]), 20)


def listing(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """The newest fifty of many threads."""
    sample = many_rollouts(sizes.rollouts, 80 << 10)
    taken = interleaved(
        sizes.repeat * 3,  # short, so that more of them cost nothing
        list=partial(lab.process, "-m", "threadlog", "list", "--home", sample.home),
        bare=partial(lab.process, "-c", "pass"),
        tail=partial(lab.case, "tail", sample),
    )
    ours, bare = taken["list"], taken["bare"]
    note = _times(ours, bare)
    what = f"threadlog list, {sample.threads:,} rollouts, whole process / python -c pass"
    yield _at_most(what, _ratio(ours, bare), 6, note)
    what = f"last 20 turns of one of {sample.threads:,} rollouts, found by its id"
    yield Row(what, f"{_ms(taken['tail']):.0f} ms", "", None)


def recording(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """What recording costs its caller, and what reaches the file; barriers of level kernel."""
    mix, few = one_rollout(LEGACY, 10 * MB), sizes.history < FULL.history
    calls = _medians(lab, sizes, "calls", mix, 20_000 if few else 200_000)
    yield _under("record() of a typed item, p50", calls["own_p50"], 1, "us")
    yield Row("same, p99", f"{calls['own_p99']:.1f} us", "", None)
    noted = f"{calls['codex_p50']:.2f} us, p99 {calls['codex_p99']:.1f} us"
    yield Row("of an item with Codex's free JSON in it, p50", noted, "", None)
    paced = _medians(lab, sizes, "paced", mix, 10_000 if few else 60_000)
    yield _under("16 each ms on an asyncio loop, p99", paced["call_p99"], 10, "us")
    yield _under("how late that loop is, p99", paced["stall_p99"], 2, "ms")
    yield Row("how late it is without recording, p99", f"{paced['alone_p99']:.2f} ms", "", None)
    maps = _medians(lab, sizes, "mappings", mix, 10_000 if few else 50_000)
    note = f" (ratio of the medians {maps['ratio']:.1f})"
    what = "record() of a mapping, all calls / msgspec.json.encode of them"
    yield _at_most(what, maps["ratio_of_sums"], 2.5, note)
    full = _medians(lab, sizes, "saturated", mix, 50_000 if few else 300_000)
    for size, reach in ((330, 0.5), (4_000, 0.5), (100_000, 0.2)):
        ratio = full[f"ratio_{size}"]
        what = f"saturated, {size} B a line, throughput / one bare write a line"
        yield Row(what, f"{ratio:.2f}", f">= {reach}", ratio >= reach)
    count = 1_000 if few else 10_000
    many = _medians(lab, sizes, "recorders", mix, count)
    each = many["bytes_each"] / 1024
    yield _under(f"{count:,} live recorders, memory each", each, 4, "KB")
    yield Row("same, descriptors each", f"{many['descriptors_each']:.2f}", "", None)
    yield from _resuming(lab, sizes)


def _resuming(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    small = _medians(lab, sizes, "resume", one_rollout(LEGACY, MB), 0)
    sample = one_rollout(LEGACY, sizes.rollout)
    large = _medians(lab, sizes, "resume", sample, 0)
    name = f"resume {sample.size // MB} MB for append"
    note = f" (until an item is in the file: {large['written_ms']:.0f} ms)"
    yield _under(name, large["ready_ms"], 20, "ms", note)
    yield _at_most_mb(name, large["peak"] - small["peak"], 40)


def _medians(lab: Lab, sizes: Sizes, name: str, sample: Sample, count: int) -> dict[str, float]:
    """Three processes of a case of `record_cases.py` after one that is not counted, or just one."""
    taken = [lab.recording(name, sample, count) for _ in range(4 if sizes.repeat else 1)]
    taken = taken[1:] or taken
    return {key: statistics.median(each[key] for each in taken) for key in taken[0]}


def _under(what: str, value: float, reach: float, unit: str, note: str = "") -> Row:
    return Row(what, f"{value:.2f} {unit}{note}", f"<= {reach:g} {unit}", value <= reach)


def durable(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """What it costs to have recorded items on stable storage, and what that costs others."""
    mix, few = one_rollout(LEGACY, 10 * MB), sizes.history < FULL.history

    def told(name: str, count: int, sample: Sample = mix) -> list[Numbers]:
        taken = [lab.durable(name, sample, count) for _ in range(1 if few else 4)]
        return taken[1:] or taken

    turns = told("turns", 30 if few else 200)
    what = "64 items, then a durable barrier, throughput / one write and fdatasync"
    yield _at_least(what, turns, "ratio_plain", 0.7, _both_ms(turns, "ours_ms", "plain_ms"))
    many = told("together", 10 if few else 60)
    what = "64 recorders, an item and a durable barrier each, throughput / that of 64 files"
    for other, name in (("threads", "fdatasync by 16 threads"), ("syncfs", "syncfs")):
        note = _both_ms(many, "ours_ms", f"{other}_ms")
        yield _at_least(f"{what}, {name}", many, f"ratio_{other}", 0.7, note)
    calls = told("beside", 10_000 if few else 100_000)
    what = "record() while others are flushed durable"
    for mark, reach in (("p50", 1), ("p99", 10)):
        note = f" (alone {_median(calls, f'alone_{mark}'):.2f} us)"
        yield _under(f"{what}, {mark}", _median(calls, f"burst_{mark}"), reach, "us", note)
    for mark in ("p50", "p99"):
        paced, alone = _median(calls, f"paced_{mark}"), _median(calls, f"alone_paced_{mark}")
        yield Row(f"same, 16 each ms, {mark}", f"{paced:.2f} us (alone {alone:.2f} us)", "", None)
    folding = told("folding", 1 if few else 7, many_rollouts(1_000, 80 << 10))
    for name in ("keeper", "catch_up"):
        note = f" ({_median(folding, name):.0f} / {_median(folding, 'without'):.0f} turns/s)"
        what = f"durable turns of 64 items, throughput beside {name} of an index / without"
        yield _at_least(what, folding, f"ratio_{name}", 0.9, note)


def compressed(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """A large thread compressed, and read where it is."""
    for mode in MODES:
        sample = one_rollout(mode, sizes.rollout)
        name = f"compressed thread of {sample.size // MB} MB ({mode})"
        told = [lab.packed(sample) for _ in range(max(sizes.repeat_large, 1))]
        again, plain = _median(told, "again_ms"), _median(told, "plain_ms")
        cpu, first = _median(told, "page_cpu_ms"), _median(told, "page_ms")
        note = f" (CPU {cpu:.1f}; of the plain file {plain:.1f})"
        yield _under(f"page in the middle of a {name}, opened fresh", first, 20, "ms", note)
        yield Row("same, the next page in the same process", f"{again:.1f} ms", "", None)
        yield Row(f"last 20 turns of a {name}", f"{_median(told, 'tail_ms'):.0f} ms", "", None)
        speed, cpu = _median(told, "mb_per_s"), _median(told, "mb_per_cpu_s")
        noted = f"{speed:.0f} MB/s ({cpu:.0f} MB for each CPU second)"
        yield Row(f"threadlog compress, {sample.size // MB} MB ({mode})", noted, "", None)
        yield Row("same, size before / after", f"{_median(told, 'ratio'):.1f}", "", None)


def life(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """What happens to whole threads."""
    sample = one_rollout(LEGACY, sizes.rollout)
    name = f"{sample.size // MB} MB"
    told = [lab.living("resume", sample) for _ in range(max(sizes.repeat_large, 1))]
    yield _under(f"resume with full history, {name}", _median(told, "seconds"), 4, "s")
    what = f"resume with full history, {name}, memory / file"
    yield _at_most(what, _median(told, "memory_by_size"), 1.3)
    fork = lab.living("fork", sample)
    note = f" ({fork['seconds']:.2f} / {fork['cp_s']:.2f} s)"
    what = f"fork at the last turn, {name}, legacy, durable / cp --reflink=never and sync"
    yield _at_most(what, fork["ratio"], 1.3, note)
    what = "same / copy_file_range and fsync in one process"
    yield Row(what, f"{fork['ratio_of_system_copy']:.2f}", "", None)
    many = small_rollouts(sizes.rollouts // 10, 4_000)
    told = [lab.living("archive", many, many.threads) for _ in range(max(sizes.repeat_large, 1))]
    what = f"archive {many.threads:,} threads, durable, indexed"
    note = f" (moved after {_median(told, 'moved_s'):.2f} s)"
    yield _under(what, _median(told, "seconds"), 3, "s", note)


def _median(told: list[Numbers], key: str) -> float:
    return statistics.median(each[key] for each in told)


def _both_ms(told: list[Numbers], ours: str, theirs: str) -> str:
    return f" ({_median(told, ours):.2f} / {_median(told, theirs):.2f} ms)"


def _at_least(what: str, told: list[Numbers], key: str, reach: float, note: str) -> Row:
    """The median of several processes, and how far they lie apart."""
    ratio, each = _median(told, key), [numbers[key] for numbers in told]
    spread = f", {min(each):.2f} to {max(each):.2f}" if len(each) > 1 else ""
    return Row(what, f"{ratio:.2f}{spread}{note}", f">= {reach:g}", ratio >= reach)


def index(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """Listings, with an index and without."""
    tenth = sizes.rollouts < FULL.rollouts
    few = sizes.repeat_large
    mixed = many_rollouts(sizes.rollouts, 80 << 10)
    with _no_index(mixed) as home:
        yield from _first_listings(lab, mixed, (50, 0.15 if tenth else 1.5), few)
        yield from _indexed(lab, home, mixed.threads, few)
        yield from _folded(lab, home, mixed.threads)
    middle = small_rollouts(2_000 if tenth else 50_000, 6_000)
    with _no_index(middle):
        yield from _first_listings(lab, middle, (50, 0.32 if tenth else 8), min(few, 1))
    large = small_rollouts(5_000 if tenth else 100_000, 3_500)
    with _no_index(large) as home:
        yield from _many(lab, home, large.threads, sizes.repeat)
    yield from _deep(lab, 100_000 if tenth else 1_000_000)
    if tenth:
        yield Row("beside Codex 0.169.0", "not with --quick", "", None)
    else:
        yield from _beside_codex(lab, mixed)


@contextlib.contextmanager
def _no_index(sample: Sample) -> Iterator[str]:
    """The home without an index, and without one afterwards."""
    folder = os.path.join(sample.home, "threadlog")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield sample.home
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _by_turns(repeat: int, **measures: Callable[[], dict[str, float]]) -> dict[str, Numbers]:
    """Each by turns, the first round not counted if there are others: medians of what each told."""
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in measures}
    for _ in range(repeat + 1):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {
        name: {key: statistics.median(each[key] for each in told[1:] or told) for key in told[0]}
        for name, told in taken.items()
    }


def _first_listings(
    lab: Lab, sample: Sample, reaches: tuple[float, float], repeat: int
) -> Iterator[Row]:
    """What a home without an index is asked first; leaves one that has read all heads."""
    size, mean = f"no index, {sample.threads:,} rollouts", ""
    if sample.threads * 80 << 10 > 8 * sample.size * sample.threads:
        mean = f" of {sample.size / 1000:.0f} KB"

    def fresh_heads() -> Numbers:
        with _no_index(sample) as home:
            return lab.indexing("heads", home, sample.threads)

    told = _by_turns(
        repeat,
        page=partial(lab.indexing, "first_page", sample.home),
        updated=partial(lab.indexing, "first_updated", sample.home),
        names=partial(lab.indexing, "names", sample.home),
        walk=partial(lab.indexing, "walk", sample.home, 1),
    )
    names, walk = told["names"]["seconds"] * 1000, told["walk"]["ms"]
    page, updated = told["page"]["seconds"] * 1000, told["updated"]["seconds"] * 1000
    note = _beside(page, names, "their names")
    yield _under(f"{size}{mean}: first page by creation", page, reaches[0], "ms", note)
    if not mean:
        note = _beside(updated, walk, "stat of all")
        yield _under(f"{size}: first page by updated", updated, 80, "ms", note)
    told = _by_turns(
        min(repeat, 2),
        ready=partial(lab.indexing, "ready", sample.home),
        heads=fresh_heads,
        lines=partial(lab.indexing, "first_lines", sample.home),
    )
    spent, lines = told["heads"], told["lines"]
    note = _beside(spent["seconds"] * 1000, lines["seconds"] * 1000, "32 KiB and a line of each")
    times = spent["cpu"] / lines["cpu"]
    note += f"; CPU {spent['cpu']:.2f} s, {times:.1f} of its; peak {spent['peak'] / MB:.0f} MB"
    note += f", of which {told['ready']['peak'] / MB:.0f} before"
    yield _under(f"{size}{mean}: all listed fields", spent["seconds"], reaches[1], "s", note)


def _beside(ours: float, theirs: float, what: str) -> str:
    return f" ({ours / theirs:.1f} of {what}, {theirs:.1f} ms)"


def _indexed(lab: Lab, home: str, count: int, repeat: int) -> Iterator[Row]:
    """Questions to an index that has read all heads."""
    lab.indexing("heads", home, count)
    told = _by_turns(
        repeat,
        swept=partial(lab.indexing, "updated", home, 20),
        created=partial(lab.indexing, "created", home, 100),
        walk=partial(lab.indexing, "walk", home, 10),
        folders=partial(lab.indexing, "folders", home, 20),
        watched=partial(lab.indexing, "watched", home, 100),
        pages=partial(lab.indexing, "all_pages", home, count),
    )
    warm, watched, walk = f"warm, {count:,}: ", told["watched"], told["walk"]["ms"]
    swept, created = told["swept"]["ms"], told["created"]["ms"]
    note = _beside(
        created, told["folders"]["ms"], f"stat of {told['folders']['folders']:.0f} folders"
    )
    yield Row(f"{warm}page of 50 by creation", f"{created:.2f} ms{note}", "", None)
    note = _beside(swept, walk, "stat of all")
    yield _under(f"{warm}page of 50 by updated, with the sweep", swept, 60, "ms", note)
    yield _under(f"{warm}the same behind the watcher", watched["updated"], 3, "ms")
    pages = told["pages"]["seconds"]
    note = f" ({1e5 * pages / count:.2f} ms a page)"
    yield _under(f"{warm}all pages of 100 by creation", pages, 0.4, "s", note)
    yield _under(f"{warm}text filter after the sweep", watched["text"], 15, "ms")
    yield _under(f"{warm}text that no thread has, after the sweep", watched["text_rare"], 15, "ms")
    note = f"; by updated {watched['cwd_updated']:.2f} ms"
    yield _under(f"{warm}directory filter after the sweep", watched["cwd"], 5, "ms", note)


def _folded(lab: Lab, home: str, count: int) -> Iterator[Row]:
    told = lab.indexing("fold", home, count)
    rate = told["bytes"] / MB / told["seconds"]
    note = f" ({told['bytes'] / MB:.0f} MB in {told['seconds']:.1f} s, CPU {told['cpu']:.1f} s)"
    yield Row("full fold, one process", f"{rate:.0f} MB/s{note}", ">= 200 MB/s", rate >= 200)


def _many(lab: Lab, home: str, count: int, repeat: int) -> Iterator[Row]:
    ready = lab.indexing("ready", home)
    made = lab.indexing("heads", home, count)
    note = (
        f" ({ready['peak'] / MB:.0f} MB before; {made['seconds']:.1f} s, CPU {made['cpu']:.1f} s)"
    )
    what = f"peak memory of a first build, {count:,} rollouts of 3.5 KB"
    yield _under(what, made["peak"] / MB, 100, "MB", note)
    told = _by_turns(
        min(repeat, 3),
        created=partial(lab.indexing, "created", home, 50),
        folders=partial(lab.indexing, "folders", home, 20),
    )
    many = f"stat of {told['folders']['folders']:.0f} folders"
    spent, note = told["created"]["ms"], _beside(told["created"]["ms"], told["folders"]["ms"], many)
    yield _under(f"warm, {count:,}: page of 50 by creation", spent, 5, "ms", note)
    taken = interleaved(
        repeat,
        list=partial(lab.process, "-m", "threadlog", "list", "--home", home),
        bare=partial(lab.process, "-c", "pass"),
    )
    ratio, note = _ratio(taken["list"], taken["bare"]), _times(taken["list"], taken["bare"])
    what = f"threadlog list, {count:,} indexed, whole process / python -c pass"
    yield _at_most(what, ratio, 5, note)


def _deep(lab: Lab, rows: int) -> Iterator[Row]:
    """A page deep in an index of so many rows against one of a tenth."""
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        told = lab.indexing("keyset", folder, rows)
    for sort in ("created", "updated"):
        large, small = told[f"{sort}_{rows}"], told[f"{sort}_{rows // 10}"]
        what = f"page of 50 deep in {rows:,} rows / in {rows // 10:,}, by {sort}"
        yield _at_most(what, large / small, 1.5, f" ({large:.2f} / {small:.2f} ms)")


def _beside_codex(lab: Lab, sample: Sample) -> Iterator[Row]:
    """The same questions to the real Codex, where it can be had."""
    try:
        theirs = codex_cases.measure(sample.home)
    except codex_cases.NotHere as error:
        yield Row("beside Codex 0.169.0", f"not measured: {error}", "", None)
        return
    with _no_index(sample) as home:
        first = lab.indexing("heads", home, sample.threads)["seconds"]
        asked = lab.indexing("beside", home, sample.threads)
    for name, their in theirs.items():
        our = first if name == codex_cases.START else asked[name]
        note = f" ({our * 1000:.1f} / {their * 1000:.0f} ms)"
        what = f"{sample.threads:,}: {name}, threadlog / Codex 0.169.0"
        yield Row(what, f"{our / their:.4f}{note}", "", None)


def search(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """The word index: how it is made, what it answers, and whether that is right."""
    quick = sizes.rollouts < FULL.rollouts
    sample = many_rollouts(sizes.rollouts, 80 << 10)
    name = f"{sample.threads:,} threads"
    with _no_index(sample) as home:
        yield from _word_index(lab, home, name)
        for case, what, reach in (
            ("words", "word or phrase", 20),
            ("absent", "a phrase of common words that is nowhere", 150),
            ("exact", "--exact, with a word of few threads", 60),
        ):
            told = lab.searching(case, home, 40 if quick else 200)
            note = f" (p50 {told['p50']:.1f}, most {told['max']:.0f}"
            note += f"; CPU {told['cpu_p50']:.1f}, p95 {told['cpu_p95']:.1f})"
            yield _under(f"{what}, {name}, warm: p95", told["p95"], reach, "ms", note)
        yield _beside_rg(lab, home, 2 if quick else 5)
        yield _beside_agentsview(lab, home, quick=quick)
    if quick:
        yield Row("hits found as a plain scan does", "not with --quick", "", None)
        return
    told = lab.judging(sample, 1_000)
    compared = ", ".join(f"{key} {count:,.0f}" for key, count in told.items() if key != "peak")
    yield Row(f"hits found as a plain scan does, {name}", compared, "all", met=True)


def _word_index(lab: Lab, home: str, name: str) -> Iterator[Row]:
    said, before = lab.searching("text", home)["bytes"], lab.searching("ready", home)["peak"]
    made = lab.searching("build", home)
    rate = said / MB / made["seconds"]
    note = f" ({said / MB:.0f} MB of text in {made['seconds']:.0f} s, CPU {made['cpu']:.0f} s)"
    what = f"build of the word index, {name}, text"
    yield Row(what, f"{rate:.1f} MB/s{note}", ">= 15 MB/s", rate >= 15)
    share, note = made["bytes"] / said, f" ({made['bytes'] / MB:.0f} MB)"
    yield _at_most("same, size / text", share, 0.4, note)
    yield _at_most_mb("same", made["peak"] - before, 200)


def _beside_rg(lab: Lab, home: str, count: int) -> Row:
    what = "--exact, nothing to narrow by / rg -i of the same files"
    theirs = lab.searching("rg", home, count)
    if "missing" in theirs:
        return Row(what, f"not measured: {theirs['missing']}", "", None)
    ours = lab.searching("exact_all", home, count)
    note = f" ({ours['ms']:.0f} / {theirs['ms']:.0f} ms; rg -j1 {theirs['one_ms']:.0f};"
    note += f" CPU {ours['cpu_ms']:.0f} / {theirs['cpu_ms']:.0f})"
    return _at_most(what, ours["ms"] / theirs["ms"], 1.2, note)


def _beside_agentsview(lab: Lab, home: str, *, quick: bool) -> Row:
    told: dict[str, Any] = {"missing": "not with --quick"}
    if not quick:
        told = lab.searching("agentsview", home)
    what = "beside agentsview: its sync of the same home"
    if "missing" in told:
        return Row(what, f"not measured: {told['missing']}", "", None)
    measured = f"{told['seconds']:.0f} s (CPU {told['cpu']:.0f} s), {told['bytes'] / MB:.0f} MB"
    return Row(what, measured, "", None)


def app_server(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """The app-server from its client's side, beside the real Codex's."""
    quick = sizes.rollouts < FULL.rollouts
    many = many_rollouts(sizes.rollouts, 80 << 10)
    yield from _starting(lab, many, quick=quick)
    with _no_index(many) as home:
        lab.indexing("fold", home, many.threads)
        ours, theirs = _both(lab, "list", many, 30 if quick else 100, quick=quick)
        name = f"thread/list of 50, {many.threads:,}, warm"
        note = _of_codex(theirs, "p50") + f"; p99 {ours['p99']:.1f} ms"
        yield _under(name, ours["p50"], 8, "ms", note)
        for key, what in (("database_ms", "useStateDbOnly"), ("updated_ms", "by updated")):
            yield Row(f"same, {what}", f"{ours[key]:.1f} ms{_of_codex(theirs, key)}", "", None)
    for mode in MODES[: 1 if quick else 2]:
        yield from _large_thread(lab, one_rollout(mode, sizes.rollout), mode, quick=quick)
    yield from _streaming(lab, quick=quick)


def _both(
    lab: Lab, name: str, sample: Sample, count: int, *, quick: bool
) -> tuple[Numbers, Numbers | None]:
    """What our server takes, the median of several processes, and what Codex's does."""
    told = []
    for _ in range(1 if quick else 4):
        with _no_index(sample) if name == "start" else contextlib.nullcontext():
            told.append(lab.serving("threadlog", name, sample, count))
    told = told[1:] or told
    ours = {key: statistics.median(each[key] for each in told) for key in told[0]}
    try:
        return ours, None if quick else lab.serving("codex", name, sample, count)
    except codex_cases.NotHere:
        return ours, None


def _of_codex(theirs: Numbers | None, key: str, unit: str = "ms") -> str:
    return "" if theirs is None else f" (Codex {theirs[key]:,.0f} {unit})"


def _starting(lab: Lab, many: Sample, *, quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        empty = Sample(os.path.join(folder, "home"), "", "", 0, 0)
        os.mkdir(empty.home)
        told = {0: _both(lab, "start", empty, 0, quick=quick)}
    told[many.threads] = ours, theirs = _both(lab, "start", many, 0, quick=quick)
    for count, (ours, theirs) in told.items():
        name = f"from the start of the process to `initialize`, {count:,} threads, no index"
        note = _of_codex(theirs, "ms")
        yield _under(name, ours["ms"], 500, "ms", note)
    page = f"{ours['page_ms']:.0f} ms{_of_codex(theirs, 'page_ms')}"
    yield Row("same, until a page of 50 by source is there", page, "", None)


def _large_thread(lab: Lab, sample: Sample, mode: str, *, quick: bool) -> Iterator[Row]:
    size = f"a thread of {sample.size // MB} MB ({mode})"
    quick = quick or mode != LEGACY  # Codex has turns of its own paginated threads only
    ours, theirs = _both(lab, "turns", sample, 10, quick=quick)
    note = _of_codex(theirs, "ms")
    yield _under(f"thread/turns/list, newest 10 of {size}, first", ours["ms"], 60, "ms", note)
    again, older = ours["again_ms"], ours["older_ms"]
    yield Row("same, again; the next 10", f"{again:.0f} ms; {older:.0f} ms", "", None)
    yield _under("same, memory", ours["peak_mb"], 150, "MB", _of_codex(theirs, "peak_mb", "MB"))
    ours, theirs = _both(lab, "resume", sample, 0, quick=quick)
    note = _of_codex(theirs, "ms")
    yield _under(f"thread/resume without turns, {size}", ours["ms"], 100, "ms", note)
    yield _under("same, memory", ours["peak_mb"], 150, "MB", _of_codex(theirs, "peak_mb", "MB"))


def _streaming(lab: Lab, *, quick: bool) -> Iterator[Row]:
    everything, ends = "", "item/started item/agentMessage/delta"
    counts = (
        ((20, everything),)
        if quick
        else tuple((count, told) for count in (20, 100, 200) for told in (everything, ends))
    )
    for count, unwanted in counts:
        with tempfile.TemporaryDirectory(dir=DATA) as home:
            told = lab.serving("threadlog", "stream", Sample(home, unwanted, "", 0, 0), count)
        what = "only the ends of items told" if unwanted else "all of each item told"
        name = f"{count} threads, 50 messages a second each, {what}"
        note = f" (p50 {told['p50']:.1f}, most {told['max']:.0f})"
        yield _under(f"{name}: how late, p99", told["p99"], 50, "ms", note)
        rate = f"{told['items_per_s']:,.0f}/s ({told['cpu_us']:.0f} us of CPU each)"
        yield Row("same, messages", rate, "", None)
        lost = int(told["lost"])
        yield Row(f"same, lost of {told['items']:,.0f}", f"{lost}", "0", lost == 0)


def screen(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """The full screen, until it can be used."""
    quick = sizes.rollouts < FULL.rollouts
    many = small_rollouts(1_000 if quick else 100_000, 3_500)
    taken: dict[str, list[Numbers]] = {"ui": [], "import": []}
    with _no_index(many) as home:
        lab.indexing("heads", home, many.threads)
        for _ in range(sizes.repeat + 1):
            taken["import"].append(lab.screen("import"))
            taken["ui"].append(lab.screen("usable", home))
        used = [lab.screen("used", home) for _ in range(1 if quick else 3)]
    counted = max(sizes.repeat, 1)  # the first round only where there is no other
    ours, theirs = taken["ui"][-counted:], taken["import"][-counted:]
    pairs = zip(ours, theirs, strict=True)
    ratio = statistics.median(our["seconds"] / their["seconds"] for our, their in pairs)
    spent, alone = 1000 * _median(ours, "seconds"), 1000 * _median(theirs, "seconds")
    what = f"threadlog ui until usable, {many.threads:,} threads / python -c 'import textual'"
    yield _at_most(what, ratio, 3, f" ({spent:.0f} / {alone:.0f} ms)")
    answered = statistics.median(each["answered_s"] - each["seconds"] for each in ours)
    yield Row("same, the answer to the first key", f"{1000 * answered:.0f} ms", "", None)
    yield Row("same, the last of all threads", f"{_median(used, 'end_ms'):.0f} ms", "", None)
    yield Row("same, a title typed", f"{_median(used, 'titles_ms'):.0f} ms", "", None)


def web(lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """The web viewer in a browser, and what its server holds."""
    quick = sizes.rollouts < FULL.rollouts
    try:
        for mode in MODES:
            sample = one_rollout(mode, sizes.rollout)
            told = lab.web("shown", sample.home, f"/thread/{sample.thread_id}", ".turn")
            yield _shown(f"first turn of a {sample.size // MB} MB thread ({mode})", told)
        many = small_rollouts(1_000 if quick else 100_000, 3_500)
        with _no_index(many) as home:
            lab.indexing("heads", home, many.threads)
            told = lab.web("shown", home, "/", ".row")
        yield _shown(f"list of {many.threads:,} threads", told)
    except codex_cases.NotHere as missing:
        yield Row("in a browser", str(missing), "", None)
    with tempfile.TemporaryDirectory(dir=DATA) as home:
        told = lab.web("follow", home)
    what = "memory of the server, ten pages follow ten threads"
    all_heard = told["heard"] >= told["wanted"]
    peak = told["peak"] / MB
    yield Row(what, f"{peak:.0f} MB", "<= 150 MB", peak <= 150 and all_heard)


def redaction(_lab: Lab, sizes: Sizes) -> Iterator[Row]:
    """Secrets found, look-alikes left alone; what was missed is listed."""
    from redaction_cases import judged

    told = judged(1 if sizes is QUICK else 20, 2)
    kinds = f"{told.secrets} made-up secrets of {told.kinds} kinds"
    missed = "; ".join(f"{each.kind}: {each.text!r}" for each in told.missed) or "none"
    found = f"{told.recall:.4f} (missed: {missed})"
    yield Row(f"recall, {kinds}", found, ">= 0.98", told.recall >= 0.98)
    wrong = "; ".join(f"{each.kind}: {each.text!r}" for each in told.touched) or "none"
    left = f"{told.precision:.4f} (touched: {wrong})"
    yield Row(
        f"precision, {told.others} look-alikes beside them", left, ">= 0.95", told.precision >= 0.95
    )


def _shown(what: str, told: dict[str, Any]) -> Row:
    first = f" (in a server that has just begun {told['first_ms']:.0f})"
    note = f"{first}, {told['peak'] / MB:.0f} MB, {told['elements']} in the document"
    return Row(f"{what}, visible", f"{told['ms']:.0f} ms{note}", "<= 300 ms", told["ms"] <= 300)


FIGURES: dict[str, Callable[[Lab, Sizes], Iterator[Row]]] = {
    "history": history,
    "tail": tail,
    "export": export,
    "outline": outline,
    "list": listing,
    "record": recording,
    "durable": durable,
    "index": index,
    "compressed": compressed,
    "life": life,
    "app-server": app_server,
    "search": search,
    "ui": screen,
    "web": web,
    "redaction": redaction,
}


def main(words: Sequence[str] | None = None) -> int:
    """Measure what the command line names; the exit code says only whether everything ran."""
    parser = argparse.ArgumentParser(description="Measure threadlog.")
    parser.add_argument("figures", nargs="*", metavar="|".join(FIGURES), help="which (all)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    arguments = parser.parse_args(words)
    if unknown := set(arguments.figures) - set(FIGURES):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    print("what | measured | reach | met?\n---|---|---|---", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(folder)
        for name in arguments.figures or FIGURES:
            for row in FIGURES[name](lab, QUICK if arguments.quick else FULL):
                met = "" if row.met is None else "yes" if row.met else "NO"
                print(f"{row.what} | {row.measured} | {row.reach} | {met}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
