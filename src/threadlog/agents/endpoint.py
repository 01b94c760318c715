"""The model's endpoint: the `openai` package, loaded when it is needed, for one turn."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
from collections.abc import AsyncGenerator, AsyncIterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from threadlog.agents.events import Retry
from threadlog.agents.failures import UNREACHABLE, broken, one_line, refused
from threadlog.agents.response_events import failure
from threadlog.errors import AgentFailed

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream

KEY, URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"
RETRIES = 4
_LONGEST_WAIT_S = 60
_UNREACHED = "could not be reached"
_SECRET_LENGTH = 8  # what is shorter stands for a key where none is needed, and is no secret


class Endpoint:
    """Asks for responses, and tells what it hears as it hears it."""

    def __init__(self, openai: ModuleType, client: AsyncOpenAI, retries: _Retries) -> None:
        self._openai = openai
        self._client = client
        self._retries = retries
        self._without: set[str] = set()

    async def events(self, request: dict[str, Any]) -> AsyncGenerator[Any, None]:
        """The events of the response, as JSON, and a `Retry` before each time it is asked again.

        An error is `AgentFailed`; a stream that breaks is `Broken`.
        """
        opening = asyncio.ensure_future(self._opened(request))
        opening.add_done_callback(lambda _: self._retries.told.put_nowait(None))
        try:
            while (retry := await self._retries.told.get()) is not None:
                yield retry
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        stream = opening.result()
        try:
            async for event in self._read(stream):
                yield event
        finally:
            await stream.close()

    async def _opened(self, request: dict[str, Any]) -> AsyncStream[object]:
        openai = self._openai
        while True:
            try:
                return await self._client.post(
                    "/responses",
                    body=_less(request, self._without),
                    cast_to=object,
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                )
            except openai.BadRequestError as error:
                unwanted = _unwanted(error)
                if unwanted is None or unwanted in self._without:
                    raise _refused(error) from None
                self._without.add(unwanted)
            except openai.APIStatusError as error:
                raise _refused(error) from None
            except openai.APIConnectionError as error:
                raise self._unreachable(error.__cause__ or error) from None
            except Exception as error:
                raise self._unreachable(error) from None

    def _unreachable(self, error: BaseException) -> AgentFailed:
        reason = one_line(f"{type(error).__name__}: {error}".removesuffix(": "))
        host = self._client.base_url.host
        message = f"The model's endpoint at {host!r} ({URL}) could not be reached: {reason}"
        return AgentFailed(message, UNREACHABLE)

    async def _read(self, stream: AsyncStream[object]) -> AsyncIterator[Any]:
        openai, events = self._openai, aiter(stream)
        while True:
            try:
                event = await anext(events)
            except StopAsyncIteration:
                return
            except openai.APIConnectionError as error:
                raise broken(type(error.__cause__ or error).__name__) from None
            except openai.APIError as error:
                told = error.body if isinstance(error.body, dict) else {"message": error.message}
                raise failure(told) from None
            except Exception as error:
                raise broken(type(error).__name__) from None
            yield event


class _Retries:
    """The requests that the package makes again by itself, told before it waits, or else then."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Retry | None] = asyncio.Queue()
        self._number = 0  # of the retry that was told last
        self._why = _UNREACHED

    async def before(self, request: Any) -> None:
        """A request is about to be sent."""
        number = int(request.headers.get("x-stainless-retry-count", "0"))
        if number and number != self._number:
            self._tell(number)
        self._number, self._why = number, _UNREACHED

    async def after(self, response: Any) -> None:
        """A response begins."""
        self._why = f"answered {response.status_code}"
        if self._number < RETRIES and _is_retried(response):
            self._tell(self._number + 1)

    def _tell(self, number: int) -> None:
        again = f"it is asked again ({number} of {RETRIES})"
        self.told.put_nowait(Retry(f"The model's endpoint {self._why}; {again}"))
        self._number = number


def _is_retried(response: Any) -> bool:
    """Whether the package is sure to ask again; where it is not, it is told when it does."""
    after = response.headers.get("retry-after", "0")
    return (
        (response.status_code in (408, 409, 429) or response.status_code >= 500)
        and response.headers.get("x-should-retry") != "false"
        and after.replace(".", "", 1).isdecimal()
        and float(after) <= _LONGEST_WAIT_S
    )


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[Endpoint]:
    """The endpoint that the environment names; no failure within tells its key."""
    key, retries = _key(), _Retries()
    # Off the loop: both take a while, and other threads' turns go on.
    openai = await asyncio.to_thread(_library)
    client = await asyncio.to_thread(_client, openai, key, retries)
    async with client:
        try:
            yield Endpoint(openai, client, retries)
        except AgentFailed as failed:
            raise AgentFailed(_redacted(str(failed), key), failed.kind) from None


def _library() -> ModuleType:
    try:
        return importlib.import_module("openai")
    except ImportError as error:
        raise AgentFailed(
            f"This agent needs the openai package: pip install 'threadlog[responses]' ({error})"
        ) from None


def _client(openai: ModuleType, key: str, retries: _Retries) -> AsyncOpenAI:
    hooks: Any = {"request": [retries.before], "response": [retries.after]}
    try:
        client: AsyncOpenAI = openai.AsyncOpenAI(
            api_key=key,
            base_url=os.environ.get(URL) or None,
            max_retries=RETRIES,
            http_client=openai.DefaultAsyncHttpxClient(event_hooks=hooks),
        )
    except Exception as error:
        raise AgentFailed(f"{URL} names no endpoint: {type(error).__name__}") from None
    return client


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise AgentFailed(
            f"Set {KEY} to the key of the model's endpoint, or to any word if it needs none,"
            f" and {URL} unless it is OpenAI's",
            "unauthorized",
        )
    if not (key.isascii() and key.isprintable()):
        raise AgentFailed(f"{KEY} holds characters that no key has", "unauthorized")
    return key


def _redacted(message: str, key: str) -> str:
    return message.replace(key, "[key]") if len(key) >= _SECRET_LENGTH else message


def _refused(error: Any) -> AgentFailed:
    body = error.body
    if not isinstance(body, dict):
        return refused(error.status_code, None, body)
    return refused(error.status_code, body.get("code") or body.get("type"), body.get("message"))


# Not every model takes these, and none needs them.
_SUMMARY, _INCLUDE = "reasoning.summary", "include"


def _unwanted(error: Any) -> str | None:
    if error.param == _INCLUDE or "ncrypted content is not supported" in error.message:
        return _INCLUDE
    return _SUMMARY if error.param == _SUMMARY else None


def _less(request: dict[str, Any], without: set[str]) -> dict[str, Any]:
    less = {name: value for name, value in request.items() if name not in without}
    if _SUMMARY in without and "reasoning" in less:
        less["reasoning"] = {k: v for k, v in less["reasoning"].items() if k != "summary"}
    return less
