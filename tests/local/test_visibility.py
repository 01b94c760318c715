"""What a listing says of Codex's own list; tests/interop holds the same against the real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import (
    FILE_STAMP,
    OTHER,
    THREAD,
    Pages,
    content,
    event,
    file_name,
    meta,
    put,
    put_thread,
    says,
    turn,
    user,
    uuid,
)
from threadlog.core import visibility
from threadlog.core.layout import in_place

_COUNTS = dict.fromkeys(("tokensUsed", "timeUsedSeconds", "createdAt", "updatedAt"), 1)
GOAL = {"threadId": THREAD, "objective": "win", "status": "active", **_COUNTS}
SEEN, GARBAGE = says("user", "seen"), b"no line"
BASE = {"thread_id": OTHER, "end_ordinal_exclusive": 1, "end_byte_offset": 9}


def hides(home: Path, raws: list[bytes]) -> str | None:
    """Why Codex leaves out a thread of these lines."""
    put(home, content(raws))
    return threadlog.open(home).get(THREAD).codex_hides


@pytest.mark.codex("C133")
@pytest.mark.parametrize(
    ("raws", "reason"),
    [
        ([meta(), user("x")], None),
        ([meta()], visibility.NO_MESSAGE),
        ([meta(), user(" ")], visibility.NO_MESSAGE),
        ([meta(), SEEN], visibility.NO_MESSAGE),
        ([meta(), user("half of \ud800")], visibility.UNREAD_MESSAGE),
        ([meta(), user("half of \ud800"), user("whole")], None),
        ([meta(), user("<cwd>", kind="environment_context")], None),
        ([meta(), event("thread_goal_updated", threadId=THREAD, goal=GOAL)], None),
        ([meta(), event("thread_goal_updated", goal=GOAL)], visibility.UNREAD_MESSAGE),
        ([meta(), *[SEEN] * 208, user("x")], None),
        ([meta(), *[SEEN] * 209, user("x")], visibility.LATE_MESSAGE),
        ([meta(), *[GARBAGE] * 209, user("x")], visibility.LATE_MESSAGE),
        ([meta(), *[b" "] * 209, user("x")], None),
        ([*[GARBAGE] * 9, meta(), user("x")], None),
        ([*[GARBAGE] * 10, meta(), user("x")], visibility.LATE_METADATA),
        ([user("x")], visibility.NO_METADATA),
        ([meta(), b"\xff", user("x")], visibility.GARBLED),
        ([meta(), user("x"), b"\xff"], None),
        ([meta(cwd=None), user("x")], "its session metadata lacks cwd"),
        ([meta(git={"branch": 1}), user("x")], "Codex cannot read git of its session metadata"),
        (
            [meta(history_mode="new", dynamic_tools=1), user("x")],
            "Codex cannot read history_mode, dynamic_tools of its session metadata",
        ),
        ([meta(forked_from_id=OTHER, history_base=BASE)], None),
        ([meta(history_base=BASE)], visibility.NO_MESSAGE),
        (
            [meta(source="exec")],
            "its source is exec: Codex lists cli and vscode unless asked",
        ),
    ],
)
def test_the_head_of_a_rollout_decides_whether_codex_lists_it(
    home: Path, raws: list[bytes], reason: str | None
) -> None:
    assert hides(home, raws) == reason


@pytest.mark.parametrize(
    ("folder", "stamp", "listed"),
    [
        ("sessions/2026/01/02", FILE_STAMP, True),
        ("sessions/2020/77/88", FILE_STAMP, True),
        ("sessions/0/+1/0002", FILE_STAMP, True),
        ("archived_sessions", FILE_STAMP, True),
        ("sessions", FILE_STAMP, False),
        ("sessions/2026/01", FILE_STAMP, False),
        ("sessions/2026/01/02/03", FILE_STAMP, False),
        ("sessions/2026/01/x", FILE_STAMP, False),
        ("sessions/2026/01/256", FILE_STAMP, False),
        ("sessions/65536/01/02", FILE_STAMP, False),
        ("archived_sessions/2026/01/02", FILE_STAMP, False),
        ("sessions/2026/01/02", "2026-02-30T03-04-05", False),
        ("sessions/2026/01/02", "2026-01-02T24-04-05", False),
        ("sessions/2026/01/02", "2026-01-02T03-04-60", False),
        ("sessions/2026/01/02", "2026-01-02", False),
    ],
)
def test_its_place_decides_too(folder: str, stamp: str, listed: bool) -> None:
    assert in_place(folder, file_name(stamp=stamp)) == listed


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        (file_name() + ".zst", True),
        (file_name(revision=OTHER), True),
        (file_name(THREAD.upper()), True),
        (file_name(THREAD.replace("-", "")), True),
        (file_name("x" + THREAD), False),
        (file_name(THREAD + "-copy"), False),
        (f"rollout-{THREAD}.jsonl", False),
    ],
)
def test_its_name_decides_too(name: str, listed: bool) -> None:
    assert in_place("sessions/2026/01/02", name) == listed


def test_one_rollout_that_codex_shows_shows_the_thread(home: Path) -> None:
    first = Pages(THREAD)
    first.turn("the beginning")
    first.write(home)
    revised = Pages(THREAD, revision=uuid(0xC), base=first.end)
    path = revised.write(home, stamp="2026-01-02T03-04-06")
    thread = threadlog.open(home).get(THREAD)
    assert (thread.path, thread.codex_hides) == (str(path), None)


@pytest.mark.parametrize(
    ("provider", "listed"), [(None, True), ("openai", True), ("", False), ("mine", False)]
)
def test_a_thread_of_another_provider_is_not_of_codexs_list(
    home: Path, provider: Any, listed: bool
) -> None:
    put(home, content([meta(model_provider=provider), *turn("x")]))
    put_thread(home, 1)
    found = [thread.id for thread in threadlog.open(home).threads(codex=True)]
    assert found == ([THREAD] if listed else [])
