"""Turns of legacy rollouts: what begins one, what ends it, what belongs to it."""

from __future__ import annotations

import json

import pytest
from rollout_lines import (
    answers,
    asks,
    completed,
    decoded,
    event,
    item,
    line,
    message,
    reader,
    response,
    rolled_back,
    says,
    session,
    started,
)
from turn_words import Told, folded_turns, told

from threadlog.core.boundaries import Spot
from threadlog.core.items import turn as ti
from threadlog.core.turn import TurnRules
from threadlog.core.turns import item_number

COMPACTED = line("compacted", {"message": "sum"})
PLAN = item("t", "Plan", "p", text="1. go")


def check(raws: list[bytes], *expected: Told) -> None:
    """Fold *raws* into turns and compare them with words."""
    assert told(folded_turns(raws)) == list(expected)


def aborted(turn_id: str | None, **fields: object) -> bytes:
    """A turn was stopped."""
    return event("turn_aborted", turn_id=turn_id, reason="interrupted", **fields)


def test_without_recorded_starts_each_message_of_the_user_begins_a_turn() -> None:
    check(
        [session(), asks("one"), answers("a"), answers("b"), asks("two"), asks("three")],
        ("-", "completed", ["user one", "agent a", "agent b"]),
        ("-", "completed", ["user two"]),
        ("-", "completed", ["user three"]),
    )


def test_what_comes_before_any_message_is_a_turn_too() -> None:
    check(
        [answers("hello"), asks("one")],
        ("-", "completed", ["agent hello"]),
        ("-", "completed", ["user one"]),
    )
    check([session(), event("token_count", info=None), line("turn_context", {})])


@pytest.mark.codex("C311")
def test_an_unnamed_turn_is_named_by_its_place_and_so_are_its_items() -> None:
    raws = [session(), asks("one"), answers("a")]
    (turn,) = folded_turns(raws)
    first = len(raws[0]) + 1
    second = first + len(raws[1]) + 1
    assert turn.id == f"turn-{first}"
    assert [each.id for each in turn.items] == [f"item-{first}", f"item-{second}"]


@pytest.mark.codex("C319")
def test_with_recorded_starts_a_steer_stays_in_its_turn() -> None:
    check(
        [started("a"), asks("one"), answers("x"), asks("and two"), completed("a"), started("b")],
        ("a", "completed", ["user one", "agent x", "user and two"]),
        ("b", "inProgress", []),
    )


def test_a_turn_says_when_it_began_and_how_long_it_took() -> None:
    (turn,) = folded_turns(
        [started("a", started_at=5), completed("a", completed_at=9, duration_ms=7)]
    )
    assert (turn.started_at, turn.completed_at, turn.duration_ms) == (5, 9, 7)
    (turn,) = folded_turns([started("a"), completed("a", started_at=6)])
    assert (turn.started_at, turn.completed_at, turn.duration_ms) == (6, None, None)
    (turn,) = folded_turns(
        [started("a", started_at=5), aborted("a", completed_at=8, duration_ms=3)]
    )
    assert (turn.started_at, turn.completed_at, turn.duration_ms) == (5, 8, 3)


@pytest.mark.parametrize("kind", ["environment_context", "user_instructions"])
def test_context_in_the_guise_of_a_message_is_no_turn(kind: str) -> None:
    check([asks("x", kind=kind)])
    check([asks("x", kind="plain")], ("-", "completed", ["user x"]))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (asks("look", images=["u"], local_images=["/p"]), "user look+[image]+[local_image]"),
        (asks(" ", images=["u"]), "user [image]"),
        (asks(""), "user "),
        (asks("hear", audio=["u"], local_audio=["/p"]), "user hear+[audio]+[local_audio]"),
    ],
)
def test_what_a_user_sent_along_is_part_of_the_message(raw: bytes, expected: str) -> None:
    check([raw], ("-", "completed", [expected]))


@pytest.mark.codex("C313")
def test_the_phase_of_a_message_is_kept() -> None:
    (turn,) = folded_turns([asks("one"), answers("x", phase="commentary")])
    said = turn.items[1]
    assert isinstance(said, ti.AgentMessage)
    assert said.phase == "commentary"


def _thinks(text: str) -> bytes:
    return event("agent_reasoning", text=text)


