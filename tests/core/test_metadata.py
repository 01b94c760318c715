"""What a thread is about: which line decides what, and which lines have no say."""

from __future__ import annotations

from typing import Any

import pytest
from rollout_lines import (
    OTHER,
    STAMP,
    THREAD,
    answers,
    asks,
    dumps,
    event,
    folded,
    item,
    line,
    message,
    response,
    rolled_back,
    says,
    session,
    started,
)

from threadlog.core import lines, metadata
from threadlog.core.metadata import Base, Metadata

GIT = {"branch": "main", "commit_hash": "abc", "repository_url": "https://example.org/r"}
ENVIRONMENT = "<environment_context>\n<cwd>/tmp</cwd>\n</environment_context>"


def check(raws: list[bytes], **expected: Any) -> Metadata:
    """Fold *raws* and compare the fields named."""
    result = folded(raws)
    assert {key: getattr(result, key) for key in expected} == expected
    return result


def test_nothing_says_nothing() -> None:
    assert folded([]) == Metadata()
    assert not Metadata().complete


@pytest.mark.codex("C153", "C258")
def test_the_session_metadata_says_who_where_and_when() -> None:
    check(
        [session(git=GIT, memory_mode="enabled", forked_from_id=OTHER, history_mode="paginated")],
        thread_id=THREAD,
        created=STAMP,
        cwd="/desk/project",
        source="cli",
        originator="tests",
        cli_version="1.2.3",
        model_provider="some",
        history_mode="paginated",
        forked_from_id=OTHER,
        git_branch="main",
        git_commit="abc",
        git_url="https://example.org/r",
        memory_mode="enabled",
        preview="",
        bare=False,
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"history_mode": "legacy", "memory_mode": None, "base": None, "git_branch": None}),
        ({"git": None}, {"git_branch": None}),
        ({"git": {"branch": "b"}}, {"git_branch": "b", "git_commit": None}),
        ({"cwd": 5, "git": "x", "history_base": []}, {"cwd": None, "base": None}),
        ({"source": None}, {"source": None}),
        (
            {"history_base": {"thread_id": OTHER.upper(), "end_ordinal_exclusive": 7}},
            {"base": Base(OTHER, 7, -1)},
        ),
        (
            {
                "history_base": {
                    "thread_id": OTHER,
                    "end_ordinal_exclusive": 7,
                    "end_byte_offset": 90,
                }
            },
            {"base": Base(OTHER, 7, 90)},
        ),
        ({"history_base": {"thread_id": OTHER}}, {"base": None}),
        ({"history_base": {"end_ordinal_exclusive": 7}}, {"base": None}),
        ({"history_base": {"thread_id": OTHER, "end_ordinal_exclusive": True}}, {"base": None}),
        ({"subagent_history_start_ordinal": True}, {"own_from_ordinal": 0}),
    ],
)
def test_odd_or_missing_fields_say_nothing(
    fields: dict[str, Any], expected: dict[str, Any]
) -> None:
    check([session(**fields)], **expected)


def test_without_a_source_a_thread_is_an_editors() -> None:
    payload = {"id": THREAD, "timestamp": STAMP, "cwd": "/", "originator": "o", "cli_version": "1"}
    check([line("session_meta", payload)], source="vscode", model_provider=None)


@pytest.mark.codex("C154")
def test_later_metadata_of_the_thread_changes_git_and_memory_mode_alone() -> None:
    later = session(git={"branch": "next"}, memory_mode="polluted", cwd="/other", source="exec")
    check(
        [session(git=GIT, memory_mode="enabled"), later],
        git_branch="next",
        git_commit=None,
        memory_mode="polluted",
        cwd="/desk/project",
        source="cli",
    )
    check([session(git=GIT, memory_mode="enabled"), session()], git_branch="main")
    check([session(memory_mode="enabled"), session()], memory_mode="enabled")


