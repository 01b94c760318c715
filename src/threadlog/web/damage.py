"""Damage that was met while turns were read: told where it stands, between them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from threadlog.core.boundaries import Spot
from threadlog.core.decode import Line
from threadlog.core.lines import not_shown
from threadlog.html import turns as html
from threadlog.html.markup import Html

if TYPE_CHECKING:
    from threadlog.core.history import Value

# So many places are known at most, and so many are told behind one turn.
KNOWN, TOLD = 1000, 5


class Damage:
    """What of a thread's rollouts is no whole line, as far as they were read."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], str] = {}

    def note(self, path: str, value: Value) -> None:
        """Take note of one place."""
        if len(self._found) < KNOWN and not isinstance(value, Line):
            self._found[path, value.offset] = not_shown(value)

    def remarks(self, paths: Sequence[str], first: Spot | None, end: Spot | None) -> list[Html]:
        """What stands from one spot of the rollouts at *paths* to another, as remarks."""
        places = sorted(
            (paths.index(path), offset, path, said)
            for (path, offset), said in self._found.items()
            if path in paths
        )
        told = [
            (path, said)
            for segment, offset, path, said in places
            if (first is None or (segment, offset) >= first[:2])
            and (end is None or (segment, offset) < end[:2])
        ]
        made = [
            html.remark(f"{said} of {os.path.basename(path)}" if len(paths) > 1 else said)
            for path, said in told[:TOLD]
        ]
        if len(told) > TOLD:
            made.append(html.remark(f"and {len(told) - TOLD} more (threadlog doctor)"))
        return made
