"""Names, given by either side, survive the loss of both indexes: ours, and Codex's databases."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import threadlog
from interop.codex_answers import codex_listing, opened, resume
from interop.codex_made_homes import Builder
from interop.codex_process import AppServer, CodexHome, await_true
from interop.mock_model import MockModel
from interop.operations import settle
from interop.our_threads import Form
from odd_databases import STATE_5, holding
from threadlog.codex.state import read_row
from threadlog.core import layout

US, CODEX = "us", "Codex"
# Who names a thread, one after the other; the last of them counts.
GIVERS = ((CODEX,), (US,), (CODEX, US), (US, CODEX), (US, CODEX, US), (CODEX, US, CODEX))
OURS, THEIRS = f"{layout.OWN_FOLDER}/{layout.INDEX_FILE}*", "*.sqlite*"
Names = dict[str, str | None]


class Stage(NamedTuple):
    """A home in which both give names."""

    form: Form
    home: CodexHome
    model: MockModel

    def start(self) -> AppServer:
        """A Codex that knows only what is on disk."""
        return AppServer(self.form.binary, self.home)

    def give(self, who: str, names: dict[str, str]) -> None:
        """One of the two names threads."""
        if who == CODEX:
            with self.start() as codex:
                for thread, name in names.items():
                    if not self.form.newest:  # it names what it has loaded
                        resume(codex, thread)
                    codex.call("thread/name/set", threadId=thread, name=name)
                await_true(lambda: self._are_written(names))  # the older one answers before
        else:
            settle(self.home)
            with opened(self.home) as home:
                for thread, name in names.items():
                    home.rename(thread, name)

    def _are_written(self, names: dict[str, str]) -> bool:
        path = self.home.path / layout.NAME_FILE
        written = path.read_text() if path.exists() else ""
        return all(each in written for each in names.values())

    def shown_by_codex(self) -> Names:
        """What Codex calls the threads."""
        with self.start() as codex:
            return {key: row.name for key, row in codex_listing(codex).items()}


@pytest.fixture
def stage(
    form: Form, codex_home: CodexHome, model: MockModel, monkeypatch: pytest.MonkeyPatch
) -> Stage:
    """The older Codex has no database unless it is told to; its switches are the last."""
    monkeypatch.setenv("CODEX_SQLITE_HOME", str(codex_home.path))
    if not form.newest:
        with (codex_home.path / "config.toml").open("a") as settings:
            settings.write("sqlite = true\n")
    return Stage(form, codex_home, model)


def made(stage: Stage, count: int) -> list[str]:
    """Threads made by Codex, with their rows."""
    with stage.start() as codex:
        made = Builder(codex, stage.model, stage.form.mode if stage.form.newest else None)
        threads = [made.chat("One.")[0] for _ in range(count)]
        folder = str(stage.home.path)
        await_true(lambda: all(read_row(folder, each) for each in threads))
    return threads


def named(stage: Stage) -> Names:
    """Threads with the names that they were given last, each by other hands."""
    threads = made(stage, len(GIVERS))
    last: Names = {}
    for turn in range(max(map(len, GIVERS))):
        for who in (US, CODEX):
            mine = {
                thread: f"{turn} by {who}"
                for thread, givers in zip(threads, GIVERS, strict=True)
                if givers[turn : turn + 1] == (who,)
            }
            if mine:
                stage.give(who, mine)
            last.update(mine)
    return last


def listed(home: Path) -> Names:
    """What we call the threads, with the index and by the files alone."""
    with threadlog.open(home) as ours:
        by_index = {each.id: each.name for each in ours.threads(limit=None)}
        by_files = ours.store.files.page(ours.query({"limit": None}))  # type: ignore[attr-defined]
        assert by_index == {each.id: each.name for each in by_files}
    return {key or "": name for key, name in by_index.items()}


def delete(home: Path, pattern: str) -> None:
    """Files of an index are gone."""
    for path in home.glob(pattern):
        path.unlink()


def orders() -> Iterator[tuple[bool, tuple[str, str], bool]]:
    """Whether we look first, which index goes first, and whether we look in between."""
    both = (False, True)
    return itertools.product(both, ((OURS, THEIRS), (THEIRS, OURS)), both)


def test_every_name_survives_the_loss_of_both_indexes(stage: Stage, tmp_path: Path) -> None:
    names = named(stage)
    for number, (first, gone, between) in enumerate(orders()):
        home = tmp_path / f"order {number}"
        shutil.copytree(stage.home.path, home, symlinks=True)
        assert not first or listed(home) == names
        delete(home, gone[0])
        assert not between or listed(home) == names
        delete(home, gone[1])
        assert listed(home) == names
        assert listed(home) == names

    delete(stage.home.path, OURS)
    delete(stage.home.path, THEIRS)
    # What Codex can show: 0.100 lists no names, 0.169 has those of paginated threads in rows only.
    forgets = not stage.form.newest or stage.form.mode == "paginated"
    assert stage.shown_by_codex() == (dict.fromkeys(names) if forgets else names)
    assert listed(stage.home.path) == names, "its new rows tell nothing newer"


@pytest.mark.parametrize("form", ["newest, paginated"], indirect=True)
def test_a_name_that_codex_forgot_is_given_back_by_naming_the_thread_again(stage: Stage) -> None:
    theirs, ours = made(stage, 2)
    stage.give(CODEX, {theirs: "by Codex"})
    stage.give(US, {ours: "by us"})
    names: Names = {theirs: "by Codex", ours: "by us"}
    delete(stage.home.path, THEIRS)
    assert stage.shown_by_codex() == dict.fromkeys(names)
    again = {key: str(name) for key, name in listed(stage.home.path).items()}
    stage.give(US, again)
    assert stage.shown_by_codex() == listed(stage.home.path) == again == names


@pytest.mark.parametrize("form", ["newest, legacy", "newest, paginated"], indirect=True)
@pytest.mark.parametrize("looked", [True, False])
def test_a_name_in_a_row_alone_survives_if_we_have_ever_looked(stage: Stage, looked: bool) -> None:
    (thread,) = made(stage, 1)
    stage.give(CODEX, {thread: "by Codex"})
    (stage.home.path / layout.NAME_FILE).unlink()
    if looked:
        assert listed(stage.home.path) == {thread: "by Codex"}
    delete(stage.home.path, THEIRS)
    delete(stage.home.path, OURS)
    assert listed(stage.home.path) == {thread: "by Codex" if looked else None}
    assert stage.shown_by_codex() == {thread: None}
    assert listed(stage.home.path) == {thread: "by Codex" if looked else None}


def test_the_newest_name_counts_after_every_loss(stage: Stage) -> None:
    (thread,) = made(stage, 1)
    for number, who in enumerate((US, CODEX, CODEX, US, US, CODEX)):
        name = f"{number} by {who}"
        stage.give(who, {thread: name})
        assert listed(stage.home.path) == {thread: name}
        delete(stage.home.path, THEIRS if number % 2 else OURS)
        assert listed(stage.home.path) == {thread: name}


@pytest.mark.parametrize("told", [True, False])
def test_a_turn_of_codex_makes_no_older_name_newer(stage: Stage, told: bool) -> None:
    """It changes the row, whose time is all that a name in a row has; and which may not know."""
    (thread,) = made(stage, 1)
    stage.give(CODEX, {thread: "by Codex"})
    if told:
        stage.give(US, {thread: "by us"})
    else:
        with holding(stage.home.path / STATE_5, ["BEGIN IMMEDIATE"]):
            stage.give(US, {thread: "by us"})
    with stage.start() as codex:
        resume(codex, thread)
        Builder(codex, stage.model, None).turn(thread, "Two.")
        shown = codex_listing(codex)[thread].name
    if stage.form.newest:
        knows = told or stage.form.mode == "legacy"  # whose names stand in the name file, too
        assert shown == ("by us" if knows else "by Codex")
    assert listed(stage.home.path) == {thread: "by us"}
    delete(stage.home.path, THEIRS)
    assert listed(stage.home.path) == {thread: "by us"}
