"""The newest turns of genuine threads are the last of all their turns."""

from __future__ import annotations

import pytest

import threadlog
from conftest import corpus_root


@pytest.mark.corpus
def test_the_newest_turns_are_the_last_of_all_in_every_genuine_thread() -> None:
    root = corpus_root()
    if root is None:
        pytest.skip("no corpus of genuine homes here ($THREADLOG_CORPUS)")
    compared = 0
    for folder in sorted(root.glob("*/*")):
        home = threadlog.open(folder)
        for archived in (False, True):
            for thread in home.threads(limit=None, archived=archived):
                assert thread.id is not None
                turns = list(home.turns(thread.id))
                for count in range(len(turns) + 2):
                    newest = list(home.turns(thread.id, last=count))
                    assert newest == turns[max(len(turns) - count, 0) :], (thread.id, count)
                    compared += 1
    assert compared > 100