@pytest.mark.codex("C039")
def test_metadata_copied_from_the_forks_source_has_no_say() -> None:
    copied = session(id=OTHER, cwd="/other", git=GIT, memory_mode="off", timestamp="then")
    check(
        [session(forked_from_id=OTHER), copied, asks("copied words")],
        thread_id=THREAD,
        created=STAMP,
        cwd="/desk/project",
        git_branch=None,
        memory_mode=None,
        forked_from_id=OTHER,
        preview="copied words",
    )


def test_metadata_without_an_id_is_not_the_canonical_one() -> None:
    check([session(id=None, cwd="/wrong"), session()], thread_id=THREAD, cwd="/desk/project")


SPAWN = {"parent_thread_id": OTHER, "depth": 1, "agent_nickname": "Ann", "agent_role": "scout"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"source": {"subagent": {"thread_spawn": SPAWN}}},
            {"parent_thread_id": OTHER, "agent_nickname": "Ann", "agent_role": "scout"},
        ),
        (
            {"source": {"subagent": {"thread_spawn": SPAWN}}, "agent_nickname": "Bob"},
            {"agent_nickname": "Bob", "agent_role": "scout"},
        ),
        ({"parent_thread_id": OTHER}, {"parent_thread_id": OTHER, "agent_role": None}),
        ({"source": {"subagent": "review"}}, {"parent_thread_id": None}),
        ({"agent_type": "scout"}, {"agent_role": "scout"}),
        (
            {"source": {"subagent": {"thread_spawn": {"agent_type": "scout"}}}},
            {"agent_role": "scout"},
        ),
    ],
)
def test_a_subagent_says_whose_it_is(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    check([session(**fields)], **expected)


def test_what_a_subagent_copied_of_its_parent_has_no_say() -> None:
    def at(ordinal: int, raw: bytes) -> bytes:
        envelope = lines.parse(raw)
        return line(envelope.type, envelope.payload, ordinal=ordinal)

    head = at(0, session(subagent_history_start_ordinal=5, history_mode="paginated"))
    copied = [
        at(1, session(id=OTHER, cwd="/other")),
        at(2, started("p")),
        at(3, asks("the parent's")),
        at(4, event("thread_goal_updated", threadId=OTHER, goal={"objective": "the parent's"})),
    ]
    own = [at(5, started("c")), at(6, _user_item("the child's"))]
    check([head, *copied], preview="", goal="", explicit_turns=False, own_from_ordinal=5)
    check([head, *copied, *own], preview="the child's", explicit_turns=True, cwd="/desk/project")


def _user_item(*texts: str, **part: Any) -> bytes:
    content = [{"type": "text", "text": text} for text in texts]
    return item("t", "UserMessage", "u", content=[*content, *([part] if part else [])])


@pytest.mark.codex("C166", "C167", "C168", "C169", "C170")
@pytest.mark.parametrize(
    ("raw", "preview"),
    [
        pytest.param(asks("first"), "first", id="text"),
        pytest.param(asks("  first\n"), "first", id="trimmed"),
        pytest.param(asks("x\ny"), "x\ny", id="many lines"),
        pytest.param(asks("context ## My request for Codex: do it"), "do it", id="marker"),
        pytest.param(
            asks("## My request for Codex:\na ## My request for Codex: b"),
            "a ## My request for Codex: b",
            id="the first marker counts",
        ),
        pytest.param(asks("context ## My request for Codex: "), "", id="nothing after the marker"),
        pytest.param(asks("## my request for codex: x"), "## my request for codex: x", id="case"),
        pytest.param(asks(""), "", id="empty"),
        pytest.param(asks(" \n\t"), "", id="blank"),
        pytest.param(asks("", images=["data:x"]), "[Image]", id="image"),
        pytest.param(asks(" ", local_images=["/a.png"]), "[Image]", id="local image"),
        pytest.param(asks("", images=[], local_images=[]), "", id="no images"),
        pytest.param(asks("look", images=["data:x"]), "look", id="text and image"),
        pytest.param(asks("", audio=["data:x"]), "[Audio]", id="audio"),
        pytest.param(asks("", local_audio=["/a.wav"]), "[Audio]", id="local audio"),
        pytest.param(asks("", images=["x"], audio=["x"]), "[Image]", id="image and audio"),
        pytest.param(asks("x", kind="plain"), "x", id="plain"),
        pytest.param(asks("x", kind=None), "x", id="kind null"),
        pytest.param(asks("x", kind="environment_context"), "", id="environment"),
        pytest.param(asks("x", kind="user_instructions"), "", id="instructions"),
        pytest.param(event("user_message"), "", id="no message"),
        pytest.param(event("user_message", message=5), "", id="message a number"),
        pytest.param(_user_item("first"), "first", id="item"),
        pytest.param(_user_item("a ## My request", " for Codex: b"), "b", id="item, in pieces"),
        pytest.param(_user_item("", type="image", image_url="x"), "[Image]", id="item, image"),
        pytest.param(_user_item(type="local_image", path="/a"), "[Image]", id="item, local image"),
        pytest.param(_user_item(type="audio", audio_url="x"), "[Audio]", id="item, audio"),
        pytest.param(_user_item(), "", id="item, empty"),
        pytest.param(item("t", "AgentMessage", "a", content=[{"text": "x"}]), "", id="agent item"),
        pytest.param(event("item_completed", item=None), "", id="item null"),
        pytest.param(event("item_started", item={"type": "UserMessage"}), "", id="item started"),
        pytest.param(answers("x"), "", id="agent"),
        pytest.param(says("user", "x"), "", id="response item"),
        pytest.param(says("assistant", "x"), "", id="assistant"),
    ],
)
def test_only_the_users_own_message_is_a_preview(raw: bytes, preview: str) -> None:
    result = check([session(), raw], preview=preview)
    assert result.complete == bool(preview)
    assert result.title == preview


@pytest.mark.codex("C171", "C239")
def test_the_first_message_that_says_something_stays_the_preview() -> None:
    check(
        [session(), asks(" "), asks("env", kind="environment_context"), asks("first"), asks("2nd")],
        preview="first",
    )
    check([session(), _user_item("first"), asks("2nd")], preview="first")
    check([session(), asks("first"), rolled_back(1)], preview="first")


def _goal(objective: object) -> bytes:
    return event("thread_goal_updated", threadId=THREAD, goal={"objective": objective})


@pytest.mark.codex("C172", "C238")
@pytest.mark.parametrize(
    ("raws", "goal", "preview", "title"),
    [
        ([_goal(" ship it ")], "ship it", "", "ship it"),
        ([_goal("ship it"), asks("first")], "ship it", "first", "ship it"),
        ([asks("first"), _goal("ship it")], "ship it", "first", "first"),
        ([_goal("one"), _goal("two")], "one", "", "one"),
        ([_goal(" "), _goal("two")], "two", "", "two"),
        ([_goal(None), event("thread_goal_updated", threadId=THREAD, goal="x")], "", "", ""),
    ],
)
def test_a_thread_is_called_by_its_goal_or_its_message_whichever_came_first(
    raws: list[bytes], goal: str, preview: str, title: str
) -> None:
    check([session(), *raws], goal=goal, preview=preview, title=title)


def _named(name: object, thread_id: object = THREAD) -> bytes:
    return event("thread_name_updated", thread_id=thread_id, thread_name=name)


@pytest.mark.parametrize(
    ("raws", "name"),
    [
        ([_named(" one ")], "one"),
        ([_named("one"), _named("two")], "two"),
        ([_named("one"), _named(None)], None),
        ([_named("one"), _named("  ")], None),
        ([_named("one"), _named("theirs", OTHER)], "one"),
        ([asks("first"), _named("one")], "one"),
    ],
)
def test_the_last_name_given_is_the_threads_name(raws: list[bytes], name: str | None) -> None:
    result = check([session(), *raws], name=name)
    assert result.title == (name or result.preview)


@pytest.mark.codex("C174")
def test_a_turns_settings_place_a_thread_that_has_no_folder() -> None:
    here = {"cwd": "/here", "approval_policy": "never", "sandbox_policy": {}, "model": "m"}
    check([session(cwd=""), line("turn_context", here)], cwd="/here")


@pytest.mark.codex("C173")
def test_a_turns_settings_do_not_move_the_thread() -> None:
    elsewhere = {"cwd": "/else", "approval_policy": "never", "sandbox_policy": {}, "model": "m"}
    check([session(), line("turn_context", elsewhere)], cwd="/desk/project")


@pytest.mark.parametrize(
    ("raws", "explicit"),
    [
        ([started("t"), asks("x")], True),
        ([event("turn_started", turn_id="t"), asks("x")], True),
        ([asks("x"), started("t")], False),
        ([asks("x")], False),
        ([started("t")], True),
    ],
)
def test_turns_are_explicit_if_one_began_before_the_first_message(
    raws: list[bytes], explicit: bool
) -> None:
    check([session(), *raws], explicit_turns=explicit)


HEADER = dumps({"id": THREAD, "timestamp": STAMP, "instructions": None, "git": {"branch": "b"}})


def test_a_rollout_from_before_envelopes_is_told_by_its_messages() -> None:
    bare = [
        HEADER,
        dumps({"record_type": "state"}),
        dumps(message("user", ENVIRONMENT)),
        dumps(message("assistant", "hello")),
        dumps(message("user", " first ")),
        dumps(message("user", "second")),
    ]
    check(
        bare, thread_id=THREAD, created=STAMP, bare=True, preview="first", git_branch="b", cwd=None
    )


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("cli", "cli"),
        ("some editor", "some editor"),
        (None, "unknown"),
        (5, "unknown"),
        ({}, "unknown"),
        ({"a": 1, "b": 2}, "unknown"),
        ({"custom": "mine"}, "custom:mine"),
        ({"internal": "memory_consolidation"}, "internal:memory_consolidation"),
        ({"subagent": "review"}, "subagent:review"),
        ({"subagent": {"thread_spawn": {}}}, "subagent:spawn"),
        ({"subagent": {"other": "x"}}, "subagent:other"),
        ({"subagent": {}}, "subagent"),
        ({"subagent": None}, "subagent"),
    ],
)
def test_a_source_is_told_in_a_word_or_two(source: Any, label: str) -> None:
    assert metadata.source_label(source) == label


