"""What `make demo` shows: a thread recorded as an agent would, then found and read again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).parent


def show(home: str, *words: str) -> None:
    print(f"\n$ threadlog {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "threadlog", "--home", home, *words]
    subprocess.run(command, check=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="threadlog-demo-") as home:
        for name in ("HOME", "CODEX_HOME", "CODEX_SQLITE_HOME", "THREADLOG_HOME"):
            os.environ[name] = home
        print("$ python examples/agent.py HOME", flush=True)
        agent = [sys.executable, str(EXAMPLES / "agent.py"), home, os.path.expanduser("~/src/lib")]
        subprocess.run(agent, check=True)
        damage(home)
        show(home, "list")
        show(home, "show", "last", "--no-pager")
        show(home, "path", "last")
    print("\nThe demo's home is gone again. Your own: threadlog list")


def damage(home: str) -> None:
    """A crash in the middle of a line: it costs that line and nothing else."""
    newest = max(
        Path(home).glob("sessions/*/*/*/*.jsonl"), key=lambda path: path.stat().st_mtime_ns
    )
    with newest.open("ab") as file:
        file.write(b'{"timestamp":"2026-01-01T00:00:00.000Z","type":"event_m')


if __name__ == "__main__":
    main()
