"""The words of the command line: its commands, their options, and the help on them.

Imports next to nothing, as `main`.
"""

from __future__ import annotations

import argparse
from functools import cache

from threadlog import __version__
from threadlog.cli.export_words import add_export
from threadlog.cli.search_words import add_search
from threadlog.cli.served_words import add_app_server, add_chat, add_serve, add_ui
from threadlog.cli.show_words import add_show
from threadlog.cli.stats_words import add_stats
from threadlog.cli.values import days, moment, number, positive, something

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


_RESUME = """\
Go on with a stored thread, as its only writer: a compressed one is made plain, and items on
standard input are recorded, as `threadlog record` does.  On a terminal it only says whether the
thread can be gone on with, and where it lies.
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help of one width everywhere; asking for the terminal's costs every start an import."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=100)


@cache
def parser(called: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line; `command` says which command was called.

    If it is known which one that is, only its words are made: making all takes as long as a list.
    """
    shared = argparse.ArgumentParser(add_help=False, formatter_class=_Help)
    shared.add_argument(
        "--home",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="the home (default: $THREADLOG_HOME, $CODEX_HOME, ~/.codex)",
    )
    whole = argparse.ArgumentParser(
        prog="threadlog",
        description="Find, read and record the threads of AI agents, as Codex keeps them.",
        epilog=_EPILOG,
        formatter_class=_Help,
        parents=[shared],
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"threadlog {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, add, summary in _COMMANDS:
        if called not in (None, name):
            continue
        add(
            commands.add_parser(
                name, parents=[shared], formatter_class=_Help, help=summary, allow_abbrev=False
            )
        )
    return whole


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="the thread (see `threadlog --help`)")


def _add_list(parser: argparse.ArgumentParser) -> None:
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--all", action="store_true", help="all threads, not the 50 newest")
    amount.add_argument("--limit", type=positive, default=50, metavar="N", help="so many (50)")
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
        type=something,
        help="of this working directory (repeatable)",
    )
    only.add_argument(
        "--text", type=something, metavar="TEXT", help="with this in the name or first message"
    )
    only.add_argument(
        "--source",
        type=something,
        action="append",
        help="of this source: cli, exec, subagent, ...",
    )
    only.add_argument("--provider", type=something, action="append", help="of this model provider")
    only.add_argument("--branch", type=something, help="of this git branch")
    only.add_argument(
        "--repository",
        type=something,
        metavar="REPO",
        help="of this repository: an address, or its end",
    )
    only.add_argument(
        "--since", metavar="TIME", type=moment, help="from then on: 2026-11-25T13:00Z, or 7d (ago)"
    )
    only.add_argument("--until", metavar="TIME", type=moment, help="before then")
    only.add_argument("--parent", type=something, metavar="ID", help="that this thread began")
    only.add_argument("--forked-from", type=something, metavar="ID", help="forked from this one")
    only.add_argument("--codex", action="store_true", help="that Codex's own list shows by default")


def _add_stats(parser: argparse.ArgumentParser) -> None:
    add_stats(parser)
    _add_filters(parser)


