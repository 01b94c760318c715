"""Agents by name: what is found, and the sentence for each way in which it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from threadlog.agents import finding
from threadlog.agents.scripted import agent as scripted


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    known = set(sys.modules)
    (tmp_path / "my_agents.py").write_text(
        "class Box:\n    @staticmethod\n    async def agent(turn):\n        yield\nnumber = 5\n"
    )
    (tmp_path / "my_broken.py").write_text("raise RuntimeError('no luck')\n")
    (tmp_path / "my_leaving.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "my_needing.py").write_text("import not_there_at_all\n")
    yield
    for name in set(sys.modules) - known:
        if name.startswith("my_"):
            del sys.modules[name]


def test_an_agent_of_the_package_is_found() -> None:
    assert finding.find_agent(finding.EXAMPLE) is scripted


def test_modules_of_the_working_directory_and_dotted_attributes_are_found() -> None:
    assert callable(finding.find_agent("my_agents:Box.agent"))


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("", "module:callable"),
        ("my_agents", "module:callable"),
        ("my_agents:", "module:callable"),
        (":agent", "module:callable"),
        ("my_agents:a:b", "module:callable"),
        ("my_agents:a..b", "module:callable"),
        ("my agents:a", "module:callable"),
        (".my_agents:a", "module:callable"),
        ("my_absent:agent", "There is no module 'my_absent'"),
        ("my_agents.deeper:agent", "There is no module 'my_agents.deeper'"),
        ("my_absent.deeper:agent", "There is no module 'my_absent'"),
        ("my_broken:agent", "'my_broken' cannot be imported: RuntimeError: no luck"),
        ("my_leaving:agent", "'my_leaving' cannot be imported: SystemExit: 3"),
        ("my_needing:agent", "ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("my_agents:absent", "my_agents has no 'absent'"),
        ("my_agents:Box.absent", "my_agents.Box has no 'absent'"),
        ("my_agents:number", "of type int, not callable"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(spec: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        finding.find_agent(spec)
    assert sentence in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
