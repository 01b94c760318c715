"""Legacy events as turn items: with all that Codex requires of each, or it would not show them."""

from __future__ import annotations

import msgspec
import pytest

from threadlog.core import turn_lines
from threadlog.core.items import LineItem
from threadlog.core.items import event as ev
from threadlog.core.items import tool_event as te
from threadlog.core.items.turn import DynamicToolCall
from threadlog.core.items.values import Duration

_INVOCATION = {"server": "s", "tool": "t"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            te.McpToolCallEnd(call_id="c", invocation=_INVOCATION, result={"Err": "no"}),
            {"server": "s", "tool": "t", "arguments": None, "status": "failed"}
            | {"error": {"message": "no"}},
        ),
        (te.WebSearchEnd(call_id="c"), {"query": "", "action": {"type": "other"}}),
        (te.ImageGenerationEnd(call_id="c"), {"status": "", "result": ""}),
        (
            ev.EnteredReviewMode(item_id="c", target={"type": "uncommittedChanges"}),
            {"target": {"type": "uncommittedChanges"}, "user_facing_hint": "Review requested."},
        ),
    ],
)
def test_a_turn_item_has_what_codex_requires_even_where_the_event_says_nothing(
    event: LineItem, expected: dict[str, object]
) -> None:
    item = msgspec.to_builtins(turn_lines.turn_item_of(event, "made-up"))
    assert {key: value for key, value in item.items() if key not in ("id", "type")} == expected
    assert item["id"] == "c"


@pytest.mark.parametrize(
    ("value", "required"),
    [
        (te.PatchApplyEnd(call_id="c", success=True), {"stdout": "", "stderr": ""}),
        (te.WebSearchEnd(call_id="c"), {"query": ""}),
        (te.ImageGenerationEnd(call_id="c"), {"result": ""}),
        (DynamicToolCall(id="c", tool="t"), {"arguments": None}),
        (Duration(secs=1), {"secs": 1, "nanos": 0}),
    ],
)
def test_what_codex_requires_is_written_though_it_is_empty(
    value: msgspec.Struct, required: dict[str, object]
) -> None:
    assert required.items() <= msgspec.to_builtins(value).items()
