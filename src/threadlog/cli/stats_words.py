"""The words of `threadlog stats`, beside those that choose threads."""

from __future__ import annotations

import argparse

_ABOUT = """\
Tokens, turns and their time, and calls of tools, added up.  Each thread counts its own part: what
a fork copied or a thread inherited counts once.  Archived threads count, too.  --since and --until
bound when things happened, to a quarter of an hour.
"""


def add_stats(parser: argparse.ArgumentParser) -> None:
    """How to add up, and how to show it."""
    parser.description = _ABOUT
    parser.add_argument(
        "--by",
        choices=("day", "project", "model", "tool", "source", "thread"),
        default="day",
        help="add up by (day); project: the git repository, else the folder",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--archived", action="store_true", help="archived threads only")
    kind.add_argument("--active", action="store_true", help="threads that are not archived only")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")
    form.add_argument("--plot", action="store_true", help="bars in the terminal")
    form.add_argument(
        "--png", metavar="FILE", help="draw it into a file (pip install threadlog[plot])"
    )
