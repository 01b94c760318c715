"""Who may read what we make, and that it lies in the home: also where there are links."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from faulty_disk import FaultyDisk, draft_on, numbers
from makers import tree
from threadlog import RolloutRecorder, ThreadOptions, WriteFailed

OPTIONS = ThreadOptions(cwd="/desk/project")


@pytest.fixture
def umask() -> Iterator[None]:
    """Sets the umask back."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", [0, 0o022, 0o077, 0o577, 0o777], ids=oct)
def test_what_is_made_is_the_users_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    home = tmp_path / "alone"
    tmp_path.chmod(0o700)
    os.umask(mask)
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
        recorder.persist()
        os.umask(0o022)
        made = {path: facts[0] for path, facts in tree(home).items()}
    assert recorder.path in made
    wrong = {
        path: oct(mode)
        for path, mode in made.items()
        if stat.S_IMODE(mode) != (0o700 if stat.S_ISDIR(mode) else 0o600)
    }
    assert wrong == {}


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("group", [0o070, 0o020, 0o060], ids=oct)
def test_what_is_made_in_a_shared_home_has_the_groups_bits(home: Path, group: int) -> None:
    home.chmod(0o700 | group)
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
        recorder.persist()
        made = {path: facts[0] for path, facts in tree(home).items()}
    wrong = {
        path: oct(mode)
        for path, mode in made.items()
        if mode & 0o070 != (group if stat.S_ISDIR(mode) else group & 0o060) or mode & 0o007
    }
    assert wrong == {}


def test_what_is_made_in_a_shared_home_is_its_groups(home: Path) -> None:
    home.chmod(0o2770)
    with RolloutRecorder.create(threadlog.open(home), OPTIONS) as recorder:
        recorder.persist()
        made = {path: facts[0] for path, facts in tree(home).items()}
    folders = {path: mode for path, mode in made.items() if stat.S_ISDIR(mode)}
    assert folders
    assert all(mode & stat.S_ISGID for mode in folders.values()), folders


# -- links


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_a_link_among_the_folders_of_days_is_not_followed(home: Path, parts: int) -> None:
    outside = home.with_name("outside")
    outside.mkdir()
    recorder = draft_on(FaultyDisk(), home)
    link = Path(recorder.path).parents[3 - parts]
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(WriteFailed, match=f"{link}|symbolic link"):
        recorder.persist()
    assert list(outside.iterdir()) == []
    link.unlink()
    recorder.persist()
    recorder.close()
    assert numbers(recorder.path) == [0, 1, 2]


def test_sessions_that_lie_on_another_disk_are_written_to_and_listed(home: Path) -> None:
    """A user's own link, at the top: there Codex and our listings follow it, too."""
    elsewhere = home.with_name("elsewhere")
    elsewhere.mkdir()
    (home / "sessions").symlink_to(elsewhere)
    with draft_on(FaultyDisk(), home) as recorder:
        recorder.persist()
    assert numbers(recorder.path) == [0, 1, 2]
    assert [each.id for each in threadlog.open(home).threads()] == [recorder.thread_id]


def test_a_link_in_the_place_of_the_locks_is_not_followed(home: Path) -> None:
    outside = home.with_name("outside")
    outside.mkdir()
    (home / "thread-writer-locks").symlink_to(outside)
    recorder = draft_on(FaultyDisk(), home)
    with pytest.raises(WriteFailed, match="symbolic link"):
        recorder.persist()
    assert list(outside.iterdir()) == []
    recorder.discard()
