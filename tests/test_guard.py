"""The guard of conftest: no test reaches a real home, and none is silent about trying."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import conftest
from threadlog.connect import home_path


def test_every_variable_that_names_a_home_leads_into_the_tests_folder(tmp_path: Path) -> None:
    for name in conftest.HOME_VARIABLES:
        assert Path(os.environ[name]).is_relative_to(tmp_path)
    assert Path(home_path()).is_relative_to(tmp_path)


@pytest.mark.parametrize("reach", [open, os.listdir, os.scandir, os.mkdir, os.remove])
def test_reaching_for_a_real_home_is_caught(reach: object) -> None:
    assert callable(reach)
    for home in conftest._WATCHED:
        with pytest.raises(conftest.RealHomeOpened):
            reach(str(Path(home, "x")))
    assert len(conftest._opened) == len(conftest._WATCHED)
    conftest._opened.clear()
