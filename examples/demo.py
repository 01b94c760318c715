"""What `make demo` shows: a thread recorded as an agent would, found, read, and gone on with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLES = Path(__file__).parent


def show(home: str, *words: str, given: str = "") -> None:
    print(f"\n$ threadlog {' '.join(words)}{' < turn.jsonl' if given else ''}", flush=True)
    command = [sys.executable, "-m", "threadlog", "--home", home, *words]
    subprocess.run(command, check=True, input=given, text=True)


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
        # --force: the rollout changed a moment ago, and nobody else is writing.
        show(home, "record", "--resume", "last", "--force", given=turn())
        show(home, "show", "last", "--tail", "1", "--no-pager")
    print("\nThe demo's home is gone again. Your own: threadlog list")


def damage(home: str) -> None:
    """A crash in the middle of a line: it costs that line and nothing else."""
    newest = max(
        Path(home).glob("sessions/*/*/*/*.jsonl"), key=lambda path: path.stat().st_mtime_ns
    )
    with newest.open("ab") as file:
        file.write(b'{"timestamp":"2026-01-01T00:00:00.000Z","type":"event_m')


def turn() -> str:
    """A turn as an agent in another language would write it: one item a line."""
    events = [
        {"type": "task_started", "turn_id": "turn-of-another"},
        {"type": "user_message", "message": "And in the tests?"},
        {"type": "agent_message", "message": "None."},
        {"type": "task_complete", "turn_id": "turn-of-another"},
    ]
    return "".join(json.dumps({"type": "event_msg", "payload": each}) + "\n" for each in events)


if __name__ == "__main__":
    main()
