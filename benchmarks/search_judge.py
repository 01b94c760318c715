"""Whether a large home is searched as it is meant: the word index against all its texts, read.

For hundreds of phrases and of queries by words, sampled from what is said, what a search finds is
compared with a plain scan of every passage: how many there are, and the newest of them in their
order, each with its thread, path, place, turn and role.  Then again after what happens to homes:
a build that was killed, lines appended, threads archived, compressed and deleted, an index lost.

The scan reads the home once for all phrases of a round, a thread at a time; of each phrase it
keeps the newest hits only.
"""

from __future__ import annotations

import heapq
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import threadlog
from threadlog import Home
from threadlog.core.query import ThreadSummary

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests"))

from plain_search import (
    Told,
    has,
    name_of,
    passages_of,
    phrases,
    queries,
    spelled,
    wanted,
)

NEWEST = 200  # hits of each phrase that are compared one by one
COUNTED = 500  # so many are counted by the search too
SAMPLED = 300  # threads whose texts phrases are cut from
CHANGED = 50  # threads that each kind of change is done to
LENGTHS = (4, 5, 7, 9, 14, 20, 40, 60)
SHORT = (1, 2, 3)  # every hundredth phrase: for these all rollouts are read
PARTED = "\0"
Numbers = dict[str, float]
_BUILD = "import sys, threadlog; threadlog.open(sys.argv[1]).catch_up_search()"


class Asked(NamedTuple):
    """A search, and what stands in a passage that it means (`wanted`)."""

    text: str
    wanted: list[tuple[str, bool]] | None = None  # None: the text as it stands

    @property
    def exact(self) -> bool:
        """True for a text as it stands."""
        return self.wanted is None


class Thread:
    """The passages of a thread, folded once for all phrases."""

    def __init__(self, told: Sequence[Told]) -> None:
        self.told = told
        self._exact = [each.passage.text.casefold() for each in told]
        both = [spelled(each.passage.text) for each in told]
        self._words, self._parts = [each for each, _ in both], [each for _, each in both]
        self._all = PARTED.join(self._exact)
        self._all_words, self._all_parts = PARTED.join(self._words), PARTED.join(self._parts)

    def meant(self, asked: Asked) -> Iterator[Told]:
        """The passages that a search means."""
        if asked.wanted is None:
            needle = asked.text.casefold()
            if needle in self._all:
                pairs = zip(self.told, self._exact, strict=True)
                yield from (each for each, text in pairs if needle in text)
        elif has(self._all_words, self._all_parts, asked.wanted):
            for each, words, parts in zip(self.told, self._words, self._parts, strict=True):
                if has(words, parts, asked.wanted):
                    yield each


class Meant:
    """The newest passages that a search means, and how many there are."""

    def __init__(self) -> None:
        self.total = 0
        self._heap: list[tuple[Any, ...]] = []

    def add(self, told: Told) -> None:
        """One more."""
        self.total += 1
        passage = told.passage
        if len(self._heap) == NEWEST and (passage.at_ms or 0) < self._heap[0][0]:
            return
        stem = os.path.basename(told.path).removesuffix(".zst")
        place = (passage.at_ms or 0, told.thread, stem, passage.offset, passage.part)
        push = heapq.heappush if len(self._heap) < NEWEST else heapq.heappushpop
        push(self._heap, (*place, told.name))

    @property
    def newest(self) -> list[tuple[Any, ...]]:
        """Their names, the newest first."""
        return [each[-1] for each in sorted(self._heap, reverse=True)]


