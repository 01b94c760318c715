"""`threadlog app-server` as a process: its wires, its end by whatever means, what it leaves."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import make_old
from threadlog.core.items import turn as ti
from threadlog.core.turn import Turn

SCRIPTED = "threadlog.agents.scripted:agent"
SOURCE = str(Path(threadlog.__file__).parents[1])
WAIT_S = 30.0
MODES = pytest.mark.parametrize("mode", ["legacy", "paginated"])
KILLS, KILL_WITHIN_S = 20, 60.0  # of each history mode

Message = dict[str, Any]


class Refused(Exception):
    """An error answer."""


class Client:
    """One connection: what it sends, and all that it heard."""

    def __init__(self, sending: int, hearing: int) -> None:
        self._sending, self._hearing = sending, hearing
        self._asked = 0
        self.heard: list[Message] = []
        self.ended = False
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def introduce(self) -> Client:
        info = {"name": "tests", "version": "1"}
        self.call("initialize", clientInfo=info, capabilities={"experimentalApi": True})
        return self

    def ask(self, method: str, **params: Any) -> int:
        self._asked += 1
        line = json.dumps({"id": self._asked, "method": method, "params": params}).encode() + b"\n"
        os.write(self._sending, line)
        return self._asked

    def call(self, method: str, **params: Any) -> Any:
        number = self.ask(method, **params)
        answer = self.until(lambda each: "method" not in each and each.get("id") == number)
        if "error" in answer:
            raise Refused(answer["error"]["message"])
        return answer["result"]

    def told(self, method: str, **params: Any) -> Message:
        """The first such notification, with these params; waited for."""

        def fits(each: Message) -> bool:
            told = each.get("params", {})
            return each.get("method") == method and all(told.get(k) == params[k] for k in params)

        return dict(self.until(fits)["params"])

    def until(self, fits: Callable[[Message], bool]) -> Message:
        deadline = time.monotonic() + WAIT_S
        looked = 0
        with self._news:
            while True:
                for each in self.heard[looked:]:
                    if fits(each):
                        return each
                looked = len(self.heard)
                assert not self.ended, self.heard[-3:]
                assert self._news.wait(deadline - time.monotonic()), self.heard[-3:]

    def hear_out(self) -> list[Message]:
        """Everything, to the end."""
        self._reader.join(WAIT_S)
        assert self.ended
        return self.heard

    def start(self, mode: str = "legacy") -> str:
        begun = self.call("thread/start", cwd="/desk/x", historyMode=mode)
        return str(begun["thread"]["id"])

    def begin(self, thread: str, text: str) -> str:
        begun = self.call("turn/start", threadId=thread, input=_asked(text))
        return str(begun["turn"]["id"])

    def turn(self, thread: str, text: str) -> Message:
        """A whole turn, as it was told to have ended."""
        name = self.begin(thread, text)

        def fits(each: Message) -> bool:
            return each.get("method") == "turn/completed" and each["params"]["turn"]["id"] == name

        return dict(self.until(fits)["params"]["turn"])

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while piece := os.read(self._hearing, 1 << 16):
                *whole, rest = (rest + piece).split(b"\n")
                with self._news:
                    self.heard += map(json.loads, whole)
                    self._news.notify_all()
        with self._news:
            self.ended = True
            self._news.notify_all()


def _asked(text: str) -> list[Message]:
    return [{"type": "text", "text": text}]


class Process:
    """A server, over its standard input and output unless it listens elsewhere."""

    def __init__(self, home: Path, *options: str, stdin: Any = subprocess.PIPE) -> None:
        line = [sys.executable, "-m", "threadlog", "--home", str(home), "app-server"]
        line += options if "--agent" in options else ["--agent", SCRIPTED, *options]
        self.it = subprocess.Popen(
            line,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": SOURCE},
            bufsize=0,
        )
        self.said = b""

    def client(self) -> Client:
        """The one at its standard input and output."""
        assert self.it.stdin is not None
        assert self.it.stdout is not None
        return Client(self.it.stdin.fileno(), self.it.stdout.fileno()).introduce()

    def end(self) -> int:
        """Its exit code, once it has ended by itself; it never says a traceback."""
        code = self.it.wait(WAIT_S)
        assert self.it.stderr is not None
        self.said = self.it.stderr.read()
        assert b"Traceback" not in self.said, self.said.decode()
        return code

    def leave(self) -> int:
        """Close its input."""
        assert self.it.stdin is not None
        self.it.stdin.close()
        return self.end()


@contextlib.contextmanager
def server(home: Path, *options: str, stdin: Any = subprocess.PIPE) -> Iterator[Process]:
    process = Process(home, *options, stdin=stdin)
    try:
        yield process
    finally:
        if process.it.poll() is None:
            process.it.kill()
            process.it.wait()
        for stream in (process.it.stdin, process.it.stdout, process.it.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def connected(path: Path) -> Iterator[Client]:
    with socket.socket(socket.AF_UNIX) as it:
        it.connect(str(path))
        client = Client(it.fileno(), it.fileno()).introduce()
        yield client
        with contextlib.suppress(OSError):
            it.shutdown(socket.SHUT_RDWR)
        client.hear_out()  # or it would hear what the next one of this descriptor is told


@pytest.fixture
def address(tmp_path: Path) -> Path:
    return tmp_path / "s"


@contextlib.contextmanager
def listening(home: Path, path: Path, *options: str) -> Iterator[Process]:
    with server(home, "--listen", f"unix://{path}", *options) as process:
        deadline = time.monotonic() + WAIT_S
        while not _answers(path):
            assert process.it.poll() is None, process.end()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as it:
        return not it.connect_ex(str(path))


def turns(home: Path, thread: str) -> list[Turn]:
    return list(threadlog.open(home).turns(thread))


def texts(turn: Turn) -> list[str]:
    """What was said in a turn, by whomever."""
    spoken = [item for item in turn.items if isinstance(item, ti.UserMessage | ti.AgentMessage)]
    return ["".join(part.text or "" for part in item.content) for item in spoken]


def rollout(home: Path, thread: str) -> list[Message]:
    """Every line of a thread's rollout, which all are JSON."""
    data = Path(threadlog.open(home).get(thread).path).read_bytes()
    return [json.loads(line) for line in data.splitlines()]


