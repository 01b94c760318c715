"""Turns told in words, so that tests can be read as tables."""

from __future__ import annotations

import msgspec
from rollout_lines import decoded

from threadlog.core import turns
from threadlog.core.items import turn as ti
from threadlog.core.turn import Turn, TurnRules

Told = tuple[str, str, list[str]]


def folded_turns(raws: list[bytes], rules: TurnRules | None = None) -> list[Turn]:
    """The turns of *raws*, without what a rollback took."""
    rules = rules or TurnRules()
    lines = decoded(raws)
    skip = turns.rolled_back(lines, rules)
    return list(turns.fold_turns(lines, msgspec.structs.replace(rules, skip=skip)))


def told(found: list[Turn]) -> list[Told]:
    """Each turn as its id ("-" where the rollout names none), its status, and its items."""
    return [
        ("-" if turn.id.startswith("turn-") else turn.id, turn.status, [*map(_item, turn.items)])
        for turn in found
    ]


def _item(item: ti.AnyTurnItem) -> str:
    if isinstance(item, ti.UserMessage):
        parts = [part.text or f"[{part.type}]" for part in item.content]
        return "user " + "+".join(parts)
    if isinstance(item, ti.AgentMessage):
        return "agent " + "+".join(part.text for part in item.content)
    if isinstance(item, ti.Reasoning):
        return "reason " + "+".join((*item.summary_text, *(f"({r})" for r in item.raw_content)))
    if isinstance(item, ti.ToolCall):
        return f"call {item.name} {item.arguments} -> {item.output}"
    name = "" if item.id.startswith("item-") else " " + item.id
    status = getattr(item, "status", None)
    return type(item).__name__ + name + (f" {status}" if status else "")
