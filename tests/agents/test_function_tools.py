"""Functions as tools: what a model is told of them, and what comes of its calls."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Annotated, Any, Literal, NoReturn

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlog.agents.function_tools import FunctionTool, tools_of


class Place(msgspec.Struct):
    name: str
    inside: list[Place] = []


def look(
    place: Annotated[str, msgspec.Meta(description="where")],
    *,
    how: Literal["far", "near"] = "near",
    times: int | None = None,
) -> Any:
    """Look around.

    More of it.
    """
    return {"place": place, "how": how, "times": times}


async def wander(to: Place) -> str:
    return f"at {to.name}, then {len(to.inside)}"


def tool(function: Callable[..., Any]) -> FunctionTool:
    (made,) = tools_of([function]).values()
    return made


def called(function: Callable[..., Any], arguments: Any) -> tuple[Any, bool]:
    return asyncio.run(tool(function).call(arguments))


def test_a_function_is_described_by_its_signature_and_docstring() -> None:
    assert tool(look).definition() == {
        "type": "function",
        "name": "look",
        "description": "Look around.\n\nMore of it.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "where"},
                "how": {"enum": ["far", "near"], "default": "near"},
                "times": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
            },
            "required": ["place"],
            "additionalProperties": False,
        },
        "strict": False,
    }


def test_what_a_description_refers_to_is_in_it() -> None:
    parameters = tool(wander).definition()["parameters"]
    assert parameters["properties"]["to"] == {"$ref": "#/$defs/Place"}
    assert list(parameters["$defs"]) == ["Place"]
    json.dumps(parameters)


def test_arguments_come_as_they_are_annotated() -> None:
    assert called(look, '{"place": "x"}') == ('{"place":"x","how":"near","times":null}', True)
    assert called(wander, '{"to": {"name": "x", "inside": [{"name": "y"}]}}') == (
        "at x, then 1",
        True,
    )
    assert called(wander, {"to": {"name": "x"}}) == ("at x, then 0", True)
    assert called(lambda_named(lambda: None), "") == ("null", True)


def lambda_named(function: Any) -> Any:
    function.__name__ = "named"
    return function


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("{", "The arguments of look are no JSON"),
        ('"\udcff"', "The arguments of look are no JSON"),
        ("{}", "missing required field `place`"),
        ("[]", "Expected `object`"),
        ('{"place": 5}', "Expected `str`, got `int` - at `$.place`"),
        ('{"place": "x", "how": "loud"}', "Invalid enum value"),
        ('{"place": "x", "more": 1}', "unknown field `more`"),
        ([], "Expected `object`"),
    ],
)
def test_arguments_that_do_not_fit_are_told_to_the_model(arguments: Any, sentence: str) -> None:
    output, done = called(look, arguments)
    assert not done
    assert sentence in output


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_no_arguments_raise(arguments: Any) -> None:
    called(look, arguments)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("not there"), "ValueError: not there"),
        (KeyError("x"), "KeyError: 'x'"),
        (StopIteration(), "StopIteration"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_what_a_tool_raises_is_its_output(error: BaseException, text: str) -> None:
    def plain() -> NoReturn:
        raise error

    async def awaited() -> NoReturn:
        raise error

    assert called(plain, "{}") == (text, False)
    output, done = called(awaited, "{}")
    assert not done
    # Python puts an error of its own in the place of a StopIteration, and names it.
    assert output == text or (isinstance(error, StopIteration) and text in output)


def test_plain_functions_run_off_the_loop_and_async_ones_on_it() -> None:
    def plain() -> str:
        return threading.current_thread().name

    async def awaited() -> str:
        return threading.current_thread().name

    def both() -> Any:
        return awaited()

    name = threading.current_thread().name
    assert called(plain, "{}")[0] != name
    assert called(awaited, "{}") == called(both, "{}") == (name, True)


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ("text", "text"),
        ("half \ud83d", "half ?"),
        (None, "null"),
        ([1, 2], "[1,2]"),
        ([], "[]"),
        (Place("x"), '{"name":"x","inside":[]}'),
        ({"a": complex(1, 2)}, '{"a":"(1+2j)"}'),
        ([{"type": "input_image", "image_url": "data:x"}],) * 2,
    ],
)
def test_results_become_text_but_for_content_items(result: Any, output: Any) -> None:
    assert called(lambda_named(lambda: result), "{}") == (output, True)


def bare(place) -> None:  # type: ignore[no-untyped-def]
    pass


def rest(*places: str) -> None:
    pass


def only_by_place(place: str, /) -> None:
    pass


def unknown(place: Absent) -> None:  # type: ignore[name-defined]  # noqa: F821
    pass


def odd(place: complex | object | threading.Thread) -> None:
    pass


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (bare, "'place' of bare needs a type annotation"),
        (rest, "by name only"),
        (only_by_place, "by name only"),
        (unknown, "The parameters of unknown cannot be described"),
        (odd, "The parameters of odd cannot be described"),
        (lambda: None, "a function with a name"),
        (5, "a function with a name"),
    ],
)
def test_a_function_that_no_model_could_call_is_refused(function: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        tools_of([function])


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="Two tools are named 'look'"):
        tools_of([look, look])


def test_methods_are_functions_too() -> None:
    class Shop:
        def buy(self, what: str) -> str:
            return f"bought {what}"

    assert called(Shop().buy, '{"what": "tea"}') == ("bought tea", True)