# -- a socket


def test_a_socket_is_its_owners_and_goes_with_the_server(home: Path, address: Path) -> None:
    with listening(home, address) as process:
        mode = address.lstat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        process.it.terminate()
        assert process.end() == 0
    assert not os.path.lexists(address)


def test_a_socket_that_nobody_listens_at_makes_way(home: Path, address: Path) -> None:
    with listening(home, address) as process:
        process.it.kill()
        process.it.wait()
        assert address.is_socket()
    with listening(home, address), connected(address) as client:
        assert client.call("thread/loaded/list")["data"] == []


def test_a_server_that_listens_is_not_pushed_aside(home: Path, address: Path) -> None:
    with listening(home, address), connected(address) as client:
        with server(home, "--listen", f"unix://{address}") as second:
            assert second.end() == 1
            assert second.said == f"threadlog: another server listens at {address}\n".encode()
        assert client.call("thread/loaded/list")["data"] == []
    with listening(home, address):
        pass


@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_something_else_at_the_path_stays(home: Path, address: Path, what: str) -> None:
    if what == "file":
        address.write_text("mine")
    elif what == "folder":
        address.mkdir()
    else:
        address.symlink_to("nowhere")
    with server(home, "--listen", f"unix://{address}") as process:
        assert process.end() == 1
        said = process.said.decode()
    assert said == (
        f"threadlog: there is something else at {address}: name another path for the socket\n"
    )
    assert os.path.lexists(address)


def test_clients_of_one_socket_share_threads(home: Path, address: Path) -> None:
    with listening(home, address) as process:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connected(address)) for _ in range(5)]
            thread = clients[0].start()
            for client in clients[1:]:
                client.told("thread/started")
            clients[0].turn(thread, "one")
            for client in clients[1:]:
                client.call("thread/resume", threadId=thread)
            clients[4].turn(thread, "two")
            for client in clients[1:4]:
                client.told("turn/completed", threadId=thread)
        with connected(address) as late:  # the others have gone
            assert late.call("thread/loaded/list")["data"] == [thread]
            late.call("thread/resume", threadId=thread)
            late.turn(thread, "three")
        process.it.send_signal(signal.SIGINT)
        assert process.end() == 0
        assert process.said == b""
    assert [texts(turn)[0] for turn in turns(home, thread)] == ["one", "two", "three"]


# -- the end


@MODES
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "input", "output"])
def test_what_goes_on_at_the_end_is_marked_interrupted(home: Path, mode: str, how: str) -> None:
    with server(home) as process:
        client = process.client()
        thread = client.start(mode)
        client.turn(thread, "one")
        begun = client.begin(thread, "before\n/wait 60")
        client.told("item/completed", turnId=begun)
        client.until(lambda each: "You said: before" in json.dumps(each))
        if how.startswith("SIG"):
            process.it.send_signal(getattr(signal, how))
            code = process.end()
        elif how == "input":
            code = process.leave()
        else:
            assert process.it.stdout is not None
            process.it.stdout.close()
            # Two at least: the first may go to whoever is reading at this moment.
            with contextlib.suppress(BrokenPipeError):
                while process.it.poll() is None:
                    client.ask("thread/read", threadId=thread)
                    time.sleep(0.05)
            code = process.end()
        assert code == 0
        assert process.said == b""
    last = turns(home, thread)[-1]
    assert (last.id, last.status) == (begun, "interrupted")
    assert texts(last)[:2] == ["before\n/wait 60", "You said: before"]
    ends = [line["payload"] for line in rollout(home, thread)]
    aborted = [each["turn_id"] for each in ends if each.get("type") == "turn_aborted"]
    assert aborted == [begun]
    threadlog.open(home).resume(thread, force=True).close()


