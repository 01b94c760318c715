"""Changes of files as an agent makes them: which file, which lines came and went."""

from __future__ import annotations

import re
from typing import NamedTuple

from threadlog.core.items.values import FileChangeKind

_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_FILE = re.compile(r"\*\*\* (Add|Update|Delete) File: (.*)")
_MOVE = "*** Move to: "


class Change(NamedTuple):
    """What happened to one file; the lines begin with +, -, @@ or a space."""

    verb: str
    path: str
    lines: list[str]
    moved_to: str | None = None

    @property
    def added(self) -> int:
        """The lines that came."""
        return sum(line.startswith("+") for line in self.lines)

    @property
    def removed(self) -> int:
        """The lines that went."""
        return sum(line.startswith("-") for line in self.lines)


def change_of(path: str, kind: FileChangeKind) -> Change:
    """The change of one file as a turn item tells it: as a diff, or with all that the file held."""
    if kind.unified_diff:
        lines = _without_head(kind.unified_diff.rstrip("\n").split("\n"))
    else:
        sign = "-" if kind.type == "delete" else "+"
        held = kind.content.removesuffix("\n").split("\n") if kind.content else []
        lines = [sign + line for line in held]
    return Change(kind.type, path, lines, kind.move_path)


def patch_in(words: str) -> list[Change]:
    """The changes of a patch in the form of `apply_patch`; none if *words* hold none."""
    _before, begun, rest = words.partition(_BEGIN)
    if not begun:
        return []
    changes: list[Change] = []
    for line in rest.split("\n"):
        line = line.removesuffix("\r")  # noqa: PLW2901
        if line.strip() == _END:
            break
        if (found := _FILE.fullmatch(line)) is not None:
            changes.append(Change(found[1].lower(), found[2], []))
        elif changes and line.startswith(_MOVE):
            changes[-1] = changes[-1]._replace(moved_to=line[len(_MOVE) :])
        elif changes and line.startswith(("+", "-", " ", "@@")):
            changes[-1].lines.append(line)
    return changes


def _without_head(lines: list[str]) -> list[str]:
    """A unified diff without the names of its two files, which are said already."""
    if len(lines) > 1 and lines[0].startswith("--- ") and lines[1].startswith("+++ "):
        return lines[2:]
    return lines
