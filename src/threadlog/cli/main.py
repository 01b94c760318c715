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
from typing import NoReturn

from threadlog import __version__
from threadlog.errors import (
    Ambiguous,
    BadCursor,
    NotFound,
    OutsideHome,
    ThreadlogError,
)

OK, FAILED, USAGE, NOT_FOUND, AMBIGUOUS, INTERNAL = 0, 1, 2, 3, 4, 70
INTERRUPTED, PIPE_CLOSED = 130, 141

# A command makes many values that live to its end; looking for cycles among them costs start-up.
_GC_THRESHOLD = 100_000

_EXIT_CODES: tuple[tuple[type[ThreadlogError], int], ...] = (
    (NotFound, NOT_FOUND),
    (Ambiguous, AMBIGUOUS),
    (BadCursor, USAGE),
    (OutsideHome, USAGE),
)

_EPILOG = """\
A thread ID is a full id, the last 6 or more hex digits of one (as listings show them), its first
13 or more characters, a name, a path of its rollout, or `last` for the one active most recently.

exit codes: 0 done, 1 something could not be read or recorded, 2 wrong usage, 3 no such thread,
4 the reference fits several threads, 70 a defect of threadlog, 130 interrupted, 141 output closed
"""

_RECORD = """\
Record the items on standard input, a JSON object {"type": ..., "payload": {...}} on each line;
whole lines of a rollout will do.  Prints the thread's id and path at once.  Each item is on disk
moments after it came; the first message of the user's makes the rollout.
"""


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
        arguments = _parser().parse_args(argv)
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


def _run(arguments: argparse.Namespace) -> int:
    from threadlog.connect import home_path, open

    given = getattr(arguments, "home", None)
    if given == "":
        return _complain("--home is empty: name a folder", USAGE)
    path = home_path(given)
    makes_home = arguments.command == "record" and arguments.resume is None
    if not (os.path.isdir(path) or (makes_home and _can_be_made(path))):
        return _complain(
            f"no folder {path}; name a home with --home, $THREADLOG_HOME or $CODEX_HOME", FAILED
        )
    # Only the module of the command is loaded.
    module = importlib.import_module(f"threadlog.cli.{_MODULES[arguments.command]}")
    code: int = module.run(open(path), arguments)
    return code


