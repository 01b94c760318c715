"""The mock model and the real binaries; every test here runs one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.app_schema import AppSchema
from interop.codex_process import NEWEST, OLDER, CodexHome, NotInstalled, install, make_home
from interop.mock_model import MockModel
from interop.our_threads import Form

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def running_model() -> Iterator[MockModel]:
    """The server, which all tests share."""
    with MockModel() as running:
        yield running


@pytest.fixture
def model(running_model: MockModel) -> Iterator[MockModel]:
    """The model, for a test that must use its script up."""
    with running_model.used_up():
        yield running_model


@pytest.fixture(scope="session")
def newest() -> Path:
    """The Codex that threadlog is made to live beside."""
    return _binary(NEWEST)


@pytest.fixture(scope="session")
def older() -> Path:
    """The last Codex but the format's great changes: it knows neither locks nor pagination."""
    return _binary(OLDER)


def _binary(version: str) -> Path:
    try:
        return install(version)
    except NotInstalled as reason:
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def app_schema(newest: Path, tmp_path_factory: pytest.TempPathFactory) -> AppSchema:
    """The wire of the app-server, as the newest Codex prints it."""
    return AppSchema.printed_by(newest, tmp_path_factory.mktemp("app-schema"))


@pytest.fixture
def codex_home(tmp_path: Path, running_model: MockModel) -> CodexHome:
    """An empty home of the test's own."""
    return make_home(tmp_path / "interop", running_model.url)


@pytest.fixture(params=["newest, legacy", "newest, paginated", "older, legacy"])
def form(request: pytest.FixtureRequest) -> Form:
    """Each Codex with each history mode that it reads."""
    name, mode = request.param.split(", ")
    return Form(request.getfixturevalue(name), mode, name == "newest")
