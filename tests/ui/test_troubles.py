"""What goes amiss on the loop of `threadlog ui`: a sentence, and the program goes on."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import os
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
from screens import Seat, put_turns, sit
from textual.app import App

import threadlog
from makers import uuid
from threadlog.cli import ui
from threadlog.core.query import ThreadSummary
from threadlog.ui import app, resuming
from threadlog.ui.app import Browser
from threadlog.ui.browse import Browse
from threadlog.ui.pages import Choice
from threadlog.ui.start import Start


def test_a_working_directory_that_was_removed_is_told_and_does_not_end_the_program(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_turns(home, 1, ["one"])
    codex = tmp_path / "bin" / "codex"
    codex.parent.mkdir()
    codex.write_text("#!/bin/sh\n")
    codex.chmod(0o755)
    monkeypatch.setenv("PATH", str(codex.parent))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)

    async def scenario(seat: Seat) -> None:
        here.rmdir()
        await seat.press("c")
        await seat.see("is not there any more", "1 of 1 threads")
        await seat.press("r")
        await seat.see("Go on with it?", "codex resume")
        await seat.press("escape")
        await seat.see("1 of 1 threads")

    sit(home, scenario, size=(120, 24))


def test_a_home_that_was_moved_away_is_told(home: Path) -> None:
    put_turns(home, 1, ["one"])

    async def scenario(seat: Seat) -> None:
        await seat.see("1 of 1 threads")
        home.rename(home.with_name("elsewhere"))
        await seat.press("f5")
        await seat.see(f"no folder {home}"[:60])
        await seat.press("slash")
        await seat.see_no("no folder")
        await seat.type("one")
        await seat.press("enter")
        await seat.see(f"no folder {home}"[:60])
        await seat.press("escape")
        home.with_name("elsewhere").rename(home)
        await seat.press("f5")
        await seat.see("1 of 1 threads")
        await seat.see_no("no folder")

    sit(home, scenario, size=(160, 24))


@pytest.mark.parametrize("worker", [False, True])
def test_a_defect_on_the_loop_is_a_sentence_and_the_program_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch, worker: bool
) -> None:
    put_turns(home, 1, ["one"])

    def fail(*_args: object) -> ThreadSummary | None:
        raise RuntimeError("a secret")

    async def scenario(seat: Seat) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Browse, "meant", fail)
            await seat.press("a" if worker else "y")
            text = await seat.see("a defect of threadlog (RuntimeError)")
            assert "secret" not in text
        await seat.press("y")
        await seat.see(f"id copied: {uuid(1)}")

    sit(home, scenario)


@pytest.mark.parametrize("named", [True, False])
def test_a_defect_that_ends_the_program_is_a_sentence_without_values(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], named: bool
) -> None:
    put_turns(home, 1, ["a secret of mine"])

    def fail(self: Browse, *_args: object) -> None:
        words = "a secret of mine"
        raise RuntimeError(words)

    monkeypatch.setattr(Browse, "_moved", fail)
    monkeypatch.setattr(Browse, "_decorated_handlers", {}, raising=False)
    monkeypatch.setattr(Browse, "on_list_view_moved", fail, raising=False)
    opened = threadlog.open(home)
    browser = Browser(opened, Start(opened, Choice()))
    monkeypatch.setattr(ui, "is_terminal", lambda _stream: True)
    run = partial(browser.run_async, headless=True)
    monkeypatch.setattr(app, "Browser", lambda *_asked: browser)
    monkeypatch.setattr(browser, "run", lambda: asyncio.run(asyncio.wait_for(run(), 20)))
    if not named:  # a textual that names it otherwise
        monkeypatch.setattr(Browser, "_fatal_error", App._fatal_error)
    assert ui.run(opened, argparse.Namespace(agent=None, model=None)) == 1
    told = capsys.readouterr()
    what = "a defect of threadlog (RuntimeError)" if named else "a defect of threadlog;"
    assert told.err.startswith(f"threadlog: the ui ended: {what}")
    assert told.err.count("\n") == 1
    assert "secret" not in told.err + told.out
    assert "Traceback" not in told.err + told.out


def test_one_hook_of_textual_s_own_is_used_which_these_versions_have() -> None:
    shared = [name for name in vars(Browser) if inspect.isfunction(getattr(App, name, None))]
    own = [name for name in shared if name.startswith("_") and name != "__init__"]
    assert own == ["_fatal_error"]
    assert version("textual").split(".")[0] in ("7", "8"), "see whether it still calls that"


def test_nothing_goes_on_in_the_background_that_could_end_the_program() -> None:
    modules = list(Path(app.__file__).parent.glob("*.py"))
    assert len(modules) > 10
    for path in modules:
        assert "@work" not in path.read_text(), f"{path.name}: use screen.background"


@pytest.mark.parametrize(("code", "wanted"), [(0, 0), (1, 1), (None, 1)])
def test_the_exit_code_is_that_of_the_program_also_where_it_failed(
    home: Path, monkeypatch: pytest.MonkeyPatch, code: int | None, wanted: int
) -> None:
    monkeypatch.setattr(ui, "is_terminal", lambda _stream: True)
    monkeypatch.setattr(app.Browser, "run", lambda _self: None)
    monkeypatch.setattr(app.Browser, "return_code", code)
    with threadlog.open(home) as opened:
        assert ui.run(opened, argparse.Namespace(agent=None, model=None)) == wanted


def test_an_interrupt_is_for_the_program_that_the_terminal_was_lent_to(tmp_path: Path) -> None:
    script = tmp_path / "child"
    script.write_text("#!/bin/sh\ntrap 'exit 4' INT\nkill -INT $PPID\nkill -INT $$\nexit 0\n")
    script.chmod(0o755)
    command = resuming.Command((str(script),), str(tmp_path), os.fspath(tmp_path))
    try:
        code = command.run()
    except KeyboardInterrupt:
        pytest.fail("it was taken for ours")
    assert code == 4
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), 2)
