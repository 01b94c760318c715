"""The options of `threadlog app-server`, `threadlog chat`, `threadlog ui` and `threadlog serve`."""

from __future__ import annotations

import argparse

DEFAULT_AGENT = "threadlog.agents.responses:agent"

_SERVER = """\
Codex's app-server JSON-RPC, a message a line, over the threads of a home: Codex's clients, its
Python SDK among them, drive threads that threadlog keeps, and an agent of yours answers
(docs/app-server.md, docs/agents.md).
"""

_CHAT = """\
Talk to an agent in the terminal.  The thread is on disk from the first message on, and Codex can
resume it.  /help says what else can be done; Ctrl-C interrupts an answer, Ctrl-D ends.
"""


_UI = """\
Threads on a full screen: filter, search as you type, preview, read; resume, fork, archive, rename
and delete.  ? tells every key (docs/ui.md).  Needs `pip install 'threadlog[ui]'`.
"""


_SERVE = """\
Threads in a browser: list, search, read, follow; rename and archive.  Only this machine can reach
it, and only with the link that it prints (docs/web.md).  Ctrl+C ends it.  Needs
`pip install 'threadlog[web]'`.
"""


def add_app_server(parser: argparse.ArgumentParser) -> None:
    """Those of the server."""
    parser.description = _SERVER
    _add_agent(parser)
    parser.add_argument(
        "--listen",
        metavar="URL",
        default="stdio://",
        help="stdio:// (the default), or unix://PATH: a socket that only its owner may use",
    )
    parser.add_argument(
        "--unload-after",
        metavar="SECONDS",
        type=_seconds,
        help="a thread that no client follows is let go of after so long (1800)",
    )


def add_chat(parser: argparse.ArgumentParser) -> None:
    """Those of the conversation."""
    parser.description = _CHAT
    _add_agent(parser)
    parser.add_argument("--resume", metavar="ID", help="go on with a thread (`last`: the newest)")
    parser.add_argument("--cwd", metavar="DIR", help="its working directory (.)")


def add_ui(parser: argparse.ArgumentParser) -> None:
    """Those of the full screen."""
    parser.description = _UI
    parser.add_argument(
        "--agent",
        metavar="MODULE:NAME",
        help="who answers where a thread is gone on with in `threadlog chat`",
    )
    parser.add_argument("--model", metavar="NAME", help="the model that this agent is to ask")


def add_serve(parser: argparse.ArgumentParser) -> None:
    """Those of the web viewer."""
    parser.description = _SERVE
    parser.add_argument(
        "--port",
        type=_port,
        default=8484,
        metavar="N",
        help="the port (8484; 0: one that is free), of 127.0.0.1",
    )
    parser.add_argument("--open", action="store_true", help="open the link in the browser")


def _add_agent(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--agent",
        metavar="MODULE:NAME",
        default=DEFAULT_AGENT,
        help=f"who answers ({DEFAULT_AGENT}: any OpenAI-compatible endpoint)",
    )
    parser.add_argument("--model", metavar="NAME", help="the model that the agent is to ask")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return seconds
