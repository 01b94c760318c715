"""`threadlog path`: where a thread's rollout lies, for other programs."""

from __future__ import annotations

import argparse
import sys

from threadlog.core import text
from threadlog.home import Home


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Print the path; byte for byte where a program reads it."""
    path = home.get(arguments.id).path
    if sys.stdout.isatty():
        print(text.printable(path).replace("\n", "\u240a"))
    else:
        sys.stdout.buffer.write(path.encode(errors="surrogateescape") + b"\n")
    return 0
