"""`threadlog record` as a program: streams, signals, full disks, long lines, closed outputs."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import agent, content, dumps, python, started, user

PROGRAM = [sys.executable, "-m", "threadlog"]
PATIENCE_S = 60
SOURCE = str(Path(threadlog.__file__).parents[1])
LONG = "x" * 1000
# And what ends a program that they reach.
SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, -15), (signal.SIGHUP, -1)]


class Recorder:
    """The program, with a pipe to it that stays open until `end`."""

    def __init__(
        self, home: Path, *words: str, limit: Callable[[], None] | None = None, **how: Any
    ) -> None:
        def before() -> None:
            for number, _code in SIGNALS:  # whatever became of them where the tests run
                signal.signal(number, signal.SIG_DFL)
            if limit is not None:
                limit()

        self.process = subprocess.Popen(
            [*PROGRAM, "--home", str(home), "record", *words],
            stdin=how.pop("stdin", subprocess.PIPE),
            stdout=how.pop("stdout", subprocess.PIPE),
            stderr=how.pop("stderr", subprocess.PIPE),
            env={**os.environ, "PYTHONPATH": SOURCE},
            bufsize=0,
            preexec_fn=before,  # noqa: PLW1509 - no other thread forks here
            **how,
        )
        self.path = Path()

    def announced(self) -> Recorder:
        """Itself, once it said which file it will write."""
        assert self.process.stdout is not None
        said = b""
        while not said.endswith(b"\n"):
            piece = self.process.stdout.read(4096)
            assert piece, "it ended"
            said += piece
        self.path = Path(os.fsdecode(said[:-1].partition(b"\t")[2]))
        return self

    def give(self, data: bytes) -> None:
        """Write to its standard input."""
        assert self.process.stdin is not None
        left = memoryview(data)
        while left:
            left = left[self.process.stdin.write(left) :]

    def said(self, part: bytes) -> bytes:
        """What standard error says, read until *part* is in it."""
        assert self.process.stderr is not None
        told = b""
        while part not in told:
            piece = self.process.stderr.read(4096)
            assert piece, told
            told += piece
        return told

    def end(self) -> tuple[int, str]:
        """Close the pipe; the code, and what standard error says."""
        if self.process.stdin is not None:
            self.process.stdin.close()
            self.process.stdin = None
        err = self.process.stderr.read() if self.process.stderr else b""
        return self.process.wait(PATIENCE_S), err.decode()

    def messages(self) -> list[str]:
        """What the messages in its file say so far; whole lines only."""
        if not self.path.exists():
            return []
        whole = self.path.read_bytes().rpartition(b"\n")[0].splitlines()
        payloads = [json.loads(each)["payload"] for each in whole]
        return [each["message"] for each in payloads if "message" in each]

    def shows(self, *texts: str) -> None:
        """Wait until these messages are in its file."""
        until(lambda: self.messages() == [*texts])


def until(done: Callable[[], bool]) -> None:
    """Wait for something that is to happen soon."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextlib.contextmanager
def recording(home: Path, *words: str, **how: Any) -> Iterator[Recorder]:
    """A running program, which does not outlive the test."""
    recorder = Recorder(home, *words, **how)
    try:
        yield recorder
    finally:
        recorder.process.kill()
        with recorder.process:
            pass


def numbered(count: int, first: int = 0) -> bytes:
    """Messages of about a thousand bytes that begin with their number."""
    return content(user(f"{number} {LONG}") for number in range(first, first + count))


def numbers(recorder: Recorder) -> list[int]:
    return [int(each.split()[0]) for each in recorder.messages()]


# -- the stream


def test_items_are_on_disk_while_the_pipe_is_open(home: Path) -> None:
    with recording(home) as recorder:
        recorder.announced()  # and not a byte was written to it
        recorder.give(content([started("t"), agent("first")]))
        time.sleep(0.2)
        assert not recorder.path.exists()
        recorder.give(content([user("second")]))
        recorder.shows("first", "second")
        for number in range(3):
            recorder.give(agent(str(number))[:20])
            time.sleep(0.05)
            recorder.give(agent(str(number))[20:] + b"\n")
            recorder.shows("first", "second", *map(str, range(number + 1)))
        assert recorder.process.poll() is None
        assert recorder.end() == (0, "")


