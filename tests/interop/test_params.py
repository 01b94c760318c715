"""Params, right and wrong: refused in the very words of the app-server, or by neither."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from interop.codex_process import AppServer, CodexHome
from made_params import Maker, each_beginning, each_field
from threadlog.app.params import PARAMS
from threadlog.app.protocol import METHODS
from threadlog.app.serde import InvalidRequest, decode, needing_opt_in, unknown_method

Json = Any

INVALID, EXPERIMENTAL = "Invalid request: ", " requires experimentalApi capability"
MADE, FIELDS = 10, 400  # so many of each method; so many in which one field is wrong

# What is told otherwise, and why it stays so.
_TEXT = "how a number is written is not known any more once it is parsed, and Python writes it so"
_HUGE = "Codex takes what exceeds 128 bits for an object; nobody sends that"
_MARKS = "Python does not say which characters Rust takes for parts of others"
DIFFERENT: tuple[tuple[str, Json, str | None, str], ...] = (
    ("thread/list", {"limit": 2.5e-9}, "invalid type: map, expected u32", _TEXT),
    ("thread/read", 2.5e-9, "missing field `threadId`", _TEXT),
    ("thread/list", 2.5e-9, None, _TEXT),
    ("thread/read", 2**130, "missing field `threadId`", _HUGE),
    (
        "thread/list",
        {"archived": "\u09be"},
        'invalid type: string "\\u{9be}", expected a boolean',
        _MARKS,
    ),
)


class Asked(AppServer):
    """An app-server that is asked with any params, by a client that opted in or did not."""

    def __init__(self, binary: Path, home: CodexHome, *, opted_in: bool) -> None:
        self.opted_in = opted_in
        super().__init__(binary, home)

    def _introduce(self) -> None:
        info = {"name": "threadlog_tests", "title": "threadlog tests", "version": "1"}
        self.call("initialize", clientInfo=info, capabilities={"experimentalApi": self.opted_in})
        self._send({"method": "initialized"})

    def refused(self, method: str, params: Json) -> str | None:
        """The sentence with which params are refused; None if they are not."""
        self._asked += 1
        number = self._asked
        self._send({"id": number, "method": method, "params": params})
        with self._arrived:
            self._await(lambda: number in self._answers, f"{method} {params}")
            reply = self._answers.pop(number)
        sentence: str = reply.get("error", {}).get("message", "")
        told = sentence.startswith(INVALID) or sentence.endswith(EXPERIMENTAL)
        return sentence if told else None


@pytest.fixture(params=[True, False], ids=["opted in", "not opted in"])
def asked(request: pytest.FixtureRequest, newest: Path, codex_home: CodexHome) -> Iterator[Asked]:
    with Asked(newest, codex_home, opted_in=request.param) as server:
        yield server


def refused_by_us(method: str, params: Json, *, opted_in: bool) -> str | None:
    if method not in METHODS:
        return INVALID + unknown_method(method)
    try:
        decoded = decode(method, params)
    except InvalidRequest as refusal:
        return f"{INVALID}{refusal}"
    name = None if opted_in else needing_opt_in(method, decoded)
    return None if name is None else name + EXPERIMENTAL


def test_params_are_refused_alike(asked: Asked) -> None:
    rng = random.Random(169 + asked.opted_in)
    cases: list[tuple[str, Json]] = [("bogus", {}), *((method, None) for method in PARAMS)]
    cases += [
        (method, Maker(rng, rng.choice((0.02, 0.1, 0.3))).params(method))
        for method in PARAMS
        for _ in range(MADE)
    ]
    cases += rng.sample(list(each_field()), FIELDS)
    assert len(cases) > 600
    assert different(asked, cases) == []


def test_params_that_are_arrays_are_refused_alike(asked: Asked) -> None:
    assert different(asked, list(each_beginning())) == []


def test_what_is_refused_otherwise_is_known(asked: Asked) -> None:
    for method, params, sentence, why in DIFFERENT:
        theirs = sentence and INVALID + sentence
        assert asked.refused(method, params) == theirs, why
        assert refused_by_us(method, params, opted_in=asked.opted_in) != theirs, why


def different(asked: Asked, cases: list[tuple[str, Json]]) -> list[Json]:
    """The cases in which the app-server and we do not say the same."""
    found = []
    for method, params in cases:
        ours = refused_by_us(method, params, opted_in=asked.opted_in)
        if ours is None and method == "account/login/start":
            continue  # it would reach for the network
        if (theirs := asked.refused(method, params)) != ours:
            found.append((method, params, theirs, ours))
    return found