def _thinks_raw(text: str) -> bytes:
    return event("agent_reasoning_raw_content", text=text)


@pytest.mark.codex("C311", "C315")
def test_reasoning_in_a_row_is_one_item_and_a_message_splits_it() -> None:
    check(
        [asks("one"), _thinks("a"), _thinks_raw("b"), _thinks("c"), answers("x"), _thinks("d")],
        ("-", "completed", ["user one", "reason a+c+(b)", "agent x", "reason d"]),
    )


@pytest.mark.parametrize("raw", [answers(""), _thinks(""), _thinks_raw("")])
def test_nothing_said_is_no_item(raw: bytes) -> None:
    check([asks("one"), raw], ("-", "completed", ["user one"]))
    check([raw])


@pytest.mark.codex("C312")
def test_turn_items_of_the_other_mode_add_nothing() -> None:
    said = item("t", "AgentMessage", "m", content=[{"type": "Text", "text": "x"}])
    asked = item("t", "UserMessage", "u", content=[{"type": "text", "text": "one"}])
    begun = event("item_started", thread_id="x", turn_id="t", item={"type": "Plan", "id": "p"})
    check(
        [started("t"), asked, asks("one"), begun, said, answers("x"), completed("t")],
        ("t", "completed", ["user one", "agent x"]),
    )


def test_plans_and_sleeps_are_kept_as_turn_items_in_both_modes() -> None:
    check(
        [started("t"), asks("one"), PLAN, item("t", "Sleep", "s", duration_ms=5)],
        ("t", "inProgress", ["user one", "Plan p", "Sleep s"]),
    )


def test_what_a_command_did_may_be_told_as_a_turn_item_in_both_modes() -> None:
    run = item("t", "CommandExecution", "c", command=["ls"], status="completed")
    done = ("t", "completed", ["CommandExecution c completed"])
    check([started("t"), run, completed("t")], done)
    check([started("t"), completed("t"), started("b"), run], done, ("b", "inProgress", []))


def test_a_turn_item_of_an_unknown_turn_is_dropped() -> None:
    check([started("b"), PLAN, asks("one")], ("b", "inProgress", ["user one"]))


@pytest.mark.codex("C316", "C327")
@pytest.mark.parametrize("turn_id", ["a", None, "unknown"])
def test_an_abort_hits_its_turn_or_else_the_one_that_is_open(turn_id: str | None) -> None:
    check(
        [started("a"), asks("one"), aborted(turn_id), answers("last words"), started("b")],
        ("a", "interrupted", ["user one", "agent last words"]),
        ("b", "inProgress", []),
    )


def test_an_unnamed_turn_is_interrupted_too() -> None:
    check([asks("one"), aborted("unknown")], ("-", "interrupted", ["user one"]))
    check([aborted("unknown")])


@pytest.mark.codex("C326")
def test_a_late_ending_belongs_to_its_own_turn() -> None:
    check(
        [started("a"), started("b"), asks("two"), completed("a"), answers("x")],
        ("a", "completed", []),
        ("b", "inProgress", ["user two", "agent x"]),
    )
    check(
        [started("a"), started("b"), aborted("a"), answers("x")],
        ("a", "interrupted", []),
        ("b", "inProgress", ["agent x"]),
    )


@pytest.mark.codex("C104")
def test_an_ending_of_an_unknown_turn_ends_the_open_one() -> None:
    check(
        [started("a"), completed("unknown"), answers("x")],
        ("a", "completed", []),
        ("-", "completed", ["agent x"]),
    )
    check([completed("unknown")])


def test_an_ending_does_not_undo_an_interruption() -> None:
    check([started("a"), aborted("a"), completed("a")], ("a", "interrupted", []))


def _fails(info: object = None) -> bytes:
    return event("error", message="broken", codex_error_info=info)


@pytest.mark.codex("C332")
@pytest.mark.parametrize("ending", [[], [completed("a")]])
def test_an_error_fails_the_open_turn_for_good(ending: list[bytes]) -> None:
    (turn,) = folded_turns([started("a"), _fails("other"), *ending])
    assert turn.status == "failed"
    assert turn.error == {"message": "broken", "codex_error_info": "other"}


