"""The real Codex as a process of ours: installed from npm, with a home and a model of the test's.

Nothing of the user's reaches it: the environment is made anew, and every folder it may write to
lies in the test's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

Json = Any

NEWEST, OLDER = "0.169.0", "0.100.0"
MODEL, PROVIDER = "gpt-5.5", "mock"  # in the settings below
INSTALL_WAIT_S, WAIT_S, EXIT_WAIT_S = 300.0, 30.0, 10.0
# What may be inherited; all else, proxies and keys first of all, is not.
_INHERITED = ("PATH", "TZ", "LANG", "LC_ALL", "TMPDIR")

_SETTINGS = """\
model = "gpt-5.5"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[model_providers.mock]
name = "Mock"
base_url = "{url}"
wire_api = "responses"
env_key = "MOCK_MODEL_KEY"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0
supports_websockets = false

[analytics]
enabled = false

[features]
plugins = false
apps = false
"""


class NotInstalled(Exception):
    """The binary is not here and cannot be had; the message says why."""


class CodexRefused(Exception):
    """An error answer of the app-server."""

    def __init__(self, method: str, error: dict[str, Json]) -> None:
        super().__init__(f"{method}: {error.get('code')} {error.get('message')}")
        self.code = error.get("code")
        self.message = str(error.get("message"))


def cache_folder() -> Path:
    """Where binaries are kept between runs: $THREADLOG_CODEX_CACHE, else in the checkout."""
    given = os.environ.get("THREADLOG_CODEX_CACHE")
    return Path(given) if given else Path(__file__).parents[2] / ".cache" / "codex"


def install(version: str) -> Path:
    """The native binary of a version, fetched from npm if it is not in the cache."""
    folder = cache_folder() / version
    binary = _native_binary(folder)
    if binary is None:
        install_from_npm(f"@openai/codex@{version}", folder)
        binary = _native_binary(folder)
    if binary is None:
        raise NotInstalled(f"there is no binary of codex {version} for this machine in {folder}")
    return binary


def install_from_npm(package: str, folder: Path) -> None:
    """Have npm put a package into a folder; raises NotInstalled."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalled(f"{package} is not in {folder} and there is no npm to install it")
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", package]
    run_installer(package, folder, command)


def run_installer(package: str, folder: Path, command: list[str]) -> None:
    """Run what fetches a package; raises NotInstalled."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_WAIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{package} took more than {INSTALL_WAIT_S:.0f} s") from None
    if done.returncode:
        raise NotInstalled(f"{package} was not installed: {done.stderr.strip()[-500:]}")


def _native_binary(folder: Path) -> Path | None:
    """The executable itself: the `codex` of npm is a script that starts it."""
    packages = folder / "node_modules" / "@openai"
    for pattern in ("codex*/vendor/*/bin/codex", "codex*/vendor/*/codex/codex"):
        for path in sorted(packages.glob(pattern)):
            if path.is_file() and os.access(path, os.X_OK):
                return path
    return None


class CodexHome(NamedTuple):
    """A home for Codex, and the folder it works in; both in the same temporary folder."""

    path: Path
    work: Path
    user: Path

    def environment(self) -> dict[str, str]:
        """All that a Codex of this home is given."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **inherited,
            "HOME": str(self.user),
            "CODEX_HOME": str(self.path),
            "CODEX_SQLITE_HOME": str(self.path),
            "MOCK_MODEL_KEY": "none",
            "RUST_LOG": "warn",
        }

    def rollouts(self) -> list[Path]:
        """All rollout files, by name."""
        found = self.path.glob("*sessions/**/rollout-*")
        return sorted(found, key=lambda path: path.name)


def make_home(folder: Path, model_url: str) -> CodexHome:
    """An empty home below *folder* whose Codex talks to the model at *model_url*."""
    home = CodexHome(folder / "codex", folder / "work", folder / "user")
    for path in home:
        path.mkdir(parents=True)
    (home.path / "config.toml").write_text(_SETTINGS.format(url=model_url))
    return home


def run_exec(binary: Path, home: CodexHome, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`codex exec` with these arguments, to its end."""
    command = [str(binary), "exec", "--skip-git-repo-check", *arguments]
    return subprocess.run(
        command,
        cwd=home.work,
        env=home.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def await_true(condition: Callable[[], bool]) -> None:
    """Return once something is so that Codex does on its own time."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {WAIT_S:.0f} s")
        time.sleep(0.02)


