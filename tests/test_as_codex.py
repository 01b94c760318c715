"""Behaviours that Codex's own tests assert and no other test here says: reading and listing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import (
    OTHER,
    THREAD,
    agent,
    command,
    content,
    event,
    file_name,
    line,
    message,
    meta,
    put,
    put_names,
    put_thread,
    says,
    turn,
    user,
    uuid,
)
from threadlog import Line, NotFound, NotOnDiskYet
from threadlog.core.items.event import UserMessageEvent
from threadlog.core.items.session import SecurityRiskScore, SessionMeta
from threadlog.core.items.tool_event import GuardianAssessment


def items(home: Path, *raws: bytes) -> list[Any]:
    """The typed items of a rollout of these lines; nothing of it may be damaged."""
    put(home, content(raws))
    values = list(threadlog.open(home).iter_lines(THREAD))
    assert all(isinstance(each, Line) for each in values)
    return [each.item for each in values if isinstance(each, Line)]


@pytest.mark.codex("C029")
def test_later_metadata_of_an_unknown_history_mode_costs_nothing(home: Path) -> None:
    copied = meta(OTHER, history_mode="from the future")
    found = items(home, meta(), copied, user("hello"))
    assert [type(each).__name__ for each in found][1:] == ["SessionMeta", "UserMessageEvent"]
    summary = threadlog.open(home).get(THREAD)
    assert (summary.history_mode, summary.preview, summary.problem) == ("legacy", "hello", None)


@pytest.mark.codex("C030")
def test_a_review_of_an_approval_from_before_they_had_a_start_is_read(home: Path) -> None:
    (_meta, old, new) = items(
        home,
        meta(),
        event("guardian_assessment", id="a", status="approved", action={"tool": "shell"}),
        event("guardian_assessment", id="b", status="denied", started_at_ms=7),
    )
    assert isinstance(old, GuardianAssessment)
    assert (old.id, old.status, old.started_at_ms) == ("a", "approved", 0)
    assert new.started_at_ms == 7


@pytest.mark.codex("C031")
def test_a_score_of_risk_is_read_and_recorded_again(home: Path) -> None:
    told = {"scores": {"exfiltration": 0.25}, "call_id": "c", "action": {"type": "shell"}}
    (_meta, score) = items(home, meta(), line("security_risk_score", told))
    assert isinstance(score, SecurityRiskScore)
    with threadlog.open(home).start(cwd="/desk") as thread:
        thread.record(UserMessageEvent(message="Q"))
        thread.record(score)
    again = [each for each in recorded(home, thread.id) if isinstance(each, SecurityRiskScore)]
    assert again == [score]


def recorded(home: Path, thread_id: str) -> list[Any]:
    lines = threadlog.open(home).iter_lines(thread_id)
    return [each.item for each in lines if isinstance(each, Line)]


@pytest.mark.codex("C032", "C033")
def test_old_snapshots_are_no_damage_and_are_not_sent(home: Path) -> None:
    snapshot = {"type": "ghost_snapshot", "ghost_commit": {"id": "abc"}}
    history = [message("user", "before"), snapshot, message("assistant", "said")]
    found = items(
        home,
        meta(),
        line("compacted", {"message": "", "replacement_history": history}),
        line("response_item", snapshot),
        says("user", "after"),
    )
    assert len(found) == 4
    sent = threadlog.open(home).model_input(THREAD)
    assert [each["content"][0]["text"] for each in sent] == [
        *("before", "said", "after"),
    ]


@pytest.mark.codex("C028", "C040", "C041")
def test_metadata_is_kept_as_it_was_written(home: Path) -> None:
    tools = [{"name": "t", "inputSchema": {}}]
    first, second = items(
        home,
        meta(thread_source="automation", dynamic_tools=tools),
        meta(OTHER, thread_source="a label from the future"),
    )
    assert isinstance(first, SessionMeta)
    assert isinstance(second, SessionMeta)
    assert (first.session_id, first.id, first.dynamic_tools) == (None, THREAD, tools)
    assert first.thread_source == "automation"
    assert second.thread_source == "a label from the future"


@pytest.mark.codex("C117", "C118")
def test_instructions_are_as_they_stand_or_null(home: Path) -> None:
    told = {"text": " Be brief.\n"}
    without, given, null = items(
        home,
        meta(),
        meta(OTHER, base_instructions=told),
        line("session_meta", {**payload_of(meta(OTHER)), "base_instructions": None}),
    )
    assert (without.base_instructions, given.base_instructions) == (None, told)
    assert null.base_instructions is None


def payload_of(raw: bytes) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(raw)["payload"]
    return payload


@pytest.mark.codex("C115")
@pytest.mark.parametrize("between", [9, 10, 150, 3000])
def test_a_first_message_far_from_the_head_is_found(home: Path, between: int) -> None:
    put(home, content([meta(), *[agent("x")] * between, user("at last")]))
    (summary,) = threadlog.open(home).threads()
    assert (summary.preview, summary.problem) == ("at last", None)


@pytest.mark.codex("C119", "C120", "C376")
def test_the_last_change_is_the_files_time_in_every_order(home: Path) -> None:
    for number, seconds in enumerate([1_000_000_300, 1_000_000_100, 1_000_000_200]):
        path = put_thread(home, number, stamp=f"2026-01-02T03-04-0{number}")
        os.utime(path, (seconds, seconds))
    opened = threadlog.open(home)
    changed = {0: "01:51:40", 1: "01:48:20", 2: "01:50:00"}
    for sort, order in (("created", [2, 1, 0]), ("updated", [0, 2, 1])):
        told = [(each.id, each.updated) for each in opened.threads(sort=sort)]
        assert told == [(uuid(n), f"2001-09-09T{changed[n]}.000Z") for n in order]


@pytest.mark.codex("C122", "C271")
def test_who_names_no_provider_is_of_the_homes(home: Path) -> None:
    for number, provider in enumerate(["acme", "other", None]):
        raws = [meta(uuid(number), model_provider=provider), *turn("x")]
        put(home, content(raws), file_name(uuid(number)))

    def numbers(*providers: str) -> list[str]:
        page = threadlog.open(home).threads(providers=list(providers))
        return sorted((each.id or "")[-1] for each in page)

    assert (numbers("openai"), numbers("acme"), numbers("other")) == (["2"], ["0"], ["1"])
    (home / "config.toml").write_text('model_provider = "acme"\n')
    assert (numbers("openai"), numbers("acme")) == ([], ["0", "2"])
    assert numbers() == []


@pytest.mark.codex("C121")
def test_no_filter_by_source_leaves_none_out(home: Path) -> None:
    for number, source in enumerate(["cli", "exec", "vscode", None]):
        raws = [meta(uuid(number), source=source), *turn("x")]
        put(home, content(raws), file_name(uuid(number)))
    opened = threadlog.open(home)
    assert len(opened.threads()) == 4
    told = {each.source for each in opened.threads(sources=["cli", "vscode"])}
    assert told == {"cli", "vscode"}


@pytest.mark.codex("C128")
def test_a_compressed_rollout_is_found_by_its_id(home: Path) -> None:
    path = put_thread(home, 1, suffix=".zst")
    opened = threadlog.open(home)
    summary = opened.get(uuid(1))
    assert (summary.path, summary.compressed) == (str(path), True)
    assert command(home, "path", uuid(1)).out.decode() == f"{path}\n"
    with pytest.raises(NotFound):
        opened.get("not-an-id")


@pytest.mark.codex("C133", "C269")
def test_a_thread_without_a_message_is_listed_but_not_as_codex_does(home: Path) -> None:
    put(home, content([meta(), agent("x")]))
    opened = threadlog.open(home)
    (summary,) = opened.threads()
    assert (summary.id, summary.preview, summary.title) == (THREAD, "", "")
    assert opened.get(THREAD) == summary
    assert summary.codex_hides
    assert len(opened.threads(codex=True, providers=["some"])) == 0


@pytest.mark.codex("C134")
def test_no_page_ends_for_the_number_of_files(home: Path) -> None:
    for number in range(30):
        raws = [meta(uuid(number), cwd=f"/desk/{number}"), *turn("x")]
        put(home, content(raws), file_name(uuid(number)))
    page = threadlog.open(home).threads(cwd="/desk/0", limit=1)
    assert ([each.id for each in page], page.next) == ([uuid(0)], None)
    assert page.reached_scan_cap is False


@pytest.mark.codex("C198")
def test_a_named_thread_is_found_whatever_its_head_says(home: Path) -> None:
    put(home, content([b"{torn", user("hello")]), file_name(uuid(1)))
    put_thread(home, 2)
    put_names(home, (uuid(2), "same"), (uuid(1), "mine"))
    opened = threadlog.open(home)
    assert opened.get("mine").id == uuid(1)
    put_names(home, (uuid(1), "same"))
    with pytest.raises(threadlog.Ambiguous) as caught:
        opened.get("same")
    assert set(caught.value.candidates) == {uuid(1), uuid(2)}


@pytest.mark.codex("C202")
def test_a_thread_that_nobody_named_has_no_name(home: Path) -> None:
    put_thread(home, 1)
    put_names(home, (uuid(2), "another's"))
    assert threadlog.open(home).get(uuid(1)).name is None


@pytest.mark.codex("C096")
def test_what_never_had_a_file_is_in_no_list(home: Path) -> None:
    opened = threadlog.open(home)
    with opened.start(cwd="/desk") as thread:
        assert len(opened.threads()) == 0
        with pytest.raises(NotOnDiskYet):
            opened.get(thread.id)
