"""The newest turns, read from the end, are the last of all turns; and no more is read for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollout_lines import (
    PATH,
    MemoryRollouts,
    answers,
    asks,
    completed,
    dumps,
    event,
    item,
    line,
    message,
    reader,
    rolled_back,
    says,
    session,
    started,
    summary,
)
from turn_words import told

import threadlog.reader
from threadlog.core.decode import Line
from threadlog.core.framing import Frame, Gap
from threadlog.core.history import Value
from threadlog.core.lineage import Segment
from threadlog.core.lines import Damaged
from threadlog.reader import ThreadReader

COMPACTED = line("compacted", {"message": "sum"})
PAGINATED = session(history_mode="paginated")


def check(*raws: bytes) -> None:
    """However many turns are wanted, they are the last of all turns."""
    found = reader(*raws)
    whole = list(found.turns())
    for wanted in range(len(whole) + 3):
        expected = whole[-wanted:] if wanted else []
        assert told(found.last_turns(wanted)) == told(expected)
        assert found.last_turns(wanted) == expected


def user(turn_id: str, number: int) -> bytes:
    """What the user sent, as a turn item."""
    text = [{"type": "text", "text": f"u{number}"}]
    return item(turn_id, "UserMessage", f"i{number}", content=text)


def run(turn_id: str, number: int) -> bytes:
    """A command that ran, as a turn item."""
    return item(turn_id, "CommandExecution", f"c{number}", command=["ls"])


def _legacy(number: int, steers: int = 0) -> list[bytes]:
    turn_id = f"t{number}"
    more = [asks(f"steer {number}.{each}") for each in range(steers)]
    return [started(turn_id), asks(f"u{number}"), *more, answers(f"a{number}"), completed(turn_id)]


def _paged(number: int) -> list[bytes]:
    turn_id = f"t{number}"
    return [started(turn_id), user(turn_id, number), run(turn_id, number), completed(turn_id)]


@pytest.mark.parametrize(
    "raws",
    [
        pytest.param([], id="none"),
        pytest.param([asks("1"), answers("a"), asks("2"), asks("3")], id="unnamed turns"),
        pytest.param([answers("hello"), asks("1"), asks("2")], id="words before any message"),
        pytest.param([*_legacy(1), *_legacy(2, 2), *_legacy(3, 1)], id="steers"),
        pytest.param([asks("1"), COMPACTED, asks("2"), COMPACTED, asks("3")], id="compactions"),
        pytest.param([*_legacy(1), COMPACTED, *_legacy(2), COMPACTED, *_legacy(3)], id="between"),
        pytest.param([*_legacy(1), *_legacy(2), rolled_back(1), *_legacy(3)], id="rollback"),
        pytest.param([*_legacy(1), *_legacy(2), rolled_back(9), *_legacy(3)], id="of all"),
        pytest.param([*_legacy(1), *_legacy(2, 2), rolled_back(1), *_legacy(3)], id="of steers"),
        pytest.param(
            [asks("1"), asks("2"), asks("3"), rolled_back(1), asks("4"), rolled_back(2), asks("5")],
            id="rollbacks",
        ),
        pytest.param([*_legacy(1), started("t2"), asks("u2")], id="an unfinished turn"),
        pytest.param(
            [asks(str(n)) for n in range(30)] + [rolled_back(12), asks("new")], id="far back"
        ),
        pytest.param([asks("1"), answers("a"), *_legacy(2), *_legacy(3)], id="resumed by a newer"),
    ],
)
def test_the_newest_turns_of_a_legacy_thread(raws: list[bytes]) -> None:
    check(session(), *raws)


def test_context_in_the_guise_of_messages_is_not_counted_as_turns() -> None:
    hidden = [asks("x", kind="environment_context"), asks("x", kind="user_instructions")]
    check(session(), *hidden, asks("1"), answers("a"), *hidden, asks("2"), *hidden, *hidden)


def test_steers_in_a_thread_whose_first_turns_have_no_recorded_start() -> None:
    check(session(), asks("1"), answers("a"), *_legacy(2), *_legacy(3, 3), started("t4"))


@pytest.mark.parametrize("late", [completed("t1"), event("turn_aborted", turn_id="t1", reason="r")])
def test_a_late_ending_of_an_earlier_turn_does_not_end_a_newer_one(late: bytes) -> None:
    first, newer = [started("t1"), asks("u1")], [started("t2"), asks("u2")]
    check(session(), *first, *newer, late, answers("a2"), completed("t2"))


@pytest.mark.parametrize(
    "raws",
    [
        pytest.param([], id="none"),
        pytest.param([*_paged(1), *_paged(2), *_paged(3)], id="turns"),
        pytest.param([*_paged(1), started("t2"), user("t2", 2)], id="an unfinished turn"),
        pytest.param([user("t1", 1), completed("t1"), *_paged(2)], id="a start is missing"),
        pytest.param([*_paged(1), user("t2", 2)], id="never told of"),
    ],
)
def test_the_newest_turns_of_a_paginated_thread(raws: list[bytes]) -> None:
    check(PAGINATED, *raws)


def test_a_late_item_of_an_earlier_turn_is_not_shown_as_the_newest() -> None:
    check(PAGINATED, *_paged(1), started("t2"), run("t1", 9), user("t2", 2), completed("t2"))


def test_items_that_came_before_their_turn_are_among_the_newest_too() -> None:
    check(PAGINATED, *_paged(1), user("t2", 2), started("t2"), run("t2", 2), completed("t2"))


@pytest.mark.parametrize("before", [1, 30])
@pytest.mark.parametrize("after", [0, 1, 30])
def test_a_turn_whose_start_is_damaged_is_among_the_newest_too(before: int, after: int) -> None:
    for head, turn in ((PAGINATED, _paged), (session(), _legacy)):
        older = [raw for n in range(before) for raw in turn(n)]
        newer = [raw for n in range(100, 100 + after) for raw in turn(n)]
        check(head, *older, b"damaged", *turn(99)[1:], *newer)


UNNAMED = st.lists(
    st.sampled_from(
        [
            [asks("u"), answers("a")],
            [asks("u")],
            [answers("a")],
            [COMPACTED],
            [event("context_compacted")],
            [event("turn_aborted", turn_id=None, reason="r")],
            [event("agent_reasoning", text="hm")],
            [rolled_back(0)],
            [rolled_back(1)],
            [rolled_back(2)],
            [rolled_back(9)],
        ]
    ),
    max_size=20,
)
KINDS = st.lists(
    st.sampled_from(["turn", "steered", "open", "aborted", "alone", "compacted", "back1", "back3"]),
    max_size=20,
)


def _named(kinds: list[str]) -> list[bytes]:
    raws: list[bytes] = []
    for number, kind in enumerate(kinds):
        turn = _legacy(number, steers=2 if kind == "steered" else 0)
        raws += {
            "turn": turn,
            "steered": turn,
            "open": turn[:-1],
            "aborted": [*turn[:-1], event("turn_aborted", turn_id=f"t{number}", reason="r")],
            "alone": [turn[0], turn[-1]],
            "compacted": [COMPACTED],
            "back1": [rolled_back(1)],
            "back3": [rolled_back(3)],
        }[kind]
    return raws


@settings(deadline=None, max_examples=60)
@given(UNNAMED)
def test_the_newest_of_any_unnamed_turns(blocks: list[list[bytes]]) -> None:
    check(session(), *(raw for block in blocks for raw in block))


@settings(deadline=None, max_examples=60)
@given(KINDS)
def test_the_newest_of_any_named_turns(kinds: list[str]) -> None:
    check(session(), *_legacy(99), *_named(kinds))


@settings(deadline=None, max_examples=60)
@given(UNNAMED, KINDS)
def test_the_newest_of_named_turns_after_unnamed_ones(
    blocks: list[list[bytes]], kinds: list[str]
) -> None:
    unnamed = [raw for block in blocks for raw in block]
    check(session(), asks("first"), *unnamed, *_named(kinds))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), max_size=12))
def test_the_newest_of_any_paginated_turns(flags: list[tuple[bool, bool, bool]]) -> None:
    raws: list[bytes] = []
    for number, (late, ended, called) in enumerate(flags):
        turn = _paged(number) if ended else _paged(number)[:-1]
        raws += turn[:2]
        raws += [run(f"t{number - 1}", 100 + number)] * (late and number > 0)
        raws += [line("response_item", message("user", "x"))] * called
        raws += turn[2:]
    check(PAGINATED, *raws)


class _Counting(MemoryRollouts):
    """A store that counts the lines it gives, from the start and from the end."""

    forwards = backwards = 0

    def read(self, segment: Segment, start: int = 0) -> Iterator[Frame | Gap]:
        for frame in super().read(segment, start):
            self.forwards += 1
            yield frame

    def read_backwards(self, segment: Segment) -> Iterator[Frame | Gap]:
        for frame in super().read_backwards(segment):
            self.backwards += 1
            yield frame


@pytest.mark.parametrize("older", [20, 1000])
def test_the_newest_turns_cost_the_same_in_any_thread(older: int) -> None:
    raws = [session(), *(raw for n in range(older) for raw in _legacy(n))]
    store = _Counting([*raws, *_legacy(7000), *_legacy(7001)])
    found = ThreadReader(store, summary()).last_turns(2)
    assert [turn.id for turn in found] == ["t7000", "t7001"]
    assert (store.forwards, store.backwards) == (0, 2 * len(_legacy(0)))


def test_of_newest_turns_too_large_for_memory_only_the_questions_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raws = [session(), *(raw for n in range(50) for raw in _legacy(n))]
    monkeypatch.setattr(threadlog.reader, "TAIL_LIMIT_BYTES", 5 * sum(map(len, _legacy(10))))
    reported: list[Value] = []
    store = reader(*raws)
    store._report = lambda _path, value: reported.append(value)
    found, whole = store.last_turns(40), list(reader(*raws).turns())[-40:]
    assert [(turn.id, turn.status) for turn in found] == [(turn.id, turn.status) for turn in whole]
    assert told(found)[-4:] == told(whole)[-4:]
    assert list(found[0].items) == [whole[0].items[0]]
    (gap,) = reported
    assert isinstance(gap, Gap)
    assert "only what was asked" in gap.reason


def test_a_stored_turn_without_an_end_was_interrupted() -> None:
    raws = [session(), started("a"), asks("one")]
    expected = [("a", "interrupted", ["user one"])]
    assert told(list(reader(*raws).turns())) == expected
    assert told(reader(*raws).last_turns(1)) == expected


def test_a_thread_without_events_is_read_from_what_was_spoken() -> None:
    said = [says("user", "one"), says("assistant", "x")]
    header = dumps({"id": "x", "timestamp": "t"})
    bare = [header, dumps(message("user", "one")), dumps(message("assistant", "x"))]
    for raws in ([session(), *said], bare):
        assert told(list(reader(*raws).turns())) == [("-", "completed", ["user one", "agent x"])]
        check(*raws)


def test_turns_are_read_over_segments() -> None:
    pieces = [[session(), *_legacy(1), started("t2"), asks("u2")], [session(), *_legacy(3)]]
    found = ThreadReader(MemoryRollouts(*pieces), summary())
    assert [turn.id for turn in found.turns()] == ["t1", "t2", "t3"]
    assert [turn.id for turn in found.last_turns(2)] == ["t2", "t3"]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 18, 1 << 16])
def test_a_rollback_is_noticed_whatever_the_chunks(chunk_bytes: int) -> None:
    raws = [session(), asks("one"), asks("two"), rolled_back(1)]
    found = ThreadReader(MemoryRollouts(raws, chunk_bytes=chunk_bytes), summary())
    assert told(list(found.turns())) == [("-", "completed", ["user one"])]


def test_damage_between_turns_is_reported_once_and_costs_only_itself() -> None:
    raws = [session(), *_legacy(1), b"damaged", b"", *_legacy(2), rolled_back(0)]
    reported: list[tuple[str, Value]] = []
    found = ThreadReader(
        MemoryRollouts(raws), summary(), lambda path, value: reported.append((path, value))
    )
    assert [turn.id for turn in found.turns()] == ["t1", "t2"]
    ((path, damaged),) = reported
    assert path == PATH
    assert isinstance(damaged, Damaged)
    assert (damaged.raw, damaged.reason) == (b"damaged", "syntax")
    assert sum(isinstance(value, Line) for value in found.values()) == len(raws) - 2


@pytest.mark.parametrize("named", [False, True], ids=["as 0.100", "as 0.169"])
def test_a_review_is_the_same_when_read_from_the_end(named: bool) -> None:
    """Its own turn has no recorded start, and ends while the reviewer's turn is open."""
    of_review = {"turn_id": "review"} if named else {}
    raws = [
        *[session(), *_legacy(0), event("entered_review_mode", target={}, **of_review)],
        *[started("reviewer"), asks("look"), event("exited_review_mode", **of_review)],
        *[answers("fine"), completed("review"), *_legacy(1)],
    ]
    for ending in (raws, raws[:-4], raws[: -len(_legacy(1))]):
        turns = list(reader(*ending).turns())
        for count in range(len(turns) + 1):
            assert reader(*ending).last_turns(count) == turns[len(turns) - count :]
