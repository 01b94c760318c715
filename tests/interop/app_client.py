"""A client of an app-server, Codex's or ours: lines out, and all that comes back, in its order."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from interop.codex_process import MODEL, CodexHome

Json = Any
Message = dict[str, Json]

CODEX, OURS = "codex", "threadlog"
WAIT_S, EXIT_WAIT_S = 30.0, 5.0
_TESTS = Path(__file__).parents[1]
_ELSEWHERE = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]


class Subject(NamedTuple):
    """An app-server that can be started: what it is called, its command, what it is given."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    work: Path


def codex(binary: Path, home: CodexHome) -> Subject:
    """Codex's own."""
    return Subject(CODEX, (str(binary), "app-server"), home.environment(), home.work)


def ours(home: CodexHome, agent: str, **more: str) -> Subject:
    """Ours, with an agent; *more* is added to its environment."""
    command = (sys.executable, "-m", "threadlog", "app-server", "--agent", agent)
    options = ("--home", str(home.path), "--model", MODEL)
    environment = {
        **home.environment(),
        "THREADLOG_HOME": str(home.path),
        "PYTHONPATH": os.pathsep.join([str(_TESTS), *_ELSEWHERE]),  # for agents of the tests
        **more,
    }
    return Subject(OURS, (*command, *options), environment, home.work)


class Ended(Exception):
    """The server is gone, or says nothing; the message ends with its log."""


class AppClient:
    """A running server: what was sent to it, and everything that it said, in order."""

    def __init__(self, subject: Subject, log: Path) -> None:
        self.subject, self._log = subject, log
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                subject.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=subject.work,
                env=subject.environment,
                bufsize=0,
            )
        self.arrived = threading.Condition()
        self.messages: list[Message] = []
        self.garbage: list[bytes] = []  # lines that are no JSON objects
        self.last_heard = time.monotonic()
        self._reads = threading.Event()
        self._reads.set()
        self._ended = False
        self._asked = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def log(self) -> str:
        """What it wrote to its stderr."""
        return self._log.read_text(errors="replace")

    # -- what is said

    def introduce(self, **capabilities: Json) -> Message:
        """The handshake; the answer to `initialize`, whole."""
        info = {"name": "threadlog_tests", "title": "threadlog tests", "version": "1"}
        asked = {"experimentalApi": True, **capabilities}
        answer = self.ask("initialize", {"clientInfo": info, "capabilities": asked})
        self.send({"method": "initialized"})
        return answer

    def send(self, message: Json) -> None:
        """One message as a line."""
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def send_bytes(self, data: bytes) -> None:
        """Bytes as they are; raises BrokenPipeError."""
        assert self.process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view) :]

    def ask(self, method: str, params: Json = None) -> Message:
        """The answer to a request, whole: a result or an error.  None is no params at all."""
        self._asked += 1
        message = {"id": self._asked, "method": method}
        self.send(message if params is None else {**message, "params": params})
        return self.answer(self._asked)

    # -- what is heard

    def answer(self, number: int | str, since: int = 0) -> Message:
        """The answer to the request of this id, not counting the first *since* messages."""
        what = f"request {number}"
        return self.await_message(lambda message: _answers(message, number), what, since)

    def await_message(
        self, fits: Callable[[Message], bool], what: str, since: int = 0, wait_s: float = WAIT_S
    ) -> Message:
        """The first fitting message, not counting the first *since*; raises Ended."""
        looked = since
        deadline = time.monotonic() + wait_s
        with self.arrived:
            while True:
                for message in self.messages[looked:]:
                    if fits(message):
                        return message
                looked = len(self.messages)
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise Ended(f"no answer to {what}: {self._why()}")
                self.arrived.wait(left)

    def await_quiet(self, quiet_s: float) -> None:
        """Return when nothing was heard for so long."""
        while (left := self.last_heard + quiet_s - time.monotonic()) > 0:
            time.sleep(left)

    @contextlib.contextmanager
    def unread(self) -> Iterator[None]:
        """Nothing that the server says is read within."""
        self._reads.clear()
        try:
            yield
        finally:
            self._reads.set()

    # -- the end

    def finish(self) -> int:
        """Close its input; its exit code.  Raises Ended if it goes on, or said things after."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            code = self.process.wait(EXIT_WAIT_S)
        except subprocess.TimeoutExpired:
            self.end()
            raise Ended(f"it still ran {EXIT_WAIT_S:.0f} s later; {self._why()}") from None
        self.end()
        return code

    def end(self) -> None:
        """No more of it, whatever it does."""
        self._reads.set()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()

    def _why(self) -> str:
        state = "it ended" if self._ended else "time passed"
        return f"{state} ({self.process.poll()}); its log ends with\n{self.log[-2000:]}"

    def _read(self) -> None:
        assert self.process.stdout is not None
        descriptor, rest = self.process.stdout.fileno(), b""
        try:
            while self._reads.wait() and (chunk := os.read(descriptor, 1 << 16)):
                *lines, rest = (rest + chunk).split(b"\n")
                self._take(lines)
        finally:
            with self.arrived:
                if rest:
                    self.garbage.append(rest)
                self._ended = True
                self.arrived.notify_all()

    def _take(self, lines: list[bytes]) -> None:
        with self.arrived:
            for line in lines:
                try:
                    message = json.loads(line)
                except ValueError:
                    message = None
                if isinstance(message, dict):
                    self.messages.append(message)
                else:
                    self.garbage.append(line)
            self.last_heard = time.monotonic()
            self.arrived.notify_all()


def _answers(message: Message, number: int | str) -> bool:
    return "method" not in message and message.get("id") == number
