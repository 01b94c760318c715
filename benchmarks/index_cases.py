"""One thing to measure of listings, done once in a process of its own: prints numbers as JSON.

    python benchmarks/index_cases.py CASE HOME [COUNT]

The state of the home's index is `run.py`'s concern: some cases need none, others one that has
read all heads (case `heads` makes it).  Milliseconds are medians of COUNT calls, each asked for
by a process that has asked before, unless a case says otherwise.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import threadlog
from threadlog.core.query import ThreadQuery, ThreadSummary
from threadlog.local.index import pages, rows, schema

Numbers = dict[str, float]
HEAD_BYTES = 32 << 10
WATCH_WAIT_S = 60.0
FRESHNESS_S = 2.0  # of a server


def ready(_home: str, _count: int) -> Numbers:
    """What a process is before it asks: its peak."""
    return {}


# -- without an index


def first_page(home: str, _count: int) -> Numbers:
    """The newest 50, the first thing that a process asks."""
    return _once(lambda: threadlog.open(home).threads(), 50)


def first_updated(home: str, _count: int) -> Numbers:
    """The same by the time of the last change."""
    return _once(lambda: threadlog.open(home).threads(sort="updated"), 50)


def heads(home: str, count: int) -> Numbers:
    """All listed fields of all threads: makes the index, which the question needs."""
    done = _once(lambda: threadlog.open(home).threads(text="", limit=1), 1)
    status = threadlog.open(home).index_status()
    assert (status.threads, status.unread) == (count, 0), status
    return done


def fold(home: str, count: int) -> Numbers:
    """Every rollout read to its end, their heads read before."""
    opened = threadlog.open(home)
    opened.threads(text="", limit=1)  # nothing but what is to be folded is left to do
    size = sum(entry.stat().st_size for entry in _rollouts(home))
    begun, busy = time.perf_counter(), time.process_time()
    assert opened.catch_up()
    spent, cpu = time.perf_counter() - begun, time.process_time() - busy
    assert opened.index_status().scanned == count
    return {"seconds": spent, "cpu": cpu, "bytes": size}


# -- with one


def created(home: str, count: int) -> Numbers:
    """The newest 50, with what changed noticed."""
    return _calls(threadlog.open(home).threads, count)


def updated(home: str, count: int) -> Numbers:
    """The 50 that changed last, with a look at every rollout."""
    opened = threadlog.open(home)
    return _calls(lambda: opened.threads(sort="updated"), count)


def watched(home: str, count: int) -> Numbers:
    """Several questions in a process that the file system tells of changes: no sweep is due."""
    with threadlog.open(home, freshness_s=FRESHNESS_S) as opened:
        _await_watching(opened)
        page = opened.threads(limit=1000)
        cwd = page[0].cwd or ""
        word = page[0].preview.split()[1]
        asked: dict[str, Callable[[], object]] = {
            "created": opened.threads,
            "updated": lambda: opened.threads(sort="updated"),
            "text": lambda: opened.threads(text=word),
            "text_rare": lambda: opened.threads(text="is in no title"),
            "cwd": lambda: opened.threads(cwd=cwd),
            "cwd_updated": lambda: opened.threads(cwd=cwd, sort="updated"),
        }
        return {name: _calls(ask, count)["ms"] for name, ask in asked.items()}


def all_pages(home: str, count: int) -> Numbers:
    """Page after page of 100, with what changed noticed for each."""
    opened = threadlog.open(home)
    opened.threads(limit=1)
    begun = time.perf_counter()
    total = sum(len(page) for page in _pages(opened))
    spent = time.perf_counter() - begun
    assert total == count, total
    return {"seconds": spent}


def _pages(home: threadlog.Home) -> Iterator[threadlog.ThreadPage]:
    page = home.threads(limit=100)
    yield page
    while page.next is not None:
        page = home.threads(limit=100, cursor=page.next)
        yield page


def beside(home: str, count: int) -> Numbers:
    """What Codex is asked, asked of us in a process that sweeps each time; seconds."""
    opened = threadlog.open(home)
    asked = opened.threads(limit=1)[0]
    begun = time.perf_counter()
    assert sum(len(page) for page in _pages(opened)) == count
    spent = time.perf_counter() - begun
    word = asked.preview.split()[1]
    calls: dict[str, Callable[[], object]] = {
        "page of 50 by creation": opened.threads,
        "page of 50 by updated": lambda: opened.threads(sort="updated"),
        "page of 50 of one directory": lambda: opened.threads(cwd=asked.cwd or ""),
        "page of 50 of a word": lambda: opened.threads(text=word),
        "page of 50 of a text that is nowhere": lambda: opened.threads(text="is in no title"),
    }
    told = {name: _calls(call, 5)["ms"] / 1000 for name, call in calls.items()}
    return {**told, "all pages of 100": spent}


# -- what they are compared with


def names(home: str, _count: int) -> Numbers:
    """The names of all rollouts, and nothing done with them."""
    return _once(lambda: [1 for _ in _rollouts(home)], 0)


def walk(home: str, count: int) -> Numbers:
    """The size and times of all rollouts, and nothing done with them."""
    return _calls(lambda: [entry.stat(follow_symlinks=False) for entry in _rollouts(home)], count)


def first_lines(home: str, _count: int) -> Numbers:
    """A chunk of each rollout, and its first line as JSON: the least that heads can cost."""

    def read() -> list[str]:
        kept = []
        for entry in _rollouts(home):
            fd = os.open(entry.path, os.O_RDONLY)
            raw = os.read(fd, HEAD_BYTES)
            os.close(fd)
            kept.append(json.loads(raw[: raw.index(b"\n")])["payload"]["id"])
        return kept

    return _once(read, 1)


def folders(home: str, count: int) -> Numbers:
    """The times of all folders, which is how what changed is noticed."""
    found = [path for path, _inner, _files in os.walk(os.path.join(home, "sessions"))]
    return {**_calls(lambda: [os.lstat(path) for path in found], count), "folders": len(found)}


def keyset(folder: str, count: int) -> Numbers:
    """Pages of 50 deep in an index of so many rows and in one of a tenth, by turns.

    The rows are made up, in tables of ours; no rollouts are on disk.
    """
    both = {f"_{size}": _filled(folder, size) for size in (count, count // 10)}
    numbers: Numbers = {}
    for sort in ("created", "updated"):
        taken: dict[str, list[float]] = {name: [] for name in both}
        for _ in range(2000):
            for name, connection in both.items():
                taken[name].append(_deep_page(connection, int(name[1:]), sort))
        for name, seconds in taken.items():
            numbers[sort + name] = statistics.median(seconds[500:]) * 1000
    for connection in both.values():
        connection.close()
    return numbers


def _filled(folder: str, count: int) -> sqlite3.Connection:
    connection = sqlite3.connect(os.path.join(folder, f"{count}.sqlite"), isolation_level=None)
    fast = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384;"
    connection.executescript(fast + "".join(schema.MIGRATIONS))
    columns = ("key", "rollout", "archived", "stamp", *rows.COLUMNS)
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO threads ({', '.join(columns)}) VALUES ({marks})"
    connection.execute("BEGIN")
    connection.executemany(insert, _rows(count))
    connection.execute("COMMIT")
    return connection


_chance = random.Random(1)


def _deep_page(connection: sqlite3.Connection, count: int, sort: str) -> float:
    number = _chance.randrange(count * 8 // 10, count * 9 // 10)  # as deep as that
    place = (_stamp(number) if sort == "created" else _utc(number), _id(number))
    begun = time.perf_counter()
    hits = pages.select(connection, ThreadQuery(sort=sort), place, 51)
    spent = time.perf_counter() - begun
    assert len(hits) == 51
    return spent


BEGUN_S = 1_795_000_000


def _id(number: int) -> str:
    head = f"{(BEGUN_S - number) * 1000:012x}"
    return f"{head[:8]}-{head[8:]}-7000-8000-{number * 7919 % (1 << 48):012x}"


def _stamp(number: int) -> str:
    return time.strftime("%Y-%m-%dT%H-%M-%S", time.gmtime(BEGUN_S - number))


def _utc(number: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(BEGUN_S - number))


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Rows of threads, rather short: of one short message each, all alike but for their ids."""
    ours = "01000000-0000-7000-8000-000000000000"
    told: dict[str, Any] = dict.fromkeys(ThreadSummary._fields)
    preview = "the anchor moves the cargo"
    told.update(id=ours, title=preview, preview=preview, first_user_message=preview, source="cli")
    told.update(path=f"sessions/2026/11/26/rollout-2026-11-26T08-00-00-{ours}.jsonl")
    told.update(created=_utc(0), updated=_utc(0), recency=_utc(0), cwd="/desk/boats/pier")
    told.update(archived=False, scanned=False)
    cells = dict(zip(rows.COLUMNS, rows.values("/nowhere", ThreadSummary(**told)), strict=True))
    text = str(cells["row"])
    for number in range(count):
        key, ms = _id(number), (BEGUN_S - number) * 1000
        cells.update(created_ms=ms, updated_ms=ms, recency_ms=ms, row=text.replace(ours, key))
        cells["cwd"] = f"/desk/boats/{number % 50}"
        yield (key.encode(), number, 0, _stamp(number), *cells.values())


