"""Names, and other metadata, that nobody else keeps: in a file in the home's own folder.

Codex makes its database anew where it is damaged or gone, and forgets the names that stood in no
other place: these are copied when they are first seen.  What is changed here of a thread whose
rollout must not be told (a paginated one) is kept, too.  `names.jsonl` holds one JSON object a
line: `id`, `at`, `from`, and `name`, or `patch`, or both `patch` and `row`, or `row`; the last line
of an id counts, and of a patch and a row each field's last.  `row` is what Codex's row said of
these fields when we looked, or were done: null once the row is gone, and nothing in a database that
was made later.  Two programs that add to it at once may add the same line twice, which is no harm.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator, Mapping

from threadlog.core import ids, layout, lines, moments
from threadlog.core.framing import frames
from threadlog.core.lines import BadLine, Json
from threadlog.core.names import NAME_LIMIT_CHARS, PATCHED, Named, Patch
from threadlog.errors import Unreadable
from threadlog.local.copying import write_all, write_file
from threadlog.local.disk import Disk
from threadlog.local.entries import sync_folder
from threadlog.local.files import RolloutFile

KEPT_FILE = "names.jsonl"
# Where a name was found, as the lines say it.
DATABASE = "codex database"
GIVEN_HERE = "threadlog"
_LINE_LIMIT_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 20
# Others hold the file for moments.
_WAIT_S = 1.0
_POLL_S = 0.002


class KeptNames:
    """The kept names of a home; *disk* makes the calls that write."""

    def __init__(self, home: str, disk: Disk | None = None) -> None:
        self._home = home
        self._folder = os.path.join(home, layout.OWN_FOLDER)
        self._path = os.path.join(self._folder, KEPT_FILE)
        self._disk = disk or Disk()

    def token(self) -> object:
        """What is another one whenever a name was added; costs a look at the file."""
        try:
            status = os.lstat(self._path)
        except OSError:
            return None
        return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    def read(self, since_ms: int = 0) -> dict[str, Named]:
        """The names kept, by thread id, with the patches of their metadata.

        What Codex's row said counts *since* its database was made.
        """
        kept: dict[str, Named] = {}
        for thread_id, named, gone in self._lines():
            before = kept.get(thread_id, named)
            row = named.row if named.at_ms >= since_ms else {}
            seen = before.row if before is not named else {}
            kept[thread_id] = Named(
                *(named if named.name else before)[:2],
                patch={**before.patch, **named.patch},
                row={} if gone else {**seen, **row},
            )
        return kept

    def note(self, thread_id: str, named: Named) -> None:
        """Add a name given here, or a patch, on stable storage; raises OSError."""
        self._append(_line(thread_id, named, GIVEN_HERE))

    def note_row(self, thread_id: str, at_ms: int, row: Patch | None) -> None:
        """Add what Codex's row says now of some fields, None if it is gone; raises OSError."""
        self._append(_dumped(thread_id, at_ms, {"row": None if row is None else dict(row)}))

    def forget(self, thread_id: str) -> None:
        """Write the file anew without the lines of one thread; raises OSError."""
        disk = self._disk
        if not os.path.lexists(self._path):
            return
        with self._locked() as held:
            data = b""
            while piece := disk.read_at(held, _CHUNK_BYTES, len(data)):
                data += piece
            kept = [each for each in data.splitlines(keepends=True) if not _is_of(each, thread_id)]
            fresh = f"{self._path}.{os.getpid()}.tmp"
            with contextlib.suppress(FileNotFoundError):
                disk.unlink(fresh)
            mode = layout.file_mode(disk.status_at(self._folder).st_mode)
            write_file(disk, fresh, mode, b"".join(kept))
            disk.move(fresh, self._path)
        sync_folder(disk, self._folder)

    def keep(self, names: Mapping[str, Named], since_ms: int = 0) -> dict[str, Named]:
        """Add those of *names* that are not kept yet; returns all that are, or should be.

        One that was given earlier than the kept name takes no place of it.
        *since_ms* is as in `read`.  A home that cannot be written to keeps nothing, and nobody need
        know.
        """
        kept = self.read(since_ms)
        fresh = {
            key: named._replace(patch=kept[key].patch, row=kept[key].row) if key in kept else named
            for key, named in names.items()
            if key not in kept or _replaces(named, kept[key])
        }
        if fresh and os.name != "nt":  # where nothing is written
            with contextlib.suppress(OSError):
                self._append(b"".join(_line(key, named) for key, named in fresh.items()))
        return kept | fresh

    def _lines(self) -> Iterator[tuple[str, Named, bool]]:
        if os.path.islink(self._folder):
            return
        try:
            with RolloutFile(self._path) as file:
                for frame in frames(file.chunks(), 0, _LINE_LIMIT_BYTES):
                    if isinstance(frame.raw, bytes) and (entry := _entry(frame.raw)):
                        yield entry
        except Unreadable:
            return

    def _append(self, data: bytes) -> None:
        """Add whole lines; what it leaves out is added another time."""
        disk = self._disk
        with self._locked() as fd:
            size = disk.status(fd).st_size
            if size and disk.read_at(fd, 1, size - 1) != b"\n":
                data = b"\n" + data  # a torn line is not glued to ours
            write_all(disk, fd, data)
            disk.sync_data(fd)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        """The file, open, and nobody else writes to it; raises OSError."""
        disk, deadline = self._disk, time.monotonic() + _WAIT_S
        while True:
            fd = self._open()
            try:
                status = disk.status(fd)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(errno.EINVAL, "not a regular file", self._path)
                locked = disk.try_lock(fd)
                if locked and os.path.samestat(status, disk.status_at(self._path)):
                    yield fd  # else it was written anew meanwhile
                    return
            finally:
                disk.close(fd)
            if time.monotonic() > deadline:
                raise OSError(errno.EAGAIN, "another program is writing to it", self._path)
            time.sleep(_POLL_S)

    def _open(self) -> int:
        disk = self._disk
        if not os.path.lexists(self._folder):
            self._make_folder()
        folder = disk.status_at(self._folder)
        if not stat.S_ISDIR(folder.st_mode):
            raise NotADirectoryError
        if os.path.lexists(self._path):
            return disk.open(self._path)
        mode = layout.file_mode(folder.st_mode)
        try:
            fd = disk.create(self._path, mode)
        except FileExistsError:  # another program was quicker
            return disk.open(self._path)
        try:
            disk.change_mode(fd, mode)
        except OSError:
            disk.close(fd)
            raise
        return fd

    def _make_folder(self) -> None:
        mode = layout.folder_mode(os.stat(self._home).st_mode)
        with contextlib.suppress(FileExistsError):
            self._disk.make_folder(self._folder, mode)
            self._disk.change_folder_mode(self._folder, mode)


