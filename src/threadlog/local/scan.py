"""Finding the rollouts of a home by walking its folders: every one of them, wherever it lies.

Codex looks only into sessions/YYYY/MM/DD and hides the rest; here a rollout counts by its name.
Symbolic links below the two roots are not followed, and nothing but regular files is taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from threadlog.core import layout
from threadlog.errors import Unreadable

# Deeper folders are taken for a loop.
DEPTH_LIMIT = 32


class Found(NamedTuple):
    """A rollout found on disk; `key` is its name without `.zst`."""

    key: str
    path: str
    name: layout.RolloutName
    archived: bool

    @property
    def rollout_id(self) -> str | None:
        """The id of this file: of its revision, else of its thread (Codex: rollout id)."""
        return self.name.revision_id or self.name.thread_id

    @property
    def age_order(self) -> tuple[str, str, str]:
        """Sorts the rollouts of one thread, oldest first (Codex: the newest one is current)."""
        return self.name.stamp or "", self.name.revision_id or "", self.path


def find_rollouts(home: str) -> Iterator[Found]:
    """All rollouts of a home, active ones first, in no order.

    Where a rollout exists both plain and compressed, only the plain one is found, as in Codex.
    Raises Unreadable if a folder cannot be listed.
    """
    for root, archived in ((layout.SESSIONS, False), (layout.ARCHIVED, True)):
        yield from _walk(os.path.join(home, root), archived, DEPTH_LIMIT)


def _walk(folder: str, archived: bool, depth: int) -> Iterator[Found]:  # noqa: FBT001
    names, folders = _list(folder)
    present = set(names)
    for name in names:
        parsed = layout.parse_name(name)
        if parsed is None:
            continue
        key = name[: -len(".zst")] if parsed.compressed else name
        if parsed.compressed and key in present:
            continue
        yield Found(key, f"{folder}{os.sep}{name}", parsed, archived)
    if depth:
        for name in folders:
            yield from _walk(f"{folder}{os.sep}{name}", archived, depth - 1)


def _list(folder: str) -> tuple[list[str], list[str]]:
    names: list[str] = []
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.name.startswith(layout.PREFIX) and entry.is_file(follow_symlinks=False):
                    names.append(entry.name)
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise Unreadable(f"cannot list {folder}: {error.strerror}") from error
    return names, folders
