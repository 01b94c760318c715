"""Turns as they happen: what is told line by line is what the stored turns hold."""

from __future__ import annotations

from typing import Any

import pytest
from rollout_lines import (
    answers,
    asks,
    completed,
    decoded,
    event,
    item,
    line,
    response,
    rolled_back,
    session,
    started,
)

from threadlog.core import turns
from threadlog.core.items import turn as ti
from threadlog.core.live import (
    EARLY_TURNS,
    Awaited,
    Began,
    Changed,
    Ended,
    Happened,
    Happening,
    LiveTurns,
    RolledBack,
)
from threadlog.core.metadata import PAGINATED
from threadlog.core.turn import TurnRules
from threadlog.core.turn_fold import NOTHING, TurnFold

PAGED = TurnRules(history_mode=PAGINATED)
CALL = response("function_call", name="shell", arguments="{}", call_id="c")
OUTPUT = response("function_call_output", call_id="c", output="out")
COUNT = event(
    "token_count",
    info={
        "total_token_usage": {"input_tokens": 5},
        "last_token_usage": {"input_tokens": 5},
    },
)


def happened(raws: list[bytes], rules: TurnRules | None = None) -> list[Happening]:
    live = LiveTurns(rules or TurnRules())
    return [each for raw in decoded([session(), *raws]) for each in live.add(raw)]


def words(each: Happening) -> str:
    """One happening in a word or two."""
    if isinstance(each, (Began, Changed, Ended)):
        return f"{type(each).__name__} {each.turn.id} {each.turn.status}"
    if isinstance(each, RolledBack):
        return f"RolledBack {each.turns}"
    if isinstance(each, Awaited):
        return f"Awaited {each.item.id}"
    said: Any = each.item
    if isinstance(said, ti.Reasoning):
        return f"{'more ' * each.more}{' '.join(said.summary_text)}"
    return f"{type(said).__name__}{' done' * (getattr(said, 'output', None) is not None)}"


def told(raws: list[bytes], rules: TurnRules | None = None) -> list[str]:
    return [words(each) for each in happened(raws, rules)]


def test_a_turn_is_told_from_its_beginning_to_its_end() -> None:
    raws = [started("t"), asks("u"), answers("a"), COUNT, completed("t", duration_ms=7)]
    assert told(raws) == ["Began t inProgress", "UserMessage", "AgentMessage", "Ended t completed"]
    ended = happened(raws)[-1]
    assert isinstance(ended, Ended)
    assert (ended.turn.duration_ms, ended.turn.usage and ended.turn.usage.input_tokens) == (7, 5)
    assert ended.turn.items == ()


def test_a_call_is_told_with_what_came_of_it() -> None:
    raws = [started("t"), CALL, answers("meanwhile"), OUTPUT]
    assert told(raws)[1:] == ["AgentMessage", "ToolCall done"]
    assert told([started("t"), CALL, completed("t")])[1:] == ["ToolCall", "Ended t completed"]


CALLED = event("dynamic_tool_call_request", callId="d", turnId="t", tool="x", arguments={})
ANSWERED_CALL = event(
    "dynamic_tool_call_response",
    call_id="d",
    turn_id="t",
    tool="x",
    arguments={},
    success=True,
    content_items=[],
    duration={"secs": 1, "nanos": 0},
)


@pytest.mark.parametrize(
    ("raws", "expected"),
    [
        ([CALL, answers("meanwhile"), OUTPUT], ["Awaited c", "AgentMessage", "ToolCall done"]),
        ([CALL, CALL, OUTPUT], ["Awaited c", "ToolCall done"]),
        (
            [CALL, completed("t"), OUTPUT],
            ["Awaited c", "ToolCall", "Ended t completed", "Changed t completed"],
        ),
        ([CALLED, ANSWERED_CALL], ["Awaited d", "DynamicToolCall"]),
        ([OUTPUT, answers("a")], ["AgentMessage"]),
    ],
    ids=["answered", "told twice", "never answered", "by events", "no call"],
)
def test_a_call_that_runs_is_told_to_who_asks_for_it(
    raws: list[bytes], expected: list[str]
) -> None:
    live = LiveTurns(TurnRules(), again=True)
    lines = decoded([session(), started("t"), *raws])
    assert [words(each) for raw in lines for each in live.add(raw)][1:] == expected
    unasked = [each for each in expected if not each.startswith(("Awaited", "Changed"))]
    assert told([started("t"), *raws])[1:] == unasked


def test_a_call_is_told_once_however_often_rollouts_tell_it() -> None:
    ran = item("t", "CommandExecution", "c", command=["ls"], status="completed")
    assert told([started("t"), CALL, ran, OUTPUT], PAGED)[1:] == ["CommandExecution"]
    assert told([started("t"), CALL, OUTPUT, ran], PAGED)[1:] == ["ToolCall done"]


def test_reasoning_is_told_piece_by_piece() -> None:
    thinks = [event("agent_reasoning", text=text) for text in ("a", "b")]
    raws = [started("t"), *thinks, answers("x"), thinks[0]]
    assert told(raws)[1:] == ["a", "more b", "AgentMessage", "a"]