def _replaces(named: Named, kept: Named) -> bool:
    """True for another name that was not given before the kept one."""
    return named.name != kept.name and (not kept.name or named.at_ms >= kept.at_ms)


def _line(thread_id: str, named: Named, source: str = DATABASE) -> bytes:
    if named.name:
        return _dumped(thread_id, named.at_ms, {"name": named.name}, source)
    row: dict[str, Json] = {"row": dict(named.row)} if named.row else {}
    return _dumped(thread_id, named.at_ms, {"patch": dict(named.patch), **row}, source)


def _dumped(thread_id: str, at_ms: int, told: Mapping[str, Json], source: str = DATABASE) -> bytes:
    at = moments.utc_text(at_ms)
    return lines.dump({"id": thread_id, **told, "at": at, "from": source}) + b"\n"


def _is_of(line: bytes, thread_id: str) -> bool:
    """True for a line of that thread, of whatever shape."""
    try:
        entry = lines.parse_json(line)
    except BadLine:
        return False
    return isinstance(entry, dict) and entry.get("id") == thread_id


def _entry(raw: bytes) -> tuple[str, Named, bool] | None:
    """What a line says, and whether it says that the row is gone; None for a bad one."""
    try:
        entry = lines.parse_json(raw)
    except BadLine:
        return None
    if not isinstance(entry, dict):
        return None
    thread_id = entry.get("id")
    if not isinstance(thread_id, str) or not ids.is_thread_id(thread_id):
        return None
    at_ms = moments.unix_ms(str(entry.get("at"))) or 0
    name = entry.get("name")
    if isinstance(name, str) and name.strip():
        return thread_id, Named(name.strip()[:NAME_LIMIT_CHARS], at_ms), False
    named = Named("", at_ms, _fields(entry.get("patch")), _fields(entry.get("row")))
    gone = "row" in entry and entry["row"] is None
    return (thread_id, named, gone) if named.patch or named.row or gone else None


def _fields(told: Json) -> Patch:
    """The fields of metadata in a JSON value, of whatever shape it is."""
    items = told.items() if isinstance(told, dict) else ()
    return {key: value for key, value in items if key in PATCHED and _is_told(value)}


def _is_told(value: Json) -> bool:
    return value is None or isinstance(value, str)
