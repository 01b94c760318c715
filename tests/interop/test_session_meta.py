"""What a live thread says of itself without being told is what Codex makes of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import threadlog
from interop.codex_answers import codex_rows, opened, resume
from interop.codex_made_homes import Builder
from interop.codex_process import PROVIDER, AppServer, CodexHome
from interop.mock_model import MockModel
from interop.our_threads import Form
from threadlog.options import ThreadKeywords

_REMOTE = "https://example.com/project.git"
_SECRET_REMOTE = "https://somebody:secret@example.com/project.git"


def _start(home: CodexHome, cwd: Path, mode: str) -> str:
    """A thread of which nothing is said but where it is."""
    with opened(home).start(cwd=cwd, history_mode=mode) as thread, thread.turn("Hello.") as turn:
        turn.say("Hello to you.")
    return thread.id


def test_a_thread_of_no_settings_is_listed_by_default_with_its_own(
    form: Form, codex_home: CodexHome
) -> None:
    thread = _start(codex_home, codex_home.work, form.mode)
    summary = opened(codex_home).get(thread)
    with AppServer(form.binary, codex_home) as codex:
        (row,) = codex.call("thread/list")["data"]
        assert resume(codex, thread)["id"] == thread
    assert row["id"] == thread
    assert (row["source"], row["cliVersion"]) == ("cli", threadlog.__version__)
    assert (row["modelProvider"], row["cwd"]) == (PROVIDER, str(codex_home.work))
    assert (summary.source, summary.originator) == ("cli", "threadlog")


def test_a_thread_is_listed_and_resumed_where_no_provider_is_configured(
    form: Form, codex_home: CodexHome
) -> None:
    settings = codex_home.path / "config.toml"
    bare = re.sub(r"(?ms)^model_provider = .*?$|^\[model_providers.*?^$", "", settings.read_text())
    assert PROVIDER not in bare
    settings.write_text(bare)
    thread = _start(codex_home, codex_home.work, form.mode)
    with AppServer(form.binary, codex_home) as codex:
        assert [row["id"] for row in codex.call("thread/list")["data"]] == [thread]
        assert resume(codex, thread)["modelProvider"] == "openai"


def test_a_thread_of_another_program_is_listed_with_its_name(
    form: Form, codex_home: CodexHome
) -> None:
    home = opened(codex_home)
    options: ThreadKeywords = {
        "source": "exec",
        "originator": "an_agent",
        "history_mode": form.mode,
    }
    with home.start(cwd=codex_home.work, **options) as thread, thread.turn("Hello."):
        pass
    with AppServer(form.binary, codex_home) as codex:
        assert not codex.call("thread/list")["data"], "not what a person began"
        assert codex_rows(codex)[thread.id]["source"] == "exec"
    assert home.get(thread.id).originator == "an_agent"


# -- git


def _git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def _with_a_commit(folder: Path) -> None:
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "commit", "--quiet", "--allow-empty", "--message=Begin")


def _with_a_remote(folder: Path) -> None:
    _with_a_commit(folder)
    _git(folder, "checkout", "--quiet", "-b", "feature/login")
    _git(folder, "remote", "add", "origin", _REMOTE)


def _detached(folder: Path) -> None:
    _with_a_commit(folder)
    _git(folder, "checkout", "--quiet", "--detach")


def _without_commits(folder: Path) -> None:
    _git(folder, "init", "--quiet", "--initial-branch=main")


def _no_repository(folder: Path) -> None:
    assert not [*folder.iterdir()]


@pytest.mark.parametrize(
    "make",
    [
        _with_a_commit,
        _with_a_remote,
        _detached,
        _without_commits,
        _no_repository,
    ],
)
def test_git_is_told_as_codex_tells_it(
    form: Form, codex_home: CodexHome, model: MockModel, make: Callable[[Path], None]
) -> None:
    make(codex_home.work)
    ours = _start(codex_home, codex_home.work, form.mode)
    with AppServer(form.binary, codex_home) as codex:
        builder = Builder(codex, model, form.mode if form.newest else None)
        theirs, _turns = builder.chat("Hello.")
        rows = codex_rows(codex)
    told = rows[ours]["gitInfo"]
    assert told == rows[theirs]["gitInfo"]
    assert (told is None) == (make in (_without_commits, _no_repository))


def test_the_password_in_the_address_of_a_remote_is_not_told(
    form: Form, codex_home: CodexHome
) -> None:
    _with_a_commit(codex_home.work)
    _git(codex_home.work, "remote", "add", "origin", _SECRET_REMOTE)
    thread = _start(codex_home, codex_home.work, form.mode)
    with AppServer(form.binary, codex_home) as codex:
        assert codex_rows(codex)[thread]["gitInfo"]["originUrl"] == _REMOTE
    assert b"secret" not in Path(opened(codex_home).get(thread).path).read_bytes()
