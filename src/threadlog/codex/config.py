"""What Codex's config.toml in the same home says that concerns us; read only."""

from __future__ import annotations

import os
import tomllib

CONFIG_FILE = "config.toml"


def read_model_provider(home: str) -> str | None:
    """The model provider that Codex uses in this home; None if its config names none."""
    path = os.path.join(home, CONFIG_FILE)
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            provider = tomllib.load(file).get("model_provider")
    except (OSError, ValueError):
        return None
    return provider if isinstance(provider, str) and provider else None
