"""Each call to the system of each story fails once, in each way; the files alone are the judge."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from ended_processes import MODES, forked
from faults.stories import STORIES, Tell, Verdict, Writing, check, prepare
from faulty_disk import FaultyDisk

# Every so many-th position, for a shorter run.
STRIDE = int(os.environ.get("THREADLOG_STRIDE", "10"))


class Fault(NamedTuple):
    """How a call fails."""

    error: BaseException | int | None = None
    short: bool = False  # a write takes a part first
    kill: bool = False
    calls: int = 1  # so many in a row


FAULTS = {
    **{
        errno.errorcode[number]: Fault(number)
        for number in (
            errno.ENOSPC,
            errno.EIO,
            errno.EDQUOT,
            errno.EFBIG,
            errno.EACCES,
            errno.EPERM,
            errno.EROFS,
            errno.EMFILE,
            errno.ENFILE,
            errno.ENOMEM,
            errno.EINTR,
            errno.ESTALE,
        )
    },
    "a short write": Fault(short=True),
    "a short write, then ENOSPC": Fault(errno.ENOSPC, short=True, calls=2),
    "EIO twice": Fault(errno.EIO, calls=2),
    "no memory": Fault(MemoryError()),
    "what nobody foresaw": Fault(RuntimeError("not foreseen")),
    "killed": Fault(kill=True),
    "killed in a write": Fault(kill=True, short=True),
}


def _disk(fault: Fault | None, number: int) -> FaultyDisk:
    """A disk whose call of that number fails so."""
    disk = FaultyDisk()
    disk.arm()
    if fault is None:
        return disk
    failing = range(number + fault.short, number + fault.calls)
    if fault.short:
        disk.short_at = number
    if fault.kill:
        disk.kill_at = number + fault.short
    elif fault.error is not None:
        disk.error, disk.fail_at = fault.error, set(failing)
    return disk


def told(
    home: Path, where: tuple[str, str], fault: Fault | None, number: int
) -> tuple[Verdict, int]:
    """Run a story; what is known of it, and how many calls it made if it came to its end."""
    name, mode = where
    path = prepare(home, STORIES[name], mode)

    def work(tell: Tell) -> None:
        disk = _disk(fault, number)
        tell(path)
        writing = Writing(home, disk, tell)
        STORIES[name].tell(writing, mode, path)
        tell(f"made {len(disk.made)} {writing.count}")

    process = forked(work)
    with open(process.acks, encoding="utf-8") as pipe:
        words = pipe.read().splitlines()
    status = os.waitpid(process.pid, 0)[1]
    killed = os.WIFSIGNALED(status)
    if killed:
        assert fault is not None
        assert fault.kill, f"it hung: {os.WTERMSIG(status)}"
    else:
        assert status == 0, f"it gave up: {words}"
    path = Path([word for word in words if word.startswith("/")][-1].removesuffix(".zst"))
    acked = max([0, *(int(word) for word in words if word.isdigit())])
    if killed and "deleted" in words:
        acked = 0  # before it was noticed, perhaps: then it is gone with the process
    made, total = map(int, words[-1].split()[1:]) if not killed else (0, 0)
    return Verdict(not killed, path, acked, total), made


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", STORIES)
def test_whatever_call_fails_nothing_acknowledged_is_lost(
    tmp_path: Path, name: str, fault: str
) -> None:
    tried, broken = 0, []
    for mode in MODES:
        _verdict, calls = told(tmp_path / mode, (name, mode), None, 0)
        assert calls > 20
        for number in range(list(FAULTS).index(fault) % STRIDE, calls, STRIDE):
            home = tmp_path / f"{mode}-{number}"
            try:
                check(told(home, (name, mode), FAULTS[fault], number)[0], mode)
            except (AssertionError, ValueError, OSError) as why:
                broken.append(f"{mode}, call {number}: {type(why).__name__} {why}"[:500])
            shutil.rmtree(home)
            tried += 1
    print(f"{name}, {fault}: {tried} positions")
    assert not broken, "\n".join(broken)
