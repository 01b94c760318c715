"""Who does what to threads of whom, who looks at it, and when: the cells of docs/interop.md."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from interop.codex_process import NEWEST, OLDER
from interop.deeds import DEEDS
from interop.operations import US, Deed

COLD, RUNNING = "cold", "running"
LEGACY, PAGINATED = "legacy", "paginated"
# Who can do things, and look at them, in each history mode.
PLAYERS = {LEGACY: (US, NEWEST, OLDER), PAGINATED: (US, NEWEST)}
# Of a fast run: each stage takes one of so many cells, every stage other ones.
FAST = 3


class Stage(NamedTuple):
    """A home in which one does things, and another looks: afterwards, or it was running before."""

    mode: str
    doer: str
    looker: str
    when: str

    def __str__(self) -> str:
        return f"{self.mode}-{self.doer}-to-{self.looker}-{self.when}"

    @property
    def makers(self) -> tuple[str, ...]:
        """Whose threads something is done to."""
        return tuple(each for each in PLAYERS[self.mode] if each in (US, self.doer, self.looker))

    def cells(self) -> list[Cell]:
        """All that is done in it, to threads of everybody concerned."""
        deeds = [each for each in DEEDS if each.mode in ("", self.mode) and each.by(self.doer)]
        return [Cell(self, *each) for each in itertools.product(deeds, self.makers)]


class Cell(NamedTuple):
    """One thing that is done to a thread of the *maker*'s."""

    stage: Stage
    deed: Deed
    maker: str

    def __str__(self) -> str:
        return f"{self.deed.name}, of {self.maker}"


def stages() -> Iterator[Stage]:
    """All of them."""
    for mode, players in PLAYERS.items():
        for doer, looker in itertools.permutations(players, 2):
            for when in (COLD, RUNNING):
                yield Stage(mode, doer, looker, when)


def diagonal(number: int, stage: Stage) -> list[Cell]:
    """The cells of a fast run of the stage with this number."""
    cells = stage.cells()
    return cells[number % FAST :: FAST]