def test_a_thread_that_is_gone_on_with_is_ours_until_the_pipe_is_closed(home: Path) -> None:
    with recording(home) as first:
        first.announced().give(content([user("one")]))
        first.shows("one")
        with recording(home, "--resume", "last") as second:
            assert second.process.wait(PATIENCE_S) == 1
            assert second.process.stderr is not None
            assert b"already has an active writer" in second.process.stderr.read()
        assert first.end() == (0, "")
        before = first.path.read_bytes()
    with recording(home, "--resume", "last", "--force") as third:
        third.announced().give(content([user("two")]))
        third.shows("one", "two")
        assert third.path == first.path
        assert third.path.read_bytes().startswith(before)
        assert third.end() == (0, "")


def test_much_is_recorded_with_bounded_memory(home: Path) -> None:
    count, text = 400, "y" * (1 << 20)
    with recording(home) as recorder:
        recorder.announced()
        for number in range(count):
            recorder.give(content([user(f"{number} {text}")]))
        assert _end_within(recorder, 200) == (0, b"")
    assert recorder.path.stat().st_size > count << 20
    with recorder.path.open("rb") as file:
        next(file)
        found = [json.loads(each)["payload"]["message"].split()[0] for each in file]
    assert found == [str(number) for number in range(count)]


def test_a_line_that_is_too_long_is_never_loaded(home: Path) -> None:
    length = 300 << 20
    with recording(home) as recorder:
        recorder.announced().give(content([user("before")]))
        for _ in range(length >> 20):
            recorder.give(b"x" * (1 << 20))
        recorder.give(b"\n" + content([user("after")]))
        recorder.shows("before", "after")
        code, err = _end_within(recorder, 160)
    assert code == 1
    assert err == (
        f"threadlog: line 2: its {length} bytes are more than a line may have (67108864)\n".encode()
    )


def _end_within(recorder: Recorder, mebibytes: int) -> tuple[int, bytes]:
    """Its end, having taken no more memory than that."""
    process = recorder.process
    assert process.stdin is not None
    assert process.stderr is not None
    peak = _peak_bytes(process.pid)
    process.stdin.close()
    process.stdin = None
    err = process.stderr.read()
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if peak is None:
        peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    assert peak < mebibytes << 20
    return process.returncode, err


def _peak_bytes(pid: int) -> int | None:
    """The peak of a living process, where the system tells it.

    What is told when it has ended counts what this process was when it began the other, too.
    """
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return None
    (peak,) = (line.split()[1] for line in told.splitlines() if line.startswith("VmHWM:"))
    return int(peak) * 1024


def test_long_lines_before_the_user_speaks_are_kept_too(home: Path) -> None:
    texts = [letter * (40 << 20) for letter in "ab"]  # two are more than a recorder holds
    with recording(home) as recorder:
        recorder.announced()
        for text in texts:
            recorder.give(content([agent(text)]))
        assert recorder.end() == (0, "")
    assert recorder.messages() == texts


# -- signals


@pytest.mark.parametrize("raws", [[user("a"), agent("b")], [agent("a"), agent("b")]])
@pytest.mark.parametrize(("number", "code"), SIGNALS, ids=[each.name for each, _ in SIGNALS])
def test_a_signal_loses_nothing_that_was_read(
    home: Path, number: int, code: int, raws: list[bytes]
) -> None:
    with recording(home) as recorder:
        recorder.announced().give(content(raws))
        recorder.process.send_signal(number)  # while it is in the pipe, or in memory
        assert recorder.process.wait(PATIENCE_S) == code
        assert recorder.end() == (code, "")
    assert recorder.messages() == ["a", "b"]


def test_what_a_signal_cuts_short_is_named(home: Path) -> None:
    with recording(home) as recorder:
        recorder.announced().give(content([user("a")]) + b'{"type"')
        recorder.shows("a")
        recorder.process.send_signal(signal.SIGTERM)
        assert recorder.process.wait(PATIENCE_S) == -15
        assert "line 2: unfinished where the input ends" in recorder.end()[1]
    assert recorder.messages() == ["a"]


def test_a_signal_ends_the_reading_of_an_endless_input(home: Path) -> None:
    with recording(home) as recorder:
        recorder.announced()
        recorder.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(BrokenPipeError):
            while True:
                recorder.give(numbered(100))
        assert recorder.process.wait(PATIENCE_S) == -15


