"""The options of `threadlog search`."""

from __future__ import annotations

import argparse
from typing import Any

from threadlog.cli.values import moment, positive, something

_SEARCH = """\
What was said and done in all threads, archived ones too: messages, reasoning, plans, commands and
what came of them, patches and paths.  All words have to stand in one passage; words given together
('no such file') or in quotation marks one behind the other; pars* begins a word.  role: tool: cwd:
branch: after: before: and in: narrow, as the options do (docs/search.md).
"""


def add_search(parser: argparse.ArgumentParser) -> None:
    """Those of the search."""
    parser.description = _SEARCH
    parser.add_argument("query", nargs="+", metavar="WORD", help="what to look for")
    parser.add_argument(
        "--exact", action="store_true", help="the text as it stands, in either case of letters"
    )
    parser.add_argument("--relevance", action="store_true", help="the best first, not the newest")
    parser.add_argument("--limit", type=positive, default=20, metavar="N", help="so many (20)")
    parser.add_argument("--cursor", metavar="TEXT", help="go on after an earlier page")
    parser.add_argument("--count", action="store_true", help="count all that is found")
    parser.add_argument(
        "--copies", action="store_true", help="also what forks copied, not only in its origin"
    )
    _add_filters(parser.add_argument_group("only passages"))
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md)")


def _add_filters(only: Any) -> None:
    only.add_argument(
        "--role",
        action="append",
        type=something,
        help="said by: user, agent, reasoning, plan, tool, output, error (repeatable)",
    )
    only.add_argument("--tool", action="append", type=something, help="of this tool (repeatable)")
    only.add_argument(
        "--in", dest="within", action="append", type=something, metavar="ID", help="of this thread"
    )
    only.add_argument("--after", type=moment, metavar="TIME", help="from then on: 7d, 2026-11-25")
    only.add_argument("--before", type=moment, metavar="TIME", help="before then")
    only.add_argument(
        "--cwd", action="append", type=something, metavar="DIR", help="of this directory"
    )
    only.add_argument("--branch", type=something, help="of this git branch")
    only.add_argument("--repository", type=something, metavar="REPO", help="of this repository")
    only.add_argument(
        "--source", action="append", type=something, help="of this source: cli, exec, ..."
    )
    kind = only.add_mutually_exclusive_group()
    kind.add_argument("--archived", action="store_true", help="of archived threads")
    kind.add_argument("--active", action="store_true", help="of threads that are not archived")
