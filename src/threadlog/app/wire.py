"""Threads and turns as Codex's app-server spells them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from threadlog import __version__
from threadlog.app.wire_items import Wire, camel, items_of
from threadlog.core import moments
from threadlog.core.items import turn as ti
from threadlog.core.items.values import TokenUsage, TokenUsageInfo
from threadlog.core.query import ThreadSummary
from threadlog.core.turn import IN_PROGRESS, INTERRUPTED, Turn
from threadlog.core.visibility import DEFAULT_PROVIDER

NOT_LOADED, SUMMARY, FULL = "notLoaded", "summary", "full"
_CLIENT_SOURCES = {"cli": "cli", "vscode": "vscode", "exec": "exec", "mcp": "appServer"}
_PLAIN_SUBAGENTS = ("review", "compact", "memory_consolidation")


class LiveState(NamedTuple):
    """What only the server knows of a loaded thread."""

    status: str = "idle"
    model: str | None = None
    effort: str | None = None
    ephemeral: bool = False
    provider: str | None = None


def thread_of(summary: ThreadSummary, live: LiveState | None, turns: Sequence[Wire] = ()) -> Wire:
    """A thread; *live* is None for one that is not loaded."""
    cwd = summary.cwd if summary.cwd and os.path.isabs(summary.cwd) else os.path.sep
    place = {"environmentId": "local", "cwd": cwd, "runtimeWorkspaceRoots": [cwd]}
    created = _seconds(summary.created)
    return {
        "id": summary.id or "",
        "environments": None if live is None else [place],
        "extra": None,
        "sessionId": summary.id or "",
        "forkedFromId": summary.forked_from_id,
        "attachedToThreadId": None,
        "parentThreadId": summary.parent_thread_id,
        "preview": summary.preview,
        "ephemeral": live is not None and live.ephemeral,
        "section": None,
        "sectionEnteredAt": None,
        "projectId": None,
        "historyMode": "paginated" if summary.history_mode == "paginated" else "legacy",
        "modelProvider": _provider(summary, live),
        "model": (live.model if live else None) or summary.model,
        "reasoningEffort": live.effort if live else None,
        "createdAt": created,
        "updatedAt": _seconds(summary.updated),
        "recencyAt": _seconds(summary.recency),
        "status": status_of(live),
        "path": None if live is not None and live.ephemeral else summary.path,
        "cwd": cwd,
        "cliVersion": summary.cli_version or __version__,
        "originator": summary.originator,
        "source": _source(summary),
        "canAcceptDirectInput": None if live is None else True,
        "threadSource": None,
        "agentNickname": summary.agent_nickname,
        "agentRole": summary.agent_role,
        "gitInfo": _git(summary),
        "name": summary.name,
        "daybreakEnabled": None,
        "turns": list(turns),
    }


def status_of(live: LiveState | None) -> Wire:
    """How a thread stands, as its own object."""
    if live is None:
        return {"type": "notLoaded"}
    return {"type": live.status, **({"activeFlags": []} if live.status == "active" else {})}


def turn_of(turn: Turn, view: str, running: str | None = None) -> Wire:
    """A turn; *running* is the id of the one that goes on, which no rollout can tell."""
    status = turn.status
    if turn.id == running and status in (INTERRUPTED, IN_PROGRESS):
        status = IN_PROGRESS
    elif status == IN_PROGRESS:
        status = INTERRUPTED
    items: list[Wire] = []
    if view == FULL:
        items = items_of(turn.items, turn.item_times)
    elif view == SUMMARY:
        items = items_of(_first_and_last(turn.items), turn.item_times)
    return {
        "id": turn.id,
        "rootTurnId": turn.id,
        "items": items,
        "itemsView": view,
        "status": status,
        "error": error_of(turn.error),
        "startedAt": turn.started_at,
        "completedAt": turn.completed_at,
        "durationMs": turn.duration_ms,
    }


def begun_turn(turn_id: str, started_at: int | None) -> Wire:
    """A turn of which nothing is known yet but that it began."""
    turn = Turn(turn_id, IN_PROGRESS, (), started_at)
    return turn_of(turn, NOT_LOADED, turn_id)


def ended_turn(turn: Turn) -> Wire:
    """A turn that just ended, with what the agent said last."""
    return turn_of(turn, SUMMARY if turn.items else NOT_LOADED)


def error_of(error: Any) -> Wire | None:
    """What a turn failed with."""
    if not isinstance(error, dict):
        return None
    message, kind = error.get("message"), error.get("codex_error_info")
    return failure(message if isinstance(message, str) else "", kind)


def failure(message: str, kind: Any) -> Wire:
    """An error on the wire; its kind in the spelling of clients."""
    if isinstance(kind, dict) and len(kind) == 1:
        ((name, fields),) = kind.items()
        status = fields.get("http_status_code") if isinstance(fields, dict) else None
        shown: Any = {camel(str(name)): {"httpStatusCode": status}}
    else:
        shown = camel(kind) if isinstance(kind, str) else None
    if isinstance(shown, str) and shown in _WITH_STATUS:
        shown = {shown: {"httpStatusCode": None}}
    return {
        "message": message,
        "codexErrorInfo": shown,
        "additionalDetails": None,
        "misalignment": None,
    }


_WITH_STATUS = (
    "httpConnectionFailed",
    "responseStreamConnectionFailed",
    "responseStreamDisconnected",
    "responseTooManyFailedAttempts",
)


def usage_of(info: TokenUsageInfo) -> Wire:
    """Token counts: the thread's, and those of the last response."""
    return {
        "total": _tokens(info.total_token_usage),
        "last": _tokens(info.last_token_usage),
        "modelContextWindow": info.model_context_window,
    }


