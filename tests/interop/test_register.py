"""Rows that we change beside the real Codex: it lists, reads and goes on as if it had done so."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interop.codex_answers import codex_turns, history_of, probe
from interop.codex_made_homes import Builder
from interop.codex_process import AppServer, CodexHome, await_true
from interop.mock_model import MockModel
from interop.our_threads import Form
from state_databases import row_moved, row_removed
from threadlog.codex.rows import CodexRegister
from threadlog.core import layout

AT_S = 1_795_681_886
_REVISION = "01a216fb-2135-7dc0-85a6-ab9113f92dd4"
_NEWEST_FORMS = ["newest, legacy", "newest, paginated"]

Running = Callable[[Callable[[], object]], contextlib.AbstractContextManager[AppServer]]


@pytest.fixture(autouse=True)
def _with_database(form: Form, codex_home: CodexHome) -> None:
    """The older Codex has none unless it is told to; its switches are the last in the settings."""
    if not form.newest:
        with (codex_home.path / "config.toml").open("a") as settings:
            settings.write("sqlite = true\n")


@pytest.fixture(params=["cold", "running"])
def running(request: pytest.FixtureRequest, form: Form, codex_home: CodexHome) -> Running:
    """A Codex that was running when something was done behind its back, or that came after."""

    @contextlib.contextmanager
    def run(act: Callable[[], object]) -> Iterator[AppServer]:
        if request.param == "cold":
            act()
        with AppServer(form.binary, codex_home) as codex:
            if request.param == "running":
                _listed(codex)  # it has looked
                act()
            yield codex

    return run


class Kept:
    """A thread of a Codex that has ended, and our register of its home."""

    def __init__(self, form: Form, home: CodexHome, model: MockModel, *texts: str) -> None:
        self.home = home
        self.register = CodexRegister(str(home.path), str(home.path))
        mode = form.mode if form.newest else None
        with AppServer(form.binary, home) as codex:
            self.id, self.turns = Builder(codex, model, mode).chat(*texts)
            # The older one takes threads in, and writes their rows, in its own time.
            await_true(lambda: self.register.row(self.id) is not None and self._is_ready())
        (self.path,) = home.rollouts()

    def _is_ready(self) -> bool:
        return self.register.obstacle(self.id) is None

    @property
    def row(self) -> dict[str, Any]:
        """What Codex's database holds of it: it cannot be read while a Codex lets go of it."""
        found: list[dict[str, Any] | None] = []

        def asked() -> bool:
            found.append(self.register.row(self.id))
            return found[-1] is not None

        await_true(asked)
        assert found[-1] is not None
        return found[-1]

    def archive(self) -> None:
        """As our archive: the file, then the row."""
        new = self.home.path / layout.ARCHIVED / self.path.name
        new.parent.mkdir(exist_ok=True)
        self._move(new, AT_S)

    def unarchive(self) -> None:
        """And back."""
        name = layout.parse_name(self.path.name)
        assert name is not None
        assert name.stamp is not None
        self._move(self.home.path / layout.day_folder(name.stamp) / self.path.name, None)

    def _move(self, new: Path, archived_at_s: int | None) -> None:
        assert self.register.obstacle(self.id, str(self.path)) is None
        self.path.rename(new)
        assert row_moved(self.register, self.id, str(self.path), str(new), archived_at_s) is None
        self.path = new
        assert self.row["rollout_path"] == str(new)


@pytest.fixture
def kept(form: Form, codex_home: CodexHome, model: MockModel) -> Kept:
    """A thread of two turns, at rest."""
    return Kept(form, codex_home, model, "One.", "Two.")


def _listed(codex: AppServer, **more: Any) -> dict[str, Any]:
    """The threads of a list by id, each with its name."""
    page = codex.call("thread/list", modelProviders=[], **more)
    return {row["id"]: row.get("name") for row in page["data"]}


def _lists(codex: AppServer, form: Form, *, archived: bool = False) -> list[dict[str, Any]]:
    """The same of every way to list: by the files, and by the database alone."""
    found = [_listed(codex, archived=archived)]
    if form.newest:
        found.append(_listed(codex, archived=archived, useStateDbOnly=True))
    return found


