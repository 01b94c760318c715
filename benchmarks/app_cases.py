"""An app-server measured from its client's side, over its standard input and output.

    python benchmarks/app_cases.py threadlog|codex start|list|turns|resume|stream HOME THREAD COUNT

Each case starts a server of its own: `threadlog app-server`, or the real Codex 0.169.0, which gets
a home of links to the same rollouts.  Prints numbers as JSON: times in milliseconds unless the name
says otherwise, memory in MB; or, where there is no Codex, why.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

HERE = os.path.dirname(os.path.abspath(__file__))
OURS, CODEX = "threadlog", "codex"
RATE, TURNS, TURN_S = 50, 3, 2  # items a second, turns of each thread, seconds of each
WAIT_S = 600.0  # Codex builds its database before it answers
_SOURCES = ["cli", "vscode", "exec"]
_SAID = re.compile(rb'"text":"(\d+) of \d+ at (\d+)')
_THREAD = re.compile(rb'"threadId":"([^"]+)"')

Numbers = dict[str, float]


class Command(NamedTuple):
    """How a server is started."""

    words: list[str]
    environ: dict[str, str]
    folder: str


class Server:
    """A server, from its start to its end, with one client, which is this process."""

    def __init__(self, command: Command) -> None:
        self.begun = time.perf_counter()
        self._process = subprocess.Popen(
            command.words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=command.environ,
            cwd=command.folder,
            bufsize=0,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout.fileno()
        self._rest = b""
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._in.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def introduce(self, *unwanted: str) -> float:
        """The handshake; milliseconds from the start of the process to its answer."""
        able: dict[str, Any] = {"experimentalApi": True, "optOutNotificationMethods": unwanted}
        info = {"name": "benchmark", "title": "benchmark", "version": "1"}
        self.ask("initialize", clientInfo=info, capabilities=able)
        spent = time.perf_counter() - self.begun
        self._in.write(b'{"method":"initialized"}\n')
        return spent * 1000

    def ask(self, method: str, **params: Any) -> tuple[dict[str, Any], float]:
        """The answer, and milliseconds until its line was there."""
        number = next(self._numbers)
        begun = time.perf_counter()
        self.send(method, number, params)
        mark = b'"id":%d' % number
        for lines in self.arrivals():
            spent = time.perf_counter() - begun
            for line in lines:
                if mark in line and (answer := json.loads(line)).get("id") == number:
                    assert "result" in answer, f"{method}: {answer.get('error')}"
                    return answer["result"], spent * 1000
        raise EOFError(f"the server ended before it answered {method}")

    def send(self, method: str, number: int, params: dict[str, Any]) -> None:
        """Ask something, and wait for nothing."""
        message = {"id": number, "method": method, "params": params}
        self._in.write(json.dumps(message).encode() + b"\n")

    def arrivals(self) -> Iterator[list[bytes]]:
        """Lines, as many as come at a time."""
        while chunk := os.read(self._out, 1 << 18):
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if lines:
                yield lines

    @property
    def peak_mb(self) -> float:
        """The most memory that it has had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6

    @property
    def cpu_s(self) -> float:
        """The processor time that it has had."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def command_of(who: str, home: str) -> Iterator[Command]:
    """How *who* is started on the rollouts of a home."""
    if who == OURS:
        words = [sys.executable, "-m", "threadlog", "app-server", "--home", home]
        yield Command([*words, "--agent", "streaming_agent:agent"], dict(os.environ), HERE)
        return
    import codex_cases

    with codex_cases.linked_home(home) as (binary, theirs):
        yield Command([str(binary), "app-server"], theirs.environment(), str(theirs.work))


# -- cases


def start(command: Command, _home: str, _thread: str, _count: int) -> Numbers:
    """From the start of the process to the answer to `initialize`, and to a first page."""
    with Server(command) as server:
        spent = server.introduce()
        _page(server)
        return {"ms": spent, "page_ms": (time.perf_counter() - server.begun) * 1000}


def listing(command: Command, _home: str, _thread: str, count: int) -> Numbers:
    """A page of 50, asked again and again."""
    with Server(command) as server:
        first = {"start_ms": server.introduce(), "first_ms": _page(server)}
        taken = [_page(server) for _ in range(count)]
        database = [_page(server, useStateDbOnly=True) for _ in range(count)]
        updated = [_page(server, sortKey="updated_at") for _ in range(count)]
        return {
            **first,
            **_spread(taken),
            "database_ms": statistics.median(database),
            "updated_ms": statistics.median(updated),
            "peak_mb": server.peak_mb,
        }


def _page(server: Server, **asked: Any) -> float:
    asked = {"limit": 50, "modelProviders": [], "sourceKinds": _SOURCES, **asked}
    return server.ask("thread/list", **asked)[1]


def turns(command: Command, _home: str, thread: str, count: int) -> Numbers:
    """The newest ten turns of a thread: as the first request, and again; then the next ten."""
    with Server(command) as server:
        server.introduce()
        asked = {"threadId": thread, "limit": 10, "itemsView": "full"}
        first, ms = server.ask("thread/turns/list", **asked)
        again = [server.ask("thread/turns/list", **asked)[1] for _ in range(count)]
        asked["cursor"] = first["nextCursor"]
        older, older_ms = server.ask("thread/turns/list", **asked)
        assert len(first["data"]) == len(older["data"]) == 10
        told = {"ms": ms, "again_ms": statistics.median(again), "older_ms": older_ms}
        return {**told, "peak_mb": server.peak_mb}


def resume(command: Command, _home: str, thread: str, _count: int) -> Numbers:
    """Going on with a thread, without its turns, as the first request."""
    with Server(command) as server:
        server.introduce()
        _answer, ms = server.ask("thread/resume", threadId=thread, excludeTurns=True)
        return {"ms": ms, "peak_mb": server.peak_mb}


def stream(command: Command, home: str, unwanted: str, count: int) -> Numbers:
    """So many threads at once, each saying RATE messages a second, in several turns.

    Of a message the client is told its beginning, its text and its end, but for *unwanted* ones.
    """
    with Server(command) as server:
        server.introduce(*unwanted.split())
        asked = {"cwd": home, "historyMode": "legacy"}
        threads = [server.ask("thread/start", **asked)[0]["thread"]["id"] for _ in range(count)]
        cpu, begun = server.cpu_s, time.perf_counter()
        hearing = _Hearing(server, threads)
        hearing.hear()
        seconds, cpu = time.perf_counter() - begun, server.cpu_s - cpu
        peak = server.peak_mb
    late = [ms for said in hearing.late.values() for ms in said]
    told = {"items": len(late), "lost": _lost(home, hearing.late), "cpu": cpu / seconds}
    told |= {"items_per_s": len(late) / seconds, "cpu_us": cpu * 1e6 / len(late)}
    return {**_spread(late), **told, "seconds": seconds, "peak_mb": peak}


class _Hearing:
    """What comes of several turns in each of these threads, one after the other."""

    def __init__(self, server: Server, threads: list[str]) -> None:
        self.late: dict[str, list[float]] = {thread: [] for thread in threads}  # ms, each message
        self._server = server
        self._left = dict.fromkeys(threads, TURNS)
        self._numbers = itertools.count(1_000_000)

    def hear(self) -> None:
        """Returns when all turns have ended."""
        for thread in self.late:
            self._begin(thread)
        for lines in self._server.arrivals():
            now = time.monotonic_ns()
            for line in lines:
                self._take(line, now)
            if not any(self._left.values()):
                return

    def _begin(self, thread: str) -> None:
        asked = {"type": "text", "text": f"{RATE * TURN_S} {RATE}"}
        params = {"threadId": thread, "input": [asked]}
        self._server.send("turn/start", next(self._numbers), params)

    def _take(self, line: bytes, now: int) -> None:
        if b'"method":"item/completed"' in line:
            if said := _SAID.search(line):
                self.late[_thread_in(line)].append((now - int(said[2])) / 1e6)
        elif b'"method":"turn/completed"' in line:
            assert b'"status":"completed"' in line, line
            thread = _thread_in(line)
            self._left[thread] -= 1
            if self._left[thread]:
                self._begin(thread)


def _thread_in(line: bytes) -> str:
    found = _THREAD.search(line)
    assert found
    return found[1].decode()


def _lost(home: str, late: dict[str, list[float]]) -> int:
    """How many messages are not on the disk in their order, or did not come here."""
    import threadlog
    from threadlog.core.items.turn import AgentMessage

    opened = threadlog.open(home)
    expected = [str(number) for _ in range(TURNS) for number in range(RATE * TURN_S)]
    lost = 0
    for thread, came in late.items():
        kept = [
            item.content[0].text.partition(" ")[0]
            for turn in opened.turns(thread)
            for item in turn.items
            if isinstance(item, AgentMessage)
        ]
        lost += len(expected) - sum(map(str.__eq__, kept, expected)) + len(expected) - len(came)
    return lost


def _spread(taken: list[float]) -> Numbers:
    marks = sorted(taken)
    names = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: marks[min(len(marks) - 1, int(len(marks) * at))] for name, at in names.items()}


CASES = {"start": start, "list": listing, "turns": turns, "resume": resume, "stream": stream}


def main(who: str, name: str, home: str, thread: str, count: str) -> Numbers | dict[str, str]:
    """One case, with a server of *who*."""
    try:
        with command_of(who, home) as command:
            return CASES[name](command, home, thread, int(count))
    except Exception as error:
        if type(error).__name__ == "NotHere":
            return {"missing": str(error)}
        raise


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
