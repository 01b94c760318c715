"""File systems of a test's own, small ones, that really get full, fail, and refuse.

Nothing is ever filled but what was mounted here, is a mount point, and has a small size as a whole.
Needs Linux and root; where there is none to be had, the test skips and says why.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = 4096
IMAGE_BYTES = 16 << 20
MOST_BYTES = 32 << 20  # no test may fill more than this
IMAGE_NAME = "disk.ext4"


def run(*command: str) -> str:
    """Run a program of the system; returns what it says, raises OSError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def needs(*programs: str) -> None:
    """Skip where a file system of one's own cannot be had."""
    missing = [each for each in programs if shutil.which(each) is None]
    if sys.platform != "linux" or os.geteuid() or missing:
        pytest.skip(f"needs Linux, root and {' '.join(['mount', *programs])}")


def _mount(folder: Path, *options: str) -> None:
    try:
        run("mount", *options, str(folder))
    except OSError as error:
        pytest.skip(f"no file system of its own to be had: {error}")


def _check(folder: Path) -> None:
    """That *folder* may be filled."""
    assert os.path.ismount(folder), "nothing may be filled but this"
    assert _is_mounted(folder)
    facts = os.statvfs(folder)
    assert facts.f_blocks * facts.f_frsize <= MOST_BYTES, "too large to be filled"


def _is_mounted(folder: Path) -> bool:
    """Also one that is the same file system as the folder above."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return str(folder.resolve()) in [each.split()[4] for each in mounts]


def unmount(folder: Path) -> None:
    """Whatever still has files open in it."""
    while _is_mounted(folder):
        try:
            run("umount", str(folder))
        except OSError:
            run("umount", "--lazy", str(folder))


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A file system on a folder of its own, for as long as the block lasts."""
    folder.mkdir(exist_ok=True)
    try:
        _mount(folder, *options)
        yield folder
    finally:
        unmount(folder)


@contextlib.contextmanager
def in_memory(folder: Path, size_bytes: int) -> Iterator[Path]:
    """A tmpfs of so many bytes."""
    needs()
    options = f"size={size_bytes},mode=755"
    with mounted(folder, "-t", "tmpfs", "-o", options, "tmpfs"):
        _check(folder)
        yield folder


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The same folder in its place, but read-only, whoever has files of it open."""
    with mounted(folder, "--bind", str(folder)):
        run("mount", "-o", "remount,bind,ro", str(folder))
        yield


def fill(folder: Path, leave_bytes: int = 0) -> Path:
    """Fill a file system of ours but for so many bytes; removing the file makes room again."""
    _check(folder)
    ballast = folder / "ballast"
    free = os.statvfs(folder)
    left = free.f_bavail * free.f_frsize - leave_bytes
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while left > 0:
            left -= file.write(b"\1" * min(left, 1 << 20))
    assert os.statvfs(folder).f_bavail * PAGE <= leave_bytes + PAGE
    return ballast


class ImageDisk:
    """An ext4 file system in a file, on a tmpfs that can be too full for what it promises."""

    def __init__(self, folder: Path, *, journal: bool = False) -> None:
        self._below = folder / "below"
        self._image = self._below / IMAGE_NAME
        self._journal = journal
        self._ballast: Path | None = None
        self.mount_point = folder / "mnt"

    @contextlib.contextmanager
    def made(self) -> Iterator[ImageDisk]:
        """The disk, mounted; nothing of it is left in the end."""
        needs("mkfs.ext4", "dumpe2fs")
        with in_memory(self._below, IMAGE_BYTES + (2 << 20)):
            with self._image.open("wb") as file:
                file.truncate(IMAGE_BYTES)
            feature = "has_journal" if self._journal else "^has_journal"
            self._mkfs(feature)
            self.mount_point.mkdir()
            try:
                self.mount()
                yield self
            finally:
                self.unmount()

    def _mkfs(self, feature: str) -> None:
        # Nothing is kept for root; and where something fails it does not stop for good.
        words = ["-q", "-F", "-m", "0", "-b", str(PAGE), "-O", feature, "-e", "continue"]
        run("mkfs.ext4", *words, str(self._image))

    def mount(self) -> None:
        """Turn it on."""
        _mount(self.mount_point, "-o", "loop", str(self._image))
        _check(self.mount_point)

    def unmount(self) -> None:
        """Turn it off: what comes back with `mount` is what the disk has."""
        unmount(self.mount_point)

    @contextlib.contextmanager
    def as_the_disk_has_it(self) -> Iterator[Path]:
        """What would be there if the power went now: a copy, mounted elsewhere."""
        copy = self._below.parent / "copy.ext4"
        shutil.copyfile(self._image, copy)
        with mounted(self._below.parent / "copied", "-o", "loop", str(copy)) as folder:
            yield folder

    def starve(self) -> None:
        """From now on nothing can be written that needs a block which was free until now."""
        self.unmount()
        self._drop_free_blocks()
        self._ballast = fill(self._below)
        self.mount()

    def feed(self) -> None:
        """Everything can be written again."""
        assert self._ballast is not None
        self._ballast.unlink()

    def _drop_free_blocks(self) -> None:
        """Keep of the image what is in use, all of that, and nothing else."""
        whole = self._image.read_bytes()
        told = run("dumpe2fs", str(self._image))
        free = re.findall(r"^  Free blocks: (.*)$", told, re.MULTILINE)
        holes = [each.split("-") for group in free for each in group.split(", ") if each]
        unused = {n for hole in holes for n in range(int(hole[0]), int(hole[-1]) + 1)}
        assert unused
        with self._image.open("wb") as file:
            file.truncate(len(whole))
            for number in range(len(whole) // PAGE):
                if number not in unused:
                    file.seek(number * PAGE)
                    file.write(whole[number * PAGE : (number + 1) * PAGE])
