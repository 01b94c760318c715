"""Build the wheel, install it into an empty environment of its own, and use it once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, **environment}
    )
    return done.stdout + done.stderr


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, str(ROOT))
        (wheel,) = Path(folder).glob("*.whl")
        (sdist,) = Path(folder).glob("*.tar.gz")
        empty = Path(folder, "venv")
        run(sys.executable, "-m", "venv", str(empty))
        pip = (str(empty / "bin" / "python"), "-m", "pip", "--quiet")
        run(*pip, "install", "--disable-pip-version-check", str(wheel))
        home = Path(folder, "home")
        home.mkdir()
        command = str(empty / "bin" / "threadlog")
        said = run(command, "--version", THREADLOG_HOME=str(home)).strip()
        listed = run(command, "list", THREADLOG_HOME=str(home)).strip()
        assert said.startswith("threadlog "), said
        assert listed == f"no threads in {home}", listed
        typed = list(empty.glob("lib/python*/site-packages/threadlog/py.typed"))
        assert typed, "py.typed is missing from the wheel"
        print(f"{wheel.name} and {sdist.name}: built; installed alone, it says: {said}")


if __name__ == "__main__":
    main()
