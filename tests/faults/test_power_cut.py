"""The power goes while threads are recorded: what a durable barrier acknowledged is there.

On a file system of its own (ext4, xfs), in a file, which is shut down without writing anything
back: what the disk has not got by then is gone, as if the machine had lost its power.  Needs root,
a loop device and what makes such a file system.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from ended_processes import MODES, check, check_heals, forked, records
from threadlog.local.disk import Disk

CUTS = int(os.environ.get("THREADLOG_CUTS", "20"))
# No more than this can be filled; xfs is not made any smaller.
IMAGE_BYTES = {"ext4": 64 << 20, "xfs": 320 << 20}
# FS_IOC_SHUTDOWN, and its flag that the journal is not written either.
SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2


class PoweredDisk:
    """A file system that can lose its power."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._image = folder / f"disk.{kind}"
        self.mount_point = folder / "mnt"
        self.mount_point.mkdir()
        self._mounted = False
        with self._image.open("wb") as file:
            file.truncate(IMAGE_BYTES[kind])
        _run(f"mkfs.{kind}", "-q", *(["-F"] if kind == "ext4" else []), str(self._image))

    def mount(self) -> None:
        """Turn it on; its journal brings it back to what the disk has."""
        _run("mount", "-o", "loop", str(self._image), str(self.mount_point))
        self._mounted = True
        assert os.path.ismount(self.mount_point), "nothing may be filled but this"

    def cut(self) -> None:
        """Now the power is gone."""
        fd = os.open(self.mount_point, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
        finally:
            os.close(fd)

    def unmount(self) -> None:
        """Turn it off."""
        if self._mounted:  # `ismount` cannot tell once there is no power
            _run("umount", str(self.mount_point))
            self._mounted = False


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")


@pytest.fixture(params=IMAGE_BYTES)
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[PoweredDisk]:
    """A file system of this test's own."""
    kind = request.param
    if sys.platform != "linux" or os.geteuid() or shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"needs Linux, root and mkfs.{kind}")
    try:
        made = PoweredDisk(tmp_path, kind)
        made.mount()
    except OSError as error:
        pytest.skip(f"no file system of its own to be had: {error}")
    made.unmount()
    try:
        yield made
    finally:
        made.unmount()


def cut_while_recording(
    disk: PoweredDisk, mode: str, seed: int, system: Disk | None = None
) -> tuple[Path, int]:
    """Cut the power at a random moment; the rollout, and how many items were acknowledged before.

    What comes after that does not count: the kernel lets a sync succeed that was at work when it
    shut the file system down, and whose bytes it dropped.  A plain loop of write and fdatasync
    loses its last acknowledged batch, too.
    """
    disk.mount()
    home = disk.mount_point / f"home-{seed}"
    home.mkdir()
    child = forked(records(home, mode, seed, "durable", system))
    told = os.read(child.acks, 4096)
    time.sleep(random.Random(seed).uniform(0, 0.1))
    os.set_blocking(child.acks, False)
    with contextlib.suppress(BlockingIOError):
        while more := os.read(child.acks, 4096):
            told += more
    disk.cut()
    os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)
    os.close(child.acks)
    path, *acked, _unfinished = told.decode().split("\n")
    disk.unmount()
    disk.mount()
    return Path(path), int(acked[-1]) if acked else 0


@pytest.mark.parametrize("mode", MODES)
def test_what_was_acknowledged_outlives_a_power_cut(disk: PoweredDisk, mode: str) -> None:
    acked_at_all = healed = 0
    for seed in range(CUTS // len(MODES) // len(IMAGE_BYTES)):
        path, acked = cut_while_recording(disk, mode, seed)
        acked_at_all += acked
        if acked or path.exists():
            check(path, acked, mode)
            healed += check_heals(threadlog.open(path.parents[4]), path)
        shutil.rmtree(path.parents[4], ignore_errors=True)  # it may be gone, too
        disk.unmount()
    print(f"{acked_at_all} items were acknowledged, {healed} unfinished lines healed")
    assert acked_at_all > 0


class Careless(Disk):
    """A disk whose syncs do nothing, as if the calls had been forgotten."""

    def __init__(self, *forgotten: str) -> None:
        self._forgotten = forgotten

    def sync_data(self, fd: int) -> None:
        if "sync_data" not in self._forgotten:
            super().sync_data(fd)

    def sync(self, fd: int) -> None:
        if "sync" not in self._forgotten:
            super().sync(fd)


def test_without_syncs_a_power_cut_loses_what_was_acknowledged(disk: PoweredDisk) -> None:
    lost = 0
    for seed in range(3):
        path, acked = cut_while_recording(disk, "legacy", seed, Careless("sync_data", "sync"))
        try:
            check(path, acked, "legacy")
        except (AssertionError, OSError, ValueError, IndexError):
            lost += acked > 0
        disk.unmount()
    assert lost > 0, "the cuts of the other tests prove nothing"
