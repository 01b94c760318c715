"""Stub."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from threadlog.core.names import Named


class HomeNames:
    """x"""

    def __init__(self, read: Callable[[], Mapping[str, Named]]) -> None:
        self._read = read

    def token(self) -> str:
        """X"""
        return repr(sorted(self._read().items()))

    def read(self) -> Mapping[str, Named]:
        """X"""
        return self._read()