@pytest.mark.parametrize("end", ["turn_aborted", "none"])
def test_a_turn_that_was_broken_off_ends_when_that_is_known(end: str) -> None:
    ended = [event(end, turn_id="t", reason="r")] * (end != "none")
    raws = [started("t"), asks("u"), *ended, started("s")]
    assert told(raws)[2:] == ["Ended t interrupted", "Began s inProgress"]


def test_turns_without_recorded_starts_begin_with_their_question() -> None:
    raws = [asks("u"), answers("a"), asks("v")]
    kinds = [each.split()[0] for each in told(raws)]
    assert kinds == ["Began", "UserMessage", "AgentMessage", "Ended", "Began", "UserMessage"]


def test_a_rollback_is_told() -> None:
    raws = [started("t"), asks("u"), completed("t"), rolled_back(1), started("s")]
    assert told(raws)[3:] == ["RolledBack 1", "Began s inProgress"]


SAID = item("t", "UserMessage", "u", content=[{"type": "text", "text": "x"}])
ANSWERED = item("t", "AgentMessage", "a", content=[])


@pytest.mark.parametrize(
    ("raws", "expected"),
    [
        ([SAID, started("t")], ["UserMessage", "Began t inProgress"]),
        (
            [SAID, started("t"), SAID, ANSWERED],
            ["UserMessage", "Began t inProgress", "AgentMessage"],
        ),
        (
            [SAID, SAID, completed("t")],
            ["UserMessage", "Began t completed", "Ended t completed"],
        ),
        (
            [started("s"), SAID, ANSWERED, completed("s")],
            ["Began s inProgress", "UserMessage", "AgentMessage", "Ended s completed"],
        ),
    ],
    ids=["a start", "a start, then more", "an end", "neither"],
)
@pytest.mark.parametrize("partial", [False, True])
def test_items_whose_turn_has_not_begun_are_told_at_once_and_once(
    raws: list[bytes], expected: list[str], *, partial: bool
) -> None:
    rules = TurnRules(history_mode=PAGINATED, partial=partial)
    assert told(raws, rules) == expected


def test_turns_that_never_begin_are_not_kept() -> None:
    live = LiveTurns(PAGED)
    for number in range(3 * EARLY_TURNS):
        for kind in ("AgentMessage", "UserMessage"):
            (raw,) = decoded([item(f"t{number}", kind, kind, content=[])])
            (each,) = live.add(raw)
            assert isinstance(each, Happened)
    early = live._fold.early
    assert len(early) == len(live._fold._early_times) == EARLY_TURNS
    assert {kept for names in early.values() for kept in names.values()} == {NOTHING}


def test_a_failed_turn_tells_why() -> None:
    raws = [started("t"), event("error", message="no"), completed("t")]
    ended = happened(raws)[-1]
    assert isinstance(ended, Ended)
    assert ended.turn.error == {"message": "no", "codex_error_info": None}


def test_what_was_told_is_not_kept_and_every_item_of_the_stored_turns_is_told() -> None:
    raws = [session()]
    for number in range(30):
        name = f"t{number}"
        call = response("function_call", name="x", arguments="", call_id=f"c{number}")
        output = response("function_call_output", call_id=f"c{number}", output="y" * 99)
        raws += [started(name), asks("u"), call, output, answers("a" * 99), completed(name)]
    live = LiveTurns(TurnRules())
    lines = decoded([*raws, line("compacted", {"message": ""})])
    found = [each for raw in lines for each in live.add(raw)]
    items = [each.item for each in found if isinstance(each, Happened)]
    stored = [each for turn in turns.fold_turns(lines, TurnRules()) for each in turn.items]
    assert items == stored
    kept = [each for turn in live._fold.turns for each in turn.items.values()]
    assert not [each for each in kept if isinstance(each, (ti.ToolCall, ti.AgentMessage))]
    assert len(live._told) <= 9 * 3


@pytest.mark.parametrize("again", [False, True])
def test_turns_that_ended_long_ago_are_forgotten(*, again: bool) -> None:
    live = LiveTurns(TurnRules(), again=again)
    raws = [[started(f"{n}"), asks("a"), CALL, completed(f"{n}")] for n in range(300)]
    for read in decoded([raw for each in raws for raw in each]):
        live.add(read)
    held = [value for value in vars(live).values() if isinstance(value, (dict, set))]
    assert sum(map(len, held)) < 100


def test_who_only_numbers_turns_looks_for_no_calls() -> None:
    class Turns(list[Any]):
        def __reversed__(self) -> Any:
            raise AssertionError("every output would look at every turn")

    fold = TurnFold(TurnRules(), keep_items=False)
    for each in decoded([started("t"), CALL]):
        fold.add(each)
    fold.turns = Turns(fold.turns)
    for each in decoded([OUTPUT, completed("nobody knows it")]):
        fold.add(each)
    assert [turn.id for turn in fold.turns] == ["t"]
