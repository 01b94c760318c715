"""`threadlog doctor`: what is wrong with a home is said, and nothing is changed by that."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import agent, command, content, held, meta, put, put_thread, tree, turn, uuid

LABEL = 10


def told(home: Path, label: str, *, code: int = 0) -> list[str]:
    """What is said under a label."""
    ran = command(home, "doctor")
    assert (ran.code, ran.err) == (code, "")
    lines = ran.out.decode().splitlines()
    return [line[LABEL:] for line in lines if line[:LABEL].strip() == label]


def as_json(home: Path) -> dict[str, Any]:
    """The same for programs."""
    value: dict[str, Any] = json.loads(command(home, "doctor", "--json").out)
    assert value["version"] == 1
    checkup: dict[str, Any] = value["checkup"]
    return checkup


@pytest.fixture
def sound(home: Path) -> Path:
    """A home of three threads, one archived, that nobody else can read."""
    for number in (1, 2):
        put_thread(home, number)
    put_thread(home, 3, folder="archived_sessions")
    for folder, _inner, names in os.walk(home):
        Path(folder).chmod(0o700)
        for name in names:
            (Path(folder) / name).chmod(0o600)
    return home


def test_a_sound_home_is_sound_and_stays_as_it_is(sound: Path) -> None:
    before = tree(sound)
    assert told(sound, "healthy") == ["nothing is wrong"]
    assert told(sound, "threads") == ["3: 2 active, 1 archived"]
    size = sum(path.stat().st_size for path in sound.rglob("*.jsonl"))
    assert told(sound, "files") == [f"3 rollouts, {size / 1000:.1f} KB"]
    assert told(sound, "index") == ["there is none yet; listings come from the files"]
    assert told(sound, "open") == told(sound, "damage") == told(sound, "writing") == []
    assert told(sound, "unread") == [
        "3 of 3 threads, to their ends: damage may be there; `threadlog index build` looks"
    ]
    assert tree(sound) == before


def test_once_all_is_read_the_index_is_told_of(sound: Path) -> None:
    assert threadlog.open(sound).catch_up()
    assert told(sound, "index") == ["3 threads, as the files have them"]
    assert told(sound, "unread") == []
    assert as_json(sound)["place"]["index_status"]["scanned"] == 3


def test_the_index_is_counted_as_it_is_by_then(sound: Path) -> None:
    assert threadlog.open(sound).catch_up()
    put_thread(sound, 4)
    assert told(sound, "index") == ["4 threads, as the files have them"]


def test_damage_is_named_and_counted_in_the_exit_code(sound: Path) -> None:
    torn = next(sound.glob("sessions/**/*1.jsonl"))
    torn.write_bytes(torn.read_bytes() + b"not a line\n" + content([agent("more")]))
    put(sound, b"damaged\n", f"rollout-2026-01-02T03-04-05-{uuid(5)}.jsonl")
    lines = [f"{uuid(5)}: no session metadata at its head"]
    assert told(sound, "damage", code=1) == lines
    assert told(sound, "healthy", code=1) == ["no, see above"]
    assert threadlog.open(sound).catch_up()
    assert sorted(told(sound, "damage", code=1)) == [f"{uuid(1)}: 1 place is no whole line", *lines]
    assert [each["id"] for each in as_json(sound)["damaged"]] == [uuid(5), uuid(1)]


def test_no_more_than_a_few_are_named(home: Path) -> None:
    for number in range(13):
        put(home, b"damaged\n", f"rollout-2026-01-02T03-04-05-{uuid(number)}.jsonl")
    lines = told(home, "damage", code=1)
    assert (len(lines), lines[-1]) == (11, "3 more (--json names all)")
    assert len(as_json(home)["damaged"]) == 13


def test_what_others_can_read_is_counted(sound: Path) -> None:
    next(sound.glob("sessions/**/*1.jsonl")).chmod(0o644)
    next(sound.glob("sessions/**/*2.jsonl")).chmod(0o620)
    (sound / "sessions").chmod(0o711)
    assert told(sound, "open") == [
        f"2 files and 1 folders are not their owner's alone; `chmod -R go= {sound}` makes them so"
    ]


def test_who_writes_is_told(sound: Path) -> None:
    with held(sound, uuid(2)) as process:
        assert told(sound, "writing") == [f"{uuid(2)}: process {process.pid}"]
        assert as_json(sound)["place"]["writers"] == [
            {"thread_id": uuid(2), "process": process.pid}
        ]
    (sound / "thread-writer-locks" / f"{uuid(1)}.lock").touch()
    assert told(sound, "writing") == []


def test_what_was_kept_of_deleted_rollouts_is_told(sound: Path) -> None:
    kept = sound / "threadlog" / "rescued"
    kept.mkdir(parents=True)
    for number in range(12):
        (kept / f"rollout-{number:02}.jsonl").touch()
    lines = told(sound, "rescued")
    assert lines[0].startswith(f"{kept}/rollout-00.jsonl: was deleted or replaced while")
    assert lines[10:] == ["2 more (--json names all)"]
    assert len(as_json(sound)["place"]["rescued"]) == 12


def test_an_index_that_does_not_fit_is_told(sound: Path) -> None:
    assert threadlog.open(sound).catch_up()
    other = sqlite3.connect(sound / "threadlog" / "index.sqlite")
    other.execute("DELETE FROM threads WHERE id = 1")
    other.execute("DELETE FROM rollouts WHERE id = 1")
    other.execute("UPDATE folders SET settled = 1")  # else it heals with the next look
    other.commit()
    other.close()
    (path,) = as_json(sound)["place"]["differ"]
    assert os.path.exists(path)
    assert told(sound, "index", code=1) == [
        f"does not fit the files: {path}",
        "`threadlog index rebuild` makes it anew",
    ]
    assert command(sound, "index", "rebuild").code == 0
    assert told(sound, "healthy") == ["nothing is wrong"]


def test_what_codex_hides_is_told_with_why(sound: Path) -> None:
    for number in (6, 7):
        put(
            sound,
            content([meta(uuid(number), source="exec", cli_version="0.98.0"), *turn("hi")]),
            f"rollout-2026-01-02T03-04-05-{uuid(number)}.jsonl",
        )
    (line,) = told(sound, "hidden")
    assert line.startswith("2 by Codex's own list: its source is exec")
    assert "2 begun by 0.98.0" in told(sound, "version")
    assert as_json(sound)["hidden"] == {line.partition(": ")[2]: 2}


def test_nothing_of_a_thread_reaches_the_terminal(home: Path) -> None:
    secret = "canary"
    put(home, content([meta(uuid(1), cli_version=f"\x1b]0;{secret}\x07"), *turn(secret)]))
    for line in command(home, "doctor").out.decode().splitlines():
        assert line.isprintable()
        assert secret not in line or line.startswith("version")
