"""`threadlog serve` as a command: the link, the end, and where it cannot be."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import command, put_thread, python
from threadlog.cli import serve
from threadlog.web.gate import Keys
from threadlog.web.server import listening


def test_without_its_libraries_it_names_the_extra(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda _name: None)
    ran = command(home, "serve")
    assert (ran.code, ran.out) == (1, b"")
    assert ran.err == (
        "threadlog: the web viewer needs starlette and uvicorn: pip install 'threadlog[web]'\n"
    )


def test_a_port_that_is_taken_is_a_sentence(home: Path) -> None:
    with listening(0) as bound:
        ran = command(home, "serve", "--port", str(bound.getsockname()[1]))
    assert ran.code == 1
    assert "cannot listen on port" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("port", ["-1", "65536", "x", "", "0x50", "1e3"])
def test_what_is_no_port_is_refused(home: Path, port: str) -> None:
    assert command(home, "serve", f"--port={port}").code == 2
    assert command(home, "serve", "--host", "0.0.0.0").code == 2


def test_the_browser_is_started_with_a_link_for_one_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, opened = Keys.made(1), list[str]()
    monkeypatch.setattr("threadlog.web.server.serve", lambda _home, _port, begun: begun(keys))
    monkeypatch.setattr("webbrowser.open", opened.append)
    serve.run(threadlog.open(home), argparse.Namespace(port=1, open=True))
    assert opened == [keys.link_once]


@pytest.fixture
def running(home: Path) -> Iterator[Any]:
    put_thread(home, 0xA)
    words = [sys.executable, "-m", "threadlog", "--home", str(home), "serve", "--port", "0"]
    folder = str(Path(threadlog.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": folder}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_a_link_and_ends_in_peace(running: Any, number: int) -> None:
    link = running.stdout.readline().strip()
    assert link.startswith("http://127.0.0.1:")
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with client.open(link, timeout=20) as answer:
        assert b"hello" in answer.read()
    base = link.partition("/?")[0]
    thread = "019b0000-0000-7000-8000-00000000000a"
    with client.open(f"{base}/api/thread/{thread}/events", timeout=20) as stream:
        assert stream.readline().startswith(b"event: ")
        running.send_signal(number)
        assert running.wait(timeout=20) == 0
    assert running.stdout.read() == ""
    assert running.stderr.read() == (
        "Only this machine can reach it, with this link. Ctrl+C ends it.\n"
    )


def test_listing_threads_does_not_load_the_server() -> None:
    code = "import sys; from threadlog.cli.main import main; main(['list']); print(*sys.modules)"
    with python(code) as process:
        loaded = set(process.communicate()[0].split())
    assert importlib.util.find_spec("starlette") is not None
    assert not {"starlette", "uvicorn", "threadlog.web", "threadlog.html"} & loaded
