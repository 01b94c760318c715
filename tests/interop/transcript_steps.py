"""What the script of the transcripts is made of: one request each, and what is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from interop.answers import Answer

Json = Any

LEGACY, PAGINATED = "legacy", "paginated"
TURN_END = ("turn/completed",)
CUSTOM = {"type": "custom", "instructions": "look"}  # the target of a review


class Step(NamedTuple):
    """A request, what the model answers meanwhile, and the notifications that are waited for.

    A text of the parameters that is `$name` stands for what an earlier step saved under that name,
    `$work/…` for a path; what is saved is told by its place in the answer, such as `data.0.id`.
    A notification is told by its method, and by the type of its item: `item/completed:plan`.
    """

    name: str
    method: str
    params: Json
    answers: tuple[Answer, ...] = ()
    until: tuple[str, ...] = ()
    save: Mapping[str, str] = {}
    release: bool = False  # the answer that pauses goes on, once the request is answered
    pause_s: float = 0.0  # before it
    restart: bool = False  # before it, the server, and the handshake is made
    notify: bool = False  # no request, but a notification


def ask(name: str, method: str, /, **params: Json) -> Step:
    """A request with these parameters."""
    return Step(name, method, params)


def begun(name: str, mode: str, thread: str, /, **params: Json) -> Step:
    """A new thread, saved under a name."""
    settings = {"cwd": "$work", "historyMode": mode, **params}
    step = Step(name, "thread/start", settings, until=("thread/started",))
    return step._replace(save={thread: "thread.id", f"{thread}.path": "thread.path"})


def turn(
    name: str, thread: str, text: str, /, *answers: Answer, until: tuple[str, ...] = TURN_END
) -> Step:
    """A turn, saved as `turn of` the thread."""
    params = {"threadId": f"${thread}", "input": text_input(text)}
    save = {f"turn of {thread}": "turn.id"}
    return Step(name, "turn/start", params, answers, until, save)


def text_input(text: str) -> Json:
    """What a user says."""
    return [{"type": "text", "text": text, "text_elements": []}]
