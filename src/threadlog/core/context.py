"""Telling what a user wrote from context that a harness put into a user's message.

A response item of role `user` may be the environment, project instructions, a skill, a marker: it
is no turn of the user's, gives no title, and is cut along when the turn after it is rolled back.
The markers are those that Codex versions from 2025 on write; newer ones also say the provenance.
"""

from __future__ import annotations

import re

from threadlog.core.lines import Json

# Beginning and end of a text, compared without case and outer white space (all since 2025).
FRAGMENTS: tuple[tuple[str, str], ...] = (
    ("<environment_context>", "</environment_context>"),
    ("<user_instructions>", "</user_instructions>"),
    ("# agents.md instructions", "</instructions>"),
    ("<skill>", "</skill>"),
    ("<user_shell_command>", "</user_shell_command>"),
    ("<turn_aborted>", "</turn_aborted>"),
    ("<subagent_notification>", "</subagent_notification>"),
    ("<hook_prompt ", "</hook_prompt>"),
    ("<goal_context>", "</goal_context>"),
    ("<recommended_plugins>", "</recommended_plugins>"),
    ("<agent_message_board_notification>", "</agent_message_board_notification>"),
)
# Those that more than two fixed texts tell; compared as they stand, without outer white space.
_PATTERNS = (
    r"<external_([^\s<>]+)>.*</external_\1>",
    r'<codex_internal_context source="[a-z][a-z0-9_]*">.*</codex_internal_context>',
    r"Warning: The maximum number of unified exec processes you can keep open is .*",
    r"Warning: apply_patch was requested via .*Use the apply_patch tool instead of .*",
    r"Warning: Your account was flagged for potentially high-risk cyber activity.*",
)
# What a model is told where a turn is broken off.
INTERRUPTED_TEXT = (
    "<turn_aborted>\nThe turn before this message was broken off. Commands and tools that it had "
    "begun may have done all of their work, some of it, or none.\n</turn_aborted>"
)
DEVELOPER_TAGS = (
    "<permissions instructions>",
    "<model_switch>",
    "<collaboration_mode>",
    "<personality_spec>",
    "<skills_instructions>",
    "<plugins_instructions>",
    "<apps_instructions>",
    "<realtime_conversation>",
    "<multi_agent_mode>",
    "<environments_instructions>",
    "<token_budget>",
    "<tools>",
    "<context_window>",
    "<rollout_budget>",
)
_EDGE = 64


def is_fragment(text: str) -> bool:
    """True if *text* is a piece of context and not a user's words."""
    head = text.lstrip()[:_EDGE].lower()
    if not head.startswith(("<", "#", "warning: ")):
        return False
    tail = text.rstrip()[-_EDGE:].lower()
    if any(head.startswith(start) and tail.endswith(end) for start, end in FRAGMENTS):
        return True
    trimmed = text.strip()
    return any(re.fullmatch(pattern, trimmed, re.DOTALL) for pattern in _PATTERNS)


def is_contextual(message: dict[str, Json]) -> bool:
    """True for a `message` of role user that a harness wrote: any piece of context makes it one."""
    texts = content_texts(message.get("content"))
    return any(is_fragment(text) for text in texts) or _from_harness(message)


def is_developer_context(message: dict[str, Json]) -> bool:
    """True for a `message` of role developer with context that is given anew for each turn."""
    texts = content_texts(message.get("content"))
    return any(text.lstrip()[:_EDGE].lower().startswith(DEVELOPER_TAGS) for text in texts)


def is_user_turn(payload: dict[str, Json]) -> bool:
    """True for a response item with which a user's turn begins (Codex: user-turn boundary)."""
    return (
        payload.get("type") == "message"
        and payload.get("role") == "user"
        and not is_contextual(payload)
    )


def user_text(payload: dict[str, Json]) -> str:
    """The words of a user's turn, "" for anything else."""
    if not is_user_turn(payload):
        return ""
    texts = content_texts(payload.get("content"))
    return "\n".join(text for text in texts if not is_fragment(text)).strip()


def content_texts(content: Json) -> list[str]:
    """The texts among the content pieces of a message."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        return []
    return [
        part["text"]
        for part in content
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]


def _from_harness(message: dict[str, Json]) -> bool:
    notes = message.get("internal_chat_message_metadata_passthrough")
    pieces = notes.get("content_item_metadata") if isinstance(notes, dict) else None
    if not isinstance(pieces, list) or not pieces:
        return False
    origins = [piece.get("provenance") if isinstance(piece, dict) else None for piece in pieces]
    return all(isinstance(origin, dict) and origin.get("type") == "harness" for origin in origins)
