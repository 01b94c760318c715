"""The script of the transcripts, run on a server: what was answered and told at each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from interop.answers import Answer
from interop.app_client import AppClient, Message, Subject
from interop.app_schema import AppSchema
from interop.transcript_steps import Step

Json = Any

# Nothing is heard for so long: what a step led to has been told.  Of what only looks, or is
# refused, nothing follows but what was told before the answer.
QUIET_S, BRIEF_S = 0.15, 0.02
_LOOKS = ("/read", "/list", "/get", "/search", "/searchOccurrences")
_MISSING = "what was not answered"


class Partner(NamedTuple):
    """Who answers for the model: told beforehand what, and later that a pause is over."""

    script: Callable[..., None]
    release: Callable[[], None]


class Taken(NamedTuple):
    """What came of a step."""

    step: Step
    answer: Message
    notes: tuple[Message, ...]


class Player:
    """A script being run on a subject."""

    def __init__(self, subject: Subject, partner: Partner, log: Path) -> None:
        self._subject, self._partner, self._log = subject, partner, log
        self._saved: dict[str, Json] = {"work": str(subject.work)}
        self._client = AppClient(subject, log)
        self._seen = 0

    def run(self, steps: list[Step]) -> list[Taken]:
        """All that came of all steps; the server is ended."""
        try:
            taken = [self._take(step) for step in steps]
            self._client.finish()
        finally:
            self._client.end()
        return taken

    def _take(self, step: Step) -> Taken:
        time.sleep(step.pause_s)
        if step.restart:
            self._client.finish()
            self._client = AppClient(self._subject, self._log)
            self._client.introduce()
            self._client.await_quiet(QUIET_S)
            self._seen = len(self._client.messages)
        if step.answers:
            self._partner.script(*step.answers)
        return self._told(step, self._asked(step))

    def _asked(self, step: Step) -> Message:
        params = self._filled(step.params)
        if step.notify:
            self._client.send({"method": step.method})
            return {}
        answer = self._client.ask(step.method, params)
        for name, place in step.save.items():
            self._saved[name] = _at(answer.get("result"), place)
        return answer

    def _told(self, step: Step, answer: Message) -> Taken:
        if "result" in answer or step.notify:
            if step.release:
                self._partner.release()
            for each in step.until:
                self._client.await_message(_fits(each), f"{each} of {step.name!r}", self._seen)
        looks = step.method.endswith(_LOOKS) or "error" in answer
        self._client.await_quiet(BRIEF_S if looks else QUIET_S)
        messages = self._client.messages[self._seen :]
        self._seen += len(messages)
        return Taken(step, answer, tuple(each for each in messages if "method" in each))

    def _filled(self, params: Json) -> Json:
        if isinstance(params, dict):
            return {name: self._filled(each) for name, each in params.items()}
        if isinstance(params, list):
            return [self._filled(each) for each in params]
        if isinstance(params, str) and params.startswith("$work/"):
            return str(self._saved["work"]) + params.removeprefix("$work")
        if isinstance(params, str) and params.startswith("$"):
            return self._saved[params[1:]]
        return params


def complaints(schema: AppSchema, taken: list[Taken]) -> list[str]:
    """All that breaks the schema, with the step."""
    found = []
    for step, answer, notes in taken:
        wrong = [] if step.notify else schema.answer(step.method, answer)
        for note in notes:
            wrong += schema.server_request(note) if "id" in note else schema.notification(note)
        found += [f"{step.name}: {each}" for each in wrong]
    return found


def mock_script(script: Callable[..., None]) -> Callable[..., None]:
    """Answers for Codex's model, as one method takes them."""

    def tell(*answers: Answer) -> None:
        script(*(each.as_step() for each in answers))

    return tell


def _fits(told: str) -> Callable[[Message], bool]:
    method, _, item = told.partition(":")

    def fits(message: Message) -> bool:
        if message.get("method") != method:
            return False
        return not item or message["params"]["item"]["type"] == item

    return fits


def _at(value: Json, place: str) -> Json:
    for part in place.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and int(part) < len(value):
            value = value[int(part)]
        else:
            return _MISSING
    return value
