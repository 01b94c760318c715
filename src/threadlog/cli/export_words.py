"""The words of `threadlog export`."""

from __future__ import annotations

import argparse

from threadlog.core.export import FORMATS

_EXPORT = """\
Write threads as one file, to hand on or to keep: html (opens by itself), md (to paste), json
(docs/export.md) or jsonl (the threads' own lines).  In html and md secrets are replaced unless
--keep-secrets is given, in json and jsonl if --redact asks for it; standard error says what was
replaced and where, never the value.
"""


def add_export(parser: argparse.ArgumentParser) -> None:
    """The options of `export`."""
    parser.description = _EXPORT
    parser.add_argument("id", metavar="ID", nargs="+", help="threads (see `threadlog --help`)")
    parser.add_argument("--format", choices=FORMATS, help="(by the name of FILE, else html)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write here, for you alone, not to standard output"
    )
    parser.add_argument(
        "--turns",
        type=_turns,
        metavar="A..B",
        help="these only: 3..7, 5.., ..2, 4; -3.. the last",
    )
    redaction = parser.add_mutually_exclusive_group()
    redaction.add_argument(
        "--redact",
        type=_redact,
        metavar="WHAT",
        help="replace these: secrets, paths (of users' folders), email, some by commas, or all",
    )
    redaction.add_argument("--keep-secrets", action="store_true", help="replace nothing")
    parser.add_argument(
        "--rules", metavar="FILE", help="a table of rules besides the built-in ones (TOML)"
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")


def _turns(text: str) -> tuple[int | None, int | None]:
    first, dots, last = text.partition("..")
    try:
        ends = (_end(first), _end(last)) if dots else (_end(text), _end(text))
    except ValueError:
        ends = (0, 0)
    if 0 in ends or ends == (None, None):
        raise argparse.ArgumentTypeError(f"{text!r} is no range of turns such as 3..7, 5.. or -3..")
    return ends


def _end(text: str) -> int | None:
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise ValueError
    return int(text)


def _redact(text: str) -> tuple[str, ...]:
    from threadlog.core.redaction_rules import REDACTIONS

    wanted = [each.strip() for each in text.split(",")]
    if wanted == ["all"]:
        return REDACTIONS
    if unknown := next((each for each in wanted if each not in REDACTIONS), None):
        raise argparse.ArgumentTypeError(f"{unknown!r} is none of {', '.join(REDACTIONS)}, all")
    if not all(wanted):
        raise argparse.ArgumentTypeError(f"say what of {', '.join(REDACTIONS)}, or all")
    return tuple({"secrets", *wanted})