def _tokens(usage: TokenUsage) -> Wire:
    return {
        "totalTokens": usage.total_tokens,
        "inputTokens": usage.input_tokens,
        "cachedInputTokens": usage.cached_input_tokens,
        "cacheWriteInputTokens": usage.cache_write_input_tokens,
        "outputTokens": usage.output_tokens,
        "reasoningOutputTokens": usage.reasoning_output_tokens,
    }


def _first_and_last(items: Sequence[ti.AnyTurnItem]) -> list[ti.AnyTurnItem]:
    """What a summary of a turn shows: the user's first message and the agent's last."""
    first = next((each for each in items if isinstance(each, ti.UserMessage)), None)
    last = next((each for each in reversed(items) if isinstance(each, ti.AgentMessage)), None)
    return [each for each in (first, last) if each is not None]


def _provider(summary: ThreadSummary, live: LiveState | None) -> str:
    return summary.model_provider or (live.provider if live else None) or DEFAULT_PROVIDER


def _source(summary: ThreadSummary) -> Any:
    label, _, kind = summary.source.partition(":")
    if label in _CLIENT_SOURCES and not kind:
        return _CLIENT_SOURCES[label]
    if label == "custom" and kind:
        return {"custom": kind}
    if label != "subagent":
        return "unknown"
    if kind in _PLAIN_SUBAGENTS:
        return {"subAgent": kind}
    if kind == "spawn" and summary.parent_thread_id is not None:
        spawned = {
            "parent_thread_id": summary.parent_thread_id,
            "depth": 1,
            "agent_path": None,
            "agent_nickname": summary.agent_nickname,
            "agent_role": summary.agent_role,
        }
        return {"subAgent": {"thread_spawn": spawned}}
    return {"subAgent": {"other": kind}}


def _git(summary: ThreadSummary) -> Wire | None:
    if summary.git_commit is None and summary.git_branch is None and summary.git_url is None:
        return None
    return {
        "sha": summary.git_commit,
        "branch": summary.git_branch,
        "originUrl": summary.git_url,
    }


@lru_cache(maxsize=1024)  # most moments are asked for again: by the next field, the next listing
def _seconds(moment: str) -> int:
    return (moments.unix_ms(moment) or 0) // 1000
