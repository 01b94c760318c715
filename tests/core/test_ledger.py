"""What a thread used is counted once, by when and with which model, in a small state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_lines import (
    OTHER,
    THREAD,
    asks,
    completed,
    event,
    folded,
    item,
    line,
    response,
    rolled_back,
    says,
    session,
    started,
)

from threadlog.core import ledger
from threadlog.core.ledger import Ledger, Tokens, Use
from threadlog.core.scan import Scan

AT = "2026-01-02T03:04:05.678Z"
QUARTER_MS = 1_767_322_800_000  # 2026-01-02T03:00:00Z


def at(stamp: str, raw: bytes) -> bytes:
    """The same line at another time."""
    return raw.replace(AT.encode(), stamp.encode(), 1)


def used(total: int, **parts: int) -> bytes:
    """A token count."""
    usage = {"total_tokens": total, **{f"{name}_tokens": n for name, n in parts.items()}}
    return event("token_count", info={"total_token_usage": usage, "last_token_usage": usage})


def context(model: str) -> bytes:
    fields = {"cwd": "/w", "approval_policy": "never", "sandbox_policy": {}, "model": model}
    return line("turn_context", fields)


def call(name: str, **fields: Any) -> bytes:
    return response("function_call", name=name, arguments="{}", call_id="c", **fields)


def scanned(*raws: bytes, copied: Sequence[bytes] = ()) -> Scan:
    """The lines folded, behind those that are copied."""
    scan = Scan.of(folded([*copied, *raws]))
    scan.add(copied, own=False)
    scan.add(raws)
    return scan


def uses(*raws: bytes, copied: Sequence[bytes] = ()) -> list[Use]:
    """What was used, one of each stretch of time and model."""
    merged: dict[tuple[int, str], Use] = {}
    for each in scanned(*raws, copied=copied).ledger.uses():
        key = each.start_ms or 0, each.model or ""
        known = merged.get(key)
        if known is not None:
            assert each.tokens == Tokens()  # turns of which no model is told yet
            known = known._replace(turns=each.turns + known.turns)
        merged[key] = known or each
    return [merged[key] for key in sorted(merged)]


def only(*raws: bytes, copied: Sequence[bytes] = ()) -> Use:
    (use,) = uses(*raws, copied=copied)
    return use


# -- tokens


@pytest.mark.parametrize(
    ("totals", "tokens", "restarted"),
    [
        ([], 0, 0),
        ([5, 5, 9], 9, 0),
        ([5, 9, 4], 4, 9),
        ([9, 4, 3, 8], 8, 13),
        ([9, 0], 0, 9),
        ([-3, 4], 4, 0),
        ([10**30], ledger._MOST, 0),
    ],
)
def test_tokens_are_what_the_newest_total_tells(
    totals: list[int], tokens: int, restarted: int
) -> None:
    found = uses(session(), *map(used, totals))
    assert sum(use.tokens.total for use in found) == tokens
    assert sum(use.restarted for use in found) == restarted


@given(st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)))
def test_what_was_inherited_moves_the_total_and_counts_nothing(
    inherited: list[int], own: list[int]
) -> None:
    found = uses(*map(used, own), copied=[session(), *map(used, inherited)])
    totals = [*(inherited[-1:] or [0]), *own]
    began_anew = any(one > other for one, other in pairwise(totals))
    expected = totals[-1] - (0 if began_anew else totals[0])
    assert sum(use.tokens.total for use in found) == expected
    steps = [max(b - a, 0) if b >= a else b for a, b in pairwise(totals)]
    assert sum(use.tokens.total + use.restarted for use in found) == sum(steps)


def test_a_full_context_forgets_no_input() -> None:
    use = only(session(), used(110, input=100, output=10), used(500), used(620, input=100))
    assert use.tokens == Tokens(input=200, output=10, total=620)
    assert use.restarted == 0


def test_a_count_of_nothing_and_a_count_once_more_are_nothing() -> None:
    assert uses(session(), event("token_count", info=None), used(0)) == []
    assert only(session(), used(7), used(7), used(7)).tokens.total == 7


# -- turns, time, models


def test_a_turn_counts_for_the_model_that_it_names_once_it_began() -> None:
    raws = [started("a"), context("one"), used(5), completed("a", duration_ms=30)]
    raws += [started("b"), context("two"), used(9), started("c")]
    one, two = uses(session(), *raws)[:2]
    assert (one.model, one.turns, one.tokens.total, one.time_ms) == ("one", 1, 5, 30)
    assert sum(use.turns for use in uses(session(), *raws) if use.model == "two") == 2
    assert two.tokens.total == 4


def test_before_a_model_is_told_there_is_none() -> None:
    assert only(session(), asks("x"), used(3)).model is None


def test_turns_tell_how_long_they_took_or_they_do_not() -> None:
    raws = [started("a"), completed("a"), started("b"), completed("b", duration_ms=20)]
    raws += [started("c"), event("turn_aborted", turn_id="c", reason="x", duration_ms=-7)]
    found = uses(session(), *raws)
    assert sum(use.turns for use in found) == 3
    assert sum(use.timed_turns for use in found) == 2
    assert sum(use.time_ms for use in found) == 20


@pytest.mark.parametrize(
    ("raws", "turns"),
    [
        ([asks("x"), asks("y")], 2),
        ([asks("x"), rolled_back(1), asks("y")], 2),
        ([asks("x"), rolled_back(9)], 1),
        ([says("user", "x"), asks("x")], 1),
        ([says("user", "x"), says("user", "y")], 2),
        ([started("a"), asks("x"), says("user", "x"), completed("a")], 1),
    ],
)
def test_a_turn_that_was_taken_back_had_begun(raws: list[bytes], turns: int) -> None:
    assert sum(use.turns for use in uses(session(), *raws)) == turns


def test_turns_that_were_copied_are_none_of_the_forks() -> None:
    copied = [session(), asks("a"), asks("b")]
    assert only(asks("c"), copied=copied).turns == 1
    assert uses(copied=copied) == []


def test_lines_before_the_own_history_of_a_subagent_are_inherited() -> None:
    head = session(history_mode="paginated", subagent_history_start_ordinal=5)
    raws = [head, started("a"), call("x"), used(40), completed("a", duration_ms=9)]
    own = [started("b"), call("y"), used(7), completed("b", duration_ms=3)]
    numbered = [b'{"ordinal":%d,' % at + raw[1:] for at, raw in enumerate([*raws, *own])]
    use = only(*numbered)
    assert (use.turns, use.calls, use.tokens.total, use.time_ms) == (1, {"y": 1}, 7, 3)


# -- calls


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (call("exec_command"), "exec_command"),
        (call("spawn_agent", namespace="multi_agent_v1"), "spawn_agent"),
        (call("find", namespace="mcp__docs"), "mcp__docs__find"),
        (call("find", namespace="mcp__docs__"), "mcp__docs__find"),
        (call("mcp__docs__find"), "mcp__docs__find"),
        (call(""), "other"),
        (call("x" * 200), "x" * 100),
        (response("custom_tool_call", call_id="c", name="apply_patch", input=""), "apply_patch"),
        (response("local_shell_call", call_id="c", status="completed", action={}), "local_shell"),
        (response("web_search_call", action={}), "web_search"),
        (response("image_generation_call", status="x", result=""), "image_generation"),
        (response("tool_search_call"), "tool_search"),
    ],
)
def test_a_call_has_the_name_of_its_tool(raw: bytes, name: str) -> None:
    assert only(session(), raw).calls == {name: 1}


def test_what_else_tells_of_a_call_is_no_other_call() -> None:
    raws = [
        call("exec_command"),
        item("t", "CommandExecution", "c", command=["ls"], cwd="/w", status="completed"),
        event("exec_command_end", call_id="c"),
        event("mcp_tool_call_end", call_id="c", invocation={}),
        event("web_search_end", call_id="c"),
        response("function_call_output", call_id="c", output="o"),
    ]
    for mode in ("legacy", "paginated"):
        found = uses(session(history_mode=mode), *raws)
        assert [use.calls for use in found if use.calls] == [{"exec_command": 1}]


# -- when


def test_what_was_used_stands_in_its_quarter_of_an_hour() -> None:
    raws = [
        at("2026-01-02T03:14:59.999Z", used(1)),
        at("2026-01-02T03:15:00.000Z", used(3)),
        at("2026-01-02T05:00:00.000+01:45", used(7)),  # another zone
        at("nonsense", used(15)),  # as the line before
    ]
    found = uses(session(), *raws)
    assert [(use.start_ms, use.tokens.total) for use in found] == [
        (QUARTER_MS, 1),
        (QUARTER_MS + 900_000, 14),
    ]
    assert all(use.end_ms == (use.start_ms or 0) + 900_000 for use in found)


def test_lines_without_times_are_of_when_the_thread_was_made_or_of_no_time() -> None:
    created = session()
    bare = created.replace(AT.encode(), b"", 1)
    assert only(bare, at("", used(3))).start_ms == QUARTER_MS
    nowhen = only(created.replace(AT.encode(), b"?"), at("?", used(3)))
    assert (nowhen.start_ms, nowhen.end_ms, nowhen.tokens.total) == (None, None, 3)


# -- bounds


def test_names_beyond_a_number_are_taken_together() -> None:
    raws = [raw for n in range(50) for raw in (context(f"m{n}"), call(f"t{n}"), used(n + 1))]
    found = uses(session(), *raws)
    assert len({use.model for use in found}) == ledger.MODELS + 1
    calls = sum((Counter(use.calls) for use in found), Counter[str]())
    assert len(calls) == ledger.TOOLS + 1
    assert calls["other"] == 50 - ledger.TOOLS
    assert sum(use.tokens.total for use in found) == 50


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 9), st.booleans()), max_size=60))
def test_a_thread_of_many_hours_is_told_more_roughly_and_adds_up_to_the_same(
    steps: list[tuple[int, int, bool]],
) -> None:
    raws = [session()]
    for quarter, total, another in steps:
        stamp = f"2026-01-{2 + quarter // 96:02}T{quarter // 4 % 24:02}:{quarter % 4 * 15:02}:00Z"
        raws += [at(stamp, each) for each in (context(f"m{another}"), used(total), call("f"))]
    fine = uses(*raws)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ledger, "ENTRIES", 8)
        rough = scanned(*raws).ledger
        assert len(rough.entries) <= 8
    for model in ("m0", "m1", "mFalse", "mTrue", None):
        assert summed(rough, model) == summed(fine, model)


def summed(found: Ledger | list[Use], model: str | None) -> tuple[Any, ...]:
    told = list(found.uses()) if isinstance(found, Ledger) else found
    mine = [use for use in told if use.model == model]
    calls = sum((Counter(use.calls) for use in mine), Counter[str]())
    totals = [sum(parts) for parts in zip(*(use.tokens for use in mine), strict=True)]
    return totals, sum(use.restarted for use in mine), calls, sum(use.turns for use in mine)


def test_a_ledger_of_years_is_small() -> None:
    raws = [session()]
    for number in range(5000):
        stamp = f"20{10 + number % 80}-01-02T{number % 24:02}:{number % 60:02}:00Z"
        raws.append(at(stamp, used(number)))
    scan = scanned(*raws)
    assert len(scan.ledger.entries) <= ledger.ENTRIES
    assert sum(use.tokens.total for use in scan.ledger.uses()) == 4999
    assert len(scan.state()) < 400_000


def test_telling_what_was_used_changes_nothing() -> None:
    scan = scanned(session(), started("a"), context("m"), used(3), started("b"))
    state = scan.state()
    assert list(scan.ledger.uses()) == list(scan.ledger.uses())
    assert scan.state() == state


def test_the_last_line_that_may_yet_change_is_told_and_not_kept() -> None:
    scan = scanned(session(), used(3))
    shown = scan.with_rest([used(8), call("f")])
    assert sum(use.tokens.total for use in shown.ledger.uses()) == 8
    assert sum(use.tokens.total for use in scan.ledger.uses()) == 3


def test_rollouts_of_the_same_thread_that_it_builds_on_are_its_own() -> None:
    head = session(history_mode="paginated", history_base={"thread_id": THREAD})
    for own_from, total in ((0, 9), (None, 4)):
        scan = Scan.of(folded([head]))
        scan.add_inherited([session(id=OTHER), used(5)], own_from=own_from)
        scan.add([head, used(9)])
        assert sum(use.tokens.total for use in scan.ledger.uses()) == total
