"""Hostile inputs by the thousand: each made from a number, checked, timed, and weighed.

An input is made anew from its number alone, so the number is all that is needed to see it again.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

LIMIT_S = 1.0
LIMIT_BYTES = 256 << 20
# An input that takes longer is given up: the process would stand still for good.
_STUCK_S = 300.0
# On a busy machine anything can be slow once; what is slow each time is slow.
_TRIES = 3
_SHOWN_CHARS = 600
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024

Make = Callable[[random.Random], Any]
Check = Callable[[random.Random, Any], None]


class Target(NamedTuple):
    """What is fuzzed: how an input is made, and what checks that it keeps what is promised."""

    name: str
    make: Make
    check: Check


class Fuzzed(NamedTuple):
    """What became of the inputs of one target."""

    target: str
    inputs: int
    seconds: float
    slowest_s: float
    grown_bytes: int

    def __str__(self) -> str:
        rate = self.inputs / max(self.seconds, 1e-9)
        return (
            f"{self.target}: {self.inputs:,} inputs in {self.seconds:.1f} s ({rate:,.0f}/s), the "
            f"slowest {self.slowest_s * 1000:.0f} ms, memory grew by {self.grown_bytes >> 20} MiB"
        )


# What was fuzzed in this process.
DONE: list[Fuzzed] = []


class Stuck(Exception):
    """An input takes so long that it is given up."""


def fuzz(target: Target, inputs: int, first: int, notes: Path) -> Fuzzed:
    """Check so many inputs, those of the numbers from *first* on; raises AssertionError.

    The number of the input at work stands in the file *notes*, should the process die of it.
    """
    begun_bytes = forget_peak()
    begun, slowest = time.perf_counter(), 0.0
    with _given_up_when_stuck(), notes.open("wb", buffering=0) as note:
        for number in range(first, first + inputs):
            os.pwrite(note.fileno(), b"%-20d" % number, 0)
            taken = _checked(target, number)
            if taken > LIMIT_S:
                taken = min(_without_waiting(target, number) for _ in range(_TRIES))
            slowest = max(slowest, taken)
            if taken > LIMIT_S:
                raise _failed(target, number, f"takes {taken:.1f} s")
            if (grown := peak_bytes() - begun_bytes) > LIMIT_BYTES:
                raise _failed(target, number, f"memory grew by {grown >> 20} MiB")
    seconds = time.perf_counter() - begun
    return Fuzzed(target.name, inputs, seconds, slowest, max(0, peak_bytes() - begun_bytes))


def _checked(target: Target, number: int) -> float:
    """The seconds that it took to check one input."""
    rng = random.Random(number)
    given = target.make(rng)
    signal.setitimer(signal.ITIMER_REAL, _STUCK_S)
    begun = time.perf_counter()
    try:
        target.check(rng, given)
    except Exception as error:
        raise _failed(target, number, f"{type(error).__name__}: {error}"[:_SHOWN_CHARS]) from error
    return time.perf_counter() - begun


def _without_waiting(target: Target, number: int) -> float:
    """The same, less the time in which others had the processor, where the system tells it."""
    before = _kept_waiting_s()
    taken = _checked(target, number)
    return taken - (_kept_waiting_s() - before)


def _kept_waiting_s() -> float:
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _failed(target: Target, number: int, what: str) -> AssertionError:
    given = repr(target.make(random.Random(number)))
    shown = (
        given if len(given) <= _SHOWN_CHARS else f"{given[:_SHOWN_CHARS]}... ({len(given)} long)"
    )
    return AssertionError(
        f"{target.name}, input {number}: {what}\n"
        f"of {shown}\n"
        f"see it again: THREADLOG_SEED={number} THREADLOG_FUZZ=1 "
        f"python -m pytest 'tests/faults/test_fuzz.py' -k '{target.name}'"
    )


@contextlib.contextmanager
def _given_up_when_stuck() -> Iterator[None]:
    def give_up(_signal: int, _frame: FrameType | None) -> None:
        raise Stuck(f"not done after {_STUCK_S:.0f} s")

    before = signal.signal(signal.SIGALRM, give_up)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def forget_peak() -> int:
    """Begin to measure anew, where the system can; the peak so far otherwise."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_bytes(b"5")
    return peak_bytes()


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES
