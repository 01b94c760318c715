"""Turn items on their lines: read in either case of their fields, and kept when unknown."""

from __future__ import annotations

from typing import Any

import pytest
from rollout_lines import item

from threadlog.core.decode import Line, decode, turn_item
from threadlog.core.items import event as ev
from threadlog.core.items import turn as ti


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            item("t", "CommandExecution", "c", aggregatedOutput="o", exitCode=2, parsedCmd=[]),
            ti.CommandExecution(id="c", aggregated_output="o", exit_code=2, parsed_cmd=[]),
        ),
        (
            item("t", "CommandExecution", "c", aggregated_output="o", exit_code=2, parsed_cmd=[]),
            ti.CommandExecution(id="c", aggregated_output="o", exit_code=2, parsed_cmd=[]),
        ),
        (
            item("t", "SubAgentActivity", "s", agentThreadId="a", agent_path="/p"),
            ti.SubAgentActivity(id="s", agent_thread_id="a", agent_path="/p"),
        ),
    ],
)
def test_turn_items_are_read_in_either_case(raw: bytes, expected: object) -> None:
    value = decode(raw)
    assert isinstance(value, Line)
    carried = value.item
    assert isinstance(carried, ev.ItemCompleted)
    assert turn_item(carried) == expected


@pytest.mark.parametrize(
    ("payload", "item_id"),
    [
        ({"type": "NewItem", "id": "n", "x": 1}, "n"),
        ({"type": "Plan", "id": "p"}, "p"),
        ({"type": "Plan", "text": "t"}, ""),
        ({"id": 5}, ""),
    ],
)
def test_a_turn_item_we_do_not_know_is_kept(payload: Any, item_id: str) -> None:
    carried = ev.ItemCompleted(thread_id="a", turn_id="t", item=payload)
    kept = turn_item(carried)
    assert isinstance(kept, ti.UntypedTurnItem)
    assert (kept.id, kept.payload) == (item_id, payload)


@pytest.mark.parametrize("payload", [None, "text", [1]])
def test_a_turn_item_that_is_no_object_is_kept(payload: Any) -> None:
    kept = turn_item(ev.ItemCompleted(thread_id="a", turn_id="t", item=payload))
    assert isinstance(kept, ti.UntypedTurnItem)
