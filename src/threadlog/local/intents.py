"""What is about to be done to several files, written down first, so that it can be finished.

One file for each deed, under `threadlog/intents/`.  It is there from before the first step until
after the last, and its threads' locks are held meanwhile: where it lies and they are free, whoever
wrote it is gone.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from threadlog.core import layout, lines
from threadlog.core.lines import BadLine
from threadlog.local.copying import write_file
from threadlog.local.disk import Disk
from threadlog.local.entries import sync_folder

ARCHIVE, UNARCHIVE, TRASH, RESTORE, PURGE = "archive", "unarchive", "trash", "restore", "purge"
RENAME, PATCH, REVERT = "rename", "patch", "revert"
DEEDS = (ARCHIVE, UNARCHIVE, TRASH, RESTORE, PURGE, RENAME, PATCH, REVERT)
# These change nothing of the rollouts, and take no lock.
LOCKLESS = (RENAME, PATCH)
_UNDER_WAY_MS = 60_000
_LIMIT_BYTES = 64 << 20
# What comes after the name of one that is not whole yet, and when nobody can be writing it.
_FRESH, _STALE_S = ".tmp", 3600


class Step(NamedTuple):
    """What is done to one thread: files that move, relative to the home; "" is nowhere.

    `marks` are the size and time of change (in nanoseconds) of each as it is written down.  The
    first move is that of its newest rollout.  `at_ms` is when it was asked for, `name` what the
    thread is to be called, or its folder in the trash; `fields` are those of its metadata that
    change.
    """

    thread_id: str
    moves: tuple[tuple[str, str], ...]
    paginated: bool
    at_ms: int
    name: str = ""
    marks: tuple[tuple[int, int], ...] = ()
    fields: tuple[str, ...] = ()


class Intent(NamedTuple):
    """A deed, its steps, and the file that it is written down in."""

    deed: str
    steps: tuple[Step, ...]
    path: str


class Intents:
    """The deeds of a home that are under way, or were broken off."""

    def __init__(self, home: str, disk: Disk, ensure_folder: Callable[[str], None]) -> None:
        self._disk = disk
        self._ensure_folder = ensure_folder
        self.folder = os.path.join(home, layout.OWN_FOLDER, layout.INTENTS)

    def write(self, deed: str, steps: tuple[Step, ...]) -> Intent:
        """Write a deed down, on stable storage; raises OSError."""
        self._ensure_folder(self.folder)
        path = os.path.join(self.folder, f"{deed}-{os.getpid()}-{time.time_ns()}.json")
        told = {"version": 1, "deed": deed, "steps": [step._asdict() for step in steps]}
        try:
            mode = layout.file_mode(self._disk.status_at(self.folder).st_mode)
            write_file(self._disk, path + _FRESH, mode, lines.dump(told) + b"\n")
            self._disk.move(path + _FRESH, path)  # whole or not at all
            sync_folder(self._disk, self.folder)
        except BaseException:
            for each in (path, path + _FRESH):
                with contextlib.suppress(OSError):
                    self._disk.unlink(each)
            raise
        return Intent(deed, steps, path)

    def remove(self, intent: Intent) -> None:
        """It is done; raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            self._disk.unlink(intent.path)
        sync_folder(self._disk, self.folder)  # it must not come back after something else was done

    def sweep(self) -> None:
        """Remove what was not whole when whoever wrote it was ended; raises OSError."""
        for name in os.listdir(self.folder) if os.path.isdir(self.folder) else ():
            path = os.path.join(self.folder, name)
            if name.endswith(_FRESH) and time.time() - os.lstat(path).st_mtime > _STALE_S:
                self._disk.unlink(path)

    def is_under_way(self, intent: Intent) -> bool:
        """True for one that takes no lock, while whoever wrote it down can be at it."""
        if intent.deed not in LOCKLESS:
            return False
        young = all(abs(time.time() * 1000 - each.at_ms) < _UNDER_WAY_MS for each in intent.steps)
        return young and is_alive(os.path.basename(intent.path).split("-")[1])

    def stands(self, intent: Intent) -> bool:
        """True if it is written down yet."""
        return os.path.lexists(intent.path)

    def read(self) -> Iterator[Intent]:
        """All that are written down."""
        try:
            with os.scandir(self.folder) as listing:
                names = sorted(each.name for each in listing if each.name.endswith(".json"))
        except OSError:
            return
        for name in names:
            path = os.path.join(self.folder, name)
            intent = _read(path)
            if intent is not None:
                yield intent


def _read(path: str) -> Intent | None:
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LIMIT_BYTES:
            return None
        with open(path, "rb") as file:
            told = lines.parse_json(file.read())
        if not isinstance(told, dict) or told.get("deed") not in DEEDS:
            return None
        steps = told["steps"]
        assert isinstance(steps, list)
        return Intent(str(told["deed"]), tuple(_step(each) for each in steps), path)
    except (OSError, BadLine, LookupError, TypeError, ValueError, AssertionError):
        return None


def is_alive(process: str) -> bool:
    """True if a process of this machine has this id."""
    try:
        os.kill(int(process), 0)
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def _step(told: object) -> Step:
    assert isinstance(told, dict)
    moves = tuple((str(old), str(new)) for old, new in told["moves"])
    if any(os.path.isabs(each) or ".." in each.split(os.sep) for move in moves for each in move):
        raise ValueError("a path that leads out of the home")
    marks = tuple((int(size), int(time_ns)) for size, time_ns in told["marks"])
    return Step(
        str(told["thread_id"]),
        moves,
        bool(told["paginated"]),
        int(told["at_ms"]),
        str(told["name"]),
        marks,
        tuple(map(str, told.get("fields", ()))),
    )
