"""Where a fork's own part begins: found by what its lines carry, whoever copied them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import corpus_root
from threadlog.core.copies import PASSED_OVER, own_start
from threadlog.core.framing import frames

ROOT = corpus_root()

SAID: list[tuple[str, dict[str, Any]]] = [
    ("event_msg", {"type": "task_started", "turn_id": "a"}),
    ("event_msg", {"type": "user_message", "message": "Go on.", "images": []}),
    ("event_msg", {"type": "exec_command_begin", "call_id": "1"}),
    ("response_item", {"type": "reasoning", "summary": [], "encrypted_content": None}),
    ("response_item", {"type": "function_call", "name": "shell", "call_id": "1"}),
    ("event_msg", {"type": "agent_message", "message": "Done."}),
    ("event_msg", {"type": "task_complete", "turn_id": "a"}),
]


def line(carried: tuple[str, dict[str, Any]], stamp: str = "2026-01-01T00:00:00.000Z") -> bytes:
    told = {"timestamp": stamp, "type": carried[0], "payload": carried[1]}
    return json.dumps(told).encode() + b"\n"


def meta(thread_id: str) -> tuple[str, dict[str, Any]]:
    return ("session_meta", {"id": thread_id, "cwd": "/w"})


def fork_of(copied: Sequence[bytes], own: Sequence[bytes]) -> tuple[bytes, int]:
    """A fork's rollout, and where its own part begins."""
    begins = line(meta("fork")) + b"".join(copied)
    return begins + b"".join(own), len(begins) if copied else 0


def found(fork: bytes, parent: bytes) -> int:
    return own_start(frames([fork]), frames([parent]))


PARENT = [line(each) for each in [meta("parent"), *SAID]]
OWN = [line(("event_msg", {"type": "user_message", "message": "Another way."}))]


@given(cut=st.integers(0, len(PARENT)), own=st.booleans(), stamped=st.booleans())
def test_a_fork_is_its_own_from_the_first_line_on_that_its_parent_has_not(
    cut: int, own: bool, stamped: bool
) -> None:
    copied = PARENT[:cut]
    if stamped:
        copied = [each.replace(b"2026-01-01T00:00", b"2026-02-02T02:02") for each in copied]
    fork, begins = fork_of(copied, OWN if own else [])
    assert found(fork, b"".join(PARENT)) == begins


def test_what_the_copy_leaves_out_is_passed_over() -> None:
    copied = [each for each in PARENT if b"exec_command_begin" not in each and b"aso" not in each]
    fork, begins = fork_of(copied, OWN)
    assert found(fork, b"".join(PARENT)) == begins


def test_a_message_that_every_copy_has_is_not_passed_over() -> None:
    fork, begins = fork_of(PARENT[:2], [PARENT[6]])  # it was said again
    assert found(fork, b"".join(PARENT)) == begins


def test_no_more_than_so_many_lines_are_passed_over() -> None:
    many = [
        line(("event_msg", {"type": "web_search_end", "call_id": str(each)})) for each in range(90)
    ]
    for count, seen in ((PASSED_OVER - 1, True), (PASSED_OVER + 1, False)):
        parent = [*PARENT[:2], *many[:count], PARENT[7]]
        fork, begins = fork_of([*PARENT[:2], PARENT[7]], [])
        assert (found(fork, b"".join(parent)) == begins) is seen


@pytest.mark.parametrize(
    ("copy", "source", "same"),
    [
        ({"turn_id": "a", "kind": "default"}, {"turn_id": "a"}, True),
        ({"turn_id": "a", "kind": None}, {"turn_id": "a", "kind": "plan"}, True),
        ({"turn_id": "b"}, {"turn_id": "a"}, False),
        ({"kind": "default"}, {"turn_id": "a"}, True),  # both are starts of turns
        ({"at": [1, {"b": 2}]}, {"at": [1, {"b": 2, "c": 3}]}, True),
        ({"at": [1, 2]}, {"at": [1]}, False),
    ],
)
def test_a_line_spelt_anew_carries_the_same(
    copy: dict[str, Any], source: dict[str, Any], same: bool
) -> None:
    told = {"type": "task_started"}
    fork, begins = fork_of([line(("event_msg", {**copy, **told}))], [])
    assert found(fork, line(("event_msg", {**told, **source}))) == (begins if same else 0)


def test_blank_lines_and_damage_are_no_end_but_a_gap_is() -> None:
    fork = b"\n" + line(meta("fork")) + b"\r\n" + PARENT[0] + b"{torn\n" + PARENT[1]
    parent = PARENT[0] + b"\n{torn\n" + PARENT[1]
    assert found(fork, parent) == len(fork)
    assert found(fork, PARENT[0]) == fork.index(b"{torn")
    assert found(b"", parent) == found(line(meta("fork")), parent) == 0


def test_without_a_parent_nothing_is_a_copy() -> None:
    assert found(fork_of(PARENT, OWN)[0], b"") == 0


@pytest.mark.corpus
@pytest.mark.skipif(ROOT is None, reason="there are no genuine homes on this machine")
@pytest.mark.parametrize(
    ("name", "own_lines"),
    [
        ("01a201ab-b8ab-7191-9640-28dc6b0060c8", 12),
        ("01a201ab-b583-7780-9ee3-643814900d9c", 12),
        ("01a201a7-deee-7e90-ab93-184a83a47870", 10),
        ("01a201a7-c674-7442-bcb2-e40590ede57b", 10),
        ("01a201a7-5dd7-76b3-a88d-3eea654b6012", 1),
        ("01a201a7-5e0c-7a00-8e23-df1aa80084fb", 1),
        ("01a201a7-5d21-7763-87c6-93a064c4be51", 10),
        ("01a201a4-2d80-7951-a4f6-a709255b8703", 11),  # refers to its parent
    ],
)
def test_genuine_forks_are_their_own_from_here_on(name: str, own_lines: int) -> None:
    assert ROOT is not None
    (path,) = ROOT.rglob(f"rollout-*{name}.jsonl")
    fork = path.read_bytes()
    parent_id = re.findall(rb'"forked_from_id":"([^"]*)"', fork)[0].decode()
    (parent,) = path.parent.glob(f"rollout-*{parent_id}.jsonl")
    begins = found(fork, parent.read_bytes())
    assert fork[begins:].count(b"\n") == own_lines
