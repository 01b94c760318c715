"""What a harness put into a user's message is told from what the user wrote."""

from __future__ import annotations

import pytest
from rollout_lines import message

from threadlog.core import context

FRAGMENTS = [
    "<environment_context>\n<cwd>/tmp</cwd>\n</environment_context>",
    "  <ENVIRONMENT_CONTEXT>x</Environment_Context>\n",
    "<environment_context>\nCurrent working directory: /tmp\n</environment_context>",
    "<user_instructions>\n\nBe kind.\n\n</user_instructions>",
    "# AGENTS.md instructions for /tmp\n\n<INSTRUCTIONS>\nBe kind.\n</INSTRUCTIONS>",
    "# AGENTS.md instructions\n\n<INSTRUCTIONS>\nBe kind.\n</INSTRUCTIONS>",
    "<skill>\n<name>n</name>\n<path>/p</path>\nHow to.\n</skill>",
    "<user_shell_command>\n<command>\nls\n</command>\n</user_shell_command>",
    "<turn_aborted>\nStopped by hand.\n</turn_aborted>",
    '<subagent_notification>\n{"agent_path":"/a"}\n</subagent_notification>',
    "<goal_context>\nShip it.\n</goal_context>",
    '<codex_internal_context source="user_goal">Ship it.</codex_internal_context>',
    "<recommended_plugins>\n- one\n</recommended_plugins>",
    "<agent_message_board_notification>x</agent_message_board_notification>",
    "<external_editor>open: a.py</external_editor>",
    '<hook_prompt hook_run_id="h">Check it.</hook_prompt>',
]
WARNINGS = [
    "Warning: The maximum number of unified exec processes you can keep open is 7.",
    "Warning: apply_patch was requested via x. Use the apply_patch tool instead of exec_command.",
    "Warning: Your account was flagged for potentially high-risk cyber activity. Apply.",
]
WORDS = [
    "",
    "  ",
    "fix the build",
    "<environment_context> is what?",
    "what is </environment_context>",
    "<project_context>mine</project_context>",
    "<div>mine</div>",
    "# AGENTS.md instructions are missing",
    "Warning: it does not build",
    "<skill>",
]
LOOK_ALIKES = [
    "<external_link> must become <a>",
    "<external_a>x</external_b>",
    '<codex_internal_context source="Bad Source">x</codex_internal_context>',
]


@pytest.mark.parametrize("text", FRAGMENTS)
def test_a_piece_of_context_is_none_of_the_users_words(text: str) -> None:
    assert context.is_fragment(text)
    assert not context.is_user_turn(message("user", text))
    assert context.user_text(message("user", text)) == ""


@pytest.mark.parametrize("text", WARNINGS)
def test_an_old_warning_in_a_users_message_is_context(text: str) -> None:
    assert context.is_fragment(text)


@pytest.mark.parametrize("text", WORDS)
def test_what_the_user_wrote_is_the_users(text: str) -> None:
    assert not context.is_fragment(text)
    assert context.is_user_turn(message("user", text))
    assert context.user_text(message("user", text)) == text.strip()


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_what_only_looks_like_context_is_the_users(text: str) -> None:
    assert not context.is_fragment(text)


def test_one_piece_of_context_makes_the_whole_message_context() -> None:
    mixed = message("user", "my words", FRAGMENTS[0])
    assert context.is_contextual(mixed)
    assert not context.is_user_turn(mixed)


def test_a_message_of_nothing_but_an_image_is_a_turn() -> None:
    part = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    assert context.is_user_turn({"type": "message", "role": "user", "content": [part]})
    assert context.is_user_turn({"type": "message", "role": "user", "content": []})


@pytest.mark.parametrize("role", ["assistant", "developer", "system"])
def test_only_users_begin_turns(role: str) -> None:
    assert not context.is_user_turn(message(role, "words"))
    assert context.user_text(message(role, "words")) == ""


@pytest.mark.parametrize(
    ("origins", "contextual"),
    [
        (["harness"], True),
        (["harness", "harness"], True),
        (["harness", "user"], False),
        (["user"], False),
        ([], False),
    ],
)
def test_newer_messages_say_whose_words_they_are(origins: list[str], contextual: bool) -> None:
    notes = {"content_item_metadata": [{"provenance": {"type": origin}} for origin in origins]}
    said = {**message("user", "words"), "internal_chat_message_metadata_passthrough": notes}
    assert context.is_contextual(said) is contextual


@pytest.mark.parametrize("notes", [None, [], "x", {"content_item_metadata": [None]}, {}])
def test_odd_notes_on_a_message_say_nothing(notes: object) -> None:
    said = {**message("user", "words"), "internal_chat_message_metadata_passthrough": notes}
    assert not context.is_contextual(said)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("text", ["text"]),
        ([{"text": "a"}, {"text": 5}, "x", None, {"text": "b"}], ["a", "b"]),
        (None, []),
        ({"text": "a"}, []),
    ],
)
def test_the_texts_of_any_content_are_found(content: object, texts: list[str]) -> None:
    assert context.content_texts(content) == texts
