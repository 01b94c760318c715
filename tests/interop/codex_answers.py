"""What Codex answers about a home, and what threadlog says of it, in one shape to compare."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from interop.codex_process import AppServer, CodexHome
from interop.mock_model import Json, MockModel, Request, answer, say
from threadlog import Home, Turn
from threadlog.core.items import turn as ti

PROBE, PROBE_ANSWER = "What did we do so far?", "This and that."

_ALL_SOURCES = [
    *["cli", "vscode", "exec", "appServer", "unknown"],
    *["subAgent", "subAgentReview", "subAgentCompact", "subAgentThreadSpawn", "subAgentOther"],
]
# What Codex, and what threadlog, calls a turn that has no name in the rollout.
_MADE_UP_ID = re.compile(r"(rollout|turn)-\d+").fullmatch
_PAGE = 3  # small, so that every listing has several pages


class Listed(NamedTuple):
    """A thread as a listing shows it."""

    id: str
    preview: str
    cwd: str | None
    path: str
    archived: bool
    name: str | None


class Shown(NamedTuple):
    """A turn as a reader sees it; `id` is None where the rollout does not name the turn."""

    id: str | None
    status: str
    user: tuple[str, ...]
    agent: tuple[str, ...]
    kinds: tuple[str, ...]


# -- Codex


def codex_rows(codex: AppServer) -> dict[str, dict[str, Json]]:
    """Every thread that Codex lists, of all sources and providers, by id; archived ones too."""
    rows: dict[str, dict[str, Json]] = {}
    for archived in (False, True):
        cursor = None
        while True:
            page = codex.call(
                "thread/list",
                archived=archived,
                modelProviders=[],
                sourceKinds=_ALL_SOURCES,
                limit=_PAGE,
                **({"cursor": cursor} if cursor else {}),
            )
            rows.update({row["id"]: {**row, "archived": archived} for row in page["data"]})
            cursor = page.get("nextCursor")
            if not cursor:
                break
    return rows


def codex_listing(codex: AppServer) -> dict[str, Listed]:
    """The same, as far as listings are to agree."""
    return {
        key: Listed(key, row["preview"], row["cwd"], row["path"], row["archived"], row.get("name"))
        for key, row in codex_rows(codex).items()
    }


def codex_default_listing(codex: AppServer) -> dict[str, Listed]:
    """What Codex lists unless asked for more, 100 threads at most.

    At once, since its pages leave out threads of the same second.
    """
    listed = {}
    for archived in (False, True):
        for row in codex.call("thread/list", archived=archived, limit=100)["data"]:
            told = row["id"], row["preview"], row["cwd"], row["path"], archived, row.get("name")
            listed[row["id"]] = Listed(*told)
    return listed


def codex_turns(codex: AppServer, thread: str) -> list[Shown]:
    """The turns of a thread as Codex shows them."""
    read = codex.call("thread/read", threadId=thread, includeTurns=True)
    return [_shown_by_codex(turn) for turn in read["thread"]["turns"]]


def _shown_by_codex(turn: dict[str, Json]) -> Shown:
    user, agent = [], []
    for item in turn["items"]:
        if item["type"] == "userMessage":
            user.append("".join(part.get("text", "") for part in item["content"]))
        elif item["type"] == "agentMessage":
            agent.append(item["text"])
    kinds = tuple(item["type"][0].upper() + item["type"][1:] for item in turn["items"])
    return Shown(_named(turn["id"]), turn["status"], tuple(user), tuple(agent), kinds)


def _named(turn_id: str) -> str | None:
    return None if _MADE_UP_ID(turn_id) else turn_id


def probe(codex: AppServer, model: MockModel, thread: str) -> Request:
    """The request of one more turn of a loaded thread."""
    model.script(answer(say(PROBE_ANSWER)))
    codex.turn(thread, PROBE)
    (request,) = model.requests
    return request


def resume(codex: AppServer, thread: str) -> dict[str, Json]:
    """Load a thread into Codex; the thread as it answers."""
    resumed: dict[str, Json] = codex.call("thread/resume", threadId=thread)["thread"]
    return resumed


def history_of(request: Request) -> list[dict[str, Json]]:
    """The items of a request of 0.169 but for the instructions, which come first."""
    first = request.input[0]
    assert first["role"] == "developer", "the instructions are expected first"
    return request.input[1:]


def is_context(item: dict[str, Json]) -> bool:
    """True for what Codex tells the model of its surroundings at the beginning of a turn."""
    if item["type"] != "message" or item["role"] not in ("developer", "user"):
        return False
    text = "".join(part.get("text", "") for part in item["content"])
    return bool(item["role"] == "developer" or text.startswith(("<", "# AGENTS.md")))


def asks(item: dict[str, Json], text: str) -> bool:
    """True for a message of the user's with this text."""
    content = [{"type": "input_text", "text": text}]
    return bool(item["type"] == "message" and item["content"] == content)


# -- threadlog


def threadlog_listing(home: Home) -> dict[str, Listed]:
    """Every thread that threadlog lists, archived ones too, page by page."""
    listed = {}
    for archived in (False, True):
        page = home.threads(archived=archived, limit=_PAGE)
        rows = list(page)
        while page.next:
            page = home.threads(archived=archived, limit=_PAGE, cursor=page.next)
            rows += page
        for row in rows:
            assert row.id is not None, row.problem
            path = row.path.removesuffix(".zst")  # as Codex names compressed ones
            listed[row.id] = Listed(row.id, row.preview, row.cwd, path, row.archived, row.name)
    return listed


def threadlog_turns(home: Home, thread: str) -> list[Shown]:
    """The turns of a thread as threadlog shows them."""
    return [shown(turn) for turn in home.turns(thread)]


def shown(turn: Turn) -> Shown:
    """A turn of threadlog's."""
    kinds = tuple(type(item).__name__ for item in turn.items if not isinstance(item, ti.ToolCall))
    return Shown(
        _named(turn.id), turn.status, _user_texts(turn.items), _agent_texts(turn.items), kinds
    )


def _user_texts(items: Iterable[ti.AnyTurnItem]) -> tuple[str, ...]:
    return tuple(
        "".join(part.text or "" for part in item.content)
        for item in items
        if isinstance(item, ti.UserMessage)
    )


def _agent_texts(items: Iterable[ti.AnyTurnItem]) -> tuple[str, ...]:
    return tuple(
        "".join(part.text for part in item.content)
        for item in items
        if isinstance(item, ti.AgentMessage)
    )


def opened(home: CodexHome) -> Home:
    """The home as threadlog opens it."""
    import threadlog

    return threadlog.open(home.path)
