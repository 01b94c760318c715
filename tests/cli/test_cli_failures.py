"""Every failure is one sentence and a documented exit code; never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import threadlog
from makers import THREAD, agent, command, content, file_name, meta, put, put_thread, turn, uuid

PROGRAM = [sys.executable, "-m", "threadlog"]


def environment(**others: str) -> dict[str, str]:
    """The environment of a program, with our package at hand."""
    folder = str(Path(threadlog.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": folder, **others}


def run(home: Path, *words: str, **others: str) -> subprocess.CompletedProcess[str]:
    """The program itself."""
    line = [*PROGRAM, "--home", str(home), *words]
    return subprocess.run(
        line, capture_output=True, text=True, timeout=60, check=False, env=environment(**others)
    )


@pytest.fixture
def threads(home: Path) -> Path:
    """A home of two threads, one of whose ids ends as the other's."""
    put_thread(home, 1)
    alike = uuid(1).replace("019b0000", "019c0000")
    put(home, content([meta(alike), *turn("x")]), file_name(alike))
    return home


SENTENCES = [
    (["show", uuid(9)], 3, f"no thread '{uuid(9)}' in "),
    (["show", "nothing"], 3, "no thread 'nothing' in "),
    (["path", "12345"], 3, "needs the last 6 digits or more"),
    (["show", "sessions/none.jsonl"], 3, "no file at "),
    (["show", "/etc/passwd"], 2, "does not lie in the sessions of"),
    (["path", "000001"], 4, "fits 2 threads: "),
    (["show", "last", "--tail", "0"], 2, "'0' is not a number from 1 on"),
    (["show", "last", "--tail", "x"], 2, "'x' is not a number from 1 on"),
    (["list", "--limit", "-1"], 2, "'-1' is not a number from 1 on"),
    (["list", "--limit", "9" * 5000], 2, "is not a number"),
    (["list", "--limit", "²"], 2, "is not a number"),
    (["list", "--cursor", "x"], 2, "invalid cursor: 'x'"),
    (["list", "--sort", "size"], 2, "invalid choice: 'size'"),
    (["list", "--all", "--limit", "3"], 2, "not allowed with"),
    (["show", "last", "--json", "--raw"], 2, "not allowed with"),
    (["list", "--jso"], 2, "unrecognized arguments: --jso"),
    (["list", "extra"], 2, "unrecognized arguments: extra"),
    (["show"], 2, "required: ID"),
    (["nothing"], 2, "invalid choice: 'nothing'"),
    ([], 2, "required: COMMAND"),
]


@pytest.mark.parametrize(
    ("words", "code", "part"), SENTENCES, ids=[" ".join(words)[:40] for words, _, _ in SENTENCES]
)
def test_a_failure_is_one_sentence_and_a_code(
    threads: Path, words: list[str], code: int, part: str
) -> None:
    ran = command(threads, *words)
    assert (ran.code, ran.out) == (code, b"")
    *usage, sentence = ran.err.splitlines()
    assert part in sentence
    assert sentence.startswith("threadlog")
    assert not usage or usage[0].startswith("usage: threadlog")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", [["list"], ["show", "last"], ["path", "last"]])
def test_a_missing_home_is_said(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "file").write_text("x")
    for place in ("missing", "file", "file/below"):
        ran = command(tmp_path / place, *words)
        assert (ran.code, ran.out) == (1, b"")
        assert ran.err.startswith(f"threadlog: no folder {tmp_path / place}; name a home with")


