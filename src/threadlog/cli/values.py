"""Values that options take, read from words; what is none is a sentence of argparse's.

Imports next to nothing, as `main`.
"""

from __future__ import annotations

import argparse
import sys


def moment(text: str) -> str:
    """A moment, or a span of time ago, as `threads` takes it."""
    from threadlog.asking import moment_ms

    try:
        moment_ms(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"no moment: {error}") from None
    return text


def positive(text: str) -> int:
    """A number from 1 on."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return min(number, sys.maxsize)


def number(text: str) -> int:
    """A number from 0 on."""
    try:
        told = int(text)
    except ValueError:
        told = -1
    if told < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return told


def days(text: str) -> float:
    """A number of days."""
    try:
        told = float(text)
    except ValueError:
        told = -1.0
    if not 0 <= told < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days")
    return told


def turn(text: str) -> str:
    """What a turn is meant by: a number, but 0, or some text."""
    if text.removeprefix("-").strip("0") == "" and text not in ("", "-"):
        raise argparse.ArgumentTypeError("turns are counted from 1, or from -1, the last")
    return something(text)


def something(text: str) -> str:
    """A text that says something."""
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty text: leave the option out, or say which")
    return text
