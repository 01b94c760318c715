"""The documents say what is so: commands, options, exit codes, modules, links."""

from __future__ import annotations

import argparse
import ast
import asyncio
import re
import textwrap
from inspect import isasyncgenfunction
from pathlib import Path

import pytest

import threadlog
from threadlog.cli import main as cli
from threadlog.cli import words
from threadlog.core import framing, lines, query, turns

ROOT = Path(__file__).parents[1]
DOCS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "benchmarks" / "RESULTS.md"]


def read(name: str) -> str:
    return (ROOT / name).read_text()


def options() -> dict[str, list[str]]:
    parser = words.parser()
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return {
        name: [
            option
            for action in each._actions
            for option in action.option_strings
            if option.startswith("--") and option != "--help"
        ]
        for name, each in commands.choices.items()
    }


def test_every_command_and_option_is_described() -> None:
    page = read("docs/cli.md")
    for command, given in options().items():
        assert f"`threadlog {command}" in page
        for option in given:
            assert re.search(rf"`[^`]*{option}\b", page), option


def test_every_key_of_a_listed_thread_is_described() -> None:
    page = read("docs/cli.md")
    for key in query.ThreadSummary._fields:
        assert f"`{key}`" in page, key


def test_the_exit_codes_are_those_of_the_program() -> None:
    table = read("docs/cli.md").partition("## Exit codes")[2]
    described = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    names = [
        "OK",
        "FAILED",
        "USAGE",
        "NOT_FOUND",
        "AMBIGUOUS",
        "INTERNAL",
        "INTERRUPTED",
        "PIPE_CLOSED",
    ]
    assert described == {getattr(cli, name) for name in names}
    assert all(str(code) in words._EPILOG for code in described)


def test_every_module_has_a_place_on_the_map() -> None:
    page = read("docs/architecture.md")
    for path in (ROOT / "src" / "threadlog").rglob("*.py"):
        room = path.parent.name
        if path.stem.startswith("__") or room in ("cli", "items"):
            continue
        name = path.stem if room == "threadlog" else f"{room}/{path.stem}"
        assert re.search(rf"\b{name}\b", page), name


def test_the_tests_that_the_promises_name_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", read("docs/durability.md")))
    files = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 20
    assert {name for name in named if f"def {name}(" not in files} == set()


def test_every_reason_and_limit_stands_in_the_format() -> None:
    page = read("docs/format.md")
    for reason in lines.REASONS:
        assert f"`{reason}`" in page
    assert framing.LINE_LIMIT_BYTES == 64 << 20
    assert f"| {turns.LATE_TURNS} |" in read("docs/architecture.md")


def test_the_names_that_the_readme_uses_exist() -> None:
    for name in re.findall(r"\bthreadlog\.([A-Za-z]\w*)", read("README.md")):
        assert name == "agents" or hasattr(threadlog, name), name
    for name in re.findall(r"\bhome\.(\w+)\(", read("README.md")):
        assert hasattr(threadlog.Home, name), name


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_make_has_every_target_that_the_documents_name() -> None:
    targets = set(re.findall(r"^(\w+):", read("Makefile"), re.MULTILINE))
    for page in DOCS:
        assert set(re.findall(r"^ {4}make (\w+)", page.read_text(), re.MULTILINE)) <= targets


def python_blocks(page: str) -> list[str]:
    """The indented blocks that are Python, by their look."""
    blocks = re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", read(page), re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks if "threadlog." in block]


def test_what_the_documents_say_in_python_runs(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("THREADLOG_HOME", str(home))
    monkeypatch.chdir(home.parent)  # no export goes into the home
    names: dict[str, object] = {"threadlog": threadlog}
    live, reading, agent = python_blocks("README.md")
    assert len([line for line in live.splitlines() if line.strip()]) <= 10
    exec(live, names)
    assert isinstance(names["messages"], list)
    assert [message["type"] for message in names["messages"]] == [
        *("message", "function_call", "function_call_output", "message"),
    ]
    assert "Why does the build fail?" in capsys.readouterr().out
    again, on_a_loop, recorder = python_blocks("docs/recording.md")
    exec(again, names)
    assert len(threadlog.open(home.parent / "threads").threads()) == 2
    names["home"] = threadlog.open()
    exec(recorder, names)
    exec(reading, names)
    exec(agent, names)
    assert isasyncgenfunction(names["agent"])
    code = compile(on_a_loop, "recording.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    asyncio.run(eval(code, names))
    assert len(threadlog.open().threads()) == 2
