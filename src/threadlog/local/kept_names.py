"""Names that nobody else keeps: copied into the home's own folder when they are first seen.

Codex makes its database anew where it is damaged or gone, and forgets the names that stood in no
other place.  `names.jsonl` holds one JSON object a line: `id`, `name`, `at`, `from`; the last line
of an id counts.  Two programs that add to it at once may add the same line twice, which is no harm.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping

from threadlog.core import ids, layout, lines, moments
from threadlog.core.framing import frames
from threadlog.core.lines import BadLine
from threadlog.core.names import NAME_LIMIT_CHARS, Named
from threadlog.errors import Unreadable
from threadlog.local.disk import Disk
from threadlog.local.files import RolloutFile

KEPT_FILE = "names.jsonl"
# Where a name was found, as the lines say it.
DATABASE = "codex database"
_LINE_LIMIT_BYTES = 1 << 20


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

    def read(self) -> dict[str, Named]:
        """The names kept, by thread id."""
        return dict(self._lines())

    def keep(self, names: Mapping[str, Named]) -> dict[str, Named]:
        """Add those of *names* that are not kept yet; returns all that are, or should be.

        A home that cannot be written to keeps nothing, and nobody need know.
        """
        kept = self.read()
        fresh = {
            key: named
            for key, named in names.items()
            if key not in kept or kept[key].name != named.name
        }
        if fresh and os.name != "nt":  # where nothing is written
            with contextlib.suppress(OSError):
                self._append(b"".join(_line(key, named) for key, named in fresh.items()))
        return kept | fresh

    def _lines(self) -> Iterator[tuple[str, Named]]:
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
        """Add whole lines with one write; what it leaves out is added another time."""
        disk = self._disk
        fd = self._open()
        try:
            status = disk.status(fd)
            if not stat.S_ISREG(status.st_mode):
                return
            size = status.st_size
            if size and disk.read_at(fd, 1, size - 1) != b"\n":
                data = b"\n" + data  # a torn line is not glued to ours
            disk.write(fd, memoryview(data))
            disk.sync_data(fd)
        finally:
            disk.close(fd)

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
        fd = disk.create(self._path, mode)
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


def _line(thread_id: str, named: Named) -> bytes:
    at = moments.utc_text(named.at_ms)
    entry = {"id": thread_id, "name": named.name, "at": at, "from": DATABASE}
    return lines.dump(entry) + b"\n"


def _entry(raw: bytes) -> tuple[str, Named] | None:
    """What a line says; None for a bad one."""
    try:
        entry = lines.parse_json(raw)
    except BadLine:
        return None
    if not isinstance(entry, dict):
        return None
    thread_id, name = entry.get("id"), entry.get("name")
    if not isinstance(thread_id, str) or not isinstance(name, str) or not name.strip():
        return None
    if not ids.is_thread_id(thread_id):
        return None
    at_ms = moments.unix_ms(str(entry.get("at"))) or 0
    return thread_id, Named(name.strip()[:NAME_LIMIT_CHARS], at_ms)
