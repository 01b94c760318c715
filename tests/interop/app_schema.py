"""The wire of the app-server as Codex prints it: JSON schemas, for every answer and notification.

They are made stricter by the types that it prints too (`app_types`): a field that Codex always
writes must stand, and none that it does not know.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

import jsonschema_rs

from interop.app_types import Types

Json = Any

_WAIT_S = 60.0
_ENVELOPE = {"method", "params", "emittedAtMs"}
# Responses whose type is not called as that of the parameters, or that have no parameters.
_RESPONSES = {
    "account/logout": "LogoutAccountResponse",
    "account/rateLimits/read": "GetAccountRateLimitsResponse",
    "account/securitySetup/read": "GetAccountSecuritySetupResponse",
    "account/usage/read": "GetAccountTokenUsageResponse",
    "account/workspaceMessages/read": "GetWorkspaceMessagesResponse",
    "account/gatewayOAuth/cancel": "GatewayOAuthCancelResponse",
    "account/gatewayOAuth/login": "GatewayOAuthLoginResponse",
    "account/gatewayOAuth/read": "GatewayOAuthReadResponse",
    "accountSession/list": "AccountSessionsResponse",
    "config/batchWrite": "ConfigWriteResponse",
    "config/mcpServer/reload": "McpServerRefreshResponse",
    "config/value/write": "ConfigWriteResponse",
    "configRequirements/read": "ConfigRequirementsReadResponse",
    "externalAgentConfig/import/readHistories": "ExternalAgentConfigImportHistoriesReadResponse",
    "memory/reset": "MemoryResetResponse",
    "remoteControl/disable": "RemoteControlDisableResponse",
    "remoteControl/enable": "RemoteControlEnableResponse",
    "remoteControl/status/read": "RemoteControlStatusReadResponse",
    "rollout/compress": "RolloutCompressResponse",
    "windowsSandbox/readiness": "WindowsSandboxReadinessResponse",
}
# Methods that the TypeScript lists and the JSON schema does not.
_UNDESCRIBED = {"getAuthStatus", "getConversationSummary", "gitDiffToRemote"}
# What the TypeScript promises and Codex leaves out.
_LEFT_OUT = {"ConfigReadResponse": "layers"}


class Request(NamedTuple):
    """A method that a client can call."""

    method: str
    params: Json  # the schema, with all definitions that it refers to
    response: str  # the name of the type


class AppSchema:
    """All that Codex prints about its wire, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._schemas = {path.stem: path for path in (folder / "json").rglob("*.json")}
        self._types = Types(folder / "ts")
        self._validators: dict[str, jsonschema_rs.Validator] = {}
        self._told = self._load("ServerNotification")
        self._notifications = _by_method(self._told)
        asked = self._load("ServerRequest")
        self._server_requests = {
            method: {**params, "definitions": asked["definitions"]}
            for method, params in _by_method(asked).items()
        }
        called = self._load("ClientRequest", strict=False)
        self.definitions: Json = called["definitions"]
        self.requests = {
            method: Request(method, params, self._response_name(method, params))
            for method, params in _by_method(called).items()
        }

    @classmethod
    def printed_by(cls, binary: Path, folder: Path) -> Self:
        """Have a binary print it into a new folder."""
        for kind, name in (("json-schema", "json"), ("ts", "ts")):
            command = [str(binary), "app-server", f"generate-{kind}", "--experimental"]
            subprocess.run(
                [*command, "--out", str(folder / name)],
                check=True,
                capture_output=True,
                timeout=_WAIT_S,
                env={"HOME": str(folder), "CODEX_HOME": str(folder), "PATH": "/usr/bin:/bin"},
            )
        return cls(folder)

    def response(self, method: str, result: Json) -> list[str]:
        """What is wrong with the result of a method."""
        request = self.requests.get(method)
        if method in _UNDESCRIBED:
            return []
        if request is None:
            return [f"{method} is unknown, and was answered"]
        name = request.response
        if name not in self._validators:
            self._validators[name] = _compiled(self._load(name))
        return _complaints(f"the answer to {method}", self._validators[name], result)

    def notification(self, message: Json) -> list[str]:
        """What is wrong with a notification, whole."""
        return self._message(message, self._notifications, self._told["definitions"], _ENVELOPE)

    def server_request(self, message: Json) -> list[str]:
        """What is wrong with a request by the server, whole."""
        if not _is_id(message.get("id")):
            return [f"no id of a request: {message.get('id')!r}"]
        return self._message(message, self._server_requests, None, _ENVELOPE | {"id"})

    def error(self, message: Json) -> list[str]:
        """What is wrong with an answer that says why there is no other, whole."""
        error = message.get("error")
        if message.keys() != {"id", "error"} or not _is_id(message["id"]):
            return [f"no answer with an error has these fields: {sorted(message)}"]
        if not isinstance(error, dict) or not error.keys() <= {"code", "message", "data"}:
            return [f"no error: {error!r}"]
        if type(error.get("code")) is not int or not isinstance(error.get("message"), str):
            return [f"an error without a code or a message: {error!r}"]
        return []

    def answer(self, method: str, message: Json) -> list[str]:
        """What is wrong with an answer to a call of a method, whole."""
        if "error" in message:
            return self.error(message)
        if message.keys() != {"id", "result"} or not _is_id(message["id"]):
            return [f"no answer has these fields: {sorted(message)}"]
        return self.response(method, message["result"])

    def _message(
        self, message: Json, known: Json, definitions: Json, fields: set[str]
    ) -> list[str]:
        method = message.get("method")
        if not message.keys() <= fields or method not in known:
            return [f"Codex sends no {method!r} with {sorted(message)}"]
        if method not in self._validators:
            params = known[method]
            schema = params if definitions is None else {**params, "definitions": definitions}
            self._validators[method] = _compiled(schema)
        return _complaints(method, self._validators[method], message.get("params"))

    def _load(self, name: str, *, strict: bool = True) -> Json:
        schema = json.loads(self._schemas[name].read_bytes())
        if strict:
            self._types.tighten(schema, name)
        if name in _LEFT_OUT:
            schema["required"].remove(_LEFT_OUT[name])
        return schema

    def _response_name(self, method: str, params: Json) -> str:
        known = _RESPONSES.get(method)
        name = known or _named(params).removesuffix("Params") + "Response"
        assert name in self._schemas, f"what is the response of {method}? there is no {name}"
        return name


def _by_method(schema: Json) -> dict[str, Json]:
    """The schema of the parameters of each method."""
    return {
        each["properties"]["method"]["enum"][0]: each["properties"].get("params", {})
        for each in schema["oneOf"]
    }


def _named(schema: Json) -> str:
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1]


def _is_id(value: Json) -> bool:
    return isinstance(value, str) or type(value) is int


def _compiled(schema: Json) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(schema)


def _complaints(what: str, validator: jsonschema_rs.Validator, value: Json) -> list[str]:
    if validator.is_valid(value):
        return []
    return [
        f"{what}: {_place(error.instance_path)}: {error.message[:300]}"
        for error in validator.iter_errors(value)
    ]


def _place(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path)) or "all of it"
