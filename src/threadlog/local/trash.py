"""The trash of a home: a folder for each thread in it, with its files and what was known of it.

threadlog/trash/<thread id>-<unix ms>/thread.json       what it was called, where it lay
threadlog/trash/<thread id>-<unix ms>/<number>/<name>   its files, under their own names
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Any, NamedTuple

from threadlog.core import layout, lines, moments
from threadlog.core.lines import BadLine, Json
from threadlog.core.shelf import Trashed, until_ms
from threadlog.local.copying import write_file
from threadlog.local.disk import Disk
from threadlog.local.entries import sync_folder

TRASH = "trash"
_NOTE, _FRESH_NOTE = "thread.json", "thread.json.tmp"
_LIMIT_BYTES = 16 << 20


class Entry(NamedTuple):
    """One thread in the trash: its folder, relative to the home, and the moves that led there.

    `rollout_ids` are those of its files; `row` is what Codex's database held.
    """

    folder: str
    thread_id: str
    title: str
    deleted_ms: int
    moves: tuple[tuple[str, str], ...]
    paginated: bool
    rollout_ids: tuple[str, ...]
    bases: tuple[str, ...]
    along: str = ""
    row: Json = None


class Trash:
    """The trash of one home."""

    def __init__(self, home: str, disk: Disk) -> None:
        self._home = home
        self._disk = disk
        self.folder = os.path.join(home, layout.OWN_FOLDER, TRASH)

    def place(self, thread_id: str, at_ms: int) -> str:
        """The folder for a thread deleted at that moment, relative to the home."""
        return os.path.join(layout.OWN_FOLDER, TRASH, f"{thread_id}-{at_ms}")

    def note(self, entry: Entry) -> None:
        """Write down what is known of a thread, on stable storage; its folder is there."""
        disk = self._disk
        path = os.path.join(self._home, entry.folder, _NOTE)
        fresh = os.path.join(self._home, entry.folder, _FRESH_NOTE)
        mode = layout.file_mode(disk.status_at(os.path.dirname(path)).st_mode)
        with contextlib.suppress(FileNotFoundError):  # of an attempt that was broken off
            disk.unlink(fresh)
        write_file(disk, fresh, mode, lines.dump(entry._asdict()) + b"\n")
        disk.move(fresh, path)  # whole or not at all: without it nobody finds the files again
        sync_folder(disk, os.path.dirname(path))

    def has_note(self, folder: str) -> bool:
        """True if the thread that *folder* is of is noted."""
        return os.path.lexists(os.path.join(self._home, folder, _NOTE))

    def entries(self) -> Iterator[Entry]:
        """The threads in the trash, that deleted last first."""
        try:
            with os.scandir(self.folder) as listing:
                names = [each.name for each in listing if each.is_dir(follow_symlinks=False)]
        except OSError:
            return
        found = (self._read(os.path.join(layout.OWN_FOLDER, TRASH, name)) for name in names)
        yield from sorted(filter(None, found), key=lambda each: each.deleted_ms, reverse=True)

    def remove(self, folder: str) -> None:
        """Remove the folder of a thread whose files are elsewhere by now; raises OSError."""
        path = os.path.join(self._home, folder)
        for inner, _folders, names in os.walk(path, topdown=False):
            if inner == path:
                names = [each for each in names if each in (_NOTE, _FRESH_NOTE)]  # noqa: PLW2901
            for name in names:
                if inner != path:
                    return  # a file of somebody: it stays, with what is known of it
                self._disk.unlink(os.path.join(inner, name))
            with contextlib.suppress(OSError):
                self._disk.remove_folder(inner)
        if os.path.isdir(self.folder):
            sync_folder(self._disk, self.folder)

    def told(self, entry: Entry) -> Trashed:
        """What a listing of the trash shows of it."""
        size = 0
        for _old, new in entry.moves:
            with contextlib.suppress(OSError):
                size += os.lstat(os.path.join(self._home, new)).st_size
        return Trashed(
            id=entry.thread_id,
            entry=os.path.basename(entry.folder),
            title=entry.title,
            deleted=moments.utc_text(entry.deleted_ms),
            until=moments.utc_text(until_ms(entry.deleted_ms)),
            path=os.path.join(self._home, entry.moves[0][0]),
            size_bytes=size,
            bases=entry.bases,
            along=entry.along,
        )

    def _read(self, folder: str) -> Entry | None:
        """What is known of a thread in the trash; None if nothing of it is there."""
        path = os.path.join(self._home, folder, _NOTE)
        try:
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LIMIT_BYTES:
                return None
            with open(path, "rb") as file:
                entry = _entry(folder, lines.parse_json(file.read()))
        except (OSError, BadLine, LookupError, TypeError, ValueError):
            return None
        there = (os.path.lexists(os.path.join(self._home, new)) for _old, new in entry.moves)
        return entry if any(there) else None


def _entry(folder: str, told: Any) -> Entry:
    moves = tuple((str(old), str(new)) for old, new in told["moves"])
    if not moves or any(
        os.path.isabs(each) or ".." in each.split(os.sep) for move in moves for each in move
    ):
        raise ValueError("files that lie outside of the home")
    return Entry(
        folder,
        str(told["thread_id"]),
        str(told["title"]),
        int(told["deleted_ms"]),
        moves,
        bool(told["paginated"]),
        tuple(map(str, told["rollout_ids"])),
        tuple(map(str, told["bases"])),
        str(told["along"]),
        told["row"],
    )
