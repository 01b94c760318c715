"""A script of turns: every event by its name, and what an agent does besides yielding events."""

from __future__ import annotations

import re
from typing import Any, Union, get_args, get_type_hints

import msgspec

from threadlog.agents.events import Event


class Pause(msgspec.Struct, tag="pause", tag_field="type", forbid_unknown_fields=True):
    """Nothing happens for so many seconds."""

    seconds: float


class Wait(msgspec.Struct, tag="wait", tag_field="type", forbid_unknown_fields=True):
    """Nothing happens until the turn is interrupted."""


class Listen(msgspec.Struct, tag="listen", tag_field="type", forbid_unknown_fields=True):
    """Waits until the user says more, and answers that."""


class Fail(msgspec.Struct, tag="fail", tag_field="type", forbid_unknown_fields=True):
    """The turn fails."""

    message: str
    kind: str = "other"


Step = Event | Pause | Wait | Listen | Fail


def _name(event: type[Any]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()


def _step_of(event: type[Any]) -> type[msgspec.Struct]:
    hints = get_type_hints(event)
    defaults: dict[str, Any] = event._field_defaults
    return msgspec.defstruct(
        event.__name__,
        [
            (field, hints[field], defaults[field]) if field in defaults else (field, hints[field])
            for field in event._fields
        ],
        tag=_name(event),
        tag_field="type",
        forbid_unknown_fields=True,
    )


_EVENTS: dict[type[msgspec.Struct], type[Any]] = {
    _step_of(event): event for event in get_args(Event)
}
_STEP: Any = Union[(*_EVENTS, Pause, Wait, Listen, Fail)]  # made of a table
_TURN: Any = Union[list[_STEP], _STEP]  # noqa: UP007


def read_script(text: bytes, *, by_line: bool) -> list[list[Step]]:
    """The turns of a script, each a list of steps: an array of them, or one in each line.

    `ValueError` says what is wrong, and where.
    """
    if not by_line:
        return [_steps(turn) for turn in _decoded(text, list[_TURN], "")]
    return [
        _steps(_decoded(line, _TURN, f"line {number}: "))
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    ]


def _decoded(text: bytes, form: Any, where: str) -> Any:
    try:
        return msgspec.json.decode(text, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{where}{error}") from None


def _steps(turn: Any) -> list[Step]:
    return [_step(step) for step in (turn if isinstance(turn, list) else [turn])]


def _step(step: Any) -> Step:
    event = _EVENTS.get(type(step))
    made: Step = step if event is None else event(*msgspec.structs.astuple(step))
    return made