def test_an_empty_home_has_no_last_thread(home: Path) -> None:
    assert command(home, "show", "last") == (3, b"", f"threadlog: no thread in {home} yet\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("form", [[], ["--json"], ["--raw"], ["--tail", "1"]])
def test_an_unreadable_file_is_said(threads: Path, form: list[str]) -> None:
    path = threadlog.open(threads).get(uuid(1)).path
    Path(path).chmod(0)
    ran = command(threads, "show", uuid(1), *form)
    assert ran.code == 1
    assert ran.err == f"threadlog: cannot read {path}: Permission denied\n"


def test_words_of_the_user_never_steer_the_terminal(threads: Path) -> None:
    for words in (
        ["show", "\x1b[2J"],
        ["list", "--cursor", "\x9b2J\u202e"],
        ["show", "a/\x1b[2J.jsonl"],
        ["list", "--cwd", "/\x1b[2J\x07"],
        ["list", "--limit", "\x1b[2J"],
    ):
        ran = command(threads, *words)
        text = ran.err + ran.out.decode()
        assert not [char for char in text if char in "\x1b\x9b\x07\u202e"], words


def test_version_and_help_are_said(threads: Path) -> None:
    ran = run(threads, "--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (
        0,
        f"threadlog {threadlog.__version__}\n",
        "",
    )
    for words in (["--help"], ["list", "--help"], ["show", "-h"], ["path", "--help"]):
        ran = run(threads, *words)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.startswith("usage: threadlog")
    assert "141 output closed" in run(threads, "--help").stdout


def test_the_program_does_what_main_does(threads: Path) -> None:
    for words in (["list", "--json"], ["show", "last"], ["path", uuid(1)], ["show", "nothing"]):
        ran, here = run(threads, *words), command(threads, *words)
        assert (ran.returncode, ran.stdout.encode(), ran.stderr) == here


def test_the_environment_names_the_home(threads: Path, tmp_path: Path) -> None:
    line = [*PROGRAM, "path", uuid(1)]
    for names in (
        {"THREADLOG_HOME": str(threads), "CODEX_HOME": "/nonexistent"},
        {"THREADLOG_HOME": "", "CODEX_HOME": str(threads)},
    ):
        ran = subprocess.run(line, capture_output=True, env=environment(**names), check=False)
        assert (ran.returncode, ran.stderr) == (0, b"")


def _long(home: Path) -> None:
    put(home, content([meta(), *turn("hello"), *[agent("x" * 500)] * 4000]))
    for number in range(1000, 1800):
        put_thread(home, number, "long " * 40)


@pytest.mark.parametrize(
    "words",
    [["list", "--all"], ["list", "--all", "--json"], ["show", THREAD], ["show", THREAD, "--raw"]],
    ids=" ".join,
)
def test_a_reader_that_leaves_ends_the_program_quietly(home: Path, words: list[str]) -> None:
    _long(home)
    with subprocess.Popen(
        [*PROGRAM, "--home", str(home), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 141


def test_an_interrupt_ends_the_program_quietly(home: Path) -> None:
    _long(home)
    with subprocess.Popen(
        [*PROGRAM, "--home", str(home), "show", THREAD, "--raw"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()  # it is running, and blocked since nobody reads on
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 130
        assert program.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["list"], ["list", "--json"], ["show", "last", "--raw"]])
def test_output_that_cannot_be_written_is_said(threads: Path, words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [*PROGRAM, "--home", str(threads), *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr == "threadlog: No space left on device\n"


@pytest.mark.parametrize(
    "words", ["list", "list --json", "show last", "show last --raw", "path last"]
)
def test_closed_streams_are_no_defect(threads: Path, words: str) -> None:
    program = f"'{sys.executable}' -m threadlog --home '{threads}' {words}"
    for closed in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        ran = subprocess.run(
            ["sh", "-c", f"{program} {closed}"],
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )
        assert ran.returncode in (0, 1, 141), (closed, ran.stderr)
        assert "Traceback" not in ran.stderr
        assert "internal error" not in ran.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_cannot_show_a_character_gets_another(home: Path, encoding: str) -> None:
    put_thread(home, 1, "é 😀 \u4e2d")
    for words in (["list"], ["show", "last"], ["list", "--json"], ["show", "last", "--json"]):
        line = [*PROGRAM, "--home", str(home), *words]
        names = environment(PYTHONIOENCODING=encoding, LC_ALL="C", PYTHONUTF8="0")
        ran = subprocess.run(line, capture_output=True, env=names, check=False)
        assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_defect_is_said_without_a_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from threadlog.cli import main as main_module

    def broken(_arguments: object) -> int:
        raise LookupError("the secret")

    monkeypatch.setattr(main_module, "_run", broken)
    assert main_module.main(["--home", str(home), "list"]) == 70
    captured = capsys.readouterr()
    assert captured.err.startswith("threadlog: internal error (LookupError); run again with")
    assert "secret" not in captured.err
    monkeypatch.setenv("THREADLOG_DEBUG", "1")
    with pytest.raises(LookupError):
        main_module.main(["--home", str(home), "list"])
