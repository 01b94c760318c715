"""`threadlog list` and `path`: a line a thread, documented JSON, and nothing cut for programs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

import threadlog
from makers import (
    THREAD,
    command,
    content,
    file_name,
    meta,
    put,
    put_names,
    put_thread,
    turn,
    uuid,
)
from threadlog.core.moments import age

KEYS = [
    "id",
    "path",
    "cwd",
    "title",
    "name",
    "preview",
    "first_user_message",
    "source",
    "created",
    "updated",
    "recency",
    "archived",
    "git_branch",
    "git_commit",
    "git_url",
    "model_provider",
    "model",
    "cli_version",
    "originator",
    "history_mode",
    "forked_from_id",
    "parent_thread_id",
    "agent_nickname",
    "agent_role",
    "size_bytes",
    "compressed",
    "rollouts",
    "problem",
    "codex_hides",
    "scanned",
    "turns",
    "problems",
    "tokens",
    "memory_mode",
]


def rows(home: Path, *words: str) -> list[list[str]]:
    """The cells of each line."""
    ran = command(home, "list", *words)
    assert (ran.code, ran.err) == (0, "")
    return [row.split("\t") for row in ran.out.decode().splitlines()]


def short_ids(home: Path, *words: str) -> list[str]:
    """The last cell of each line."""
    return [row[-1] for row in rows(home, *words)]


def test_a_program_gets_whole_cells_separated_by_tabs(home: Path) -> None:
    git = {"branch": "topic/" + "b" * 80}
    text = "a long message, " * 30
    put(home, content([meta(git=git, cwd="/desk/" + "d" * 99), *turn(text + "\n\tand more")]))
    (row,) = rows(home)
    assert row[1:] == [
        "/desk/" + "d" * 99,
        (text + "and more"),
        "topic/" + "b" * 80,
        "cli",
        THREAD[-8:],
    ]


def test_what_is_not_known_is_said_and_keeps_its_column(home: Path) -> None:
    put(home, b"garbage\n", "rollout-2026-01-02T03-04-05.jsonl")
    (row,) = rows(home)
    assert row[1:] == ["-", "(no session metadata at its head)", "-", "unknown", "-"]


def test_a_folder_under_the_users_own_is_shortened(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/desk")
    for number, cwd in enumerate(("/desk", "/desk/a", "/deskshop", "/")):
        put(home, content([meta(uuid(number), cwd=cwd)]), file_name(uuid(number)))
    assert [row[1] for row in rows(home)] == ["/", "/deskshop", "~/a", "~"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "now"),
        (59, "now"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (86_400, "1d"),
        (604_800, "1w"),
        (2_592_000, "1mo"),
        (31_536_000, "1y"),
        (10**12, "31709y"),
    ],
)
def test_an_age_is_one_number_and_unit(seconds: int, text: str) -> None:
    assert age(seconds) == text


def test_the_age_follows_the_order(home: Path) -> None:
    now = time.time()
    path = put_thread(home, 1)
    os.utime(path, (now - 7200, now - 7200))
    assert rows(home, "--sort", "updated")[0][0] == "2h"
    assert rows(home)[0][0].endswith(("y", "mo", "w"))


def test_options_say_which_threads(home: Path) -> None:
    for number in range(55):
        put_thread(home, number)
    put_thread(home, 99, folder="archived_sessions")
    put_thread(home, 98, stamp="2020-01-01T00-00-00")
    newest = [uuid(number)[-8:] for number in range(54, -1, -1)]
    assert short_ids(home) == newest[:50]
    assert short_ids(home, "--limit", "3") == newest[:3]
    assert short_ids(home, "--all") == [*newest, uuid(98)[-8:]]
    assert short_ids(home, "--archived") == [uuid(99)[-8:]]
    os.utime(threadlog.open(home).get(uuid(7)).path, (2e9, 2e9))
    assert short_ids(home, "--sort", "updated", "--limit", "1") == [uuid(7)[-8:]]
    cursor = json.loads(command(home, "list", "--json", "--limit", "2").out)["next"]
    assert short_ids(home, "--limit", "2", "--cursor", cursor) == newest[2:4]


def test_json_has_exactly_the_documented_keys(home: Path) -> None:
    put_thread(home, 1)
    put_thread(home, 2)
    put_names(home, (uuid(2), "a name"))
    shown = json.loads(command(home, "list", "--json", "--limit", "1").out)
    assert list(shown) == ["version", "threads", "next"]
    assert shown["version"] == 1
    (thread,) = shown["threads"]
    assert list(thread) == KEYS
    assert thread == threadlog.open(home).get(uuid(2)).as_dict()
    assert isinstance(shown["next"], str)
    last = json.loads(command(home, "list", "--json", "--cursor", shown["next"]).out)
    assert ([each["id"] for each in last["threads"]], last["next"]) == ([uuid(1)], None)


def test_json_is_ascii_and_keeps_every_character(home: Path) -> None:
    text = "é😀\x1b[31m\x7f\x9b\u202e\u2028."
    put(home, content([meta(cwd=f"/{text}"), *turn(text)]))
    out = command(home, "list", "--json").out
    assert json.loads(out)["threads"][0]["preview"] == text
    assert json.loads(out)["threads"][0]["cwd"] == f"/{text}"
    assert not [byte for byte in out if byte > 0x7E or (byte < 0x20 and byte != 0x0A)]


def test_an_empty_home_is_said(home: Path) -> None:
    assert command(home, "list") == (0, b"", f"no threads in {home}\n")
    assert command(home, "list", "--archived").err == f"no archived threads in {home}\n"
    assert command(home, "list", "--cwd", "/x").err == f"no threads of /x in {home}\n"
    assert json.loads(command(home, "list", "--json").out) == {
        "version": 1,
        "threads": [],
        "next": None,
    }


@pytest.mark.parametrize("reference", [THREAD, "last", THREAD[-6:], "a name"])
def test_path_says_where_a_thread_lies(home: Path, reference: str) -> None:
    path = put(home, content([meta(), *turn("x")]))
    put_names(home, (THREAD, "a name"))
    assert command(home, "path", reference) == (0, f"{path}\n".encode(), "")


def test_home_may_stand_before_and_after_the_command(home: Path) -> None:
    path = put_thread(home, 1)
    expected = (0, f"{path}\n".encode(), "")
    assert command("/nonexistent", "path", uuid(1), "--home", str(home)) == expected
    assert command(home, "path", uuid(1)) == expected
    assert command(home, "path", "last", f"--home={home}") == expected
