"""The public names: exactly these, each with a docstring, and nothing loaded before it is used."""

from __future__ import annotations

import inspect
import json

import pytest

import threadlog
from makers import python

NAMES = [
    "Ambiguous",
    "Ancestor",
    "Archived",
    "BacklogFull",
    "BadCursor",
    "BadQuery",
    "Branch",
    "Changed",
    "Closed",
    "Compression",
    "DURABLE",
    "Damaged",
    "EmptyRollout",
    "Gap",
    "GivenUp",
    "History",
    "Home",
    "InUse",
    "IndexStatus",
    "KERNEL",
    "Line",
    "MoveFailed",
    "Moved",
    "NoThreadId",
    "NotFound",
    "NotOnDiskYet",
    "NotPersistable",
    "NotResumable",
    "OthersWrote",
    "OutsideHome",
    "Oversized",
    "PartlyDone",
    "Refused",
    "RolloutRecorder",
    "SearchHit",
    "SearchPage",
    "Stats",
    "Thread",
    "ThreadOptions",
    "ThreadPage",
    "ThreadSummary",
    "ThreadlogError",
    "Trashed",
    "Tree",
    "Turn",
    "TurnWriter",
    "Unencodable",
    "Unreadable",
    "UnsupportedPlatform",
    "WordStatus",
    "WriteFailed",
    "aio",
    "open",
]
ERRORS = {
    "MoveFailed",
    "PartlyDone",
    "Refused",
    "Ambiguous",
    "Archived",
    "BacklogFull",
    "BadCursor",
    "BadQuery",
    "Closed",
    "EmptyRollout",
    "InUse",
    "NoThreadId",
    "NotFound",
    "NotOnDiskYet",
    "NotPersistable",
    "NotResumable",
    "OthersWrote",
    "OutsideHome",
    "Unencodable",
    "Unreadable",
    "UnsupportedPlatform",
    "WriteFailed",
}
METHODS = {
    "Home": {
        "path",
        "store",
        "threads",
        "search",
        "search_status",
        "catch_up_search",
        "rebuild_search",
        "count",
        "compress",
        "why",
        "query",
        "stats",
        "find_latest",
        "index_status",
        "catch_up",
        "tell_progress",
        "rebuild_index",
        "get",
        "iter_lines",
        "turns",
        "export",
        "follow",
        "history",
        "model_input",
        "outline",
        "lineage",
        "tree",
        "reader",
        "writer",
        "start",
        "resume",
        "fork",
        "revert",
        "rename",
        "rollback",
        "update_metadata",
        "archive",
        "unarchive",
        "delete",
        "restore",
        "purge",
        "trash",
        "open_channels",
        "close",
    },
    "RolloutRecorder": {
        "begin",
        "go_on",
        "channel",
        "draft",
        "ephemeral",
        "is_paginated",
        "create",
        "resume",
        "path",
        "thread_id",
        "history_mode",
        "on_disk",
        "pending_items",
        "record",
        "persist",
        "flush",
        "drain",
        "close",
        "discard",
        "reminding",
        "start_discard",
        "start_persist",
        "start_flush",
        "start_drain",
        "start_close",
        "draft_lines",
        "draft_summary",
    },
    "Thread": {
        "fork",
        "inject",
        "revert",
        "rename",
        "rollback",
        "update_metadata",
        "ephemeral",
        "id",
        "path",
        "cwd",
        "on_disk",
        "recorder",
        "summary",
        "record",
        "turn",
        "history",
        "model_input",
        "flush",
        "drain",
        "close",
        "discard",
    },
    "TurnWriter": {
        "begin",
        "say",
        "tool",
        "call",
        "result",
        "reason",
        "usage",
        "item",
        "hear",
        "show",
        "show_with",
        "complete",
        "fail",
        "interrupt",
        "abort",
        "end",
    },
    "History": {"forked", "lines", "items", "problems", "turns", "model_input"},
}


def loaded(code: str) -> set[str]:
    """The modules of ours, and msgspec, that a fresh Python has after *code*."""
    tail = "\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    with python(code + tail) as other:
        out, err = other.communicate(timeout=60)
    assert err == ""
    modules = json.loads(out)
    return {name for name in modules if name.split(".")[0] in ("threadlog", "msgspec", "backports")}


def test_the_public_names_are_exactly_these() -> None:
    assert sorted(threadlog.__all__) == NAMES
    assert set(NAMES) <= set(dir(threadlog))


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_can_be_imported_and_explains_itself(name: str) -> None:
    value = getattr(threadlog, name)
    assert inspect.getdoc(value)
    assert value.__doc__ != dict.__doc__
    assert getattr(threadlog, name) is value
    namespace: dict[str, object] = {}
    exec(f"from threadlog import {name}", namespace)
    assert namespace[name] is value


@pytest.mark.parametrize("name", METHODS)
def test_every_public_method_is_meant_and_explains_itself(name: str) -> None:
    owner = getattr(threadlog, name)
    classes = [each for each in owner.__mro__ if each.__module__.startswith("threadlog.")]
    public = {each for cls in classes for each in vars(cls) if not each.startswith("_")}
    assert public == METHODS[name]
    assert [each for each in public if not inspect.getdoc(getattr(owner, each))] == []


def test_every_error_is_a_threadlog_error() -> None:
    for name in ERRORS:
        error = getattr(threadlog, name)
        assert issubclass(error, threadlog.ThreadlogError)
        assert error.__mro__[1] is threadlog.ThreadlogError


def test_a_star_import_gives_the_public_names() -> None:
    namespace: dict[str, object] = {}
    exec("from threadlog import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(NAMES)


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = threadlog.nothing
    with pytest.raises(ImportError):
        exec("from threadlog import nothing")


def test_importing_threadlog_loads_nothing_of_it() -> None:
    assert loaded("import threadlog") == {"threadlog"}


def test_opening_a_home_and_listing_it_loads_no_typed_items() -> None:
    modules = loaded("import threadlog; list(threadlog.open('/nonexistent').threads())")
    assert "threadlog.local.catalog" in modules
    assert not {"msgspec", "threadlog.core.decode", "threadlog.recorder"} & modules


def test_the_version_is_said() -> None:
    assert threadlog.__version__.count(".") == 2
