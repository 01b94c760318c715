"""What the terminal can do: width and colour; none of it where there is no terminal."""

from __future__ import annotations

import os
from typing import NamedTuple, TextIO

from threadlog.core.text import with_tilde

BOLD, DIM, CYAN, GREEN, RED, YELLOW = "1", "2", "36", "32", "31", "33"


def is_terminal(stream: TextIO | None) -> bool:
    """True if somebody sits there; False for a stream that was closed before we began."""
    return stream is not None and stream.isatty()


class Style(NamedTuple):
    """How to write to a stream; `columns` is 0 where nobody looks at it."""

    columns: int
    colour: bool

    @classmethod
    def of(cls, stream: TextIO, *, plain: bool = False) -> Style:
        """The style that suits *stream* and $NO_COLOR, $TERM; that of no terminal if *plain*."""
        if plain or not stream.isatty():
            return cls(0, colour=False)
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        return cls(_columns(stream), colour=not plain)

    def paint(self, line: str, *codes: str) -> str:
        """*line* in colour, if there is any."""
        return f"\x1b[{';'.join(codes)}m{line}\x1b[0m" if self.colour and line else line


def _columns(stream: TextIO) -> int:
    """The terminal's width; $COLUMNS says otherwise."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80


def size_text(count: int) -> str:
    """A number of bytes as people say it."""
    amount, units = float(count), ["B", "KB", "MB", "GB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        del units[0]
    return f"{amount:.0f} {units[0]}" if amount >= 10 else f"{amount:.1f} {units[0]}"


def folder(cwd: str | None) -> str:
    """A working directory as people write it, with ~ for their own."""
    return "-" if cwd is None else with_tilde(cwd, os.path.expanduser("~"))