class AppServer:
    """A `codex app-server`: requests out, answers and notifications in, one JSON a line."""

    def __init__(self, binary: Path, home: CodexHome) -> None:
        self.home = home
        self._log = home.user / "app-server.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(binary), "app-server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=home.work,
                env=home.environment(),
                bufsize=0,
            )
        self._arrived = threading.Condition()
        self._answers: dict[int, dict[str, Json]] = {}
        self._notes: list[dict[str, Json]] = []
        self._ended = False
        self._asked = 0
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self._introduce()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def _introduce(self) -> None:
        info = {"name": "threadlog_tests", "title": "threadlog tests", "version": "1"}
        self.call("initialize", clientInfo=info, capabilities={"experimentalApi": True})
        self._send({"method": "initialized"})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def call(self, method: str, **params: Json) -> dict[str, Json]:
        """The answer to a request; raises CodexRefused, TimeoutError."""
        self._asked += 1
        number = self._asked
        self._send({"id": number, "method": method, "params": params})
        with self._arrived:
            self._await(lambda: number in self._answers, method)
            reply = self._answers.pop(number)
        if "error" in reply:
            raise CodexRefused(method, reply["error"])
        result: dict[str, Json] = reply["result"]
        return result

    def refusal(self, method: str, **params: Json) -> str:
        """The message with which a request is refused."""
        try:
            self.call(method, **params)
        except CodexRefused as refused:
            return refused.message
        raise AssertionError(f"{method} was not refused")

    def turn(self, thread: str, text: str, *more_input: Json) -> str:
        """Run a whole turn; its id."""
        with self.ending_turn(thread):
            return self.begin_turn(thread, text, *more_input)

    def begin_turn(self, thread: str, text: str, *more_input: Json) -> str:
        """Start a turn and do not wait for its end; its id."""
        user_input = [{"type": "text", "text": text}, *more_input]
        started = self.call("turn/start", threadId=thread, input=user_input)
        return str(started["turn"]["id"])

    @contextlib.contextmanager
    def ending_turn(self, thread: str) -> Iterator[None]:
        """What is done within ends a turn of the thread: wait for that."""
        mark = len(self._notes)
        yield
        self.await_note("turn/completed", thread, mark)

    def await_said(self, thread: str) -> None:
        """Return when the agent has ended a message, of which the thread has had none."""
        self.await_note("item/completed", thread, 0, "agentMessage")

    def await_note(self, method: str, thread: str, mark: int, item: str | None = None) -> None:
        """Return when a notification came, not counting the first *mark*."""

        def came() -> bool:
            return any(
                note["method"] == method
                and note["params"]["threadId"] == thread
                and (item is None or note["params"]["item"]["type"] == item)
                for note in self._notes[mark:]
            )

        with self._arrived:
            self._await(came, method)

    def close(self) -> None:
        """End the process: by closing its input, else by force."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.close()
            process.wait(EXIT_WAIT_S)
        except (subprocess.TimeoutExpired, OSError):
            process.kill()
            process.wait(EXIT_WAIT_S)
        self._reader.join(EXIT_WAIT_S)
        process.stdout.close()

    def kill(self) -> None:
        """End the process as a crash would, with no chance to tidy up."""
        self._process.kill()
        self._process.wait(EXIT_WAIT_S)

    def _send(self, message: dict[str, Json]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def _await(self, arrived: Callable[[], bool], what: str) -> None:
        if self._arrived.wait_for(lambda: arrived() or self._ended, WAIT_S) and arrived():
            return
        why = f"it ended ({self._process.poll()})" if self._ended else f"{WAIT_S:.0f} s passed"
        log = self._log.read_text(errors="replace")[-2000:]
        raise TimeoutError(f"no answer to {what}: {why}; its log ends with\n{log}")

    def _read(self) -> None:
        try:
            for line in self._lines():
                self._take(json.loads(line))
        finally:
            with self._arrived:
                self._ended = True
                self._arrived.notify_all()

    def _lines(self) -> Iterator[bytes]:
        assert self._process.stdout is not None
        rest = b""
        while chunk := os.read(self._process.stdout.fileno(), 1 << 16):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from filter(bytes.strip, whole)

    def _take(self, message: dict[str, Json]) -> None:
        if "id" in message and "method" in message:
            refusal = {"code": -32601, "message": "the tests answer no requests"}
            self._send({"id": message["id"], "error": refusal})
            return
        with self._arrived:
            if "method" in message:
                self._notes.append(message)
            else:
                self._answers[message["id"]] = message
            self._arrived.notify_all()


if __name__ == "__main__":  # so that several runs at once find them there
    for each in (NEWEST, OLDER):
        install(each)
