"""Whatever the files hold, every command ends with a documented code and no traceback."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from makers import (
    THREAD,
    command,
    content,
    event,
    file_name,
    line,
    meta,
    put,
    put_names,
    started,
    turn,
    user,
    zstd,
)
from threadlog.core.items import EVENTS, PERSISTED_TURN_ITEMS, RESPONSE_ITEMS, SESSION_ITEMS
from threadlog.core.items.base import Item

COMMANDS = [
    ["list"],
    ["list", "--json"],
    ["list", "--sort", "updated", "--cwd", "."],
    ["path", THREAD],
    ["show", THREAD],
    ["show", THREAD, "--full"],
    ["show", THREAD, "--json"],
    ["show", THREAD, "--raw"],
    ["show", THREAD, "--tail", "2"],
    ["show", THREAD, "--json", "--tail", "2"],
    ["show", THREAD, "--raw", "--tail", "2"],
]

NUMBERS = st.one_of(
    st.sampled_from([0, -1, 2**31, 2**53, 2**63, 2**64, 2**70, 10**100, 10**400, -(10**400)]),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
)
TEXTS = st.one_of(
    st.sampled_from(["", "x", "\ud800", "\x1b[2J", "a\nb", "## My request for Codex:", "data:x"]),
    st.text(max_size=8),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(TEXTS, st.sampled_from(["type", "text", "message"])), inner, max_size=3
        ),
    ),
    max_leaves=6,
)


def _value(kind: Any) -> st.SearchStrategy[Any]:
    """Mostly what a field of this type may hold, sometimes anything."""
    name = str(kind)
    if isinstance(kind, type) and issubclass(kind, Item):
        return _fields(kind)
    for part, values in (
        ("tuple[str", st.lists(TEXTS, max_size=3)),
        ("dict[str", st.dictionaries(TEXTS, JSON, max_size=2)),
        ("Duration", st.fixed_dictionaries({"secs": NUMBERS, "nanos": NUMBERS})),
        ("UserInput", st.lists(st.fixed_dictionaries({"type": TEXTS, "text": TEXTS}), max_size=2)),
        ("AgentText", st.lists(st.fixed_dictionaries({"type": TEXTS, "text": TEXTS}), max_size=2)),
        ("bool", st.booleans()),
        ("int", NUMBERS),
        ("float", NUMBERS),
        ("str", TEXTS),
    ):
        if part in name:
            return values
    return JSON


def _fields(item: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A payload of one of our types."""
    made = {field.name: _value(field.type) for field in msgspec.structs.fields(item)}
    tag = item.__struct_config__.tag
    fixed = {"type": st.just(tag)} if isinstance(tag, str) else {}
    return st.fixed_dictionaries(fixed, optional=made) | st.fixed_dictionaries({**fixed, **made})


def _lines() -> st.SearchStrategy[bytes]:
    turn_items = st.one_of(*map(_fields, PERSISTED_TURN_ITEMS)).map(
        lambda item: event("item_completed", thread_id=THREAD, turn_id="t", item=item)
    )
    return st.one_of(
        st.one_of(*map(_fields, EVENTS)).map(lambda payload: line("event_msg", payload)),
        st.one_of(*map(_fields, RESPONSE_ITEMS)).map(
            lambda payload: line("response_item", payload)
        ),
        *(_fields(item).map(partial(line, item.line_type)) for item in SESSION_ITEMS),
        turn_items,
        st.just(started("t")),
        st.just(user("hello")),
    )


def survives(home: Path) -> None:
    """Run every command; a defect of ours is raised by `command`."""
    for words in COMMANDS:
        ran = command(home, *words)
        assert ran.code in (0, 1, 3), words
        assert "Traceback" not in ran.err
        if "--json" in words and ran.code == 0:
            json.loads(ran.out)


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
HEADS = st.sampled_from(
    [meta(), meta(history_mode="paginated"), line("session_meta", {"id": THREAD})]
)


@settings(deadline=None, max_examples=120, suppress_health_check=QUIET)
@given(HEADS, st.lists(_lines(), max_size=6))
def test_items_of_any_content_are_shown(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, raws: list[bytes]
) -> None:
    home = tmp_path_factory.mktemp("home")
    put(home, content([head, started("t"), *raws]))
    survives(home)


@settings(deadline=None, max_examples=60, suppress_health_check=QUIET)
@given(_fields(SESSION_ITEMS[0]))
def test_metadata_of_any_content_is_listed(
    tmp_path_factory: pytest.TempPathFactory, payload: dict[str, Any]
) -> None:
    home = tmp_path_factory.mktemp("home")
    put(home, content([line("session_meta", payload), *turn("x")]))
    put(home, content([line("session_meta", payload)]), "rollout-x.jsonl")
    survives(home)


@settings(deadline=None, max_examples=70, suppress_health_check=QUIET)
@given(st.binary(max_size=200), st.binary(max_size=200), st.booleans())
@example(b"", b"\n", False)
@example(b"{}", b"\xef\xbb\xbf", True)
def test_files_of_any_bytes_are_survived(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, names: bytes, packed: bool
) -> None:
    home = tmp_path_factory.mktemp("home")
    path = put(home, b"", file_name() + (".zst" if packed else ""))
    path.write_bytes(data)
    (home / "session_index.jsonl").write_bytes(names)
    survives(home)


@settings(deadline=None, max_examples=50, suppress_health_check=QUIET)
@given(st.data())
def test_a_thread_with_any_bytes_changed_is_survived(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    home = tmp_path_factory.mktemp("home")
    whole = bytearray(content([meta(), *turn("one"), *turn("two")]))
    packed = data.draw(st.booleans())
    if packed:
        whole = bytearray(zstd.compress(bytes(whole)))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        if not whole:
            break
    path = put(home, b"", file_name() + (".zst" if packed else ""))
    path.write_bytes(bytes(whole))
    put_names(home, (THREAD, "a name"))
    survives(home)


@pytest.mark.parametrize("levels", [*range(940, 1000, 4), 1500, 5000])
def test_nesting_of_any_depth_is_survived(home: Path, levels: int) -> None:
    deep = b'["\xc3\xa9",' * levels + b"0" + b"]" * levels
    raws = [
        event("mcp_tool_call_end", call_id="c", invocation={"arguments": "HERE"}, result={"Ok": 1}),
        event("dynamic_tool_call_response", call_id="d", arguments="HERE"),
        line("response_item", {"type": "function_call_output", "call_id": "c", "output": "HERE"}),
        line("response_item", {"type": "message", "role": "user", "content": "HERE"}),
        event("task_complete", turn_id="t", error={"message": "HERE"}),
    ]
    put(home, content([meta(), started("t"), *(raw.replace(b'"HERE"', deep) for raw in raws)]))
    survives(home)