def _add_latest(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cwd", type=something, metavar="DIR", help="of this working directory")
    parser.add_argument("--archived", action="store_true", help="of the archived threads")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_tree(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", metavar="ID", nargs="?", help="of this thread (see `threadlog --help`)"
    )
    parser.add_argument("--archived", action="store_true", help="of the archived threads instead")
    parser.add_argument("--limit", type=positive, metavar="N", help="of so many threads (50)")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_why(parser: argparse.ArgumentParser) -> None:
    _add_path(parser)
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mend", action="store_true", help="have Codex's rows follow the files, where they do not"
    )
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_index(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=("status", "build", "rebuild"),
        help="how it stands; read all that was not read yet; the same, from nothing",
    )
    parser.add_argument(
        "--search", action="store_true", help="of the words of what was said, for searches"
    )
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_compress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="*", metavar="ID", help="these threads only, not all")
    parser.add_argument(
        "--older-than",
        type=days,
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


def _add_ids(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="+", help="threads (see `threadlog --help`)")


def _add_outcome(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_moving(parser: argparse.ArgumentParser) -> None:
    _add_ids(parser)
    _add_outcome(parser)


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask on a terminal")


def _add_delete(parser: argparse.ArgumentParser) -> None:
    _add_moving(parser)
    _add_yes(parser)
    parser.add_argument("--purge", action="store_true", help="for good, not into the trash")


def _add_purge(parser: argparse.ArgumentParser) -> None:
    _add_moving(parser)
    _add_yes(parser)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_rename(parser: argparse.ArgumentParser) -> None:
    _add_path(parser)
    parser.add_argument("name", metavar="NAME", type=something, help="what to call it")
    _add_outcome(parser)


def _add_rollback(parser: argparse.ArgumentParser) -> None:
    _add_path(parser)
    parser.add_argument(
        "turns", metavar="N", nargs="?", type=positive, default=1, help="so many of its turns (1)"
    )
    _add_outcome(parser)


def _add_revert(parser: argparse.ArgumentParser) -> None:
    _add_path(parser)
    parser.add_argument("--before", metavar="TURN", required=True, help="as `show` names it")
    _add_outcome(parser)


def _add_fork(parser: argparse.ArgumentParser) -> None:
    _add_ids(parser)
    cut = parser.add_mutually_exclusive_group()
    cut.add_argument("--through", metavar="TURN", help="up to the end of this turn")
    cut.add_argument("--before", metavar="TURN", help="up to the beginning of this turn")
    cut.add_argument(
        "--message", metavar="N", type=number, help="up to the user's message N, from 0"
    )
    parser.add_argument("--cwd", metavar="DIR", type=something, help="its working directory")
    _add_outcome(parser)


def _add_resume(parser: argparse.ArgumentParser) -> None:
    parser.description = _RESUME
    parser.add_argument("resume", metavar="ID", help="the thread (see `threadlog --help`)")
    parser.add_argument("--cwd", metavar="DIR", help="with `last`: the last of this directory")
    parser.add_argument("--force", action="store_true", help="though it changed a moment ago")
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="though another threadlog is recording it, which then stops",
    )
    parser.add_argument("--json", action="store_true", help="print the id and path as JSON")
    absent = ("source", "originator", "model_provider", "history_mode", "base_instructions")
    parser.set_defaults(**dict.fromkeys(absent))


MODULES = {
    "list": "listing",
    "latest": "latest",
    "search": "search",
    "show": "show",
    "export": "export",
    "path": "paths",
    "record": "record",
    "tree": "tree",
    "stats": "stats",
    **dict.fromkeys(("archive", "unarchive", "delete", "restore", "purge"), "verbs"),
    **dict.fromkeys(("rename", "rollback", "revert", "fork", "resume"), "changes"),
    "trash": "trash",
    "why": "why",
    "doctor": "doctor",
    "index": "index",
    "compress": "compress",
    "app-server": "app_server",
    "chat": "chat",
    "ui": "ui",
    "serve": "serve",
}
_COMMANDS = (
    ("list", _add_list, "the newest threads"),
    ("latest", _add_latest, "the thread that changed last"),
    ("search", add_search, "what was said and done in threads, found"),
    ("show", add_show, "one thread, readably"),
    ("export", add_export, "threads as one file, without secrets: html, md, json, jsonl"),
    ("path", _add_path, "where a thread's rollout lies"),
    ("tree", _add_tree, "threads with their subagents, reviews and forks"),
    ("stats", _add_stats, "what threads used: tokens, turns, tools, time"),
    ("why", _add_why, "what this list and Codex's own do with a thread, and why"),
    ("resume", _add_resume, "go on with a stored thread: items on standard input"),
    ("fork", _add_fork, "begin a thread with what another one holds"),
    ("rename", _add_rename, "call a thread something"),
    ("rollback", _add_rollback, "the last turns of a legacy thread count no more"),
    ("revert", _add_revert, "a paginated thread goes on from before a turn"),
    ("archive", _add_moving, "put threads, and their subagents, into the archive"),
    ("unarchive", _add_moving, "put archived threads back"),
    ("delete", _add_delete, "put threads, and their subagents, into the trash"),
    ("trash", _add_json, "what was deleted, and until when it is kept"),
    ("restore", _add_moving, "put threads back from the trash"),
    ("purge", _add_purge, "remove threads in the trash for good"),
    ("record", _add_record, "items on standard input become a thread, or go on with one"),
    (
        "doctor",
        _add_doctor,
        "how the home is: damage, index, Codex's rows, modes, writers, what Codex hides",
    ),
    ("index", _add_index, "the indexes behind listings and searches: how they stand, build them"),
    ("compress", _add_compress, "threads that nobody changed for long take less room"),
    ("app-server", add_app_server, "Codex's app-server over these threads, with your agent"),
    ("chat", add_chat, "talk to an agent in the terminal"),
    ("ui", add_ui, "look through threads, search and read them, on a full screen"),
    ("serve", add_serve, "the same in a browser on this machine"),
)
