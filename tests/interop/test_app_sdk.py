"""OpenAI's Python SDK works with our app-server as with Codex's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from interop import app_client
from interop.codex_process import MODEL, CodexHome, NotInstalled
from interop.mock_model import MockModel, Step, answer, fail, pause, say
from interop.official_sdk import install_sdk, run_flows

_ECHO, _RESPONSES = "threadlog.agents.scripted:agent", "threadlog.agents.responses:agent"


@pytest.fixture(scope="session")
def sdk() -> Path:
    """A Python with the SDK."""
    try:
        return install_sdk()
    except NotInstalled as reason:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


def _echo(text: str) -> Step:
    return answer(say(f"You said: {text}"))


def _script() -> list[Step]:
    """What the model is to answer to the flows, in their order."""
    return [
        *map(_echo, ("hello", "again")),
        _echo("stream"),
        _echo("name me"),
        *map(_echo, ("first", "second", "third")),
        *map(_echo, ("much", "what was said")),
        _echo("more"),
        *map(_echo, ("put me away", "back")),
        *(pause(say("You said: well")), _echo("on")),
        *(pause(say("You said: well")), _echo("and this")),
        *(fail("no good"), _echo("still here")),
        *map(_echo, ("one", "two", "three")),
    ]


def _is_done(printed: str) -> bool:
    return printed.endswith("\ndone\n")


def test_the_sdk_works_with_codex(
    newest: Path, codex_home: CodexHome, model: MockModel, sdk: Path
) -> None:
    model.script(*_script())
    printed = run_flows(sdk, app_client.codex(newest, codex_home), model.release)
    assert _is_done(printed), printed


def test_the_sdk_works_with_ours_and_an_agent_without_a_model(
    codex_home: CodexHome, sdk: Path
) -> None:
    printed = run_flows(sdk, app_client.ours(codex_home, _ECHO), lambda: None)
    assert _is_done(printed), printed


def test_the_sdk_works_with_ours_and_a_model(
    codex_home: CodexHome, model: MockModel, sdk: Path
) -> None:
    model.script(*_script())
    environment = {
        "OPENAI_BASE_URL": model.url,
        "OPENAI_API_KEY": "none",
        "THREADLOG_MODEL": MODEL,
    }
    subject = app_client.ours(codex_home, _RESPONSES, **environment)
    printed = run_flows(sdk, subject, model.release)
    assert _is_done(printed), printed
