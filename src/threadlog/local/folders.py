"""Whether a thread's working directory is the one asked for, however either is spelt.

Codex's rule: the same once symbolic links, `..` and slashes are resolved; what is no folder here
is compared as it is written, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from threadlog.local.references import real_path


class SameFolders:
    """The spellings of some folders: `in` says whether a working directory is one of them.

    Lives for one question, since links may change before the next.
    """

    def __init__(self, wanted: Iterable[str] | None) -> None:
        asked = frozenset(wanted or ())
        self._real = {real_path(os.path.abspath(each)) or each for each in asked}
        self._spelt = {each for each in asked if each and not os.path.isdir(each)}
        self._known: dict[str, bool] = {}

    def __contains__(self, cwd: object) -> bool:
        if not isinstance(cwd, str):
            return False
        if cwd not in self._known:
            self._known[cwd] = cwd in self._spelt or (
                os.path.isabs(cwd) and real_path(cwd) in self._real
            )
        return self._known[cwd]
