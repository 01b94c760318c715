"""The words of `threadlog show`."""

from __future__ import annotations

import argparse

from threadlog.cli.values import moment, positive, turn


def add_show(parser: argparse.ArgumentParser) -> None:
    """The options of `show`."""
    parser.add_argument("id", metavar="ID", help="the thread (see `threadlog --help`)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")
    form.add_argument("--raw", action="store_true", help="the lines as they stand in the files")
    form.add_argument(
        "--plain", action="store_true", help="a transcript without colours, as it is piped"
    )
    part = parser.add_argument_group("which turns")
    part.add_argument(
        "--tail", type=positive, metavar="N", help="the last N turns (with --raw: lines)"
    )
    part.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="those that went on since then: 2026-11-25T13:00Z, or 2h (ago)",
    )
    part.add_argument(
        "--turn",
        type=turn,
        metavar="TURN",
        help="one: its id, a piece of it, 1 (the first), -1 (the last)",
    )
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on with what happens, until Ctrl-C"
    )
    parser.add_argument("--full", action="store_true", help="tool output in full length")
    parser.add_argument("--no-pager", action="store_true", help="write to the terminal directly")
