"""Every item class: decodes from its required fields, is frozen, keeps every field it names."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from rollout_lines import line

from item_examples import example_payload
from threadlog.core.decode import Line, decode, turn_item
from threadlog.core.items import (
    EVENTS,
    PERSISTED_TURN_ITEMS,
    RESPONSE_ITEMS,
    SESSION_ITEMS,
    Item,
    LineItem,
)
from threadlog.core.items.event import ItemCompleted

TAGGED = (*EVENTS, *RESPONSE_ITEMS)
ON_LINES = (*TAGGED, *SESSION_ITEMS)
ALL = (*ON_LINES, *PERSISTED_TURN_ITEMS)

# Spelled out here, so that a class that goes missing is missed.
# ruff: noqa: SIM905
EVENT_NAMES = """
    error warning guardian_warning realtime_conversation_started realtime_conversation_realtime
    realtime_conversation_closed realtime_conversation_sdp
    realtime_conversation_list_voices_response model_reroute model_verification
    turn_moderation_metadata safety_buffering context_compacted thread_rolled_back task_started
    task_complete turn_aborted thread_settings_applied token_count agent_message user_message
    agent_reasoning agent_reasoning_raw_content agent_reasoning_section_break agent_message_delta
    agent_reasoning_delta agent_reasoning_raw_content_delta session_configured thread_name_updated
    thread_goal_updated mcp_startup_update mcp_startup_complete mcp_tool_call_begin
    mcp_tool_call_end web_search_begin web_search_end image_generation_begin image_generation_end
    exec_command_begin exec_command_output_delta terminal_interaction exec_command_end
    view_image_tool_call exec_approval_request request_permissions request_user_input
    elicitation_request apply_patch_approval_request dynamic_tool_call_request
    dynamic_tool_call_response guardian_assessment deprecation_notice background_event
    stream_error patch_apply_begin patch_apply_updated patch_apply_end turn_diff plan_update
    shutdown_complete entered_review_mode exited_review_mode raw_response_item item_started
    item_completed hook_started hook_completed agent_message_content_delta plan_delta
    reasoning_content_delta reasoning_raw_content_delta collab_agent_spawn_begin
    collab_agent_interaction_begin collab_waiting_begin collab_close_begin collab_resume_begin
    collab_agent_spawn_end collab_agent_interaction_end collab_waiting_end collab_close_end
    collab_resume_end sub_agent_activity undo_started undo_completed get_history_entry_response
    mcp_list_tools_response list_custom_prompts_response list_skills_response
    skills_update_available environment_connected environment_disconnected thread_queue_changed
    raw_response_completed
""".split()
RESPONSE_NAMES = """
    message agent_message reasoning local_shell_call function_call function_call_output
    custom_tool_call custom_tool_call_output tool_search_call tool_search_output web_search_call
    image_generation_call ghost_snapshot compaction compaction_summary context_compaction
    configuration_update additional_tools compaction_trigger
""".split()
LINE_NAMES = """
    session_meta dynamic_tools_updated response_item inter_agent_communication
    inter_agent_communication_metadata compacted turn_context token_usage_record world_state
    retained_context security_risk_score event_msg realtime_item rollout_reference fork_reference
""".split()
TURN_ITEM_NAMES = """
    UserMessage HookPrompt AgentMessage Plan Reasoning CommandExecution DynamicToolCall
    CollabAgentToolCall SubAgentActivity WebSearch ImageView Sleep ImageGeneration FileChange
    McpToolCall ContextCompaction EnteredReviewMode ExitedReviewMode Extension
""".split()


def _name(cls: type[Item]) -> str:
    return f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}"


def _tag(cls: type[Item]) -> str | None:
    tag = cls.__struct_config__.tag
    assert tag is None or isinstance(tag, str)
    return tag


def test_every_event_type_of_every_version_is_known() -> None:
    assert {_tag(cls) for cls in EVENTS} >= set(EVENT_NAMES)


def test_every_response_item_type_of_every_version_is_known() -> None:
    assert {_tag(cls) for cls in RESPONSE_ITEMS} >= set(RESPONSE_NAMES)


def test_every_line_type_of_every_version_is_known() -> None:
    assert {cls.line_type for cls in ON_LINES} >= set(LINE_NAMES)


def test_every_turn_item_type_of_every_version_is_known() -> None:
    assert {_tag(cls) for cls in PERSISTED_TURN_ITEMS} >= set(TURN_ITEM_NAMES)


@pytest.mark.parametrize("cls", ALL, ids=_name)
def test_the_required_fields_are_enough_to_be_typed(cls: type[Item]) -> None:
    typed = _decoded(cls, example_payload(cls, optional=False))
    assert type(typed) is cls


@pytest.mark.parametrize("cls", ALL, ids=_name)
def test_a_line_without_a_required_field_is_kept_untyped(cls: type[Item]) -> None:
    payload = example_payload(cls, optional=False)
    for name in set(payload) - {"type"}:
        less = {key: value for key, value in payload.items() if key != name}
        assert type(_decoded(cls, less)) is not cls, name


@pytest.mark.parametrize("cls", ALL, ids=_name)
def test_every_field_is_read_and_written_under_its_name(cls: type[Item]) -> None:
    payload = example_payload(cls, optional=True)
    typed = _decoded(cls, payload)
    assert type(typed) is cls
    assert msgspec.json.decode(msgspec.json.encode(typed)) == payload


@pytest.mark.parametrize("cls", ALL, ids=_name)
def test_an_item_cannot_be_changed(cls: type[Item]) -> None:
    typed = _decoded(cls, example_payload(cls, optional=False))
    assert cls.__struct_config__.frozen
    for field in cls.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(typed, field, None)


@pytest.mark.parametrize("cls", ALL, ids=_name)
def test_an_item_is_written_with_its_tag_first(cls: type[Item]) -> None:
    written = msgspec.json.encode(_decoded(cls, example_payload(cls, optional=False)))
    tag = _tag(cls)
    if tag is None:
        assert b'"type":"' not in written
    else:
        assert written.startswith(b'{"type":"%b"' % tag.encode())


def _decoded(cls: type[Item], payload: dict[str, Any]) -> object:
    """What a line with *payload* carries; for a turn item, what an `item_completed` carries."""
    if cls in PERSISTED_TURN_ITEMS:
        carried = {"type": "item_completed", "thread_id": "a", "turn_id": "t", "item": payload}
        completed = _item(line("event_msg", carried))
        assert isinstance(completed, ItemCompleted)
        return turn_item(completed)
    assert issubclass(cls, LineItem)
    return _item(line(cls.line_type, payload))


def _item(raw: bytes) -> LineItem:
    value = decode(raw)
    assert isinstance(value, Line)
    return value.item
