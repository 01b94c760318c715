"""Why there is no index to ask."""

from __future__ import annotations


class Unusable(Exception):
    """Inside `local` only: the files have to answer; the message says why."""
