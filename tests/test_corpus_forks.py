"""Forks of genuine threads: before and through each turn they hold just the turns up to there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

import threadlog
from conftest import corpus_root
from threadlog.core.turn import Turn

ROOT = corpus_root()
HOMES = sorted(each.parent for each in ROOT.glob("*/*/sessions")) if ROOT else []


def shown(turns: Iterable[Turn]) -> list[tuple[str, str, list[str]]]:
    """Who, how it ended, and what is in it.

    Turns without a name are named by their place; a review ends after the next turn has begun.
    """
    told = []
    for each in turns:
        items = [type(item).__name__ for item in each.items]
        name = "" if each.id.startswith("turn-") else each.id
        told.append((name, "", []) if "EnteredReviewMode" in items else (name, each.status, items))
    return told


@pytest.mark.corpus
@pytest.mark.skipif(not HOMES, reason="there are no genuine homes on this machine")
@pytest.mark.parametrize("genuine", HOMES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_fork_holds_the_turns_up_to_its_cut(tmp_path: Path, genuine: Path) -> None:
    home = tmp_path / "copy"
    for root in ("sessions", "archived_sessions"):
        if (genuine / root).is_dir():
            shutil.copytree(genuine / root, home / root)
    with threadlog.open(home) as opened:
        for thread in opened.threads(limit=None):
            turns = list(opened.turns(thread.path))
            for number, turn in enumerate(turns):
                for cut, count in (("before", number), ("through", number + 1)):
                    with opened.fork(thread.path, **{cut: turn.id}) as fork:  # type: ignore[arg-type]
                        path = fork.path
                    assert shown(opened.turns(path)) == shown(turns[:count]), (turn.id, cut)