def test_an_ending_may_bring_the_error() -> None:
    (turn,) = folded_turns([started("a"), completed("a", error={"message": "broken"})])
    assert turn.status == "failed"
    assert turn.error["message"] == "broken"


@pytest.mark.codex("C330")
def test_a_failed_rollback_fails_no_turn() -> None:
    check([started("a"), _fails("thread_rollback_failed")], ("a", "inProgress", []))


@pytest.mark.codex("C331")
def test_an_error_outside_a_turn_is_nobodys() -> None:
    check([_fails()])
    check([started("a"), completed("a"), _fails()], ("a", "completed", []))


@pytest.mark.codex("C109", "C328")
def test_a_compaction_is_a_turn_of_its_own_which_the_next_message_joins() -> None:
    check([COMPACTED], ("-", "completed", []))
    check([COMPACTED, asks("one")], ("-", "completed", ["user one"]))
    check([COMPACTED, started("a")], ("-", "completed", []), ("a", "inProgress", []))
    check([asks("one"), COMPACTED, answers("x")], ("-", "completed", ["user one", "agent x"]))
    check(
        [started("a"), event("context_compacted"), completed("a")],
        ("a", "completed", ["ContextCompaction"]),
    )
    check([started("a"), COMPACTED, completed("a")], ("a", "completed", []))


@pytest.mark.codex("C317", "C318")
@pytest.mark.parametrize(
    ("count", "left"),
    [(0, ["one", "two", "three"]), (1, ["one", "two"]), (2, ["one"]), (3, []), (99, [])],
)
def test_a_rollback_takes_the_last_turns(count: int, left: list[str]) -> None:
    raws = [asks("one"), asks("two"), asks("three"), rolled_back(count), asks("new")]
    found = [items for _id, _status, items in told(folded_turns(raws))]
    assert found == [[f"user {text}"] for text in [*left, "new"]]


@pytest.mark.codex("C106")
@pytest.mark.parametrize(
    ("raws", "left"),
    [
        ([asks("1"), asks("2"), rolled_back(1), asks("3"), rolled_back(2), asks("4")], ["4"]),
        ([asks("1"), rolled_back(1), rolled_back(1), asks("2")], ["2"]),
        ([rolled_back(1), asks("1")], ["1"]),
        ([asks("1"), COMPACTED, asks("2"), rolled_back(1)], ["1"]),
    ],
)
def test_rollbacks_add_up(raws: list[bytes], left: list[str]) -> None:
    found = [items for _id, _status, items in told(folded_turns(raws))]
    assert found == [[f"user {text}"] for text in left]


@pytest.mark.codex("C106")
def test_a_rollback_counts_a_compaction_of_its_own_as_a_turn() -> None:
    turn = [started("a"), asks("one"), completed("a")]
    check(
        [*turn, COMPACTED, started("b"), asks("two"), completed("b"), rolled_back(2)],
        ("a", "completed", ["user one"]),
    )


def test_after_a_rollback_nothing_joins_what_was_taken() -> None:
    check(
        [started("a"), asks("one"), rolled_back(1), answers("x")],
        ("-", "completed", ["agent x"]),
    )
    check(
        [asks("one"), asks("two"), rolled_back(1), answers("x")],
        ("-", "completed", ["user one"]),
        ("-", "completed", ["agent x"]),
    )


@pytest.mark.parametrize("between", [6, 7, 8, 9, 30])
def test_a_rollback_reaches_back_over_any_number_of_turns(between: int) -> None:
    many = [asks(str(number)) for number in range(between)]
    raws = [asks("first"), asks("second"), *many, rolled_back(between + 1), asks("new")]
    check(raws, ("-", "completed", ["user first"]), ("-", "completed", ["user new"]))


@pytest.mark.codex("C104")
@pytest.mark.parametrize("between", [0, 6, 7, 8, 9, 30])
def test_a_late_ending_of_a_turn_long_gone_leaves_the_open_one_alone(between: int) -> None:
    many = [
        raw for number in range(between) for raw in (started(f"m{number}"), completed(f"m{number}"))
    ]
    for late in (completed("a"), aborted("a")):
        raws = [started("a"), *many, started("b"), asks("one"), late, answers("x")]
        last = told(folded_turns(raws))[-1]
        assert last == ("b", "inProgress", ["user one", "agent x"])


