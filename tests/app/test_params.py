"""Params are decoded, or refused in serde's words; Codex itself is asked in tests/interop."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from made_params import NOBODY, Maker, each_beginning, each_field
from threadlog.app import params as all_params
from threadlog.app.params import PARAMS
from threadlog.app.protocol import EXPERIMENTAL_FIELDS, EXPERIMENTAL_METHODS, METHODS
from threadlog.app.serde import InvalidRequest, decode, needing_opt_in, unknown_method
from threadlog.app.shapes import FileId, Granular, Text, Url
from threadlog.app.thread_params import ThreadStartParams
from threadlog.app.tools import DynamicToolFunction, DynamicToolNamespace
from threadlog.app.turn_params import TurnStartParams

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SORT_KEYS = (
    "unknown variant `x`, expected one of "
    "`created_at`, `updated_at`, `recency_at`, `section_position`"
)
GRANULAR = {"granular": {"sandbox_approval": True, "rules": True, "mcp_elicitations": True}}


def refusal(method: str, params: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        decode(method, params)
    return str(caught.value)


def turn(**params: Any) -> TurnStartParams:
    decoded = decode("turn/start", {"threadId": NOBODY, "input": [], **params})
    assert isinstance(decoded, TurnStartParams)
    return decoded


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (None, "missing field `params`"),
        (5, "invalid type: integer `5`, expected struct ThreadReadParams"),
        ("x", 'invalid type: string "x", expected struct ThreadReadParams'),
        ([], "invalid length 0, expected struct ThreadReadParams with 2 elements"),
        ([NOBODY, True, 3], "invalid length 3, expected 2 elements in sequence"),
        ({}, "missing field `threadId`"),
        ({"threadId": 5}, "invalid type: integer `5`, expected a string"),
        ({"threadId": None}, "invalid type: null, expected a string"),
        ({"threadId": []}, "invalid type: sequence, expected a string"),
        ({"threadId": {}}, "invalid type: map, expected a string"),
        ({"threadId": True}, "invalid type: boolean `true`, expected a string"),
        ({"threadId": 1.0}, "invalid type: floating point `1.0`, expected a string"),
        ({"threadId": 1e300}, "invalid type: floating point `1e+300`, expected a string"),
        ({"threadId": 1.5e-5}, "invalid type: floating point `0.000015`, expected a string"),
        ({"threadId": 2.5e-9}, "invalid type: floating point `2.5e-9`, expected a string"),
        (
            {"other": 2**64},
            f"invalid type: integer `{2**64}` as u128, expected any value",
        ),
        (
            {"threadId": 5, "other": [-(2**63) - 1]},
            f"invalid type: integer `{-(2**63) - 1}` as i128, expected any value",
        ),
    ],
)
def test_params_that_are_none_are_refused(params: Any, sentence: str) -> None:
    assert refusal("thread/read", params) == sentence


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"limit": -1}, "invalid value: integer `-1`, expected u32"),
        ({"limit": 1.5}, "invalid type: floating point `1.5`, expected u32"),
        ({"limit": True}, "invalid type: boolean `true`, expected u32"),
        ({"sortDirection": "x"}, "unknown variant `x`, expected `asc` or `desc`"),
        (
            {"sortKey": "x"},
            SORT_KEYS,
        ),
        ({"sortKey": 5}, "invalid type: integer `5`, expected string or map"),
        ({"sortKey": {}}, "invalid value: map, expected map with a single key"),
        ({"sortKey": {"created_at": 1}}, "invalid type: integer `1`, expected unit"),
        ({"cwd": 5}, "data did not match any variant of untagged enum ThreadListCwdFilter"),
        ({"modelProviders": {}}, "invalid type: map, expected a sequence"),
        (
            {"archived": 'é\x01\n"\u0301\u200b\\\x7f'},
            'invalid type: string "é\\u{1}\\n\\"\\u{301}\\u{200b}\\\\\\u{7f}", expected a boolean',
        ),
    ],
)
def test_wrong_fields_are_refused(params: Any, sentence: str) -> None:
    assert refusal("thread/list", params) == sentence


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (5, "invalid type: integer `5`, expected internally tagged enum UserInput"),
        ({}, "missing field `type`"),
        ({"type": None}, "invalid type: null, expected variant identifier"),
        ({"type": 9}, "invalid value: integer `9`, expected variant index 0 <= i < 7"),
        ({"type": 5}, "missing field `name`"),
        ({"type": "text"}, "missing field `text`"),
        (["text"], "invalid length 0, expected struct variant UserInput::Text with 2 elements"),
        (["image", "u"], "invalid type: sequence, expected struct variant UserInput::Image"),
        (
            {"type": "image", "url": 5},
            "data did not match any variant of untagged enum ImageReference",
        ),
        ({"type": "localImage", "path": 5}, "invalid type: integer `5`, expected path string"),
    ],
)
def test_wrong_input_is_refused(item: Any, sentence: str) -> None:
    assert refusal("turn/start", {"threadId": NOBODY, "input": [item]}) == sentence


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (
            {"approvalPolicy": "granular"},
            "invalid type: unit variant, expected struct variant",
        ),
        ({"approvalPolicy": {"granular": {}}}, "missing field `sandbox_approval`"),
        ({"approvalPolicy": {"granular": 5}}, "invalid type: integer `5`, expected struct variant"),
        ({"multiAgentMode": "custom"}, "invalid type: unit variant, expected newtype variant"),
        ({"effort": ""}, "reasoning_effort must not be empty"),
        (
            {"runtimeWorkspaceRoots": ["x"]},
            "AbsolutePathBuf deserialized without a base path",
        ),
        (
            {"sandboxPolicy": {"type": "readOnly", "access": {"type": "restricted"}}},
            "readOnly.access is no longer supported; use permissionProfile for restricted reads",
        ),
    ],
)
def test_what_has_rules_of_its_own_is_refused_by_them(params: Any, sentence: str) -> None:
    assert refusal("turn/start", {"threadId": NOBODY, "input": [], **params}) == sentence


def test_the_first_wrong_field_is_told_and_a_missing_one_last() -> None:
    assert "integer `3`" in refusal("thread/read", {"includeTurns": 3, "threadId": 5})
    assert "integer `5`" in refusal("thread/read", {"threadId": 5, "includeTurns": 3})
    assert "integer `3`" in refusal("thread/read", {"includeTurns": 3})


def test_a_method_that_is_none_is_told_with_all_that_are() -> None:
    sentence = unknown_method("bogus")
    assert sentence.startswith("unknown variant `bogus`, expected one of `initialize`, `server/")
    assert sentence.endswith("`fuzzyFileSearch/sessionUpdate`, `fuzzyFileSearch/sessionStop`")
    assert len(METHODS) == len(set(METHODS)) == 187


def test_every_table_names_what_there_is() -> None:
    assert set(METHODS) >= EXPERIMENTAL_METHODS
    assert set(PARAMS) - set(METHODS) == {"thread/rollback"}
    for method, keys in EXPERIMENTAL_FIELDS.items():
        assert set(keys) <= set(getattr(PARAMS[method], "__struct_encode_fields__"))  # noqa: B009


def test_a_request_without_params_takes_none() -> None:
    assert decode("account/logout", None) == all_params.NoParams()
    assert decode("account/logout", {}) == all_params.NoParams()
    assert refusal("account/logout", {"a": 1}) == "invalid type: map, expected unit"


def test_what_is_unknown_is_ignored_and_what_is_left_out_is_not_null() -> None:
    decoded = decode(
        "thread/metadata/update",
        {"threadId": NOBODY, "gitInfo": {"sha": None, "branch": "main"}, "other": [1]},
    )
    assert isinstance(decoded, all_params.ThreadMetadataUpdateParams)
    git = decoded.git_info
    assert git is not None
    assert (git.sha, git.branch, git.origin_url) == (None, "main", UNSET)


def test_input_becomes_what_it_is() -> None:
    decoded = turn(
        input=[
            {"type": "text", "text": "hello"},
            {"type": "image", "url": None, "fileId": "f"},
            {"type": "image", "url": "u", "detail": "low"},
        ],
        approvalPolicy=GRANULAR,
    )
    text, uploaded, linked = decoded.input
    assert text == Text("hello")
    assert getattr(uploaded, "source", None) == FileId("f")
    assert getattr(linked, "source", None) == Url("u")
    assert decoded.approval_policy == {
        "granular": Granular(sandbox_approval=True, rules=True, mcp_elicitations=True)
    }


def test_former_modes_are_the_default_one() -> None:
    for word, mode in (("plan", "plan"), ("code", "default"), ("pair_programming", "default")):
        decoded = turn(collaborationMode={"mode": word, "settings": {"model": "m"}})
        assert decoded.collaboration_mode is not None
        assert decoded.collaboration_mode.mode == mode


def test_tools_as_they_were_once_written_become_what_they_are_now() -> None:
    tool = {"name": "a", "description": "b", "inputSchema": {}}
    decoded = decode(
        "thread/start",
        {"dynamicTools": [tool, {**tool, "namespace": "n"}, {**tool, "namespace": "n"}]},
    )
    assert isinstance(decoded, ThreadStartParams)
    function = DynamicToolFunction("a", "b", {})
    space = DynamicToolNamespace("n", "", [function, function])
    assert decoded.dynamic_tools == [function, space]
    now = decode("thread/start", {"dynamicTools": [{**tool, "type": "function"}]})
    assert isinstance(now, ThreadStartParams)
    assert now.dynamic_tools == [function]
    assert refusal("thread/start", {"dynamicTools": [tool, {**tool, "type": "function"}]}) == (
        "dynamic tools must use either canonical or legacy format consistently"
    )
    assert refusal("thread/start", {"dynamicTools": [5]}) == (
        "invalid type: number, expected struct LegacyDynamicToolSpec"
    )


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("thread/memoryMode/set", {"mode": "enabled"}, "thread/memoryMode/set"),
        ("thread/start", {"historyMode": "legacy"}, "thread/start.historyMode"),
        ("thread/start", {"experimentalRawEvents": False}, None),
        ("thread/start", {"approvalPolicy": GRANULAR}, "askForApproval.granular"),
        ("thread/start", {"approvalPolicy": "never"}, None),
        (
            "thread/start",
            {"historyMode": "legacy", "runtimeWorkspaceRoots": []},
            "thread/start.runtimeWorkspaceRoots",
        ),
        ("thread/start", {"projectId": None}, None),
        ("thread/list", {"projectId": None}, "thread/list.projectId"),
        ("thread/resume", {"path": ""}, None),
        ("thread/resume", {"path": "x"}, "thread/resume.path"),
        (
            "thread/items/list",
            {"deferOutput": {"mcpToolCall": True}},
            "thread/items/list.deferOutput.mcpToolCall",
        ),
        (
            "account/login/start",
            {"type": "amazonBedrock", "apiKey": "", "region": ""},
            "account/login/start.amazonBedrock",
        ),
        ("account/login/start", {"type": "chatgpt"}, None),
    ],
)
def test_what_needs_an_opt_in_is_named(method: str, params: Any, name: str | None) -> None:
    assert needing_opt_in(method, decode(method, {"threadId": NOBODY, **params})) == name


@given(st.sampled_from(sorted(PARAMS)), JSON, st.data())
def test_nothing_but_a_refusal_is_raised(method: str, value: Any, data: st.DataObject) -> None:
    keys = getattr(PARAMS[method], "__struct_encode_fields__", ("type",))
    key = data.draw(st.sampled_from(keys or ("x",)))
    for params in (value, {key: value}, {"threadId": NOBODY, "input": [value], key: value}):
        answered(method, params)


def test_nothing_but_a_refusal_is_raised_whatever_is_wrong() -> None:
    rng = random.Random(169)
    made = [(method, Maker(rng, 0.2).params(method)) for method in PARAMS for _ in range(20)]
    accepted = sum(
        answered(method, params) for method, params in [*each_field(), *each_beginning(), *made]
    )
    assert accepted > 1000


def answered(method: str, params: Any) -> bool:
    try:
        needing_opt_in(method, decode(method, params))
    except InvalidRequest:
        return False
    return True
