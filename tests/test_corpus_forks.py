"""Forks of genuine threads: before and through each turn they hold just the turns up to there."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

import threadlog
from conftest import corpus_root
from threadlog.core.turn import Turn

REVIEW = "EnteredReviewMode"
ROOT = corpus_root()
HOMES = sorted(each.parent for each in ROOT.glob("*/*/sessions")) if ROOT else []


def shown(turns: Iterable[Turn]) -> list[tuple[str, str, list[str]]]:
    """Who, how it ended, and what is in it.

    Turns without a name are named by their place; a review ends after the next turn has begun.
    """
    told = []
    for each in turns:
        name = "" if each.id.startswith("turn-") else each.id
        items = kinds(each)
        told.append((name, "", []) if REVIEW in items else (name, each.status, items))
    return told


def kinds(turn: Turn) -> list[str]:
    return [type(item).__name__ for item in turn.items]


def kept(turns: list[Turn], number: int, cut: str) -> list[Turn]:
    """What a fork should hold.

    In a paginated thread a reviewer's turn is shown before the review whose lines are around it:
    the two are cut apart nowhere.
    """
    count = number + (cut == "through")
    between = 0 < count < len(turns) and REVIEW in kinds(turns[count])
    if between and turns[count - 1].status == "interrupted":
        count += 1 if cut == "through" else -1
    return turns[:count]


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
                for cut in ("before", "through"):
                    with opened.fork(thread.path, **{cut: turn.id}) as fork:  # type: ignore[arg-type]
                        path = fork.path
                    expected = kept(turns, number, cut)
                    assert shown(opened.turns(path)) == shown(expected), (turn.id, cut)
