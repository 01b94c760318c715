"""`threadlog export`: threads as one file, without secrets; what was replaced on standard error."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from threadlog.cli.main import USAGE
from threadlog.core.export import FORMATS, ExportReport, Replaced
from threadlog.core.text import count_text, one_line
from threadlog.home import Home

# Of the places as many are said; --json has them all.
_PLACES_SAID = 10
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Write the export, and say what it holds."""
    output = arguments.output
    if output == "":
        return _refuse("--output is empty: name a file")
    kind = os.path.splitext(output or "")[1].removeprefix(".").lower()
    known = {"htm": "html", "markdown": "md"}.get(kind, kind if kind in FORMATS else "")
    if arguments.format is None and kind.isalpha() and not known:
        return _refuse(f".{kind} names no format: say one with --format ({', '.join(FORMATS)})")
    format_ = arguments.format or known or "html"
    redact = () if arguments.keep_secrets else arguments.redact
    if arguments.rules is not None and (redact == () or (redact is None and "json" in format_)):
        return _refuse("--rules replaces nothing here: give --redact secrets too")
    if output in (None, "-") and sys.__stdout__ is None:
        return _refuse("standard output is closed: name a file with --output")
    sys.stdout.flush()
    try:
        with _tidied_by_signals():
            report = home.export(
                *arguments.id,
                to=sys.stdout.buffer if output in (None, "-") else output,
                format=format_,
                turns=arguments.turns,
                redact=redact,
                rules=arguments.rules,
            )
    except ValueError as error:
        return _refuse(str(error))
    if arguments.json:
        print(json.dumps(_as_json(report)), file=sys.stderr)
    else:
        _say(report, output)
    return 0


@contextlib.contextmanager
def _tidied_by_signals() -> Iterator[None]:
    """Have signals that end the process do so once what was begun is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(number)

    ours = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in ours:
            signal.signal(number, end)
        yield
    except SystemExit as ended:
        if isinstance(ended.code, int) and ended.code in ours:
            signal.signal(ended.code, signal.SIG_DFL)
            os.kill(os.getpid(), ended.code)
        raise
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _refuse(sentence: str) -> int:
    print(f"threadlog: {one_line(sentence)}", file=sys.stderr)
    return USAGE


def _say(report: ExportReport, output: str | None) -> None:
    many = f"{report.threads} threads, " if report.threads > 1 else ""
    turns = f"{report.turns} turn{'s' if report.turns != 1 else ''}, " if report.turns else ""
    where = f" to {one_line(output)}" if output not in (None, "-") else ""
    _line(f"exported {many}{turns}{count_text(report.size_bytes)}B as {report.format}{where}")
    if report.problems:
        _line(f"{report.problems} places of the files are no whole lines, and not in it")
    if not report.redacted:
        asked = "--redact secrets replaces them" if "json" in report.format else "as asked for"
        _line(f"nothing was replaced: secrets that stand in it are in the export ({asked})")
        return
    total = sum(report.replaced.values())
    if not total:
        _line(f"nothing to replace was found ({', '.join(report.redacted)}); look before you share")
        return
    counts = ", ".join(f"{count} {rule}" for rule, count in report.replaced.items())
    _line(f"replaced {total}: {counts} (--keep-secrets keeps all); look before you share")
    for each in report.places[:_PLACES_SAID]:
        _line(f"  {_place(each, alone=report.threads == 1)}")
    left = len(report.places) + report.places_not_listed - _PLACES_SAID
    if left > 0:
        _line(f"  and in {left} more places (--json lists {len(report.places)})")


def _place(each: Replaced, *, alone: bool) -> str:
    place = each.place
    if place.turn:
        where = f"turn {place.turn}, {one_line(place.item)}"
    else:
        where = f"line {place.item}" if place.item.isdigit() else "the head"
    thread = "" if alone else f"{place.thread_id}: "
    times = f" ({each.times} times)" if each.times > 1 else ""
    return f"{thread}{where}: {each.label}{times}"


def _line(sentence: str) -> None:
    print(f"threadlog: {sentence}", file=sys.stderr)


def _as_json(report: ExportReport) -> dict[str, object]:
    places = [
        {"label": each.label, "times": each.times, **each.place._asdict()} for each in report.places
    ]
    return {"version": 1, **report._asdict(), "places": places}
