"""Genuine homes, where a machine has them, are read as the newest Codex reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import corpus_root
from interop.codex_answers import (
    codex_listing,
    codex_turns,
    opened,
    resume,
    threadlog_listing,
    threadlog_turns,
)
from interop.codex_process import AppServer, CodexHome

# Not Codex's databases: they hold the paths of the machine that made them.
PARTS = ("sessions", "archived_sessions", "session_index.jsonl")
HOMES = ["0.50.0/exec", "0.98.0/rich", "0.100.0/exec", "0.100.0/rich-sqlite"]
HOMES += ["0.169.0/rich-legacy", "0.169.0/rich-paginated"]


@pytest.mark.corpus
@pytest.mark.parametrize("name", HOMES)
def test_a_genuine_home_is_read_as_codex_reads_it(
    name: str, newest: Path, codex_home: CodexHome
) -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    copy_home(root / name, codex_home.path)
    ours = opened(codex_home)
    with AppServer(newest, codex_home) as codex:
        theirs = codex_listing(codex)
        listed = threadlog_listing(ours)
        assert len(theirs) >= 5
        for thread in [key for key, row in theirs.items() if not row.archived]:
            resume(codex, thread)  # which makes the turns of a paginated thread known
        for thread, row in theirs.items():
            # Without its database Codex knows no name of a paginated thread, and nothing of what
            # comes before a thread's last rollout.
            summary = ours.get(thread)
            inherits = summary.forked_from_id is not None or summary.rollouts > 1
            unknown = {"name": None, "preview": ""} if inherits else {"name": None}
            assert listed[thread]._replace(**unknown) == row._replace(**unknown)
            if not row.archived and summary.rollouts == 1:
                assert threadlog_turns(ours, thread) == codex_turns(codex, thread), thread


def copy_home(genuine: Path, home: Path) -> None:
    """The rollouts and names of a genuine home; not Codex's databases."""
    for part in PARTS:
        source = genuine / part
        if source.is_dir():
            shutil.copytree(source, home / part, copy_function=shutil.copyfile)
        elif source.exists():
            shutil.copyfile(source, home / part)
