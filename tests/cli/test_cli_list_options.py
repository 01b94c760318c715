"""The options of `list`, `latest` and `index`: each does what it says, and a bad value is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from test_cli_terminal import on_terminal

import threadlog
from makers import command, content, file_name, meta, put, put_names, put_thread, turn, uuid


@pytest.fixture
def varied(home: Path) -> Path:
    """Four threads, each of its own kind, and an archived one."""
    kinds = [
        {"source": "cli", "cwd": "/desk/a", "git": {"branch": "main"}},
        {"source": "exec", "cwd": "/desk/b", "model_provider": "other"},
        {"source": {"subagent": "review"}, "parent_thread_id": uuid(0), "cwd": "/desk/a"},
        {
            "source": "vscode",
            "git": {"repository_url": "git@github.com:o/n.git"},
            "forked_from_id": uuid(1),
        },
    ]
    for number, fields in enumerate(kinds):
        raws = [meta(uuid(number), **fields), *turn(f"thread {number}")]  # type: ignore[arg-type]
        path = put(home, content(raws), file_name(uuid(number)))
        os.utime(path, (1_000_000_000 + number, 1_000_000_000 - number))
    put_thread(home, 9, text="away", folder="archived_sessions")
    return home


def listed(home: Path, *words: str) -> list[str]:
    """The titles, in order."""
    ran = command(home, "list", "--json", *words)
    assert ran.code == 0, ran.err
    return [thread["title"] for thread in json.loads(ran.out)["threads"]]


@pytest.mark.codex("C121", "C122", "C191", "C275")
@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ([], [3, 2, 1, 0]),
        (["--reverse"], [0, 1, 2, 3]),
        (["--sort", "updated"], [0, 1, 2, 3]),
        (["--sort", "updated", "--reverse"], [3, 2, 1, 0]),
        (["--cwd", "/desk/a"], [2, 0]),
        (["--cwd", "/desk/a", "--cwd", "/desk/b/"], [2, 1, 0]),
        (["--text", "THREAD 1"], [1]),
        (["--source", "subagent"], [2]),
        (["--source", "exec", "--source", "subagent:review"], [2, 1]),
        (["--provider", "other"], [1]),
        (["--branch", "main"], [0]),
        (["--repository", "o/n"], [3]),
        (["--parent", uuid(0)], [2]),
        (["--forked-from", uuid(1)], [3]),
        (["--sort", "updated", "--since", "2001-09-09T01:46:39Z"], [0, 1]),
        (["--sort", "updated", "--until", "2001-09-09T01:46:39Z"], [2, 3]),
        (["--since", "7d"], []),
        (["--codex", "--provider", "some"], [3, 0]),
    ],
)
def test_every_option_does_what_it_says(varied: Path, words: list[str], numbers: list[int]) -> None:
    assert listed(varied, *words) == [f"thread {number}" for number in numbers]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--since", "nonsense"], 2, "no moment: 'nonsense'"),
        (["--until", "2026-13-45"], 2, "no moment"),
        (["--parent", "zzz"], 3, "no thread 'zzz'"),
        *(
            ([option, ""], 2, f"{option}: an empty text")
            for option in ("--cwd", "--text", "--source", "--branch", "--repository", "--parent")
        ),
        (["--sort", "size"], 2, "invalid choice"),
        (["--cursor", "x"], 2, "invalid cursor"),
    ],
)
def test_a_bad_value_is_named(varied: Path, words: list[str], code: int, told: str) -> None:
    ran = command(varied, "list", *words)
    assert (ran.code, ran.out) == (code, b"")
    assert told in ran.err


def test_a_terminal_is_told_what_is_not_shown_and_why(varied: Path) -> None:
    code, text = on_terminal(varied, "list", "--cwd", "/desk/a", "--source", "cli", columns=200)
    assert code == 0
    told = "not shown: 1 archived (--archived), 2 of other directories (--cwd), 1 of other sources"
    assert told in text
    _code, text = on_terminal(varied, "list", "--text", "none such", columns=200)
    assert "no threads that fit" in text
    assert "4 without the text (--text)" in text


def test_subagents_stand_under_their_parents_on_a_terminal(varied: Path) -> None:
    _code, text = on_terminal(varied, "list", columns=200)
    lines = [line for line in text.splitlines() if "thread" in line]
    assert [line.partition("thread ")[2][0] for line in lines] == ["3", "1", "0", "2"]
    assert "\u2514 thread 2" in lines[-1]


def test_a_listing_on_a_terminal_goes_on_with_the_index(varied: Path) -> None:
    on_terminal(varied, "list")
    told = json.loads(command(varied, "index", "status", "--json").out)["index"]
    assert (told["threads"], told["scanned"], told["trouble"]) == (5, 5, None)


def test_latest_is_the_thread_that_changed_last(varied: Path) -> None:
    ran = command(varied, "latest")
    thread, path, title = ran.out.decode().strip().split("\t")
    assert (ran.code, thread, title) == (0, uuid(0), "thread 0")
    assert os.path.exists(path)
    told = json.loads(command(varied, "latest", "--cwd", "/desk/b", "--json").out)
    assert (told["version"], told["thread"]["id"]) == (1, uuid(1))
    assert b"away" in command(varied, "latest", "--archived").out
    none = command(varied, "latest", "--cwd", "/desk/none")
    assert (none.code, none.out) == (3, b"")
    assert "no thread of /desk/none" in none.err


def test_the_index_is_built_asked_and_built_again(varied: Path) -> None:
    before = command(varied, "index", "status")
    assert (before.code, b"there is none yet" in before.out) == (0, True)
    for action in ("build", "rebuild"):
        ran = command(varied, "index", action)
        assert ran.code == 0
        assert b"threads   5: 5 read, 5 of them to the end" in ran.out
    put_names(varied, (uuid(1), "a name"))
    assert command(varied, "path", "a name").code == 0


@pytest.mark.parametrize(
    ("number", "lists", "told"),
    [
        (0, True, "listed by default"),
        (1, False, "its source is exec"),
        (2, False, "its source is subagent:review"),
        (3, True, "listed by default"),
        (9, True, "listed among the archived threads"),
    ],
)
def test_why_says_what_codex_does_with_a_thread(
    varied: Path, number: int, lists: bool, told: str
) -> None:
    (varied / "config.toml").write_text('model_provider = "some"')
    ran = command(varied, "why", uuid(number))
    assert (ran.code, told in ran.out.decode()) == (0, True), ran.out
    value = json.loads(command(varied, "why", uuid(number), "--json").out)["visibility"]
    assert (value["id"], value["codex_lists"]) == (uuid(number), lists)
    shown = {thread.id for thread in threadlog.open(varied).threads(codex=True, archived=None)}
    assert (uuid(number) in shown) == lists


def test_why_names_the_provider_that_the_home_has_not(varied: Path) -> None:
    out = command(varied, "why", uuid(0)).out.decode()
    assert "its provider is some, and the home's is openai" in out
    assert command(varied, "why", "nobody").code == 3
