"""What every test runs with: temporary homes, and a guard that fails what opens a real one."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# No test is about speed; and a change that lands must not depend on what chance tries in CI.
settings.register_profile(
    "threadlog",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("threadlog")

HOME_VARIABLES = ("HOME", "CODEX_HOME", "CODEX_SQLITE_HOME", "THREADLOG_HOME")
_REAL_USER_HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)


def _real_homes() -> list[str]:
    """The homes that must not be touched, as they were before any test changed the environment."""
    homes = {str(_REAL_USER_HOME / ".codex"), str(_REAL_USER_HOME / ".threadlog")}
    for name in ("CODEX_HOME", "CODEX_SQLITE_HOME", "THREADLOG_HOME"):
        if value := os.environ.get(name):
            homes.add(str(Path(value).absolute()))
    homes.add(str(Path(os.environ.get("HOME", str(_REAL_USER_HOME))) / ".codex"))
    return sorted(homes)


class RealHomeOpened(BaseException):
    """A test reached for a real home; not an Exception, so that no code under test swallows it."""


_WATCHED = tuple(_real_homes())
_EVENTS = frozenset(
    ["open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "sqlite3.connect"]
)
_opened: list[str] = []


def _guard(event: str, args: tuple[Any, ...]) -> None:
    if event not in _EVENTS or not args or not isinstance(args[0], (str, bytes, os.PathLike)):
        return
    path = os.fsdecode(args[0])
    if path.startswith(_WATCHED) and any(
        path == home or path.startswith(home + os.sep) for home in _WATCHED
    ):
        _opened.append(path)
        raise RealHomeOpened(path)


sys.addaudithook(_guard)


@pytest.fixture(autouse=True)
def isolated_homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point every variable that names a home into the test's own folder."""
    for name in HOME_VARIABLES:
        folder = tmp_path / "homes" / name.lower()
        folder.mkdir(parents=True)
        monkeypatch.setenv(name, str(folder))
    _opened.clear()
    yield
    assert not _opened, f"a real home was opened: {_opened}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home of the test's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def corpus_root() -> Path | None:
    """The folder of genuine Codex homes, if this machine has it."""
    given = os.environ.get("THREADLOG_CORPUS")
    root = Path(given) if given else Path(__file__).parents[2] / "shared" / "corpus"
    return root if root.is_dir() else None


_ALLOWED_SKIPS = Path(__file__).with_name("allowed_skips.txt")
_skipped: set[str] = set()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of pages; what drives it is loaded for these alone."""
    from chromium import launched

    with launched() as running:
        yield running


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        _skipped.add(report.nodeid.partition("[")[0])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test may skip only if it stands on the committed list."""
    if os.environ.get("CI") != "true":
        return
    lines = _ALLOWED_SKIPS.read_text().splitlines()
    allowed = {line.strip() for line in lines if line.strip() and not line.startswith("#")}
    if surprising := sorted(_skipped - allowed):
        print("\nskipped, and not in tests/allowed_skips.txt:", *surprising, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
