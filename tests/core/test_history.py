"""A whole thread in memory: every line in its place, damage among them."""

from __future__ import annotations

import pytest
from rollout_lines import (
    OTHER,
    PATH,
    THREAD,
    asks,
    content,
    decoded,
    reader,
    rolled_back,
    says,
    session,
)
from turn_words import told

from threadlog.core.decode import Line
from threadlog.core.framing import Gap, Oversized, frames
from threadlog.core.history import FORKED, NEW, RESUMED, History, Loaded, load
from threadlog.core.items import session as si
from threadlog.core.lines import Damaged
from threadlog.errors import EmptyRollout, NoThreadId

RAWS = [session(), says("user", "u1"), says("assistant", "a1"), asks("u1")]


def _history(data: bytes, limit_bytes: int = 1 << 20, kind: str = RESUMED) -> History:
    return History(kind, [load(PATH, frames([data], limit_bytes=limit_bytes))], thread_id=THREAD)


def test_a_new_history_holds_nothing() -> None:
    empty = History()
    assert (empty.kind, empty.thread_id, empty.path, len(empty)) == (NEW, None, None, 0)
    assert [*empty, *empty.items(), *empty.turns(), *empty.model_input()] == []


def test_a_stored_thread_goes_on_under_its_id_and_path() -> None:
    resumed = reader(*RAWS).history()
    assert (resumed.kind, resumed.thread_id, resumed.path) == (RESUMED, THREAD, PATH)
    assert list(resumed) == decoded(RAWS)
    assert len(resumed) == len(RAWS)


def test_a_fork_begins_with_the_same_lines_elsewhere() -> None:
    resumed = reader(*RAWS).history()
    forked = resumed.forked()
    assert (forked.kind, forked.path) == (FORKED, None)
    assert list(forked) == list(resumed)
    assert forked.model_input() == resumed.model_input() != []


def test_every_piece_is_in_its_place() -> None:
    data = content([RAWS[0], b"", b"damaged", b"x" * 2000, RAWS[1]]) + b'{"torn'
    history = _history(data, limit_bytes=1000)
    assert len(history) == 6
    shown = list(history)
    assert [type(value) for value in shown] == [Line, Damaged, Oversized, Line, Damaged]
    places = [value.offset for value in shown]
    assert places == [0, *(data.index(piece) for piece in (b"dam", b"xxx", RAWS[1], b'{"torn'))]
    assert shown[1] == Damaged(places[1], b"damaged", "syntax", ended=True)
    assert shown[2] == Oversized(places[2], 2000)
    assert shown[4] == Damaged(places[4], b'{"torn', "torn", ended=False)
    assert list(history.problems()) == [shown[1], shown[2], shown[4]]
    assert list(history.lines()) == [shown[0], shown[3]]


def test_a_torn_last_line_costs_only_itself() -> None:
    whole = content(RAWS)
    for cut in range(1, len(RAWS[-1]) + 1):
        *kept, last = list(_history(whole[:-cut]))
        assert kept == decoded(RAWS[:-1])
        if cut == 1:
            assert isinstance(last, Line)
            assert not last.ended
        elif cut <= len(RAWS[-1]):
            assert isinstance(last, Damaged)
            assert last.reason == "torn"


def test_a_gap_is_told_at_the_end_of_its_segment() -> None:
    gap = Gap(9, "missing")
    loaded = [Loaded("a", [RAWS[0]], gap=gap), Loaded("b", [RAWS[1]])]
    first, told_gap, second = list(History(RESUMED, loaded))
    assert told_gap == gap
    assert isinstance(first, Line)
    assert isinstance(second, Line)
    assert (first.offset, second.offset) == (0, 0)


def test_offsets_begin_anew_in_each_segment_and_only_the_last_may_be_unfinished() -> None:
    loaded = [load("a", frames([content(RAWS[:2])])), load("b", frames([RAWS[2]]))]
    history = History(RESUMED, loaded)
    assert [value.offset for value in history] == [0, len(RAWS[0]) + 1, 0]
    assert [value.ended for value in history.lines()] == [True, True, False]
    assert history.path == "b"


def test_items_and_turns_and_model_input_come_from_the_same_lines() -> None:
    history = _history(content([*RAWS, b"damaged", asks("u2"), says("user", "u2"), rolled_back(1)]))
    assert isinstance(next(history.items()), si.SessionMeta)
    assert told(list(history.turns())) == [("-", "completed", ["user u1"])]
    assert [item["content"][0]["text"] for item in history.model_input()] == ["u1", "a1"]


def test_metadata_of_a_forks_source_is_a_line_like_any_other() -> None:
    history = _history(content([session(forked_from_id=OTHER), session(id=OTHER), asks("one")]))
    ids = [item.id for item in history.items() if isinstance(item, si.SessionMeta)]
    assert ids == [THREAD, OTHER]


@pytest.mark.codex("C037")
@pytest.mark.parametrize("raws", [[], [b""], [b" ", b"\t"]])
def test_a_file_without_a_line_has_no_history(raws: list[bytes]) -> None:
    with pytest.raises(EmptyRollout):
        reader(*raws).history()


@pytest.mark.codex("C038")
@pytest.mark.parametrize("raws", [[asks("one")], [b"damaged"], [session(id=None)]])
def test_a_file_that_names_no_thread_has_no_history(raws: list[bytes]) -> None:
    with pytest.raises(NoThreadId):
        reader(*raws).history()