def _asked(codex: AppServer, thread: str) -> list[str]:
    return [text for turn in codex_turns(codex, thread) for text in turn.user]


def test_what_we_archive_is_archived(kept: Kept, form: Form, running: Running) -> None:
    with running(kept.archive) as codex:
        assert all(kept.id not in each for each in _lists(codex, form))
        assert all(kept.id in each for each in _lists(codex, form, archived=True))
        if form.newest:
            assert _asked(codex, kept.id) == ["One.", "Two."]
            for method in ("thread/resume", "thread/fork"):
                assert "is archived" in codex.refusal(method, threadId=kept.id)
        codex.call("thread/unarchive", threadId=kept.id)
        codex.call("thread/resume", threadId=kept.id)
        assert _asked(codex, kept.id) == ["One.", "Two."]


def test_what_we_bring_back_is_gone_on_with(
    kept: Kept, form: Form, running: Running, model: MockModel
) -> None:
    before = kept.row
    kept.archive()
    with running(kept.unarchive) as codex:
        assert kept.row == before
        assert all(kept.id in each for each in _lists(codex, form))
        assert all(kept.id not in each for each in _lists(codex, form, archived=True))
        codex.call("thread/resume", threadId=kept.id)
        probe(codex, model, kept.id)
        assert _asked(codex, kept.id)[:2] == ["One.", "Two."]
        codex.call("thread/archive", threadId=kept.id)
    assert kept.row["archived"] == 1


def test_what_codex_archived_we_bring_back(kept: Kept, form: Form, running: Running) -> None:
    with AppServer(form.binary, kept.home) as codex:
        codex.call("thread/archive", threadId=kept.id)
    (kept.path,) = kept.home.rollouts()
    with running(kept.unarchive) as codex:
        assert all(kept.id in each for each in _lists(codex, form))
        codex.call("thread/resume", threadId=kept.id)


def test_a_name_that_we_give_is_shown(kept: Kept, form: Form, running: Running) -> None:
    def rename() -> None:
        assert kept.register.renamed(kept.id, str(kept.path), "Ours") is None
        kept.register.note_name(kept.id, "Ours", AT_S * 1000)

    with running(rename) as codex:
        if form.newest:
            assert [each[kept.id] for each in _lists(codex, form)] == ["Ours", "Ours"]
            assert codex.call("thread/read", threadId=kept.id)["thread"]["name"] == "Ours"
            codex.call("thread/name/set", threadId=kept.id, name="Theirs")
    with AppServer(form.binary, kept.home) as codex:
        codex.call("thread/resume", threadId=kept.id)
        if form.newest:
            assert [each[kept.id] for each in _lists(codex, form)] == ["Theirs", "Theirs"]
        else:  # a title of what was said: the first, or what it heard as it wrote the row at last
            assert kept.row["title"] in ("One.", "Two.")


def test_a_thread_that_we_delete_is_gone_and_one_that_we_restore_is_there(
    kept: Kept, form: Form, running: Running
) -> None:
    away = kept.home.path / "away"

    def delete() -> None:
        kept.path.rename(away)
        assert row_removed(kept.register, kept.id, str(kept.path)) is None
        assert kept.register.row(kept.id) is None

    with running(delete) as codex:
        for archived in (False, True):
            assert all(kept.id not in each for each in _lists(codex, form, archived=archived))
        assert "no rollout found" in codex.refusal("thread/resume", threadId=kept.id)
        away.rename(kept.path)  # without its row, which Codex makes anew
        assert _asked(codex, kept.id) == ["One.", "Two."]
        codex.call("thread/resume", threadId=kept.id)
        assert all(kept.id in each for each in _lists(codex, form))
    await_true(lambda: kept.register.row(kept.id) is not None)
    assert kept.row["rollout_path"] == str(kept.path)


