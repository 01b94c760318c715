"""Who may read what we make: the user alone, or the group where the home is the group's."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import threadlog
from makers import tree
from threadlog import RolloutRecorder, ThreadOptions

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
