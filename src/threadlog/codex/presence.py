"""That a process is threadlog while it writes in a home, and that a thread was taken over from it.

Files of our own, under `<home>/threadlog/`.  Only so can one process of threadlog know another, and
tell it from a Codex.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import ClassVar

from threadlog.codex.flocks import (
    descriptors,
    holder_of,
    identity,
    make_folder,
    open_lock,
    try_lock,
)
from threadlog.core import layout

_PRESENCE, _FENCE = "writing-", "taken-from-"
_TRIES = 20
_WAIT_S = 0.002


class Presence:
    """A locked file that tells others that this process is threadlog, until `end`."""

    __slots__ = ("_key",)
    _held: ClassVar[dict[tuple[str, int], list[int]]] = {}  # by home and process: fd, how many

    def __init__(self, home: str) -> None:
        """Make it in an existing home; where it cannot be made, there is just none."""
        self._key: tuple[str, int] | None = (home, os.getpid())
        with descriptors.guard:
            held = self._held.get(self._key)
            if held is not None:
                held[1] += 1
                return
            try:
                fd = _make(home)
            except OSError:
                fd = None
            if fd is None:
                self._key = None
            else:
                self._held[self._key] = [fd, 1]

    def end(self) -> None:
        """This one writes no more; may be called again."""
        key, self._key = self._key, None
        if key is None or key[1] != os.getpid():
            return
        with descriptors.guard:
            held = self._held[key]
            held[1] -= 1
            if not held[1]:
                del self._held[key]
                with contextlib.suppress(OSError):
                    os.unlink(_presence_path(*key))
                descriptors.close(held[0])


def is_ours(home: str, pid: int) -> bool:
    """True if a process that writes in a home is threadlog, as far as the system tells."""
    try:
        return holder_of(os.lstat(_presence_path(home, pid))) == pid
    except OSError:
        return False


class Fence:
    """What tells a process that a thread was taken over from it."""

    __slots__ = ("_path",)

    def __init__(self, home: str, pid: int, thread_id: str) -> None:
        """Of a thread that the process *pid* has."""
        self._path = os.path.join(home, layout.OWN_FOLDER, f"{_FENCE}{pid}-{thread_id}")

    def set(self) -> None:
        """Say it; raises OSError."""
        descriptors.close(open_lock(self._path))

    def is_set(self) -> bool:
        """True if it was said."""
        return os.path.lexists(self._path)

    def clear(self) -> None:
        """It is known, and over."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)


def _presence_path(home: str, pid: int) -> str:
    return os.path.join(home, layout.OWN_FOLDER, f"{_PRESENCE}{pid}.lock")


def _make(home: str) -> int | None:
    """The descriptor of our file; others, who sweep, may have it locked or removed for a moment."""
    path = _presence_path(home, os.getpid())
    make_folder(home, os.path.dirname(path))
    _sweep(home)
    for _ in range(_TRIES):
        fd = open_lock(path)
        try:
            if try_lock(fd) and identity(os.lstat(path)) == identity(os.fstat(fd)):
                return fd
        except FileNotFoundError:
            pass
        except BaseException:
            descriptors.close(fd)
            raise
        descriptors.close(fd)
        time.sleep(_WAIT_S)
    return None


def _sweep(home: str) -> None:
    """Remove what killed processes left."""
    folder = os.path.join(home, layout.OWN_FOLDER)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            if name.startswith(_FENCE) and not is_ours(home, _pid_of(name)):
                os.unlink(path)
            if name.startswith(_PRESENCE):
                fd = open_lock(path)
                try:
                    if try_lock(fd) and identity(os.lstat(path)) == identity(os.fstat(fd)):
                        os.unlink(path)
                finally:
                    descriptors.close(fd)


def _pid_of(name: str) -> int:
    digits = name.removeprefix(_FENCE).partition("-")[0]
    return int(digits) if digits.isascii() and digits.isdigit() else 0
