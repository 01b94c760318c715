"""What the real Codex wrote is read as the real Codex reads it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from interop.codex_answers import (
    PROBE,
    Listed,
    Shown,
    asks,
    codex_listing,
    codex_turns,
    history_of,
    is_context,
    opened,
    probe,
    resume,
    shown,
    threadlog_listing,
    threadlog_turns,
)
from interop.codex_made_homes import make_newest, make_older
from interop.codex_process import AppServer, CodexHome, await_true, make_home
from interop.mock_model import Json, MockModel, Request
from threadlog import Home


class Both(NamedTuple):
    """A home as Codex tells it and as threadlog tells it, each thread by its id."""

    codex_listing: dict[str, Listed]
    threadlog_listing: dict[str, Listed]
    codex_turns: dict[str, list[Shown]]
    threadlog_turns: dict[str, list[Shown]]
    requests: dict[str, Request]
    model_inputs: dict[str, list[dict[str, Json]]]
    histories: dict[str, tuple[list[Shown], list[dict[str, Json]]]]


def _ask_both(binary: Path, home: CodexHome, model: MockModel, *, probes: bool) -> Both:
    """Every thread of a home; Codex loads each one, which gives it turns to show."""
    ours = opened(home)
    with AppServer(binary, home) as codex:
        listing = codex_listing(codex)
        both = Both(listing, threadlog_listing(ours), {}, {}, {}, {}, {})
        active = [key for key, row in listing.items() if not row.archived]
        for thread in active:
            resume(codex, thread)
        for thread in listing:
            if probes or thread in active:  # 0.100 shows no turns of archived threads
                both.codex_turns[thread] = codex_turns(codex, thread)
                both.threadlog_turns[thread] = threadlog_turns(ours, thread)
        for thread in both.threadlog_turns:
            history = ours.history(thread)
            turns = [shown(turn) for turn in history.turns()]
            both.histories[thread] = turns, history.model_input()
        if probes:
            both.model_inputs.update({thread: ours.model_input(thread) for thread in active})
            both.requests.update({thread: probe(codex, model, thread) for thread in active})
    return both


@pytest.fixture(scope="module", params=["legacy", "paginated", "made by 0.100"])
def both(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    running_model: MockModel,
) -> Both:
    """A home in each of the forms that threadlog reads."""
    home = make_home(tmp_path_factory.mktemp("read"), running_model.url)
    newest = request.getfixturevalue("newest")
    with running_model.used_up():
        if request.param == "made by 0.100":
            make_older(request.getfixturevalue("older"), home, running_model)
        else:
            make_newest(newest, home, running_model, request.param)
        return _ask_both(newest, home, running_model, probes=True)


def test_every_thread_is_listed_as_codex_lists_it(both: Both) -> None:
    assert len(both.codex_listing) > 10, "the home has less in it than the test means to compare"
    assert both.threadlog_listing == both.codex_listing
    assert list(both.threadlog_listing) == list(both.codex_listing), "the order differs"


def test_every_turn_is_shown_as_codex_shows_it(both: Both) -> None:
    statuses = {turn.status for turns in both.codex_turns.values() for turn in turns}
    assert statuses >= {"completed", "interrupted"}, "the home has too little in it"
    assert both.threadlog_turns == both.codex_turns


def test_the_model_is_given_what_codex_gives_it(both: Both) -> None:
    for thread, ours in both.model_inputs.items():
        *history, last = history_of(both.requests[thread])
        assert ours == history[: len(ours)], thread
        assert all(is_context(item) for item in history[len(ours) :]), thread
        assert asks(last, PROBE)


def test_a_history_in_memory_gives_the_model_the_same(both: Both) -> None:
    in_memory = {thread: both.histories[thread][1] for thread in both.model_inputs}
    assert in_memory == both.model_inputs


def test_a_history_in_memory_has_the_same_turns(both: Both) -> None:
    in_memory = {thread: turns for thread, (turns, _input) in both.histories.items()}
    assert in_memory == both.threadlog_turns


def test_the_older_codex_lists_and_shows_the_same(
    newest: Path, older: Path, codex_home: CodexHome, model: MockModel
) -> None:
    make_older(older, codex_home, model)
    both = _ask_both(older, codex_home, model, probes=False)
    unnamed = {key: row._replace(name=None) for key, row in both.threadlog_listing.items()}
    assert unnamed == both.codex_listing, "0.100 tells no names"
    for thread, turns in both.codex_turns.items():
        assert _said(both.threadlog_turns[thread]) == _said(turns), thread


def _said(turns: list[Shown]) -> list[tuple[object, ...]]:
    """What 0.100 knows of turns: whatever has no end is complete to it, reviews it leaves out."""
    return [(turn.id, turn.user, turn.agent) for turn in turns if turn.user or turn.agent]


@pytest.mark.parametrize("mode", ["legacy", "paginated"])
def test_what_codex_compressed_is_read_as_before(
    newest: Path, codex_home: CodexHome, model: MockModel, mode: str
) -> None:
    make_newest(newest, codex_home, model, mode)
    home = opened(codex_home)
    before = _told(home)
    long_ago = time.time() - 30 * 86_400
    for rollout in codex_home.rollouts():
        os.utime(rollout, (long_ago, long_ago))
    with AppServer(newest, codex_home) as codex:
        codex.call("rollout/compress")
        await_true(lambda: all(path.suffix == ".zst" for path in codex_home.rollouts()))
    assert _told(home) == before


def _told(home: Home) -> dict[str, tuple[object, ...]]:
    """All that threadlog tells of a home."""
    return {
        thread: (row, threadlog_turns(home, thread), home.model_input(thread))
        for thread, row in threadlog_listing(home).items()
    }