def judge(path: str, count: int) -> Numbers:
    """All rounds with *count* phrases and as many queries, on a home that is changed; counts.

    Raises AssertionError for the first search that does not find what it should.
    """
    chance = random.Random(1)
    home = threadlog.open(path)
    threads = list(home.threads(limit=None, archived=None))
    assert not any(each.forked_from_id for each in threads)
    told: Numbers = {"killed": _killed(home, chance)}
    assert home.catch_up_search()
    told["whole"] = _round(home, chance, count)
    fewer = max(count // 5, 1)
    changes: dict[str, Callable[[Home, list[ThreadSummary]], None]] = {
        "appended": _append,
        "archived": lambda home, some: _all(home.archive, some),
        "compressed": _compress,
        "deleted": lambda home, some: _all(home.delete, some),
    }
    for name, change in changes.items():
        change(home, chance.sample(list(home.threads(limit=None, archived=False)), CHANGED))
        told[name] = _round(home, chance, fewer)
    home.close()
    os.unlink(home.search_status().path)
    home.close()
    told["begun anew"] = _killed(home, chance)
    assert home.catch_up_search()
    told["made anew"] = _round(home, chance, fewer)
    return told


def _round(home: Home, chance: random.Random, count: int) -> int:
    """So many phrases and queries, held against a scan; returns how many hits were compared."""
    begun = time.perf_counter()
    asked = list(_sampled(home, chance, count))
    meant = {each: Meant() for each in range(len(asked))}
    for thread in home.threads(limit=None, archived=None):
        passages = passages_of(home, thread)
        folded = Thread(
            [Told(thread.id or "", path, each, copied=False) for path, each in passages]
        )
        for number, each in enumerate(asked):
            for one in folded.meant(each):
                meant[number].add(one)
    scanned = time.perf_counter() - begun
    hits = sum(_same(home, each, meant[number]) for number, each in enumerate(asked))
    spent = time.perf_counter() - begun - scanned
    print(f"  {len(asked)} searches, {hits} hits: {scanned:.0f} + {spent:.0f} s", file=sys.stderr)
    return hits


def _same(home: Home, asked: Asked, meant: Meant) -> int:
    counted = meant.total <= COUNTED
    page = home.search(asked.text, exact=asked.exact, limit=NEWEST, counted=counted)
    assert not page.problems, page.problems
    got = [name_of(home, each) for each in page]
    missing, extra = set(meant.newest) - set(got), set(got) - set(meant.newest)
    told = f"{asked}: {len(got)} of {meant.total}, {page.scanned} threads read; "
    told += f"missing {len(missing)} {list(missing)[:2]}, too many {len(extra)} {list(extra)[:2]}"
    assert got == meant.newest or missing or extra, f"{asked}: not in order"
    assert got == meant.newest, told
    assert not counted or page.total == meant.total, f"{told}, counted {page.total}"
    return len(got)


def _sampled(home: Home, chance: random.Random, count: int) -> Iterator[Asked]:
    """So many phrases as they stand and queries by words, of some threads."""
    threads = list(home.threads(limit=None, archived=None))
    told = [
        Told(thread.id or "", path, each, copied=False)
        for thread in chance.sample(threads, min(SAMPLED, len(threads)))
        for path, each in passages_of(home, thread)
    ]
    short = count // 100
    cut = phrases(told, chance, count - short, LENGTHS)
    cut += phrases(told, chance, short, SHORT)
    yield from (Asked(each) for each in cut)
    for query in queries(told, chance, count):
        yield Asked(query, wanted(query))


def _killed(home: Home, chance: random.Random) -> int:
    """A build killed while it writes, three times; and what is found then."""
    for seconds in (4, 7, 10):
        build = subprocess.Popen([sys.executable, "-c", _BUILD, home.path])
        try:
            build.wait(seconds + chance.random())
        except subprocess.TimeoutExpired:
            os.kill(build.pid, signal.SIGKILL)
        build.wait()
    return _round(home, chance, 1)


def _append(home: Home, some: list[ThreadSummary]) -> None:
    """Threads go on; some in the midst of a line, as when a writer is at work."""
    for thread in some:
        assert thread.id is not None
        with home.resume(thread.id) as live, live.turn(f"the {thread.id[-12:]} → goes on") as turn:
            turn.say('so-called snake_case, CamelCaseName, 7% "quoted" and 日本語')
    for thread in islice(some, 0, None, 5):
        path = home.get(thread.id or "").path
        with open(path, "rb") as file:
            line = file.readlines()[-2]
        with open(path, "ab") as file:
            file.write(line[: len(line) // 2])


def _compress(home: Home, some: list[ThreadSummary]) -> None:
    for thread in some:
        os.utime(thread.path, (1, 1))  # nobody writes it
    ids = [thread.id or "" for thread in some]
    home.compress(*ids, older_than_days=0)
    assert any(home.get(each).compressed for each in ids)


def _all(change: Callable[..., object], some: list[ThreadSummary]) -> None:
    change(*(thread.id for thread in some))
