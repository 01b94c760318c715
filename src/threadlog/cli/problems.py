"""What is no whole line of a rollout, as `show` tells it; and JSON that is safe on a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from threadlog.core.framing import Gap
from threadlog.core.lines import Json, reason_of

if TYPE_CHECKING:
    from threadlog.core.history import Value

# More problems than this are counted, not listed.
PROBLEMS_LISTED = 1000
_PROBLEMS_PRINTED = 5


class Problems:
    """What was not a whole line, as plain JSON."""

    def __init__(self) -> None:
        self.listed: list[dict[str, Json]] = []
        self.count = 0

    def add(self, path: str, value: Value) -> None:
        """Take note of one."""
        self.count += 1
        if self.count <= PROBLEMS_LISTED:
            self.listed.append(problem(path, value))


def problem(path: str, value: Value) -> dict[str, Json]:
    """A place where the files do not hold whole lines, as plain JSON."""
    return {
        "path": path or None,
        "offset": value.offset,
        "length": 0 if isinstance(value, Gap) else getattr(value, "length", 0),
        "reason": reason_of(value),
    }


def note_problems(note: Callable[[str], None], problems: Problems, newest: str) -> None:
    """Say the first of them below a transcript; the path of the *newest* rollout goes without."""
    for problem in problems.listed[:_PROBLEMS_PRINTED]:
        place = f"byte {problem['offset']}"
        if problem["path"] not in (None, newest):
            place += f" of {problem['path']}"
        note(f"not shown: {problem['reason'].partition(': ')[2]}, at {place}")
    if problems.count > _PROBLEMS_PRINTED:
        note(f"and {problems.count - _PROBLEMS_PRINTED} more (threadlog show --json)")


def ascii_json(encoded: bytes) -> str:
    """JSON text in ASCII: no character of a thread reaches a terminal raw."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded.decode()
    return json.dumps(json.loads(encoded), separators=(",", ":"))
