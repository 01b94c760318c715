"""What a thread is about, folded from its lines: who, where, when, and how it began.

One fold serves listings (fed with the head of a file) and whole reads (fed with every line).  It
looks at few line types; `concerns` says, from a glance at a line, whether it is worth parsing.
The rules are Codex's: the first session metadata is canonical, later ones of the same thread
change only git and memory mode; the first message of the user becomes the preview; response items
never do (they hold what the model saw, not what the user wrote) unless the file is older than
events.
"""

from __future__ import annotations

from typing import NamedTuple

from threadlog.core import demands
from threadlog.core.ids import is_thread_id
from threadlog.core.lines import (
    EVENT,
    RESPONSE_ITEM,
    SESSION_META,
    TURN_CONTEXT,
    Envelope,
    Json,
)
from threadlog.core.names import NAME_LIMIT_CHARS

REQUEST_MARKER = "## My request for Codex:"
PAGINATED = "paginated"
LEGACY = "legacy"


class Base(NamedTuple):
    """The place in another rollout up to which it comes before this one (Codex: history_base)."""

    rollout_id: str
    end_ordinal: int
    end_offset: int


class Metadata(NamedTuple):
    """What the lines of a thread say about it; None and "" where they say nothing."""

    thread_id: str | None = None
    created: str | None = None  # UTC, as written
    cwd: str | None = None
    source: Json = None
    originator: str | None = None
    cli_version: str | None = None
    model_provider: str | None = None
    history_mode: str = LEGACY
    forked_from_id: str | None = None
    parent_thread_id: str | None = None
    agent_nickname: str | None = None
    agent_role: str | None = None
    git_branch: str | None = None
    git_commit: str | None = None
    git_url: str | None = None
    memory_mode: str | None = None
    base: Base | None = None
    own_from_ordinal: int = 0  # earlier lines are a copy of the parent's (subagents)
    model: str | None = None  # of the newest turn seen
    lacks: tuple[str, ...] = ()  # what Codex needs of session metadata and this has not
    unfit: tuple[str, ...] = ()  # what Codex cannot read of it
    metadata_line: int = 0  # which line it is; blank ones are not counted, 0 is none
    asked_line: int = 0  # which line tells Codex how the thread began
    garbled: bool = False  # a line of the head is no UTF-8
    name: str | None = None
    name_at: str | None = None  # when it was given, as the line is stamped
    preview: str = ""
    goal: str = ""
    goal_first: bool = False  # it was set before the first message
    bare: bool = False  # from before lines had envelopes
    explicit_turns: bool = False  # a turn's start was recorded before the first message

    @property
    def began(self) -> str:
        """How it began: with a message of the user's, or with a goal."""
        return self.goal if self.goal_first else self.preview

    @property
    def copies(self) -> bool:
        """True if it may begin with a copy of another thread: legacy forks do, subagents may."""
        is_derived = bool(self.forked_from_id or self.parent_thread_id)
        return is_derived and self.history_mode != PAGINATED

    @property
    def title(self) -> str:
        """What to call the thread: its name, else how it began."""
        return self.name or self.began

    @property
    def complete(self) -> bool:
        """True once no later line of an undisturbed file can change what a listing shows."""
        return self.thread_id is not None and bool(self.preview)


# Longer first messages and goals are kept, and searched, to here.
PREVIEW_LIMIT_CHARS = 10_000

_EVENTS = frozenset(
    [
        "task_started",
        "user_message",
        "item_completed",
        "thread_goal_updated",
        "thread_name_updated",
    ]
)


def concerns(line: tuple[str, str | None]) -> bool:
    """True if a line of this type and kind can change the metadata."""
    line_type, kind = line
    if line_type == EVENT:
        return kind in _EVENTS
    return line_type in (SESSION_META, TURN_CONTEXT) or (
        line_type == RESPONSE_ITEM and kind == "message"
    )


