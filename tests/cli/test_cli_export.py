"""`threadlog export`: the file, and on standard error what was replaced in it."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from makers import THREAD, agent, command, completed, content, meta, put, python, started, user

PASSWORD = "hunter2xyz"


@pytest.fixture
def thread(home: Path) -> Path:
    lines = [meta(), started("t1"), user("what is it?"), agent(f"DB_PASSWORD={PASSWORD}")]
    return put(home, content([*lines, completed("t1")]))


def test_what_was_replaced_is_said_and_never_the_value(home: Path, thread: Path) -> None:
    ran = command(home, "export", THREAD, "--format", "md")
    assert ran.code == 0
    assert PASSWORD not in ran.out.decode() + ran.err
    lines = ran.err.splitlines()
    assert lines[0].startswith("threadlog: exported 1 turn, ")
    assert lines[1].startswith("threadlog: replaced 1: 1 secret (--keep-secrets keeps all)")
    assert lines[2].startswith("threadlog:   turn 1, ")
    assert lines[2].endswith(": secret #1")


@pytest.mark.parametrize("words", [["--format", "json"], ["--format", "jsonl"], ["--keep-secrets"]])
def test_an_export_with_secrets_in_it_is_said_to_have_them(
    home: Path, thread: Path, words: list[str]
) -> None:
    ran = command(home, "export", THREAD, *words)
    assert PASSWORD in ran.out.decode()
    assert "nothing was replaced: secrets that stand in it are in the export" in ran.err


@pytest.mark.parametrize("name", ["x.html", "x.md", "x.json", "x.jsonl", "x"])
def test_the_name_of_the_file_says_the_format(
    home: Path, thread: Path, tmp_path: Path, name: str
) -> None:
    ran = command(home, "export", THREAD, "-o", str(tmp_path / name), "--redact", "all")
    assert (ran.code, ran.out) == (0, b"")
    kind = name.partition(".")[2] or "html"
    assert f"as {kind} to {tmp_path / name}" in ran.err
    assert PASSWORD not in (tmp_path / name).read_text()


@pytest.mark.parametrize("words", [["--turns", "-1.."], ["--turns=-1.."], ["--turns", "-1"]])
def test_turns_count_from_the_end_however_that_is_written(
    home: Path, thread: Path, words: list[str]
) -> None:
    for ran in (command(home, "export", THREAD, *words), command(home, "export", *words, THREAD)):
        assert ran.code == 0
        assert ran.err.startswith("threadlog: exported 1 turn, ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_leaves_nothing_behind(
    home: Path, thread: Path, tmp_path: Path, number: signal.Signals
) -> None:
    words = ["--home", str(home), "export", THREAD, "-o", str(tmp_path / "x.md")]
    ran = python(
        "import os, signal, sys\n"
        f"signal.signal({int(number)}, signal.SIG_DFL)  # whatever who began this one did\n"
        "from threadlog import export_formats\n"
        "from threadlog.cli.main import main\n"
        "def killed(*_):\n"
        "    yield 'begun'\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    yield 'more'\n"
        "export_formats.markdown = killed\n"
        f"sys.exit(main({words!r}))\n"
    )
    ran.communicate(timeout=30)
    assert ran.returncode == -number
    assert list(tmp_path.glob("x.md*")) == []


def test_a_standard_output_that_is_closed_is_said(home: Path, thread: Path) -> None:
    words = [sys.executable, "-m", "threadlog", "--home", str(home), "export", THREAD]
    ran = subprocess.run(
        ["sh", "-c", f"{shlex.join(words)} >&-"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert (ran.returncode, "standard output is closed" in ran.stderr) == (2, True)


def test_the_report_comes_as_json_too(home: Path, thread: Path) -> None:
    ran = command(home, "export", THREAD, "--json")
    report = json.loads(ran.err)
    assert report["version"] == 1
    assert report["replaced"] == {"secret": 1}
    assert report["places"][0]["label"] == "secret #1"
    assert report["places"][0]["turn"] == 1


BAD: list[tuple[list[str], int, str]] = [
    (["nobody"], 3, "nobody"),
    ([THREAD, "--turns", "9.."], 3, "no turn 9"),
    ([THREAD, "--turns", "..-99"], 3, f"thread {THREAD} has none of these turns: it has 1"),
    ([THREAD, "--turns", "1..-5"], 3, "none of these turns"),
    ([THREAD, "--output", "x.pdf"], 2, ".pdf names no format"),
    ([THREAD, "--turns", "3..2"], 2, "no turns are from 3 to 2"),
    ([THREAD, "--turns", "x"], 2, "no range of turns"),
    ([THREAD, "--turns", "0"], 2, "no range of turns"),
    ([THREAD, "--turns", ".."], 2, "no range of turns"),
    ([THREAD, "--turns", "-3..x"], 2, "'-3..x' is no range of turns"),
    ([THREAD, "--turns", "-x"], 2, "expected one argument"),
    ([THREAD, "--format", "pdf"], 2, "invalid choice"),
    ([THREAD, "--redact", "names"], 2, "is none of secrets, paths, email, all"),
    ([THREAD, "--redact", "secrets", "--keep-secrets"], 2, "not allowed with"),
    ([THREAD, "--keep-secrets", "--rules", "x"], 2, "--rules replaces nothing here"),
    ([THREAD, "--format", "json", "--rules", "x"], 2, "--rules replaces nothing here"),
    ([THREAD, "--output", ""], 2, "--output is empty"),
    ([THREAD, "--output", "/nonexistent/x"], 1, "/nonexistent/x: No such file or directory"),
    ([THREAD, "--output", "/"], 1, "it is a folder"),
    ([THREAD, "--rules", "/nonexistent"], 1, "/nonexistent: No such file or directory"),
    ([], 2, "required: ID"),
]


@pytest.mark.parametrize(("words", "exit_code", "why"), BAD)
def test_bad_input_is_one_sentence(
    home: Path, thread: Path, words: list[str], exit_code: int, why: str
) -> None:
    ran = command(home, "export", *words)
    assert (ran.code, ran.out) == (exit_code, b"")
    last = ran.err.splitlines()[-1]
    assert last.startswith("threadlog")
    assert why in last


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("[[rule]]\nname = 1", "has no name"),
        ("not toml", "cannot be used"),
        ('[[rule]]\nname = "x"\npattern = "("', "no pattern"),
    ],
)
def test_rules_that_cannot_be_used_are_one_sentence(
    home: Path, thread: Path, tmp_path: Path, table: str, why: str
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(table)
    ran = command(home, "export", THREAD, "--rules", str(path))
    assert (ran.code, ran.out) == (2, b"")
    assert len(ran.err.splitlines()) == 1
    assert why in ran.err
