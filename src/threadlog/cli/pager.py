"""The pager: long output on a terminal goes through it, nothing else does."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO, cast


@contextlib.contextmanager
def paged(*, wanted: bool) -> Iterator[TextIO]:
    """Where to write: through $PAGER (or less) on a terminal if *wanted*, else standard output."""
    command = _command() if wanted and sys.stdout.isatty() else []
    if not command:
        yield sys.stdout
        return
    import signal
    import subprocess

    environment = {"LESS": "FRX", **os.environ}
    pager = subprocess.Popen(  # noqa: S603 -- the user chose the command
        command, stdin=subprocess.PIPE, env=environment, text=True, errors="replace"
    )
    assert pager.stdin is not None
    # Ctrl-C is the pager's while it runs: the terminal is its own until the reader quits it.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield cast("TextIO", pager.stdin)
    except BrokenPipeError:
        pass  # the reader has seen enough
    finally:
        with contextlib.suppress(BrokenPipeError):
            pager.stdin.close()
        pager.wait()
        signal.signal(signal.SIGINT, interrupt)


def _command() -> list[str]:
    """The pager and its arguments; [] if there is none."""
    import shlex
    import shutil

    try:
        command = shlex.split(os.environ.get("PAGER", "less"))
    except ValueError:  # an unbalanced quote
        return []
    return command if command and shutil.which(command[0]) else []