def test_a_thread_in_which_nothing_was_said_ends_without_a_word(home: Path) -> None:
    with server(home) as process:
        client = process.client()
        thread = client.start()
        client.call("thread/name/set", threadId=thread, name="n")
        assert process.leave() == 0
        assert process.said == b""
    assert not list(home.rglob("rollout-*"))


def test_requests_in_a_file_are_all_answered(home: Path, tmp_path: Path) -> None:
    info = {"clientInfo": {"name": "tests", "version": "1"}}
    requests = [{"id": 0, "method": "initialize", "params": info}]
    requests += [
        {"id": number, "method": "thread/start", "params": {"cwd": "/desk"}}
        for number in range(1, 40)
    ]
    requests += [{"id": 40, "method": "thread/list", "params": {}}]
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in requests))
    with path.open("rb") as file, server(home, stdin=file) as process:
        assert process.it.stdout is not None
        out = process.it.stdout.read()
        assert process.end() == 0
        assert process.said == b""
    answers = [json.loads(line) for line in out.splitlines()]
    assert {each["id"] for each in answers if "result" in each} == set(range(41))


# -- the words


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--agent", "nonsense"], 2, "An agent is named as module:callable"),
        (["--agent", "no_such_module:x"], 2, "There is no module 'no_such_module'"),
        (["--listen", "tcp://1.2.3.4:5"], 1, "cannot listen at tcp://1.2.3.4:5: use stdio://"),
        (["--listen", "unix://"], 1, "name the socket: unix://PATH"),
        (
            ["--listen", "unix:///no/such/folder/s"],
            1,
            "cannot listen at /no/such/folder/s: No such file",
        ),
        (["--listen", f"unix:///{'x' * 200}"], 1, "xxx: AF_UNIX path too long"),
    ],
)
def test_what_it_cannot_serve_it_says(
    home: Path, options: list[str], code: int, sentence: str
) -> None:
    with server(home, *options) as process:
        assert process.end() == code, process.said
        said = process.said.decode()
    assert said.startswith("threadlog: ")
    assert sentence in said
    assert said.count("\n") == 1


def test_words_that_are_none_are_wrong_usage(home: Path) -> None:
    for words in (["--unload-after", "soon"], ["--unload-after", "-1"], ["--nonsense"]):
        with server(home, *words) as process:
            assert process.end() == 2


def test_the_model_is_the_one_given(home: Path) -> None:
    with server(home, "--model", "m-1") as process:
        client = process.client()
        assert client.call("thread/start", cwd="/desk")["model"] == "m-1"
        assert client.call("model/list")["data"][0]["model"] == "m-1"
        assert process.leave() == 0


def test_a_thread_that_nobody_follows_is_let_go_of(home: Path) -> None:
    with server(home, "--unload-after", "0.2") as process:
        client = process.client()
        thread = client.start()
        client.turn(thread, "one")
        client.call("thread/unsubscribe", threadId=thread)
        client.told("thread/closed", threadId=thread)
        assert client.call("thread/loaded/list")["data"] == []
        threadlog.open(home).resume(thread, force=True).close()
        client.call("thread/resume", threadId=thread)
        client.turn(thread, "two")
        assert process.leave() == 0


def test_of_two_servers_one_has_a_thread_at_a_time(home: Path) -> None:
    with server(home, "--unload-after", "0.2") as one, server(home) as other:
        first, second = one.client(), other.client()
        thread = first.start()
        first.turn(thread, "one")
        with pytest.raises(Refused, match=f"thread {thread} already has an active writer"):
            second.call("thread/resume", threadId=thread)
        assert second.call("thread/read", threadId=thread)["thread"]["preview"] == "one"
        first.call("thread/unsubscribe", threadId=thread)
        first.told("thread/closed", threadId=thread)
        make_old(home)
        second.call("thread/resume", threadId=thread)
        second.turn(thread, "two")
        with pytest.raises(Refused, match="already has an active writer"):
            first.call("thread/resume", threadId=thread)
        assert (one.leave(), other.leave()) == (0, 0)
    assert [texts(turn)[0] for turn in turns(home, thread)] == ["one", "two"]


# -- killed at any moment