def fold(metadata: Metadata, line: Envelope, number: int = 1) -> Metadata:
    """The metadata after one more line; *number* says which it is, where that is counted."""
    if line.type == SESSION_META:
        return _fold_session_meta(metadata, line, number)
    if line.ordinal is not None:
        if line.ordinal < metadata.own_from_ordinal:
            return metadata
        if metadata.thread_id is None:  # its metadata is damaged; only such rollouts are numbered
            metadata = metadata._replace(history_mode=PAGINATED)
    if line.type == EVENT:
        return _fold_event(metadata, line, number)
    if line.type == TURN_CONTEXT:
        return metadata._replace(
            cwd=metadata.cwd or _text(line.payload, "cwd"),
            model=_text(line.payload, "model") or metadata.model,
        )
    if metadata.bare and not metadata.preview and line.type == RESPONSE_ITEM:
        from threadlog.core import context  # few listings need it

        return metadata._replace(preview=_cut(context.user_text(line.payload)))
    return metadata


def _fold_session_meta(metadata: Metadata, line: Envelope, number: int) -> Metadata:
    payload = line.payload
    if metadata.thread_id is None:
        first = _first_session_meta(metadata, payload, bare=line.bare)
        return first._replace(metadata_line=number)
    if _thread_id(payload) != metadata.thread_id:
        return metadata  # the copied history of a fork
    git = payload.get("git")
    changes: dict[str, Json] = {}
    if isinstance(git, dict):
        changes.update(_git(git))
    if isinstance(payload.get("memory_mode"), str):
        changes["memory_mode"] = payload["memory_mode"]
    return metadata._replace(**changes)


def _first_session_meta(metadata: Metadata, payload: dict[str, Json], *, bare: bool) -> Metadata:
    git = payload.get("git")
    changes: dict[str, Json] = dict(_git(git)) if isinstance(git, dict) else {}
    start = payload.get("subagent_history_start_ordinal")
    source = payload.get("source", "vscode")
    spawn = _spawn(source)
    return metadata._replace(
        thread_id=_thread_id(payload),
        created=_text(payload, "timestamp"),
        cwd=_text(payload, "cwd"),
        source=source,
        originator=_text(payload, "originator"),
        cli_version=_text(payload, "cli_version"),
        model_provider=_text(payload, "model_provider"),
        history_mode=_text(payload, "history_mode") or LEGACY,
        forked_from_id=_text(payload, "forked_from_id"),
        parent_thread_id=_text(payload, "parent_thread_id") or _text(spawn, "parent_thread_id"),
        agent_nickname=_text(payload, "agent_nickname") or _text(spawn, "agent_nickname"),
        agent_role=_role(payload) or _role(spawn),
        memory_mode=_text(payload, "memory_mode"),
        base=_base(payload.get("history_base")),
        own_from_ordinal=_number(start, default=0),
        bare=bare,
        lacks=demands.lacking(payload),
        unfit=demands.unfit(payload),
    )._replace(**changes)


def _fold_event(metadata: Metadata, line: Envelope, number: int) -> Metadata:
    payload, kind = line.payload, line.kind
    if kind == "task_started":
        return metadata if metadata.preview else metadata._replace(explicit_turns=True)
    if kind == "thread_name_updated":
        return _fold_name(metadata, line)
    known = metadata.preview and metadata.asked_line and kind != "thread_goal_updated"
    words = "" if known else _words(kind, payload)
    if kind is None or not words:
        return metadata
    if not metadata.asked_line and demands.gives_preview(kind, payload, words):
        metadata = metadata._replace(asked_line=number)
    if kind == "thread_goal_updated":
        if metadata.goal:
            return metadata
        return metadata._replace(goal=_cut(words), goal_first=not metadata.preview)
    if metadata.preview or payload.get("kind") not in (None, "plain"):
        return metadata  # 2025: another kind is context that Codex itself added
    return metadata._replace(preview=_cut(words))


