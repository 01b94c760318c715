"""Python functions as a model's tools: described by their signatures, called with its JSON."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_type_hints

import msgspec

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_CONTENT = ("input_text", "input_image", "input_file")


class FunctionTool(NamedTuple):
    """A function that a model may call."""

    name: str
    function: Callable[..., Any]
    arguments: type[msgspec.Struct]

    def definition(self) -> dict[str, Any]:
        """What the model is told of it."""
        ((ref,), parts) = msgspec.json.schema_components(
            [self.arguments], ref_template="#/$defs/{name}"
        )
        parameters = parts.pop(ref["$ref"].rpartition("/")[2])
        parameters.pop("title", None)
        if parts:
            parameters["$defs"] = parts
        return {
            "type": "function",
            "name": self.name,
            "description": inspect.getdoc(self.function) or "",
            "parameters": parameters,
            "strict": False,  # else parameters with defaults had to be given
        }

    async def call(self, arguments: Any) -> tuple[Any, bool]:
        """What it came to, and whether it succeeded; what it raises is told as text."""
        try:
            given = self._checked(arguments)
        except msgspec.ValidationError as error:
            return f"The arguments of {self.name} do not fit: {error}", False
        except (msgspec.DecodeError, UnicodeError) as error:
            return f"The arguments of {self.name} are no JSON: {error}", False
        if inspect.iscoroutinefunction(self.function):
            return await _awaited(self.function(**given))
        result, done = await asyncio.to_thread(_called, self.function, given)
        return await _awaited(result) if inspect.isawaitable(result) else (result, done)

    def _checked(self, arguments: Any) -> dict[str, Any]:
        if isinstance(arguments, str):
            made = msgspec.json.decode(arguments or "{}", type=self.arguments)
        else:
            made = msgspec.convert(arguments, type=self.arguments)
        return {field: getattr(made, field) for field in self.arguments.__struct_fields__}


def tools_of(functions: Sequence[Callable[..., Any]]) -> dict[str, FunctionTool]:
    """The functions by name; `ValueError` with a sentence for one that no model could call."""
    tools: dict[str, FunctionTool] = {}
    for function in functions:
        tool = _tool_of(function)
        if tool.name in tools:
            raise ValueError(f"Two tools are named {tool.name!r}")
        tools[tool.name] = tool
    return tools


def _tool_of(function: Callable[..., Any]) -> FunctionTool:
    name = getattr(function, "__name__", "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
        raise ValueError(f"A tool is a function with a name, which {function!r} is not")
    try:
        hints = get_type_hints(function, include_extras=True)
        fields = [
            _field(name, parameter, hints)
            for parameter in inspect.signature(function).parameters.values()
        ]
        arguments = msgspec.defstruct(
            f"{name} arguments", fields, kw_only=True, forbid_unknown_fields=True
        )
        tool = FunctionTool(name, function, arguments)
        tool.definition()
    except (TypeError, NameError) as error:
        raise ValueError(f"The parameters of {name} cannot be described: {error}") from None
    return tool


def _field(name: str, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> Any:
    if parameter.kind not in _NAMED:
        raise ValueError(f"{name} takes {parameter}; a model gives arguments by name only")
    if parameter.name not in hints:
        raise ValueError(f"The parameter {parameter.name!r} of {name} needs a type annotation")
    field = (parameter.name, hints[parameter.name])
    return field if parameter.default is parameter.empty else (*field, parameter.default)


def _called(function: Callable[..., Any], given: Mapping[str, Any]) -> tuple[Any, bool]:
    # Nothing may leave the thread raised: a StopIteration would never reach who waits for it.
    try:
        result = function(**given)
        return (result if inspect.isawaitable(result) else _told(result)), True
    except (Exception, SystemExit) as error:
        return _failure(error), False


async def _awaited(result: Any) -> tuple[Any, bool]:
    try:
        return _told(await result), True
    except (Exception, SystemExit) as error:
        return _failure(error), False


def _failure(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _told(result: Any) -> Any:
    """A result as the model gets it: text and content items as they are, all else as JSON."""
    if isinstance(result, str):
        return result.encode("utf-8", "replace").decode()  # half a character cannot be sent
    if _is_content(result):
        return result
    return msgspec.json.encode(result, enc_hook=str).decode()


def _is_content(result: Any) -> bool:
    return (
        isinstance(result, list)
        and bool(result)
        and all(isinstance(each, dict) and each.get("type") in _CONTENT for each in result)
    )
