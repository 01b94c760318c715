"""Who is there, and with which models: what a local server without accounts says."""

from __future__ import annotations

import platform
import sys
from typing import Any

from threadlog import __version__
from threadlog.app.client import Reply, Request
from threadlog.app.refusals import invalid

# Clients look whether the version is one that knows what they ask for: this is whose wire it is.
SPEAKS = "0.169.0"
_OS = {"darwin": "macos", "win32": "windows"}


async def initialize(request: Request) -> Any:
    """The handshake."""
    params = request.params
    info, wanted = params.client_info, params.capabilities
    out = frozenset(wanted.opt_out_notification_methods or ()) if wanted else frozenset()
    experimental = bool(wanted and wanted.experimental_api)
    system = f"{platform.system()} {platform.release()}; {platform.machine()}"
    agent = f"{info.name}/{SPEAKS} ({system}) threadlog/{__version__} ({info.name}; {info.version})"
    result = {
        "userAgent": agent,
        "codexHome": request.server.home.path,
        "platformFamily": "windows" if sys.platform == "win32" else "unix",
        "platformOs": _OS.get(sys.platform, sys.platform),
    }
    request.client.introduce(info.name, experimental=experimental, opted_out=out)
    return result


async def models(request: Request) -> Any:
    """The one model that the server was started with: what it is, its agent knows."""
    name = request.server.model
    return {
        "data": [
            {
                "id": name,
                "model": name,
                "upgrade": None,
                "upgradeInfo": None,
                "availabilityNux": None,
                "displayName": name,
                "description": "What the agent of this server uses.",
                "modelSpecialty": None,
                "hidden": False,
                "supportedReasoningEfforts": [],
                "defaultReasoningEffort": "medium",
                "inputModalities": ["text", "image"],
                "supportsPersonality": False,
                "multiAgentVersion": None,
                "additionalSpeedTiers": [],
                "serviceTiers": [],
                "defaultServiceTier": None,
                "availableAccessPrograms": None,
                "isDefault": True,
            }
        ],
        "nextCursor": None,
    }


async def no_modes(_request: Request) -> Any:
    """There is one way to work together: turn by turn."""
    return {"data": []}


async def read(_request: Request) -> Any:
    """Nobody is logged in, and nobody has to be."""
    return {
        "account": None,
        "userId": None,
        "requiresOpenaiAuth": False,
        "workspaceRouting": None,
    }


async def login(_request: Request) -> Any:
    """Keys are the agent's business."""
    raise invalid("this server has no accounts: its agent takes keys from its environment")


async def cancel_login(_request: Request) -> Any:
    """No login is ever under way."""
    return {"status": "notFound"}


async def logout(request: Request) -> Any:
    """Nobody was logged in."""
    told = {"authMode": None, "planType": None}
    return Reply({}, lambda: request.server.broadcast("account/updated", told))
