"""`threadlog ui` as a command: in a terminal, and where it cannot be."""

from __future__ import annotations

import importlib.util
import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from screens import put_turns

import threadlog
from makers import command
from threadlog.cli import ui


def test_without_a_terminal_it_says_so(home: Path) -> None:
    ran = command(home, "ui")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == ("threadlog: the ui needs a terminal; `threadlog list` is for programs\n")


def test_without_textual_it_names_the_extra(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "find_spec", lambda _name: None)
    ran = command(home, "ui")
    assert ran.code == 1
    assert ran.err == "threadlog: the ui needs textual: pip install 'threadlog[ui]'\n"


def test_in_a_terminal_it_shows_the_threads_and_goes_when_asked(home: Path) -> None:
    put_turns(home, 1, ["a question of mine"])
    mine, theirs = pty.openpty()
    words = [sys.executable, "-m", "threadlog", "--home", str(home), "ui"]
    folder = str(Path(threadlog.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": folder, "TERM": "xterm-256color"}
    with subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        written, asked, end = b"", False, time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            if select.select([mine], [], [], 0.1)[0]:
                try:
                    written += os.read(mine, 1 << 16)
                except OSError:  # it is gone
                    break
            if not asked and b"a question of mine" in written and b"1 of 1 threads" in written:
                asked = bool(os.write(mine, b"q"))
        assert process.wait(10) == 0, written
    os.close(mine)
    assert asked
    assert b"Traceback" not in written


def test_listing_threads_does_not_load_textual() -> None:
    code = "import sys, threadlog.cli.words, threadlog.cli.ui, threadlog; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(threadlog.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert importlib.util.find_spec("textual") is not None
    assert not {"textual", "rich", "threadlog.ui"} & set(loaded)
