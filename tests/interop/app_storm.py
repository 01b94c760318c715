"""A storm of requests on an app-server, and whether it stood: each answered once, and rightly."""

from __future__ import annotations

import itertools
import json
import threading
from collections import Counter
from typing import Any, NamedTuple

from interop.app_client import AppClient, Ended, Message
from interop.app_requests import Asked, Known, Requests
from interop.app_schema import AppSchema
from interop.transcript_steps import text_input

Json = Any

WINDOW, BATCH = 32, 100
_KEPT = 6
_TURN_WAIT_S = 20.0
_SHOWN = 20


class Outcome(NamedTuple):
    """What was wrong, and how many of each method were answered with a result, and an error."""

    wrong: list[str]
    results: Counter[str]
    errors: Counter[str]


class Storm:
    """Requests to a client that was introduced."""

    def __init__(self, client: AppClient, schema: AppSchema, requests: Requests) -> None:
        self._client, self._schema, self._requests = client, schema, requests
        self._asked: dict[tuple[type, Json], Asked] = {}
        self._looked = len(client.messages)
        self._own: set[tuple[type, Json]] = set()
        self._outcome = Outcome([], Counter(), Counter())

    def blow(self, number: int) -> Outcome:
        """Ask so much, and judge all that comes."""
        watch = threading.Timer(60.0 + number * 0.2, self._client.process.kill)
        watch.start()
        try:
            row = iter(self._requests)
            for start in range(0, number, BATCH):
                self._requests.known = self._threads(start)
                for asked in itertools.islice(row, min(BATCH, number - start)):
                    self._send(asked)
                self._catch_up(0)
        except (Ended, OSError) as error:
            self._outcome.wrong.append(f"{type(error).__name__}: {error}")
        finally:
            watch.cancel()
        self._judge()
        return self._outcome

    def _threads(self, number: int) -> Known:
        """Two more threads with a turn each; those of before are known too."""
        known = self._requests.known
        for mode in ("legacy", "paginated"):
            where = {"cwd": str(self._client.subject.work), "historyMode": mode}
            thread = self._setup("thread/start", where)["thread"]
            given = {"threadId": thread["id"], "input": text_input(f"question {number}")}
            turn = self._setup("turn/start", given)["turn"]["id"]
            self._await_end(turn)
            paths = (thread["path"], thread["cwd"])
            kept = dict(tuple(known.turns.items())[-_KEPT:])
            known = Known({**kept, thread["id"]: turn}, (*known.paths[-_KEPT:], *paths))
        return known

    def _setup(self, method: str, params: Json) -> Json:
        number = f"setup-{len(self._own)}"
        self._own.add((str, number))
        self._client.send({"id": number, "method": method, "params": params})
        answer = self._client.answer(number, self._looked)
        if "result" not in answer:
            raise Ended(f"{method} was refused: {answer}")
        return answer["result"]

    def _await_end(self, turn: str) -> None:
        def ended(message: Message) -> bool:
            if message.get("method") != "turn/completed":
                return False
            return bool(message["params"]["turn"]["id"] == turn)

        self._client.await_message(ended, f"turn {turn}", self._looked, _TURN_WAIT_S)

    def _send(self, asked: Asked) -> None:
        self._catch_up(WINDOW)
        self._asked[type(asked.id), asked.id] = asked
        self._client.send_bytes(json.dumps(asked.message).encode() + b"\n")

    def _catch_up(self, window: int) -> None:
        """Return when at most so many answers are outstanding."""
        self._judge()
        while len(self._asked) > window:
            before = len(self._client.messages)
            if self._looked == before:
                try:
                    self._client.await_message(lambda _message: True, "anything", before)
                except Ended as error:
                    waiting = [each.message for each in self._asked.values()]
                    raise Ended(f"{error}\nnot answered: {str(waiting)[:3000]}") from None
            self._judge()

    def _judge(self) -> None:
        messages = self._client.messages[self._looked :]
        self._looked += len(messages)
        for message in messages:
            self._outcome.wrong.extend(self._complaints(message)[:_SHOWN])
        self._outcome.wrong.extend(
            f"no JSON object: {line[:200]!r}" for line in self._client.garbage
        )
        self._client.garbage.clear()

    def _complaints(self, message: Message) -> list[str]:
        if "method" in message:
            if "id" not in message:
                return self._schema.notification(message)
            self._client.send({"id": message["id"], "error": {"code": -32601, "message": "no"}})
            return self._schema.server_request(message)
        key = (type(message.get("id")), message.get("id"))
        if key in self._own:
            self._own.discard(key)
            return []
        asked = self._asked.pop(key, None) if isinstance(key[1], (int, str)) else None
        if asked is None:
            return [f"an answer that was given before, or to nothing: {str(message)[:300]}"]
        (self._outcome.errors if "error" in message else self._outcome.results)[asked.method] += 1
        wrong = self._schema.answer(asked.method, message)
        return [f"{each}\n  asked: {str(asked.message)[:600]}" for each in wrong]
