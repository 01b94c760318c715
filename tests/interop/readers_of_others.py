"""Programs of others that read a Codex home: what they count in one.

Each is installed from its registry, at one version, into the cache beside the Codex binaries.
They run offline: whatever would go out finds a proxy that is not there.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from interop.codex_process import (
    WAIT_S,
    CodexHome,
    NotInstalled,
    cache_folder,
    install_from_npm,
    run_installer,
)

CCUSAGE, AGENTSVIEW = "18.0.11", "0.46.1"
_NO_PROXY_THERE = "http://127.0.0.1:9"
_QUESTION = """\
SELECT sessions.id, role, content, has_tool_use, parser_malformed_lines AS bad
FROM sessions JOIN messages ON session_id = sessions.id ORDER BY sessions.id, messages.ordinal
"""


class Counted(NamedTuple):
    """The tokens of a thread; cached ones are part of the input, reasoning of the output."""

    input: int
    cached: int
    output: int
    reasoning: int
    total: int


class Seen(NamedTuple):
    """A thread as agentsview keeps it; a tool call is a message of its own there."""

    messages: tuple[tuple[str, str], ...]
    tool_calls: int
    bad_lines: int


def install_ccusage() -> Path:
    """The script of `@ccusage/codex`."""
    folder = cache_folder() / f"ccusage-{CCUSAGE}"
    script = folder / "node_modules" / ".bin" / "ccusage-codex"
    if not script.exists():
        install_from_npm(f"@ccusage/codex@{CCUSAGE}", folder)
    return script


def install_agentsview() -> Path:
    """The program `agentsview`, in a virtual environment of its own."""
    folder = cache_folder() / f"agentsview-{AGENTSVIEW}"
    program = folder / "bin" / "agentsview"
    if not program.exists():
        package = f"agentsview=={AGENTSVIEW}"
        run_installer(package, folder, [sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        run_installer(package, folder, [*pip, "install", "--no-deps", package])
    if not program.exists():
        raise NotInstalled(f"the package agentsview brought no program to {folder}")
    return program


def ccusage(script: Path, home: CodexHome) -> dict[str, Counted]:
    """The tokens that ccusage counts, by the id of the thread."""
    told = json.loads(_run([str(script), "session", "--json", "--offline"], home))
    return {
        row["sessionId"][-36:]: Counted(
            row["inputTokens"],
            row["cachedInputTokens"],
            row["outputTokens"],
            row["reasoningOutputTokens"],
            row["totalTokens"],
        )
        for row in told["sessions"]
    }


def agentsview(program: Path, home: CodexHome) -> dict[str, Seen]:
    """What agentsview takes into its database from a home, by the id of the thread."""
    _run([str(program), "sync"], home)
    with contextlib.closing(sqlite3.connect(_data_of(home) / "sessions.db")) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute(_QUESTION).fetchall()
    found: dict[str, list[sqlite3.Row]] = {}
    for row in rows:
        found.setdefault(row["id"].removeprefix("codex:"), []).append(row)
    return {thread: _seen(of_thread) for thread, of_thread in found.items()}


def _seen(rows: list[sqlite3.Row]) -> Seen:
    return Seen(
        messages=tuple((row["role"], row["content"]) for row in rows if not row["has_tool_use"]),
        tool_calls=sum(row["has_tool_use"] for row in rows),
        bad_lines=rows[0]["bad"],
    )


def _data_of(home: CodexHome) -> Path:
    return home.user / "agentsview"


def _run(command: list[str], home: CodexHome) -> str:
    environment = {
        **home.environment(),
        "CODEX_SESSIONS_DIR": str(home.path / "sessions"),
        "AGENTSVIEW_DATA_DIR": str(_data_of(home)),
        "AGENTSVIEW_NO_DAEMON": "1",
        "AGENTSVIEW_TELEMETRY_ENABLED": "0",
        "AGENTSVIEW_DISABLE_UPDATE_CHECK": "1",
        "DO_NOT_TRACK": "1",
        "HTTP_PROXY": _NO_PROXY_THERE,
        "HTTPS_PROXY": _NO_PROXY_THERE,
    }
    done = subprocess.run(
        command,
        cwd=home.work,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
