"""`threadlog tree`: lines of who comes from whom, for people, pipes and programs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from test_cli_terminal import OURS, on_terminal, width

import threadlog
from makers import (
    DAY,
    Pages,
    command,
    content,
    file_name,
    meta,
    put,
    put_names,
    put_thread,
    python,
    turn,
    uuid,
)

WORKER = {"subagent": {"thread_spawn": {"parent_thread_id": uuid(1), "agent_role": "worker"}}}


def thread(home: Path, number: int, folder: str = DAY, **fields: Any) -> None:
    """A thread that began so many hours ago; of several, by number."""
    ago = time.gmtime(time.time() - 3600 * (10 - number) - 60)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", ago)
    raws = [meta(uuid(number), timestamp=stamp, **fields), *turn(f"thread {number}")]
    put(home, content(raws), file_name(uuid(number)), folder)


@pytest.fixture
def family(home: Path) -> Path:
    """A thread with a subagent, its review, an archived fork, and a gone parent."""
    thread(home, 1)
    thread(home, 2, source=WORKER)
    thread(home, 3, source={"subagent": "review"}, parent_thread_id=uuid(2))
    thread(home, 4, forked_from_id=uuid(1), folder="archived_sessions")
    thread(home, 5, parent_thread_id=uuid(0xDEADBEEF))
    return home


def test_each_thread_is_a_line_with_age_and_id(family: Path) -> None:
    put_names(family, (uuid(1), "A name"))
    ran = command(family, "tree")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.decode().splitlines() == [
        "-     deadbeef  (not there any more)",
        "5h    00000005  └─ [subagent] thread 5",
        "9h    00000001  A name",
        "8h    00000002  ├─ [subagent: worker] thread 2",
        "7h    00000003  │  └─ [review] thread 3",
        "6h    00000004  └─ [fork] [archived] thread 4",
    ]


def test_one_thread_stands_under_those_above_it(family: Path) -> None:
    assert command(family, "tree", "00000003").out.decode().splitlines() == [
        "9h    00000001  [above] thread 1",
        "8h    00000002  └─ [above] [subagent: worker] thread 2",
        "7h    00000003     └─ [review] thread 3",
    ]


def test_a_fork_by_reference_says_where_it_begins(home: Path) -> None:
    parent = Pages(uuid(1))
    parent.turn("a")
    parent.write(home)
    Pages(uuid(2), base=parent.end, forked_from_id=uuid(1)).write(home)
    assert f"[fork at {parent.end.ordinal}] a" in command(home, "tree").out.decode()


def test_the_archived_ones_and_so_many_can_be_asked_for(home: Path) -> None:
    for number in range(3):
        put_thread(home, number, stamp=f"2026-01-02T03-04-0{number}")
    put_thread(home, 7, "archived", folder="archived_sessions")
    assert command(home, "tree", "--archived").out.decode().endswith("[archived] archived\n")
    *few, more = command(home, "tree", "--limit", "2").out.decode().splitlines()
    assert [each.split()[1] for each in few] == ["00000002", "00000001"]
    assert more == "more: threadlog tree --limit N"


def test_programs_get_it_nested(family: Path) -> None:
    value = json.loads(command(family, "tree", uuid(2), "--json").out)
    assert (value["version"], value["next"]) == (1, None)
    (root,) = value["roots"]
    assert root.keys() == {
        *("id", "relation", "thread", "children", "fork_ordinal"),
        *("asked", "ancestor", "deeper", "missing"),
    }
    assert (root["id"], root["relation"], root["ancestor"]) == (uuid(1), "root", True)
    (asked,) = root["children"]
    assert (asked["asked"], asked["relation"], asked["missing"]) == (True, "subagent", False)
    assert asked["thread"] == threadlog.open(family).get(uuid(2)).as_dict()
    (review,) = asked["children"]
    assert (review["relation"], review["children"]) == ("review", [])
    missing = json.loads(command(family, "tree", uuid(5), "--json").out)["roots"][0]
    assert (missing["id"], missing["missing"], missing["thread"]) == (uuid(0xDEADBEEF), True, None)


def test_what_cannot_be_asked_is_said(family: Path) -> None:
    assert command(family, "tree", "00000099").code == 3
    for words in (["--archived"], ["--limit", "3"]):
        ran = command(family, "tree", "last", *words)
        assert (ran.code, ran.out) == (2, b"")
        assert "leave out --archived and --limit" in ran.err


def test_an_empty_home_is_said(home: Path) -> None:
    ran = command(home, "tree", "--archived")
    assert (ran.code, ran.out) == (0, b"")
    assert ran.err == f"no archived threads in {home}\n"


@pytest.mark.parametrize("columns", [120, 60, 40, 20, 8, 3])
def test_a_tree_fits_the_terminal(family: Path, columns: int) -> None:
    deep = [meta(uuid(0x10), source=WORKER), *turn("中文字" * 60)]
    put(family, content(deep), file_name(uuid(0x10)))
    for number in range(0x11, 0x30):
        spawn = {"parent_thread_id": uuid(number - 1), "agent_role": "e\u0301" * 40}
        raws = [
            meta(uuid(number), source={"subagent": {"thread_spawn": spawn}}),
            *turn("word " * 60),
        ]
        put(family, content(raws), file_name(uuid(number)))
    code, told = on_terminal(family, "tree", columns=columns)
    rows = OURS.sub("", told).splitlines()
    assert (code, len(rows)) == (0, 6 + 32)
    assert [each for each in rows if width(each) > columns] == []
    if columns >= 20:
        assert sum(f"{0x2F:08x}" in each for each in rows) == 1
    assert ("9h" in told) == (columns >= 50)


def test_the_thread_asked_for_stands_out(family: Path) -> None:
    _code, told = on_terminal(family, "tree", "00000002", columns=100)
    painted = [each for each in told.splitlines() if "\x1b[1m" in each]
    assert ["00000002" in each for each in painted] == [True]


def test_what_is_too_far_down_is_said(home: Path) -> None:
    put_thread(home, 0)
    for number in range(1, 70):
        raws = [meta(uuid(number), parent_thread_id=uuid(number - 1))]
        put(home, content(raws), file_name(uuid(number)))
    assert "(5 more below)" in command(home, "tree").out.decode()


def test_an_output_without_such_lines_gets_plain_ones(
    family: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    code = "import sys; from threadlog.cli.main import main; sys.exit(main(sys.argv[1:]))"
    with python(code, "--home", str(family), "tree", "00000001") as program:
        out, _err = program.communicate(timeout=60)
    assert [each[16:] for each in out.splitlines()] == [
        "thread 1",
        "|- [subagent: worker] thread 2",
        "|  `- [review] thread 3",
        "`- [fork] [archived] thread 4",
    ]
