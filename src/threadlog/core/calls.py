"""What tools were called with, and what came of it, as far as their calls tell it themselves."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from threadlog.core import text
from threadlog.core.context import content_texts
from threadlog.core.items.values import Duration
from threadlog.core.lines import BadLine, Json, parse_json

# Arguments of a tool, as one line.
ARGUMENTS_CHARS = 400
_SHELLS = (["-c"], ["-lc"])
# What Codex says of a command before what the command said.
_SAID = re.compile(
    r"(?:Chunk ID: .*\n)?(?:Exit code: (?P<code>-?\d+)\n)?"
    r"(?:Wall time: (?P<s>[\d.]{1,12}) seconds\n)?"
    r"(?:Process exited with code (?P<exit>-?\d+)\n|Process running with session ID .*\n)?"
    r"(?:Original token count: \d+\n)?Output:\n(?:Total output lines: \d+\n\n)?"
)


class Outcome(NamedTuple):
    """What came of a call."""

    said: str = ""
    exit_code: int | None = None
    ms: int | None = None
    status: str | None = None


def output_text(output: Json) -> str:
    """What a tool answered, as text; images are named, not shown."""
    if output is None:
        return ""
    if isinstance(output, str):
        return output
    if isinstance(output, dict) and isinstance(output.get("content"), (str, list)):
        output = output["content"]
    if isinstance(output, (list, tuple)):
        images = sum("image" in str(p.get("type")) for p in output if isinstance(p, dict))
        return "\n".join([*content_texts(list(output)), *["[image]"] * images])
    return output if isinstance(output, str) else compact(output)


def call_outcome(output: Json) -> Outcome:
    """What a call said: without what Codex says of it first, which is told by itself."""
    said = output_text(output)
    if said.startswith("{") and isinstance(given := json_of(said), dict):
        metadata = given.get("metadata")
        if isinstance(given.get("output"), str) and isinstance(metadata, dict):
            code, seconds = metadata.get("exit_code"), metadata.get("duration_seconds")
            ms = _ms(seconds) if isinstance(seconds, (int, float)) else None
            return Outcome(given["output"], code if isinstance(code, int) else None, ms)
    if (found := _SAID.match(said)) is None:
        return Outcome(said)
    code_text = found["code"] or found["exit"]
    code = int(code_text) if code_text and len(code_text) < 12 else None
    return Outcome(said[found.end() :], code, _ms(found["s"]) if found["s"] else None)


def _ms(seconds: str | float) -> int | None:
    try:
        return int(float(seconds) * 1000)
    except (ValueError, OverflowError):
        return None


def shell_command(given: dict[str, Json]) -> str:
    """The command that a shell tool was called with; "" for other tools."""
    command = given.get("cmd", given.get("command"))
    if isinstance(command, list):
        return shell_words([str(word) for word in command])
    return command if isinstance(command, str) else ""


def shell_words(words: list[str]) -> str:
    """A command as people write it: what a shell was told to run, else the words themselves."""
    return words[2] if len(words) == 3 and words[1:2] in _SHELLS else " ".join(words)


def json_of(words: str) -> Json:
    """What *words* are as JSON; None for what is none."""
    try:
        return parse_json(words.encode(errors="replace"))
    except BadLine:
        return None


def compact(value: Json) -> str:
    """A value as JSON on one line, cut where it gets long; "" for None."""
    if value is None:
        return ""
    try:
        return text.fit(json.dumps(value, ensure_ascii=False), ARGUMENTS_CHARS)
    except RecursionError:
        return text.ELLIPSIS


def json_text(value: Json) -> str:
    """A value as it is told in an export: a text as it stands, else its JSON; "" for None."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError, TypeError):
        return text.ELLIPSIS


def duration_ms(duration: object) -> int | None:
    """How long something took, where its rollout tells it as a duration."""
    return duration.ms if isinstance(duration, Duration) else None


def finding_place(location: Json) -> str:
    """Where a finding of a review stands."""
    if not isinstance(location, dict):
        return ""
    lines = location.get("line_range")
    span = ""
    if isinstance(lines, dict) and lines.get("start") is not None:
        span = f":{lines['start']}"
        span += f"-{lines['end']}" if lines.get("end") not in (None, lines["start"]) else ""
    return f"{location.get('absolute_file_path') or ''}{span}"
