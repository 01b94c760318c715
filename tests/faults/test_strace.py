"""System calls of a process that records fail, are interrupted, or end it: strace sees to that.

Nothing in the process knows of it.  What counts is what the files hold afterwards.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import threadlog
from ended_processes import MODES, check, check_heals, forked
from faults.own_file_systems import run
from faulty_disk import home_on, rest, said
from threadlog import RolloutRecorder, ThreadOptions, WriteFailed
from threadlog.local.disk import Disk

ROUNDS = 8
ITEMS = 3
TRIES = 5
LONG_S = 20.0
Tell = Callable[[object], None]


class Went(NamedTuple):
    """What became of a process under strace."""

    path: Path
    acked: int
    failures: list[str]
    status: int
    calls: list[str]

    @property
    def killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL


@pytest.fixture(scope="module", autouse=True)
def strace() -> None:
    """Skip where strace may not do this."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("needs Linux and strace")
    try:
        run("strace", "-qq", "-e", "trace=none", "true")
    except OSError as error:
        pytest.skip(f"strace may not trace here: {error}")


def recording(home: Path, mode: str, go: int, how: str) -> Callable[[Tell], None]:
    """Record by rounds, and say after each how much is safe; a barrier that fails is called again.

    *how*: "torn", a write of each round is cut short by the system, so that it has to be taken
    back; "resting", the file is closed after each round; or as usual.
    """

    def work(tell: Tell) -> None:
        options = ThreadOptions(cwd="/x", history_mode=mode)
        recorder = RolloutRecorder.create(home_on(Disk(), home), options)
        tell(recorder.path)
        os.read(go, 1)  # strace is there
        count = 0
        for number in range(ROUNDS):
            if how == "resting" and number:
                rest(recorder)
            if how == "torn" and number:
                limit(os.path.getsize(recorder.path) + 500)
            recorder.record(*(said(count + each) for each in range(ITEMS)))
            count += ITEMS
            for _ in range(TRIES):
                try:
                    recorder.persist() if number % 2 == 0 else recorder.flush()
                    break
                except WriteFailed as error:
                    tell(f"failed {error.errno} {error.safe_items}")
                    limit(resource.RLIM_INFINITY)
            tell(count)
        recorder.close()
        tell(count)

    return work


def limit(size: int) -> None:
    """No file of this process may grow beyond that."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def under_strace(home: Path, mode: str, *injections: str, how: str = "as usual") -> Went:
    """Record with these things happening to the calls that concern the rollout."""
    waits, go = os.pipe()
    child = forked(recording(home, mode, waits, how))
    os.close(waits)
    path = os.read(child.acks, 4096).decode().strip()
    calls = home.with_name(f"{home.name}.calls")
    words = [word for each in injections for word in ("-e", f"inject={each}")]
    words += ["-f", "-P", path, "-o", str(calls), "-p", str(child.pid)]
    with subprocess.Popen(["strace", *words], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        said_ = tracer.stderr.readline()
        if "attached" not in said_:
            os.kill(child.pid, signal.SIGKILL)
        os.write(go, b"!")
        os.close(go)
        with open(child.acks, encoding="ascii") as pipe:
            told = pipe.read().split("\n")[:-1]
        _pid, status = os.waitpid(child.pid, 0)
        tracer.communicate(timeout=LONG_S)
    if "attached" not in said_:
        pytest.skip(f"strace may not trace here: {said_}")
    acked = [int(each) for each in told if each.isdigit()]
    failures = [each for each in told if not each.isdigit()]
    lines = re.sub(r"^\d+ +", "", calls.read_text(), flags=re.MULTILINE).splitlines()
    return Went(Path(path), max(acked, default=0), failures, status, lines)


def check_whole(went: Went, mode: str) -> None:
    """It came to its end, and all is there, once."""
    assert went.status == 0, went.failures
    assert went.acked == ROUNDS * ITEMS
    check(went.path, went.acked, mode)
    assert went.path.read_bytes().count(b"\n") == went.acked + 1


def check_rest(home: Path, went: Went, mode: str) -> bool:
    """It was killed; what it acknowledged is there, and the thread goes on.

    True if there was an unfinished line to heal.
    """
    assert went.killed, went.status
    if not went.path.exists():
        assert went.acked == 0
        return False
    check(went.path, went.acked, mode)
    return b"\n" in went.path.read_bytes() and check_heals(threadlog.open(home), went.path)


ERRORS = {
    "a sync that fails": ("fdatasync:error=EIO:when=2", errno.EIO),
    "two syncs that fail": ("fdatasync:error=EIO:when=2..3", errno.EIO),
    "a sync for which there is no room": ("fdatasync:error=ENOSPC:when=3", errno.ENOSPC),
    "the first write": ("write:error=ENOSPC:when=1", errno.ENOSPC),
    "a later write": ("write:error=ENOSPC:when=4", errno.ENOSPC),
    "a write over a quota": ("write:error=EDQUOT:when=3", errno.EDQUOT),
    "a write that takes nothing": ("write:retval=0:when=3", errno.EIO),
    "an opening": ("openat:error=EMFILE:when=3", errno.EMFILE),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("injection", "reason"), ERRORS.values(), ids=ERRORS)
def test_a_call_that_fails_is_said_and_loses_and_repeats_nothing(
    home: Path, mode: str, injection: str, reason: int
) -> None:
    went = under_strace(home, mode, injection, how="resting" if "openat" in injection else "")
    assert any("INJECTED" in call for call in went.calls)
    said_so = [each.split()[1] for each in went.failures]
    assert set(said_so) <= {str(reason)}
    if "fdatasync" in injection:  # what else fails may do so, and go well, before anybody waits
        assert len(said_so) == (2 if ".." in injection else 1)
    check_whole(went, mode)


def test_after_a_failed_sync_the_same_bytes_are_written_again_and_synced_anew(home: Path) -> None:
    went = under_strace(home, "legacy", "fdatasync:error=EIO:when=2")
    failed = next(n for n, call in enumerate(went.calls) if "INJECTED" in call)
    again = [call.split("(")[0] for call in went.calls[failed + 1 :]]
    sync = again.index("fdatasync")
    assert "openat" in again[:sync], "the descriptor whose sync failed was synced again"
    assert "pwrite64" in again[:sync], "nothing was written again"


@pytest.mark.parametrize("name", ["write", "fdatasync", "openat", "pread64", "ftruncate"])
def test_a_call_that_is_interrupted_is_made_again_and_nobody_hears_of_it(
    home: Path, name: str
) -> None:
    torn = name in ("ftruncate", "pread64")
    how = "torn" if torn else "resting"
    went = under_strace(home, "paginated", f"{name}:error=EINTR:when={2 - torn}", how=how)
    assert any("INJECTED" in call for call in went.calls)
    assert torn or went.failures == []
    check_whole(went, "paginated")


KILLS = [
    *(("write", number) for number in (1, 2, 5)),
    *(("fdatasync", number) for number in (1, 2, 5)),
    *(("openat", number) for number in (1, 2, 4)),
    *(("ftruncate", number) for number in (1, 2)),
]


@pytest.mark.parametrize(("name", "number"), KILLS)
def test_a_process_killed_at_a_call_loses_nothing_that_was_acked(
    home: Path, name: str, number: int
) -> None:
    mode = MODES[number % 2]
    how = "torn" if name == "ftruncate" else "resting"
    went = under_strace(home, mode, f"{name}:signal=KILL:when={number}", how=how)
    healed = check_rest(home, went, mode)
    assert healed == (name == "ftruncate")  # half a batch was there, and was to be taken back
    if name == "ftruncate" or number > 2:
        assert went.acked > 0
