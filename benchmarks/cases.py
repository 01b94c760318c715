"""One thing to measure, done once in a process of its own: prints seconds, CPU seconds and bytes.

    python benchmarks/cases.py CASE HOME THREAD_ID PATH

`run.py` starts these.  The peak is that of the whole process, so that a reader compares it with
the peak of a case that stops earlier: `ready` for most, `open` for `visit`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import threadlog
import threadlog.local.store
import threadlog.reader


class Target(NamedTuple):
    """What a case is done to."""

    home: threadlog.Home
    thread_id: str
    path: str


Action = Callable[[], object]


def _ready(_target: Target) -> Action:
    return lambda: None


def _open(target: Target) -> Action:
    return lambda: target.home.history(target.thread_id)


def _visit(target: Target) -> Action:
    history = target.home.history(target.thread_id)

    def visit() -> None:
        for _item in history.items():
            pass

    return visit


def _tail(target: Target) -> Action:
    return lambda: list(target.home.turns(target.thread_id, last=20))


def _outline(target: Target) -> Action:
    return lambda: target.home.outline(target.thread_id)


def _export(target: Target) -> Action:
    """One HTML file, without secrets, written to the disk as `threadlog export` does."""

    def export() -> None:
        with tempfile.TemporaryDirectory() as folder:
            target.home.export(target.thread_id, to=os.path.join(folder, "thread.html"))

    return export


def _redact(target: Target) -> Action:
    """The texts of all turns, looked through for secrets."""
    from threadlog.core.redacted import redacted
    from threadlog.core.redaction import Redactor
    from threadlog.core.redaction_rules import SECRETS, OwnRules, chosen

    redactor = Redactor(chosen((SECRETS,), OwnRules()))
    turns = list(target.home.turns(target.thread_id))
    return lambda: [redacted(turn, redactor) for turn in turns]


def _orjson(target: Target) -> Action:
    """What the others are compared with: the plainest loop over the file, each line dropped."""
    import orjson

    def loop() -> None:
        with open(target.path, "rb") as file:
            for line in file:
                orjson.loads(line)

    return loop


CASES: dict[str, Callable[[Target], Action]] = {
    "ready": _ready,
    "open": _open,
    "visit": _visit,
    "tail": _tail,
    "outline": _outline,
    "orjson": _orjson,
    "export": _export,
    "redact": _redact,
}


def peak_bytes() -> int:
    """The most memory this process ever held.

    Linux hands a parent's peak on to its children's ru_maxrss; VmHWM is the process's own.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def measure(name: str, target: Target) -> dict[str, Any]:
    """Do a case once."""
    action = CASES[name](target)
    begun, busy = time.perf_counter(), time.process_time()
    kept = action()  # what the case made is alive when the peak is read
    result = {
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - busy,
        "peak": peak_bytes(),
    }
    del kept
    return result


def main(case: str, home: str, thread_id: str, path: str) -> None:
    """Do what the command line says."""
    print(json.dumps(measure(case, Target(threadlog.open(home), thread_id, path))))


if __name__ == "__main__":
    main(*sys.argv[1:])
