"""Params of requests, decoded; what is wrong with them is said in Codex's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import msgspec

from threadlog.app.kinds import InvalidRequest, too_great, unknown_variant, wrong_type
from threadlog.app.params import PARAMS, NoParams
from threadlog.app.protocol import EXPERIMENTAL_FIELDS, EXPERIMENTAL_METHODS, METHODS
from threadlog.app.reading import reader
from threadlog.app.shapes import Params, ThreadItemOutputDeferral

__all__ = ["InvalidRequest", "decode", "needing_opt_in", "unknown_method"]

_ALONE = frozenset(  # variants, where the params are a union
    {"chatgptAuthTokens", "amazonBedrock", "amazonBedrockAccessKeys"}
)


def decode(method: str, params: object) -> Params:
    """The params of a request that `PARAMS` knows; raises InvalidRequest.

    *params* are parsed JSON; None stands for null and for none at all, which are the same.
    """
    kind = PARAMS[method]
    if (refusal := too_great(params)) is not None:
        raise InvalidRequest(refusal)
    if kind is NoParams:
        return NoParams() if params in (None, {}) else wrong_type(params, "unit")
    if params is None:
        raise InvalidRequest("missing field `params`")
    return cast("Params", reader(kind)(params))


def unknown_method(method: str) -> str:
    """The sentence about a method that Codex does not know."""
    return unknown_variant(method, METHODS)


def needing_opt_in(method: str, params: Params) -> str | None:
    """What of a request only a client that opted in may ask, as Codex names it.

    The refusal is `{name} requires experimentalApi capability`.
    """
    if method in EXPERIMENTAL_METHODS:
        return method
    return next(_experimental(method, params), None)


def _experimental(method: str, params: Params) -> Iterator[str]:
    if (tag := str(params.__struct_config__.tag)) in _ALONE:
        yield f"{method}.{tag}"
    fields = {field.encode_name: field for field in msgspec.structs.fields(params)}
    for key in EXPERIMENTAL_FIELDS.get(method, ()):
        value = getattr(params, fields[key].name)
        if value is fields[key].default:
            continue
        if key == "approvalPolicy":
            if isinstance(value, dict):
                yield "askForApproval.granular"
        elif isinstance(value, ThreadItemOutputDeferral):
            yield from _deferred(f"{method}.{key}", value)
        else:
            yield f"{method}.{key}"


def _deferred(name: str, deferral: ThreadItemOutputDeferral) -> Iterator[str]:
    if deferral.command_execution:
        yield f"{name}.commandExecution"
    if deferral.mcp_tool_call:
        yield f"{name}.mcpToolCall"