def _fold_name(metadata: Metadata, line: Envelope) -> Metadata:
    if line.payload.get("thread_id") not in (metadata.thread_id, None):
        return metadata
    name = (_text(line.payload, "thread_name") or "").strip()[:NAME_LIMIT_CHARS]
    return metadata._replace(name=name or None, name_at=line.timestamp)


def _words(kind: str | None, payload: dict[str, Json]) -> str:
    """How a thread began, if this event is what it began with."""
    if kind == "user_message":
        return _message_words(payload)
    if kind == "thread_goal_updated":
        goal = payload.get("goal")
        return (_text(goal, "objective") or "").strip() if isinstance(goal, dict) else ""
    item = payload.get("item")
    if kind == "item_completed" and isinstance(item, dict) and item.get("type") == "UserMessage":
        return _content_preview(item.get("content"))
    return ""


def _cut(text: str) -> str:
    return text.strip()[:PREVIEW_LIMIT_CHARS]


def _message_words(payload: dict[str, Json]) -> str:
    message = payload.get("message")
    if not isinstance(message, str):
        return ""
    if text := strip_request_marker(message):
        return text
    if payload.get("images") or payload.get("local_images"):
        return "[Image]"
    return "[Audio]" if payload.get("audio") or payload.get("local_audio") else ""


def _content_preview(content: Json) -> str:
    parts = (
        [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    )
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    if text := strip_request_marker("".join(texts)):
        return text
    kinds = {str(part.get("type")).lower() for part in parts}
    if any("image" in kind for kind in kinds):
        return "[Image]"
    return "[Audio]" if any("audio" in kind for kind in kinds) else ""


def strip_request_marker(text: str) -> str:
    """What the user wrote, without the context an editor put before it (Codex: the same)."""
    _, marker, request = text.partition(REQUEST_MARKER)
    return (request if marker else text).strip()


def source_label(source: Json) -> str:
    """A source in a word or two: `cli`, `vscode`, `exec`, `subagent:review`, ..."""
    if isinstance(source, str):
        return source
    if not isinstance(source, dict) or len(source) != 1:
        return "unknown"
    kind, value = next(iter(source.items()))
    if isinstance(value, dict):
        value = next(iter(value), "")
        value = {"thread_spawn": "spawn"}.get(value, value)
    return f"{kind}:{value}" if isinstance(value, str) and value else str(kind)


def _thread_id(payload: dict[str, Json]) -> str | None:
    """The id, if it is one: Codex takes UUIDs only, of either case."""
    thread_id = (_text(payload, "id") or "").lower()
    return thread_id if is_thread_id(thread_id) else None


def _role(payload: dict[str, Json]) -> str | None:
    return _text(payload, "agent_role") or _text(payload, "agent_type")


def _spawn(source: Json) -> dict[str, Json]:
    subagent = source.get("subagent") if isinstance(source, dict) else None
    spawn = subagent.get("thread_spawn") if isinstance(subagent, dict) else None
    return spawn if isinstance(spawn, dict) else {}


def _base(value: Json) -> Base | None:
    if not isinstance(value, dict):
        return None
    rollout_id, ordinal = value.get("thread_id"), value.get("end_ordinal_exclusive")
    offset = value.get("end_byte_offset")
    if not isinstance(rollout_id, str) or type(ordinal) is not int:
        return None
    return Base(rollout_id.lower(), ordinal, _number(offset, default=-1))


def _number(value: Json, *, default: int) -> int:
    return value if type(value) is int else default  # True is an int to isinstance


def _git(git: dict[str, Json]) -> dict[str, str | None]:
    return {
        "git_branch": _text(git, "branch"),
        "git_commit": _text(git, "commit_hash"),
        "git_url": _text(git, "repository_url"),
    }


def _text(payload: dict[str, Json], key: str) -> str | None:
    value = payload.get(key)
    return value if isinstance(value, str) else None
