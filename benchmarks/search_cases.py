"""One thing to measure of searching, done once in a process of its own: prints numbers as JSON.

    python benchmarks/search_cases.py CASE HOME [COUNT]

But for `build`, `text` and `judge`, cases ask a word index that is whole (case `build` makes it),
in a home opened as a server opens it, after some searches that warm up; times are milliseconds.
`rg` and `agentsview` are other programs, asked for the same; they say `missing` where they are not.
"""

from __future__ import annotations

import glob
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import threadlog
from threadlog.core import tokens

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests"))

from plain_search import passages_of
from search_judge import judge

Numbers = dict[str, Any]
FRESHNESS_S = 2.0  # of a server
SEED = 7
SAMPLED = 200  # threads whose texts queries are made of
WARM_UP = 20
RARE = 0.05  # of all threads
# Texts without a word, which nobody said.
NO_WORD = ("=>{", "%%")
AGENTSVIEW = "THREADLOG_AGENTSVIEW"  # the command, where it is not on the path


# -- the index


def ready(home: str, _count: int) -> Numbers:
    """What a process is before it builds: the index of listings is whole."""
    threadlog.open(home).threads(text="", limit=1)
    return {}


def build(home: str, _count: int) -> Numbers:
    """All words of all threads; the index of listings is made before."""
    opened = threadlog.open(home)
    opened.threads(text="", limit=1)
    begun, busy = time.perf_counter(), time.process_time()
    assert opened.catch_up_search()
    spent, cpu = time.perf_counter() - begun, time.process_time() - busy
    path = opened.search_status().path
    opened.close()
    return {"seconds": spent, "cpu": cpu, "bytes": os.path.getsize(path)}


def text(home: str, _count: int) -> Numbers:
    """How much text passages are, in bytes."""
    opened = threadlog.open(home)
    sizes = [len(each.encode(errors="replace")) for each in _texts(opened, None)]
    return {"bytes": sum(sizes), "passages": len(sizes)}


# -- searches


def words(home: str, count: int) -> Numbers:
    """Words and phrases of what is said, common and rare, and beginnings of words."""
    with _opened(home) as opened:
        asked = list(_queries(opened, count))
        return _calls([_search(opened, each) for each in asked])


def absent(home: str, count: int) -> Numbers:
    """Phrases of common words that nobody said."""
    with _opened(home) as opened:
        chance, common = random.Random(SEED), _common(opened)
        asked: list[str] = []
        while len(asked) < count:
            phrase = f'"{" ".join(chance.sample(common, 3))}"'
            if not opened.search(phrase, limit=1):
                asked.append(phrase)
        return _calls([_search(opened, each) for each in asked])


def exact(home: str, count: int) -> Numbers:
    """Texts as they stand, cut anywhere, with a word of few threads in them."""
    with _opened(home) as opened:
        chance, most = random.Random(SEED), int(opened.count() * RARE)
        texts = list(_texts(opened, chance))
        often = _often(tokens.words(each) for each in texts)
        asked: list[str] = []
        while len(asked) < count:
            said = chance.choice(texts)
            word = min(said.split(), key=lambda each: often.get(each, len(texts)), default="")
            if len(word) >= 3 and opened.search(word, counted=True, limit=1).threads in range(most):
                place = said.index(word)
                asked.append(said[max(place - chance.randrange(12), 0) : place + len(word) + 4])
        return _calls([_search(opened, each, exact=True) for each in asked])


def exact_all(home: str, count: int) -> Numbers:
    """Texts without a word: every rollout is looked through."""
    with _opened(home) as opened:
        taken = []
        for needle in NO_WORD:
            told = _calls([_search(opened, needle, exact=True)] * count, warm_up=1)
            taken.append({"ms": told["p50"], "cpu_ms": told["cpu_p50"]})
        return {key: statistics.mean(each[key] for each in taken) for key in taken[0]}


# -- others


def rg(home: str, count: int) -> Numbers:
    """What `rg -i` takes for the same texts in the same files, whole processes; as it is, and -j1.

    The one that the Codex CLI brings along, where none is installed.
    """
    command = shutil.which("rg") or _codex_rg()
    if command is None:
        return {"missing": "there is no rg"}
    taken: dict[str, list[float]] = {"ms": [], "one_ms": []}
    folder, before = os.path.join(home, "sessions"), _children_cpu()
    for number in range(count + 1):
        for key, more in (("ms", []), ("one_ms", ["-j1"])):
            for needle in NO_WORD:
                asked = [command, "-i", "-F", "--no-config", *more, "-e", needle, folder]
                begun = time.perf_counter()
                subprocess.run(asked, stdout=subprocess.DEVNULL, check=False)
                taken[key] += [time.perf_counter() - begun] * (number > 0)
    runs = (count + 1) * 2 * len(NO_WORD)
    told = {key: statistics.median(each) * 1000 for key, each in taken.items()}
    return {**told, "cpu_ms": 1000 * (_children_cpu() - before) / runs}


