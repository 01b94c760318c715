"""A command pays only for what it uses: what is loaded is what it needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from makers import THREAD, content, file_name, meta, put, put_names, python, turn
from state_databases import put_state

HEAVY = {"msgspec", "asyncio", "pathlib", "subprocess", "compression", "backports"}

CODE = """
import json, os, sys
before = set(sys.modules)
from threadlog.cli.main import main
out = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
code = main(sys.argv[1:])
sys.stdout.flush()
os.dup2(out, 1)
print(json.dumps([code, sorted(set(sys.modules) - before)]))
"""


def loaded(home: Path, *words: str) -> set[str]:
    """The modules that a command loads, on top of what Python itself has."""
    put(home, content([meta(), *turn("hello")]))
    put_names(home, (THREAD, "a name"))
    with python(CODE, "--home", str(home), *words) as program:
        out, err = program.communicate(timeout=60)
    assert not err or err.startswith("no ")
    code, modules = json.loads(out)
    assert code == 0
    return set(modules)


def top(modules: set[str]) -> set[str]:
    """Their packages."""
    return {name.split(".")[0] for name in modules}


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "--json"],
        ["list", "--all", "--archived"],
        ["list", "--sort", "updated", "--cwd", "."],
        ["tree"],
        ["tree", THREAD],
        ["path", THREAD],
        ["path", "last"],
        ["path", "a name"],
    ],
    ids=" ".join,
)
def test_listing_loads_nothing_heavy(home: Path, words: list[str]) -> None:
    modules = loaded(home, *words)
    assert not top(modules) & HEAVY
    ours = {name for name in modules if name.startswith("threadlog.")}
    for part in ("items", "decode", "history", "replay", "turns", "recorder", "journal", "lock"):
        assert not [name for name in ours if part in name.split(".")]


def test_a_compressed_rollout_is_what_loads_the_decompressor(home: Path) -> None:
    put(home, content([meta()]), file_name().replace("0a.jsonl", "0b.jsonl.zst"))
    assert top(loaded(home, "list")) & {"backports", "compression"}


def test_a_database_is_what_loads_sqlite_and_a_setting_what_reads_toml(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config.toml").write_text('model_provider = "some"')
    assert not loaded(home, "list") & {"sqlite3", "tomllib", "urllib.parse"}
    monkeypatch.delenv("CODEX_SQLITE_HOME")
    put_state(home, {})
    assert "sqlite3" in loaded(home, "list")


def test_showing_loads_no_pager_no_recorder_and_no_decompressor(home: Path) -> None:
    modules = loaded(home, "show", THREAD)
    assert "msgspec" in modules
    assert not top(modules) & {"asyncio", "backports", "compression"}
    assert not [name for name in modules if "recorder" in name or "journal" in name]
