"""Inputs made hostile at random keep what is promised of them, take no time, and no memory.

`THREADLOG_FUZZ` is how many there are of all targets together, `THREADLOG_SEED` the number of the
first of each; with the number that a failure names, the same input comes again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from faults import core_targets as core
from faults import fuzzing
from faults import home_targets as home
from faults.fuzzing import Check, Make, Target, fuzz
from faults.home_targets import PackedRollouts, Threads, WholeThreads
from threadlog.local import files

INPUTS = int(os.environ.get("THREADLOG_FUZZ", "5000"))
FIRST = int(os.environ.get("THREADLOG_SEED", "1"))

# The share (in 1,000) of all inputs, how one is made, and what checks it in a folder.
TARGETS: dict[str, tuple[int, Make, Callable[[Path], Check]]] = {
    "lines": (450, core.some_line, lambda _folder: core.lines_keep_their_bytes),
    "frames": (150, core.some_stream, lambda _folder: core.frames_put_together_are_the_file),
    "names": (150, core.some_names, lambda _folder: core.names_say_ids_and_stamps_only),
    "cursors": (100, core.some_cursor, lambda _folder: core.cursors_are_places_or_none),
    "ids": (90, core.some_reference, lambda _folder: core.ids_are_canonical),
    "references": (15, core.some_reference, lambda folder: Threads(folder).check_reference),
    "pages": (15, core.some_cursor, lambda folder: Threads(folder).check_cursor),
    "zstd": (24, home.some_packed, lambda folder: PackedRollouts(folder).check),
    "rollouts": (6, home.some_rollout, lambda folder: WholeThreads(folder).check),
}


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_inputs_keep_every_promise(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "EXPANSION_FREE_BYTES", 1 << 20)  # bombs that cost less to try
    share, make, check_in = TARGETS[name]
    target = Target(name, make, check_in(tmp_path))
    inputs = max(1, INPUTS * share // 1000)
    fuzzing.DONE.append(fuzz(target, inputs, FIRST, tmp_path / "at_work"))


def test_the_shares_are_of_all_inputs() -> None:
    assert sum(share for share, _make, _check in TARGETS.values()) == 1000