def agentsview(home: str, _count: int) -> Numbers:
    """What another program takes to read the same home, and what that takes on disk."""
    command = os.environ.get(AGENTSVIEW) or shutil.which("agentsview")
    if command is None:
        return {"missing": f"agentsview is not installed (${AGENTSVIEW} names it)"}
    with tempfile.TemporaryDirectory(dir=os.path.dirname(home)) as folder:
        data = os.path.join(folder, "data")
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "AGENTSVIEW_DATA_DIR": data,
            "AGENTSVIEW_NO_DAEMON": "1",
            "CODEX_SESSIONS_DIR": os.path.join(home, "sessions"),
        }
        os.mkdir(data)
        begun = time.perf_counter()
        done = subprocess.run([command, "sync"], env=environ, capture_output=True, check=False)
        spent = time.perf_counter() - begun
        if done.returncode:
            return {"missing": "agentsview sync failed"}
        size = sum(os.path.getsize(each) for each in glob.glob(os.path.join(data, "sessions.db*")))
        return {"seconds": spent, "cpu": _children_cpu(), "bytes": size}


# -- how


def _opened(home: str) -> threadlog.Home:
    return threadlog.open(home, freshness_s=FRESHNESS_S)


def _search(home: threadlog.Home, query: str, **asked: Any) -> Callable[[], object]:
    return lambda: home.search(query, **asked)


def _calls(calls: Sequence[Callable[[], object]], warm_up: int = WARM_UP) -> Numbers:
    """How long these take, each called once after some that warm up."""
    for call in calls[:warm_up]:
        call()
    taken, busy = [], []
    for call in calls:
        begun, used = time.perf_counter(), time.process_time()
        call()
        taken.append((time.perf_counter() - begun) * 1000)
        busy.append((time.process_time() - used) * 1000)
    taken.sort()
    cpu = sorted(busy)[len(busy) * 95 // 100]
    told = {"p50": statistics.median(taken), "p95": taken[len(taken) * 95 // 100]}
    return {**told, "max": taken[-1], "cpu_p50": statistics.median(busy), "cpu_p95": cpu}


def _texts(home: threadlog.Home, chance: random.Random | None) -> Iterator[str]:
    """The texts of all threads, or of some chosen by *chance*."""
    threads = list(home.threads(limit=None, archived=None))
    if chance is not None:
        threads = chance.sample(threads, min(SAMPLED, len(threads)))
    for thread in threads:
        yield from (each.text for _path, each in passages_of(home, thread))


def _queries(home: threadlog.Home, count: int) -> Iterator[str]:
    """One to four words of a text, behind one another or anywhere in it; every fifth as a prefix.

    Half of them have the rarest word of their text among them: most words here are common.
    """
    chance = random.Random(SEED)
    texts = [found for each in _texts(home, chance) if (found := tokens.words(each))]
    often = _often(texts)
    for number in range(count):
        said, size = chance.choice(texts), chance.randrange(1, 5)
        rarest = min(range(len(said)), key=lambda place: often[said[place]])
        start = max(rarest - size + 1, 0) if number % 2 else chance.randrange(len(said))
        some = said[start : start + size]
        if number % 5 == 0:
            yield f"{some[0][: max(len(some[0]) - 2, 2)]}*"
        elif number % 5 == 1:
            yield " ".join(chance.sample(said, min(size, len(said))))
        else:
            yield f'"{" ".join(some)}"'


def _common(home: threadlog.Home) -> list[str]:
    """The words that most texts have."""
    often = _often(tokens.words(each) for each in _texts(home, random.Random(SEED)))
    return sorted(often, key=lambda word: -often[word])[:30]


def _often(texts: Iterable[Iterable[str]]) -> dict[str, int]:
    """In how many texts each word stands."""
    often: dict[str, int] = {}
    for each in texts:
        for word in set(each):
            often[word] = often.get(word, 0) + 1
    return often


def _codex_rg() -> str | None:
    from interop import codex_process

    pattern = os.path.join(codex_process.cache_folder(), "**", "rg")
    return max(glob.glob(pattern, recursive=True), default=None)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


CASES: dict[str, Callable[[str, int], Numbers]] = {
    "ready": ready,
    "build": build,
    "text": text,
    "words": words,
    "absent": absent,
    "exact": exact,
    "exact_all": exact_all,
    "rg": rg,
    "agentsview": agentsview,
    "judge": judge,
}


def main(case: str, home: str, count: str = "0") -> None:
    """Do what the command line says."""
    from cases import peak_bytes

    numbers = CASES[case](home, int(count))
    print(json.dumps({**numbers, "peak": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
