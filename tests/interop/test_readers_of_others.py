"""Programs of others that read Codex homes count in ours what we count."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from interop.codex_answers import PROBE, opened, probe, resume, threadlog_turns
from interop.codex_process import AppServer, CodexHome, NotInstalled
from interop.mock_model import MockModel
from interop.our_threads import Form, record, totals_of
from interop.readers_of_others import (
    Counted,
    Seen,
    agentsview,
    ccusage,
    install_agentsview,
    install_ccusage,
)
from threadlog import Home

AGAIN, REPLY = "Once more, please.", "There it is."
# What the turns of `record`, and the one of `_go_on`, tell of their tokens.
OURS = Counted(
    input=900 + 1000 + 600 + 700,
    cached=100 + 500,
    output=90 + 10 + 20 + 30,
    reasoning=5 + 15,
    total=990 + 1010 + 620 + 730,
)


@pytest.fixture(scope="session")
def ccusage_script() -> Path:
    """ccusage for Codex."""
    return _installed(install_ccusage)


@pytest.fixture(scope="session")
def agentsview_program() -> Path:
    """agentsview."""
    return _installed(install_agentsview)


def _installed(install: Callable[[], Path]) -> Path:
    try:
        return install()
    except NotInstalled as reason:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


def _go_on(home: CodexHome, thread: str) -> None:
    """A turn of a model that is named, in a thread that is resumed."""
    with (
        opened(home).resume(thread, force=True) as live,
        live.turn(AGAIN, model="gpt-5.5") as turn,
    ):
        turn.usage(input_tokens=600, output_tokens=20, reasoning_output_tokens=15)
        turn.tool("look", {}, output="seen")
        turn.say(REPLY)
        turn.usage(input_tokens=700, cached_input_tokens=500, output_tokens=30)


def _counted_by_us(home: Home, thread: str) -> Counted:
    """The last total of a thread."""
    total = totals_of(home, thread)[-1]
    return Counted(
        total.input_tokens,
        total.cached_input_tokens,
        total.output_tokens,
        total.reasoning_output_tokens,
        total.total_tokens,
    )


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_ccusage_counts_the_tokens_that_we_count(
    newest: Path, codex_home: CodexHome, model: MockModel, ccusage_script: Path, mode: str
) -> None:
    thread, other = record(codex_home, mode), record(codex_home, mode)
    _go_on(codex_home, thread)
    home = opened(codex_home)
    counts = {each: _counted_by_us(home, each) for each in (thread, other)}
    assert counts[thread] == OURS
    assert ccusage(ccusage_script, codex_home) == counts
    # The older Codex repeats its last count when a turn begins, and ccusage counts that again.
    with AppServer(newest, codex_home) as codex:
        resume(codex, thread)
        probe(codex, model, thread)
    _go_on(codex_home, thread)
    counts[thread] = _counted_by_us(home, thread)
    assert counts[thread].total == OURS.total + 520 + 620 + 730
    assert ccusage(ccusage_script, codex_home) == counts


def test_agentsview_sees_the_threads_and_messages_that_we_see(
    form: Form, codex_home: CodexHome, model: MockModel, agentsview_program: Path
) -> None:
    thread, other = record(codex_home, form.mode), record(codex_home, form.mode)
    _go_on(codex_home, thread)
    with AppServer(form.binary, codex_home) as codex:
        resume(codex, thread)
        probe(codex, model, thread)
    home = opened(codex_home)
    assert agentsview(agentsview_program, codex_home) == {
        thread: Seen(_messages(home, thread), tool_calls=4, bad_lines=0),
        other: Seen(_messages(home, other), tool_calls=3, bad_lines=0),
    }
    assert len(_messages(home, thread)) == 9
    assert ("user", PROBE) in _messages(home, thread)


def _messages(home: Home, thread: str) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for turn in threadlog_turns(home, thread):
        found += [("user", text) for text in turn.user]
        found += [("assistant", text) for text in turn.agent]
    return tuple(found)
