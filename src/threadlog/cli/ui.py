"""`threadlog ui`: threads in a full-screen terminal program."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from threadlog.cli.terminal import is_terminal
from threadlog.home import Home


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Show it until the user has had enough."""
    if find_spec("textual") is None:
        return _complain("needs textual: pip install 'threadlog[ui]'")
    if not all(map(is_terminal, (sys.stdin, sys.stdout, sys.stderr))):
        return _complain("needs a terminal; `threadlog list` is for programs")
    from threadlog.ui.pages import Choice
    from threadlog.ui.start import Start

    start = Start(home, Choice())  # which reads while the rest is loaded
    from threadlog.ui.app import Browser
    from threadlog.ui.resuming import Agent

    agent = Agent(arguments.agent, arguments.model) if arguments.agent else None
    browser = Browser(home, start, agent)
    browser.run()
    if browser.ended_by is not None:
        return _complain(f"ended: {browser.ended_by}")
    return browser.return_code or 0


def _complain(what: str) -> int:
    print(f"threadlog: the ui {what}", file=sys.stderr)
    return 1
