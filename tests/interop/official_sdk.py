"""OpenAI's Python SDK in an environment of its own, without the program of Codex that it brings."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from interop.app_client import Subject
from interop.codex_process import NotInstalled, cache_folder, run_installer

VERSION = "0.163.0"
FLOWS = Path(__file__).parent / "sdk_flows.py"
# What it needs, pinned as the SDK is.
_NEEDED = ("pydantic==2.14.4", "packaging==26.3")
_WAIT_S = 60.0


def install_sdk() -> Path:
    """A Python that can import it; raises NotInstalled."""
    folder = cache_folder() / f"openai-codex-{VERSION}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        package = f"openai-codex=={VERSION}"
        run_installer(package, folder, [sys.executable, "-m", "venv", str(folder)])
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
        run_installer(package, folder, [*pip, "--no-deps", package])
        run_installer(package, folder, [*pip, *_NEEDED])
        ready.touch()
    if not python.exists():
        raise NotInstalled(f"there is no Python in {folder}")
    return python


def run_flows(python: Path, subject: Subject, release: Callable[[], None]) -> str:
    """All flows with a server; what they printed, which ends with `done` if all went well."""
    given = json.dumps({"command": subject.command, "cwd": str(subject.work)})
    running = subprocess.Popen(
        [str(python), str(FLOWS), given],
        cwd=subject.work,
        env=subject.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watch = threading.Timer(_WAIT_S, running.kill)
    watch.start()
    printed = []
    assert running.stdout is not None
    with running.stdout:
        for line in running.stdout:
            printed.append(line)
            if line == "release\n":
                release()
    running.wait()
    watch.cancel()
    return "".join(printed)
