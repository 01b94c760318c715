"""What threadlog compressed is listed, read, gone on with and forked by Codex as it was before."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from interop.codex_answers import (
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
from interop.codex_made_homes import Builder, make_newest
from interop.codex_process import AppServer, CodexHome
from interop.mock_model import Json, MockModel
from interop.our_threads import record, without_ids
from threadlog import Home
from threadlog.local import pack

FRAME_BYTES = 2_000  # so that small threads have several

MODES = pytest.mark.parametrize("mode", ["legacy", "paginated"])


@pytest.fixture(autouse=True)
def several_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "FRAME_BYTES", FRAME_BYTES)


def _age(home: CodexHome) -> dict[str, bytes]:
    """Make every rollout look old; their contents by name."""
    long_ago = time.time() - 30 * 86_400
    for path in home.rollouts():
        os.utime(path, (long_ago, long_ago))
    return {path.name: path.read_bytes() for path in home.rollouts()}


def _compress(home: Home, codex_home: CodexHome) -> None:
    results = home.compress()
    assert {each.status for each in results} == {"compressed"}
    assert all(path.suffix == ".zst" for path in codex_home.rollouts())
    assert len(results) == len(codex_home.rollouts())
    frames = [path.read_bytes().count(b"\x28\xb5\x2f\xfd") for path in codex_home.rollouts()]
    assert max(frames) > 3


def _is_plain_again(home: Home, thread: str, before: dict[str, bytes]) -> None:
    """The newest rollout of a thread, which Codex may have added to."""
    path = Path(home.get(thread).path)
    assert path.suffix == ".jsonl"
    assert path.read_bytes().startswith(before[path.name])
    assert not Path(f"{path}.zst").exists()


@MODES
def test_codex_lists_reads_and_goes_on_with_what_we_compressed(
    newest: Path, codex_home: CodexHome, model: MockModel, mode: str
) -> None:
    make_newest(newest, codex_home, model, mode)
    home = opened(codex_home)
    with AppServer(newest, codex_home) as codex:
        listing = codex_listing(codex)
        active = [key for key, row in listing.items() if not row.archived]
        for thread in active:
            resume(codex, thread)
        turns = {thread: codex_turns(codex, thread) for thread in active}
    before = _age(codex_home)
    listed = threadlog_listing(home)
    inputs = {thread: home.model_input(thread) for thread in active}
    _compress(home, codex_home)
    assert threadlog_listing(home) == listed
    assert {thread: threadlog_turns(home, thread) for thread in active} == turns
    with AppServer(newest, codex_home) as codex:
        assert codex_listing(codex) == listing
        assert {thread: codex_turns(codex, thread) for thread in active} == turns
        assert all(path.suffix == ".zst" for path in codex_home.rollouts())
        for thread in active:
            resume(codex, thread)
            path = Path(home.get(thread).path)
            assert path.read_bytes() == before[path.name], "resuming changed bytes"
            _is_plain_again(home, thread, before)
            assert codex_turns(codex, thread) == turns[thread]
        for thread in active:
            _sent(history_of(probe(codex, model, thread)), inputs[thread])
            _is_plain_again(home, thread, before)


def _sent(history: list[dict[str, Json]], ours: list[dict[str, Json]]) -> None:
    """The model was sent what was to be sent, and after it only context and the probe."""
    assert without_ids(history[: len(ours)]) == without_ids(ours)
    assert all(is_context(item) for item in history[len(ours) : -1])


@MODES
def test_codex_forks_what_we_compressed(
    newest: Path, codex_home: CodexHome, model: MockModel, mode: str
) -> None:
    with AppServer(newest, codex_home) as codex:
        thread, _turns = Builder(codex, model, mode).chat("Alpha.", "Beta.", "Gamma.")
    home = opened(codex_home)
    ours = record(codex_home, mode)
    before = _age(codex_home)
    inputs = {each: home.model_input(each) for each in (thread, ours)}
    _compress(home, codex_home)
    with AppServer(newest, codex_home) as codex:
        for each in (thread, ours):
            fork = Builder(codex, model, mode).forked(each)
            users = [turn.user for turn in codex_turns(codex, fork)]
            assert users == [turn.user for turn in threadlog_turns(home, each)]
            _sent(history_of(probe(codex, model, fork)), inputs[each])
    for path in codex_home.rollouts():
        name = path.name.removesuffix(".zst")
        if name in before and path.suffix == ".jsonl":  # a paginated fork unpacks its parent
            assert path.read_bytes() == before[name]


def test_the_older_codex_does_not_see_it_until_it_is_plain_again(
    older: Path, codex_home: CodexHome, model: MockModel
) -> None:
    with AppServer(older, codex_home) as codex:
        thread, _turns = Builder(codex, model, None).chat("Alpha.", "Beta.")
        turns = codex_turns(codex, thread)
    before = _age(codex_home)
    home = opened(codex_home)
    _compress(home, codex_home)
    with AppServer(older, codex_home) as codex:
        assert codex_listing(codex) == {}
        assert "valid UTF-8" in codex.refusal("thread/resume", threadId=thread)
    home.resume(thread).close()
    assert {path.name: path.read_bytes() for path in codex_home.rollouts()} == before
    with AppServer(older, codex_home) as codex:
        assert list(codex_listing(codex)) == [thread]
        assert codex_turns(codex, thread) == turns


@MODES
def test_what_codex_has_loaded_is_skipped(
    newest: Path, codex_home: CodexHome, model: MockModel, mode: str
) -> None:
    with AppServer(newest, codex_home) as codex:
        made = Builder(codex, model, mode)
        thread, _turns = made.chat("Alpha.")
        before = _age(codex_home)
        home = opened(codex_home)
        for dry_run in (True, False):
            (result,) = home.compress(dry_run=dry_run)
            assert result.status == "skipped"
            assert "already has an active writer" in (result.reason or "")
        assert {path.name: path.read_bytes() for path in codex_home.rollouts()} == before
        made.turn(thread, "Beta.")
        assert codex_turns(codex, thread) == threadlog_turns(home, thread)
