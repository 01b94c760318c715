"""What is copied into a new rollout, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from faulty_disk import FaultyDisk
from threadlog.core.lineage import Copied, Segment
from threadlog.errors import NotResumable
from threadlog.local.copying import write_copy
from threadlog.local.disk import Disk

LINE = b'{"n":"' + b"x" * 1000 + b'"}\n'
SOURCE = LINE * 3000  # several pieces


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.jsonl"
    path.write_bytes(SOURCE)
    return path


def copy(disk: Disk, source: Path, end: int) -> bytes:
    target = source.with_name("target.jsonl")
    fd = disk.create(str(target), 0o600)
    try:
        write_copy(
            disk, str(source.parent), fd, Copied(b"head\n", (Segment("", str(source), end),))
        )
    finally:
        disk.close(fd)
    return target.read_bytes()


@pytest.mark.parametrize("end", [0, len(LINE), 1 << 20, len(LINE) * 2500, len(SOURCE)])
def test_bytes_up_to_the_end_are_copied(source: Path, end: int) -> None:
    ended = b"\n" if end % len(LINE) else b""
    assert copy(Disk(), source, end) == b"head\n" + SOURCE[:end] + ended


def test_a_rollout_cut_short_meanwhile_is_not_half_copied(source: Path) -> None:
    def before(call: str) -> None:
        if call == "write" and disk.made.count("write") == 2:
            source.write_bytes(SOURCE[: 3 << 19])

    disk = FaultyDisk()
    disk.before = before
    disk.arm()
    with pytest.raises(NotResumable, match="shorter than it was"):
        copy(disk, source, len(SOURCE))