def test_a_review_belongs_to_the_turn_it_names_and_may_open_it() -> None:
    into = event("entered_review_mode", target={}, user_facing_hint="h", turn_id="r", item_id="i")
    out = event("exited_review_mode", review_output=None, turn_id="r", item_id="o")
    review = ["EnteredReviewMode i", "ExitedReviewMode o"]
    check([into, out], ("r", "completed", review))  # as in Codex: no start of it is told
    check(
        [started("r"), into, started("b"), out],
        ("r", "inProgress", review),
        ("b", "inProgress", []),
    )


def test_a_review_of_old_belongs_to_the_open_turn() -> None:
    into = event("entered_review_mode", target={"type": "custom"}, user_facing_hint="look")
    out = event("exited_review_mode", review_output={"findings": []})
    check(
        [asks("one"), into, answers("x"), out],
        ("-", "completed", ["user one", "EnteredReviewMode", "agent x", "ExitedReviewMode"]),
    )
    (turn,) = folded_turns([into, out])
    entered, left = turn.items
    assert isinstance(entered, ti.EnteredReviewMode)
    assert isinstance(left, ti.ExitedReviewMode)
    assert (entered.target, entered.user_facing_hint) == ({"type": "custom"}, "look")
    assert left.review_output == {"findings": []}


@pytest.mark.codex("C334")
def test_what_the_model_was_given_is_no_message_of_the_user() -> None:
    check([says("user", "one"), says("assistant", "x"), says("developer", "d")])
    check([asks("one"), says("user", "one")], ("-", "completed", ["user one"]))


@pytest.mark.codex("C333")
def test_what_a_hook_said_is_shown_from_the_models_items() -> None:
    prompt = '<hook_prompt hook_run_id="h">Check &amp; fix.</hook_prompt>'
    (turn,) = folded_turns([started("a"), asks("one"), says("user", prompt), completed("a")])
    shown = turn.items[-1]
    assert isinstance(shown, ti.HookPrompt)
    (fragment,) = shown.fragments
    assert fragment["text"] == "Check & fix."


def test_what_a_subagent_copied_of_its_parent_is_not_shown() -> None:
    copied = [line("event_msg", {"type": "user_message", "message": "p"}, ordinal=3)]
    own = [line("event_msg", {"type": "user_message", "message": "c"}, ordinal=4)]
    found = folded_turns([*copied, *own], TurnRules(own_from_ordinal=4))
    assert told(found) == [("-", "completed", ["user c"])]


SPOKEN = TurnRules(spoken=True)
ENVIRONMENT = "<environment_context>\n<cwd>/tmp</cwd>\n</environment_context>"
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}


def test_without_events_the_models_items_are_read_as_the_conversation() -> None:
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    raws = [
        says("user", ENVIRONMENT),
        says("developer", "rules"),
        says("user", "one"),
        line("response_item", thought),
        line("response_item", {"type": "reasoning", "summary": []}),
        says("assistant", "x"),
        says("assistant"),
        says("user", "two"),
    ]
    assert told(folded_turns(raws, SPOKEN)) == [
        ("-", "completed", ["user one", "reason hm", "agent x"]),
        ("-", "completed", ["user two"]),
    ]


def test_a_spoken_image_is_shown() -> None:
    both = message("user", "look")
    both["content"].append(IMAGE)
    alone = {"type": "message", "role": "user", "content": [IMAGE]}
    raws = [line("response_item", both), line("response_item", alone)]
    assert told(folded_turns(raws, SPOKEN)) == [
        ("-", "completed", ["user look+[image]"]),
        ("-", "completed", ["user [image]"]),
    ]


def test_a_spoken_message_with_any_context_in_it_is_context() -> None:
    assert told(folded_turns([says("user", "words", ENVIRONMENT)], SPOKEN)) == []


def test_what_was_rolled_back_to_the_last_turn_does_not_come_back_as_spoken() -> None:
    spoken = [says("user", "u1"), says("assistant", "a1")]
    raws = [session(), asks("u1"), *spoken, rolled_back(1)]
    assert list(reader(*raws).turns()) == []


def test_a_rollback_reaches_back_over_any_number_of_spoken_turns() -> None:
    spoken = [says("user", f"u{number}") for number in range(20)]
    found = list(reader(session(), *spoken, rolled_back(15)).turns())
    assert [words for _name, _status, words in told(found)] == [
        [f"user u{number}"] for number in range(5)
    ]


