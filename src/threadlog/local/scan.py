"""Finding the rollouts of a home by walking its folders: every one of them, wherever it lies.

Codex looks only into sessions/YYYY/MM/DD and hides the rest; here a rollout counts by its name.
Symbolic links below the two roots are not followed, and nothing but regular files is taken.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import NamedTuple

from threadlog.core import layout

# Deeper folders are taken for a loop.
DEPTH_LIMIT = 32


class Found(NamedTuple):
    """A rollout found on disk, and what its name says (None where it does not say it)."""

    name: str
    stamp: str | None
    thread_id: str | None
    revision_id: str | None
    folder: str
    archived: bool

    @property
    def path(self) -> str:
        """Where it lies."""
        return f"{self.folder}{os.sep}{self.name}"

    @property
    def compressed(self) -> bool:
        """True for a `.zst`."""
        return self.name.endswith(layout.COMPRESSED_SUFFIX)

    @property
    def rollout_id(self) -> str | None:
        """The id of this file: of its revision, else of its thread (Codex: rollout id)."""
        return self.revision_id or self.thread_id

    @property
    def age_order(self) -> tuple[str, str]:
        """Sorts the rollouts of one thread, oldest first (Codex: the newest one is current)."""
        return self.stamp or "", self.revision_id or ""


# What Found._make does, at a third of the cost: homes are large.
_found = functools.partial(tuple.__new__, Found)


def below(home: str, path: str) -> str:
    """A path inside a home without what every one of them begins with."""
    return path.removeprefix(home + os.sep)


def found_at(path: str, *, archived: bool) -> Found:
    """The rollout at *path*, whatever its name."""
    folder, name = os.path.split(path)
    parsed = layout.parse_name(name) or layout.RolloutName(None, None, None)
    return Found(name, *parsed, folder, archived)


def find_rollouts(home: str, problems: list[str]) -> Iterator[list[Found]]:
    """All rollouts of a home, folder by folder, the newest days first as far as folders tell.

    Where a rollout exists both plain and compressed, only the plain one is found, as in Codex.
    A folder that cannot be listed is told to *problems*.
    """
    for root, archived in ((layout.SESSIONS, False), (layout.ARCHIVED, True)):
        folders = [(os.path.join(home, root), 0)]
        while folders:
            folder, depth = folders.pop()
            names, inner = list_folder(folder, problems)
            if names:
                parsed = layout.parse_names(names)
                yield [*map(_found, [(*parts, folder, archived) for parts in parsed])]
            inner.sort()
            if depth < DEPTH_LIMIT:
                folders.extend((f"{folder}{os.sep}{each}", depth + 1) for each in inner)
            elif inner:
                problems.append(too_deep(folder))


def too_deep(folder: str) -> str:
    """What is said of a folder whose own folders are not looked into."""
    return f"not looked into, {DEPTH_LIMIT} folders deep: {folder}"


def list_folder(folder: str, problems: list[str]) -> tuple[list[str], list[str]]:
    """The names of the regular files and of the folders in *folder*."""
    try:
        with os.scandir(folder) as listing:
            entries = list(listing)
        files = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        if len(files) == len(entries):
            return files, []
        return files, [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        problems.append(f"cannot list {folder}: {error.strerror}")
        return [], []
