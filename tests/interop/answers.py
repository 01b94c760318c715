"""What an agent is to answer, for Codex's model and for an agent of ours alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from interop import mock_model

Json = Any


class Answer(NamedTuple):
    """One response of a model: parts such as `said`; it may stay open, or fail.

    One with a command is followed by the next, for what the command came to.
    """

    parts: tuple[dict[str, str], ...] = ()
    pause: bool = False
    fail: str = ""

    def as_step(self) -> mock_model.Step:
        """For the model that Codex asks."""
        replies = tuple(_REPLIES[part["kind"]](part) for part in self.parts)
        return mock_model.Step(replies, self.pause, self.fail)

    def as_line(self) -> bytes:
        """For `interop.playing`."""
        return json.dumps(self._asdict()).encode() + b"\n"


def said(text: str, phase: str = "") -> dict[str, str]:
    """A message."""
    return {"kind": "message", "text": text, "phase": phase}


def thought(summary: str) -> dict[str, str]:
    """Reasoning with a summary."""
    return {"kind": "thought", "text": summary}


def ran(command: str, output: str) -> dict[str, str]:
    """A shell command, and what it prints."""
    return {"kind": "command", "text": command, "output": output}


def answer(*parts: dict[str, str]) -> Answer:
    """A whole answer."""
    return Answer(parts)


_REPLIES = {
    "message": lambda part: mock_model.say(part["text"], part["phase"] or None),
    "thought": lambda part: mock_model.think(part["text"]),
    "command": lambda part: mock_model.shell(part["text"]),
}


class Sheet(NamedTuple):
    """The files from which `interop.playing` takes its answers, and by which it is released."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What the agent must be given."""
        return {"THREADLOG_TEST_SHEET": str(self.folder)}

    @property
    def answers(self) -> Path:
        """One answer a line."""
        return self.folder / "answers.jsonl"

    @property
    def releases(self) -> Path:
        """One byte for each pause that is over."""
        return self.folder / "releases"

    def script(self, *answers: Answer) -> None:
        """More answers."""
        with self.answers.open("ab") as file:
            file.writelines(each.as_line() for each in answers)

    def count(self, what: str) -> int:
        """One more of something that happened; how many that makes, over all processes."""
        with (self.folder / what).open("ab") as file:
            file.write(b".")
            return file.tell()

    def release(self) -> None:
        """Let the answer that pauses end, or the next that will."""
        with self.releases.open("ab") as file:
            file.write(b".")
