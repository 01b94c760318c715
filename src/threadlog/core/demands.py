"""What Codex demands of the first lines of a rollout before its list looks at them.

A line that does not meet them is to Codex as if it were not there.  Only what programs other than
Codex get wrong is asked about; the rules are those of 0.169, as observed.
"""

from __future__ import annotations

from collections.abc import Callable

from threadlog.core.ids import is_thread_id
from threadlog.core.lines import Json

# Lines that are not blank, from the first on: so far it looks for session metadata, and for a
# message or a goal.
METADATA_LINES, MESSAGE_LINES = 10, 210

_REQUIRED = ("id", "timestamp", "cwd", "originator", "cli_version")
_GIT = ("branch", "commit_hash", "repository_url")
# What events need that give a preview, and what is in the object that they carry.
_EVENT_NEEDS: dict[str, tuple[str, ...]] = {
    "user_message": ("message",),
    "item_completed": ("thread_id", "turn_id", "item"),
    "thread_goal_updated": ("threadId", "goal"),
}
_GOAL_COUNTS = ("tokensUsed", "timeUsedSeconds", "createdAt", "updatedAt")
_INNER_NEEDS: dict[str, tuple[str, ...]] = {
    "item": ("id", "content"),
    "goal": ("threadId", "objective", "status", *_GOAL_COUNTS),
}


def lacking(metadata: dict[str, Json]) -> tuple[str, ...]:
    """The fields that session metadata needs and this has not."""
    return tuple(key for key in _REQUIRED if not isinstance(metadata.get(key), str))


def unfit(metadata: dict[str, Json]) -> tuple[str, ...]:
    """The fields of session metadata that hold what Codex cannot read."""
    return tuple(key for key, fits in _FITS.items() if key in metadata and not fits(metadata[key]))


def gives_preview(kind: str, payload: dict[str, Json], words: str) -> bool:
    """True if Codex takes an event, with the words that are in it, for how a thread began."""
    if not words or not all(key in payload for key in _EVENT_NEEDS[kind]):
        return False
    for name, needs in _INNER_NEEDS.items():
        inner = payload.get(name)
        if name in _EVENT_NEEDS[kind] and not (
            isinstance(inner, dict) and all(key in inner for key in needs)
        ):
            return False
    return _is_unicode(words)


def _is_unicode(text: str) -> bool:
    """False for text with half of a surrogate pair, which Codex takes in no line."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _may_be(kind: type) -> Callable[[Json], bool]:
    return lambda value: value is None or isinstance(value, kind)


def _may_be_id(value: Json) -> bool:
    return value is None or (isinstance(value, str) and is_thread_id(value.lower()))


def _is_git(value: Json) -> bool:
    if value is None:
        return True
    return isinstance(value, dict) and all(_may_be(str)(value.get(key)) for key in _GIT)


_FITS: dict[str, Callable[[Json], bool]] = {
    "history_mode": lambda value: value in ("legacy", "paginated"),
    "model_provider": _may_be(str),
    "git": _is_git,
    "base_instructions": _may_be(dict),
    "dynamic_tools": _may_be(list),
    "agent_nickname": _may_be(str),
    "agent_role": _may_be(str),
    "memory_mode": _may_be(str),
    "thread_source": _may_be(str),
    "forked_from_id": _may_be_id,
    "parent_thread_id": _may_be_id,
    "history_base": _may_be(dict),
    "subagent_history_start_ordinal": _may_be(int),
}
