"""An app-server stands whatever it is sent: odd requests by the thousand, broken frames.

The real one is sent the harmless part, so that what is asked of ours is what Codex does.
`THREADLOG_REQUESTS` says how many requests ours is sent, `THREADLOG_SEED` which ones.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop import app_client
from interop.app_client import AppClient, Message, Subject
from interop.app_requests import Requests
from interop.app_schema import AppSchema
from interop.app_storm import Storm
from interop.codex_process import CodexHome

REQUESTS = int(os.environ.get("THREADLOG_REQUESTS", "2000"))
SEED = int(os.environ.get("THREADLOG_SEED", "1"))
OF_CODEX = 1000
AGENT = "threadlog.agents.scripted:agent"
# Of those that are there for what their parameters say, so many are to be answered with a result.
_MANY = 0.1

_LIST = b'{"id":"good","method":"thread/list","params":{}}\n'
_DEEP = 100_000
_LONG = 70 << 20

# Frames that the sender cannot have meant as requests: no answer, and all goes on.
UNREADABLE = {
    "no JSON": b"{bad json",
    "nothing": b"",
    "blanks": b"   \t ",
    "a number": b"5",
    "a text": b'"x"',
    "null": b"null",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "id of null": b'{"id":null,"method":"thread/list","params":{}}',
    "id of a fraction": b'{"id":1.5,"method":"thread/list","params":{}}',
    "id of a map": b'{"id":{"a":1},"method":"thread/list","params":{}}',
    "id of a list": b'{"id":[],"method":"thread/list","params":{}}',
    "NULs": b"\0" * 100,
    "an answer to nothing": b'{"id":10,"result":{}}',
    "an error to nothing": b'{"id":10,"error":{"code":1,"message":"x"}}',
    "an unknown notification": b'{"method":"nonsense/notify"}',
    "half of an object": b'{"id":9,"method":"thread/li',
}
# The same, of which Codex dies, or which are not worth its time.
OF_OURS = {
    "invalid UTF-8": b'{"id":"bad","method":"thread/list","params":{"searchTerm":"\xff"}}',
    "lone bytes": b"\xff\xfe\x00{",
    "deep lists": b"[" * _DEEP,
    "deep lists in params": b'{"method":"x","params":' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    "deep objects": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "70 MB of a text": b'"' + b"a" * _LONG + b'"',
    "70 MB without an end of JSON": b'{"x":"' + b"a" * _LONG,
    "a huge number": b"9" * 1_000_000,
}
# With an id that might be read: an error answers it, or, as Codex does mostly, nothing.
WITH_AN_ID = {
    "a batch": b'[{"id":"odd","method":"thread/list","params":{}}]',
    "half of a pair": b'{"id":"odd","method":"thread/list","params":{"cursor":"\\ud800"}}',
    "no method": b'{"id":"odd","params":{}}',
    "method of a number": b'{"id":"odd","method":5,"params":{}}',
    "deep params": b'{"id":"odd","method":"thread/list","params":{"cwd":'
    + b"[" * _DEEP
    + b"]" * _DEEP
    + b"}}",
    "70 MB of params": b'{"id":"odd","method":"thread/list","params":{"cursor":"'
    + b"a" * _LONG
    + b'"}}',
}


@pytest.fixture(params=[app_client.CODEX, app_client.OURS])
def subject(request: pytest.FixtureRequest, codex_home: CodexHome) -> Subject:
    """Each of both servers, not started yet."""
    if request.param == app_client.CODEX:
        return app_client.codex(request.getfixturevalue("newest"), codex_home)
    return app_client.ours(codex_home, AGENT)


@pytest.fixture
def client(subject: Subject, tmp_path: Path) -> Iterator[AppClient]:
    """A client that was introduced; the server must end in peace."""
    with AppClient(subject, tmp_path / "log") as introduced:
        introduced.introduce()
        yield introduced
        if introduced.process.poll() is None:
            assert introduced.finish() == 0
        assert "Traceback" not in introduced.log


def test_each_odd_request_is_answered_once_and_rightly(
    client: AppClient, app_schema: AppSchema
) -> None:
    real = client.subject.name == app_client.CODEX
    requests = Requests(app_schema, SEED, harmless=real)
    outcome = Storm(client, app_schema, requests).blow(
        min(OF_CODEX, REQUESTS) if real else REQUESTS
    )
    if outcome.wrong:
        pytest.fail("\n".join(outcome.wrong[:20]), pytrace=False)
    assert outcome.results.total() > _MANY * outcome.errors.total(), "next to nothing was done"


def _is_good(message: Message) -> bool:
    return message.get("id") == "good" and "result" in message


def _goes_on(client: AppClient) -> list[Message]:
    """That a good request is still answered; what else was answered since."""
    since = len(client.messages)
    client.send_bytes(_LIST)
    client.await_message(_is_good, "a good request", since)
    return [each for each in client.messages if "method" not in each]


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_frame_that_is_no_request_is_passed_over(name: str, client: AppClient) -> None:
    before = _goes_on(client)
    client.send_bytes(UNREADABLE[name] + b"\n")
    assert len(_goes_on(client)) == len(before) + 1


def test_frames_that_hurt_are_passed_over(codex_home: CodexHome, tmp_path: Path) -> None:
    with AppClient(app_client.ours(codex_home, AGENT), tmp_path / "log") as client:
        client.introduce()
        for name, frame in OF_OURS.items():
            client.send_bytes(frame + b"\n")
            answers = [each for each in _goes_on(client) if each.get("id") != "good"]
            wrong = [each for each in answers[1:] if "error" not in each]  # all but the handshake's
            assert not wrong, name
        assert client.finish() == 0
        assert "Traceback" not in client.log


@pytest.mark.parametrize("name", WITH_AN_ID)
def test_a_bad_frame_with_an_id_gets_an_error_or_nothing(
    name: str, client: AppClient, app_schema: AppSchema
) -> None:
    client.send_bytes(WITH_AN_ID[name] + b"\n")
    odd = [each for each in _goes_on(client) if each.get("id") == "odd"]
    assert len(odd) <= 1
    assert [wrong for each in odd for wrong in app_schema.error(each)] == []


def test_lines_may_end_as_on_windows(client: AppClient) -> None:
    client.send_bytes(_LIST.replace(b"\n", b"\r\n"))
    client.await_message(_is_good, "a request")


def test_a_line_may_come_in_pieces(client: AppClient) -> None:
    for letter in _LIST:
        client.send_bytes(bytes([letter]))
    client.await_message(_is_good, "a request")


def test_half_a_line_and_the_end_is_an_end(client: AppClient) -> None:
    client.send_bytes(_LIST + b'{"id":"half","method":"thread/list"')
    client.await_message(_is_good, "a request")
    assert client.finish() == 0
    assert not [each for each in client.messages if each.get("id") == "half"]


def test_nothing_but_the_end_is_an_end(subject: Subject, tmp_path: Path) -> None:
    with AppClient(subject, tmp_path / "log") as client:
        assert client.finish() == 0
        assert not client.messages
        assert "Traceback" not in client.log


def test_requests_before_the_end_are_answered_by_ours(
    codex_home: CodexHome, tmp_path: Path
) -> None:
    with AppClient(app_client.ours(codex_home, AGENT), tmp_path / "log") as client:
        client.introduce()
        client.send_bytes(_LIST * 50)
        assert client.finish() == 0
        assert sum(map(_is_good, client.messages)) == 50


def test_a_client_that_reads_nothing_for_a_while_loses_nothing(client: AppClient) -> None:
    number = 3000  # more than what pipes hold of answers
    lines = b"".join(
        json.dumps({"id": each, "method": "model/list", "params": {}}).encode() + b"\n"
        for each in range(1000, 1000 + number)
    )
    with client.unread():
        sender = threading.Thread(target=client.send_bytes, args=(lines,))
        sender.start()
        time.sleep(1.0)
        assert client.process.poll() is None
    sender.join(app_client.WAIT_S)
    client.await_quiet(1.0)
    answered = sorted(each["id"] for each in client.messages if each.get("id", 0) >= 1000)
    asked = range(1000, 1000 + number)
    if client.subject.name == app_client.CODEX:  # it drops what it cannot keep
        assert len({*answered}) == len(answered)
        assert {*answered} <= {*asked}
    else:
        assert answered == list(asked)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_is_an_end(
    sign: signal.Signals, subject: Subject, tmp_path: Path
) -> None:
    with AppClient(subject, tmp_path / "log") as client:
        client.introduce()
        given = {"cwd": str(subject.work)}
        thread = client.ask("thread/start", given)["result"]["thread"]["id"]
        more = {"threadId": thread, "input": [{"type": "text", "text": "x", "text_elements": []}]}
        client.send({"id": "turn", "method": "turn/start", "params": more})
        client.send_bytes(_LIST * 20)
        client.process.send_signal(sign)
        client.process.wait(app_client.EXIT_WAIT_S)
        assert "Traceback" not in client.log
