"""What a thread can be begun with, and what is refused before anything is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import threadlog
from makers import THREAD, tree
from threadlog import RolloutRecorder, ThreadOptions, Unencodable

WRONG: dict[str, dict[str, Any]] = {
    "a path as an id": {"thread_id": "/../../../evil"},
    "a path as a rollout's id": {"rollout_id": "../evil"},
    "no UUID": {"thread_id": "abc"},
    "an id in upper case": {"thread_id": THREAD.upper()},
    "a number as an id": {"thread_id": 5},
    "no source": {"source": None},
    "a number as source": {"source": 3},
    "no originator": {"originator": None},
    "a number as originator": {"originator": 5},
    "a number as provider": {"model_provider": 5},
    "a number as instructions": {"base_instructions": 7},
    "a text as ordinal": {"forked_from_id": THREAD, "forked_from_ordinal_exclusive": "1"},
    "no history mode": {"history_mode": "both"},
}


@pytest.mark.parametrize("options", WRONG.values(), ids=WRONG)
def test_what_no_thread_can_begin_with_is_refused(home: Path, options: dict[str, Any]) -> None:
    before = tree(home.parent)
    with pytest.raises(ValueError, match=f"{next(reversed(options))}|history mode"):
        RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x", **options))
    assert tree(home.parent) == before


@pytest.mark.parametrize(
    "options",
    [
        {"dynamic_tools": ({"f": print},)},
        {"source": {"custom": float("nan")}},
        {"dynamic_tools": ({"f": b"bytes"},)},
    ],
)
def test_metadata_without_json_form_is_refused(home: Path, options: dict[str, Any]) -> None:
    with pytest.raises(Unencodable, match="session_meta"):
        RolloutRecorder.create(threadlog.open(home), ThreadOptions(cwd="/x", **options))


def test_a_later_change_of_an_option_does_not_reach_the_file(home: Path) -> None:
    tool, source = {"name": "before"}, {"custom": "before"}
    options = ThreadOptions(cwd="/x", dynamic_tools=(tool,), source=source)
    with RolloutRecorder.create(threadlog.open(home), options) as recorder:
        tool["name"] = source["custom"] = "after"
        recorder.persist()
        (line,) = Path(recorder.path).read_bytes().splitlines()
    told = json.loads(line)["payload"]
    assert told["dynamic_tools"] == [{"name": "before"}]
    assert told["source"] == {"custom": "before"}
