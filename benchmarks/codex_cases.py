"""What the real Codex 0.169.0 takes for what listings do, where npm can install it.

Its home is one of links to the rollouts of ours, with a state DB of its own; it reads them only.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "tests"))

from interop import codex_process

START = "start without a DB, until a page is there"
CALLS = 3
WAIT_S = 600.0  # as it builds its DB before it answers
# That of the threads: Codex resumes none of a provider that is not configured.
_PROVIDER = """
[model_providers.quay]
name = "Quay"
base_url = "http://127.0.0.1:9/v1"
wire_api = "responses"
"""


class NotHere(Exception):
    """Codex cannot be had; the message says why."""


def measure(home: str) -> dict[str, float]:
    """Seconds of each operation, medians, by the names that `index_cases.beside` has."""
    codex_process.WAIT_S = WAIT_S
    try:
        return _measured(home)
    except (codex_process.CodexRefused, TimeoutError) as error:
        raise NotHere(str(error).partition("\n")[0]) from error


@contextlib.contextmanager
def linked_home(home: str) -> Iterator[tuple[Path, codex_process.CodexHome]]:
    """The binary, and a home for it of links to the rollouts of ours; raises NotHere."""
    try:
        binary = codex_process.install(codex_process.NEWEST)
    except codex_process.NotInstalled as error:
        raise NotHere(str(error)) from error
    with tempfile.TemporaryDirectory(dir=os.path.dirname(home)) as folder:
        theirs = codex_process.make_home(Path(folder), "http://127.0.0.1:9/v1")
        with (theirs.path / "config.toml").open("a", encoding="utf-8") as settings:
            settings.write(_PROVIDER)
        _link(home, theirs.path)
        yield binary, theirs


def _measured(home: str) -> dict[str, float]:
    with linked_home(home) as (binary, theirs):
        begun = time.perf_counter()
        with codex_process.AppServer(binary, theirs) as codex:
            rows = _page(codex)["data"]
            spent = time.perf_counter() - begun
            return {START: spent, **_asked(codex, rows[0])}


def _link(home: str, theirs: Path) -> None:
    for folder, _inner, files in os.walk(os.path.join(home, "sessions")):
        copy = theirs / os.path.relpath(folder, home)
        copy.mkdir(parents=True, exist_ok=True)
        for name in files:
            os.link(os.path.join(folder, name), copy / name)


def _asked(codex: codex_process.AppServer, newest: dict[str, Any]) -> dict[str, float]:
    word = str(newest["preview"]).split()[1]
    calls: dict[str, Callable[[], object]] = {
        "page of 50 by creation": lambda: _page(codex),
        "page of 50 by updated": lambda: _page(codex, sortKey="updated_at"),
        "page of 50 of one directory": lambda: _page(codex, cwd=newest["cwd"]),
        "page of 50 of a word": lambda: _page(codex, searchTerm=word),
        "page of 50 of a text that is nowhere": lambda: _page(codex, searchTerm="is in no title"),
    }
    told = {name: _median(call) for name, call in calls.items()}
    begun = time.perf_counter()
    page = _page(codex, limit=100)
    while page.get("nextCursor"):
        page = _page(codex, limit=100, cursor=page["nextCursor"])
    return {**told, "all pages of 100": time.perf_counter() - begun}


def _page(codex: codex_process.AppServer, limit: int = 50, **asked: Any) -> dict[str, Any]:
    sources = ["cli", "vscode", "exec"]
    return codex.call("thread/list", limit=limit, modelProviders=[], sourceKinds=sources, **asked)


def _median(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(CALLS + 1):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken[1:])