# -- how


def _rollouts(home: str) -> Iterator[os.DirEntry[str]]:
    waiting = [os.path.join(home, "sessions")]
    while waiting:
        with os.scandir(waiting.pop()) as listing:
            for entry in listing:
                if entry.is_file(follow_symlinks=False):
                    yield entry
                else:
                    waiting.append(entry.path)


def _await_watching(home: threadlog.Home) -> None:
    """Ask until the file system tells: what is asked first is answered by a look at everything."""
    end = time.monotonic() + WATCH_WAIT_S
    quick = 0
    while quick < 3 and time.monotonic() < end:
        page = _once(lambda: home.threads(sort="updated"), 1)
        quick = quick + 1 if _is_watching(home) and page["seconds"] < 0.02 else 0
        time.sleep(0.05)
    assert quick, "nothing tells of changes: is watchfiles installed?"


def _is_watching(home: threadlog.Home) -> bool:
    watcher = getattr(home.store.catalog, "_watcher", None)
    return watcher is not None and watcher.watching


def _once(call: Callable[[], Any], least: int) -> Numbers:
    begun, busy = time.perf_counter(), time.process_time()
    told = call()
    numbers = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - busy}
    assert len(told) >= least
    return numbers


def _calls(call: Callable[[], object], count: int) -> Numbers:
    """The median of so many calls, after two that warm up."""
    taken = []
    for _ in range(count + 2):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return {"ms": statistics.median(taken[2:]) * 1000}


CASES: dict[str, Callable[[str, int], Numbers]] = {
    "ready": ready,
    "first_page": first_page,
    "first_updated": first_updated,
    "heads": heads,
    "fold": fold,
    "created": created,
    "updated": updated,
    "watched": watched,
    "all_pages": all_pages,
    "beside": beside,
    "names": names,
    "walk": walk,
    "first_lines": first_lines,
    "folders": folders,
    "keyset": keyset,
}


def main(case: str, home: str, count: str = "0") -> None:
    """Do what the command line says."""
    from cases import peak_bytes

    numbers = CASES[case](home, int(count))
    print(json.dumps({**numbers, "peak": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
