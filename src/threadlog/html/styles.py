"""The stylesheet of threads, as it lies beside this module."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def stylesheet() -> str:
    """The CSS for what this room makes, light and dark."""
    return files("threadlog.html").joinpath("thread.css").read_text("utf-8")


@cache
def page_stylesheet() -> str:
    """The same, and what a page of its own needs around threads."""
    own = files("threadlog.html").joinpath("whole.css").read_text("utf-8")
    return f"{stylesheet()}\n{own}"