def at(raw: bytes, second: int) -> bytes:
    """A line that was written so many seconds after the epoch."""
    value = json.loads(raw)
    return json.dumps(value | {"timestamp": f"1970-01-01T00:00:{second:02d}.500Z"}).encode()


def test_a_turn_is_as_old_and_long_as_its_lines_where_it_does_not_say() -> None:
    raws = [at(each, second) for second, each in enumerate([asks("a"), says("b"), session()], 10)]
    raws += [at(started("t"), 20), at(says("c"), 22), at(completed("t"), 25), at(session(), 30)]
    raws += [at(started("u", started_at=3), 40), at(completed("u", duration_ms=7), 41)]
    told = [(turn.lines_ms, turn.began_at, turn.took_ms) for turn in folded_turns(raws)]
    assert told == [
        ((10_500, None), 10, None),
        ((20_500, 25_500), 20, 5000),
        ((40_500, 41_500), 3, 7),
    ]
    (copy, *_others) = folded_turns(raws, TurnRules(copied=True))
    assert (copy.lines_ms, copy.began_at, copy.took_ms) == ((None, None), None, None)


def test_a_turn_of_one_line_or_of_strange_times_took_no_time_that_is_known() -> None:
    strange = [at(started("a"), 50), at(completed("a"), 40)]
    bare = [json.dumps(json.loads(asks("a")) | {"timestamp": "x"}).encode()]
    for raws in ([at(started("a"), 1)], strange, bare):
        (turn,) = folded_turns(raws)
        assert turn.took_ms is None


def _varied(count: int) -> list[bytes]:
    """A turn with reasoning in pieces, calls, their outputs late, and messages."""
    raws = [started("t"), asks("go")]
    for number in range(count):
        raws += [event("agent_reasoning", text=f"r{number}{each}") for each in "ab"]
        raws.append(call(f"c{number}", f"x{number}"))
        raws += [output(f"c{number - 2}", f"came of {number - 2}")] if number > 1 else []
        raws.append(answers(f"a{number}"))
    return [*raws, completed("t")]


def call(name: str, words: str) -> bytes:
    return response("function_call", name="tool", arguments=words, call_id=name)


def output(name: str, words: str) -> bytes:
    return response("function_call_output", call_id=name, output=words)


@pytest.mark.parametrize("first", range(8))
def test_items_that_are_not_needed_keep_their_places_and_say_nothing(first: int) -> None:
    raws = _varied(5)
    (whole,) = told(folded_turns(raws))
    kept = range(first, first + 4)
    (part,) = told(folded_turns(raws, TurnRules(kept=kept)))
    assert len(part[2]) == len(whole[2])
    for number, (of_part, of_whole) in enumerate(zip(part[2], whole[2], strict=True)):
        if number in kept:
            assert of_part == of_whole
        else:
            assert of_part in {"ContextCompaction ", "reason ", "call   -> None"}


def test_a_line_is_of_an_item_or_leads_to_the_next_one() -> None:
    raws = [session(), *_varied(5), started("u"), asks("more"), completed("u")]
    lines = decoded(raws)
    (turn, _other) = folded_turns(raws)
    placed = [(Spot(0, each.offset), each) for each in lines]
    told_of = {
        raw: item_number(placed, TurnRules(), "t", spot)
        for raw, (spot, _line) in zip(raws, placed, strict=True)
    }
    names = [*map(_words, turn.items)]
    for number in range(5):
        assert told_of[answers(f"a{number}")] == names.index(f"a{number}")
        assert told_of[call(f"c{number}", f"x{number}")] == names.index(f"c{number}")
        for each in "ab":
            reasoned = told_of[event("agent_reasoning", text=f"r{number}{each}")]
            assert reasoned == names.index(f"c{number}") - 1
    assert told_of[output("c1", "came of 1")] == names.index("c1")
    assert told_of[started("t")] == told_of[asks("go")] == 0
    assert told_of[completed("t")] is None
    assert told_of[asks("more")] is None


def _words(item: ti.AnyTurnItem) -> str:
    return item.content[0].text if isinstance(item, ti.AgentMessage) else item.id
