"""The names of a home's threads that are told outside of their rollouts."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from threadlog.core.names import Beside, Named, Names, later
from threadlog.local.kept_names import KeptNames


class NameSource(Protocol):
    """Who tells the names of a home's threads."""

    def token(self) -> object:
        """What is another one whenever a name may have changed; cheap."""

    def read(self) -> Mapping[str, Named]:
        """The newest name of each thread, by id."""

    def told(self) -> Names:
        """The same, and the names that are lost with the source's database."""


class HomeNames:
    """The names of *source* and the *kept* ones, the newest of each thread.

    Read again only when a token says that something changed; from any number of OS threads.
    """

    def __init__(self, source: NameSource, kept: KeptNames) -> None:
        self._source = source
        self._kept = kept
        self._known: tuple[object, Beside] | None = None
        self._reading, self._pid = threading.Lock(), os.getpid()

    def token(self) -> object:
        """What is another one whenever a name may have changed; costs a few looks at files."""
        return (self._source.token(), self._kept.token())

    def read(self) -> Beside:
        """The name of each thread that has one, by id; keeps what would be lost otherwise.

        With them what else is told of threads.
        """
        return self.told()[1]

    def told(self) -> tuple[object, Beside]:
        """The same, and the token that stands for it."""
        with self._alone():
            token = self.token()  # before the reading: what changes meanwhile is read again
            if self._known is None or self._known[0] != token:
                self._known = token, self._merged()
            return self._known

    def _merged(self) -> Beside:
        told = self._source.told()
        kept = self._kept.keep(told.fragile, told.made_ms)
        merged = later(told.newest, kept)
        for key, named in kept.items():
            if named.patch:
                merged[key] = merged.get(key, named)._replace(patch=named.patch, row=named.row)
        return Beside(MappingProxyType(merged), told.rows)

    def _alone(self) -> threading.Lock:
        """The lock under which names are read; a forked child has one of its own."""
        if self._pid != os.getpid():  # nobody here would let go of the parent's
            self._reading, self._pid = threading.Lock(), os.getpid()
        return self._reading
