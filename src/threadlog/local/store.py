"""The store of one home on this machine: catalog, rollouts and journal in one place."""

from __future__ import annotations

import os
from collections.abc import Callable

from threadlog.local.catalog import FileCatalog
from threadlog.local.journal import FileJournal, WriterLock
from threadlog.local.reading import LocalRollouts


class Neighbour:
    """What a Codex in the same home adds; without one, nobody is named and nothing is locked.

    `read_names` gives the names of a home's threads; `lock` makes us a thread's only writer.
    """

    def __init__(
        self,
        read_names: Callable[[str], dict[str, str]],
        lock: Callable[[str, str], WriterLock],
    ) -> None:
        self.read_names = read_names
        self.lock = lock


class LocalStore:
    """Threads kept as files under *home*."""

    def __init__(self, home: str, neighbour: Neighbour) -> None:
        self.home = os.path.abspath(home)
        self.catalog = FileCatalog(self.home, neighbour.read_names)
        self.rollouts = LocalRollouts(self.home)
        self.journal = FileJournal(self.home, neighbour.lock)
