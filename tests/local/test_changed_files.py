"""A rollout that somebody moves, deletes, replaces or cuts while it is recorded."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from faulty_disk import FaultyDisk, draft_on, mode_of, numbers, opened, rest, said
from makers import held as locked
from makers import tree
from threadlog import Closed, RolloutRecorder, WriteFailed


class Recorded(NamedTuple):
    """A live recorder of the messages 0, 1, 2, its rollout, and the disk under it."""

    recorder: RolloutRecorder
    path: Path
    disk: FaultyDisk

    @property
    def home(self) -> Path:
        return self.path.parents[4]

    @property
    def rescued(self) -> Path:
        return self.home / "threadlog" / "rescued" / self.path.name

    def refused(self) -> WriteFailed:
        """What a flush raises."""
        with pytest.raises(WriteFailed) as caught:
            self.recorder.flush()
        return caught.value


@pytest.fixture(params=["legacy", "paginated"])
def live(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Recorded]:
    disk = FaultyDisk()
    recorder = draft_on(disk, tmp_path / "home", mode=request.param)
    recorder.persist()
    yield Recorded(recorder, Path(recorder.path), disk)
    disk.disarm()
    recorder.discard()


def _replace(path: Path, data: bytes) -> None:
    other = path.with_name("other")
    other.write_bytes(data)
    other.replace(path)


def _replace_by_another(path: Path) -> None:
    _replace(path, path.read_bytes()[:-2] + b"x\n")


def _replace_by_a_part(path: Path) -> None:
    _replace(path, path.read_bytes()[:-20])


def _cut(path: Path) -> None:
    os.truncate(path, 10)


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _make_link(path: Path) -> None:
    other = path.with_name("elsewhere")
    other.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(other)


def _archive(path: Path) -> None:
    folder = path.parents[4] / "archived_sessions"
    folder.mkdir()
    path.rename(folder / path.name)


def _move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhen"))


def _delete_folders(path: Path) -> None:
    shutil.rmtree(path.parents[2])


Change = Callable[[Path], object]
DELETING: dict[str, Change] = {
    "deleted": Path.unlink,
    "deleted with its folders": _delete_folders,
    "replaced": _replace_by_another,
    "replaced by a part": _replace_by_a_part,
    "a folder": _make_folder,
    "a link": _make_link,
    "a pipe": _make_pipe,
}
MOVING: dict[str, Change] = {"archived": _archive, "its folder moved": _move_folder}
CHANGES: dict[str, Change] = {**DELETING, **MOVING, "cut": _cut}
REASONS = {
    "deleted": "somebody has deleted it; what was in it is kept in {}; put it back to go on",
    "replaced": "another file has taken its place; what was in it is kept in {}",
    "archived": "somebody has moved it to {}",
    "cut": "somebody has cut it; discard it, and resume the thread as it is now",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("resting", [True, False])
def test_a_file_that_somebody_changed_is_not_written_to(
    live: Recorded, change: str, *, resting: bool
) -> None:
    if resting:
        rest(live.recorder)
    CHANGES[change](live.path)
    before = tree(live.home / "sessions")
    live.recorder.record(said(3))
    error = live.refused()
    assert error.errno in (errno.ESTALE, errno.ELOOP, errno.EISDIR, errno.EINVAL)
    assert error.safe_items == 3
    assert tree(live.home / "sessions") == before
    assert live.recorder.pending_items == 1
    if change in REASONS and not (resting and change != "cut"):
        where = live.rescued if change in DELETING else live.home / "archived_sessions"
        assert REASONS[change].format(where) in str(error)


@pytest.mark.parametrize("change", DELETING)
def test_what_was_in_a_file_that_is_gone_is_kept(live: Recorded, change: str) -> None:
    before = live.path.read_bytes()
    DELETING[change](live.path)
    live.recorder.record(said(3))
    assert str(live.rescued) in str(live.refused())
    assert live.rescued.read_bytes() == before
    assert mode_of(live.rescued) == 0o600
    assert mode_of(live.rescued.parent) == 0o700
    assert live.rescued.stat().st_ino in live.disk.synced or not live.disk.armed
    assert str(live.rescued) in str(live.refused())  # and is kept once
    assert os.listdir(live.rescued.parent) == [live.rescued.name]


@pytest.mark.parametrize("change", ["deleted", "replaced", "a folder"])
def test_what_is_put_back_is_gone_on_with(live: Recorded, change: str) -> None:
    before = live.path.read_bytes()
    DELETING[change](live.path)
    live.recorder.record(said(3))
    live.refused()
    if live.path.is_dir():
        live.path.rmdir()
    live.rescued.rename(live.path)
    live.recorder.record(said(4))
    live.recorder.flush()
    assert live.path.read_bytes().startswith(before)
    assert numbers(live.path) == [0, 1, 2, 3, 4]
    live.recorder.record(said(5))
    live.recorder.close()
    assert numbers(live.path) == [0, 1, 2, 3, 4, 5]


def test_a_copy_of_the_same_bytes_is_gone_on_with_and_synced(live: Recorded) -> None:
    _replace(live.path, live.path.read_bytes())
    live.disk.synced.clear()
    live.recorder.record(said(3))
    assert live.disk.run(lambda: live.recorder.flush(level="kernel")) is None
    assert numbers(live.path) == [0, 1, 2, 3]
    assert live.path.stat().st_ino in live.disk.synced, "what was acknowledged would be lost"
    assert live.disk.run(live.recorder.flush) is None
    assert live.path.parent.stat().st_ino in live.disk.synced
    assert not live.rescued.exists()


def test_a_copy_is_not_trusted_where_there_is_nothing_to_compare(live: Recorded) -> None:
    rest(live.recorder)
    _replace(live.path, live.path.read_bytes())
    live.recorder.record(said(3))
    assert "another file has taken its place" in str(live.refused())
    assert numbers(live.path) == [0, 1, 2]


@pytest.mark.parametrize("change", MOVING)
@pytest.mark.parametrize("resting", [True, False])
def test_a_file_that_was_moved_is_gone_on_with_where_it_is_put_back(
    live: Recorded, change: str, *, resting: bool
) -> None:
    if resting:
        rest(live.recorder)
    MOVING[change](live.path)
    moved = next(live.home.rglob(live.path.name))
    live.recorder.record(said(3))
    assert "put it back to go on" in str(live.refused())
    assert not live.rescued.exists(), "nothing is gone"
    live.path.parent.mkdir(exist_ok=True)
    moved.rename(live.path)
    live.recorder.close()
    assert numbers(live.path) == [0, 1, 2, 3]


@pytest.mark.parametrize("change", MOVING)
def test_what_is_in_a_file_that_was_moved_can_still_be_synced(live: Recorded, change: str) -> None:
    live.recorder.record(said(3))
    live.recorder.flush(level="kernel")
    MOVING[change](live.path)
    moved = next(live.home.rglob(live.path.name))
    live.disk.synced.clear()
    assert live.disk.run(live.recorder.flush) is None
    assert moved.stat().st_ino in live.disk.synced
    live.recorder.close()
    assert numbers(moved) == [0, 1, 2, 3]
    with locked(live.home, live.recorder.thread_id):
        pass


def test_what_was_deleted_is_never_said_to_be_on_stable_storage(live: Recorded) -> None:
    live.recorder.record(said(3))
    live.recorder.flush(level="kernel")
    live.path.unlink()
    error = live.refused()
    assert (error.safe_items, error.durable_items) == (4, 3)
    assert numbers(live.rescued) == [0, 1, 2, 3]


def test_closing_says_once_that_the_file_is_gone_and_keeps_it(live: Recorded) -> None:
    live.path.unlink()
    with pytest.raises(WriteFailed, match="deleted it; what was in it is kept in"):
        live.recorder.close()
    assert numbers(live.rescued) == [0, 1, 2]
    live.recorder.close()
    with pytest.raises(Closed):
        live.recorder.record(said(3))


def test_a_name_that_is_taken_gets_a_number(live: Recorded) -> None:
    live.rescued.parent.mkdir(parents=True)
    live.rescued.write_text("an earlier one")
    live.path.unlink()
    live.recorder.record(said(3))
    second = live.rescued.with_name(f"2-{live.rescued.name}")
    assert str(second) in str(live.refused())
    assert live.rescued.read_text() == "an earlier one"
    assert numbers(second) == [0, 1, 2]


def test_what_cannot_be_kept_now_is_kept_later(tmp_path: Path) -> None:
    number, names = 0, [""]
    while number < len(names):
        disk = FaultyDisk()
        recorder = draft_on(disk, tmp_path / str(number))
        recorder.persist()
        path = Path(recorder.path)
        path.unlink()
        recorder.record(said(3))
        assert disk.run(recorder.flush, number - 1) is not None
        names = names if number else ["", *disk.made]  # the first time nothing fails
        error = disk.run(recorder.flush)
        assert error is not None
        kept = path.parents[4] / "threadlog" / "rescued" / path.name
        assert str(kept) in str(error), names[number]
        assert numbers(kept) == [0, 1, 2], names[number]
        assert os.listdir(kept.parent) == [kept.name], names[number]
        recorder.discard()
        assert opened(tmp_path / str(number)) == 0, names[number]
        number += 1
    assert {"make_folder", "create", "read_at", "write", "sync", "close"} <= set(names)


def test_a_home_that_is_gone_is_not_made_again(live: Recorded) -> None:
    elsewhere = live.home.with_name("moved")
    live.home.rename(elsewhere)
    live.recorder.record(said(3))
    assert f"its home, {live.home}, has been moved or deleted" in str(live.refused())
    assert not live.home.exists()
    elsewhere.rename(live.home)
    live.recorder.close()
    assert numbers(live.path) == [0, 1, 2, 3]


def test_a_link_in_the_place_of_our_folder_is_not_followed(live: Recorded, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(live.home / "threadlog")
    (live.home / "threadlog").symlink_to(outside)
    live.path.unlink()
    live.recorder.record(said(3))
    assert "not kept elsewhere yet: it is a symbolic link" in str(live.refused())
    assert list(outside.iterdir()) == []


# -- giving up


@pytest.mark.parametrize("change", CHANGES)
def test_a_thread_that_cannot_be_written_can_be_given_up(live: Recorded, change: str) -> None:
    CHANGES[change](live.path)
    live.recorder.record(said(3), said(4))
    live.refused()
    before = tree(live.home / "sessions")
    assert live.recorder.discard() == 2
    assert tree(live.home / "sessions") == before
    assert opened(live.path) == 0
    with locked(live.home, live.recorder.thread_id):
        pass
    with pytest.raises(Closed):
        live.recorder.flush()
    assert live.recorder.discard() == 0
    live.recorder.close()


@pytest.mark.codex("C248")
def test_what_is_written_stays_when_the_rest_is_given_up(live: Recorded) -> None:
    live.recorder.record(said(3))
    live.recorder.flush(level="kernel")
    live.disk.arm()
    live.disk.fail_names = {"write"}
    live.recorder.record(said(4))
    live.refused()
    assert live.recorder.discard() == 1
    assert numbers(live.path) == [0, 1, 2, 3]


@pytest.mark.codex("C247")
def test_a_draft_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    draft = draft_on(FaultyDisk(), tmp_path / "home")
    assert draft.discard() == 3
    assert not (tmp_path / "home").exists()
    with pytest.raises(Closed):
        draft.persist()


def test_a_draft_that_could_not_be_made_can_be_given_up(tmp_path: Path) -> None:
    disk = FaultyDisk()
    draft = draft_on(disk, tmp_path / "home")
    disk.fail_names = {"create"}
    disk.arm()
    with pytest.raises(WriteFailed):
        draft.persist()
    assert draft.discard() == 3
    assert not Path(draft.path).exists()
