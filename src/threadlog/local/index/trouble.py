"""Why there is no index to ask."""

from __future__ import annotations


class Unusable(Exception):
    """Inside `local` only: the files have to answer; the message says why."""


class CallersOwn(Exception):
    """Inside `local` only: what a function of the caller's raised; it says nothing of the index."""
