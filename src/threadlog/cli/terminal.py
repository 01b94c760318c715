"""What the terminal can do: width, colour, a pager; none of it where there is no terminal."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from typing import NamedTuple, TextIO, cast

BOLD, DIM, CYAN, GREEN, RED, YELLOW = "1", "2", "36", "32", "31", "33"


class Style(NamedTuple):
    """How to write to a stream; `columns` is 0 where nobody looks at it."""

    columns: int
    colour: bool

    @classmethod
    def of(cls, stream: TextIO) -> Style:
        """The style that suits *stream* and $NO_COLOR, $TERM."""
        if not stream.isatty():
            return cls(0, colour=False)
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(shutil.get_terminal_size().columns, colour=not plain)

    def paint(self, line: str, *codes: str) -> str:
        """*line* in colour, if there is any."""
        return f"\x1b[{';'.join(codes)}m{line}\x1b[0m" if self.colour and line else line


@contextlib.contextmanager
def paged(*, wanted: bool) -> Iterator[TextIO]:
    """Where to write: through $PAGER (or less) on a terminal if *wanted*, else standard output."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not wanted or not sys.stdout.isatty() or not command or not shutil.which(command[0]):
        yield sys.stdout
        return
    import subprocess

    environment = {"LESS": "FRX", **os.environ}
    pager = subprocess.Popen(
        command, stdin=subprocess.PIPE, env=environment, text=True, errors="replace"
    )
    assert pager.stdin is not None
    try:
        yield cast("TextIO", pager.stdin)
    except BrokenPipeError:
        pass  # the reader has seen enough
    finally:
        with contextlib.suppress(BrokenPipeError):
            pager.stdin.close()
        pager.wait()
