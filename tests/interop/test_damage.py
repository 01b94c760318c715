"""Odd and damaged rollouts: read as Codex reads them, and read where Codex gives up."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop.codex_answers import (
    PROBE,
    Listed,
    asks,
    codex_listing,
    codex_turns,
    history_of,
    is_context,
    opened,
    probe,
    resume,
    threadlog_listing,
    threadlog_turns,
)
from interop.codex_process import AppServer, CodexHome
from interop.damaged_rollouts import QUESTION, Rollout, dropped, refused, tolerated
from interop.mock_model import MockModel
from interop.odd_histories import different_ids, different_rules, odd_histories


def _thread_ids() -> Iterator[str]:
    return (f"019b0000-0000-7000-8000-{number:012x}" for number in itertools.count(1))


def _put(home: CodexHome, rollouts: list[Rollout]) -> dict[str, Rollout]:
    """Write the files, in the order of their ids; by id."""
    folder = home.path / "sessions" / "2026" / "01" / "02"
    folder.mkdir(parents=True)
    placed = dict(zip(_thread_ids(), rollouts, strict=False))
    for thread, rollout in placed.items():
        path = folder / f"rollout-2026-01-02T03-04-05-{thread}.jsonl"
        path.write_bytes(rollout.content)
    return placed


def test_an_odd_rollout_that_codex_lists_is_listed_the_same(
    newest: Path, codex_home: CodexHome
) -> None:
    _put(codex_home, tolerated(_thread_ids()))
    with AppServer(newest, codex_home) as codex:
        theirs = _by_path(codex_listing(codex))
    ours = _by_path(threadlog_listing(opened(codex_home)))
    assert len(theirs) > 30
    assert {path: ours.get(path) for path in theirs} == theirs


def _by_path(listing: dict[str, Listed]) -> dict[str, Listed]:
    """By the file, since Codex goes by its name here and by its metadata there for the id."""
    return {row.path: row._replace(id="") for row in listing.values()}


def test_an_odd_rollout_has_the_turns_that_codex_shows(newest: Path, codex_home: CodexHome) -> None:
    placed = _put(codex_home, tolerated(_thread_ids()))
    ours = opened(codex_home)
    theirs, found = {}, {}
    with AppServer(newest, codex_home) as codex:
        for thread, rollout in placed.items():
            found[rollout.name] = threadlog_turns(ours, thread)
            if rollout.loaded:
                resume(codex, thread)
            theirs[rollout.name] = codex_turns(codex, thread)
    assert found == theirs


@pytest.mark.parametrize(
    "kind",
    [
        tolerated,
        odd_histories,
        different_ids,
        different_rules,
    ],
)
def test_an_odd_rollout_gives_the_model_what_codex_gives_it(
    newest: Path,
    codex_home: CodexHome,
    model: MockModel,
    kind: Callable[[Iterator[str]], list[Rollout]],
) -> None:
    placed = _put(codex_home, kind(_thread_ids()))
    ours, found, theirs = opened(codex_home), {}, {}
    with AppServer(newest, codex_home) as codex:
        for thread, rollout in placed.items():
            if not rollout.resumable:
                assert codex.refusal("thread/resume", threadId=thread), rollout.name
                continue
            found[rollout.name] = ours.model_input(thread)
            loaded = resume(codex, thread)["id"]
            *history, last = history_of(probe(codex, model, loaded))
            length = len(history)
            while length and is_context(history[length - 1]):
                length -= 1
            theirs[rollout.name] = history[: max(length, len(found[rollout.name]))]
            assert asks(last, PROBE), rollout.name
    assert found == theirs


def test_what_codex_leaves_out_is_shown(newest: Path, codex_home: CodexHome) -> None:
    placed = _put(codex_home, dropped(_thread_ids()))
    with AppServer(newest, codex_home) as codex:
        for thread, rollout in placed.items():
            assert not codex_turns(codex, thread), rollout.name
            (turn,) = threadlog_turns(opened(codex_home), thread)
            assert turn.user[0].startswith(QUESTION), rollout.name


def test_a_rollout_that_codex_refuses_is_read_all_the_same(
    newest: Path, codex_home: CodexHome
) -> None:
    placed = _put(codex_home, refused(_thread_ids()))
    ours = opened(codex_home)
    with AppServer(newest, codex_home) as codex:
        for thread, rollout in placed.items():
            message = codex.refusal("thread/read", threadId=thread, includeTurns=True)
            assert message.startswith("failed to read thread"), rollout.name
            turns = threadlog_turns(ours, thread)
            assert turns, rollout.name
            assert turns[-1].user == (QUESTION,), rollout.name
            assert thread in [row.id for row in ours.threads(limit=None)], rollout.name
