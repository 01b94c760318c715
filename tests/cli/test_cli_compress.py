"""`threadlog compress`: says what it does and did, asks on a terminal, and ends as the others."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import (
    THREAD,
    Ran,
    command,
    content,
    held,
    meta,
    put,
    put_thread,
    raw_bytes,
    tree,
    turn,
    uuid,
)

WHOLE = content([meta(), *turn("x" * 40_000), *turn("two")])
UNDO = (
    "going on with a thread (`threadlog record --resume ID`, Codex's resume) makes it plain again"
)


@pytest.fixture
def cold(home: Path) -> Path:
    """A home of a cold thread, a young one, and an archived one."""
    put(home, WHOLE)
    put_thread(home, 1)
    put_thread(home, 2, folder="archived_sessions")
    for path in home.rglob("*.jsonl"):
        if uuid(1) not in path.name:
            os.utime(path, (1.7e9, 1.7e9))
    return home


def lines(ran: Ran) -> list[str]:
    assert (ran.code, ran.err) == (0, "")
    return ran.out.decode().splitlines()


def as_json(home: Path, *words: str) -> dict[str, Any]:
    ran = command(home, "compress", "--json", *words)
    value: dict[str, Any] = json.loads(ran.out)
    assert value.pop("version") == 1
    return value


def test_it_says_what_it_saved_what_it_skipped_and_how_to_undo_it(cold: Path) -> None:
    first, skipped, undo = lines(command(cold, "compress"))
    assert first.startswith("compressed      2: 243 KB -> ")
    assert first.endswith(" KB less")
    assert skipped == "skipped         1: it changed in the last 7 days"
    assert undo == f"undo            {UNDO}"
    assert sorted(path.suffix for path in cold.rglob("rollout-*")) == [".jsonl", ".zst", ".zst"]
    assert raw_bytes(cold, THREAD) == WHOLE
    assert lines(command(cold, "compress")) == [
        "skipped         2: it is compressed already",
        "skipped         1: it changed in the last 7 days",
    ]


def test_a_dry_run_says_about_how_much_and_changes_nothing(cold: Path) -> None:
    before = tree(cold)
    first, _skipped = lines(command(cold, "compress", "--dry-run"))
    assert first.startswith("would compress  2: about 243 KB -> ")
    assert tree(cold) == before


def test_the_json_has_every_rollout_and_the_sums(cold: Path) -> None:
    planned = as_json(cold, "--dry-run")
    assert planned["dry_run"]
    value = as_json(cold)
    assert not value["dry_run"]
    by_status: dict[str, list[dict[str, Any]]] = {}
    for each in value["rollouts"]:
        assert set(each) == {
            *("thread_id", "path", "status", "reason", "before_bytes", "after_bytes"),
        }
        by_status.setdefault(each["status"], []).append(each)
    assert {status: len(each) for status, each in by_status.items()} == {
        "compressed": 2,
        "skipped": 1,
    }
    done = by_status["compressed"]
    assert value["before_bytes"] == sum(each["before_bytes"] for each in done)
    assert value["after_bytes"] == sum(Path(each["path"] + ".zst").stat().st_size for each in done)
    assert by_status["skipped"][0]["reason"] == "it changed in the last 7 days"


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ([THREAD], 1),
        ([THREAD, uuid(2)], 2),
        (["--archived"], 1),
        (["--active"], 1),
        (["--older-than", "0.5"], 2),
        (["--older-than", "100000"], 0),
    ],
)
def test_what_is_meant_is_what_is_compressed(cold: Path, words: list[str], count: int) -> None:
    value = as_json(cold, *words)
    assert [each["status"] for each in value["rollouts"]].count("compressed") == count


def test_nothing_to_do_is_said(home: Path) -> None:
    assert lines(command(home, "compress")) == ["nothing         there is no rollout to compress"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--older-than", "-1"], 2, "not a number of days"),
        (["--older-than", "nan"], 2, "not a number of days"),
        (["--older-than", "soon"], 2, "not a number of days"),
        (["--archived", "--active"], 2, "not allowed with"),
        (["019b0000-0000-7000-8000-0000000000ff"], 3, "no thread"),
    ],
)
def test_wrong_usage_is_a_sentence(cold: Path, words: list[str], code: int, said: str) -> None:
    before = tree(cold)
    ran = command(cold, "compress", *words)
    assert (ran.code, ran.out) == (code, b"")
    assert said in ran.err
    assert tree(cold) == before


def test_a_locked_thread_is_said_and_is_no_failure(cold: Path) -> None:
    with held(cold, THREAD):
        told = lines(command(cold, "compress", THREAD))
    assert len(told) == 1
    assert told[0].startswith(f"skipped         1: thread {THREAD} already has an active writer")


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_what_fails_is_said_and_the_others_are_done(
    cold: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from threadlog.local.disk import Disk

    create = Disk.create

    def full(disk: Disk, path: str, mode: int) -> int:
        if "archived" in path and "compress" in path:
            raise OSError(28, "No space left on device")
        return create(disk, path, mode)

    monkeypatch.setattr(Disk, "create", full)
    ran = command(cold, "compress", *words)
    assert ran.code == 1
    said = ran.out.decode()
    assert "no room for the compressed copy beside it" in said
    if words:
        assert ran.err == "threadlog: 1 could not be compressed\n"
        assert [each["status"] for each in json.loads(said)["rollouts"]].count("compressed") == 1
    else:
        assert "compressed      1: " in said


# -- asked on a terminal


def asked(home: Path, answer: str, *words: str) -> tuple[int, str]:
    """Run it with a terminal at which somebody types; the code, and what was shown."""
    folder = str(Path(threadlog.__file__).parents[1])
    master, terminal = pty.openpty()
    line = [sys.executable, "-m", "threadlog", "--home", str(home), "compress", *words]
    names = {**os.environ, "PYTHONPATH": folder}
    child = subprocess.Popen(line, stdin=terminal, stdout=terminal, stderr=terminal, env=names)
    os.close(terminal)
    os.write(master, answer.encode())
    pieces = []
    try:
        while piece := os.read(master, 1 << 16):
            pieces.append(piece)
    except OSError:
        pass
    os.close(master)
    return child.wait(), b"".join(pieces).decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("answer", "agreed"), [("y\n", True), ("Yes\n", True), ("\n", False), ("n\n", False)]
)
def test_on_a_terminal_it_asks_first(cold: Path, answer: str, agreed: bool) -> None:
    code, shown = asked(cold, answer)
    assert "2 rollouts to compress, about 243 KB -> " in shown
    assert f"undo: {UNDO}\ngo on? [y/N] " in shown
    assert code == (0 if agreed else 1)
    assert len(list(cold.rglob("*.zst"))) == (2 if agreed else 0)
    assert ("nothing was changed" in shown) == (not agreed)


def test_it_does_not_ask_when_told_or_when_there_is_nothing_to_do(cold: Path) -> None:
    code, shown = asked(cold, "", "--dry-run")
    assert (code, "go on" in shown) == (0, False)
    code, shown = asked(cold, "", "--yes")
    assert (code, "go on" in shown) == (0, False)
    assert len(list(cold.rglob("*.zst"))) == 2
    code, shown = asked(cold, "")
    assert (code, "go on" in shown) == (0, False)


def test_undo_is_what_it_says(cold: Path) -> None:
    before = tree(cold / "sessions")
    command(cold, "compress", THREAD)
    assert tree(cold / "sessions") != before
    code = "import sys; from threadlog.cli.main import main; sys.exit(main())"
    words = [sys.executable, "-c", code, "--home", str(cold), "record", "--resume", THREAD]
    folder = str(Path(threadlog.__file__).parents[1])
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": folder},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    after = tree(cold / "sessions")

    def told(found: dict[str, Any]) -> dict[str, Any]:
        return {path: (facts[0], *facts[2:]) for path, facts in found.items() if "rollout" in path}

    assert told(after) == told(before)
