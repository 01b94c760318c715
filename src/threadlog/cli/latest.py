"""`threadlog latest`: the thread that changed last, to go on with."""

from __future__ import annotations

import argparse
import json

from threadlog.core import text
from threadlog.errors import NotFound
from threadlog.home import Home

JSON_VERSION = 1


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Print its id, its path and its title; raises NotFound."""
    thread = home.find_latest(cwd=arguments.cwd, archived=arguments.archived)
    if thread is None:
        where = f" of {arguments.cwd}" if arguments.cwd else ""
        which = "archived thread" if arguments.archived else "thread"
        raise NotFound(f"no {which}{where} in {home.path} yet")
    if arguments.json:
        print(json.dumps({"version": JSON_VERSION, "thread": thread.as_dict()}, indent=1))
    else:
        cells = (thread.id or "-", thread.path, thread.title or "(no message yet)")
        print("\t".join(text.one_line(cell) for cell in cells))
    return 0