@pytest.mark.parametrize("form", ["newest, paginated"], indirect=True)
def test_metadata_that_we_patch_is_read(kept: Kept, running: Running) -> None:
    def patch() -> None:
        values = {"git_sha": "abc", "git_branch": "ours", "memory_mode": "disabled"}
        assert kept.register.patched(kept.id, str(kept.path), values) is None

    with running(patch) as codex:
        read = codex.call("thread/read", threadId=kept.id)["thread"]
        assert (read["gitInfo"]["sha"], read["gitInfo"]["branch"]) == ("abc", "ours")
        codex.call("thread/resume", threadId=kept.id)
    assert kept.row["memory_mode"] == "disabled"


def _revise(kept: Kept, turn: str) -> Path:
    """A revision file as a revert before this turn writes it."""
    offset = 0
    for line in kept.path.read_bytes().splitlines(keepends=True):
        entry = json.loads(line)
        if offset == 0:
            meta = entry
        elif entry["payload"].get("type") == "task_started" and entry["payload"]["turn_id"] == turn:
            break
        offset += len(line)
    ordinal = entry["ordinal"]
    base = {"thread_id": kept.id, "end_ordinal_exclusive": ordinal, "end_byte_offset": offset}
    revised = {**meta, "ordinal": ordinal, "payload": {**meta["payload"], "history_base": base}}
    path = kept.path.with_name(f"{kept.path.stem}_{_REVISION}.jsonl")
    path.write_bytes(json.dumps(revised).encode() + b"\n")
    return path


@pytest.mark.parametrize("form", ["newest, paginated"], indirect=True)
def test_a_revert_of_ours_is_the_thread_from_then_on(
    kept: Kept, form: Form, running: Running, model: MockModel
) -> None:
    def revert() -> None:
        path = _revise(kept, kept.turns[1])
        assert kept.register.repointed(kept.id, str(kept.path), str(path)) is None

    with running(revert) as codex:
        assert all(kept.id in each for each in _lists(codex, form))
        assert _asked(codex, kept.id) == ["One."]
        codex.call("thread/resume", threadId=kept.id)
        seen = json.dumps(history_of(probe(codex, model, kept.id)))
        assert "One." in seen
        assert "Two." not in seen
        fork = codex.call("thread/fork", threadId=kept.id)["thread"]
        with Path(fork["path"]).open() as file:
            assert json.loads(next(file))["payload"]["history_base"]["thread_id"] == _REVISION
        assert len(fork["turns"]) == 2


@pytest.mark.parametrize("form", ["newest, paginated"], indirect=True)
def test_without_its_row_a_revert_is_not_seen(kept: Kept, running: Running) -> None:
    with running(lambda: _revise(kept, kept.turns[1])) as codex:
        codex.call("thread/resume", threadId=kept.id)
        assert _asked(codex, kept.id) == ["One.", "Two."]


@pytest.mark.parametrize("form", _NEWEST_FORMS, indirect=True)
def test_the_agents_of_a_thread_are_told(kept: Kept) -> None:
    assert kept.register.spawned() == {}
    other = "01a216fb-0000-7000-8000-000000000000"
    with contextlib.closing(sqlite3.connect(kept.home.path / "state_5.sqlite")) as connection:
        command = "INSERT INTO thread_spawn_edges VALUES (?, ?, 'open')"
        connection.execute(command, (kept.id, other))
        connection.commit()
    assert kept.register.spawned() == {kept.id: [other]}


def test_no_checkpoint_is_ours_beside_a_running_codex(kept: Kept, form: Form) -> None:
    path = kept.home.path / "state_5.sqlite"
    with AppServer(form.binary, kept.home) as codex:
        codex.call("thread/resume", threadId=kept.id)
        await_true(Path(f"{path}-wal").exists)
        before, inode = path.read_bytes(), Path(f"{path}-wal").stat().st_ino
        for number in range(20):
            new = kept.path.with_name(f"{number}.jsonl")
            assert kept.register.repointed(kept.id, str(kept.path), str(new)) is None
            assert kept.register.repointed(kept.id, str(new), str(kept.path)) is None
        assert path.read_bytes() == before
        assert Path(f"{path}-wal").stat().st_ino == inode
    assert kept.row["rollout_path"] == str(kept.path)
