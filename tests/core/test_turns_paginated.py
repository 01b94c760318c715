"""Turns of paginated rollouts: items name their turn, whatever comes between."""

from __future__ import annotations

import pytest
from rollout_lines import answers, asks, completed, event, item, line, response, started
from turn_words import Told, folded_turns, told

from threadlog.core.items import turn as ti
from threadlog.core.turn import TurnRules

RULES = TurnRules(history_mode="paginated")


def check(raws: list[bytes], *expected: Told) -> None:
    """Fold *raws* by the rules of paginated rollouts and compare with words."""
    assert told(folded_turns(raws, RULES)) == list(expected)


def user(turn_id: str, text: str, item_id: str = "u") -> bytes:
    """What the user sent, as a turn item."""
    return item(turn_id, "UserMessage", item_id, content=[{"type": "text", "text": text}])


def agent(turn_id: str, text: str, item_id: str = "m") -> bytes:
    """What the agent said, as a turn item."""
    return item(turn_id, "AgentMessage", item_id, content=[{"type": "Text", "text": text}])


def run(turn_id: str, item_id: str) -> bytes:
    """A command that ran, as a turn item."""
    return item(turn_id, "CommandExecution", item_id, command=["ls"], status="completed")


def test_a_turn_is_its_items() -> None:
    check(
        [started("a"), user("a", "one"), run("a", "c"), agent("a", "x"), completed("a")],
        ("a", "completed", ["user one", "CommandExecution c completed", "agent x"]),
    )
    check([started("a")], ("a", "inProgress", []))
    check([])


def test_what_legacy_rollouts_say_by_events_is_not_said_twice() -> None:
    check(
        [
            started("a"),
            asks("one"),
            user("a", "one"),
            answers("x"),
            event("agent_reasoning", text="hm"),
            event("context_compacted"),
            event("entered_review_mode", target={}, item_id="i", turn_id="a"),
            event("exited_review_mode", item_id="o", turn_id="a"),
            event("web_search_end", call_id="w", query="q"),
            line("compacted", {"message": ""}),
        ],
        ("a", "inProgress", ["user one"]),
    )
    check([asks("one"), line("compacted", {"message": ""})])


def test_an_item_told_again_is_replaced_in_its_place() -> None:
    check(
        [started("a"), agent("a", "draft"), run("a", "c"), agent("a", "final"), completed("a")],
        ("a", "completed", ["agent final", "CommandExecution c completed"]),
    )


def test_an_item_belongs_to_the_turn_it_names() -> None:
    check(
        [started("a"), completed("a"), started("b"), run("a", "c"), user("b", "two")],
        ("a", "completed", ["CommandExecution c completed"]),
        ("b", "inProgress", ["user two"]),
    )


def test_items_may_come_before_their_turn_is_told_of() -> None:
    check(
        [started("a"), user("b", "two"), user("a", "one"), completed("a"), started("b")],
        ("a", "completed", ["user one"]),
        ("b", "inProgress", ["user two"]),
    )
    check(
        [user("a", "one"), started("a"), agent("a", "x")],
        ("a", "inProgress", ["user one", "agent x"]),
    )


def test_a_turn_without_its_start_is_told_by_its_end() -> None:
    check(
        [user("a", "one"), agent("a", "x"), completed("a"), started("b")],
        ("a", "completed", ["user one", "agent x"]),
        ("b", "inProgress", []),
    )


def test_items_of_a_turn_that_is_never_told_of_are_shown_at_the_end() -> None:
    check(
        [user("a", "one"), started("b"), agent("a", "x"), completed("b")],
        ("b", "completed", []),
        ("a", "inProgress", ["user one", "agent x"]),
    )


@pytest.mark.parametrize("between", [0, 5, 7, 8, 9, 30])
def test_a_late_item_begins_no_turn_anew(between: int) -> None:
    many = [raw for n in range(between) for raw in (started(f"m{n}"), completed(f"m{n}"))]
    raws = [started("a"), completed("a"), *many, started("b"), run("a", "c"), user("b", "two")]
    found = told(folded_turns(raws, RULES))
    assert [turn_id for turn_id, _status, _items in found] == [
        "a",
        *(f"m{n}" for n in range(between)),
        "b",
    ]
    assert found[-1] == ("b", "inProgress", ["user two"])


@pytest.mark.parametrize("between", [0, 5, 7, 8, 9, 30])
def test_a_late_ending_of_a_turn_long_gone_leaves_the_open_one_alone(between: int) -> None:
    many = [raw for n in range(between) for raw in (started(f"m{n}"), completed(f"m{n}"))]
    stopped = event("turn_aborted", turn_id="a", reason="interrupted")
    for late in (completed("a"), stopped):
        raws = [started("a"), *many, started("b"), late, user("b", "two")]
        assert told(folded_turns(raws, RULES))[-1] == ("b", "inProgress", ["user two"])


def test_an_item_of_an_unknown_shape_is_shown_in_its_place() -> None:
    (turn,) = folded_turns([started("a"), item("a", "NewItem", "n", x=1), agent("a", "x")], RULES)
    unknown, _said = turn.items
    assert isinstance(unknown, ti.UntypedTurnItem)
    assert (unknown.id, unknown.payload) == ("n", {"type": "NewItem", "id": "n", "x": 1})


def test_items_without_an_id_do_not_hide_one_another() -> None:
    raws = [started("a"), item("a", "NewItem", ""), item("a", "OtherItem", "")]
    (turn,) = folded_turns(raws, RULES)
    assert len(turn.items) == 2


def test_an_interrupted_turn_and_a_failed_one_say_so() -> None:
    check(
        [
            started("a"),
            event("turn_aborted", turn_id="a", reason="interrupted"),
            started("b"),
            event("error", message="broken"),
            completed("b"),
            started("c"),
            completed("c", error={"message": "broken"}),
        ],
        ("a", "interrupted", []),
        ("b", "failed", []),
        ("c", "failed", []),
    )


def test_what_a_subagent_copied_of_its_parent_is_not_shown() -> None:
    def at(ordinal: int, kind: str, turn_id: str) -> bytes:
        return line("event_msg", {"type": kind, "turn_id": turn_id}, ordinal=ordinal)

    raws = [
        at(1, "task_started", "p"),
        at(2, "task_complete", "p"),
        at(3, "task_started", "p2"),
        at(4, "task_started", "c"),
        at(5, "task_complete", "c"),
    ]
    rules = TurnRules(history_mode="paginated", own_from_ordinal=4)
    assert told(folded_turns(raws, rules)) == [("c", "completed", [])]


@pytest.mark.parametrize("is_first", [True, False])
def test_an_image_that_was_looked_at_has_what_the_call_came_to(*, is_first: bool) -> None:
    given = {"name": "view_image", "arguments": '{"path":"/x.png"}', "call_id": "c"}
    seen = [{"type": "input_image", "image_url": "data:,x"}]
    view = item("a", "ImageView", "c", path="/x.png")
    output = response("function_call_output", call_id="c", output=seen)
    both = [output, view] if is_first else [view, output]
    raws = [started("a"), response("function_call", **given), *both, completed("a")]
    (turn,) = folded_turns(raws, RULES)
    assert turn.items == (ti.ImageView(id="c", path="/x.png", output=tuple(seen)),)
