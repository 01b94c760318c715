"""What threads are begun with: what agents need of it, and what is only told back to clients."""

from __future__ import annotations

import os
from typing import Any

import msgspec

from threadlog.agents.context import Settings
from threadlog.app.loaded import Loaded
from threadlog.app.wire_items import Wire

_SANDBOXES: dict[str, Wire] = {
    "read-only": {"type": "readOnly", "networkAccess": False},
    "workspace-write": {
        "type": "workspaceWrite",
        "writableRoots": [],
        "networkAccess": False,
        "excludeTmpdirEnvVar": False,
        "excludeSlashTmp": False,
    },
    "danger-full-access": {"type": "dangerFullAccess"},
    "external": {"type": "externalSandbox", "networkAccess": "restricted"},
}
# Which of these a policy that clients spell out is like.
_SANDBOX_OF = {
    "readOnly": "read-only",
    "externalSandbox": "external",
    "workspaceWrite": "workspace-write",
    "dangerFullAccess": "danger-full-access",
}
# What clients may set and agents have no use for: approvals and sandboxes are the agent's business.
_TOLD_BACK = ("approval_policy", "approvals_reviewer", "sandbox", "sandbox_policy", "service_tier")


def settings_of(params: Any, before: Settings | None = None) -> Settings:
    """What the agent of a thread is told; what is not given stays."""
    settings = before or Settings()
    given = {
        "model": getattr(params, "model", None),
        "effort": getattr(params, "effort", None),
        "instructions": getattr(params, "base_instructions", None),
        "developer_instructions": getattr(params, "developer_instructions", None),
    }
    return settings._replace(**{key: value for key, value in given.items() if value is not None})


def asked_of(params: Any, before: dict[str, Any] | None = None) -> dict[str, Any]:
    """What is only told back."""
    asked = dict(before or {})
    for key in _TOLD_BACK:
        value = getattr(params, key, None)
        if value is not None and value is not msgspec.UNSET:
            asked[key] = msgspec.to_builtins(value)
    policy = asked.get("sandbox_policy")
    if policy is not None:  # fields of older clients are not told back
        known = _SANDBOXES[_SANDBOX_OF[policy["type"]]]
        asked["sandbox_policy"] = {key: policy.get(key, value) for key, value in known.items()}
        asked["sandbox_policy"]["type"] = policy["type"]
    return asked


def fields(loaded: Loaded) -> Wire:
    """What the answer to a start, resume or fork says besides the thread."""
    asked, live = loaded.asked, loaded.live
    cwd = loaded.conversation.cwd
    sandbox = asked.get("sandbox_policy") or _SANDBOXES.get(asked.get("sandbox", ""))
    return {
        "model": live.model,
        "modelProvider": live.provider,
        "serviceTier": asked.get("service_tier"),
        "disabledPluginIds": [],
        "cwd": cwd,
        "runtimeWorkspaceRoots": [cwd],
        "instructionSources": [],
        "approvalPolicy": asked.get("approval_policy", "never"),
        "approvalsReviewer": asked.get("approvals_reviewer", "user"),
        "sandbox": sandbox or _SANDBOXES["danger-full-access"],
        "activePermissionProfile": None,
        "reasoningEffort": live.effort,
        "multiAgentMode": "explicitRequestOnly",
    }


def mode(loaded: Loaded) -> Wire:
    """How client and agent work together: there is one way."""
    live, settings = loaded.live, loaded.conversation.settings
    return {
        "mode": "default",
        "settings": {
            "model": live.model,
            "reasoning_effort": live.effort,
            "developer_instructions": settings.developer_instructions,
        },
    }


def folder(cwd: str | None) -> str:
    """A working directory, made absolute by that of the server."""
    return os.path.abspath(os.path.expanduser(cwd or "."))
