"""`threadlog show` as its tests run it, at once or as it follows, and what it printed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from makers import THREAD, command, content, line

# What Codex says of a command before what the command said.
SAID = "Chunk ID: 1\nWall time: 1.26 seconds\nProcess exited with code 3\nOutput:\nhello\n"


def shown(home: Path, *words: str) -> str:
    """What is printed of the thread."""
    ran = command(home, "show", THREAD, *words)
    assert (ran.code, ran.err) == (0, "")
    return ran.out.decode()


def named(text: str) -> list[str]:
    """The turns of a transcript, by their lines."""
    rules = [each for each in text.split("\n") if each.startswith("── ")]
    return [each.split()[1] for each in rules]


def call(name: str, arguments: Any, output: str, number: int = 1) -> list[bytes]:
    """A call of a tool, and what came of it."""
    words = arguments if isinstance(arguments, str) else json.dumps(arguments)
    made = {"type": "function_call", "name": name, "arguments": words, "call_id": f"c{number}"}
    came = {"type": "function_call_output", "call_id": f"c{number}", "output": output}
    return [line("response_item", made), line("response_item", came)]


@contextlib.contextmanager
def following(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`show --follow`, in a process of its own."""
    arguments = [
        sys.executable,
        "-m",
        "threadlog",
        "show",
        THREAD,
        "-f",
        "--home",
        str(home),
        *words,
    ]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.kill()


def until(program: subprocess.Popen[str], wanted: str) -> str:
    """What is written up to a line with this in it."""
    assert program.stdout is not None
    text = ""
    for each in program.stdout:
        text += each
        if wanted in each:
            return text
    raise AssertionError(text)


def add(path: Path, raws: list[bytes]) -> None:
    """More lines."""
    with path.open("ab") as file:
        file.write(content(raws))
