"""Tools that a client brings along: as they are written now, and as they once were."""

from __future__ import annotations

import re
from typing import Annotated, Any

from threadlog.app.kinds import Defaulted, InvalidRequest, Json, Tagged, Then
from threadlog.app.reading import reader
from threadlog.app.shapes import Shape


class DynamicToolFunction(Shape, frozen=True, tag="function"):
    """A function."""

    name: str
    description: str
    input_schema: Json
    defer_loading: bool = False


class DynamicToolNamespace(Shape, frozen=True, tag="namespace"):
    """Functions that belong together."""

    name: str
    description: str
    tools: list[Annotated[DynamicToolFunction, Tagged("DynamicToolNamespaceTool")]]


class LegacyDynamicToolSpec(Shape, frozen=True, kw_only=True):
    """A function as it was once written."""

    namespace: str | None = None
    name: str
    description: str
    input_schema: Json
    defer_loading: bool | None = None
    expose_to_context: bool | None = None


DynamicTool = DynamicToolFunction | DynamicToolNamespace
_CANONICAL = reader(Annotated[DynamicTool, Tagged("DynamicToolSpec")])
_LEGACY = reader(LegacyDynamicToolSpec)
_MIXED = "dynamic tools must use either canonical or legacy format consistently"
# These are read otherwise than the rest, which the words tell.
_TOO_MANY = re.compile(r"\d+ elements in sequence$")
_NUMBER = re.compile(r"(?<=invalid type: )(?:integer|floating point) `[^`]*`")


def _tools(values: object) -> object:
    """All of them as they are written now; they must be written one way."""
    if not isinstance(values, list):
        return None
    inner = [tool for value in values for tool in _inner(value)]
    legacy = any(map(_is_legacy, values + inner))
    if not legacy:
        return list(map(_canonical, values))
    if any("type" in value for value in values if isinstance(value, dict)):
        raise InvalidRequest(_MIXED)
    return _grouped(list(map(_legacy, values)))


def _inner(value: object) -> list[object]:
    """The functions of a namespace."""
    if not isinstance(value, dict) or value.get("type") != "namespace":
        return []
    tools = value.get("tools")
    return tools if isinstance(tools, list) else []


def _is_legacy(value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    return "namespace" in value or "exposeToContext" in value or "type" not in value


def _canonical(value: object) -> object:
    if isinstance(value, dict) and type(value["type"]) in (int, float):
        raise InvalidRequest("invalid type: number, expected variant identifier")
    return _CANONICAL(value)


def _legacy(value: object) -> LegacyDynamicToolSpec:
    try:
        tool: LegacyDynamicToolSpec = _LEGACY(value)
    except InvalidRequest as refused:
        said = _NUMBER.sub("number", str(refused))
        raise InvalidRequest(_TOO_MANY.sub("fewer elements in array", said)) from None
    return tool


def _grouped(tools: list[LegacyDynamicToolSpec]) -> list[DynamicTool]:
    """Functions, those with a namespace within it."""
    grouped: list[DynamicTool] = []
    namespaces: dict[str, DynamicToolNamespace] = {}
    for tool in tools:
        deferred = tool.defer_loading
        if deferred is None:
            deferred = tool.expose_to_context is False
        function = DynamicToolFunction(tool.name, tool.description, tool.input_schema, deferred)
        if tool.namespace is None:
            grouped.append(function)
        elif tool.namespace in namespaces:
            namespaces[tool.namespace].tools.append(function)
        else:
            namespaces[tool.namespace] = DynamicToolNamespace(tool.namespace, "", [function])
            grouped.append(namespaces[tool.namespace])
    return grouped


DynamicTools = Annotated[list[Json] | None, Defaulted(), Then(_tools)]
