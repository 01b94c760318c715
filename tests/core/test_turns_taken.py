"""What a turn ran with and took: its model and its tokens, from the end as from the start."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollout_lines import (
    answers,
    asks,
    completed,
    event,
    item,
    line,
    reader,
    rolled_back,
    session,
    started,
)

import threadlog.reader
from threadlog.core.turn import ROLLED_BACK, Turn

LEGACY, PAGINATED = session(), session(history_mode="paginated")


def counts(total: int, last: int) -> bytes:
    """A count: the thread's total, and the last response's tokens."""
    usage = [
        {"input_tokens": n, "output_tokens": n // 10, "total_tokens": n} for n in (total, last)
    ]
    info = {"total_token_usage": usage[0], "last_token_usage": usage[1]}
    return event("token_count", info=info, rate_limits={"primary": None})


def runs(model: str, turn_id: str | None = None, *, whole: bool = True) -> bytes:
    """The settings that a turn runs with; not *whole* as threadlog's own recorder writes them."""
    named = {"turn_id": turn_id} if turn_id else {}
    settings: dict[str, Any] = {"approval_policy": "never", "sandbox_policy": {}} if whole else {}
    told = {**named, **settings, "cwd": "/", "model": model, "user_instructions": "x" * 99}
    return line("turn_context", told)


def said(head: bytes, turn_id: str) -> bytes:
    """Something that happens in a turn, as a thread of this mode tells it."""
    if head is LEGACY:
        return answers("a")
    return item(turn_id, "AgentMessage", f"m-{turn_id}", content=[{"type": "Text", "text": "a"}])


def turn(head: bytes, name: str, *inside: bytes) -> list[bytes]:
    """A turn with these lines in it."""
    return [started(name), said(head, name), *inside, completed(name)]


def taken(turns: list[Turn]) -> list[int | None]:
    """The tokens of each turn."""
    return [each.usage.input_tokens if each.usage else None for each in turns]


NO_INFO = event("token_count", info=None, rate_limits=None)
CASES: dict[str, tuple[list[list[bytes]], list[int | None]]] = {
    "none": ([[], [NO_INFO]], [None, None]),
    "one each": ([[counts(10, 10)], [counts(30, 20)]], [10, 20]),
    "several": ([[counts(10, 10), counts(30, 20)], [counts(60, 30)]], [30, 30]),
    "told again": ([[counts(10, 10), counts(10, 10)], [counts(10, 10), counts(30, 20)]], [10, 20]),
    "told again only": ([[counts(10, 10)], [counts(10, 10)]], [10, None]),
    "estimated after a compaction": ([[counts(50, 50), counts(50, 7), counts(60, 10)]], [60]),
    "counted anew": ([[counts(50, 50)], [counts(9, 9)]], [50, 9]),
    "a turn without": ([[counts(10, 10)], [], [counts(10, 10)]], [10, None, 10]),
}


@pytest.mark.parametrize("head", [LEGACY, PAGINATED], ids=["legacy", "paginated"])
@pytest.mark.parametrize(("insides", "expected"), CASES.values(), ids=CASES)
def test_a_turn_has_the_tokens_of_its_responses_each_once(
    head: bytes, insides: list[list[bytes]], expected: list[int | None]
) -> None:
    turns = [raw for number, each in enumerate(insides) for raw in turn(head, f"t{number}", *each)]
    found = reader(head, *turns)
    assert taken(list(found.turns())) == expected
    for count in range(1, len(insides) + 1):
        assert taken(found.last_turns(count)) == expected[-count:]


def test_turns_without_recorded_starts_have_tokens_too() -> None:
    raws = [asks("1"), counts(5, 5), asks("2"), counts(5, 5), answers("a"), counts(9, 4)]
    assert taken(list(reader(LEGACY, *raws).turns())) == [5, 4]


def test_what_is_counted_outside_of_turns_is_nobody_s() -> None:
    raws = [*turn(LEGACY, "a", counts(5, 5)), counts(9, 4), *turn(LEGACY, "b", counts(9, 4))]
    assert taken(list(reader(LEGACY, *raws).turns())) == [5, None]
    assert taken(reader(LEGACY, *raws).last_turns(1)) == [None]


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "own"])
@pytest.mark.parametrize("head", [LEGACY, PAGINATED], ids=["legacy", "paginated"])
def test_a_turn_has_the_model_that_it_ran_with_last(head: bytes, *, whole: bool) -> None:
    raws = [
        *turn(head, "a", runs("one", "a", whole=whole), runs("two", "a", whole=whole)),
        *turn(head, "b"),
        *turn(head, "c", runs("three", whole=whole)),
        line("turn_context", {"model": 5, "turn_id": "c"}),
        line("turn_context", {"turn_id": "c"}),
        line("unheard_of", {"turn_id": "c", "model": "four"}),
    ]
    found = reader(head, *raws)
    assert [each.model for each in found.turns()] == ["two", None, "three"]
    assert [each.model for each in found.last_turns(2)] == [None, "three"]


KINDS = st.lists(
    st.tuples(st.sampled_from([0, 0, 3, 8]), st.booleans(), st.sampled_from(["", "m", "n"])),
    max_size=4,
)


@settings(deadline=None, max_examples=80)
@given(st.booleans(), st.lists(st.tuples(KINDS, st.booleans(), st.booleans()), max_size=8))
def test_from_the_end_turns_ran_with_and_took_the_same(
    paginated: bool, turns: list[tuple[list[tuple[int, bool, str]], bool, bool]]
) -> None:
    head, total = (PAGINATED if paginated else LEGACY), 0
    raws: list[bytes] = []
    for number, (inside, ended, undone) in enumerate(turns):
        lines = []
        for tokens, counted, model in inside:
            total += tokens
            lines += [counts(total, tokens)] * counted + [runs(model)] * bool(model)
        raws += turn(head, f"t{number}", *lines)[: None if ended else -1]
        raws += [rolled_back(1)] * (undone and not paginated)
    found = reader(head, *raws)
    whole = list(found.turns())
    for wanted in range(1, len(whole) + 2):
        assert found.last_turns(wanted) == whole[-wanted:]


def test_a_turn_too_large_to_be_held_is_counted_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threadlog.reader, "TAIL_LIMIT_BYTES", 200)
    inside = [raw for n in range(1, 9) for raw in (answers("x" * 99), counts(n, 1), runs(f"m{n}"))]
    (found,) = reader(LEGACY, *turn(LEGACY, "a", *inside)).last_turns(1)
    assert taken([found]) == [8]
    assert found.model == "m8"


def test_turns_that_were_rolled_back_are_handed_on_where_they_are_asked_for() -> None:
    raws = [*turn(LEGACY, "a"), *turn(LEGACY, "b"), rolled_back(1), *turn(LEGACY, "c")]
    found = reader(LEGACY, *raws, *turn(LEGACY, "d"), rolled_back(1))

    def told(turns: list[Turn]) -> list[tuple[str, bool]]:
        return [(each.id, each.status == ROLLED_BACK) for each in turns]

    every = [("a", False), ("b", True), ("c", False), ("d", True)]
    assert told(list(found.turns(rolled_back=True))) == every
    for count, expected in ((1, every[2:]), (2, every), (9, every)):
        back = [each for each, _spot in found.turns_back(count, rolled_back=True)]
        assert told(back) == expected
    assert told(list(found.turns())) == [("a", False), ("c", False)]
