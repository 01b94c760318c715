"""How long until `threadlog ui` can be used, in a terminal of its own: prints numbers as JSON.

    python benchmarks/ui_cases.py usable HOME [ROWS COLUMNS]
    python benchmarks/ui_cases.py import

`usable` is from the start of the process until the first row of the list is on the screen, and it
answers a key: the second row is then the one that is meant.  `import` is `import textual` alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import threadlog
from threadlog.core.text import one_line

_WAIT_S = 60.0
_WHOLE_TITLE = 12  # characters of a title that are on the screen at any width


class _Terminal:
    """A process in a terminal, and what it has written there."""

    def __init__(self, words: list[str], rows: int, columns: int) -> None:
        self.begun = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            size = struct.pack("HHHH", rows, columns, 0, 0)
            fcntl.ioctl(1, termios.TIOCSWINSZ, size)
            os.execv(words[0], words)
        self.written = b""

    def until(self, text: str) -> float:
        """Seconds from the start until *text* was written."""
        end = time.monotonic() + _WAIT_S
        while text.encode() not in self.written:
            if not select.select([self._fd], [], [], end - time.monotonic())[0]:
                raise TimeoutError(f"{text!r} did not come")
            self.written += os.read(self._fd, 1 << 16)
        return time.perf_counter() - self.begun

    def type(self, keys: bytes) -> None:
        """As somebody who sits there."""
        self.written = b""
        os.write(self._fd, keys)

    def end(self) -> None:
        """It is not needed any more."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


def usable(home: str, rows: int, columns: int) -> dict[str, float]:
    """The list, and an answer to a key."""
    with threadlog.open(home) as opened:
        first = opened.threads(limit=1)[0]
    words = [sys.executable, "-m", "threadlog", "--home", home, "ui"]
    terminal = _Terminal(words, rows, columns)
    try:
        shown = terminal.until(one_line(first.title)[:_WHOLE_TITLE])
        terminal.type(b"j")
        answered = terminal.until("2 of ")
    finally:
        terminal.end()
    return {"seconds": shown, "answered_s": answered}


def import_alone() -> dict[str, float]:
    """A Python that imports textual, and nothing else."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import textual"], check=True)
    return {"seconds": time.perf_counter() - begun}


def main(words: list[str]) -> None:
    """Run the case that the words name."""
    if words[0] == "usable":
        rows, columns = (int(words[2]), int(words[3])) if words[2:] else (24, 80)
        print(json.dumps(usable(words[1], rows, columns)))
    else:
        print(json.dumps(import_alone()))


if __name__ == "__main__":
    main(sys.argv[1:])
