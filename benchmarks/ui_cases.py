"""How long until `threadlog ui` can be used, in a terminal of its own: prints numbers as JSON.

    python benchmarks/ui_cases.py usable HOME
    python benchmarks/ui_cases.py used HOME
    python benchmarks/ui_cases.py import

`usable` is from the start of the process until the first row of the list is on the screen, and
until it has answered a key: the second row is then the one that is meant.  `used` goes to the last
thread, and types a title, once the program has been there for a while.  `import` is `import
textual` alone.
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
_SETTLED_S = 15.0
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

    def type(self, keys: bytes) -> float:
        """As somebody who sits there; seconds from the start."""
        while select.select([self._fd], [], [], 0)[0]:
            os.read(self._fd, 1 << 16)
        self.written = b""
        os.write(self._fd, keys)
        return time.perf_counter() - self.begun

    def end(self) -> None:
        """It is not needed any more."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._fd)


def _begun(home: str) -> _Terminal:
    return _Terminal([sys.executable, "-m", "threadlog", "--home", home, "ui"], 24, 80)


def _shown(title: str) -> str:
    return one_line(title)[:_WHOLE_TITLE]


def usable(home: str) -> dict[str, float]:
    """The list, and an answer to a key."""
    with threadlog.open(home) as opened:
        first = opened.threads(limit=1)[0]
    terminal = _begun(home)
    try:
        shown = terminal.until(_shown(first.title))
        terminal.type(b"j")
        answered = terminal.until("2 of ")
    finally:
        terminal.end()
    return {"seconds": shown, "answered_s": answered}


def used(home: str) -> dict[str, float]:
    """From a key until what it asks for is there."""
    with threadlog.open(home) as opened:
        count = opened.count()
        last = opened.threads(limit=1, ascending=True)[0]
    terminal = _begun(home)
    try:
        terminal.until(f"of {count:,} threads")
        time.sleep(_SETTLED_S)
        begun = terminal.type(b"G")
        end = terminal.until(_shown(last.title)) - begun
        terminal.type(b"t")
        terminal.until("\x1b")
        time.sleep(1)
        begun = terminal.type(_shown(last.title).encode())
        titles = terminal.until("1 of ") - begun
    finally:
        terminal.end()
    return {"end_ms": end * 1000, "titles_ms": titles * 1000}


def import_alone() -> dict[str, float]:
    """A Python that imports textual, and nothing else."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import textual"], check=True)
    return {"seconds": time.perf_counter() - begun}


def main(words: list[str]) -> None:
    """Run the case that the words name."""
    cases = {"usable": usable, "used": used}
    print(json.dumps(cases[words[0]](words[1]) if words[0] in cases else import_alone()))


if __name__ == "__main__":
    main(sys.argv[1:])
