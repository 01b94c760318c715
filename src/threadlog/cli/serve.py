"""`threadlog serve`: threads in a browser on this machine."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from threadlog.home import Home


def run(home: Home, arguments: argparse.Namespace) -> int:
    """Serve until somebody interrupts."""
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        return _complain("needs starlette and uvicorn: pip install 'threadlog[web]'")
    from threadlog.web.gate import Keys
    from threadlog.web.server import serve

    def begun(keys: Keys) -> None:
        print(keys.link, flush=True)
        print("Only this machine can reach it, with this link. Ctrl+C ends it.", file=sys.stderr)
        if arguments.open:
            import webbrowser

            webbrowser.open(keys.link_once)

    try:
        serve(home, arguments.port, begun)
    except OSError as error:
        why = error.strerror or type(error).__name__
        return _complain(
            f"cannot listen on port {arguments.port}: {why}; --port 0 takes a free one"
        )
    return 0


def _complain(what: str) -> int:
    print(f"threadlog: the web viewer {what}", file=sys.stderr)
    return 1
