"""What Codex's config.toml in the same home says that concerns us; read only."""

from __future__ import annotations

import os

CONFIG_FILE = "config.toml"


def read_model_provider(home: str) -> str | None:
    """The model provider that Codex uses in this home; None if its config names none."""
    return _text(home, "model_provider")


def read_sqlite_home(home: str) -> str | None:
    """The folder of Codex's databases, where the config of this home says one; absolute."""
    folder = _text(home, "sqlite_home")
    try:
        return os.path.join(home, os.path.expanduser(folder)) if folder else None
    except ValueError:  # no user has a name with a NUL in it
        return None


def _text(home: str, key: str) -> str | None:
    """A text at the top of the config; None if there is none, or it is empty."""
    path = os.path.join(home, CONFIG_FILE)
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            data = file.read()
        if key.encode() not in data:  # a listing need not load what reads TOML
            return None
        import tomllib

        value = tomllib.loads(data.decode()).get(key)
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, str) and value else None