def _can_be_made(path: str) -> bool:
    """True if nothing but folders is missing there."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return os.path.isdir(path)


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help of one width everywhere; asking for the terminal's costs every start an import."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False, formatter_class=_Help)
    shared.add_argument(
        "--home",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="the home (default: $THREADLOG_HOME, $CODEX_HOME, ~/.codex)",
    )
    parser = argparse.ArgumentParser(
        prog="threadlog",
        description="Find, read and record the threads of AI agents, as Codex keeps them.",
        epilog=_EPILOG,
        formatter_class=_Help,
        parents=[shared],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"threadlog {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, add, summary in _COMMANDS:
        add(
            commands.add_parser(
                name, parents=[shared], formatter_class=_Help, help=summary, allow_abbrev=False
            )
        )
    return parser


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the thread (see `threadlog --help`)")


def _add_list(parser: argparse.ArgumentParser) -> None:
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--all", action="store_true", help="all threads, not the 50 newest")
    amount.add_argument("--limit", type=_count, default=50, metavar="N", help="so many (50)")
    parser.add_argument("--archived", action="store_true", help="the archived threads instead")
    parser.add_argument(
        "--sort",
        choices=("created", "updated", "recency"),
        default="created",
        help="newest by (created); recency: when the user last took a turn",
    )
    parser.add_argument("--reverse", action="store_true", help="the oldest first")
    parser.add_argument("--cursor", metavar="TEXT", help="go on after an earlier page")
    _add_filters(parser)
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_filters(parser: argparse.ArgumentParser) -> None:
    only = parser.add_argument_group("only threads")
    only.add_argument(
        "--cwd",
        action="append",
        metavar="DIR",
        type=_something,
        help="of this working directory (repeatable)",
    )
    only.add_argument(
        "--text", type=_something, metavar="TEXT", help="with this in the name or first message"
    )
    only.add_argument(
        "--source",
        type=_something,
        action="append",
        help="of this source: cli, exec, subagent, ...",
    )
    only.add_argument("--provider", type=_something, action="append", help="of this model provider")
    only.add_argument("--branch", type=_something, help="of this git branch")
    only.add_argument(
        "--repository",
        type=_something,
        metavar="REPO",
        help="of this repository: an address, or its end",
    )
    only.add_argument(
        "--since", metavar="TIME", type=_moment, help="from then on: 2026-11-25T13:00Z, or 7d (ago)"
    )
    only.add_argument("--until", metavar="TIME", type=_moment, help="before then")
    only.add_argument("--parent", type=_something, metavar="ID", help="that this thread began")
    only.add_argument("--forked-from", type=_something, metavar="ID", help="forked from this one")
    only.add_argument("--codex", action="store_true", help="that Codex's own list shows by default")


def _add_latest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cwd", type=_something, metavar="DIR", help="of this working directory")
    parser.add_argument("--archived", action="store_true", help="of the archived threads")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_tree(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", metavar="ID", nargs="?", help="of this thread (see `threadlog --help`)"
    )
    parser.add_argument("--archived", action="store_true", help="of the archived threads instead")
    parser.add_argument("--limit", type=_count, metavar="N", help="of so many threads (50)")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_why(parser: argparse.ArgumentParser) -> None:
    _add_path(parser)
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_index(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("status", "build", "rebuild"),
        help="how it stands; read all that was not read yet; the same, from nothing",
    )
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_compress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="*", metavar="ID", help="these threads only, not all")
    parser.add_argument(
        "--older-than",
        type=_days,
        default=7,
        metavar="DAYS",
        help="what did not change for so many days (7)",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--archived", action="store_true", help="archived threads only")
    kind.add_argument("--active", action="store_true", help="threads that are not archived only")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask, on a terminal")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the thread (see `threadlog --help`)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")
    form.add_argument("--raw", action="store_true", help="the lines as they stand in the files")
    parser.add_argument(
        "--tail", type=_count, metavar="N", help="the last N turns (with --raw: lines)"
    )
    parser.add_argument("--full", action="store_true", help="tool output in full length")
    parser.add_argument("--no-pager", action="store_true", help="write to the terminal directly")


def _add_record(parser: argparse.ArgumentParser) -> None:
    parser.description = _RECORD
    parser.add_argument("--resume", metavar="ID", help="go on with a stored thread (`last` too)")
    parser.add_argument(
        "--force", action="store_true", help="with --resume: though it changed a moment ago"
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="with --resume: though another threadlog is recording it, which then stops",
    )
    parser.add_argument(
        "--cwd", metavar="DIR", help="its working directory (.); with --resume last: the last of it"
    )
    parser.add_argument("--source", metavar="TEXT", help="what kind of program it is of (cli)")
    parser.add_argument("--originator", metavar="TEXT", help="which program it is of (threadlog)")
    parser.add_argument("--model-provider", metavar="TEXT", help="who serves the model")
    parser.add_argument("--history-mode", choices=("legacy", "paginated"), help="(legacy)")
    parser.add_argument(
        "--base-instructions", metavar="FILE", help="a text file: the agent's instructions"
    )
    parser.add_argument("--json", action="store_true", help="print the id and path as JSON")


_MODULES = {
    "list": "listing",
    "latest": "latest",
    "show": "show",
    "path": "paths",
    "record": "record",
    "tree": "tree",
    "why": "why",
    "doctor": "doctor",
    "index": "index",
    "compress": "compress",
}
_COMMANDS = (
    ("list", _add_list, "the newest threads"),
    ("latest", _add_latest, "the thread that changed last"),
    ("show", _add_show, "one thread, readably"),
    ("path", _add_path, "where a thread's rollout lies"),
    ("tree", _add_tree, "threads with their subagents, reviews and forks"),
    ("why", _add_why, "what this list and Codex's own do with a thread, and why"),
    ("record", _add_record, "items on standard input become a thread, or go on with one"),
    ("doctor", _add_doctor, "how the home is: damage, index, modes, writers, what Codex hides"),
    ("index", _add_index, "the index behind listings: how it stands, build it"),
    ("compress", _add_compress, "threads that nobody changed for long take less room"),
)


def _moment(text: str) -> str:
    from threadlog.asking import moment_ms

    try:
        moment_ms(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"no moment: {error}") from None
    return text


def _something(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty text: leave the option out, or say which")
    return text


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return min(number, sys.maxsize)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days")
    return days


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
