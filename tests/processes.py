"""Processes that record and then end, for the tests of what becomes of their threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import threadlog
from faulty_disk import numbers

LONG_S = 30.0
_FOLDERS = (str(Path(threadlog.__file__).parents[1]), str(Path(__file__).parent))
# Where a process finds our package and these tests.
PATHS = {"PYTHONPATH": os.pathsep.join(_FOLDERS)}

# What most of the processes begin with: a live thread of 3 items on disk and 97 in memory.
BEGIN = """
import asyncio, gc, os, signal, sys, threading, time
signal.alarm(20)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
import threadlog
from faulty_disk import FaultyDisk, draft_on, home_on, numbers, opened, said
from threadlog import Closed, RolloutRecorder, ThreadOptions, lifetime
OPTIONS = ThreadOptions(cwd="/x")
home = threadlog.open(sys.argv[1])
def begin():
    recorder = RolloutRecorder.create(home, OPTIONS)
    recorder.record(*map(said, range(3)))
    recorder.persist()
    recorder.record(*map(said, range(3, 100)))
    return recorder
"""
# Since Python 3.12 every fork of a process with several threads is warned of.
_WARNINGS = ("-W", "always", "-W", "ignore:This process:DeprecationWarning")
LIVE = "recorder = begin()\n"
READY = 'print("ready", flush=True)\n'


class Ended(NamedTuple):
    """What a process came to."""

    status: int
    out: str
    err: str


def started(code: str, *words: str) -> subprocess.Popen[str]:
    """A process that does what is in BEGIN, then *code*; talk to it by its pipes."""
    return subprocess.Popen(
        [sys.executable, *_WARNINGS, "-c", BEGIN + code, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **PATHS},
    )


def run(code: str, *words: str | Path) -> Ended:
    """A process that runs *code* to its end."""
    with started(code, *map(str, words)) as process:
        out, err = process.communicate(timeout=LONG_S)
    return Ended(process.returncode, out, err)


def run_until_ready(code: str, home: Path, number: int) -> Ended:
    """A process that gets a signal as soon as it says that it is ready."""
    with started(code, str(home)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
        process.send_signal(number)
        out, err = process.communicate(timeout=LONG_S)
    return Ended(process.returncode, out, err)


def rollout(home: Path) -> Path:
    """The only rollout of a home."""
    (path,) = home.glob("sessions/*/*/*/*.jsonl")
    return path


def all_saved(home: Path) -> bool:
    """True if the only rollout of a home has its 100 items, in order."""
    return numbers(rollout(home)) == list(range(100))
