"""A disk that fails: any of its calls, once or for good, or by the end of the process.

It stands at the seam `threadlog.local.disk`, counts the calls while it is armed, and fails them by
their number, by their name, or by a function of the test's own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from threadlog import RolloutRecorder, ThreadOptions, WriteFailed, connect
from threadlog.home import Home
from threadlog.local.disk import Disk
from threadlog.states import Live

CALLS = tuple(name for name in vars(Disk) if not name.startswith("_"))


class FaultyDisk(Disk):
    """The real disk but for what a test says; `made` are the names of the calls since `arm`."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.fail_at: set[int] = set()
        self.fail_names: set[str] = set()
        self.error: BaseException | int = errno.ENOSPC
        self.short_at: int | None = None  # the call that writes only so many bytes
        self.short_bytes = 100
        self.kill_at: int | None = None  # before this call the process is gone
        self.before: Callable[[str], None] | None = None
        self.synced: set[int] = set()  # inodes
        self.armed = False
        self._lock = threading.Lock()

    def arm(self, *fail_at: int) -> None:
        """Count from now on, and fail the calls of these numbers."""
        with self._lock:
            self.made.clear()
            self.fail_at = set(fail_at)
            self.armed = True

    def disarm(self) -> None:
        """Be a real disk again."""
        with self._lock:
            self.armed = False
            self.short_at = None
            self.fail_names = set()

    def run(self, barrier: Callable[[], None], *fail_at: int) -> WriteFailed | None:
        """Call a barrier with these of its calls failing; returns what it raised."""
        self.arm(*fail_at)
        try:
            barrier()
        except WriteFailed as error:
            return error
        finally:
            self.disarm()
        return None

    def cut_short(self, name: str) -> None:
        """As `before`: every write takes a part only, and is gone on with."""
        if name == "write":
            self.short_at = len(self.made) - 1

    def make(self, name: str, call: Callable[..., Any], *args: Any) -> Any:
        """Make a call, or what comes instead of it."""
        with self._lock:
            armed, number = self.armed, len(self.made)
            if armed:
                self.made.append(name)
        if not armed:
            return call(self, *args)
        if number == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.before is not None:
            self.before(name)
        if number == self.short_at and name == "write":
            return call(self, args[0], args[1][: self.short_bytes])
        if number in self.fail_at or name in self.fail_names:
            if name == "close":  # the descriptor is gone whatever it says
                call(self, *args)
            raise self._error()
        done = call(self, *args)
        if name in ("sync", "sync_data"):
            self.synced.add(os.fstat(args[0]).st_ino)
        return done

    def _error(self) -> BaseException:
        if isinstance(self.error, int):
            return OSError(self.error, os.strerror(self.error))
        return self.error


def _watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def watched(self: FaultyDisk, *args: Any) -> Any:
        return self.make(name, call, *args)

    return watched


for _name in CALLS:
    setattr(FaultyDisk, _name, _watched(_name, getattr(Disk, _name)))


class Gate(Disk):
    """A disk that writes nothing until it is opened, and notes how much each write had."""

    def __init__(self) -> None:
        self.open_ = threading.Event()
        self.open_.set()
        self.sizes: list[int] = []

    def write(self, fd: int, data: memoryview) -> int:
        self.open_.wait(30)
        self.sizes.append(len(data))
        return super().write(fd, data)


def home_on(disk: Disk, path: Path) -> Home:
    """A home whose files are written through *disk*."""
    return Home(connect.local_store(str(path), disk=disk))


def draft_on(disk: Disk, path: Path, *, items: int = 3, mode: str = "legacy") -> RolloutRecorder:
    """A draft in a home at *path* that holds the first so many messages."""
    options = ThreadOptions(cwd="/x", history_mode=mode)
    recorder = RolloutRecorder.create(home_on(disk, path), options)
    recorder.record(*map(said, range(items)))
    return recorder


def rest(recorder: RolloutRecorder) -> None:
    """Close its file, as that of one among many that were written to later."""
    state = recorder._channel.state
    assert isinstance(state, Live)
    state.appender.rest()


def said(number: int, size: int = 200) -> dict[str, Any]:
    """A message that tells its number, kept in both history modes; *size* bytes and some more."""
    text = {"type": "input_text", "text": f"{number} " + "x" * size}
    payload = {"type": "message", "role": "user", "content": [text]}
    return {"type": "response_item", "payload": payload}


def number_of(line: bytes) -> int:
    """The number that a message tells."""
    return int(json.loads(line)["payload"]["content"][0]["text"].split()[0])


def numbers(path: str | Path) -> list[int]:
    """The numbers of the messages in a rollout, which must hold nothing but whole lines."""
    data = Path(path).read_bytes() if os.path.exists(path) else b""
    assert not data or data.endswith(b"\n")
    lines = data.splitlines()
    assert not lines or "cwd" in json.loads(lines[0])["payload"]
    return [number_of(line) for line in lines[1:]]


def ordinals(path: str | Path) -> list[int | None]:
    """The ordinal of every line of a rollout."""
    return [json.loads(line).get("ordinal") for line in Path(path).read_bytes().splitlines()]


def opened(path: str | Path) -> int:
    """How many descriptors of this process are of a file, or of anything in a folder."""
    found = 0
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            found += (_path_of(int(name)) + "/").startswith(f"{path}/")
    return found


def _path_of(fd: int) -> str:
    if sys.platform == "darwin":
        return os.fsdecode(fcntl.fcntl(fd, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{fd}")


def mode_of(path: Path) -> int:
    """The permission bits of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)
