"""`threadlog trash`: what was deleted, and until when it is kept."""

from __future__ import annotations

import argparse
import json

from threadlog.cli.terminal import size_text
from threadlog.core import ids, text
from threadlog.home import Home

JSON_VERSION = 1


def run(home: Home, arguments: argparse.Namespace) -> int:
    """A line for each thread in the trash, the one deleted last first."""
    trashed = home.trash()
    if arguments.json:
        told = {"version": JSON_VERSION, "threads": [each.as_dict() for each in trashed]}
        print(json.dumps(told, indent=1))
        return 0
    for each in trashed:
        cells = (
            each.deleted[:16].replace("T", " "),
            f"until {each.until[:10]}",
            f"{size_text(each.size_bytes):>9}",
            ids.short_id(each.id),
            each.title or "(no message yet)",
        )
        print("  ".join(text.one_line(cell) for cell in cells))
    return 0
