"""What the whole rollout tells: the same in pieces as at once, and the same as whoever reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollout_lines import (
    OTHER,
    STAMP,
    THREAD,
    answers,
    asks,
    completed,
    dumps,
    event,
    folded,
    item,
    line,
    reader,
    response,
    rolled_back,
    says,
    session,
    started,
)

from threadlog.core import lines, metadata
from threadlog.core.framing import Gap, Oversized
from threadlog.core.items import EVENTS, RESPONSE_ITEMS, SESSION_ITEMS
from threadlog.core.metadata import Metadata
from threadlog.core.scan import _OF_BARE, Raw, Scan
from threadlog.core.turn_count import KNOWN_TURNS

GIT = {"branch": "main", "commit_hash": "abc", "repository_url": "https://example.org/r"}
HOOK = '<hook_prompt hook_run_id="h">words</hook_prompt>'
BARE = dumps({"id": THREAD, "timestamp": STAMP, "instructions": None})
USAGE = {"total_tokens": 0}


def scanned(raws: Sequence[Raw], head: Metadata | None = None) -> Scan:
    """The lines, folded at once; their own head unless another is given."""
    scan = Scan.of(head or folded(raw for raw in raws if isinstance(raw, bytes)))
    scan.add(raws)
    return scan


def counted(total: int) -> bytes:
    """A token count with a total."""
    return event("token_count", info={"total_token_usage": USAGE | {"total_tokens": total}} | LAST)


LAST = {"last_token_usage": USAGE}


def numbered(raws: Sequence[bytes]) -> list[bytes]:
    """The same lines with ordinals."""
    return [dumps({"ordinal": at, **json.loads(raw)}) for at, raw in enumerate(raws)]


# -- the turns: as they are read


def check_turns(*raws: bytes) -> int:
    """Count the turns; as many as are read."""
    reports: list[Any] = []
    found = reader(*raws)
    found._report = lambda path, value: reports.append((path, value))
    turns = len(list(found.turns()))
    counts = scanned(raws).counts
    assert (counts.turns, counts.problems) == (turns, len(reports))
    return turns


NAMES = st.sampled_from([f"t{number}" for number in range(5)])
LEGACY_LINES = st.one_of(
    NAMES.map(started),
    NAMES.map(completed),
    NAMES.map(lambda name: event("turn_aborted", turn_id=name, reason="interrupted")),
    st.integers(-1, 12).map(rolled_back),
    NAMES.map(lambda name: event("exited_review_mode", turn_id=name)),
    NAMES.map(lambda name: event("exec_command_end", call_id="c", turn_id=name)),
    NAMES.map(lambda name: item(name, "Sleep", "s", duration_ms=1)),
    st.sampled_from(
        [
            asks("hello"),
            asks("context", kind="environment_context"),
            answers("yes"),
            answers(""),
            event("agent_reasoning", text="hm"),
            event("agent_reasoning", text=""),
            event("agent_reasoning_raw_content", text="hm"),
            event("turn_aborted", reason="interrupted"),
            event("error", message="no"),
            event("context_compacted"),
            event("entered_review_mode"),
            event("exited_review_mode"),
            event("exec_command_end", call_id="c"),
            event("web_search_end", call_id="w", query="q"),
            line("compacted", {"message": "sum"}),
            says("user", "hello"),
            says("user", HOOK),
            says("assistant", "yes"),
            response("reasoning", summary=[{"type": "summary_text", "text": "hm"}]),
            response("function_call", name="f", arguments="{}", call_id="c"),
            response("function_call_output", call_id="c", output="o"),
            b"",
            b"{torn",
        ]
    ),
)
PAGINATED_LINES = st.one_of(
    NAMES.map(started),
    NAMES.map(completed),
    st.one_of(NAMES, st.none()).map(
        lambda name: event("turn_aborted", turn_id=name, reason="interrupted")
    ),
    NAMES.map(lambda name: item(name, "UserMessage", "u", content=[])),
    NAMES.map(lambda name: item(name, "AgentMessage", "a", content=[])),
    st.sampled_from(
        [
            asks("hello"),
            answers("yes"),
            event("agent_reasoning", text="hm"),
            event("context_compacted"),
            event("entered_review_mode"),
            event("exec_command_end", call_id="c"),
            line("compacted", {"message": "sum"}),
            says("user", "hello"),
            says("user", HOOK),
            says("assistant", "yes"),
            response("function_call", name="f", arguments="{}", call_id="c"),
        ]
    ),
)
SPOKEN_LINES = st.sampled_from(
    [
        says("user", "hello"),
        says("user", HOOK),
        says("user", "<environment_context>x</environment_context>"),
        says("assistant", "yes"),
        says("developer", "rules"),
        response("reasoning", summary=[{"type": "summary_text", "text": "hm"}]),
        response("reasoning", summary=[]),
        response("function_call", name="f", arguments="{}", call_id="c"),
        rolled_back(1),
        rolled_back(10),
    ]
)


@given(st.lists(LEGACY_LINES, max_size=60))
def test_legacy_turns_are_counted_as_they_are_read(raws: list[bytes]) -> None:
    check_turns(session(), *raws)


@given(st.lists(PAGINATED_LINES, max_size=60), st.integers(0, 30))
def test_paginated_turns_are_counted_as_they_are_read(raws: list[bytes], own: int) -> None:
    head = session(history_mode="paginated", subagent_history_start_ordinal=own)
    check_turns(*numbered([head, *raws]))


@pytest.mark.parametrize("head", [session(), BARE], ids=["events", "bare"])
@given(raws=st.lists(SPOKEN_LINES, max_size=60))
def test_spoken_turns_are_counted_as_they_are_read(head: bytes, raws: list[bytes]) -> None:
    check_turns(head, *raws)


@pytest.mark.parametrize(
    ("raws", "turns"),
    [
        ([], 0),
        ([started("a"), started("b")], 2),
        ([answers("x"), answers("y")], 1),
        ([asks("x"), answers("y"), asks("z")], 2),
        ([started("a"), asks("x"), asks("y"), completed("a")], 1),
        ([started("a"), completed("a"), answers("late")], 2),
        ([started("a"), completed("elsewhere"), answers("late")], 2),
        ([line("compacted", {"message": "sum"}), asks("x")], 1),
        ([line("compacted", {"message": "sum"}), answers("x"), asks("x")], 2),
        ([event("entered_review_mode", turn_id="r"), completed("r"), answers("x")], 2),
        ([says("user", "x"), says("user", "y")], 2),
        ([says("user", "x"), started("a")], 1),
        ([asks("x"), rolled_back(5)], 0),
        ([asks("x"), rolled_back(5), asks("y")], 1),
        ([*(asks(f"u{number}") for number in range(30)), rolled_back(20)], 10),
    ],
)
def test_what_begins_a_turn_and_what_takes_it_away(raws: list[bytes], turns: int) -> None:
    assert check_turns(session(), *raws) == turns


def test_a_turn_long_gone_is_forgotten_in_time_and_the_state_stays_small() -> None:
    legacy = [line for number in range(1000) for line in (started(f"t{number}"), answers("x"))]
    scan = scanned([session(), *legacy])
    assert scan.counts.turns == 1000
    assert len(scan.turns.known) == KNOWN_TURNS
    known, forgotten = f"t{1000 - KNOWN_TURNS}", f"t{999 - KNOWN_TURNS}"
    for ending, turns in ((known, 1000), (forgotten, 1001)):
        assert scan.with_rest([completed(ending), answers("x")]).counts.turns == turns


def test_items_of_any_number_of_turns_without_a_start_are_counted_in_a_small_state() -> None:
    early = [item(f"t{number}", "AgentMessage", "a", content=[]) for number in range(1000)]
    scan = scanned([session(history_mode="paginated"), *early])
    assert scan.counts.turns == 1000
    assert len(scan.turns.early) == KNOWN_TURNS


def test_a_name_of_any_length_takes_little_place() -> None:
    scan = scanned([session(), *(started("x" * 10_000 + str(n)) for n in range(100))])
    assert scan.counts.turns == 100
    assert len(scan.state()) < 5_000


def test_what_a_rollout_builds_on_gives_turns_and_says_nothing_of_who_it_is() -> None:
    own = [session(history_mode="paginated", id=OTHER), started("b"), b"{"]
    base = [session(history_mode="paginated"), started("a"), b"{", counted(7)]
    head = folded(own)
    scan = Scan.of(head)
    scan.add_inherited(base)
    assert (scan.metadata, scan.counts) == (Metadata(), (1, 1, 7))
    scan.add(own)
    assert (scan.metadata, scan.counts) == (head, (2, 2, 7))


# -- the metadata: as folded from all lines that concern it

TELLING = st.one_of(
    st.sampled_from(
        [
            session(),
            session(git=GIT),
            session(git={"branch": "other"}, memory_mode="disabled"),
            session(id=OTHER, git=GIT),
            line("session_meta", {"id": THREAD, "timestamp": STAMP, "git": GIT}),
            line("session_meta", {"id": THREAD}),
            line("turn_context", {"cwd": "/a", "model": "m1"}),
            line(
                "turn_context",
                {"cwd": "/a", "model": "m2", "approval_policy": "x", "sandbox_policy": {}},
            ),
            event("thread_name_updated", thread_id=THREAD, thread_name="n1"),
            event("thread_name_updated", thread_id=THREAD, thread_name=None),
            event("thread_name_updated", thread_id=OTHER, thread_name="n2"),
            event("thread_goal_updated", threadId=THREAD, goal={"objective": "g1"}),
            event("thread_goal_updated", threadId=THREAD, goal={"objective": "g2"}),
            started("a"),
            event("turn_started", turn_id="b"),
            asks("## My request for Codex:\nhello"),
            asks(""),
            asks("context", kind="environment_context"),
            event("user_message", no_message=True),
            item("a", "UserMessage", "u", content=[{"type": "text", "text": "item"}]),
            item("a", "AgentMessage", "a", content=[]),
            event("unheard_of", goal={"objective": "g3"}),
            says("user", "spoken"),
            says("assistant", "yes"),
            line("unheard_of", {"cwd": "/b"}),
            BARE,
            b"{",
            b"",
        ]
    ),
)


@pytest.mark.parametrize("numbers", [False, True], ids=["plain", "numbered"])
@given(raws=st.lists(TELLING, max_size=30), own=st.integers(0, 10))
def test_the_metadata_is_that_of_all_lines(raws: list[bytes], own: int, numbers: bool) -> None:
    head = session(subagent_history_start_ordinal=own)
    whole = [raw for raw in raws if raw not in (b"{", b"", BARE)]
    raws = numbered([head, *whole]) if numbers else [head, *raws]
    assert scanned(raws).metadata == folded(raws)


@given(st.lists(TELLING, max_size=30))
def test_the_metadata_of_a_file_older_than_events_is_that_of_all_lines(raws: list[bytes]) -> None:
    # What Codex's list looks for is asked of heads alone.
    whole = folded([BARE, *raws])._replace(asked_line=0)
    assert scanned([BARE, *raws]).metadata._replace(asked_line=0) == whole


def test_every_type_of_line_that_concerns_the_metadata_is_folded() -> None:
    for each in (*EVENTS, *RESPONSE_ITEMS, *SESSION_ITEMS):
        tag = each.__struct_config__.tag
        kind = (
            tag
            if isinstance(tag, str) and each.line_type in ("event_msg", "response_item")
            else None
        )
        assert metadata.concerns((each.line_type, kind)) == (each in _OF_BARE), each


# -- in pieces and at once

SETTINGS = {"cwd": "/a", "approval_policy": "x", "sandbox_policy": {}}
ANY = st.one_of(
    LEGACY_LINES,
    PAGINATED_LINES,
    TELLING,
    st.integers(0, 9).map(counted),
    st.sampled_from(
        [
            completed("t1", duration_ms=7),
            response("function_call", name="g", arguments="{}", call_id="d"),
            line("turn_context", {**SETTINGS, "model": "m3"}),
            line("turn_context", {**SETTINGS, "model": "m4"}, timestamp="2026-03-04T05:06:07Z"),
            event("turn_aborted", turn_id="t2", reason="x", duration_ms=3),
        ]
    ),
    st.sampled_from(
        [event("token_count", info=None), b"\0\0", Oversized(7, 70 << 20), Gap(7, "x")]
    ),
)
HEADS = st.sampled_from(
    [
        session(),
        session(history_mode="paginated"),
        session(
            history_mode="paginated", history_base={"thread_id": OTHER, "end_ordinal_exclusive": 4}
        ),
        session(source={"subagent": {"thread_spawn": {"parent_thread_id": OTHER}}}),
        line("session_meta", {"id": THREAD, "git": {"branch": "S"}, "cwd": "grüß"}).replace(
            b"S", rb"\ud800"
        ),
        session(history_base=True, subagent_history_start_ordinal=True),
        session(history_base={"thread_id": OTHER, "end_ordinal_exclusive": True}),
        session(subagent_history_start_ordinal=10**30),
        BARE,
    ]
)


@given(HEADS, st.lists(ANY, max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_in_pieces_it_comes_to_the_same(head: bytes, rest: list[Raw], cuts: list[int]) -> None:
    raws = [head, *rest]
    told = folded(raw for raw in raws if isinstance(raw, bytes))
    whole = scanned(raws, told)
    piecewise = Scan.of(told)
    for start, end in pairwise([0, *sorted(cuts), len(raws)]):
        piecewise.add(raws[start:end])
        state = piecewise.state()
        assert state.isascii()
        assert Scan.from_state(state) == piecewise
        piecewise = Scan.from_state(state)
        assert piecewise.fits(told)
    assert piecewise == whole
    assert piecewise.counts == whole.counts
    assert piecewise.state() == whole.state()


def test_a_source_nested_as_deep_as_can_be_read_is_stored_as_its_label() -> None:
    depth, head = 10, session()
    while True:
        source = b'{"subagent":' * depth + b'"x"' + b"}" * depth
        deeper = head.replace(b'"source":"cli"', b'"source":' + source)
        try:
            lines.parse(deeper)
        except lines.BadLine:
            break
        scan = scanned([deeper])
        again = Scan.from_state(scan.state())
        label = metadata.source_label(scan.metadata.source)
        assert metadata.source_label(again.metadata.source) == label
        depth += 10
    assert depth > 100


@pytest.mark.parametrize(
    "text",
    ["", "{}", "null", "[1]", "{", '{"scan":1}', "\udc00", "[" * 100_000, '{"scan":3}'],
)
def test_a_state_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Scan.from_state(text)


@pytest.mark.parametrize("old", ['"scan": 2', '"begun": 1', '"tokens": 0', '"open": "explicit"'])
def test_a_state_of_another_shape_is_refused(old: str) -> None:
    state = scanned([session(), started("a")]).state()
    assert old in state
    with pytest.raises(ValueError, match=r".*"):
        Scan.from_state(state.replace(old, old.partition(":")[0] + ': "x"'))


def test_a_scan_fits_only_what_its_rollouts_head_still_says() -> None:
    scan = scanned([session()])
    assert scan.fits(folded([session(), asks("later")]))
    for other in (
        session(id=OTHER),
        session(history_mode="paginated"),
        session(subagent_history_start_ordinal=3),
        session(history_base={"thread_id": OTHER, "end_ordinal_exclusive": 4}),
        BARE,
    ):
        assert not scan.fits(folded([other]))


# -- problems and tokens


@pytest.mark.parametrize(
    ("raw", "problems"),
    [
        (b"", 0),
        (b" \t\r", 0),
        (b"\0\0\0", 1),
        (b"{", 1),
        (b"\xff", 1),
        (b"[]", 1),
        (b'{"timestamp":"x","type":"event_msg","payload":1}', 1),
        (line("session_meta", {"id": 1}), 0),
        (line("unheard_of", {}), 0),
        (line("world_state", {"full": True, "state": 0}).replace(b"0}}", b"1e999}}"), 1),
        (Oversized(0, 70 << 20), 1),
        (Gap(0, "why"), 1),
    ],
)
def test_everything_that_is_no_line_is_a_problem(raw: Raw, problems: int) -> None:
    assert scanned([session(), raw]).counts.problems == problems


@pytest.mark.parametrize(
    ("raws", "tokens"),
    [
        ([], 0),
        ([counted(5)], 5),
        ([counted(5), counted(3)], 3),
        ([counted(5), event("token_count", info=None)], 5),
        ([event("token_count", info={"total_token_usage": 1})], 0),
    ],
)
def test_the_tokens_are_those_of_the_newest_count_that_tells_any(
    raws: list[bytes], tokens: int
) -> None:
    assert scanned([session(), *raws]).counts.tokens == tokens


def test_the_rest_is_shown_and_not_kept() -> None:
    scan = scanned([session(), asks("one")])
    state = scan.state()
    assert scan.with_rest([]) is scan
    rests: list[tuple[list[Raw], tuple[int, int, int]]] = [
        ([asks("two")], (2, 0, 0)),
        ([asks("two")[:-1]], (1, 1, 0)),
        ([counted(4), Gap(9, "x")], (1, 1, 4)),
        ([b" "], (1, 0, 0)),
    ]
    for rest, counts in rests:
        assert scan.with_rest(rest).counts == counts
    assert (
        scan.with_rest(
            [event("thread_name_updated", thread_id=THREAD, thread_name="n")]
        ).metadata.name
        == "n"
    )
    assert (scan.metadata.name, scan.counts, scan.state()) == (None, (1, 0, 0), state)