CONCERNING = [
    session(),
    asks("first"),
    _user_item("first"),
    _goal("ship it"),
    _named("one"),
    started("t"),
    says("user", "x"),
    line("event_msg", {"message": "odd order", "type": "user_message"}),
]
UNCONCERNING = [
    answers("x"),
    response("function_call", name="f", arguments="{}", call_id="c"),
    rolled_back(1),
    line("new_line", {"type": "user_message"}),
]


@pytest.mark.parametrize("raw", [*CONCERNING, *UNCONCERNING])
def test_a_glance_tells_which_lines_have_a_say(raw: bytes) -> None:
    glance = lines.sniff(raw)
    assert glance is not None
    assert metadata.concerns(glance) == (raw in CONCERNING)
    changed = [
        metadata.fold(start, lines.parse(raw)) != start
        for start in (Metadata(), folded([session()]), folded([HEADER]))
    ]
    assert any(changed) == (raw in CONCERNING)


def test_folding_never_raises_on_odd_payloads() -> None:
    for kind in ("session_meta", "event_msg", "response_item"):
        for name in ("user_message", "item_completed", "thread_goal_updated", "message", 5, None):
            for value in (None, 5, "x", [], {}, [None], {"type": "UserMessage", "content": 3}):
                keys = ("id", "git", "source", "item", "goal", "content", "message", "images")
                payload = {"type": name, **dict.fromkeys(keys, value)}
                folded([HEADER, line(kind, payload), session(), line(kind, payload)])
