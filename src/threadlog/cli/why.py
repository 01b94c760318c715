"""`threadlog why`: what our list and Codex's own do with one thread, and why."""

from __future__ import annotations

import argparse
import json

from threadlog.core import text
from threadlog.home import Home

JSON_VERSION = 1


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Say it in a few lines."""
    why = home.why(arguments.id)
    if arguments.json:
        print(json.dumps({"version": JSON_VERSION, "visibility": why._asdict()}, indent=1))
        return 0
    lines = [f"threadlog  {why.ours}", f"codex      {why.codex}"]
    lines += [f"note       {note}" for note in why.notes]
    print("\n".join(text.one_line(line) for line in lines))
    return 0