class Life:
    """One thread over many servers, each killed at a moment of chance; what it was promised."""

    def __init__(self, home: Path, mode: str) -> None:
        self.home, self.mode = home, mode
        self.thread = ""
        self.name = ""
        self.names_asked: list[str] = []
        self.said: list[str] = []  # acknowledged, by the user
        self.ended: dict[str, tuple[str, list[str]]] = {}  # as it was told, by turn
        self._count = 0

    def run(self, after_s: float) -> None:
        """A server's life, with turns, names and more said meanwhile, until it is killed."""
        with server(self.home) as process:
            client = process.client()
            if self.thread:  # at once: no lock is left
                make_old(self.home)
                client.call("thread/resume", threadId=self.thread, excludeTurns=True)
            else:
                self.thread = client.start(self.mode)
                self._turn(client, "first")
                client.told("turn/completed", threadId=self.thread)
            killing = threading.Timer(after_s, process.it.kill)
            killing.start()
            try:
                with contextlib.suppress(AssertionError, OSError, Refused):
                    while True:
                        self._work(client)
            finally:
                killing.join()
                client.hear_out()
            assert process.end() == -signal.SIGKILL
            assert process.said == b""
            self._note(client)

    def _work(self, client: Client) -> None:
        self._count += 1
        name = f"name {self._count}"
        self.names_asked.append(name)
        client.call("thread/name/set", threadId=self.thread, name=name)
        self.name = name
        text = f"turn {self._count}\n/items 30\n/run ls\n/think so\n/wait 0.05"
        turn = self._turn(client, text)
        more = f"more {self._count}"
        with contextlib.suppress(Refused):  # it has ended
            client.call("turn/steer", threadId=self.thread, expectedTurnId=turn, input=_asked(more))
            self.said.append(more)
        client.told("turn/completed", threadId=self.thread)
        client.until(lambda each: each.get("params", {}).get("turn", {}).get("id") == turn)

    def _turn(self, client: Client, text: str) -> str:
        turn = client.begin(self.thread, text)
        self.said.append(text)
        return turn

    def _note(self, client: Client) -> None:
        """What was told of turns that ended."""
        spoken: dict[str, list[str]] = {}
        for each in client.heard:
            params = each.get("params", {})
            if each.get("method") == "item/completed":
                item, found = params["item"], spoken.setdefault(params["turnId"], [])
                if item["type"] == "agentMessage":
                    found.append(item["text"])
                elif item["type"] == "userMessage":
                    found.append("".join(part["text"] for part in item["content"]))
            elif each.get("method") == "turn/completed":
                turn = params["turn"]
                self.ended[turn["id"]] = turn["status"], spoken[turn["id"]]

    def check(self) -> None:
        """All that was promised is there, and the file is one that Codex reads."""
        stored = {turn.id: turn for turn in turns(self.home, self.thread)}
        for name, (status, spoken) in self.ended.items():
            assert (stored[name].status, texts(stored[name])) == (status, spoken)
        there = [text for turn in stored.values() for text in texts(turn)]
        assert [text for text in self.said if text not in there] == []
        assert {turn.status for turn in stored.values()} <= {"completed", "interrupted"}
        if self.name:
            named = threadlog.open(self.home).get(self.thread).name
            assert named in self.names_asked[self.names_asked.index(self.name) :]
        self._check_lines(stored)

    def _check_lines(self, stored: dict[str, Turn]) -> None:
        lines = rollout_lines(self.home, self.thread)
        if self.mode == "paginated":
            assert [each["ordinal"] for each in lines] == list(range(len(lines)))
        kinds = [(each["payload"].get("type"), each["payload"].get("turn_id")) for each in lines]
        started = [turn for kind, turn in kinds if kind == "task_started"]
        over = {turn for kind, turn in kinds if kind in ("task_complete", "turn_aborted")}
        assert list(stored) == started
        # Each but the last, which the next turn marks.
        assert set(started[:-1]) <= over


def rollout_lines(home: Path, thread: str) -> list[Message]:
    """The lines of a rollout that are whole; half of one may stand where a server was killed."""
    found = []
    for line in Path(threadlog.open(home).get(thread).path).read_bytes().splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


@MODES
def test_what_was_acknowledged_outlives_a_kill_at_any_moment(home: Path, mode: str) -> None:
    chance = random.Random(mode)
    life = Life(home, mode)
    deadline = time.monotonic() + KILL_WITHIN_S
    for _ in range(KILLS):
        life.run(chance.uniform(0.0, 0.6))
        life.check()
        if time.monotonic() > deadline:
            break
    with server(home) as process:
        client = process.client()
        client.call("thread/resume", threadId=life.thread)
        assert client.turn(life.thread, "the end")["status"] == "completed"
        assert process.leave() == 0
    life.check()
    *before, last = turns(home, life.thread)
    assert last.status == "completed"
    assert "interrupted" in {turn.status for turn in before}
    lines = rollout(home, life.thread)
    over = [each["payload"]["type"] for each in lines if each["type"] == "event_msg"]
    assert over.count("task_started") == over.count("task_complete") + over.count("turn_aborted")
