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

    With *below* also whether it is in one of them, however deep.  Lives for one question,
    since links may change before the next.
    """

    def __init__(self, wanted: Iterable[str] | None, *, below: bool = False) -> None:
        asked = frozenset(wanted or ())
        self._real = {real_path(os.path.abspath(each)) or each for each in asked}
        self._spelt = {each for each in asked if each and not os.path.isdir(each)}
        self._below = below
        self._known: dict[str, bool] = {}

    def __contains__(self, cwd: object) -> bool:
        if not isinstance(cwd, str):
            return False
        if cwd not in self._known:
            self._known[cwd] = self._is_in(cwd, self._spelt) or (
                os.path.isabs(cwd) and self._is_in(real_path(cwd), self._real)
            )
        return self._known[cwd]

    def _is_in(self, folder: str | None, folders: set[str]) -> bool:
        if folder in folders or folder is None or not self._below:
            return folder in folders
        return any(folder.startswith(f"{each.rstrip('/')}/") for each in folders)
