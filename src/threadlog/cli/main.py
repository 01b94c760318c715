"""The command `threadlog`: reads the words, calls a command, turns every failure into a sentence.

Imports next to nothing, so that a command pays only for what it uses.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from threadlog.cli.words import MODULES, parser
from threadlog.errors import (
    Ambiguous,
    BadCursor,
    BadQuery,
    NotFound,
    OutsideHome,
    ThreadlogError,
)

OK, FAILED, USAGE, NOT_FOUND, AMBIGUOUS, INTERNAL = 0, 1, 2, 3, 4, 70
INTERRUPTED, PIPE_CLOSED = 130, 141

# A command makes many values that live to its end; looking for cycles among them costs start-up.
_GC_THRESHOLD = 100_000

# These begin threads where there are none yet.
_MAKE_HOMES = ("record", "chat", "app-server")

_EXIT_CODES: tuple[tuple[type[ThreadlogError], int], ...] = (
    (NotFound, NOT_FOUND),
    (Ambiguous, AMBIGUOUS),
    (BadCursor, USAGE),
    (BadQuery, USAGE),
    (OutsideHome, USAGE),
)


def run() -> NoReturn:
    """The program: `main`, then out at once.

    No command leaves anything open, and freeing one by one what a large home was read into would
    take as long as reading it.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    _lenient_output()
    gc.set_threshold(_GC_THRESHOLD)
    try:
        words = sys.argv[1:] if argv is None else argv
        arguments = parser(_called(words)).parse_args(_with_ranges(words))
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output left; say nothing, and keep Python from trying to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except ThreadlogError as error:
        return _complain(str(error), next((c for k, c in _EXIT_CODES if isinstance(error, k)), 1))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _complain(f"{where}{error.strerror or type(error).__name__}", FAILED)
    except Exception as error:
        if os.environ.get("THREADLOG_DEBUG"):
            raise
        return _complain(
            f"internal error ({type(error).__name__}); run again with THREADLOG_DEBUG=1 and "
            f"report what it prints",
            INTERNAL,
        )


def _called(words: Sequence[str]) -> str | None:
    """The command, where it is the first word; who asks for help gets that on all of them."""
    return words[0] if words and words[0] in MODULES else None


def _with_ranges(words: Sequence[str]) -> list[str]:
    """The words, of which `--turns -3..` are one: -3.. by itself is an option to argparse."""
    made: list[str] = []
    for word in words:
        if made and made[-1] == "--turns" and word[:1] == "-" and word[1:2].isdigit():
            made[-1] = f"--turns={word}"
        else:
            made.append(word)
    return made


def _run(arguments: argparse.Namespace) -> int:
    from threadlog.connect import home_path, open

    given = getattr(arguments, "home", None)
    if given == "":
        return _complain("--home is empty: name a folder", USAGE)
    path = home_path(given)
    makes_home = arguments.command in _MAKE_HOMES and getattr(arguments, "resume", None) is None
    if not (os.path.isdir(path) or (makes_home and _can_be_made(path))):
        return _complain(
            f"no folder {path}; name a home with --home, $THREADLOG_HOME or $CODEX_HOME", FAILED
        )
    code: int = _load(arguments.command).run(open(path), arguments)
    return code


def _load(command: str) -> Any:
    """The module of a command; only it is loaded.

    What `show` decodes with would load typing_extensions first, for names that typing itself has
    in every Python we run on: that would take as long as Python takes to start.
    """
    name = f"threadlog.cli.{MODULES[command]}"
    if command != "show" or "typing_extensions" in sys.modules:
        return importlib.import_module(name)
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules["typing_extensions"]


def _can_be_made(path: str) -> bool:
    """True if nothing but folders is missing there."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.path.isdir(path)


def _complain(sentence: str, code: int) -> int:
    from threadlog.core.text import one_line

    print(f"threadlog: {one_line(sentence)}", file=sys.stderr)
    return code


def _lenient_output() -> None:
    """A terminal that cannot show a character shows a replacement, not a traceback."""
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us
        nowhere = open(os.devnull, "w")  # noqa: SIM115
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