def test_a_signal_that_our_parent_has_us_ignore_is_ignored(home: Path) -> None:
    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    with recording(home, limit=ignore) as recorder:
        recorder.announced().give(content([user("a")]))
        recorder.shows("a")
        recorder.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        recorder.give(content([user("b")]))
        recorder.shows("a", "b")
        assert recorder.end() == (0, "")


# -- the disk


def _small_files(size: int) -> Callable[[], None]:
    """The files of a process may have so many bytes, until somebody lets them have more."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    return limit


def test_what_a_full_disk_does_not_take_is_counted(home: Path) -> None:
    with recording(home, limit=_small_files(100_000)) as recorder:
        recorder.announced().give(content([agent("0 first")]) + numbered(10, 1))
        until(lambda: len(recorder.messages()) == 11)
        recorder.give(numbered(300, 11))
        told = recorder.said(b"trying again\n").decode()
        recorder.give(numbered(1, 311))
        code, err = recorder.end()
    assert code == 1
    synced = r" \(\d+ on stable storage\)"  # as many as the worker came to sync before
    *others, last = re.sub(synced, "", told + err).splitlines()
    safe = len(recorder.messages())
    assert numbers(recorder) == [*range(safe)]
    reason = f"cannot write {recorder.path} (File too large); {safe} items are in the file"
    assert others == [f"threadlog: {reason}; trying again"]
    assert last == f"threadlog: {reason} of 312 that were read"


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit")
def test_what_a_full_disk_did_not_take_is_written_once_it_does(home: Path) -> None:
    with recording(home, limit=_small_files(100_000)) as recorder:
        recorder.announced().give(numbered(300))
        recorder.said(b"trying again\n")
        recorder.give(numbered(300, 300))
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(recorder.process.pid, resource.RLIMIT_FSIZE, unlimited)
        assert recorder.end() == (0, "")
    assert numbers(recorder) == [*range(600)]


def test_a_disk_that_is_full_for_good_ends_the_reading(home: Path) -> None:
    code = (
        "import sys, resource;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY));"
        "from threadlog.cli import main, record;"
        "record.PATIENCE_S = record.RETRY_S = 0.1;"
        "sys.argv[0] = 'threadlog'; main.run()"
    )
    with python(code, "--home", str(home), "record") as program:
        assert program.stdin is not None
        assert program.stderr is not None
        with contextlib.suppress(BrokenPipeError):
            for number in range(200):
                program.stdin.write(user(f"{number} " + "x" * (1 << 20)).decode() + "\n")
        err = program.stderr.read()
        assert program.wait(PATIENCE_S) == 1
        with contextlib.suppress(BrokenPipeError):
            program.stdin.close()
    first, second, last = err.splitlines()
    assert first.endswith("; trying again")
    assert second.endswith(" and what follows it is not recorded")
    number = int(second.split()[2])
    assert 60 < number < 70  # 64 MiB
    assert last.endswith(f"; 0 items are in the file of {number - 1} that were read")


def test_the_second_signal_is_not_asked_to_wait(home: Path) -> None:
    with recording(home, limit=_small_files(10_000)) as recorder:
        recorder.announced().give(numbered(30))
        recorder.said(b"trying again\n")
        recorder.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # it tries once more after a second
        assert recorder.process.poll() is None
        recorder.process.send_signal(signal.SIGTERM)
        assert recorder.process.wait(0.5) == -15
        assert recorder.end()[1] == ""


def test_a_rollout_that_cannot_be_made_is_said(home: Path) -> None:
    (home / "sessions").write_text("no folder")
    with recording(home) as recorder:
        recorder.announced().give(content([user("one"), user("two")]))
        code, err = recorder.end()
    assert code == 1
    assert err.splitlines()[-1] == (
        f"threadlog: cannot write {recorder.path} (Not a directory); "
        f"0 items are in the file of 2 that were read"
    )


# -- inputs and outputs


def test_an_output_that_nobody_reads_loses_no_items(home: Path) -> None:
    with recording(home) as recorder:
        assert recorder.process.stdout is not None
        recorder.process.stdout.close()
        recorder.give(content([user("a"), agent("b")]))
        assert recorder.end() == (141, "")
    (recorder.path,) = home.rglob("*.jsonl")
    assert recorder.messages() == ["a", "b"]


def test_an_output_that_nobody_reads_hides_no_bad_line(home: Path) -> None:
    with recording(home) as recorder:
        assert recorder.process.stdout is not None
        recorder.process.stdout.close()
        recorder.give(content([user("a"), b"bad"]))
        assert recorder.end() == (1, "threadlog: line 2: not valid JSON\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_outputs_that_cannot_be_written_lose_no_items(home: Path) -> None:
    for number, streams in enumerate((["stdout"], ["stderr"], ["stdout", "stderr"])):
        place = home / str(number)
        with contextlib.ExitStack() as stack:
            full = {name: stack.enter_context(open("/dev/full", "wb")) for name in streams}
            with recording(place, **full) as recorder:
                recorder.give(content([user("a"), b"bad", user("b")]))
                code, err = recorder.end()
        assert code == 1
        assert err == ("threadlog: line 2: not valid JSON\n" if "stderr" not in streams else "")
        (recorder.path,) = place.rglob("*.jsonl")
        assert recorder.messages() == ["a", "b"]
    with open("/dev/full", "wb") as file, recording(home / "good", stdout=file) as recorder:
        recorder.give(content([user("a")]))
        assert recorder.end() == (
            1,
            "threadlog: standard output: No space left on device\n",
        )


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_outputs_that_are_closed_lose_no_items(home: Path, closed: str) -> None:
    program = f"'{sys.executable}' -m threadlog --home '{home}' record {closed}"
    ran = subprocess.run(
        ["sh", "-c", program],
        input=content([user("a")]),
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    (path,) = home.rglob("*.jsonl")
    assert path.read_bytes().count(b"\n") == 2


def test_a_closed_input_is_an_empty_one(home: Path) -> None:
    program = f"'{sys.executable}' -m threadlog --home '{home}' record <&-"
    ran = subprocess.run(
        ["sh", "-c", program],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ran.returncode == 0
    assert ran.stderr == b"threadlog: nothing was recorded, so no thread was made\n"


@pytest.mark.parametrize("half", [False, True])
def test_an_input_that_does_not_block_loses_no_items(home: Path, half: bool) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, recording(home, stdin=theirs) as recorder:
        theirs.close()
        recorder.announced()
        time.sleep(0.1)
        ours.sendall(content([user("a")]))
        recorder.shows("a")
        ours.sendall(content([user("b")]))
        recorder.shows("a", "b")
        assert recorder.process.poll() is None
        ours.shutdown(socket.SHUT_WR) if half else ours.close()
        assert recorder.end() == (0, "")


def test_a_terminal_is_told_what_is_awaited(home: Path) -> None:
    master, terminal = pty.openpty()
    with recording(home, stdin=terminal) as recorder:
        os.close(terminal)
        recorder.announced()
        assert recorder.said(b"\n") == (
            b"threadlog: reading items from the terminal, one a line; Ctrl-D ends\n"
        )
        os.write(master, content([user("typed")]))
        recorder.shows("typed")
        os.write(master, b"\x04")
        assert recorder.end() == (0, "")
    os.close(master)


def test_a_program_that_closes_its_terminal_loses_no_items(home: Path) -> None:
    master, terminal = pty.openpty()
    with recording(home, stdin=terminal) as recorder:
        os.close(terminal)
        recorder.announced()
        os.write(master, content([user("typed")]))
        recorder.shows("typed")
        os.close(master)
        code, _err = recorder.end()
        assert code in (0, 1)  # Linux calls it an input/output error
    assert recorder.messages() == ["typed"]


def test_an_item_of_an_agent_in_another_language(home: Path) -> None:
    """A shell's, say: what docs/cli.md shows."""
    item = {"type": "event_msg", "payload": {"type": "user_message", "message": "hi"}}
    program = f"echo '{dumps(item).decode()}' | '{sys.executable}' -m threadlog record --json"
    environment = {**os.environ, "PYTHONPATH": SOURCE, "THREADLOG_HOME": str(home)}
    ran = subprocess.run(["sh", "-c", program], env=environment, capture_output=True, check=True)
    said = json.loads(ran.stdout)
    assert threadlog.open(home).get("last").id == said["id"]
