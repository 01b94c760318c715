"""An agent by its name, as it is given on a command line: `module:callable`."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any, cast

from threadlog.agents.context import Agent

EXAMPLE = "threadlog.agents.scripted:agent"


def find_agent(spec: str) -> Agent:
    """The agent that *spec* names; modules of the working directory are found too.

    Raises `ValueError` with a sentence for people: the name is none, the module is not there or
    fails to load, what it names is not there or no function.
    """
    module_name, _, path = spec.partition(":")
    if not (_dotted(module_name) and _dotted(path)):
        raise ValueError(f"An agent is named as module:callable, like {EXAMPLE}; not {spec!r}")
    found: Any = _imported(module_name)
    for number, attribute in enumerate(path.split("."), 1):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            within = ".".join([module_name, *path.split(".")[: number - 1]])
            raise ValueError(f"{within} has no {attribute!r} (agent {spec!r})") from None
    if not callable(found):
        raise ValueError(
            f"{spec!r} is no agent: it is of type {type(found).__name__}, not callable"
        )
    return cast("Agent", found)


def _dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _imported(name: str) -> ModuleType:
    here = os.getcwd()
    # It stays there: the agent may import more of its own when it is first asked.
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
        importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}."):
            raise ValueError(
                f"There is no module {error.name!r}, neither in {here} nor installed"
            ) from None
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise ValueError(f"The module {name!r} cannot be imported: {reason}") from None
