"""docs/agents.md says what is so: its events, settings and kinds, and what it says in Python."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any, get_args

import pytest
from made_turns import MadeTurn, run

from threadlog.agents import Delta, Event, Exit, Settings, TurnContext, failures, scripted
from threadlog.agents.function_tools import tools_of
from threadlog.agents.script_file import Fail, Listen, Pause, Wait, read_script

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()


def rows(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^\| (`[^|]*)\| ?([^|]*)\|", section, re.MULTILINE)
    return [[re.findall(r"`(\w+)`", cell) for cell in row] for row in found]  # type: ignore[misc]


def blocks() -> list[str]:
    found = re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", PAGE)
    return [textwrap.dedent(block).strip() + "\n" for block in found]


def python_block(having: str) -> dict[str, Any]:
    (code,) = (block for block in blocks() if having in block and "import" in block)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_every_event_is_described_with_its_fields() -> None:
    described = [(name[0], tuple(fields)) for name, fields in rows("What it yields")]
    assert described == [(event.__name__, event._fields) for event in get_args(Event)]


def test_every_setting_and_field_of_a_turn_is_described() -> None:
    section = PAGE.partition("## What it is given\n")[2].partition("\n## ")[0]
    for name in (*TurnContext._fields, *Settings._fields):
        assert re.search(rf"`(await )?{name}(\(\))?`", section), name


def test_every_kind_of_failure_is_described() -> None:
    described = {name[0] for name, _ in rows("A model, with your functions as tools")}
    kinds = {*failures._BY_CODE.values(), *failures._BY_STATUS.values(), *failures._SENTENCES}
    assert described == kinds | {failures.DISCONNECTED, failures.UNREACHABLE}


def test_every_step_and_command_is_described() -> None:
    section = PAGE.partition("## An agent without a model\n")[2]
    assert re.findall(r"^\| `(/\w+)", section, re.MULTILINE) == [
        *("/tool", "/run", "/think", "/items", "/wait", "/retry", "/fail")
    ]
    assert len(scripted._COMMANDS) == 7
    steps = {name[0]: tuple(fields) for name, fields in rows("An agent without a model") if name}
    assert steps == {
        step.__struct_config__.tag: step.__struct_fields__ for step in (Pause, Wait, Listen, Fail)
    }


def test_the_script_is_one() -> None:
    (script,) = (block for block in blocks() if '"type": "fail"' in block)
    assert [len(turn) for turn in read_script(script.encode(), by_line=True)] == [3, 2, 1]


def test_the_agent_in_ten_lines_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    agent = python_block("create_subprocess_shell")["agent"]
    turn = MadeTurn("What has changed?")
    run(agent, turn)
    assert [type(event) for event in turn.yielded[-2:]] == [Exit, Delta]


def test_the_agent_with_tools_is_one(tmp_path: Path) -> None:
    names = python_block("count_lines")
    assert callable(names["agent"])
    (tool,) = tools_of([names["count_lines"]]).values()
    (tmp_path / "x").write_text("a\n\nb\n")
    assert tool.function(str(tmp_path / "x"), blank=False) == 2
